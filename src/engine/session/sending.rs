//! Output of sessions: frames to all players of a stream (the fan-out), bytes and RTMP replies to one session.
//!
//! Everything is only queued; the session goes on the dirty list, and net writes it. Which frames a player gets is
//! decided by the caller (the live module), its state changes in `player.rs`. What does not fit is dropped there; a
//! session that exceeds the hard limits here is closed.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::ctx::Ctx;
use crate::engine::ids::{Endpoint, SessionId, StreamId};
use crate::engine::limits::budgets::Budgets;
use crate::engine::session::out_queue::OutQueue;
use crate::engine::session::player::PlayerQueue;
use crate::engine::session::{Life, ProtocolState, Session, Sessions};
use crate::engine::stream::Stream;
use crate::engine::timers::Timer;
use crate::engine::work::Work;
use crate::rtmp::ServerSession;
use crate::rtmp::command::Level;
use crate::rtmp::control::UserControl;

/// Bytes that may wait for one player; beyond, frames are dropped for it, however few they are. (A frame of more than
/// one chunk takes twice its length, with its chunked image.)
pub const MAX_QUEUED_BYTES: usize = 8 << 20;

/// Messages in one player's queue at which queues are written before more input is read: a burst of a publisher must
/// not overflow the queue of a player that reads.
pub(in crate::engine) const FLUSH_AT: usize = 64;

/// Bytes of replies that may wait for an RTMP client, beside frames. The reply to the handshake has 3 KiB.
const MAX_REPLY_BYTES: usize = 256 * 1024;
/// The same before its `connect` is accepted.
const MAX_FIRST_BYTES: usize = 16 * 1024;
const _: () = assert!(MAX_FIRST_BYTES <= MAX_REPLY_BYTES);

