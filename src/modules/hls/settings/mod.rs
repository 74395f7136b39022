//! The settings of an application, read from its directives, and its folders.

pub mod advice;
pub mod attributes;
pub mod directives;
pub mod tokens;
pub mod variant;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::conf::{self, Scope, value};
pub use crate::engine::HlsLayout as Layout;
use crate::engine::{AppId, Application, Config, HlsFeature, Served};
use crate::media::segment::cutting::slicer::{Lengths, Pace, Slicing};

use crate::modules::hls::files::folder::absolute;
use crate::modules::hls::settings::tokens::TokenSource;
use crate::modules::hls::settings::variant::Variant;

/// The name of the module and of its sinks.
pub const NAME: &str = "hls";

/// The shortest wait of `hls_endlist on`: people press Stop and Start.
const LEAST_WAIT: Duration = Duration::from_secs(30);

/// The largest fragment, in bytes. Timestamps may stand still.
pub const MAX_BYTES: u64 = 512 << 20;

pub(super) const ENDLIST_SYNTAX: &str = "on|off|time";

/// The smallest `hls_memory_size`, bytes: less would not hold a few fragments.
pub(super) const SMALLEST_MEMORY: u64 = 1 << 20;

/// `hls_fragment_naming`: the number of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    /// One more than the last.
    Sequential,
    /// The publisher's timestamp in ticks of 90 kHz.
    Timestamp,
    /// Milliseconds since 1970.
    System,
}

/// `hls_type`: whether old fragments leave the playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// They leave the list.
    Live,
    /// They stay in it.
    Event,
}

/// `hls_endlist`: when a playlist gets its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// This time after the end of the stream, unless it has come back by then.
    After(Duration),
    Never,
}

impl Ending {
    /// Together with the last fragment.
    pub const AT_ONCE: Self = Self::After(Duration::ZERO);

    /// Reads the argument of `hls_endlist`; none for `on`, whose time depends on `publish_grace`.
    pub(super) fn parse(args: &[String]) -> Result<Option<Self>, String> {
        let [word] = args else { return Err("on, off, or one time such as 2m".into()) };
        match (value::flag(word), value::time(word)) {
            (Some(true), _) => Ok(None),
            (Some(false), _) => Ok(Some(Self::Never)),
            (None, Some(time)) => Ok(Some(Self::After(time))),
            (None, None) => Err(format!("\"{word}\" is neither on nor off, nor a time such as 2m")),
        }
    }

    /// `hls_endlist on`: a publisher that has stopped has as much time to come back as one that was lost.
    fn on(grace: Duration) -> Self {
        Self::After(grace.max(LEAST_WAIT))
    }
}

/// `hls_cleanup`: whether old fragments are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// Some time after they have left the playlist.
    Remove,
    Keep,
}

/// `hls_continuous`: whether a stream continues the playlist of an earlier publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuation {
    /// The old fragments stay listed, with a discontinuity before the new ones.
    Continue,
    /// The list is empty at first. Its numbers continue: players stall on a media sequence that decreases, and caches
    /// have the old fragments under their names.
    Restart,
}

/// `hls_memory`: where files are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    Disk,
    Memory,
}

/// The settings of `hls_keys`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// `hls_key_path`, if it is not `hls_path`.
    pub path: Option<PathBuf>,
    /// `hls_key_url`.
    pub url: String,
    /// `hls_fragments_per_key`.
    pub fragments: u64,
}

