//! The streams that are being written and those whose files wait for their removal, found by what is asked for: there
//! may be thousands of each.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::engine::StreamId;

use super::master_of;
use super::naming::Naming;

/// The streams that are being written. No two have a playlist in common.
#[derive(Debug, Default)]
pub struct Writing {
    /// By playlist.
    namings: HashMap<PathBuf, Naming>,
    playlists: HashMap<StreamId, PathBuf>,
    /// How many of them each master playlist lists.
    masters: HashMap<PathBuf, usize>,
}

impl Writing {
    /// Adds a stream.
    pub fn add(&mut self, stream: StreamId, naming: Naming) {
        let playlist = naming.playlist();
        if let Some(master) = master_of(&naming) {
            *self.masters.entry(master).or_default() += 1;
        }
        self.playlists.insert(stream, playlist.clone());
        self.namings.insert(playlist, naming);
    }

    /// Takes a stream out.
    pub fn take(&mut self, stream: StreamId) -> Option<Naming> {
        let naming = self.namings.remove(&self.playlists.remove(&stream)?)?;
        if let Some(master) = master_of(&naming)
            && let Some(count) = self.masters.get_mut(&master)
        {
            *count -= 1;
            if *count == 0 {
                self.masters.remove(&master);
            }
        }
        Some(naming)
    }

    /// Whether a stream writes that playlist.
    pub fn has_playlist(&self, path: &Path) -> bool {
        self.namings.contains_key(path)
    }

    /// Whether that is the master playlist of a stream.
    pub fn has_master(&self, path: &Path) -> bool {
        self.masters.contains_key(path)
    }
}

/// A stream that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its files.
    pub naming: Naming,
    /// The fragments and keys that are still to be deleted, once that has begun.
    pub left: Option<Vec<PathBuf>>,
    /// When its playlist was written last, if an earlier run did that: it may still be running.
    pub written: Option<SystemTime>,
}

/// The streams that have ended and whose files wait for their removal. No two have a playlist in common.
#[derive(Debug, Default)]
pub struct Waiting {
    /// By token, so the oldest first.
    ended: BTreeMap<u64, Ended>,
    /// By playlist.
    tokens: HashMap<PathBuf, u64>,
    next_token: u64,
    /// Below this token all have been hurried.
    hurried: u64,
}

impl Waiting {
    /// Adds a stream; returns its token.
    pub fn add(&mut self, naming: Naming, written: Option<SystemTime>) -> u64 {
        let token = self.next_token;
        self.next_token = self.next_token.wrapping_add(1);
        if let Some(earlier) = self.tokens.insert(naming.playlist(), token) {
            self.ended.remove(&earlier);
        }
        self.ended.insert(token, Ended { naming, left: None, written });
        token
    }

    /// The stream of a token, unless it has come back.
    pub fn get_mut(&mut self, token: u64) -> Option<&mut Ended> {
        self.ended.get_mut(&token)
    }

    /// Takes the stream of a token out.
    pub fn take(&mut self, token: u64) -> Option<Ended> {
        let ended = self.ended.remove(&token)?;
        self.tokens.remove(&ended.naming.playlist());
        Some(ended)
    }

    /// Takes the stream of a playlist out.
    pub fn take_playlist(&mut self, path: &Path) -> Option<Ended> {
        self.ended.remove(&self.tokens.remove(path)?)
    }

    /// The token of the oldest, each only once.
    pub fn hurry(&mut self) -> Option<u64> {
        let (&token, _) = self.ended.range(self.hurried..).next()?;
        self.hurried = token.wrapping_add(1);
        Some(token)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.ended.len()
    }
}
