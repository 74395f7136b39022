//! The streams that are being written and those that have ended, so that no two have the same files. After the end of a
//! stream its playlist gets its end and its files are removed, also those of an earlier run of the server.

pub mod ended;
pub mod ledger;
pub mod live;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::engine::{MemoryFiles, Outlet, StreamId};

use super::files::naming::Naming;
use super::files::{Files, disk};
use super::playlist::found::Found;
use super::playlist::master;
use super::publication::Publication;
use super::publication::retirement::MAX_AT_ONCE;
use super::segmenter::Segmenter;
use super::settings::{App, Cleanup, Continuation, Ending, Settings, Storage};
use ended::{Ended, EndedStreams, Stage};
use ledger::{Entry, Ledger};
use live::LiveStreams;

/// The most streams that have ended and whose playlists are open or whose files are there; beyond this, the oldest end
/// and lose their files early.
pub const MAX_ENDED: usize = 4096;

/// The time between two steps of a removal.
pub const NEXT_TURN: Duration = Duration::from_millis(1);

/// The token of a stream that has ended, and the time until its next step: its playlist ends, or files are removed.
pub type NextStep = (u64, Duration);

#[derive(Debug, Default)]
pub struct Streams {
    pub live: LiveStreams,
    pub ended: EndedStreams,
    /// By folder, for applications that keep one.
    ledgers: HashMap<PathBuf, Ledger>,
}

