//! An RTMP client that blocks: what it is told to send it sends.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrStorage, sockopt};

use super::transport::{Target, Transport};
use super::wire;

/// The application that has what is attacked; the players of the load are in another one.
const APPLICATION: &str = "hostile";
/// Bytes that a client in a crowd lets a server send before it reads.
const WINDOW: usize = 16 * 1024;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
const PUBLISHED: &[u8] = b"NetStream.Publish.Start";
const PLAYS: &[u8] = b"NetStream.Play";
/// An answer to `createStream`: a session may have too many.
const ANSWERED: [&[u8]; 2] = [b"_result", b"_error"];

/// A connection.
pub struct Peer {
    stream: Transport,
    answers: Vec<u8>,
}

impl Peer {
    /// Connects to the application, and does no more.
    pub fn connect(target: &Target, from: Option<Ipv4Addr>) -> io::Result<Self> {
        let (mut peer, answer) = Self::greet(target, from)?;
        peer.write(&wire::publish(&answer, APPLICATION, &[]))?;
        peer.wait_for(&ANSWERED).map(|()| peer)
    }

    /// Publishes streams, on the message streams from 1 on.
    pub fn publish(target: &Target, from: Option<Ipv4Addr>, streams: &[&str]) -> io::Result<Self> {
        let (mut peer, answer) = Self::greet(target, from)?;
        peer.write(&wire::publish(&answer, APPLICATION, streams))?;
        for _ in streams {
            peer.wait_for(&[PUBLISHED])?;
        }
        Ok(peer)
    }

    /// Plays a stream.
    pub fn play(target: &Target, from: Option<Ipv4Addr>, stream: &str) -> io::Result<Self> {
        let (mut peer, answer) = Self::greet(target, from)?;
        peer.write(&wire::play(&answer, APPLICATION, stream))?;
        peer.wait_for(&[PLAYS])?;
        Ok(peer)
    }

    /// Goes through the handshake but for its last message, C2; returns the server's part of it.
    pub fn greet(target: &Target, from: Option<Ipv4Addr>) -> io::Result<(Self, Vec<u8>)> {
        let mut stream = connect(target, from)?;
        stream.write_all(&wire::hello())?;
        stream.flush()?;
        let mut answer = vec![0; wire::HELLO_ANSWER];
        stream.read_exact(&mut answer)?;
        Ok((Self { stream, answers: Vec::new() }, answer))
    }

    /// Sends.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Waits until the server has dealt with everything that was sent.
    pub fn settle(&mut self) -> io::Result<()> {
        let mut question = Vec::new();
        wire::create_stream(&mut question);
        self.answers.clear();
        self.write(&question)?;
        self.wait_for(&ANSWERED)
    }

    /// Reads on to one of these words.
    fn wait_for(&mut self, words: &[&[u8]]) -> io::Result<()> {
        let found = |answers: &[u8]| {
            let end = |word: &&[u8]| {
                answers.windows(word.len()).position(|part| part == *word).map(|at| at + word.len())
            };
            words.iter().filter_map(end).min()
        };
        let mut scratch = [0; 4096];
        loop {
            if let Some(end) = found(&self.answers) {
                self.answers.drain(..end);
                return Ok(());
            }
            match self.stream.read(&mut scratch)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => self.answers.extend(&scratch[..count]),
            }
        }
    }
}

/// Connects, from an address of this machine or from any. Who comes from one of many takes up little memory in the
/// kernel: on a network, what a client has received would be on another machine.
pub fn connect(target: &Target, from: Option<Ipv4Addr>) -> io::Result<Transport> {
    let stream = match from {
        None => TcpStream::connect(target.address)?,
        Some(from) => {
            let socket = socket::socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
            socket::setsockopt(&socket, sockopt::RcvBuf, &WINDOW)?;
            socket::bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(from, 0)))?;
            socket::connect(socket.as_raw_fd(), &SockaddrStorage::from(target.address))?;
            socket.into()
        }
    };
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Transport::over(stream, target)
}
