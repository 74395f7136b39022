//! Targets that refuse, hang in each phase, read slowly, die and come back: the publisher, the players and the other
//! targets do not feel it.

use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use millstream::media::amf::Value;
use millstream::rtmp::message::MessageType;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::Linger;

use super::other::{Guest, Other};
use crate::common::media::{self, Packet, noise};
use crate::common::player::Client;
use crate::common::{Server, free_port, is_done_within, wait};

/// What somebody may feel of a target that does not work.
const FELT: Duration = Duration::from_millis(20);

type Wrong = fn(&Other);

/// The phases in which a target goes wrong, and how.
const WRONGS: [(&str, Wrong); 12] = [
    ("hangs up at once", |other| drop(other.accept())),
    ("hangs before the handshake", |other| hang(other.accept())),
    ("speaks HTTP", |other| {
        let mut raw = other.accept();
        raw.send_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        raw.expect_end();
    }),
    ("sends noise", |other| {
        let mut raw = other.accept();
        raw.serve_handshake();
        raw.send_bytes(&noise(3, 50_000));
        raw.expect_end();
    }),
    ("hangs after the handshake", |other| hang(other.connecting())),
    ("refuses the connect", |other| {
        let mut guest = other.connecting();
        guest.error(1.0, "NetConnection.Connect.Rejected", "not today");
        guest.raw.expect_end();
    }),
    ("hangs after the connect", |other| hang(other.connected())),
    ("refuses the message stream", |other| {
        let mut guest = other.connected();
        loop {
            let (name, transaction, _) = guest.command();
            if name == "createStream" {
                guest.error(transaction, "NetConnection.Call.Failed", "no more");
                return guest.raw.expect_end();
            }
        }
    }),
    ("refuses the publish", |other| {
        let mut guest = other.connected();
        guest.await_publish();
        guest.status(1, "error", "NetStream.Publish.BadName", "in use");
        guest.raw.expect_end();
    }),
    ("hangs after the publish", |other| {
        let mut guest = other.connected();
        guest.await_publish();
        hang(guest);
    }),
    ("refuses what runs", |other| {
        let (mut guest, _) = other.published();
        guest.packets(2);
        guest.status(1, "error", "NetStream.Publish.Denied", "enough");
        guest.raw.expect_end();
    }),
    ("reads nothing", |other| hang(other.published())),
];

/// Keeps a connection open for a while, and reads nothing.
fn hang<T>(connection: T) {
    thread::sleep(Duration::from_secs(3));
    drop(connection);
}

fn pushing(targets: &[&Other]) -> Server {
    let lines: Vec<_> = targets.iter().map(|other| format!("push rtmp://{}/app;", other.address())).collect();
    Server::live(&format!("push_reconnect 100ms; {}", lines.concat()))
}

/// How long a frame takes from the publisher to a player and a target.
fn felt(publisher: &mut Client, player: &mut Client, good: &mut Guest, frame: &Packet) -> Duration {
    let begun = Instant::now();
    publisher.send(frame);
    assert!(player.packet().unwrap() == *frame);
    let pushed = good.packet().unwrap();
    assert!((pushed.kind, &pushed.payload) == (frame.kind, &frame.payload));
    begun.elapsed()
}

/// Frames as fast as a player and a target get them for this time: the slowest ten of a hundred are left out, for this
/// machine is busy with others.
fn flow(
    publisher: &mut Client,
    player: &mut Client,
    good: &mut Guest,
    time: &mut u32,
    limit: Duration,
) -> Duration {
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < limit {
        let is_key = time.is_multiple_of(400);
        let frame = media::video_frame(*time, is_key, if is_key { 9000 } else { 700 });
        times.push(felt(publisher, player, good, &frame));
        *time += 20;
        thread::sleep(Duration::from_millis(5));
    }
    times.sort();
    times[times.len() * 9 / 10]
}

#[test]
fn targets_that_refuse_or_hang_in_any_phase_are_not_felt_by_the_publisher_players_and_other_targets() {
    let (good, bad) = (Other::new(), WRONGS.map(|_| Other::new()));
    let gone = format!("push rtmp://127.0.0.1:{}/app;", free_port());
    let lines: Vec<_> =
        bad.iter().chain([&good]).map(|other| format!("push rtmp://{}/app;", other.address())).collect();
    let server = Server::live(&format!("push_reconnect 100ms; {gone} {}", lines.concat()));
    thread::scope(|scope| {
        for (other, (name, wrong)) in bad.iter().zip(WRONGS) {
            thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, move || wrong(other)).unwrap();
        }
        let mut player = Client::play(server.rtmp(), "cam");
        let mut publisher = Client::publish(server.rtmp(), "cam");
        let (mut guest, _) = good.published();
        let (header, key) = (media::video_header(0), media::video_frame(0, true, 9000));
        publisher.send_all(&[header.clone(), key.clone()]);
        assert_eq!(player.receive(2), [header.clone(), key.clone()]);
        assert_eq!(
            guest.packets(2).iter().map(|packet| &packet.payload).collect::<Vec<_>>(),
            [&header.payload, &key.payload]
        );
        let mut time = 20;
        is_done_within(FELT, || {
            flow(&mut publisher, &mut player, &mut guest, &mut time, Duration::from_secs(2))
        });
        assert!(server.log().contains("NetStream.Publish.BadName"), "{}", server.log());
    });
}

