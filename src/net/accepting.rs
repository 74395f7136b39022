//! Accepting connections, with a pause when there are no file descriptors left for them.
//!
//! Some descriptors are kept for files (the reserve): a connection that gets one of those is closed at once, and no
//! more are accepted until a descriptor below the reserve is free.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use mio::net::TcpStream;
use mio::{Interest, Token};

use super::backlog::{Shortage, descriptors};
use super::server::{FIRST_SESSION, Server};
use super::socket::{Socket, Traffic};
use crate::engine::{Now, Protocol, SessionId};

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
            let Some(index) = self.backlog.pop() else { return };
            self.accept(index, now);
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

    /// Accepts connections of a listener.
    pub(super) fn accept(&mut self, index: usize, now: Now) {
        if self.backlog.is_paused() {
            return self.backlog.push(index);
        }
        for _ in 0..ACCEPTS {
            if self.engine.joining() > MAX_JOINING && self.speaks_rtmp(index) {
                return self.backlog.push(index);
            }
            let Some(Some(listener)) = self.listeners.get(index) else { return };
            match listener.accept() {
                Ok((stream, _)) if !self.engine.descriptors().may_connect(stream.as_raw_fd()) => {
                    let refusal = self.engine.refuse_connection(index);
                    self.hang_up(stream, refusal);
                    return self.pause_accepting(
                        index,
                        Shortage::OwnDescriptors,
                        "too many files are open",
                        now,
                    );
                }
                Ok((stream, peer)) => {
                    let Ok(local) = self.local_end(index, &stream) else { continue };
                    match self.engine.accept(index, (peer, local), now) {
                        Ok(id) => self.keep_socket(id, stream, index, now),
                        Err(refusal) => self.hang_up(stream, refusal),
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => match Shortage::of(&error) {
                    Some(shortage) => {
                        return self.pause_accepting(index, shortage, &error.to_string(), now);
                    }
                    // The peer has left before it was accepted.
                    None => log::debug!("accept: {error}"),
                },
            }
        }
        self.backlog.push(index);
    }

    /// The address of this machine that a peer has connected to.
    fn local_end(&self, listener: usize, stream: &TcpStream) -> io::Result<SocketAddr> {
        match self.engine.listeners().get(listener) {
            // The listener's own address, which saves a system call.
            Some(known) if known.address.port() != 0 && !known.address.ip().is_unspecified() => {
                Ok(known.address)
            }
            _ => stream.local_addr(),
        }
    }

    fn speaks_rtmp(&self, listener: usize) -> bool {
        self.engine.listeners().get(listener).is_some_and(|listener| listener.protocol == Protocol::Rtmp)
    }

    /// Keeps the socket of a new session, and polls it.
    fn keep_socket(&mut self, id: SessionId, mut stream: TcpStream, listener: usize, now: Now) {
        let index = id.index as usize;
        let token = Token(FIRST_SESSION + index);
        if let Err(error) = self.poll.registry().register(&mut stream, token, Interest::READABLE) {
            return self.engine.disconnected(id, &error.to_string(), now);
        }
        let traffic = if self.speaks_rtmp(listener) { Traffic::Media } else { Traffic::Files };
        let socket = Socket::new(id, stream, traffic);
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.sockets.get_mut(index) {
            *slot = Some(socket);
        }
    }

    /// Closes a connection that gets no session, after an answer for its peer. What the peer has sent already is read:
    /// a socket with unread bytes is reset, and the answer might be lost.
    fn hang_up(&mut self, mut stream: TcpStream, refusal: &[u8]) {
        if !refusal.is_empty() {
            // Errors are ignored: the connection is closed in any case.
            let _ = stream.write(refusal);
            let _ = stream.read(&mut self.scratch);
        }
    }

    fn pause_accepting(&mut self, index: usize, shortage: Shortage, why: &str, now: Now) {
        self.backlog.push(index);
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
        let listener = self.listeners.iter().flatten().next()?;
        let copy = listener.as_fd().try_clone_to_owned().ok()?;
        Some(copy.as_raw_fd())
    }
}
