//! An application's settings.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::conf::{Node, Scope};
use crate::engine::{Application, Probe};

/// The module's name.
pub const NAME: &str = "play";

/// The most places of one directive.
const MAX_PLACES: usize = 64;

/// Where files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder.
    Folder(PathBuf),
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
            return Err("files of other servers cannot be played yet".to_owned());
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
}

impl Settings {
    /// Reads a checked application.
    pub fn of(application: &Application<'_>) -> Self {
        let scope = &application.scope;
        let places = lines(scope).into_iter().flat_map(Node::custom::<Vec<Place>>).collect();
        Self { places, buffer: scope.time("buflen"), is_live: application.features.live }
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
pub fn probe(scope: &Scope<'_>, probe: &mut Probe) {
    for node in lines(scope) {
        for place in node.custom::<Vec<Place>>() {
            let Place::Folder(folder) = place;
            if let Err(why) = probe.account().judge_reading(&folder) {
                probe.warn(node, format!("play {}: {why}", folder.display()));
            }
        }
    }
}

/// The lines of an application, behind them those of the blocks around it.
fn lines<'t>(scope: &Scope<'t>) -> Vec<&'t Node> {
    scope.by_level(&["play"]).into_iter().flatten().collect()
}
