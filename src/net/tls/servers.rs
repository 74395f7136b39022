//! The table of what servers need for TLS, by settings, which belongs to the loop.
//!
//! It is filled at the start and by reloads, whose threads read the files ([`LoadedTls`]). When a handshake comes and the
//! files have not been looked at for a minute, a thread looks, and reads those that have changed. The handshake does not
//! wait for it: the next one gets what is new. So a renewed certificate needs no signal, and a server without handshakes
//! does nothing.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::certificates::files::Fault;
use super::server::TlsServer;
use super::stamps::{Stamp, Stamps};
use log::Level;

use crate::engine::{ServerTls, Verifier};

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
    fn read(settings: &ServerTls, before: Option<&TlsServer>) -> Result<Self, Fault> {
        let stamps = Stamps::of(settings);
        Ok(Self { server: TlsServer::load_after(settings, before)?, stamps })
    }
}

/// What has been read at a start or for a reload.
#[derive(Debug, Clone, Default)]
pub struct LoadedTls(HashMap<Arc<ServerTls>, Loaded>);

impl LoadedTls {
    /// Reads the files of all settings. `before` is what the running server has, which stays in use, with a warning, where
    /// the same settings have files that this user may not read: the one of the start may have been another. An error is
    /// told with its place in the configuration.
    pub fn read(
        all: &[(impl Display, Arc<ServerTls>)],
        before: Option<&Self>,
    ) -> Result<(Self, Vec<String>), String> {
        let (mut loaded, mut warnings, mut errors) = (HashMap::new(), Vec::new(), Vec::new());
        let mut told = HashSet::new();
        for (place, settings) in all {
            let own = before.and_then(|before| before.0.get(settings));
            match (Loaded::read(settings, own.map(|own| &own.server)), own) {
                (Ok(new), _) => {
                    loaded.insert(Arc::clone(settings), new);
                }
                (Err(fault), Some(own)) if fault.is_forbidden => {
                    let warning = stays(&fault);
                    // Others may have the same file.
                    if told.insert(warning.clone()) {
                        warnings.push(format!("{place}: {warning}"));
                    }
                    loaded.insert(Arc::clone(settings), own.clone());
                }
                (Err(fault), _) => errors.push(format!("{place}: {fault}")),
            }
        }
        if errors.is_empty() { Ok((Self(loaded), warnings)) } else { Err(errors.join("\n")) }
    }
}

fn stays(why: &Fault) -> String {
    format!("{why}; what was read before stays in use")
}

/// The table.
#[derive(Debug, Default)]
pub struct TlsServers {
    entries: HashMap<Arc<ServerTls>, Entry>,
    /// Those whose files a thread is to look at.
    due: Vec<Arc<ServerTls>>,
    /// What has been logged of files, and how they were then: several servers may have the same file.
    told: HashMap<String, Stamp>,
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
    /// The first file that has changed, and how it is now.
    file: (String, Stamp),
    stamps: Stamps,
    result: Result<Box<Loaded>, Fault>,
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
        let Some(Change { file: (file, stamp), stamps, result }) = change else {
            // If it fails again in the same way, that is told again.
            if entry.failed.take().is_some() {
                self.told.clear();
            }
            return;
        };
        match result {
            Ok(loaded) => {
                (entry.loaded, entry.failed) = (*loaded, None);
                let line = format!("{file} has changed, and is in use from the next handshake on");
                self.tell(Level::Info, line, stamp);
                self.look_soon(&stamps, now);
            }
            Err(fault) => {
                if entry.note_failure(stamps, now) {
                    self.tell(Level::Warn, stays(&fault), stamp);
                }
            }
        }
    }

    /// Logs something about a file that is like this, unless it has been logged already.
    fn tell(&mut self, level: Level, line: String, stamp: Stamp) {
        if self.told.get(&line) != Some(&stamp) {
            log::log!(level, "{line}");
            self.told.insert(line, stamp);
        }
    }

    /// Servers that have one of these files, too, are to look at them with their next handshakes.
    fn look_soon(&mut self, files: &Stamps, now: Instant) {
        let others = self.entries.values_mut().filter(|entry| entry.failed.is_none());
        for entry in others.filter(|entry| files.is_newer_than(&entry.loaded.stamps)) {
            entry.next_look = now;
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
        self.told.clear();
        self.serial += 1;
    }

    /// By what certificates of clients are verified, for the settings of each server that does.
    pub fn verifiers(&self) -> HashMap<Arc<ServerTls>, Arc<Verifier>> {
        let of = |(settings, entry): (&Arc<ServerTls>, &Entry)| {
            Some((Arc::clone(settings), entry.loaded.server.verifier()?))
        };
        self.entries.iter().filter_map(of).collect()
    }

    /// What is in use.
    pub fn loaded(&self) -> LoadedTls {
        let entries = self.entries.iter();
        LoadedTls(entries.map(|(settings, entry)| (Arc::clone(settings), entry.loaded.clone())).collect())
    }
}

