//! The format `mediamtx`: the JSON that MediaMTX posts to `authHTTPAddress`, which asks whether somebody may publish or
//! read.
//!
//! A client gives user, password and token as arguments, so they stand both in fields of their own and in `query`. A yes
//! is any status of 2xx.

use sha2::{Digest, Sha256};

use super::arguments::value;
use super::json;
use crate::modules::notify::event::{Event, FieldValue, Occasion};
use crate::modules::notify::facts::ServerFacts;

/// The body for an event; none if MediaMTX does not ask about it.
pub fn body(occasion: &Occasion<'_>, server: &ServerFacts) -> Option<String> {
    let action = match occasion.event {
        Event::Publish { .. } => "publish",
        Event::Play { .. } => "read",
        _ => return None,
    };
    let (client, query) = (occasion.client, occasion.url_args());
    let text = |text: String| FieldValue::Text(text.into());
    let token = match value(query, "token") {
        // The name that it had before.
        none if none.is_empty() => value(query, "jwt"),
        token => token,
    };
    Some(json::object(vec![
        ("ip", text(client.peer.map(|peer| peer.host()).unwrap_or_default())),
        ("user", text(value(query, "user"))),
        ("password", text(value(query, "pass"))),
        ("token", text(token)),
        ("action", action.into()),
        ("path", text(format!("{}/{}", client.app, occasion.name))),
        ("protocol", client.protocol.word().into()),
        ("id", text(uuid(server.seed, client.client_id))),
        ("query", query.into()),
        ("userAgent", client.flash_ver.as_str().into()),
    ]))
}

/// An id in the form of a random UUID (RFC 9562, section 5.4). It is the same for all calls about a client, and another
/// for every client.
fn uuid(seed: u64, client_id: u32) -> String {
    let digest =
        Sha256::new().chain_update(seed.to_be_bytes()).chain_update(client_id.to_be_bytes()).finalize();
    let mut number = digest.iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    // Version 4 and the variant of RFC 9562.
    number = number & !(0xf << 76) | 4 << 76;
    number = number & !(3 << 62) | 2 << 62;
    let digits = format!("{number:032x}");
    let mut uuid = String::with_capacity(36);
    for (index, digit) in digits.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            uuid.push('-');
        }
        uuid.push(digit);
    }
    uuid
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Peer, PublishType};
    use crate::modules::notify::event::tests::{client, events, server, viewer};
    use crate::modules::notify::facts::ClientFacts;
    use serde_json::Value;

    const PUBLISH: Event = Event::Publish { kind: PublishType::Live };
    const PLAY: Event = Event::Play { start: -2000, duration: 0, reset: false };

    fn read(client: &ClientFacts, args: &str, event: &Event) -> Value {
        let body = body(&Occasion { client, name: "mystream", args, event }, &server()).unwrap();
        serde_json::from_str(&body).unwrap()
    }

    #[test]
    fn a_body_has_the_fields_of_mediamtx() {
        let client = ClientFacts { args: String::new(), ..client() };
        let args = "user=myuser&pass=mypass";
        let occasion = Occasion { client: &client, name: "mystream", args, event: &PUBLISH };
        let id = uuid(1, 7);
        let expected = format!(
            r#"{{"ip":"192.0.2.7","user":"myuser","password":"mypass","token":"","action":"publish","path":"live/mystream","protocol":"rtmp","id":"{id}","query":"user=myuser&pass=mypass","userAgent":"FMLE/3.0 (compatible; Lavf59.27"}}"#
        );
        assert_eq!(body(&occasion, &server()).unwrap(), expected);
    }

    #[test]
    fn the_documented_fields_are_there_with_and_without_credentials() {
        let documented = ["user", "password", "token", "ip", "action", "path", "protocol", "id", "query"];
        let client = ClientFacts { args: String::new(), peer: Some(Peer::Unix), ..client() };
        let body = read(&client, "", &PLAY);
        for field in documented {
            assert!(body[field].is_string(), "{field} of {body}");
        }
        assert_eq!((&body["user"], &body["password"]), (&"".into(), &"".into()));
        assert_eq!(
            (&body["action"], &body["ip"], &body["query"]),
            (&"read".into(), &"unix:".into(), &"".into())
        );
    }

    #[test]
    fn a_viewer_reads_by_hls() {
        let viewer = viewer();
        let args = "user=joe&pass=mypass&jwt=a.b.c";
        let occasion = Occasion { client: &viewer, name: "cam", args, event: &Event::OF_VIEWER };
        let id = uuid(1, 9);
        let expected = format!(
            r#"{{"ip":"192.0.2.9","user":"joe","password":"mypass","token":"a.b.c","action":"read","path":"live/cam","protocol":"hls","id":"{id}","query":"user=joe&pass=mypass&jwt=a.b.c","userAgent":"Mozilla/5.0"}}"#
        );
        assert_eq!(body(&occasion, &server()).unwrap(), expected);
    }

    #[test]
    fn a_token_comes_under_its_name_or_the_one_that_it_had_before() {
        for (args, token) in [
            ("token=mytoken", "mytoken"),
            ("jwt=a.b.c", "a.b.c"),
            ("jwt=a.b.c&token=mytoken", "mytoken"),
            ("token=&jwt=a", "a"),
            ("token=a%2Bb+c", "a+b c"),
            ("TOKEN=a&xtoken=b", ""),
        ] {
            let body = read(&client(), args, &PUBLISH);
            assert_eq!(body["token"], token, "{args}");
            assert_eq!(body["query"], args);
        }
    }

    #[test]
    fn the_query_is_that_of_the_application_if_the_stream_has_none() {
        let body = read(&client(), "", &PUBLISH);
        assert_eq!((&body["token"], &body["query"]), (&"t".into(), &"token=t".into()));
    }

    #[test]
    fn mediamtx_asks_only_about_publish_and_play() {
        let client = client();
        let asked = events()
            .iter()
            .filter(|event| {
                body(&Occasion { client: &client, name: "cam", args: "", event }, &server()).is_some()
            })
            .count();
        assert_eq!(asked, 2);
    }

    #[test]
    fn an_id_is_a_uuid_of_its_own() {
        let id = uuid(1, 7);
        assert_eq!(id, uuid(1, 7));
        assert!(id != uuid(1, 8) && id != uuid(2, 7));
        for (seed, client) in (0..50).zip(0..) {
            let id = uuid(seed, client);
            let lengths: Vec<_> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            assert!(id.as_bytes()[14] == b'4' && b"89ab".contains(&id.as_bytes()[19]), "{id}");
            assert!(id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()), "{id}");
        }
    }
}
