//! Operations: what an operator has the server do to what runs, whoever passes it on: to end clients, to move them to
//! another stream, to start and stop recordings, to reload.
//!
//! A module queues what does not need an outcome ([`Ctx::kick`], [`Ctx::kick_viewer`], [`Ctx::redirect`]), and answers an
//! HTTP request by an [`Operation`] whose outcome it wants to tell. Each is carried out in steps of its own. Who may do
//! this is decided by the modules; nothing here asks.

pub(in crate::engine) mod kick;
pub(in crate::engine) mod redirect;
pub(in crate::engine) mod running;

use std::path::PathBuf;
use std::rc::Rc;

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::{Endpoint, SessionId, StreamId};

/// What a module asks of the engine before it can answer an HTTP request
/// ([`Answer::Operate`](crate::engine::Answer::Operate)). The outcome is an [`OperationResult`] among the findings of the
/// request, with which the module is asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// To start or stop a recorder of these streams.
    Record {
        /// The streams.
        streams: Vec<StreamId>,
        /// The name of the recorder; empty for that of the application.
        recorder: String,
        /// Whether it is started.
        start: bool,
    },
    /// To read the configuration again and to adopt it.
    Reload,
}

/// The outcome of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationResult {
    /// That of each stream, in their order. A stream that has ended meanwhile is left out.
    Record(Vec<(StreamId, RecordResult)>),
    /// What has changed, or why nothing has.
    Reload(Result<String, String>),
    /// Nothing has been done, as too many operations are under way.
    Busy,
}

/// The outcome of starting or stopping a recorder of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordResult {
    /// The stream has no recorder of this name.
    NoRecorder,
    /// It records already, or does not record.
    Unchanged,
    /// It has begun or ended this file.
    Done(PathBuf),
    /// It begins this file, unless one of this name is there. [`Ctx::recording_began`] tells the outcome, for which the
    /// engine waits a while.
    Begins(PathBuf),
    /// No file can be begun, for this reason.
    Failed(String),
}

/// A part of an operation, which is carried out in one step.
#[derive(Debug)]
pub(in crate::engine) enum Order {
    /// To end a client.
    Kick(SessionId, Rc<str>),
    /// To end the viewers that have been kicked.
    EndViewers,
    /// To have a publisher or player go to the stream of this name and arguments.
    Redirect(Endpoint, Box<str>),
    /// To go on with the operation that the request of a session waits for.
    Operate(SessionId),
    /// To tell operations that the file of a recorder has begun, or why it has not.
    Began(StreamId, Box<str>, RecordResult),
}

impl Order {
    /// The session that is closed if carrying out the order panics.
    fn session(&self) -> Option<SessionId> {
        match self {
            Self::Kick(id, _) | Self::Operate(id) => Some(*id),
            Self::Redirect(endpoint, _) => Some(endpoint.session),
            Self::EndViewers | Self::Began(..) => None,
        }
    }
}

impl Engine {
    /// Carries out one order.
    pub(in crate::engine) fn carry_out(&mut self, order: Order) {
        let session = order.session();
        let done = self.contain(|engine| match order {
            Order::Kick(id, why) => engine.end_kicked(id, &why),
            Order::EndViewers => engine.end_kicked_viewers(),
            Order::Redirect(endpoint, name) => engine.begin_redirect(endpoint, &name),
            Order::Operate(id) => engine.continue_operation(id),
            Order::Began(stream, recorder, result) => engine.note_began(stream, &recorder, &result),
        });
        if let (None, Some(id)) = (done, session) {
            self.cx.close_after_panic(id);
        }
    }
}

impl Ctx {
    pub(in crate::engine) fn order(&mut self, order: Order) {
        self.work.orders.push_back(order);
    }
}
