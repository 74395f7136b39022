//! The trait of a feature: [`Module`], one object for the process, with the hooks that the engine calls.
//!
//! Here are the hooks and their defaults; each says when it is called. The order of modules is the table in
//! `modules/mod.rs`. The other trait is [`Sink`](crate::engine::Sink), one object for each output of each stream.

use crate::engine::http::answer::Answer;
use crate::engine::http::answer::Route;
use crate::engine::http::request::HttpRequest;
use crate::engine::request::Gate;
use crate::engine::request::Reply;
use crate::engine::request::Verdict;
use crate::rtmp::Control;
use std::any::Any;
use std::rc::Rc;

use crate::conf::{self, Directive};
use crate::http;
use crate::http::client::Response;
use crate::media::Frame;
use crate::rtmp::shared_object::SharedObject;

use crate::engine::calls::call::CallError;
use crate::engine::calls::transfer::DownloadEvent;
use crate::engine::commands::command::CommandEvent;
use crate::engine::config::Config;
use crate::engine::config::probe::Probe;
use crate::engine::ctx::Ctx;
use crate::engine::files::log_file::{NewLogs, OpenLogs};
use crate::engine::http::exchange::Exchange;
use crate::engine::ids::AppId;
use crate::engine::ids::Endpoint;
use crate::engine::ids::LocationId;
use crate::engine::ids::SessionId;
use crate::engine::ids::StreamId;
use crate::engine::jobs::JobResult;
use crate::engine::notice::Notice;
use crate::engine::operations::operation::RecordResult;
use crate::engine::relay::state::{RelayEvent, RelayId, RelayOrder, TrialResult};
use crate::engine::request::{Refusal, Request};
use crate::engine::viewing::view::ViewerId;

/// A feature's policy. The engine calls the modules in the order of the table in `modules/mod.rs`.
///
/// A hook gets the context but cannot call the engine: it queues (send, close, timers), and later steps act.
///
/// Hooks for begin and end come in pairs, also for a module that has panicked in the first, and whatever has panicked
/// between them.
pub trait Module: Any {
    /// The module's name: that of its file, and the prefix of its directives where they have one.
    fn name(&self) -> &'static str;

    /// The module's directives, declared nowhere else.
    fn directives(&self) -> &'static [Directive];

