//! The search for the last key frame at or before a time.
//!
//! It begins with what the index says, if that is true, or else narrows the file down by halves to where the time is. Then
//! it goes from tag to tag until it comes to a frame of a later time, and if it has met no key frame by then, from
//! further and further in front. The times of a file whose frames go back are found where it comes across them.

use super::clock::{Clock, Mark};
use super::header::TagPlace;
use super::tags::{Found, MAX_JUNK, Reach, Tags};
use super::walk::{Contents, Seen, Walked};
use crate::media::Kind;
use crate::media::file::FileError;

/// Bytes read and tags gone over in a step. What the last of them needs may come on top.
pub const STEP: (u64, usize) = (MAX_JUNK / 2, 8192);
/// Bytes that are looked through for a tag where the file is halved.
const PROBE: u64 = MAX_JUNK / 4;
/// A part of a file that is not narrowed down any more, bytes.
const NEAR: u64 = 256 * 1024;
/// The longest group that is gone through from its key frame on, bytes.
const GROUP: u64 = 32 << 20;
/// The first step backwards, bytes. Each has twice the length of the one before.
const BACK: u64 = 512 * 1024;

/// Data tags at a place that are passed over to find a time.
const DATA_TAGS: usize = 8;

/// A search that is under way.
#[derive(Debug)]
pub struct Search {
    to: u64,
    kind: Kind,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Begin,
    /// The time is behind the first place, as far as has been seen, and before the second.
    Narrow(Mark, u64),
    Walk(Walk),
    /// Nothing is before the time: the first key frame from there on.
    Onward(Mark),
}

#[derive(Debug, Clone, Copy)]
struct Walk {
    /// Its beginning.
    from: u64,
    mark: Mark,
    /// The beginning of the walk before, if that one has found nothing.
    until: u64,
    /// The length of the next step backwards, bytes.
    back: u64,
    /// The last key frame at or before the time.
    last: Option<Mark>,
    /// The first one after it.
    after: Option<Mark>,
    /// The end of the first walk.
    stop: Option<Mark>,
}

impl Walk {
    fn new(mark: Mark) -> Self {
        let (until, back) = (u64::MAX, BACK);
        Self { from: mark.at, mark, until, back, last: None, after: None, stop: None }
    }
}

/// What a part of a search has come to.
enum Outcome {
    /// There is more to do.
    More,
    Found(Mark),
}

impl Search {
    pub fn new(to: u64, contents: &Contents) -> Self {
        Self { to, kind: contents.key_kind(), phase: Phase::Begin }
    }

    /// Whether it is the search for that time.
    pub fn is_for(&self, to: u64) -> bool {
        self.to == to
    }

    /// Goes one step further. `present` is where the player is. Returns the place of the key frame, with its time, once it
    /// is found.
    pub fn step(
        &mut self,
        tags: &mut Tags<'_>,
        contents: &mut Contents,
        present: Mark,
    ) -> Result<Option<Mark>, FileError> {
        let (bytes, count) = STEP;
        for _ in 0..count {
            if tags.read() >= bytes {
                return Ok(None);
            }
            let outcome = match self.phase {
                Phase::Begin => self.begin(tags, contents, present)?,
                Phase::Narrow(low, high) => self.narrow(tags, low, high)?,
                Phase::Walk(walk) => self.walk(tags, contents, walk)?,
                Phase::Onward(mark) => self.go_onward(tags, contents, mark)?,
            };
            if self.kind != contents.key_kind() {
                // It has pictures after all.
                *self = Self::new(self.to, contents);
            } else if let Outcome::Found(mark) = outcome {
                contents.look_back(tags, mark.at)?;
                return Ok(Some(mark));
            }
        }
        Ok(None)
    }

    fn begin(
        &mut self,
        tags: &mut Tags<'_>,
        contents: &mut Contents,
        present: Mark,
    ) -> Result<Outcome, FileError> {
        contents.refresh(tags)?;
        let (mut low, mut high) = (contents.first, tags.length()?);
        match present.clock.0 {
            Some(time) if time <= self.to => low = present,
            Some(_) if present.at > low.at => high = present.at.min(high),
            _ => {}
        }
        if let Some((mark, next)) = self.look_up(tags, contents)? {
            if next.saturating_sub(mark.at) <= GROUP {
                self.phase = Phase::Walk(Walk::new(mark));
                return Ok(Outcome::More);
            }
            if mark.at > low.at {
                low = mark;
            }
        }
        self.phase = Phase::Narrow(low, high.max(low.at));
        Ok(Outcome::More)
    }

