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
    // The rest is nginx's, so that files that are meant for it get the same.
    ("shtml", "text/html"),
    ("atom", "application/atom+xml"),
    ("mml", "text/mathml"),
    ("jad", "text/vnd.sun.j2me.app-descriptor"),
    ("wml", "text/vnd.wap.wml"),
    ("htc", "text/x-component"),
    ("svgz", "image/svg+xml"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("wbmp", "image/vnd.wap.wbmp"),
    ("jng", "image/x-jng"),
    ("bmp", "image/x-ms-bmp"),
    ("jar", "application/java-archive"),
    ("war", "application/java-archive"),
    ("ear", "application/java-archive"),
    ("hqx", "application/mac-binhex40"),
    ("doc", "application/msword"),
    ("ps", "application/postscript"),
    ("eps", "application/postscript"),
    ("ai", "application/postscript"),
    ("rtf", "application/rtf"),
    ("kml", "application/vnd.google-earth.kml+xml"),
    ("kmz", "application/vnd.google-earth.kmz"),
    ("xls", "application/vnd.ms-excel"),
    ("eot", "application/vnd.ms-fontobject"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("odg", "application/vnd.oasis.opendocument.graphics"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("wmlc", "application/vnd.wap.wmlc"),
    ("7z", "application/x-7z-compressed"),
    ("cco", "application/x-cocoa"),
    ("jardiff", "application/x-java-archive-diff"),
    ("jnlp", "application/x-java-jnlp-file"),
    ("run", "application/x-makeself"),
    ("pl", "application/x-perl"),
    ("pm", "application/x-perl"),
    ("prc", "application/x-pilot"),
    ("pdb", "application/x-pilot"),
    ("rar", "application/x-rar-compressed"),
    ("rpm", "application/x-redhat-package-manager"),
    ("sea", "application/x-sea"),
    ("swf", "application/x-shockwave-flash"),
    ("sit", "application/x-stuffit"),
    ("tcl", "application/x-tcl"),
    ("tk", "application/x-tcl"),
    ("der", "application/x-x509-ca-cert"),
    ("pem", "application/x-x509-ca-cert"),
    ("crt", "application/x-x509-ca-cert"),
    ("xpi", "application/x-xpinstall"),
    ("xhtml", "application/xhtml+xml"),
    ("xspf", "application/xspf+xml"),
    ("exe", "application/octet-stream"),
    ("dll", "application/octet-stream"),
    ("deb", "application/octet-stream"),
    ("dmg", "application/octet-stream"),
    ("iso", "application/octet-stream"),
    ("img", "application/octet-stream"),
    ("msi", "application/octet-stream"),
    ("msp", "application/octet-stream"),
    ("msm", "application/octet-stream"),
    ("mid", "audio/midi"),
    ("midi", "audio/midi"),
    ("kar", "audio/midi"),
    ("ra", "audio/x-realaudio"),
    ("3gpp", "video/3gpp"),
    ("3gp", "video/3gpp"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("mng", "video/x-mng"),
    ("asx", "video/x-ms-asf"),
    ("asf", "video/x-ms-asf"),
    ("wmv", "video/x-ms-wmv"),
    ("avi", "video/x-msvideo"),
];

/// The built-in type for an extension, in any case.
pub fn by_extension(extension: &str) -> Option<&'static str> {
    let entry = TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
    entry.map(|(_, mime)| *mime)
}

/// The part behind the last dot of a path's last segment.
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
