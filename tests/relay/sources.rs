//! Pulls from servers by hand: late ones, such that refuse, and such that lie at every message. Streams of this server do
//! not feel it, and players get what a better source has.

use std::thread;
use std::time::{Duration, Instant};

use millstream::media::amf::{Object, Value, amf0};
use millstream::media::{Kind, flv};
use millstream::rtmp::message::MessageType;

use super::other::{Guest, Other};
use crate::common::media::{self, Packet, noise};
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Server, is_done_within, until};

/// What somebody may feel of a source that does not work.
const FELT: Duration = Duration::from_millis(20);

fn pulling(others: &[&Other], directives: &str) -> Server {
    let lines: Vec<_> = others.iter().map(|other| format!("pull rtmp://{}/app;", other.address())).collect();
    Server::live(&format!("pull_reconnect 100ms; {directives} {}", lines.concat()))
}

/// A player that has asked, and may wait.
fn play(server: &Server, name: &str) -> Raw {
    let mut player = Raw::connected(server.rtmp(), "live");
    player.play(name);
    player
}

fn packet(player: &mut Raw) -> Packet {
    loop {
        let message = player.message().expect("the player stays");
        if matches!(message.type_id, 8 | 9) {
            let payload = message.payload().to_vec();
            return Packet { kind: message.type_id, timestamp: message.timestamp, payload };
        }
    }
}

fn send_all(guest: &mut Guest, packets: &[Packet]) {
    packets.iter().for_each(|packet| guest.raw.send_packet(packet));
}

