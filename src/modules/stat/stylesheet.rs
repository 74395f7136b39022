//! The built-in stylesheets, and the paths at which they stand in for files that are not there.
//!
//! Published configurations name a `stat.xsl` that each user has to find and copy. Here it works without. Browsers give up
//! XSLT, so there is one in CSS too.

use std::rc::Rc;

use crate::engine::{ByLocation, HttpReply, Location};
use crate::http::path;

use super::settings::Settings;

const XSL: &str = include_str!("stat.xsl");
const CSS: &str = include_str!("stat.css");

/// The paths at which they are in every server that has statistics.
const USUAL: [&str; 2] = ["/stat.xsl", "/stat.css"];

/// Whether a URL is that of a stylesheet in CSS.
pub fn is_css(url: &str) -> bool {
    url.split(['?', '#']).next().is_some_and(|path| path.ends_with(".css"))
}

/// The answer to a request for a stylesheet.
pub fn reply(path: &str) -> HttpReply {
    // Of the types of stylesheets of XSLT, browsers agree on this one.
    let (mime, text) =
        if is_css(path) { ("text/css; charset=utf-8", CSS) } else { ("text/xml; charset=utf-8", XSL) };
    HttpReply::made(200, mime, "no-cache", text)
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
            paths.extend(USUAL.map(str::to_owned));
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
    fn the_stylesheets_have_no_script_and_load_nothing() {
        for stylesheet in [XSL, CSS] {
            for forbidden in ["<script", "onclick", "javascript", "@import", "url(", "src="] {
                assert!(!stylesheet.contains(forbidden), "{forbidden}");
            }
            assert!(stylesheet.contains("prefers-color-scheme: dark"));
        }
    }
}
