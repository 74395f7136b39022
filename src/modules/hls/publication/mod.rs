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

use crate::engine::{Growth, MemoryFiles, Now, SHORTEST_HOLD};

use super::files::{self, Parents};
use super::fragment::OpenFragment;
use super::keys::{self, Cipher};
use super::measure::{Facts, Measure};
use super::naming::Naming;
use super::playlist::{Begins, End, Fragment, Lock, MAX_LISTED, Playlist, Retired};
use super::recovery::read_back;
use super::settings::{Cleanup, Continuation, Ending, Numbering, Place, Settings};
use super::store::{Draft, Files, Part, Store};
use super::variants;
use crate::media::segment::line::Ends;

/// The most fragments that wait for their deletion, as many as were listed; beyond this the oldest go early.
const MAX_RETIRED: usize = MAX_LISTED + 1;

/// The most files that are deleted at a time, which should last some milliseconds at most.
pub const MAX_AT_ONCE: usize = 64;

/// How the next fragment relates to the last one listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    Follows,
    /// EXT-X-DISCONTINUITY stands between them.
    Broken,
}

/// Whether the directories are there, and in them what is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// As far as we know.
    Sure,
    /// Perhaps not.
    Unsure,
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
pub struct Finished<'a> {
    /// The fragment.
    pub part: Part,
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
    pub facts: &'a Facts,
    /// Pictures in it.
    pub frames: u64,
}

/// What a stream has that is not published yet.
#[derive(Debug, Default)]
pub struct Unpublished<'a> {
    /// The fragment that is being written.
    pub open: Option<&'a mut OpenFragment>,
    /// Bytes of frames that wait until it is known what to write.
    pub frames: usize,
}

impl Unpublished<'_> {
    fn is_empty(&self) -> bool {
        self.open.is_none() && self.frames == 0
    }
}

/// The files of one stream.
#[derive(Debug)]
pub struct Publication {
    naming: Naming,
    /// Whose its files in memory are: the playlist's path.
    owner: Rc<Path>,
    settings: Rc<Settings>,
    store: Store,
    /// Stands for frames that wait until it is known what to write.
    frames: Draft,
    playlist: Playlist,
    join: Join,
    /// Oldest first.
    retired: VecDeque<Retired>,
    /// Media that was published here, in milliseconds.
    clock: u64,
    ground: Ground,
    key: Option<Key>,
    /// The IV of the fragment that is being written.
    iv: keys::Bytes,
    /// True until players could start once.
    is_starting: bool,
    /// Whether the stream has ended, and the playlist says so.
    end: End,
    measure: Measure,
    /// Whether the master playlist does not say what is known.
    is_master_stale: bool,
    has_warned: bool,
}

