//! Pieces: messages of a file as one player gets them over RTMP, cut into chunks by whoever reads the file. A piece has
//! owned bytes only, so that a thread may make it.

use crate::media::Kind;
use crate::rtmp::chunk::{Chunking, write_parts};

/// How messages are written for one player: its chunks and its message stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceForm {
    pub(in crate::engine) chunking: Chunking,
    pub(in crate::engine) msid: u32,
}

/// Messages of a file, one behind the other.
#[derive(Debug)]
pub struct Piece {
    form: PieceForm,
    /// The room that is made for the first message, bytes: more than one allocation would cost as much as reading.
    room: usize,
    bytes: Vec<u8>,
    messages: u64,
    media: u64,
    /// The time of the last message of sound or picture, milliseconds.
    last: Option<u64>,
}

impl Piece {
    /// An empty piece that will have so many bytes, or somewhat more.
    pub fn new(form: PieceForm, room: usize) -> Self {
        Self { form, room, bytes: Vec::new(), messages: 0, media: 0, last: None }
    }

    /// Appends a message, whose payload is given in two parts. `timestamp` is in milliseconds.
    pub fn push(&mut self, kind: Kind, timestamp: u64, payload: [&[u8]; 2]) {
        if self.bytes.is_empty() {
            self.bytes.reserve(self.room);
        }
        self.messages += 1;
        self.media += payload.iter().map(|part| part.len() as u64).sum::<u64>();
        if !kind.is_data() {
            self.last = Some(timestamp);
        }
        let PieceForm { chunking, msid } = self.form;
        write_parts(&mut self.bytes, chunking, (kind, msid, timestamp), payload);
    }

    /// Bytes so far, as they are sent.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no message in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The number of messages.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Bytes of media, without the chunks around them.
    pub fn media(&self) -> u64 {
        self.media
    }

    /// The time of the last message of sound or picture, milliseconds.
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    pub(in crate::engine) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
