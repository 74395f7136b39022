//! The streams that have ended and whose playlists are open or whose files are there, with the time of their next step.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::files::{Files, disk};
use crate::modules::hls::playlist::found::Found;

/// The state of a stream that has ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its playlist is open: the stream may come back.
    Open,
    /// Its playlist has its end, or never gets one.
    Ended,
    /// These files are still to be removed; the playlist is the last.
    Removing(Vec<PathBuf>),
}

/// A stream that has ended.
#[derive(Debug)]
pub struct Ended {
    pub naming: Naming,
    pub stage: Stage,
    /// The date of its playlist if an earlier run of the server wrote it, which may still be running.
    pub written: Option<SystemTime>,
    /// The time of its next step.
    step_at: Option<Instant>,
}

impl Ended {
    pub fn new(naming: Naming, stage: Stage, written: Option<SystemTime>) -> Self {
        Self { naming, stage, written, step_at: None }
    }

    /// Adds EXT-X-ENDLIST to the playlist; returns its duration.
    pub fn end_playlist(&mut self, files: &mut Files<'_>, wall: SystemTime) -> Duration {
        self.stage = Stage::Ended;
        let naming = &self.naming;
        let Ok(Some(found)) = Found::read(naming, files) else { return Duration::ZERO };
        let mut found = found.existing(naming, files);
        if let Some(text) = found.with_end(naming) {
            let path = naming.playlist();
            let room = files.make_room(naming.settings().storage, &path, text.len());
            match room.and_then(|()| files.replace(&path, text.as_bytes(), wall)) {
                Ok(()) => log::info!("{}: hls ends: nobody has come back", naming.label()),
                Err(error) => log::error!("{}: hls: {error}", naming.label()),
            }
        }
        self.written = self.written.and_then(|_| disk::modified(&naming.playlist()));
        found.listed()
    }

    /// Removes at most `most` of its files; true if none is left. A playlist that is not this server's stays, with the
    /// files that it names.
    pub fn remove(&mut self, files: &mut Files<'_>, most: usize) -> bool {
        if !matches!(self.stage, Stage::Removing(_)) {
            self.stage = Stage::Removing(files_of(&self.naming, files));
        }
        let Stage::Removing(left) = &mut self.stage else { return true };
        left.drain(..most.min(left.len())).for_each(|path| files.remove(&path));
        left.is_empty()
    }
}

/// The files of a stream: those that its playlist names, the hidden ones of a crash, and the playlist. It is the last,
/// so that a server that is killed meanwhile finds the rest.
fn files_of(naming: &Naming, files: &Files<'_>) -> Vec<PathBuf> {
    let Ok(found) = Found::read(naming, files) else { return Vec::new() };
    let mut paths = found.map_or_else(Vec::new, |found| found.files(naming));
    paths.extend([naming.open_fragment(), disk::part_of(&naming.playlist()), naming.playlist()]);
    paths
}

/// The streams that have ended. No two have a claim in common.
#[derive(Debug, Default)]
pub struct EndedStreams {
    /// By token, so the oldest first.
    ended: BTreeMap<u64, Ended>,
    /// By claim.
    tokens: HashMap<PathBuf, u64>,
    next_token: u64,
    /// The time of the next step of each stream, with its token; the nearest first.
    steps: BTreeSet<(Instant, u64)>,
    /// The streams that were taken while their playlists were open.
    resumed: Vec<Naming>,
    /// All below this token are to end early.
    hurried: u64,
}

impl EndedStreams {
    /// Returns the token of the stream.
    pub fn add(&mut self, ended: Ended) -> u64 {
        let token = self.next_token;
        self.next_token = self.next_token.wrapping_add(1);
        for claim in ended.naming.claims() {
            self.take_claim(&claim);
            self.tokens.insert(claim, token);
        }
        self.ended.insert(token, ended);
        token
    }

    /// The stream of a token, unless it has come back.
    pub fn get(&self, token: u64) -> Option<&Ended> {
        self.ended.get(&token)
    }

    pub fn get_mut(&mut self, token: u64) -> Option<&mut Ended> {
        self.ended.get_mut(&token)
    }

    pub fn take(&mut self, token: u64) -> Option<Ended> {
        let ended = self.ended.remove(&token)?;
        if let Some(at) = ended.step_at {
            self.steps.remove(&(at, token));
        }
        if ended.stage == Stage::Open {
            self.resumed.push(ended.naming.clone());
        }
        for claim in ended.naming.claims() {
            self.tokens.remove(&claim);
        }
        Some(ended)
    }

    pub fn take_claim(&mut self, path: &Path) -> Option<Ended> {
        self.take(*self.tokens.get(path)?)
    }

    /// Sets the time of the next step of a stream, in place of an earlier one.
    pub fn set_step(&mut self, token: u64, at: Instant) {
        let Some(ended) = self.ended.get_mut(&token) else { return };
        if let Some(before) = ended.step_at.replace(at) {
            self.steps.remove(&(before, token));
        }
        self.steps.insert((at, token));
    }

    /// The time of the nearest step of all streams.
    pub fn next_step(&self) -> Option<Instant> {
        self.steps.first().map(|(at, _)| *at)
    }

    /// Takes the nearest step if its time has come: the token of its stream.
    pub fn take_step(&mut self, now: Instant) -> Option<u64> {
        let (_, token) = self.steps.first().copied().filter(|(at, _)| *at <= now)?;
        self.steps.pop_first();
        if let Some(ended) = self.ended.get_mut(&token) {
            ended.step_at = None;
        }
        Some(token)
    }

    /// Takes the names of the streams whose playlists have been continued or removed while they were open.
    pub fn take_resumed(&mut self) -> Vec<Naming> {
        std::mem::take(&mut self.resumed)
    }

    /// The token of the oldest stream that is not hurried yet; it is from now on.
    pub fn hurry(&mut self) -> Option<u64> {
        let (&token, _) = self.ended.range(self.hurried..).next()?;
        self.hurried = token.wrapping_add(1);
        Some(token)
    }

    pub fn is_hurried(&self, token: u64) -> bool {
        token < self.hurried
    }

    pub fn find(&self, path: &Path) -> Option<&Ended> {
        self.ended.get(self.tokens.get(path)?)
    }

    pub fn len(&self) -> usize {
        self.ended.len()
    }
}
