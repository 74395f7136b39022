//! The format `srs`: the JSON of SRS's HTTP hooks, and the answers to them.
//!
//! The fields are those of SRS 5 and 6. Every stream is of SRS's default vhost. SRS has no hooks for `on_done` and
//! `on_update`. Those for a viewer of HLS are the ones of a player, with a `tcUrl` as if it played over RTMP.

use std::borrow::Cow;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::json;
use crate::engine::ClientProtocol;
use crate::modules::notify::event::{Event, Field, FieldValue, Occasion};
use crate::modules::notify::facts::{ClientFacts, Protocol, ServerFacts};

/// SRS's name for the vhost of everybody.
const VHOST: &str = "__defaultVhost__";
/// The most URLs that are taken from an answer.
const MAX_FORWARDS: usize = 16;

/// The body of the hook for an event; none if SRS has no hook for it.
pub fn body(occasion: &Occasion<'_>, server: &ServerFacts) -> Option<String> {
    let Occasion { client, name, event, .. } = *occasion;
    let mut fields = vec![
        ("server_id", server.server_id.as_str().into()),
        ("service_id", server.service_id.as_str().into()),
        ("action", action(event)?.into()),
        ("client_id", text(client.client_id.to_string())),
        ("ip", text(client.peer.map(|peer| peer.host()).unwrap_or_default())),
        ("vhost", VHOST.into()),
        ("app", client.app.as_str().into()),
    ];
    match event {
        Event::Disconnect { bytes_in, bytes_out } => {
            fields.extend([("send_bytes", (*bytes_out).into()), ("recv_bytes", (*bytes_in).into())]);
        }
        _ => fields.push(("tcUrl", FieldValue::Text(tc_url(client)))),
    }
    if !event.is_of_connection() {
        fields.extend([("stream", name.into()), ("param", text(param(occasion.url_args())))]);
    }
    if matches!(event, Event::Connect | Event::Play { .. }) {
        fields.push(("pageUrl", client.page_url.as_str().into()));
    }
    if let Event::RecordDone { path, .. } = event {
        fields.extend([("cwd", server.folder.as_str().into()), ("file", path.as_str().into())]);
    }
    if !event.is_of_connection() && *event != Event::Forward {
        fields.extend(ids(&client.app, name));
    }
    Some(json::object(fields))
}

/// Whether a response is a yes: 200 or 201 with 0, or with an object whose `code` is 0. If it is, the URLs that it has for
/// pushes, as an answer to SRS's hook `on_forward` has them; if not, what it is instead.
pub fn answer(status: u16, body: &[u8]) -> Result<Vec<String>, String> {
    if !matches!(status, 200 | 201) {
        return Err(status.to_string());
    }
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    match answer.get("code").unwrap_or(&answer).as_i64() {
        Some(0) => Ok(forwards(&answer)),
        Some(code) => Err(format!("code {code}")),
        None => Err("200 without a code".to_owned()),
    }
}

/// Whether a URL is one of RTMP.
pub fn is_rtmp(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    ["rtmp", "rtmps"].iter().any(|rtmp| scheme.eq_ignore_ascii_case(rtmp))
}

/// SRS's hook for an event.
fn action(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::Connect => "on_connect",
        Event::Disconnect { .. } => "on_close",
        Event::Publish { .. } => "on_publish",
        Event::Forward => "on_forward",
        Event::PublishDone => "on_unpublish",
        Event::Play { .. } => "on_play",
        Event::PlayDone => "on_stop",
        Event::RecordDone { .. } => "on_dvr",
        Event::Done | Event::Update { .. } => return None,
    })
}

fn text(text: String) -> FieldValue<'static> {
    FieldValue::Text(text.into())
}

