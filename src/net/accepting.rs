//! Accepting connections, with a pause when there are no file descriptors left for them.
//!
//! Some descriptors are kept for files (the reserve): a connection that gets one of those is closed at once, and no
//! more are accepted until a descriptor below the reserve is free.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};

use mio::{Interest, Token};

use super::backlog::{Shortage, descriptors};
use super::server::{FIRST_SESSION, Server};
use super::socket::{Phase, Socket, Traffic};
use super::stream::Stream;
use super::tls::accepting::Hello;
use crate::engine::{ListenOn, Listener, Now, Protocol, SessionId};

/// Connections accepted from one listener in a turn.
const ACCEPTS: usize = 64;
/// While more RTMP clients than this wait for their first step (they have no stream yet), no other is accepted. So a
/// flood of clients that are refused takes no memory, and an encoder that comes behind it waits for half a thousand and
/// not for all.
const MAX_JOINING: usize = 512;

impl Server {
    /// Accepts the connections that wait, unless there is a pause.
    pub(super) fn accept_waiting(&mut self, now: Now) {
        self.backlog.end_expired_pause(now.instant);
        for _ in 0..self.backlog.len() {
            let Some(slot) = self.backlog.pop() else { return };
            self.accept(slot, now);
        }
    }

    /// Ends the pause if a descriptor is free again, since a session or a file has been closed.
    pub(super) fn shorten_pause(&mut self) {
        if self.backlog.lacks_descriptors()
            && self.lowest_free().is_some_and(|free| self.engine.descriptors().may_connect(free))
        {
            self.backlog.end_pause();
        }
    }

    /// Accepts connections of the listener in a slot.
    pub(super) fn accept(&mut self, slot: usize, now: Now) {
        if self.backlog.is_paused() {
            return self.backlog.push(slot);
        }
        for _ in 0..ACCEPTS {
            let Some(open) = self.listeners.get(slot) else { return };
            let (protocol, position) = (open.listener.protocol, open.position);
            if self.engine.joining() > MAX_JOINING && protocol == Protocol::Rtmp {
                return self.backlog.push(slot);
            }
            if self.handshakes.is_full()
                && self.engine.listeners().get(position).is_some_and(Listener::has_encrypted)
            {
                return self.backlog.hold(slot);
            }
            match open.socket.accept() {
                Ok((stream, _)) if !self.engine.descriptors().may_connect(stream.as_raw_fd()) => {
                    // A client that awaits TLS would not understand the refusal.
                    let is_plain = open
                        .local_end(&stream)
                        .is_ok_and(|local| !self.engine.is_encrypted(position, &local));
                    let refusal = self.engine.refuse_connection(position);
                    self.hang_up(stream, if is_plain { refusal } else { &[] });
                    return self.pause_accepting(
                        slot,
                        Shortage::OwnDescriptors,
                        "too many files are open",
                        now,
                    );
                }
                Ok((stream, peer)) => {
                    let Ok(local) = open.local_end(&stream) else { continue };
                    let is_encrypted = self.engine.is_encrypted(position, &local);
                    match self.engine.accept(position, (peer, local.clone()), now) {
                        Ok(id) if is_encrypted => self.await_hello(id, stream, (position, local), now),
                        Ok(id) => self.keep_accepted(id, stream, protocol, now),
                        Err(refusal) => self.hang_up(stream, refusal),
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => match Shortage::of(&error) {
                    Some(shortage) => {
                        return self.pause_accepting(slot, shortage, &error.to_string(), now);
                    }
                    // The peer has left before it was accepted.
                    None => log::debug!("accept: {error}"),
                },
            }
        }
        self.backlog.push(slot);
    }

    /// Keeps the socket of an accepted connection.
    fn keep_accepted(&mut self, id: SessionId, stream: Stream, protocol: Protocol, now: Now) {
        let socket = Socket::new(id, stream, Traffic::of(protocol));
        if let Err(error) = self.keep_socket(socket, Interest::READABLE) {
            self.engine.disconnected(id, &error.to_string(), now);
        }
    }

    /// Keeps the socket of an accepted connection that is to be encrypted; `listener` is the position of the listener, with
    /// the server's address of the connection.
    fn await_hello(&mut self, id: SessionId, stream: Stream, listener: (usize, ListenOn), now: Now) {
        let protocol = self.listeners.iter().find(|open| open.position == listener.0);
        let traffic = Traffic::of(protocol.map_or(Protocol::Http, |open| open.listener.protocol));
        let Stream::Tcp(tcp) = stream else {
            return self.engine.disconnected(id, "TLS is not spoken at Unix sockets", now);
        };
        let mut socket = Socket::new(id, Stream::Hello(Box::new(Hello::new(tcp, listener))), traffic);
        socket.phase = Phase::Accepting;
        match self.keep_socket(socket, Interest::READABLE) {
            Ok(()) => self.handshakes.begin(),
            Err(error) => self.engine.disconnected(id, &error.to_string(), now),
        }
    }

    /// Keeps the socket of a session, and polls it: for room, too, if it is encrypted, since it may have to write while
    /// the queue of its session is empty.
    pub(super) fn keep_socket(&mut self, mut socket: Socket, interest: Interest) -> io::Result<()> {
        let is_encrypted = socket.stream.is_encrypted();
        let interest = if is_encrypted { interest | Interest::WRITABLE } else { interest };
        let index = socket.id.index as usize;
        let token = Token(FIRST_SESSION + index);
        self.poll.registry().register(&mut socket.stream, token, interest)?;
        socket.announces_room = interest.is_writable();
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.sockets.get_mut(index) {
            *slot = Some(socket);
        }
        Ok(())
    }

    /// Closes a connection that gets no session, after an answer for its peer. What the peer has sent already is read:
    /// a socket with unread bytes is reset, and the answer might be lost.
    fn hang_up(&mut self, mut stream: Stream, refusal: &[u8]) {
        if !refusal.is_empty() {
            // Errors are ignored: the connection is closed in any case.
            let _ = stream.write(refusal);
            let _ = stream.read(&mut self.scratch);
        }
    }

    fn pause_accepting(&mut self, slot: usize, shortage: Shortage, why: &str, now: Now) {
        self.backlog.push(slot);
        if self.backlog.pause(shortage, now.instant) {
            let descriptors = self.engine.descriptors();
            let (reserve, limit) = (descriptors.reserve(), descriptors.limit());
            log::error!(
                "no connections are accepted for now: {why} (the limit of open files is {limit}, and the last {reserve} are kept for files)"
            );
        }
        // The limit may have been changed from outside (prlimit).
        self.engine.limit_descriptors(descriptors());
    }

    /// The number that the next descriptor would get.
    fn lowest_free(&self) -> Option<RawFd> {
        let listener = self.listeners.iter().next()?;
        let copy = listener.socket.as_fd().try_clone_to_owned().ok()?;
        Some(copy.as_raw_fd())
    }
}
