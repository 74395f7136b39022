//! A small piece of a file's boxes and tables that was last read, so that fields next to each other cost one read.

use std::io;

use crate::media::file::{FileError, Source};

/// Bytes that are read and kept at once.
pub const PIECE: usize = 1024;

/// The piece that was last read.
#[derive(Debug, Clone, Default)]
pub struct Piece {
    at: u64,
    bytes: Vec<u8>,
    loads: u32,
}

impl Piece {
    /// So many bytes at a place, [`PIECE`] at most; what is behind them is read with them up to `end`. None if the file
    /// ends before, or `end` is.
    pub fn get(
        &mut self,
        source: &mut dyn Source,
        at: u64,
        count: usize,
        end: u64,
    ) -> Result<Option<&[u8]>, FileError> {
        if self.holds(at, count).is_none() {
            self.load(source, at, end)?;
        }
        Ok(self.holds(at, count))
    }

    /// How often it was read from the file, modulo 2^32.
    pub fn loads(&self) -> u32 {
        self.loads
    }

    /// Forgets what was read.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    fn holds(&self, at: u64, count: usize) -> Option<&[u8]> {
        let start = usize::try_from(at.checked_sub(self.at)?).ok()?;
        self.bytes.get(start..start.checked_add(count)?)
    }

    fn load(&mut self, source: &mut dyn Source, at: u64, end: u64) -> Result<(), FileError> {
        let size = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX).min(PIECE);
        self.loads = self.loads.wrapping_add(1);
        self.bytes.clear();
        if self.bytes.capacity() < size {
            self.bytes.reserve_exact(size);
        }
        self.bytes.resize(size, 0);
        self.at = at;
        let read = match source.read_at(at, &mut self.bytes) {
            Ok(read) => read,
            Err(error) => {
                self.bytes.clear();
                return match error.kind() {
                    io::ErrorKind::UnexpectedEof => Ok(()),
                    _ => Err(error.into()),
                };
            }
        };
        self.bytes.truncate(read);
        Ok(())
    }
}
