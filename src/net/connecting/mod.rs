//! Connecting a session to its destination: its name is looked up, then its addresses are tried one after the other.
//!
//! Nothing here waits: threads look up names, the kernel announces a connection, and the loop's timer ends what takes
//! too long. A session that is closed meanwhile is forgotten, and finds no late result.

pub mod connector;
pub mod finding;
pub mod resolver;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use mio::Interest;
use mio::net::TcpStream;
use nix::libc::EINPROGRESS;

use self::connector::{Attempt, Stage, describe};
use self::finding::Finding;
use self::resolver::{Answer, look_up};
use super::server::Server;
use super::socket::{Phase, Socket, Traffic};
use super::stream::Stream;
use crate::engine::{Now, SessionId};

impl Server {
    /// Begins to connect a session.
    pub(super) fn connect(&mut self, id: SessionId, now: Now) {
        let Some(destination) = self.engine.destination(id).cloned() else { return };
        self.connector.begin(id, destination);
        self.find_addresses(id, now);
    }

    /// Takes what a thread has found.
    pub(super) fn take_finding(&mut self, finding: Finding, now: Now) {
        let Finding::Addresses(host, result) = finding;
        self.connector.resolver.finish(&host, result, now.instant);
        for id in self.connector.waiting_for_name(&host) {
            self.find_addresses(id, now);
        }
    }

    /// Goes on with sessions that have waited for long enough.
    pub(super) fn expire_attempts(&mut self, now: Now) {
        for id in self.connector.expired(now.instant) {
            match self.connector.attempt(id).map(|attempt| (attempt.stage, attempt.destination.host.clone()))
            {
                Some((Stage::LookingUp, host)) => {
                    if let Some(addresses) = self.connector.resolver.last_meanwhile(&host) {
                        self.try_addresses(id, &addresses, now);
                    }
                }
                Some((Stage::Connecting, _)) => self.fail_address(id, Attempt::slowness(), now),
                None => {}
            }
        }
    }

    /// Goes on with a session whose socket has had an event.
    pub(super) fn continue_connecting(&mut self, id: SessionId, now: Now) {
        let Some(socket) = self.socket(id) else { return };
        match established(&socket.stream) {
            Ok(None) => {}
            Ok(Some(peer)) => self.finish_connecting(id, peer, now),
            Err(error) => self.fail_address(id, describe(&error), now),
        }
    }

    fn find_addresses(&mut self, id: SessionId, now: Now) {
        let Some(host) = self.connector.attempt(id).map(|attempt| attempt.destination.host.clone()) else {
            return;
        };
        match self.connector.resolver.resolve(&host, now.instant) {
            Answer::Known(addresses) => self.try_addresses(id, &addresses, now),
            Answer::Unknown(why) => self.fail_to_connect(id, &why, now),
            answer @ (Answer::Wait | Answer::LookUp) => {
                let has_last = self.connector.resolver.last(&host).is_some();
                if let Some(attempt) = self.connector.attempt(id) {
                    attempt.await_addresses(has_last, now.instant);
                }
                if answer == Answer::LookUp {
                    let name = host.clone();
                    self.workers.find(move || look_up(&name), move |result| Finding::Addresses(host, result));
                }
            }
        }
    }

    fn try_addresses(&mut self, id: SessionId, addresses: &[SocketAddr], now: Now) {
        if let Some(attempt) = self.connector.attempt(id) {
            attempt.take_addresses(addresses);
            self.try_next_address(id, now);
        }
    }

    fn try_next_address(&mut self, id: SessionId, now: Now) {
        while let Some(attempt) = self.connector.attempt(id) {
            let Some(address) = attempt.next_address(now.instant) else {
                let why = attempt.failures();
                return self.fail_to_connect(id, &why, now);
            };
            match self.open_socket(id, address) {
                Ok(()) => return,
                Err(error) => self.note_failure(id, describe(&error)),
            }
        }
    }

    fn open_socket(&mut self, id: SessionId, address: SocketAddr) -> io::Result<()> {
        let stream = Stream::Tcp(TcpStream::connect(address)?);
        let mut socket = Socket::new(id, stream, Traffic::Files);
        socket.phase = Phase::Connecting;
        self.keep_socket(socket, Interest::READABLE | Interest::WRITABLE)
    }

    fn note_failure(&mut self, id: SessionId, why: String) {
        if let Some(attempt) = self.connector.attempt(id) {
            attempt.fail_address(why);
        }
    }

    /// Closes the socket of an address that has failed, and tries the next one.
    fn fail_address(&mut self, id: SessionId, why: String, now: Now) {
        self.drop_socket(id);
        self.note_failure(id, why);
        self.try_next_address(id, now);
    }

    fn fail_to_connect(&mut self, id: SessionId, why: &str, now: Now) {
        self.connector.end(id);
        self.engine.connect_failed(id, why, now);
    }

    /// Hands a session that is connected to the engine.
    fn finish_connecting(&mut self, id: SessionId, peer: SocketAddr, now: Now) {
        self.connector.end(id);
        let Some(socket) = self.socket(id) else { return };
        socket.open();
        let (readable, hung_up) = (socket.readable, socket.hung_up);
        self.engine.connected(id, peer, now);
        if hung_up {
            self.engine.hung_up(id, now);
        }
        if readable {
            self.continue_later(id);
        }
    }
}

/// The address of the other end, once a socket is connected.
fn established(stream: &Stream) -> io::Result<Option<SocketAddr>> {
    let Some(tcp) = stream.tcp() else { return Err(ErrorKind::Unsupported.into()) };
    if let Some(error) = tcp.take_error()? {
        return Err(error);
    }
    match tcp.peer_addr() {
        Ok(peer) => Ok(Some(peer)),
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(None),
        Err(error) if error.raw_os_error() == Some(EINPROGRESS) => Ok(None),
        Err(error) => Err(error),
    }
}
