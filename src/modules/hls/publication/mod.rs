//! The files of one stream while it is published: fragments, keys and the playlist. It decides the numbers of
//! fragments, which of them are listed, which key encrypts them and when retired ones are removed. It knows nothing of
//! media. Its files are in memory, or on the disk: then all calls are made by jobs of the writer.
//!
//! A server may be killed between any two files. So the new playlist is written under its hidden name first; then key
//! and fragment are placed, then the playlist. At each moment all listed fragments are there, and all files are named
//! in one of the two playlists.

mod numbering;
pub mod retirement;
mod room;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::engine::{Extent, SHORTEST_READ_TIME};

use super::playlist::outline::Outline;
use super::playlist::{Begins, Encryption, End, Fragment, Playlist, Retired};
use crate::media::segment::measure::{Description, Listed, Measure};
use crate::media::segment::writer::output_clock::Ends;
use crate::modules::hls::files::disk::{self, Parents};
use crate::modules::hls::files::keys::{self, Cipher};
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::files::{Draft, Files, Stamp};
use crate::modules::hls::fragment::CompleteFile;
use crate::modules::hls::playlist::found::{Found, playable_size};
use crate::modules::hls::playlist::master;
use crate::modules::hls::settings::attributes::Attributes;
use crate::modules::hls::settings::{Cleanup, Continuation, Ending, Settings, Storage};

/// Whether the next fragment continues the last one listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    Follows,
    /// EXT-X-DISCONTINUITY stands between them.
    Discontinuity,
}

/// Whether it has been checked that the folders and the listed files are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folders {
    Checked,
    Unchecked,
}

/// The state of the master playlist, as far as this stream is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Master {
    UpToDate,
    /// It is to be written with the next fragment.
    Outdated,
    /// The same, after a failure that has been logged.
    Failing,
}

/// The key in use.
#[derive(Debug)]
struct Key {
    bytes: keys::Bytes,
    /// The id of the first fragment with it, once there is one.
    id: Option<u64>,
    /// The number of fragments with it.
    fragments: u64,
}

/// The facts about a complete fragment.
#[derive(Debug)]
pub struct CompleteFragment {
    /// In milliseconds.
    pub duration: u64,
    pub ends: Ends,
    pub begins: Begins,
    /// The publisher's timestamp of its first frame, in milliseconds.
    pub timestamp: u64,
    /// The date of the first frame, in milliseconds since 1970.
    pub date: Option<u64>,
    /// The expected duration of later fragments, in milliseconds.
    pub expected: u64,
    pub description: Description,
    /// The number of pictures in it.
    pub frames: u64,
}

/// The files of one stream.
#[derive(Debug)]
pub struct Publication {
    naming: Naming,
    /// The owner of its files in memory: the path of the playlist.
    owner: Arc<Path>,
    settings: Arc<Settings>,
    /// An empty file with which the bytes that the sink keeps are counted as memory of the stream.
    kept: Option<Arc<Extent>>,
    playlist: Playlist,
    join: Join,
    /// Oldest first.
    retired: VecDeque<Retired>,
    /// The duration of all published fragments in milliseconds.
    clock: u64,
    folders: Folders,
    key: Option<Key>,
    /// The IV of the fragment that is being written.
    iv: keys::Bytes,
    /// Whether the playlist has never been long enough for players to start.
    is_starting: bool,
    end: End,
    measure: Measure,
    master: Master,
    has_warned: Warned,
}

/// The warnings that have been logged.
#[derive(Debug, Default)]
struct Warned {
    /// Memory is used up.
    room: bool,
    /// A folder has the name of a fragment.
    folders: bool,
}

impl Publication {
    /// Continues the playlist of an earlier publication of the same name. Nothing is written yet.
    pub fn open(naming: Naming, files: &Files<'_>, wall: SystemTime) -> Self {
        let settings = Arc::clone(naming.settings());
        let (playlist, retired) = load(&naming, files, wall);
        let is_starting = !playlist.outline(true).can_start();
        let mut publication = Self {
            kept: None,
            playlist,
            join: Join::Discontinuity,
            retired: VecDeque::new(),
            clock: 0,
            folders: Folders::Unchecked,
            key: None,
            iv: [0; keys::BLOCK],
            is_starting,
            end: End::Open,
            measure: Measure::default(),
            master: Master::UpToDate,
            has_warned: Warned::default(),
            owner: naming.playlist().into(),
            naming,
            settings,
        };
        if publication.settings.cleanup == Cleanup::Remove {
            let until = publication.until(0);
            publication.retired = retired.into_iter().map(|retired| Retired { until, ..retired }).collect();
        }
        if publication.settings.continuation == Continuation::Restart {
            for fragment in publication.playlist.restart() {
                publication.retire(&fragment);
            }
            publication.is_starting = true;
        }
        publication
    }

