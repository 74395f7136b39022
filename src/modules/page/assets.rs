//! What is at which path below the page's: its files, which are compiled in, and what is made when it is asked for.

use std::rc::Rc;

use crate::engine::{Body, HttpReply};
use crate::http::ResponseHead;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// The files of the page, by their paths below its own.
const FILES: &[File] = &[
    File { path: "", mime: HTML, text: include_str!("web/page.html") },
    File { path: "page.js", mime: SCRIPT, text: include_str!("web/page.js") },
    File { path: "act.js", mime: SCRIPT, text: include_str!("web/act.js") },
    File { path: "card.js", mime: SCRIPT, text: include_str!("web/card.js") },
    File { path: "data.js", mime: SCRIPT, text: include_str!("web/data.js") },
    File { path: "plot.js", mime: SCRIPT, text: include_str!("web/plot.js") },
    File { path: "publish.js", mime: SCRIPT, text: include_str!("web/publish.js") },
    File { path: "stream.js", mime: SCRIPT, text: include_str!("web/stream.js") },
    File { path: "text.js", mime: SCRIPT, text: include_str!("web/text.js") },
    File { path: "thumbnails.js", mime: SCRIPT, text: include_str!("web/thumbnails.js") },
    File { path: "page.css", mime: STYLE, text: include_str!("web/page.css") },
    File { path: "embed.js", mime: SCRIPT, text: include_str!("web/embed.js") },
    File { path: "embed.css", mime: STYLE, text: include_str!("web/embed.css") },
    File { path: "player/player.js", mime: SCRIPT, text: include_str!("web/player/player.js") },
    File { path: "player/player.css", mime: STYLE, text: include_str!("web/player/player.css") },
    File { path: "player/mse.js", mime: SCRIPT, text: include_str!("web/player/mse.js") },
    File { path: "player/mp4.js", mime: SCRIPT, text: include_str!("web/player/mp4.js") },
    File { path: "player/codecs.js", mime: SCRIPT, text: include_str!("web/player/codecs.js") },
    File { path: "player/hls.js", mime: SCRIPT, text: include_str!("web/player/hls.js") },
    File { path: "player/ts.js", mime: SCRIPT, text: include_str!("web/player/ts.js") },
    File { path: "player/flv.js", mime: SCRIPT, text: include_str!("web/player/flv.js") },
];

/// Nothing but our own scripts and styles, and media from this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      media-src 'self' blob:; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'self'";

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asset<'a> {
    File(&'static File),
    /// Everything of all streams.
    Streams,
    /// The numbers of the last second.
    Live,
    /// The last key frame of a stream.
    Thumbnail {
        /// The stream, like "live/cam".
        label: &'a str,
    },
    /// The page without its slash: what it loads would be looked for one level up.
    Redirect,
}

/// A file that is compiled in.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    path: &'static str,
    mime: &'static str,
    text: &'static str,
}

impl<'a> Asset<'a> {
    /// The asset at `path`, where the page's own path is `base`, ending with '/'.
    pub fn at(base: &str, path: &'a str) -> Option<Self> {
        if path == base.trim_end_matches('/') {
            return Some(Self::Redirect);
        }
        let below = path.strip_prefix(base)?;
        if let Some(file) = FILES.iter().find(|file| file.path == below) {
            return Some(Self::File(file));
        }
        match below {
            "streams.json" => return Some(Self::Streams),
            "live.json" => return Some(Self::Live),
            _ => {}
        }
        let label = below.strip_prefix("thumbnails/")?.strip_suffix(".mp4")?;
        Some(Self::Thumbnail { label })
    }
}

impl File {
    pub fn reply(&self) -> HttpReply {
        document(self.mime, self.text.as_bytes())
    }
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
    fn a_page_has_its_files_and_leaves_the_rest_alone() {
        let file = |path| FILES.iter().find(|file| file.path == path).map(Asset::File);
        let cases = [
            ("/", "/", file("")),
            ("/", "/page.js", file("page.js")),
            ("/", "/page.css", file("page.css")),
            ("/", "/streams.json", Some(Asset::Streams)),
            ("/", "/live.json", Some(Asset::Live)),
            ("/", "/other", None),
            ("/live/", "/live/", file("")),
            ("/live/", "/live", Some(Asset::Redirect)),
            ("/live/", "/live/streams.json", Some(Asset::Streams)),
            ("/live/", "/livestreams.json", None),
            ("/live/", "/live/x/", None),
            ("/", "/thumbnails/live/cam.mp4", Some(Asset::Thumbnail { label: "live/cam" })),
            ("/l/", "/l/thumbnails/a/b/c.mp4.mp4", Some(Asset::Thumbnail { label: "a/b/c.mp4" })),
            ("/", "/thumbnails/live/cam.jpg", None),
            ("/", "/thumbnails/", None),
        ];
        for (base, path, asset) in cases {
            assert_eq!(Asset::at(base, path), asset, "{path} below {base}");
        }
    }

    #[test]
    fn the_files_keep_to_the_policy() {
        for file in FILES {
            let forbidden: &[&str] = match file.mime {
                HTML => &["<style", " style=", " onclick=", "http://", "https://", "//cdn"],
                STYLE => &["url(", "@import"],
                _ => &["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http://"],
            };
            for forbidden in forbidden {
                // The name of the SVG format in the icon is no address.
                let allowed = usize::from(file.mime == HTML && *forbidden == "http://");
                assert!(file.text.matches(forbidden).count() <= allowed, "{}: {forbidden}", file.path);
            }
        }
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
