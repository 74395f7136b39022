//! Media types by file extension, of what a media server's folders hold.

/// Extensions in lower case and their types; the first of a type is the usual one.
const TYPES: &[(&str, &str)] = &[
    ("html", "text/html"),
    ("htm", "text/html"),
    ("css", "text/css"),
    ("js", "text/javascript"),
    ("mjs", "text/javascript"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("xml", "text/xml"),
    ("xsl", "text/xml"),
    ("rss", "application/rss+xml"),
    ("pdf", "application/pdf"),
    ("zip", "application/zip"),
    ("wasm", "application/wasm"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("ico", "image/x-icon"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("ttf", "font/ttf"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("ts", "video/mp2t"),
    ("mpd", "application/dash+xml"),
    ("m4s", "video/iso.segment"),
    ("m4v", "video/mp4"),
    ("mp4", "video/mp4"),
    ("m4a", "audio/mp4"),
    ("flv", "video/x-flv"),
    ("webm", "video/webm"),
    ("mkv", "video/x-matroska"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("aac", "audio/aac"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("wav", "audio/wav"),
    ("vtt", "text/vtt"),
    ("srt", "application/x-subrip"),
    ("key", "application/octet-stream"),
    ("bin", "application/octet-stream"),
];

/// The built-in type for an extension, in any case.
pub fn by_extension(extension: &str) -> Option<&'static str> {
    let entry = TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
    entry.map(|(_, mime)| *mime)
}

/// What follows the last dot of a path's last segment.
pub fn extension(path: &str) -> Option<&str> {
    let (_, name) = path.rsplit_once('/').unwrap_or(("", path));
    name.rsplit_once('.').map(|(_, extension)| extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn players_get_the_types_they_ask_for() {
        let of = |path: &str| extension(path).and_then(by_extension);
        assert_eq!(of("/hls/a.m3u8"), Some("application/vnd.apple.mpegurl"));
        assert_eq!(of("/hls/a-1.TS"), Some("video/mp2t"));
        assert_eq!(of("/a.b/c"), None);
        assert_eq!(of("/a.unknown"), None);
        assert_eq!(of("/.html"), Some("text/html"));
    }

    #[test]
    fn every_extension_stands_once_and_in_lower_case() {
        for (index, (extension, _)) in TYPES.iter().enumerate() {
            assert_eq!(*extension, extension.to_ascii_lowercase());
            assert!(TYPES[index + 1..].iter().all(|(other, _)| other != extension), "{extension}");
        }
    }
}
