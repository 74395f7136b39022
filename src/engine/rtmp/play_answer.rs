//! The answer to a `play` is sent alone: what follows it waits until the client has read it.
//!
//! Some clients attach their media reader only after reading that answer, and lose everything in the same read
//! (node-media-server's pull). So headers, cached group and frames wait in the player's queue behind a wait of
//! [`OutQueue`](crate::engine::OutQueue). It begins when the answer has been given to the socket, and ends 20 ms
//! later, or with the next command that the client sends after that. Set Buffer Length does not count: clients send
//! it right behind
//! `play`, before they can have the answer. All waits have the same length, so they end in the order in which they begin,
//! and one list holds them. What is sent, and when it is queued, is not decided here.

use std::time::Duration;

use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;
use crate::engine::session::Life;
use crate::engine::session::sending::{FLUSH_AT, mark_dirty};

/// The longest time between the answer and what follows it.
const ANSWER_WAIT: Duration = Duration::from_millis(20);

impl Ctx {
    /// Begins the wait of a session, as its queue has been sent up to there.
    #[cold]
    pub(in crate::engine) fn begin_answer_wait(&mut self, id: SessionId) {
        let until = self.now.instant + ANSWER_WAIT;
        if self.sessions.get_mut(id).is_some_and(|session| session.out.begin_wait(until)) {
            self.timers.answer_waits.add(until, id);
        }
    }

    /// Ends the wait of a session whose time is over.
    pub(in crate::engine) fn end_expired_wait(&mut self, id: SessionId) {
        let ends = self.sessions.get(id).and_then(|session| session.out.waits_until());
        if ends.is_some_and(|until| until <= self.now.instant) {
            self.end_wait(id);
        }
    }

    /// Ends the wait of a session whose client has sent a command after the answer had been sent.
    pub(in crate::engine) fn end_wait_at_command(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(id) else { return };
        if session.out.waits_until().is_some_and(|until| session.last_input + ANSWER_WAIT > until) {
            self.end_wait(id);
        }
    }

    /// Ends the waits of players whose queues fill up with a burst: frames that do not fit would be dropped.
    pub(in crate::engine) fn end_full_waits(&mut self) {
        let is_full = |id: &SessionId| {
            let session = self.sessions.get(*id);
            session.is_some_and(|session| session.out.len() >= FLUSH_AT + session.out.allowance().messages)
        };
        let full: Vec<_> = self.timers.answer_waits.ids().filter(is_full).collect();
        full.into_iter().for_each(|id| self.end_wait(id));
    }

    fn end_wait(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.out.end_wait();
        if !session.out.is_empty() {
            mark_dirty(&mut self.work.dirty, session);
        } else if session.life != Life::Open || self.is_draining() {
            self.queue_emptied(id);
        }
    }
}
