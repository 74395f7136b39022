//! Relief: frees memory when all sessions together take more than a budget allows.
//!
//! For input, clients that do not publish are closed first, those with the longest unfinished messages before others,
//! and publishers last. A suspended request counts like an unfinished message; the texts of a `connect`, which are
//! kept, count for the budget only. For media, GOP caches are emptied first, with the last key frames, the largest before others; then frames are
//! dropped for players that are behind; only then are clients closed. For media, a client that takes little is never
//! closed, as that would free little; for input it comes last, or before publishers if all such clients together take
//! most.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;
use crate::engine::limits::budgets::MediaRelief;
use crate::engine::session::player::Player;
use crate::engine::session::roles::SessionRole;
use crate::engine::session::{Life, Session};
use crate::engine::stream::{Stream, Streams};

/// When a budget is exceeded, this part of it is freed as well, as each time all sessions are checked.
const SPARE_DIVISOR: usize = 8;
/// The shortest time between two reliefs of one budget.
pub(in crate::engine) const RELIEF_INTERVAL: Duration = Duration::from_millis(100);
/// The shortest time between two log lines about media.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes of unprocessed input below which a client takes little.
const LITTLE_INPUT: usize = 8192;
/// Bytes waiting for a client alone, below which it takes little.
const LITTLE_WAITING: usize = 16 * 1024;
/// A player with more messages, or bytes, waiting is behind; those of the current turn are fewer.
const BEHIND_MESSAGES: usize = 32;
const BEHIND_BYTES: usize = 256 * 1024;

/// The order in which clients are closed for their input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CloseOrder {
    /// A client that does not publish.
    OtherClient,
    /// The same with little unprocessed input, if all those together take most of the budget.
    ManyWithLittle,
    Publisher,
    /// A client with little unprocessed input.
    Little,
}

impl Engine {
    /// Sets the budgets that are derived from the memory of the machine, in bytes.
    pub fn set_memory(&mut self, memory: u64) {
        let budgets = &mut self.cx.budgets;
        budgets.set_memory(memory);
        let (input, media) = (budgets.input.limit >> 20, budgets.media.limit >> 20);
        log::debug!("input_memory_size is {input}m, media_memory_size {media}m");
    }

    /// Frees memory if a budget is exceeded. For media, queues are written first: players that keep up have nothing
    /// waiting then.
    #[inline]
    pub(in crate::engine) fn enforce_budgets(&mut self) {
        let budgets = &mut self.cx.budgets;
        let media = budgets.media_used();
        if budgets.media_bound > budgets.media.limit {
            budgets.media_bound = budgets.media_bound.min(next_bound(budgets.media.limit, media));
        }
        if budgets.input.used > budgets.input.limit {
            self.contain(|engine| engine.cx.relieve_input());
        }
        if media > self.cx.budgets.media_bound {
            if self.cx.work.dirty.is_empty() {
                self.contain(|engine| engine.cx.relieve_media());
            } else {
                self.cx.work.needs_flush = true;
            }
        }
    }
}

impl Ctx {
    /// Closes clients until the input of the others fits the budget.
    fn relieve_input(&mut self) {
        let now = self.now.instant;
        if self.budgets.input_relief_paused_until.is_some_and(|until| now < until) {
            return;
        }
        self.budgets.input_relief_paused_until = Some(now + RELIEF_INTERVAL);
        let limit = self.budgets.input.limit;
        // What a closing session still holds is freed with it.
        let open =
            || self.sessions.iter().filter(|session| session.life == Life::Open && session.counted_input > 0);
        let mut used = open().map(|session| session.counted_input).sum::<usize>();
        let little = open().filter(|session| has_little_input(session));
        let are_many = little.map(|session| session.counted_input).sum::<usize>() > used / 2;
        let mut clients: Vec<_> = open().map(|session| close_order(session, are_many)).collect();
        clients.sort_unstable();
        let mut closed = 0;
        for (order, _, id) in clients {
            // As few publishers as possible.
            let enough = if order == CloseOrder::Publisher { limit } else { with_spare(limit) };
            if used <= enough {
                break;
            }
            used -= self.sessions.get(id).map_or(0, |session| session.counted_input);
            self.close(id, "the input of all clients takes more than input_memory_size");
            closed += 1;
        }
        if closed > 0 {
            log::warn!("the input of all clients takes more than input_memory_size: {closed} are closed");
        }
    }

