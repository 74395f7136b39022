//! The work lists of the engine, and the order in which steps take from them.
//!
//! Whoever finds that something must be done, but not now, adds an entry here; [`Work::next`] hands out the next one,
//! and `Engine::step` does it. Nothing here does the work, and nothing is removed but by `next` and by net.

use std::collections::VecDeque;
use std::time::Duration;

use crate::engine::calls::call::CallError;
use crate::engine::calls::transfer::DownloadNews;
use crate::engine::commands::command::CommandId;
use crate::engine::commands::running::CommandNews;
use crate::engine::http::exchange::Exchange;
use crate::engine::ids::Endpoint;
use crate::engine::ids::SessionId;
use crate::engine::jobs::FinishedJob;
use crate::engine::notice::Notice;
use crate::engine::operations::order::Order;
use crate::engine::relay::state::{RelayEvent, RelayId, TrialNews};
use crate::engine::request::{Reply, Ticket};
use crate::http::client::Response;

/// A request of the engine to net, which owns the sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read this session again, though no new bytes have been announced.
    Read(SessionId),
    /// Call [`Engine::send_unsolicited`](crate::engine::Engine::send_unsolicited) for this session, unless more of
    /// its input is unread.
    SendUnsolicited(SessionId),
    /// Set keepalive and TCP_USER_TIMEOUT, so that the socket fails when the peer's host has been unreachable for
    /// this time.
    DetectDeadPeer(SessionId, Duration),
    /// Serve this session as one that is sent media: HTTP may send files, which can wait for a moment.
    ServeAsMedia(SessionId),
    /// Connect this session to its [`Engine::destination`](crate::engine::Engine::destination), then call
    /// [`Engine::connected`](crate::engine::Engine::connected) or
    /// [`Engine::connect_failed`](crate::engine::Engine::connect_failed).
    Connect(SessionId),
    /// Start this command, which [`Engine::take_command`](crate::engine::Engine::take_command) has.
    Spawn(CommandId),
    /// End this command: its signal now, SIGKILL after this time.
    EndCommand(CommandId, Duration),
    /// Have the configuration read again; then [`Engine::reloaded`](crate::engine::Engine::reloaded) is to be called.
    Reload,
    /// Close the sending side of the socket; the peer may still send.
    ShutDownWrite(SessionId),
    /// Close the socket; the session has been freed.
    CloseSocket(SessionId),
}

