//! In which order sessions are served, and for how long.
//!
//! Media comes first: what an event announces of a session that publishes or plays is served before all else. What
//! takes long stands behind it and is done in steps, a few milliseconds of them between two polls: files and lists
//! for HTTP, a session that has sent more than its share, one whose last step was slow, one in the middle of a
//! message of megabytes. So a frame waits for no more than the step that is under way.

use std::collections::VecDeque;
use std::time::Duration;

use crate::engine::SessionId;

/// How long a turn may take before the sockets are polled again.
pub const TURN: Duration = Duration::from_millis(5);
/// How long those behind are served in any turn, however long media has taken.
pub const SHARE: Duration = Duration::from_millis(1);
/// How long one session is read; one that takes longer stands behind the next time.
pub const STEP: Duration = Duration::from_millis(1);

/// A place on the agenda.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before all that takes long.
    First,
    /// Among what takes long.
    Behind,
}

/// The sessions to be served. Whoever adds them sees to it that each is on it once.
#[derive(Debug, Default)]
pub struct Agenda {
    first: VecDeque<SessionId>,
    behind: VecDeque<SessionId>,
}

impl Agenda {
    /// Adds a session.
    pub fn add(&mut self, id: SessionId, place: Place) {
        match place {
            Place::First => self.first.push_back(id),
            Place::Behind => self.behind.push_back(id),
        }
    }

    /// Takes the next session of a place.
    pub fn next(&mut self, place: Place) -> Option<SessionId> {
        match place {
            Place::First => self.first.pop_front(),
            Place::Behind => self.behind.pop_front(),
        }
    }

    /// Whether there is nobody to serve.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty() && self.behind.is_empty()
    }
}
