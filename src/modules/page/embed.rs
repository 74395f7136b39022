//! The player alone, as a page that other pages show in a frame: `page_embed` says which ones may.
//!
//! It is made from the configuration and from what the URL names, so it tells nobody whether there is such a stream.

use crate::engine::{HttpReply, HttpRequest, StreamName};
use crate::http::url::origin::Pattern;
use crate::http::{path, xml};

use super::document::{self, HTML, Text};
use super::numbers::site::Urls;

const TEMPLATE: &str = include_str!("web/embed.html");

/// The most origins of one directive.
const MAX_ORIGINS: usize = 64;

/// The word for a page of the same host and port in a policy.
const OWN: &str = "'self'";

/// `page_embed`: the pages that may show the player in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Embedders {
    None,
    /// Those of the server itself.
    Own,
    Any,
    /// Those of the server itself, and of these origins.
    These(Vec<Pattern>),
}

impl Embedders {
    /// Reads the arguments of the directive.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [] => Err("self, none, any, or the origins of pages".to_owned()),
            [word] if word == "none" => Ok(Self::None),
            [word] if word == "self" => Ok(Self::Own),
            [word] if word == "any" => Ok(Self::Any),
            [word] if ["*", "all", "off", "on"].contains(&word.as_str()) => Err(format!(
                "\"{word}\" is no origin: write self, none, any, or the origins of the pages that may show the player"
            )),
            _ if args.len() > MAX_ORIGINS => Err(format!("no more than {MAX_ORIGINS} origins")),
            _ => args.iter().map(|arg| origin(arg)).collect::<Result<_, _>>().map(Self::These),
        }
    }

    /// The sources of `frame-ancestors` in a policy.
    pub fn sources(&self) -> Vec<String> {
        match self {
            Self::None => vec!["'none'".to_owned()],
            Self::Own => vec![OWN.to_owned()],
            Self::Any => vec!["*".to_owned()],
            Self::These(origins) => {
                [OWN.to_owned()].into_iter().chain(origins.iter().map(Pattern::to_string)).collect()
            }
        }
    }
}

/// An origin that browsers know in `frame-ancestors`.
fn origin(text: &str) -> Result<Pattern, String> {
    let bad = |why: &str| Err(format!("\"{}\" {why}", text.escape_debug()));
    match text {
        "self" | "none" | "any" => {
            bad("stands alone; pages of this server may always show the player, but with none")
        }
        "null" => bad("is the origin of pages that have none: only any is for those"),
        _ if text.contains('[') => bad("has an address of IPv6, which browsers do not take there"),
        _ => Pattern::parse(text),
    }
}

/// A stream that a page is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Embedded<'a> {
    pub app: &'a str,
    pub name: &'a StreamName,
    /// The URLs of its application.
    pub urls: Option<&'a Urls>,
}

/// The page of a stream, at a page's path `base`, with the policy for its embedders.
pub fn page(request: &HttpRequest, base: &str, policy: &str, stream: Embedded<'_>) -> HttpReply {
    let html = html(&root(request, base), stream);
    document::stored(request, HTML, Text { plain: &html, gzip: None }, policy)
}

fn html(root: &str, Embedded { app, name, urls }: Embedded<'_>) -> String {
    let attribute = |name: &str, url: Option<String>| {
        url.map(|url| format!(" {name}=\"{}\"", xml::escape(&url))).unwrap_or_default()
    };
    let flv = urls.and_then(|urls| urls.flv.as_ref()).map(|flv| flv.of(name.as_str()));
    let hls = urls.and_then(|urls| urls.playlists.as_ref()).map(|playlists| playlists.of(name.as_str()));
    let (title, root) = (format!("{app}/{}", name.as_str()), xml::escape(root));
    let values = [
        ("ROOT", root.as_ref()),
        ("TITLE", &xml::escape(&title)),
        ("URLS", &(attribute("data-flv", flv) + &attribute("data-hls", hls))),
    ];
    fill(TEMPLATE, &values)
}