impl Ctx {
    /// Runs `offer` on every player of a stream, and has the queues sent. A player for which it breaks has reached
    /// its limit and leaves in a later step; one for which it panics is closed. What is offered has so many bytes.
    pub fn for_each_player(
        &mut self,
        stream: StreamId,
        bytes: u64,
        mut offer: impl FnMut(&mut PlayerQueue<'_>, &Stream) -> ControlFlow<()>,
    ) {
        let Some(stream) = self.streams.get_mut(stream) else { return };
        let buffer = self.apps.get(stream.app).map_or(Duration::ZERO, |app| app.policy.buffer);
        let (sessions, work, budgets) = (&mut self.sessions, &mut self.work, &mut self.budgets);
        let mut fan_out = FanOut {
            sessions,
            work,
            budgets,
            now: self.now.instant,
            buffer,
            is_buffering: false,
            sent: 0,
            dropped: 0,
            more_bytes: 0,
            stuck: Vec::new(),
            slow_relays: Vec::new(),
        };
        let serve = |player| fan_out.serve(player, |queue| offer(queue, stream));
        let panicked = self.panics.contain_each(&stream.players, serve);
        let FanOut { is_buffering, sent, dropped, more_bytes, stuck, slow_relays, .. } = fan_out;
        self.totals.frames_out += sent;
        self.totals.frames_dropped += dropped;
        stream.traffic.dropped += dropped;
        stream.traffic.give(bytes * sent + more_bytes, self.now.instant);
        if is_buffering && stream.buffered_until.is_none() {
            let until = self.now.instant + buffer;
            stream.buffered_until = Some(until);
            self.timers.add(until, Timer::Stream(stream.id));
        }
        for id in slow_relays {
            self.count_dropped(id);
        }
        for id in stuck {
            self.close(id, "does not read what it is sent");
        }
        for player in panicked {
            self.close_after_panic(player.session);
        }
    }

    /// Runs `offer` on one player of a stream. It returns the bytes of what it has queued.
    pub fn for_player(&mut self, endpoint: Endpoint, offer: impl FnOnce(&mut PlayerQueue<'_>) -> u64) {
        let found = self.sessions.get_mut(endpoint.session).filter(|session| session.life == Life::Open);
        let Some(session) = found else { return };
        session.start_output_deadline(self.now.instant);
        let Some(player) = session.roles.player_mut(endpoint.msid) else { return };
        let stream = player.stream();
        let mut queue = PlayerQueue::new(player, &mut session.out);
        let bytes = offer(&mut queue);
        self.totals.frames_out += queue.sent;
        if queue.has_replied {
            self.budgets.count_replies(session);
        }
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.traffic.give(bytes, self.now.instant);
        }
        if !session.out.is_empty() {
            mark_dirty(&mut self.work.dirty, session);
        }
    }

    /// Sends the frames of a stream that have been held back (`buffer`).
    pub(in crate::engine) fn send_buffered(&mut self, stream: StreamId) {
        let Some(stream) = self.streams.get_mut(stream) else { return };
        stream.buffered_until = None;
        for &endpoint in &stream.players {
            let found = self.sessions.get_mut(endpoint.session);
            if let Some(session) = found.filter(|session| !session.out.is_empty()) {
                mark_dirty(&mut self.work.dirty, session);
            }
        }
    }

    /// Queues bytes for a session; false if it has ended. An RTMP client whose replies pile up is closed; requests of
    /// an HTTP client wait instead.
    pub fn send_bytes(&mut self, id: SessionId, bytes: &[u8]) -> bool {
        self.queue(id, bytes, |out, bytes| out.push_bytes(bytes.into()))
    }

    /// Queues bytes that have another owner, too, without a copy; false if the session has ended.
    pub(in crate::engine) fn send_shared(&mut self, id: SessionId, bytes: &Rc<[u8]>) -> bool {
        self.queue(id, bytes, |out, _| out.push_bytes(Rc::clone(bytes)))
    }

    /// Queues bytes for a session by a function that puts the bytes into the queue.
    pub(in crate::engine) fn queue(
        &mut self,
        id: SessionId,
        bytes: &[u8],
        push: impl FnOnce(&mut OutQueue, &[u8]),
    ) -> bool {
        let Some(session) = self.sessions.get_mut(id).filter(|session| session.life.may_send()) else {
            return false;
        };
        if !bytes.is_empty() {
            session.start_output_deadline(self.now.instant);
            push(&mut session.out, bytes);
            mark_dirty(&mut self.work.dirty, session);
            self.budgets.count_replies(session);
            if is_overfull(session) {
                self.close(id, "does not read what it is sent");
            }
        }
        true
    }

    /// Sends a reply that the protocol of an RTMP session writes, behind all messages that have waited for an occasion.
    pub(in crate::engine) fn reply(
        &mut self,
        id: SessionId,
        write: impl FnOnce(&mut ServerSession, &mut Vec<u8>),
    ) {
        let Some(state) = self.sessions.get_mut(id).and_then(Session::rtmp_mut) else { return };
        let mut out = state.unsolicited.take();
        write(&mut state.protocol, &mut out);
        self.send_bytes(id, &out);
    }

    /// Sends an `onStatus`: its level and code, and a description.
    pub(in crate::engine) fn status(&mut self, endpoint: Endpoint, status: (Level, &str), description: &str) {
        let Endpoint { session, msid } = endpoint;
        self.reply(session, |protocol, out| protocol.write_status(out, msid, status, description));
    }

    /// Sends a user control event of a message stream.
    pub(in crate::engine) fn user_control(&mut self, endpoint: Endpoint, event: fn(u32) -> UserControl) {
        if self.is_http_player(endpoint.session) {
            return;
        }
        let mut out = Vec::new();
        event(endpoint.msid).write(&mut out);
        self.send_bytes(endpoint.session, &out);
    }

    /// Sends a stream's publisher an unsolicited `onStatus`, as soon as it can take one. Without a publisher nothing
    /// is sent.
    pub fn tell_publisher(&mut self, stream: StreamId, status: (Level, &str), description: &str) {
        if let Some(publisher) = self.streams.get(stream).and_then(|stream| stream.publisher) {
            let Endpoint { session, msid } = publisher;
            self.notify(session, |protocol, out| protocol.write_status(out, msid, status, description));
        }
    }
}

/// The fan-out of one frame to all players of its stream.
struct FanOut<'a> {
    sessions: &'a mut Sessions,
    work: &'a mut Work,
    budgets: &'a mut Budgets,
    now: Instant,
    /// How long frames may be held back to be sent together (`buffer`).
    buffer: Duration,
    /// Whether a player's frames are held back.
    is_buffering: bool,
    /// Players that have been sent it, and those that are too slow for it.
    sent: u64,
    dropped: u64,
    /// Bytes of other frames that were sent with it, to players that begin.
    more_bytes: u64,
    /// Sessions whose queues exceed the hard limits.
    stuck: Vec<SessionId>,
    /// Sessions of relays that are too slow for it.
    slow_relays: Vec<SessionId>,
}