/// The settings of an application's streams. Times are in milliseconds.
#[derive(Debug, Clone)]
pub struct Settings {
    pub app_id: AppId,
    /// The name of the application.
    pub app: String,
    /// `hls_fragment`.
    pub fragment: u64,
    /// `hls_max_fragment`, never below `fragment`.
    pub max_fragment: u64,
    /// `hls_playlist_length`.
    pub playlist_length: u64,
    /// `hls_max_audio_delay`.
    pub max_audio_delay: u64,
    /// `hls_audio_buffer_size`.
    pub audio_buffer: usize,
    /// `hls_sync`.
    pub sync: u64,
    /// `hls_nested`.
    pub layout: Layout,
    /// `hls_fragment_naming`.
    pub numbering: Numbering,
    /// `hls_fragment_naming_granularity`, at least 1.
    pub granularity: u64,
    /// `hls_fragment_slicing`.
    pub slicing: Slicing,
    /// `hls_type`.
    pub kind: ListKind,
    /// `hls_fast_start`.
    pub pace: Pace,
    /// `hls_endlist`.
    pub ending: Ending,
    /// `hls_cleanup`.
    pub cleanup: Cleanup,
    /// `hls_continuous`.
    pub continuation: Continuation,
    /// `hls_variant`, in the order of the configuration.
    pub variants: Vec<Variant>,
    /// `hls_base_url`.
    pub base_url: String,
    /// `hls_keys`.
    pub keys: Option<KeySettings>,
    /// `hls_memory`.
    pub storage: Storage,
}

/// An application with `hls on`.
#[derive(Debug, Clone)]
pub struct App {
    /// `hls_path`.
    pub path: PathBuf,
    pub settings: Arc<Settings>,
    pub tokens: TokenSource,
}

impl App {
    /// The facts that other modules need of an application's HLS; `None` where it is off.
    pub fn feature<'t>(scope: &Scope<'t>) -> Option<HlsFeature<'t>> {
        scope.flag("hls").then(|| HlsFeature {
            path: scope.text("hls_path"),
            layout: layout(scope),
            key_path: if scope.flag("hls_keys") { scope.text("hls_key_path") } else { String::new() },
            suffixes: suffixes(scope),
            most_viewers: limit(scope, "hls_max_viewers"),
            most_viewers_per_address: limit(scope, "hls_max_viewers_per_address"),
            sessions: scope.flag("hls_sessions"),
            sessions_node: scope.find("hls_sessions").unwrap_or(scope.node()),
            fragment: scope.time("hls_fragment"),
            node: scope.find("hls_path").unwrap_or(scope.node()),
        })
    }

    /// Reads the block of an application; `None` where HLS is off.
    pub fn read(application: &Application<'_>) -> Result<Option<Self>, conf::Error> {
        let scope = &application.scope;
        if !scope.flag("hls") {
            return Ok(None);
        }
        let path = scope.text("hls_path");
        if path.is_empty() {
            let error = conf::Error::at(scope.node(), "\"hls on\" needs \"hls_path\"");
            return Err(error.for_lack_of("hls_path", scope));
        }
        let settings =
            Settings { app_id: application.id, app: application.name.clone(), ..Settings::read(scope)? };
        let path = match settings.storage {
            Storage::Disk => PathBuf::from(path),
            // HTTP looks for it by the path that a file would have.
            Storage::Memory => whole(scope, "hls_path", Path::new(&path))?,
        };
        Ok(Some(Self { path, settings: Arc::new(settings), tokens: TokenSource::read(application) }))
    }

    /// The folders in which its streams have files or folders.
    pub fn folders(&self) -> Vec<PathBuf> {
        let keys = self.settings.keys.as_ref().and_then(|keys| keys.path.as_deref());
        [Some(self.path.as_path()), keys].into_iter().flatten().map(absolute).collect()
    }

    /// The folders in which several streams have files.
    pub fn shared_folders(&self) -> Vec<PathBuf> {
        match self.settings.layout {
            Layout::Flat => self.folders(),
            Layout::Nested if self.settings.variants.is_empty() => Vec::new(),
            Layout::Nested => vec![absolute(&self.path)],
        }
    }

    /// Whether the next run of the server may have to end playlists or remove files of this one.
    pub fn keeps_ledger(&self) -> bool {
        let Settings { storage, cleanup, ending, .. } = *self.settings;
        storage == Storage::Disk && (cleanup == Cleanup::Remove || ending != Ending::Never)
    }

    /// The URLs of its playlists on the first HTTP server that serves them.
    pub fn served(&self, config: &Config<'_>) -> Served {
        let path = self.path.to_str().unwrap_or_default();
        Served::of(&config.sites, path, self.settings.layout)
    }
}

