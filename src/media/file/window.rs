//! The piece of a file that was last read.

use std::io;

use super::{FileError, MAX_MESSAGE, Source};

/// Bytes read at once, unless more are wanted.
const PIECE: usize = 56 * 1024;

/// Bytes read at once by who jumps from header to header.
const GLANCE: usize = 4 * 1024;
/// Bytes read at once of what lies beside the rest.
const BESIDE: usize = 16 * 1024;

/// The pieces of a file that were last read. Who uses it for another file clears it before.
#[derive(Debug, Default)]
pub struct Window {
    main: Piece,
    /// A piece of what is read in turns with the rest, but lies elsewhere: the sound of MP4.
    beside: Piece,
    /// Whether the first is kept, see [`Self::keep`].
    is_kept: bool,
}

#[derive(Debug, Default)]
struct Piece {
    bytes: Vec<u8>,
    /// The place of the first byte in the file.
    at: u64,
}

impl Window {
    /// Forgets what was read; the memory is kept for the next piece, unless it is much.
    pub fn clear(&mut self) {
        self.main.clear(PIECE);
        self.beside.clear(BESIDE);
    }

    /// Has a demuxer stop where it would need another piece: what it asks for then is `WouldBlock`. So whatever has been
    /// read is used up before more is read.
    pub fn keep(&mut self, is_kept: bool) {
        self.is_kept = is_kept;
    }

    /// So many bytes at a place, at most a few more than a message may have; none if the file ends before.
    pub fn get(
        &mut self,
        source: &mut dyn Source,
        at: u64,
        count: usize,
    ) -> Result<Option<&[u8]>, FileError> {
        if self.main.holds(at, count).is_none() && !self.load(source, (at, count), PIECE)? {
            return Ok(None);
        }
        Ok(self.main.holds(at, count))
    }

    /// The same for what is read in turns with the rest, but lies elsewhere: what is read for it replaces nothing of that.
    pub fn get_beside(
        &mut self,
        source: &mut dyn Source,
        at: u64,
        count: usize,
    ) -> Result<Option<&[u8]>, FileError> {
        if self.main.holds(at, count).is_some() {
            return Ok(self.main.holds(at, count));
        }
        if self.beside.holds(at, count).is_none() && !self.beside.load(source, at, count, BESIDE)? {
            return Ok(None);
        }
        Ok(self.beside.holds(at, count))
    }

    /// The same, for who jumps on: little more is read than what is wanted.
    pub fn glance(
        &mut self,
        source: &mut dyn Source,
        at: u64,
        count: usize,
    ) -> Result<Option<&[u8]>, FileError> {
        if self.main.holds(at, count).is_none() && !self.load(source, (at, count), GLANCE)? {
            return Ok(None);
        }
        Ok(self.main.holds(at, count))
    }

    fn load(
        &mut self,
        source: &mut dyn Source,
        (at, count): (u64, usize),
        piece: usize,
    ) -> Result<bool, FileError> {
        if self.is_kept {
            return Err(FileError::Io(io::ErrorKind::WouldBlock.into()));
        }
        self.main.load(source, at, count, piece)
    }

    /// So many bytes at a place, if they are in the piece that was read last.
    pub fn held(&self, at: u64, count: usize) -> Option<&[u8]> {
        self.main.holds(at, count)
    }

    /// Bytes that stand in no file, in the place of what was read beside the rest.
    pub fn put(&mut self, bytes: Vec<u8>) -> &[u8] {
        self.beside = Piece { bytes, at: NOWHERE };
        &self.beside.bytes
    }
}

/// A place that no byte of a file has.
const NOWHERE: u64 = u64::MAX;

impl Piece {
    fn clear(&mut self, kept: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(kept);
    }

    fn holds(&self, at: u64, count: usize) -> Option<&[u8]> {
        let start = usize::try_from(at.checked_sub(self.at)?).ok()?;
        self.bytes.get(start..start.checked_add(count)?)
    }

    /// Reads a piece that begins at a place. False if the file ends before its first `count` bytes.
    fn load(
        &mut self,
        source: &mut dyn Source,
        at: u64,
        count: usize,
        piece: usize,
    ) -> Result<bool, FileError> {
        let length = source.length()?;
        let left = length.saturating_sub(at);
        if (count as u64) > left {
            return Ok(false);
        }
        if count > MAX_MESSAGE + PIECE {
            return Err(FileError::Broken("something in it is too long"));
        }
        let size = piece.max(count).min(usize::try_from(left).unwrap_or(usize::MAX));
        // Whatever is in it from before is read over.
        self.bytes.resize(size, 0);
        self.at = at;
        match source.read_at(at, &mut self.bytes) {
            Ok(read) => {
                self.bytes.truncate(read);
                Ok(read >= count)
            }
            Err(error) => {
                self.bytes.clear();
                match error.kind() {
                    io::ErrorKind::UnexpectedEof => Ok(false),
                    _ => Err(error.into()),
                }
            }
        }
    }
}