    /// The key frame that the index has for the time, and the place of the next.
    fn look_up(&self, tags: &mut Tags<'_>, contents: &Contents) -> Result<Option<(Mark, u64)>, FileError> {
        let Some(index) = contents.index() else { return Ok(None) };
        let Some(entry) = index.last_until(tags, self.to)? else { return Ok(None) };
        // Its times may be rounded up.
        for entry in [Some(entry), entry.checked_sub(1)].into_iter().flatten() {
            let mark = index.mark(tags, entry, self.kind)?;
            if let Some(mark) = mark.filter(|mark| mark.clock.0 <= Some(self.to)) {
                let is_last = entry + 1 >= index.count();
                let next = if is_last { None } else { index.position(tags, entry + 1)? };
                return Ok(Some((mark, next.unwrap_or(tags.length()?))));
            }
        }
        Ok(None)
    }

    fn narrow(&mut self, tags: &mut Tags<'_>, low: Mark, high: u64) -> Result<Outcome, FileError> {
        if high.saturating_sub(low.at) <= NEAR {
            self.phase = Phase::Walk(Walk::new(low));
            return Ok(Outcome::More);
        }
        let middle = low.at + (high - low.at) / 2;
        self.phase = match first_media(tags, middle, high)? {
            Some(tag) => {
                let time = low.clock.far(&tag);
                let mark = Mark { at: tag.at, clock: Clock(Some(time)) };
                if time <= self.to { Phase::Narrow(mark, high) } else { Phase::Narrow(low, middle) }
            }
            None => Phase::Narrow(low, middle),
        };
        Ok(Outcome::More)
    }

    /// Goes over one tag, or concludes a walk.
    fn walk(
        &mut self,
        tags: &mut Tags<'_>,
        contents: &mut Contents,
        mut walk: Walk,
    ) -> Result<Outcome, FileError> {
        let before = walk.mark;
        let is_over = walk.mark.at >= walk.until
            || match contents.walk(tags, &mut walk.mark)? {
                Walked::Seen(seen) => self.take(&mut walk, seen),
                Walked::End => true,
            };
        if !is_over {
            self.phase = Phase::Walk(walk);
            return Ok(Outcome::More);
        }
        if let Some(mark) = walk.last {
            return Ok(Outcome::Found(mark));
        }
        let stop = *walk.stop.get_or_insert(before);
        if walk.from > contents.first.at {
            self.phase = Phase::Walk(further_back(tags, contents, walk)?);
            return Ok(Outcome::More);
        }
        match walk.after {
            Some(mark) => Ok(Outcome::Found(mark)),
            None => {
                self.phase = Phase::Onward(stop);
                Ok(Outcome::More)
            }
        }
    }

    /// Goes over one tag. Without a key frame in all of the file, the result is its beginning.
    fn go_onward(
        &mut self,
        tags: &mut Tags<'_>,
        contents: &mut Contents,
        mut mark: Mark,
    ) -> Result<Outcome, FileError> {
        match contents.walk(tags, &mut mark)? {
            Walked::Seen(seen) if seen.is_key => Ok(Outcome::Found(key_mark(seen))),
            Walked::Seen(_) => {
                self.phase = Phase::Onward(mark);
                Ok(Outcome::More)
            }
            Walked::End => Ok(Outcome::Found(contents.first)),
        }
    }

    /// Takes a tag that a walk has come to. True if nothing that is behind it is before the time.
    fn take(&self, walk: &mut Walk, seen: Seen) -> bool {
        let is_later = seen.time > self.to;
        if seen.is_key {
            let place = if is_later { &mut walk.after } else { &mut walk.last };
            *place = Some(key_mark(seen));
        }
        seen.is_frame && is_later
    }
}

/// The walk that begins further in front and ends where the one that has found nothing began.
fn further_back(tags: &mut Tags<'_>, contents: &Contents, walk: Walk) -> Result<Walk, FileError> {
    let mut next = Walk { until: walk.from, last: None, back: walk.back.saturating_mul(2), ..walk };
    let start = walk.from.saturating_sub(walk.back);
    next.mark = contents.first;
    if start > contents.first.at {
        next.mark = match first_media(tags, start, walk.from)? {
            Some(tag) => Mark { at: tag.at, clock: Clock(Some(contents.first.clock.far(&tag))) },
            // Nothing to be read in that part, which is gone over with the next.
            None => Mark { at: walk.from, clock: Clock(None) },
        };
    }
    next.from = next.mark.at;
    Ok(next)
}

/// The first tag of audio or video that begins behind a place and ends before another.
fn first_media(tags: &mut Tags<'_>, from: u64, limit: u64) -> Result<Option<TagPlace>, FileError> {
    let mut found = tags.resync(from, limit, PROBE)?;
    for _ in 0..DATA_TAGS {
        match found {
            Found::Tag(tag) if !tag.kind.is_data() => return Ok(Some(tag)),
            Found::Tag(tag) => found = tags.find(tag.end(), Reach::Header)?,
            _ => break,
        }
    }
    Ok(None)
}

fn key_mark(seen: Seen) -> Mark {
    Mark { at: seen.tag.at, clock: Clock(Some(seen.time)) }
}
