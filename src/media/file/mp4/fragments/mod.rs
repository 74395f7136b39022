//! Fragments (`moof`, ISO 14496-12 8.8), which one track goes through with a cursor: from one `moof` to the next, within it
//! from one `traf` of the track to the next, and within that from one `trun` to the next. What is of other tracks is
//! passed by.

mod index;
mod walk;

pub use walk::Walk;

use crate::media::Reader;
use crate::media::file::mp4::boxes::{self, BoxHead, Piece};
use crate::media::file::mp4::movie::Defaults;
use crate::media::file::mp4::tables::{Sample, Steps};
use crate::media::file::{FileError, Source};

/// The longest `moof`, bytes.
const MAX_MOOF: u64 = 4 << 20;

/// Pieces that are read in one call to find boxes, while other tracks have samples.
pub const FEW_PIECES: u32 = 64;
/// Pieces that are read in one call to find boxes.
pub const MANY_PIECES: u32 = 1024;

/// `tfhd` has a base for offsets, a description, a duration, a size, flags (8.8.7).
const BASE: u32 = 0x01;
const DESCRIPTION: u32 = 0x02;
const DURATION: u32 = 0x08;
const SIZE: u32 = 0x10;
const FLAGS: u32 = 0x20;

/// `trun` has the offset of its data, and the flags of its first sample (8.8.8).
const DATA_OFFSET: u32 = 0x001;
const FIRST_FLAGS: u32 = 0x004;
/// Its samples have durations, sizes, flags, composition times.
const DURATIONS: u32 = 0x100;
const SIZES: u32 = 0x200;
const EACH_FLAGS: u32 = 0x400;
const COMPOSITIONS: u32 = 0x800;

/// `sample_is_non_sync_sample` (8.8.3.1).
const NON_SYNC: u32 = 0x0001_0000;

/// The fragments of a track.
#[derive(Debug, Clone)]
pub struct Fragments {
    /// `track_ID`.
    id: u32,
    defaults: Defaults,
    piece: Piece,
}

/// A place in the fragments of a track.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The next box of the file itself.
    next: u64,
    /// The `moof`, and the boxes of it that are left.
    moof: u64,
    trafs: Span,
    /// The boxes that are left of the `traf`.
    runs: Span,
    /// What offsets of data count from.
    base: u64,
    /// What the samples of the `traf` are.
    defaults: Defaults,
    /// The samples that are left of the `trun`.
    run: Run,
    /// The place of the next sample.
    data: u64,
    /// The time of the next sample.
    time: u64,
    /// The time was told, and did not have to be counted.
    is_told: bool,
}

/// A place, and the end of what it is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Span {
    at: u64,
    end: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Run {
    /// The entry of the next sample.
    at: u64,
    end: u64,
    /// Samples that are left.
    left: u32,
    /// Those of `trun`.
    flags: u32,
    /// The flags of the next sample if it is the first one, and they are told apart.
    first_flags: Option<u32>,
}

/// What is found in fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<T> {
    /// It.
    Here(T),
    /// Nothing in the boxes that may be looked at in one call: the cursor has come further.
    NotYet,
    /// Nothing up to the end of the file, which may grow.
    End,
}

impl Cursor {
    /// The place in fragments that begin at a box of the file.
    fn at(next: u64) -> Self {
        Self { next, ..Self::default() }
    }

    /// The beginning of fragments that go on at a time where they tell none.
    pub fn from_time(time: u64) -> Self {
        Self { time, ..Self::default() }
    }
}

impl Fragments {
    /// The fragments of a track.
    pub fn new(id: u32, defaults: Defaults) -> Self {
        Self { id, defaults, piece: Piece::default() }
    }

    /// The sample at a cursor, which is then at the next one. After an error the cursor is where it was.
    pub fn next(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut Cursor,
        pieces: &mut u32,
    ) -> Result<Found<Sample>, FileError> {
        let mut next = *cursor;
        let found = loop {
            if next.run.left > 0 {
                let sample = self.sample(source, &mut next)?;
                break sample.map_or(Found::End, Found::Here);
            }
            if self.next_run(source, &mut next, pieces)? {
                continue;
            }
            match self.find_traf(source, &mut next, pieces)? {
                Found::Here(()) => {}
                Found::NotYet => break Found::NotYet,
                Found::End => break Found::End,
            }
        };
        *cursor = next;
        Ok(found)
    }

