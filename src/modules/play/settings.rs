//! An application's settings.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::conf::{Node, Scope};
use crate::engine::{Application, Probe};
use crate::http::Url;

use super::remote::{Folder, Terms};

/// The module's name.
pub const NAME: &str = "play";

/// The most places of one directive.
const MAX_PLACES: usize = 64;

/// Where files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder.
    Folder(PathBuf),
    /// A server, with the URL to which names are added.
    Remote(Url),
}

impl Place {
    /// Reads the arguments of a `play`.
    pub fn parse_all(words: &[String]) -> Result<Vec<Self>, String> {
        if words.is_empty() {
            return Err(String::new());
        }
        if words.len() > MAX_PLACES {
            return Err(format!("{} arguments, and at most {MAX_PLACES} are taken", words.len()));
        }
        words.iter().map(|word| Self::parse(word)).collect()
    }

    fn parse(word: &str) -> Result<Self, String> {
        if word.contains("://") {
            return Url::parse(word).map(Self::Remote);
        }
        crate::conf::path::check(word)?;
        Ok(Self::Folder(word.into()))
    }
}

/// An application's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where files are looked for, in order.
    pub places: Arc<[Place]>,
    /// How much media a client buffers that does not tell it.
    pub buffer: Duration,
    /// Whether streams may be played live.
    pub is_live: bool,
    /// How files of other servers are fetched, if there are any.
    pub terms: Option<Terms>,
}

impl Settings {
    /// Reads a checked application.
    pub fn of(app: &Application<'_>) -> Self {
        let scope = &app.scope;
        let mut places: Vec<_> = lines(scope).into_iter().flat_map(Node::custom::<Vec<Place>>).collect();
        let terms = places.iter().position(|place| matches!(place, Place::Remote(_))).map(|first| {
            let kept = PathBuf::from(scope.text("play_local_path"));
            let is_kept = !kept.as_os_str().is_empty();
            let folder = if is_kept {
                let known = Place::Folder(kept.clone());
                if !places.iter().take(first).any(|place| *place == known) {
                    places.insert(first, known);
                }
                Folder::Lasting(kept)
            } else {
                Folder::Passing(scope.text("play_temp_path").into())
            };
            let (limit, tls) = (scope.size("play_temp_size"), Arc::clone(&app.features.client_tls));
            Terms { folder, limit, tls }
        });
        let (buffer, is_live) = (scope.time("buflen"), app.features.live);
        Self { places: places.into(), buffer, is_live, terms }
    }

    /// Whether no files are played.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// Whether an application plays files.
pub fn plays_files(scope: &Scope<'_>) -> bool {
    !lines(scope).is_empty()
}

/// Looks at the folders of an application.
pub fn probe(application: &Application<'_>, probe: &mut Probe) {
    let scope = &application.scope;
    let recorders = &application.features.recorders;
    for node in lines(scope) {
        for place in node.custom::<Vec<Place>>() {
            let Place::Folder(folder) = place else {
                probe_fetching(scope, node, probe);
                continue;
            };
            // A recorder makes its folder itself.
            if recorders.iter().any(|recorder| recorder.path == folder) {
                continue;
            }
            if let Err(why) = probe.account().judge_reading(&folder) {
                probe.warn(node, format!("play {}: {why}", folder.display()));
            } else if !folder.is_dir() {
                let why = "it is no folder; files are played by their names in one";
                probe.warn(node, format!("play {}: {why}", folder.display()));
            }
        }
    }
}

/// Looks at the folder for files of other servers.
fn probe_fetching(scope: &Scope<'_>, node: &Node, probe: &mut Probe) {
    let kept = scope.text("play_local_path");
    let (directive, folder) = match kept.as_str() {
        "" => ("play_temp_path", scope.text("play_temp_path")),
        _ => ("play_local_path", kept),
    };
    probe.folder(scope.find(directive).unwrap_or(node), directive, folder.as_ref());
}

/// The lines of an application, behind them those of the blocks around it.
fn lines<'t>(scope: &Scope<'t>) -> Vec<&'t Node> {
    scope.by_level(&["play"]).into_iter().flatten().collect()
}
