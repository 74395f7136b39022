//! The URLs of HLS playlists: found by the `root` and `alias` of the locations that serve their folder.
//!
//! Computed from the configuration alone, for the page and for warnings. No file is looked at.

use std::path::{Path, PathBuf, absolute};

use crate::engine::config::features::{HlsLayout, LocationFiles};
use crate::engine::http::locations::Location;
use crate::http::path;

/// Whether an HTTP server serves the playlists of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// A server does, at these URLs.
    At(Playlists),
    /// A location may, but its folder does not depend on the beginning of a path alone: its `root` or `alias` has
    /// variables, it matches a regular expression, or requests are redirected to it.
    Perhaps,
    /// No location can.
    Nowhere,
}

impl Served {
    /// Searches the locations of all servers.
    pub fn of(sites: &[Site], hls_path: &str, layout: HlsLayout) -> Self {
        let playlists = sites.iter().find_map(|site| site.playlists(hls_path, layout));
        let may_serve = |site: &Site| site.may_serve(Path::new(&absolute_path(hls_path)));
        match playlists {
            Some(playlists) => Self::At(playlists),
            None if !hls_path.is_empty() && sites.iter().any(may_serve) => Self::Perhaps,
            None => Self::Nowhere,
        }
    }
}

/// A location that serves files and matches the beginning of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileLocation {
    /// Its position among all locations.
    index: usize,
    /// The beginning that it matches.
    path: String,
    /// Its `root`, or empty.
    root: String,
    /// Its `alias`, or empty.
    alias: String,
}

impl FileLocation {
    /// The location at this position, with absolute paths.
    fn of(index: usize, location: &Location<'_>) -> Self {
        let folder = |text: &str| if text.is_empty() { String::new() } else { absolute_path(text) };
        let LocationFiles { root, alias } = &location.files;
        Self { index, path: location.path.clone(), root: folder(root), alias: folder(alias) }
    }
}

/// The folder of a location whose files do not depend on the beginning of a path alone.
fn open_folder(location: &Location<'_>) -> Option<PathBuf> {
    let LocationFiles { root, alias } = &location.files;
    let text = if alias.is_empty() { root } else { alias };
    let (known, has_variable) = match text.split_once('$') {
        Some((before, _)) => (before.rsplit_once('/').map_or("", |(folder, _)| folder), true),
        None => (text.as_str(), false),
    };
    let is_open = has_variable || !location.kind.is_prefix();
    (is_open && !known.is_empty()).then(|| absolute_path(known).into())
}

