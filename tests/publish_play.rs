//! Players get what is published: byte for byte, from any moment on, by an RTMP implementation
//! that nobody here wrote.

use std::time::Duration;

use crate::common::media::{self, Packet};
use crate::common::player::{Client, relay};
use crate::common::raw::Raw;
use crate::common::tls::both::{ServerOver, over_each_transport};
use crate::common::{Server, until};
use millstream::media::amf::Value;
use millstream::rtmp::control::UserControl;
use millstream::rtmp::message::MessageType;

#[test]
fn every_packet_reaches_every_player_byte_for_byte_with_its_time() {
    let server = Server::live("");
    let mut players: Vec<_> = (0..4).map(|_| Client::play(server.rtmp(), "cam")).collect();
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let packets = media::both(0, 3000);
    for received in relay(&mut publisher, &mut players, &packets) {
        // The audio header is sent with the first sound, which comes behind the first picture.
        for kind in [8, 9] {
            assert_eq!(media::track(&received, kind), media::track(&packets, kind));
        }
    }
}

#[test]
fn times_beyond_24_bits_and_over_the_end_of_32_arrive_as_sent() {
    let server = Server::live("");
    for (name, start) in [("extended", 0x00ff_ff00), ("large", 0x8000_0000), ("rollover", u32::MAX - 500)] {
        let mut players = [Client::play(server.rtmp(), name)];
        let mut publisher = Client::publish(server.rtmp(), name);
        let mut packets = media::video_only(0, 2000);
        packets.iter_mut().for_each(|packet| packet.timestamp = packet.timestamp.wrapping_add(start));
        assert_eq!(relay(&mut publisher, &mut players, &packets), [packets], "{name}");
    }
}

#[test]
fn a_late_joiner_begins_at_a_key_frame_with_the_headers() {
    let server = Server::live("gop_cache off;");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let packets = media::both(0, 3000);
    let key = |after| packets.iter().position(|packet| packet.is_key() && packet.timestamp >= after).unwrap();
    let (middle, next_key) = (key(1000) + 10, key(2000));
    publisher.send_all(&packets[..middle]);
    server.wait_log("publish live/cam");
    let mut late = Client::play(server.rtmp(), "cam");
    // Sound may begin before the picture does.
    publisher.send_all(&packets[middle..]);
    drop(publisher);
    server.wait_log("stops publishing");
    let received = until_quiet(&mut late);
    let header = media::video_header(packets[next_key].timestamp);
    assert_eq!(media::track(&received, 9), [&[header], &media::track(&packets[next_key..], 9)[..]].concat());
    let audio = media::track(&received, 8);
    assert_eq!(audio[0].payload, media::audio_header(0).payload, "sound begins with its header");
    assert_eq!(audio[0].timestamp, audio[1].timestamp);
    assert_eq!(audio.last(), media::track(&packets, 8).last());
}

#[test]
fn a_late_joiner_begins_with_the_key_frame_before_it_and_misses_nothing_after() {
    let server = Server::live("");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let packets = media::both(0, 3000);
    let key = packets.iter().position(|packet| packet.is_key() && packet.timestamp >= 1000).unwrap();
    publisher.send_all(&packets[..key + 30]);
    server.wait_log("publish live/cam");
    let mut early = Client::play(server.rtmp(), "cam");
    assert!(!early.receive(1).is_empty());
    let mut late = Client::play(server.rtmp(), "cam");
    let start = packets[key].timestamp;
    let headers = [media::video_header(start), media::audio_header(start)];
    let expected = [&headers[..], &packets[key..key + 30]].concat();
    assert_eq!(late.receive(expected.len()), expected, "without waiting for another frame");
    publisher.send_all(&packets[key + 30..]);
    assert_eq!(late.receive(packets.len() - key - 30), packets[key + 30..]);
}

fn until_quiet(player: &mut Client) -> Vec<Packet> {
    let mut received = Vec::new();
    while !player.is_quiet(Duration::from_millis(500)) {
        received.extend(player.packet());
    }
    received
}

