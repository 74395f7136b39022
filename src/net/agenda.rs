//! The order in which sessions are served, and the time that each kind of them gets.
//!
//! Media comes first: a session that publishes or plays is served before all others. Sessions of media that take long
//! follow, then files and lists for HTTP. Everything is done in steps, for a few milliseconds between two polls, so a
//! frame waits for little more than the step that is under way.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::socket::Traffic;
use crate::engine::SessionId;

/// The longest time from one poll of the sockets to the next.
pub const TURN: Duration = Duration::from_millis(5);
/// The least time of a turn for slow sessions.
pub const SLOW_SHARE: Duration = Duration::from_millis(2);
/// The least time of a turn for timers, and for files with the engine's own work, however long media has taken.
pub const SHARE: Duration = Duration::from_millis(1);
/// The time for which one session is read. A session that takes longer is slow the next time.
pub const STEP: Duration = Duration::from_millis(1);

/// Handshakes that have begun and are not complete: each takes up to 80 KiB that no budget counts. While there are more, no
/// client of an encrypted port is accepted. With fewer, a few hundred clients that send nothing would keep all others out.
const MAX_UNFINISHED: usize = 2048;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Media that is served in a moment.
    Prompt,
    /// Media that has used up its share, whose next step may take long, or whose turn did not come in time.
    Slow,
    /// Files and lists for HTTP.
    Files,
}

impl Queue {
    /// The queue of a session that has more to do than it could in its last step.
    pub fn to_continue(traffic: Traffic) -> Self {
        match traffic {
            Traffic::Media => Self::Slow,
            Traffic::Files => Self::Files,
        }
    }
}

/// The longest time of a poll that has not waited for anything.
const AT_ONCE: Duration = Duration::from_micros(20);

/// When the sockets were last looked at, which tells since when those may be ready that a poll finds.
#[derive(Debug)]
pub struct LastLook(Instant);

impl LastLook {
    /// The sockets have been looked at now.
    pub fn new(now: Instant) -> Self {
        Self(now)
    }

    /// Since when the sockets may be ready that a poll has found: it was `asked`, and returns `now`. If it has waited,
    /// nothing was ready before. If it has not, something has become ready since the last look.
    pub fn ready_since(&mut self, asked: Instant, now: Instant) -> Instant {
        let last = std::mem::replace(&mut self.0, now);
        if now.saturating_duration_since(asked) < AT_ONCE { last } else { now }
    }
}

/// The sessions to be served, each with the time since when it is ready. The caller adds each of them once only.
#[derive(Debug)]
pub struct Agenda {
    prompt: VecDeque<(SessionId, Instant)>,
    slow: VecDeque<(SessionId, Instant)>,
    files: VecDeque<(SessionId, Instant)>,
    /// When the clock was last read.
    clock: Instant,
}

impl Agenda {
    /// Nothing to be served.
    pub fn new(clock: Instant) -> Self {
        Self { prompt: VecDeque::new(), slow: VecDeque::new(), files: VecDeque::new(), clock }
    }

    /// Notes the time: what is added from now on is ready since then.
    pub fn set_clock(&mut self, clock: Instant) {
        self.clock = clock;
    }

    pub fn add(&mut self, id: SessionId, queue: Queue) {
        let since = self.clock;
        self.at(queue).push_back((id, since));
    }

    /// Takes the next session, with the time since when it has been ready.
    pub fn next(&mut self, queue: Queue) -> Option<(SessionId, Instant)> {
        self.at(queue).pop_front()
    }

    /// Makes prompt sessions slow whose turn has not come: sessions with new events go before them.
    pub fn postpone_prompt(&mut self) {
        self.slow.append(&mut self.prompt);
    }

