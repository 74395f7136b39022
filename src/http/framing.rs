//! Bodies of requests: none is taken, and none is overlooked.
//!
//! A body is refused with the head that announces it, so what follows a head is always the next head.

use super::headers::{Headers, HttpError, Method};

/// Refuses bodies, and every head whose body another parser could see elsewhere (RFC 9112, section 6.3).
pub(super) fn check(method: &Method, headers: &Headers, version_minor: u8) -> Result<(), HttpError> {
    let refused = match method {
        Method::Get | Method::Head | Method::Options => HttpError::new(400, "body not expected"),
        Method::Other(_) => HttpError::new(413, "bodies are not accepted"),
    };
    let mut lengths = headers.all("content-length");
    let length = lengths.next();
    if lengths.next().is_some() {
        return Err(HttpError::new(400, "more than one Content-Length"));
    }
    let mut codings = headers.all("transfer-encoding");
    if let Some(coding) = codings.next() {
        return Err(match (version_minor, length, codings.next()) {
            (0, _, _) => HttpError::new(400, "Transfer-Encoding in HTTP/1.0"),
            (_, Some(_), _) => HttpError::new(400, "Content-Length and Transfer-Encoding"),
            (_, _, Some(_)) => HttpError::new(400, "more than one Transfer-Encoding"),
            _ => refuse_coding(coding, refused),
        });
    }
    match length {
        None => Ok(()),
        Some(length) if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(HttpError::new(400, "bad Content-Length"))
        }
        Some(length) => match length.parse::<u64>() {
            Ok(0) => Ok(()),
            Ok(_) => Err(refused),
            Err(_) => Err(HttpError::new(400, "bad Content-Length")),
        },
    }
}

/// The error for a single Transfer-Encoding (RFC 9112, section 6.1).
fn refuse_coding(coding: &str, refused: HttpError) -> HttpError {
    let mut names = coding.rsplit(',').map(str::trim);
    let last_is_chunked = names.next().is_some_and(|name| name.eq_ignore_ascii_case("chunked"));
    match (last_is_chunked, names.next()) {
        (true, None) => refused,
        (true, Some(_)) => HttpError::new(501, "unknown transfer coding"),
        (false, _) => HttpError::new(400, "body without an end"),
    }
}

#[cfg(test)]
mod tests {
    use crate::http::request::Request;

    fn status(head: &str) -> u16 {
        Request::parse(head.as_bytes()).map_or_else(|error| error.status, |_| 200)
    }

    fn get(fields: &str) -> u16 {
        status(&format!("GET /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
    }

    #[test]
    fn framing_that_could_be_read_in_two_ways_is_refused() {
        for fields in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 0\r\nContent-Length: 0\r\n",
            "Content-Length: 0\r\nContent-Length: 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: +0\r\n",
            "Content-Length: 5,5\r\n",
            "Content-Length: 0, 0\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length: 5 5\r\n",
            "Content-Length: -1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 18446744073709551616\r\n",
            "Content-Length : 0\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "Transfer-Encoding:\r\n",
            "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding: \u{b}chunked\r\n",
            "X: a\r\n Transfer-Encoding: chunked\r\n",
            "X: a\rContent-Length: 5\r\n",
            "X: a\0b\r\n",
            "\u{e9}: a\r\n",
            ": a\r\n",
            "X\r\n",
        ] {
            assert_eq!(get(fields), 400, "{fields:?}");
        }
        assert_eq!(status("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    }

    #[test]
    fn a_body_is_refused_with_the_head_that_announces_it() {
        let post = |field: &str| status(&format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n"));
        assert_eq!(get("Content-Length: 5\r\n"), 400);
        assert_eq!(get("Transfer-Encoding: chunked\r\n"), 400);
        assert_eq!(get("Transfer-Encoding: gzip, chunked\r\n"), 501);
        assert_eq!(get("Content-Length: 0\r\n"), 200);
        assert_eq!(post("Content-Length: 0"), 200);
        assert_eq!(post("Content-Length: 10737418240"), 413);
        assert_eq!(post("Transfer-Encoding: Chunked"), 413);
    }
}