/// Work that waits for [`Engine::step`](crate::engine::Engine::step). Each step takes one entry, so net may serve
/// sockets between two of them, and a panic costs only the entry that it came from.
///
/// The order of steps:
///
/// 1. Every other step is input of a session with a role (`streaming`), if any waits.
/// 2. What ends, in the order of the fields from `notices` to `done_exchanges`: it is soon done, and frees memory.
/// 3. In rotation an order of an operator, an HTTP answer to compose, input of an RTMP client without a role, input of
///    an HTTP client, and the next piece for a player of a file, so that none of the five waits until the others have nothing left;
///    but what is composed waits for the orders that were given before.
///
/// `dirty`, `needs_flush` and `actions` are no steps: net takes them by itself, and writes before it asks for a step.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Sessions with new output, each once.
    pub dirty: Vec<SessionId>,
    /// Whether a queue has reached `FLUSH_AT` since the last write.
    pub needs_flush: bool,
    /// Requests to net.
    pub actions: VecDeque<Action>,
    /// Notices for all modules.
    pub notices: VecDeque<Notice>,
    /// Results of jobs.
    pub results: VecDeque<FinishedJob>,
    /// Results of calls.
    pub returned: VecDeque<Returned>,
    /// What has happened to downloads.
    pub download_news: VecDeque<DownloadNews>,
    /// What has happened to commands.
    pub command_news: VecDeque<CommandNews>,
    /// What has happened to relays.
    pub relay_news: VecDeque<(RelayId, RelayEvent)>,
    /// Results of trials.
    pub trial_results: VecDeque<TrialNews>,
    /// Relays of which the next try begins.
    pub tries: VecDeque<RelayId>,
    /// Answers to suspended requests.
    pub answers: VecDeque<(Ticket, Reply)>,
    /// HTTP sessions whose requests have waited for the decision about their viewer, each with its status if there is
    /// none.
    pub decided: VecDeque<(SessionId, Option<u16>)>,
    /// Sessions that end as their application or server is gone since a reload.
    pub gone: VecDeque<SessionId>,
    /// Publishers that modules have dismissed.
    pub dismissed: VecDeque<Endpoint>,
    /// Players that have got all that they asked for and leave their streams.
    pub finished: VecDeque<Endpoint>,
    /// Sessions that have been closed or finished and end now.
    pub ending: VecDeque<SessionId>,
    /// Sessions that have ended and whose queue has been sent, or whose deadline has passed.
    pub lingering: VecDeque<SessionId>,
    /// HTTP answers that have been sent, or never will be, for the access log.
    pub done_exchanges: VecDeque<Exchange>,
    /// RTMP sessions with a role whose input waits.
    pub streaming: VecDeque<SessionId>,
    /// RTMP sessions without a role whose input waits: a flood of them delays no stream.
    pub joining: VecDeque<SessionId>,
    /// What operators have asked for: at most as much as there are sessions, for each that has asked.
    pub orders: VecDeque<Order>,
    /// The number of orders so far.
    pub orders_so_far: u64,
    /// HTTP answers that are being composed.
    pub composing: VecDeque<Composition>,
    /// HTTP sessions whose input waits.
    pub requesting: VecDeque<SessionId>,
    /// Sessions whose players of files have been sent their last pieces.
    pub drained: VecDeque<SessionId>,
    /// Whether the last step was taken from `streaming`.
    has_streamed: bool,
    /// The one of the last five lists that is next.
    rotation: u8,
}

/// The result of a call.
#[derive(Debug)]
pub(super) struct Returned {
    /// The name of the module that has made it.
    pub module: &'static str,
    /// The module's number for it.
    pub token: u64,
    pub result: Result<Response, CallError>,
}

/// An answer that is being composed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Composition {
    /// For the request of this session.
    Own(SessionId),
    /// For all that ask for it, by its number.
    Shared(u64),
}

/// One step.
#[derive(Debug)]
pub(super) enum Task {
    Announce(Notice),
    Deliver(FinishedJob),
    Return(Box<Returned>),
    TellOfDownload(DownloadNews),
    TellOfCommand(Box<CommandNews>),
    TellOfTrial(Box<TrialNews>),
    TellOfRelay(RelayId, Box<RelayEvent>),
    Try(RelayId),
    Answer(Ticket, Reply),
    Decide(SessionId, Option<u16>),
    EndGone(SessionId),
    CarryOut(Box<Order>),
    Dismiss(Endpoint),
    Complete(Endpoint),
    End(SessionId),
    Linger(SessionId),
    Account(Box<Exchange>),
    Compose(Composition),
    Resume(SessionId),
    TellDrained(SessionId),
}

impl Work {
    /// Takes the next step.
    pub fn next(&mut self) -> Option<Task> {
        let may_stream = !std::mem::take(&mut self.has_streamed);
        self.streamed(may_stream).or_else(|| self.other()).or_else(|| self.streamed(true))
    }

    fn streamed(&mut self, may_stream: bool) -> Option<Task> {
        let id = may_stream.then(|| self.streaming.pop_front())??;
        self.has_streamed = true;
        Some(Task::Resume(id))
    }

