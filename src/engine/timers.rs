//! All deadlines of the process, nearest first. Those of sessions and streams are never removed early: when one
//! expires, the session or stream decides whether it still counts. Those of modules have ids and can be cancelled.
//! Nothing is called here.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::time::Instant;

use crate::engine::ids::{SessionId, StreamId};

/// The purpose of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Check a session. Its `timer_at` tells whether this entry counts.
    Session {
        /// The session.
        id: SessionId,
        /// The time of the entry.
        at: Instant,
    },
    /// Check a stream.
    Stream(StreamId),
    /// Check who still watches.
    Viewers,
    /// Free answers that have been shared.
    Shared,
    /// End what is gone since a reload and whose grace is over.
    Gone,
    /// Check the relays.
    Relays,
    /// Call a module.
    Module {
        /// The module's name.
        module: &'static str,
        /// The id of the timer.
        id: TimerId,
        /// The module's own mark for the purpose.
        token: u64,
    },
}

/// A timer of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId(u64);

/// Cancelled entries that may be left in the heap, beside half of all.
const FREE_CANCELLED: usize = 64;

/// All deadlines of the process.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Timer)>>,
    /// The timers of modules that have neither expired nor been cancelled.
    set: HashSet<TimerId>,
    /// The number of cancelled entries.
    cancelled: usize,
    last: u64,
    /// Sessions that wait behind the answer to a `play`. Bounded by what clients may request.
    pub(in crate::engine) answer_waits: Waits,
    /// Sessions whose answer is throttled, each once.
    pub(in crate::engine) throttled: Waits,
}

/// Sessions that wait. All of one list wait for the same time, so the first expires first. Some may have ended.
#[derive(Debug, Default)]
pub(in crate::engine) struct Waits(VecDeque<(Instant, SessionId)>);

impl Waits {
    /// Adds a session. All must wait for the same time.
    pub fn add(&mut self, until: Instant, id: SessionId) {
        debug_assert!(self.0.back().is_none_or(|(last, _)| *last <= until), "waits end in their order");
        self.0.push_back((until, id));
    }

    /// The sessions.
    pub fn ids(&self) -> impl Iterator<Item = SessionId> {
        self.0.iter().map(|(_, id)| *id)
    }

    /// Takes a session whose wait has expired.
    pub fn pop_expired(&mut self, now: Instant) -> Option<SessionId> {
        if self.0.front()?.0 > now {
            return None;
        }
        self.0.pop_front().map(|(_, id)| id)
    }

    fn next(&self) -> Option<Instant> {
        self.0.front().map(|(until, _)| *until)
    }
}

impl Timers {
    /// Adds a deadline.
    pub fn add(&mut self, at: Instant, timer: Timer) {
        self.heap.push(Reverse((at, timer)));
    }

    /// Adds a module's deadline.
    pub fn add_module(&mut self, at: Instant, module: &'static str, token: u64) -> TimerId {
        self.last += 1;
        let id = TimerId(self.last);
        self.set.insert(id);
        self.add(at, Timer::Module { module, id, token });
        id
    }

    /// Cancels a module's deadline, unless it has expired.
    pub fn cancel(&mut self, id: TimerId) {
        if !self.set.remove(&id) {
            return;
        }
        self.cancelled += 1;
        if self.cancelled > FREE_CANCELLED + self.heap.len() / 2 {
            let set = &self.set;
            self.heap.retain(|Reverse((_, timer))| is_set(set, timer));
            self.cancelled = 0;
        }
    }

    /// The nearest deadline.
    pub fn next(&mut self) -> Option<Instant> {
        self.drop_cancelled();
        [self.next_timer(), self.answer_waits.next(), self.throttled.next()].into_iter().flatten().min()
    }

    /// Takes an expired timer.
    pub fn pop_expired(&mut self, now: Instant) -> Option<Timer> {
        self.drop_cancelled();
        if self.next_timer()? > now {
            return None;
        }
        let Reverse((_, timer)) = self.heap.pop()?;
        if let Timer::Module { id, .. } = timer {
            self.set.remove(&id);
        }
        Some(timer)
    }

    /// Drops the cancelled entries in front of the first other one: the process must not wake up for them.
    fn drop_cancelled(&mut self) {
        while self.cancelled > 0
            && self.heap.peek().is_some_and(|Reverse((_, timer))| !is_set(&self.set, timer))
        {
            self.heap.pop();
            self.cancelled -= 1;
        }
    }

    fn next_timer(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

fn is_set(set: &HashSet<TimerId>, timer: &Timer) -> bool {
    !matches!(timer, Timer::Module { id, .. } if !set.contains(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn tokens(timers: &mut Timers, now: Instant) -> Vec<u64> {
        let token = |timer| match timer {
            Timer::Module { token, .. } => token,
            other => panic!("{other:?}"),
        };
        std::iter::from_fn(|| timers.pop_expired(now)).map(token).collect()
    }

    #[test]
    fn timers_expire_in_the_order_of_their_deadlines_and_not_before() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut timers = Timers::default();
        for (token, time) in [(1, 30), (2, 10), (3, 20)] {
            timers.add_module(at(time), "test", token);
        }
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(tokens(&mut timers, at(9)), [0; 0]);
        assert_eq!(tokens(&mut timers, at(20)), [2, 3]);
        assert_eq!(tokens(&mut timers, at(30)), [1]);
    }

    #[test]
    fn a_cancelled_timer_does_not_expire_and_cancelling_again_or_late_does_nothing() {
        let now = Instant::now();
        let mut timers = Timers::default();
        let ids: Vec<_> = (0..3).map(|token| timers.add_module(now, "test", token)).collect();
        timers.cancel(ids[1]);
        timers.cancel(ids[1]);
        assert_eq!(tokens(&mut timers, now), [0, 2]);
        timers.cancel(ids[0]);
        assert_eq!((timers.cancelled, timers.set.len(), timers.heap.len()), (0, 0, 0));
    }

    #[test]
    fn the_nearest_deadline_is_not_that_of_a_cancelled_timer() {
        let (now, mut timers) = (Instant::now(), Timers::default());
        let at = |seconds| now + Duration::from_secs(seconds);
        let ids = [1, 2, 3].map(|seconds| timers.add_module(at(seconds), "test", seconds));
        timers.cancel(ids[0]);
        timers.cancel(ids[1]);
        assert_eq!(timers.next(), Some(at(3)));
        timers.cancel(ids[2]);
        assert_eq!((timers.next(), timers.cancelled, timers.heap.len()), (None, 0, 0));
    }

    #[test]
    fn a_module_that_sets_and_cancels_again_and_again_fills_nothing() {
        let (now, mut timers) = (Instant::now(), Timers::default());
        let kept = timers.add_module(now, "test", 1);
        for _ in 0..10_000 {
            let id = timers.add_module(now + Duration::from_secs(3600), "test", 0);
            timers.cancel(id);
        }
        assert!(timers.heap.len() <= 2 * (FREE_CANCELLED + 2), "{}", timers.heap.len());
        assert_eq!(tokens(&mut timers, now), [1]);
        timers.cancel(kept);
    }
}
