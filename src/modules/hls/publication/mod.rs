//! What viewers see of one stream: its playlist and fragments in their place, from the first to the
//! removal of the last. It owns the numbering, the window, the keys and the deletion of what slid out,
//! and knows nothing of media.
//!
//! The order in which things appear is what a killed server leaves behind: the new playlist is written
//! under its hidden name first, then key and fragment appear, then the playlist. So a listed fragment is
//! there, and whatever is there is named in one of the two.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::engine::{Extent, Growth, MemoryFile, MemoryFiles, Outlet, SHORTEST_HOLD};

use super::fragment::OpenFragment;
use super::playlist::{Begins, Encryption, End, Fragment, MAX_LISTED, Playlist, Retired};
use crate::media::segment::line::Ends;
use crate::media::segment::measure::{Description, Listed, Measure};
use crate::modules::hls::files::disk::{self, Parents};
use crate::modules::hls::files::keys::{self, Cipher};
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::files::{Draft, Files, Stamp};
use crate::modules::hls::playlist::found::Found;
use crate::modules::hls::playlist::master;
use crate::modules::hls::settings::attributes::Attributes;
use crate::modules::hls::settings::{Cleanup, Continuation, Ending, Numbering, Settings, Storage};

/// The most fragments that wait for their deletion, as many as were listed; beyond this the oldest go early.
const MAX_RETIRED: usize = MAX_LISTED + 1;

/// The most files that are deleted at a time, which should last some milliseconds at most.
pub const MAX_AT_ONCE: usize = 64;

/// More than a playlist has before its first entry, and than an entry has beside its names, in bytes.
const HEAD_BYTES: u64 = 512;
const ENTRY_BYTES: u64 = 256;

/// How the next fragment relates to the last one listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    Follows,
    /// EXT-X-DISCONTINUITY stands between them.
    Discontinuity,
}

/// Whether the directories are there, and in them what is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directories {
    /// As far as we know.
    Checked,
    /// Perhaps not.
    Unchecked,
}

/// The key in use.
#[derive(Debug)]
struct Key {
    bytes: keys::Bytes,
    /// The number of the first fragment that was published with it, once there is one.
    id: Option<u64>,
    /// Fragments that were.
    fragments: u64,
}

/// A fragment that is whole.
#[derive(Debug)]
pub struct CompleteFragment<'a> {
    /// The fragment.
    pub draft: Draft,
    /// Its length.
    pub bytes: u64,
    /// In milliseconds.
    pub duration: u64,
    /// Where it ends.
    pub ends: Ends,
    /// How it begins.
    pub begins: Begins,
    /// The publisher's timestamp of its first frame, in milliseconds.
    pub timestamp: u64,
    /// When that was, in milliseconds since 1970.
    pub date: Option<u64>,
    /// How long fragments are expected to be, in milliseconds.
    pub expected: u64,
    /// What it holds.
    pub description: &'a Description,
    /// Pictures in it.
    pub frames: u64,
}

/// The files of one stream.
#[derive(Debug)]
pub struct Publication {
    naming: Naming,
    /// Whose its files in memory are: the playlist's path.
    owner: Rc<Path>,
    settings: Rc<Settings>,
    /// An empty file that stands for frames which wait until it is known what to write: they are counted as memory that
    /// the stream takes up.
    waiting: Option<Rc<Extent>>,
    playlist: Playlist,
    join: Join,
    /// Oldest first.
    retired: VecDeque<Retired>,
    /// Media that was published here, in milliseconds.
    clock: u64,
    directories: Directories,
    key: Option<Key>,
    /// The IV of the fragment that is being written.
    iv: keys::Bytes,
    /// True until players could start once.
    is_starting: bool,
    /// Whether the stream has ended, and the playlist says so.
    end: End,
    measure: Measure,
    has_warned: bool,
}

