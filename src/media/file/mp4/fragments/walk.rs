//! Ways through the fragments of a track to a sample, in bounded steps.

use super::{Cursor, Found, Fragments, MANY_PIECES};
use crate::media::file::mp4::tables::{Aim, Steps};
use crate::media::file::{FileError, Source};

/// A way to a sample, which goes on with each call: at first from fragment to fragment, then from sample to sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk {
    aim: Aim,
    stage: Stage,
    /// Where it began.
    start: Cursor,
    /// How far it is.
    cursor: Cursor,
    /// The best place so far.
    best: Option<Arrival>,
}

/// A sample that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Its place, perhaps in front of boxes that come before it.
    pub cursor: Cursor,
    /// Its time.
    pub time: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Fragments,
    Samples,
}

impl Walk {
    /// A way to a sample from a place on.
    pub fn new(aim: Aim, from: Cursor) -> Self {
        Self { aim, stage: Stage::Fragments, start: from, cursor: from, best: None }
    }

    /// Goes on. The sample once it is found; none in it if there is no such one.
    pub fn step(
        &mut self,
        fragments: &mut Fragments,
        source: &mut dyn Source,
        steps: &mut Steps,
    ) -> Result<Option<Option<Arrival>>, FileError> {
        let mut pieces = MANY_PIECES;
        if self.stage == Stage::Fragments {
            if !self.go_to_fragment(fragments, source, &mut pieces)? {
                return Ok(None);
            }
            self.stage = Stage::Samples;
        }
        self.go_to_sample(fragments, source, &mut pieces, steps)
    }

    /// How far it is.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Goes to the last fragment that begins before the time, and with a sync sample if that is wanted. True once it is
    /// found.
    fn go_to_fragment(
        &mut self,
        fragments: &mut Fragments,
        source: &mut dyn Source,
        pieces: &mut u32,
    ) -> Result<bool, FileError> {
        let (Aim::SyncBefore(before) | Aim::FirstFrom(before)) = self.aim;
        loop {
            let mut next = self.cursor;
            match fragments.next_traf(source, &mut next, pieces)? {
                Found::NotYet => {
                    self.cursor = next;
                    return Ok(false);
                }
                // Without a time the samples before have to be counted.
                Found::Here(()) if next.is_told && next.time < before => {
                    let mut sample = next;
                    let found = fragments.next(source, &mut sample, pieces)?;
                    let is_good = matches!(self.aim, Aim::FirstFrom(_))
                        || matches!(found, Found::Here(sample) if sample.is_sync);
                    self.cursor = next;
                    if is_good {
                        self.best = Some(Arrival { cursor: next, time: next.time });
                    }
                }
                Found::Here(()) | Found::End => break,
            }
            if *pieces == 0 {
                return Ok(false);
            }
        }
        self.cursor = self.best.map_or(self.start, |best| best.cursor);
        self.best = None;
        Ok(true)
    }

    /// Goes from sample to sample.
    fn go_to_sample(
        &mut self,
        fragments: &mut Fragments,
        source: &mut dyn Source,
        pieces: &mut u32,
        steps: &mut Steps,
    ) -> Result<Option<Option<Arrival>>, FileError> {
        while steps.take() {
            let mut next = self.cursor;
            let sample = match fragments.next(source, &mut next, pieces)? {
                Found::Here(sample) => sample,
                Found::NotYet => {
                    self.cursor = next;
                    return Ok(None);
                }
                Found::End => return Ok(Some(self.best)),
            };
            let here = Some(Arrival { cursor: self.cursor, time: sample.time });
            match self.aim {
                Aim::FirstFrom(time) if sample.time >= time => return Ok(Some(here)),
                Aim::FirstFrom(_) => {}
                Aim::SyncBefore(before) if sample.time >= before && self.best.is_some() => {
                    return Ok(Some(self.best));
                }
                Aim::SyncBefore(_) if sample.is_sync => self.best = here,
                Aim::SyncBefore(_) => {}
            }
            self.cursor = next;
        }
        Ok(None)
    }
}
