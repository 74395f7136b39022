//! The memory that all sessions take together, by two budgets: what clients have begun to send, and what waits to be
//! sent.
//!
//! Limits of each session bound what one client may take; there may be ten thousand of them. Beyond a budget, what is
//! least missed goes first: of input, the unfinished messages of clients that do not publish; of output, the
//! cached groups and then the frames that wait for slow players. A client is closed when nothing else is left.

use std::cmp::Reverse;
use std::mem;
use std::time::{Duration, Instant};

use super::Engine;
use super::ctx::Ctx;
use super::session::{Life, Session, SessionId};
use super::stream::StreamId;
use crate::conf::{Context, Directive, Repeat, Scope, Takes, value};
use crate::media::Meter;

/// The rows of the table.
pub(super) const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "input_memory_size",
        contexts: &[Context::Main],
        takes: Takes::Custom { syntax: "size|auto", check: check_size },
        default: "auto",
        repeat: Repeat::Once,
        doc: "Memory for all messages and requests that clients have begun to send. Beyond it the clients that do not \
              publish are closed first, those with the longest unfinished messages before others, and publishers \
              last. auto is a sixteenth of the memory of the machine or of the server's control group, at most 256m.",
    },
    Directive {
        name: "media_memory_size",
        contexts: &[Context::Main],
        takes: Takes::Custom { syntax: "size|auto", check: check_size },
        default: "auto",
        repeat: Repeat::Once,
        doc: "Memory for all frames, cached or waiting for players, and for all answers that wait for clients. Beyond it \
              GOP caches are emptied, the largest first; then frames that wait for slow players are left out; then \
              clients are closed for which the most is waiting. auto is as for input_memory_size.",
    },
];

/// The most of the machine's memory that `auto` takes, and the most in bytes.
const SHARE: u64 = 16;
const MOST: usize = 256 << 20;

/// A budget below this would not hold what a few clients need.
const LEAST: u64 = 1 << 20;

/// Once a budget has been exceeded, an eighth of it is made free: each time all sessions are looked at.
const FREED: usize = 8;

/// How long nothing more is given up after media has been: all streams and sessions are looked at for it.
pub(super) const REST: Duration = Duration::from_millis(100);

/// How often what has been given up for media is said.
const REPORT: Duration = Duration::from_secs(1);

/// Both budgets, in bytes, and what counts for them.
#[derive(Debug)]
pub(super) struct Budgets {
    input: Budget,
    media: Budget,
    /// All frames that live.
    pub frames: Meter,
    /// Beyond what something is given up for media: the limit, or more where that is taken by what outputs hold, so
    /// that players are not deprived again and again for what they cannot help.
    media_bound: usize,
    /// Until when nothing more is given up for media.
    rests_until: Option<Instant>,
    /// What has been given up for media and not been said yet.
    given_up: GivenUp,
    /// Until when it is not said.
    silent_until: Option<Instant>,
}

/// One budget.
#[derive(Debug)]
struct Budget {
    limit: usize,
    /// Whether `limit` is to follow from the machine's memory.
    is_auto: bool,
    /// Bytes that sessions have on it.
    used: usize,
}

impl Budget {
    fn new(root: &Scope<'_>, name: &str) -> Self {
        let size = value::size(&root.text(name)).map(|size| usize::try_from(size).unwrap_or(usize::MAX));
        Self { limit: size.unwrap_or(MOST), is_auto: size.is_none(), used: 0 }
    }

    fn limit_to_share_of(&mut self, memory: u64) {
        if self.is_auto {
            self.limit = usize::try_from(memory / SHARE).unwrap_or(MOST).min(MOST);
        }
    }

    /// What is to be left once the budget has been exceeded.
    fn target(&self) -> usize {
        self.limit - self.limit / FREED
    }

    /// Replaces what a session has on the budget.
    fn replace(&mut self, before: usize, after: usize) {
        self.used = (self.used + after).saturating_sub(before);
    }
}

