//! A small page that shows what is live, plays it, and says how to publish.
//!
//! Four documents below a location: the page, its script, its style, and `streams.json`, which the
//! script asks for. All come from memory; nothing is fetched from elsewhere. The page tells the names
//! of all streams to whoever may open it, so it is off until a location turns it on.

mod json;
mod list;

use std::rc::Rc;

use crate::conf::{self, Context, Directive, Repeat, Scope, Takes};
use crate::engine::{
    Answer, Application, Body, Config, Ctx, HttpReply, HttpRequest, Location, Module, Playlists,
};
use crate::http::{Method, ResponseHead, path, response};

use json::App;
use list::List;

const DIRECTIVES: &[Directive] = &[Directive {
    name: "page",
    contexts: &[Context::Location],
    takes: Takes::Flag,
    default: "off",
    repeat: Repeat::Once,
    doc: "A page at the location's path that shows the live streams of all applications, plays them and says \
          how to publish; what it shows is at `streams.json` below that path.",
}];

const HTML: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

/// Nothing but our own script and style, and media from this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      media-src 'self' blob:; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'self'";

/// The port of RTMP, where `listen` names none.
const RTMP_PORT: u16 = 1935;

/// The module.
#[derive(Debug, Default)]
pub struct Page {
    /// By application id.
    apps: Rc<[App]>,
    /// By location id; none where there is no page.
    pages: Vec<Option<Settings>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Settings {
    /// The page's path, ending with '/'.
    base: String,
    /// The playlists that this server has on the web, by application id.
    playlists: Rc<[Option<Playlists>]>,
}

/// What a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asset {
    Html,
    Script,
    Style,
    Streams,
    /// The page without its slash: what it loads would be looked for one level up.
    Redirect,
}

impl Module for Page {
    fn name(&self) -> &'static str {
        "page"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        self.apps = config.applications.iter().map(read_app).collect();
        let mut faults = conf::Faults::default();
        let locations = config.locations.iter();
        self.pages = locations.map(|location| faults.keep_or_default(read_page(config, location))).collect();
        faults.into_result(())
    }

    fn on_http(&mut self, _cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        let settings = self.pages.get(request.location.0)?.as_ref()?;
        let asset = asset_at(&settings.base, &request.request.path)?;
        if !matches!(request.request.method, Method::Get | Method::Head) {
            return Some(Answer::Reply(refuse_method()));
        }
        Some(Answer::Reply(match asset {
            Asset::Html => document("text/html; charset=utf-8", HTML.as_bytes()),
            Asset::Script => document("text/javascript; charset=utf-8", SCRIPT.as_bytes()),
            Asset::Style => document("text/css; charset=utf-8", STYLE.as_bytes()),
            Asset::Streams => {
                let list = List::new(Rc::clone(&self.apps), Rc::clone(&settings.playlists));
                return Some(Answer::Later(Box::new(list)));
            }
            Asset::Redirect => redirect(&settings.base),
        }))
    }
}

fn read_app(application: &Application<'_>) -> App {
    let port = application.scope.find("listen").and_then(|node| port_of(node.args.first()?));
    App {
        name: application.name.clone(),
        is_live: application.scope.flag("live"),
        rtmp_port: port.unwrap_or(RTMP_PORT),
        has_hls: application.scope.flag("hls"),
    }
}

/// The port in an argument of `listen`: "1935", "*:1935", "\[::\]:1935".
fn port_of(address: &str) -> Option<u16> {
    let (_, port) = address.rsplit_once(':').unwrap_or(("", address));
    port.parse().ok()
}

