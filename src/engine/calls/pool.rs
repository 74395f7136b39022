//! The calls that wait for a connection, and the connections, by destination.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::calls::call::{Call, CallKind, CallsFull};
use crate::engine::calls::destination::Destination;
use crate::engine::ids::SessionId;

/// The most connections to one destination: what a small backend serves at a time.
const MAX_CONNECTIONS: usize = 32;
/// Those of them that reports may have, so that slow ones do not hold up decisions.
const MAX_FOR_REPORTS: usize = 24;
/// Those that decisions may have while reports wait, so that clients which ask again and again do not hold them up.
const MAX_FOR_DECISIONS: usize = 28;
/// The most calls of each kind that wait for a connection to one destination; of decisions as many as requests can be
/// suspended.
const MAX_WAITING: usize = 1024;
/// The most bytes of all requests that wait or are being made.
const MAX_BYTES: usize = 16 << 20;
/// How long a report may wait before it begins: its signature has a time, and the backend hears of what is long over.
const REPORT_WAIT: Duration = Duration::from_secs(30);

/// A call that waits or is being made.
#[derive(Debug)]
pub struct PendingCall {
    pub call: Call,
    /// When its time is over; of a report that has not begun, when it is too late to begin.
    until: Instant,
    has_begun: bool,
    /// Whether it is made for the second time.
    pub is_repeated: bool,
}

impl PendingCall {
    fn new(call: Call, now: Instant) -> Self {
        let until = match call.kind {
            CallKind::Decision => now + call.timeout,
            CallKind::Report => now + REPORT_WAIT,
        };
        Self { call, until, has_begun: false, is_repeated: false }
    }

    /// Begins the call. Returns when its time is over: that of a report begins now, unless it is repeated.
    pub fn begin(&mut self, now: Instant) -> Instant {
        if !std::mem::replace(&mut self.has_begun, true) && self.call.kind == CallKind::Report {
            self.until = now + self.call.timeout;
        }
        self.until
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
    /// Calls that wait or are being made, and the bytes of their requests.
    count: usize,
    bytes: usize,
    /// Reports that were dropped, as too many waited.
    pub dropped_reports: u64,
    /// Downloads under way.
    pub downloads: usize,
}

/// What there is of one destination.
#[derive(Debug, Default)]
struct Backend {
    decisions: VecDeque<Box<PendingCall>>,
    reports: VecDeque<Box<PendingCall>>,
    connections: usize,
    /// Those of them that have not had a response yet.
    unproven: usize,
    /// The reports that are being made, by their order.
    reporting: Vec<u64>,
    /// Connections without a call; the last has been used last.
    idle: Vec<SessionId>,
}

impl Calls {
    /// Whether a call to a destination would be taken now.
    pub fn has_room(&self, destination: &Destination, kind: CallKind) -> bool {
        let is_full = |backend: &Backend| !backend.may_begin(kind) && backend.list(kind).len() >= MAX_WAITING;
        self.bytes < MAX_BYTES && !self.backends.get(destination).is_some_and(is_full)
    }

    /// Adds a call behind those of its kind.
    pub fn add(&mut self, call: Call, now: Instant) -> Result<(), CallsFull> {
        if !self.has_room(&call.destination, call.kind) {
            self.dropped_reports += u64::from(call.kind == CallKind::Report);
            return Err(CallsFull);
        }
        self.count_in(&call);
        let backend = self.backends.entry(Rc::clone(&call.destination)).or_default();
        backend.list_mut(call.kind).push_back(Box::new(PendingCall::new(call, now)));
        Ok(())
    }

    /// Adds a call, which has been made without success, before all others. It gets a new connection, unless there are as
    /// many as there may be.
    pub fn repeat(&mut self, mut call: Box<PendingCall>) {
        call.is_repeated = true;
        self.count_in(&call.call);
        let backend = self.backends.entry(Rc::clone(&call.call.destination)).or_default();
        backend.list_mut(call.call.kind).push_front(call);
    }

    /// Takes back a call that has not begun; false if it has.
    pub fn withdraw(&mut self, destination: &Destination, module: &str, token: u64) -> bool {
        let backend = self.backends.get_mut(destination);
        let Some(call) = backend.and_then(|backend| backend.withdraw(module, token)) else { return false };
        self.count_out(&call.call);
        self.remove_if_unused(destination);
        true
    }

    /// Takes the next call of a destination that can be made now, or whose time is over.
    pub fn next(&mut self, destination: &Destination, now: Instant) -> Option<Next> {
        let next = self.backends.get_mut(destination)?.next(now);
        if let Some(Next::Expire(call)) = &next {
            self.count_out(&call.call);
            self.remove_if_unused(destination);
        }
        next
    }

    /// A connection has no call any more: this one has ended, or is to be repeated.
    pub fn end_call(&mut self, call: &PendingCall) {
        self.count_out(&call.call);
        if let (CallKind::Report, Some(backend)) =
            (call.call.kind, self.backends.get_mut(&*call.call.destination))
            && let Some(place) = backend.reporting.iter().position(|order| *order == call.call.order)
        {
            backend.reporting.swap_remove(place);
        }
    }