    /// Starts the next fragment's file, which viewers do not see before [`add_fragment`](Self::add_fragment), and its
    /// encryption, if there is any. Makes the folders, if they may be missing.
    pub fn start_fragment(&mut self, files: &mut Files<'_>) -> io::Result<(Draft, Option<Cipher>)> {
        if self.folders == Folders::Unchecked {
            self.check_folders()?;
        }
        let draft = files.begin(self.naming.open_fragment(), &self.owner)?;
        let Some(settings) = &self.settings.keys else { return Ok((draft, None)) };
        let is_worn = |key: &Key| settings.fragments > 0 && key.fragments >= settings.fragments;
        let key = match self.key.take().filter(|key| !is_worn(key)) {
            Some(key) => key,
            None => Key { bytes: keys::random()?, id: None, fragments: 0 },
        };
        self.iv = keys::random()?;
        let cipher = Cipher::new(&key.bytes, &self.iv);
        self.key = Some(key);
        Ok((draft, Some(cipher)))
    }

    /// Publishes a fragment with the playlist that lists it, and removes some retired fragments whose time has come.
    /// After an error the fragment is not listed.
    pub fn add_fragment(
        &mut self,
        file: CompleteFile,
        finished: &CompleteFragment,
        files: &mut Files<'_>,
        wall: SystemTime,
    ) -> io::Result<()> {
        if self.outline().is_full() {
            return Err(list_is_full());
        }
        let clock = self.clock;
        self.clock = clock.saturating_add(finished.duration);
        self.remove_retired(self.clock, files);
        let published =
            self.reserve_playlists(files).and_then(|()| self.add_to_list(file, finished, files, wall));
        if published.is_err() {
            self.clock = clock;
        }
        published
    }

    fn add_to_list(
        &mut self,
        file: CompleteFile,
        finished: &CompleteFragment,
        files: &mut Files<'_>,
        wall: SystemTime,
    ) -> io::Result<()> {
        let fragment = self.describe(finished, file.bytes);
        let change = self.playlist.push(fragment, self.settings.playlist_length, finished.expected);
        self.playlist.ends_at(finished.ends);
        let waiting = self.retired.len();
        for fragment in &change.out {
            self.retire(fragment);
        }
        let measure = self.measure.clone();
        let has_news = self.measure(&finished.description, finished.frames);
        if let Err(error) = self.place_files(file.draft, &fragment, files, wall) {
            self.retired.truncate(waiting);
            self.playlist.undo(change);
            self.measure = measure;
            return Err(error);
        }
        self.join = Join::Follows;
        self.is_starting &= change.out.is_empty() && !self.outline().can_start();
        if let Some(key) = &mut self.key {
            key.id = key.id.or(Some(fragment.id));
            key.fragments = key.fragments.saturating_add(1);
        }
        if self.master == Master::UpToDate && (has_news || self.is_master_gone(files)) {
            self.master = Master::Outdated;
        }
        self.write_master(files, wall);
        Ok(())
    }

    /// Whether somebody has removed the master playlist that this stream is in, or it has never been written.
    fn is_master_gone(&self, files: &Files<'_>) -> bool {
        let path = self.naming.base().map(|base| self.naming.master(base));
        path.is_some_and(|path| files.size(&path).is_none())
    }

    /// Writes the master playlist if it is out of date. A failure is only logged; the next fragment tries again.
    fn write_master(&mut self, files: &mut Files<'_>, wall: SystemTime) {
        if self.master == Master::UpToDate {
            return;
        }
        let written = master::write(files, &self.naming, wall);
        if let Err(error) = &written
            && self.master == Master::Outdated
        {
            log::error!("{}: hls master playlist: {error}", self.label());
        }
        self.master = if written.is_ok() { Master::UpToDate } else { Master::Failing };
    }

    /// Measures the newest fragment; true if the stream's attributes in the master playlist change.
    fn measure(&mut self, description: &Description, frames: u64) -> bool {
        let newest_first = self.playlist.fragments().rev();
        let listed =
            newest_first.map(|fragment| Listed { bytes: fragment.bytes, duration: fragment.duration });
        self.measure.take(listed, self.playlist.target(), description, frames)
    }

    /// Adds the end to the playlist, if anything is listed.
    pub fn finish(&mut self, files: &mut Files<'_>, wall: SystemTime) -> io::Result<()> {
        if self.playlist.is_empty() || self.settings.ending == Ending::Never {
            return Ok(());
        }
        self.end = End::Ended;
        self.reserve_playlists(files)?;
        if self.playlist.is_empty() { Ok(()) } else { self.write_playlist(files, wall) }
    }

    /// Notes that the next fragment does not continue the last one: it has other times, or other codecs.
    pub fn mark_discontinuity(&mut self) {
        self.join = Join::Discontinuity;
    }

    /// Prepares for another attempt after an error. The disk may be full, so some retired fragments are removed at
    /// once. Somebody may have removed the folders and the listed files, so these are checked again.
    pub fn recover(&mut self, files: &mut Files<'_>) {
        self.remove_retired(u64::MAX, files);
        // The fragment that was being written has been dropped.
        if let Files::Memory(memory) = files {
            memory.sweep();
        }
        self.folders = Folders::Unchecked;
    }

