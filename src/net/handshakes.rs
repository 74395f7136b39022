//! Handshakes with clients that have connected to an encrypted port.
//!
//! A hello is read as it comes. Answering it takes a signature, which is more work than anything else that one packet
//! can ask for; so hellos wait in a queue, and a turn answers [`ANSWERS`] of them. Whatever a client sends before its
//! handshake is complete, the engine sees none of it but a PROXY header, and nothing goes out but TLS, except the answer
//! to HTTP that is not encrypted.

use std::io::{self, ErrorKind, Read};
use std::time::Duration;

use super::server::Server;
use super::socket::{Phase, Socket};
use super::stream::Stream;
use super::tls::accepting::{Hello, PIECE, Spoken};
use super::tls::stream::TlsStream;
use crate::engine::{Header, Now, SessionId};

/// Hellos that a turn answers. A signature with an RSA key of 2048 bits takes 0.7 ms, one of 4096 bits 5 ms.
const ANSWERS: usize = 2;
/// Answers without a signature that take as long as one with it: refusals, and short handshakes.
const BRIEF: usize = 8;

/// The time after its handshake in which a client that leaves without a word may not have accepted the certificate. Browsers
/// keep spare connections for longer.
const SILENCE: Duration = Duration::from_secs(3);

impl Server {
    /// Goes on with the handshake of a session whose socket has had an event.
    pub(super) fn continue_handshake(&mut self, id: SessionId, now: Now) {
        let Some(socket) = self.socket(id) else { return };
        match &mut socket.stream {
            Stream::Hello(_) => self.read_hello(id, now),
            // Its second hello is signed, too.
            Stream::Tls(stream) if stream.awaits_second_hello() => self.await_answer(id),
            Stream::Tls(_) => self.shake_hands(id, now),
            Stream::Tcp(_) | Stream::Unix(_) => {}
        }
    }

    /// Answers the hellos whose turn it is.
    pub(super) fn answer_hellos(&mut self, now: Now) {
        if self.handshakes.is_empty() {
            return;
        }
        let mut left = ANSWERS * BRIEF;
        while left > 0
            && let Some(id) = self.handshakes.pop()
        {
            let Some(socket) = self.socket(id) else { continue };
            socket.phase = Phase::Accepting;
            if socket.hung_up {
                // Nothing is signed for a client that has left.
                left = left.saturating_sub(1);
                self.engine.lost(id, now);
                continue;
            }
            self.contain(id, |server| server.answer_hello(id, now));
            left = left.saturating_sub(if self.was_answered_briefly(id) { 1 } else { BRIEF });
        }
        self.look_at_certificates();
    }

    /// Whether nothing was signed for a hello that has been answered.
    fn was_answered_briefly(&mut self, id: SessionId) -> bool {
        let stream = self.socket(id).map(|socket| &socket.stream);
        stream.is_none_or(|stream| match stream {
            Stream::Tls(stream) => stream.was_answered_briefly(),
            Stream::Hello(_) | Stream::Tcp(_) | Stream::Unix(_) => true,
        })
    }

    /// Reads until the hello is whole, and has it wait for its turn.
    fn read_hello(&mut self, id: SessionId, now: Now) {
        loop {
            let Some(Some(socket)) = self.sockets.get_mut(id.index as usize) else { return };
            let Stream::Hello(hello) = &mut socket.stream else { return };
            let Some(buffer) = self.scratch.get_mut(..PIECE) else { return };
            let count = match hello.tcp.read(buffer) {
                Ok(0) => return self.engine.lost(id, now),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return socket.readable = false,
                Err(_) => return self.engine.lost(id, now),
            };
            let mut input = self.scratch.get(..count).unwrap_or_default();
            if hello.awaits_header {
                match self.engine.proxy_header(id, &mut input, now) {
                    Header::Awaited => continue,
                    Header::Refused => return,
                    Header::Done => hello.awaits_header = false,
                }
            }
            if input.is_empty() {
                continue;
            }
            match hello.take(input) {
                Spoken::Part => {}
                Spoken::Hello => return self.await_answer(id),
                Spoken::Unusable(why) => return self.engine.handshake_failed(id, &why, now),
                Spoken::Plain(_) => {
                    let input = input.to_vec();
                    return self.refuse_plain(id, &input, now);
                }
            }
        }
    }

    fn await_answer(&mut self, id: SessionId) {
        if let Some(socket) = self.socket(id) {
            socket.phase = Phase::Answering;
            let traffic = socket.traffic;
            self.handshakes.push(id, traffic);
        }
    }

