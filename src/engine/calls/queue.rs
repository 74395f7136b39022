//! The calls that wait for a connection, and the connections, by destination.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Instant;

use crate::engine::calls::call::{Call, CallKind, CallsFull};
use crate::engine::calls::destination::Destination;
use crate::engine::ids::SessionId;

/// The most connections to one destination: what a small backend serves at a time.
pub const MAX_CONNECTIONS: usize = 32;
/// The most decisions that wait, for all destinations: as many as requests can be suspended.
pub const MAX_DECISIONS: usize = 1024;
/// The most reports that wait, for all destinations.
pub const MAX_REPORTS: usize = 1024;

/// A call that waits or is being made.
#[derive(Debug)]
pub struct PendingCall {
    pub call: Call,
    /// When its time is over; none for a report that has not begun.
    until: Option<Instant>,
    /// Whether it is made for the second time.
    pub is_repeated: bool,
}

impl PendingCall {
    fn new(call: Call, now: Instant) -> Self {
        let until = (call.kind == CallKind::Decision).then(|| now + call.timeout);
        Self { call, until, is_repeated: false }
    }

    /// Begins its time, unless that has begun. Returns when it is over.
    pub fn start(&mut self, now: Instant) -> Instant {
        *self.until.get_or_insert(now + self.call.timeout)
    }

    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// The next thing to do for a destination.
#[derive(Debug)]
pub enum Next {
    /// This call's time is over.
    Expire(Box<PendingCall>),
    /// Make this call over an idle connection.
    Reuse(Box<PendingCall>, SessionId),
    /// Make this call over a new connection, which is counted already.
    Connect(Box<PendingCall>),
}

/// All calls that wait, and all connections.
#[derive(Debug, Default)]
pub struct Calls {
    backends: HashMap<Rc<Destination>, Backend>,
    waiting: [usize; 2],
    dropped: u64,
}

/// What there is of one destination.
#[derive(Debug, Default)]
struct Backend {
    decisions: VecDeque<Box<PendingCall>>,
    reports: VecDeque<Box<PendingCall>>,
    connections: usize,
    /// Connections without a call; the last has been used last.
    idle: Vec<SessionId>,
}

impl Calls {
    /// Adds a call behind those of its kind.
    pub fn add(&mut self, call: Call, now: Instant) -> Result<(), CallsFull> {
        let (kind, most) = match call.kind {
            CallKind::Decision => (0, MAX_DECISIONS),
            CallKind::Report => (1, MAX_REPORTS),
        };
        if self.waiting[kind] >= most {
            self.dropped += 1;
            return Err(CallsFull);
        }
        self.waiting[kind] += 1;
        let backend = self.backends.entry(Rc::clone(&call.destination)).or_default();
        backend.list(call.kind).push_back(Box::new(PendingCall::new(call, now)));
        Ok(())
    }

    /// Adds a call, which has been made without success, before all others, to be made over a new connection.
    pub fn repeat(&mut self, mut call: Box<PendingCall>) {
        call.is_repeated = true;
        let kind = call.call.kind;
        self.waiting[kind as usize] += 1;
        let backend = self.backends.entry(Rc::clone(&call.call.destination)).or_default();
        backend.list(kind).push_front(call);
    }

    /// Takes the next call of a destination that can be made now, or whose time is over.
    pub fn next(&mut self, destination: &Destination, now: Instant) -> Option<Next> {
        let backend = self.backends.get_mut(destination)?;
        let list = if backend.decisions.is_empty() { &mut backend.reports } else { &mut backend.decisions };
        let first = list.front()?;
        let (is_over, may_reuse) = (first.is_over(now), !first.is_repeated && !backend.idle.is_empty());
        if !is_over && !may_reuse && backend.connections >= MAX_CONNECTIONS {
            return None;
        }
        let call = list.pop_front()?;
        self.waiting[call.call.kind as usize] -= 1;
        Some(if is_over {
            Next::Expire(call)
        } else if let Some(id) = backend.idle.pop_if(|_| may_reuse) {
            Next::Reuse(call, id)
        } else {
            backend.connections += 1;
            Next::Connect(call)
        })
    }

    /// Keeps a connection that has no call.
    pub fn keep(&mut self, destination: &Destination, id: SessionId) {
        if let Some(backend) = self.backends.get_mut(destination) {
            backend.idle.push(id);
        }
    }

    /// Forgets a connection that ends.
    pub fn remove(&mut self, destination: &Destination, id: SessionId) {
        let Some(backend) = self.backends.get_mut(destination) else { return };
        debug_assert!(backend.connections > 0, "a connection of {destination} is not counted");
        backend.connections = backend.connections.saturating_sub(1);
        backend.idle.retain(|other| *other != id);
        if backend.connections == 0 && backend.decisions.is_empty() && backend.reports.is_empty() {
            self.backends.remove(destination);
        }
    }

    /// Calls that were dropped, as too many waited.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Backend {
    fn list(&mut self, kind: CallKind) -> &mut VecDeque<Box<PendingCall>> {
        match kind {
            CallKind::Decision => &mut self.decisions,
            CallKind::Report => &mut self.reports,
        }
    }
}
