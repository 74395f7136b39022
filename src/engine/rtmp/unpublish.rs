//! The answer to a publisher that stops: it is sent when the files of its stream have been written, so that whoever
//! waits for it finds them complete. If the disk hangs, it is sent nevertheless before the session is closed for its
//! silence.

use crate::engine::ctx::Ctx;
use crate::engine::ids::{Endpoint, SessionId};
use crate::engine::jobs::JobOwner;
use crate::engine::session::{STEP_DEADLINE, Session};
use crate::rtmp::command::Level;

/// How often the answer goes behind everything that waits for the writer: the result of a job may lead to another, as
/// when a file has to be made before its content is written.
const ROUNDS: u8 = 3;

impl Ctx {
    /// Answers a publisher that has stopped, after what waits to be written now.
    pub(in crate::engine) fn answer_unpublish(&mut self, publisher: Endpoint) {
        self.unanswered.insert(publisher);
        self.wait_for_files(publisher, ROUNDS);
    }

    /// Answers the publishers of a session whose files have not been written in the time for its next step, which begins
    /// now.
    pub(in crate::engine) fn answer_late_unpublish(&mut self, id: SessionId) {
        let late: Vec<_> = self.unanswered.iter().filter(|waits| waits.session == id).copied().collect();
        let now = self.now.instant;
        let Some(state) = self.sessions.get_mut(id).and_then(Session::rtmp_mut) else { return };
        if late.is_empty() || now < state.idle_since + STEP_DEADLINE {
            return;
        }
        state.idle_since = now;
        log::warn!("{id} is told that its stream has ended, though the disk has not taken all files yet");
        late.into_iter().for_each(|publisher| self.end_unpublish(publisher));
    }

    /// A round is over: everything has been written that waited at its beginning.
    pub(in crate::engine) fn end_unpublish_round(&mut self, publisher: Endpoint, rounds_left: u8) {
        let session = self.sessions.get(publisher.session);
        // A client that did not wait for the answer would take it for that of its next stream.
        if session.is_none_or(|session| session.roles.on(publisher.msid).is_some()) {
            self.unanswered.remove(&publisher);
        } else if self.unanswered.contains(&publisher) {
            self.wait_for_files(publisher, rounds_left);
        }
    }

    fn wait_for_files(&mut self, publisher: Endpoint, rounds: u8) {
        // If the queue is full, the disk hangs: it is no use to wait for it.
        let may_wait = self.jobs.writes() > 0 && self.jobs.has_room(0);
        match rounds.checked_sub(1).filter(|_| may_wait) {
            Some(left) => self.jobs.write_always(JobOwner::Unpublish(publisher), 0, move || Some(left)),
            None => self.end_unpublish(publisher),
        }
    }

    fn end_unpublish(&mut self, publisher: Endpoint) {
        self.unanswered.remove(&publisher);
        self.status(publisher, (Level::Status, "NetStream.Unpublish.Success"), "Stop publishing");
    }
}
