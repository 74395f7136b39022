//! Paths: from the target of a request to a path that may be looked up, and back into a URL.
//!
//! The result of [`resolve`] is one canonical name: decoded once, without dot segments, empty segments,
//! control characters or backslashes. Whoever joins it to a folder still has to mind links.

/// The reason for which a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadPath;

/// Decodes an absolute path and resolves its dot segments (RFC 3986, sections 2.1 and 5.2.4).
///
/// An encoded slash, a backslash, a control character, bytes that are no UTF-8, a broken escape and
/// ".." above the root are refused: each means another file to some software on the way here. Empty
/// segments are merged, as nginx does. The result begins with '/', and ends with one where `raw`
/// names a folder.
pub fn resolve(raw: &str) -> Result<String, BadPath> {
    if !raw.starts_with('/') {
        return Err(BadPath);
    }
    let segments = raw.split('/').skip(1).map(decode).collect::<Result<Vec<_>, _>>()?;
    join(segments.iter().map(String::as_str)).ok_or(BadPath)
}

/// The canonical form of a path that is decoded already; none if it leads above the root or has control
/// characters.
pub fn tidy(decoded: &str) -> Option<String> {
    let segments = decoded.strip_prefix('/').unwrap_or(decoded).split('/');
    join(segments).filter(|path| !path.contains(|c: char| c.is_control()))
}

/// Resolves dot segments and merges empty ones; none above the root.
fn join<'a>(raw: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut segments = Vec::new();
    let mut folder = true;
    for segment in raw {
        folder = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            _ => segments.push(segment),
        }
    }
    let mut path = String::new();
    for segment in &segments {
        path.push('/');
        path.push_str(segment);
    }
    if folder {
        path.push('/');
    }
    Some(path)
}

/// Escapes a decoded path for use in a URL or a Location header (RFC 3986, section 3.3).
pub fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', hex_digit(byte >> 4), hex_digit(byte & 15)]);
        }
    }
    encoded
}

/// Escapes a URL, which may be escaped in parts already, for a Location header or a request: what it has then is one
/// word of one line.
pub fn escape_location(url: &str) -> String {
    let mut escaped = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.extend(['%', hex_digit(byte >> 4), hex_digit(byte & 15)]);
        }
    }
    escaped
}

/// Decodes the escapes of a text, once; none if one is broken, or if the bytes are no UTF-8.
pub fn unescape(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'%' => rest.next().and_then(hex_value)? << 4 | rest.next().and_then(hex_value)?,
            plain => plain,
        };
        bytes.push(decoded);
    }
    String::from_utf8(bytes).ok()
}

fn decode(segment: &str) -> Result<String, BadPath> {
    let text = unescape(segment).ok_or(BadPath)?;
    if text.chars().any(|c| c.is_control() || c == '/' || c == '\\') {
        return Err(BadPath);
    }
    Ok(text)
}

fn hex_value(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_stay_as_they_are() {
        for path in ["/", "/a", "/a/", "/hls/test.m3u8", "/a..b/..c/...", "/a+b"] {
            assert_eq!(resolve(path).unwrap(), path);
        }
    }

    #[test]
    fn escapes_are_decoded_once() {
        assert_eq!(resolve("/a%20b/%E2%82%ac").unwrap(), "/a b/€");
        assert_eq!(resolve("/%252e%252e/x").unwrap(), "/%2e%2e/x");
    }

    #[test]
    fn dot_segments_and_empty_segments_are_resolved() {
        let cases = [
            ("/a/./b", "/a/b"),
            ("/a/b/..", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/a/../b", "/b"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/..", "/"),
            ("//etc/passwd", "/etc/passwd"),
            ("//evil.example//", "/evil.example/"),
            ("/a///b", "/a/b"),
        ];
        for (raw, resolved) in cases {
            assert_eq!(resolve(raw).unwrap(), resolved, "{raw}");
        }
    }

    #[test]
    fn paths_that_mean_something_else_elsewhere_are_refused() {
        let cases = [
            "",
            "a",
            "*",
            "/..",
            "/../x",
            "/%2e%2e/x",
            "/hls/../../x",
            "/a/../../b/c",
            "/a%2fb",
            "/a%2Fb",
            "/..%5cx",
            "/a\\b",
            "/%5Cevil.example",
            "/a%00",
            "/a%0a",
            "/a%0D%0Ax",
            "/%1b[0m",
            "/%7f",
            "/%c2%85",
            "/%",
            "/%4",
            "/%zz",
            "/%+1",
            "/%ff",
            "/%c3",
        ];
        for raw in cases {
            assert_eq!(resolve(raw), Err(BadPath), "{raw}");
        }
    }

    #[test]
    fn a_decoded_path_is_made_canonical() {
        for (path, tidied) in [
            ("/a%2e/b", "/a%2e/b"),
            ("//a/./b/../c/", "/a/c/"),
            ("a", "/a"),
            ("/../a", ""),
            ("/a\nb", ""),
            ("", "/"),
        ] {
            assert_eq!(tidy(path).unwrap_or_default(), tidied, "{path}");
        }
    }

    #[test]
    fn a_location_keeps_its_escapes_and_gets_those_it_needs() {
        assert_eq!(escape_location("http://a/%20b?c=d&e#f"), "http://a/%20b?c=d&e#f");
        assert_eq!(escape_location("/a b\r\nX: \u{e9}"), "/a%20b%0D%0AX:%20%C3%A9");
    }

    #[test]
    fn an_encoded_path_resolves_to_itself() {
        for path in ["/", "/a b/c?d#e", "/€/%41/\"<>", "/a&b=c;d"] {
            let encoded = encode(path);
            assert!(encoded.bytes().all(|b| b.is_ascii_graphic() && !b"?#\"<>".contains(&b)), "{encoded}");
            assert_eq!(resolve(&encoded).unwrap(), path);
        }
        assert_eq!(encode("/a b?"), "/a%20b%3F");
    }
}
