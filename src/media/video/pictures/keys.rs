//! Key frames: the pictures that a decoder can start at.

use super::contents::Contents;
use crate::media::kind::Role;

/// The time without a key frame after which tags are believed, milliseconds.
const PATIENCE: u64 = 5000;

/// The key frames of one publisher. All times are milliseconds.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// The last picture with a random access unit type, and from the one before to it.
    random_access: Option<u64>,
    interval: Option<u64>,
    /// The last key frame, or else the first picture.
    last: Option<u64>,
    /// The last picture was tagged as a key frame.
    was_tagged: bool,
}

impl Keys {
    /// True if a picture is a key frame: an IDR or IRAP picture; a recovery point, which may only begin to get better
    /// pictures from there on, where the stream has no others in time; an I picture that is tagged so. `tagged` is what
    /// the tag says, `recovers` whether there is a recovery point.
    ///
    /// Some encoders refresh the picture bit by bit and say so in the tags alone. They are believed where there is
    /// nothing else, unless every picture has such a tag.
    pub fn judge(&mut self, tagged: Role, timestamp: u64, recovers: bool, contents: &Contents<'_>) -> bool {
        let is_tagged = tagged == Role::Key;
        let last = *self.last.get_or_insert(timestamp);
        let is_late = timestamp.saturating_sub(last) >= PATIENCE;
        let is_believed = is_tagged && !self.was_tagged && is_late;
        let is_key = contents.is_random_access
            || recovers && (is_tagged || self.misses_random_access(timestamp))
            || is_tagged && contents.is_intra
            || is_believed;
        if contents.is_random_access {
            self.interval = self.random_access.map(|before| timestamp.saturating_sub(before));
            self.random_access = Some(timestamp);
        }
        if is_key {
            self.last = Some(timestamp);
        }
        self.was_tagged = is_tagged;
        is_key
    }

    /// True if there has been no IDR or IRAP picture for longer than they are apart.
    fn misses_random_access(&self, timestamp: u64) -> bool {
        let (Some(last), Some(interval)) = (self.random_access, self.interval) else { return true };
        timestamp.saturating_sub(last) > interval.saturating_mul(2)
    }
}
