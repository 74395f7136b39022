//! Chunks in, messages out.
//!
//! A header is collected in one fixed buffer of 18 bytes, the longest there is; payload goes straight
//! from the input into the message being put together, so a session keeps no input buffer. A message
//! is allocated as its bytes arrive, never by what its header promises.

use crate::media::Reader;
use crate::media::frame::{Frame, HEADROOM, Kind};

use super::{ChunkError, DEFAULT_CHUNK_SIZE, EXTENDED, MAX_CHUNK_SIZE};

/// Basic header (3), message header (11) and extended timestamp (4).
const MAX_HEADER: usize = 18;
/// Lengths of the message header by type (5.3.1.2).
const MESSAGE_HEADER: [usize; 4] = [11, 7, 3, 0];
/// What a message's buffer starts with, unless it is shorter.
const FIRST_PIECE: usize = 4096;

/// What a peer may make a reader hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of one message, bytes.
    pub message: u32,
    /// Chunk streams in use.
    pub streams: usize,
    /// All unfinished messages together, bytes.
    pub held: usize,
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
    /// How much of `header` is filled. Invariant: at most `MAX_HEADER`.
    filled: usize,
    /// The payload of a chunk in progress.
    current: Option<Current>,
    chunk_size: u32,
    limits: Limits,
    streams: Vec<ChunkStream>,
    /// Sum of the capacities of all `partial` buffers.
    held: usize,
    /// Whether the peer repeats extended timestamps in type 3 chunks, once that is known. The
    /// specification says yes (5.3.1.3); encoders of both habits exist.
    repeats_extended: Option<bool>,
}

#[derive(Debug, Clone, Copy)]
struct Current {
    /// Position in `streams`.
    stream: usize,
    /// Bytes of this chunk still to come.
    missing: usize,
}

#[derive(Debug)]
struct ChunkStream {
    csid: u32,
    timestamp: u32,
    /// The last timestamp field, which a type 3 chunk that begins a message adds.
    delta: u32,
    /// The last extended timestamp, if the last header had one.
    extended: Option<u32>,
    length: u32,
    type_id: u8,
    msid: u32,
    /// Headroom and payload so far; empty between messages.
    partial: Vec<u8>,
}

