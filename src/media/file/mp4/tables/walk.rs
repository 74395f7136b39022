//! Ways through the tables of a track to a sample, in bounded steps.

use super::{ChunkCursor, Cursor, RunCursor, Sizes, Steps, Tables, TimeCursor};
use crate::media::file::{FileError, Source};

/// A way to a sample, which goes on with each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// The sample is looked for by its time.
    ByTime(Aim, TimeCursor),
    /// The sample is known; the cursors go to it.
    ToSample(u32, Cursor),
}

/// What is looked for. Times are in the units of the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// The last sync sample before a time, or the first one.
    SyncBefore(u64),
    /// The first sample at a time, or after it.
    FirstFrom(u64),
}

impl Walk {
    /// A way to a sample from the beginning.
    pub fn new(aim: Aim) -> Self {
        Self::ByTime(aim, TimeCursor::default())
    }

    /// Goes on. The cursor of the sample once it is reached; it is behind the last sample if there is none as late.
    pub fn step(
        &mut self,
        tables: &mut Tables,
        source: &mut dyn Source,
        steps: &mut Steps,
    ) -> Result<Option<Cursor>, FileError> {
        if let Self::ByTime(aim, cursor) = self {
            let before = match *aim {
                Aim::SyncBefore(time) | Aim::FirstFrom(time) => time,
            };
            if !tables.skip_before(source, cursor, before, steps)? {
                return Ok(None);
            }
            let sample = match aim {
                // The cursor is at the first sample that is not before.
                Aim::SyncBefore(_) => {
                    tables.sync_at_or_before(source, cursor.run.sample.saturating_sub(1))?
                }
                Aim::FirstFrom(_) => cursor.run.sample,
            };
            *self = Self::ToSample(sample, Cursor::default());
        }
        let Self::ToSample(sample, cursor) = self else { return Ok(None) };
        let is_there = tables.skip_times(source, &mut cursor.times, *sample, steps)?
            && tables.skip_offsets(source, &mut cursor.offsets, *sample, steps)?
            && tables.skip_chunks(source, &mut cursor.chunks, *sample, steps)?
            && tables.skip_bytes(source, &mut cursor.chunks, *sample, steps)?;
        if !is_there {
            return Ok(None);
        }
        cursor.sync = tables.sync_entry(source, *sample)?;
        Ok(Some(*cursor))
    }
}

impl Tables {
    /// Goes to the first sample whose time is not before another one, or behind the last sample. False if there are no
    /// steps left.
    pub fn skip_before(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut TimeCursor,
        before: u64,
        steps: &mut Steps,
    ) -> Result<bool, FileError> {
        let samples = self.sizes.count();
        while cursor.time < before && cursor.run.sample < samples {
            if !steps.take() {
                return Ok(false);
            }
            let Some((left, delta)) = self.time_run(source, cursor, samples)? else { continue };
            let wanted = match before.saturating_sub(cursor.time).checked_div(delta.into()) {
                Some(whole) => u32::try_from(whole).unwrap_or(u32::MAX).max(1),
                None => u32::MAX,
            };
            advance(cursor, wanted.min(left), delta);
        }
        Ok(true)
    }

    /// Goes to a sample, as far as there are steps. False if there are none left.
    pub fn skip_times(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut TimeCursor,
        sample: u32,
        steps: &mut Steps,
    ) -> Result<bool, FileError> {
        while cursor.run.sample < sample {
            if !steps.take() {
                return Ok(false);
            }
            let Some((left, delta)) = self.time_run(source, cursor, sample)? else { continue };
            advance(cursor, left, delta);
        }
        Ok(true)
    }

    /// How many samples before `end` have the same time between them from a cursor on, and that time. None if the cursor
    /// was moved to the next entry for that.
    fn time_run(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut TimeCursor,
        end: u32,
    ) -> Result<Option<(u32, u32)>, FileError> {
        let wanted = end.saturating_sub(cursor.run.sample);
        let Some((count, _)) = self.times.pair(source, cursor.run.entry)? else {
            // The last time is that of all samples behind the table.
            let delta = self.settle_time(source, cursor, &mut Steps::default())?;
            return Ok(Some((wanted, delta)));
        };
        if cursor.run.used >= count {
            (cursor.run.entry, cursor.run.used) = (cursor.run.entry + 1, 0);
            return Ok(None);
        }
        let delta = self.settle_time(source, cursor, &mut Steps::default())?;
        Ok(Some((wanted.min(count - cursor.run.used), delta)))
    }

