//! The built-in stylesheet, and the paths at which it stands in for a file that is not there.
//!
//! Published configurations name a `stat.xsl` that each user has to find and copy. Here it works without.

use std::rc::Rc;

use crate::engine::{Body, ByLocation, HttpReply, Location};
use crate::http::{ResponseHead, path};

use super::settings::Settings;

const STYLESHEET: &str = include_str!("stat.xsl");

/// The path at which it is in every server that has statistics.
const USUAL: &str = "/stat.xsl";

/// The answer to a request for the stylesheet.
pub fn reply() -> HttpReply {
    // Of the types of stylesheets, browsers agree on this one.
    let head = ResponseHead::new(200)
        .with("Content-Type", "text/xml; charset=utf-8")
        .with("Cache-Control", "no-cache")
        .with("X-Content-Type-Options", "nosniff");
    HttpReply { head, body: Body::Bytes(STYLESHEET.as_bytes().into()) }
}

/// For each location, the paths of the stylesheets of all statistics of its server.
pub fn paths(
    locations: &[Location<'_>],
    settings: &ByLocation<Option<Rc<Settings>>>,
) -> ByLocation<Rc<[String]>> {
    let of_server = |server: usize| {
        let mut paths = Vec::new();
        for location in locations.iter().filter(|location| location.server == server) {
            let Some(Some(settings)) = settings.get(location.id) else { continue };
            paths.push(USUAL.to_owned());
            paths.extend(resolve(&location.path, &settings.stylesheet));
        }
        paths.sort_unstable();
        paths.dedup();
        Rc::from(paths)
    };
    let last = locations.iter().map(|location| location.server).max();
    let servers: Vec<Rc<[String]>> = (0..last.map_or(0, |last| last + 1)).map(of_server).collect();
    let found = |server: usize| servers.get(server).map(Rc::clone).unwrap_or_default();
    locations.iter().map(|location| (location.id, found(location.server))).collect()
}

/// The path of the URL of a stylesheet on this server, which a browser finds beside the document.
fn resolve(document: &str, url: &str) -> Option<String> {
    let url = url.split(['?', '#']).next().filter(|url| !url.is_empty())?;
    if url.starts_with("//") || url.split('/').next().is_some_and(|first| first.contains(':')) {
        return None;
    }
    let absolute = if url.starts_with('/') {
        url.to_owned()
    } else {
        format!("{}/{url}", document.rsplit_once('/').map_or("", |(folder, _)| folder))
    };
    path::resolve(&absolute).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stylesheet_is_beside_its_document() {
        for (document, url, path) in [
            ("/stat", "stat.xsl", Some("/stat.xsl")),
            ("/stat", "static/stat.xsl?v=2", Some("/static/stat.xsl")),
            ("/a/stat", "stat.xsl", Some("/a/stat.xsl")),
            ("/a/stat/", "../my%20stat.xsl", Some("/a/my stat.xsl")),
            ("/stat", "/x/y.xsl", Some("/x/y.xsl")),
            ("/stat", "", None),
            ("/stat", "http://a/stat.xsl", None),
            ("/stat", "//a/stat.xsl", None),
            ("/stat", "../../stat.xsl", None),
        ] {
            assert_eq!(resolve(document, url).as_deref(), path, "{document} {url}");
        }
    }

    #[test]
    fn the_stylesheet_has_no_script_and_loads_nothing() {
        for forbidden in ["<script", "onclick", "javascript", "@import", "url(", "src="] {
            assert!(!STYLESHEET.contains(forbidden), "{forbidden}");
        }
        assert!(STYLESHEET.contains("prefers-color-scheme: dark"));
    }
}
