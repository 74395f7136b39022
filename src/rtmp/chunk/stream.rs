//! The state of one chunk stream: the fields of its last header, and the message that is being assembled.

use crate::media::frame::HEADROOM;

use super::EXTENDED;
use super::extended;

/// The state of one chunk stream.
#[derive(Debug)]
pub struct ChunkStream {
    /// Its id.
    pub csid: u32,
    /// The time of the message in progress, or else of the last.
    pub timestamp: u32,
    /// The timestamp delta of a type 3 header that begins a message: the last delta, or the time of a type 0 header.
    delta: u32,
    /// The last extended timestamp, if the last header had one.
    pub extended: Option<u32>,
    /// Length of that message's payload, bytes.
    pub length: u32,
    /// Its message type id.
    pub type_id: u8,
    /// Its message stream id.
    pub msid: u32,
    /// Headroom and payload so far; empty between messages.
    pub partial: Vec<u8>,
    /// Payload that has been read past, of a message that is left out; bytes.
    skipped: usize,
}

impl ChunkStream {
    /// A chunk stream before its first header.
    pub fn new(csid: u32) -> Self {
        Self {
            csid,
            timestamp: 0,
            delta: 0,
            extended: None,
            length: 0,
            type_id: 0,
            msid: 0,
            partial: Vec::new(),
            skipped: 0,
        }
    }

    /// True if a message is in progress.
    pub fn is_within(&self) -> bool {
        !self.partial.is_empty() || self.skipped > 0
    }

    /// True if the message in progress is left out.
    pub fn is_skipping(&self) -> bool {
        self.skipped > 0
    }

    /// Reads past payload of the message in progress.
    pub fn skip(&mut self, bytes: usize) {
        self.skipped += bytes;
    }

    /// Leaves out the message in progress: its payload so far is freed, and the rest is read past.
    pub fn skip_rest(&mut self) {
        self.skipped += self.partial.len().saturating_sub(HEADROOM);
        self.partial = Vec::new();
    }

    /// Ends a message that was left out; false if it was none.
    pub fn end_skipping(&mut self) -> bool {
        std::mem::take(&mut self.skipped) > 0
    }

    /// Takes over the timestamp of a type 0, 1 or 2 header.
    pub fn take_time(&mut self, format: usize, field: u32, tail: Option<u32>) {
        self.extended = tail.filter(|_| field == EXTENDED);
        let last = self.timestamp;
        self.timestamp = match self.extended {
            _ if format == 0 => self.extended.unwrap_or(field),
            None => last.wrapping_add(field),
            Some(number) => extended::advance(last, number),
        };
        self.delta = if format == 0 { self.timestamp } else { self.timestamp.wrapping_sub(last) };
    }

    /// Moves on to the message that a type 3 header begins, with an extended timestamp or without.
    pub fn repeat_time(&mut self, number: Option<u32>) {
        let last = self.timestamp;
        self.timestamp = match number {
            Some(number) => extended::advance(last, number),
            // The last number was a step of hours, or the time in a type 0 header. By leaving it out
            // librtmp means that the time is the same.
            None if self.extended.is_some() && self.delta >= EXTENDED => last,
            None => last.wrapping_add(self.delta),
        };
        if number.is_some() {
            self.extended = number;
            self.delta = self.timestamp.wrapping_sub(last);
        }
    }

    /// Payload still to come, bytes.
    pub fn missing(&self) -> usize {
        let come = self.skipped + self.partial.len().saturating_sub(HEADROOM);
        (self.length as usize).saturating_sub(come)
    }
}