    /// Tells other modules about this one's directives, for each application and location.
    fn declare(&self, _config: &mut Config<'_>) {}

    /// Reads the module's settings from a checked configuration; the error has all that is wrong with them.
    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors>;

    /// Checks what the start, or a stream, would do with these settings, and reports what would fail or surprise.
    /// Changes nothing, and opens nothing for writing.
    fn probe(&self, _config: &Config<'_>, _probe: &mut Probe) {}

    /// Opens files, before the process goes into the background and changes its user.
    fn open(&mut self) -> Result<(), conf::Errors> {
        Ok(())
    }

    /// Takes the settings of `next`, a module of the same type for another configuration. What runs goes on; how soon
    /// a changed directive acts on it is in the directive's row.
    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>);

    /// An application is gone, and nothing uses it any more: its settings may be freed.
    fn release_app(&mut self, _cx: &mut Ctx, _app: AppId) {}

    /// No request is left for the configuration whose first location is `first`: its settings may be freed.
    fn release_locations(&mut self, _cx: &mut Ctx, _first: LocationId) {}

    /// The logs that are open.
    fn open_logs(&self) -> OpenLogs {
        OpenLogs::default()
    }

    /// Opens, at a reload and in place of [`open`](Self::open), its log files, in a thread and for the module that will
    /// be adopted. `running` are those that the running server has open, which the user of the process need not be
    /// allowed to open again.
    fn open_new_logs(&self, _running: &OpenLogs) -> Result<NewLogs, conf::Errors> {
        Ok(NewLogs::default())
    }

    /// Takes its log files, which have been opened for the same configuration.
    fn take_new_logs(&mut self, _opened: &mut NewLogs) {}

    /// The server begins to serve. Before, a module touches nothing else on the disk.
    fn on_start(&mut self, _cx: &mut Ctx) {}

    /// The log files are to be opened again under their paths, since they have been moved. If that fails, the open ones
    /// are kept.
    fn on_reopen(&mut self, _cx: &mut Ctx) {}

    /// Decides about a connect, publish or play before anything is created for it; may rename the stream. Called at
    /// each [`Gate`]; a module decides at its own.
    fn gate(&mut self, _cx: &mut Ctx, _request: &mut Request, _gate: Gate) -> Verdict {
        Verdict::Continue
    }

    /// Decides about a request that this module has suspended, by the reply; may rename the stream, or suspend it
    /// again.
    fn resume(&mut self, _cx: &mut Ctx, request: &mut Request, reply: Reply) -> Verdict {
        match reply {
            Reply::Grant => Verdict::Continue,
            Reply::Rename(name) => {
                request.name = name;
                Verdict::Continue
            }
            Reply::Refuse(why) => Verdict::Deny(why),
            Reply::TimedOut => Verdict::Deny(Refusal::of_request(format!(
                "{} has got no answer in time; try again",
                self.name()
            ))),
        }
    }

    /// A request is refused, by whomever, though this module may have let it pass. Not called if the client leaves before
    /// it is decided; then [`on_close`](Self::on_close) is the only end.
    fn on_refused(&mut self, _cx: &mut Ctx, _request: &Request) {}

    /// A stream has begun. (Its publisher may change later, without an end.)
    fn on_stream_start(&mut self, _cx: &mut Ctx, _stream: StreamId) {}

    /// A stream is about to end; its sinks are still there.
    fn on_stream_end(&mut self, _cx: &mut Ctx, _stream: StreamId) {}

    /// A publisher has begun, the first of its stream or one with which the stream continues. For a new stream
    /// [`on_stream_start`](Self::on_stream_start) has been called before.
    fn on_publish_start(&mut self, _cx: &mut Ctx, _stream: StreamId, _publisher: Endpoint) {}

    /// A publisher has stopped, is lost, or is replaced; the stream may continue.
    fn on_publish_end(&mut self, _cx: &mut Ctx, _stream: StreamId, _publisher: Endpoint) {}

    /// A player has joined a stream, which need not have a publisher yet.
    fn on_play_start(&mut self, _cx: &mut Ctx, _stream: StreamId, _player: Endpoint) {}

    /// A player leaves its stream; its session still has the role.
    fn on_play_end(&mut self, _cx: &mut Ctx, _stream: StreamId, _player: Endpoint) {}

    /// A player has paused, resumed, sought, or switched audio or video on or off; it has been answered, unless it plays a
    /// file: then the module that reads the file answers it.
    fn on_play_control(&mut self, _cx: &mut Ctx, _stream: StreamId, _player: Endpoint, _control: Control) {}

    /// All that was queued for a player of a file has been sent ([`Ctx::send_piece`]).
    fn on_drained(&mut self, _cx: &mut Ctx, _player: Endpoint) {}

    /// A viewer of HLS begins, by this request, which has passed all gates.
    fn on_view_start(&mut self, _cx: &mut Ctx, _viewer: ViewerId, _request: &Request) {}

    /// A viewer has asked for no playlist for a while, or the server stops.
    fn on_view_end(&mut self, _cx: &mut Ctx, _viewer: ViewerId) {}

    /// A session is about to end: it has left its streams and is sent nothing more. Called once.
    fn on_close(&mut self, _cx: &mut Ctx, _session: SessionId) {}

    /// A shared object message has come from a session that is connected to an application.
    fn on_shared_object(&mut self, _cx: &mut Ctx, _session: SessionId, _app: AppId, _message: &SharedObject) {
    }

    /// A frame has come from a stream's publisher.
    fn on_frame(&mut self, _cx: &mut Ctx, _stream: StreamId, _frame: &Rc<Frame>) {}

    /// A module, perhaps this one, has announced something with [`Ctx::announce`]. What it is about may have ended
    /// since.
    fn on_notice(&mut self, _cx: &mut Ctx, _notice: &Notice) {}

    /// A job of this module has returned a value.
    fn on_job(&mut self, _cx: &mut Ctx, _token: u64, _result: JobResult) {}

    /// The result of a call of this module: the response, or why there is none. Called once for each call.
    fn on_call(&mut self, _cx: &mut Ctx, _token: u64, _result: Result<Response, CallError>) {}

    /// Something has happened to a download of this module. The last event of each download is its end, or its failure;
    /// after any other one nothing comes until [`Ctx::continue_download`].
    fn on_download(&mut self, _cx: &mut Ctx, _token: u64, _event: DownloadEvent) {}

    /// Something has happened to a command of this module. The last event of each command is its end.
    fn on_command(&mut self, _cx: &mut Ctx, _token: u64, _event: CommandEvent) {}

    /// Something has happened to a relay, perhaps of another module. The last event of each relay is its end.
    fn on_relay(&mut self, _cx: &mut Ctx, _relay: RelayId, _event: &RelayEvent) {}

    /// The result of a trial of this module. Called once for each trial.
    fn on_trial(&mut self, _cx: &mut Ctx, _token: u64, _result: &TrialResult) {}

    /// An operator adds or ends a relay. The relay, or why there is none; none if this module does not relay. The first
    /// module with an answer gives it.
    fn on_relay_order(&mut self, _cx: &mut Ctx, _order: &RelayOrder) -> Option<Result<RelayId, String>> {
        None
    }

    /// An operator starts or stops a recorder of a live stream: that of this name, or with "" the application's own.
    /// None if this module does not record; the first module with an answer gives it.
    fn on_record(
        &mut self,
        _cx: &mut Ctx,
        _stream: StreamId,
        _recorder: &str,
        _start: bool,
    ) -> Option<RecordResult> {
        None
    }

    /// The server begins to drain, or stops ([`Ctx::is_stopping`]), perhaps after it has drained. What waits for a timer to
    /// be written is given to the writer now, and what comes after this at once.
    fn on_stop(&mut self, _cx: &mut Ctx) {}

    /// A timer set by this module with [`Ctx::set_module_timer`] has expired.
    fn on_timer(&mut self, _cx: &mut Ctx, _token: u64) {}

    /// An HTTP request has come to a server; its location is not known yet. The first module that does not continue
    /// decides.
    fn on_http_server(&mut self, _cx: &mut Ctx, _request: &HttpRequest) -> Route {
        Route::Continue
    }

    /// An HTTP request has come to a location, before any module is asked for an answer. The first module that does
    /// not continue decides. Who the user is may be written into the request.
    fn on_http_location(&mut self, _cx: &mut Ctx, _request: &mut HttpRequest) -> Route {
        Route::Continue
    }

    /// An HTTP request is to be answered at its location. The first module with an answer gives it.
    fn on_http(&mut self, _cx: &mut Ctx, _request: &HttpRequest) -> Option<Answer> {
        None
    }

    /// The answer to an HTTP request is an error of this status, which may be replaced.
    fn on_http_error(&mut self, _cx: &mut Ctx, _request: &HttpRequest, _status: u16) -> Route {
        Route::Continue
    }

    /// An answer is about to be sent; its head may be changed.
    fn on_http_reply(&mut self, _cx: &mut Ctx, _request: &HttpRequest, _head: &mut http::ResponseHead) {}

    /// An answer has been queued. What [`on_http_done`](Self::on_http_done) does not need of the request may be
    /// freed, as the client may take long; a module for which that is all says that the request is forgotten.
    fn on_http_queued(&mut self, _request: &mut HttpRequest) {}

    /// An answer has been sent, or never will be.
    fn on_http_done(&mut self, _cx: &mut Ctx, _done: &Exchange) {}
}