impl Streams {
    /// Finds the streams of an earlier run whose playlists have no end yet, or whose files are still there.
    pub fn load_leftovers<'a>(&mut self, apps: impl Iterator<Item = &'a App>) -> Vec<NextStep> {
        let mut left = Vec::new();
        for app in apps.filter(|app| app.keeps_ledger()) {
            let Ok(root) = app.path.canonicalize() else { continue };
            if self.ledgers.contains_key(&root) {
                continue;
            }
            let ledger = Ledger::open(&root);
            let mut first: Option<Naming> = None;
            for entry in ledger.entries() {
                let settings = Settings { layout: entry.layout, ..Settings::clone(&app.settings) };
                let naming = Naming::new(&root, &entry.name, &Rc::new(settings));
                // One folder may have thousands of streams; its file system is examined once.
                let naming = match &first {
                    Some(first) => naming.with_case_of(first),
                    None => first.insert(naming.with_case_checked()).clone(),
                };
                left.push(naming);
            }
            self.ledgers.insert(root, ledger);
        }
        left.into_iter().flat_map(|naming| self.load(naming)).collect()
    }

    fn load(&mut self, naming: Naming) -> Vec<NextStep> {
        let mut found = Found::read(&naming, &Files::Disk).ok().flatten();
        let is_open = found.as_mut().is_some_and(|found| found.with_end(&naming).is_some());
        let listed = found.map_or(Duration::ZERO, |found| found.listed());
        let (stage, wait) = match open_after_restart(&naming).filter(|_| is_open) {
            Some(wait) => (Stage::Open, wait),
            None => (Stage::Ended, removal_delay(&naming, listed)),
        };
        let written = disk::modified(&naming.playlist());
        self.add_ended(Ended::new(naming, stage, written), wait)
    }

    /// Begins to write a stream, unless another stream writes the same files. If an earlier stream of the name has left
    /// a playlist, this one continues it.
    pub fn begin(
        &mut self,
        stream: StreamId,
        app: &App,
        name: &str,
        outlet: &mut Outlet<'_>,
    ) -> Result<Segmenter, String> {
        let root = app.root();
        let mut naming = Naming::new(&root, name, &app.settings).with_case_checked();
        if let Some(claim) = self.live.conflict(&naming, &[]) {
            return Err(format!("another stream is writing {}", claim.display()));
        }
        if self.is_awaited(&naming) {
            naming = continuing(&naming);
        }
        if let Some(master) = naming.master_claim() {
            if self.live.is_taken(&master, &naming) {
                let (label, master) = (naming.label(), master.display());
                log::error!("{label}: no hls master playlist: another stream is writing {master}");
                naming = without_variants(&naming);
            }
            // A stream of that name may have ended and still have files.
            self.remove_ended(&master, &naming, outlet);
        }
        for claim in naming.claims() {
            self.remove_ended(&claim, &naming, outlet);
        }
        if app.settings.storage != Storage::Disk {
            outlet.memory.begin_owner(&naming.playlist());
        }
        let files = Files::of(app.settings.storage, outlet.memory);
        let publication = Publication::open(naming.clone(), &files, outlet.now.wall);
        if app.keeps_ledger() {
            let ledger = self.ledgers.entry(root).or_insert_with_key(|root| Ledger::open(root));
            ledger.add(entry(&naming));
        }
        self.live.add(stream, naming);
        Ok(Segmenter::new(&app.settings, publication))
    }

    /// Ends a stream whose publisher has been away for the time `waited`.
    pub fn end(&mut self, stream: StreamId, waited: Duration, memory: &mut MemoryFiles) -> Vec<NextStep> {
        let Some(naming) = self.live.take(stream) else { return Vec::new() };
        memory.end_owner(&naming.playlist());
        // Without a wait, the segmenter has ended the playlist.
        let (stage, wait) = match open_for(&naming).filter(|wait| !wait.is_zero()) {
            Some(wait) => (Stage::Open, wait.saturating_sub(waited)),
            None => {
                let found = Found::read(&naming, &Files::of(naming.settings().storage, memory));
                let listed = found.ok().flatten().map_or(Duration::ZERO, |found| found.listed());
                (Stage::Ended, removal_delay(&naming, listed))
            }
        };
        self.add_ended(Ended::new(naming, stage, None), wait)
    }

    /// Adds a stream that has ended. Returns its first step; also one of the oldest stream, if there are too many.
    fn add_ended(&mut self, ended: Ended, wait: Duration) -> Vec<NextStep> {
        if ended.stage == Stage::Ended && ended.naming.settings().cleanup == Cleanup::Keep {
            self.remove_from_ledger(&ended.naming);
            return Vec::new();
        }
        let oldest = if self.ended.len() >= MAX_ENDED { self.ended.hurry() } else { None };
        let token = self.ended.add(ended);
        oldest.map(|oldest| (oldest, NEXT_TURN)).into_iter().chain([(token, wait)]).collect()
    }

    /// Takes the next step for a stream that has ended, unless it has come back: ends its playlist, or removes some
    /// files. Returns the time until the step after that.
    pub fn advance(&mut self, token: u64, outlet: &mut Outlet<'_>) -> Option<Duration> {
        let is_hurried = self.ended.is_hurried(token);
        let ended = self.ended.get_mut(token)?;
        let (naming, wall) = (ended.naming.clone(), outlet.now.wall);
        let mut files = Files::of(naming.settings().storage, outlet.memory);
        if let Some(wait) = wait_for_other_server(ended, &files) {
            return Some(wait);
        }
        if ended.stage == Stage::Open {
            let listed = ended.end_playlist(&mut files, wall);
            if naming.settings().cleanup == Cleanup::Keep {
                self.ended.take(token);
                self.remove_from_ledger(&naming);
                return None;
            }
            let wait = removal_delay(&naming, listed).saturating_sub(open_for(&naming).unwrap_or_default());
            return Some(if is_hurried { NEXT_TURN } else { wait });
        }
        if !ended.remove(&mut files, MAX_AT_ONCE) {
            return Some(NEXT_TURN);
        }
        self.ended.take(token);
        self.remove_rest(&naming, &mut files, wall);
        None
    }

    /// Whether a stream with these files has ended in this run, and its playlist is still open.
    fn is_awaited(&self, naming: &Naming) -> bool {
        let is_same = |ended: &Ended| ended.naming.playlist() == naming.playlist();
        let is_open = |ended: &Ended| ended.stage == Stage::Open && ended.written.is_none();
        let claims = naming.claims();
        claims.iter().filter_map(|claim| self.ended.find(claim)).any(|ended| is_same(ended) && is_open(ended))
    }

    /// Removes the files of the ended stream that has this claim at once, unless the stream `by`, which begins,
    /// continues its playlist, or `hls_cleanup` is off.
    fn remove_ended(&mut self, claim: &Path, by: &Naming, outlet: &mut Outlet<'_>) {
        let Some(mut ended) = self.ended.take_claim(claim) else { return };
        if ended.naming.playlist() == by.playlist() {
            return;
        }
        if ended.naming.settings().cleanup == Cleanup::Keep {
            let mut files = Files::of(ended.naming.settings().storage, outlet.memory);
            ended.end_playlist(&mut files, outlet.now.wall);
            return self.remove_from_ledger(&ended.naming);
        }
        self.remove_all(ended, outlet);
    }

    /// Removes all files of a stream.
    pub fn remove_all(&mut self, mut ended: Ended, outlet: &mut Outlet<'_>) {
        let mut files = Files::of(ended.naming.settings().storage, outlet.memory);
        ended.remove(&mut files, usize::MAX);
        self.remove_rest(&ended.naming, &mut files, outlet.now.wall);
    }

    /// Removes the folders of a stream whose files have been removed, and its entries in the master playlist and the
    /// ledger.
    fn remove_rest(&mut self, naming: &Naming, files: &mut Files<'_>, wall: SystemTime) {
        if matches!(files, Files::Disk) {
            for folder in naming.own_folders() {
                // Refused by the system while anything is in it.
                let _ = std::fs::remove_dir(folder);
            }
        }
        // The path may be that of another stream by now, or of another application's master playlist.
        if !naming.master_claim().is_some_and(|master| self.live.is_taken(&master, naming))
            && let Err(error) = master::write(files, naming, wall)
        {
            log::error!("{}: hls master playlist: {error}", naming.label());
        }
        self.remove_from_ledger(naming);
    }

    pub fn has_ledger_entries(&self) -> bool {
        self.ledgers.values().any(|ledger| !ledger.entries().is_empty())
    }

    /// Writes the ledgers again that somebody has removed.
    pub fn restore_ledgers(&mut self) {
        self.ledgers.values_mut().for_each(Ledger::restore);
    }

    fn remove_from_ledger(&mut self, naming: &Naming) {
        if let Some(ledger) = self.ledgers.get_mut(naming.root()) {
            ledger.remove(&entry(naming));
        }
    }
}

