//! What is found on the disk at the start, and after a reload in folders that are new: their facts, and the streams of
//! an earlier run whose playlists have no end yet, or whose files are still there.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::ended::{Ended, Stage};
use super::folders::Folders;
use super::ledger::Ledger;
use super::token_secrets::TokenSecrets;
use super::waits::{open_after_restart, removal_delay};
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::files::{Files, disk};
use crate::modules::hls::playlist::found::Found;
use crate::modules::hls::settings::tokens::TokenSource;
use crate::modules::hls::settings::{App, Settings};

#[derive(Debug, Default)]
pub struct Survey {
    pub folders: Folders,
    pub secrets: TokenSecrets,
    pub ledgers: Vec<(PathBuf, Ledger)>,
    /// The streams of an earlier run, each with the time until its first step.
    pub left: Vec<(Ended, Duration)>,
}

impl Survey {
    /// Looks at the folders of applications. Those in `folders` and `secrets` are known, and the ledgers of `roots` have
    /// been read.
    pub fn make(apps: &[App], folders: Folders, secrets: TokenSecrets, mut roots: HashSet<PathBuf>) -> Self {
        let mut survey = Self { folders, secrets, ..Self::default() };
        for app in apps {
            survey.folders.examine(app);
            if matches!(app.tokens, TokenSource::Folder) {
                survey.secrets.examine(&survey.folders.root(app), app.settings.storage);
            }
            if app.keeps_ledger() && roots.insert(survey.folders.root(app)) {
                survey.read_ledger(app);
            }
        }
        survey
    }

    fn read_ledger(&mut self, app: &App) {
        let root = self.folders.root(app);
        if !root.is_dir() {
            return;
        }
        let ledger = Ledger::open(&root);
        for entry in ledger.entries() {
            let settings = Settings { layout: entry.layout, ..Settings::clone(&app.settings) };
            let app = App { settings: Arc::new(settings), ..app.clone() };
            self.left.push(left_over(self.folders.naming(&app, &entry.name)));
        }
        self.ledgers.push((root, ledger));
    }
}

/// A stream of an earlier run, and the time until its playlist ends, or its files are removed.
fn left_over(naming: Naming) -> (Ended, Duration) {
    let mut found = Found::read(&naming, &Files::Disk).ok().flatten();
    let is_open = found.as_mut().is_some_and(|found| found.with_end(&naming).is_some());
    let listed = found.map_or(Duration::ZERO, |found| found.listed());
    let (stage, wait) = match open_after_restart(&naming).filter(|_| is_open) {
        Some(wait) => (Stage::Open, wait),
        None => (Stage::Ended, removal_delay(&naming, listed)),
    };
    let written = disk::modified(&naming.playlist());
    (Ended::new(naming, stage, written), wait)
}