#[test]
fn a_pull_begins_with_the_first_player_and_ends_some_time_after_the_last() {
    let other = Other::new();
    let server = pulling(&[&other], "pull_linger 2s;");
    assert!(other.accept_within(Duration::from_millis(300)).is_none(), "nobody plays");
    let mut first = play(&server, "cam?token=1");
    let (mut guest, name) = other.played();
    assert_eq!(name, "cam", "the arguments of a player are his own");
    assert_eq!(guest.connect.get("type"), None);
    let packets = media::both(5000, 1000);
    send_all(&mut guest, &packets);
    assert!(packet(&mut first).is_header());
    let mut second = play(&server, "cam");
    assert!(packet(&mut second).is_header());
    assert!(other.accept_within(Duration::from_millis(300)).is_none(), "one connection for all");
    drop((first, second));
    let begun = Instant::now();
    let last = guest.last_commands();
    assert!(last.ends_with(&["deleteStream".to_owned()]), "{last:?}");
    assert!(begun.elapsed() > Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[test]
fn players_wait_while_a_source_is_late_and_get_all_that_it_sends() {
    let other = Other::new();
    let server = pulling(&[&other], "idle_streams off;");
    let mut player = play(&server, "cam");
    thread::sleep(Duration::from_secs(1));
    let (mut guest, _) = other.played();
    thread::sleep(Duration::from_secs(1));
    let packets = media::video_only(0, 1000);
    send_all(&mut guest, &packets);
    let received: Vec<_> = packets.iter().map(|_| packet(&mut player).payload).collect();
    assert!(received.iter().eq(packets.iter().map(|packet| &packet.payload)));
}

#[test]
fn a_source_without_the_stream_is_told_to_the_player_and_in_the_log() {
    let other = Other::new();
    let server = pulling(&[&other], "idle_streams off;");
    let mut player = play(&server, "cam");
    let mut guest = other.connected();
    guest.await_play();
    guest.status(1, "error", "NetStream.Play.StreamNotFound", "No such stream");
    server.wait_log("live/cam <- 127.0.0.1");
    server.wait_log("NetStream.Play.StreamNotFound");
    // He gets it as soon as it is there.
    let (mut guest, _) = other.played();
    send_all(&mut guest, &media::video_only(0, 200));
    assert!(packet(&mut player).is_header());
}

#[test]
fn a_publisher_here_takes_the_stream_over_and_the_pull_returns_after_him() {
    let other = Other::new();
    let server = pulling(&[&other], "publish_grace 0s;");
    let mut player = play(&server, "cam");
    let (mut guest, _) = other.played();
    send_all(&mut guest, &media::video_only(0, 400));
    assert!(packet(&mut player).is_header());
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let last = guest.last_commands();
    assert!(last.ends_with(&["deleteStream".to_owned()]), "{last:?}");
    publisher.send(&media::audio_header(0));
    publisher.send(&media::audio_frame(0, 50));
    until("his sound", crate::common::SOON, || (packet(&mut player).kind == 8).then_some(()));
    publisher.finish();
    drop(publisher);
    let (mut guest, _) = other.played();
    send_all(&mut guest, &media::video_only(0, 400));
    until("the source's picture", crate::common::SOON, || (packet(&mut player).kind == 9).then_some(()));
}

type Lie = fn(&Other);

/// What a source may lie about, from the first byte to the last.
const LIES: [(&str, Lie); 16] = [
    ("a handshake of noise", |other| other.accept().send_bytes(&noise(1, 5000))),
    ("a handshake of zeros and then noise", |other| {
        let mut raw = other.accept();
        raw.send_bytes(&[&[3], &[0; 3072][..], &noise(5, 70_000)].concat());
    }),
    ("a message before the connect's answer", |other| {
        let mut guest = other.connecting();
        guest.raw.send(MessageType::Video, 1, 0, &noise(1, 40_000));
        guest.raw.send(MessageType::CommandAmf0, 1, 0, &noise(1, 40));
        guest.raw.expect_end();
    }),
    ("an answer of 60 KB", |other| {
        let mut guest = other.connecting();
        guest.raw.send(MessageType::CommandAmf0, 0, 0, &noise(1, 60_000));
        guest.raw.expect_end();
    }),
    ("a chunk size of zero", |other| {
        let mut guest = other.connected();
        guest.raw.send(MessageType::SetChunkSize, 0, 0, &[0; 4]);
        guest.raw.expect_end();
    }),
    ("the message stream 0", |other| refuse_stream(other, 0.0.into())),
    ("a message stream that is no number", |other| refuse_stream(other, "one".into())),
    ("a message stream that is not finite", |other| refuse_stream(other, f64::INFINITY.into())),
    ("a message of 16 MB", |other| {
        let (mut guest, _) = other.played();
        guest.raw.send_bytes(&[&[3, 0, 0, 0, 0xff, 0xff, 0xff, 9, 1, 0, 0, 0][..], &[0; 128]].concat());
        guest.raw.expect_end();
    }),
    ("chunk streams without end", |other| {
        let (mut guest, _) = other.played();
        for csid in 0..200 {
            guest.raw.send_bytes(&[&[0, csid, 0, 0, 0, 0, 0xb0, 0, 9, 1, 0, 0, 0][..], &[0; 128]].concat());
        }
        guest.raw.expect_end();
    }),
    ("values in values", |other| {
        let (mut guest, _) = other.played();
        let deep =
            [&b"\x02\x00\x08onStatus\x00\0\0\0\0\0\0\0\0"[..], &b"\x03\x00\x01a".repeat(5000)].concat();
        guest.raw.send(MessageType::CommandAmf0, 1, 0, &deep);
        guest.raw.expect_end();
    }),
    ("aggregates of nothing", |other| {
        let (mut guest, _) = other.played();
        let mut part = Vec::new();
        flv::write_tag(&mut part, Kind::Audio, 0, &[]);
        guest.raw.send(MessageType::Aggregate, 1, 0, &part.repeat(5000));
        send_noise(&mut guest);
    }),
    ("media of noise on all message streams", |other| send_noise(&mut other.played().0)),
    ("times that jump", |other| {
        let (mut guest, _) = other.played();
        guest.raw.send_packet(&media::video_header(0));
        for time in [0, u32::MAX, 5, 0x8000_0000, 0x7fff_ffff, 40, 0xffff_0000, 1] {
            guest.raw.send_packet(&media::video_frame(time, true, 5000));
        }
    }),
    ("an end that is none", |other| {
        let (mut guest, _) = other.played();
        for code in ["NetStream.Play.Stop", "NetStream.Play.Start", "NetStream.Play.UnpublishNotify"] {
            guest.status(1, "status", code, "");
        }
        guest.raw.expect_end();
    }),
    ("requests to go elsewhere", |other| {
        let (mut guest, _) = other.played();
        for url in ["", "rtmp://127.0.0.1:1/app", "rtmp://", "http://127.0.0.1/", "\u{0}", &"x".repeat(9000)]
        {
            let code = "NetConnection.Connect.ReconnectRequest";
            let info = Object::default().with("level", "status").with("code", code).with("tcUrl", url);
            guest.raw.command("onStatus", 0.0, 0, &[Value::Null, Value::Object(info)]);
        }
        thread::sleep(Duration::from_millis(500));
    }),
];

/// Messages of any type and content.
fn send_noise(guest: &mut Guest) {
    for seed in 0..500_u32 {
        let kinds = [
            MessageType::Audio,
            MessageType::Video,
            MessageType::DataAmf0,
            MessageType::DataAmf3,
            MessageType::CommandAmf3,
            MessageType::SharedObjectAmf0,
            MessageType::UserControl,
        ];
        let payload = noise(seed, seed % 300);
        guest.raw.send(kinds[seed as usize % kinds.len()], seed % 3, seed * 7, &payload);
    }
}

fn refuse_stream(other: &Other, id: Value) {
    let mut guest = other.connected();
    loop {
        let (name, transaction, _) = guest.command();
        if name == "createStream" {
            guest.result(transaction, id);
            return guest.raw.expect_end();
        }
    }
}

#[test]
fn sources_that_lie_at_any_message_cost_themselves_and_a_player_gets_the_better_source_s_stream() {
    let liars = LIES.map(|_| Other::new());
    // Each application has a liar, and then one that tells the truth.
    let (mut applications, good) = (String::new(), LIES.map(|_| Other::new()));
    for (number, (liar, good)) in liars.iter().zip(&good).enumerate() {
        applications.push_str(&format!(
            "application pull{number} {{ live on; pull_reconnect 100ms; pull rtmp://{}/app; pull rtmp://{}/app; }}\n",
            liar.address(),
            good.address(),
        ));
    }
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; }} {applications} }} }}"
    ));
    let mut canary = (Client::publish(server.rtmp(), "canary"), Client::play(server.rtmp(), "canary"));
    let begin = [media::video_header(0), media::video_frame(0, true, 700)];
    canary.0.send_all(&begin);
    assert_eq!(canary.1.receive(2), begin);
    let before = server.resident();
    thread::scope(|scope| {
        let mut cases = Vec::new();
        for (number, ((name, lie), (liar, good))) in LIES.into_iter().zip(liars.iter().zip(&good)).enumerate()
        {
            let server = &server;
            let case = move || {
                let mut player = Raw::connected(server.rtmp(), &format!("pull{number}"));
                player.play("cam");
                lie(liar);
                let (mut guest, _) = good.played();
                let marked = media::video_frame(0, true, 3333);
                guest.raw.send_packet(&media::video_header(0));
                guest.raw.send_packet(&marked);
                let is_it = |packet: &Packet| packet.payload == marked.payload;
                until(name, crate::common::SOON, || is_it(&packet(&mut player)).then_some(()));
                guest
            };
            cases.push(thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, case).unwrap());
        }
        let mut time = 20;
        is_done_within(FELT, || {
            let (begun, mut times) = (Instant::now(), Vec::new());
            while begun.elapsed() < Duration::from_secs(2) {
                let (sent, frame) = (Instant::now(), media::video_frame(time, time % 400 == 0, 700));
                canary.0.send(&frame);
                assert_eq!(canary.1.packet(), Some(frame));
                times.push(sent.elapsed());
                time += 20;
                thread::sleep(Duration::from_millis(5));
            }
            times.sort();
            times[times.len() * 9 / 10]
        });
        cases.into_iter().for_each(|case| drop(case.join().unwrap()));
    });
    let more = server.resident().saturating_sub(before);
    assert!(more < 40_000, "{more} KB more");
}

#[test]
fn data_of_a_source_comes_as_it_was_sent() {
    let other = Other::new();
    let server = pulling(&[&other], "meta copy;");
    let mut player = play(&server, "cam");
    let (mut guest, _) = other.played();
    let access = amf0::encode_all(&["|RtmpSampleAccess".into(), true.into(), true.into()]);
    guest.raw.send(MessageType::DataAmf0, 1, 0, &access);
    let metadata = Object::default().with("width", 160.0).with("marked", "yes");
    let metadata = amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(metadata)]);
    guest.raw.send(MessageType::DataAmf0, 1, 0, &metadata);
    send_all(&mut guest, &media::video_only(0, 200));
    let data = until("the metadata", crate::common::SOON, || {
        let data = player.message_of(MessageType::DataAmf0).payload().to_vec();
        data.windows(6).any(|bytes| bytes == b"marked").then_some(data)
    });
    assert!(data.starts_with(&metadata[..13]), "{}", data.escape_ascii());
}
