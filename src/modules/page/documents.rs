//! The page's documents: what is at which path below it, and the headers that go with each.

use std::rc::Rc;

use crate::engine::{Body, HttpReply};
use crate::http::ResponseHead;

const HTML: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

/// Nothing but our own script and style, and media from this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      media-src 'self' blob:; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'self'";

/// A document of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asset {
    Html,
    Script,
    Style,
    Streams,
    /// The page without its slash: what it loads would be looked for one level up.
    Redirect,
}

impl Asset {
    /// The asset at `path`, where the page's own path is `base`, ending with '/'.
    pub fn at(base: &str, path: &str) -> Option<Self> {
        if path == base.trim_end_matches('/') {
            return Some(Self::Redirect);
        }
        match path.strip_prefix(base)? {
            "" => Some(Self::Html),
            "page.js" => Some(Self::Script),
            "page.css" => Some(Self::Style),
            "streams.json" => Some(Self::Streams),
            _ => None,
        }
    }
}

pub fn html() -> HttpReply {
    document("text/html; charset=utf-8", HTML.as_bytes())
}

pub fn script() -> HttpReply {
    document("text/javascript; charset=utf-8", SCRIPT.as_bytes())
}

pub fn style() -> HttpReply {
    document("text/css; charset=utf-8", STYLE.as_bytes())
}

/// A document of the page, which may load only what `POLICY` lets it.
pub fn document(mime: &'static str, bytes: &[u8]) -> HttpReply {
    let head = ResponseHead::new(200)
        .with("Content-Type", mime)
        .with("Cache-Control", "no-cache")
        .with("Content-Security-Policy", POLICY)
        .with("Referrer-Policy", "no-referrer")
        .with("X-Content-Type-Options", "nosniff");
    HttpReply { head, body: Body::Bytes(Rc::from(bytes)) }
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
            assert_eq!(Asset::at(base, path), asset, "{path} below {base}");
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
    }
}
