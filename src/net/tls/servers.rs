//! The table of what servers need for TLS, by settings, which belongs to the loop.
//!
//! It is filled at the start and by reloads, whose threads read the files ([`LoadedTls`]). When a handshake comes and the
//! files have not been looked at for a minute, a thread looks, and reads those that have changed. The handshake does not
//! wait for it. So a renewed certificate needs no signal, and a server without handshakes does nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::server::TlsServer;
use super::stamps::Stamps;
use crate::conf::Place;
use crate::engine::ServerTls;

/// The time between two looks at files.
const LOOK: Duration = Duration::from_secs(60);
/// The time after which files are looked at again that cannot be used: some of them may not be written yet.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// What the server of some settings needs, and the files as they were before they were read.
#[derive(Debug, Clone)]
struct Loaded {
    server: TlsServer,
    stamps: Stamps,
}

impl Loaded {
    fn read(settings: &ServerTls, before: Option<&TlsServer>) -> Result<Self, String> {
        let stamps = Stamps::of(settings);
        Ok(Self { server: TlsServer::load_after(settings, before)?, stamps })
    }
}

/// What has been read at a start or for a reload.
#[derive(Debug, Clone, Default)]
pub struct LoadedTls(HashMap<Arc<ServerTls>, Loaded>);

impl LoadedTls {
    /// Reads the files of all settings. `before` is what the running server has, which stays in use, with a warning, where
    /// the same settings have files that cannot be used: this user may not be the one of the start. An error is told with its
    /// place in the configuration.
    pub fn read(
        all: &[(Place, Arc<ServerTls>)],
        before: Option<&Self>,
    ) -> Result<(Self, Vec<String>), String> {
        let (mut loaded, mut warnings, mut errors) = (HashMap::new(), Vec::new(), Vec::new());
        for (place, settings) in all {
            let own = before.and_then(|before| before.0.get(settings));
            match (Loaded::read(settings, own.map(|own| &own.server)), own) {
                (Ok(new), _) => {
                    loaded.insert(Arc::clone(settings), new);
                }
                (Err(why), Some(own)) => {
                    warnings.push(format!("{place}: {}", stays(&why)));
                    loaded.insert(Arc::clone(settings), own.clone());
                }
                (Err(why), None) => errors.push(format!("{place}: {why}")),
            }
        }
        if errors.is_empty() { Ok((Self(loaded), warnings)) } else { Err(errors.join("\n")) }
    }
}

fn stays(why: &str) -> String {
    format!("{why}; what was read before stays in use")
}

/// The table.
#[derive(Debug, Default)]
pub struct TlsServers {
    entries: HashMap<Arc<ServerTls>, Entry>,
    /// Those whose files a thread is to look at.
    due: Vec<Arc<ServerTls>>,
    /// Counts what the table has been filled with.
    serial: u64,
}

#[derive(Debug)]
struct Entry {
    loaded: Loaded,
    /// Files that could not be used.
    failed: Option<Failed>,
    next_look: Instant,
    is_looked_at: bool,
}

/// Files that could not be used.
#[derive(Debug)]
struct Failed {
    stamps: Stamps,
    is_told: bool,
}

/// A look at files, which is for a thread.
#[derive(Debug)]
pub struct Look {
    settings: Arc<ServerTls>,
    serial: u64,
    loaded: Loaded,
}

/// What has been seen.
#[derive(Debug)]
pub struct Seen {
    settings: Arc<ServerTls>,
    serial: u64,
    /// None if nothing has changed.
    change: Option<Change>,
}

#[derive(Debug)]
struct Change {
    /// The first file that has changed.
    file: String,
    stamps: Stamps,
    result: Result<Box<Loaded>, String>,
}

impl TlsServers {
    /// What a server with these settings needs; none if it has not been read, which a start and a reload do.
    pub fn find(&mut self, settings: &Arc<ServerTls>, now: Instant) -> Option<TlsServer> {
        let entry = self.entries.get_mut(settings)?;
        if now >= entry.next_look && !entry.is_looked_at {
            entry.is_looked_at = true;
            self.due.push(Arc::clone(settings));
        }
        Some(entry.loaded.server.clone())
    }

    /// The looks that threads are to take. Each is followed by [`Self::finish`].
    pub fn take_due(&mut self) -> Vec<Look> {
        if self.due.is_empty() {
            return Vec::new();
        }
        let due = std::mem::take(&mut self.due).into_iter();
        let look = |settings: Arc<ServerTls>| {
            let loaded = self.entries.get(&settings)?.loaded.clone();
            Some(Look { settings, serial: self.serial, loaded })
        };
        due.filter_map(look).collect()
    }

    /// Takes what has been seen.
    pub fn finish(&mut self, seen: Seen, now: Instant) {
        let Seen { settings, serial, change } = seen;
        // Otherwise a reload has read the files.
        let Some(entry) = self.entries.get_mut(&settings).filter(|_| serial == self.serial) else { return };
        entry.is_looked_at = false;
        entry.next_look = now + LOOK;
        match change {
            None => entry.failed = None,
            Some(Change { file, result: Ok(loaded), .. }) => {
                log::info!("{file} has changed, and is in use from now on");
                (entry.loaded, entry.failed) = (*loaded, None);
            }
            Some(Change { stamps, result: Err(why), .. }) => match &mut entry.failed {
                Some(failed) if failed.stamps == stamps => {
                    if !std::mem::replace(&mut failed.is_told, true) {
                        log::warn!("{}", stays(&why));
                    }
                }
                failed => {
                    *failed = Some(Failed { stamps, is_told: false });
                    entry.next_look = now + SECOND_LOOK;
                }
            },
        }
    }

    /// A look could not be taken.
    pub fn fail(&mut self, settings: &Arc<ServerTls>, now: Instant) {
        if let Some(entry) = self.entries.get_mut(settings) {
            (entry.is_looked_at, entry.next_look) = (false, now + LOOK);
        }
    }

    /// Takes what has been read for another configuration.
    pub fn adopt(&mut self, loaded: LoadedTls, now: Instant) {
        let entry = |loaded| Entry { loaded, failed: None, next_look: now + LOOK, is_looked_at: false };
        self.entries = loaded.0.into_iter().map(|(settings, loaded)| (settings, entry(loaded))).collect();
        self.due.clear();
        self.serial += 1;
    }

    /// What is in use.
    pub fn loaded(&self) -> LoadedTls {
        let entries = self.entries.iter();
        LoadedTls(entries.map(|(settings, entry)| (Arc::clone(settings), entry.loaded.clone())).collect())
    }
}

impl Look {
    /// The settings whose files are looked at.
    pub fn settings(&self) -> Arc<ServerTls> {
        Arc::clone(&self.settings)
    }

    /// Looks at the files, and reads them if one has changed.
    pub fn take(self) -> Seen {
        let Self { settings, serial, loaded } = self;
        let stamps = Stamps::of(&settings);
        let change = stamps.changed(&loaded.stamps).map(|file| {
            let result = Loaded::read(&settings, Some(&loaded.server)).map(Box::new);
            Change { file, stamps, result }
        });
        Seen { settings, serial, change }
    }
}
