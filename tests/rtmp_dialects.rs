//! RTMP as programs speak it that have not read the specification, or another one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Read;
use std::time::Duration;

use crate::common::flv;
use crate::common::media::{self, Packet, noise};
use crate::common::player::{Client, relay};
use crate::common::raw::Raw;
use crate::common::{Server, wait};
use millstream::media::amf::{Value, amf0};
use millstream::rtmp::message::MessageType;

/// C0 and C1 without a digest.
fn c0c1() -> Vec<u8> {
    [&[3][..], &[0; 8], &noise(5, 1528)].concat()
}

/// Reads S0, S1 and S2.
fn answer(raw: &Raw) -> Vec<u8> {
    let mut answer = vec![0; 1 + 2 * 1536];
    raw.stream().read_exact(&mut answer).unwrap();
    assert_eq!(answer[0], 3);
    answer
}

/// Connects, after the handshake.
fn expect_service(mut raw: Raw) {
    raw.connect("live");
    assert_eq!(raw.command_answer().0, "_result");
}

/// A publisher whose request has been granted.
fn publisher(server: &Server, name: &str) -> Raw {
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.publish(name);
    assert_eq!(raw.status().0, "NetStream.Publish.Start");
    raw
}

#[test]
fn clients_of_another_version_are_answered_with_3_and_served() {
    let server = Server::live("");
    for version in [0, 1, 2, 6, 31] {
        let mut raw = Raw::open(server.rtmp());
        raw.send_bytes(&[&[version], &c0c1()[1..]].concat());
        answer(&raw);
        raw.send_bytes(&[0; 1536]);
        expect_service(raw);
    }
}

#[test]
fn a_first_packet_with_anything_in_it_gets_its_echo() {
    let server = Server::live("");
    let marked = |version: [u8; 4]| [&[3, 0, 0, 0, 0][..], &version, &noise(9, 1528)].concat();
    for input in
        [marked([0, 0, 0, 1]), marked([9, 0, 124, 2]), vec![3; 1537], [&[3][..], &[0xff; 1536]].concat()]
    {
        let mut raw = Raw::open(server.rtmp());
        raw.send_bytes(&input);
        let answer = answer(&raw);
        assert_eq!(answer[5..9], [0; 4], "no digest is claimed");
        assert_eq!(answer[1537..], input[1..]);
        raw.send_bytes(&answer[1..1537]);
        expect_service(raw);
    }
}

#[test]
fn a_second_packet_may_be_early_late_in_pieces_or_garbage() {
    let server = Server::live("");
    // Everything at once, without waiting for anything.
    let mut raw = Raw::open(server.rtmp());
    raw.send_bytes(&[&c0c1()[..], &noise(1, 1536), &connect()].concat());
    answer(&raw);
    assert_eq!(raw.command_answer().0, "_result");
    // The request in one packet with the end of C2.
    let mut raw = Raw::open(server.rtmp());
    raw.send_bytes(&c0c1());
    answer(&raw);
    for piece in noise(2, 1500).chunks(300) {
        raw.send_bytes(piece);
        std::thread::sleep(Duration::from_millis(30));
    }
    raw.send_bytes(&[&noise(3, 36)[..], &connect()].concat());
    assert_eq!(raw.command_answer().0, "_result");
}

/// A whole request to connect.
fn connect() -> Vec<u8> {
    let object = millstream::media::amf::Object::default().with("app", "live");
    let payload = amf0::encode_all(&["connect".into(), 1.0.into(), Value::Object(object)]);
    [&[3, 0, 0, 0, 0, 0, payload.len() as u8, 20, 0, 0, 0, 0], &payload[..]].concat()
}

/// A publisher's way to write times that need more than 24 bits.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Dialect {
    /// Once more for each chunk.
    Repeats,
    /// At the beginning of the message only.
    Omits,
    /// In place of the step of a type 1 header, and by the clock for each chunk.
    Times,
}

