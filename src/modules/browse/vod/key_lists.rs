//! The lists of key frames of the recordings that were asked for last.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::files::open_file::FileId;

/// The lists that are kept.
const KEPT: usize = 16;

/// The lists of the recordings that were asked for last, which readers share.
#[derive(Debug, Clone, Default)]
pub struct KeyLists(Arc<Mutex<VecDeque<Kept>>>);

/// A list with the version of its file.
type Kept = (Version, Arc<KeyList>);

/// A version of a file: another length or another time makes another one.
pub type Version = (FileId, String);

/// The key frames of a recording.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyList {
    /// Their times, in milliseconds.
    pub times: Vec<u64>,
    /// When the file ends.
    pub end: u64,
}

impl KeyLists {
    /// The list of a version, if it is kept.
    pub fn find(&self, version: &Version) -> Option<Arc<KeyList>> {
        let lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.iter().find(|(other, _)| other == version).map(|(_, list)| Arc::clone(list))
    }

    /// Keeps a list, in place of that of another version; the oldest makes room.
    pub fn keep(&self, version: Version, list: Arc<KeyList>) {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|((file, _), _)| *file != version.0);
        lists.push_back((version, list));
        if lists.len() > KEPT {
            lists.pop_front();
        }
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
