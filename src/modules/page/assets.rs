//! What is at which path below the page's: its files, which are compiled in, and what is made when it is asked for.

use crate::engine::{HttpReply, HttpRequest};

use super::document::{self, HTML, SCRIPT, STYLE, Text};

/// A file of `web/`, and what build.rs has made of it.
macro_rules! file {
    ($path:literal, $mime:expr) => {
        file!($path from $path, $mime)
    };
    ($path:literal from $file:literal, $mime:expr) => {
        File {
            path: $path,
            mime: $mime,
            text: include_str!(concat!("web/", $file)),
            gzip: include_bytes!(concat!(env!("OUT_DIR"), "/web/", $file, ".gz")),
        }
    };
}

/// The files of the page, by their paths below its own.
const FILES: &[File] = &[
    file!("" from "page.html", HTML),
    file!("page.js", SCRIPT),
    file!("act.js", SCRIPT),
    file!("card.js", SCRIPT),
    file!("data.js", SCRIPT),
    file!("film.js", SCRIPT),
    file!("plot.js", SCRIPT),
    file!("publish.js", SCRIPT),
    file!("recordings.js", SCRIPT),
    file!("stream.js", SCRIPT),
    file!("text.js", SCRIPT),
    file!("thumbnails.js", SCRIPT),
    file!("page.css", STYLE),
    file!("embed.js", SCRIPT),
    file!("embed.css", STYLE),
    file!("player/player.js", SCRIPT),
    file!("player/ask.js", SCRIPT),
    file!("player/reasons.js", SCRIPT),
    file!("player/player.css", STYLE),
    file!("player/mse.js", SCRIPT),
    file!("player/mp4.js", SCRIPT),
    file!("player/codecs.js", SCRIPT),
    file!("player/hls.js", SCRIPT),
    file!("player/ts.js", SCRIPT),
    file!("player/flv.js", SCRIPT),
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
    /// The text as most browsers are sent it.
    gzip: &'static [u8],
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
        let text = Text { plain: self.text, gzip: Some(self.gzip) };
        document::stored(request, self.mime, text, &document::of_console())
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
    fn the_console_loads_60_kb_and_the_player_25_kb_of_these() {
        let bytes = |folder| -> usize {
            FILES.iter().filter(|file| file.path.starts_with(folder)).map(|file| file.gzip.len()).sum()
        };
        let (all, player) = (bytes(""), bytes("player/"));
        assert!(all < 60_000 && player < 25_000, "{all} bytes, and {player} of them are the player");
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
