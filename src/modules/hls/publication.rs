//! What viewers see of one stream: its playlist and fragments in their directory, from the first to
//! the removal of the last. It owns the numbering, the window and the deletion of what slid out, and
//! knows nothing of media.

use std::collections::VecDeque;
use std::io;

use super::Settings;
use super::files::{self, Parents, Part};
use super::naming::Naming;
use super::playlist::{End, Fragment, MAX_TEXT, Playlist};

/// The most fragments below a playlist's first that are looked for, to delete what a crash left.
const MAX_LEFTOVER: u64 = 1024;

/// The most fragments that wait for their deletion; beyond this the oldest go early.
const MAX_RETIRED: usize = 2048;

/// Whether old fragments are deleted: `hls_cleanup`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// Delete what slid out, after a while.
    Delete,
    /// Keep every fragment for ever.
    Keep,
}

/// What a stream does with the playlist that an earlier publication left: `hls_continuous`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuation {
    /// The old fragments stay listed, and a discontinuity stands before the new ones.
    Continue,
    /// The list starts anew. Its numbers go on all the same: players stall on a media sequence that
    /// goes back, and caches hold the old fragments under their names.
    Restart,
}

/// A fragment that is no longer listed.
#[derive(Debug, Clone, Copy)]
struct Retired {
    id: u64,
    /// When to delete it, on the publication's media clock.
    until: u64,
}

/// How the next fragment relates to the last one listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    Follows,
    /// EXT-X-DISCONTINUITY stands between them.
    Broken,
}

/// The files of one stream.
#[derive(Debug)]
pub struct Publication {
    naming: Naming,
    settings: Settings,
    playlist: Playlist,
    join: Join,
    /// Oldest first.
    retired: VecDeque<Retired>,
    /// Media that was published here, in milliseconds.
    clock: u64,
}

impl Publication {
    /// Makes the directory and takes up what an earlier publication of the same name left there.
    pub fn open(naming: Naming, settings: Settings) -> io::Result<Self> {
        files::make_directory(naming.root(), Parents::Make)?;
        if let Some(directory) = naming.own_directory() {
            files::make_directory(&directory, Parents::Exist)?;
        }
        let playlist = read_back(&naming, settings.fragment);
        let playlist = playlist.unwrap_or_else(|| Playlist::new(settings.fragment));
        let (join, retired) = (Join::Broken, VecDeque::new());
        let mut publication = Self { naming, settings, playlist, join, retired, clock: 0 };
        for id in leftovers(&publication.naming, &publication.playlist) {
            publication.retire(id, 0);
        }
        if settings.continuation == Continuation::Restart {
            for fragment in publication.playlist.restart(settings.fragment) {
                publication.retire(fragment.id, fragment.duration);
            }
        }
        Ok(publication)
    }

    /// Starts the next fragment's file, which viewers do not see before [`add`](Self::add).
    pub fn start_fragment(&self) -> io::Result<Part> {
        Part::create(self.naming.fragment(self.playlist.next_id()))
    }

    /// Lets a fragment appear, lists it, and deletes what has been out of the list for long enough.
    pub fn add(&mut self, part: Part, duration: u64) -> io::Result<()> {
        let discontinuity = self.join == Join::Broken && !self.playlist.is_empty();
        let fragment = Fragment { id: self.playlist.next_id(), duration, discontinuity };
        part.publish()?;
        self.join = Join::Follows;
        self.clock = self.clock.saturating_add(duration);
        for fragment in self.playlist.push(fragment, self.settings.playlist_length) {
            self.retire(fragment.id, fragment.duration);
        }
        files::write(self.naming.playlist(), &self.playlist.render(&self.naming, End::Open))?;
        self.delete_retired();
        Ok(())
    }

    /// Writes the end into the playlist, if anything is listed.
    pub fn end(&mut self) -> io::Result<()> {
        if self.playlist.is_empty() {
            return Ok(());
        }
        files::write(self.naming.playlist(), &self.playlist.render(&self.naming, End::Ended))
    }

    /// What is added next does not follow from what is listed: other times, or other codecs.
    pub fn break_off(&mut self) {
        self.join = Join::Broken;
    }

    /// The stream's name.
    pub fn name(&self) -> &str {
        self.naming.name()
    }

    /// A fragment may go when it has been out of the list for as long as the list was, and its own
    /// duration (RFC 8216 6.2.2), in media time.
    fn retire(&mut self, id: u64, duration: u64) {
        let listed = self.settings.playlist_length.max(self.playlist.total());
        let until = self.clock.saturating_add(listed).saturating_add(duration);
        self.retired.push_back(Retired { id, until });
    }

    fn delete_retired(&mut self) {
        if self.settings.cleanup == Cleanup::Keep {
            self.retired.clear();
            return;
        }
        let too_many = self.retired.len().saturating_sub(MAX_RETIRED);
        for place in 0.. {
            let is_due = |retired: &&Retired| place < too_many || retired.until <= self.clock;
            let Some(retired) = self.retired.front().filter(is_due) else { break };
            files::remove(&self.naming.fragment(retired.id));
            self.retired.pop_front();
        }
    }
}

/// Deletes what a stream that has ended left: the fragments of its playlist, those before them that
/// it had not deleted yet, the playlist, and its own directory if nothing else is in it.
pub fn remove_all(naming: &Naming) {
    let Some(playlist) = read_back(naming, 0) else { return };
    files::remove(&naming.playlist());
    // What a crash left half written.
    files::remove_part(&naming.playlist());
    files::remove_part(&naming.fragment(playlist.next_id()));
    let listed = playlist.fragments().map(|fragment| fragment.id);
    for id in leftovers(naming, &playlist).into_iter().chain(listed) {
        files::remove(&naming.fragment(id));
    }
    if let Some(directory) = naming.own_directory() {
        // Refused by the system while anything is in it.
        let _ = std::fs::remove_dir(directory);
    }
}

/// The playlist that is in place, if it is one of ours.
fn read_back(naming: &Naming, fragment: u64) -> Option<Playlist> {
    let path = naming.playlist();
    let read = files::read(&path, MAX_TEXT).map_err(|error| error.to_string());
    let parsed = read.and_then(|bytes| {
        let Some(bytes) = bytes else { return Ok(None) };
        let text = String::from_utf8(bytes).ok();
        let playlist = text.and_then(|text| Playlist::parse(&text, naming, fragment));
        playlist.map(Some).ok_or_else(|| format!("{}: not a playlist of this server", path.display()))
    });
    match parsed {
        Ok(playlist) => playlist.map(|mut playlist| {
            playlist.keep_existing(|id| files::exists(&naming.fragment(id)));
            playlist
        }),
        Err(why) => {
            log::warn!("{}: hls does not go on from the playlist in place: {why}", naming.name());
            None
        }
    }
}

/// Fragments right before the first listed one that are still there, oldest first. Their ids are the
/// sequence's, because ours count by one.
fn leftovers(naming: &Naming, playlist: &Playlist) -> Vec<u64> {
    let first = playlist.fragments().next().map_or(playlist.sequence(), |fragment| fragment.id);
    let lowest = first.saturating_sub(MAX_LEFTOVER);
    let mut ids: Vec<u64> =
        (lowest..first).rev().take_while(|&id| files::exists(&naming.fragment(id))).collect();
    ids.reverse();
    ids
}

#[cfg(test)]
mod tests;
