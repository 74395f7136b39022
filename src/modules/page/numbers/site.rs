//! What the configuration tells of applications, and of a page and its server.

use std::collections::BTreeSet;
use std::ops::Not;
use std::rc::Rc;

use serde::Serialize;

use crate::auth::secret::Hasher;
use crate::engine::{
    AppId, Application, ByApp, Config, Ctx, FlvSites, FlvUrls, Location, OfferedApi, Playlists, Sight,
    StreamId,
};
use crate::http::json;

use super::digest;

/// An application, and what of it is in the documents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct App {
    pub name: String,
    /// The port of its server; none if it has only one with TLS.
    pub rtmp_port: Option<u16>,
    /// Whether that is reached by this machine alone.
    #[serde(skip_serializing_if = "Not::not")]
    pub rtmp_is_local: bool,
    /// The port of its server with TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtmps_port: Option<u16>,
    #[serde(skip)]
    pub is_live: bool,
    #[serde(skip)]
    pub has_hls: bool,
    #[serde(skip)]
    pub records: bool,
    /// The suffixes of its variants.
    #[serde(skip)]
    pub suffixes: Vec<String>,
}

/// The URLs of an application's streams on the page's server.
#[derive(Debug, PartialEq, Eq)]
pub struct Urls {
    pub playlists: Option<Playlists>,
    pub flv: Option<FlvUrls>,
}

/// What stands in `streams.json` beside the streams, and changes with the configuration only.
#[derive(Debug, PartialEq, Eq)]
pub struct Beside {
    /// `"api":...,"embed":[...],"recordings":[...]`.
    pub access: String,
    /// `"applications":[...]`.
    pub applications: String,
    /// By which scripts learn that it has changed.
    pub digest: String,
}

impl Beside {
    /// What stands beside the streams of these applications; `embed` are the sites that may embed the player, and
    /// `shows_recordings` is whether recordings are below the page.
    pub fn new<'a>(
        apps: impl Iterator<Item = &'a App>,
        api: Option<&OfferedApi>,
        (embed, shows_recordings): (&[String], bool),
    ) -> Self {
        let all: Vec<_> = apps.collect();
        let recording = all.iter().filter(|app| app.records && shows_recordings);
        let recording: Vec<_> = recording.map(|app| &app.name).collect();
        let apps: Vec<_> = all.iter().filter(|app| app.is_live).collect();
        let access = format!(
            r#""api":{},"embed":{},"recordings":{}"#,
            json::to_string(&api),
            json::to_string(&embed),
            json::to_string(&recording)
        );
        let applications = format!(r#""applications":{}"#, json::to_string(&apps));
        let digest = digest(&format!("{access}{applications}"));
        Self { access, applications, digest }
    }
}

/// All that an answer is composed from beside the engine: a page, and what is shown to who asks.
#[derive(Debug, Clone)]
pub struct View {
    pub apps: Rc<ByApp<App>>,
    pub urls: Rc<ByApp<Urls>>,
    pub beside: Rc<Beside>,
    pub numbers: Numbers,
    pub sight: Sight,
}

/// The numbers by which documents name streams. They tell nothing of how many streams there have been, of which some may be
/// hidden.
#[derive(Debug, Clone, Default)]
pub struct Numbers(Option<Rc<Hasher>>);

impl Numbers {
    /// Numbers that nobody can derive who does not know the key of the hasher.
    pub fn new(hasher: Hasher) -> Self {
        Self(Some(Rc::new(hasher)))
    }

    /// The number of a stream, which is below 2^48: scripts have numbers up to 2^53.
    pub fn of(&self, stream: StreamId) -> u64 {
        self.of_serial(stream.serial())
    }

    fn of_serial(&self, serial: u32) -> u64 {
        let digest = |hasher: &Rc<Hasher>| hasher.digest(&serial.to_string()).short();
        u64::try_from(self.0.as_ref().map_or(0, digest) >> 80).unwrap_or_default()
    }
}

impl View {
    /// The application, if its streams are shown.
    pub fn app(&self, id: AppId) -> Option<&App> {
        self.apps.get(id).filter(|_| self.sight.shows(id))
    }

    /// The application of a stream, if that is shown.
    pub fn app_of(&self, cx: &Ctx, (id, name): (AppId, &str)) -> Option<&App> {
        self.apps.get(id).filter(|_| self.sight.shows_stream(cx, (id, name)))
    }

