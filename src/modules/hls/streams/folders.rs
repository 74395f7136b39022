//! The folders of applications, with what has been found out about them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::modules::hls::files::case::Case;
use crate::modules::hls::files::folder::Folder;
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::settings::{App, Storage};

/// The folders by their configured paths. What is known stays: streams may have claims by it.
#[derive(Debug, Clone, Default)]
pub struct Folders {
    known: HashMap<PathBuf, Folder>,
}

impl Folders {
    /// Examines the folders of an application that are not known yet.
    pub fn examine(&mut self, app: &App) {
        for path in paths(app) {
            if !self.known.contains_key(path) {
                self.known.insert(path.to_owned(), Folder::examine(path));
            }
        }
    }

    /// Takes over what is not known yet.
    pub fn extend(&mut self, found: Self) {
        for (path, folder) in found.known {
            self.known.entry(path).or_insert(folder);
        }
    }

    /// The names of the files of an application's stream.
    pub fn naming(&self, app: &App, name: &str) -> Naming {
        let naming = Naming::new(&self.root(app), name, &app.settings);
        let folds = paths(app).any(|path| self.of(path).case == Case::Folds);
        naming.with_case(if folds { Case::Folds } else { Case::Counts })
    }

    /// The canonical path of an application's `hls_path`.
    pub fn root(&self, app: &App) -> PathBuf {
        match app.settings.storage {
            Storage::Memory => app.path.clone(),
            Storage::Disk => self.of(&app.path).root,
        }
    }

    /// The folders of an application as they are configured, each with its canonical path.
    pub fn paths_of<'a>(&'a self, app: &'a App) -> impl Iterator<Item = (&'a Path, PathBuf)> {
        paths(app).map(|path| (path, self.of(path).root))
    }

    fn of(&self, path: &Path) -> Folder {
        self.known.get(path).cloned().unwrap_or_else(|| Folder::unexamined(path))
    }
}

/// `hls_path` and `hls_key_path`, if files are on the disk.
fn paths(app: &App) -> impl Iterator<Item = &Path> {
    let keys = app.settings.keys.as_ref().and_then(|keys| keys.path.as_deref());
    [Some(app.path.as_path()), keys].into_iter().flatten().filter(|_| app.settings.storage == Storage::Disk)
}
