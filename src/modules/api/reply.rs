//! Answers of the API: JSON in each case, errors as `{"error": "..."}`.

use serde::Serialize;

use crate::engine::HttpReply;
use crate::http::json;

/// Why a request is not answered with what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    status: u16,
    /// The text for whoever asks.
    why: String,
    /// A further header field.
    field: Option<(&'static str, String)>,
}

impl Fault {
    /// An error with this status.
    pub fn new(status: u16, why: impl Into<String>) -> Self {
        Self { status, why: why.into(), field: None }
    }

    /// There is no such thing.
    pub fn not_found(why: impl Into<String>) -> Self {
        Self::new(404, why)
    }

    /// Another method is needed.
    pub fn method(allowed: &'static str) -> Self {
        let why = format!("this takes {allowed}");
        Self { field: Some(("Allow", allowed.to_owned())), ..Self::new(405, why) }
    }

    /// The answer.
    pub fn into_reply(self) -> HttpReply {
        let reply = json_reply(self.status, &Message { error: &self.why });
        match self.field {
            Some((name, value)) => reply.with(name, value),
            None => reply,
        }
    }
}

#[derive(Serialize)]
struct Message<'a> {
    error: &'a str,
}

/// An answer with a value.
pub fn json_reply(status: u16, value: &impl Serialize) -> HttpReply {
    let mut text = json::to_string(value);
    text.push('\n');
    text_reply(status, text)
}

/// An answer with a text of JSON.
pub fn text_reply(status: u16, text: String) -> HttpReply {
    HttpReply::made(status, "application/json", "no-store", text)
}
