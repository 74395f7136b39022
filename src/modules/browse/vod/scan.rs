//! The key frames of a recording, found in bounded steps.

use std::sync::Arc;

use crate::media::file::{Demuxer, FileError, MessageRole, Next, Window};
use crate::media::segment::excerpt::Excerpt;

use super::key_lists::{KeyList, KeyLists};
use super::made::{Made, Refusal, UNCARRIED};
use super::playlist::Playlist;
use super::whole_file::WholeFile;
use crate::modules::browse::found::Found;

/// Steps of the search that a reader does at once.
const STEPS_AT_ONCE: usize = 16;

/// The most steps in all: for a file of 16 GB without an index, of which each step reads a megabyte.
const MAX_STEPS: usize = 16 * 1024;

/// The duration of what follows the last key frame, in milliseconds, if that of the file is not known.
const UNKNOWN_END: u64 = 1000;

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

impl Scan {
    pub fn new(found: Found, query: String, lists: KeyLists) -> Self {
        let source = WholeFile::of(&found);
        let (window, times) = (Window::default(), Vec::new());
        Self { found, query, lists, source, window, demuxer: None, times, steps: 0 }
    }

    /// Does a part of the search; the scan comes back if there is more to do.
    pub fn advance(mut self: Box<Self>) -> Result<Made, Box<Self>> {
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
                let mut times = std::mem::take(&mut self.times);
                let is_cut = leave_out_missing(demuxer, (&mut self.source, &mut self.window), &mut times)?;
                let last = times.last().copied().ok_or(FileError::Broken("the file has no media"))?;
                let end = demuxer.facts().duration.filter(|end| *end > last && !is_cut);
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

/// Leaves out the key frames that a file promises and does not have, as it is cut off. Whether there are any.
fn leave_out_missing(
    demuxer: &mut Demuxer,
    (source, window): (&mut WholeFile, &mut Window),
    times: &mut Vec<u64>,
) -> Result<bool, Refusal> {
    let count = times.len();
    // The last one first: mostly it is there.
    let (mut there, mut missing, mut probe) = (0, count, count.saturating_sub(1));
    while there < missing {
        let Some(time) = times.get(probe) else { break };
        if has(demuxer, source, window, *time)? {
            there = probe + 1;
        } else {
            missing = probe;
        }
        probe = there + (missing - there) / 2;
    }
    times.truncate(there);
    Ok(there < count)
}

/// Whether the key frame of this time is in the file.
fn has(
    demuxer: &mut Demuxer,
    source: &mut WholeFile,
    window: &mut Window,
    time: u64,
) -> Result<bool, FileError> {
    for _ in 0..MAX_STEPS {
        if demuxer.seek(source, window, time)?.is_some() {
            break;
        }
    }
    for _ in 0..MAX_STEPS {
        match demuxer.next(source, window)? {
            Next::Message(message) if message.role == MessageRole::Key => return Ok(true),
            Next::Message(_) | Next::More => {}
            Next::End => return Ok(false),
        }
    }
    Ok(false)
}
