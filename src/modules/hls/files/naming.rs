//! The paths of a stream's files, and their names in playlists. All names are made here.
//!
//! Flat: `PATH/NAME.m3u8` and `PATH/NAME-ID.ts`; nested: `PATH/NAME/index.m3u8` and `PATH/NAME/ID.ts`;
//! keys likewise, below `hls_key_path`. No two streams of one layout share a file: an id is all digits, and `a` with
//! its id is no playlist of `a-1`. Paths that two streams could share otherwise are their [claims](Naming::claims).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::StreamName;
use crate::http::path;
use crate::modules::hls::files::case::Case;
use crate::modules::hls::settings::variant::Variant;
use crate::modules::hls::settings::{Layout, Settings};

/// The largest number that is read back, of a fragment or a playlist: 18 digits.
pub const MAX_NUMBER: u64 = 999_999_999_999_999_999;

/// The names of the files of one stream.
#[derive(Debug, Clone)]
pub struct Naming {
    /// `hls_path`.
    root: PathBuf,
    /// The stream's name: no separator, no leading dot.
    name: String,
    /// For the log: `live/cam`.
    label: String,
    /// The name in a URL.
    escaped: String,
    settings: Arc<Settings>,
    case: Case,
}

impl Naming {
    /// The names of the files of the stream `name`, which is safe as a file name, below `root`.
    pub fn new(root: &Path, name: &str, settings: &Arc<Settings>) -> Self {
        debug_assert!(!name.is_empty() && !name.starts_with('.') && !name.contains('/'), "an unsafe name");
        let shown = StreamName::new(name).map_or_else(|_| name.to_owned(), |name| name.to_string());
        let label = format!("{}/{shown}", settings.app);
        let (root, name, escaped) = (root.to_path_buf(), name.to_owned(), path::encode(name));
        Self { root, name, label, escaped, settings: Arc::clone(settings), case: Case::Counts }
    }

    pub fn with_settings(&self, settings: &Arc<Settings>) -> Self {
        Self { settings: Arc::clone(settings), ..self.clone() }
    }

