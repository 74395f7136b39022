//! Chunks in, messages out.
//!
//! A header is collected in one fixed buffer of 18 bytes, the longest there is; payload goes straight
//! from the input into the message being put together, so a session keeps no input buffer. A message
//! is allocated as its bytes arrive, never by what its header promises.

use crate::media::frame::HEADROOM;
use crate::media::{Frame, Kind, Reader};

use super::extended::{self, ExtendedHabit};
use super::stream::ChunkStream;
use super::{ChunkError, DEFAULT_CHUNK_SIZE, MAX_CHUNK_SIZE};

/// Basic header (3), message header (11) and extended timestamp (4).
const MAX_HEADER: usize = 18;
/// Lengths of the message header by type (5.3.1.2).
const MESSAGE_HEADER: [usize; 4] = [11, 7, 3, 0];
/// The first capacity of a message's buffer, unless the message is shorter.
const FIRST_PIECE: usize = 4096;

/// The limits of a reader's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of one message, bytes.
    pub message: u32,
    /// Chunk streams in use.
    pub streams: usize,
    /// All unfinished messages together, bytes.
    pub held: usize,
}

/// All unfinished messages of a client that does not publish, in bytes: commands have some hundred, and messages of
/// shared objects are no longer than this.
const WITHOUT_MEDIA: u32 = 64 * 1024;
/// Chunk streams of a client that does not publish: it sends commands, on one for each of its message streams at most.
const STREAMS_WITHOUT_MEDIA: usize = 32;

impl Limits {
    /// The same for a client that does not publish.
    fn without_media(self) -> Self {
        let held = self.held.min(HEADROOM + WITHOUT_MEDIA as usize);
        Self { held, streams: self.streams.min(STREAMS_WITHOUT_MEDIA), ..self }
    }
}

/// One whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Message type id (5.4 and 7.1).
    pub type_id: u8,
    /// Message stream id.
    pub msid: u32,
    /// Milliseconds, modulo 2^32.
    pub timestamp: u32,
    /// A frame's headroom, then the payload.
    buffer: Vec<u8>,
}

impl Message {
    /// A message of a payload that is copied.
    pub fn new(type_id: u8, msid: u32, timestamp: u32, payload: &[u8]) -> Self {
        let mut buffer = Vec::with_capacity(HEADROOM + payload.len());
        buffer.resize(HEADROOM, 0);
        buffer.extend_from_slice(payload);
        Self { type_id, msid, timestamp, buffer }
    }

    /// The message's payload.
    pub fn payload(&self) -> &[u8] {
        self.buffer.get(HEADROOM..).unwrap_or_default()
    }

    /// Turns the message into a frame without a copy. `timestamp` is the unwrapped one.
    pub fn into_frame(self, kind: Kind, timestamp: u64) -> Frame {
        Frame::new(kind, timestamp, self.buffer)
    }
}

/// Puts messages together out of a chunk stream; resumes at any byte.
#[derive(Debug)]
pub struct ChunkReader {
    header: [u8; MAX_HEADER],
    /// The bytes of `header` that are filled. Invariant: at most `MAX_HEADER`.
    filled: usize,
    /// The payload of a chunk in progress.
    current: Option<ChunkInProgress>,
    chunk_size: u32,
    limits: Limits,
    /// Length beyond which a message is read past and left out, bytes.
    longest_kept: u32,
    streams: Vec<ChunkStream>,
    /// Sum of the capacities of all `partial` buffers.
    held: usize,
    habit: ExtendedHabit,
    /// The first repetition, until the next header confirms that it was one.
    doubt: Option<Box<Doubt>>,
    /// Bytes that were taken for a header and are none; they are read before any further input.
    returned: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct ChunkInProgress {
    /// Position in `streams`.
    stream: usize,
    /// Bytes of this chunk still to come.
    missing: usize,
}

/// A chunk whose first four bytes were read past as a repeated extended timestamp.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    /// Position in `streams`.
    stream: usize,
    /// The offset of the chunk's payload in the message.
    start: usize,
    bytes: [u8; 4],
}

impl ChunkReader {
    /// A reader at the start of a chunk stream.
    pub fn new(limits: Limits) -> Self {
        Self {
            header: [0; MAX_HEADER],
            filled: 0,
            current: None,
            chunk_size: DEFAULT_CHUNK_SIZE,
            limits,
            longest_kept: u32::MAX,
            streams: Vec::new(),
            held: 0,
            habit: ExtendedHabit::Unknown,
            doubt: None,
            returned: Vec::new(),
        }
    }

