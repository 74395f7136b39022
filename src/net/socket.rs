//! One connection's socket: reading into the shared buffer, writing what a queue hands out.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::mem;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use mio::event::Event;
use nix::libc;
use nix::sys::sendfile::sendfile64;
use nix::sys::socket::{MsgFlags, sendmsg, setsockopt, sockopt};
use nix::{setsockopt_impl, sockopt_impl};

use super::cached_parts::{CachedParts, PART};
use super::read_ahead::Part;
use super::stream::Stream;
use super::tls::stream::RECORD;
use crate::engine::files::page_cache;
use crate::engine::{FilePart, FileSource, Outgoing, Protocol, SessionId};

/// Unsent bytes that the kernel takes for a client: half a second of 2 Mbit/s. Without this it takes 4 MB: a player
/// that is too slow would get everything 16 s late, a few hundred clients that do not read would use up the kernel's
/// memory for TCP, and deleted files would stay in it. (For files, 1 MiB took a tenth less CPU.)
const UNSENT: u32 = 128 * 1024;
/// The same for a client that has not yet read [`PROVEN`] bytes: ten thousand that never read take 160 MB.
const FIRST_UNSENT: u32 = 16 * 1024;
/// The same when nothing more will be sent than the rest of a record.
const LAST_UNSENT: u32 = 1024 * 1024;
/// Bytes after which a client is known to read.
const PROVEN: usize = 512 * 1024;

sockopt_impl!(
    /// Bytes that the kernel takes and cannot send yet (tcp_notsent_lowat in its ip-sysctl).
    NotSentLowWater,
    SetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_NOTSENT_LOWAT,
    u32
);

/// The reason for which a call on a socket moved no bytes.
#[derive(Debug)]
pub enum NoTransfer {
    /// The kernel has no bytes, or no room, for now.
    Blocked,
    /// The peer sends nothing more.
    Closed,
    /// The peer has left: it neither sends nor takes anything more.
    Gone,
    /// The file is not in memory; this part of it should be read first.
    Uncached(Box<Part>),
    /// The connection has failed, for this reason.
    Failed(String),
}

/// The kind of a socket's traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// RTMP: frames that somebody waits for.
    Media,
    /// HTTP: files and lists, which may come a few milliseconds later.
    Files,
}

impl Traffic {
    /// The traffic of a session that speaks this protocol.
    pub fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Rtmp => Self::Media,
            Protocol::Http => Self::Files,
        }
    }
}

/// How far a socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Its address is being connected: nothing is read or written yet.
    Connecting,
    /// It is connected, and both sides agree on keys (TLS).
    Handshaking,
    /// A client has connected to an encrypted port, and has to send something of the handshake.
    Accepting,
    /// The hello of such a client waits for its turn to be answered.
    Answering,
    /// It serves its session.
    Open,
}

impl Phase {
    /// Whether a client's handshake has begun and is not complete.
    pub fn is_handshake(self) -> bool {
        matches!(self, Self::Accepting | Self::Answering)
    }
}

#[derive(Debug)]
pub struct Socket {
    pub id: SessionId,
    pub stream: Stream,
    pub phase: Phase,
    /// The last write found no room in the kernel, or its file not in memory. Cleared by the event that announces room,
    /// or when the file has been read.
    pub blocked: bool,
    /// A reader reads what is to be sent next.
    pub awaits_file: bool,
    /// A reader has read what is to be sent next.
    pub has_read_ahead: bool,
    /// Events for room are asked for: from the first write on that found none.
    pub announces_room: bool,
    pub traffic: Traffic,
    /// It is on the agenda.
    pub on_agenda: bool,
    /// Its last step took longer than [`super::agenda::STEP`].
    pub is_slow: bool,
    /// There may be something to read: an event has said so, and no read has found nothing since.
    pub readable: bool,
    /// The peer has closed its side: there is an end to be read, and no further event will announce it.
    pub hung_up: bool,
    /// There may be something to write when the session is served.
    pub write_when_served: bool,
    /// When the handshake with a client was completed that has sent nothing since.
    pub silent_since: Option<Instant>,
    /// Bytes that the client has taken; counted up to [`PROVEN`].
    taken: usize,
}

