//! The answer to a publisher that stops: it is sent when the files of its stream have been written, so that whoever
//! waits for it finds them complete.

use crate::engine::ctx::Ctx;
use crate::engine::ids::Endpoint;
use crate::engine::jobs::JobOwner;
use crate::rtmp::command::Level;

/// How often the answer goes behind everything that waits for the writer: the result of a job may lead to another, as
/// when a file has to be made before its content is written.
const ROUNDS: u8 = 3;

impl Ctx {
    /// Answers a publisher that has stopped, after what waits to be written now.
    pub(in crate::engine) fn answer_unpublish(&mut self, publisher: Endpoint) {
        self.wait_for_files(publisher, ROUNDS);
    }

    /// A round is over: everything has been written that waited at its beginning.
    pub(in crate::engine) fn end_unpublish_round(&mut self, publisher: Endpoint, rounds_left: u8) {
        let has_role = |msid| {
            let session = self.sessions.get(publisher.session);
            session.is_some_and(|session| session.roles.on(msid).is_some())
        };
        // A client that did not wait for the answer would take it for that of its next stream.
        if !has_role(publisher.msid) {
            self.wait_for_files(publisher, rounds_left);
        }
    }

    fn wait_for_files(&mut self, publisher: Endpoint, rounds: u8) {
        match rounds.checked_sub(1).filter(|_| self.jobs.writes() > 0) {
            Some(left) => self.jobs.write_always(JobOwner::Unpublish(publisher), 0, move || Some(left)),
            None => {
                self.status(publisher, (Level::Status, "NetStream.Unpublish.Success"), "Stop publishing");
            }
        }
    }
}
