//! Calls: HTTP requests that modules make to backends, over connections that are sessions like any other.
//!
//! A module gives a call to [`Ctx::call`]; its [`on_call`](crate::engine::Module::on_call) gets the response, or the
//! error, in a later step, once for each call. `pool.rs` has the calls that wait and the connections of each
//! destination; `connection.rs` is the state of a session that is such a connection. This file moves calls between the
//! two; `download.rs` has the calls whose answers are of any length. Net resolves names, connects and encrypts.

pub(in crate::engine) mod call;
pub(in crate::engine) mod connection;
pub(in crate::engine) mod destination;
pub(in crate::engine) mod download;
pub(in crate::engine) mod pool;
pub(in crate::engine) mod transfer;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::calls::call::{Call, CallError, CallKind, CallsFull};
use crate::engine::calls::connection::{BROKEN_OFF, CLOSED, HttpClientState, Stage};
use crate::engine::calls::destination::Destination;
use crate::engine::calls::pool::{Next, PendingCall};
use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;
use crate::engine::now::Now;
use crate::engine::peer::Peer;
use crate::engine::session::{Life, Session};
use crate::engine::work::{Action, Returned};
use crate::http::Headers;
use crate::http::client::Response;

/// How long a connection without a call is kept. It is short for backends that serve one connection at a time; other
/// servers close theirs after five seconds (Node.js) or more.
const IDLE_TIME: Duration = Duration::from_millis(500);

/// The longest time for which a connection is used: then the name is looked up again, and files of TLS read.
const LONGEST_LIFE: Duration = Duration::from_secs(60);

/// The closing reasons of a connection to a backend.
const IDLE: &str = "idle";
const ANSWERED: &str = "the call has been answered";

impl Ctx {
    /// Makes a call; the module's `on_call` gets the result.
    pub fn call(&mut self, call: Call) -> Result<(), CallsFull> {
        let destination = Rc::clone(&call.destination);
        self.calls.add(call, self.now.instant)?;
        self.start_calls(&destination);
        Ok(())
    }

    /// Calls that wait or are being made.
    pub(in crate::engine) fn calls_under_way(&self) -> usize {
        self.calls.count()
    }

    /// Whether a call to a destination would be taken now.
    pub fn may_call(&self, destination: &Destination, kind: CallKind) -> bool {
        self.calls.has_room(destination, kind)
    }

    /// Takes back a call of a module, which hears nothing more of it; false if it is being made already.
    pub fn withdraw_call(&mut self, destination: &Destination, module: &str, token: u64) -> bool {
        self.calls.withdraw(destination, module, token)
    }

    /// Reports that were dropped so far, as too many waited.
    pub fn dropped_reports(&self) -> u64 {
        self.calls.dropped_reports
    }

    /// Notes that a report was dropped before it was made.
    pub fn count_dropped_report(&mut self) {
        self.calls.dropped_reports += 1;
    }

    /// Makes the calls that wait for connections to a destination, as far as there may be more.
    fn start_calls(&mut self, destination: &Rc<Destination>) {
        while let Some(next) = self.calls.next(destination, self.now.instant) {
            match next {
                Next::Expire(call) => self.return_call(&call, Err(CallError::TimedOut)),
                Next::Reuse(call, id) => self.begin_call(id, call),
                Next::Connect(call) => {
                    let id = self.open_client(Rc::clone(destination));
                    self.begin_call(id, call);
                    self.work.actions.push_back(Action::Connect(id));
                }
            }
        }
    }

    fn begin_call(&mut self, id: SessionId, call: Box<PendingCall>) {
        let now = self.now.instant;
        let Some(state) = self.sessions.get_mut(id).and_then(Session::http_client_mut) else { return };
        state.begin(call, now);
        let until = state.until;
        match state.stage {
            Stage::Connecting => self.reset_timer(id, until),
            // A later entry than that of the idle connection would stay in the heap after each call.
            Stage::Open => {
                self.wake_no_later_than(id, until);
                self.send_request(id);
            }
            Stage::Ended => debug_assert!(false, "{id} has ended"),
        }
    }

    fn send_request(&mut self, id: SessionId) {
        let state = self.sessions.get(id).and_then(Session::http_client);
        if let Some(request) = state.and_then(HttpClientState::request).cloned() {
            self.send_shared(id, &request);
        }
    }

    /// Gives the module of a call the result, in a later step.
    fn return_call(&mut self, call: &PendingCall, result: Result<Response, CallError>) {
        let Call { module, token, .. } = call.call;
        self.totals.calls_failed += u64::from(result.is_err());
        self.work.returned.push_back(Returned { module, token, result });
    }

    /// Ends the call of a connection with a response, and keeps the connection if it can be used again.
    fn end_call(&mut self, id: SessionId, response: Response, has_more: bool) {
        let now = self.now.instant;
        let Some(session) = self.sessions.get_mut(id) else { return };
        let is_worn = !session.out.is_empty() || now >= session.opened + LONGEST_LIFE;
        let Some(state) = session.http_client_mut() else { return };
        let Some(call) = state.call.take() else { return };
        state.responses += 1;
        self.totals.calls.observe(now.saturating_duration_since(state.began));
        state.until = now + IDLE_TIME;
        let (destination, is_first) = (Rc::clone(&state.destination), state.responses == 1);
        if is_first {
            self.calls.prove(&destination);
        }
        let may_keep = response.is_persistent && !has_more && !is_worn && self.calls.may_keep(&destination);
        self.calls.end_call(&call);
        self.return_call(&call, Ok(response));
        if !may_keep {
            return self.close(id, ANSWERED);
        }
        self.calls.keep(&destination, id);
        self.wake_no_later_than(id, now + IDLE_TIME);
        self.start_calls(&destination);
        let is_idle =
            self.sessions.get(id).and_then(Session::http_client).is_some_and(|state| state.call.is_none());
        if is_idle && self.is_draining() {
            self.close(id, IDLE);
        }
    }

