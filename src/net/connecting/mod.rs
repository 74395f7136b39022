//! Connecting a session to its destination: the files for TLS are read, its name is looked up, then its addresses are
//! tried one after the other, each until the TLS handshake is finished.
//!
//! Nothing here waits: threads read files and look up names, the kernel announces a connection, and the loop's timer
//! ends what takes too long. A session that is closed meanwhile is forgotten, and finds no late result.

pub mod binding;
pub mod connector;
pub mod finding;
pub mod resolver;
#[cfg(test)]
pub(in crate::net) mod tests;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use mio::Interest;
use mio::net::TcpStream;
use nix::libc::EINPROGRESS;

use self::binding::open_tcp;
use self::connector::{Attempt, Failure, Stage};
use self::finding::Finding;
use self::resolver::{Answer, look_up};
use super::server::Server;
use super::socket::{Phase, Socket, Traffic};
use super::stream::Stream;
use super::tls::client::TlsClient;
use super::tls::clients::Readiness;
use super::tls::stream::TlsStream;
use crate::engine::{Now, SessionId};

impl Server {
    /// Begins to connect a session.
    pub(super) fn connect(&mut self, id: SessionId, now: Now) {
        let Some(destination) = self.engine.destination(id).cloned() else { return };
        let limit = self.engine.connect_limit(id);
        self.connector.begin(id, destination, limit);
        self.find_client(id, now);
    }

    /// Takes what a thread has found.
    pub(super) fn take_finding(&mut self, finding: Finding, now: Now) {
        match finding {
            Finding::Addresses(asker, host, result) => {
                self.connector.names(asker).finish(&host, result, now.instant);
                for id in self.connector.waiting_for_name(asker, &host) {
                    self.find_addresses(id, now);
                }
            }
            Finding::Client(settings, result) => {
                self.connector.clients.finish(&settings, result, now.instant);
                for id in self.connector.waiting_for_client(&settings) {
                    self.find_client(id, now);
                }
            }
            Finding::Server(_, Ok(seen)) => {
                self.tls_servers.finish(seen, now.instant);
                // The authorities may be others now.
                self.engine.use_verifiers(self.tls_servers.verifiers());
            }
            Finding::Server(settings, Err(_)) => self.tls_servers.fail(&settings, now.instant),
        }
    }

    /// Goes on with sessions that have waited for long enough.
    pub(super) fn expire_attempts(&mut self, now: Now) {
        for id in self.connector.expired(now.instant) {
            let Some(attempt) = self.connector.attempt(id) else { continue };
            if let Some(why) = attempt.overdue(now.instant) {
                self.drop_socket(id);
                self.fail_to_connect(id, &why, now);
                continue;
            }
            match attempt.stage {
                Stage::LookingUp => {
                    // Without any, it continues to wait.
                    attempt.await_limit();
                    let (asker, host) = (attempt.asker(), attempt.destination.host.clone());
                    if let Some(addresses) = self.connector.names(asker).last_meanwhile(&host) {
                        self.try_addresses(id, &addresses, now);
                    }
                }
                Stage::Connecting => {
                    let failure = attempt.too_slow(now.instant);
                    self.fail_address(id, &failure, now);
                }
                Stage::Preparing => {}
            }
        }
    }

    /// Goes on with a session whose socket has had an event.
    pub(super) fn continue_connecting(&mut self, id: SessionId, now: Now) {
        let Some(socket) = self.socket(id) else { return };
        if socket.phase == Phase::Connecting {
            match established(&socket.stream) {
                Ok(Some(_)) => {
                    socket.phase = Phase::Handshaking;
                    self.connector.attempt(id).into_iter().for_each(Attempt::note_connected);
                }
                Ok(None) => return,
                Err(error) => return self.fail_address(id, &Failure::of_socket(&error), now),
            }
        }
        let Some(socket) = self.socket(id) else { return };
        let is_done = match &mut socket.stream {
            Stream::Tls(stream) => stream.shake_hands(),
            Stream::Tcp(_) | Stream::Unix(_) | Stream::Hello(_) => Ok(true),
        };
        match is_done {
            Ok(true) => self.finish_connecting(id, now),
            Ok(false) => {}
            Err(error) => self.fail_address(id, &Failure::of_handshake(&error), now),
        }
    }

