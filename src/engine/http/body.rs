//! The body of an HTTP reply: bytes, or a part of a file on the disk or in memory.
//!
//! A body is only described here; the outgoing queue sends it, files by sendfile.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::files::open_file::OpenFile;
use crate::engine::memory::Extent;

/// The body of an HTTP reply.
#[derive(Debug)]
pub enum Body {
    /// No body.
    Empty,
    /// One without an end, of which a client gets only the head that it has asked for. See [`HttpPlay`](crate::engine::HttpPlay) for the others.
    Live,
    /// Bytes.
    Bytes(Rc<[u8]>),
    /// A part of a file in memory.
    Memory {
        /// The file.
        extent: Arc<Extent>,
        /// The offset of the part, bytes.
        offset: u64,
        /// The length of the part, bytes.
        length: u64,
        /// The longest time for sending it.
        within: Duration,
    },
    /// A part of an open, regular file.
    File {
        /// The file.
        file: Arc<OpenFile>,
        /// The offset of the part, bytes.
        offset: u64,
        /// The length of the part, bytes.
        length: u64,
    },
}

impl Body {
    /// At most `length` bytes of it from offset `first` on.
    #[must_use]
    pub fn part(self, first: u64, length: u64) -> Self {
        let first = first.min(self.len());
        let length = length.min(self.len() - first);
        match self {
            Self::Empty => Self::Empty,
            Self::Live => Self::Live,
            Self::Bytes(bytes) => {
                let range = first as usize..(first + length) as usize;
                Self::Bytes(bytes.get(range).unwrap_or_default().into())
            }
            Self::Memory { extent, offset, within, .. } => {
                Self::Memory { extent, offset: offset + first, length, within }
            }
            Self::File { file, offset, .. } => Self::File { file, offset: offset + first, length },
        }
    }

    /// The longest time for sending it, for a file in memory, whose memory others may need.
    pub fn within(&self) -> Option<Duration> {
        if let Self::Memory { within, .. } = self { Some(*within) } else { None }
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Empty | Self::Live => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Memory { length, .. } | Self::File { length, .. } => *length,
        }
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
