//! One connection of the generator, from the handshake on.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use mio::net::TcpStream;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, recv, setsockopt};
use nix::{setsockopt_impl, sockopt_impl};
use rustls::ClientConnection;

use super::flv::{self, Carrier};
use super::probe::Probe;
use super::publisher::Publisher;
use super::tls::Tls;
use super::wire;

/// Bytes that may wait for a server that does not take what is published.
const BACKLOG: usize = 8 << 20;

/// The answer of a server that takes a publisher, and the longest piece in which it is looked for.
const PUBLISHED: &[u8] = b"NetStream.Publish.Start";
const ANSWERS: usize = 8 * 1024;

sockopt_impl!(
    /// Acknowledges when it is read (tcp(7)).
    QuickAck,
    SetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_QUICKACK,
    bool
);

/// What a connection is for.
pub enum Role {
    /// Sends a stream; what comes back is thrown away.
    Publisher(Publisher),
    /// Throws away what it receives without even having it copied.
    Player,
    /// The same, as soon as it comes: it costs the floor what a probe costs a server.
    Woken,
    /// Throws away no more than so many bytes each time that it is asked to.
    Slow(usize),
    /// Waits for a stream that does not come.
    Idle,
    /// A player that leaves soon.
    Visitor,
    /// Looks at everything.
    Probe(Box<Probe>),
}

/// How far a connection is.
pub enum Stage {
    /// S0, S1 and S2 so far, and what is said after them.
    Handshake { answer: Vec<u8>, application: String, stream: String },
    /// A publisher waits for its answer.
    Publishing(Vec<u8>),
    /// A player over HTTP waits for its answer, of which so much has come.
    Asking(Vec<u8>),
    /// Media goes through.
    Live,
}

/// What a connection says first.
#[derive(Debug, Clone, Copy)]
pub enum Greeting<'a> {
    /// Nothing: it is live at once.
    None,
    /// RTMP's handshake, for a stream of an application.
    Rtmp(&'a str, &'a str),
    /// A request for FLV, with the server's port for RTMP.
    Flv(Carrier, u16, &'a str, &'a str),
}

/// A connection.
pub struct Client {
    pub stream: TcpStream,
    pub role: Role,
    pub stage: Stage,
    /// Bytes received since it is live.
    pub received: u64,
    /// How many of them before measuring began.
    pub before: u64,
    /// What has come with the answer over HTTP.
    pub early: Vec<u8>,
    out: Vec<u8>,
    /// None for plain TCP, and for who throws away what it receives, from when it is live: encrypted as it is.
    tls: Option<Box<ClientConnection>>,
}

impl Client {
    /// Connects, and says what it says first.
    pub fn connect(
        address: SocketAddr,
        tls: Option<&Tls>,
        role: Role,
        greeting: Greeting<'_>,
    ) -> io::Result<Self> {
        // Blocking: on loopback a connection is made at once, or refused.
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let stream = TcpStream::from_std(stream);
        let tls = tls.map(|tls| tls.connection(address.ip()).map(Box::new)).transpose()?;
        let (stage, early, out) = (Stage::Live, Vec::new(), Vec::new());
        let mut client = Self { stream, role, stage, received: 0, before: 0, early, out, tls };
        match greeting {
            Greeting::None => {}
            Greeting::Rtmp(application, stream) => {
                client.stage = Stage::Handshake {
                    answer: Vec::new(),
                    application: application.into(),
                    stream: stream.into(),
                };
                client.send(&wire::hello())?;
            }
            Greeting::Flv(carrier, port, application, stream) => {
                client.stage = Stage::Asking(Vec::new());
                client.send(&flv::request(carrier, port, application, stream))?;
            }
        }
        Ok(client)
    }

    /// Ends what the kernel takes for a conversation. A player that has just said something acknowledges with the next
    /// that it says, or late, on the server's processor; the floor's players say nothing. It made 0.1 of the floor.
    pub fn only_listen(&self) -> io::Result<()> {
        Ok(setsockopt(&self.stream, QuickAck, &true)?)
    }