/// The time to wait if the playlist has changed since the start: an earlier run of the server is still writing it.
fn wait_for_other_server(ended: &mut Ended, files: &Files<'_>) -> Option<Duration> {
    let (naming, before) = (&ended.naming, ended.written?);
    let written = disk::modified(&naming.playlist());
    if matches!(ended.stage, Stage::Removing(_)) || written == Some(before) {
        return None;
    }
    log::info!("{}: hls files are not removed: another server writes them", naming.label());
    ended.written = written;
    let found = Found::read(naming, files).ok().flatten();
    Some(removal_delay(naming, found.map_or(Duration::ZERO, |found| found.listed())))
}

/// The time between the end of a stream and the removal of its files. `listed` is the duration of its playlist. Players
/// must have seen the end of the playlist before.
fn removal_delay(naming: &Naming, listed: Duration) -> Duration {
    let settings = naming.settings();
    let until_end = open_for(naming).unwrap_or_default().saturating_add(settings.three_fragments());
    settings.removal_delay().max(listed.saturating_mul(2)).max(until_end)
}

/// The time between the end of a stream and the end of its playlist; `None` if that is never written.
fn open_for(naming: &Naming) -> Option<Duration> {
    match naming.settings().ending {
        Ending::After(wait) => Some(wait),
        Ending::Never => None,
    }
}

/// The same for a playlist of an earlier run. Where `hls_endlist` is 0, encoders have until the removal of the files to
/// come back after a restart.
fn open_after_restart(naming: &Naming) -> Option<Duration> {
    let settings = naming.settings();
    match open_for(naming) {
        Some(Duration::ZERO) if settings.cleanup == Cleanup::Remove => None,
        Some(Duration::ZERO) => Some(settings.removal_delay()),
        wait => wait,
    }
}

fn entry(naming: &Naming) -> Entry {
    Entry { layout: naming.settings().layout, name: naming.name().to_owned() }
}

/// The same stream, continuing its playlist whatever `hls_continuous` says.
fn continuing(naming: &Naming) -> Naming {
    let settings = Settings { continuation: Continuation::Continue, ..Settings::clone(naming.settings()) };
    naming.with_settings(&Rc::new(settings))
}

fn without_variants(naming: &Naming) -> Naming {
    let settings = Settings { variants: Vec::new(), ..Settings::clone(naming.settings()) };
    naming.with_settings(&Rc::new(settings))
}
