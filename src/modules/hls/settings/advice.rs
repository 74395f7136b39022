//! Warnings and notes on the HLS directives of a configuration.

use std::collections::BTreeSet;

use crate::conf::{FindingKind, Node, Scope};
use crate::engine::{Application, ByApp, Config, Probe};
use crate::http::Url;

use crate::modules::hls::files::folder::absolute;
use crate::modules::hls::settings::{App, Storage, tokens};

/// Checks all applications. `apps` are their settings.
pub fn probe(config: &Config<'_>, apps: &ByApp<Option<App>>, probe: &mut Probe) {
    for Application { scope, features, .. } in &config.applications {
        if features.hls.is_none() && scope.flag("hls_sessions") {
            // That of a server may be for another application.
            let own = scope.own("hls_sessions").next();
            own.into_iter()
                .for_each(|node| probe.warn(node, "\"hls_sessions on\" has no effect without \"hls on\""));
        }
    }
    let apps = config.applications.iter().map(|application| (application, apps.get(application.id)));
    let mut before: Vec<(&Application<'_>, &App)> = Vec::new();
    let mut warned = BTreeSet::new();
    for (application, app) in apps.filter_map(|(application, app)| Some((application, app?.as_ref()?))) {
        check(application, app, probe);
        if application.features.guards_viewers() {
            tokens::probe(&application.scope, probe, &mut warned);
            check_urls(application, app, probe);
        }
        let has_path = |other: &&(&Application<'_>, &App)| absolute(&other.1.path) == absolute(&app.path);
        if let Some((first, _)) = before.iter().find(has_path) {
            let message = format!(
                "application \"{}\" has the hls_path of application \"{}\" ({}): while a name is published in one, it is \
                 refused in the other",
                application.name,
                first.name,
                first.scope.place("hls_path"),
            );
            probe.warn(own_or_block(&application.scope, "hls_path"), message);
        }
        before.push((application, app));
    }
}

fn check(application: &Application<'_>, app: &App, probe: &mut Probe) {
    let scope = &application.scope;
    if !application.features.live {
        let message = "\"hls on\" without \"live on\": nothing can be published here, so there is no HLS";
        probe.warn(own_or_block(scope, "hls"), message);
    }
    if app.settings.storage == Storage::Disk {
        let keys = app.settings.keys.as_ref().and_then(|keys| keys.path.as_deref());
        let folders = [("hls_path", Some(app.path.as_path())), ("hls_key_path", keys)];
        for (name, folder) in folders.into_iter().filter_map(|(name, folder)| Some((name, folder?))) {
            probe.folder(scope.find(name).unwrap_or(scope.node()), name, folder);
        }
    }
    if let Some(node) = scope.find("hls_variant") {
        let message = "the master playlist has the variants that are published, and not all of hls_variant";
        probe.tell(node, FindingKind::Differs, message);
    }
}

/// Warns of URIs in playlists that get no token.
fn check_urls(application: &Application<'_>, app: &App, probe: &mut Probe) {
    let keys = app.settings.keys.as_ref().map_or("", |keys| keys.url.as_str());
    for (name, what, url) in
        [("hls_base_url", "fragments", app.settings.base_url.as_str()), ("hls_key_url", "keys", keys)]
    {
        if !takes_token(url) {
            let message = format!(
                "{what} at {} carry no token: that server has to let players through by itself",
                Url::shown(url)
            );
            probe.warn(own_or_block(&application.scope, name), message);
        }
    }
}

/// Whether the URI of a file that begins with this text gets a token: not if it leads to another host, or the name of the
/// file is no part of its path.
fn takes_token(url: &str) -> bool {
    let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let has_scheme = url.trim_start_matches(is_of_scheme).starts_with(':') && !url.starts_with(':');
    !has_scheme && !url.starts_with("//") && !url.contains(['?', '#'])
}

/// The directive of the block itself, or the block.
fn own_or_block<'t>(scope: &Scope<'t>, name: &str) -> &'t Node {
    scope.own(name).next().unwrap_or(scope.node())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_another_host_get_no_token() {
        for url in ["", "/hls/", "hls/", "../", "/a:b/", "x%3Ay/"] {
            assert!(takes_token(url), "{url}");
        }
        for url in ["https://cdn.example.com/hls/", "//cdn.example.com/", "HTTP:x", "/k?f=", "/hls/#"] {
            assert!(!takes_token(url), "{url}");
        }
    }
}