impl Socket {
    /// Wraps a connection, which is open, without delay of short packets: what is sent together is gathered in the queue.
    pub fn new(id: SessionId, stream: Stream, traffic: Traffic) -> Self {
        // A socket whose peer has already left refuses options; the first read reports it.
        let _ = stream.tcp().map(|tcp| tcp.set_nodelay(true));
        let socket = Self {
            id,
            stream,
            phase: Phase::Open,
            traffic,
            blocked: false,
            awaits_file: false,
            has_read_ahead: false,
            announces_room: false,
            on_agenda: false,
            is_slow: false,
            readable: false,
            hung_up: false,
            write_when_served: false,
            silent_since: None,
            taken: 0,
        };
        socket.limit_unsent(FIRST_UNSENT);
        socket
    }

    /// A socket that has been connected serves its session from now on.
    pub fn open(&mut self) {
        self.phase = Phase::Open;
        // What has come with the handshake is announced by no event.
        self.readable |= self.stream.is_encrypted();
    }

    /// Whether there may be more to read behind a read that has not filled its buffer.
    #[inline]
    pub fn may_have_more(&self) -> bool {
        self.hung_up || self.stream.may_have_more()
    }

    /// Sends what has been encrypted and could not be sent.
    #[inline]
    pub fn send_unsent(&mut self) -> Result<(), NoTransfer> {
        self.stream.send_unsent().map_err(|error| no_transfer(&error))
    }

    /// Tells the peer of an encrypted connection, as far as there is room, that its end is meant.
    pub fn announce_end(&mut self) {
        if self.stream.is_encrypted() && self.phase == Phase::Open {
            // The socket is closed in any case.
            let _ = self.shut_down_write();
        }
    }

    /// Closes the sending side, behind what has been written.
    pub fn shut_down_write(&mut self) -> io::Result<()> {
        if self.stream.is_encrypted() {
            // The last record may be waiting here for room; for the engine it has been sent, and nothing sends it when the
            // socket is closed.
            self.limit_unsent(LAST_UNSENT);
        }
        self.stream.shut_down_write()
    }

    /// Notes what an event says of the peer's bytes and of their end.
    pub fn note_input(&mut self, event: &Event) {
        self.hung_up |= event.is_read_closed() || event.is_error();
        self.readable |= event.is_readable() || self.hung_up;
    }