    /// Takes bytes of `input` up to the end of the next message and returns it; `None` when `input`
    /// has run out. A message that changes the chunk size must be acted on before the next call.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Message>, ChunkError> {
        loop {
            let message = if self.returned.is_empty() {
                self.proceed(input)?
            } else {
                let returned = std::mem::take(&mut self.returned);
                let mut bytes = returned.as_slice();
                let message = self.proceed(&mut bytes)?;
                self.returned.extend_from_slice(bytes);
                message
            };
            if message.is_some() || (self.returned.is_empty() && input.is_empty()) {
                return Ok(message);
            }
        }
    }

    /// Goes on until a message is whole, `input` has run out, or bytes have been returned.
    fn proceed(&mut self, input: &mut &[u8]) -> Result<Option<Message>, ChunkError> {
        while self.returned.is_empty() {
            if let Some(current) = self.current {
                let message = self.take_payload(current, input)?;
                if message.is_some() || input.is_empty() {
                    return Ok(message);
                }
                continue;
            }
            let wanted = self.header_length();
            if self.filled >= wanted {
                self.begin_chunk()?;
                continue;
            }
            let (head, rest) = input.split_at(input.len().min(wanted - self.filled));
            if head.is_empty() {
                return Ok(None);
            }
            self.header[self.filled..self.filled + head.len()].copy_from_slice(head);
            self.filled += head.len();
            *input = rest;
        }
        Ok(None)
    }

    /// Acts on Set Chunk Size (5.4.1).
    pub fn set_chunk_size(&mut self, size: u32) -> Result<(), ChunkError> {
        if size == 0 || size > i32::MAX.cast_unsigned() {
            return Err(ChunkError::BadChunkSize(size));
        }
        self.chunk_size = size.min(MAX_CHUNK_SIZE);
        Ok(())
    }

    /// Bytes of unfinished messages.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Frees all that is kept of the input, which cannot be read on after that.
    pub fn release(&mut self) {
        (self.streams, self.returned) = (Vec::new(), Vec::new());
        (self.held, self.filled, self.current, self.doubt) = (0, 0, None, None);
    }

    /// Acts on Abort (5.4.2): forgets the unfinished message of a chunk stream.
    pub fn abort(&mut self, csid: u32) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.csid == csid) {
            self.held -= stream.partial.capacity();
            stream.partial = Vec::new();
            stream.end_skipping();
        }
    }

    /// Replaces the limits: the client publishes, and may send what they allow.
    pub fn set_limits(&mut self, limits: Limits) {
        (self.limits, self.longest_kept) = (limits, u32::MAX);
    }

    /// Replaces the limits by 64 KiB for all messages of a client that does not publish: media that it sends, or has
    /// begun to send, is read past.
    pub fn set_limits_without_media(&mut self, limits: Limits) {
        (self.limits, self.longest_kept) = (limits.without_media(), WITHOUT_MEDIA);
        for stream in &mut self.streams {
            let is_over = stream.length > WITHOUT_MEDIA || self.held > self.limits.held;
            if is_over && !stream.partial.is_empty() {
                self.held -= stream.partial.capacity();
                stream.skip_rest();
            }
        }
    }

    /// True if long messages are kept.
    pub fn takes_media(&self) -> bool {
        self.longest_kept > WITHOUT_MEDIA
    }

    /// Sets the habit of the peer's extended timestamps, which is learnt otherwise.
    pub fn set_extended_habit(&mut self, habit: ExtendedHabit) {
        self.habit = habit;
    }

    fn basic_length(&self) -> usize {
        match self.header[0] & 0x3f {
            0 => 2,
            1 => 3,
            _ => 1,
        }
    }

    fn csid(&self) -> u32 {
        match self.header[0] & 0x3f {
            0 => 64 + u32::from(self.header[1]),
            1 => 64 + u32::from(self.header[1]) + 256 * u32::from(self.header[2]),
            small => u32::from(small),
        }
    }

    fn format(&self) -> usize {
        usize::from(self.header[0] >> 6)
    }

    /// The length of the header in the buffer, as far as can be told yet, bytes.
    fn header_length(&self) -> usize {
        if self.filled == 0 {
            return 1;
        }
        let basic = self.basic_length();
        if self.filled < basic {
            return basic;
        }
        let plain = basic + MESSAGE_HEADER[self.format()];
        if self.filled < plain {
            return plain;
        }
        match self.format() {
            3 if self.repeats_extended(plain) => plain + 4,
            3 => self.filled,
            _ if self.header[basic..basic + 3] == [0xff; 3] => plain + 4,
            _ => plain,
        }
    }

    /// True if the bytes in the buffer behind a type 3 header can still become an extended timestamp.
    fn repeats_extended(&self, plain: usize) -> bool {
        let csid = self.csid();
        let stream = self.streams.iter().find(|stream| stream.csid == csid);
        let Some((stream, number)) = stream.and_then(|stream| Some((stream, stream.extended?))) else {
            return false;
        };
        let bytes = self.header.get(plain..self.filled).unwrap_or_default();
        self.habit != ExtendedHabit::Omits && extended::repeats(bytes, number, stream.timestamp)
    }

    /// Acts on the whole header in the buffer. One that cannot be, right after a repetition that is in
    /// doubt, says that it was none.
    fn begin_chunk(&mut self) -> Result<(), ChunkError> {
        let doubt = self.doubt.take();
        let filled = std::mem::take(&mut self.filled);
        self.accept_header(filled).or_else(|error| {
            if doubt.is_some_and(|doubt| self.take_back(&doubt, filled)) { Ok(()) } else { Err(error) }
        })
    }

    /// Changes nothing if the header is an error.
    fn accept_header(&mut self, filled: usize) -> Result<(), ChunkError> {
        let (csid, format) = (self.csid(), self.format());
        let plain = self.basic_length() + MESSAGE_HEADER[format];
        let mut fields = Reader::new(&self.header[self.basic_length()..plain]);
        let field = fields.u24().unwrap_or_default();
        let shape = fields.u24().and_then(|length| Ok((length, fields.u8()?))).ok();
        let msid = fields.array().map(u32::from_le_bytes).ok();
        let tail: Option<[u8; 4]> = self.header[plain..filled].try_into().ok();
        let tail = tail.map(u32::from_be_bytes);

        let index = self.stream_of((csid, format), shape, msid)?;
        let Some(stream) = self.streams.get_mut(index) else { return Ok(()) };
        (stream.length, stream.type_id) = shape.unwrap_or((stream.length, stream.type_id));
        stream.msid = msid.unwrap_or(stream.msid);
        match (format, stream.is_within()) {
            (3, _) => self.settle_extended(index, plain, filled),
            (_, false) => stream.take_time(format, field, tail),
            // The same header again, as some encoders send it within a message and FFmpeg allows.
            (_, true) => {}
        }
        let Some(stream) = self.streams.get(index) else { return Ok(()) };
        let missing = stream.missing().min(self.chunk_size as usize);
        self.current = Some(ChunkInProgress { stream: index, missing });
        Ok(())
    }

    /// Finds the chunk stream of a header, or makes it, if the header may come now. Nothing tells the length of a
    /// message whose chunk stream begins with type 2 or 3: it may be that of the message before it on another one, or
    /// 0, as nginx-rtmp takes it; after a wrong guess, what follows would be read from its middle on.
    fn stream_of(
        &mut self,
        (csid, format): (u32, usize),
        shape: Option<(u32, u8)>,
        msid: Option<u32>,
    ) -> Result<usize, ChunkError> {
        let found = self.streams.iter().position(|stream| stream.csid == csid);
        let stream = found.and_then(|index| self.streams.get(index));
        if let Some(stream) = stream.filter(|stream| stream.is_within()) {
            let is_same = shape.is_none_or(|shape| shape == (stream.length, stream.type_id))
                && msid.is_none_or(|msid| msid == stream.msid);
            if !is_same {
                return Err(ChunkError::Interrupted(csid));
            }
        }
        let length = shape.map(|(length, _)| length).or(stream.map(|stream| stream.length));
        // librtmp begins chunk stream 2 with a type 1 header; it says all but the message stream.
        let length = length.ok_or(ChunkError::NoHeader { csid, format: format as u8 })?;
        if stream.is_none() && self.streams.len() >= self.limits.streams {
            return Err(ChunkError::TooManyStreams(self.limits.streams));
        }
        if length > self.limits.message {
            return Err(ChunkError::TooLong { length, limit: self.limits.message });
        }
        Ok(found.unwrap_or_else(|| self.add_stream(csid)))
    }

    /// Adds a chunk stream. There is room for three at first: players use as many.
    #[cold]
    fn add_stream(&mut self, csid: u32) -> usize {
        if self.streams.capacity() == 0 {
            self.streams.reserve_exact(3);
        }
        self.streams.push(ChunkStream::new(csid));
        self.streams.len() - 1
    }

    /// Decides what the bytes after a type 3 header are: the extended timestamp again, or the beginning
    /// of what follows, which is given back. Learns from chunks within a message only: librtmp
    /// repeats there and not where a message begins.
    fn settle_extended(&mut self, index: usize, plain: usize, filled: usize) {
        let bytes = &self.header[plain..filled];
        let Some(stream) = self.streams.get_mut(index) else { return };
        let repeated = stream.extended.and_then(|number| {
            let bytes: [u8; 4] = bytes.try_into().ok()?;
            extended::repeats(&bytes, number, stream.timestamp).then_some(bytes)
        });
        if repeated.is_none() {
            self.returned.extend_from_slice(bytes);
        }
        if !stream.is_within() {
            return stream.repeat_time(repeated.map(u32::from_be_bytes));
        }
        if stream.extended.is_some() && self.habit == ExtendedHabit::Unknown {
            let start = stream.partial.len();
            self.doubt = repeated.map(|bytes| Box::new(Doubt { stream: index, start, bytes }));
            self.habit = if repeated.is_some() { ExtendedHabit::Repeats } else { ExtendedHabit::Omits };
        }
    }

    /// Reads a chunk again as one that repeats nothing: its payload is the four bytes that were read
    /// past and all but its last four, with which the next header begins. False if it is too late.
    fn take_back(&mut self, doubt: &Doubt, filled: usize) -> bool {
        let Some(stream) = self.streams.get_mut(doubt.stream) else { return false };
        let Some(end) = stream.partial.len().checked_sub(4).filter(|end| *end >= doubt.start) else {
            return false;
        };
        self.returned.extend(stream.partial.drain(end..));
        self.returned.extend_from_slice(&self.header[..filled]);
        stream.partial.splice(doubt.start..doubt.start, doubt.bytes);
        self.habit = ExtendedHabit::Omits;
        true
    }

    /// Moves payload from `input`; returns the message if that completes it.
    fn take_payload(
        &mut self,
        current: ChunkInProgress,
        input: &mut &[u8],
    ) -> Result<Option<Message>, ChunkError> {
        let (head, rest) = input.split_at(input.len().min(current.missing));
        *input = rest;
        let missing = self.append(current, head)?;
        if missing > 0 {
            return Ok(None);
        }
        self.current = None;
        let Some(stream) = self.streams.get_mut(current.stream) else { return Ok(None) };
        if stream.missing() > 0 || stream.end_skipping() {
            return Ok(None);
        }
        self.held -= stream.partial.capacity();
        let mut buffer = std::mem::take(&mut stream.partial);
        if buffer.is_empty() {
            buffer.resize(HEADROOM, 0);
        }
        Ok(Some(Message { type_id: stream.type_id, msid: stream.msid, timestamp: stream.timestamp, buffer }))
    }

    /// Appends payload to the message in progress and returns what its chunk still lacks.
    fn append(&mut self, current: ChunkInProgress, bytes: &[u8]) -> Result<usize, ChunkError> {
        let missing = current.missing.saturating_sub(bytes.len());
        self.current = Some(ChunkInProgress { missing, ..current });
        let Some(stream) = self.streams.get_mut(current.stream) else { return Ok(0) };
        if bytes.is_empty() {
            return Ok(missing);
        }
        if stream.is_skipping() || stream.length > self.longest_kept {
            stream.skip(bytes.len());
            return Ok(missing);
        }
        let partial = &mut stream.partial;
        let needed = partial.len().max(HEADROOM) + bytes.len();
        if needed > partial.capacity() {
            // Doubling, but never past the message's own end.
            let whole = (HEADROOM + stream.length as usize).max(needed);
            let target = needed.max(partial.capacity() * 2).max(FIRST_PIECE).min(whole);
            let before = partial.capacity();
            if self.held + (target - before) > self.limits.held {
                return Err(ChunkError::TooMuchHeld(self.limits.held));
            }
            partial.reserve_exact(target - partial.len());
            self.held += partial.capacity() - before;
        }
        if partial.is_empty() {
            partial.resize(HEADROOM, 0);
        }
        partial.extend_from_slice(bytes);
        Ok(missing)
    }
}

#[cfg(test)]
mod dialects;
#[cfg(test)]
mod tests;