/// A number of which 0 means none.
fn limit(scope: &Scope<'_>, name: &str) -> Option<usize> {
    usize::try_from(scope.number(name)).ok().filter(|limit| *limit > 0)
}

fn suffixes(scope: &Scope<'_>) -> Vec<String> {
    let variants = scope.all("hls_variant").into_iter().map(conf::Node::custom::<Variant>);
    variants.map(|variant| variant.suffix().to_owned()).collect()
}

fn layout(scope: &Scope<'_>) -> Layout {
    either(scope.flag("hls_nested"), Layout::Nested, Layout::Flat)
}

/// `hls_fragment` and `hls_max_fragment`, in milliseconds.
fn fragment_lengths(scope: &Scope<'_>) -> Result<(u64, u64), conf::Error> {
    let fragment = milliseconds(scope.time("hls_fragment"));
    if fragment == 0 {
        return Err(wrong(scope, "hls_fragment", "must not be 0"));
    }
    let longest = match milliseconds(scope.time("hls_max_fragment")) {
        0 => fragment.saturating_mul(10),
        longest => longest.max(fragment),
    };
    Ok((fragment, longest))
}

fn storage(scope: &Scope<'_>, kind: ListKind) -> Result<Storage, conf::Error> {
    match (scope.flag("hls_memory"), kind) {
        (false, _) => Ok(Storage::Disk),
        (true, ListKind::Live) => Ok(Storage::Memory),
        (true, ListKind::Event) => {
            let why = "cannot hold \"hls_type event\", which grows without end";
            Err(wrong(scope, "hls_memory", why))
        }
    }
}

fn variants(scope: &Scope<'_>, layout: Layout) -> Result<Vec<Variant>, conf::Error> {
    let variants: Vec<Variant> = scope.all("hls_variant").into_iter().map(conf::Node::custom).collect();
    if layout == Layout::Nested && variants.iter().any(|variant| variant.suffix().ends_with(".m3u8")) {
        let why = "with a name that ends in .m3u8 would have the place of a playlist in hls_nested";
        return Err(wrong(scope, "hls_variant", why));
    }
    Ok(variants)
}

impl Settings {
    fn read(scope: &Scope<'_>) -> Result<Self, conf::Error> {
        let (fragment, max_fragment) = fragment_lengths(scope)?;
        let kind = either(scope.text("hls_type") == "event", ListKind::Event, ListKind::Live);
        let storage = storage(scope, kind)?;
        // Files of an event are its recording: nginx-rtmp keeps them, too. Files in memory cannot be kept.
        let keeps = storage == Storage::Disk && (kind == ListKind::Event || !scope.flag("hls_cleanup"));
        let layout = layout(scope);
        let variants = variants(scope, layout)?;
        Ok(Self {
            app_id: AppId(0),
            app: String::new(),
            fragment,
            max_fragment,
            playlist_length: milliseconds(scope.time("hls_playlist_length")),
            max_audio_delay: milliseconds(scope.time("hls_max_audio_delay")),
            audio_buffer: bytes(scope.size("hls_audio_buffer_size")),
            sync: milliseconds(scope.time("hls_sync")),
            layout,
            numbering: match scope.text("hls_fragment_naming").as_str() {
                "timestamp" => Numbering::Timestamp,
                "system" => Numbering::System,
                _ => Numbering::Sequential,
            },
            granularity: scope.number("hls_fragment_naming_granularity").max(1),
            slicing: either(
                scope.text("hls_fragment_slicing") == "aligned",
                Slicing::Aligned,
                Slicing::Plain,
            ),
            kind,
            pace: either(scope.flag("hls_fast_start"), Pace::Fast, Pace::Even),
            ending: scope
                .custom::<Option<Ending>>("hls_endlist")
                .unwrap_or_else(|| Ending::on(scope.time("publish_grace"))),
            cleanup: either(keeps, Cleanup::Keep, Cleanup::Remove),
            continuation: either(scope.flag("hls_continuous"), Continuation::Continue, Continuation::Restart),
            variants,
            base_url: url(scope, "hls_base_url")?,
            keys: if scope.flag("hls_keys") { Some(KeySettings::read(scope, storage)?) } else { None },
            storage,
        })
    }

