//! Opening a file: its index is found, and the tracks that are played are chosen.

use super::boxes::{BoxHead, Boxes};
use super::description;
use super::movie::{Movie, Trak};
use super::track::Track;
use crate::media::file::FileError;
use crate::media::kind::Kind;

/// Finds the `moov`.
pub fn find_movie(boxes: &mut Boxes<'_>) -> Result<BoxHead, FileError> {
    let length = boxes.source.length()?;
    let mut at = 0;
    while let Some(head) = boxes.next_whole(&mut at, length)? {
        if head.kind == *b"moov" {
            return (head.end <= length).then_some(head).ok_or(FileError::Broken("its index is cut off"));
        }
        if at == head.start || !head.kind.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == 0xa9) {
            break;
        }
    }
    Err(FileError::Broken(if at == 0 || !is_likely(boxes)? {
        "it is neither FLV nor MP4"
    } else {
        "it has no index: perhaps it was not written to its end"
    }))
}

/// Whether a file begins as MP4 does.
fn is_likely(boxes: &mut Boxes<'_>) -> Result<bool, FileError> {
    let bytes = boxes.bytes(4, 4, 8)?.unwrap_or_default();
    Ok(matches!(
        bytes,
        b"ftyp" | b"moov" | b"mdat" | b"free" | b"wide" | b"skip" | b"styp" | b"pnot" | b"uuid"
    ))
}

/// Why no track of pictures, or of sound, is played though there is one.
type LeftOut = [Option<&'static str>; 2];

/// The tracks that are played: the first of pictures and the first of sound that can be, those that are to be shown first.
pub fn choose(boxes: &mut Boxes<'_>, movie: &mut Movie) -> Result<(Vec<Track>, LeftOut), FileError> {
    let (mut tracks, mut left_out) = (Vec::new(), LeftOut::default());
    let mut why = "it has neither pictures nor sound";
    let traks = std::mem::take(&mut movie.tracks);
    let (first, last): (Vec<_>, Vec<_>) = traks.into_iter().partition(|trak| trak.is_enabled);
    let mut left: Vec<Trak> = first.into_iter().chain(last).collect();
    for (kind, left_out) in [Kind::Video, Kind::Audio].into_iter().zip(&mut left_out) {
        while let Some(at) = left.iter().position(|trak| trak.kind == kind) {
            let trak = left.remove(at);
            let description = if !trak.is_inside {
                Err("its media is in another file")
            } else if trak.tables.sizes.count() == 0 && !movie.is_fragmented {
                Err("it has no media")
            } else {
                description::read(boxes, &trak.descriptions, kind, 1)?
            };
            match description {
                Ok(description) => {
                    tracks.push(Track::new(trak, description, movie));
                    *left_out = None;
                    break;
                }
                Err(reason) => (why, *left_out) = (reason, Some(reason)),
            }
        }
    }
    if tracks.is_empty() { Err(FileError::Broken(why)) } else { Ok((tracks, left_out)) }
}
