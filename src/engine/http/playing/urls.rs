//! The URLs of live streams as FLV: found by the locations that send them.
//!
//! Computed from the configuration alone, for the page.

use crate::engine::config::{Application, Config};
use crate::engine::http::locations::{Location, Locations};
use crate::engine::ids::LocationId;
use crate::http::path;

/// A name that stands for any stream when a location is searched.
const ANY_STREAM: &str = "stream.flv";

/// The locations of all HTTP servers that send FLV.
#[derive(Debug)]
pub struct FlvSites {
    locations: Locations,
    /// Server and path of those that match the beginning of a path, of each server the shortest first.
    sending: Vec<(usize, String)>,
    /// All that send FLV.
    ids: Vec<LocationId>,
}

/// The URL paths of an application's streams on one HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlvUrls {
    /// The path of the application, escaped, with '/' at its end.
    folder: String,
    /// The port of its RTMP server, if another one has an application of the same name before it.
    port: Option<u16>,
}

impl FlvSites {
    /// The locations of a configuration, once they have been declared.
    pub fn new(config: &Config<'_>) -> Self {
        let all = &config.locations;
        let first = all.first().map_or(LocationId(0), |location| location.id);
        let is_sending = |location: &&Location<'_>| location.sends_flv && location.kind.is_prefix();
        let mut sending: Vec<_> = all
            .iter()
            .filter(is_sending)
            .map(|location| (location.server, location.path.trim_end_matches('/').to_owned()))
            .collect();
        sending.sort_by_key(|(server, path)| (*server, path.len()));
        let ids = all.iter().filter(|location| location.sends_flv).map(|location| location.id).collect();
        Self { locations: Locations::new(first, all), sending, ids }
    }

    /// Where the streams of an application are on an HTTP server; none if they are not.
    pub fn urls(&self, config: &Config<'_>, server: usize, app: &Application<'_>) -> Option<FlvUrls> {
        let folders = self.sending.iter().filter(|(of, _)| *of == server);
        let mut folders = folders.map(|(_, path)| format!("{path}/{}/", app.name));
        let folder = folders.find(|folder| self.is_sent(server, &format!("{folder}{ANY_STREAM}")))?;
        let mut same =
            config.applications.iter().filter(|other| other.name == app.name && other.features.live);
        let is_first = same.next().is_none_or(|first| first.id == app.id);
        let port = if is_first { None } else { Some(*config.ports_of(app).first()?) };
        Some(FlvUrls { folder: path::encode(&folder), port })
    }

    /// Whether a path leads to a location that sends FLV, and not to a longer one or an expression that does not.
    fn is_sent(&self, server: usize, path: &str) -> bool {
        let server = u32::try_from(server).unwrap_or(u32::MAX);
        self.locations.find(server, path).is_some_and(|(id, _)| self.ids.contains(&id))
    }
}

impl FlvUrls {
    /// The URL path of a stream, with a query if it needs one.
    pub fn of(&self, name: &str) -> String {
        let name = path::encode(name).replace('/', "%2F");
        let port = self.port.map(|port| format!("?port={port}")).unwrap_or_default();
        format!("{}{name}.flv{port}", self.folder)
    }
}