    /// Has the files for TLS read, if there are any to be read.
    fn find_client(&mut self, id: SessionId, now: Now) {
        let Some(attempt) = self.connector.attempt(id) else { return };
        let Some(settings) = attempt.destination.tls.clone() else { return self.find_addresses(id, now) };
        match self.connector.clients.find(&settings, now.instant) {
            Readiness::Ready(client) => {
                if let Some(attempt) = self.connector.attempt(id) {
                    attempt.client = Some(client);
                }
                self.find_addresses(id, now);
            }
            Readiness::Failed(why) => self.fail_to_connect(id, &why, now),
            Readiness::Wait => {}
            Readiness::Load => {
                let own = settings.clone();
                let load = move || TlsClient::load(&own);
                self.workers.find(load, move |result| Finding::Client(settings, result));
            }
        }
    }

    fn find_addresses(&mut self, id: SessionId, now: Now) {
        let Some(attempt) = self.connector.attempt(id) else { return };
        let (asker, host) = (attempt.asker(), attempt.destination.host.clone());
        match self.connector.names(asker).resolve(&host, now.instant) {
            Answer::Known(addresses) => self.try_addresses(id, &addresses, now),
            Answer::Unknown(why) => self.fail_to_connect(id, &why, now),
            answer @ (Answer::Wait | Answer::LookUp) => {
                let has_last = self.connector.names(asker).last(&host).is_some();
                if let Some(attempt) = self.connector.attempt(id) {
                    attempt.await_addresses(has_last, now.instant);
                }
                if answer == Answer::LookUp {
                    let name = host.clone();
                    let finding = move |result| Finding::Addresses(asker, host, result);
                    self.workers.look_up(asker, move || look_up(&name), finding);
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
                Err(failure) => self.note_failure(id, &failure),
            }
        }
    }

    fn open_socket(&mut self, id: SessionId, address: SocketAddr) -> Result<(), Failure> {
        let attempt = self.connector.attempt(id);
        let bind = attempt.as_ref().and_then(|attempt| attempt.destination.bind);
        let tcp = open_tcp(address, bind).map_err(|error| Failure::of_socket(&error))?;
        let stream = match attempt.and_then(|own| Some((own.client.as_ref()?, &own.destination.host))) {
            Some((client, host)) => {
                Stream::Tls(Box::new(TlsStream::client(tcp, client, host).map_err(Failure::Tls)?))
            }
            None => Stream::Tcp(tcp),
        };
        let mut socket = Socket::new(id, stream, Traffic::Files);
        socket.phase = Phase::Connecting;
        self.keep_socket(socket, Interest::READABLE | Interest::WRITABLE)
            .map_err(|error| Failure::of_socket(&error))
    }

    fn note_failure(&mut self, id: SessionId, failure: &Failure) {
        if let Some(attempt) = self.connector.attempt(id) {
            attempt.fail_address(failure);
        }
    }

    /// Closes the socket of an address that has failed, and tries the next one.
    fn fail_address(&mut self, id: SessionId, failure: &Failure, now: Now) {
        self.drop_socket(id);
        self.note_failure(id, failure);
        self.try_next_address(id, now);
    }

    fn fail_to_connect(&mut self, id: SessionId, why: &str, now: Now) {
        self.connector.end(id);
        self.engine.connect_failed(id, why, now);
    }

    /// Hands a session that is connected to the engine.
    fn finish_connecting(&mut self, id: SessionId, now: Now) {
        let Some(socket) = self.socket(id) else { return };
        let peer = match socket.stream.tcp().map(TcpStream::peer_addr) {
            Some(Ok(peer)) => peer,
            Some(Err(error)) => return self.fail_address(id, &Failure::of_socket(&error), now),
            None => return,
        };
        self.connector.end(id);
        let is_relay = self.engine.is_relay(id);
        let Some(socket) = self.socket(id) else { return };
        socket.open();
        if is_relay {
            socket.traffic = Traffic::Media;
        }
        let (readable, hung_up) = (socket.readable, socket.hung_up);
        self.engine.connected(id, peer, now);
        // Not in the next turn, as other output of HTTP: a client may wait for the answer.
        self.write(id, now);
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
