//! Accepting connections, and what happens when there are no file descriptors left for them.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Token};
use nix::libc::{EMFILE, ENFILE, ENOBUFS, ENOMEM};

use super::server::{FIRST_SESSION, Server};
use super::socket::{Socket, Traffic};
use crate::engine::{Now, Protocol, SessionId};

/// Connections accepted from one listener in a turn.
const ACCEPTS: usize = 64;
/// How long accepting rests when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

impl Server {
    pub(super) fn resume_accepting(&mut self, now: Now) {
        if self.paused_until.is_some_and(|until| now.instant < until) {
            return;
        }
        self.paused_until = None;
        for index in std::mem::take(&mut self.unaccepted) {
            self.accept(index, now);
        }
    }

    pub(super) fn accept(&mut self, index: usize, now: Now) {
        if self.paused_until.is_some() {
            return self.accept_later(index);
        }
        for _ in 0..ACCEPTS {
            let Some(Some(listener)) = self.listeners.get(index) else { return };
            match listener.accept() {
                Ok((stream, peer)) => {
                    let Ok(local) = self.local_end(index, &stream) else { continue };
                    if let Some(id) = self.engine.accept(index, (peer, local), now) {
                        self.adopt(id, stream, index, now);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if is_shortage(&error) => return self.pause_accepting(index, &error, now),
                // The peer was gone before we came.
                Err(error) => log::debug!("accept: {error}"),
            }
        }
        self.accept_later(index);
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

    fn accept_later(&mut self, index: usize) {
        if !self.unaccepted.contains(&index) {
            self.unaccepted.push(index);
        }
    }

    /// Takes the socket of a new session into the poll.
    fn adopt(&mut self, id: SessionId, mut stream: TcpStream, listener: usize, now: Now) {
        let index = id.index as usize;
        let token = Token(FIRST_SESSION + index);
        if let Err(error) = self.poll.registry().register(&mut stream, token, Interest::READABLE) {
            return self.engine.disconnected(id, &error.to_string(), now);
        }
        let protocol = self.engine.listeners().get(listener).map(|listener| listener.protocol);
        let traffic = if protocol == Some(Protocol::Rtmp) { Traffic::Media } else { Traffic::Files };
        let socket = Socket::new(id, stream, traffic);
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.sockets.get_mut(index) {
            *slot = Some(socket);
        }
    }

    /// Out of file descriptors or memory: hangs up on one peer with the spare descriptor, so that it is
    /// not left waiting, and rests.
    fn pause_accepting(&mut self, index: usize, error: &io::Error, now: Now) {
        log::error!("accepting rests for a second: {error}");
        self.spare = None;
        if let Some(Some(listener)) = self.listeners.get(index) {
            drop(listener.accept());
        }
        self.spare = File::open("/dev/null").ok();
        self.accept_later(index);
        self.paused_until = Some(now.instant + ACCEPT_PAUSE);
    }
}

fn is_shortage(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(&code))
}