    /// Reads once into `buffer`; returns how many bytes.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, NoTransfer> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(NoTransfer::Closed),
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(no_transfer(&error)),
            }
        }
    }

    /// Sends once; returns how many bytes.
    #[inline]
    pub fn write(
        &mut self,
        outgoing: &Outgoing<'_>,
        known: &mut CachedParts,
        now: Instant,
    ) -> Result<usize, NoTransfer> {
        loop {
            let result = match outgoing {
                Outgoing::Bytes(bytes) => self.stream.write(bytes),
                Outgoing::Slices { slices, file_follows: true } if !self.stream.is_encrypted() => {
                    self.write_before_file(slices)
                }
                Outgoing::Slices { slices, .. } => self.stream.write_vectored(slices),
                Outgoing::File { part, most } => {
                    let count = self.sendable(part, known, now)?;
                    self.send_file(part, count.min(*most))
                }
            };
            match result {
                Ok(0) => return Err(NoTransfer::Blocked),
                Ok(count) => {
                    self.count_taken(count);
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(no_transfer(&error)),
            }
        }
    }

    /// Sends the head of an answer, which goes in one packet with the beginning of its file.
    fn write_before_file(&self, head: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = MsgFlags::from_bits_retain(libc::MSG_MORE) | MsgFlags::MSG_NOSIGNAL;
        sendmsg::<()>(self.stream.as_raw_fd(), head, &[], flags, None).map_err(io::Error::from)
    }

    /// The number of bytes of a file that can be sent without waiting for a disk.
    fn sendable(
        &mut self,
        part: &FilePart,
        known: &mut CachedParts,
        now: Instant,
    ) -> Result<u64, NoTransfer> {
        let end = (part.offset + part.left).min((part.offset / PART + 1) * PART);
        let wanted = end - part.offset;
        let FileSource::Disk(open) = &part.source else { return Ok(wanted) };
        if mem::take(&mut self.has_read_ahead) {
            known.note(open.id, (part.offset, end), now);
            return Ok(wanted);
        }
        if let Some(known_end) = known.end(open.id, part.offset, now) {
            return Ok(known_end.min(end) - part.offset);
        }
        match page_cache::cached(open, part.offset, wanted) {
            0 => Err(NoTransfer::Uncached(Box::new(Part::new(open, part.offset, wanted)))),
            count => {
                known.note(open.id, (part.offset, part.offset + count), now);
                Ok(count)
            }
        }
    }

    fn send_file(&mut self, part: &FilePart, count: u64) -> io::Result<usize> {
        if self.stream.is_encrypted() {
            return self.encrypt_file(part, count);
        }
        let mut offset = part.offset.cast_signed();
        match sendfile64(&self.stream, part.source.file(), Some(&mut offset), count as usize) {
            Ok(0) => Err(file_became_shorter()),
            sent => sent.map_err(io::Error::from),
        }
    }

    /// Sends as much of a file as goes into a record.
    fn encrypt_file(&mut self, part: &FilePart, count: u64) -> io::Result<usize> {
        // Nothing is read that cannot be sent now.
        self.stream.send_unsent()?;
        let mut record = [0; RECORD];
        let wanted = count.min(RECORD as u64) as usize;
        let Some(wanted) = record.get_mut(..wanted) else { return Ok(0) };
        match part.source.file().read_at(wanted, part.offset)? {
            0 => Err(file_became_shorter()),
            count => self.stream.write(record.get(..count).unwrap_or_default()),
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

    /// Has the rest stay in the queue, where frames that are too late can still be dropped.
    fn limit_unsent(&self, bytes: u32) {
        let Some(tcp) = self.stream.tcp() else { return };
        if let Err(error) = setsockopt(tcp, NotSentLowWater, &bytes) {
            log::debug!("{}: the kernel's buffer for it cannot be limited: {error}", self.id);
        }
    }

    /// Makes the kernel probe a silent peer, and fail the connection when its host has not answered for `limit`.
    pub fn detect_dead_peer(&self, limit: Duration) {
        let Some(tcp) = self.stream.tcp() else { return };
        // The kernel takes 32767 s and 2^31 ms at most.
        let step = u32::try_from(limit.as_secs() / 3).unwrap_or(u32::MAX).clamp(1, 32_767);
        let milliseconds = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX).min(0x7fff_ffff);
        let result = setsockopt(tcp, sockopt::KeepAlive, &true)
            .and_then(|()| setsockopt(tcp, sockopt::TcpKeepIdle, &step))
            .and_then(|()| setsockopt(tcp, sockopt::TcpKeepInterval, &step))
            .and_then(|()| setsockopt(tcp, sockopt::TcpUserTimeout, &milliseconds));
        if let Err(error) = result {
            log::debug!("{}: a vanished host cannot be detected: {error}", self.id);
        }
    }
}

fn file_became_shorter() -> io::Error {
    io::Error::other("the file being sent became shorter")
}

fn no_transfer(error: &io::Error) -> NoTransfer {
    match error.kind() {
        ErrorKind::WouldBlock => NoTransfer::Blocked,
        // Sockets that were reset are not connected. The last is the end of an encrypted connection that the peer has not announced.
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected
        | ErrorKind::UnexpectedEof => NoTransfer::Gone,
        ErrorKind::TimedOut => NoTransfer::Failed("its host does not answer any more".into()),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            NoTransfer::Failed("its host cannot be reached any more".into())
        }
        _ => NoTransfer::Failed(error.to_string()),
    }
}
