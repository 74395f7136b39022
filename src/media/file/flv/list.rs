//! The collection of the times of all key frames: from the index if that is true and whole, else tag by tag.
//!
//! An index that has all of the file's key frames has each that is met at some places, where the next one is looked
//! for in the file.

use super::clock::Mark;
use super::index::Index;
use super::search::STEP;
use super::tags::Tags;
use super::walk::{Contents, Walked};
use crate::media::Kind;
use crate::media::file::key_times::KeyTimes;
use crate::media::file::{FileError, MAX_KEY_FRAMES};

/// Entries behind which the next key frame is looked for, from the first to the last.
const SAMPLES: u32 = 5;

/// A collection that is under way.
#[derive(Debug)]
pub struct Collection {
    way: Way,
    kind: Kind,
    list: KeyTimes,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Begin,
    /// In front of the first entry, or behind one of the samples.
    Check(Index, u32, Sample),
    /// From that entry on.
    Take(Index, u32),
    /// From that tag on.
    Walk(Mark),
}

/// A place from which the next key frame is looked for.
#[derive(Debug, Clone, Copy)]
struct Sample {
    mark: Mark,
    /// The entry's own.
    own: Option<u64>,
    /// The next one according to the index.
    next: Option<u64>,
}

impl Collection {
    pub fn new(contents: &Contents) -> Self {
        let kind = contents.key_kind();
        Self { way: Way::Begin, kind, list: KeyTimes::new(kind) }
    }

    /// Goes one step further. True if `times` has all.
    pub fn step(
        &mut self,
        tags: &mut Tags<'_>,
        contents: &mut Contents,
        times: &mut Vec<u64>,
    ) -> Result<bool, FileError> {
        let (bytes, count) = STEP;
        for _ in 0..count {
            if tags.read() >= bytes {
                break;
            }
            let next = match self.way {
                Way::Begin => begin(tags, contents)?,
                Way::Check(index, number, sample) => {
                    self.check(tags, contents, index, (number, sample), times)?
                }
                Way::Take(index, entry) => take(tags, contents, index, entry, times)?,
                Way::Walk(mark) => self.walk(tags, contents, mark, times)?,
            };
            if self.kind != contents.key_kind() {
                // It has pictures after all.
                *self = Self::new(contents);
                times.clear();
                continue;
            }
            let Some(way) = next else { return Ok(true) };
            self.way = way;
        }
        Ok(false)
    }

    /// Looks at one tag behind a sample.
    fn check(
        &self,
        tags: &mut Tags<'_>,
        contents: &mut Contents,
        index: Index,
        (number, mut sample): (u32, Sample),
        times: &mut Vec<u64>,
    ) -> Result<Option<Way>, FileError> {
        let found = match contents.walk(tags, &mut sample.mark)? {
            Walked::Seen(seen) if seen.is_key && Some(seen.tag.at) != sample.own => Some(seen.tag.at),
            Walked::Seen(_) => return Ok(Some(Way::Check(index, number, sample))),
            Walked::End => None,
        };
        if found != sample.next {
            return Ok(Some(Way::Walk(contents.first)));
        }
        if number == SAMPLES {
            times.clear();
            return Ok(Some(Way::Take(index, 0)));
        }
        let entry = number * (index.count() - 1) / (SAMPLES - 1);
        let Some(mark) = index.mark(tags, entry, self.kind)? else {
            return Ok(Some(Way::Walk(contents.first)));
        };
        let next = if entry + 1 < index.count() { index.position(tags, entry + 1)? } else { None };
        Ok(Some(Way::Check(index, number + 1, Sample { mark, own: Some(mark.at), next })))
    }

    /// Goes over one tag.
    fn walk(
        &mut self,
        tags: &mut Tags<'_>,
        contents: &mut Contents,
        mut mark: Mark,
        times: &mut Vec<u64>,
    ) -> Result<Option<Way>, FileError> {
        let Walked::Seen(seen) = contents.walk(tags, &mut mark)? else { return Ok(None) };
        if seen.is_key {
            self.list.offer(seen.time, times);
        }
        Ok(Some(Way::Walk(mark)))
    }
}

/// Without pictures, an index has other times than are wanted.
fn begin(tags: &mut Tags<'_>, contents: &mut Contents) -> Result<Option<Way>, FileError> {
    contents.refresh(tags)?;
    let first = contents.first;
    let index = contents.index().filter(|index| index.count() as usize <= MAX_KEY_FRAMES);
    let Some(index) = index.filter(|_| contents.has_video) else { return Ok(Some(Way::Walk(first))) };
    let sample = Sample { mark: first, own: None, next: index.position(tags, 0)? };
    Ok(Some(Way::Check(index, 0, sample)))
}

/// Takes the time of an entry's key frame, which is not quite what FFmpeg writes in an index.
fn take(
    tags: &mut Tags<'_>,
    contents: &Contents,
    index: Index,
    entry: u32,
    times: &mut Vec<u64>,
) -> Result<Option<Way>, FileError> {
    if entry >= index.count() {
        return Ok(None);
    }
    let time = index.mark(tags, entry, Kind::Video)?.and_then(|mark| mark.clock.0);
    let Some(time) = time.filter(|time| times.last().is_none_or(|last| last < time)) else {
        times.clear();
        return Ok(Some(Way::Walk(contents.first)));
    };
    times.push(time);
    Ok(Some(Way::Take(index, entry + 1)))
}