    /// Frees frames and replies until they fit the budget.
    fn relieve_media(&mut self) {
        let (now, limit) = (self.now.instant, self.budgets.media.limit);
        if self.budgets.relief.paused_until.is_some_and(|until| now < until) {
            return;
        }
        self.budgets.relief.paused_until = Some(now + RELIEF_INTERVAL);
        if self.budgets.media.used > limit / 2 {
            self.close_for_replies();
        }
        self.empty_caches();
        self.drop_frames();
        if self.is_media_over() {
            self.close_for_frames();
        }
        self.close_for_outputs();
        // The rest is held by outputs, which have limits of their own; players must not lose frames for it again and
        // again.
        self.budgets.media_bound = next_bound(limit, self.budgets.media_used());
        self.report_relief();
    }

    /// Whether more media is to be freed.
    fn is_media_over(&self) -> bool {
        self.budgets.media_used() > with_spare(self.budgets.media.limit)
    }

    /// Sessions with at least `least` by `count`, the largest first.
    fn sessions_by(&self, least: usize, count: impl Fn(&Session) -> usize) -> Vec<SessionId> {
        let counted = self.sessions.iter().map(|session| (count(session), session.id));
        let mut counted: Vec<_> = counted.filter(|(bytes, _)| *bytes >= least).collect();
        counted.sort_unstable_by_key(|(bytes, _)| Reverse(*bytes));
        counted.into_iter().map(|(_, id)| id).collect()
    }

    /// Closes clients that do not read their replies, if these alone take much of the budget.
    fn close_for_replies(&mut self) {
        for id in self.sessions_by(LITTLE_WAITING, Session::waiting_bytes) {
            if self.budgets.media.used <= self.budgets.media.limit / 4 {
                return;
            }
            self.close_for_media(id);
        }
    }

    fn empty_caches(&mut self) {
        let cached = |stream: &Stream| (stream.gop.bytes().max(stream.key_frames.bytes()), stream.id);
        let cached = self.streams.iter().map(cached);
        let mut cached: Vec<_> = cached.filter(|(bytes, _)| *bytes > 0).collect();
        cached.sort_unstable_by_key(|(bytes, _)| Reverse(*bytes));
        for (_, id) in cached {
            if !self.is_media_over() {
                return;
            }
            if let Some(stream) = self.streams.get_mut(id) {
                stream.gop.clear();
                stream.key_frames.forget_last();
                self.budgets.relief.caches += 1;
            }
        }
    }

    fn drop_frames(&mut self) {
        let behind = |session: &Session| match session.is_sent_frames() {
            true if session.out.len() > BEHIND_MESSAGES => session.out.bytes().max(BEHIND_BYTES),
            true => session.out.bytes(),
            false => 0,
        };
        for id in self.sessions_by(BEHIND_BYTES, behind) {
            if !self.is_media_over() {
                return;
            }
            let Some(session) = self.sessions.get_mut(id) else { continue };
            let count = session.out.drop_frames();
            if count == 0 {
                continue;
            }
            session.roles.restart_players(count as u64);
            let (played, is_empty) =
                (session.roles.players().next().map(Player::stream), session.out.is_empty());
            self.budgets.relief.frames += count;
            self.totals.frames_dropped += count as u64;
            if let Some(stream) = played.and_then(|stream| self.streams.get_mut(stream)) {
                stream.traffic.dropped += count as u64;
            }
            if is_empty {
                self.queue_emptied(id);
            }
        }
    }

    /// Closes clients for which frames wait that cannot be dropped (partly sent, or headers), and publishers with
    /// many headers; but only if all these together take most of the budget.
    fn close_for_frames(&mut self) {
        let mut frames = HashMap::new();
        self.sessions.iter().for_each(|session| session.out.find_frames(&mut frames));
        let waiting = frames.into_values().sum::<usize>() + self.budgets.media.used;
        let headers = self.streams.iter().map(|stream| stream.headers.bytes()).sum::<usize>();
        if waiting + headers <= self.budgets.media.limit / 2 {
            return;
        }
        let pinned = |session: &Session| pinned_bytes(session, &self.streams);
        let mut clients = self.sessions_by(LITTLE_WAITING, pinned);
        clients.sort_by_key(|id| self.sessions.get(*id).is_some_and(|session| session.roles.publishes()));
        for id in clients {
            if !self.is_media_over() {
                return;
            }
            self.close_for_media(id);
        }
    }

