//! HLS: a live stream as MPEG-TS fragments and a playlist, in a directory, which any web server serves, or
//! in memory for our own.
//!
//! The module keeps the settings of each application, which streams are being written (no two may
//! share files), and what is to be removed after a stream's end, also by an earlier run of the server.
//! The rest is a [`Segmenter`] a stream. Names, units and defaults are those of nginx-rtmp.

mod attributes;
mod audio;
mod clock;
mod decoding;
mod directives;
mod early;
mod files;
mod fragment;
mod keys;
mod ledger;
mod line;
mod measure;
mod naming;
mod picture;
mod playlist;
mod probe;
mod publication;
mod recovery;
mod segmenter;
mod settings;
mod slicer;
mod store;
mod streams;
mod tracks;
mod variants;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::conf::{self, Directive};
use crate::engine::{Ask, Config, Ctx, MemoryFiles, Module, Request, StreamId, StreamName, Verdict};

use directives::DIRECTIVES;
use ledger::{Entry, Ledger};
use naming::Naming;
use publication::{MAX_AT_ONCE, Publication};
use segmenter::Segmenter;
use settings::{App, Cleanup, Layout, Place, Settings};
use store::Files;
use streams::{Ended, Waiting, Writing};

/// Streams that have ended and whose files wait for removal; beyond this the oldest begin to go early.
const MAX_ENDED: usize = 4096;

/// How soon the next ones are.
const NEXT_TURN: Duration = Duration::from_millis(1);

/// The HLS module.
#[derive(Debug, Default)]
pub struct Hls {
    /// By application; `None` where HLS is off.
    apps: Vec<Option<App>>,
    /// Whether there may be files beside the directories of an application's streams.
    crowded: Vec<bool>,
    writing: Writing,
    ended: Waiting,
    /// By directory, as far as files are deleted there.
    ledgers: HashMap<PathBuf, Ledger>,
}

impl Module for Hls {
    fn name(&self) -> &'static str {
        "hls"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let mut faults = conf::Faults::default();
        let apps = config.applications.iter();
        self.apps = apps.map(|application| faults.keep_or_default(App::read(&application.scope))).collect();
        self.crowded =
            self.apps.iter().map(|app| app.as_ref().is_some_and(|app| self.is_crowded(app))).collect();
        faults.into_result(())
    }

    /// Refuses names whose files would be another stream's.
    fn gate(&mut self, cx: &mut Ctx, request: &mut Request) -> Verdict {
        let (Ask::Publish(_), Ok(name)) = (&request.ask, StreamName::new(&request.name)) else {
            return Verdict::Continue;
        };
        let own = cx.streams.find(request.app, &name).map(|stream| stream.id);
        match self.refusal(request.app.0, name.as_str(), own) {
            Some(why) => Verdict::Deny(why),
            None => Verdict::Continue,
        }
    }

    fn on_start(&mut self, cx: &mut Ctx) {
        let timers = self.take_up(&mut cx.memory);
        self.set_timers(cx, timers);
    }

    fn on_stream_start(&mut self, cx: &mut Ctx, id: StreamId) {
        let Some(stream) = cx.streams.get_mut(id) else { return };
        let Some(Some(app)) = self.apps.get(stream.app.0).cloned() else { return };
        match self.begin(id, &app, stream.name.as_str(), &mut cx.memory, cx.now.wall) {
            Ok(segmenter) => stream.add_sink("hls", Box::new(segmenter)),
            Err(why) => log::error!("{}: no hls: {why}", stream.name.as_str()),
        }
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, id: StreamId) {
        let timers = self.finish(id, &mut cx.memory);
        self.set_timers(cx, timers);
    }

    fn on_timer(&mut self, cx: &mut Ctx, token: u64) {
        let wait = self.remove(token, &mut cx.memory, cx.now.wall);
        self.set_timers(cx, wait.map(|wait| (token, wait)));
    }
}

impl Hls {
    fn set_timers(&self, cx: &mut Ctx, timers: impl IntoIterator<Item = (u64, Duration)>) {
        for (token, wait) in timers {
            if let Some(at) = cx.now.instant.checked_add(wait) {
                cx.set_module_timer(self.name(), at, token);
            }
        }
    }

    /// Whether another application, or the application's master playlists, may have files where its streams have
    /// directories.
    fn is_crowded(&self, app: &App) -> bool {
        let places = app.places();
        self.apps.iter().flatten().any(|other| other.file_places().iter().any(|place| places.contains(place)))
    }

