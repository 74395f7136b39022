//! A table of a box (ISO 14496-12 8.6, 8.7), which stays in the file.

use std::ops::Range;

use super::piece::Piece;
use crate::media::file::{FileError, Source};

/// A table: where its entries are, and those that were last read.
#[derive(Debug, Clone, Default)]
pub struct Table {
    at: u64,
    count: u32,
    width: u8,
    piece: Piece,
}

impl Table {
    /// The table of a box whose entries begin so many bytes behind the beginning of its content. It has the entries that
    /// fit the box at most, whatever it says.
    pub fn new(content: &Range<u64>, offset: u64, count: u32, width: u8) -> Self {
        let at = content.start.saturating_add(offset);
        let fitting = content.end.saturating_sub(at) / u64::from(width.max(1));
        let count = count.min(u32::try_from(fitting).unwrap_or(u32::MAX));
        Self { at, count, width, piece: Piece::default() }
    }

    /// Entries.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The place of an entry.
    pub fn place(&self, index: u32) -> u64 {
        self.at.saturating_add(u64::from(self.width).saturating_mul(index.into()))
    }

    /// Bytes of an entry.
    pub fn width(&self) -> u8 {
        self.width
    }

    /// The beginning of an entry; none behind the last one, or if the file was cut.
    pub fn entry<const N: usize>(
        &mut self,
        source: &mut dyn Source,
        index: u32,
    ) -> Result<Option<[u8; N]>, FileError> {
        if index >= self.count {
            return Ok(None);
        }
        let (at, end) = (self.place(index), self.place(self.count));
        let bytes = self.piece.get(source, at, self.width.into(), end)?;
        Ok(bytes.and_then(<[u8]>::first_chunk).copied())
    }

    /// An entry of one number of 32 bits.
    pub fn number(&mut self, source: &mut dyn Source, index: u32) -> Result<Option<u32>, FileError> {
        Ok(self.entry(source, index)?.map(u32::from_be_bytes))
    }

    /// An entry of two numbers of 32 bits.
    pub fn pair(&mut self, source: &mut dyn Source, index: u32) -> Result<Option<(u32, u32)>, FileError> {
        let pair = self.entry(source, index)?.map(u64::from_be_bytes);
        Ok(pair.map(|pair| ((pair >> 32) as u32, pair as u32)))
    }
}
