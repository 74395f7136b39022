//! The settings of statistics: their parts and format at a location, and what they say of applications.

use crate::engine::{Application, Location};

use super::recorders;

/// The parts of a document, in nginx's words.
pub const WORDS: &[&str] = &["all", "global", "live", "clients", "play", "record"];

/// What documents say of an application beside what the engine knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The number of its RTMP server.
    pub server: usize,
    pub port: u16,
    pub has_hls: bool,
    pub plays_files: bool,
    /// Its recorders, in JSON.
    pub recorders: String,
}

/// The statistics of a location.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    pub sections: Sections,
    pub format: Format,
    /// The URL of the stylesheet, or empty.
    pub stylesheet: String,
}

/// The parts of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sections {
    pub live: bool,
    pub clients: bool,
    pub record: bool,
    pub play: bool,
}

/// A part of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Streams.
    Live,
    /// Files that are played.
    Play,
}

impl Section {
    /// nginx's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Play => "play",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Xml,
    Json,
}

impl App {
    pub fn new(application: &Application<'_>) -> Self {
        Self {
            server: application.server_number(),
            port: application.ports.first,
            has_hls: application.features.hls.is_some(),
            plays_files: application.features.plays_files,
            recorders: recorders::describe(&application.features.recorders),
        }
    }
}

impl Settings {
    pub fn read(location: &Location<'_>) -> Option<Self> {
        // As nginx does, a location does not inherit it.
        let node = location.scope.own("rtmp_stat").next()?;
        let has = |word: &str| node.args.iter().any(|arg| arg == word || arg == "all");
        let format =
            if location.scope.text("rtmp_stat_format") == "json" { Format::Json } else { Format::Xml };
        Some(Self {
            sections: Sections {
                live: has("live"),
                clients: has("clients"),
                record: has("record"),
                play: has("play"),
            },
            format,
            stylesheet: location.scope.text("rtmp_stat_stylesheet"),
        })
    }
}
