//! The hooks of a feature: [`Module`], one per process. The other kind of hook is `Sink`, one per stream and output.

use crate::engine::http::answer::Answer;
use crate::engine::http::answer::Route;
use crate::engine::http::request::HttpRequest;
use crate::engine::request::Gate;
use crate::engine::request::Reply;
use crate::engine::request::Verdict;
use crate::rtmp::Control;
use std::rc::Rc;

use crate::conf::{self, Directive};
use crate::http;
use crate::media::Frame;
use crate::rtmp::shared_object::SharedObject;

use crate::engine::config::Config;
use crate::engine::config::probe::Probe;
use crate::engine::ctx::Ctx;
use crate::engine::http::exchange::Exchange;
use crate::engine::ids::AppId;
use crate::engine::ids::Endpoint;
use crate::engine::ids::SessionId;
use crate::engine::ids::StreamId;
use crate::engine::request::Request;

/// A feature's policy. The engine calls the modules in the order of the table in `modules/mod.rs`.
///
/// A hook gets the whole engine context but no way to call the engine back: it queues (send, close,
/// timers), and steps to come act.
pub trait Module {
    /// The module's name: that of its file, and of its directives' prefix where they have one.
    fn name(&self) -> &'static str;

    /// The module's directives, the only place where they are declared.
    fn directives(&self) -> &'static [Directive];

    /// Says of each application and location what other modules have to know of this one's directives.
    fn declare(&self, _config: &mut Config<'_>) {}

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

    /// Judges a connect, publish or play before anything is created for it; may rename the stream. Called at each
    /// [`Gate`]: a module judges at the one that is its own.
    fn gate(&mut self, _cx: &mut Ctx, _request: &mut Request, _gate: Gate) -> Verdict {
        Verdict::Continue
    }

    /// Goes on with a request that this module has suspended; may rename the stream, or suspend it again.
    fn resume(&mut self, _cx: &mut Ctx, request: &mut Request, reply: Reply) -> Verdict {
        match reply {
            Reply::Grant => Verdict::Continue,
            Reply::Rename(name) => {
                request.name = name;
                Verdict::Continue
            }
            Reply::Refuse(why) => Verdict::Deny(why),
            Reply::TimedOut => Verdict::Deny(format!("{} has got no answer in time", self.name())),
        }
    }

    /// A stream has begun. (Its publisher may change later, without an end.)
    fn on_stream_start(&mut self, _cx: &mut Ctx, _stream: StreamId) {}

    /// A stream is about to end; its sinks are still there.
    fn on_stream_end(&mut self, _cx: &mut Ctx, _stream: StreamId) {}

    /// A publisher has begun, the first one of a stream or one that goes on with it. Of a stream that begins,
    /// [`on_stream_start`](Self::on_stream_start) has been called before.
    fn on_publish_start(&mut self, _cx: &mut Ctx, _stream: StreamId, _publisher: Endpoint) {}

    /// A publisher has stopped, is lost, or gives way to another; the stream may go on.
    fn on_publish_end(&mut self, _cx: &mut Ctx, _stream: StreamId, _publisher: Endpoint) {}

    /// A player has joined a stream, which need not have a publisher yet.
    fn on_play_start(&mut self, _cx: &mut Ctx, _stream: StreamId, _player: Endpoint) {}

    /// A player is about to leave its stream.
    fn on_play_end(&mut self, _cx: &mut Ctx, _stream: StreamId, _player: Endpoint) {}

    /// A player has paused, gone on, sought, or asked for audio or video or for none; it has been answered.
    fn on_play_control(&mut self, _cx: &mut Ctx, _stream: StreamId, _player: Endpoint, _control: Control) {}

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
    fn on_http_server(&mut self, _cx: &mut Ctx, _request: &HttpRequest) -> Route {
        Route::Continue
    }

    /// An HTTP request has come to a location; nobody has been asked for an answer. The first module that
    /// does not continue decides.
    fn on_http_location(&mut self, _cx: &mut Ctx, _request: &HttpRequest) -> Route {
        Route::Continue
    }

    /// An HTTP request that has been let through to its location; the first module that answers wins.
    fn on_http(&mut self, _cx: &mut Ctx, _request: &HttpRequest) -> Option<Answer> {
        None
    }

    /// The answer to an HTTP request is an error of this status; there may be a better one.
    fn on_http_error(&mut self, _cx: &mut Ctx, _request: &HttpRequest, _status: u16) -> Route {
        Route::Continue
    }

    /// An answer is about to be sent; its head may be changed.
    fn on_http_reply(&mut self, _cx: &mut Ctx, _request: &HttpRequest, _head: &mut http::ResponseHead) {}

    /// An answer waits to be sent, for as long as the client likes to take: what
    /// [`on_http_done`](Self::on_http_done) does not look at may be dropped.
    fn on_http_queued(&mut self, _request: &mut HttpRequest) {}

    /// An answer has been sent, or never will be.
    fn on_http_done(&mut self, _cx: &mut Ctx, _done: &Exchange) {}
}
