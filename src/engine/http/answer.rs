//! Decisions and answers of modules for an HTTP request: continue, redirect, reply, compose a reply in steps, wait, close.
//!
//! Only the types; `http/routing.rs` and `http/answering/` act on them.

use std::fmt;

use crate::engine::ctx::Ctx;
use crate::engine::http::body::Body;
use crate::engine::http::lookup::Lookup;
use crate::engine::http::playing::play::HttpPlay;
use crate::engine::ids::LocationId;
use crate::engine::jobs::JobResult;
use crate::engine::operations::operation::Operation;
use crate::engine::viewing::files::HlsFile;
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
    /// Send a reply that all share who ask for the same at about the same time.
    Shared(SharedAnswer),
    /// Nothing can be decided before a thread has done this. Then the module is asked again, with the finding in the
    /// request.
    Wait(Lookup),
    /// Nothing can be decided before it is known whether this file of HLS may be sent. Then the module is asked again,
    /// with the admission in the request.
    View(HlsFile),
    /// Nothing can be decided before this has been done. Then the module is asked again, with the outcome in the request.
    Operate(Operation),
    /// Send this live stream, if the gates let the client play it.
    Play(Box<HttpPlay>),
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
    /// The answer; an error may still get an error page.
    Reply(HttpReply),
    /// Exactly this answer.
    Verbatim(HttpReply),
    /// A composer of the answer, which takes several steps.
    Later(Box<dyn Compose>),
    /// An answer that all share who ask for the same at about the same time.
    Shared(SharedAnswer),
    /// There is none before a thread has done this.
    Wait(Lookup),
    /// There is none before it is known whether this file of HLS may be sent.
    View(HlsFile),
    /// There is none before this has been done.
    Operate(Operation),
    /// This live stream, if the gates let the client play it.
    Play(Box<HttpPlay>),
}

impl From<Answer> for Route {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Reply(reply) => Self::Reply(reply),
            Answer::Verbatim(reply) => Self::Verbatim(reply),
            Answer::Later(work) => Self::Later(work),
            Answer::Shared(shared) => Self::Shared(shared),
            Answer::Wait(lookup) => Self::Wait(lookup),
            Answer::View(file) => Self::View(file),
            Answer::Operate(operation) => Self::Operate(operation),
            Answer::Play(play) => Self::Play(play),
        }
    }
}

/// What an answer is known by. It must name everything that the answer depends on: the user, if not all get the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedKey {
    /// The module.
    pub module: &'static str,
    /// The location, with its settings.
    pub location: LocationId,
    /// What is asked for there, such as a path.
    pub what: String,
}

/// An answer that all share who ask for the same key while it is composed, and 500 ms longer.
#[derive(Debug)]
pub struct SharedAnswer {
    /// What it is known by.
    pub key: SharedKey,
    /// Composes it, if nobody has asked for it a moment ago. Nothing that a thread does can be waited for, and the
    /// body must be of bytes.
    pub composer: Box<dyn Compose>,
}

/// The composing of a long answer, such as a list of thousands, in steps between which other sessions are served.
pub trait Compose: fmt::Debug {
    /// Does one step of about a millisecond, [`COMPOSED_AT_ONCE`] entries of a list.
    fn step(&mut self, cx: &mut Ctx) -> Composed;

    /// Takes what a reader has found; then the next step follows.
    fn take(&mut self, _finding: JobResult) {}
}

/// The outcome of a step of composing.
#[derive(Debug)]
pub enum Composed {
    /// There is more to do.
    Partly,
    /// Nothing can be done before a reader has done this.
    Wait(Lookup),
    /// The answer; an error may still get an error page.
    Reply(HttpReply),
    /// Exactly this answer.
    Verbatim(HttpReply),
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

    /// A text that the server has made just now. Browsers take it for what it is said to be, and for nothing else; `cache` is
    /// for how long it may be kept: "no-store", or "no-cache" for what may be asked for again with its entity tag.
    pub fn made(status: u16, mime: &'static str, cache: &'static str, text: impl Into<Vec<u8>>) -> Self {
        let head = http::ResponseHead::new(status)
            .with("Content-Type", mime)
            .with("Cache-Control", cache)
            .with("X-Content-Type-Options", "nosniff");
        Self { head, body: Body::Bytes(text.into().into()) }
    }

    /// The same with another header field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.head = self.head.with(name, value);
        self
    }
}