    /// Why a stream may not be published under a name, unless it is `own`.
    fn refusal(&self, app: usize, name: &str, own: Option<StreamId>) -> Option<String> {
        let settings = self.apps.get(app)?.as_ref()?;
        let naming = Naming::new(&settings.known_root(), name, &settings.settings);
        if self.crowded.get(app).is_some_and(|is_crowded| *is_crowded) && naming.is_like_a_file() {
            return Some("the name is that of another stream's HLS file".to_owned());
        }
        self.writing.conflict(&naming, own)?;
        Some("another stream has the HLS files of this name".to_owned())
    }

    /// Finds what an earlier run has left to delete; returns the timers after which it goes.
    fn take_up(&mut self, memory: &mut MemoryFiles) -> Vec<(u64, Duration)> {
        let mut left = Vec::new();
        for app in self.apps.iter().flatten().filter(|app| app.keeps_ledger()) {
            let Ok(root) = app.path.canonicalize() else { continue };
            if self.ledgers.contains_key(&root) {
                continue;
            }
            let ledger = Ledger::open(&root);
            for entry in ledger.entries() {
                let settings = Settings { layout: entry.layout, ..Settings::clone(&app.settings) };
                left.push(Naming::new(&root, &entry.name, &Rc::new(settings)));
            }
            self.ledgers.insert(root, ledger);
        }
        let take = |naming: Naming| {
            let written = files::modified(&naming.playlist());
            self.outlast(naming, written, memory)
        };
        left.into_iter().flat_map(take).collect()
    }

    /// Starts the fragments of a stream, unless another stream writes the same files. What an earlier
    /// stream of the name left is not removed any more: this one goes on from it.
    fn begin(
        &mut self,
        stream: StreamId,
        app: &App,
        name: &str,
        memory: &mut MemoryFiles,
        wall: SystemTime,
    ) -> Result<Segmenter, String> {
        let root = app.root().map_err(|error| error.to_string())?;
        let mut naming = Naming::new(&root, name, &app.settings);
        if let Some(claim) = self.writing.conflict(&naming, None) {
            return Err(format!("another stream is writing {}", claim.display()));
        }
        if let Some(master) = master_of(&naming) {
            if self.writing.is_taken(&master, &naming) {
                log::error!("{name}: no hls master playlist: another stream is writing {}", master.display());
                naming = without_variants(&naming);
            }
            // What is about to be removed has that name, too.
            self.remove_ended(&master, &naming, memory, wall);
        }
        for claim in naming.claims() {
            self.remove_ended(&claim, &naming, memory, wall);
        }
        if app.settings.place != Place::Disk {
            memory.begin_owner(&naming.playlist());
        }
        let files = Files::of(app.settings.place, memory);
        let publication = Publication::open(naming.clone(), &files, wall);
        if app.keeps_ledger() {
            let ledger = self.ledgers.entry(root).or_insert_with_key(|root| Ledger::open(root));
            ledger.add(entry(&naming));
        }
        self.writing.add(stream, naming);
        Ok(Segmenter::new(&app.settings, publication))
    }

    /// A stream ends; returns the timer after which its files go, and how long from now, and perhaps another's.
    fn finish(&mut self, stream: StreamId, memory: &mut MemoryFiles) -> Vec<(u64, Duration)> {
        let naming = self.writing.take(stream);
        if let Some(naming) = &naming {
            memory.end_owner(&naming.playlist());
        }
        match naming {
            Some(naming) if naming.settings().cleanup == Cleanup::Delete => {
                self.outlast(naming, None, memory)
            }
            _ => Vec::new(),
        }
    }

    /// Lets the files of a stream stay for a while, for those who still play them.
    fn outlast(
        &mut self,
        naming: Naming,
        written: Option<SystemTime>,
        memory: &mut MemoryFiles,
    ) -> Vec<(u64, Duration)> {
        let oldest = if self.ended.len() >= MAX_ENDED { self.ended.hurry() } else { None };
        let wait = stay(&naming, &Files::of(naming.settings().place, memory));
        let token = self.ended.add(naming, written);
        oldest.map(|oldest| (oldest, NEXT_TURN)).into_iter().chain([(token, wait)]).collect()
    }

