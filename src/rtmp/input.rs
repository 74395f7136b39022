//! What a session of either side reads: messages out of chunks and aggregates, their times, and the bytes that are to be
//! acknowledged.

use std::mem;

use crate::media::time;

use super::RtmpError;
use super::aggregate::{Aggregate, MAX_PARTS};
use super::chunk::{ChunkReader, Limits, Message};
use super::control::write_control;
use super::message::MessageType;

/// The smallest window honoured: an acknowledgement for every few bytes would be an amplifier.
pub const SMALLEST_WINDOW: u32 = 4096;

/// Messages that say nothing to the engine, such as acknowledgements, before it hears that it may go on with others
/// first. The smallest has one byte.
pub const MAX_WITHOUT_EVENT: usize = 64;

/// The input of a session.
#[derive(Debug)]
pub struct Input {
    pub reader: ChunkReader,
    /// An aggregate message whose parts are to come.
    aggregate: Option<Box<Aggregate>>,
    /// An aggregate has been left out, which is logged once.
    has_left_out: bool,
    /// The last timestamp of audio or video, unwrapped.
    pub clock: Option<u64>,
    pub received: u64,
    pub acknowledged: u64,
    /// The bytes that the peer lets pass without an acknowledgement, if it has said so.
    pub window: Option<u32>,
}

impl Input {
    pub fn new(limits: Limits) -> Self {
        Self {
            reader: ChunkReader::new(limits),
            aggregate: None,
            has_left_out: false,
            clock: None,
            received: 0,
            acknowledged: 0,
            window: None,
        }
    }

    /// The next message: a part of an aggregate, or what comes in chunks.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Message>, RtmpError> {
        if let Some(aggregate) = &mut self.aggregate {
            if let Some(message) = aggregate.next() {
                return Ok(Some(message));
            }
            self.aggregate = None;
        }
        Ok(self.reader.next(input)?)
    }

    /// Takes an aggregate whose parts are to come. The first that has too many is reported. One within another
    /// is none.
    pub fn begin_aggregate(&mut self, message: Message) -> Option<String> {
        if self.aggregate.is_some() {
            return None;
        }
        self.aggregate = Aggregate::new(message).map(Box::new);
        let is_news = self.aggregate.is_none() && !mem::replace(&mut self.has_left_out, true);
        is_news.then(|| format!("an aggregate of more than {MAX_PARTS} messages"))
    }

    /// Acts on Window Acknowledgement Size (5.4.4).
    pub fn set_window(&mut self, size: u32) {
        self.window = Some(size.max(SMALLEST_WINDOW));
    }

    /// True if half of the peer's window has come since the last acknowledgement; this one, if it has told none. Half, for
    /// some peers stop short of a whole one.
    pub fn owes_acknowledgement(&self, assumed: u32) -> bool {
        let window = self.window.unwrap_or(assumed).max(SMALLEST_WINDOW);
        self.received - self.acknowledged >= u64::from(window / 2)
    }

    /// Acknowledges what has been received (5.4.3), modulo 2^32.
    pub fn acknowledge(&mut self, out: &mut Vec<u8>) {
        self.acknowledged = self.received;
        let sequence = (self.received & u64::from(u32::MAX)) as u32;
        write_control(out, MessageType::Acknowledgement, &sequence.to_be_bytes());
    }

    /// Bytes that are held: unfinished messages, and an aggregate of which parts are to come.
    pub fn held(&self) -> usize {
        self.reader.held() + self.aggregate.as_ref().map_or(0, |aggregate| aggregate.held())
    }

    /// Frees what is held. Nothing can be read after that.
    pub fn release(&mut self) {
        self.reader.release();
        self.aggregate = None;
    }

    /// Unwraps a timestamp: it is the one nearest to the last. The first is put one turn up, so that a
    /// small step back below zero stays small.
    pub fn unwrap(&self, timestamp: u32) -> u64 {
        let first = u64::from(timestamp) + (1 << 32);
        self.clock.and_then(|last| time::nearest(last, timestamp)).unwrap_or(first)
    }

    /// The same for audio and video, whose times move the clock.
    pub fn advance(&mut self, timestamp: u32) -> u64 {
        let timestamp = self.unwrap(timestamp);
        self.clock = Some(timestamp);
        timestamp
    }
}
