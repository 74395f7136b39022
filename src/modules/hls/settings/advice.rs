//! Warnings and notes on the HLS directives of a configuration.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::conf::{FindingKind, Node, Place, Scope};
use crate::engine::{Application, ByApp, Config, Probe, leads_elsewhere};
use crate::http::Url;

use crate::modules::hls::files::folder::absolute;
use crate::modules::hls::settings::tokens::{self, TokenLine};
use crate::modules::hls::settings::{App, Layout, Storage};

/// An application with HLS.
type Configured<'c, 't> = (&'c Application<'t>, &'c App);

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
    let mut before: Vec<Configured<'_, '_>> = Vec::new();
    let mut warned = BTreeSet::new();
    for (application, app) in apps.filter_map(|(application, app)| Some((application, app?.as_ref()?))) {
        check(application, app, probe);
        if application.features.guards_viewers() {
            tokens::probe(&application.scope, probe, &mut warned);
            check_urls(application, app, probe);
        }
        check_beside((application, app), &before, probe);
        before.push((application, app));
    }
}

/// Warns of what an application shares with one before it.
fn check_beside((application, app): Configured<'_, '_>, before: &[Configured<'_, '_>], probe: &mut Probe) {
    let Application { name, scope, features, .. } = application;
    let has_path = |other: &&Configured<'_, '_>| absolute(&other.1.path) == absolute(&app.path);
    if let Some((first, _)) = before.iter().find(has_path) {
        let message = format!(
            "application \"{name}\" has the hls_path of application \"{}\" ({}): while a name is published in one, it is \
             refused in the other",
            first.name,
            first.scope.place("hls_path"),
        );
        probe.warn(own_or_block(scope, "hls_path"), message);
    }
    let is_guarded = features.guards_viewers();
    let mixes = |(other, of_other): &&Configured<'_, '_>| {
        other.features.guards_viewers() != is_guarded
            && have_one_folder(&folder_of(app), &folder_of(of_other))
    };
    if let Some((first, _)) = before.iter().find(mixes) {
        let guarded = if is_guarded { name } else { &first.name };
        let message = format!(
            "files in the hls_path of application \"{name}\" may be those of application \"{}\" ({}), so the folder counts \
             as guarded: viewers have to show what application \"{guarded}\" asks for",
            first.name,
            first.scope.place("hls_path"),
        );
        probe.warn(own_or_block(scope, "hls_path"), message);
    }
    let makes_its_tokens = |(other, _): &&Configured<'_, '_>| have_one_token(application, other);
    if let Some((first, _)) = before.iter().find(makes_its_tokens) {
        let message = format!(
            "application \"{name}\" has the name and the \"{}\" of another one ({}): who may watch a stream in one can \
             fetch the fragments of the stream of the same name in the other",
            tokens::DIRECTIVE,
            Place::of(first.scope.node()),
        );
        probe.warn(own_or_block(scope, tokens::DIRECTIVE), message);
    }
}

fn folder_of(app: &App) -> (PathBuf, Layout) {
    (absolute(&app.path), app.settings.layout)
}

/// Whether files of streams may be those of either application: in the same folder, or if one has the folder of a stream of
/// the other.
fn have_one_folder(one: &(PathBuf, Layout), other: &(PathBuf, Layout)) -> bool {
    let is_in = |inner: &Path, (outer, layout): &(PathBuf, Layout)| {
        *layout == Layout::Nested && inner.parent() == Some(outer)
    };
    one.0 == other.0 || is_in(&one.0, other) || is_in(&other.0, one)
}

/// Whether a token of one is good in the other.
fn have_one_token(one: &Application<'_>, other: &Application<'_>) -> bool {
    let secret = |application: &Application<'_>| match application.scope.custom(tokens::DIRECTIVE) {
        TokenLine::Secret(secret) if application.features.guards_viewers() => Some(secret),
        TokenLine::Secret(_) | TokenLine::Off => None,
    };
    one.name == other.name && secret(one).is_some_and(|own| secret(other) == Some(own))
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
    !leads_elsewhere(url.as_bytes()) && !url.contains(['?', '#'])
}

/// The directive of the block itself, or the block.
fn own_or_block<'t>(scope: &Scope<'t>, name: &str) -> &'t Node {
    scope.own(name).next().unwrap_or(scope.node())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applications_share_a_folder_if_one_has_that_of_a_stream_of_the_other() {
        let folder = |path: &str, layout| (PathBuf::from(path), layout);
        let (flat, nested) = (folder("/hls", Layout::Flat), folder("/hls", Layout::Nested));
        for (one, other, expected) in [
            (&flat, &nested, true),
            (&nested, &folder("/hls/a", Layout::Flat), true),
            (&nested, &folder("/hls/a", Layout::Nested), true),
            (&nested, &folder("/hls/a/b", Layout::Flat), false),
            (&flat, &folder("/hls/a", Layout::Nested), false),
            (&flat, &folder("/hls2", Layout::Flat), false),
        ] {
            assert_eq!(have_one_folder(one, other), expected, "{one:?} {other:?}");
            assert_eq!(have_one_folder(other, one), expected, "{other:?} {one:?}");
        }
    }

    #[test]
    fn files_of_another_host_get_no_token() {
        for url in ["", "/hls/", "hls/", "../", "/a:b/", "x%3Ay/", "1a:b/"] {
            assert!(takes_token(url), "{url}");
        }
        for url in ["https://cdn.example.com/hls/", "//cdn.example.com/", "HTTP:x", "/k?f=", "/hls/#"] {
            assert!(!takes_token(url), "{url}");
        }
    }
}
