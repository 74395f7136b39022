//! Responses of good, old, careless and hostile backends.

use proptest::prelude::*;

use crate::http::body::error::MAX_TRAILER;
use crate::http::client::error::{MAX_HEAD, MAX_INTERIM};
use crate::http::client::{Response, ResponseError, ResponseReader};
use crate::http::headers::MAX_HEADERS;

const MAX_BODY: usize = 1000;

/// What a reader may hold: a head, its fields, of which each bad byte has become three, and a body.
const MAX_HELD: usize = 4 * MAX_HEAD + 2 * MAX_HEADERS * size_of::<(String, String)>() + MAX_BODY;

/// One response after another and two at once; framed in every way; and with what no client should take.
const VECTORS: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 200 OK\nServer: old\n\nuntil the end",
    b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 302 \r\nLocation: cam\r\n\r\n",
    b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\nA  \r\n, everyone\r\n000\r\nX: y\r\n\r\nHTTP/1.1 200",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhel",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
    b"HTTP/2.0 200 OK\r\n\r\n",
    b"HTTP/1.1 OK\r\n\r\n",
    b"HTTP 200",
    b"\x15\x03\x01\0\x02\x02\x46",
    b"\x03\0\0\0\0",
    b"HTT\x03",
    b"",
];

const WORDS: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.",
    b" 500 ",
    b"Content-Length: ",
    b"Transfer-Encoding: chunked",
    b"Connection: close\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"0",
    b"5",
    b"3e8",
    b"ffffffffffffffff",
    b";x",
    b"hello",
    b": ",
    b"\0",
    b"\xff",
    b"\x16\x03\x01",
];

/// All responses in some bytes that come in pieces and are followed by a close; the last is what the close means.
fn answers<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Result<Response, ResponseError>> {
    let mut reader = ResponseReader::new(MAX_BODY);
    let mut answers = Vec::new();
    for mut piece in pieces {
        loop {
            let result = reader.next(&mut piece);
            assert!(reader.held() <= MAX_HELD, "{} bytes", reader.held());
            match result {
                Ok(Some(response)) => answers.push(Ok(response)),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!((reader.held(), reader.next(&mut &b"HTTP"[..])), (0, Err(error)));
                    assert_eq!(reader.end(), Err(error));
                    answers.push(Err(error));
                    return answers;
                }
            }
        }
        assert!(piece.is_empty());
    }
    answers.push(reader.end());
    assert_eq!(reader.held(), 0);
    assert!(reader.next(&mut &b"HTTP"[..]).is_err());
    answers
}

/// The status and body of the first response, or the error.
fn first(bytes: &[u8]) -> Result<(u16, String), ResponseError> {
    let first = answers([bytes]).swap_remove(0);
    first.map(|response| (response.status, String::from_utf8(response.body).unwrap()))
}

/// The same for a 200 with these fields and this body.
fn ok(fields: &str, body: &str) -> Result<String, ResponseError> {
    first(format!("HTTP/1.1 200 OK\r\n{fields}\r\n{body}").as_bytes()).map(|(_, body)| body)
}

fn chunked(body: &str) -> Result<String, ResponseError> {
    ok("Transfer-Encoding: chunked\r\n", body)
}

#[test]
fn a_body_ends_with_its_length_its_last_chunk_or_the_connection() {
    assert_eq!(first(VECTORS[0]), Ok((200, "hello".to_owned())));
    assert_eq!(first(VECTORS[2]), Ok((200, "until the end".to_owned())));
    assert_eq!(first(VECTORS[5]), Ok((200, "hello, everyone".to_owned())));
    assert_eq!(ok("Content-Length: 0\r\n", ""), Ok(String::new()));
    assert_eq!(ok("Content-Length: 3, 3\r\nContent-Length:003\r\n", "abc"), Ok("abc".to_owned()));
    assert_eq!(ok("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n"), Ok(String::new()));
    assert_eq!(ok("", ""), Ok(String::new()));
}

#[test]
fn a_204_and_a_304_have_no_body_whatever_they_announce() {
    let answers = answers([VECTORS[3]]);
    let found: Vec<_> = answers.iter().flatten().map(|r| (r.status, r.body.len(), r.is_persistent)).collect();
    assert_eq!(found, [(204, 0, true), (304, 0, false)]);
    for field in ["Transfer-Encoding: chunked", "Content-Length: 5", "Content-Length: 99999999999999999999"] {
        let head = format!("HTTP/1.1 204 No Content\r\n{field}\r\n\r\n");
        let mut reader = ResponseReader::new(MAX_BODY);
        let response = reader.next(&mut head.as_bytes()).unwrap().unwrap();
        assert!(response.body.is_empty() && !response.is_persistent, "{field}");
    }
}

