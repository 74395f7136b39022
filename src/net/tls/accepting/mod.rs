//! A connection that has been accepted and is to be encrypted: the client's hello is awaited.
//!
//! The hello is read whole before anything is answered, since it names the server whose certificate is shown, and since
//! the answer is signed, which takes up to some milliseconds: net decides when. Nothing here writes but an alert.

pub mod facts;
pub mod failure;
pub mod offer;

use std::fmt::{self, Debug, Formatter};

use mio::net::TcpStream;
use rustls::Error;
use rustls::server::{Accepted, AcceptedAlert, Acceptor};

use self::failure::{DECODE_ERROR, PROTOCOL_VERSION, UNRECOGNIZED_NAME, alert_in, explain, send_last};
use self::offer::Offer;
use super::server::TlsServer;
use super::stream::{Handshake, TlsStream};
use crate::engine::ListenOn;

/// Bytes of a hello and of the records that it is in. Those of browsers have 2 KiB, of which most is a key share.
pub const MAX_HELLO: usize = 16 * 1024;

/// Bytes that are read at once. The acceptor takes so many also when its buffer is almost full; what is behind a hello (data
/// that a client sends early, for a server that was here before) is not lost, but taken by the connection.
pub const PIECE: usize = 2048;

/// The type of the record in which a hello comes (RFC 8446, section 5.1), and so the first byte of a connection.
const HANDSHAKE: u8 = 22;
/// The first bit of a hello of SSL 2, which is TLS, too, for those who ask what a client speaks.
const OLD_HELLO: u8 = 0x80;

/// A connection whose hello is awaited.
pub struct Hello {
    pub tcp: TcpStream,
    /// The position of the listener when the connection was accepted, and the server's address of it.
    pub listener: (usize, ListenOn),
    /// Whether a PROXY header may still come before the hello.
    pub awaits_header: bool,
    state: State,
    /// What has come of the hello, for the log line of a failure.
    bytes: Vec<u8>,
}

/// How far the hello is.
enum State {
    Partial(Box<Acceptor>),
    Whole(Box<Accepted>),
    Failed,
}

/// What the bytes of a client are so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Spoken {
    /// A part of a hello.
    Part,
    /// A hello, which can be answered.
    Hello,
    /// No TLS: this is the first byte.
    Plain(u8),
    /// A hello that cannot be answered, for this reason. The client has been sent an alert.
    Unusable(String),
}

impl Hello {
    /// Nothing has come yet.
    pub fn new(tcp: TcpStream, listener: (usize, ListenOn)) -> Self {
        let state = State::Partial(Box::default());
        Self { tcp, listener, awaits_header: true, state, bytes: Vec::new() }
    }

    /// Takes what has been read.
    pub fn take(&mut self, input: &[u8]) -> Spoken {
        if let (true, Some(&first)) = (self.bytes.is_empty(), input.first())
            && first != HANDSHAKE
            && first & OLD_HELLO == 0
        {
            return Spoken::Plain(first);
        }
        self.bytes.extend_from_slice(input);
        let State::Partial(acceptor) = &mut self.state else { return Spoken::Part };
        match read_hello(acceptor, input) {
            Ok(None) if self.bytes.len() >= MAX_HELLO => {
                self.state = State::Failed;
                send_last(&mut self.tcp, &DECODE_ERROR);
                Spoken::Unusable(format!("its hello is longer than {MAX_HELLO} bytes"))
            }
            Ok(None) => Spoken::Part,
            Ok(Some(accepted)) => {
                self.state = State::Whole(Box::new(accepted));
                Spoken::Hello
            }
            Err((error, alert)) => {
                self.state = State::Failed;
                Spoken::Unusable(self.fail(&error, alert))
            }
        }
    }

    /// The server that the client names, in lower case and without a dot at its end.
    pub fn server_name(&self) -> Option<String> {
        let State::Whole(accepted) = &self.state else { return None };
        let hello = accepted.client_hello();
        hello.server_name().map(|name| name.trim_end_matches('.').to_ascii_lowercase())
    }

    /// Answers the hello. The error says why it cannot be answered; the client has been sent an alert.
    pub fn answer(mut self, server: TlsServer) -> Result<TlsStream, (TcpStream, String)> {
        let State::Whole(accepted) = std::mem::replace(&mut self.state, State::Failed) else {
            return Err((self.tcp, "no hello has come".to_owned()));
        };
        match accepted.into_connection(server.config()) {
            Ok(connection) => {
                let handshake = Handshake { hello: self.bytes, server };
                Ok(TlsStream::server(self.tcp, connection, handshake))
            }
            Err((error, alert)) => {
                let why = self.fail(&error, Some(alert));
                Err((self.tcp, why))
            }
        }
    }

    /// Refuses a hello as there is no certificate for the server that it names; returns what the log says.
    pub fn refuse_name(&mut self) -> String {
        let why = match self.server_name() {
            Some(_) => "no certificate is for the server that it names",
            None => "it names no server, and there is no certificate for that",
        };
        send_last(&mut self.tcp, &UNRECOGNIZED_NAME);
        format!("{why} ({:#}; alert {})", Offer::read(&self.bytes), alert_in(&UNRECOGNIZED_NAME))
    }

    /// Sends an alert, as far as there is room; returns what the log says.
    fn fail(&mut self, error: &Error, alert: Option<AcceptedAlert>) -> String {
        let mut sent = Vec::new();
        if Offer::read(&self.bytes).is_too_old() {
            sent.extend_from_slice(&PROTOCOL_VERSION);
        } else if let Some(mut alert) = alert {
            let _ = alert.write_all(&mut sent);
        }
        if sent.is_empty() {
            sent.extend_from_slice(&DECODE_ERROR);
        }
        send_last(&mut self.tcp, &sent);
        explain(error, &self.bytes, &sent)
    }
}

impl Debug for Hello {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello").field("tcp", &self.tcp).finish_non_exhaustive()
    }
}

fn read_hello(
    acceptor: &mut Acceptor,
    mut input: &[u8],
) -> Result<Option<Accepted>, (Error, Option<AcceptedAlert>)> {
    while !input.is_empty() {
        let taken =
            acceptor.read_tls(&mut input).map_err(|error| (Error::General(error.to_string()), None))?;
        if let Some(accepted) = acceptor.accept().map_err(|(error, alert)| (error, Some(alert)))? {
            return Ok(Some(accepted));
        }
        if taken == 0 {
            break;
        }
    }
    Ok(None)
}
