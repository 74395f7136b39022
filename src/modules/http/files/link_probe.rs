//! Warns of links in the folders of files, which nginx would follow.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::conf::FindingKind;
use crate::engine::{Config, Probe};

use super::folder::LocationFolder;
use crate::modules::http::settings::Settings;

/// Entries of a folder that are looked at; the link that is reported is an example.
const MAX_LOOKED_AT: usize = 1024;

/// Looks for a link in each folder of files, which nginx would follow.
pub fn probe<'a>(config: &Config<'_>, settings: impl Iterator<Item = &'a Settings>, probe: &mut Probe) {
    let mut seen = HashSet::new();
    for (location, settings) in config.locations.iter().zip(settings) {
        let Some(folder) = settings.folder.as_ref().map(LocationFolder::trusted) else { continue };
        let Some(link) = Some(folder).filter(|folder| seen.insert(*folder)).and_then(link_in) else {
            continue;
        };
        let alias = location.scope.own("alias").next();
        let node = alias.or_else(|| location.scope.find("root")).unwrap_or(location.scope.node());
        let message = format!("links below a root are not followed, such as {}", link.display());
        probe.tell(node, FindingKind::Differs, message);
    }
}

/// The first link in a folder by its name.
fn link_in(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.take(MAX_LOOKED_AT).filter_map(Result::ok);
    let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    links.map(|entry| entry.path()).min()
}