    /// Goes to the next `traf` of the track, in the same `moof` or a later one, over the rest of this one. After an error
    /// the cursor is where it was.
    pub fn next_traf(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut Cursor,
        pieces: &mut u32,
    ) -> Result<Found<()>, FileError> {
        let mut next = *cursor;
        let found = self.find_traf(source, &mut next, pieces)?;
        *cursor = next;
        Ok(found)
    }

    /// The time behind the last sample, if it is found by reading so many pieces and samples.
    pub fn end_time(&mut self, source: &mut dyn Source, steps: &mut Steps) -> Result<Option<u64>, FileError> {
        let from = self.place_before(source, u64::MAX)?;
        let (mut cursor, mut last, mut pieces) = (from, from, MANY_PIECES);
        loop {
            match self.next_traf(source, &mut cursor, &mut pieces)? {
                Found::Here(()) if cursor.is_told => last = cursor,
                Found::Here(()) => {}
                Found::NotYet => return Ok(None),
                Found::End => break,
            }
        }
        while steps.take() {
            match self.next(source, &mut last, &mut pieces)? {
                Found::Here(_) => {}
                Found::NotYet => break,
                Found::End => return Ok(Some(last.time)),
            }
        }
        Ok(None)
    }

    fn find_traf(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut Cursor,
        pieces: &mut u32,
    ) -> Result<Found<()>, FileError> {
        loop {
            while let Some(head) = self.child(source, &mut cursor.trafs, pieces)? {
                if head.kind == *b"traf" && self.enter(source, cursor, &head, pieces)? {
                    return Ok(Found::Here(()));
                }
            }
            if *pieces == 0 {
                return Ok(Found::NotYet);
            }
            let length = source.length()?;
            let loads = self.piece.loads();
            let head = boxes::head(source, &mut self.piece, cursor.next, length)?;
            *pieces = pieces.saturating_sub(self.piece.loads().wrapping_sub(loads));
            let Some(head) = head else {
                // What was read is of a time when the file was shorter.
                self.piece.clear();
                return Ok(Found::End);
            };
            if head.kind == *b"moof" {
                if head.end.saturating_sub(head.start) > MAX_MOOF {
                    return Err(FileError::Broken("a fragment of it has too long an index"));
                }
                if head.end > length {
                    self.piece.clear();
                    return Ok(Found::End);
                }
                cursor.moof = head.start;
                cursor.trafs = Span { at: head.content, end: head.end };
            }
            cursor.next = head.end;
        }
    }

    /// The next box in a span, which is then behind it.
    fn child(
        &mut self,
        source: &mut dyn Source,
        span: &mut Span,
        pieces: &mut u32,
    ) -> Result<Option<BoxHead>, FileError> {
        let loads = self.piece.loads();
        let head = boxes::head(source, &mut self.piece, span.at, span.end)?;
        *pieces = pieces.saturating_sub(self.piece.loads().wrapping_sub(loads));
        let Some(head) = head else {
            span.at = span.end;
            return Ok(None);
        };
        let head = BoxHead { end: head.end.min(span.end), ..head };
        span.at = head.end;
        Ok(Some(head))
    }

    /// Enters a `traf` if it is of the track.
    fn enter(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut Cursor,
        traf: &BoxHead,
        pieces: &mut u32,
    ) -> Result<bool, FileError> {
        let mut inside = Span { at: traf.content, end: traf.end };
        let Some(head) = self.child(source, &mut inside, pieces)? else { return Ok(false) };
        let bytes = self.fields::<40>(source, &head)?;
        let mut reader = Reader::new(&bytes);
        let mut number = || reader.u32().unwrap_or_default();
        let (flags, id) = (number() & 0xff_ffff, number());
        if head.kind != *b"tfhd" || id != self.id {
            return Ok(false);
        }
        let mut next = |flag: u32, default: u32| if flags & flag != 0 { number() } else { default };
        let base = u64::from(next(BASE, 0)) << 32 | u64::from(next(BASE, 0));
        let defaults = Defaults {
            description: next(DESCRIPTION, self.defaults.description),
            duration: next(DURATION, self.defaults.duration),
            size: next(SIZE, self.defaults.size),
            flags: next(FLAGS, self.defaults.flags),
        };
        let base = if flags & BASE != 0 { base } else { cursor.moof };
        let told = self.told_time(source, inside, pieces)?;
        (cursor.base, cursor.data, cursor.defaults) = (base, base, defaults);
        (cursor.time, cursor.is_told) = (told.unwrap_or(cursor.time), told.is_some());
        (cursor.runs, cursor.run) = (inside, Run::default());
        Ok(true)
    }

