//! The tables of a track's samples (ISO 14496-12 8.5 to 8.7), which are gone through with a cursor.

mod walk;

pub use walk::{Aim, Walk};

use crate::media::file::mp4::boxes::Table;
use crate::media::file::{FileError, Source};

/// Entries that may be gone through in one call.
pub const MAX_STEPS: u32 = 8192;

/// How much more a call may go through.
#[derive(Debug)]
pub struct Steps(u32);

impl Default for Steps {
    fn default() -> Self {
        Self(MAX_STEPS)
    }
}

impl Steps {
    /// Those over entries that a writer has no reason to write.
    pub fn few() -> Self {
        Self(64)
    }

    /// Takes one step. False if there is none left.
    pub fn take(&mut self) -> bool {
        let left = self.0.checked_sub(1);
        self.0 = left.unwrap_or_default();
        left.is_some()
    }

    /// Takes a step that is needed to go on; an error if there is none left.
    pub fn need(&mut self) -> Result<(), FileError> {
        self.take().then_some(()).ok_or(FileError::Broken("a table of it has too many empty entries"))
    }
}

/// A sample: where it is, and when it is shown. Times are in the units of its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Its place in the file.
    pub at: u64,
    /// Bytes.
    pub size: u32,
    /// Its decoding time.
    pub time: u64,
    /// Presentation time minus decoding time.
    pub composition: i32,
    /// A decoder can begin here.
    pub is_sync: bool,
    /// The number of its sample description, from 1.
    pub description: u32,
}

/// The sizes of samples.
#[derive(Debug, Clone)]
pub enum Sizes {
    /// All have so many bytes.
    Same {
        /// Bytes.
        size: u32,
        /// Samples.
        count: u32,
    },
    /// Numbers of 8, 16 or 32 bits.
    Bytes(Table),
    /// Two numbers of 4 bits in each entry, and how many numbers there are.
    Halves(Table, u32),
}

impl Default for Sizes {
    fn default() -> Self {
        Self::Same { size: 0, count: 0 }
    }
}

impl Sizes {
    /// Samples.
    pub fn count(&self) -> u32 {
        match self {
            Self::Same { count, .. } => *count,
            Self::Bytes(table) => table.count(),
            Self::Halves(table, count) => table.count().saturating_mul(2).min(*count),
        }
    }

    /// The size of a sample; none behind the last one.
    pub fn size(&mut self, source: &mut dyn Source, sample: u32) -> Result<Option<u32>, FileError> {
        if sample >= self.count() {
            return Ok(None);
        }
        match self {
            Self::Same { size, .. } => Ok(Some(*size)),
            Self::Bytes(table) => match table.width() {
                1 => Ok(table.entry(source, sample)?.map(|[size]| size.into())),
                2 => Ok(table.entry(source, sample)?.map(|bytes| u16::from_be_bytes(bytes).into())),
                _ => table.number(source, sample),
            },
            Self::Halves(table, _) => {
                let byte = table.entry(source, sample / 2)?.map(|[byte]| byte);
                Ok(byte.map(|byte| u32::from(if sample.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f })))
            }
        }
    }
}

/// The tables of a track.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// `stts`: samples, and the time from one to the next.
    pub times: Table,
    /// `ctts`: samples, and the time from decoding to presentation.
    pub offsets: Table,
    /// `stsc`: the first chunk with so many samples, their number, and their description.
    pub runs: Table,
    /// `stsz`, `stz2`.
    pub sizes: Sizes,
    /// `stco`, `co64`: the places of chunks.
    pub chunks: Table,
    /// `stss`: the numbers of sync samples. Without it, all are.
    pub syncs: Option<Table>,
}

/// A place in a table whose entries are each for a number of samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunCursor {
    /// The entry.
    pub entry: u32,
    /// Samples of the entry that are behind.
    pub used: u32,
    /// The sample.
    pub sample: u32,
}

/// A place in the table of times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeCursor {
    /// Where in the table.
    pub run: RunCursor,
    /// The decoding time of the sample.
    pub time: u64,
}

/// A place in the tables of chunks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChunkCursor {
    /// The entry of `stsc`.
    pub entry: u32,
    /// The chunk, from 0.
    pub chunk: u32,
    /// Samples of the chunk that are behind.
    pub used: u32,
    /// The sample.
    pub sample: u32,
    /// Bytes of the chunk that are behind.
    pub bytes: u64,
}

/// A place in all tables, that of the next sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// In the table of times.
    pub times: TimeCursor,
    /// In the table of composition times.
    pub offsets: RunCursor,
    /// In the tables of chunks.
    pub chunks: ChunkCursor,
    /// The first entry of the table of sync samples that is not behind.
    pub sync: u32,
}

impl Tables {
    /// The place behind the last sample.
    pub fn end(&self) -> Cursor {
        let chunks = ChunkCursor { sample: self.sizes.count(), ..ChunkCursor::default() };
        Cursor { chunks, ..Cursor::default() }
    }

    /// Whether a cursor is at a sample, not behind the last one.
    pub fn has(&self, cursor: &Cursor) -> bool {
        cursor.chunks.sample < self.sizes.count()
    }