    /// Takes a session that ends out of the connections of its destination; its call is made again, or has failed.
    pub(in crate::engine) fn end_connection(&mut self, id: SessionId, reason: &str) {
        let now = self.now.instant;
        let Some(state) = self.sessions.get_mut(id).and_then(Session::http_client_mut) else { return };
        if std::mem::replace(&mut state.stage, Stage::Ended) == Stage::Ended {
            return;
        }
        if state.download.is_some() {
            return self.fail_download(id, reason);
        }
        let (is_over, may_repeat) = (now >= state.until, state.may_repeat() && reason == CLOSED);
        let (destination, call) = (Rc::clone(&state.destination), state.call.take());
        let is_proven = state.responses > 0;
        if let Some(call) = &call {
            self.calls.end_call(call);
        }
        match call {
            Some(call) if may_repeat && !is_over => self.calls.repeat(call),
            Some(call) if is_over => self.return_call(&call, Err(CallError::TimedOut)),
            Some(call) => self.return_call(&call, Err(CallError::Failed(reason.to_owned()))),
            None => {}
        }
        self.calls.remove(&destination, id, is_proven);
        self.start_calls(&destination);
    }
}

impl Engine {
    /// The server that a session is to be connected to; none for a session that a peer has opened.
    pub fn destination(&self, id: SessionId) -> Option<&Destination> {
        let session = self.cx.sessions.get(id).filter(|session| session.life == Life::Open)?;
        let relay = session.rtmp_client().map(|state| &*state.destination);
        relay.or_else(|| Some(&*session.http_client()?.destination))
    }

    /// Calls that wait or are being made.
    pub fn calls_under_way(&self) -> usize {
        self.cx.calls_under_way()
    }

    /// A session's connection to its destination stands, with the address of the other end.
    pub fn connected(&mut self, id: SessionId, peer: SocketAddr, now: Now) {
        self.cx.now = now;
        let Some(session) = self.cx.sessions.get_mut(id).filter(|session| session.life == Life::Open) else {
            return;
        };
        if session.is_relay() {
            return self.relay_connected(id, peer);
        }
        session.peer = Peer::from(peer);
        let Some(state) = session.http_client_mut() else { return };
        state.stage = Stage::Open;
        if let Some(download) = &state.download {
            state.until = self.cx.now.instant + download.timeout;
        }
        log::debug!("{id} is connected to {} ({peer})", state.destination);
        self.cx.send_request(id);
    }

    /// A session cannot be connected to its destination.
    pub fn connect_failed(&mut self, id: SessionId, why: &str, now: Now) {
        self.cx.now = now;
        self.cx.close(id, why);
    }

    /// A backend has closed its side of the connection, which may be the end of its response.
    pub(in crate::engine) fn backend_ended(&mut self, id: SessionId) {
        let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::http_client_mut) else { return };
        if state.download.is_some() {
            return self.cx.end_transfer(id, BROKEN_OFF);
        }
        if state.call.is_none() || !state.reader.has_begun() {
            return self.cx.close(id, CLOSED);
        }
        match state.reader.end() {
            Ok(response) => self.cx.end_call(id, Response { is_persistent: false, ..response }, false),
            Err(error) => self.break_off(id, &error.to_string()),
        }
    }

    /// Processes what a backend has sent.
    pub(in crate::engine) fn http_client_input(&mut self, id: SessionId, mut input: &[u8]) {
        let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::http_client_mut) else { return };
        if state.download.is_some() {
            return self.cx.download_input(id, input);
        }
        if state.call.is_none() {
            return self.cx.close(id, "has sent something without being asked");
        }
        match state.reader.next(&mut input) {
            Ok(Some(response)) => self.cx.end_call(id, response, !input.is_empty()),
            Ok(None) => {}
            Err(error) => self.break_off(id, &error.to_string()),
        }
    }

    /// Ends a call whose response is broken. If its status says no, that is the answer, whatever is wrong with the rest; a
    /// redirect without its Location is a no, too.
    fn break_off(&mut self, id: SessionId, why: &str) {
        let state = self.cx.sessions.get(id).and_then(Session::http_client);
        match state.and_then(|state| state.reader.status()).filter(|status| *status >= 300) {
            Some(status) => {
                let (headers, body) = (Headers::default(), Vec::new());
                self.cx.end_call(id, Response { status, headers, body, is_persistent: false }, false);
            }
            None => self.cx.close(id, why),
        }
    }

    /// The connection to a backend is lost, or was reset.
    pub(in crate::engine) fn backend_lost(&mut self, id: SessionId) {
        let state = self.cx.sessions.get(id).and_then(Session::http_client);
        if state.is_some_and(|state| state.download.is_some()) {
            return self.cx.break_transfer(id);
        }
        let has_begun = state.is_some_and(|state| state.reader.has_begun());
        self.break_off(id, if has_begun { BROKEN_OFF } else { CLOSED });
    }

    /// Gives a module the result of its call.
    pub(in crate::engine) fn deliver_returned(&mut self, returned: Returned) {
        let Returned { module, token, result } = returned;
        let Some(module) = self.modules.iter_mut().find(|candidate| candidate.name() == module) else {
            return;
        };
        let cx = &mut self.cx;
        cx.panics.clone().contain(|| module.on_call(cx, token, result));
    }
}