    /// The applications whose streams are shown, by their names.
    pub fn by_name(&self) -> BTreeSet<(&str, AppId)> {
        let shown = self.apps.iter().filter(|(id, _)| self.sight.shows(*id));
        shown.map(|(id, app)| (app.name.as_str(), id)).collect()
    }
}

impl App {
    /// What a configuration tells of an application.
    pub fn read(application: &Application<'_>) -> Self {
        let hls = application.features.hls.as_ref();
        Self {
            name: application.name.clone(),
            is_live: application.features.live,
            rtmp_port: application.ports.plain,
            rtmp_is_local: application.ports.is_plain_local,
            rtmps_port: application.ports.encrypted,
            has_hls: hls.is_some(),
            records: !application.features.recorders.is_empty(),
            suffixes: hls.map(|hls| hls.suffixes.clone()).unwrap_or_default(),
        }
    }

    /// The name of a variant without its suffix; none if the stream is no variant.
    pub fn base<'n>(&self, name: &'n str) -> Option<&'n str> {
        let bases = self.suffixes.iter().filter_map(|suffix| name.strip_suffix(suffix.as_str()));
        // As HLS has it: the longest suffix counts.
        bases.filter(|base| !base.is_empty()).min_by_key(|base| base.len())
    }

    /// The name that a stream shares with its variants.
    pub fn family<'n>(&self, name: &'n str) -> &'n str {
        self.base(name).unwrap_or(name)
    }
}

impl Urls {
    /// The URLs on the server of a location.
    pub fn read_all(config: &Config<'_>, location: &Location<'_>) -> ByApp<Self> {
        let playlists = |application: &Application<'_>| {
            let hls = application.features.hls.as_ref()?;
            Playlists::on_server(&config.sites, location.server, &hls.path, hls.layout)
        };
        let sites = FlvSites::new(config);
        let urls = |application: &Application<'_>| Self {
            playlists: playlists(application),
            flv: sites.urls(config, location.server, application),
        };
        config.applications.iter().map(|app| (app.id, urls(app))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_known_by_its_longest_suffix() {
        let app = App { suffixes: ["_low", "_very_low"].map(str::to_owned).to_vec(), ..App::default() };
        let bases = ["cam", "cam_low", "cam_very_low", "_low"].map(|name| app.base(name));
        assert_eq!(bases, [None, Some("cam"), Some("cam"), None]);
        assert_eq!(["cam", "cam_low", "cams"].map(|name| app.family(name)), ["cam", "cam", "cams"]);
    }

    #[test]
    fn the_numbers_of_streams_tell_nothing_of_their_order_and_are_exact_in_scripts() {
        let numbers = |key| Numbers::new(Hasher::new(&[key; 64]));
        let one = numbers(1);
        let (first, second) = (one.of_serial(1), one.of_serial(2));
        assert_eq!((one.of_serial(1), first < 1 << 48), (first, true));
        assert!(first.abs_diff(second) > 1 << 16, "{first} and {second}");
        assert_ne!(numbers(2).of_serial(1), first);
    }

    #[test]
    fn what_stands_beside_the_streams_has_a_digest() {
        let app = App { name: "live".into(), rtmp_port: Some(1935), is_live: true, ..App::default() };
        let off = App { name: "off".into(), ..App::default() };
        let beside = |app: &App, api| Beside::new([app, &off].into_iter(), api, (&["'self'".into()], true));
        let (plain, api) = (beside(&app, None), OfferedApi { path: "/api/".into(), tokens: true });
        assert_eq!(plain.access, r#""api":null,"embed":["'self'"],"recordings":[]"#);
        let records = App { records: true, ..app.clone() };
        assert!(beside(&records, None).access.ends_with(r#""recordings":["live"]"#));
        assert_eq!(plain.applications, r#""applications":[{"name":"live","rtmp_port":1935}]"#);
        assert_eq!(plain, beside(&app, None));
        let with_api = beside(&app, Some(&api));
        assert!(with_api.access.contains(r#""api":{"path":"/api/","tokens":true}"#));
        assert_ne!(plain.digest, with_api.digest);
        assert_eq!(plain.digest.len(), 8);
    }
}