impl Publication {
    /// Takes up what an earlier publication of the same name left. Nothing is written yet.
    pub fn open(naming: Naming, files: &Files<'_>, wall: SystemTime) -> Self {
        let settings = Rc::clone(naming.settings());
        let empty = || Playlist::new(settings.kind, settings.fragment);
        let (playlist, retired) = match Found::read(&naming, files) {
            Ok(Some(found)) => {
                let Found { playlist, retired, .. } = found.existing(&naming, files);
                (playlist, retired)
            }
            Ok(None) if settings.storage == Storage::Disk => (empty(), Vec::new()),
            Ok(None) => (empty().counting_from(wall), Vec::new()),
            Err(why) => {
                log::warn!("{}: hls does not go on from the playlist in place: {why}", naming.label());
                (empty().counting_from(wall), Vec::new())
            }
        };
        let is_starting = !playlist.can_start();
        let mut publication = Self {
            waiting: None,
            playlist,
            join: Join::Discontinuity,
            retired: VecDeque::new(),
            clock: 0,
            directories: Directories::Unchecked,
            key: None,
            iv: [0; keys::BLOCK],
            is_starting,
            end: End::Open,
            measure: Measure::default(),
            has_warned: false,
            owner: naming.playlist().into(),
            naming,
            settings,
        };
        if publication.settings.cleanup == Cleanup::Delete {
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

    /// Starts the next fragment's file, which viewers do not see before [`add`](Self::add), and its
    /// encryption, if there is any. Makes the directories, if they may be missing.
    pub fn start_fragment(&mut self, outlet: &mut Outlet<'_>) -> io::Result<(Draft, Option<Cipher>)> {
        if self.directories == Directories::Unchecked {
            self.check_directories()?;
        }
        let draft = self.files(outlet.memory).begin(self.naming.open_fragment(), &self.owner)?;
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

    /// Lets a fragment appear, lists it, and deletes some of what has been out of the list for long enough. After
    /// an error it is as if the fragment had never been.
    pub fn add(&mut self, finished: CompleteFragment<'_>, outlet: &mut Outlet<'_>) -> io::Result<()> {
        if self.playlist.is_full() {
            return Err(io::Error::other("the event lists as many fragments as it can"));
        }
        let clock = self.clock;
        self.clock = clock.saturating_add(finished.duration);
        self.remove_retired(self.clock, outlet.memory);
        let shown = self
            .reserve(self.growth_of_list(outlet.memory), outlet.memory)
            .and_then(|()| self.list(finished, outlet));
        if shown.is_err() {
            self.clock = clock;
        }
        shown
    }

    fn list(&mut self, finished: CompleteFragment<'_>, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let fragment = self.describe(&finished);
        let change = self.playlist.push(fragment, self.settings.playlist_length, finished.expected);
        self.playlist.ends_at(finished.ends);
        let waiting = self.retired.len();
        for fragment in &change.out {
            self.retire(fragment);
        }
        let has_news = self.measure(finished.description, finished.frames);
        if let Err(error) = self.show(finished.draft, &fragment, outlet) {
            self.retired.truncate(waiting);
            self.playlist.undo(change);
            return Err(error);
        }
        self.join = Join::Follows;
        self.is_starting &= change.out.is_empty() && !self.playlist.can_start();
        if let Some(key) = &mut self.key {
            key.id = key.id.or(Some(fragment.id));
            key.fragments = key.fragments.saturating_add(1);
        }
        if has_news {
            master::update(&mut self.files(outlet.memory), &self.naming, outlet.now.wall);
        }
        Ok(())
    }

    /// Takes in the newest fragment; true if what is to be advertised has changed.
    fn measure(&mut self, description: &Description, frames: u64) -> bool {
        let newest_first = self.playlist.fragments().rev();
        let listed =
            newest_first.map(|fragment| Listed { bytes: fragment.bytes, duration: fragment.duration });
        self.measure.take(listed, self.playlist.target(), description, frames)
    }

    /// Writes the end into the playlist, if anything is listed.
    pub fn finish(&mut self, outlet: &mut Outlet<'_>) -> io::Result<()> {
        if self.playlist.is_empty() || self.settings.ending == Ending::Never {
            return Ok(());
        }
        self.end = End::Ended;
        self.reserve(self.growth_of_list(outlet.memory), outlet.memory)?;
        self.write_list(outlet)
    }

    /// True if nothing more can be listed: an event that is as long as it may be.
    pub fn is_full(&self) -> bool {
        self.playlist.is_full()
    }

    /// What is added next does not follow from what is listed: other times, or other codecs.
    pub fn mark_discontinuity(&mut self) {
        self.join = Join::Discontinuity;
    }

    /// Nothing can be written: for want of room, for which some of what is no longer listed goes at once, or because
    /// somebody has removed the directories, and what is listed with them.
    pub fn recover(&mut self, memory: &mut MemoryFiles) {
        self.remove_retired(u64::MAX, memory);
        // The fragment that was being written has been dropped.
        memory.sweep();
        self.directories = Directories::Unchecked;
    }

    /// The files of the place where the stream's are.
    pub fn files<'a>(&self, memory: &'a mut MemoryFiles) -> Files<'a> {
        Files::of(self.settings.storage, memory)
    }

    /// Makes room in memory for the fragment that is being written, and for so many bytes of frames that wait until it is
    /// known what to write. An error if there is none: nothing of them may be written.
    pub fn make_room(
        &mut self,
        open: Option<&OpenFragment>,
        frames: usize,
        memory: &mut MemoryFiles,
    ) -> io::Result<()> {
        if self.settings.storage == Storage::Disk {
            return Ok(());
        }
        let waiting = memory.growth(self.waiting.as_deref(), frames as u64);
        let open = open.map_or(Growth::default(), |open| open.growth(memory));
        self.reserve(waiting + open, memory)?;
        if waiting.is_none() {
            return Ok(());
        }
        let extent = match &self.waiting {
            Some(extent) => Rc::clone(extent),
            None => Rc::clone(self.waiting.insert(memory.begin_draft(Some(&self.owner))?)),
        };
        memory.append(&extent, &[], frames as u64)
    }

    /// Makes room in memory for what is about to be written: the oldest of this stream goes first. If not even the
    /// newest fragment can stay, nothing is listed, and there is no room.
    fn reserve(&mut self, growth: Growth, memory: &mut MemoryFiles) -> io::Result<()> {
        let Storage::Memory { limit } = self.settings.storage else { return Ok(()) };
        let (limit, listed) = (limit as u64, self.playlist.len());
        let is_asked = growth.to > growth.from || memory.is_crowded();
        let mut has_room = !is_asked || memory.make_room(limit, &self.owner, growth);
        while !has_room && self.give_up_oldest(memory) {
            has_room = memory.make_room(limit, &self.owner, growth);
        }
        if self.playlist.len() < listed {
            self.list_less(memory);
        }
        memory.want_back(limit);
        if has_room { Ok(()) } else { Err(io::Error::other("hls_memory_size is used up")) }
    }

    /// Deletes the oldest fragment, one that is not listed first. False if there is none.
    fn give_up_oldest(&mut self, memory: &mut MemoryFiles) -> bool {
        if !mem::replace(&mut self.has_warned, true) {
            log::warn!("{}: hls lists less than it should: hls_memory_size is used up", self.label());
        }
        self.is_starting = false;
        if self.retired.is_empty()
            && let Some(fragment) = self.playlist.slide()
        {
            self.retired.push_back(fragment.retired());
        }
        self.remove_oldest(memory)
    }

    /// Writes a list in memory that has become shorter, in the room of the one that was there.
    fn list_less(&mut self, memory: &mut MemoryFiles) {
        let path = self.naming.playlist();
        if self.playlist.is_empty() {
            self.join = Join::Discontinuity;
            return memory.remove(&path);
        }
        let modified = memory.get(&path).map_or(SystemTime::UNIX_EPOCH, |file| file.modified);
        if let Err(error) = memory.replace(&path, self.render().as_bytes(), modified) {
            log::error!("{}: hls: {error}", self.label());
        }
    }

    /// How the list grows with one more fragment and its key, at most.
    fn growth_of_list(&self, memory: &MemoryFiles) -> Growth {
        let path = self.naming.playlist();
        let text = memory.get(&path).map_or(HEAD_BYTES, MemoryFile::len);
        let next = self.playlist.next_id();
        let names = self.naming.uri(next).len() + self.naming.key_uri(next).len();
        let more = memory.growth(None, text + names as u64 + ENTRY_BYTES);
        let key = if self.settings.keys.is_some() {
            memory.growth(None, keys::BLOCK as u64)
        } else {
            Growth::default()
        };
        Growth { from: memory.bytes_at(&path), to: 0 } + more + key
    }

    fn write_list(&mut self, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let (text, path) = (self.render(), self.naming.playlist());
        let stamp = self.stamp(outlet);
        let mut files = self.files(outlet.memory);
        let list = files.prepare(&path, text.as_bytes(), &self.owner)?;
        files.publish(list, &path, stamp)
    }

    fn stamp(&self, outlet: &Outlet<'_>) -> Stamp {
        Stamp { modified: outlet.now.wall, hold: self.hold() }
    }

    /// How long a reader may take over a fragment: as long as it is listed.
    fn hold(&self) -> Duration {
        let listed = self.settings.playlist_length.max(self.playlist.total());
        Duration::from_millis(listed).max(SHORTEST_HOLD)
    }

    /// The stream as the log names it: `live/cam`.
    pub fn label(&self) -> &str {
        self.naming.label()
    }

    /// True if the end is to be told with the last fragment: nobody waits for the stream, or no more can be listed.
    pub fn ends_at_once(&self) -> bool {
        self.settings.ending == Ending::After(Duration::ZERO) || self.is_full()
    }

    /// The longest that the next fragment may be, in milliseconds, once that has been told.
    pub fn longest(&self) -> Option<u64> {
        self.playlist.longest()
    }

    /// True if the next fragment may be as long, in milliseconds.
    pub fn fits_target(&self, duration: u64) -> bool {
        self.playlist.fits_target(duration)
    }

    /// Where the last fragment ended, if anything tells.
    pub fn ends(&self) -> Option<Ends> {
        self.playlist.ends()
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.playlist.is_empty()
    }

    /// Whether players could never start. A list with which they could is not hurried, not even behind a break: Chromium's
    /// own player, with more than 10 s ahead, looks for new fragments up to 8 s later, takes the last three, and
    /// would miss some that came faster.
    pub fn is_starting(&self) -> bool {
        self.is_starting
    }

    /// Makes the directories, and lists no more what is not there.
    fn check_directories(&mut self) -> io::Result<()> {
        if self.settings.storage == Storage::Disk {
            make_directories(&self.naming)?;
            for gone in self.playlist.keep_existing(|id| disk::size(&self.naming.fragment(id))) {
                self.retire(&gone);
            }
        }
        self.directories = Directories::Checked;
        Ok(())
    }

    fn describe(&self, finished: &CompleteFragment<'_>) -> Fragment {
        let id = self.number(finished);
        let key = self.key.as_ref().map(|key| key.id.unwrap_or(id));
        Fragment {
            id,
            duration: finished.duration,
            discontinuity: self.join == Join::Discontinuity && !self.playlist.is_empty(),
            begins: finished.begins,
            date: finished.date,
            encryption: key.map(|key| Encryption { key, iv: self.iv }),
            bytes: finished.bytes,
        }
    }

    /// A number above all others, and as the settings want it as far as that goes: an encoder that starts
    /// over counts from 0 again, and two fragments may fall on one multiple.
    fn number(&self, finished: &CompleteFragment<'_>) -> u64 {
        let (next, granularity) = (self.playlist.next_id(), self.settings.granularity);
        let wanted = match self.settings.numbering {
            Numbering::Sequential => next,
            Numbering::Timestamp => finished.timestamp.saturating_mul(90),
            Numbering::System => finished.date.unwrap_or_default(),
        };
        let id = wanted - wanted % granularity;
        if id >= next { id } else { next.div_ceil(granularity).saturating_mul(granularity) }
    }

    /// Key, fragment and playlist appear.
    fn show(&mut self, draft: Draft, fragment: &Fragment, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let (text, stamp) = (self.render(), self.stamp(outlet));
        let playlist = self.naming.playlist();
        let (path, key) = (self.naming.fragment(fragment.id), self.naming.key(fragment.id));
        let fresh_key = self.key.as_ref().filter(|key| key.id.is_none()).map(|key| key.bytes);
        let (mut files, owner) = (self.files(outlet.memory), &self.owner);
        let list = files.prepare(&playlist, text.as_bytes(), owner)?;
        let mut show_key = |bytes: keys::Bytes| {
            let draft = files.prepare(&key, &bytes, owner)?;
            files.publish(draft, &key, stamp)
        };
        let shown = fresh_key
            .map_or(Ok(()), &mut show_key)
            .and_then(|()| files.publish(draft, &path, stamp))
            .and_then(|()| files.publish(list, &playlist, stamp));
        if shown.is_err() {
            files.remove(&path);
            if fresh_key.is_some() {
                files.remove(&key);
            }
        }
        shown
    }

    fn render(&mut self) -> String {
        let advertised = self.measure.advertised().filter(|_| self.naming.base().is_some());
        let inf = advertised.map(|advertised| Attributes::of_stream(advertised).to_string());
        self.playlist.render(&self.naming, self.retired.make_contiguous(), inf.as_deref(), self.end)
    }

    /// A fragment may go when it has been out of the list for as long as the list was, and its own
    /// duration (RFC 8216 6.2.2), in media time.
    fn retire(&mut self, fragment: &Fragment) {
        if self.settings.cleanup == Cleanup::Delete {
            let until = self.until(fragment.duration);
            self.retired.push_back(Retired { until, ..fragment.retired() });
        }
    }

    fn until(&self, duration: u64) -> u64 {
        let listed = self.settings.playlist_length.max(self.playlist.total());
        self.clock.saturating_add(listed).saturating_add(duration)
    }

    fn remove_retired(&mut self, clock: u64, memory: &mut MemoryFiles) {
        let too_many = self.retired.len().saturating_sub(MAX_RETIRED);
        for place in 0..MAX_AT_ONCE {
            let is_due = |retired: &&Retired| place < too_many || retired.until <= clock;
            if self.retired.front().filter(is_due).is_none() {
                break;
            }
            self.remove_oldest(memory);
        }
    }

    /// Deletes the oldest fragment that is no longer listed, and its key, if no other needs that.
    fn remove_oldest(&mut self, memory: &mut MemoryFiles) -> bool {
        let Some(Retired { id, key, .. }) = self.retired.pop_front() else { return false };
        let mut files = self.files(memory);
        files.remove(&self.naming.fragment(id));
        if let Some(key) = key {
            let waits = self.retired.iter().any(|retired| retired.key == Some(key));
            let is_listed = || {
                self.playlist
                    .fragments()
                    .any(|f| f.encryption.is_some_and(|encryption| encryption.key == key))
            };
            let is_current = self.key.as_ref().is_some_and(|current| current.id == Some(key));
            if !waits && !is_current && !is_listed() {
                files.remove(&self.naming.key(key));
            }
        }
        true
    }
}

fn make_directories(naming: &Naming) -> io::Result<()> {
    disk::make_directory(naming.root(), Parents::Make)?;
    if naming.settings().keys.is_some() {
        disk::make_directory(naming.key_root(), Parents::Make)?;
    }
    naming.own_directories().iter().try_for_each(|directory| disk::make_directory(directory, Parents::Exist))
}

#[cfg(test)]
mod tests;
