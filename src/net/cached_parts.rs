//! Parts of files that were in memory a moment ago. Many clients fetch the same fragment at the same time, and only the
//! first of them has to look for it.

use std::time::{Duration, Instant};

use crate::engine::files::open_file::FileId;

/// Parts that are remembered; another one takes the place of one that has the same slot.
const SLOTS: usize = 256;
/// The time for which a part is assumed to stay in memory.
const STAYS: Duration = Duration::from_secs(1);
/// Bytes of a part: it ends at a multiple of this.
pub const PART: u64 = 512 * 1024;

/// What is remembered.
#[derive(Debug, Default)]
pub struct CachedParts(Vec<Option<Known>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    file: FileId,
    start: u64,
    end: u64,
    since: Instant,
}

impl CachedParts {
    /// The end of the part with this offset, if that was in memory a moment ago.
    pub fn end(&self, file: FileId, offset: u64, now: Instant) -> Option<u64> {
        let known = self.0.get(slot(file, offset)).copied().flatten()?;
        let is_it = known.file == file && (known.start..known.end).contains(&offset);
        (is_it && now < known.since + STAYS).then_some(known.end)
    }

    /// Remembers a part.
    pub fn note(&mut self, file: FileId, (start, end): (u64, u64), now: Instant) {
        self.0.resize(SLOTS, None);
        if let Some(place) = self.0.get_mut(slot(file, start)) {
            *place = Some(Known { file, start, end, since: now });
        }
    }
}

/// Consecutive parts, and consecutive files, have different slots.
fn slot(file: FileId, offset: u64) -> usize {
    (file.inode.wrapping_add(offset / PART) % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::files::open_file::OpenFile;
    use crate::test_folder::Folder;

    #[test]
    fn a_part_is_known_for_a_second_and_only_what_has_been_seen_of_it() {
        let folder = Folder::new();
        let [one, other] = ["a", "b"].map(|name| OpenFile::open(&folder.write(name, "")).id);
        let (mut parts, now) = (CachedParts::default(), Instant::now());
        assert_eq!(parts.end(one, 0, now), None);
        parts.note(one, (100, 200), now);
        parts.note(one, (PART, PART + 10), now);
        let ends = [99, 100, 199, 200, PART, PART + 10].map(|offset| parts.end(one, offset, now));
        assert_eq!(ends, [None, Some(200), Some(200), None, Some(PART + 10), None]);
        assert_eq!(parts.end(other, 100, now), None);
        assert_eq!(parts.end(one, 100, now + STAYS), None);
    }
}
