//! File descriptors: which of them connections and downloads may take, and which are kept for the server's own files.
//!
//! The kernel gives the lowest number that is free. So the number of a new descriptor tells how many others are open,
//! and nothing has to be counted.

use std::os::fd::RawFd;

/// The share of all descriptors that is kept for files.
const RESERVE_SHARE: u64 = 16;
/// The fewest that are kept, where the limit has twice as many.
const SMALLEST_RESERVE: u64 = 32;

/// The descriptors that the process may have open, divided by their numbers: connections have those below the reserve;
/// of the reserve, what HTTP clients download has the lower half, and recordings, fragments and playlists have all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    limit: u64,
}

/// No limit is known.
impl Default for Descriptors {
    fn default() -> Self {
        Self { limit: u64::MAX }
    }
}

impl Descriptors {
    /// Those of a process that may have `limit` open.
    pub fn new(limit: u64) -> Self {
        Self { limit }
    }

    /// How many the process may have open.
    pub fn limit(self) -> u64 {
        self.limit
    }

    /// How many are kept for files.
    pub fn reserve(self) -> u64 {
        (self.limit / RESERVE_SHARE).max(SMALLEST_RESERVE).min(self.limit / 2)
    }

    /// Whether a connection may have this one.
    pub fn may_connect(self, descriptor: RawFd) -> bool {
        number(descriptor) < self.limit - self.reserve()
    }

    /// Whether a file may have this one for as long as a client takes to download it.
    pub fn may_download(self, descriptor: RawFd) -> bool {
        number(descriptor) < self.limit - self.reserve() / 2
    }
}

fn number(descriptor: RawFd) -> u64 {
    u64::try_from(descriptor).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sixteenth_is_kept_but_32_at_least_where_that_is_not_more_than_half() {
        for (limit, reserve) in
            [(0, 0), (1, 0), (40, 20), (64, 32), (1024, 64), (4096, 256), (1 << 20, 1 << 16)]
        {
            assert_eq!(Descriptors::new(limit).reserve(), reserve, "{limit}");
        }
        assert!(
            Descriptors::default().may_connect(RawFd::MAX) && Descriptors::default().may_download(RawFd::MAX)
        );
    }

    #[test]
    fn connections_end_where_the_reserve_begins_and_downloads_in_its_middle() {
        let descriptors = Descriptors::new(1024);
        let (limits, may) =
            ([959, 960, 991, 992], [(true, true), (false, true), (false, true), (false, false)]);
        assert_eq!(limits.map(|fd| (descriptors.may_connect(fd), descriptors.may_download(fd))), may);
    }
}
