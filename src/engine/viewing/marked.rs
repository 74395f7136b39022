//! Marked playlists, kept for all viewers: the tokens in a media playlist are the same for everybody, so each version of
//! it is marked once.
//!
//! A playlist into which a viewer's query is written is not for all, and never kept. Whoever calls decides who may have
//! a text.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::SystemTime;

use crate::engine::ids::AppId;
use crate::engine::viewing::files::HlsFile;
use crate::engine::viewing::marks::Marks;

/// The most playlists that are kept.
const MAX_LISTS: usize = 256;

/// The most bytes of text that are kept: some playlists of a day, which have about 1 MiB each.
const MAX_BYTES: usize = 8 << 20;

/// A version of a playlist: another text, or another secret of the tokens, makes another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    app: AppId,
    stream: String,
    modified: SystemTime,
    length: u64,
    proof: String,
}

/// The texts of marked playlists, those kept last at the end.
#[derive(Debug, Default)]
pub struct MarkedLists {
    kept: VecDeque<(Version, Rc<[u8]>)>,
    bytes: usize,
    #[cfg(test)]
    kept_so_far: usize,
}

impl Version {
    /// The version of a file with this time and length in bytes, to which these marks are added.
    pub fn new(file: &HlsFile, marks: &Marks, (modified, length): (SystemTime, u64)) -> Self {
        Self { app: file.app, stream: file.name.clone(), modified, length, proof: marks.proof() }
    }

    fn has_place_of(&self, other: &Self) -> bool {
        (self.app, &self.stream) == (other.app, &other.stream)
    }
}

impl MarkedLists {
    /// Keeps a text that is the same for all viewers, in place of earlier versions. Those kept first make room.
    pub fn keep(&mut self, version: Version, text: Rc<[u8]>) {
        self.forget(|other| other.has_place_of(&version));
        if text.len() > MAX_BYTES {
            return;
        }
        #[cfg(test)]
        (self.kept_so_far += 1);
        self.bytes += text.len();
        self.kept.push_back((version, text));
        while self.kept.len() > MAX_LISTS || self.bytes > MAX_BYTES {
            let Some((_, text)) = self.kept.pop_front() else { return };
            self.bytes -= text.len();
        }
    }

    /// The text of a version.
    pub fn find(&self, version: &Version) -> Option<Rc<[u8]>> {
        self.kept.iter().find(|(other, _)| other == version).map(|(_, text)| Rc::clone(text))
    }

    /// The number of texts that have been kept.
    #[cfg(test)]
    pub fn kept_so_far(&self) -> usize {
        self.kept_so_far
    }

    /// Frees what is kept of an application that is gone.
    pub(in crate::engine) fn release(&mut self, app: AppId) {
        self.forget(|version| version.app == app);
    }

    fn forget(&mut self, is_old: impl Fn(&Version) -> bool) {
        self.kept.retain(|(version, _)| !is_old(version));
        self.bytes = self.kept.iter().map(|(_, text)| text.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn version(app: usize, stream: usize, nanoseconds: u64) -> Version {
        let modified = UNIX_EPOCH + Duration::from_nanos(nanoseconds);
        let (stream, proof) = (format!("cam{stream}"), String::new());
        Version { app: AppId(app), stream, modified, length: 1, proof }
    }

    fn text(bytes: usize) -> Rc<[u8]> {
        vec![0; bytes].into()
    }

    #[test]
    fn a_version_takes_the_place_of_the_one_before() {
        let mut lists = MarkedLists::default();
        lists.keep(version(0, 1, 1), text(10));
        lists.keep(version(0, 1, 2), text(20));
        lists.keep(version(0, 2, 1), text(30));
        lists.keep(version(1, 1, 1), text(40));
        let lengths = |lists: &MarkedLists| {
            let all = [(0, 1, 1), (0, 1, 2), (0, 2, 1), (1, 1, 1)];
            all.map(|(app, stream, time)| lists.find(&version(app, stream, time)).map(|text| text.len()))
        };
        assert_eq!((lengths(&lists), lists.bytes), ([None, Some(20), Some(30), Some(40)], 90));
        for other in [
            Version { length: 2, ..version(0, 1, 2) },
            Version { proof: "another secret".to_owned(), ..version(0, 1, 2) },
        ] {
            assert_eq!(lists.find(&other), None);
        }
        lists.release(AppId(0));
        assert_eq!((lengths(&lists), lists.bytes), ([None, None, None, Some(40)], 40));
    }

    #[test]
    fn the_oldest_make_room_when_there_are_too_many_or_they_are_too_long() {
        let mut lists = MarkedLists::default();
        (0..=MAX_LISTS).for_each(|stream| lists.keep(version(0, stream, 1), text(10)));
        let has = |lists: &MarkedLists, stream| lists.find(&version(0, stream, 1)).is_some();
        assert_eq!((has(&lists, 0), has(&lists, 1), lists.bytes), (false, true, MAX_LISTS * 10));
        lists.keep(version(0, 1000, 1), text(MAX_BYTES - 10));
        assert_eq!((lists.kept.len(), lists.bytes), (2, MAX_BYTES));
        lists.keep(version(0, 1001, 1), text(MAX_BYTES + 1));
        assert_eq!((lists.kept.len(), has(&lists, 1000), has(&lists, 1001)), (2, true, false));
        lists.keep(version(0, 1001, 1), text(MAX_BYTES));
        assert_eq!((lists.kept.len(), has(&lists, 1001), lists.bytes), (1, true, MAX_BYTES));
    }
}