/// A template with the values of what stands in it as `{{NAME}}`. A value is never looked at again.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut parts = template.split("{{");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, behind) = part.split_once("}}").unwrap_or(("", part));
        let value = values.iter().find(|(known, _)| *known == name);
        text.push_str(value.map_or("", |(_, value)| value));
        text.push_str(behind);
    }
    text
}

/// The way from the page back to the page's path `base`. It is told relative to the URL that the browser shows, as a proxy may
/// have taken away the beginning of its path; only where an internal redirect has led here, that URL says nothing.
fn root(request: &HttpRequest, base: &str) -> String {
    if request.internal {
        return path::encode(base);
    }
    let uri = request.head.uri();
    let slashes = |path: &str| path.bytes().filter(|byte| *byte == b'/').count();
    let shown = uri.split('?').next().unwrap_or_default();
    "../".repeat(slashes(shown).saturating_sub(slashes(base)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Embedders, String> {
        Embedders::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn page_of(app: &str, name: &str) -> String {
        let name = StreamName::new(name).unwrap();
        html("../../", Embedded { app, name: &name, urls: None })
    }

    #[test]
    fn a_policy_names_the_embedders() {
        for (text, sources) in [
            ("none", "'none'"),
            ("self", "'self'"),
            ("any", "*"),
            ("https://A.example", "'self' https://a.example"),
            ("http://a.example:8080 https://*.b.example", "'self' http://a.example:8080 https://*.b.example"),
        ] {
            assert_eq!(parse(text).map(|embedders| embedders.sources().join(" ")).as_deref(), Ok(sources));
        }
    }

    #[test]
    fn a_mistake_says_what_is_meant() {
        for (text, why) in [
            ("off", "\"off\" is no origin: write self, none, any"),
            ("*", "\"*\" is no origin: write self, none, any"),
            ("self https://a.example", "\"self\" stands alone"),
            ("https://a.example any", "\"any\" stands alone"),
            ("null", "\"null\" is the origin of pages that have none"),
            ("http://[::1]:8080", "\"http://[::1]:8080\" has an address of IPv6"),
            ("example.com", "\"example.com\" is no origin such as https://example.com"),
            (
                "https://a.example/page",
                "\"https://a.example/page\" has more than a scheme, a host and a port",
            ),
            ("https://a.example;script-src", "\"https://a.example;script-src\" is no origin"),
        ] {
            let found = parse(text).unwrap_err();
            assert!(found.starts_with(why), "{found}");
        }
        let many: Vec<_> = (0..=MAX_ORIGINS).map(|n| format!("https://{n}.example")).collect();
        assert_eq!(Embedders::parse(&many).unwrap_err(), "no more than 64 origins");
        assert!(Embedders::parse(&many[1..]).is_ok());
    }

    #[test]
    fn what_a_url_names_stands_in_the_page_as_text() {
        let page = page_of("live", "cam");
        assert!(
            page.contains("<title>live/cam</title>") && page.contains("data-name=\"live/cam\""),
            "{page}"
        );
        assert!(page.contains("src=\"../../embed.js\"") && !page.contains("{{"), "{page}");
        // A name of a stream has none of these, but that of an application may.
        let page = page_of("\"><script>alert(1)</script>{{ROOT}}&", "cam");
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(page.contains("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;{{ROOT}}&amp;/cam"), "{page}");
    }

    #[test]
    fn the_way_back_is_that_from_the_url_of_the_browser() {
        for (base, target, expected) in [
            ("/", "/embed/live/cam", "../../"),
            ("/", "/embed/live/cam?key=a/b", "../../"),
            ("/watch/", "/watch/embed/a/b/cam", "../../../"),
            ("/", "/embed//live/cam", "../../../"),
            ("/", "http://a/embed/live/cam", "../../"),
        ] {
            let request = HttpRequest::for_test(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert_eq!(root(&request, base), expected, "{target}");
        }
        let mut request = HttpRequest::for_test("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        request.internal = true;
        assert_eq!(root(&request, "/a b/"), "/a%20b/");
    }
}
