//! What the engine has left to do, one step at a time.

use std::collections::VecDeque;

use super::ctx::Action;
use super::exchange::Exchange;
use super::module::Verdict;
use super::role::Endpoint;
use super::session::SessionId;

/// Work that waits for [`Engine::step`](super::Engine::step). Entries are taken one by one: whoever polls the
/// sockets may stop between two of them, and one that panics takes no other along.
///
/// What ends comes first, in the order of the fields: it is soon done, and memory waits for it. Then, by turns, a session
/// that goes on with what it publishes, an answer that is composed, and a client that goes on asking: none of them waits for
/// the others to have nothing more.
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
    /// Publishers that are to go.
    pub dismissed: VecDeque<Endpoint>,
    /// Players that have had all they wanted.
    pub satisfied: VecDeque<Endpoint>,
    /// Sessions to end.
    pub ended: VecDeque<SessionId>,
    /// Sessions that have ended and may take the next step towards the close of their socket.
    pub lingering: VecDeque<SessionId>,
    /// HTTP answers that have been sent, or never will be, to be accounted for.
    pub exchanged: VecDeque<Exchange>,
    /// RTMP sessions that may have nothing left to hold their input.
    pub publishing: VecDeque<SessionId>,
    /// HTTP sessions whose answer is being composed.
    pub composing: VecDeque<SessionId>,
    /// HTTP sessions that may have nothing left to hold their input.
    pub asking: VecDeque<SessionId>,
    /// Which of the last three has its turn.
    turn: u8,
}

/// One step.
#[derive(Debug)]
pub(super) enum Task {
    Answer(SessionId, Verdict),
    Dismiss(Endpoint),
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
        None.or_else(|| self.dismissed.pop_front().map(Task::Dismiss))
            .or_else(|| self.satisfied.pop_front().map(Task::Complete))
            .or_else(|| self.ended.pop_front().map(Task::End))
            .or_else(|| self.lingering.pop_front().map(Task::Linger))
            .or_else(|| self.exchanged.pop_front().map(|exchange| Task::Account(Box::new(exchange))))
            .or_else(|| (0..3).find_map(|_| self.by_turns()))
    }

    fn by_turns(&mut self) -> Option<Task> {
        self.turn = (self.turn + 1) % 3;
        match self.turn {
            0 => self.publishing.pop_front().map(Task::Resume),
            1 => self.composing.pop_front().map(Task::Compose),
            _ => self.asking.pop_front().map(Task::Resume),
        }
    }

    /// Whether there is something to do before any socket or timer says so.
    pub fn is_pending(&self) -> bool {
        let waits =
            [&self.publishing, &self.composing, &self.asking].into_iter().any(|list| !list.is_empty());
        waits || self.is_ending() || !(self.dirty.is_empty() && self.actions.is_empty())
    }

    /// Whether there is work of the kind that comes first.
    pub fn is_ending(&self) -> bool {
        !(self.answers.is_empty()
            && self.dismissed.is_empty()
            && self.satisfied.is_empty()
            && self.ended.is_empty()
            && self.lingering.is_empty()
            && self.exchanged.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_comes_first_and_nobody_who_goes_on_waits_for_the_others_to_have_nothing_more() {
        let (id, mut work) = (SessionId::default(), Work::default());
        let mut resumed = 0;
        for _ in 0..30 {
            // A flood of lists and requests, each of which comes again at once.
            work.composing.push_back(id);
            work.asking.push_back(id);
            work.publishing.extend(work.publishing.is_empty().then_some(id));
            let before = work.publishing.len();
            assert!(matches!(work.next(), Some(Task::Compose(_) | Task::Resume(_))));
            resumed += before - work.publishing.len();
        }
        assert_eq!(resumed, 10, "a third of the steps");
        work.ended.push_back(id);
        assert!(work.is_ending() && matches!(work.next(), Some(Task::End(_))) && !work.is_ending());
        assert!(work.is_pending());
    }
}
