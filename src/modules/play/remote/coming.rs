//! What has come of a file that is being fetched: what its spool writes, and what readers of the file must wait for.
//!
//! Readers and the writer are threads; nobody holds the lock for longer than a few comparisons.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::engine::files::open_file::OpenFile;

/// The parts of a file that have come. Who plays the file holds it, so the number of owners tells whether anybody does.
#[derive(Debug, Default)]
pub struct Coming {
    /// The number of the spool.
    pub spool: u64,
    file: OnceLock<Arc<OpenFile>>,
    parts: Mutex<Parts>,
}

/// How far a fetch is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Fetched {
    /// The server has not answered yet.
    #[default]
    Asked,
    /// There is a file, which has bytes or will have them.
    Begun,
    /// All of it has come.
    Whole,
    /// The server does not have it.
    Missing,
    /// It cannot be had, or not all of it, for this reason.
    Failed(String),
}

#[derive(Debug, Default)]
struct Parts {
    /// What has come, in order: first bytes and ends, which do not touch each other.
    ranges: Vec<(u64, u64)>,
    /// The length of the file, if that is known.
    total: Option<u64>,
    fetched: Fetched,
    /// The first byte of the last read that had to wait.
    wanted: Option<u64>,
}

impl Coming {
    /// What a new spool of this number has.
    pub fn new(spool: u64) -> Self {
        Self { spool, ..Self::default() }
    }

    /// The file, once it is there.
    pub fn file(&self) -> Option<&Arc<OpenFile>> {
        self.file.get()
    }

    /// The server has answered, and there is a file.
    pub fn begin(&self, file: Arc<OpenFile>, total: Option<u64>) {
        let _ = self.file.set(file);
        let mut parts = self.parts();
        (parts.total, parts.fetched) = (total, Fetched::Begun);
    }

    /// How far the fetch is.
    pub fn fetched(&self) -> Fetched {
        self.parts().fetched.clone()
    }

    /// Whether more may come.
    pub fn may_grow(&self) -> bool {
        matches!(self.parts().fetched, Fetched::Asked | Fetched::Begun)
    }

    /// Whether its length is known.
    pub fn has_length(&self) -> bool {
        let parts = self.parts();
        parts.total.is_some() || parts.fetched == Fetched::Whole
    }

    /// Notes the end of the fetch.
    pub fn end(&self, fetched: Fetched) {
        self.parts().fetched = fetched;
    }

    /// Notes that a part has been written.
    pub fn add(&self, from: u64, to: u64) {
        let mut parts = self.parts();
        let (mut from, mut to) = (from, to);
        parts.ranges.retain(|range| {
            let touches = range.0 <= to && from <= range.1;
            if touches {
                (from, to) = (from.min(range.0), to.max(range.1));
            }
            !touches
        });
        let place = parts.ranges.partition_point(|range| range.0 < from);
        parts.ranges.insert(place, (from, to));
        if parts.wanted.is_some_and(|wanted| from <= wanted && wanted < to) {
            parts.wanted = None;
        }
    }

    /// The first part at or behind a place that has not come; its end is none if it has no known one.
    pub fn missing(&self, from: u64) -> Option<(u64, Option<u64>)> {
        let parts = self.parts();
        let mut start = from;
        for range in &parts.ranges {
            if range.0 > start {
                return Some((start, Some(range.0)));
            }
            start = start.max(range.1);
        }
        parts.total.is_none_or(|total| start < total).then_some((start, parts.total))
    }

    /// The first byte of a read that waits.
    pub fn wanted(&self) -> Option<u64> {
        self.parts().wanted
    }

    /// Nobody waits any more for what a reader has looked for.
    pub fn forget_wanted(&self) {
        self.parts().wanted = None;
    }

    /// The length: all of it if that is known, else what has come.
    pub fn length(&self) -> u64 {
        let parts = self.parts();
        parts.total.unwrap_or_else(|| parts.ranges.last().map_or(0, |range| range.1))
    }

