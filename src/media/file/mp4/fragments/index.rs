//! The index of fragments at the end of a file (`mfra`, ISO 14496-12 8.8.9 to 8.8.11), which is believed where it is true.

use super::{Cursor, Found, Fragments, MANY_PIECES};
use crate::media::Reader;
use crate::media::file::mp4::boxes::{BoxHead, Piece, Table, head};
use crate::media::file::{FileError, Source};

/// Bytes of an `mfro`.
const MFRO: u64 = 16;
/// The most boxes of an `mfra` that are looked at.
const MAX_BOXES: u32 = 16;
/// Fragments between the place that is returned and the time: those of an index are of presentation.
const BACK: u32 = 2;

impl Fragments {
    /// A place before a time, the nearest that an index tells, or the beginning of the file.
    pub fn place_before(&mut self, source: &mut dyn Source, before: u64) -> Result<Cursor, FileError> {
        let start = Cursor::default();
        let Some((mut table, is_long)) = self.index(source)? else { return Ok(start) };
        let mut low = 0;
        let mut high = table.count();
        while low < high {
            let middle = low + (high - low) / 2;
            match entry(&mut table, source, middle, is_long)? {
                Some((time, _)) if time < before => low = middle + 1,
                _ => high = middle,
            }
        }
        let Some((_, at)) = entry(&mut table, source, low.saturating_sub(BACK), is_long)? else {
            return Ok(start);
        };
        let (mut cursor, mut pieces) = (Cursor::at(at), MANY_PIECES);
        let found = self.next_traf(source, &mut cursor, &mut pieces)?;
        let is_true = found == Found::Here(()) && cursor.moof == at && cursor.is_told && cursor.time < before;
        Ok(if is_true { Cursor::at(at) } else { start })
    }

    /// The table of the track in the index, and whether its numbers have 64 bits.
    fn index(&mut self, source: &mut dyn Source) -> Result<Option<(Table, bool)>, FileError> {
        let (length, mut piece) = (source.length()?, Piece::default());
        let Some(mfro) = length.checked_sub(MFRO) else { return Ok(None) };
        let Some(bytes) = piece.get(source, mfro, MFRO as usize, length)? else { return Ok(None) };
        let mut reader = Reader::new(bytes);
        let (_, kind, _, size) = (reader.u32(), reader.array(), reader.u32(), reader.u32());
        let at = size.ok().filter(|_| kind == Ok(*b"mfro")).and_then(|size| length.checked_sub(size.into()));
        let Some(mut at) = at else { return Ok(None) };
        let Some(mfra) = head(source, &mut piece, at, length)?.filter(|head| head.kind == *b"mfra") else {
            return Ok(None);
        };
        at = mfra.content;
        for _ in 0..MAX_BOXES {
            let Some(tfra) = head(source, &mut piece, at, mfra.end)? else { break };
            at = tfra.end;
            if tfra.kind == *b"tfra"
                && let Some(table) = self.table(source, &mut piece, &tfra)?
            {
                return Ok(Some(table));
            }
        }
        Ok(None)
    }

    /// The table of a `tfra`, if it is of the track.
    fn table(
        &self,
        source: &mut dyn Source,
        piece: &mut Piece,
        tfra: &BoxHead,
    ) -> Result<Option<(Table, bool)>, FileError> {
        let Some(bytes) = piece.get(source, tfra.content, 16, tfra.end)? else { return Ok(None) };
        let mut reader = Reader::new(bytes);
        let mut number = || reader.u32().unwrap_or_default();
        let (version, id, lengths, count) = (number() >> 24, number(), number(), number());
        if id != self.id {
            return Ok(None);
        }
        // The numbers of the `traf`, the `trun` and the sample have 1 to 4 bytes each.
        let numbers: u32 = [4, 2, 0].iter().map(|shift| (lengths >> shift & 3) + 1).sum();
        let width = if version == 1 { 16 } else { 8 } + numbers as u8;
        Ok(Some((Table::new(&tfra.content(), 16, count, width), version == 1)))
    }
}

/// The time and the place of an entry.
fn entry(
    table: &mut Table,
    source: &mut dyn Source,
    index: u32,
    is_long: bool,
) -> Result<Option<(u64, u64)>, FileError> {
    if !is_long {
        return Ok(table.pair(source, index)?.map(|(time, at)| (time.into(), at.into())));
    }
    let pair: Option<[u8; 16]> = table.entry(source, index)?;
    Ok(pair.map(u128::from_be_bytes).map(|pair| ((pair >> 64) as u64, pair as u64)))
}