    fn skip_offsets(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut RunCursor,
        sample: u32,
        steps: &mut Steps,
    ) -> Result<bool, FileError> {
        while cursor.sample < sample {
            if !steps.take() {
                return Ok(false);
            }
            let Some((count, _)) = self.offsets.pair(source, cursor.entry)? else {
                (cursor.sample, cursor.used) = (sample, 0);
                return Ok(true);
            };
            let left = count.saturating_sub(cursor.used);
            let moved = left.min(sample - cursor.sample);
            (cursor.sample, cursor.used) = (cursor.sample + moved, cursor.used + moved);
            if moved == left {
                (cursor.entry, cursor.used) = (cursor.entry + 1, 0);
            }
        }
        Ok(true)
    }

    /// Goes to the chunk of a sample, and to its beginning. False if there are no steps left.
    fn skip_chunks(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut ChunkCursor,
        sample: u32,
        steps: &mut Steps,
    ) -> Result<bool, FileError> {
        while cursor.sample < sample && cursor.chunk < self.chunks.count() {
            if !steps.take() {
                return Ok(false);
            }
            let Some((per_chunk, _)) = self.run(source, cursor, &mut Steps::few())? else { return Ok(true) };
            // Those of this chunk and of the whole ones before the next entry.
            let next = self.first_chunk(source, cursor.entry.saturating_add(1))?.unwrap_or(u32::MAX);
            let end = next.min(self.chunks.count()).max(cursor.chunk.saturating_add(1));
            let wanted = sample - cursor.sample;
            let whole = wanted.checked_div(per_chunk).unwrap_or(u32::MAX).min(end - cursor.chunk);
            if whole == 0 || cursor.used > 0 {
                return Ok(true);
            }
            cursor.chunk += whole;
            cursor.sample = cursor.sample.saturating_add(whole.saturating_mul(per_chunk));
        }
        Ok(true)
    }

    /// Goes over the samples of a chunk that are before one in it. False if there are no steps left.
    fn skip_bytes(
        &mut self,
        source: &mut dyn Source,
        cursor: &mut ChunkCursor,
        sample: u32,
        steps: &mut Steps,
    ) -> Result<bool, FileError> {
        if cursor.chunk >= self.chunks.count() {
            // There is no such sample.
            cursor.sample = sample;
        }
        if let Sizes::Same { size, .. } = self.sizes {
            let skipped = sample.saturating_sub(cursor.sample);
            (cursor.sample, cursor.used) = (cursor.sample + skipped, cursor.used.saturating_add(skipped));
            cursor.bytes = cursor.bytes.saturating_add(u64::from(skipped).saturating_mul(size.into()));
        }
        while cursor.sample < sample {
            if !steps.take() {
                return Ok(false);
            }
            let size = self.sizes.size(source, cursor.sample)?.unwrap_or_default();
            cursor.bytes = cursor.bytes.saturating_add(size.into());
            (cursor.sample, cursor.used) = (cursor.sample + 1, cursor.used.saturating_add(1));
        }
        Ok(true)
    }

    /// The last sync sample up to a sample, from 0; the first one if there is none; the first sample if none is one.
    fn sync_at_or_before(&mut self, source: &mut dyn Source, sample: u32) -> Result<u32, FileError> {
        if self.syncs.is_none() {
            return Ok(sample.min(self.sizes.count().saturating_sub(1)));
        }
        let entry = self.sync_entry(source, sample.saturating_add(1))?.saturating_sub(1);
        let Some(syncs) = &mut self.syncs else { return Ok(sample) };
        Ok(syncs.number(source, entry)?.unwrap_or(1).saturating_sub(1))
    }

    /// The first entry of the table of sync samples that is a sample, from 0, or behind it.
    fn sync_entry(&mut self, source: &mut dyn Source, sample: u32) -> Result<u32, FileError> {
        let Some(syncs) = &mut self.syncs else { return Ok(0) };
        let (mut low, mut high) = (0, syncs.count());
        while low < high {
            let middle = low + (high - low) / 2;
            match syncs.number(source, middle)? {
                Some(sync) if sync <= sample => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

/// Moves a cursor over samples of its entry.
fn advance(cursor: &mut TimeCursor, samples: u32, delta: u32) {
    cursor.run.used = cursor.run.used.saturating_add(samples);
    cursor.run.sample = cursor.run.sample.saturating_add(samples);
    let time = u64::from(samples).saturating_mul(delta.into());
    cursor.time = cursor.time.saturating_add(time);
}