    /// Whether both settings make the same master playlist.
    pub fn has_master_of(&self, other: &Self) -> bool {
        (&self.variants, self.layout, &self.base_url) == (&other.variants, other.layout, &other.base_url)
    }

    pub fn lengths(&self) -> Lengths {
        Lengths { wanted: self.fragment, longest: self.max_fragment, slicing: self.slicing, pace: self.pace }
    }

    /// The shortest time between a stream's end and the removal of its files: twice what a player may still have to
    /// play.
    pub fn removal_delay(&self) -> Duration {
        Duration::from_millis(self.playlist_length).max(self.three_fragments()).saturating_mul(2)
    }

    /// The time in which players fetch a playlist more than once.
    pub fn three_fragments(&self) -> Duration {
        Duration::from_millis(self.fragment.saturating_mul(3))
    }
}

impl KeySettings {
    fn read(scope: &Scope<'_>, storage: Storage) -> Result<Self, conf::Error> {
        let path = PathBuf::from(scope.text("hls_key_path"));
        let path = match storage {
            _ if path.as_os_str().is_empty() => None,
            Storage::Disk => Some(path),
            Storage::Memory => Some(whole(scope, "hls_key_path", &path)?),
        };
        Ok(Self { path, url: url(scope, "hls_key_url")?, fragments: scope.number("hls_fragments_per_key") })
    }
}

fn either<T>(first: bool, yes: T, no: T) -> T {
    if first { yes } else { no }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn bytes(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// The beginning of URLs in playlists, where it may be between quotes.
fn url(scope: &Scope<'_>, name: &str) -> Result<String, conf::Error> {
    let url = scope.text(name);
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') && !url.starts_with('#');
    if is_plain { Ok(url) } else { Err(wrong(scope, name, "takes a URL without spaces and quotes")) }
}

fn whole(scope: &Scope<'_>, name: &str, path: &Path) -> Result<PathBuf, conf::Error> {
    std::path::absolute(path).map_err(|error| wrong(scope, name, &error.to_string()))
}

/// An error at the directive, or at the block if the directive is not given.
fn wrong(scope: &Scope<'_>, name: &str, why: &str) -> conf::Error {
    conf::Error::at(scope.find(name).unwrap_or(scope.node()), format!("\"{name}\" {why}"))
}

#[cfg(test)]
impl Settings {
    /// Fragments of 2 s, at most 20 s, 30 s listed, all on the disk in one folder, at an even pace. The end is written
    /// with the last fragment.
    pub fn for_tests() -> Self {
        Self {
            app_id: AppId(0),
            app: "live".to_owned(),
            fragment: 2000,
            max_fragment: 20_000,
            playlist_length: 30_000,
            max_audio_delay: 300,
            audio_buffer: 1 << 20,
            sync: 2,
            layout: Layout::Flat,
            numbering: Numbering::Sequential,
            granularity: 1,
            slicing: Slicing::Plain,
            kind: ListKind::Live,
            pace: Pace::Even,
            ending: Ending::After(Duration::ZERO),
            cleanup: Cleanup::Remove,
            continuation: Continuation::Continue,
            variants: Vec::new(),
            base_url: String::new(),
            keys: None,
            storage: Storage::Disk,
        }
    }
}