#[test]
fn interim_responses_are_passed_over_up_to_a_limit() {
    let answers = answers([VECTORS[4]]);
    let response = answers[0].as_ref().unwrap();
    assert_eq!((response.status, response.headers.get("location")), (302, Some("cam")));
    for (count, expected) in
        [(MAX_INTERIM, Ok((204, String::new()))), (MAX_INTERIM + 1, Err(ResponseError::TooManyInterim))]
    {
        let bytes =
            [b"HTTP/1.1 102 Processing\r\n\r\n".repeat(count), b"HTTP/1.1 204 No\r\n\r\n".to_vec()].concat();
        assert_eq!(first(&bytes), expected);
    }
    assert_eq!(first(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), Err(ResponseError::Switched));
    // The count begins again with each response.
    let pair = [b"HTTP/1.1 102 Processing\r\n\r\n".repeat(MAX_INTERIM), b"HTTP/1.1 204 No\r\n\r\n".to_vec()]
        .concat();
    assert!(self::answers([pair.repeat(2).as_slice()]).iter().take(2).all(Result::is_ok));
}

#[test]
fn persistence_follows_version_connection_and_framing() {
    for (head, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive, close\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n", false),
    ] {
        let response = answers([head.as_bytes()]).swap_remove(0).unwrap();
        assert_eq!(response.is_persistent, expected, "{head}");
    }
}

#[test]
fn another_protocol_is_known_by_its_first_byte() {
    for (bytes, error, text) in [
        (&b"\x15"[..], ResponseError::Tls, "no HTTP but TLS"),
        (b"\x16\x03\x03", ResponseError::Tls, "no HTTP but TLS"),
        (b"\x03", ResponseError::Rtmp, "no HTTP but RTMP"),
        (b"SSH-2.0", ResponseError::NotHttp, "no HTTP"),
        (b"HTTPS", ResponseError::NotHttp, "no HTTP"),
        (b"\r\nHTTP/1.1 200 OK\r\n\r\n", ResponseError::NotHttp, "no HTTP"),
        (b"\0", ResponseError::NotHttp, "no HTTP"),
        (b"ICY 200 OK\r\n\r\n", ResponseError::NotHttp, "no HTTP"),
        (b"HTTP/2.0 200 OK\r\n\r\n", ResponseError::Version, "neither HTTP/1.0 nor HTTP/1.1"),
        (b"HTTP/1.2 200 OK\r\n\r\n", ResponseError::Version, "neither HTTP/1.0 nor HTTP/1.1"),
        (b"HTTP/1.1\r\n\r\n", ResponseError::Version, "neither HTTP/1.0 nor HTTP/1.1"),
    ] {
        assert_eq!((first(bytes), error.to_string().as_str()), (Err(error), text), "{bytes:?}");
    }
}

#[test]
fn a_head_that_is_broken_is_refused() {
    for line in [
        "HTTP/1.1 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 099 X",
        "HTTP/1.1 600 X",
        "HTTP/1.1 -20 X",
    ] {
        assert_eq!(first(format!("{line}\r\n\r\n").as_bytes()), Err(ResponseError::StatusLine), "{line}");
    }
    for field in ["X", "X : a", ": a", " X: a", "\u{e9}: a", "X: a\r\n folded"] {
        assert_eq!(ok(&format!("{field}\r\n"), ""), Err(ResponseError::Field), "{field}");
    }
    for field in ["X: a\0b", "X\0: a", "X: a\x08", "X: \x7f"] {
        assert_eq!(ok(&format!("{field}\r\n"), ""), Err(ResponseError::Control), "{field:?}");
    }
}

#[test]
fn framing_that_could_be_read_in_two_ways_is_refused() {
    for length in ["+5", "-1", "", "5 5", "0x5", "5,6", "5,", "5;", "1e3", "\u{a0}5", "\u{663}"] {
        assert_eq!(
            ok(&format!("Content-Length: {length}\r\n"), "hello"),
            Err(ResponseError::Length),
            "{length}"
        );
    }
    assert_eq!(first(VECTORS[7]), Err(ResponseError::Length));
    for coding in [
        "gzip, chunked",
        "chunked, chunked",
        "identity",
        "xchunked",
        "",
        "chunked\r\nTransfer-Encoding: gzip",
    ] {
        assert_eq!(
            ok(&format!("Transfer-Encoding: {coding}\r\n"), ""),
            Err(ResponseError::Coding),
            "{coding}"
        );
    }
    let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(ok(both, "0\r\n\r\n"), Err(ResponseError::Framing));
    let old = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(first(old), Err(ResponseError::Framing));
}