impl Publication {
    /// Takes up what an earlier publication of the same name left. Nothing is written yet.
    pub fn open(naming: Naming, files: &Files<'_>, wall: SystemTime) -> Self {
        let settings = Rc::clone(naming.settings());
        let empty = || Playlist::new(settings.kind, settings.fragment);
        let (playlist, retired) = match read_back(&naming, files) {
            Ok(Some(found)) => found,
            Ok(None) if settings.place == Place::Disk => (empty(), Vec::new()),
            Ok(None) => (empty().counting_from(wall), Vec::new()),
            Err(why) => {
                log::warn!("{}: hls does not go on from the playlist in place: {why}", naming.label());
                (empty().counting_from(wall), Vec::new())
            }
        };
        let is_starting = !playlist.can_start();
        let mut publication = Self {
            store: Store::new(settings.place),
            frames: Draft::default(),
            playlist,
            join: Join::Broken,
            retired: VecDeque::new(),
            clock: 0,
            ground: Ground::Unsure,
            key: None,
            iv: [0; keys::BLOCK],
            is_starting,
            end: End::Open,
            measure: Measure::default(),
            is_master_stale: false,
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
    pub fn start_fragment(&mut self) -> io::Result<(Part, Option<Cipher>)> {
        if self.ground == Ground::Unsure {
            self.make_sure()?;
        }
        let part = self.store.create(self.naming.open_fragment())?;
        let Some(settings) = &self.settings.keys else { return Ok((part, None)) };
        let is_worn = |key: &Key| settings.fragments > 0 && key.fragments >= settings.fragments;
        let key = match self.key.take().filter(|key| !is_worn(key)) {
            Some(key) => key,
            None => Key { bytes: keys::random()?, id: None, fragments: 0 },
        };
        self.iv = keys::random()?;
        let cipher = Cipher::new(&key.bytes, &self.iv);
        self.key = Some(key);
        Ok((part, Some(cipher)))
    }

    /// Lets a fragment appear, lists it, and deletes some of what has been out of the list for long enough. After
    /// an error it is as if the fragment had never been.
    pub fn add(&mut self, finished: Finished<'_>) -> io::Result<()> {
        if self.playlist.is_full() {
            return Err(io::Error::other("the event lists as many fragments as it can"));
        }
        let fragment = self.describe(&finished);
        let change = self.playlist.push(fragment, self.settings.playlist_length, finished.expected);
        self.playlist.ends_at(finished.ends);
        let (waiting, clock) = (self.retired.len(), self.clock);
        self.clock = self.clock.saturating_add(fragment.duration);
        for fragment in &change.out {
            self.retire(fragment);
        }
        let has_news = self.measure.take(&self.playlist, finished.facts, finished.frames);
        if let Err(error) = self.show(finished.part, &fragment) {
            self.retired.truncate(waiting);
            self.playlist.take_back(change);
            self.clock = clock;
            return Err(error);
        }
        self.join = Join::Follows;
        self.is_starting &= change.out.is_empty() && !self.playlist.can_start();
        self.is_master_stale |= has_news;
        if let Some(key) = &mut self.key {
            key.id = key.id.or(Some(fragment.id));
            key.fragments = key.fragments.saturating_add(1);
        }
        self.delete_retired(self.clock);
        Ok(())
    }

    /// Writes the end into the playlist, if anything is listed.
    pub fn end(&mut self) -> io::Result<()> {
        if self.playlist.is_empty() || self.settings.ending == Ending::Never {
            return Ok(());
        }
        self.end = End::Ended;
        let text = self.render();
        self.store.write(self.naming.playlist(), text.as_bytes())
    }

    /// True if nothing more can be listed: an event that is as long as it may be.
    pub fn is_full(&self) -> bool {
        self.playlist.is_full()
    }

    /// What is added next does not follow from what is listed: other times, or other codecs.
    pub fn break_off(&mut self) {
        self.join = Join::Broken;
    }

    /// Nothing can be written: for want of room, for which some of what is no longer listed goes at once, or because
    /// somebody has removed the directories, and what is listed with them.
    pub fn recover(&mut self) {
        self.delete_retired(u64::MAX);
        self.ground = Ground::Unsure;
    }

    /// Hands over what waits for the memory, and sees to the master playlist. An error is one of what is not published yet.
    pub fn settle(
        &mut self,
        now: Now,
        memory: &mut MemoryFiles,
        unpublished: Unpublished<'_>,
    ) -> io::Result<()> {
        let settled = match self.settings.place {
            Place::Memory { limit } => self.settle_in_memory(limit as u64, now.wall, memory, unpublished),
            Place::Disk => Ok(()),
        };
        if mem::take(&mut self.is_master_stale)
            && let Some(base) = variants::base_of(self.naming.name(), &self.settings)
        {
            let mut files = Files::of(self.settings.place, memory);
            if let Err(error) = variants::update(&mut files, &self.naming, base, now.wall) {
                log::error!("{}: hls master playlist: {error}", self.label());
            }
        }
        settled
    }

    fn settle_in_memory(
        &mut self,
        limit: u64,
        wall: SystemTime,
        memory: &mut MemoryFiles,
        unpublished: Unpublished<'_>,
    ) -> io::Result<()> {
        let fits = self.fit(limit, memory, &unpublished);
        let hold = self.hold();
        if let Store::Memory(changes) = &mut self.store
            && !changes.is_empty()
        {
            changes.apply(memory, &self.owner, (wall, hold))?;
            memory.sweep();
        }
        let stored = if fits || unpublished.is_empty() {
            self.store_unpublished(memory, unpublished)
        } else {
            Err(io::Error::other("hls_memory_size is used up"))
        };
        memory.want_back(limit);
        stored
    }

    fn store_unpublished(
        &mut self,
        memory: &mut MemoryFiles,
        Unpublished { open, frames }: Unpublished<'_>,
    ) -> io::Result<()> {
        if !self.frames.growth(memory, frames).is_none() {
            self.frames.store(memory, &self.owner, frames)?;
        }
        match open {
            Some(open) if !open.growth(memory).is_none() => open.store(memory, &self.owner),
            _ => Ok(()),
        }
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
    pub fn bears(&self, duration: u64) -> bool {
        self.playlist.bears(duration)
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
    fn make_sure(&mut self) -> io::Result<()> {
        if self.settings.place == Place::Disk {
            make_directories(&self.naming)?;
            for gone in self.playlist.keep_existing(|id| files::size(&self.naming.fragment(id))) {
                self.retire(&gone);
            }
        }
        self.ground = Ground::Sure;
        Ok(())
    }

    fn describe(&self, finished: &Finished<'_>) -> Fragment {
        let id = self.number(finished);
        let key = self.key.as_ref().map(|key| key.id.unwrap_or(id));
        Fragment {
            id,
            duration: finished.duration,
            discontinuity: self.join == Join::Broken && !self.playlist.is_empty(),
            begins: finished.begins,
            date: finished.date,
            lock: key.map(|key| Lock { key, iv: self.iv }),
            bytes: finished.bytes,
        }
    }

    /// A number above all others, and as the settings want it as far as that goes: an encoder that starts
    /// over counts from 0 again, and two fragments may fall on one multiple.
    fn number(&self, finished: &Finished<'_>) -> u64 {
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
    fn show(&mut self, part: Part, fragment: &Fragment) -> io::Result<()> {
        let text = self.render();
        let list = self.store.prepare(&self.naming.playlist(), text.as_bytes())?;
        let fresh_key = self.key.as_ref().filter(|key| key.id.is_none()).map(|key| key.bytes);
        let (path, key) = (self.naming.fragment(fragment.id), self.naming.key(fragment.id));
        let written = fresh_key.map_or(Ok(()), |bytes| self.store.write(key.clone(), &bytes));
        let shown = written
            .and_then(|()| self.store.publish(part, path.clone()))
            .and_then(|()| self.store.publish(list, self.naming.playlist()));
        if shown.is_err() {
            self.store.remove(path);
            if fresh_key.is_some() {
                self.store.remove(key);
            }
        }
        shown
    }

    fn render(&mut self) -> String {
        let is_variant = variants::base_of(self.naming.name(), &self.settings).is_some();
        let inf = self.measure.attributes().filter(|_| is_variant);
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

    fn delete_retired(&mut self, clock: u64) {
        let too_many = self.retired.len().saturating_sub(MAX_RETIRED);
        for place in 0..MAX_AT_ONCE {
            let is_due = |retired: &&Retired| place < too_many || retired.until <= clock;
            if self.retired.front().filter(is_due).is_none() {
                break;
            }
            self.delete_oldest();
        }
    }

    /// Deletes the oldest fragment that is no longer listed, and its key, if no other needs that.
    fn delete_oldest(&mut self) -> bool {
        let Some(Retired { id, key, .. }) = self.retired.pop_front() else { return false };
        self.store.remove(self.naming.fragment(id));
        if let Some(key) = key {
            let waits = self.retired.iter().any(|retired| retired.key == Some(key));
            let is_listed = || self.playlist.fragments().any(|f| f.lock.is_some_and(|lock| lock.key == key));
            let is_current = self.key.as_ref().is_some_and(|current| current.id == Some(key));
            if !waits && !is_current && !is_listed() {
                self.store.remove(self.naming.key(key));
            }
        }
        true
    }

    /// Gives up the oldest of this stream until all that waits fits into the memory, and what is open. If not even the
    /// newest fragment does, nothing is listed. False if that does not suffice.
    fn fit(&mut self, limit: u64, memory: &mut MemoryFiles, unpublished: &Unpublished<'_>) -> bool {
        let mut has_changed = false;
        let fits = loop {
            let growth = self.growth(memory, unpublished);
            let is_asked = growth.to > growth.from || memory.is_crowded();
            if !is_asked || memory.make_room(limit, &self.owner, growth) {
                break true;
            }
            if !mem::replace(&mut self.has_warned, true) {
                log::warn!("{}: hls lists less than it should: hls_memory_size is used up", self.label());
            }
            self.is_starting = false;
            if self.delete_oldest() {
                continue;
            }
            let Some(fragment) = self.playlist.slide() else { break false };
            self.retired.push_back(fragment.retired());
            self.delete_oldest();
            has_changed = !self.playlist.is_empty();
            if !has_changed {
                self.join = Join::Broken;
                self.store.remove(self.naming.playlist());
            }
        };
        // Once, and not for each that slides out: a shorter list fits where the one before did.
        if has_changed {
            let text = self.render();
            // In memory this cannot fail.
            let _ = self.store.write(self.naming.playlist(), text.as_bytes());
        }
        fits
    }

    /// How all that waits for the memory grows.
    fn growth(&self, memory: &MemoryFiles, Unpublished { open, frames }: &Unpublished<'_>) -> Growth {
        let changes = match &self.store {
            Store::Memory(changes) => changes.growth(memory),
            Store::Disk => Growth::default(),
        };
        let open = open.as_ref().map_or(Growth::default(), |open| open.growth(memory));
        changes + open + self.frames.growth(memory, *frames)
    }
}

fn make_directories(naming: &Naming) -> io::Result<()> {
    files::make_directory(naming.root(), Parents::Make)?;
    if naming.settings().keys.is_some() {
        files::make_directory(naming.key_root(), Parents::Make)?;
    }
    naming.own_directories().iter().try_for_each(|directory| files::make_directory(directory, Parents::Exist))
}

#[cfg(test)]
mod tests;
