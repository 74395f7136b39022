//! Warnings and notes on the HTTP locations that serve, or should serve, the files of HLS.

use std::path::{Path, PathBuf, absolute};

use crate::conf::{FindingKind, Node, Scope};
use crate::engine::{Config, Location, Probe, Served};

/// Warns of each `hls_path` that no location serves.
pub fn probe(config: &Config<'_>, probe: &mut Probe) {
    for application in &config.applications {
        let hls = application.features.hls.as_ref().filter(|hls| !hls.path.is_empty());
        let Some(hls) = hls.filter(|_| application.features.live) else { continue };
        let found = config.sites.iter().filter_map(|site| config.locations.get(site.serving(&hls.path)?));
        if Served::of(&config.sites, &hls.path, hls.layout) == Served::Nowhere {
            let folder = whole(&hls.path);
            match config.locations.iter().find_map(|location| mistaken_root(location, &folder)) {
                Some((root, message)) => probe.warn(root, message),
                None => probe.warn(hls.node, unserved(config, &hls.path)),
            }
        }
        for location in found.filter(|location| !allows_origins(&location.scope)) {
            let message = "playlists and segments are sent with \"Access-Control-Allow-Origin: *\", so that pages of other \
                           hosts can play them; an add_header of that name takes its place";
            probe.tell(location.scope.node(), FindingKind::Differs, message);
        }
    }
}

/// A `root` that names the folder itself where an `alias` is meant, and the message that says what to write.
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