#[test]
fn metadata_reaches_players_before_the_first_frame() {
    let server = Server::live("meta copy;");
    let mut player = Client::play(server.rtmp(), "cam");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_metadata(160);
    publisher.send_all(&media::both(0, 100));
    assert_eq!(player.metadata_width(), Some(160));
    let mut late = Client::play(server.rtmp(), "cam");
    publisher.send_all(&media::both(1000, 100));
    assert_eq!(late.metadata_width(), Some(160));
    assert!(late.packet().unwrap().is_header());
}

#[test]
fn a_player_that_comes_first_waits_and_gets_the_stream_of_a_second_publisher_too() {
    let server = Server::live("");
    let mut players = [Client::play(server.rtmp(), "cam")];
    server.wait_log("play live/cam, not live yet");
    assert!(players[0].is_quiet(Duration::from_millis(100)));
    let packets = media::video_only(0, 1000);
    let mut last = 0;
    for round in 0..2 {
        let mut publisher = Client::publish(server.rtmp(), "cam");
        let mut received = relay(&mut publisher, &mut players, &packets).remove(0);
        // The player's time goes on where it was.
        let shift = received[1].timestamp;
        assert!(if round == 0 { shift == 0 } else { shift > last }, "{shift} after {last}");
        last = received.last().unwrap().timestamp;
        received.iter_mut().for_each(|packet| packet.timestamp -= shift);
        assert_eq!(received, packets);
        publisher.finish();
        server.wait_lines("stops publishing live/cam", round + 1);
    }
}

#[test]
fn players_are_told_when_a_stream_begins_and_ends() {
    let server = Server::live("");
    let mut player = Raw::connected(server.rtmp(), "live");
    player.play("cam");
    assert_eq!(player.status().0, "NetStream.Play.Start");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut event = || UserControl::read(player.message_of(MessageType::UserControl).payload()).unwrap();
    assert_eq!(event(), UserControl::StreamBegin(1));
    publisher.finish();
    assert_eq!(event(), UserControl::StreamEof(1));
}

#[test]
fn publishing_again_on_one_connection_works() {
    let server = Server::live("");
    let mut raw = Raw::connected(server.rtmp(), "live");
    for name in ["one", "two", "one"] {
        raw.publish(name);
        assert_eq!(raw.status().0, "NetStream.Publish.Start");
        media::both(0, 200).iter().for_each(|packet| raw.send_packet(packet));
        raw.command("closeStream", 0.0, 1, &[Value::Null]);
        assert_eq!(raw.status().0, "NetStream.Unpublish.Success");
    }
}

#[test]
fn a_second_publisher_is_refused_and_the_first_goes_on() {
    let server = Server::live("");
    let mut players = [Client::play(server.rtmp(), "cam")];
    let mut first = Client::publish(server.rtmp(), "cam");
    let packets = media::video_only(0, 2000);
    let (before, after) = packets.split_at(20);
    assert_eq!(relay(&mut first, &mut players, before), [before]);
    let refusal = Client::try_publish(server.rtmp(), "live", "cam").err();
    assert_eq!(refusal.as_deref(), Some("NetStream.Publish.BadName"));
    assert_eq!(relay(&mut first, &mut players, after), [after]);
    server.wait_log("publish live/cam refused: already publishing");
    drop(first);
    server.wait_log("stops publishing");
    Client::publish(server.rtmp(), "cam");
}

#[test]
fn an_unknown_application_is_an_error_and_the_end() {
    let server = Server::live("");
    let why =
        "no application \"liv\" here; publish to rtmp://HOST/live/liv, or write \"stream_from_app live;\"";
    assert_eq!(Client::connect(server.rtmp(), "liv").err().as_deref(), Some(why));
    let mut raw = Raw::handshaken(server.rtmp());
    raw.connect("other");
    let (name, values) = raw.command_answer();
    let information = values[1].as_object().unwrap();
    assert_eq!((name.as_str(), information.str("level")), ("_error", Some("error")));
    assert_eq!(information.str("code"), Some("NetConnection.Connect.Rejected"));
    raw.expect_end();
    server.wait_lines("connect refused: no application", 2);
    // A name in the wrong place may be a key.
    server
        .expect_lines("no application \"othe...\" (5 characters) here; publish to rtmp://HOST/live/NAME", 1);
}

