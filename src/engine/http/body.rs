//! The body of an HTTP reply: bytes, or a piece of a file.

use std::fs::File;
use std::rc::Rc;
use std::time::Duration;

use crate::engine::memory::Extent;

/// The body of an HTTP reply.
#[derive(Debug)]
pub enum Body {
    /// Nothing follows the head.
    Empty,
    /// Bytes.
    Bytes(Rc<[u8]>),
    /// A piece of a file in memory.
    Memory {
        /// The file.
        extent: Rc<Extent>,
        /// Where the piece begins, bytes.
        offset: u64,
        /// How long it is, bytes.
        length: u64,
        /// How long sending it may take.
        within: Duration,
    },
    /// A piece of an open, regular file.
    File {
        /// The file.
        file: File,
        /// Where the piece begins, bytes.
        offset: u64,
        /// How long it is, bytes.
        length: u64,
    },
}

impl Body {
    /// The `length` bytes of it from `first` on, as far as there are so many.
    #[must_use]
    pub fn part(self, first: u64, length: u64) -> Self {
        let first = first.min(self.len());
        let length = length.min(self.len() - first);
        match self {
            Self::Empty => Self::Empty,
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

    /// How long sending it may take, if it holds what somebody may want back.
    pub fn within(&self) -> Option<Duration> {
        if let Self::Memory { within, .. } = self { Some(*within) } else { None }
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Memory { length, .. } | Self::File { length, .. } => *length,
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
