//! The key frames of a recording, found in bounded steps, and the last lists of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::files::open_file::FileId;
use crate::media::file::{Demuxer, FileError, Window};
use crate::media::segment::excerpt::Excerpt;

use super::playlist::Playlist;
use super::{Made, Refusal, UNCARRIED, WholeFile};
use crate::modules::browse::found::Found;

/// Steps of the search that a reader does at once.
const STEPS_AT_ONCE: usize = 16;

/// The most steps in all: for a file of 16 GB without an index, of which each step reads a megabyte.
const MAX_STEPS: usize = 16 * 1024;

/// The lists that are kept.
const KEPT: usize = 16;

/// The duration of what follows the last key frame, in milliseconds, if that of the file is not known.
const UNKNOWN_END: u64 = 1000;

/// The lists of the recordings that were asked for last, which readers share.
#[derive(Debug, Clone, Default)]
pub struct KeyLists(Arc<Mutex<VecDeque<(Version, Arc<KeyList>)>>>);

/// A version of a file: another length or another time makes another one.
type Version = (FileId, String);

/// The key frames of a recording.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyList {
    /// Their times, in milliseconds.
    pub times: Vec<u64>,
    /// When the file ends.
    pub end: u64,
}

/// A search for the key frames of a recording.
#[derive(Debug)]
pub struct Scan {
    found: Found,
    query: String,
    lists: KeyLists,
    source: WholeFile,
    window: Window,
    demuxer: Option<Demuxer>,
    times: Vec<u64>,
    steps: usize,
}

impl KeyLists {
    fn find(&self, version: &Version) -> Option<Arc<KeyList>> {
        let lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.iter().find(|(other, _)| other == version).map(|(_, list)| Arc::clone(list))
    }

    fn keep(&self, version: Version, list: Arc<KeyList>) {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|((file, _), _)| *file != version.0);
        lists.push_back((version, list));
        if lists.len() > KEPT {
            lists.pop_front();
        }
    }
}

impl Scan {
    pub fn new(found: Found, query: String, lists: KeyLists) -> Self {
        let source = WholeFile::of(&found);
        let (window, times) = (Window::default(), Vec::new());
        Self { found, query, lists, source, window, demuxer: None, times, steps: 0 }
    }

    /// Does a part of the search; the scan comes back if there is more to do.
    pub(super) fn advance(mut self: Box<Self>) -> Result<Made, Box<Self>> {
        let version = (self.found.file.file.id, self.found.version());
        if let Some(list) = self.lists.find(&version) {
            return Ok(self.playlist(&list));
        }
        match self.search() {
            Ok(None) => Err(self),
            Ok(Some(list)) => {
                let list = Arc::new(list);
                self.lists.keep(version, Arc::clone(&list));
                Ok(self.playlist(&list))
            }
            Err(refusal) => Ok(Made::Refused(refusal)),
        }
    }

    fn search(&mut self) -> Result<Option<KeyList>, Refusal> {
        let demuxer = match &mut self.demuxer {
            Some(demuxer) => demuxer,
            none => none.insert(Demuxer::open(&mut self.source, &mut self.window)?),
        };
        if !Excerpt::carries(demuxer.facts()) {
            return Err(UNCARRIED);
        }
        for _ in 0..STEPS_AT_ONCE {
            if demuxer.key_frames(&mut self.source, &mut self.window, &mut self.times)? {
                let times = std::mem::take(&mut self.times);
                let last = times.last().copied().ok_or(FileError::Broken("the file has no media"))?;
                let end = demuxer.facts().duration.filter(|end| *end > last);
                let end = end.unwrap_or(last.saturating_add(UNKNOWN_END));
                return Ok(Some(KeyList { times, end }));
            }
        }
        self.steps += STEPS_AT_ONCE;
        if self.steps > MAX_STEPS {
            return Err(Refusal { status: 413, why: "the recording is too long to be looked through" });
        }
        Ok(None)
    }

    fn playlist(&self, list: &KeyList) -> Made {
        Made::Playlist(Playlist::new(list, &self.query).into_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lists_are_kept_one_for_each_file() {
        let (lists, folder) = (KeyLists::default(), crate::test_folder::Folder::new());
        let id = |number: usize| {
            let path = folder.write(&number.to_string(), "");
            crate::engine::files::open_file::OpenFile::open(&path).id
        };
        let ids: Vec<_> = (0..=KEPT).map(id).collect();
        let list = |end| Arc::new(KeyList { times: vec![0], end });
        for (end, id) in ids.iter().enumerate() {
            lists.keep((*id, "v1".to_owned()), list(end as u64));
        }
        let find = |number: usize, version: &str| {
            lists.find(&(ids[number], version.to_owned())).map(|list| list.end)
        };
        assert_eq!((find(0, "v1"), find(1, "v1"), find(KEPT, "v1")), (None, Some(1), Some(KEPT as u64)));
        lists.keep((ids[1], "v2".to_owned()), list(99));
        assert_eq!((find(1, "v1"), find(1, "v2"), find(2, "v1")), (None, Some(99), Some(2)));
    }
}