impl Entry {
    /// The files, as they are now, cannot be used. Returns true if that is to be told: the second time.
    fn note_failure(&mut self, stamps: Stamps, now: Instant) -> bool {
        match &mut self.failed {
            Some(failed) if failed.stamps == stamps => !std::mem::replace(&mut failed.is_told, true),
            failed => {
                *failed = Some(Failed { stamps, is_told: false });
                self.next_look = now + SECOND_LOOK;
                false
            }
        }
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;
    use crate::net::tls::certificates::made::{Maker, Pair, chain, client, settings, shake_hands};

    /// A table with one server.
    struct Table {
        servers: TlsServers,
        settings: Arc<ServerTls>,
        now: Instant,
    }

    impl Table {
        fn new(settings: ServerTls) -> Self {
            let (settings, now) = (Arc::new(settings), Instant::now());
            let (loaded, warnings) = LoadedTls::read(&[place(&settings)], None).unwrap();
            assert_eq!(warnings, [""; 0]);
            let mut servers = TlsServers::default();
            servers.adopt(loaded, now);
            Self { servers, settings, now }
        }

        /// A handshake after some seconds, and the look that follows it; true if there was one.
        fn look_after(&mut self, seconds: u64) -> bool {
            self.now += Duration::from_secs(seconds);
            self.servers.find(&self.settings, self.now).unwrap();
            // Another handshake at the same time.
            self.servers.find(&self.settings, self.now).unwrap();
            let due = self.servers.take_due();
            assert!(due.len() <= 1);
            let has_looked = !due.is_empty();
            due.into_iter().for_each(|look| self.servers.finish(look.take(), self.now));
            has_looked
        }

        /// Whether a client gets this certificate.
        fn shows(&mut self, pair: &Pair) -> bool {
            let server = self.servers.find(&self.settings, self.now).unwrap();
            let (_, client) = shake_hands(&server, &Arc::new(client(&[], None))).unwrap();
            client.peer_certificates().unwrap() == chain(pair)
        }

        fn failed(&self) -> Option<bool> {
            self.servers.entries[&self.settings].failed.as_ref().map(|failed| failed.is_told)
        }
    }

    fn place(settings: &Arc<ServerTls>) -> (&'static str, Arc<ServerTls>) {
        ("c.conf:1", Arc::clone(settings))
    }

    fn copy(from: &Path, to: &Path) {
        fs::write(to, fs::read(from).unwrap()).unwrap();
    }

    #[test]
    fn a_renewed_certificate_is_found_by_a_handshake_once_a_minute_at_most() {
        let maker = Maker::new();
        let (old, new) = (maker.make("old", &[]), maker.make("new", &[]));
        let mut table = Table::new(settings(&[&old]));
        fs::rename(&new.certificate, &old.certificate).unwrap();
        fs::rename(&new.key, &old.key).unwrap();
        assert!(!table.look_after(59));
        assert!(!table.shows(&old));
        assert!(table.look_after(1));
        assert!(table.shows(&old));
        assert!(!table.look_after(59));
        assert!(table.look_after(1) && table.failed().is_none());
    }

    #[test]
    fn files_behind_links_are_found_when_the_links_change() {
        let maker = Maker::new();
        let (old, new) = (maker.make("old", &[]), maker.make("new", &[]));
        let live = Pair { certificate: maker.0.join("fullchain.pem"), key: maker.0.join("privkey.pem") };
        let link = |pair: &Pair| {
            for (target, name) in [(&pair.certificate, &live.certificate), (&pair.key, &live.key)] {
                let _ = fs::remove_file(name);
                symlink(target, name).unwrap();
            }
        };
        link(&old);
        let mut table = Table::new(settings(&[&live]));
        link(&new);
        assert!(table.look_after(60) && table.shows(&new));
    }

    #[test]
    fn what_is_not_written_yet_is_looked_at_again_after_5_s_and_told_only_if_it_stays_so() {
        let maker = Maker::new();
        let (own, new) = (maker.make("own", &[]), maker.make("new", &[]));
        let before = Pair { certificate: maker.0.join("before.pem"), ..own.clone() };
        copy(&own.certificate, &before.certificate);
        let mut table = Table::new(settings(&[&own]));
        // The key comes first; the certificate is that of the one of before.
        copy(&new.key, &own.key);
        assert!(table.look_after(60) && table.shows(&before));
        assert_eq!(table.failed(), Some(false));
        let text = fs::read_to_string(&new.certificate).unwrap();
        fs::write(&own.certificate, &text[..text.len() / 2]).unwrap();
        assert!(!table.look_after(4));
        assert!(table.look_after(1) && table.shows(&before));
        assert_eq!(table.failed(), Some(false));
        assert!(table.look_after(5) && table.shows(&before));
        assert_eq!(table.failed(), Some(true));
        fs::write(&own.certificate, text).unwrap();
        assert!(!table.look_after(59));
        assert!(table.look_after(1) && table.shows(&new));
        assert_eq!(table.failed(), None);
    }

    #[test]
    fn a_file_that_is_gone_changes_nothing() {
        let maker = Maker::new();
        let (own, kept) = (maker.make("own", &[]), maker.0.join("kept.pem"));
        copy(&own.certificate, &kept);
        let mut table = Table::new(settings(&[&own]));
        fs::remove_file(&own.certificate).unwrap();
        assert!(table.look_after(60) && table.look_after(5) && table.failed() == Some(true));
        assert!(table.shows(&Pair { certificate: kept.clone(), ..own.clone() }));
        fs::rename(&kept, &own.certificate).unwrap();
        assert!(table.look_after(60) && table.shows(&own));
    }

    #[test]
    fn a_reload_fails_for_files_that_do_not_fit_and_nothing_changes() {
        let maker = Maker::new();
        let (own, other) = (maker.make("own", &[]), maker.make("other", &[]));
        let mut table = Table::new(settings(&[&own]));
        let loaded = table.servers.loaded();
        // A look of before the reload says nothing about it.
        table.now += Duration::from_secs(60);
        table.servers.find(&table.settings, table.now);
        let look = table.servers.take_due().remove(0);
        let kept = maker.0.join("kept.key");
        copy(&own.key, &kept);
        copy(&other.key, &own.key);
        let all = [place(&table.settings), place(&Arc::new(settings(&[&other])))];
        let why = LoadedTls::read(&all, Some(&loaded)).unwrap_err();
        assert!(why.ends_with("own.key is that of another certificate") && !why.contains('\n'), "{why}");
        copy(&kept, &own.key);
        let (next, warnings) = LoadedTls::read(&all, Some(&loaded)).unwrap();
        assert_eq!(warnings, [""; 0]);
        table.servers.adopt(next, table.now);
        table.servers.finish(look.take(), table.now);
        assert_eq!((table.failed(), table.servers.entries.len()), (None, 2));
        assert!(table.shows(&own));
    }

    /// Root may read all; a folder that is none is hidden from everybody.
    #[test]
    fn a_file_that_cannot_be_looked_at_any_more_is_told_once_and_changes_nothing() {
        let maker = Maker::new();
        let made = maker.make("own", &[]);
        let (folder, moved) = (maker.0.join("live"), maker.0.join("moved"));
        let inside =
            |folder: &Path| Pair { certificate: folder.join("own.pem"), key: folder.join("own.key") };
        fs::create_dir(&folder).unwrap();
        copy(&made.certificate, &inside(&folder).certificate);
        copy(&made.key, &inside(&folder).key);
        let mut table = Table::new(settings(&[&inside(&folder)]));
        fs::rename(&folder, &moved).unwrap();
        fs::write(&folder, "").unwrap();
        assert!(table.look_after(60) && table.failed() == Some(false));
        assert!(table.look_after(5) && table.failed() == Some(true));
        let told = table.servers.told.len();
        assert!(table.look_after(60) && table.servers.told.len() == told && told == 1);
        assert!(table.shows(&made));
        fs::remove_file(&folder).unwrap();
        fs::rename(&moved, &folder).unwrap();
        assert!(table.look_after(60) && table.failed().is_none() && table.servers.told.is_empty());
    }

    #[test]
    fn servers_with_the_same_file_get_a_renewed_one_at_the_same_time_and_there_is_one_line() {
        let maker = Maker::new();
        let (own, new) = (maker.make("own", &[]), maker.make("new", &[]));
        let other = Arc::new(ServerTls { tickets: false, ..settings(&[&own]) });
        let first = Arc::new(settings(&[&own]));
        let (loaded, _) = LoadedTls::read(&[place(&first), place(&other)], None).unwrap();
        let mut table = Table { servers: TlsServers::default(), settings: first, now: Instant::now() };
        table.servers.adopt(loaded, table.now);
        // The other one is looked at before the files change, the first one behind that.
        table.now += Duration::from_secs(60);
        table.servers.find(&other, table.now);
        let look = table.servers.take_due().remove(0);
        table.servers.finish(look.take(), table.now);
        fs::rename(&new.certificate, &own.certificate).unwrap();
        fs::rename(&new.key, &own.key).unwrap();
        assert!(table.look_after(1) && table.shows(&own));
        table.servers.find(&other, table.now);
        let look = table.servers.take_due().remove(0);
        table.servers.finish(look.take(), table.now);
        assert_eq!(table.servers.told.len(), 1);
        table.settings = other;
        assert!(table.shows(&own));
    }
}
