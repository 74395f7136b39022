//! The space of deleted files that does not count as free yet: btrfs shows it with its next commit, most others at
//! once.

use std::time::{Duration, Instant};

/// The time in which the room of deleted files is seen at the latest.
const SETTLING: Duration = Duration::from_secs(30);

/// The room that a file system is still to show.
#[derive(Debug, Default)]
pub struct PendingSpace {
    /// Bytes that have been deleted, and those of them that have been seen to be free since.
    deleted: u64,
    seen: u64,
    /// The free bytes at the last look.
    free: Option<u64>,
    /// After this time nothing is expected any more.
    until: Option<Instant>,
}

impl PendingSpace {
    /// Something has been deleted.
    pub fn delete(&mut self, now: Instant, bytes: u64) {
        self.deleted = self.deleted.saturating_add(bytes);
        self.until = Some(now + SETTLING);
    }

    /// So much is free now. What others write meanwhile hides a part of what is seen, so most of it is enough.
    pub fn look(&mut self, now: Instant, free: u64) {
        let before = self.free.replace(free).unwrap_or(free);
        self.seen = self.seen.saturating_add(free.saturating_sub(before));
        if self.seen >= self.deleted / 2 || self.until.is_none_or(|until| until <= now) {
            (self.deleted, self.seen, self.until) = (0, 0, None);
        }
    }

    /// Bytes that are still to be seen.
    pub fn bytes(&self) -> u64 {
        self.deleted.saturating_sub(self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_that_counts_as_free_is_not_waited_for() {
        let (now, mut pending) = (Instant::now(), PendingSpace::default());
        pending.look(now, 1000);
        pending.delete(now, 100);
        assert_eq!(pending.bytes(), 100);
        // While it was deleted, somebody wrote 30 bytes.
        pending.look(now, 1070);
        assert_eq!(pending.bytes(), 0);
        pending.look(now, 500);
        assert_eq!(pending.bytes(), 0, "what is written then is nothing that was deleted");
    }

    #[test]
    fn space_that_does_not_count_as_free_is_waited_for_only_for_some_time() {
        let (start, mut pending) = (Instant::now(), PendingSpace::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        pending.look(at(0), 1000);
        pending.delete(at(0), 50);
        pending.look(at(1), 1000);
        pending.delete(at(1), 50);
        pending.look(at(2), 1010);
        assert_eq!(pending.bytes(), 90);
        pending.look(at(30), 900);
        assert_eq!(pending.bytes(), 90);
        pending.look(at(31), 900);
        assert_eq!(pending.bytes(), 0);
    }
}
