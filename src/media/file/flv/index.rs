//! The index of key frames in the script tag: seconds and places, looked up in the file where a search needs them.

use super::clock::{Clock, Mark};
use super::script::{NUMBER_SIZE, Numbers, Script};
use super::tags::Tags;
use crate::media::file::FileError;
use crate::media::{Kind, Role, time};

/// The most by which an index may be wrong on a time, milliseconds.
const TOLERANCE: u64 = 1000;
/// The longest file that is believed, seconds.
const MAX_SECONDS: f64 = 1e10;

/// The arrays of an index.
#[derive(Debug, Clone, Copy)]
pub struct Index {
    times: Numbers,
    positions: Numbers,
}

impl Index {
    pub fn of(script: &Script) -> Option<Self> {
        let Script { times, positions, .. } = *script;
        (times.count > 0 && times.count == positions.count).then_some(Self { times, positions })
    }

    pub fn count(&self) -> u32 {
        self.times.count
    }

    /// The last entry at or before a time; none if there is none.
    pub fn last_until(&self, tags: &mut Tags<'_>, to: u64) -> Result<Option<u32>, FileError> {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.time(tags, middle)? {
                Some(time) if time <= to => low = middle + 1,
                Some(_) => high = middle,
                None => return Ok(None),
            }
        }
        Ok(low.checked_sub(1))
    }

    /// The time of an entry, milliseconds.
    pub fn time(&self, tags: &mut Tags<'_>, entry: u32) -> Result<Option<u64>, FileError> {
        let seconds = number(tags, self.times, entry)?.filter(|number| (0.0..=MAX_SECONDS).contains(number));
        Ok(seconds.map(|seconds| (seconds * 1000.0).round() as u64))
    }

    /// The place of an entry.
    pub fn position(&self, tags: &mut Tags<'_>, entry: u32) -> Result<Option<u64>, FileError> {
        let position = number(tags, self.positions, entry)?;
        Ok(position.filter(|place| (0.0..=1e15).contains(place)).map(|place| place as u64))
    }

    /// The place and time of an entry, if a key frame begins there about that time.
    pub fn mark(&self, tags: &mut Tags<'_>, entry: u32, kind: Kind) -> Result<Option<Mark>, FileError> {
        let (Some(near), Some(at)) = (self.time(tags, entry)?, self.position(tags, entry)?) else {
            return Ok(None);
        };
        let tag = tags.exactly(at)?.filter(|tag| tag.kind == kind);
        let Some(tag) = tag else { return Ok(None) };
        let time = time::nearest(near, tag.timestamp).filter(|time| time.abs_diff(near) <= TOLERANCE);
        let Some(time) = time else { return Ok(None) };
        let is_key = tags.inspect(&tag)?.role == Role::Key;
        Ok(is_key.then_some(Mark { at, clock: Clock(Some(time)) }))
    }
}

fn number(tags: &mut Tags<'_>, numbers: Numbers, entry: u32) -> Result<Option<f64>, FileError> {
    let at = numbers.at + u64::from(entry) * NUMBER_SIZE;
    let value = tags.array::<{ NUMBER_SIZE as usize }>(at)?;
    Ok(value.and_then(|value| match value {
        [0, number @ ..] => Some(f64::from_be_bytes(number)),
        _ => None,
    }))
}