impl Budgets {
    /// Reads a checked configuration.
    pub fn new(root: &Scope<'_>) -> Self {
        let media = Budget::new(root, "media_memory_size");
        Self {
            input: Budget::new(root, "input_memory_size"),
            media_bound: media.limit,
            media,
            frames: Meter::default(),
            rests_until: None,
            given_up: GivenUp::default(),
            silent_until: None,
        }
    }

    /// Counts the replies that wait for a session.
    #[inline]
    pub fn count_replies(&mut self, session: &mut Session) {
        let waiting = session.out.reply_bytes();
        if waiting != session.counted_replies {
            self.media.replace(session.counted_replies, waiting);
            session.counted_replies = waiting;
        }
    }

    /// The limits of input and media.
    #[cfg(test)]
    pub fn limits(&self) -> [usize; 2] {
        [self.input.limit, self.media.limit]
    }

    /// Beyond what something is given up next, after what is used now could not be avoided.
    fn next_media_bound(&self) -> usize {
        self.media.limit.max(self.media_used() + self.media.limit / FREED)
    }

    fn media_used(&self) -> usize {
        self.frames.bytes() + self.media.used
    }
}

/// What was given up.
#[derive(Debug, Default)]
struct GivenUp {
    caches: usize,
    frames: usize,
    players: usize,
    clients: usize,
}

impl Engine {
    /// Sets the budgets that follow from the memory of the machine, in bytes.
    pub fn set_memory(&mut self, memory: u64) {
        self.cx.budgets.input.limit_to_share_of(memory);
        self.cx.budgets.media.limit_to_share_of(memory);
        self.cx.budgets.media_bound = self.cx.budgets.media.limit;
    }

    /// Gives up what is over the budgets.
    #[inline]
    pub(super) fn keep_budgets(&mut self) {
        let budgets = &self.cx.budgets;
        if budgets.input.used > budgets.input.limit {
            self.contain(|engine| engine.cx.give_up_input());
        }
        let budgets = &mut self.cx.budgets;
        if budgets.media_bound > budgets.media.limit {
            budgets.media_bound = budgets.media_bound.min(budgets.next_media_bound());
        }
        if budgets.media_used() > budgets.media_bound {
            self.contain(|engine| engine.cx.give_up_media());
        }
    }
}

