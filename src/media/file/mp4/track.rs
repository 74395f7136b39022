//! A track that is played: its samples one after the other, first those of the tables, then those of fragments.

use super::boxes::{BoxHead, Boxes};
use super::clock::Clock;
use super::description::{self, Description};
use super::fragments::{self, FEW_PIECES, Found, Fragments, MANY_PIECES};
use super::movie::{Movie, Trak};
use super::tables::{self, Sample, Tables};
use crate::media::file::{FileError, MAX_MESSAGE, Source};
use crate::media::kind::Kind;

/// Samples that may be left out one after the other, as they have no bytes, or too many, or cannot be sent.
const MAX_LEFT_OUT: u32 = 8192;

/// What may be gone through in one call.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Pieces that are read to find boxes of fragments.
    pub pieces: u32,
    /// Samples that are left out.
    pub left_out: u32,
}

impl Limits {
    /// While other tracks have samples.
    pub const FEW: Self = Self { pieces: FEW_PIECES, left_out: 256 };
    /// While no other has.
    pub const MANY: Self = Self { pieces: MANY_PIECES, left_out: 256 };
    /// Where a file is opened.
    pub const OPENING: Self = Self { pieces: MANY_PIECES, left_out: MAX_LEFT_OUT };
}

/// A track that is played.
#[derive(Debug)]
pub struct Track {
    /// Pictures or sound.
    pub kind: Kind,
    /// Its times.
    pub clock: Clock,
    /// What its samples are.
    pub description: Description,
    /// A configuration is to be sent before the next sample.
    pub owes_configuration: bool,
    /// The tables of its samples.
    pub tables: Tables,
    /// Its fragments, if the file may have some.
    pub fragments: Option<Fragments>,
    /// Samples in a second, if it is known.
    pub frame_rate: Option<f64>,
    /// It has not come to its next sample, as there were too many in front that cannot be sent.
    pub is_leaving_out: bool,
    /// The next sample, if it has been looked up.
    pending: Option<Sample>,
    place: Place,
    /// The number of the description.
    number: u32,
    descriptions: BoxHead,
    /// A bit for each description that cannot be sent.
    unsendable: u64,
    /// Samples that have been left out since the last one that can be sent.
    left_out: u32,
}

/// A place in a track.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// In the tables.
    pub tables: tables::Cursor,
    /// In the fragments, once the tables are behind.
    pub fragments: fragments::Cursor,
    /// The time, in the units of the track.
    pub time: u64,
}

impl Track {
    /// Whether a sample that has been looked up has not been sent.
    pub fn has_next(&self) -> bool {
        self.pending.is_some()
    }

    /// A track at its beginning, whose first description was read.
    pub fn new(trak: Trak, description: Description, movie: &Movie) -> Self {
        let (samples, seconds) =
            (trak.tables.sizes.count(), trak.duration as f64 / f64::from(trak.timescale));
        let fragments = movie.is_fragmented.then(|| Fragments::new(trak.id, trak.defaults));
        let has_rate = samples > 1 && seconds > 0.0 && !movie.is_fragmented;
        Self {
            kind: trak.kind,
            frame_rate: has_rate.then(|| f64::from(samples) / seconds),
            clock: Clock::new(trak.timescale, &trak.edits, movie.timescale),
            owes_configuration: !description.configuration.is_empty(),
            description,
            tables: trak.tables,
            fragments,
            is_leaving_out: false,
            pending: None,
            place: Place::default(),
            number: 1,
            descriptions: trak.descriptions,
            unsendable: 0,
            left_out: 0,
        }
    }

    /// The next sample that can be sent. Its description is then the track's.
    pub fn peek(&mut self, source: &mut dyn Source, limits: Limits) -> Result<Found<Sample>, FileError> {
        let mut pieces = limits.pieces;
        self.is_leaving_out = false;
        for _ in 0..limits.left_out {
            let sample = match self.pending {
                Some(sample) => sample,
                None => match self.look_up(source, &mut pieces)? {
                    Found::Here(sample) => sample,
                    other => return Ok(other),
                },
            };
            self.pending = Some(sample);
            let is_sendable = sample.size > 0 && sample.size as usize <= MAX_MESSAGE;
            if is_sendable && self.describe(source, sample.description)? {
                self.left_out = 0;
                return Ok(Found::Here(sample));
            }
            self.pending = None;
            self.left_out = self.left_out.saturating_add(1);
            if self.left_out >= MAX_LEFT_OUT {
                return Err(FileError::Broken("it has too many samples that cannot be sent"));
            }
        }
        self.is_leaving_out = true;
        Ok(Found::NotYet)
    }

    fn look_up(&mut self, source: &mut dyn Source, pieces: &mut u32) -> Result<Found<Sample>, FileError> {
        if let Some(sample) = self.tables.next(source, &mut self.place.tables)? {
            return Ok(Found::Here(sample));
        }
        if self.place.fragments == fragments::Cursor::default() {
            self.place.fragments = fragments::Cursor::from_time(self.place.tables.times.time);
        }
        match &mut self.fragments {
            Some(fragments) => fragments.next(source, &mut self.place.fragments, pieces),
            None => Ok(Found::End),
        }
    }

    /// The sample that was looked up has been sent.
    pub fn take(&mut self) {
        self.pending = None;
    }

    /// Goes to another sample.
    pub fn go_to(&mut self, place: Place) {
        (self.place, self.pending, self.left_out) = (place, None, 0);
        self.owes_configuration = !self.description.configuration.is_empty();
    }

    /// Reads another description if the next sample has it. False if that cannot be sent.
    fn describe(&mut self, source: &mut dyn Source, number: u32) -> Result<bool, FileError> {
        if number == self.number {
            return Ok(true);
        }
        let bit = 1u64.wrapping_shl(number.clamp(1, description::MAX_DESCRIPTIONS) - 1);
        if self.unsendable & bit != 0 {
            return Ok(false);
        }
        let read = description::read(&mut Boxes::new(source), &self.descriptions, self.kind, number)?;
        let Ok(description) = read else {
            self.unsendable |= bit;
            return Ok(false);
        };
        if description != self.description {
            self.owes_configuration = !description.configuration.is_empty();
        }
        (self.description, self.number) = (description, number);
        Ok(true)
    }
}