    /// Closes publishers whose frames take most, if outputs hold more than the budget again.
    fn close_for_outputs(&mut self) {
        let mut excess = self.budgets.media_used().saturating_sub(self.budgets.media.limit.saturating_mul(2));
        let streams = &self.streams;
        let held = |session: &Session| {
            let published = session.roles.publishers().filter_map(|role| streams.get(role.stream()));
            published.map(|stream| stream.meter.bytes()).sum::<usize>()
        };
        let publishers = self.sessions_by(LITTLE_WAITING, held);
        let publishers: Vec<_> =
            publishers.into_iter().map(|id| (id, self.sessions.get(id).map_or(0, held))).collect();
        for (id, bytes) in publishers {
            if excess == 0 {
                return;
            }
            // Its frames are freed with its outputs, in the steps of its end.
            self.close(id, "the frames of all streams take more than twice media_memory_size");
            excess = excess.saturating_sub(bytes);
            self.budgets.relief.clients += 1;
        }
    }

    /// Closes a client for what waits for it, and frees that at once.
    fn close_for_media(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.out.clear();
        session.give_up_exchanges(&mut self.work.done_exchanges, self.now.instant);
        self.budgets.count_replies(session);
        self.close(id, "what waits for all clients takes more than media_memory_size");
        self.budgets.relief.clients += 1;
    }

    fn report_relief(&mut self) {
        let (now, relief) = (self.now.instant, &mut self.budgets.relief);
        if relief.next_report.is_some_and(|until| now < until) {
            return;
        }
        let MediaRelief { caches, frames, clients, paused_until, .. } = std::mem::take(relief);
        *relief =
            MediaRelief { paused_until, next_report: Some(now + REPORT_INTERVAL), ..MediaRelief::default() };
        log::warn!(
            "frames and replies take more than the {} bytes of media_memory_size: {caches} GOP caches emptied, \
             {frames} frames dropped for slow players, {clients} clients closed",
            self.budgets.media.limit
        );
    }
}

/// Whether a client that does not publish has little unprocessed input.
fn has_little_input(session: &Session) -> bool {
    !session.roles.publishes() && session.unprocessed_input() < LITTLE_INPUT
}

/// The place of a client in the order in which clients are closed for their input. `are_many` says whether those with
/// little take most of the budget.
fn close_order(session: &Session, are_many: bool) -> (CloseOrder, Reverse<usize>, SessionId) {
    let order = match has_little_input(session) {
        false if session.roles.publishes() => CloseOrder::Publisher,
        false => CloseOrder::OtherClient,
        true if are_many => CloseOrder::ManyWithLittle,
        true => CloseOrder::Little,
    };
    let bytes = match order {
        CloseOrder::OtherClient | CloseOrder::Publisher => session.unprocessed_input(),
        // These may hold nothing but the texts of their `connect`.
        CloseOrder::ManyWithLittle | CloseOrder::Little => session.counted_input,
    };
    (order, Reverse(bytes), session.id)
}

/// The size of a budget without its spare part.
fn with_spare(limit: usize) -> usize {
    limit - limit / SPARE_DIVISOR
}

/// The size of media at which memory is freed next, when this much is used and cannot be freed. Outputs may have as
/// much again as the budget.
fn next_bound(limit: usize, used: usize) -> usize {
    (used + limit / SPARE_DIVISOR).clamp(limit, limit.saturating_mul(2))
}

/// Bytes that closing a session would free, unless others hold them as well: its queue, and the headers of what it
/// publishes. Files that HTTP clients share are counted elsewhere.
fn pinned_bytes(session: &Session, streams: &Streams) -> usize {
    let waiting = if session.is_sent_frames() { session.out.bytes() } else { session.waiting_bytes() };
    let published = session.roles.publishers().filter_map(|role: &SessionRole| streams.get(role.stream()));
    waiting + published.map(|stream| stream.headers.bytes()).sum::<usize>()
}
