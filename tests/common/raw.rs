//! A client that does as it is told, right or wrong: made of the library's own chunk writer and reader.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream::media::amf::{Object, Value, amf0};
use millstream::rtmp::chunk::{ChunkReader, Limits, Message, write_message};
use millstream::rtmp::message::MessageType;

use rustls::ServerConfig;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, socket};

use super::media::Packet;
use super::tls::transport::{Pipe, Target};
use super::{SOON, hang_up};

/// A connection.
pub struct Raw {
    pipe: Pipe,
    reader: ChunkReader,
    input: Vec<u8>,
    /// The chunk size of outgoing messages.
    pub chunk_size: u32,
}

impl Raw {
    /// A bare connection: nothing has been said.
    pub fn open(target: impl Into<Target>) -> Self {
        let target = target.into();
        Self::over(TcpStream::connect(target.address).unwrap(), &target)
    }

    /// A bare connection from this address of the machine.
    pub fn open_from(source: IpAddr, address: SocketAddr) -> Self {
        let family = if source.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(source, 0))).unwrap();
        connect(socket.as_raw_fd(), &SockaddrStorage::from(address)).unwrap();
        Self::over(socket.into(), &address.into())
    }

    fn over(stream: TcpStream, target: &Target) -> Self {
        Self::prepare(&stream);
        Self::through(Pipe::over(stream, target))
    }

    fn prepare(stream: &TcpStream) {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_write_timeout(Some(SOON)).unwrap();
    }

    fn through(pipe: Pipe) -> Self {
        let reader = ChunkReader::new(Limits { message: 0xff_ffff, streams: 64, held: 1 << 25 });
        Self { pipe, reader, input: Vec::new(), chunk_size: 128 }
    }

    /// The server's end of a connection, perhaps over TLS: nothing has been said.
    pub fn accepted(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        Self::prepare(&stream);
        Ok(Self::through(match tls {
            Some(config) => Pipe::served(stream, config)?,
            None => Pipe::Tcp(stream),
        }))
    }

    /// The server's end after a plain handshake: C1 comes back as S2.
    pub fn serve_handshake(&mut self) {
        let c0c1 = self.receive(1537);
        assert_eq!(c0c1[0], 3);
        self.send_bytes(&[&[3], &[0; 8][..], &[9; 1528], &c0c1[1..]].concat());
        self.receive(1536);
    }

    /// True if the server answers a handshake, rather than hang up.
    pub fn may_shake_hands(target: impl Into<Target>) -> bool {
        let mut raw = Self::open(target);
        raw.send_bytes(&[&[3], &[7; 1536][..]].concat());
        raw.pipe.read_exact(&mut [0; 1 + 1536 + 1536]).is_ok()
    }

    /// After a plain handshake, without digests.
    pub fn handshaken(target: impl Into<Target>) -> Self {
        Self::open(target).shake_hands()
    }

    /// The same after a plain handshake.
    pub fn shake_hands(self) -> Self {
        let mut raw = self;
        let c1 = [&[0; 8][..], &[7; 1528]].concat();
        raw.send_bytes(&[&[3], &c1[..]].concat());
        let mut answer = [0; 1 + 1536 + 1536];
        raw.pipe.read_exact(&mut answer).unwrap();
        assert_eq!(answer[0], 3);
        assert_eq!(answer[1537..], c1, "S2 is what C1 was");
        raw.send_bytes(&answer[1..1537]);
        raw
    }

    /// Connected to an application.
    pub fn connected(target: impl Into<Target>, app: &str) -> Self {
        let mut raw = Self::handshaken(target);
        raw.connect(app);
        let (name, values) = raw.command_answer();
        assert_eq!(name, "_result", "{values:?}");
        raw
    }

    /// Asks for an application.
    pub fn connect(&mut self, app: &str) {
        let object = Object::default().with("app", app).with("tcUrl", "rtmp://test/");
        self.command("connect", 1.0, 0, &[Value::Object(object)]);
    }

    /// Sends a command on a message stream.
    pub fn command(&mut self, name: &str, transaction: f64, msid: u32, arguments: &[Value]) {
        let values = [&[name.into(), transaction.into()], arguments].concat();
        self.send(MessageType::CommandAmf0, msid, 0, &amf0::encode_all(&values));
    }

    /// Asks to publish a name; the answer is yet to come.
    pub fn publish(&mut self, name: &str) {
        self.command("publish", 0.0, 1, &[Value::Null, name.into(), "live".into()]);
    }

    /// Asks to play a name; the answer is yet to come.
    pub fn play(&mut self, name: &str) {
        self.command("play", 0.0, 1, &[Value::Null, name.into()]);
    }

    /// Sends a message.
    pub fn send(&mut self, kind: MessageType, msid: u32, timestamp: u32, payload: &[u8]) {
        let bytes = self.encode(kind, msid, timestamp, payload);
        self.send_bytes(&bytes);
    }

    /// A message as it is sent.
    pub fn encode(&self, kind: MessageType, msid: u32, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_message(&mut bytes, self.chunk_size, 3, (kind, msid, timestamp), payload);
        bytes
    }

    /// Sends a packet of media.
    pub fn send_packet(&mut self, packet: &Packet) {
        let kind = if packet.kind == 8 { MessageType::Audio } else { MessageType::Video };
        self.send(kind, 1, packet.timestamp, &packet.payload);
    }

    /// Sends bytes as they are; a server that has hung up is found by reading.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.pipe.write_all(bytes).and_then(|()| self.pipe.flush());
    }

    /// The socket.
    pub fn stream(&self) -> &TcpStream {
        self.pipe.tcp()
    }

    /// Reads so many bytes, whatever they are.
    pub fn receive(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.pipe.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// The next message; `None` at the end of the connection.
    pub fn message(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.received() {
                return Some(message);
            }
            let mut buffer = [0; 16 * 1024];
            match self.pipe.read_once(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.input.extend(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing comes: {error}"),
            }
        }
    }

    /// The next message that comes within a time; `None` if none does.
    pub fn message_within(&mut self, limit: Duration) -> Option<Message> {
        let end = Instant::now() + limit;
        let mut found = self.received();
        while found.is_none() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.stream().set_read_timeout(Some(left)).unwrap();
            let mut buffer = [0; 16 * 1024];
            match self.pipe.read_once(&mut buffer) {
                Ok(0) => break,
                Ok(count) => self.input.extend(&buffer[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(error) => panic!("{error}"),
            }
            found = self.received();
        }
        self.stream().set_read_timeout(Some(SOON)).unwrap();
        found
    }

    /// A message that has been received whole.
    fn received(&mut self) -> Option<Message> {
        let mut input = self.input.as_slice();
        let message = self.reader.next(&mut input).unwrap();
        let rest = input.to_vec();
        self.input = rest;
        let message = message?;
        if message.type_id == MessageType::SetChunkSize as u8 {
            let size = message.payload().try_into().unwrap();
            self.reader.set_chunk_size(u32::from_be_bytes(size)).unwrap();
        }
        Some(message)
    }

    /// The next message of a type.
    pub fn message_of(&mut self, kind: MessageType) -> Message {
        loop {
            let message = self.message().expect("the connection goes on");
            if message.type_id == kind as u8 {
                return message;
            }
        }
    }

    /// The next command: its name and its values from the command object on.
    pub fn command_answer(&mut self) -> (String, Vec<Value>) {
        let message = self.message_of(MessageType::CommandAmf0);
        let mut values = amf0::decode(message.payload()).unwrap();
        let rest = values.split_off(2);
        (values[0].as_str().unwrap().to_owned(), rest)
    }

    /// The code and description in the next command.
    pub fn status(&mut self) -> (String, String) {
        let (_, values) = self.command_answer();
        let information = values[1].as_object().expect("an information object");
        let text = |name| information.str(name).unwrap_or_default().to_owned();
        (text("code"), text("description"))
    }

    /// Reads to the end of the connection, which must not be a reset: that may cost the client what it has not read.
    pub fn expect_end_without_reset(&mut self) {
        let mut buffer = [0; 16 * 1024];
        while self.pipe.read_once(&mut buffer).expect("no reset") > 0 {}
    }

    /// Reads for a moment, which the end of the connection cuts short; whether it has.
    pub fn has_ended(&mut self, moment: Duration) -> bool {
        self.stream().set_read_timeout(Some(moment)).unwrap();
        let read = self.pipe.read_once(&mut [0; 1024]);
        self.stream().set_read_timeout(Some(SOON)).unwrap();
        match read {
            Ok(count) => count == 0,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    /// Reads to the end of the connection, which must come soon.
    pub fn expect_end(&mut self) {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.pipe.read_once(&mut buffer) {
                Ok(0) => return,
                Ok(_) => {}
                // A pipe of TLS may have something to write when it is read.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                    return;
                }
                Err(error) => panic!("the server does not hang up: {error}"),
            }
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        hang_up(self.pipe.tcp());
    }
}