    /// Answers a hello: from then on the connection is encrypted.
    fn answer_hello(&mut self, id: SessionId, now: Now) {
        let Some(mut socket) = self.take_socket(id) else { return };
        let outcome = match socket.stream {
            Stream::Hello(hello) => match self.encrypt(*hello, now) {
                Ok(stream) => {
                    socket.stream = Stream::Tls(Box::new(stream));
                    Ok(())
                }
                Err((tcp, why)) => {
                    socket.stream = Stream::Tcp(tcp);
                    Err(why)
                }
            },
            other => {
                socket.stream = other;
                Ok(())
            }
        };
        self.put_socket(socket);
        match outcome {
            Ok(()) => self.shake_hands(id, now),
            Err(why) => self.engine.handshake_failed(id, &why, now),
        }
    }

    /// The encrypted connection that a hello begins, with the certificate of the server that it names.
    fn encrypt(&mut self, mut hello: Hello, now: Now) -> Result<TlsStream, (mio::net::TcpStream, String)> {
        let name = hello.server_name();
        let (listener, local) = &hello.listener;
        let Some(settings) = self.engine.server_tls(*listener, local, name.as_deref()) else {
            let why = hello.refuse_name();
            return Err((hello.tcp, why));
        };
        match self.tls_servers.find(&settings, now.instant) {
            Some(server) => hello.answer(server),
            None => Err((hello.tcp, "its certificate has not been read".to_owned())),
        }
    }

    fn shake_hands(&mut self, id: SessionId, now: Now) {
        let Some(socket) = self.socket(id) else { return };
        let Stream::Tls(stream) = &mut socket.stream else { return };
        match stream.shake_hands() {
            Ok(false) => socket.readable = false,
            Ok(true) => self.finish_handshake(id, now),
            Err(error) if has_left(&error) => {
                if let Some(offer) = stream.offer() {
                    self.engine.left_in_handshake(id, &offer, now);
                }
                self.engine.lost(id, now);
            }
            Err(error) => self.engine.handshake_failed(id, &error.to_string(), now),
        }
    }

    /// Hands a session to the engine whose connection is encrypted.
    fn finish_handshake(&mut self, id: SessionId, now: Now) {
        let Some(socket) = self.socket(id) else { return };
        let Stream::Tls(stream) = &mut socket.stream else { return };
        let facts = stream.finish_handshake();
        socket.open();
        socket.write_when_served = true;
        socket.silent_since = Some(now.instant);
        let hung_up = socket.hung_up;
        self.end_handshake();
        if let Some(facts) = facts {
            self.engine.encrypted(id, facts, now);
        }
        if hung_up {
            self.engine.hung_up(id, now);
        }
        self.continue_later(id);
    }

    /// Tells the engine if a client has left right after its handshake: some look at certificates only then, and say nothing.
    pub(super) fn note_silent_end(&mut self, id: SessionId, now: Now) {
        let since = self.socket(id).and_then(|socket| socket.silent_since.take());
        if since.is_some_and(|since| now.instant.saturating_duration_since(since) < SILENCE) {
            self.engine.left_after_handshake(id, now);
        }
    }

    /// Ends a connection that does not begin with TLS. A browser that does is told so, without TLS.
    fn refuse_plain(&mut self, id: SessionId, input: &[u8], now: Now) {
        let Some(mut socket) = self.take_socket(id) else { return };
        if let Stream::Hello(hello) = socket.stream {
            socket.stream = Stream::Tcp(hello.tcp);
        }
        socket.open();
        // No event will announce the rest of a request.
        socket.readable = true;
        let hung_up = socket.hung_up;
        self.put_socket(socket);
        self.end_handshake();
        self.engine.refuse_plain(id, input, now);
        if hung_up {
            self.engine.hung_up(id, now);
        }
        self.write(id, now);
        self.continue_later(id);
    }

    /// Takes a session's socket out of its place, for a change of its stream.
    fn take_socket(&mut self, id: SessionId) -> Option<Socket> {
        self.sockets.get_mut(id.index as usize)?.take_if(|socket| socket.id == id)
    }

    fn put_socket(&mut self, socket: Socket) {
        if let Some(place) = self.sockets.get_mut(socket.id.index as usize) {
            *place = Some(socket);
        }
    }
}

/// Whether a client has left rather than failed.
fn has_left(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof)
}