impl ChunkStream {
    fn missing(&self) -> usize {
        (self.length as usize + HEADROOM).saturating_sub(self.partial.len().max(HEADROOM))
    }
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
            streams: Vec::new(),
            held: 0,
            repeats_extended: None,
        }
    }

    /// Takes bytes of `input` up to the end of the next message and returns it; `None` when `input`
    /// has run out. A message that changes the chunk size must be acted on before the next call.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Message>, ChunkError> {
        loop {
            if let Some(current) = self.current {
                let Some(message) = self.take_payload(current, input)? else {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    continue;
                };
                return Ok(Some(message));
            }
            let wanted = self.header_length();
            if self.filled < wanted {
                let taken = input.len().min(wanted - self.filled);
                if taken == 0 {
                    return Ok(None);
                }
                let (head, rest) = input.split_at(taken);
                self.header[self.filled..self.filled + taken].copy_from_slice(head);
                self.filled += taken;
                *input = rest;
                continue;
            }
            self.begin_chunk()?;
        }
    }

    /// Acts on Set Chunk Size (5.4.1).
    pub fn set_chunk_size(&mut self, size: u32) -> Result<(), ChunkError> {
        if size == 0 || size > i32::MAX.cast_unsigned() {
            return Err(ChunkError::BadChunkSize(size));
        }
        self.chunk_size = size.min(MAX_CHUNK_SIZE);
        Ok(())
    }

    /// Acts on Abort (5.4.2): forgets the unfinished message of a chunk stream.
    pub fn abort(&mut self, csid: u32) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.csid == csid) {
            self.held -= stream.partial.capacity();
            stream.partial = Vec::new();
        }
    }

    /// Replaces the limits, for instance once `connect` is accepted.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
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

    /// How many bytes the header in the buffer has, as far as can be told yet.
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
        let extended = match self.format() {
            3 => self.expects_extended(),
            _ => self.header[basic..basic + 3] == [0xff; 3],
        };
        if extended { plain + 4 } else { plain }
    }

    /// Whether to read four bytes after a type 3 header before deciding what they are.
    fn expects_extended(&self) -> bool {
        let csid = self.csid();
        let Some(stream) = self.streams.iter().find(|stream| stream.csid == csid) else { return false };
        stream.extended.is_some() && self.repeats_extended != Some(false)
    }

    /// Acts on the whole header in the buffer.
    fn begin_chunk(&mut self) -> Result<(), ChunkError> {
        let index = self.stream_of_header()?;
        let format = self.format();
        let basic = self.basic_length();
        let plain = basic + MESSAGE_HEADER[format];
        let mut fields = Reader::new(&self.header[basic..plain]);
        let tail: Option<[u8; 4]> = self.header[plain..self.filled].try_into().ok();
        let tail = tail.map(u32::from_be_bytes);
        self.filled = 0;

        let Some(stream) = self.streams.get_mut(index) else { return Ok(()) };
        let fresh = stream.partial.is_empty();
        if !fresh && format < 3 {
            // Some encoders repeat a header within a message, as FFmpeg allows; it must be the same.
            let length = fields.u24().and_then(|_| fields.u24()).unwrap_or(stream.length);
            if length != stream.length {
                return Err(ChunkError::Interrupted(stream.csid));
            }
            return self.begin_payload(index, None);
        }
        if let Ok(field) = fields.u24() {
            stream.extended = tail.filter(|_| field == EXTENDED);
            stream.delta = stream.extended.unwrap_or(field);
        }
        if let (Ok(length), Ok(type_id)) = (fields.u24(), fields.u8()) {
            stream.length = length;
            stream.type_id = type_id;
        }
        if let Ok(msid) = fields.array() {
            stream.msid = u32::from_le_bytes(msid);
        }
        if stream.length > self.limits.message {
            return Err(ChunkError::TooLong { length: stream.length, limit: self.limits.message });
        }
        let mut stolen = None;
        if format == 3 {
            stolen = self.settle_extended(index, tail);
        }
        if fresh && let Some(stream) = self.streams.get_mut(index) {
            let base = if format == 0 { 0 } else { stream.timestamp };
            stream.timestamp = base.wrapping_add(stream.delta);
        }
        self.begin_payload(index, stolen)
    }

    /// Finds the chunk stream of the header in the buffer, or makes it.
    fn stream_of_header(&mut self) -> Result<usize, ChunkError> {
        let csid = self.csid();
        if let Some(index) = self.streams.iter().position(|stream| stream.csid == csid) {
            return Ok(index);
        }
        // librtmp begins chunk stream 2 with a type 1 header; it says all but the message stream.
        if self.format() > 1 {
            return Err(ChunkError::NoHeader(csid));
        }
        if self.streams.len() >= self.limits.streams {
            return Err(ChunkError::TooManyStreams(self.limits.streams));
        }
        self.streams.push(ChunkStream {
            csid,
            timestamp: 0,
            delta: 0,
            extended: None,
            length: 0,
            type_id: 0,
            msid: 0,
            partial: Vec::new(),
        });
        Ok(self.streams.len() - 1)
    }

    /// Decides what the four bytes after a type 3 header are: the extended timestamp again, or the
    /// beginning of the payload, which is returned.
    fn settle_extended(&mut self, index: usize, tail: Option<u32>) -> Option<[u8; 4]> {
        let (tail, stream) = (tail?, self.streams.get(index)?);
        if self.repeats_extended.is_none() {
            // A chunk of less than four bytes cannot tell; the specification's habit is assumed.
            if stream.missing().min(self.chunk_size as usize) < 4 {
                return None;
            }
            self.repeats_extended = Some(Some(tail) == stream.extended);
        }
        if self.repeats_extended == Some(true) { None } else { Some(tail.to_be_bytes()) }
    }

    fn begin_payload(&mut self, index: usize, stolen: Option<[u8; 4]>) -> Result<(), ChunkError> {
        let Some(stream) = self.streams.get(index) else { return Ok(()) };
        let missing = stream.missing().min(self.chunk_size as usize);
        self.current = Some(Current { stream: index, missing });
        if let Some(bytes) = stolen {
            self.append(Current { stream: index, missing }, &bytes)?;
        }
        Ok(())
    }

    /// Moves payload from `input`; returns the message if that completes it.
    fn take_payload(&mut self, current: Current, input: &mut &[u8]) -> Result<Option<Message>, ChunkError> {
        let (head, rest) = input.split_at(input.len().min(current.missing));
        *input = rest;
        let missing = self.append(current, head)?;
        if missing > 0 {
            return Ok(None);
        }
        self.current = None;
        let Some(stream) = self.streams.get_mut(current.stream) else { return Ok(None) };
        if stream.missing() > 0 {
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
    fn append(&mut self, current: Current, bytes: &[u8]) -> Result<usize, ChunkError> {
        let missing = current.missing.saturating_sub(bytes.len());
        self.current = Some(Current { missing, ..current });
        let Some(stream) = self.streams.get_mut(current.stream) else { return Ok(0) };
        if bytes.is_empty() {
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
mod tests;
