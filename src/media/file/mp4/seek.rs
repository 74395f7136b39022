//! Seeking, and the times of key frames.

use super::fragments::{self, Found, MANY_PIECES};
use super::tables::{self, Aim, Steps, TimeCursor};
use super::track::{Place, Track};
use crate::media::file::key_times::KeyTimes;
use crate::media::file::{FileError, Source};
use crate::media::kind::Kind;

/// A seek that has begun: the first track is looked through for its key frame, then the other one for that time.
#[derive(Debug)]
pub struct Seek {
    /// Where to, milliseconds.
    pub to: u64,
    /// The track that is looked through, and how far.
    track: usize,
    aim: Aim,
    way: Way,
    /// The places in the tracks before.
    found: Vec<Place>,
    /// The time that was found.
    time: u64,
}

/// A way through a track.
#[derive(Debug)]
enum Way {
    /// Through its tables.
    Tables(tables::Walk),
    /// Through its fragments, after the place in the tables was found.
    Fragments(Box<fragments::Walk>, tables::Cursor),
}

impl Seek {
    /// A seek to a time in some tracks.
    pub fn new(to: u64, tracks: &[Track]) -> Self {
        let before = tracks.first().map_or(0, |track| track.clock.units_at(to.saturating_add(1)));
        let aim = Aim::SyncBefore(before);
        Self { to, track: 0, aim, way: Way::Tables(tables::Walk::new(aim)), found: Vec::new(), time: to }
    }

    /// Goes one step. The time that was found once all tracks have been looked through; they are then at it.
    pub fn step(&mut self, tracks: &mut [Track], source: &mut dyn Source) -> Result<Option<u64>, FileError> {
        let mut steps = Steps::default();
        while let Some(track) = tracks.get_mut(self.track) {
            let Some(place) = self.go_on(track, source, &mut steps)? else { return Ok(None) };
            if self.track == 0 {
                self.time = track.clock.time(place.time);
            }
            self.found.push(place);
            self.track += 1;
            if let Some(next) = tracks.get(self.track) {
                self.aim = Aim::FirstFrom(next.clock.units_at(self.time));
                self.way = Way::Tables(tables::Walk::new(self.aim));
            }
        }
        tracks.iter_mut().zip(&self.found).for_each(|(track, place)| track.go_to(*place));
        Ok(Some(self.time))
    }

    /// Goes on in a track. The place once it is found.
    fn go_on(
        &mut self,
        track: &mut Track,
        source: &mut dyn Source,
        steps: &mut Steps,
    ) -> Result<Option<Place>, FileError> {
        if let Way::Tables(walk) = &mut self.way {
            let Some(tables) = walk.step(&mut track.tables, source, steps)? else { return Ok(None) };
            let start = fragments::Cursor::default();
            let Some(fragments) = &mut track.fragments else {
                return Ok(Some(Place { tables, fragments: start, time: tables.times.time }));
            };
            let (Aim::SyncBefore(before) | Aim::FirstFrom(before)) = self.aim;
            let start = fragments.place_before(source, before)?;
            self.way = Way::Fragments(Box::new(fragments::Walk::new(self.aim, start)), tables);
        }
        let (Way::Fragments(walk, tables), Some(fragments)) = (&mut self.way, &mut track.fragments) else {
            return Ok(None);
        };
        let Some(found) = walk.step(fragments, source, steps)? else { return Ok(None) };
        let is_in_tables = track.tables.has(tables)
            && match (self.aim, &found) {
                (Aim::SyncBefore(before), Some(found)) => found.time >= before,
                _ => true,
            };
        Ok(Some(match found {
            Some(found) if !is_in_tables => {
                Place { tables: track.tables.end(), fragments: found.cursor, time: found.time }
            }
            None if !is_in_tables => {
                Place { tables: track.tables.end(), fragments: walk.cursor(), time: tables.times.time }
            }
            _ => Place { tables: *tables, fragments: fragments::Cursor::default(), time: tables.times.time },
        }))
    }
}

/// A collection of the times of key frames: how far it is.
#[derive(Debug)]
pub struct Keys {
    list: KeyTimes,
    cursor: TimeCursor,
    /// The entry of the table of sync samples.
    sync: u32,
    fragments: fragments::Cursor,
    /// The tables are behind.
    in_fragments: bool,
}

impl Keys {
    /// A collection of places in a track.
    pub fn new(track: &Track) -> Self {
        let (cursor, fragments) = (TimeCursor::default(), fragments::Cursor::default());
        Self { list: KeyTimes::new(track.kind), cursor, sync: 0, fragments, in_fragments: false }
    }

    /// Goes one step. True once all times are collected.
    pub fn step(
        &mut self,
        track: &mut Track,
        source: &mut dyn Source,
        times: &mut Vec<u64>,
    ) -> Result<bool, FileError> {
        let mut steps = Steps::default();
        while !self.in_fragments {
            if !steps.take() || !self.next_in_tables(track, source, &mut steps)? {
                return Ok(false);
            }
            if self.cursor.run.sample >= track.tables.sizes.count() {
                self.in_fragments = true;
                self.fragments = fragments::Cursor::from_time(self.cursor.time);
            } else {
                self.sync = self.sync.saturating_add(1);
                self.note(track, self.cursor.time, times);
            }
        }
        let Some(mut fragments) = track.fragments.take() else { return Ok(true) };
        let done = self.collect(&mut fragments, track, source, times, &mut steps);
        track.fragments = Some(fragments);
        done
    }

    fn note(&mut self, track: &Track, time: u64, times: &mut Vec<u64>) {
        // What was cut off in front by an edit list has a time below zero.
        if let Ok(time) = u64::try_from(track.clock.signed(time.into())) {
            self.list.offer(time, times);
        }
    }

    /// Goes to the next one of the tables, or behind their last sample. False if there are no steps left.
    fn next_in_tables(
        &mut self,
        track: &mut Track,
        source: &mut dyn Source,
        steps: &mut Steps,
    ) -> Result<bool, FileError> {
        let tables = &mut track.tables;
        if track.kind == Kind::Audio {
            let behind = if self.sync > 0 { self.cursor.time.saturating_add(1) } else { 0 };
            let wanted = track.clock.units_at(self.list.wanted()).max(behind);
            return tables.skip_before(source, &mut self.cursor, wanted, steps);
        }
        let sample = match &mut tables.syncs {
            Some(syncs) => syncs.number(source, self.sync)?.map(|number| number.saturating_sub(1)),
            None => Some(self.sync),
        };
        let end = tables.sizes.count();
        let sample = sample.unwrap_or(end).min(end);
        tables.skip_times(source, &mut self.cursor, sample, steps)
    }

    fn collect(
        &mut self,
        fragments: &mut fragments::Fragments,
        track: &Track,
        source: &mut dyn Source,
        times: &mut Vec<u64>,
        steps: &mut Steps,
    ) -> Result<bool, FileError> {
        let mut pieces = MANY_PIECES;
        while steps.take() {
            match fragments.next(source, &mut self.fragments, &mut pieces)? {
                Found::Here(sample) if sample.is_sync => self.note(track, sample.time, times),
                Found::Here(_) => {}
                Found::NotYet => return Ok(false),
                Found::End => return Ok(true),
            }
        }
        Ok(false)
    }
}