    /// The sample at a cursor, which is then at the next one. None behind the last one. After an error the cursor is
    /// where it was.
    pub fn next(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut Cursor,
    ) -> Result<Option<Sample>, FileError> {
        let (mut next, mut steps) = (*cursor, Steps::default());
        let number = next.chunks.sample;
        let Some(size) = self.sizes.size(source, number)? else { return Ok(None) };
        let Some((per_chunk, description)) = self.settle_chunk(source, &mut next.chunks, &mut steps)? else {
            return Ok(None);
        };
        debug_assert!(next.chunks.used < per_chunk);
        let Some(chunk) = self.place(source, next.chunks.chunk)? else { return Ok(None) };
        let delta = self.settle_time(source, &mut next.times, &mut steps)?;
        let composition = self.settle_offset(source, &mut next.offsets, &mut steps)?;
        let is_sync = self.settle_sync(source, &mut next.sync, number, &mut steps)?;
        let (at, time) = (chunk.saturating_add(next.chunks.bytes), next.times.time);
        next.chunks.used += 1;
        next.chunks.bytes = next.chunks.bytes.saturating_add(size.into());
        next.times.run.used += 1;
        next.times.time = time.saturating_add(delta.into());
        next.offsets.used += 1;
        let after = number.saturating_add(1);
        (next.chunks.sample, next.times.run.sample, next.offsets.sample) = (after, after, after);
        *cursor = next;
        Ok(Some(Sample { at, size, time, composition, is_sync, description }))
    }

    /// The place of a chunk.
    fn place(&mut self, source: &mut dyn Source, chunk: u32) -> Result<Option<u64>, FileError> {
        if self.chunks.width() == 8 {
            return Ok(self.chunks.entry(source, chunk)?.map(u64::from_be_bytes));
        }
        Ok(self.chunks.number(source, chunk)?.map(u64::from))
    }

    /// Moves a cursor to the entry that its sample is in. Returns the time to the next sample: that of the last entry
    /// where the table is too short.
    pub fn settle_time(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut TimeCursor,
        steps: &mut Steps,
    ) -> Result<u32, FileError> {
        while let Some((count, delta)) = self.times.pair(source, cursor.run.entry)? {
            if cursor.run.used < count {
                return Ok(sane(delta));
            }
            steps.need()?;
            (cursor.run.entry, cursor.run.used) = (cursor.run.entry + 1, 0);
        }
        cursor.run.used = 0;
        let last = self.times.count().checked_sub(1);
        let last = last.map(|entry| self.times.pair(source, entry)).transpose()?.flatten();
        Ok(last.map_or(0, |(_, delta)| sane(delta)))
    }

    /// Moves a cursor to the entry that its sample is in. Returns the sample's composition time; 0 where the table is too
    /// short. Negative numbers are found in tables of version 0 too.
    fn settle_offset(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut RunCursor,
        steps: &mut Steps,
    ) -> Result<i32, FileError> {
        while let Some((count, offset)) = self.offsets.pair(source, cursor.entry)? {
            if cursor.used < count {
                return Ok(offset.cast_signed());
            }
            steps.need()?;
            (cursor.entry, cursor.used) = (cursor.entry + 1, 0);
        }
        cursor.used = 0;
        Ok(0)
    }

    /// Moves a cursor to the chunk that its sample is in. Returns how many samples the chunk has, and the number of their
    /// description; none behind the last one.
    pub fn settle_chunk(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut ChunkCursor,
        steps: &mut Steps,
    ) -> Result<Option<(u32, u32)>, FileError> {
        while cursor.chunk < self.chunks.count() {
            let Some(run) = self.run(source, cursor, steps)? else { return Ok(None) };
            if cursor.used < run.0 {
                return Ok(Some(run));
            }
            steps.need()?;
            (cursor.chunk, cursor.used, cursor.bytes) = (cursor.chunk + 1, 0, 0);
        }
        Ok(None)
    }

    /// Moves a cursor to the entry that its chunk is in. Returns the samples of a chunk of it, and their description.
    pub fn run(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut ChunkCursor,
        steps: &mut Steps,
    ) -> Result<Option<(u32, u32)>, FileError> {
        while let Some(first) = self.first_chunk(source, cursor.entry.saturating_add(1))?
            && first <= cursor.chunk
        {
            steps.need()?;
            cursor.entry += 1;
        }
        let run: Option<[u8; 12]> = self.runs.entry(source, cursor.entry)?;
        Ok(run.map(|[.., a, b, c, d, e, f, g, h]| {
            (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
        }))
    }

    /// The first chunk of an entry, from 0.
    pub fn first_chunk(&mut self, source: &mut dyn Source, entry: u32) -> Result<Option<u32>, FileError> {
        Ok(self.runs.number(source, entry)?.map(|first| first.saturating_sub(1)))
    }

    /// Moves over sync samples that are behind. Returns whether a sample, from 0, is one.
    fn settle_sync(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut u32,
        sample: u32,
        steps: &mut Steps,
    ) -> Result<bool, FileError> {
        let Some(syncs) = &mut self.syncs else { return Ok(true) };
        while let Some(sync) = syncs.number(source, *cursor)? {
            if sync > sample {
                return Ok(sync == sample.saturating_add(1));
            }
            steps.need()?;
            *cursor += 1;
        }
        Ok(false)
    }
}

/// A time between two samples; one that is negative is none.
fn sane(delta: u32) -> u32 {
    if delta > i32::MAX as u32 { 0 } else { delta }
}
