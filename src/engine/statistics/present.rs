//! The numbers of the present moment that are not kept but looked up, for statistics.

use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::config::listener::Protocol;
use crate::engine::ctx::Ctx;
use crate::engine::session::{ProtocolState, Session};

/// What an HTTP connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpActivity {
    /// Its request comes, or the first one is awaited.
    Reading,
    /// It is answered.
    Writing,
    /// It is kept for a further request.
    Waiting,
}

/// Bytes that are used, and the most that may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// Input of clients that is not yet processed (`input_memory_size`).
    pub input: (u64, u64),
    /// Frames that are cached or wait for players, and replies that wait (`media_memory_size`).
    pub media: (u64, u64),
    /// Files in memory (`hls_memory_size`).
    pub files: (u64, u64),
}

impl Session {
    /// What it does, if it is an HTTP connection of a client.
    pub fn http_activity(&self) -> Option<HttpActivity> {
        let ProtocolState::Http(state) = &self.protocol else { return None };
        Some(if state.answering || !state.exchanges.is_empty() {
            HttpActivity::Writing
        } else if state.requests == 0 || state.protocol.in_request() {
            HttpActivity::Reading
        } else {
            HttpActivity::Waiting
        })
    }
}

impl Engine {
    /// Counts a turn of net's loop that began at `now`: how long it took.
    pub fn note_turn(&mut self, time: Duration, now: Instant) {
        self.cx.totals.turns.observe(time);
        self.cx.totals.longest_turn.note(time, now);
        self.cx.totals.note_rates(now);
    }

    /// Notes how long a session has waited that was ready to be served.
    pub fn note_wait(&mut self, time: Duration, now: Instant) {
        self.cx.totals.longest_wait.note(time, now);
    }
}

impl Ctx {
    /// The connections of clients to listeners of a protocol.
    pub fn connections(&self, protocol: Protocol) -> usize {
        self.connections.count(protocol)
    }

    /// The server's own connections to backends.
    pub fn backend_connections(&self) -> usize {
        self.backend_connections
    }

    /// The memory that is counted against budgets.
    pub fn memory_use(&self) -> MemoryUse {
        let budgets = &self.budgets;
        MemoryUse {
            input: (budgets.input.used as u64, budgets.input.limit as u64),
            media: (budgets.media_used() as u64, budgets.media.limit as u64),
            files: (self.memory.bytes(), self.memory.limit()),
        }
    }

    /// Requests of clients that wait for the decision of a backend, or for a thread.
    pub fn suspended_requests(&self) -> usize {
        self.suspended
    }

    /// Calls to backends that wait or are being made.
    pub fn calls_waiting(&self) -> usize {
        self.calls.count()
    }
}