#[test]
fn names_that_are_no_file_names_are_refused() {
    let server = Server::live("");
    let long = "n".repeat(129);
    for name in ["", ".hidden", "-rf", "a:b", "../x", "a ", "a\\b", "a\n", "a\u{202e}b", &long] {
        let refusal = Client::try_publish(server.rtmp(), "live", name).err();
        assert_eq!(refusal.as_deref(), Some("NetStream.Publish.BadName"), "{name:?}");
        let refusal = Client::try_play(server.rtmp(), "live", name).err();
        assert_eq!(refusal.as_deref(), Some("NetStream.Play.Failed"), "{name:?}");
    }
    server.wait_lines(" refused: a stream n", 20);
    server.expect_lines("closed: ", 20);
    Client::publish(server.rtmp(), &long[1..]);
}

#[test]
fn arguments_behind_a_name_are_no_part_of_it() {
    let server = Server::live("");
    let mut players = [Client::play(server.rtmp(), "cam?token=1")];
    let mut publisher = Client::publish(server.rtmp(), "cam?key=a/b&c=../d");
    let packets = media::video_only(0, 200);
    assert_eq!(relay(&mut publisher, &mut players, &packets), [packets]);
}

#[test]
fn with_live_off_nothing_is_published_or_played() {
    let server = Server::start("rtmp { server { listen 127.0.0.1:0; application off { } } }");
    let refusal = Client::try_publish(server.rtmp(), "off", "cam").err();
    assert_eq!(refusal.as_deref(), Some("NetStream.Publish.BadName"));
    assert_eq!(Client::try_play(server.rtmp(), "off", "cam").err().as_deref(), Some("NetStream.Play.Failed"));
    server.wait_lines("live is off here", 2);
}

#[test]
fn streams_of_one_name_in_two_applications_are_two_streams() {
    let server =
        Server::start("rtmp { server { listen 127.0.0.1:0; live on; application a { } application b { } } }");
    let client = |app| {
        let player = Client::try_play(server.rtmp(), app, "cam").unwrap();
        (Client::try_publish(server.rtmp(), app, "cam").unwrap(), [player])
    };
    let ((mut a, mut of_a), (mut b, mut of_b)) = (client("a"), client("b"));
    let (one, other) = (media::video_only(0, 1000), media::video_only(7000, 1000));
    assert_eq!(relay(&mut a, &mut of_a, &one), [one]);
    assert_eq!(relay(&mut b, &mut of_b, &other), [other]);
}

#[test]
fn a_player_that_does_not_read_does_not_delay_others() {
    over_each_transport(|transport| {
        let server = ServerOver::live(transport, "");
        let stuck = Client::play(server.rtmp(), "cam");
        let mut players = [Client::play(server.rtmp(), "cam")];
        let mut publisher = Client::publish(server.rtmp(), "cam");
        let before = server.resident();
        // Twenty times what its queue and the sockets' buffers hold.
        let packets: Vec<_> = (0..2000).map(|n| media::video_frame(n * 40, n % 25 == 0, 50_000)).collect();
        let packets = [vec![media::video_header(0)], packets].concat();
        assert_eq!(relay(&mut publisher, &mut players, &packets), [packets]);
        let grown = server.resident().saturating_sub(before);
        assert!(grown < 40_000, "{grown} kB for one player that does not read");
        // Frames wait in the queue, where they can be dropped, but for some that are under way.
        let bytes = server.in_the_kernel(stuck.address());
        assert!((1..400_000).contains(&bytes), "{bytes} bytes wait in the kernel");
        drop(stuck);
        until("the server notices", Duration::from_secs(5), || {
            server.log().contains("frames dropped").then_some(())
        });
    });
}

#[test]
fn a_burst_that_the_players_socket_takes_loses_nothing() {
    let server = Server::live("");
    let mut player = Client::play(server.rtmp(), "radio");
    let mut publisher = Client::publish(server.rtmp(), "radio");
    // As an encoder sends at once when its network comes back after ten seconds: 80 kB.
    let packets = media::audio_only(0, 10_000);
    server.signal(nix::sys::signal::Signal::SIGSTOP);
    publisher.send_all(&packets);
    server.signal(nix::sys::signal::Signal::SIGCONT);
    assert_eq!(player.receive(packets.len()), packets);
}
