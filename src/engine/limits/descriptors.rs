//! File descriptors: which may serve connections and downloads, and which are reserved for the server's own files.
//!
//! The kernel gives the lowest free number. So the number of a new descriptor tells how many others are open, and
//! nothing has to be counted.

use std::os::fd::RawFd;

/// The divisor for the reserve: this part of all descriptors is kept for files.
const RESERVE_SHARE: u64 = 16;
/// The smallest reserve, where the limit is twice as large.
const SMALLEST_RESERVE: u64 = 32;

/// The descriptors of the process, divided by their numbers: connections have those below the reserve; downloads of
/// HTTP clients have the lower half of the reserve, too; recordings, fragments and playlists have all.
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
    /// The descriptors of a process that may have `limit` open.
    pub fn new(limit: u64) -> Self {
        Self { limit }
    }

    /// The most that the process may have open.
    pub fn limit(self) -> u64 {
        self.limit
    }

    /// The number that is kept for files.
    pub fn reserve(self) -> u64 {
        (self.limit / RESERVE_SHARE).max(SMALLEST_RESERVE).min(self.limit / 2)
    }

    /// Whether a connection may keep this descriptor.
    pub fn may_connect(self, descriptor: RawFd) -> bool {
        number(descriptor) < self.limit - self.reserve()
    }

    /// Whether a file may keep this descriptor while a client downloads it.
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
