//! Bytes from sockets to the engine and back.

use std::time::Instant;

use mio::event::Event;
use mio::{Interest, Token};

use super::agenda::{Queue, STEP};
use super::server::{FIRST_SESSION, Server};
use super::socket::{NoTransfer, Phase, Socket, Traffic};
use crate::engine::{Now, SessionId};

/// Bytes read from one session in a step.
const READ_BUDGET: usize = 256 * 1024;
/// Bytes written to one session in a step: most fragments go at once.
const WRITE_BUDGET: usize = 512 * 1024;
/// Bytes given to the engine at once: unless messages are tiny, fewer of them than a queue of a player holds.
const PIECE: usize = 16 * 1024;

impl Server {
    /// Notes what an event says of a session, and puts the session on the agenda.
    pub(super) fn note(&mut self, id: SessionId, event: &Event, now: Now) {
        let Some(socket) = self.socket(id) else { return };
        if socket.phase != Phase::Open {
            socket.note_input(event);
            return self.continue_later(id);
        }
        if event.is_error() && self.engine.needs_its_client(id) {
            // Nobody is there any more to be answered. What others have sent before they left is still taken.
            return self.engine.lost(id, now);
        }
        let Some(socket) = self.socket(id) else { return };
        if event.is_writable() && !socket.awaits_file {
            socket.blocked = false;
            socket.write_when_served = true;
        }
        socket.note_input(event);
        let (is_slow, later, hung_up) = (socket.is_slow, queue_to_continue(socket), socket.hung_up);
        if hung_up {
            self.engine.hung_up(id, now);
        }
        let is_prompt = !is_slow && self.engine.is_prompt(id);
        self.put_on_agenda(id, if is_prompt { Queue::Prompt } else { later });
    }

    /// Puts a session on the agenda that has more to do than it could in its last step.
    pub(super) fn continue_later(&mut self, id: SessionId) {
        if let Some(socket) = self.socket(id) {
            let queue = queue_to_continue(socket);
            self.put_on_agenda(id, queue);
        }
    }

    fn put_on_agenda(&mut self, id: SessionId, queue: Queue) {
        let Some(socket) = self.socket(id) else { return };
        if !std::mem::replace(&mut socket.on_agenda, true) {
            self.agenda.add(id, queue);
        }
    }

    /// Serves one session of a queue of the agenda: writes, reads, and writes what it has answered. `clock` is the time
    /// of the beginning, and is set to that of the end. False if there is no session.
    pub(super) fn serve_next(&mut self, queue: Queue, clock: &mut Instant, now: Now) -> bool {
        let Some((id, since)) = self.agenda.next(queue) else { return false };
        self.agenda.set_clock(*clock);
        let Some(socket) = self.socket(id) else { return true };
        socket.on_agenda = false;
        let (readable, traffic) = (socket.readable, socket.traffic);
        self.engine.note_wait(clock.saturating_duration_since(since), now.instant);
        let Some(socket) = self.socket(id) else { return true };
        let phase = socket.phase;
        if phase != Phase::Open {
            match phase {
                Phase::Connecting | Phase::Handshaking => {
                    self.contain(id, |server| server.continue_connecting(id, now));
                }
                Phase::Accepting => self.contain(id, |server| server.continue_handshake(id, now)),
                Phase::Answering | Phase::Open => {}
            }
            *clock = Instant::now();
            return true;
        }
        if std::mem::take(&mut socket.write_when_served) {
            self.write(id, now);
        }
        if readable {
            let end = *clock + STEP;
            self.contain(id, |server| server.read(id, end, now));
            if traffic == Traffic::Files {
                self.write(id, now);
            }
        }
        let ended = Instant::now();
        if let Some(socket) = self.socket(id) {
            socket.is_slow = ended.saturating_duration_since(*clock) >= STEP;
        }
        *clock = ended;
        true
    }

    /// Reads a session until it would block, its bytes or its time are used up, or the engine holds it. A read that
    /// does not fill the buffer has taken all there is, unless the peer has closed its side behind it, or the connection is
    /// encrypted.
    fn read(&mut self, id: SessionId, end: Instant, now: Now) {
        let mut left = READ_BUDGET;
        loop {
            let held = self.engine.is_held(id);
            let Some(Some(socket)) = self.sockets.get_mut(id.index as usize) else { return };
            if socket.id != id {
                return;
            }
            if held {
                return; // Action::Read comes when it is held no more
            }
            if left == 0 || left < READ_BUDGET && Instant::now() >= end {
                return self.continue_later(id);
            }
            match socket.read(&mut self.scratch) {
                Ok(count) => {
                    socket.silent_since = None;
                    left = left.saturating_sub(count);
                    socket.readable = count == self.scratch.len() || socket.may_have_more();
                    let more = socket.readable;
                    self.feed(id, count, end, now);
                    if !more {
                        return;
                    }
                }
                Err(NoTransfer::Blocked) if socket.stream.may_have_more() => return self.continue_later(id),
                Err(NoTransfer::Blocked | NoTransfer::Uncached(_)) => {
                    socket.readable = false;
                    return;
                }
                Err(NoTransfer::Closed) => {
                    socket.readable = false;
                    self.note_silent_end(id, now);
                    return self.engine.end_of_input(id, now);
                }
                Err(NoTransfer::Gone) => {
                    socket.readable = false;
                    self.note_silent_end(id, now);
                    return self.engine.lost(id, now);
                }
                Err(NoTransfer::Failed(why)) => {
                    socket.readable = false;
                    return self.engine.disconnected(id, &why, now);
                }
            }
        }
    }

