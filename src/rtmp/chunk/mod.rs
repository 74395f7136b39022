//! The chunk stream (specification 5.3): messages cut into chunks and put together again.

mod extended;
mod reader;
mod stream;
mod writer;

pub use extended::ExtendedHabit;
pub use reader::{ChunkReader, Limits, Message};
pub use writer::{
    Chunking, Extended, MEDIA_STREAM, Mux, header_at, header_on, image, stamp, write_message, write_parts,
};

use std::error::Error;
use std::fmt;

/// The chunk size both sides begin with (5.4.1).
pub const DEFAULT_CHUNK_SIZE: u32 = 128;

/// The largest chunk size worth honouring: no message is longer (its length has 24 bits).
pub const MAX_CHUNK_SIZE: u32 = 0xff_ffff;

/// The timestamp field's value that says the timestamp follows in four bytes (5.3.1.3).
const EXTENDED: u32 = 0xff_ffff;

/// An error in a chunk stream, always the peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkError {
    /// The first header of a chunk stream depends on an earlier one.
    NoHeader {
        /// The chunk stream id.
        csid: u32,
        /// The header's type, 2 or 3.
        format: u8,
    },
    /// A new message's header came before the message in progress was whole.
    Interrupted(u32),
    /// The message is longer than allowed.
    TooLong {
        /// Its length in bytes.
        length: u32,
        /// The limit in bytes.
        limit: u32,
    },
    /// More chunk streams than allowed.
    TooManyStreams(usize),
    /// The unfinished messages of all chunk streams together hold more than allowed.
    TooMuchHeld(usize),
    /// A chunk size of zero, or with its top bit set.
    BadChunkSize(u32),
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHeader { csid, format } => write!(
                f,
                "chunk stream {csid} begins with a header of type {format}, which leaves out how long the message is"
            ),
            Self::Interrupted(csid) => write!(f, "chunk stream {csid} begins a message within another"),
            Self::TooLong { length, limit } => {
                write!(f, "message of {length} bytes is longer than the {limit} allowed here")
            }
            Self::TooManyStreams(limit) => write!(f, "more than {limit} chunk streams"),
            Self::TooMuchHeld(limit) => write!(f, "unfinished messages hold more than {limit} bytes"),
            Self::BadChunkSize(size) => write!(f, "chunk size {size} is not from 1 to 2147483647"),
        }
    }
}

impl Error for ChunkError {}