#[test]
fn the_times_of_a_push_begin_at_zero_and_never_go_back() {
    let other = Other::new();
    let server = pushing(&[&other]);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let begin = 0xff_fff0;
    publisher.send_all(&media::both(begin, 3000));
    for _ in 0..2 {
        let (mut guest, _) = other.published();
        let packets = guest.packets(40);
        assert_eq!(packets[0].timestamp, 0, "{packets:?}");
        assert!(packets.is_sorted_by_key(|packet| packet.timestamp), "{packets:?}");
        // A copy with times of its own has the same bytes.
        let sent = media::both(begin, 3000);
        assert!(packets.iter().all(|packet| sent.iter().any(|sent| sent.payload == packet.payload)));
        guest.raw.stream().shutdown(Shutdown::Both).unwrap();
        drop(guest);
        server.wait_log("live/cam -> ");
    }
}

#[test]
fn a_target_that_reads_slowly_loses_frames_and_goes_on_at_a_key_frame() {
    let other = Other::new();
    let server = pushing(&[&other]);
    let mut player = Client::play(server.rtmp(), "cam");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let (mut guest, _) = other.published();
    publisher.send(&media::video_header(0));
    let before = server.resident();
    let frames = (0..600).map(|number| media::video_frame(number * 40, number % 25 == 0, 100_000));
    for frame in frames {
        publisher.send(&frame);
        let received = player.packet().filter(|packet| !packet.is_header()).or_else(|| player.packet());
        assert_eq!(received, Some(frame), "the player loses nothing");
    }
    let more = server.resident().saturating_sub(before);
    assert!(more < 60_000, "{more} KB more");
    // Now it reads on, if it may: what comes is in order, and each gap ends with a key frame.
    let (mut last, mut seen) = (None::<Packet>, 0);
    guest.raw.stream().set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    while seen < 60 {
        let Some(packet) = guest.packet() else { break };
        if let Some(last) = last.filter(|last| !last.is_header()) {
            assert!(packet.timestamp >= last.timestamp);
            let is_next = packet.timestamp == last.timestamp + 40;
            assert!(is_next || packet.is_key() || packet.is_header(), "{packet:?} behind {last:?}");
        }
        (last, seen) = (Some(packet), seen + 1);
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn a_target_that_dies_and_comes_back_goes_on_with_headers_and_a_key_frame() {
    let mut other = Other::new();
    let (server, address) = (pushing(&[&other]), other.address());
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut sent = 0;
    for _ in 0..3 {
        publisher.send_all(&media::both(sent, 1000));
        sent += 1000;
        let (mut guest, _) = other.published();
        let packets = guest.packets(4);
        assert!(packets[..2].iter().all(Packet::is_header), "{packets:?}");
        assert!(packets.iter().find(|packet| packet.kind == 9 && !packet.is_header()).unwrap().is_key());
        // It dies without a word, and nobody listens for a while.
        let reset = nix::libc::linger { l_onoff: 1, l_linger: 0 };
        setsockopt(guest.raw.stream(), Linger, &reset).unwrap();
        drop((guest, other));
        thread::sleep(Duration::from_millis(300));
        other = Other::at(address);
    }
}

#[test]
fn the_log_says_where_a_target_hangs_up() {
    let phases: [(&str, Wrong); 3] = [
        ("at the handshake", |other| drop(other.accept())),
        ("at connect", |other| drop(other.connecting())),
        ("at publish", |other| {
            let mut guest = other.connected();
            guest.await_publish();
        }),
    ];
    for (phase, hang_up) in phases {
        let other = Other::new();
        let server = pushing(&[&other]);
        let _publisher = Client::publish(server.rtmp(), "cam");
        hang_up(&other);
        server.wait_log(&format!("the connection was lost {phase} ("));
    }
}

#[test]
fn all_addresses_of_a_name_are_tried() {
    // localhost has ::1, too, where nobody listens.
    let other = Other::new();
    let url = format!("rtmp://localhost:{}/app", other.address().port());
    let server = Server::live(&format!("push {url};"));
    let _publisher = Client::publish(server.rtmp(), "cam");
    assert_eq!(other.published().1, "cam");
}

#[test]
fn a_target_that_refuses_is_tried_with_longer_and_longer_waits_and_the_log_stays_short() {
    let other = Other::new();
    let server = pushing(&[&other]);
    let _publisher = Client::publish(server.rtmp(), "cam");
    let (begun, mut tries) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(3) {
        let Some(mut raw) = other.accept_within(Duration::from_millis(100)) else { continue };
        raw.serve_handshake();
        raw.message_of(MessageType::CommandAmf0);
        let info = millstream::media::amf::Object::default().with("code", "NetConnection.Connect.Rejected");
        raw.command("_error", 1.0, 0, &[Value::Null, Value::Object(info)]);
        raw.expect_end();
        tries += 1;
    }
    // 0, 0.1, 0.3, 0.7, 1.5 and 3.1 s, less the jitter.
    assert!((3..=7).contains(&tries), "{tries}");
    let told = server.lines("NetConnection.Connect.Rejected").len();
    assert!((1..=2).contains(&told), "{told} lines: {}", server.log());
}

#[test]
fn a_publisher_that_leaves_while_targets_hang_leaves_nothing_behind() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtmp://{}/app", hanging.local_addr().unwrap());
    let server = Server::live(&format!("push {url};"));
    let before = server.descriptors();
    let publisher = Client::publish(server.rtmp(), "cam");
    let accepted = hanging.accept().unwrap();
    drop(publisher);
    wait("the push has gone", || server.descriptors() <= before);
    drop(accepted);
}
