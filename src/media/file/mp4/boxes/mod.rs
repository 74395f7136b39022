//! Boxes (ISO 14496-12 4.2) where they are in a file: their heads are read, and what is in them is left there.

mod piece;
mod table;

pub use piece::Piece;
pub use table::Table;

use std::ops::Range;

use crate::media::Reader;
use crate::media::file::{FileError, Source};

/// The most heads of boxes that are read to open a file.
const MAX_BOXES: u32 = 1024;

/// A box, by its places in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoxHead {
    /// Its type.
    pub kind: [u8; 4],
    /// Its first byte.
    pub start: u64,
    /// The first byte of its content.
    pub content: u64,
    /// The byte behind it.
    pub end: u64,
}

impl BoxHead {
    /// Where its content is.
    pub fn content(&self) -> Range<u64> {
        self.content..self.end
    }
}

/// Reads the boxes of a file.
pub struct Boxes<'a> {
    /// The file.
    pub source: &'a mut dyn Source,
    piece: Piece,
    left: u32,
}

impl<'a> Boxes<'a> {
    /// A reader of the boxes of a file.
    pub fn new(source: &'a mut dyn Source) -> Self {
        Self { source, piece: Piece::default(), left: MAX_BOXES }
    }

    /// The box at a place, before `end`; the place is then that behind the box. None where there is no further one, or
    /// none that can be one: QuickTime ends some lists with a zero. A box in another one ends with it at the latest.
    pub fn next(&mut self, at: &mut u64, end: u64) -> Result<Option<BoxHead>, FileError> {
        self.left = self.left.checked_sub(1).ok_or(FileError::Broken("it has too many boxes"))?;
        let head = head(self.source, &mut self.piece, *at, end)?;
        let head = head.map(|head| BoxHead { end: head.end.min(end), ..head });
        *at = head.map_or(end, |head| head.end);
        Ok(head)
    }

    /// The box at a place of the file itself. Its end may be behind that of the file.
    pub fn next_whole(&mut self, at: &mut u64, length: u64) -> Result<Option<BoxHead>, FileError> {
        self.left = self.left.checked_sub(1).ok_or(FileError::Broken("it has too many boxes"))?;
        let head = head(self.source, &mut self.piece, *at, length)?;
        *at = head.map_or(*at, |head| head.end);
        Ok(head)
    }

    /// The first box of a type in another one's content.
    pub fn find(&mut self, kind: &[u8; 4], content: u64, end: u64) -> Result<Option<BoxHead>, FileError> {
        let mut at = content;
        while let Some(head) = self.next(&mut at, end)? {
            if head.kind == *kind {
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// The first `N` bytes of a box's content, zeros where it is shorter.
    pub fn fields<const N: usize>(&mut self, head: &BoxHead) -> Result<[u8; N], FileError> {
        let mut fields = [0; N];
        let there = usize::try_from(head.end.saturating_sub(head.content)).unwrap_or(usize::MAX).min(N);
        let bytes = self.bytes(head.content, there, head.end)?.unwrap_or_default();
        fields.iter_mut().zip(bytes).for_each(|(field, byte)| *field = *byte);
        Ok(fields)
    }

    /// So many bytes at a place, at most a piece; none if they are not there.
    pub fn bytes(&mut self, at: u64, count: usize, end: u64) -> Result<Option<&[u8]>, FileError> {
        self.piece.get(self.source, at, count, end)
    }
}

/// Reads the head of the box at a place. Its end is what it says, or `end` if it says that it goes to the end. None if
/// there is none before `end`, or its size is less than its head.
pub fn head(
    source: &mut dyn Source,
    piece: &mut Piece,
    at: u64,
    end: u64,
) -> Result<Option<BoxHead>, FileError> {
    if end.saturating_sub(at) < 8 {
        return Ok(None);
    }
    let Some(bytes) = piece.get(source, at, 8, end)? else { return Ok(None) };
    let mut reader = Reader::new(bytes);
    let (Ok(size), Ok(kind)) = (reader.u32(), reader.array()) else { return Ok(None) };
    let (length, size) = match size {
        0 => (8, end.saturating_sub(at)),
        1 => {
            let Some(bytes) = piece.get(source, at.saturating_add(8), 8, end)? else { return Ok(None) };
            let Ok(size) = Reader::new(bytes).array().map(u64::from_be_bytes) else { return Ok(None) };
            (16, size)
        }
        size => (8, size.into()),
    };
    let is_possible = size >= length;
    let (content, end) = (at.saturating_add(length), at.saturating_add(size));
    Ok(is_possible.then_some(BoxHead { kind, start: at, content, end }))
}
