//! The streams that are being written and those whose files wait for their removal, found by what is asked for: there
//! may be thousands of each.

pub mod ledger;
pub mod recovery;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::engine::StreamId;

use crate::modules::hls::files::naming::Naming;

/// The streams that are being written. No two have a claim in common.
#[derive(Debug, Default)]
pub struct Writing {
    namings: HashMap<StreamId, Naming>,
    /// Whose each claim is.
    claims: HashMap<PathBuf, StreamId>,
    /// The streams that each master playlist lists.
    masters: HashMap<PathBuf, Vec<StreamId>>,
}

impl Writing {
    /// Adds a stream.
    pub fn add(&mut self, stream: StreamId, naming: Naming) {
        if let Some(master) = naming.master_claim() {
            self.masters.entry(master).or_default().push(stream);
        }
        self.claims.extend(naming.claims().into_iter().map(|claim| (claim, stream)));
        self.namings.insert(stream, naming);
    }

    /// The files of a stream.
    pub fn naming(&self, stream: StreamId) -> Option<&Naming> {
        self.namings.get(&stream)
    }

    /// Takes a stream out.
    pub fn take(&mut self, stream: StreamId) -> Option<Naming> {
        let naming = self.namings.remove(&stream)?;
        for claim in naming.claims() {
            self.claims.remove(&claim);
        }
        if let Some(master) = naming.master_claim()
            && let Some(listed) = self.masters.get_mut(&master)
        {
            listed.retain(|other| *other != stream);
            if listed.is_empty() {
                self.masters.remove(&master);
            }
        }
        Some(naming)
    }

    /// The claim that a stream would have in common with another one than `own`, or with a master playlist.
    pub fn conflict(&self, naming: &Naming, own: Option<StreamId>) -> Option<PathBuf> {
        let is_others = |claim: &PathBuf| self.claims.get(claim).is_some_and(|stream| Some(*stream) != own);
        naming.claims().into_iter().find(|claim| is_others(claim) || self.masters.contains_key(claim))
    }

    /// Whether a stream's master playlist would be in the place of another file, or is made from other variants.
    pub fn is_taken(&self, master: &Path, naming: &Naming) -> bool {
        let listed =
            self.masters.get(master).into_iter().flatten().filter_map(|stream| self.namings.get(stream));
        let mut others = listed.map(Naming::settings);
        self.has_claim(master) || others.any(|settings| !settings.has_master_of(naming.settings()))
    }

    /// Whether that is a stream's own.
    pub fn has_claim(&self, path: &Path) -> bool {
        self.claims.contains_key(path)
    }
}

/// How far a stream has gone that has ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its list is open: it may come back.
    Open,
    /// Its list says that it has ended, or never will.
    Over,
    /// These fragments and keys are still to be deleted.
    Going(Vec<PathBuf>),
}

/// A stream that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its files.
    pub naming: Naming,
    /// How far it has gone.
    pub stage: Stage,
    /// When its playlist was written last, if an earlier run did that: it may still be running.
    pub written: Option<SystemTime>,
}

/// The streams that have ended and whose files wait for their removal. No two have a claim in common.
#[derive(Debug, Default)]
pub struct Waiting {
    /// By token, so the oldest first.
    ended: BTreeMap<u64, Ended>,
    /// By claim.
    tokens: HashMap<PathBuf, u64>,
    next_token: u64,
    /// Below this token all have been hurried.
    hurried: u64,
}

impl Waiting {
    /// Adds a stream; returns its token.
    pub fn add(&mut self, naming: Naming, stage: Stage, written: Option<SystemTime>) -> u64 {
        let token = self.next_token;
        self.next_token = self.next_token.wrapping_add(1);
        for claim in naming.claims() {
            self.take_claim(&claim);
            self.tokens.insert(claim, token);
        }
        self.ended.insert(token, Ended { naming, stage, written });
        token
    }

    /// The stream of a token, unless it has come back.
    pub fn get(&self, token: u64) -> Option<&Ended> {
        self.ended.get(&token)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, token: u64) -> Option<&mut Ended> {
        self.ended.get_mut(&token)
    }

    /// Takes the stream of a token out.
    pub fn take(&mut self, token: u64) -> Option<Ended> {
        let ended = self.ended.remove(&token)?;
        for claim in ended.naming.claims() {
            self.tokens.remove(&claim);
        }
        Some(ended)
    }

    /// Takes the stream of a claim out.
    pub fn take_claim(&mut self, path: &Path) -> Option<Ended> {
        self.take(*self.tokens.get(path)?)
    }

    /// The token of the oldest, each only once.
    pub fn hurry(&mut self) -> Option<u64> {
        let (&token, _) = self.ended.range(self.hurried..).next()?;
        self.hurried = token.wrapping_add(1);
        Some(token)
    }

    /// Whether the stream of a token has been hurried.
    pub fn is_hurried(&self, token: u64) -> bool {
        token < self.hurried
    }

    /// The stream of a claim.
    pub fn find(&self, path: &Path) -> Option<&Ended> {
        self.ended.get(self.tokens.get(path)?)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.ended.len()
    }
}