    /// How many bytes may be read at a place, of so many that are wanted: all of them, fewer at the end of the file, or an
    /// error. `WouldBlock` if they have not come yet.
    pub fn readable(&self, offset: u64, wanted: usize) -> io::Result<usize> {
        let mut parts = self.parts();
        let length = parts.total.unwrap_or_else(|| parts.ranges.last().map_or(0, |range| range.1));
        let end = length.min(offset.saturating_add(wanted as u64));
        let count = end.saturating_sub(offset);
        let covers = |range: &(u64, u64)| range.0 <= offset && end <= range.1;
        if count == 0 || parts.ranges.iter().any(covers) {
            return Ok(usize::try_from(count).unwrap_or(wanted));
        }
        match &parts.fetched {
            Fetched::Asked | Fetched::Begun | Fetched::Whole => {
                let have = parts.ranges.iter().find(|range| range.0 <= offset && offset < range.1);
                parts.wanted = Some(have.map_or(offset, |range| range.1));
                Err(ErrorKind::WouldBlock.into())
            }
            Fetched::Missing => Err(io::Error::other("the server has it no more")),
            Fetched::Failed(why) => Err(io::Error::other(why.clone())),
        }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(total: Option<u64>) -> Coming {
        let coming = Coming::new(1);
        let mut parts = coming.parts();
        (parts.total, parts.fetched) = (total, Fetched::Begun);
        drop(parts);
        coming
    }

    fn readable(coming: &Coming, offset: u64, wanted: usize) -> Result<usize, ErrorKind> {
        coming.readable(offset, wanted).map_err(|error| error.kind())
    }

    #[test]
    fn what_has_not_come_yet_has_to_be_waited_for() {
        let coming = begun(Some(100));
        assert_eq!(readable(&coming, 0, 10), Err(ErrorKind::WouldBlock));
        coming.add(0, 50);
        assert_eq!(readable(&coming, 0, 50), Ok(50));
        assert_eq!((readable(&coming, 40, 11), coming.wanted()), (Err(ErrorKind::WouldBlock), Some(50)));
        coming.add(50, 100);
        assert_eq!(coming.wanted(), None);
        assert_eq!([readable(&coming, 40, 60), readable(&coming, 40, 70)], [Ok(60), Ok(60)]);
        assert_eq!([readable(&coming, 100, 1), readable(&coming, 200, 1)], [Ok(0), Ok(0)]);
        assert_eq!((coming.length(), coming.missing(0)), (100, None));
    }

    #[test]
    fn a_file_of_unknown_length_ends_where_it_has_come_to() {
        let coming = begun(None);
        assert_eq!((coming.length(), readable(&coming, 0, 10)), (0, Ok(0)));
        coming.add(0, 50);
        assert_eq!((coming.length(), readable(&coming, 40, 20)), (50, Ok(10)));
        assert_eq!(coming.missing(0), Some((50, None)));
    }

    #[test]
    fn parts_may_come_in_any_order_and_the_holes_are_known() {
        let coming = begun(Some(100));
        coming.add(80, 100);
        coming.add(0, 10);
        coming.add(40, 50);
        assert_eq!(coming.missing(0), Some((10, Some(40))));
        assert_eq!(coming.missing(45), Some((50, Some(80))));
        assert_eq!(coming.missing(85), None);
        assert_eq!(readable(&coming, 5, 40), Err(ErrorKind::WouldBlock));
        assert_eq!(coming.wanted(), Some(10));
        coming.add(10, 40);
        coming.add(30, 85);
        assert_eq!((coming.missing(0), coming.parts().ranges.len()), (None, 1));
    }

    #[test]
    fn what_has_come_can_be_read_after_a_failure_and_the_rest_says_why() {
        let coming = begun(Some(100));
        coming.add(0, 50);
        coming.end(Fetched::Failed("the disk is full".into()));
        assert_eq!(readable(&coming, 0, 50), Ok(50));
        assert_eq!(coming.readable(50, 10).unwrap_err().to_string(), "the disk is full");
        assert!(!coming.may_grow());
    }
}