    /// Whether a queue has a session.
    pub fn has(&self, queue: Queue) -> bool {
        match queue {
            Queue::Prompt => !self.prompt.is_empty(),
            Queue::Slow => !self.slow.is_empty(),
            Queue::Files => !self.files.is_empty(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.prompt.is_empty() && self.slow.is_empty() && self.files.is_empty()
    }

    fn at(&mut self, queue: Queue) -> &mut VecDeque<(SessionId, Instant)> {
        match queue {
            Queue::Prompt => &mut self.prompt,
            Queue::Slow => &mut self.slow,
            Queue::Files => &mut self.files,
        }
    }
}

/// Handshakes with clients: the sessions whose hellos wait to be answered, each once. Those for media and those for files take
/// turns, so that a flood of one kind does not hold up the other.
#[derive(Debug, Default)]
pub struct Handshakes {
    media: VecDeque<SessionId>,
    files: VecDeque<SessionId>,
    last_was_media: bool,
    /// Handshakes that have begun and are not complete.
    unfinished: usize,
}

impl Handshakes {
    /// Whether no hello waits.
    pub fn is_empty(&self) -> bool {
        self.media.is_empty() && self.files.is_empty()
    }

    /// Has the hello of a session wait.
    pub fn push(&mut self, id: SessionId, traffic: Traffic) {
        match traffic {
            Traffic::Media => self.media.push_back(id),
            Traffic::Files => self.files.push_back(id),
        }
    }

    /// Takes the session whose hello is to be answered next.
    pub fn pop(&mut self) -> Option<SessionId> {
        self.last_was_media = !self.media.is_empty() && (!self.last_was_media || self.files.is_empty());
        if self.last_was_media { self.media.pop_front() } else { self.files.pop_front() }
    }

    /// A handshake begins.
    pub fn begin(&mut self) {
        self.unfinished += 1;
    }

    /// A handshake is complete, or its connection is closed. Returns whether others may begin that had to wait.
    pub fn end(&mut self) -> bool {
        let was_full = self.is_full();
        self.unfinished = self.unfinished.saturating_sub(1);
        was_full && !self.is_full()
    }

    /// Whether so many have begun that no other may.
    pub fn is_full(&self) -> bool {
        self.unfinished >= MAX_UNFINISHED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_ready_during_a_long_step_has_waited_since_the_look_before_it() {
        let start = Instant::now();
        let (later, moment) = (start + Duration::from_millis(700), Duration::from_micros(3));
        let mut look = LastLook::new(start);
        assert_eq!(look.ready_since(later, later + moment), start, "a step of 700 ms");
        assert_eq!(look.ready_since(later + 2 * moment, later + 3 * moment), later + moment);
        let woken = later + Duration::from_secs(1);
        assert_eq!(look.ready_since(later, woken), woken, "the poll has waited for it");
    }

    #[test]
    fn a_session_is_ready_since_it_was_added_also_if_it_is_postponed() {
        let start = Instant::now();
        let (id, mut agenda) = (SessionId::default(), Agenda::new(start));
        agenda.add(id, Queue::Prompt);
        agenda.set_clock(start + STEP);
        agenda.add(id, Queue::Slow);
        agenda.postpone_prompt();
        assert_eq!(agenda.next(Queue::Prompt), None);
        assert_eq!(agenda.next(Queue::Slow), Some((id, start + STEP)));
        assert_eq!(agenda.next(Queue::Slow), Some((id, start)));
        assert!(agenda.is_empty());
    }

    #[test]
    fn hellos_of_both_kinds_take_turns_and_there_are_only_so_many_handshakes_at_once() {
        let mut handshakes = Handshakes::default();
        let id = |index| {
            let mut id = SessionId::default();
            id.index = index;
            id
        };
        for index in 0..3 {
            handshakes.push(id(index), Traffic::Media);
        }
        handshakes.push(id(10), Traffic::Files);
        handshakes.push(id(11), Traffic::Files);
        let order: Vec<_> = std::iter::from_fn(|| handshakes.pop()).map(|id| id.index).collect();
        assert_eq!(order, [0, 10, 1, 11, 2]);
        assert!(handshakes.is_empty());
        for _ in 0..MAX_UNFINISHED {
            assert!(!handshakes.is_full());
            handshakes.begin();
        }
        assert!(handshakes.is_full());
        assert!(handshakes.end() && !handshakes.end());
    }
}