    /// Hands what has been read to the engine in pieces, and writes between them if queues of players fill up. What is
    /// left when the time is over waits in the engine.
    fn feed(&mut self, id: SessionId, count: usize, end: Instant, now: Now) {
        let mut start = 0;
        while start < count {
            let piece = count.min(start + PIECE);
            self.engine.input(id, &self.scratch[start..piece], now);
            start = piece;
            if self.engine.needs_flush() {
                self.flush(now);
            }
            if start < count && Instant::now() >= end {
                return self.engine.postpone(id, &self.scratch[start..count]);
            }
        }
    }

    /// Writes every session that has something new; files are written when their session is served. A panic, which
    /// would be a fault of the server, ends the session that was written.
    pub(super) fn flush(&mut self, now: Now) {
        let dirty = self.engine.take_dirty();
        for id in self.engine.panics().contain_each(&dirty, |id| self.write_new(id, now)) {
            self.engine.panicked(id);
        }
    }

    fn write_new(&mut self, id: SessionId, now: Now) {
        match self.socket(id).map(|socket| socket.traffic) {
            Some(Traffic::Media) => self.write_some(id, now),
            Some(Traffic::Files) => self.write_later(id),
            None => {}
        }
    }

    /// Puts a session on the agenda to be written, unless it waits for room or has nothing to send.
    fn write_later(&mut self, id: SessionId) {
        let has_more = self.engine.has_output(id);
        if let Some(socket) = self.socket(id).filter(|socket| has_more && !socket.blocked) {
            socket.write_when_served = true;
            self.continue_later(id);
        }
    }

    pub(super) fn write(&mut self, id: SessionId, now: Now) {
        self.contain(id, |server| server.write_some(id, now));
    }

    /// Does something for a session. A panic ends it.
    pub(super) fn contain(&mut self, id: SessionId, work: impl FnOnce(&mut Self)) {
        if self.engine.panics().contain(|| work(self)).is_none() {
            self.engine.panicked(id);
        }
    }

    /// Writes a session until its queue is empty, the kernel has no room or its bytes are used up.
    fn write_some(&mut self, id: SessionId, now: Now) {
        let Some(Some(socket)) = self.sockets.get_mut(id.index as usize) else { return };
        if socket.id != id || socket.blocked || socket.phase != Phase::Open {
            return;
        }
        let mut left = WRITE_BUDGET;
        let why = loop {
            let sent = socket.send_unsent().and_then(|()| {
                self.engine
                    .send(id, now, |outgoing| socket.write(&outgoing, &mut self.cached_parts, now.instant))
            });
            match sent {
                Ok(None) => return,
                Ok(Some(count)) if count >= left => return self.write_later(id),
                Ok(Some(count)) => left -= count,
                Err(NoTransfer::Blocked) => {
                    socket.blocked = true;
                    return self.ask_for_room(id, now);
                }
                Err(NoTransfer::Uncached(part)) => {
                    (socket.blocked, socket.awaits_file) = (true, true);
                    return self.read_ahead.add(id, *part, &self.workers);
                }
                Err(NoTransfer::Closed | NoTransfer::Gone) => break None,
                Err(NoTransfer::Failed(why)) => break Some(why),
            }
        };
        // A backend may have answered before it has read all of a request.
        let may_be_answered = self.engine.destination(id).is_some();
        if may_be_answered || self.engine.publishes(id) && !self.engine.needs_its_client(id) {
            return self.read_to_end(id, now);
        }
        match why {
            None => self.engine.lost(id, now),
            Some(why) => self.engine.disconnected(id, &why, now),
        }
    }

    /// Goes on with a session for which a part of a file has been read.
    pub(super) fn end_file_wait(&mut self, id: SessionId) {
        if let Some(socket) = self.socket(id) {
            (socket.blocked, socket.awaits_file) = (false, false);
            socket.has_read_ahead = true;
            self.write_later(id);
        }
    }

    /// Goes on reading a publisher or a backend to which nothing can be written any more: what it sent before its
    /// connection was reset is still there, and behind it reading finds the same end.
    fn read_to_end(&mut self, id: SessionId, now: Now) {
        self.engine.hung_up(id, now);
        if let Some(socket) = self.socket(id) {
            (socket.blocked, socket.hung_up, socket.readable) = (true, true, true);
            self.continue_later(id);
        }
    }

    /// Asks for an event when a socket has room again.
    fn ask_for_room(&mut self, id: SessionId, now: Now) {
        let Some(Some(socket)) = self.sockets.get_mut(id.index as usize) else { return };
        if socket.announces_room {
            return;
        }
        socket.announces_room = true;
        let token = Token(FIRST_SESSION + id.index as usize);
        let both = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().reregister(&mut socket.stream, token, both) {
            self.engine.disconnected(id, &error.to_string(), now);
        }
    }
}

/// The queue of a session that has more to do than it could in its last step. A handshake comes behind all media: whoever is
/// connected does not wait for those who are not yet.
fn queue_to_continue(socket: &Socket) -> Queue {
    if socket.phase.is_handshake() { Queue::Files } else { Queue::to_continue(socket.traffic) }
}
