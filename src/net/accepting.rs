//! Accepting connections, and resting when there are no file descriptors left for them.
//!
//! Some descriptors are kept for files: a connection that gets one of those is hung up on, and accepting rests until one
//! below them is free again.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Token};
use nix::libc::{EMFILE, ENFILE, ENOBUFS, ENOMEM};
use nix::sys::resource::{Resource, getrlimit};

use super::server::{FIRST_SESSION, Server};
use super::socket::{Socket, Traffic};
use crate::engine::{Descriptors, Now, Protocol, SessionId};

/// Connections accepted from one listener in a turn.
const ACCEPTS: usize = 64;
/// RTMP clients without a stream whose input waits; while there are more, others wait to be accepted. So a flood of clients
/// that are refused takes no memory, and an encoder that comes behind it waits for half a thousand and not for all.
const MAX_JOINING: usize = 512;
/// How long accepting rests at most.
const PAUSE: Duration = Duration::from_secs(1);
/// How often that is said.
const TELLING: Duration = Duration::from_secs(10);

/// What keeps listeners from being accepted from.
#[derive(Debug, Default)]
pub(super) struct Accepting {
    /// Listeners that have not been accepted from until they would block, each once. Whose turn has come last is the last:
    /// a flood of one listener takes no places from the others.
    waiting: VecDeque<usize>,
    /// Why accepting rests, and until when at most.
    pause: Option<(Shortage, Instant)>,
    /// When it was last said that it does.
    told: Option<Instant>,
}

/// What there is too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shortage {
    /// Descriptors of this process.
    Own,
    /// What all processes share.
    Shared,
}

impl Accepting {
    /// Whether there is somebody to accept now.
    pub(super) fn is_due(&self) -> bool {
        !self.waiting.is_empty() && self.pause.is_none()
    }

    /// Until when it rests.
    pub(super) fn paused_until(&self) -> Option<Instant> {
        self.pause.map(|(_, until)| until)
    }

    /// Nobody is to be accepted any more.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }

    fn later(&mut self, index: usize) {
        if !self.waiting.contains(&index) {
            self.waiting.push_back(index);
        }
    }
}

impl Server {
    /// Goes on with what has been left, unless accepting rests.
    pub(super) fn resume_accepting(&mut self, now: Now) {
        if self.accepting.paused_until().is_some_and(|until| now.instant < until) {
            return;
        }
        self.accepting.pause = None;
        for _ in 0..self.accepting.waiting.len() {
            if self.accepting.pause.is_some() {
                return;
            }
            let Some(index) = self.accepting.waiting.pop_front() else { return };
            self.accept(index, now);
        }
    }

    /// Ends a rest before its time if a descriptor is free again: a session or a file has been closed.
    pub(super) fn shorten_pause(&mut self) {
        if matches!(self.accepting.pause, Some((Shortage::Own, _)))
            && self.lowest_free().is_some_and(|free| self.engine.descriptors().may_connect(free))
        {
            self.accepting.pause = None;
        }
    }

    pub(super) fn accept(&mut self, index: usize, now: Now) {
        if self.accepting.pause.is_some() {
            return self.accepting.later(index);
        }
        for _ in 0..ACCEPTS {
            if self.engine.joining() > MAX_JOINING && self.speaks_rtmp(index) {
                return self.accepting.later(index);
            }
            let Some(Some(listener)) = self.listeners.get(index) else { return };
            match listener.accept() {
                Ok((stream, _)) if !self.engine.descriptors().may_connect(stream.as_raw_fd()) => {
                    let farewell = self.engine.turn_away(index);
                    self.hang_up(stream, farewell);
                    return self.pause_accepting(index, Shortage::Own, "too many files are open", now);
                }
                Ok((stream, peer)) => {
                    let Ok(local) = self.local_end(index, &stream) else { continue };
                    match self.engine.accept(index, (peer, local), now) {
                        Ok(id) => self.adopt(id, stream, index, now),
                        Err(farewell) => self.hang_up(stream, farewell),
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => match shortage(&error) {
                    Some(shortage) => {
                        return self.pause_accepting(index, shortage, &error.to_string(), now);
                    }
                    // The peer was gone before we came.
                    None => log::debug!("accept: {error}"),
                },
            }
        }
        self.accepting.later(index);
    }

    /// The address that a peer has connected to.
    fn local_end(&self, listener: usize, stream: &TcpStream) -> io::Result<SocketAddr> {
        match self.engine.listeners().get(listener) {
            // What is listened on says it, and saves a call.
            Some(known) if known.address.port() != 0 && !known.address.ip().is_unspecified() => {
                Ok(known.address)
            }
            _ => stream.local_addr(),
        }
    }

    fn speaks_rtmp(&self, listener: usize) -> bool {
        self.engine.listeners().get(listener).is_some_and(|listener| listener.protocol == Protocol::Rtmp)
    }

    /// Takes the socket of a new session into the poll.
    fn adopt(&mut self, id: SessionId, mut stream: TcpStream, listener: usize, now: Now) {
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

    /// Closes a connection that gets no session, after a word for its peer. What the peer has sent already is read: a
    /// socket with unread bytes is reset, and the word might be lost.
    fn hang_up(&mut self, mut stream: TcpStream, farewell: &[u8]) {
        if !farewell.is_empty() {
            // What cannot be done at once is not done.
            let _ = stream.write(farewell);
            let _ = stream.read(&mut self.scratch);
        }
    }

    fn pause_accepting(&mut self, index: usize, shortage: Shortage, why: &str, now: Now) {
        if self.accepting.told.is_none_or(|told| now.instant >= told + TELLING) {
            let descriptors = self.engine.descriptors();
            let (reserve, limit) = (descriptors.reserve(), descriptors.limit());
            log::error!(
                "accepting rests: {why} (the limit is {limit}, and the last {reserve} are for files of ours)"
            );
            self.accepting.told = Some(now.instant);
        }
        self.accepting.later(index);
        self.accepting.pause = Some((shortage, now.instant + PAUSE));
        // It may have been changed from outside.
        self.engine.limit_descriptors(descriptors());
    }

    /// The number that the next descriptor gets.
    fn lowest_free(&self) -> Option<RawFd> {
        let listener = self.listeners.iter().flatten().next()?;
        let copy = listener.as_fd().try_clone_to_owned().ok()?;
        Some(copy.as_raw_fd())
    }
}

/// The descriptors that this process may have; all that can be thought of, if that cannot be known.
pub(super) fn descriptors() -> Descriptors {
    getrlimit(Resource::RLIMIT_NOFILE).map(|(limit, _)| Descriptors::new(limit)).unwrap_or_default()
}

fn shortage(error: &io::Error) -> Option<Shortage> {
    match error.raw_os_error()? {
        EMFILE => Some(Shortage::Own),
        ENFILE | ENOBUFS | ENOMEM => Some(Shortage::Shared),
        _ => None,
    }
}
