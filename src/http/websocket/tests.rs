//! The examples of RFC 6455, every split, every limit and one beyond.

use proptest::prelude::*;

use super::*;
use crate::http::websocket::frame::MAX_CONTROL;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A client's frame with a first byte and a payload that is not masked yet.
fn client(first: u8, payload: &[u8]) -> Vec<u8> {
    let opcode = Opcode::of(first & 0x0f).unwrap_or(Opcode::Binary);
    let header = Header::new(opcode, payload.len());
    let mut frame = header.as_bytes().to_vec();
    frame[0] = first;
    frame[1] |= 0x80;
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// All frames of an input that comes in pieces of these lengths, again and again.
fn read(input: &[u8], pieces: &[usize]) -> Result<Vec<ClientFrame>, WebSocketError> {
    let mut reader = Reader::new();
    let mut frames = Vec::new();
    let (mut rest, mut lengths) = (input, pieces.iter().cycle());
    while !rest.is_empty() {
        let (mut piece, behind) = rest.split_at((*lengths.next().unwrap()).clamp(1, rest.len()));
        rest = behind;
        while let Some(frame) = reader.next(&mut piece)? {
            frames.push(frame);
        }
        assert!(piece.is_empty() && reader.held() <= 2 * MAX_CONTROL);
    }
    Ok(frames)
}

fn error(input: &[u8]) -> (u16, &'static str) {
    let error = read(input, &[1]).unwrap_err();
    assert_eq!(read(input, &[input.len()]), Err(error));
    (error.code.number(), error.reason)
}

#[test]
fn the_key_of_the_specification_is_accepted_with_its_answer() {
    assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(is_key("dGhlIHNhbXBsZSBub25jZQ=="));
    for wrong in [
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZWE=",
        "!".repeat(24).as_str(),
    ] {
        assert!(!is_key(wrong), "{wrong:?}");
    }
}

#[test]
fn a_header_has_the_shortest_length() {
    for (payload, header) in [
        (0, &[0x82, 0][..]),
        (125, &[0x82, 125]),
        (126, &[0x82, 126, 0, 126]),
        (256, &[0x82, 126, 1, 0]),
        (65_535, &[0x82, 126, 0xff, 0xff]),
        (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        assert_eq!(Header::new(Opcode::Binary, payload).as_bytes(), header, "{payload}");
    }
}

#[test]
fn control_frames_of_the_server_are_those_of_the_specification() {
    assert_eq!(control_frame(Opcode::Ping, b"Hello"), *b"\x89\x05Hello");
    assert_eq!(control_frame(Opcode::Pong, b""), [0x8a, 0]);
    assert_eq!(close_frame(CloseCode::Normal, ""), [0x88, 2, 0x03, 0xe8]);
    let long = close_frame(CloseCode::TooBig, &"ü".repeat(100));
    assert_eq!((long.len(), &long[..4]), (2 + 2 + 122, &[0x88, 124, 0x03, 0xf1][..]));
    assert!(std::str::from_utf8(&long[4..]).is_ok());
}

#[test]
fn frames_of_a_client_are_read_at_every_split() {
    let frames = [
        client(0x81, b"Hello"),
        client(0x89, b"Hello"),
        client(0x8a, &[7; MAX_CONTROL]),
        client(0x82, &[]),
        client(0x82, &[1; 126]),
        client(0x82, &[2; MAX_CLIENT_FRAME]),
        client(0x89, &[3; MAX_CONTROL]),
        client(0x88, b"\x03\xe9bye"),
        b"anything behind a close".to_vec(),
    ];
    // The specification's own example of a masked text (section 5.7).
    assert_eq!(frames[0], [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    let expected = [
        ClientFrame::Data,
        ClientFrame::Ping(b"Hello".to_vec()),
        ClientFrame::Pong,
        ClientFrame::Data,
        ClientFrame::Data,
        ClientFrame::Data,
        ClientFrame::Ping(vec![3; MAX_CONTROL]),
        ClientFrame::Close(Some(1001)),
    ];
    let input = frames.concat();
    for split in 1..input.len() {
        assert_eq!(read(&input, &[split, input.len()]).as_deref(), Ok(&expected[..]), "{split}");
    }
    assert_eq!(read(&input, &[1]).as_deref(), Ok(&expected[..]));
}

#[test]
fn what_a_client_must_not_send_is_told_with_its_code() {
    let unmasked = control_frame(Opcode::Ping, b"Hello");
    assert_eq!(error(&unmasked), (1002, "a frame of a client is not masked"));
    for first in [0x01, 0x02, 0x00, 0x80] {
        assert_eq!(error(&client(first, b"a")), (1003, "messages in fragments are not taken here"));
    }
    assert_eq!(error(&client(0x09, b"")), (1002, "a control frame is fragmented"));
    for first in [0xc2, 0xa2, 0x92, 0xf9] {
        assert_eq!(error(&client(first, b"a")), (1002, "a frame has bits of an extension"));
    }
    for first in [0x83, 0x87, 0x8b, 0x8f] {
        assert_eq!(error(&client(first, b"a")), (1002, "a frame has an opcode that does not exist"));
    }
    assert_eq!(error(&client(0x89, &[0; 126])), (1002, "a control frame is longer than 125 bytes"));
    assert_eq!(error(&client(0x82, &[0; MAX_CLIENT_FRAME + 1])), (1009, "a frame is longer than 4 KB"));
    assert_eq!(error(&client(0x82, &[0; 0x1_0000])), (1009, "a frame is longer than 4 KB"));
    for long in [
        &[0x82, 0xfe, 0, 125][..],
        &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
        &[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],
    ] {
        assert_eq!(error(long), (1002, "the length of a frame is written wrongly"));
    }
}

#[test]
fn a_close_frame_has_a_code_that_may_be_sent_or_none() {
    let read = |payload: &[u8]| read(&client(0x88, payload), &[1]);
    assert_eq!(read(b""), Ok(vec![ClientFrame::Close(None)]));
    for code in [1000_u16, 1001, 1003, 1007, 1011, 1014, 3000, 4999] {
        assert_eq!(read(&code.to_be_bytes()), Ok(vec![ClientFrame::Close(Some(code))]));
    }
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        assert_eq!(read(&code.to_be_bytes()).unwrap_err().code, CloseCode::ProtocolError, "{code}");
    }
    assert_eq!(read(b"\x03").unwrap_err().code, CloseCode::ProtocolError);
    assert_eq!(read(b"\x03\xe8\xff").unwrap_err().code, CloseCode::ProtocolError);
}

#[test]
fn an_error_is_said_again_and_nothing_is_kept() {
    let mut reader = Reader::new();
    let mut input = &[0x89, 5, 1, 2, 3][..];
    let error = reader.next(&mut input).unwrap_err();
    assert_eq!((reader.next(&mut &client(0x89, b"")[..]), reader.held()), (Err(error), 0));
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_are_read_alike(
        bytes in proptest::collection::vec(any::<u8>(), 1..300),
        pieces in proptest::collection::vec(1..20_usize, 1..5),
    ) {
        prop_assert_eq!(read(&bytes, &pieces), read(&bytes, &[bytes.len()]));
    }

    #[test]
    fn frames_in_any_pieces_are_those_that_were_sent(
        payloads in proptest::collection::vec((0..4_usize, proptest::collection::vec(any::<u8>(), 0..125)), 1..8),
        pieces in proptest::collection::vec(1..300_usize, 1..5),
    ) {
        let firsts = [0x81, 0x82, 0x89, 0x8a];
        let input: Vec<_> = payloads.iter().flat_map(|(kind, payload)| client(firsts[*kind], payload)).collect();
        let expected: Vec<_> = payloads.into_iter().map(|(kind, payload)| match kind {
            0 | 1 => ClientFrame::Data,
            2 => ClientFrame::Ping(payload),
            _ => ClientFrame::Pong,
        }).collect();
        prop_assert_eq!(read(&input, &pieces), Ok(expected));
    }
}