impl Ctx {
    /// Counts what a session holds of its client's input.
    #[inline]
    pub(super) fn count_input(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id) {
            let held = session.held_input();
            if held != session.counted_input {
                self.budgets.input.replace(session.counted_input, held);
                session.counted_input = held;
            }
        }
    }

    /// Counts nothing more of a session that is about to be freed.
    pub(super) fn count_out(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id) {
            self.budgets.input.replace(mem::take(&mut session.counted_input), 0);
            self.budgets.media.replace(mem::take(&mut session.counted_replies), 0);
        }
    }

    /// Forgets what a session holds of its client's input: it ends, and takes no more.
    pub(super) fn release_input(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.release_input();
            self.count_input(id);
        }
    }

    /// Closes the sessions with the longest unfinished messages, publishers last.
    fn give_up_input(&mut self) {
        let (limit, target) = (self.budgets.input.limit, self.budgets.input.target());
        let open = self.sessions.iter().filter(|session| session.life == Life::Open);
        let mut held: Vec<_> = open
            .filter(|session| session.counted_input > 0)
            .map(|session| (session.roles.publishes(), session.counted_input, session.id))
            .collect();
        held.sort_unstable_by_key(|&(publishes, bytes, _)| (publishes, Reverse(bytes)));
        let mut closed = 0;
        for (_, _, id) in held {
            if self.budgets.input.used <= target {
                break;
            }
            self.close(id, "unfinished messages of all clients take more than input_memory_size");
            closed += 1;
        }
        log::warn!(
            "unfinished messages take more than the {limit} bytes of input_memory_size: {closed} clients closed"
        );
    }

    /// Empties caches, then queues, then closes clients for which the most waits.
    fn give_up_media(&mut self) {
        let now = self.now.instant;
        if self.budgets.rests_until.is_some_and(|until| now < until) {
            return;
        }
        self.budgets.rests_until = Some(now + REST);
        let mut given = mem::take(&mut self.budgets.given_up);
        self.empty_caches(&mut given);
        self.drop_queued_frames(&mut given);
        self.close_longest_queues(&mut given);
        self.budgets.media_bound = self.budgets.next_media_bound();
        if self.budgets.silent_until.is_some_and(|until| now < until) {
            self.budgets.given_up = given;
            return;
        }
        self.budgets.silent_until = Some(now + REPORT);
        let (limit, GivenUp { caches, frames, players, clients }) = (self.budgets.media.limit, given);
        log::warn!(
            "frames and answers take more than the {limit} bytes of media_memory_size: {caches} GOP caches emptied, \
             {frames} frames left out for {players} slow players, {clients} clients closed"
        );
    }

    /// Whether more is to be given up.
    fn is_media_over(&self) -> bool {
        self.budgets.media_used() > self.budgets.media.target()
    }

    fn empty_caches(&mut self, given: &mut GivenUp) {
        let cached = self.streams.iter().map(|stream| (stream.gop.bytes(), stream.id));
        let mut cached: Vec<(usize, StreamId)> = cached.filter(|(bytes, _)| *bytes > 0).collect();
        cached.sort_unstable_by_key(|(bytes, _)| Reverse(*bytes));
        for (_, id) in cached {
            if !self.is_media_over() {
                return;
            }
            if let Some(stream) = self.streams.get_mut(id) {
                stream.gop.clear();
                given.caches += 1;
            }
        }
    }

    /// Sessions by what somebody has to count of them, those with the most first and those with nothing not at all.
    fn by_bytes(&self, count: impl Fn(&Session) -> usize) -> Vec<(usize, SessionId)> {
        let sessions = self.sessions.iter().map(|session| (count(session), session.id));
        let mut sessions: Vec<_> = sessions.filter(|(bytes, _)| *bytes > 0).collect();
        sessions.sort_unstable_by_key(|(bytes, _)| Reverse(*bytes));
        sessions
    }

    fn drop_queued_frames(&mut self, given: &mut GivenUp) {
        if !self.is_media_over() {
            return;
        }
        for (_, id) in self.by_bytes(|session| session.out.bytes() - session.out.reply_bytes()) {
            if !self.is_media_over() {
                return;
            }
            let Some(session) = self.sessions.get_mut(id) else { continue };
            let dropped = session.out.drop_frames();
            if dropped == 0 {
                continue;
            }
            session.roles.restart_players(dropped as u64);
            given.frames += dropped;
            given.players += 1;
            if session.life == Life::Lingering && session.out.is_empty() {
                self.work.lingering.push_back(id);
            }
        }
    }

    /// Closes clients, but for publishers, for which most waits that nobody else has.
    fn close_longest_queues(&mut self, given: &mut GivenUp) {
        if !self.is_media_over() {
            return;
        }
        for (_, id) in self.by_bytes(|session| session.out.own_bytes()) {
            if !self.is_media_over() {
                return;
            }
            let Some(session) = self.sessions.get_mut(id).filter(|session| !session.roles.publishes()) else {
                continue;
            };
            session.out.clear();
            self.budgets.count_replies(session);
            self.close(id, "what waits for all clients takes more than media_memory_size");
            given.clients += 1;
        }
    }
}

fn check_size(args: &[String]) -> Result<(), String> {
    match args {
        [word] if word == "auto" => Ok(()),
        [size] => match value::size(size) {
            Some(bytes) if bytes >= LEAST => Ok(()),
            Some(_) => Err(format!("\"{size}\" is less than 1m")),
            None => Err(format!("\"{size}\" is no size")),
        },
        _ => Err("one size such as 64m, or auto".into()),
    }
}
