//! Decisions and answers of modules for an HTTP request: continue, redirect, reply, compose a reply in steps, close.
//!
//! Only the types; `http/mod.rs` acts on them.

use std::fmt;

use crate::engine::ctx::Ctx;
use crate::engine::http::body::Body;
use crate::engine::http::request::HttpRequest;
use crate::http;

/// A module's decision about a request.
#[derive(Debug)]
pub enum Route {
    /// Nothing is decided; the next module is asked.
    Continue,
    /// Send this reply; an error may still get an error page.
    Reply(HttpReply),
    /// Send exactly this reply.
    Verbatim(HttpReply),
    /// Send the reply that this composes.
    Later(Box<dyn Compose>),
    /// Continue at another place of this server, without telling the client.
    Redirect(Redirect),
    /// Close the connection without an answer.
    Close,
}

/// An internal redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The place to continue at.
    pub target: Target,
    /// The status of the answer if that would be a success, in place of its own.
    pub status: Option<u16>,
}

/// A place of this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The location that a path belongs to.
    Path {
        /// The path, decoded.
        path: String,
        /// The query behind "?".
        query: String,
    },
    /// The named location of this name, with its "@", for the same path.
    Named(String),
}

/// A module's answer to an HTTP request.
#[derive(Debug)]
pub enum Answer {
    /// The answer.
    Reply(HttpReply),
    /// A composer of the answer, which takes several steps.
    Later(Box<dyn Compose>),
}

impl From<Answer> for Route {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Reply(reply) => Self::Reply(reply),
            Answer::Later(work) => Self::Later(work),
        }
    }
}

/// The composing of a long answer, such as a list of thousands, in steps between which other sessions are served.
pub trait Compose: fmt::Debug {
    /// Does one step of about a millisecond, [`COMPOSED_AT_ONCE`] entries of a list. Returns the answer with the last
    /// one.
    fn step(&mut self, cx: &Ctx) -> Option<HttpReply>;
}

/// Entries of a list that are read or written in one step.
pub const COMPOSED_AT_ONCE: usize = 256;

/// An answer to an HTTP request.
#[derive(Debug)]
pub struct HttpReply {
    /// Status and headers, without those of the connection and the length.
    pub head: http::ResponseHead,
    /// The body.
    pub body: Body,
}

impl HttpReply {
    /// An error or a redirect, with a page that explains its status.
    pub fn error(status: u16) -> Self {
        let (head, page) = http::response::error_page(status);
        Self { head, body: Body::Bytes(page.into()) }
    }

    /// The same with another header field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.head = self.head.with(name, value);
        self
    }
}

/// An answer that is being composed.
#[derive(Debug)]
pub(in crate::engine) struct Composing {
    pub request: HttpRequest,
    pub work: Box<dyn Compose>,
    /// The status of the answer if that would be a success, in place of its own.
    pub forced: Option<u16>,
}
