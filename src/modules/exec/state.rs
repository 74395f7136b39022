//! The state of commands: those that are managed, and those that wait.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::{AppId, StreamName, TimerId};

use super::line::{Line, Managing};
use super::variables::Values;

/// What a managed command ends with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The server.
    Server,
    /// The publisher of a stream.
    Publisher(AppId, StreamName),
    /// The players of a stream.
    Players(AppId, StreamName),
}

/// A managed command: a line of the configuration, for what it ends with.
pub struct Managed {
    pub owner: Owner,
    pub line: Rc<Line>,
    pub subject: Subject,
    /// Its owner and its line are there: it is to run.
    pub is_wanted: bool,
    pub state: State,
    /// What lines of the log about its last run begin with. Its subject may be the next publisher by then.
    pub label: String,
    /// How often it has ended soon after its start, one time after the other.
    pub short_runs: u32,
}

/// What a command is about.
#[derive(Clone)]
pub struct Subject {
    /// None for a command that is about no stream.
    pub values: Option<Rc<Values>>,
    /// The stream, as logs have it: `live/cam`.
    pub stream: Option<Rc<str>>,
}

impl Subject {
    /// What lines of the log about a command begin with.
    pub fn label(&self, line: &Line) -> String {
        let session = self.values.as_ref().and_then(|values| values.client.session);
        line.label(session, self.stream.as_deref())
    }
}

/// What a managed command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits until fewer commands run.
    Waiting,
    /// It runs, or is being started, since then.
    Running(Instant),
    /// It has been told to end.
    Ending,
    /// It has ended by itself, and is started again when this timer expires.
    Pausing(TimerId),
    /// It has ended by itself, and is not started again (`respawn off`, or the server stops).
    Stopped,
    /// It must not be run with these values.
    Refused,
}

/// A command that runs to its own end.
pub struct Independent {
    pub line: Rc<Line>,
    pub subject: Subject,
}

/// What waits until fewer commands run.
pub enum Waiting {
    /// The managed command of this number.
    Managed(u64),
    Independent(Independent),
}

/// A run that is no shorter says that the command works.
pub const LONG_RUN: Duration = Duration::from_secs(10);
/// The shortest pause before a command is started again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// The longest, unless `respawn_timeout` is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The pause before a command is started again that has ended so often soon after its start.
pub fn pause(managing: &Managing, short_runs: u32) -> Duration {
    let first = managing.pause.max(SHORTEST_PAUSE);
    let doubled = first.saturating_mul(1 << short_runs.saturating_sub(1).min(16));
    doubled.min(first.max(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_a_minute_and_is_never_nothing() {
        let pauses = |milliseconds, runs: &[u32]| {
            let managing = Managing { respawn: true, pause: Duration::from_millis(milliseconds), signal: 15 };
            runs.iter().map(|runs| pause(&managing, *runs).as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(
            pauses(5000, &[0, 1, 2, 3, 4, 5, 6, 1000]),
            [5000, 5000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]
        );
        assert_eq!(pauses(0, &[0, 1, 2, 10, 11]), [100, 100, 200, 51_200, 60_000]);
        assert_eq!(pauses(600_000, &[1, 2]), [600_000, 600_000]);
    }
}
