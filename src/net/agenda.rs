//! In which order sessions are served, and for how long.
//!
//! Media comes first: what an event announces of a session that publishes or plays is served before all else. Media
//! that takes long stands behind it, and files and lists for HTTP behind both. All is done in steps, a few
//! milliseconds of them between two polls; so a frame waits for little more than the step that is under way.

use std::collections::VecDeque;
use std::time::Duration;

use super::socket::Traffic;
use crate::engine::SessionId;

/// How long a turn may take before the sockets are polled again.
pub const TURN: Duration = Duration::from_millis(5);
/// How long media that takes long has in any turn.
pub const SLOW_SHARE: Duration = Duration::from_millis(2);
/// How long files, and what the engine has left to do, have in any turn, however long media has taken.
pub const SHARE: Duration = Duration::from_millis(1);
/// How long one session is read; one that takes longer is slow the next time.
pub const STEP: Duration = Duration::from_millis(1);

/// A place on the agenda.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Media that takes no time to speak of.
    Prompt,
    /// Media that has more than its share, whose next step may take long, or that has not had its turn in time.
    Slow,
    /// HTTP.
    Files,
}

impl Place {
    /// Where a session stands that goes on with what it has begun.
    pub fn to_go_on(traffic: Traffic) -> Self {
        match traffic {
            Traffic::Media => Self::Slow,
            Traffic::Files => Self::Files,
        }
    }
}

/// The sessions to be served. Whoever adds them sees to it that each is on it once.
#[derive(Debug, Default)]
pub struct Agenda {
    prompt: VecDeque<SessionId>,
    slow: VecDeque<SessionId>,
    files: VecDeque<SessionId>,
}

impl Agenda {
    /// Adds a session.
    pub fn add(&mut self, id: SessionId, place: Place) {
        self.at(place).push_back(id);
    }

    /// Takes the next session of a place.
    pub fn next(&mut self, place: Place) -> Option<SessionId> {
        self.at(place).pop_front()
    }

    /// Puts those of the first place who have not had their turn behind all who come now.
    pub fn put_off(&mut self) {
        self.slow.append(&mut self.prompt);
    }

    /// Whether there is nobody to serve.
    pub fn is_empty(&self) -> bool {
        self.prompt.is_empty() && self.slow.is_empty() && self.files.is_empty()
    }

    fn at(&mut self, place: Place) -> &mut VecDeque<SessionId> {
        match place {
            Place::Prompt => &mut self.prompt,
            Place::Slow => &mut self.slow,
            Place::Files => &mut self.files,
        }
    }
}