#[test]
fn chunks_are_read_by_the_letter() {
    for body in [
        "5\r\nhello\r\n0\r\n\r\n",
        "0005;x;y=\"z\"\r\nhello\r\n0;x\r\nA: b\r\nC: d\r\n\r\n",
        "5 \t;x\r\nhello\r\n00\r\n\r\n",
    ] {
        assert_eq!(chunked(body), Ok("hello".to_owned()), "{body:?}");
    }
    for body in [
        "-5\r\nhello",
        "+5\r\nhello",
        "0x5\r\nhello",
        " 5\r\nhello",
        "\r\nhello",
        ";x\r\n",
        "5\nhello",
        "5\rhello",
        "5 5\r\nhello",
        "5;\0\r\n",
        "5;x\n\r\n",
        "5\r\nhello!\r\n",
        "5\r\nhello\n",
        "5\r\nhello0\r\n",
        "g\r\n",
        "0\r\nA: b\n\r\n",
        "0\r\nA\0\r\n",
        "0\r\n\rX",
        "0\r\n\n",
    ] {
        assert_eq!(chunked(body), Err(ResponseError::Chunk), "{body:?}");
    }
    for unfinished in
        ["", "5", "5\r", "5\r\n", "5\r\nhello", "5\r\nhello\r\n", "0\r\n", "0\r\nA: b\r\n", "0\r\n\r"]
    {
        assert_eq!(chunked(unfinished), Err(ResponseError::Closed), "{unfinished:?}");
    }
}

#[test]
fn a_body_of_the_limit_passes_and_one_more_byte_does_not() {
    let (most, more) = ("b".repeat(MAX_BODY), "b".repeat(MAX_BODY + 1));
    let too_large = Err(ResponseError::BodyTooLarge(MAX_BODY));
    assert_eq!(ok("", &most), Ok(most.clone()));
    assert_eq!(ok("", &more), too_large);
    assert_eq!(ok(&format!("Content-Length: {MAX_BODY}\r\n"), &most), Ok(most.clone()));
    assert_eq!(chunked(&format!("{MAX_BODY:x}\r\n{most}\r\n0\r\n\r\n")), Ok(most.clone()));
    assert_eq!(chunked(&format!("{MAX_BODY:x}\r\n{most}\r\n1\r\n")), too_large);
    // No byte of the body needs to come for this.
    for length in ["1001", "1073741824", "18446744073709551615", "18446744073709551616", &"9".repeat(1000)] {
        assert_eq!(ok(&format!("Content-Length: {length}\r\n"), ""), too_large, "{length}");
    }
    for size in ["3e9", "40000000", "fffffffffffffff", "ffffffffffffffff", "80000000000000000000000000"] {
        assert_eq!(chunked(size), too_large, "{size}");
    }
    assert_eq!(ResponseError::BodyTooLarge(65536).to_string(), "the body has more than 65536 bytes");
}

#[test]
fn lines_and_heads_of_the_limit_pass_and_one_more_byte_does_not() {
    let head = |length: usize| {
        let padding = "y".repeat(length - "HTTP/1.1 204 No\r\nX: \r\n\r\n".len());
        let head = format!("HTTP/1.1 204 No\r\nX: {padding}\r\n\r\n");
        assert_eq!(answers([head.as_bytes()]), answers(head.as_bytes().chunks(100)));
        first(head.as_bytes()).map(|(status, _)| status)
    };
    assert_eq!((head(MAX_HEAD), head(MAX_HEAD + 1)), (Ok(204), Err(ResponseError::HeadTooLarge)));
    assert_eq!(ResponseError::HeadTooLarge.to_string(), "the head has more than 16384 bytes");
    let fields = |count: usize| ok(&"X: y\r\n".repeat(count), "");
    assert_eq!(fields(MAX_HEADERS), Ok(String::new()));
    assert_eq!(fields(MAX_HEADERS + 1), Err(ResponseError::TooManyFields));
    let line = |length: usize| chunked(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(length - 4)));
    assert_eq!((line(256), line(257)), (Ok("hello".to_owned()), Err(ResponseError::Chunk)));
    assert_eq!(chunked(&"0".repeat(257)), Err(ResponseError::Chunk));
    let trailer = |length: usize| chunked(&format!("0\r\nX: {}\r\n\r\n", "y".repeat(length - 7)));
    assert_eq!(trailer(MAX_TRAILER), Ok(String::new()));
    assert_eq!(trailer(MAX_TRAILER + 1), Err(ResponseError::TrailerTooLarge));
    assert_eq!(chunked(&format!("0\r\n{}", "X: y\r\n".repeat(1000))), Err(ResponseError::TrailerTooLarge));
}