    /// Whether media may go through.
    pub fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Live)
    }

    /// Sends, or keeps what does not go until there is room.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.extend(bytes);
        if self.out.len() > BACKLOG {
            return Err(io::Error::other("the server does not take what is published"));
        }
        self.flush()
    }

    /// Sends what is left.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.tls.is_some() {
            return self.flush_encrypted();
        }
        let mut done = 0;
        while done < self.out.len() {
            match self.stream.write(&self.out[done..]) {
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out.drain(..done);
        Ok(())
    }

    fn flush_encrypted(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        loop {
            // It takes no more than its own limit while some waits.
            let taken = tls.writer().write(&self.out)?;
            self.out.drain(..taken);
            match tls.write_tls(&mut self.stream) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads on until it is live; whether it is.
    pub fn begin(&mut self, scratch: &mut [u8]) -> io::Result<bool> {
        while !self.is_live() {
            let room = match &self.stage {
                Stage::Handshake { answer, .. } => wire::HELLO_ANSWER - answer.len(),
                _ => scratch.len(),
            };
            let Some(count) = self.take(&mut scratch[..room])? else { return Ok(false) };
            self.step(&scratch[..count])?;
        }
        let looks = matches!(self.role, Role::Publisher(_) | Role::Probe(_));
        if let Some(tls) = self.tls.take_if(|_| !looks)
            && tls.wants_write()
        {
            return Err(io::Error::other("the server does not take what a player asks"));
        }
        Ok(true)
    }

    fn step(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stage {
            Stage::Handshake { answer, application, stream } => {
                answer.extend(bytes);
                if answer.len() < wire::HELLO_ANSWER {
                    return Ok(());
                }
                let publishes = matches!(self.role, Role::Publisher(_));
                let words = if publishes {
                    wire::publish(answer, application, &[stream])
                } else {
                    wire::play(answer, application, stream)
                };
                self.stage = if publishes { Stage::Publishing(Vec::new()) } else { Stage::Live };
                self.send(&words)
            }
            Stage::Publishing(answers) => {
                answers.extend(bytes);
                if answers.windows(PUBLISHED.len()).any(|window| window == PUBLISHED) {
                    self.stage = Stage::Live;
                } else if answers.len() > ANSWERS {
                    return Err(io::Error::other("the server does not let publish"));
                }
                Ok(())
            }
            Stage::Asking(head) => {
                head.extend(bytes);
                let Some((length, framing)) = flv::answer(head).map_err(io::Error::other)? else {
                    return Ok(());
                };
                self.early = head.split_off(length);
                self.stage = Stage::Live;
                if let Role::Probe(probe) = &mut self.role {
                    probe.expect_flv(framing);
                }
                Ok(())
            }
            Stage::Live => Ok(()),
        }
    }

    /// Throws away what has come, up to `limit` bytes. With MSG_TRUNC the kernel copies nothing into
    /// `space` (tcp(7)), whose length alone counts.
    pub fn discard(&mut self, space: &mut [u8], limit: usize) -> io::Result<()> {
        let limit = limit.min(space.len());
        loop {
            match recv(self.stream.as_raw_fd(), &mut space[..limit], MsgFlags::MSG_TRUNC) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.received += count as u64;
                    return Ok(());
                }
                Err(Errno::EAGAIN) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads once; nothing if nothing is there.
    pub fn read(&mut self, scratch: &mut [u8]) -> io::Result<Option<usize>> {
        let count = self.take(scratch)?;
        self.received += count.unwrap_or(0) as u64;
        Ok(count)
    }

    /// Whether a read that has not filled its buffer has taken all there is.
    pub fn reads_all(&self) -> bool {
        self.tls.is_none()
    }

    fn take(&mut self, scratch: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            let Some(tls) = &mut self.tls else { return read(&mut self.stream, scratch) };
            match tls.reader().read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => return Ok(Some(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            match tls.read_tls(&mut self.stream) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            tls.process_new_packets().map_err(io::Error::other)?;
            self.flush()?;
        }
    }
}

fn read(stream: &mut TcpStream, scratch: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match stream.read(scratch) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => return Ok(Some(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
