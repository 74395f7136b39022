//! An encrypted connection.
//!
//! What waits for the socket's room waits in our queues, as plain text that sessions share: a record is encrypted when
//! the one before it has been sent, so there is never more than one of them here.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::time::Instant;

use mio::net::TcpStream;
use rustls::{ClientConnection, Connection, HandshakeKind, ServerConnection};

use super::accepting::facts::facts_of;
use super::accepting::failure::{explain, send_last};
use super::accepting::offer::Offer;
use super::client::TlsClient;
use super::overhead::{Overhead, Sender};
use super::reasons::{describe, describe_client};
use super::server::TlsServer;
use crate::engine::TlsFacts;

/// The plain text of the longest record (RFC 8446, section 5.1).
pub const RECORD: usize = 16 * 1024;

/// Bytes that are read at once behind some without data: with changes of the key they are much work.
const PIECE: usize = 4096;

/// A connection over TLS.
#[derive(Debug)]
pub struct TlsStream {
    tcp: TcpStream,
    tls: Connection,
    /// Something encrypted may wait for room. This is asked for each message, and `tls` is not looked at for it: with
    /// many players, what a look there brings from memory takes longer than all else that is done for a message.
    has_unsent: bool,
    /// Nothing more is written; the socket's sending side is closed when the last record has been sent.
    is_ending: bool,
    /// That side has been closed.
    has_ended: bool,
    /// Encrypted bytes without data.
    overhead: Overhead,
    /// The socket, or the last read, may have left something to be read.
    may_have_more: bool,
    /// What is wrong behind the data that has just been read.
    failure: Option<io::Error>,
    /// What the handshake with a client needs until it is complete.
    handshake: Option<Box<Handshake>>,
}

/// The handshake with a client.
#[derive(Debug)]
pub(super) struct Handshake {
    /// The client's hello, for the log.
    pub hello: Vec<u8>,
    pub server: TlsServer,
}

impl TlsStream {
    /// The client's side of a connection to a host, which need not stand yet.
    pub fn client(tcp: TcpStream, client: &TlsClient, host: &str) -> Result<Self, String> {
        let connection: ClientConnection = client.connection(host)?;
        Ok(Self::new(tcp, connection, None))
    }

    /// The server's side of a connection whose hello is answered, but not sent yet.
    pub(super) fn server(tcp: TcpStream, connection: ServerConnection, handshake: Handshake) -> Self {
        Self::new(tcp, connection, Some(Box::new(handshake)))
    }

    fn new(tcp: TcpStream, connection: impl Into<Connection>, handshake: Option<Box<Handshake>>) -> Self {
        let mut tls: Connection = connection.into();
        tls.set_buffer_limit(Some(RECORD));
        Self {
            tcp,
            tls,
            has_unsent: true,
            is_ending: false,
            has_ended: false,
            overhead: Overhead::new(Instant::now()),
            may_have_more: true,
            failure: None,
            handshake,
        }
    }

    /// The socket, for its options.
    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// The socket, to be polled.
    pub fn tcp_mut(&mut self) -> &mut TcpStream {
        &mut self.tcp
    }

    /// Whether there may be more to read that no event will announce.
    pub fn may_have_more(&self) -> bool {
        self.may_have_more
    }

