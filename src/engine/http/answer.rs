//! What modules say to an HTTP request: where it goes, or what is sent.

use std::fmt;

use crate::engine::ctx::Ctx;
use crate::engine::http::body::Body;
use crate::engine::http::request::HttpRequest;
use crate::http;

/// Where a request goes.
#[derive(Debug)]
pub enum Route {
    /// On: nothing is decided.
    Continue,
    /// Back, with this answer; an error may still get a page of its own.
    Reply(HttpReply),
    /// Back, with just this answer.
    Verbatim(HttpReply),
    /// Back, with the answer that is made by this.
    Later(Box<dyn Compose>),
    /// To another place on this server, without the client's knowledge.
    Redirect(Redirect),
    /// Nowhere: the connection closes without an answer.
    Close,
}

/// An internal redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// Where to.
    pub target: Target,
    /// The status to answer with if something good is found there, in place of its own.
    pub status: Option<u16>,
}

/// A place on this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A path, decoded, with its query: the location it falls into.
    Path {
        /// The path.
        path: String,
        /// What follows "?".
        query: String,
    },
    /// The location of that name, with its "@", for the same path.
    Named(String),
}

/// What a module has for an HTTP request.
#[derive(Debug)]
pub enum Answer {
    /// The answer.
    Reply(HttpReply),
    /// The means to make it, which takes long.
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

/// The making of an answer that takes long, a list of thousands, in steps between which others have their turn.
pub trait Compose: fmt::Debug {
    /// Does one step, which takes a millisecond or so: [`COMPOSED_AT_ONCE`] entries of a list. The answer after
    /// the last one.
    fn step(&mut self, cx: &Ctx) -> Option<HttpReply>;
}

/// Entries of a list that are looked at, or written, in one step.
pub const COMPOSED_AT_ONCE: usize = 256;

/// An answer to an HTTP request.
#[derive(Debug)]
pub struct HttpReply {
    /// Status and headers, without those of the connection and the length.
    pub head: http::ResponseHead,
    /// What follows the head.
    pub body: Body,
}

impl HttpReply {
    /// An error or a redirect, with the page that explains its status.
    pub fn error(status: u16) -> Self {
        let (head, page) = http::response::error_page(status);
        Self { head, body: Body::Bytes(page.into()) }
    }

    /// The same with a further header field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.head = self.head.with(name, value);
        self
    }
}

/// An answer that is being made.
#[derive(Debug)]
pub(in crate::engine) struct Composing {
    pub request: HttpRequest,
    pub work: Box<dyn Compose>,
    /// The status that it is to have, in place of a good one of its own.
    pub forced: Option<u16>,
}