    fn write_playlist(&mut self, files: &mut Files<'_>, wall: SystemTime) -> io::Result<()> {
        let (text, path) = (self.render(), self.naming.playlist());
        let list = files.prepare(&path, text.as_bytes(), &self.owner)?;
        files.place(list, &path, self.stamp(wall))
    }

    fn stamp(&self, wall: SystemTime) -> Stamp {
        Stamp { modified: wall, hold: self.hold() }
    }

    /// The time in which a client must have fetched a fragment: the length of the playlist.
    fn hold(&self) -> Duration {
        let listed = self.settings.playlist_length.max(self.playlist.total());
        Duration::from_millis(listed).max(SHORTEST_READ_TIME)
    }

    pub fn naming(&self) -> &Naming {
        &self.naming
    }

    pub fn label(&self) -> &str {
        self.naming.label()
    }

    /// What a segmenter needs to know of the playlist.
    pub fn outline(&self) -> Outline {
        self.playlist.outline(self.is_starting)
    }

    /// Makes the folders, and retires fragments whose files or keys have been removed.
    fn check_folders(&mut self) -> io::Result<()> {
        if self.settings.storage == Storage::Disk {
            make_folders(&self.naming)?;
            let in_use = self.key.as_ref().and_then(|key| key.id);
            for gone in self.playlist.keep_existing(playable_size(&self.naming, &Files::Disk, in_use)) {
                self.retire(&gone);
            }
        }
        self.folders = Folders::Checked;
        Ok(())
    }

    fn describe(&mut self, finished: &CompleteFragment, bytes: u64) -> Fragment {
        let id = self.number(finished);
        let key = self.key.as_ref().map(|key| key.id.unwrap_or(id));
        Fragment {
            id,
            duration: finished.duration,
            discontinuity: self.join == Join::Discontinuity && !self.playlist.is_empty(),
            begins: finished.begins,
            date: finished.date,
            encryption: key.map(|key| Encryption { key, iv: self.iv }),
            bytes,
        }
    }

    /// Puts key, fragment and playlist in place, in this order.
    fn place_files(
        &mut self,
        draft: Draft,
        fragment: &Fragment,
        files: &mut Files<'_>,
        wall: SystemTime,
    ) -> io::Result<()> {
        let (text, stamp) = (self.render(), self.stamp(wall));
        let (path, playlist) = (self.naming.fragment(fragment.id), self.naming.playlist());
        let owner = &self.owner;
        let key = self.key.as_ref().map(|key| (self.naming.key(key.id.unwrap_or(fragment.id)), key));
        // A key that has been placed is placed again if somebody has removed it.
        let key = key.filter(|(path, key)| key.id.is_none() || files.size(path).is_none());
        let list = files.prepare(&playlist, text.as_bytes(), owner)?;
        let mut place_key = |(path, key): &(PathBuf, &Key)| {
            let draft = files.prepare(path, &key.bytes, owner)?;
            files.place(draft, path, stamp)
        };
        let placed = key
            .as_ref()
            .map_or(Ok(()), &mut place_key)
            .and_then(|()| files.place(draft, &path, stamp))
            .and_then(|()| files.place(list, &playlist, stamp));
        if placed.is_err() {
            files.remove(&path);
            if let Some((path, _)) = key.filter(|(_, key)| key.id.is_none()) {
                files.remove(&path);
            }
        }
        placed
    }

    fn render(&mut self) -> String {
        let advertised = self.measure.advertised().filter(|_| self.naming.base().is_some());
        let inf = advertised.map(|advertised| Attributes::of_stream(advertised).to_string());
        self.playlist.render(&self.naming, self.retired.make_contiguous(), inf.as_deref(), self.end)
    }
}

/// The error where no more can be listed, in an event of the greatest length.
pub fn list_is_full() -> io::Error {
    io::Error::other("the event lists as many fragments as it can")
}

/// The playlist of an earlier publication of the same name and its retired fragments, or an empty playlist.
fn load(naming: &Naming, files: &Files<'_>, wall: SystemTime) -> (Playlist, Vec<Retired>) {
    let settings = naming.settings();
    let empty = Playlist::new(settings.kind, settings.fragment);
    let found = Found::read(naming, files);
    match found.and_then(|found| found.map(|found| found.continuable(naming)).transpose()) {
        Ok(Some(found)) => {
            let Found { playlist, retired, .. } = found.existing(naming, files);
            (playlist, retired)
        }
        Ok(None) if settings.storage == Storage::Disk => (empty, Vec::new()),
        Ok(None) => (empty.counting_from(wall), Vec::new()),
        Err(why) => {
            log::warn!("{}: hls does not continue the playlist in place: {why}", naming.label());
            (empty.counting_from(wall), Vec::new())
        }
    }
}

fn make_folders(naming: &Naming) -> io::Result<()> {
    disk::make_folder(naming.root(), Parents::Make)?;
    if naming.settings().keys.is_some() {
        disk::make_folder(naming.key_root(), Parents::Make)?;
    }
    naming.own_folders().iter().try_for_each(|folder| disk::make_folder(folder, Parents::Exist))
}

#[cfg(test)]
mod tests;
