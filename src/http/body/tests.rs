//! Bodies of requests, as honest and as hostile clients send them.

use proptest::prelude::*;

use super::MAX_REQUEST_BODY;
use crate::http::reader::RequestReader;
use crate::http::{HttpError, Request, RequestBody};

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// A POST with these fields, and this behind its head.
fn post(fields: &str, body: &str) -> Vec<u8> {
    format!("POST /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}").into_bytes()
}

fn of_length(body: &str) -> Vec<u8> {
    post(&format!("Content-Length: {}\r\n", body.len()), body)
}

/// Reads all requests with their bodies, in pieces.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Request>, HttpError> {
    let mut reader = RequestReader::new();
    let mut requests = Vec::new();
    for mut piece in pieces {
        while let Some(request) = reader.next(&mut piece)? {
            if request.body.is_announced() {
                reader.take_body(request)?;
            } else {
                requests.push(request);
            }
            assert!(reader.held() <= 3 * MAX_REQUEST_BODY / 2);
        }
        assert!(piece.is_empty());
    }
    if !reader.in_request() {
        assert_eq!(reader.held(), 0, "nothing is held between requests");
    }
    Ok(requests)
}

fn read_all(bytes: &[u8]) -> Result<Vec<Request>, HttpError> {
    read([bytes].into_iter())
}

/// The bodies, in order, and the number of the request's path.
fn bodies(requests: &[Request]) -> Vec<String> {
    requests.iter().map(|request| String::from_utf8(request.body.bytes().to_vec()).unwrap()).collect()
}

fn status(bytes: &[u8]) -> u16 {
    read_all(bytes).map_or_else(|error| error.status, |requests| if requests.is_empty() { 0 } else { 200 })
}

#[test]
fn a_body_is_the_same_wherever_it_is_cut() {
    let get = b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    for body in
        [of_length("{\"a\":1}"), post(CHUNKED, "3\r\n{\"a\r\n4;x=\"y\"\r\n\":1}\r\n0\r\nX: y\r\n\r\n")]
    {
        let bytes = [&body[..], get, &body].concat();
        let check = |requests: Result<Vec<Request>, HttpError>| {
            assert_eq!(bodies(&requests.unwrap()), ["{\"a\":1}", "", "{\"a\":1}"]);
        };
        check(read_all(&bytes));
        for cut in 0..=bytes.len() {
            let (first, second) = bytes.split_at(cut);
            check(read([first, second].into_iter()));
        }
        check(read(bytes.chunks(1)));
    }
}

#[test]
fn what_follows_a_body_is_the_next_request() {
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let bytes = [of_length(smuggled), of_length("")].concat();
    let requests = read_all(&bytes).unwrap();
    assert_eq!(bodies(&requests), [smuggled, ""]);
    assert_eq!(requests.iter().map(|request| request.path.as_str()).collect::<Vec<_>>(), ["/a", "/a"]);
    // A body that is longer than it was said to be: the rest is taken for a head, and is none.
    assert_eq!(status(&post("Content-Length: 3\r\n", "{\"a\":1}\r\n\r\n")), 400);
}

#[test]
fn a_body_of_the_limit_is_taken_and_one_more_byte_is_not() {
    for (length, expected) in [(MAX_REQUEST_BODY, 200), (MAX_REQUEST_BODY + 1, 413)] {
        let body = "x".repeat(length);
        assert_eq!(status(&of_length(&body)), expected, "{length}");
        assert_eq!(
            status(&post(CHUNKED, &format!("{length:x}\r\n{body}\r\n0\r\n\r\n"))),
            expected,
            "{length}"
        );
        let chunks: String = body.as_bytes().chunks(1000).map(chunk).collect();
        assert_eq!(status(&post(CHUNKED, &format!("{chunks}0\r\n\r\n"))), expected, "{length}");
    }
    for length in ["65537", "10737418240", "18446744073709551615"] {
        assert_eq!(status(&post(&format!("Content-Length: {length}\r\n"), "")), 413, "{length}");
    }
}

fn chunk(bytes: &[u8]) -> String {
    format!("{:X}\r\n{}\r\n", bytes.len(), std::str::from_utf8(bytes).unwrap())
}

#[test]
fn chunks_that_could_be_read_in_two_ways_are_refused() {
    for body in [
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "+1\r\na\r\n0\r\n\r\n",
        "0x1\r\na\r\n0\r\n\r\n",
        " 1\r\na\r\n0\r\n\r\n",
        "1 \r\na\r\n0\r\n\r\n",
        "1\t;x\r\na\r\n0\r\n\r\n",
        "1\na\n0\n\n",
        "1\r\na\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "2\r\na\r\n0\r\n\r\n",
        "1;x\na\r\n0\r\n\r\n",
        "1;x\0\r\na\r\n0\r\n\r\n",
        "1\r\na0\r\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\n\n",
    ] {
        assert_eq!(status(&post(CHUNKED, body)), 400, "{body:?}");
    }
    for size in ["10001", "fffffffffffffffff", "100000000000000000000"] {
        assert_eq!(status(&post(CHUNKED, &format!("{size}\r\n"))), 413, "{size}");
    }
    assert_eq!(status(&post(CHUNKED, &"0".repeat(300))), 400);
    assert_eq!(status(&post(CHUNKED, &format!("0\r\n{}", "X: y\r\n".repeat(1000)))), 431);
}

#[test]
fn after_an_error_in_a_body_nothing_is_parsed() {
    let mut reader = RequestReader::new();
    let bytes = [post(CHUNKED, "x\r\n"), of_length("")].concat();
    let mut input = &bytes[..];
    let request = reader.next(&mut input).unwrap().unwrap();
    assert_eq!(request.body, RequestBody::Chunked);
    reader.take_body(request).unwrap();
    assert_eq!(reader.next(&mut input).unwrap_err().status, 400);
    assert_eq!(reader.next(&mut input).unwrap_err().status, 400);
    assert_eq!(reader.held(), 0);
}

#[test]
fn a_body_grows_with_what_comes_not_with_what_is_announced() {
    let mut reader = RequestReader::new();
    let head = post("Content-Length: 65536\r\n", "");
    let request = reader.next(&mut &head[..]).unwrap().unwrap();
    reader.take_body(request).unwrap();
    assert!(reader.in_request() && reader.held() < 200, "{}", reader.held());
    assert_eq!(reader.next(&mut &b"x"[..]), Ok(None));
    assert!(reader.held() < 200, "{}", reader.held());
    reader.release();
    assert_eq!((reader.in_request(), reader.held()), (false, 0));
}

#[test]
fn who_waits_to_be_told_that_a_body_may_come_is_known() {
    let expects = |text: &str| Request::parse(text.as_bytes()).unwrap().expects_continue();
    assert!(expects("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n"));
    assert!(!expects("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"));
    assert!(!expects("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"));
}

const WORDS: &[&[u8]] = &[
    b"POST /a HTTP/1.1\r\nHost: a\r\n",
    b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n",
    b"Content-Length: 5\r\n\r\n",
    b"Content-Length: 65537\r\n\r\n",
    b"\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"0\r\nX: y\r\n\r\n",
    b"hello",
    b"1",
    b"\n",
    b"\r",
    b";x=y",
    b" ",
    b"f",
    b"\0",
];

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_are_the_same_requests_or_the_same_error(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..20),
        step in 1_usize..50,
    ) {
        let bytes = words.concat();
        prop_assert_eq!(read(bytes.chunks(step)), read_all(&bytes));
    }
}
