//! Where the bytes of a file come from, and why a file cannot be read.

use std::fmt;
use std::io;

/// Where the bytes of a file come from.
pub trait Source {
    /// Bytes at an offset; fewer than the buffer takes only at the end of what there is. `WouldBlock` if they have to be
    /// waited for: a demuxer is then as before the call that needed them, which may be repeated.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// The length now, bytes. It may grow.
    fn length(&mut self) -> io::Result<u64>;

    /// Whether the file is still on its way here, so that nothing is looked for at its end that can be done without.
    fn is_coming(&self) -> bool {
        false
    }
}

/// Why a file cannot be read.
#[derive(Debug)]
pub enum FileError {
    /// The source: `WouldBlock` is to be tried again.
    Io(io::Error),
    /// It is nothing that can be played, or broken at a place from which nothing can be read on.
    Broken(&'static str),
}

impl FileError {
    /// Whether the same call may succeed later, as the source does not have the bytes now.
    pub fn would_block(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Broken(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for FileError {}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
