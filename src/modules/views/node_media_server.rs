//! node-media-server: `GET /api/streams` and `GET /api/streams/APP/NAME`.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::engine::{Ctx, HttpReply, Session, SessionRole, Stream, Visit};
use crate::http::json::to_string;
use crate::media::Kind;

use super::listing::{Question, View, age, app_name, client, push, push_name, push_open, reply};

/// All streams by application and name, with their clients.
#[derive(Debug)]
struct Streams;

/// One stream in short.
#[derive(Debug)]
struct Summary;

pub fn question(path: &str) -> Option<Question> {
    let below = path.strip_prefix("/api/streams")?;
    if below.trim_end_matches('/').is_empty() {
        return Some(Question::List(Box::new(Streams), None));
    }
    Some(Question::List(Box::new(Summary), Some(below.strip_prefix('/')?.to_owned())))
}

impl View for Streams {
    fn begin(&mut self, text: &mut String) {
        text.push('{');
    }

    fn visit(&mut self, cx: &Ctx, visit: Visit, text: &mut String) {
        match visit {
            Visit::App(app) => {
                push_name(text, cx.apps.get(app).map_or("", |app| &app.name));
                text.push('{');
            }
            Visit::Stream(id) => {
                let Some(stream) = cx.streams.get(id) else { return };
                push_name(text, stream.name.as_str());
                let publisher = stream.publisher.and_then(|client| cx.sessions.get(client.session));
                let publisher = publisher.map(|session| describe_publisher(cx, stream, session));
                push_open(text, &json!({"publisher": publisher}), "subscribers");
            }
            Visit::Client(..) => {
                if let Some((stream, session, SessionRole::Player(_))) = client(cx, visit) {
                    push(text, &describe(cx, stream, session));
                }
            }
            Visit::StreamEnd(_) => text.push_str("]}"),
            Visit::AppEnd(_) => text.push('}'),
            Visit::Partly => {}
        }
    }

    fn end(&mut self, _total: usize, text: &mut String) {
        text.push('}');
    }
}

impl View for Summary {
    fn visit(&mut self, cx: &Ctx, visit: Visit, text: &mut String) {
        let Visit::Stream(id) = visit else { return };
        let Some(stream) = cx.streams.get(id) else { return };
        let age = age(cx, stream);
        let since = cx.now.wall.checked_sub(age).and_then(|since| Timestamp::try_from(since).ok());
        let rate = stream.traffic.all_in.per_second(cx.now.instant);
        text.push_str(&to_string(&json!({
            "isLive": stream.publisher.is_some(), "viewers": stream.players.len(), "duration": age.as_secs(),
            "bitrate": 8 * rate / 1000, "startTime": since.map(|since| since.to_string()), "arguments": {},
        })));
    }

    fn missing(&self) -> HttpReply {
        let none = json!({"isLive": false, "viewers": 0, "duration": 0, "bitrate": 0, "startTime": null, "arguments": {}});
        reply(to_string(&none))
    }
}

/// A client in its stream.
fn describe(cx: &Ctx, stream: &Stream, session: &Session) -> Value {
    let opened = cx.now.wall.checked_sub(cx.now.instant.saturating_duration_since(session.opened));
    let opened = opened.and_then(|opened| Timestamp::try_from(opened).ok()).map(|opened| opened.to_string());
    json!({
        "app": app_name(cx, stream), "stream": stream.name.as_str(), "clientId": session.id.serial().to_string(),
        "connectCreated": opened, "bytes": session.bytes_out, "ip": session.peer.host(), "protocol": "rtmp",
    })
}

fn describe_publisher(cx: &Ctx, stream: &Stream, session: &Session) -> Value {
    let (mut value, facts) = (describe(cx, stream, session), &stream.facts);
    value["bytes"] = session.bytes_in.into();
    value["video"] = json!({
        "codec": facts.video_codec.name(Kind::Video).replace('.', ""), "width": facts.width, "height": facts.height,
        "profile": facts.video_profile, "level": f64::from(facts.video_level) / 10.0, "fps": facts.frame_rate,
    });
    value["audio"] = json!({
        "codec": facts.audio_codec.name(Kind::Audio), "profile": facts.audio_profile,
        "samplerate": facts.sample_rate, "channels": facts.channels,
    });
    value
}
