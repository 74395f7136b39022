//! Deadlines, nearest first. An entry is never removed before its time: who set it decides, when it
//! expires, whether it still means anything.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use crate::engine::ids::SessionId;
use crate::engine::ids::StreamId;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Look at a session. Its `timer_at` tells whether this entry is the one that counts.
    Session {
        /// The session.
        id: SessionId,
        /// When the entry was to expire.
        at: Instant,
    },
    /// Look at a stream.
    Stream(StreamId),
    /// Call a module.
    Module {
        /// The module's name.
        module: &'static str,
        /// What the module gave to know it by.
        token: u64,
    },
}

/// All deadlines of the process.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Timer)>>,
    /// Sessions whose answer to a play is out, and what follows it waits. All wait equally long, so the first is the first
    /// to expire. As bounded as what clients may ask for.
    waits: VecDeque<(Instant, SessionId)>,
}

impl Timers {
    /// Adds a deadline.
    pub fn add(&mut self, at: Instant, timer: Timer) {
        self.heap.push(Reverse((at, timer)));
    }

    /// Adds the wait behind a session's answer to a play. Every wait is as long as the others.
    pub fn add_wait(&mut self, until: Instant, id: SessionId) {
        debug_assert!(self.waits.back().is_none_or(|(last, _)| *last <= until), "waits end in their order");
        self.waits.push_back((until, id));
    }

    /// The sessions that wait behind an answer to a play, and some that have ended.
    pub fn waits(&self) -> impl Iterator<Item = SessionId> {
        self.waits.iter().map(|(_, id)| *id)
    }

    /// The nearest deadline.
    pub fn next(&self) -> Option<Instant> {
        let wait = self.waits.front().map(|(until, _)| *until);
        [self.next_timer(), wait].into_iter().flatten().min()
    }

    /// Takes one timer whose deadline has come.
    pub fn pop_expired(&mut self, now: Instant) -> Option<Timer> {
        if self.next_timer()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, timer))| timer)
    }

    /// Takes a session whose wait is over; it may have ended before.
    pub fn pop_expired_wait(&mut self, now: Instant) -> Option<SessionId> {
        if self.waits.front()?.0 > now {
            return None;
        }
        self.waits.pop_front().map(|(_, id)| id)
    }

    fn next_timer(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timers_expire_in_the_order_of_their_deadlines_and_not_before() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut timers = Timers::default();
        for (token, time) in [(1, 30), (2, 10), (3, 20)] {
            timers.add(at(time), Timer::Module { module: "test", token });
        }
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.pop_expired(at(9)), None);
        assert_eq!(timers.pop_expired(at(20)), Some(Timer::Module { module: "test", token: 2 }));
        assert_eq!(timers.pop_expired(at(20)), Some(Timer::Module { module: "test", token: 3 }));
        assert_eq!(timers.pop_expired(at(20)), None);
    }
}