    /// Calls that wait or are being made.
    pub fn count(&self) -> usize {
        self.count
    }

    fn count_in(&mut self, call: &Call) {
        self.count += 1;
        self.bytes += call.request.len();
    }

    fn count_out(&mut self, call: &Call) {
        self.count -= 1;
        self.bytes -= call.request.len();
    }

    /// A connection has had its first response.
    pub fn prove(&mut self, destination: &Destination) {
        if let Some(backend) = self.backends.get_mut(destination) {
            debug_assert!(
                backend.unproven > 0,
                "a connection of {destination} has had its first response twice"
            );
            backend.unproven = backend.unproven.saturating_sub(1);
        }
    }

    /// Whether a connection is kept after a response. Not while another one waits for its first: the backend may serve
    /// one connection at a time, until it is closed.
    pub fn may_keep(&self, destination: &Destination) -> bool {
        self.backends.get(destination).is_some_and(|backend| backend.unproven == 0)
    }

    /// Keeps a connection that has no call.
    pub fn keep(&mut self, destination: &Destination, id: SessionId) {
        if let Some(backend) = self.backends.get_mut(destination) {
            backend.idle.push(id);
        }
    }

    /// Forgets a connection that ends, and whether it has had a response.
    pub fn remove(&mut self, destination: &Destination, id: SessionId, is_proven: bool) {
        let Some(backend) = self.backends.get_mut(destination) else { return };
        debug_assert!(backend.connections > 0, "a connection of {destination} is not counted");
        backend.connections = backend.connections.saturating_sub(1);
        backend.unproven = backend.unproven.saturating_sub(usize::from(!is_proven));
        backend.idle.retain(|other| *other != id);
        self.remove_if_unused(destination);
    }

    fn remove_if_unused(&mut self, destination: &Destination) {
        let is_unused = |backend: &Backend| {
            backend.connections == 0 && backend.decisions.is_empty() && backend.reports.is_empty()
        };
        if self.backends.get(destination).is_some_and(is_unused) {
            self.backends.remove(destination);
        }
    }
}

impl Backend {
    /// Whether a call of a kind may begin now, if none waits before it.
    fn may_begin(&self, kind: CallKind) -> bool {
        let may_connect = !self.idle.is_empty() || self.connections < MAX_CONNECTIONS;
        let deciding = || self.connections.saturating_sub(self.idle.len() + self.reporting.len());
        may_connect
            && match kind {
                CallKind::Decision => self.reports.is_empty() || deciding() < MAX_FOR_DECISIONS,
                CallKind::Report => self.reporting.len() < MAX_FOR_REPORTS,
            }
    }

    fn withdraw(&mut self, module: &str, token: u64) -> Option<Box<PendingCall>> {
        let is_it = |call: &PendingCall| call.call.module == module && call.call.token == token;
        [&mut self.decisions, &mut self.reports].into_iter().find_map(|list| {
            let place = list.iter().position(|call| is_it(call))?;
            list.remove(place)
        })
    }

    fn next(&mut self, now: Instant) -> Option<Next> {
        let is_over =
            |list: &VecDeque<Box<PendingCall>>| list.front().is_some_and(|first| first.until <= now);
        for list in [&mut self.decisions, &mut self.reports] {
            if let Some(call) = is_over(list).then(|| list.pop_front()).flatten() {
                return Some(Next::Expire(call));
            }
        }
        let call = if self.may_begin(CallKind::Decision) { self.decisions.pop_front() } else { None };
        let call = call.or_else(|| self.take_report())?;
        let is_full = self.connections >= MAX_CONNECTIONS;
        if let Some(id) = self.idle.pop_if(|_| !call.is_repeated || is_full) {
            return Some(Next::Reuse(call, id));
        }
        self.connections += 1;
        self.unproven += 1;
        Some(Next::Connect(call))
    }

    /// Takes the first report that may begin: none of the same order is being made.
    fn take_report(&mut self) -> Option<Box<PendingCall>> {
        if !self.may_begin(CallKind::Report) {
            return None;
        }
        let may_begin = |report: &PendingCall| !self.reporting.contains(&report.call.order);
        let report = self
            .reports
            .iter()
            .position(|report| may_begin(report))
            .and_then(|place| self.reports.remove(place))?;
        self.reporting.push(report.call.order);
        Some(report)
    }

    fn list(&self, kind: CallKind) -> &VecDeque<Box<PendingCall>> {
        match kind {
            CallKind::Decision => &self.decisions,
            CallKind::Report => &self.reports,
        }
    }

    fn list_mut(&mut self, kind: CallKind) -> &mut VecDeque<Box<PendingCall>> {
        match kind {
            CallKind::Decision => &mut self.decisions,
            CallKind::Report => &mut self.reports,
        }
    }
}