impl FanOut<'_> {
    #[inline]
    fn serve(&mut self, player: Endpoint, offer: impl FnOnce(&mut PlayerQueue<'_>) -> ControlFlow<()>) {
        let found = self.sessions.get_mut(player.session).filter(|session| session.life == Life::Open);
        let Some(session) = found else { return };
        session.start_output_deadline(self.now);
        let before = session.out.len();
        let flush_at = FLUSH_AT + session.out.allowance().messages;
        let Some(state) = session.roles.player_mut(player.msid) else { return };
        if state.is_finished() {
            return;
        }
        let mut queue = PlayerQueue::new(state, &mut session.out);
        if offer(&mut queue).is_break() && queue.player.finish() {
            self.work.finished.push_back(player);
        }
        // Done for each player and frame; neither can overflow.
        self.dropped = self.dropped.wrapping_add(queue.lost);
        self.sent = self.sent.wrapping_add(u64::from(queue.sent > 0));
        let (lost, has_replied) = (queue.lost, queue.has_replied);
        self.more_bytes += queue.more_bytes;
        if has_replied {
            self.budgets.count_replies(session);
        }
        if lost > 0 && matches!(session.protocol, ProtocolState::RtmpClient(_)) {
            self.slow_relays.push(session.id);
        }
        if !self.buffer.is_zero() && session.out.len() < session.out.limits().cork as usize {
            self.is_buffering = true;
        } else if !session.out.is_empty() {
            mark_dirty(&mut self.work.dirty, session);
        }
        // Not for a queue that was full before: its player does not read.
        self.work.needs_flush |= before < flush_at && session.out.len() >= flush_at;
        if is_overfull(session) {
            self.stuck.push(session.id);
        }
    }
}

/// Whether more waits for an RTMP session than is possible if its peer reads. The live module drops frames at half of
/// these limits, so only replies and headers get here. Roles do not count: a player whose stream has ended still
/// reads what waits.
fn is_overfull(session: &Session) -> bool {
    if !session.is_sent_frames() {
        return false;
    }
    let is_new = || matches!(&session.protocol, ProtocolState::Rtmp(state) if state.app.is_none());
    let (out, more) = (&session.out, session.out.allowance());
    let is_over = |replies: usize| {
        let own = replies + session.shared_object_room;
        out.reply_bytes() > own || out.bytes() > 2 * MAX_QUEUED_BYTES + own + more.bytes
    };
    out.len() > out.limits().most() + more.messages
        // The protocol's state comes last: it lies elsewhere in memory, and is nearly never needed.
        || is_over(MAX_FIRST_BYTES) && (is_new() || is_over(MAX_REPLY_BYTES))
}

pub(in crate::engine) fn mark_dirty(dirty: &mut Vec<SessionId>, session: &mut Session) {
    if !session.dirty {
        session.dirty = true;
        dirty.push(session.id);
    }
}