    fn other(&mut self) -> Option<Task> {
        if let Some(notice) = self.notices.pop_front() {
            return Some(Task::Announce(notice));
        }
        if let Some(finished) = self.results.pop_front() {
            return Some(Task::Deliver(finished));
        }
        if let Some(returned) = self.returned.pop_front() {
            return Some(Task::Return(Box::new(returned)));
        }
        if let Some(news) = self.download_news.pop_front() {
            return Some(Task::TellOfDownload(news));
        }
        if let Some(news) = self.command_news.pop_front() {
            return Some(Task::TellOfCommand(Box::new(news)));
        }
        if let Some(news) = self.trial_results.pop_front() {
            return Some(Task::TellOfTrial(Box::new(news)));
        }
        if let Some((id, event)) = self.relay_news.pop_front() {
            return Some(Task::TellOfRelay(id, Box::new(event)));
        }
        if let Some((ticket, reply)) = self.answers.pop_front() {
            return Some(Task::Answer(ticket, reply));
        }
        None.or_else(|| self.decided.pop_front().map(|(id, status)| Task::Decide(id, status)))
            .or_else(|| self.tries.pop_front().map(Task::Try))
            .or_else(|| self.gone.pop_front().map(Task::EndGone))
            .or_else(|| self.dismissed.pop_front().map(Task::Dismiss))
            .or_else(|| self.finished.pop_front().map(Task::Complete))
            .or_else(|| self.ending.pop_front().map(Task::End))
            .or_else(|| self.lingering.pop_front().map(Task::Linger))
            .or_else(|| self.done_exchanges.pop_front().map(|exchange| Task::Account(Box::new(exchange))))
            .or_else(|| (0..5).find_map(|_| self.in_rotation()))
    }

    fn in_rotation(&mut self) -> Option<Task> {
        self.rotation = (self.rotation + 1) % 5;
        match self.rotation {
            // What is told is to be what the orders before it have left.
            0 if self.orders.is_empty() => self.composing.pop_front().map(Task::Compose),
            0 => None,
            1 => self.joining.pop_front().map(Task::Resume),
            2 => self.orders.pop_front().map(|order| Task::CarryOut(Box::new(order))),
            3 => self.drained.pop_front().map(Task::TellDrained),
            _ => self.requesting.pop_front().map(Task::Resume),
        }
    }

    /// Whether net has anything to do for the engine, whatever sockets and timers say.
    pub fn is_pending(&self) -> bool {
        let lists = [&self.streaming, &self.joining, &self.requesting, &self.drained];
        let waits = lists.into_iter().any(|list| !list.is_empty());
        waits
            || !(self.composing.is_empty() && self.orders.is_empty())
            || self.is_ending()
            || !(self.dirty.is_empty() && self.actions.is_empty())
    }

    /// Whether anything ends.
    pub fn is_ending(&self) -> bool {
        !(self.notices.is_empty()
            && self.results.is_empty()
            && self.returned.is_empty()
            && self.download_news.is_empty()
            && self.command_news.is_empty()
            && self.trial_results.is_empty()
            && self.relay_news.is_empty()
            && self.tries.is_empty()
            && self.answers.is_empty()
            && self.decided.is_empty()
            && self.gone.is_empty()
            && self.dismissed.is_empty()
            && self.finished.is_empty()
            && self.ending.is_empty()
            && self.lingering.is_empty()
            && self.done_exchanges.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_have_every_other_step_and_other_clients_take_turns() {
        let (id, mut work) = (SessionId::default(), Work::default());
        let (mut streamed, mut joined) = (0, 0);
        for step in 0..60 {
            // A flood of everything, each of which comes again at once, and now and then something that ends.
            for list in [&mut work.joining, &mut work.requesting, &mut work.streaming] {
                list.push_back(id);
            }
            work.composing.push_back(Composition::Own(id));
            work.ending.extend((step % 4 == 0).then_some(id));
            let (streams, joins) = (work.streaming.len(), work.joining.len());
            assert!(work.next().is_some());
            streamed += streams - work.streaming.len();
            joined += joins - work.joining.len();
        }
        assert_eq!((streamed, joined), (30, 5), "half of all, and of the rest a third of what ends leaves");
    }

    #[test]
    fn ends_come_before_new_clients() {
        let (id, mut work) = (SessionId::default(), Work::default());
        work.joining.push_back(id);
        work.ending.push_back(id);
        assert!(work.is_ending() && matches!(work.next(), Some(Task::End(_))) && !work.is_ending());
        assert!(work.is_pending() && matches!(work.next(), Some(Task::Resume(_))));
        assert!(work.next().is_none() && !work.is_pending());
    }
}