/// The URL that a client has connected to. For one of HTTP, SRS makes one of RTMP from the host.
fn tc_url(client: &ClientFacts) -> Cow<'_, str> {
    match client.protocol {
        Protocol::Session(ClientProtocol::Rtmp) => client.tc_url.as_str().into(),
        Protocol::Session(ClientProtocol::HttpFlv | ClientProtocol::WebSocketFlv) | Protocol::Hls => {
            format!("rtmp://{}/{}", host_of(&client.tc_url), client.app).into()
        }
    }
}

/// The host of a URL, without its port.
fn host_of(url: &str) -> &str {
    let behind = url.split_once("://").map_or("", |(_, behind)| behind);
    let authority = behind.split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Arguments with the "?" in front, which SRS leaves there.
fn param(args: &str) -> String {
    if args.is_empty() { String::new() } else { format!("?{args}") }
}

/// The URL of a stream without its host, and an id that the stream always has.
fn ids(app: &str, stream: &str) -> [Field<'static>; 2] {
    let url = format!("/{app}/{stream}");
    let digest = Sha256::digest(url.as_bytes());
    let letters = digest.iter().take(7).map(|byte| char::from_digit(u32::from(byte % 36), 36).unwrap_or('0'));
    let id = format!("vid-{}", letters.collect::<String>());
    [("stream_url", text(url)), ("stream_id", text(id))]
}

fn forwards(answer: &Value) -> Vec<String> {
    let urls = answer.pointer("/data/urls").and_then(Value::as_array).into_iter().flatten();
    let urls = urls.filter_map(Value::as_str).filter(|url| is_rtmp(url));
    urls.take(MAX_FORWARDS).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Peer, PublishType};
    use crate::modules::notify::event::tests::{client, events, server, viewer};
    use crate::modules::notify::facts::ClientFacts;

    /// A client of SRS's documentation, of whom SRS has no more to tell.
    fn documented_client() -> ClientFacts {
        let address: std::net::SocketAddr = "192.168.1.10:1".parse().unwrap();
        ClientFacts {
            tc_url: "rtmp://video.test.com/live?key=d2fa801d08e3f90ed1e1670e6e52651a".into(),
            page_url: "http://www.test.com/live.html".into(),
            args: String::new(),
            peer: Some(address.into()),
            client_id: 1985,
            ..client()
        }
    }

    /// The body for an event, as a backend reads it.
    fn read(client: &ClientFacts, args: &str, event: &Event) -> Value {
        let body = body(&Occasion { client, name: "livestream", args, event }, &server()).unwrap();
        serde_json::from_str(&body).unwrap()
    }

    /// Whether a body has all that an example of the documentation has, but for the vhost: every stream is of the
    /// default one.
    fn assert_has(body: &Value, example: &str) {
        let example: Value = serde_json::from_str(example).unwrap();
        for (name, value) in example.as_object().unwrap() {
            let expected = if name == "vhost" { &Value::from(VHOST) } else { value };
            assert_eq!(&body[name], expected, "{name} of {body}");
        }
    }

    #[test]
    fn a_publish_has_the_bytes_of_srs() {
        // As a user of SRS 5 has it in a log, but for the numbers of client and stream.
        let client = ClientFacts {
            tc_url: "rtmp://localhost/live".into(),
            peer: Some(Peer::Internet("172.22.0.1:1".parse().unwrap())),
            client_id: 3_045_051,
            ..documented_client()
        };
        let event = Event::Publish { kind: PublishType::Live };
        let occasion =
            Occasion { client: &client, name: "livestream", args: "secret=5d074dc", event: &event };
        let expected = r#"{"server_id":"vid-y8d385z","service_id":"366z1g23","action":"on_publish","client_id":"3045051","ip":"172.22.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"rtmp://localhost/live","stream":"livestream","param":"?secret=5d074dc","stream_url":"/live/livestream","stream_id":"vid-uw3n75j"}"#;
        assert_eq!(body(&occasion, &server()).unwrap(), expected);
    }

    #[test]
    fn the_hooks_have_what_srs_documents() {
        let client = documented_client();
        let token = "token=xxx&salt=yyy";
        let connect = read(&client, "", &Event::Connect);
        assert_has(
            &connect,
            r#"{"action": "on_connect", "client_id": "1985", "ip": "192.168.1.10", "vhost": "video.test.com",
                "app": "live", "tcUrl": "rtmp://video.test.com/live?key=d2fa801d08e3f90ed1e1670e6e52651a",
                "pageUrl": "http://www.test.com/live.html"}"#,
        );
        let close = read(&client, "", &Event::Disconnect { bytes_in: 10240, bytes_out: 20480 });
        assert_has(
            &close,
            r#"{"action": "on_close", "client_id": "1985", "ip": "192.168.1.10", "vhost": "video.test.com",
                "app": "live", "send_bytes": 20480, "recv_bytes": 10240}"#,
        );
        for (hook, absent) in [(&connect, "send_bytes"), (&close, "tcUrl")] {
            for absent in [absent, "stream", "param", "stream_url", "stream_id"] {
                assert_eq!(hook.get(absent), None, "{absent}");
            }
        }
        for (event, action) in [
            (Event::Publish { kind: PublishType::Live }, "on_publish"),
            (Event::PublishDone, "on_unpublish"),
            (Event::Play { start: 0, duration: 0, reset: false }, "on_play"),
            (Event::PlayDone, "on_stop"),
        ] {
            let hook = read(&client, token, &event);
            assert_has(
                &hook,
                r#"{"client_id": "1985", "ip": "192.168.1.10", "vhost": "video.test.com", "app": "live",
                    "tcUrl": "rtmp://video.test.com/live?key=d2fa801d08e3f90ed1e1670e6e52651a",
                    "stream": "livestream", "param": "?token=xxx&salt=yyy", "stream_url": "/live/livestream"}"#,
            );
            assert_eq!(hook["action"], action);
            let page = (action == "on_play").then_some("http://www.test.com/live.html");
            assert_eq!(hook.get("pageUrl").and_then(Value::as_str), page);
        }
    }

    #[test]
    fn a_viewer_of_hls_has_what_srs_tells_of_one() {
        let occasion = Occasion { client: &viewer(), name: "cam", args: "key=1", event: &Event::OF_VIEWER };
        let id = "vid-19b4e1y";
        let expected = format!(
            r#"{{"server_id":"vid-y8d385z","service_id":"366z1g23","action":"on_play","client_id":"9","ip":"192.0.2.9","vhost":"__defaultVhost__","app":"live","tcUrl":"rtmp://192.0.2.1/live","stream":"cam","param":"?key=1","pageUrl":"http://192.0.2.1:8080/watch","stream_url":"/live/cam","stream_id":"{id}"}}"#
        );
        assert_eq!(body(&occasion, &server()).unwrap(), expected);
        let stop = read(&viewer(), "key=1", &Event::PlayDone);
        assert_eq!((&stop["action"], &stop["client_id"]), (&"on_stop".into(), &"9".into()));
    }

    #[test]
    fn a_host_is_without_its_port() {
        for (url, host) in [
            ("http://live.example/hls/a:1/cam.m3u8", "live.example"),
            ("https://live.example:8443/cam.m3u8", "live.example"),
            ("http://[2001:db8::1]:8080/cam.m3u8", "[2001:db8::1]"),
            ("http://[2001:db8::1]/cam.m3u8", "[2001:db8::1]"),
            ("nonsense", ""),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }

    #[test]
    fn a_recording_has_its_file_and_the_folder_of_the_server() {
        let path = "./objs/nginx/html/live/livestream.1420254068776.flv".to_owned();
        let event = Event::RecordDone { recorder: String::new(), path, length: std::time::Duration::ZERO };
        assert_has(
            &read(&documented_client(), "token=xxx&salt=yyy", &event),
            r#"{"action": "on_dvr", "client_id": "1985", "ip": "192.168.1.10", "vhost": "video.test.com",
                "app": "live", "stream": "livestream", "param": "?token=xxx&salt=yyy",
                "cwd": "/usr/local/srs", "file": "./objs/nginx/html/live/livestream.1420254068776.flv"}"#,
        );
    }

    #[test]
    fn the_parameters_are_those_of_the_stream_or_else_of_the_application() {
        let param = |args| read(&client(), args, &Event::PublishDone)["param"].clone();
        assert_eq!(param("key=a%20b"), "?key=a%20b");
        assert_eq!(param(""), "?token=t");
        assert_eq!(read(&documented_client(), "", &Event::PublishDone)["param"], "");
    }

    #[test]
    fn a_stream_has_an_id_of_its_own() {
        let id = |app, stream| match &ids(app, stream)[1].1 {
            FieldValue::Text(id) => id.to_string(),
            FieldValue::Number(_) => String::new(),
        };
        assert_eq!(id("live", "cam"), id("live", "cam"));
        assert_ne!(id("live", "cam"), id("live", "cam2"));
        let id = id("live", "cam");
        let (head, rest) = id.split_at(4);
        assert!(head == "vid-" && rest.len() == 7 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }

    #[test]
    fn srs_has_no_hook_for_updates_and_for_done() {
        let client = client();
        let hooks = events().into_iter().map(|event| {
            body(&Occasion { client: &client, name: "cam", args: "", event: &event }, &server()).is_some()
        });
        let expected = [true, true, true, true, true, true, false, false, false, true];
        assert_eq!(hooks.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn zero_is_yes_and_anything_else_is_no() {
        for yes in ["0", " 0\n", r#"{"code":0}"#, r#"{"code": 0, "data": ""}"#, r#"{"msg":"OK","code":0}"#] {
            assert_eq!(answer(200, yes.as_bytes()), Ok(vec![]), "{yes}");
        }
        for (status, body, expected) in [
            (200, "1", "code 1"),
            (200, r#"{"code":3064,"msg":"x"}"#, "code 3064"),
            (200, "-1", "code -1"),
            (200, "", "200 without a code"),
            (200, "{}", "200 without a code"),
            (200, "[0]", "200 without a code"),
            (200, r#"{"code":"0"}"#, "200 without a code"),
            (200, r#"{"code":null}"#, "200 without a code"),
            (200, r#"{"code":0"#, "200 without a code"),
            (200, "<html>0", "200 without a code"),
            (200, "0.0", "200 without a code"),
            (204, "", "204"),
            (302, "0", "302"),
            (403, r#"{"code":0}"#, "403"),
            (500, "0", "500"),
        ] {
            assert_eq!(answer(status, body.as_bytes()), Err(expected.to_owned()), "{status} {body}");
        }
        let deep = [b"[".repeat(60_000), b"]".repeat(60_000)].concat();
        assert!(answer(200, &deep).is_err());
    }

    #[test]
    fn a_yes_may_name_urls_for_pushes() {
        let urls = |body: &str| answer(200, body.as_bytes()).unwrap();
        let documented = r#"{"code": 0, "data": {"urls":["rtmp://127.0.0.1:19350/test/teststream"]}}"#;
        assert_eq!(urls(documented), ["rtmp://127.0.0.1:19350/test/teststream"]);
        let mixed =
            r#"{"code":0,"data":{"urls":["http://h/x",7,null,"RTMPS://h/app/key","rtmp:/h","file:///etc"]}}"#;
        assert_eq!(urls(mixed), ["RTMPS://h/app/key"]);
        for none in [r#"{"code":0,"data":{"urls":[]}}"#, r#"{"code":0,"data":{"urls":"rtmp://h/a/b"}}"#] {
            assert!(urls(none).is_empty(), "{none}");
        }
        let many =
            format!(r#"{{"code":0,"data":{{"urls":[{}"rtmp://h/a"]}}}}"#, r#""rtmp://h/a","#.repeat(40));
        assert_eq!(urls(&many).len(), MAX_FORWARDS);
    }
}