    /// Removes some files of the stream whose end has that token, unless it has come back. Returns when to go
    /// on, if some are left.
    fn remove(&mut self, token: u64, memory: &mut MemoryFiles, wall: SystemTime) -> Option<Duration> {
        let ended = self.ended.get_mut(token)?;
        let mut files = Files::of(ended.naming.settings().place, memory);
        let written = ended.written.and_then(|_| files::modified(&ended.naming.playlist()));
        if ended.left.is_none() && written != ended.written {
            log::info!("{}: hls files stay: another server writes them", ended.naming.name());
            ended.written = written;
            return Some(stay(&ended.naming, &files));
        }
        if ended.left.is_none() {
            ended.left = recovery::left(&ended.naming, &files);
        }
        if let Some(left) = &mut ended.left {
            left.drain(..MAX_AT_ONCE.min(left.len())).for_each(|path| files.remove(&path));
            if !left.is_empty() {
                return Some(NEXT_TURN);
            }
        }
        let Ended { naming, left, .. } = self.ended.take(token)?;
        let remove = if left.is_some() { recovery::remove_last } else { recovery::remove_all };
        self.remove_with(remove, &naming, memory, wall);
        None
    }

    /// Removes the files of a stream that has ended and has this claim, at once, unless a stream that begins goes on from
    /// its playlist.
    fn remove_ended(&mut self, claim: &Path, by: &Naming, memory: &mut MemoryFiles, wall: SystemTime) {
        if let Some(ended) = self.ended.take_claim(claim)
            && ended.naming.playlist() != by.playlist()
        {
            self.remove_with(recovery::remove_all, &ended.naming, memory, wall);
        }
    }

    fn remove_with(
        &mut self,
        remove: fn(&Naming, &mut Files<'_>, SystemTime),
        naming: &Naming,
        memory: &mut MemoryFiles,
        wall: SystemTime,
    ) {
        let mut files = Files::of(naming.settings().place, memory);
        // A stream of the master playlist's own name may have come.
        match master_of(naming) {
            Some(master) if self.writing.has_claim(&master) => {
                remove(&without_variants(naming), &mut files, wall);
            }
            _ => remove(naming, &mut files, wall),
        }
        if let Some(ledger) = self.ledgers.get_mut(naming.root()) {
            ledger.remove(&entry(naming));
        }
    }
}

impl App {
    /// The directory by its one name: two spellings of it are one directory.
    fn root(&self) -> std::io::Result<PathBuf> {
        match self.settings.place {
            Place::Memory { .. } => Ok(self.path.clone()),
            Place::Disk => {
                files::make_directory(&self.path, files::Parents::Make)?;
                self.path.canonicalize()
            }
        }
    }

    /// The directory by the name that [`root`](Self::root) gives it, or is going to give it; nothing is made.
    fn known_root(&self) -> PathBuf {
        match self.settings.place {
            Place::Memory { .. } => self.path.clone(),
            Place::Disk => self.path.canonicalize().unwrap_or_else(|_| absolute(&self.path)),
        }
    }

    /// Where its streams have files or directories.
    fn places(&self) -> Vec<PathBuf> {
        let keys = self.settings.keys.as_ref().and_then(|keys| keys.path.as_deref());
        [Some(self.path.as_path()), keys].into_iter().flatten().map(absolute).collect()
    }

    /// Where there are files of all its streams side by side.
    fn file_places(&self) -> Vec<PathBuf> {
        match self.settings.layout {
            Layout::Flat => self.places(),
            Layout::Nested if self.settings.variants.is_empty() => Vec::new(),
            Layout::Nested => vec![absolute(&self.path)],
        }
    }

    /// Whether an end of the server leaves something to delete.
    fn keeps_ledger(&self) -> bool {
        self.settings.place == Place::Disk && self.settings.cleanup == Cleanup::Delete
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// How long the files of a stream that has ended stay.
fn stay(naming: &Naming, files: &Files<'_>) -> Duration {
    naming.settings().farewell().max(recovery::listed(naming, files).saturating_mul(2))
}

fn entry(naming: &Naming) -> Entry {
    Entry { layout: naming.settings().layout, name: naming.name().to_owned() }
}

/// The master playlist that lists a stream.
fn master_of(naming: &Naming) -> Option<PathBuf> {
    variants::base_of(naming.name(), naming.settings()).map(|base| naming.master(base))
}

fn without_variants(naming: &Naming) -> Naming {
    let settings = Settings { variants: Vec::new(), ..Settings::clone(naming.settings()) };
    Naming::new(naming.root(), naming.name(), &Rc::new(settings))
}

#[cfg(test)]
mod tests;
