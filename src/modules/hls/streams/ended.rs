//! The streams that have ended and whose playlists are open or whose files are there, with the time of their next step.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use crate::engine::Handle;
use crate::modules::hls::files::naming::Naming;

/// The state of a stream that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its playlist is open: the stream may come back.
    Open,
    /// Its playlist has its end, or never gets one.
    Ended,
    /// Some of its files have been removed.
    Removing,
}

/// The next step of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    None,
    At(Instant),
    /// A job does it.
    Running,
}

/// A stream that has ended.
#[derive(Debug)]
pub struct Ended {
    pub naming: Naming,
    pub stage: Stage,
    /// The date of its playlist if an earlier run of the server wrote it, which may still be running.
    pub written: Option<SystemTime>,
    /// The files that are still to be removed, once that has begun.
    pub left: Handle<Vec<PathBuf>>,
    step: Step,
}

impl Ended {
    pub fn new(naming: Naming, stage: Stage, written: Option<SystemTime>) -> Self {
        Self { naming, stage, written, left: Handle::default(), step: Step::None }
    }

    /// Whether nobody has begun to end its playlist.
    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open && self.step != Step::Running
    }
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

    pub fn take(&mut self, token: u64) -> Option<Ended> {
        let ended = self.ended.remove(&token)?;
        if let Step::At(at) = ended.step {
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

    /// Sets the time of the next step of a stream, in place of an earlier one, unless a job is doing one.
    pub fn set_step(&mut self, token: u64, at: Instant) {
        let Some(ended) = self.ended.get_mut(&token) else { return };
        match ended.step {
            Step::Running => return,
            Step::At(before) => _ = self.steps.remove(&(before, token)),
            Step::None => {}
        }
        ended.step = Step::At(at);
        self.steps.insert((at, token));
    }

    /// Notes that a job does the step of a stream.
    pub fn begin_step(&mut self, token: u64) {
        if let Some(ended) = self.ended.get_mut(&token) {
            ended.step = Step::Running;
        }
    }

    /// Notes that a job has done the step of a stream, and returns that.
    pub fn finish_step(&mut self, token: u64) -> Option<&mut Ended> {
        let ended = self.ended.get_mut(&token)?;
        ended.step = Step::None;
        Some(ended)
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
            ended.step = Step::None;
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

    pub fn is_empty(&self) -> bool {
        self.ended.is_empty()
    }
}
