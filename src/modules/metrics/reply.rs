//! Answers that nobody keeps.

use std::rc::Rc;

use crate::engine::{Body, HttpReply};
use crate::http::ResponseHead;

/// A short text.
pub fn plain(status: u16, text: &str) -> HttpReply {
    reply(status, "text/plain; charset=utf-8", text)
}

/// A text of some type.
pub fn reply(status: u16, mime: &'static str, text: &str) -> HttpReply {
    let head = ResponseHead::new(status)
        .with("Content-Type", mime)
        .with("Cache-Control", "no-store")
        .with("X-Content-Type-Options", "nosniff");
    HttpReply { head, body: Body::Bytes(Rc::from(text.as_bytes())) }
}
