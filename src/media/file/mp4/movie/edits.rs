//! Edit lists (ISO 14496-12 8.6.6): when the media of a track begins, and with which of it.

use crate::media::Reader;
use crate::media::file::FileError;
use crate::media::file::mp4::boxes::{BoxHead, Boxes, Table};

/// The most empty edits that are counted.
const MAX_EDITS: u32 = 16;

/// What counts of an edit list: where the first edit that is not empty begins. What the list cuts off behind that is
/// played, and rates other than 1 are not obeyed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Edits {
    /// How long nothing is shown at first, in the units of the movie.
    pub empty: u64,
    /// The time in the media that is shown first, in the units of the track.
    pub media_time: u64,
}

impl Edits {
    /// Reads an `elst`.
    pub fn read(boxes: &mut Boxes<'_>, head: &BoxHead) -> Result<Self, FileError> {
        let [version, _, _, _, count @ ..]: [u8; 8] = boxes.fields(head)?;
        let is_long = version == 1;
        let table = Table::new(&head.content(), 8, u32::from_be_bytes(count), if is_long { 20 } else { 12 });
        let mut edits = Self::default();
        for index in 0..table.count().min(MAX_EDITS) {
            let Some((duration, media_time)) = read_edit(boxes, table.place(index), head.end, is_long)?
            else {
                break;
            };
            match u64::try_from(media_time) {
                Ok(media_time) => return Ok(Self { media_time, ..edits }),
                // Minus one is an empty one.
                Err(_) => edits.empty = edits.empty.saturating_add(duration),
            }
        }
        Ok(edits)
    }
}

/// Its duration, and its time in the media.
fn read_edit(
    boxes: &mut Boxes<'_>,
    at: u64,
    end: u64,
    is_long: bool,
) -> Result<Option<(u64, i64)>, FileError> {
    let Some(bytes) = boxes.bytes(at, if is_long { 16 } else { 8 }, end)? else { return Ok(None) };
    let mut reader = Reader::new(bytes);
    let edit = if is_long {
        reader
            .array()
            .map(u64::from_be_bytes)
            .and_then(|it| Ok((it, reader.array().map(i64::from_be_bytes)?)))
    } else {
        reader.u32().and_then(|it| Ok((it.into(), reader.u32()?.cast_signed().into())))
    };
    Ok(edit.ok())
}
