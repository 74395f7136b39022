//! Which URL an application's playlists have, found by where its files and the locations' folders are.

use std::path::{Path, absolute};

use crate::http::path;

use crate::engine::http::locations::Location;

/// A location that serves files, as far as URLs go; the server itself stands first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The beginning of the paths that it matches.
    pub path: String,
    /// Its `root`, or empty.
    pub root: String,
    /// Its `alias`, or empty.
    pub alias: String,
}

impl Place {
    /// What a location says of itself, with whole paths.
    pub fn of(location: &Location<'_>) -> Self {
        let folder = |name| {
            let text = location.scope.text(name);
            if text.is_empty() { text } else { whole(&text) }
        };
        Self { path: location.path.clone(), root: folder("root"), alias: folder("alias") }
    }
}

/// A path from the root on.
fn whole(path: &str) -> String {
    absolute(path).map_or_else(|_| path.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// The locations of an HTTP server that match by the beginning of a path, and where they find files. Made once: there
/// may be hundreds of them, and as many applications that look for theirs.
#[derive(Debug)]
pub struct Site {
    server: usize,
    /// Positions among all locations.
    locations: Vec<usize>,
    /// The place of each of them.
    places: Vec<Place>,
}

impl Site {
    /// Those of all servers. The locations of one stand behind each other.
    pub(in crate::engine) fn all(locations: &[Location<'_>]) -> Vec<Self> {
        let mut sites: Vec<Self> = Vec::new();
        for (index, location) in locations.iter().enumerate() {
            if sites.last().is_none_or(|site| site.server != location.server) {
                sites.push(Self { server: location.server, locations: Vec::new(), places: Vec::new() });
            }
            if let Some(site) = sites.last_mut().filter(|_| location.kind.is_prefix()) {
                site.locations.push(index);
                site.places.push(Place::of(location));
            }
        }
        sites
    }

    /// The position of the location by whose `root` or `alias` the files in a folder are found.
    pub fn serving(&self, folder: &str) -> Option<usize> {
        let folder = whole(folder);
        let (place, _) = serving(&self.places, Path::new(&folder))?;
        let position = self.places.iter().rposition(|other| other == place)?;
        self.locations.get(position).copied()
    }

    /// Where the playlists in a folder are on this server, if they are.
    pub fn playlists(&self, hls_path: &str, nested: bool) -> Option<Playlists> {
        if hls_path.is_empty() { None } else { Playlists::find(&self.places, &whole(hls_path), nested) }
    }
}

/// Where an application's playlists are on the web.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playlists {
    /// The folder's path, escaped, ending with '/'.
    folder: String,
    /// Whether each stream has its own folder.
    nested: bool,
}

impl Playlists {
    /// Those in `hls_path` as an HTTP server has them.
    pub fn on_server(sites: &[Site], server: usize, hls_path: &str, nested: bool) -> Option<Self> {
        sites.iter().find(|site| site.server == server)?.playlists(hls_path, nested)
    }

    /// The same of the first server that has them.
    pub fn on_any_server(sites: &[Site], hls_path: &str, nested: bool) -> Option<Self> {
        sites.iter().find_map(|site| site.playlists(hls_path, nested))
    }

    /// Finds, among the locations of one server, the one that serves `hls_path`.
    fn find(places: &[Place], hls_path: &str, nested: bool) -> Option<Self> {
        let (_, url) = serving(places, Path::new(hls_path))?;
        Some(Self { folder: path::encode(&url), nested })
    }

    /// The path of a stream's playlist.
    pub fn of(&self, name: &str) -> String {
        let name = path::encode(name).replace('/', "%2F");
        let end = if self.nested { "/index.m3u8" } else { ".m3u8" };
        [&self.folder, name.as_str(), end].concat()
    }
}

/// The location of a server that serves the files in a folder, and the folder's URL path there, ending with '/'.
fn serving<'a>(places: &'a [Place], folder: &Path) -> Option<(&'a Place, String)> {
    let found = places.iter().filter_map(|place| Some((place, folder_url(place, folder)?)));
    found.into_iter().find(|(place, url)| longest_prefix(places, url) == Some(place))
}

/// The URL path of a folder in a location, ending with '/'.
fn folder_url(place: &Place, folder: &Path) -> Option<String> {
    if folder.as_os_str().is_empty() {
        return None;
    }
    let (base, prefix) = match (place.alias.as_str(), place.root.as_str()) {
        ("", "") => return None,
        ("", root) => (root, "/"),
        (alias, _) => (alias, place.path.as_str()),
    };
    let rest = folder.strip_prefix(base).ok()?.to_str()?;
    let joined = [prefix.trim_end_matches('/'), rest].join("/");
    let url = format!("{}/", joined.trim_end_matches('/'));
    url.starts_with(&place.path).then_some(url)
}

/// The location that a URL in this folder falls into.
fn longest_prefix<'a>(places: &'a [Place], url: &str) -> Option<&'a Place> {
    let matching = places.iter().filter(|place| url.starts_with(&place.path));
    matching.max_by_key(|place| place.path.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(path: &str, folder: &str) -> Place {
        Place { path: path.into(), root: folder.into(), alias: String::new() }
    }

    fn alias(path: &str, folder: &str) -> Place {
        Place { alias: folder.into(), ..root(path, "/inherited") }
    }

    fn url(places: &[Place], hls_path: &str) -> Option<String> {
        Playlists::find(places, hls_path, false).map(|playlists| playlists.of("a"))
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
        let places = [root("/", "/tmp"), root("/hls", "/elsewhere")];
        assert_eq!(url(&places, "/tmp/hls"), None);
        let places = [root("/", "/tmp"), root("/hls", "/elsewhere"), alias("/v/", "/tmp/hls")];
        assert_eq!(url(&places, "/tmp/hls").as_deref(), Some("/v/a.m3u8"));
        assert_eq!(url(&[root("/", "/tmp")], ""), None);
        assert_eq!(url(&[root("/", "")], "/tmp/hls"), None);
    }

    #[test]
    fn nested_playlists_have_a_folder_each() {
        let playlists = Playlists::find(&[root("/hls", "/tmp")], "/tmp/hls", true).unwrap();
        assert_eq!(playlists.of("a b/c"), "/hls/a%20b%2Fc/index.m3u8");
    }
}
