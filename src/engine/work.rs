//! What is left to do before a turn ends, one step at a time.

use std::collections::VecDeque;

use super::ctx::Action;
use super::exchange::Exchange;
use super::module::Verdict;
use super::role::Endpoint;
use super::session::SessionId;

/// Work that waits for [`Engine::step`](super::Engine::step). Entries are taken one by one: whoever polls the
/// sockets may stop between two of them, and one that panics takes no other along.
///
/// The order of the fields below `dirty` is the order in which they are done. Sessions that go on with their
/// input come last, because they alone may come back for ever.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Sessions with something new to send, each once. They are no steps: the sockets are written to first.
    pub dirty: Vec<SessionId>,
    /// Whether a player's queue has reached its bound since the last write.
    pub pressed: bool,
    /// What is asked of whoever owns the sockets.
    pub actions: VecDeque<Action>,
    /// Answers to suspended requests.
    pub answers: VecDeque<(SessionId, Verdict)>,
    /// Players that have had all they wanted.
    pub satisfied: VecDeque<Endpoint>,
    /// Sessions to end.
    pub ended: VecDeque<SessionId>,
    /// Sessions that have ended and may take the next step towards the close of their socket.
    pub lingering: VecDeque<SessionId>,
    /// HTTP answers that have been sent, or never will be, to be accounted for.
    pub exchanged: VecDeque<Exchange>,
    /// HTTP sessions whose answer is being composed.
    pub composing: VecDeque<SessionId>,
    /// Sessions that may have nothing left to hold their input.
    pub resumable: VecDeque<SessionId>,
}

/// One step.
#[derive(Debug)]
pub(super) enum Task {
    Answer(SessionId, Verdict),
    Complete(Endpoint),
    End(SessionId),
    Linger(SessionId),
    Account(Box<Exchange>),
    Compose(SessionId),
    Resume(SessionId),
}

impl Work {
    /// Takes the next step.
    pub fn next(&mut self) -> Option<Task> {
        if let Some((id, verdict)) = self.answers.pop_front() {
            return Some(Task::Answer(id, verdict));
        }
        let finite = None
            .or_else(|| self.satisfied.pop_front().map(Task::Complete))
            .or_else(|| self.ended.pop_front().map(Task::End))
            .or_else(|| self.lingering.pop_front().map(Task::Linger))
            .or_else(|| self.exchanged.pop_front().map(|exchange| Task::Account(Box::new(exchange))));
        let recurring = || {
            let composing = self.composing.pop_front().map(Task::Compose);
            composing.or_else(|| self.resumable.pop_front().map(Task::Resume))
        };
        finite.or_else(recurring)
    }

    /// Whether there is something to do before any socket or timer says so.
    pub fn is_pending(&self) -> bool {
        self.has_steps() || !(self.dirty.is_empty() && self.actions.is_empty() && self.resumable.is_empty())
    }

    /// Whether there are steps beside those of sessions that go on with their input.
    pub fn has_steps(&self) -> bool {
        !(self.answers.is_empty()
            && self.satisfied.is_empty()
            && self.ended.is_empty()
            && self.lingering.is_empty()
            && self.exchanged.is_empty()
            && self.composing.is_empty())
    }
}
