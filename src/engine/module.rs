//! The two kinds of hook: [`Module`], one per process and feature, and [`Sink`], one per stream and output.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::conf::{self, Directive};
use crate::http;
use crate::media::Frame;
use crate::rtmp::shared_object::SharedObject;

use crate::engine::config::probe::Probe;
use crate::engine::config::{AppId, Config, LocationId};
use crate::engine::ctx::{Ctx, Now};
use crate::engine::http::exchange::Exchange;
use crate::engine::memory::MemoryFiles;
use crate::engine::session::out_queue::Body;
use crate::engine::session::roles::Endpoint;
use crate::engine::session::{Request, SessionId};
use crate::engine::stream::StreamId;

/// What a gate says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Ask the next module; after the last one the request is granted.
    Continue,
    /// Refuse; the peer and the log get the reason.
    Deny(String),
    /// Wait: neither read nor parse this session until [`Ctx::answer`] says more.
    Suspend,
}

/// A feature's policy. The engine calls the modules in the order of the table in `modules/mod.rs`.
///
/// A hook gets the whole engine context but no way to call the engine back: it queues (send, close,
/// timers), and steps to come act.
pub trait Module {
    /// The module's name: that of its file, and of its directives' prefix where they have one.
    fn name(&self) -> &'static str;

    /// The module's directives, the only place where they are declared.
    fn directives(&self) -> &'static [Directive];

    /// Takes the module's settings out of a checked configuration; all that is wrong with them is the error.
    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors>;

    /// Tries what the start, and a stream, will do with these settings, and tells what will fail or surprise. Changes
    /// nothing, and opens nothing for writing.
    fn probe(&self, _config: &Config<'_>, _probe: &mut Probe) {}

    /// Opens what is to be open before the process goes into the background and becomes another user.
    fn open(&mut self) -> Result<(), conf::Errors> {
        Ok(())
    }

    /// The server begins to serve; before, nothing else on a disk is touched.
    fn on_start(&mut self, _cx: &mut Ctx) {}

    /// Judges a connect, publish or play before anything is created for it; may rename the stream.
    fn gate(&mut self, _cx: &mut Ctx, _request: &mut Request) -> Verdict {
        Verdict::Continue
    }

    /// A stream has begun. (Its publisher may change later, without an end.)
    fn on_stream_start(&mut self, _cx: &mut Ctx, _stream: StreamId) {}

    /// A stream is about to end; its sinks are still there.
    fn on_stream_end(&mut self, _cx: &mut Ctx, _stream: StreamId) {}

    /// A player has joined a stream, which need not have a publisher yet.
    fn on_join(&mut self, _cx: &mut Ctx, _stream: StreamId, _player: Endpoint) {}

    /// A player is about to leave its stream.
    fn on_leave(&mut self, _cx: &mut Ctx, _stream: StreamId, _player: Endpoint) {}

    /// A session is about to end: it has left its stream and is sent nothing more. Called once.
    fn on_close(&mut self, _cx: &mut Ctx, _session: SessionId) {}

    /// A shared object message has come from a session that is connected to an application.
    fn on_shared_object(&mut self, _cx: &mut Ctx, _session: SessionId, _app: AppId, _message: &SharedObject) {
    }

    /// A frame has come from a stream's publisher.
    fn on_frame(&mut self, _cx: &mut Ctx, _stream: StreamId, _frame: &Rc<Frame>) {}

    /// A timer set by this module with [`Ctx::set_module_timer`] has expired.
    fn on_timer(&mut self, _cx: &mut Ctx, _token: u64) {}

    /// An HTTP request has come to a server; where it goes has not been looked for. The first module that
    /// does not continue decides.
    fn on_http_server(&mut self, _cx: &mut Ctx, _asked: &HttpRequest) -> Route {
        Route::Continue
    }

    /// An HTTP request has come to a location; nobody has been asked for an answer. The first module that
    /// does not continue decides.
    fn on_http_location(&mut self, _cx: &mut Ctx, _asked: &HttpRequest) -> Route {
        Route::Continue
    }

    /// An HTTP request that has been let through to its location; the first module that answers wins.
    fn on_http(&mut self, _cx: &mut Ctx, _asked: &HttpRequest) -> Option<Answer> {
        None
    }

    /// The answer to an HTTP request is an error of this status; there may be a better one.
    fn on_http_error(&mut self, _cx: &mut Ctx, _asked: &HttpRequest, _status: u16) -> Route {
        Route::Continue
    }

    /// An answer is about to be sent; its head may be changed.
    fn on_http_reply(&mut self, _cx: &mut Ctx, _asked: &HttpRequest, _head: &mut http::ResponseHead) {}

    /// An answer waits to be sent, for as long as the client likes to take: what
    /// [`on_http_done`](Self::on_http_done) does not look at may be dropped.
    fn on_http_queued(&mut self, _asked: &mut HttpRequest) {}

    /// An answer has been sent, or never will be.
    fn on_http_done(&mut self, _cx: &mut Ctx, _done: &Exchange) {}
}

/// Why a sink gets no more frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The stream has ended.
    StreamEnded,
    /// The server stops, and its successor may go on with the stream.
    ServerStops,
}

/// An output of one stream, such as a set of HLS fragments.
///
/// A sink sees no engine. Its error ends the sink with one log line; the publisher lives on. It is finished before
/// it is dropped, unless it has panicked: its Drop must do nothing that could do so again.
pub trait Sink {
    /// Takes the stream's next frame, in order; headers and data messages included.
    fn frame(&mut self, frame: &Rc<Frame>) -> io::Result<()>;

    /// The publisher is lost, or gives way to another. What comes next, headers first, does not continue what
    /// came before, though its times do.
    fn discontinuity(&mut self) {}

    /// No frame follows.
    fn finish(&mut self, _why: Finish) {}

    /// Called after each frame, discontinuity and end: what the time is, and where files in memory go.
    fn settle(&mut self, _now: Now, _memory: &mut MemoryFiles) {}
}

/// An HTTP request and what is known of it.
#[derive(Debug)]
pub struct HttpRequest {
    /// Who asks.
    pub session: SessionId,
    /// The address that asks.
    pub peer: SocketAddr,
    /// The address that is asked, as it is listened on.
    pub local: SocketAddr,
    /// The number of the request on its connection, from 1.
    pub number: u64,
    /// When its first byte was read.
    pub begun: Now,
    /// The position of the server that answers.
    pub server: usize,
    /// The location block.
    pub location: LocationId,
    /// What the location's regular expression has caught, the whole first; empty without groups.
    pub caught: Vec<String>,
    /// The method that came, whatever an error page's request has.
    pub method: http::Method,
    /// The request itself. An internal redirect changes its path and query.
    pub request: http::Request,
    /// Whether an internal redirect has led here.
    pub internal: bool,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    impl HttpRequest {
        /// What a head asks of the first server, from 192.0.2.1.
        pub fn for_test(head: &str) -> Self {
            let request = http::Request::parse(head.as_bytes()).unwrap();
            let begun = Now { instant: std::time::Instant::now(), wall: std::time::SystemTime::UNIX_EPOCH };
            Self {
                session: SessionId::default(),
                peer: ([192, 0, 2, 1], 1000).into(),
                local: ([127, 0, 0, 1], 80).into(),
                number: 1,
                begun,
                server: 0,
                location: LocationId(0),
                caught: Vec::new(),
                method: request.method.clone(),
                request,
                internal: false,
            }
        }
    }
}
