//! The handshake of a WebSocket (RFC 6455, section 4.2): what accepts it, and what is wrong with one.

use crate::http::response::is_token;
use crate::http::{Method, Request, ResponseHead, websocket};

/// What is wrong with a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The status of the answer.
    pub status: u16,
    /// What is wrong, for the client and the log.
    pub why: &'static str,
}

/// The head that accepts a handshake, or what is wrong with it; none if a request is no handshake.
pub fn answer(request: &Request) -> Option<Result<ResponseHead, Fault>> {
    is_meant(request).then(|| accept(request, asks(request)))
}

/// Whether a request is meant as a handshake. A proxy may have left out what concerns the connection.
pub fn is_meant(request: &Request) -> bool {
    let has_key = || request.headers.get("sec-websocket-key").is_some();
    request.method == Method::Get && (asks(request) || has_key())
}

fn asks(request: &Request) -> bool {
    request.headers.has_token("upgrade", "websocket")
}

fn accept(request: &Request, asks: bool) -> Result<ResponseHead, Fault> {
    let fault = |status, why| Err(Fault { status, why });
    let headers = &request.headers;
    if request.version_minor == 0 {
        return fault(426, "a WebSocket needs HTTP/1.1; a proxy in front has to speak that, too");
    }
    if !asks || !headers.has_token("connection", "upgrade") {
        return fault(
            426,
            "a WebSocket needs the fields Upgrade and Connection; a proxy in front has to pass them on",
        );
    }
    if !headers.all("sec-websocket-version").eq([websocket::VERSION]) {
        return fault(426, "the version of WebSocket is 13");
    }
    let mut keys = headers.all("sec-websocket-key");
    let (Some(key), None) = (keys.next().filter(|key| websocket::is_key(key)), keys.next()) else {
        return fault(400, "a WebSocket needs one Sec-WebSocket-Key of 16 bytes in base64");
    };
    let head = ResponseHead::new(101).with("Sec-WebSocket-Accept", websocket::accept(key));
    // A browser whose page asks for a protocol ends the connection unless one is chosen.
    let mut protocols =
        headers.all("sec-websocket-protocol").flat_map(|field| field.split(',')).map(str::trim);
    Ok(match protocols.next().filter(|protocol| is_token(protocol)) {
        Some(protocol) => head.with("Sec-WebSocket-Protocol", protocol),
        None => head,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";

    fn answer_to(line: &str, fields: &[&str]) -> Option<Result<ResponseHead, Fault>> {
        let head = format!("{line}\r\nHost: a\r\n{}\r\n", fields.concat());
        answer(&Request::parse(head.as_bytes()).unwrap())
    }

    fn get(fields: &[&str]) -> Option<Result<ResponseHead, Fault>> {
        answer_to("GET /live/cam.flv HTTP/1.1", fields)
    }

    #[test]
    fn the_handshake_of_the_specification_is_accepted() {
        let head = get(&[KEY, UPGRADE, VERSION]).unwrap().unwrap();
        assert_eq!(head.status, 101);
        assert_eq!(head.get("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(head.headers.len(), 1);
    }

    #[test]
    fn names_of_fields_and_tokens_are_taken_as_browsers_and_proxies_send_them() {
        for upgrade in [
            "upgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\n",
            "Upgrade: h2c, websocket\r\nConnection: keep-alive\r\nConnection: upgrade\r\n",
        ] {
            assert_eq!(get(&[KEY, upgrade, VERSION]).unwrap().unwrap().status, 101, "{upgrade}");
        }
    }

    #[test]
    fn the_first_protocol_that_is_asked_for_is_chosen() {
        for (fields, chosen) in [
            ("Sec-WebSocket-Protocol: flv\r\n", Some("flv")),
            ("Sec-WebSocket-Protocol: flv.v1 , b\r\nSec-WebSocket-Protocol: c\r\n", Some("flv.v1")),
            ("Sec-WebSocket-Protocol: a b\r\n", None),
            ("Sec-WebSocket-Protocol: \r\n", None),
        ] {
            let head = get(&[KEY, UPGRADE, VERSION, fields]).unwrap().unwrap();
            assert_eq!(head.get("sec-websocket-protocol"), chosen, "{fields}");
        }
    }

    #[test]
    fn what_asks_for_no_websocket_is_no_handshake() {
        for fields in
            [&[][..], &["Upgrade: h2c\r\nConnection: Upgrade\r\n"], &[VERSION], &["Connection: Upgrade\r\n"]]
        {
            assert_eq!(get(fields), None, "{fields:?}");
        }
        assert_eq!(answer_to("HEAD /live/cam.flv HTTP/1.1", &[KEY, UPGRADE, VERSION]), None);
    }

    #[test]
    fn a_wrong_handshake_is_refused_with_the_reason() {
        for (fields, status, why) in [
            (&[KEY, VERSION][..], 426, "Upgrade and Connection"),
            (&[KEY, VERSION, "Upgrade: websocket\r\nConnection: close\r\n"], 426, "Upgrade and Connection"),
            (&[KEY, UPGRADE], 426, "version"),
            (&[KEY, UPGRADE, "Sec-WebSocket-Version: 8\r\n"], 426, "version"),
            (&[KEY, UPGRADE, VERSION, VERSION], 426, "version"),
            (&[UPGRADE, VERSION], 400, "Sec-WebSocket-Key"),
            (&[UPGRADE, VERSION, KEY, KEY], 400, "Sec-WebSocket-Key"),
            (&[UPGRADE, VERSION, "Sec-WebSocket-Key: dGhl\r\n"], 400, "Sec-WebSocket-Key"),
        ] {
            let fault = get(fields).unwrap().unwrap_err();
            assert!(fault.status == status && fault.why.contains(why), "{fields:?}: {fault:?}");
        }
        let old = answer_to("GET /live/cam.flv HTTP/1.0", &[KEY, UPGRADE, VERSION]).unwrap().unwrap_err();
        assert!(old.status == 426 && old.why.contains("HTTP/1.1"), "{old:?}");
    }
}