    /// The time of a `tfdt` (8.8.12) among boxes in front of the first `trun`.
    fn told_time(
        &mut self,
        source: &mut dyn Source,
        mut inside: Span,
        pieces: &mut u32,
    ) -> Result<Option<u64>, FileError> {
        while let Some(head) = self.child(source, &mut inside, pieces)? {
            match &head.kind {
                b"tfdt" => {
                    let [version, _, _, _, long @ ..] = self.fields::<12>(source, &head)?;
                    let time = u64::from_be_bytes(long);
                    return Ok(Some(if version == 1 { time } else { time >> 32 }));
                }
                b"trun" => break,
                _ => {}
            }
        }
        Ok(None)
    }

    /// Goes to the next `trun`. False if the `traf` has no further one.
    fn next_run(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut Cursor,
        pieces: &mut u32,
    ) -> Result<bool, FileError> {
        let mut runs = cursor.runs;
        while let Some(head) = self.child(source, &mut runs, pieces)? {
            if head.kind != *b"trun" {
                cursor.runs = runs;
                continue;
            }
            let bytes = self.fields::<16>(source, &head)?;
            let mut reader = Reader::new(&bytes);
            let mut number = || reader.u32().unwrap_or_default();
            let (flags, count) = (number() & 0xff_ffff, number());
            let mut at = head.content.saturating_add(8);
            let mut next = |flag: u32| {
                (flags & flag != 0).then(|| {
                    at = at.saturating_add(4);
                    number()
                })
            };
            if let Some(offset) = next(DATA_OFFSET) {
                cursor.data = cursor.base.saturating_add_signed(i64::from(offset.cast_signed()));
            }
            let first_flags = next(FIRST_FLAGS);
            let mut run = Run { at, end: head.end, left: count, flags, first_flags };
            if let Some(fitting) = head.end.saturating_sub(at).checked_div(run.width()) {
                run.left = count.min(u32::try_from(fitting).unwrap_or(u32::MAX));
            }
            (cursor.run, cursor.runs) = (run, runs);
            return Ok(true);
        }
        cursor.runs = runs;
        Ok(false)
    }

    /// The next sample of a `trun` that has one; none if the file was cut.
    fn sample(&mut self, source: &mut dyn Source, cursor: &mut Cursor) -> Result<Option<Sample>, FileError> {
        let (run, defaults) = (cursor.run, cursor.defaults);
        let width = run.width();
        let Some(bytes) = self.piece.get(source, run.at, width as usize, run.end)? else { return Ok(None) };
        let mut reader = Reader::new(bytes);
        let mut next = |flag: u32, default: u32| {
            if run.flags & flag != 0 { reader.u32().unwrap_or(default) } else { default }
        };
        let (duration, size) = (next(DURATIONS, defaults.duration), next(SIZES, defaults.size));
        let flags = run.first_flags.unwrap_or(defaults.flags);
        let (flags, composition) = (next(EACH_FLAGS, flags), next(COMPOSITIONS, 0).cast_signed());
        let sample = Sample {
            at: cursor.data,
            size,
            time: cursor.time,
            composition,
            is_sync: flags & NON_SYNC == 0,
            description: defaults.description,
        };
        let at = run.at.saturating_add(width);
        cursor.run = Run { at, left: run.left.saturating_sub(1), first_flags: None, ..run };
        cursor.data = cursor.data.saturating_add(size.into());
        cursor.time = cursor.time.saturating_add(duration.into());
        Ok(Some(sample))
    }

    /// The first bytes of a box's content, zeros where it is shorter.
    fn fields<const N: usize>(
        &mut self,
        source: &mut dyn Source,
        head: &BoxHead,
    ) -> Result<[u8; N], FileError> {
        let mut fields = [0; N];
        let there = usize::try_from(head.end.saturating_sub(head.content)).unwrap_or(usize::MAX).min(N);
        let bytes = self.piece.get(source, head.content, there, head.end)?.unwrap_or_default();
        fields.iter_mut().zip(bytes).for_each(|(field, byte)| *field = *byte);
        Ok(fields)
    }
}

impl Run {
    /// Bytes of the entry of a sample.
    fn width(&self) -> u64 {
        u64::from((self.flags & (DURATIONS | SIZES | EACH_FLAGS | COMPOSITIONS)).count_ones()) * 4
    }
}
