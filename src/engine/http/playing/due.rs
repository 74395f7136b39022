//! The deadlines of an HTTP player: for a publisher to come, and for the client to take what it is sent.

use std::time::Instant;

use crate::engine::http::playing::HttpPlayer;
use crate::engine::session::{STEP_DEADLINE, Session};

/// What is due of an HTTP player.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum PlayerDue {
    /// Nothing before this time.
    Later(Instant),
    /// Its answer ends, as nobody has published the stream in time.
    GiveUp,
    /// It takes nothing.
    Stuck,
}

impl HttpPlayer {
    /// What is due at `now`; `is_live` is whether somebody publishes its stream.
    pub fn due(&self, session: &Session, is_live: bool, now: Instant) -> PlayerDue {
        let output = (!session.out.is_empty()).then(|| session.last_output + self.server.timeout);
        if output.is_some_and(|at| now >= at) {
            return PlayerDue::Stuck;
        }
        let wait = (!is_live).then_some(self.waits_until);
        if wait.is_some_and(|at| now >= at) {
            return PlayerDue::GiveUp;
        }
        let next = now + self.server.timeout.max(STEP_DEADLINE);
        PlayerDue::Later(output.into_iter().chain(wait).fold(next, Instant::min))
    }
}
