//! The answers, like nginx's: texts without a type. No cache may keep them, as the requests act.

use crate::engine::{Body, HttpReply};
use crate::http::ResponseHead;

/// The answer when there was nothing to do for a recorder.
pub fn nothing() -> HttpReply {
    HttpReply { head: ResponseHead::new(204).with("Cache-Control", "no-store"), body: Body::Empty }
}

/// An answer with a text. Like nginx's it has no type.
pub fn reply(text: &[u8]) -> HttpReply {
    let head = ResponseHead::new(200).with("Cache-Control", "no-store");
    HttpReply { head, body: Body::Bytes(text.into()) }
}