/// A packet in chunks of 128 bytes on chunk stream 6; of message stream 1.
fn chunks(packet: &Packet, last: Option<u32>, dialect: Dialect) -> Vec<u8> {
    let last = last.filter(|_| dialect == Dialect::Times);
    let is_extended = packet.timestamp >= 0xff_ffff;
    let field = packet.timestamp - last.unwrap_or_default();
    let field = if is_extended { 0xff_ffff } else { field }.to_be_bytes();
    let length = u32::try_from(packet.payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![if last.is_some() { 0x46 } else { 0x06 }];
    bytes.extend([&field[1..], &length[1..], &[packet.kind]].concat());
    if last.is_none() {
        bytes.extend([1, 0, 0, 0]);
    }
    if is_extended {
        bytes.extend(packet.timestamp.to_be_bytes());
    }
    for (index, chunk) in (0..).zip(packet.payload.chunks(128)) {
        if index > 0 {
            bytes.push(0xc6);
        }
        if index > 0 && is_extended && dialect != Dialect::Omits {
            let late = if dialect == Dialect::Times { index / 8 } else { 0 };
            bytes.extend((packet.timestamp + late).to_be_bytes());
        }
        bytes.extend(chunk);
    }
    bytes
}

#[test]
fn times_beyond_24_bits_arrive_whatever_the_publisher_does_with_them() {
    let server = Server::live("");
    for dialect in [Dialect::Repeats, Dialect::Omits, Dialect::Times] {
        for start in [0x00ff_fe00, 0x7fff_ff00] {
            let name = format!("{dialect:?}-{start:x}");
            let mut player = Client::play(server.rtmp(), &name);
            let mut raw = publisher(&server, &name);
            let packets = media::video_only(start, 1200);
            let mut last = None;
            for packet in &packets {
                raw.send_bytes(&chunks(packet, last, dialect));
                last = Some(packet.timestamp);
            }
            assert!(player.receive(packets.len()) == packets, "{name}");
        }
    }
}

#[test]
fn messages_of_two_message_streams_may_share_a_chunk_stream() {
    let server = Server::live("");
    let mut player = Client::play(server.rtmp(), "cam");
    let mut raw = publisher(&server, "cam");
    let packets = media::video_only(0, 1000);
    for (packet, transaction) in packets.iter().zip(2..) {
        // A request on message stream 0, then media on 1, on the chunk stream that both began on.
        raw.command("_checkbw", f64::from(transaction), 0, &[Value::Null]);
        raw.send_packet(packet);
    }
    assert!(player.receive(packets.len()) == packets);
    for _ in &packets {
        assert_eq!(raw.command_answer().0, "_result");
    }
}

#[test]
fn messages_of_two_chunk_streams_may_be_mixed_chunk_by_chunk() {
    let server = Server::live("");
    let mut player = Client::play(server.rtmp(), "cam");
    let mut raw = publisher(&server, "cam");
    let (video, audio) = (media::video_frame(40, true, 1000), media::audio_frame(41, 700));
    raw.send_packet(&media::video_header(0));
    raw.send_packet(&media::audio_header(0));
    let mut left = message(0x06, &video);
    let mut right = message(0x07, &audio);
    while !(left.is_empty() && right.is_empty()) {
        left.pop().into_iter().chain(right.pop()).for_each(|chunk| raw.send_bytes(&chunk));
    }
    let received = player.receive(4);
    assert!(received.contains(&video) && received.contains(&audio));
}

/// The chunks of a packet, the last first.
fn message(csid: u8, packet: &Packet) -> Vec<Vec<u8>> {
    let time = packet.timestamp.to_be_bytes();
    let length = u32::try_from(packet.payload.len()).unwrap().to_be_bytes();
    let head = [&[csid], &time[1..], &length[1..], &[packet.kind, 1, 0, 0, 0]].concat();
    let heads = std::iter::once(head).chain(std::iter::repeat(vec![0xc0 | csid]));
    let mut chunks: Vec<_> =
        heads.zip(packet.payload.chunks(128)).map(|(head, piece)| [&head, piece].concat()).collect();
    chunks.reverse();
    chunks
}

#[test]
fn clips_of_a_few_seconds_or_a_single_frame_are_recorded_and_played_whole() {
    let server = Server::live("record all; record_path FOLDER/rec;");
    for length in [40, 1000, 7000] {
        let name = format!("clip{length}");
        let mut players = [Client::play(server.rtmp(), &name)];
        let mut publisher = Client::publish(server.rtmp(), &name);
        let packets = media::video_only(0, length);
        assert!(relay(&mut publisher, &mut players, &packets) == [packets.clone()], "{name}");
        publisher.finish();
        let (tags, rest) = flv::parse(&fs::read(server.folder.join(format!("rec/{name}.flv"))).unwrap());
        let recorded = tags.into_iter().filter(|tag| tag.kind == 9);
        let recorded: Vec<_> = recorded.map(|tag| Packet::video(tag.timestamp, tag.payload)).collect();
        assert!(recorded == packets && rest == 0, "{name}");
    }
}

#[test]
fn two_encoders_at_once_have_each_its_own_player() {
    let server = Server::live("");
    let names = ["one", "other"];
    let mut players = names.map(|name| Client::play(server.rtmp(), name));
    let mut publishers = names.map(|name| publisher(&server, name));
    let streams = [media::video_only(0, 1000), media::video_only(5000, 1000)];
    // Chunk by chunk.
    for (one, other) in streams[0].iter().zip(&streams[1]) {
        let mut queues = [one, other].map(|packet| message(0x06, packet));
        while queues.iter().any(|queue| !queue.is_empty()) {
            for (publisher, queue) in publishers.iter_mut().zip(&mut queues) {
                queue.pop().into_iter().for_each(|chunk| publisher.send_bytes(&chunk));
            }
        }
    }
    for (player, stream) in players.iter_mut().zip(streams) {
        assert!(player.receive(stream.len()) == stream);
    }
}

#[test]
fn a_publisher_of_zero_length_messages_and_chunks_of_one_byte_is_served() {
    let server = Server::live("");
    let mut player = Client::play(server.rtmp(), "cam");
    let mut raw = publisher(&server, "cam");
    raw.send(MessageType::SetChunkSize, 0, 0, &[0, 0, 0, 1]);
    raw.chunk_size = 1;
    let packets = media::video_only(0, 200);
    for packet in &packets {
        raw.send(MessageType::Audio, 1, packet.timestamp, &[]);
        raw.send(MessageType::Video, 1, packet.timestamp, &[]);
        raw.send_packet(packet);
    }
    let mut received = Vec::new();
    wait("all that has something in it", || {
        received.extend(player.packet().filter(|packet| !packet.payload.is_empty()));
        received.len() == packets.len()
    });
    assert!(received == packets);
}
