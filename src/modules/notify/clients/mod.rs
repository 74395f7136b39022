//! What is kept of clients: the request that a session has made (`requests.rs`), the publishes and plays that are followed
//! (`running.rs`), and the viewers of HLS (`viewers.rs`, `views.rs`).

mod requests;
mod running;
pub mod viewers;
mod views;

use std::rc::Rc;
use std::time::Instant;

use crate::engine::{AppId, Endpoint, Request, RequestKind, StreamId, Ticket, TimerId, ViewerId};
use crate::modules::notify::event::{Activity, Event};
use crate::modules::notify::facts::ClientFacts;
use crate::modules::notify::settings::Callback;

/// A request that has been asked about, or that will be followed.
pub struct Requested {
    pub app: AppId,
    pub ticket: Ticket,
    pub asker: Asker,
    pub event: Event,
    pub client: Rc<ClientFacts>,
    /// The name and the arguments of the stream; empty for a connect. A backend may change the name.
    pub name: String,
    pub args: String,
    pub since: Instant,
    pub progress: Progress,
    /// The servers that backends have named.
    pub relays: Vec<Box<str>>,
}

impl Requested {
    /// Takes the progress, as an answer has come, or none ever will. If it is that about the servers for pushes, the publish
    /// itself has been allowed before.
    pub fn answered(&mut self) -> Progress {
        let next = if self.event == Event::Forward { Progress::Approved } else { Progress::Unasked };
        std::mem::replace(&mut self.progress, next)
    }
}

/// Who makes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A client that connects.
    Client,
    /// A publisher or a player.
    Endpoint(Endpoint),
    /// A viewer of HLS.
    Viewer(ViewerId),
}

impl Asker {
    /// Who makes a request.
    pub fn of(request: &Request) -> Self {
        match &request.kind {
            RequestKind::View(view) => Self::Viewer(view.id),
            _ => request.endpoint().map_or(Self::Client, Self::Endpoint),
        }
    }
}

/// How far a request has come.
pub enum Progress {
    /// No backend is asked, or it has not answered as it should.
    Unasked,
    /// A backend is asked: the callback, and the token of the call.
    Asked(Rc<Callback>, u64),
    /// A backend has said yes, and hears of the end.
    Approved,
}

/// A publisher, and the arguments that it has given with the stream.
#[derive(Debug, Clone)]
pub struct Publisher {
    pub client: Rc<ClientFacts>,
    pub args: String,
}

/// A publish or a play that is followed.
pub struct Running {
    pub stream: StreamId,
    pub activity: Activity,
    pub args: String,
    pub since: Instant,
    pub update: Update,
}

/// What is next of `on_update`.
pub enum Update {
    /// Nothing: there is no such callback.
    None,
    /// It is called when this timer expires; with the token of the timer.
    Timed(TimerId, u64),
    /// It is under way; with the token of the call.
    Called(u64),
}
