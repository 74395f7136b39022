//! One connection's socket: reading into the shared buffer, writing what a queue hands out.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::net::TcpStream;
use nix::libc;
use nix::sys::sendfile::sendfile64;
use nix::sys::socket::{MsgFlags, sendmsg, setsockopt, sockopt};
use nix::{setsockopt_impl, sockopt_impl};

use crate::engine::{Outgoing, Piece, SessionId};

/// Bytes of a file handed to one sendfile: most fragments.
const FILE_PIECE: u64 = 512 * 1024;

/// Bytes that the kernel takes for a client beyond what is under way to it: half a second of 2 Mbit/s. Its own limit is
/// 4 MB: a player that is too slow would have everything 16 s late, a few hundred clients that do not read would have all
/// the memory that the kernel spends on TCP, and a deleted file would live on in it. (For files, 1 MiB took a tenth less CPU.)
const UNSENT: u32 = 128 * 1024;
/// The same for a client that has not yet taken so many bytes: ten thousand that never read have 160 MB.
const FIRST_UNSENT: u32 = 16 * 1024;
const PROVEN: usize = 512 * 1024;

sockopt_impl!(
    /// How much the kernel takes that it cannot send yet (tcp_notsent_lowat in its ip-sysctl).
    NotSentLowWater,
    SetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_NOTSENT_LOWAT,
    u32
);

/// Why a call on a socket moved no bytes.
#[derive(Debug)]
pub enum Stop {
    /// The kernel has no bytes, or no room, for now.
    Blocked,
    /// The peer sends nothing more.
    Closed,
    /// The peer has left: it neither sends nor takes anything more.
    Gone,
    /// The connection has failed, for this reason.
    Failed(String),
}

/// What a socket carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// Frames that somebody waits for.
    Media,
    /// Files and lists, which may come a few milliseconds later.
    Files,
}

/// A connected socket.
#[derive(Debug)]
pub struct Socket {
    /// Whose it is.
    pub id: SessionId,
    /// The socket itself.
    pub stream: TcpStream,
    /// Whether the last write found no room; cleared when room is announced.
    pub blocked: bool,
    /// Whether room is announced at all: asked for only once a write has found none.
    pub asked_for_room: bool,
    /// What it carries.
    pub traffic: Traffic,
    /// Whether it is on the agenda.
    pub on_agenda: bool,
    /// Whether its last step took longer than one should.
    pub is_slow: bool,
    /// Whether there may be something to read, so that nothing announces it again.
    pub readable: bool,
    /// Whether the peer has hung up: what is read ends with that, and nothing announces it again.
    pub hung_up: bool,
    /// Whether it is to be written to when it is served.
    pub has_to_write: bool,
    /// Bytes that it has taken; counted up to [`PROVEN`].
    taken: usize,
}

impl Socket {
    /// Wraps an accepted connection. What is sent is gathered here, so the kernel need not wait.
    pub fn new(id: SessionId, stream: TcpStream, traffic: Traffic) -> Self {
        // A socket whose peer has already gone refuses options; reading it will tell.
        let _ = stream.set_nodelay(true);
        let socket = Self {
            id,
            stream,
            traffic,
            blocked: false,
            asked_for_room: false,
            on_agenda: false,
            is_slow: false,
            readable: false,
            hung_up: false,
            has_to_write: false,
            taken: 0,
        };
        socket.limit_unsent(FIRST_UNSENT);
        socket
    }

    /// Reads once into `buffer`; returns how many bytes.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Stop> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(Stop::Closed),
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(stop(&error)),
            }
        }
    }

    /// Sends once; returns how many bytes.
    #[inline]
    pub fn write(&mut self, outgoing: &Outgoing<'_>) -> Result<usize, Stop> {
        loop {
            let result = match outgoing {
                Outgoing::Bytes(bytes) => self.stream.write(bytes),
                Outgoing::Slices { slices, file_follows: false } => self.stream.write_vectored(slices),
                Outgoing::Slices { slices, file_follows: true } => self.write_before_file(slices),
                Outgoing::File(piece) => self.send_file(piece),
            };
            match result {
                Ok(0) => return Err(Stop::Blocked),
                Ok(count) => {
                    self.count_taken(count);
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(stop(&error)),
            }
        }
    }

    /// Sends the head of an answer, which goes in one packet with the beginning of its file.
    fn write_before_file(&self, head: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = MsgFlags::from_bits_retain(libc::MSG_MORE) | MsgFlags::MSG_NOSIGNAL;
        sendmsg::<()>(self.stream.as_raw_fd(), head, &[], flags, None).map_err(io::Error::from)
    }

    fn send_file(&self, piece: &Piece) -> io::Result<usize> {
        let mut offset = piece.offset.cast_signed();
        let count = piece.left.min(FILE_PIECE) as usize;
        match sendfile64(&self.stream, piece.source.file(), Some(&mut offset), count) {
            Ok(0) => Err(io::Error::other("the file being sent became shorter")),
            sent => sent.map_err(io::Error::from),
        }
    }

    /// Lets the kernel take more for a client that reads.
    #[inline]
    fn count_taken(&mut self, bytes: usize) {
        if self.taken < PROVEN {
            self.taken += bytes;
            if self.taken >= PROVEN {
                self.limit_unsent(UNSENT);
            }
        }
    }

    /// Leaves what is not under way to the peer in its queue, where frames that are too late can still be left out.
    fn limit_unsent(&self, bytes: u32) {
        if let Err(error) = setsockopt(&self.stream, NotSentLowWater, &bytes) {
            log::debug!("{}: what the kernel takes for it has no limit: {error}", self.id);
        }
    }

    /// Makes the kernel probe a silent peer, and give up when it has heard nothing for so long.
    pub fn limit_silence(&self, limit: Duration) {
        // The kernel takes 32767 s and 2^31 ms at most.
        let step = u32::try_from(limit.as_secs() / 3).unwrap_or(u32::MAX).clamp(1, 32_767);
        let milliseconds = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX).min(0x7fff_ffff);
        let result = setsockopt(&self.stream, sockopt::KeepAlive, &true)
            .and_then(|()| setsockopt(&self.stream, sockopt::TcpKeepIdle, &step))
            .and_then(|()| setsockopt(&self.stream, sockopt::TcpKeepInterval, &step))
            .and_then(|()| setsockopt(&self.stream, sockopt::TcpUserTimeout, &milliseconds));
        if let Err(error) = result {
            log::debug!("{} cannot be probed: {error}", self.id);
        }
    }
}

fn stop(error: &io::Error) -> Stop {
    match error.kind() {
        ErrorKind::WouldBlock => Stop::Blocked,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => Stop::Gone,
        ErrorKind::TimedOut => Stop::Failed("its host does not answer any more".into()),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            Stop::Failed("its host cannot be reached any more".into())
        }
        _ => Stop::Failed(error.to_string()),
    }
}
