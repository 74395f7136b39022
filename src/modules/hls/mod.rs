//! HLS: a live stream as MPEG-TS fragments and a playlist, in a directory, which any web server serves, or
//! in memory for our own.
//!
//! The module keeps the settings of each application, which streams are being written (no two may
//! share files), and what is to be removed after a stream's end, also by an earlier run of the server.
//! The rest is a [`Segmenter`] a stream. Names, units and defaults are those of nginx-rtmp.

mod files;
mod fragment;
mod measure;
mod playlist;
mod publication;
mod segmenter;
mod settings;
mod slicer;
mod streams;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::conf::{self, Directive};
use crate::engine::{
    AppId, Ask, Config, Ctx, Gate, MemoryFiles, Module, Probe, Request, Served, StreamId, StreamName, Verdict,
};

use files::Files;
use files::case::Case;
use files::disk;
use files::naming::Naming;
use publication::{MAX_AT_ONCE, Publication};
use segmenter::Segmenter;
use settings::advice;
use settings::directives::DIRECTIVES;
use settings::{App, Cleanup, Continuation, Ending, Place, Settings};
use streams::ledger::{Entry, Ledger};
use streams::recovery;
use streams::{Ended, Stage, Waiting, Writing};

/// Streams that have ended and whose lists are open, or whose files wait for removal; beyond this the oldest begin to
/// go early.
const MAX_ENDED: usize = 4096;

/// How soon the next ones are.
const NEXT_TURN: Duration = Duration::from_millis(1);

/// The HLS module.
#[derive(Debug, Default)]
pub struct Hls {
    /// By application; `None` where HLS is off.
    apps: Vec<Option<App>>,
    /// By application, where its playlists are on the web.
    served: Vec<Served>,
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

    fn declare(&self, config: &mut Config<'_>) {
        config.applications.iter_mut().for_each(|app| app.features.hls = App::feature(&app.scope));
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let mut faults = conf::Faults::default();
        let apps = config.applications.iter().enumerate();
        self.apps = apps.map(|(id, app)| faults.keep_or_default(App::read(AppId(id), app))).collect();
        let served = |app: &Option<App>| app.as_ref().map_or(Served::Nowhere, |app| app.served(config));
        self.served = self.apps.iter().map(served).collect();
        self.crowded =
            self.apps.iter().map(|app| app.as_ref().is_some_and(|app| self.is_crowded(app))).collect();
        faults.into_result(())
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        advice::probe(config, &self.apps, probe);
    }

    /// Refuses names whose files would be another stream's.
    fn gate(&mut self, cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        let (Ask::Publish { .. }, Gate::Name, Ok(name)) =
            (&request.ask, gate, StreamName::new(&request.name))
        else {
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
        let name = stream.name.as_str();
        let label = Rc::clone(&stream.label);
        match self.begin(id, &app, name, &mut cx.memory, cx.now.wall) {
            Ok(segmenter) => {
                cx.awaited.remove(app.settings.app_id, name);
                log::info!("{label}: hls is {}", self.place_of(&app, name));
                stream.add_sink("hls", Box::new(segmenter));
            }
            Err(why) => log::error!("{label}: no hls: {why}"),
        }
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, id: StreamId) {
        let was_lost = cx.streams.get(id).is_some_and(|stream| stream.waits_until().is_some());
        let grace = self.writing.naming(id).map_or(Duration::ZERO, |naming| naming.settings().grace);
        let timers = self.finish(id, if was_lost { grace } else { Duration::ZERO }, &mut cx.memory);
        self.set_timers(cx, timers);
    }

    fn on_timer(&mut self, cx: &mut Ctx, token: u64) {
        let is_on_disk = |ended: &Ended| ended.naming.settings().place == Place::Disk;
        if cx.is_draining() && self.ended.get(token).is_some_and(is_on_disk) {
            // The next server goes on with the lists that are open, and finds in the ledger what is left to do.
            return;
        }
        // It may end before its time, where too many wait.
        if let Some(ended) = self.ended.get(token).filter(|ended| ended.stage == Stage::Open) {
            cx.awaited.remove(ended.naming.settings().app_id, ended.naming.name());
        }
        let wait = self.advance(token, &mut cx.memory, cx.now.wall);
        self.set_timers(cx, wait.map(|wait| (token, wait)));
    }
}

impl Hls {
    fn set_timers(&self, cx: &mut Ctx, timers: impl IntoIterator<Item = (u64, Duration)>) {
        for (token, wait) in timers {
            let Some(at) = cx.now.instant.checked_add(wait) else { continue };
            cx.set_module_timer(self.name(), at, token);
            if let Some(ended) = self.ended.get(token).filter(|ended| ended.stage == Stage::Open) {
                let (app, name) = (ended.naming.settings().app_id, ended.naming.name());
                cx.awaited.add(app, name, at, cx.now.instant);
            }
        }
    }