#[test]
fn a_head_without_an_end_and_interim_responses_without_an_end_are_bounded() {
    let endless = b"HTTP/1.1 200 OK\r\n".iter().chain(b"X: y\r\n".iter().cycle());
    let bytes: Vec<_> = endless.take(100_000).copied().collect();
    assert_eq!(answers(bytes.chunks(1000)), [Err(ResponseError::HeadTooLarge)]);
    let large = format!("HTTP/1.1 103 Early Hints\r\nX: {}\r\n\r\n", "y".repeat(10_000)).repeat(100);
    assert_eq!(answers(large.as_bytes().chunks(1000)), [Err(ResponseError::TooManyInterim)]);
}

#[test]
fn a_close_is_an_end_or_an_error() {
    assert_eq!(answers([]), [Err(ResponseError::NoAnswer)]);
    assert_eq!(first(b"H"), Err(ResponseError::Closed));
    assert_eq!(first(b"HTTP/1.1 100 Continue\r\n\r\n"), Err(ResponseError::Closed));
    assert_eq!(ok("Content-Length: 5\r\n", "hell"), Err(ResponseError::Closed));
    assert_eq!(answers([VECTORS[0]])[1], Err(ResponseError::NoAnswer));
    assert_eq!(ResponseError::Closed.to_string(), "closed in the middle of the answer");
}

#[test]
fn bytes_behind_a_response_stay_with_the_caller() {
    let mut input = VECTORS[1];
    let mut reader = ResponseReader::new(MAX_BODY);
    assert_eq!(reader.next(&mut input).unwrap().unwrap().body, b"hello");
    assert!(input.starts_with(b"HTTP/1.1 403"));
    assert!(!reader.has_begun());
    assert_eq!(reader.next(&mut input).unwrap().unwrap().status, 403);
    assert_eq!((reader.next(&mut input), input.len()), (Ok(None), 0));
}

#[test]
fn a_response_has_begun_with_its_first_byte_and_is_held_to_its_last() {
    let bytes = [b"HTTP/1.1 100 Continue\r\n\r\n", VECTORS[0]].concat();
    let mut reader = ResponseReader::new(MAX_BODY);
    assert!(!reader.has_begun() && reader.held() == 0);
    for &byte in &bytes[..bytes.len() - 1] {
        assert_eq!(reader.next(&mut &[byte][..]), Ok(None));
        assert!(reader.has_begun());
    }
    assert!(reader.held() > 0);
    assert!(reader.next(&mut &b"o"[..]).unwrap().is_some());
    assert!(!reader.has_begun() && reader.held() == 0);
    reader.next(&mut &b"HTTP"[..]).unwrap();
    reader.release();
    assert!(reader.has_begun() && reader.held() == 0);
    assert_eq!(reader.next(&mut &b"/1.1"[..]), Err(ResponseError::Closed));
    let mut reader = ResponseReader::new(MAX_BODY);
    reader.release();
    assert!(!reader.has_begun());
}

#[test]
fn every_vector_cut_anywhere_says_the_same() {
    for vector in VECTORS {
        let whole = answers([*vector]);
        for cut in 0..=vector.len() {
            let (begin, end) = vector.split_at(cut);
            assert_eq!(answers([begin, end]), whole, "{} cut at {cut}", vector.escape_ascii());
        }
        assert_eq!(answers(vector.chunks(1)), whole, "{}", vector.escape_ascii());
    }
}

proptest! {
    #[test]
    fn any_words_in_any_pieces_say_the_same(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..40),
        step in 1_usize..50,
    ) {
        let bytes = words.concat();
        let whole = answers([bytes.as_slice()]);
        prop_assert_eq!(&answers(bytes.chunks(step)), &whole);
        for response in whole.iter().flatten() {
            prop_assert!(response.body.len() <= MAX_BODY && (200..=599).contains(&response.status));
        }
    }

    #[test]
    fn any_bytes_behind_a_head_are_a_body_or_an_error(
        head in prop::sample::select(&["", "Content-Length: 50\r\n", "Transfer-Encoding: chunked\r\n"][..]),
        body in prop::collection::vec(any::<u8>(), 0..100),
        step in 1_usize..50,
    ) {
        let bytes = [format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes(), &body].concat();
        prop_assert_eq!(answers(bytes.chunks(step)), answers([bytes.as_slice()]));
    }
}
