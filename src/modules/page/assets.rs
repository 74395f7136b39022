//! What is at which path below the page's: its files, which are compiled in, and what is made when it is asked for.

use crate::engine::{HttpReply, HttpRequest};

use super::document::{self, HTML, SCRIPT, STYLE};

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
    /// The player of a stream alone.
    Embed {
        app: &'a str,
        name: &'a str,
    },
    /// A QR code.
    QrCode,
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
            "qr.svg" => return Some(Self::QrCode),
            _ => {}
        }
        if let Some((app, name)) = stream_below("embed/", below) {
            return Some(Self::Embed { app, name });
        }
        let label = below.strip_prefix("thumbnails/")?.strip_suffix(".mp4")?;
        Some(Self::Thumbnail { label })
    }
}

/// The application and name in a path below a folder. A name has no slash.
fn stream_below<'a>(folder: &str, path: &'a str) -> Option<(&'a str, &'a str)> {
    path.strip_prefix(folder)?.rsplit_once('/').filter(|(app, name)| !app.is_empty() && !name.is_empty())
}

impl File {
    pub fn reply(&self, request: &HttpRequest) -> HttpReply {
        document::stored(request, self.mime, self.text, &document::of_console())
    }
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
            ("/", "/qr.svg", Some(Asset::QrCode)),
            ("/", "/embed/live/cam", Some(Asset::Embed { app: "live", name: "cam" })),
            ("/l/", "/l/embed/a/b/c.d", Some(Asset::Embed { app: "a/b", name: "c.d" })),
            ("/", "/embed/cam", None),
            ("/", "/embed/live/", None),
            ("/", "/embed//cam", None),
            ("/", "/embed.js", file("embed.js")),
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
}