/// A path as an absolute one.
fn absolute_path(path: &str) -> String {
    absolute(path).map_or_else(|_| path.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// The locations of an HTTP server that serve files. Collected once: there may be hundreds of them, and as many
/// applications that search them.
#[derive(Debug)]
pub struct Site {
    server: usize,
    /// Those that match the beginning of a path.
    locations: Vec<FileLocation>,
    /// The folders of the others.
    open_folders: Vec<PathBuf>,
}

impl Site {
    /// The sites of all servers. The locations of one server are next to each other.
    pub(in crate::engine) fn all(locations: &[Location<'_>]) -> Vec<Self> {
        let mut sites: Vec<Self> = Vec::new();
        for (index, location) in locations.iter().enumerate() {
            if sites.last().is_none_or(|site| site.server != location.server) {
                sites.push(Self { server: location.server, locations: Vec::new(), open_folders: Vec::new() });
            }
            let Some(site) = sites.last_mut() else { continue };
            site.open_folders.extend(open_folder(location));
            if location.kind.is_prefix() {
                site.locations.push(FileLocation::of(index, location));
            }
        }
        sites
    }

    /// The position of the location whose `root` or `alias` serves the files in a folder.
    pub fn serving(&self, folder: &str) -> Option<usize> {
        let (location, _) = serving(&self.locations, Path::new(&absolute_path(folder)))?;
        Some(location.index)
    }

    /// The URLs of the playlists in a folder on this server, if it serves them.
    fn playlists(&self, hls_path: &str, layout: HlsLayout) -> Option<Playlists> {
        if hls_path.is_empty() {
            None
        } else {
            Playlists::find(&self.locations, &absolute_path(hls_path), layout)
        }
    }

    fn may_serve(&self, folder: &Path) -> bool {
        self.open_folders.iter().any(|open| folder.starts_with(open) || open.starts_with(folder))
    }
}

/// The URLs of an application's playlists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playlists {
    /// The URL path of the folder, escaped, with '/' at its end.
    folder: String,
    layout: HlsLayout,
}

impl Playlists {
    /// The URLs of the playlists in `hls_path` on one HTTP server.
    pub fn on_server(sites: &[Site], server: usize, hls_path: &str, layout: HlsLayout) -> Option<Self> {
        sites.iter().find(|site| site.server == server)?.playlists(hls_path, layout)
    }

    /// Finds, among the locations of one server, the one that serves `hls_path`.
    fn find(locations: &[FileLocation], hls_path: &str, layout: HlsLayout) -> Option<Self> {
        let (_, url) = serving(locations, Path::new(hls_path))?;
        Some(Self { folder: path::encode(&url), layout })
    }

    /// The URL path of a stream's playlist.
    pub fn of(&self, name: &str) -> String {
        self.folder.clone() + &self.layout.playlist(&escaped(name))
    }

    /// The URL path of the master playlist of variants, whose name without their suffixes is `base`.
    pub fn master_of(&self, base: &str) -> String {
        self.folder.clone() + &HlsLayout::Flat.playlist(&escaped(base))
    }
}

/// A name as a part of a URL path.
fn escaped(name: &str) -> String {
    path::encode(name).replace('/', "%2F")
}

/// The location of a server that serves the files in a folder, and the folder's URL path there, ending with '/'.
fn serving<'a>(locations: &'a [FileLocation], folder: &Path) -> Option<(&'a FileLocation, String)> {
    let mut found = locations.iter().filter_map(|location| Some((location, folder_url(location, folder)?)));
    found.find(|(location, url)| longest_prefix(locations, url) == Some(location))
}

/// The URL path of a folder in a location, ending with '/'.
fn folder_url(location: &FileLocation, folder: &Path) -> Option<String> {
    if folder.as_os_str().is_empty() {
        return None;
    }
    let (base, prefix) = match (location.alias.as_str(), location.root.as_str()) {
        ("", "") => return None,
        ("", root) => (root, "/"),
        (alias, _) => (alias, location.path.as_str()),
    };
    let rest = folder.strip_prefix(base).ok()?.to_str()?;
    let joined = [prefix.trim_end_matches('/'), rest].join("/");
    let url = format!("{}/", joined.trim_end_matches('/'));
    url.starts_with(&location.path).then_some(url)
}

/// The location that a URL in this folder belongs to.
fn longest_prefix<'a>(locations: &'a [FileLocation], url: &str) -> Option<&'a FileLocation> {
    let matching = locations.iter().filter(|location| url.starts_with(&location.path));
    matching.max_by_key(|location| location.path.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(path: &str, folder: &str) -> FileLocation {
        FileLocation { index: 0, path: path.into(), root: folder.into(), alias: String::new() }
    }

    fn alias(path: &str, folder: &str) -> FileLocation {
        FileLocation { alias: folder.into(), ..root(path, "/inherited") }
    }

    fn url(locations: &[FileLocation], hls_path: &str) -> Option<String> {
        Playlists::find(locations, hls_path, HlsLayout::Flat).map(|playlists| playlists.of("a"))
    }

    #[test]
    fn a_root_maps_the_path_below_it() {
        assert_eq!(url(&[root("/hls", "/tmp")], "/tmp/hls").as_deref(), Some("/hls/a.m3u8"));
        assert_eq!(url(&[root("/hls/", "/tmp/")], "/tmp/hls/").as_deref(), Some("/hls/a.m3u8"));
        assert_eq!(url(&[root("/", "/srv/www")], "/srv/www/tv/hls").as_deref(), Some("/tv/hls/a.m3u8"));
        assert_eq!(url(&[root("/", "/srv/www")], "/srv/www").as_deref(), Some("/a.m3u8"));
        assert_eq!(url(&[root("/", "html")], "html/h s").as_deref(), Some("/h%20s/a.m3u8"));
        assert_eq!(url(&[root("/", "/srv/www")], "/srv/wwwroot"), None);
        assert_eq!(url(&[root("/other", "/tmp")], "/tmp/hls"), None);
    }

    #[test]
    fn an_alias_maps_the_folder_itself() {
        assert_eq!(url(&[alias("/live/", "/tmp/hls/")], "/tmp/hls").as_deref(), Some("/live/a.m3u8"));
        assert_eq!(url(&[alias("/live", "/tmp/hls")], "/tmp/hls/x").as_deref(), Some("/live/x/a.m3u8"));
        assert_eq!(url(&[alias("/live", "/tmp/hls/x")], "/tmp/hls"), None);
    }

    #[test]
    fn a_location_that_never_gets_the_request_does_not_count() {
        let locations = [root("/", "/tmp"), root("/hls", "/elsewhere")];
        assert_eq!(url(&locations, "/tmp/hls"), None);
        let locations = [root("/", "/tmp"), root("/hls", "/elsewhere"), alias("/v/", "/tmp/hls")];
        assert_eq!(url(&locations, "/tmp/hls").as_deref(), Some("/v/a.m3u8"));
        assert_eq!(url(&[root("/", "/tmp")], ""), None);
        assert_eq!(url(&[root("/", "")], "/tmp/hls"), None);
    }

    #[test]
    fn nested_playlists_have_a_folder_each() {
        let playlists = Playlists::find(&[root("/hls", "/tmp")], "/tmp/hls", HlsLayout::Nested).unwrap();
        assert_eq!(playlists.of("a b/c"), "/hls/a%20b%2Fc/index.m3u8");
        assert_eq!(playlists.master_of("a b/c"), "/hls/a%20b%2Fc.m3u8");
    }
}
