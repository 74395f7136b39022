//! Whether what HLS writes can be had over HTTP, told before it is served.

use std::path::{Path, PathBuf, absolute};

use crate::conf::{Node, NoticeKind, Scope};
use crate::engine::{Config, Location, LocationKind, Probe};

use crate::engine::playlists::{Place, serving};

/// Looks for a location that serves the `hls_path` of each application.
pub fn probe(config: &Config<'_>, probe: &mut Probe) {
    for application in config.applications.iter().map(|application| &application.scope) {
        let path = application.text("hls_path");
        if !application.flag("hls") || !application.flag("live") || path.is_empty() {
            continue;
        }
        let folder = whole(&path);
        let found = serving_locations(config, &folder);
        if found.is_empty() && !config.locations.iter().any(|location| may_serve(location, &folder)) {
            let node = application.find("hls_path").unwrap_or(application.node());
            match config.locations.iter().find_map(|location| mistaken_root(location, &folder)) {
                Some((root, message)) => probe.warn(root, message),
                None => probe.warn(node, unserved(config, &path)),
            }
        }
        for location in found.iter().filter(|location| !allows_origins(&location.scope)) {
            let message = "playlists and segments are sent with \"Access-Control-Allow-Origin: *\", so that pages of other \
                           hosts can play them; an add_header of that name takes its place";
            probe.tell(location.scope.node(), NoticeKind::Differs, message);
        }
    }
}

/// In each server the location by whose `root` or `alias` the files in a folder are found.
fn serving_locations<'c, 't>(config: &'c Config<'t>, folder: &Path) -> Vec<&'c Location<'t>> {
    let servers = config.locations.chunk_by(|a, b| a.server == b.server);
    let found = servers.filter_map(|locations| {
        let (locations, places): (Vec<_>, Vec<_>) = locations
            .iter()
            .filter(|location| location.kind.is_prefix())
            .map(|l| (l, whole_place(l)))
            .unzip();
        let (place, _) = serving(&places, folder)?;
        let position = places.iter().rposition(|other| other == place)?;
        locations.get(position).copied()
    });
    found.collect()
}

/// Whether a location may serve files in a folder which is not decided by the beginning of a path alone.
fn may_serve(location: &Location<'_>, folder: &Path) -> bool {
    let Place { root, alias, .. } = Place::of(location);
    let text = if alias.is_empty() { root } else { alias };
    let (base, has_variable) = match text.split_once('$') {
        Some((before, _)) => (before.rsplit_once('/').map_or("", |(folder, _)| folder), true),
        None => (text.as_str(), false),
    };
    let is_open = has_variable || location.kind.is_regex() || location.kind == LocationKind::Named;
    is_open && !base.is_empty() && (folder.starts_with(whole(base)) || whole(base).starts_with(folder))
}

/// A `root` that names the folder itself where an `alias` is meant, and what to write.
fn mistaken_root<'t>(location: &Location<'t>, folder: &Path) -> Option<(&'t Node, String)> {
    let root = location.scope.own("root").next()?;
    let text = root.args.first()?;
    let is_meant = location.path != "/" && location.kind.is_prefix() && whole(text) == folder;
    let slash = if location.path.ends_with('/') { "/" } else { "" };
    let alias = text.trim_end_matches('/');
    is_meant.then(|| {
        let (path, folder) = (&location.path, folder.display());
        let message = format!(
            "\"root\" is followed by the whole path, so what is asked for as {path} is looked for in {alias}{path}, and not in \
             the hls_path {folder}: write \"alias {alias}{slash};\""
        );
        (root, message)
    })
}

fn unserved(config: &Config<'_>, path: &str) -> String {
    let is_taken =
        |url: &str| config.locations.iter().any(|location| location.path.trim_end_matches('/') == url);
    let folder = Path::new(path).file_name().map(|name| format!("/{}", name.to_string_lossy()));
    let url = folder.filter(|url| is_taken("/hls") && !is_taken(url)).unwrap_or_else(|| "/hls".to_owned());
    let add = format!("location {url} {{ alias {path}; }}");
    let instead = match config.locations.is_empty() {
        true => format!("add \"http {{ server {{ listen 8080; {add} }} }}\""),
        false => format!("add \"{add}\" to a server of http"),
    };
    format!("no location serves the hls_path {path}, so no browser can play what is written there: {instead}")
}

fn allows_origins(scope: &Scope<'_>) -> bool {
    let names = scope.all("add_header").into_iter().filter_map(|node| node.args.first());
    names.into_iter().any(|name| name.eq_ignore_ascii_case("Access-Control-Allow-Origin"))
}

fn whole(path: &str) -> PathBuf {
    absolute(path).unwrap_or_else(|_| path.into())
}

/// A location with whole paths.
fn whole_place(location: &Location<'_>) -> Place {
    let place = Place::of(location);
    let whole =
        |path: &str| if path.is_empty() { String::new() } else { whole(path).to_string_lossy().into_owned() };
    Place { root: whole(&place.root), alias: whole(&place.alias), path: place.path }
}
