//! Players over WebSocket: the handshake, frames both ways, pings, and how it is closed.

use super::*;
use crate::http::websocket::{CloseCode, Opcode, close_frame, control_frame};

const REQUEST: &str = "GET /live/a.flv HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn player(world: &mut World) -> HttpClient {
    let mut player = HttpClient::ask(world, REQUEST);
    let (status, head) = player.head(world);
    assert_eq!(status, "HTTP/1.1 101 Switching Protocols");
    for field in
        ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
    {
        assert!(head.contains(&format!("{field}\r\n")), "{head}");
    }
    player
}

/// Takes the frames that it has received: opcodes and payloads.
fn frames(player: &mut HttpClient, world: &mut World) -> Vec<(u8, Vec<u8>)> {
    let received = std::mem::take(player.read(world));
    let (mut rest, mut frames) = (received.as_slice(), Vec::new());
    while let [first, second, behind @ ..] = rest {
        assert_eq!((first & 0xf0, second & 0x80), (0x80, 0), "a whole message without a mask");
        let (length, behind) = match second {
            126 => (usize::from(u16::from_be_bytes([behind[0], behind[1]])), &behind[2..]),
            127 => (u64::from_be_bytes(*behind.first_chunk().unwrap()) as usize, &behind[8..]),
            short => (usize::from(*short), behind),
        };
        frames.push((first & 0x0f, behind[..length].to_vec()));
        rest = &behind[length..];
    }
    frames
}

/// A frame of the client.
fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let hidden: Vec<_> = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    [&[0x80 | opcode, 0x80 | payload.len() as u8][..], &mask, &hidden].concat()
}

#[test]
fn each_tag_is_a_binary_frame_and_the_end_of_the_stream_closes() {
    let mut world = world("");
    let mut publisher = publisher(&mut world);
    let mut player = player(&mut world);
    let received = frames(&mut player, &mut world);
    assert!(received.iter().all(|(opcode, _)| *opcode == 2));
    assert!(received[0].1.starts_with(b"FLV"));
    let tags: Vec<_> = received[1..].iter().map(|(_, payload)| tag(payload)).collect();
    assert_eq!(media(&tags), [(9, 0), (8, 0), (9, 0), (8, 10)]);
    publisher.command(&mut world, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
    let [(8, close)] = &frames(&mut player, &mut world)[..] else { panic!("no close") };
    assert_eq!(close[..], [&1000_u16.to_be_bytes()[..], b"its stream has ended"].concat());
    assert!(!player.is_open(&world));
}

#[test]
fn pings_are_answered_and_what_a_client_says_is_passed_over() {
    let mut world = world("");
    let mut player = player(&mut world);
    player.send(&mut world, &[masked(9, b"12"), masked(1, b"hello"), masked(9, b"")].concat());
    assert_eq!(frames(&mut player, &mut world), [(10, b"12".to_vec()), (10, Vec::new())]);
    assert_eq!(control_frame(Opcode::Pong, b"12")[2..], *b"12");
}

#[test]
fn the_close_of_a_client_is_answered() {
    let mut world = world("");
    let mut player = player(&mut world);
    player.send(&mut world, &masked(8, &1001_u16.to_be_bytes()));
    assert_eq!(frames(&mut player, &mut world)[0].0, 8);
    assert!(!player.is_open(&world));
}

#[test]
fn what_breaks_the_protocol_is_refused_with_its_code() {
    for (bytes, code) in [
        (vec![0x82, 1, 0], CloseCode::ProtocolError),
        (masked(0, b"a"), CloseCode::Unsupported),
        (vec![0x02, 0x81, 1, 2, 3, 4, 5], CloseCode::Unsupported),
        ([&[0x82, 0xfe, 0x10, 0x01][..], &[0; 4]].concat(), CloseCode::TooBig),
    ] {
        let mut world = world("");
        let mut player = player(&mut world);
        player.send(&mut world, &bytes);
        let [(8, close)] = &frames(&mut player, &mut world)[..] else { panic!("no close") };
        assert_eq!(close[..2], close_frame(code, "")[2..4], "{bytes:?}");
        assert!(!player.is_open(&world));
    }
}

#[test]
fn a_silent_client_is_pinged_and_closed_if_it_does_not_answer() {
    let mut world = world("");
    let mut publisher = publisher(&mut world);
    let mut player = player(&mut world);
    let mut pings = 0;
    for second in 1..=60 {
        publisher.frame(&mut world, Kind::Video, 5000 + 1000 * second, KEY);
        let mut received = frames(&mut player, &mut world);
        world.pass(1);
        received.extend(frames(&mut player, &mut world));
        if received.contains(&(9, Vec::new())) {
            pings += 1;
            player.send(&mut world, &masked(10, b""));
        }
    }
    let life = world.engine.cx.sessions.get(player.id).map(|session| session.life.clone());
    assert_eq!((pings, life), (2, Some(Life::Open)));
    // Nothing is sent to it any more, so nothing else shows that it is there.
    for _ in 0..60 {
        world.pass(1);
        if player.is_open(&world) {
            player.read(&mut world);
        }
    }
    assert!(!player.is_open(&world));
}

#[test]
fn one_image_is_shared_by_all_players_over_websocket() {
    let mut world = world("");
    let mut publisher = publisher(&mut world);
    let mut players: Vec<_> = (0..2).map(|_| player(&mut world)).collect();
    players.iter_mut().for_each(|player| _ = player.read(&mut world));
    publisher.frame(&mut world, Kind::Video, 5040, INTER);
    let addresses: Vec<_> = players.iter().map(|player| player.send_one_piece(&mut world)).collect();
    assert_eq!(addresses[0], addresses[1]);
}

#[test]
fn a_client_that_talks_without_end_is_closed() {
    let mut world = world("");
    let mut player = player(&mut world);
    for _ in 0..64 {
        player.send(&mut world, &masked(1, &[b'a'; 100]).repeat(9));
    }
    assert!(player.is_open(&world));
    for _ in 0..64 {
        player.send(&mut world, &masked(1, &[b'a'; 100]).repeat(9));
    }
    let [(8, close)] = &frames(&mut player, &mut world)[..] else { panic!("no close") };
    assert_eq!(close[..2], 1008_u16.to_be_bytes());
    assert!(!player.is_open(&world));
}