    /// The same, with the case of the file systems of its folders.
    pub fn with_case(self, case: Case) -> Self {
        Self { case, ..self }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// For the log: `live/cam`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// `hls_path`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The name without the longest suffix of a variant that it ends in; `None` if the stream is no variant.
    pub fn base(&self) -> Option<&str> {
        let suffixes = self.settings.variants.iter().map(Variant::suffix);
        let bases = suffixes.filter_map(|suffix| self.name.strip_suffix(suffix));
        bases.filter(|base| !base.is_empty()).min_by_key(|base| base.len())
    }

    /// The folder of keys: `hls_key_path`, or `hls_path`.
    pub fn key_root(&self) -> &Path {
        self.settings.keys.as_ref().and_then(|keys| keys.path.as_deref()).unwrap_or(&self.root)
    }

    /// The stream's own folders; none in a flat layout.
    pub fn own_folders(&self) -> Vec<PathBuf> {
        if self.settings.layout == Layout::Flat {
            return Vec::new();
        }
        let mut folders = vec![self.root.join(&self.name)];
        if self.settings.keys.is_some() && self.key_root() != self.root {
            folders.push(self.key_root().join(&self.name));
        }
        folders
    }

    /// The paths that no other stream may have: those of its playlist and folders, and for all keys of a flat layout
    /// one that no file has. In lower case where case does not count.
    pub fn claims(&self) -> Vec<PathBuf> {
        match self.case {
            Case::Counts => self.own_claims(),
            Case::Folds => Self { name: self.case.key(&self.name), ..self.clone() }.own_claims(),
        }
    }

    /// The claim of its [master playlist](Self::master), if it is a variant.
    pub fn master_claim(&self) -> Option<PathBuf> {
        self.base().map(|base| self.master(&self.case.key(base)))
    }

    pub fn case(&self) -> Case {
        self.case
    }

    fn own_claims(&self) -> Vec<PathBuf> {
        let mut claims = self.own_folders();
        if self.settings.layout == Layout::Flat {
            claims.push(self.playlist());
            if self.settings.keys.is_some() {
                claims.push(self.key_root().join(format!(".{}.key", self.name)));
            }
        }
        claims
    }

    /// Whether the stream's folder has a name that a playlist, a fragment or a key of another stream may have.
    pub fn is_like_a_file(&self) -> bool {
        let is_numbered = |stem: &str| {
            let (stem, digits) = stem.rsplit_once('-').unwrap_or_default();
            !stem.is_empty() && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        self.settings.layout == Layout::Nested
            && match self.case.key(&self.name).rsplit_once('.') {
                Some((_, "m3u8")) => true,
                Some((stem, "ts" | "key")) => is_numbered(stem),
                _ => false,
            }
    }

    pub fn playlist(&self) -> PathBuf {
        self.root.join(self.settings.layout.playlist(&self.name))
    }

    /// Whether both streams have the same playlist: of two with one path, one may be in memory and one on the disk.
    pub fn has_playlist_of(&self, other: &Self) -> bool {
        self.playlist() == other.playlist() && self.settings.storage == other.settings.storage
    }

    pub fn fragment(&self, id: u64) -> PathBuf {
        self.file(&self.root, &format!("-{id}.ts"), &format!("{id}.ts"))
    }

    /// The hidden file of the fragment that is being written; its number is not decided before it is whole.
    pub fn open_fragment(&self) -> PathBuf {
        match self.settings.layout {
            Layout::Flat => self.root.join(format!(".{}.ts.part", self.name)),
            Layout::Nested => self.root.join(&self.name).join(".ts.part"),
        }
    }

    pub fn key(&self, id: u64) -> PathBuf {
        self.file(self.key_root(), &format!("-{id}.key"), &format!("{id}.key"))
    }

    /// The master playlist of the streams whose names are `base` and a suffix.
    pub fn master(&self, base: &str) -> PathBuf {
        self.root.join(format!("{base}.m3u8"))
    }

    fn file(&self, root: &Path, flat: &str, nested: &str) -> PathBuf {
        match self.settings.layout {
            Layout::Flat => root.join(format!("{}{flat}", self.name)),
            Layout::Nested => root.join(&self.name).join(nested),
        }
    }

    /// The URI of a fragment in the playlist, relative to it if there is no `hls_base_url`.
    pub fn uri(&self, id: u64) -> String {
        self.uri_of(&self.settings.base_url, id, "ts")
    }

    /// The URI of a key in the playlist.
    pub fn key_uri(&self, id: u64) -> String {
        self.uri_of(self.settings.keys.as_ref().map_or("", |keys| keys.url.as_str()), id, "key")
    }

    /// The URI of the playlist in the master playlist.
    pub fn playlist_uri(&self) -> String {
        self.settings.base_url.clone() + &self.settings.layout.playlist(&self.escaped)
    }

    fn uri_of(&self, base: &str, id: u64, extension: &str) -> String {
        let name = &self.escaped;
        match self.settings.layout {
            Layout::Flat => format!("{base}{name}-{id}.{extension}"),
            Layout::Nested if base.is_empty() => format!("{id}.{extension}"),
            Layout::Nested => format!("{base}{name}/{id}.{extension}"),
        }
    }

    /// The id in a URI that [`uri`](Self::uri) made, with any `hls_base_url`; `None` for other URIs.
    pub fn parse_uri(&self, uri: &str) -> Option<u64> {
        self.parse(uri, "ts")
    }

    /// The id in a URI that [`key_uri`](Self::key_uri) made.
    pub fn parse_key_uri(&self, uri: &str) -> Option<u64> {
        self.parse(uri, "key")
    }

    fn parse(&self, uri: &str, extension: &str) -> Option<u64> {
        // The part before the file's name is for viewers, and no path here.
        let file = uri.rsplit('/').next()?;
        let rest = match self.settings.layout {
            Layout::Flat => file.strip_prefix(self.escaped.as_str())?.strip_prefix('-')?,
            Layout::Nested => file,
        };
        let digits = rest.strip_suffix(extension)?.strip_suffix('.')?;
        let id: u64 = digits.parse().ok().filter(|&id| id <= MAX_NUMBER)?;
        // Only as it was written: no sign, no leading zero.
        (id.to_string() == digits).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::hls::settings::KeySettings;

    fn naming(adjust: impl FnOnce(&mut Settings)) -> Naming {
        let mut settings = Settings::for_tests();
        adjust(&mut settings);
        Naming::new(Path::new("/hls"), "a", &Arc::new(settings))
    }

    fn keys(path: Option<&str>, url: &str) -> Option<KeySettings> {
        Some(KeySettings { path: path.map(PathBuf::from), url: url.to_owned(), fragments: 0 })
    }

    #[test]
    fn names_are_those_of_nginx_rtmp() {
        let flat = naming(|_| {});
        assert_eq!(flat.playlist(), Path::new("/hls/a.m3u8"));
        assert_eq!((flat.fragment(7), flat.uri(7)), (PathBuf::from("/hls/a-7.ts"), "a-7.ts".to_owned()));
        assert_eq!((flat.key(7), flat.key_uri(7)), (PathBuf::from("/hls/a-7.key"), "a-7.key".to_owned()));
        assert!(flat.own_folders().is_empty());
        let nested = naming(|settings| settings.layout = Layout::Nested);
        assert_eq!(nested.playlist(), Path::new("/hls/a/index.m3u8"));
        assert_eq!((nested.fragment(7), nested.uri(7)), (PathBuf::from("/hls/a/7.ts"), "7.ts".to_owned()));
        assert_eq!((nested.key(7), nested.key_uri(7)), (PathBuf::from("/hls/a/7.key"), "7.key".to_owned()));
        assert_eq!(nested.own_folders(), [Path::new("/hls/a")]);
        assert_eq!(nested.playlist_uri(), "a/index.m3u8");
    }

    #[test]
    fn urls_stand_before_names_and_keys_have_a_place_of_their_own() {
        for (layout, fragment, key, list) in [
            (Layout::Flat, "//cdn/a-7.ts", "/k?f=a-7.key", "//cdn/a.m3u8"),
            (Layout::Nested, "//cdn/a/7.ts", "/k?f=a/7.key", "//cdn/a/index.m3u8"),
        ] {
            let naming = naming(|settings| {
                settings.layout = layout;
                settings.base_url = "//cdn/".to_owned();
                settings.keys = keys(Some("/keys"), "/k?f=");
            });
            assert_eq!((naming.uri(7), naming.key_uri(7)), (fragment.to_owned(), key.to_owned()));
            assert_eq!(naming.playlist_uri(), list);
            assert!(naming.key(7).starts_with("/keys") && naming.fragment(7).starts_with("/hls"));
            assert_eq!(naming.parse_uri(&naming.uri(12)), Some(12));
            assert_eq!(naming.own_folders().len(), if layout == Layout::Nested { 2 } else { 0 });
        }
    }

    #[test]
    fn names_stand_on_the_disk_as_they_are_and_are_escaped_in_urls() {
        for layout in [Layout::Flat, Layout::Nested] {
            let settings = Settings { layout, keys: keys(None, "/k/"), ..Settings::for_tests() };
            let naming = Naming::new(Path::new("/hls"), "☃ [x]", &Arc::new(settings));
            let (dash, end) = if layout == Layout::Flat { ("-", ".m3u8") } else { ("/", "/index.m3u8") };
            assert_eq!(naming.playlist(), PathBuf::from(format!("/hls/☃ [x]{end}")));
            assert_eq!(naming.fragment(7), PathBuf::from(format!("/hls/☃ [x]{dash}7.ts")));
            assert_eq!(naming.playlist_uri(), format!("%E2%98%83%20%5Bx%5D{end}"));
            assert_eq!(naming.key_uri(7), format!("/k/%E2%98%83%20%5Bx%5D{dash}7.key"));
            assert_eq!(
                (naming.parse_uri(&naming.uri(7)), naming.parse_key_uri(&naming.key_uri(7))),
                (Some(7), Some(7))
            );
            assert!(naming.uri(7).bytes().all(|byte| byte.is_ascii_graphic()), "{}", naming.uri(7));
        }
    }

    #[test]
    fn the_longest_names_are_those_of_files() {
        use crate::conf::path::NAME_MAX;
        use crate::engine::StreamName;
        use crate::modules::hls::files::disk::part_of;
        let longest = "n".repeat(StreamName::MAX_BYTES);
        for layout in [Layout::Flat, Layout::Nested] {
            let settings = Settings { layout, keys: keys(None, ""), ..Settings::for_tests() };
            let naming = Naming::new(Path::new("/hls"), &longest, &Arc::new(settings));
            let files =
                [naming.playlist(), naming.fragment(u64::MAX), naming.key(u64::MAX), naming.open_fragment()];
            for path in files.iter().map(|path| part_of(path)) {
                assert!(path.iter().all(|name| name.len() < NAME_MAX), "{}", path.display());
            }
        }
    }

    #[test]
    fn a_folder_may_be_like_another_streams_file() {
        let nested = |name: &str| {
            let settings = Settings { layout: Layout::Nested, ..Settings::for_tests() };
            Naming::new(Path::new("/hls"), name, &Arc::new(settings)).is_like_a_file()
        };
        for name in ["cam.m3u8", "cam-1.ts", "cam-1-22.key", "a.b.m3u8"] {
            assert!(nested(name), "{name}");
        }
        for name in
            ["cam", "cam-1", "cam.ts", "cam-.ts", "-1.ts", "cam-1.mp4", "cam-x1.ts", "m3u8", "cam.m3u8x"]
        {
            assert!(!nested(name), "{name}");
        }
        assert!(
            !Naming::new(Path::new("/hls"), "cam.m3u8", &Arc::new(Settings::for_tests())).is_like_a_file()
        );
    }

    #[test]
    fn only_our_own_names_are_read_back() {
        let flat = naming(|_| {});
        assert_eq!((flat.parse_uri("a-12.ts"), flat.parse_key_uri("a-12.key")), (Some(12), Some(12)));
        assert_eq!(flat.parse_uri("http://cdn/x/a-12.ts"), Some(12), "another hls_base_url");
        let others = ["b-1.ts", "a-1-1.ts", "a-+1.ts", "a-01.ts", "a-.ts", "a-1.ts/", "a-1.key", "a-1ts"];
        for uri in others.into_iter().chain(["a-9999999999999999999.ts", "a-1.TS", "1.ts", "a1.ts", "", "/"])
        {
            assert_eq!(flat.parse_uri(uri), None, "{uri}");
        }
        let nested = naming(|settings| settings.layout = Layout::Nested);
        assert_eq!((nested.parse_uri("12.ts"), nested.parse_uri("a-12.ts")), (Some(12), None));
    }

    #[test]
    fn the_longest_suffix_of_a_variant_counts() {
        let variants =
            ["_low", "_very_low"].map(|suffix| Variant::parse(&[suffix.to_owned()]).unwrap()).to_vec();
        let settings = Arc::new(Settings { variants, ..Settings::for_tests() });
        let base = |name| Naming::new(Path::new("/hls"), name, &settings).base().map(str::to_owned);
        assert_eq!((base("cam_low").as_deref(), base("cam_very_low").as_deref()), (Some("cam"), Some("cam")));
        assert_eq!((base("cam"), base("_low")), (None, None));
    }
}