    /// Goes on with the handshake. False if the peer has to send something first.
    pub fn shake_hands(&mut self) -> io::Result<bool> {
        loop {
            self.send_what_fits()?;
            if !self.tls.is_handshaking() {
                return Ok(true);
            }
            match self.take_handshake() {
                Ok(0) => return Err(self.closed_early()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether a client has been asked for another hello, since the key of its first one was for no curve of ours.
    pub fn awaits_second_hello(&self) -> bool {
        self.tls.is_handshaking()
            && self.tls.handshake_kind() == Some(HandshakeKind::FullWithHelloRetryRequest)
            && self.tls.negotiated_key_exchange_group().is_none()
    }

    /// Whether the answer to a client's hello is short: nothing was signed for it.
    pub fn was_answered_briefly(&self) -> bool {
        self.awaits_second_hello() || self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Ends the handshake with a client that is complete; returns what it has agreed on.
    pub fn finish_handshake(&mut self) -> Option<TlsFacts> {
        let handshake = self.handshake.take()?;
        self.overhead.finish_handshake();
        match &self.tls {
            Connection::Server(connection) => Some(facts_of(connection, &handshake.server)),
            Connection::Client(_) => None,
        }
    }

    /// Sends encrypted bytes that wait; `WouldBlock` if some are left.
    #[inline]
    pub fn send_unsent(&mut self) -> io::Result<()> {
        if self.has_unsent { self.send_encrypted() } else { Ok(()) }
    }

    fn send_encrypted(&mut self) -> io::Result<()> {
        self.has_unsent = true;
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Sending(&mut self.tcp)) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.has_unsent = false;
        if self.is_ending && !std::mem::replace(&mut self.has_ended, true) {
            return self.tcp.shutdown(Shutdown::Write);
        }
        Ok(())
    }

    /// Tells the peer that nothing more comes, and closes the socket's sending side behind that.
    pub fn shut_down_write(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.is_ending, true) {
            self.tls.send_close_notify();
        }
        self.send_what_fits()
    }

    fn send_what_fits(&mut self) -> io::Result<()> {
        match self.send_encrypted() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }

    /// Reads what the socket has of the handshake, and takes it; returns how many bytes it had.
    fn take_handshake(&mut self) -> io::Result<usize> {
        let count = loop {
            match self.tls.read_tls(&mut self.tcp) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.process()?;
        self.send_what_fits()?;
        self.count_without_data(count, 0)?;
        Ok(count)
    }

    /// Reads once what the socket has, at most `most` bytes, and decrypts it into `buffer`, which has room for what is whole by
    /// then; returns how many bytes of data there are.
    fn take_records(&mut self, buffer: &mut [u8], most: usize) -> io::Result<usize> {
        let mut records = [0; RECORD];
        let room = records.get_mut(..buffer.len().min(most)).unwrap_or_default();
        self.may_have_more = false;
        let count = self.tcp.read(room)?;
        // An end is told by the next look, behind what has been read.
        self.may_have_more = count == room.len() || count == 0;
        let mut rest = room.get(..count).unwrap_or_default();
        let mut filled = 0;
        loop {
            // It takes 4 KiB at a time; none, if this is the end.
            let taken = self.tls.read_tls(&mut rest)?;
            let processed = self.process();
            let room = buffer.get_mut(filled..).unwrap_or_default();
            filled += self.tls.reader().read(room).unwrap_or_default();
            self.failure = processed.err();
            if taken == 0 || rest.is_empty() || self.failure.is_some() {
                break;
            }
        }
        // Rustls may have kept what was behind that.
        self.may_have_more |= filled == buffer.len();
        // Answers of the protocol itself.
        self.send_what_fits()?;
        self.count_without_data(count, filled)?;
        Ok(filled)
    }

    fn process(&mut self) -> io::Result<()> {
        match self.tls.process_new_packets() {
            Ok(state) => {
                // The end may come without an event of its own.
                self.may_have_more |= state.peer_has_closed();
                Ok(())
            }
            Err(error) => Err(io::Error::new(ErrorKind::InvalidData, self.explain(&error))),
        }
    }

    /// Counts encrypted bytes with so many bytes of data in them.
    fn count_without_data(&mut self, count: usize, data: usize) -> io::Result<()> {
        let sender = match &self.tls {
            _ if self.tls.is_handshaking() || self.handshake.is_some() => Sender::Handshake,
            Connection::Server(_) => Sender::Client,
            Connection::Client(_) => Sender::Server,
        };
        let counted = self.overhead.count(count, data, sender);
        counted.map_err(|why| io::Error::new(ErrorKind::InvalidData, why))
    }

    /// Tells the peer why its records are refused; returns what the log says.
    fn explain(&mut self, error: &rustls::Error) -> String {
        let mut last = Vec::new();
        // The connection is closed in any case.
        let _ = self.tls.write_tls(&mut last);
        send_last(&mut self.tcp, &last);
        match (&self.tls, &self.handshake) {
            (Connection::Client(_), _) => describe(error),
            (Connection::Server(_), None) => describe_client(error),
            (Connection::Server(_), Some(handshake)) => explain(error, &handshake.hello, &last),
        }
    }

    fn closed_early(&self) -> io::Error {
        match &self.handshake {
            None => io::Error::other("the connection was closed during the TLS handshake"),
            // A client has left, and has not failed.
            Some(_) => ErrorKind::UnexpectedEof.into(),
        }
    }

    /// What a client offers that is still in its handshake, for the log.
    pub fn offer(&self) -> Option<String> {
        self.handshake.as_ref().map(|handshake| format!("{:#}", Offer::read(&handshake.hello)))
    }

    /// Sends what has just been encrypted, as far as there is room, and hands on that it has been taken.
    fn send_record(&mut self, taken: usize) -> io::Result<usize> {
        self.send_what_fits()?;
        Ok(taken)
    }
}

/// Sends a single slice by `send`: `writev`, which is for files of any kind, looks at more of the kernel's memory. With 500
/// players it took 0.1 s more for a GB.
struct Sending<'a>(&'a mut TcpStream);

impl Write for Sending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            [slice] => self.0.write(slice),
            slices => self.0.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// If it would block, there may be more nevertheless ([`TlsStream::may_have_more`]), for which others should not wait.
/// An end that the peer has not announced (close_notify) is `UnexpectedEof`: what has come may have been cut off.
impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut most = RECORD;
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => {
                    self.may_have_more = true;
                    return result;
                }
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            match self.take_records(buffer, most)? {
                0 if self.failure.is_some() => {}
                // There may be more, but others come first.
                0 if self.may_have_more && most == RECORD => most = PIECE,
                0 => return Err(ErrorKind::WouldBlock.into()),
                count => {
                    self.may_have_more |= self.failure.is_some();
                    return Ok(count);
                }
            }
        }
    }
}

/// Takes a record at most, and only if the one before it has been sent.
impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send_unsent()?;
        let taken = self.tls.writer().write(bytes)?;
        self.send_record(taken)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send_unsent()?;
        let taken = self.tls.writer().write_vectored(slices)?;
        self.send_record(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
