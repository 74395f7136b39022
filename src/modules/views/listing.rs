//! A list of streams or clients that is being made, in steps; and what its parts have in common.

use std::fmt::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::engine::{Compose, Composed, Ctx, HttpReply, Session, SessionRole, Stream, Visit, Walk};
use crate::http::json;
use crate::media::Kind;
use crate::media::flv::Codec;

/// What is asked for at a path.
pub enum Question {
    /// It is answered at once.
    Reply(HttpReply),
    /// Streams or clients, or the one stream of this application and name.
    List(Box<dyn View>, Option<String>),
}

/// A part of a list.
pub enum Part<'a> {
    /// The application of this name begins.
    App(&'a str),
    Stream(&'a Stream),
    /// A publisher or player of the present stream.
    Client(&'a Stream, &'a Session, &'a SessionRole),
    StreamEnd,
    AppEnd,
}

/// A server's form of a list.
pub trait View: fmt::Debug {
    /// Adds what is before the first application, unless one stream alone is asked for.
    fn begin(&mut self, _cx: &Ctx, _text: &mut String) {}

    /// Whether it is told of clients.
    fn has_clients(&self) -> bool {
        true
    }

    /// Adds what there is to say of a part.
    fn write(&mut self, cx: &Ctx, part: Part<'_>, text: &mut String);

    /// Adds what is behind the last application, after so many streams.
    fn end(&mut self, _total: usize, _text: &mut String) {}

    /// The answer if the stream that is asked for is not there.
    fn missing(&self) -> HttpReply {
        HttpReply::error(404)
    }
}

#[derive(Debug)]
pub struct Listing {
    view: Box<dyn View>,
    /// The label of the only stream that is listed.
    only: Option<String>,
    walk: Option<Walk>,
    text: String,
    /// Streams so far.
    total: usize,
}

impl Listing {
    /// A list of all streams, or of the one with this label.
    pub fn new(view: Box<dyn View>, only: Option<String>) -> Self {
        Self { view, only, walk: None, text: String::new(), total: 0 }
    }

    /// The walk over what is asked for; none if it is a stream that is not there.
    fn begin(&mut self, cx: &Ctx) -> Option<Walk> {
        if let Some(label) = &self.only {
            return Some(Walk::of_stream(cx.stream_of_label(label)?.id));
        }
        self.view.begin(cx, &mut self.text);
        // These tools know streams by their names.
        let walk = Walk::by_name(cx);
        Some(if self.view.has_clients() { walk } else { walk.without_clients() })
    }

    fn write(&mut self, cx: &Ctx, visit: Visit) {
        self.total += usize::from(matches!(visit, Visit::Stream(_)));
        if let Some(part) = Part::of(cx, visit) {
            self.view.write(cx, part, &mut self.text);
        }
    }

    fn finish(&mut self) -> HttpReply {
        if self.only.is_none() {
            self.view.end(self.total, &mut self.text);
        }
        reply(std::mem::take(&mut self.text))
    }
}

impl Compose for Listing {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        let cx = &*cx;
        let Some(mut walk) = self.walk.take().or_else(|| self.begin(cx)) else {
            return Composed::Reply(self.view.missing());
        };
        if !walk.step(cx, |visit| self.write(cx, visit)) {
            return Composed::Reply(self.finish());
        }
        self.walk = Some(walk);
        Composed::Partly
    }
}

impl<'a> Part<'a> {
    fn of(cx: &'a Ctx, visit: Visit) -> Option<Self> {
        Some(match visit {
            Visit::Partly => return None,
            Visit::App(app) => Self::App(cx.apps.get(app).map_or("", |app| &app.name)),
            Visit::Stream(id) => Self::Stream(cx.streams.get(id)?),
            Visit::Client(id, client) => {
                let session = cx.sessions.get(client.session)?;
                Self::Client(cx.streams.get(id)?, session, session.roles().on(client.msid)?)
            }
            Visit::StreamEnd(_) => Self::StreamEnd,
            Visit::AppEnd(_) => Self::AppEnd,
        })
    }
}

/// A reply with a text of JSON.
pub fn reply(text: String) -> HttpReply {
    HttpReply::made(200, "application/json", "no-cache", text)
}

/// Adds an entry of an array or object, with a comma before it unless it is the first.
pub fn push(text: &mut String, value: &Value) {
    comma(text);
    text.push_str(&json::to_string(value));
}

/// Adds the name of a member, likewise.
pub fn push_name(text: &mut String, name: &str) {
    comma(text);
    json::push_text(text, name);
    text.push(':');
}

/// Adds a value without its closing brace, for what follows in it: `, "name": [`.
pub fn push_open(text: &mut String, value: &Value, name: &str) {
    comma(text);
    let closed = json::to_string(value);
    // Writing to a String cannot fail.
    let _ = write!(text, "{},\"{name}\":[", closed.strip_suffix('}').unwrap_or(&closed));
}

fn comma(text: &mut String) {
    text.push_str(if text.is_empty() || text.ends_with(['[', '{', ':']) { "" } else { "," });
}

/// The name of the application of a stream.
pub fn app_name<'a>(cx: &'a Ctx, stream: &Stream) -> &'a str {
    cx.apps.get(stream.app).map_or("", |app| &app.name)
}

/// The name of a codec without dots: `H264`; none if there is none.
pub fn codec(codec: Codec, kind: Kind) -> Option<String> {
    (codec != Codec::None).then(|| codec.name(kind).replace('.', ""))
}

/// The time for which a stream is live.
pub fn age(cx: &Ctx, stream: &Stream) -> Duration {
    stream.publisher_since.map_or(Duration::ZERO, |since| cx.now.instant.saturating_duration_since(since))
}

/// The date and time of so long ago.
pub fn date(cx: &Ctx, ago: Duration) -> Option<String> {
    Some(Timestamp::try_from(cx.now.wall.checked_sub(ago)?).ok()?.to_string())
}