fn read_page(config: &Config<'_>, location: &Location<'_>) -> Result<Option<Settings>, conf::Error> {
    if !location.scope.flag("page") {
        return Ok(None);
    }
    if let (false, Some(node)) = (location.kind.is_prefix(), location.scope.find("page")) {
        return Err(conf::Error::at(
            node,
            "a page needs a location with the beginning of a path, for it has more than one file",
        ));
    }
    let playlists = |scope: &Scope<'_>| {
        let hls_path = scope.flag("hls").then(|| scope.text("hls_path"))?;
        Playlists::on_server(&config.sites, location.server, &hls_path, scope.flag("hls_nested"))
    };
    Ok(Some(Settings {
        base: format!("{}/", location.path.trim_end_matches('/')),
        playlists: config.applications.iter().map(|application| playlists(&application.scope)).collect(),
    }))
}

fn asset_at(base: &str, path: &str) -> Option<Asset> {
    if path == base.trim_end_matches('/') {
        return Some(Asset::Redirect);
    }
    match path.strip_prefix(base)? {
        "" => Some(Asset::Html),
        "page.js" => Some(Asset::Script),
        "page.css" => Some(Asset::Style),
        "streams.json" => Some(Asset::Streams),
        _ => None,
    }
}

fn document(mime: &'static str, bytes: &[u8]) -> HttpReply {
    let head = ResponseHead::new(200)
        .with("Content-Type", mime)
        .with("Cache-Control", "no-cache")
        .with("Content-Security-Policy", POLICY)
        .with("Referrer-Policy", "no-referrer")
        .with("X-Content-Type-Options", "nosniff");
    HttpReply { head, body: Body::Bytes(Rc::from(bytes)) }
}

fn redirect(base: &str) -> HttpReply {
    let (head, page) = response::error_page(301);
    HttpReply { head: head.with("Location", path::encode(base)), body: Body::Bytes(page.into()) }
}

fn refuse_method() -> HttpReply {
    let (head, page) = response::error_page(405);
    HttpReply { head: head.with("Allow", "GET, HEAD"), body: Body::Bytes(page.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_four_files_and_leaves_the_rest_alone() {
        let cases = [
            ("/", "/", Some(Asset::Html)),
            ("/", "/page.js", Some(Asset::Script)),
            ("/", "/page.css", Some(Asset::Style)),
            ("/", "/streams.json", Some(Asset::Streams)),
            ("/", "/other", None),
            ("/live/", "/live/", Some(Asset::Html)),
            ("/live/", "/live", Some(Asset::Redirect)),
            ("/live/", "/live/streams.json", Some(Asset::Streams)),
            ("/live/", "/livestreams.json", None),
            ("/live/", "/live/x/", None),
        ];
        for (base, path, asset) in cases {
            assert_eq!(asset_at(base, path), asset, "{path} below {base}");
        }
    }

    #[test]
    fn a_port_is_what_follows_the_last_colon() {
        for (address, port) in [
            ("1935", Some(1935)),
            ("127.0.0.1:1936", Some(1936)),
            ("[::]:1937", Some(1937)),
            ("unix:/run/x", None),
        ] {
            assert_eq!(port_of(address), port, "{address}");
        }
    }

    #[test]
    fn the_page_keeps_to_its_own_policy() {
        for forbidden in ["<style", " style=", " onclick=", "http://", "https://", "//cdn"] {
            let uses = HTML.matches(forbidden).count();
            // The name of the SVG format in the icon is no address.
            let allowed = usize::from(forbidden == "http://");
            assert_eq!(uses, allowed, "{forbidden}");
        }
        for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http"] {
            assert!(!SCRIPT.contains(forbidden), "{forbidden}");
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }

    #[test]
    fn every_document_says_what_it_is_and_may_do() {
        let reply = document("text/css", b"x");
        assert_eq!(reply.head.get("content-type"), Some("text/css"));
        assert!(
            reply
                .head
                .get("content-security-policy")
                .is_some_and(|policy| policy.contains("script-src 'self'"))
        );
        assert_eq!(reply.body.len(), 1);
        assert_eq!(refuse_method().head.get("allow"), Some("GET, HEAD"));
        assert_eq!(redirect("/li ve/").head.get("location"), Some("/li%20ve/"));
    }
}
