//! An encrypted connection.
//!
//! What waits for the socket's room waits in our queues, as plain text that sessions share: a record is encrypted when
//! the one before it has been sent, so there is never more than one of them here.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;
use rustls::{ClientConnection, Connection, HandshakeKind, ServerConnection};

use super::accepting::explain;
use super::accepting::facts::facts_of;
use super::accepting::offer::Offer;
use super::client::TlsClient;
use super::reasons::{describe, describe_client};
use super::server::TlsServer;
use crate::engine::TlsFacts;

/// The plain text of the longest record (RFC 8446, section 5.1).
pub const RECORD: usize = 16 * 1024;

/// Encrypted bytes that a peer may send without any data in them, in the handshake or at a time after it. A long chain of
/// certificates has 64 KiB; what is beyond (session tickets, of which rustls takes any number) would hold up the loop.
const MAX_WITHOUT_DATA: usize = 128 * 1024;

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
    /// Encrypted bytes that have come since the last data.
    without_data: usize,
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
            without_data: 0,
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
    }

    /// Ends the handshake with a client that is complete; returns what it has agreed on.
    pub fn finish_handshake(&mut self) -> Option<TlsFacts> {
        let handshake = self.handshake.take()?;
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
        if self.is_ending { self.tcp.shutdown(Shutdown::Write) } else { Ok(()) }
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
        self.count_without_data(count)?;
        Ok(count)
    }

    /// Reads once what the socket has, and decrypts it into `buffer`, which has room for what is whole by then; returns
    /// how many bytes of data there are.
    fn take_records(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut records = [0; RECORD];
        let room = records.get_mut(..buffer.len().min(RECORD)).unwrap_or_default();
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
        // Answers of the protocol itself.
        self.send_what_fits()?;
        if filled == 0 {
            self.count_without_data(count)?;
        }
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

    /// Notes that encrypted bytes had no data in them.
    fn count_without_data(&mut self, count: usize) -> io::Result<()> {
        self.without_data += count;
        if self.without_data > MAX_WITHOUT_DATA {
            let why = "it sends records without data, again and again";
            return Err(io::Error::new(ErrorKind::InvalidData, why));
        }
        Ok(())
    }

    /// Tells the peer why its records are refused; returns what the log says.
    fn explain(&mut self, error: &rustls::Error) -> String {
        let mut last = Vec::new();
        // The connection is closed in any case.
        let _ = self.tls.write_tls(&mut last).and_then(|_| self.tcp.write(&last));
        match (&self.tls, &self.handshake) {
            (Connection::Client(_), _) => describe(error),
            (Connection::Server(_), None) => describe_client(error),
            (Connection::Server(_), Some(handshake)) => explain(error, &handshake.hello, &last),
        }
    }

    fn closed_early(&self) -> io::Error {
        let why = "the connection was closed during the TLS handshake";
        match &self.handshake {
            None => io::Error::other(why),
            Some(handshake) => io::Error::other(format!("{why} ({:#})", Offer::read(&handshake.hello))),
        }
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

/// An end that the peer has not announced (close_notify) is `UnexpectedEof`: what has come may have been cut off.
impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => {
                    (self.without_data, self.may_have_more) = (0, true);
                    return result;
                }
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            match self.take_records(buffer)? {
                0 if self.may_have_more || self.failure.is_some() => {}
                0 => return Err(ErrorKind::WouldBlock.into()),
                count => {
                    self.without_data = 0;
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
