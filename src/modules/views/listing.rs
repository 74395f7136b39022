//! A list of streams or clients that is being made, in steps; and what its parts have in common.

use std::fmt::{self, Write};
use std::time::Duration;

use serde_json::Value;

use crate::engine::{
    Body, COMPOSED_AT_ONCE, Compose, Composed, Ctx, HttpReply, Session, SessionRole, Stream, StreamId, Visit,
    Walk,
};
use crate::http::{ResponseHead, json};

/// What is asked for at a path.
pub enum Question {
    /// It is answered at once.
    Reply(HttpReply),
    /// Streams or clients, or the one stream of this application and name.
    List(Box<dyn View>, Option<String>),
}

/// A server's form of a list.
pub trait View: fmt::Debug {
    /// Adds what is before the first application, unless one stream alone is asked for.
    fn begin(&mut self, _text: &mut String) {}

    /// Adds what there is to say at a step of the walk.
    fn visit(&mut self, cx: &Ctx, visit: Visit, text: &mut String);

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
    /// That stream, while it is visited.
    chosen: Option<StreamId>,
    walk: Option<Walk>,
    text: String,
    /// Streams so far.
    total: usize,
}

impl Listing {
    /// A list of all streams, or of the one with this label.
    pub fn new(view: Box<dyn View>, only: Option<String>) -> Self {
        Self { view, only, chosen: None, walk: None, text: String::new(), total: 0 }
    }

    fn write(&mut self, cx: &Ctx, visit: Visit) {
        if let (Some(only), Visit::Stream(id)) = (&self.only, visit) {
            self.chosen = cx.streams.get(id).filter(|stream| *stream.label == **only).map(|_| id);
        }
        let is_wanted = match visit {
            Visit::Stream(id) | Visit::Client(id, _) | Visit::StreamEnd(id) => self.chosen == Some(id),
            Visit::Partly | Visit::App(_) | Visit::AppEnd(_) => false,
        };
        if self.only.is_some() && !is_wanted {
            return;
        }
        self.total += usize::from(matches!(visit, Visit::Stream(_)));
        self.view.visit(cx, visit, &mut self.text);
    }

    fn finish(&mut self) -> HttpReply {
        if self.only.is_none() {
            self.view.end(self.total, &mut self.text);
        } else if self.total == 0 {
            return self.view.missing();
        }
        reply(std::mem::take(&mut self.text))
    }
}

impl Compose for Listing {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        let cx = &*cx;
        let mut walk = self.walk.take().unwrap_or_else(|| {
            if self.only.is_none() {
                self.view.begin(&mut self.text);
            }
            Walk::new(cx)
        });
        for _ in 0..COMPOSED_AT_ONCE {
            match walk.next(cx) {
                None => return Composed::Reply(self.finish()),
                Some(Visit::Partly) => break,
                Some(visit) => self.write(cx, visit),
            }
        }
        self.walk = Some(walk);
        Composed::Partly
    }
}

/// A reply with a text of JSON.
pub fn reply(text: String) -> HttpReply {
    let head = ResponseHead::new(200)
        .with("Content-Type", "application/json")
        .with("Cache-Control", "no-cache")
        .with("X-Content-Type-Options", "nosniff");
    HttpReply { head, body: Body::Bytes(text.into_bytes().into()) }
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

/// A client of a stream, unless it has gone.
pub fn client(cx: &Ctx, visit: Visit) -> Option<(&Stream, &Session, &SessionRole)> {
    let Visit::Client(id, client) = visit else { return None };
    let session = cx.sessions.get(client.session)?;
    Some((cx.streams.get(id)?, session, session.roles().on(client.msid)?))
}

/// The name of the application of a stream.
pub fn app_name<'a>(cx: &'a Ctx, stream: &Stream) -> &'a str {
    cx.apps.get(stream.app).map_or("", |app| &app.name)
}

/// The time for which a stream is live.
pub fn age(cx: &Ctx, stream: &Stream) -> Duration {
    stream.publisher_since.map_or(Duration::ZERO, |since| cx.now.instant.saturating_duration_since(since))
}

/// A URL without its query, which may be a secret.
pub fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}
