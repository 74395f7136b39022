//! node-media-server: `GET /api/streams` and `GET /api/streams/APP/NAME`.

use serde_json::{Value, json};

use crate::engine::{Ctx, HttpReply, Session, SessionRole, Stream};
use crate::http::json::to_string;
use crate::media::Kind;

use super::listing::{Part, Question, View, age, app_name, codec, date, push, push_name, push_open, reply};

#[derive(Debug)]
enum List {
    /// All streams by application and name, with their clients.
    All,
    /// One stream in short.
    One,
}

pub fn question(path: &str) -> Option<Question> {
    let below = path.strip_prefix("/api/streams")?;
    if below.trim_end_matches('/').is_empty() {
        return Some(Question::List(Box::new(List::All), None));
    }
    Some(Question::List(Box::new(List::One), Some(below.strip_prefix('/')?.to_owned())))
}

impl View for List {
    fn begin(&mut self, _cx: &Ctx, text: &mut String) {
        text.push('{');
    }

    fn write(&mut self, cx: &Ctx, part: Part<'_>, text: &mut String) {
        match (self, part) {
            (Self::One, Part::Stream(stream)) => text.push_str(&to_string(&summary(Some((cx, stream))))),
            (Self::One, _) | (_, Part::Client(_, _, SessionRole::Publisher { .. })) => {}
            (_, Part::App(name)) => {
                push_name(text, name);
                text.push('{');
            }
            (_, Part::Stream(stream)) => {
                push_name(text, stream.name.as_str());
                let publisher = stream.publisher.and_then(|client| cx.sessions.get(client.session));
                let publisher = publisher.map(|session| describe_publisher(cx, stream, session));
                push_open(text, &json!({"publisher": publisher}), "subscribers");
            }
            // A push is no viewer.
            (_, Part::Client(_, session, _)) if cx.relay_of(session.id).is_some() => {}
            (_, Part::Client(stream, session, _)) => push(text, &describe(cx, stream, session)),
            (_, Part::StreamEnd) => text.push_str("]}"),
            (_, Part::AppEnd) => text.push('}'),
        }
    }

    fn end(&mut self, _total: usize, text: &mut String) {
        text.push('}');
    }

    fn missing(&self) -> HttpReply {
        reply(to_string(&summary(None)))
    }
}

/// A stream in short, also one that is not there.
fn summary(stream: Option<(&Ctx, &Stream)>) -> Value {
    let age = stream.map(|(cx, stream)| age(cx, stream));
    let rate = stream.map_or(0, |(cx, stream)| stream.traffic.all_in.per_second(cx.now.instant));
    json!({
        "isLive": stream.is_some_and(|(_, stream)| stream.publisher.is_some()),
        "viewers": stream.map_or(0, |(cx, stream)| cx.players_of(stream)), "duration": age.unwrap_or_default().as_secs(),
        "bitrate": 8 * rate / 1000, "startTime": stream.zip(age).and_then(|((cx, _), age)| date(cx, age)), "arguments": {},
    })
}

/// A client in its stream.
fn describe(cx: &Ctx, stream: &Stream, session: &Session) -> Value {
    json!({
        "app": app_name(cx, stream), "stream": stream.name.as_str(), "clientId": session.id.serial().to_string(),
        "connectCreated": date(cx, cx.now.instant.saturating_duration_since(session.opened)),
        "bytes": session.bytes_out, "ip": session.peer.host(), "protocol": "rtmp",
    })
}

fn describe_publisher(cx: &Ctx, stream: &Stream, session: &Session) -> Value {
    let (mut value, facts) = (describe(cx, stream, session), &stream.facts);
    value["bytes"] = session.bytes_in.into();
    value["video"] = json!({
        "codec": codec(facts.video_codec, Kind::Video).unwrap_or_default(), "width": facts.width, "height": facts.height,
        "profile": facts.video_profile, "level": f64::from(facts.video_level) / 10.0, "fps": facts.frame_rate,
    });
    value["audio"] = json!({
        "codec": codec(facts.audio_codec, Kind::Audio).unwrap_or_default(), "profile": facts.audio_profile,
        "samplerate": facts.sample_rate, "channels": facts.channels,
    });
    value
}