    /// Where viewers find a stream: "at /hls/cam.m3u8", or in which file.
    fn place_of(&self, app: &App, name: &str) -> String {
        let playlist = || Naming::new(&app.known_root(), name, &app.settings).playlist();
        match self.served.get(app.settings.app_id.0) {
            Some(Served::At(playlists)) => format!("at {}", playlists.of(name)),
            Some(Served::Perhaps) => format!("in {}", playlist().display()),
            Some(Served::Nowhere) | None => {
                format!("in {}, which no location serves", playlist().display())
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
        let naming = Naming::new(&settings.known_root(), name, &settings.settings).looked_at();
        if self.crowded.get(app).is_some_and(|is_crowded| *is_crowded) && naming.is_like_a_file() {
            return Some("the name is that of another stream's HLS file".to_owned());
        }
        self.writing.conflict(&naming, own)?;
        Some(match naming.case() {
            Case::Counts => "another stream has the HLS files of this name".to_owned(),
            Case::Folds => {
                "another stream has the HLS files of this name: on their disk, upper and lower case are one"
                    .to_owned()
            }
        })
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
            let mut first: Option<Naming> = None;
            for entry in ledger.entries() {
                let settings = Settings { layout: entry.layout, ..Settings::clone(&app.settings) };
                let naming = Naming::new(&root, &entry.name, &Rc::new(settings));
                // Thousands of streams are in one folder, which is looked at once.
                let naming = match &first {
                    Some(first) => naming.on_file_system_of(first),
                    None => first.insert(naming.looked_at()).clone(),
                };
                left.push(naming);
            }
            self.ledgers.insert(root, ledger);
        }
        let take = |naming: Naming| {
            let files = Files::of(naming.settings().place, memory);
            let is_open = recovery::is_open(&naming, &files);
            let open_for = open_after_restart(&naming).filter(|_| is_open);
            let written = disk::modified(&naming.playlist());
            self.outlast(naming, open_for, written, memory)
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
        let mut naming = Naming::new(&root, name, &app.settings).looked_at();
        if let Some(claim) = self.writing.conflict(&naming, None) {
            return Err(format!("another stream is writing {}", claim.display()));
        }
        if self.is_awaited(&naming) {
            naming = continuing(&naming);
        }
        if let Some(master) = naming.master_claim() {
            if self.writing.is_taken(&master, &naming) {
                let (label, master) = (naming.label(), master.display());
                log::error!("{label}: no hls master playlist: another stream is writing {master}");
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

    /// A stream ends, whose viewers have waited so long already; returns the timer after which its list ends or its files
    /// go, and how long from now, and perhaps another's.
    fn finish(
        &mut self,
        stream: StreamId,
        waited: Duration,
        memory: &mut MemoryFiles,
    ) -> Vec<(u64, Duration)> {
        let Some(naming) = self.writing.take(stream) else { return Vec::new() };
        memory.end_owner(&naming.playlist());
        // Without a wait, the segmenter ends the list.
        let wait = open_for(&naming).filter(|wait| !wait.is_zero());
        self.outlast(naming, wait.map(|wait| wait.saturating_sub(waited)), None, memory)
    }

    /// Lets the list of a stream be open for so long, and its files stay for a while, for those who still play them.
    fn outlast(
        &mut self,
        naming: Naming,
        open_for: Option<Duration>,
        written: Option<SystemTime>,
        memory: &mut MemoryFiles,
    ) -> Vec<(u64, Duration)> {
        let (stage, wait) = match open_for {
            Some(wait) => (Stage::Open, wait),
            None if naming.settings().cleanup == Cleanup::Keep => {
                self.forget(&naming);
                return Vec::new();
            }
            None => (Stage::Over, stay(&naming, &Files::of(naming.settings().place, memory))),
        };
        let oldest = if self.ended.len() >= MAX_ENDED { self.ended.hurry() } else { None };
        let token = self.ended.add(naming, stage, written);
        oldest.map(|oldest| (oldest, NEXT_TURN)).into_iter().chain([(token, wait)]).collect()
    }

    /// Does what is next for the stream whose end has that token, unless it has come back. Returns when to go on, if more
    /// is left.
    fn advance(&mut self, token: u64, memory: &mut MemoryFiles, wall: SystemTime) -> Option<Duration> {
        let ended = self.ended.get_mut(token)?;
        let files = Files::of(ended.naming.settings().place, memory);
        let written = ended.written.and_then(|_| disk::modified(&ended.naming.playlist()));
        if !matches!(ended.stage, Stage::Going(_)) && written != ended.written {
            log::info!("{}: hls files stay: another server writes them", ended.naming.label());
            ended.written = written;
            return Some(stay(&ended.naming, &files));
        }
        match ended.stage {
            Stage::Open => self.end_list(token, memory, wall),
            Stage::Over | Stage::Going(_) => self.remove(token, memory, wall),
        }
    }

    /// Nobody has come back: the list says that the stream has ended. Returns when its files go, if they do.
    fn end_list(&mut self, token: u64, memory: &mut MemoryFiles, wall: SystemTime) -> Option<Duration> {
        let is_hurried = self.ended.is_hurried(token);
        let ended = self.ended.get_mut(token)?;
        let naming = ended.naming.clone();
        end(&naming, memory, wall);
        ended.stage = Stage::Over;
        ended.written = ended.written.and_then(|_| disk::modified(&naming.playlist()));
        if naming.settings().cleanup == Cleanup::Keep {
            self.ended.take(token);
            self.forget(&naming);
            return None;
        }
        let stay = stay(&naming, &Files::of(naming.settings().place, memory));
        Some(if is_hurried { NEXT_TURN } else { stay.saturating_sub(open_for(&naming).unwrap_or_default()) })
    }

    /// Removes some files of a stream. Returns when to go on, if some are left.
    fn remove(&mut self, token: u64, memory: &mut MemoryFiles, wall: SystemTime) -> Option<Duration> {
        let ended = self.ended.get_mut(token)?;
        let mut files = Files::of(ended.naming.settings().place, memory);
        if ended.stage == Stage::Over
            && let Some(left) = recovery::left(&ended.naming, &files)
        {
            ended.stage = Stage::Going(left);
        }
        if let Stage::Going(left) = &mut ended.stage {
            left.drain(..MAX_AT_ONCE.min(left.len())).for_each(|path| files.remove(&path));
            if !left.is_empty() {
                return Some(NEXT_TURN);
            }
        }
        let Ended { naming, stage, .. } = self.ended.take(token)?;
        let is_going = matches!(stage, Stage::Going(_));
        let remove = if is_going { recovery::remove_last } else { recovery::remove_all };
        self.remove_with(remove, &naming, memory, wall);
        None
    }

    /// Whether a stream of these files has ended in this run, and its list is still open.
    fn is_awaited(&self, naming: &Naming) -> bool {
        let is_same = |ended: &Ended| ended.naming.playlist() == naming.playlist();
        let is_open = |ended: &Ended| ended.stage == Stage::Open && ended.written.is_none();
        let claims = naming.claims();
        claims.iter().filter_map(|claim| self.ended.find(claim)).any(|ended| is_same(ended) && is_open(ended))
    }

    /// Removes the files of a stream that has ended and has this claim, at once, unless a stream that begins goes on from
    /// its playlist, or they are kept.
    fn remove_ended(&mut self, claim: &Path, by: &Naming, memory: &mut MemoryFiles, wall: SystemTime) {
        let Some(Ended { naming, .. }) = self.ended.take_claim(claim) else { return };
        if naming.playlist() == by.playlist() {
            return;
        }
        if naming.settings().cleanup == Cleanup::Keep {
            end(&naming, memory, wall);
            return self.forget(&naming);
        }
        self.remove_with(recovery::remove_all, &naming, memory, wall);
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
        match naming.master_claim() {
            Some(master) if self.writing.has_claim(&master) => {
                remove(&without_variants(naming), &mut files, wall);
            }
            _ => remove(naming, &mut files, wall),
        }
        self.forget(naming);
    }

    /// Nothing is left to do for a stream.
    fn forget(&mut self, naming: &Naming) {
        if let Some(ledger) = self.ledgers.get_mut(naming.root()) {
            ledger.remove(&entry(naming));
        }
    }
}

/// How long the files of a stream that has ended stay: also until those who wait for it have seen that it has.
fn stay(naming: &Naming, files: &Files<'_>) -> Duration {
    let settings = naming.settings();
    let until_told = open_for(naming).unwrap_or_default().saturating_add(settings.three_fragments());
    settings.farewell().max(recovery::listed(naming, files).saturating_mul(2)).max(until_told)
}

/// How long the list of a stream that has ended is open, if its end is ever told.
fn open_for(naming: &Naming) -> Option<Duration> {
    match naming.settings().ending {
        Ending::After(wait) => Some(wait),
        Ending::Never => None,
    }
}

/// The same for a list that an earlier run has left. Where the end is told at once, encoders have as long as files stay to
/// come back after a restart.
fn open_after_restart(naming: &Naming) -> Option<Duration> {
    let settings = naming.settings();
    match open_for(naming) {
        Some(Duration::ZERO) if settings.cleanup == Cleanup::Delete => None,
        Some(Duration::ZERO) => Some(settings.farewell()),
        wait => wait,
    }
}

/// Says in a stream's list that it has ended.
fn end(naming: &Naming, memory: &mut MemoryFiles, wall: SystemTime) {
    let mut files = Files::of(naming.settings().place, memory);
    match recovery::end(naming, &mut files, wall) {
        Ok(true) => log::info!("{}: hls ends: nobody has come back", naming.label()),
        Ok(false) => {}
        Err(error) => log::error!("{}: hls: {error}", naming.label()),
    }
}

fn entry(naming: &Naming) -> Entry {
    Entry { layout: naming.settings().layout, name: naming.name().to_owned() }
}

/// The same stream, which goes on with its list whatever `hls_continuous` says.
fn continuing(naming: &Naming) -> Naming {
    let settings = Settings { continuation: Continuation::Continue, ..Settings::clone(naming.settings()) };
    naming.with_settings(&Rc::new(settings))
}

fn without_variants(naming: &Naming) -> Naming {
    let settings = Settings { variants: Vec::new(), ..Settings::clone(naming.settings()) };
    naming.with_settings(&Rc::new(settings))
}

#[cfg(test)]
mod tests;
