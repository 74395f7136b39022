//! Playlists of guarded applications as viewers get them: fragments and keys with their tokens, and in a master playlist
//! the variants with the viewer's own query.
//!
//! A list of a day has 17,280 entries; so it is marked in steps, between which other sessions are served. Whoever calls
//! decides who may see the result; nothing here looks at files or streams.

use std::fmt;
use std::ops::Range;

use crate::auth::segment_token::{ARGUMENT, SegmentSigner};
use crate::engine::viewing::files::number;

/// The beginning of our own comments, which say nothing to players: they name removed fragments and describe variants.
const COMMENT: &[u8] = b"#millstream";

/// The beginning of the tags that may have a URI among their attributes.
const TAG: &[u8] = b"#EXT-X-";

/// What is added to the URIs of a playlist.
#[derive(Clone)]
pub struct Marks {
    /// Makes the tokens of the application.
    pub signer: SegmentSigner,
    /// Application and stream as tokens have them: `live/cam`.
    pub path: String,
    /// The query that the URIs of other playlists carry on, or empty. What may not stand in a URI is percent-encoded.
    pub query: String,
}

/// A playlist that is being marked.
pub struct Marker {
    marks: Marks,
    text: Vec<u8>,
    /// Bytes of the text that have been marked.
    done: usize,
    marked: Vec<u8>,
    is_for_all: bool,
}

/// What is added to a URI.
enum Addition {
    Token(String),
    /// The viewer's query, which may be empty.
    Query,
}

impl Marker {
    /// Begins with a whole text.
    pub fn new(mut marks: Marks, text: Vec<u8>) -> Self {
        marks.query = escape(&marks.query);
        // A token takes 15 bytes; an entry without one has from 25 to 80.
        let marked = Vec::with_capacity(text.len() + text.len() / 4);
        Self { marks, text, done: 0, marked, is_for_all: true }
    }

    /// Marks so many lines; true once there are no more.
    pub fn step(&mut self, lines: usize) -> bool {
        for _ in 0..lines {
            let rest = self.text.get(self.done..).unwrap_or_default();
            let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
            if length == 0 {
                return true;
            }
            let line = rest.get(..length).unwrap_or_default();
            self.is_for_all &= self.marks.mark_line(line, &mut self.marked);
            self.done += length;
        }
        self.done == self.text.len()
    }

    /// Whether what has been marked is the same for all viewers: no URI of a playlist is in it, which would carry on the
    /// viewer's query.
    pub fn is_for_all(&self) -> bool {
        self.is_for_all
    }

    /// The marked text, once there are no more lines.
    pub fn into_text(self) -> Vec<u8> {
        debug_assert!(self.done == self.text.len(), "all lines have been marked");
        self.marked
    }
}

impl Marks {
    /// Made with the secret of the tokens, so that another secret makes another text. It opens nothing.
    pub(super) fn proof(&self) -> String {
        self.signer.token(&self.path, "")
    }

    /// Appends a line with its end, unless it is one of our own comments. False if the line is not the same for all
    /// viewers.
    fn mark_line(&self, line: &[u8], marked: &mut Vec<u8>) -> bool {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        if content.starts_with(COMMENT) {
            return true;
        }
        let uri = match content.first() {
            Some(b'#') => uri_attribute(content),
            _ => Some(0..content.len()),
        };
        let added = uri.and_then(|uri| self.addition(content.get(uri.clone())?, uri.start));
        let is_for_all = !matches!(added, Some((.., Addition::Query)));
        let (place, sign, argument) = match added {
            Some((place, sign, Addition::Token(token))) => (place, sign, format!("{ARGUMENT}={token}")),
            Some((place, sign, Addition::Query)) if !self.query.is_empty() => {
                (place, sign, self.query.clone())
            }
            Some((_, _, Addition::Query)) | None => (line.len(), "", String::new()),
        };
        let (before, behind) = line.split_at_checked(place).unwrap_or((line, b""));
        for part in [before, sign.as_bytes(), argument.as_bytes(), behind] {
            marked.extend_from_slice(part);
        }
        is_for_all
    }

    /// What is added to a URI that begins at `start` in its line: where, and behind which sign. None if it stays as it
    /// is.
    fn addition(&self, uri: &[u8], start: usize) -> Option<(usize, &'static str, Addition)> {
        if leads_elsewhere(uri) {
            return None;
        }
        let length = uri.iter().position(|byte| *byte == b'#').unwrap_or(uri.len());
        let uri = uri.get(..length)?;
        let (place, sign) = (start + length, if uri.contains(&b'?') { "&" } else { "?" });
        let path = uri.split(|byte| *byte == b'?').next()?;
        let name = std::str::from_utf8(path.rsplit(|byte| *byte == b'/').next()?).ok()?;
        let (stem, extension) = name.rsplit_once('.')?;
        let is = |known: &str| extension.eq_ignore_ascii_case(known);
        if is("m3u8") {
            return Some((place, sign, Addition::Query));
        }
        let known = ["ts", "key"].into_iter().find(|known| is(known))?;
        // `NAME-ID` or `ID`.
        let file = format!("{}.{known}", number(stem.rsplit('-').next()?)?);
        Some((place, sign, Addition::Token(self.signer.token(&self.path, &file))))
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query may have a key in it.
        f.debug_struct("Marks").field("path", &self.path).finish_non_exhaustive()
    }
}

impl fmt::Debug for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.text.len();
        f.debug_struct("Marker").field("marks", &self.marks).field("bytes", &bytes).finish_non_exhaustive()
    }
}

/// The place of the value of `URI="..."` among the attributes of a tag (RFC 8216, section 4.2).
fn uri_attribute(line: &[u8]) -> Option<Range<usize>> {
    let mut at = Some(line).filter(|line| line.starts_with(TAG))?.iter().position(|byte| *byte == b':')? + 1;
    loop {
        let rest = line.get(at..)?;
        let name = rest.iter().position(|byte| *byte == b'=')?;
        let value = at + name + 1;
        let end = match line.get(value..)?.strip_prefix(b"\"") {
            Some(quoted) => {
                let length = quoted.iter().position(|byte| *byte == b'"')?;
                if rest.get(..name)?.trim_ascii() == b"URI" {
                    return Some(value + 1..value + 1 + length);
                }
                value + length + 2
            }
            None => value,
        };
        at = end + line.get(end..)?.iter().position(|byte| *byte == b',')? + 1;
    }
}

/// Whether a URI, or the beginning of one, has a scheme or a host of its own.
pub fn leads_elsewhere(uri: &[u8]) -> bool {
    let is_of_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let end = uri.iter().position(|byte| !is_of_scheme(byte)).unwrap_or(uri.len());
    uri.starts_with(b"//") || uri.first().is_some_and(u8::is_ascii_alphabetic) && uri.get(end) == Some(&b':')
}

/// A query as it may stand in a URI between quotes.
fn escape(query: &str) -> String {
    let mut escaped = String::with_capacity(query.len());
    for byte in query.bytes() {
        if byte.is_ascii_graphic() && !b"\"#".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(query: &str) -> Marks {
        let signer = SegmentSigner::new(b"secret");
        Marks { signer, path: "live/cam".to_owned(), query: query.to_owned() }
    }

    fn marked(query: &str, text: &str) -> String {
        let mut marker = Marker::new(marks(query), text.as_bytes().to_vec());
        while !marker.step(1) {}
        String::from_utf8(marker.into_text()).unwrap()
    }

    fn token(file: &str) -> String {
        SegmentSigner::new(b"secret").token("live/cam", file)
    }

    #[test]
    fn fragments_and_keys_get_their_tokens_and_our_comments_are_left_out() {
        let text = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#millstream stream-inf BANDWIDTH=1\n\
                    #millstream retired 9 10:9\n#EXT-X-KEY:METHOD=AES-128,URI=\"/k/cam-11.key\",IV=0x0f\n\
                    #EXT-X-PROGRAM-DATE-TIME:2026-11-30T01:02:03.004Z\n#EXTINF:5.000,\ncam-11.ts\n\
                    #EXT-X-KEY:METHOD=NONE\n#EXTINF:5.000,\ncam-12.ts\n#EXT-X-ENDLIST\n";
        let expected = format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:5\n\
             #EXT-X-KEY:METHOD=AES-128,URI=\"/k/cam-11.key?t={}\",IV=0x0f\n\
             #EXT-X-PROGRAM-DATE-TIME:2026-11-30T01:02:03.004Z\n#EXTINF:5.000,\ncam-11.ts?t={}\n\
             #EXT-X-KEY:METHOD=NONE\n#EXTINF:5.000,\ncam-12.ts?t={}\n#EXT-X-ENDLIST\n",
            token("11.key"),
            token("11.ts"),
            token("12.ts")
        );
        assert_eq!(marked("key=k", text), expected);
    }

    #[test]
    fn the_token_of_a_uri_is_that_of_its_number_in_either_layout() {
        for (uri, file) in [
            ("12.ts", "12.ts"),
            ("a/b/cam-12.ts", "12.ts"),
            ("a-1-12.ts", "12.ts"),
            ("%E2%98%83%20%5Bx%5D-12.ts", "12.ts"),
            ("cam-0.KEY", "0.key"),
            ("cam-18446744073709551615.Ts", "18446744073709551615.ts"),
        ] {
            assert_eq!(marked("", uri), format!("{uri}?t={}", token(file)));
            assert_eq!(marked("", &format!("{uri}?a=1#b")), format!("{uri}?a=1&t={}#b", token(file)));
            assert_eq!(marked("", &format!("{uri}#b?c")), format!("{uri}?t={}#b?c", token(file)));
        }
    }

    #[test]
    fn other_uris_stay_as_they_are() {
        for uri in [
            "",
            "cam.ts",
            "cam1.ts",
            "cam-.ts",
            "cam-01.ts",
            "cam-+1.ts",
            "cam-18446744073709551616.ts",
            "cam-1.mp4",
            "cam-1ts",
            "1.ts/",
            "/k?f=cam-1.key",
            "http://cdn.example/cam-1.ts",
            "HTTPS://cdn.example/cam-1.ts",
            "a+b-c.d:cam-1.ts",
            "//cdn.example/cam-1.ts",
        ] {
            assert_eq!(marked("key=k", uri), uri);
        }
        for uri in ["x%3Ay/cam-1.ts", "1a:b/cam-1.ts", "/a:b/cam-1.ts"] {
            assert_ne!(marked("", uri), uri, "it has no scheme");
        }
        assert_eq!(marked("", "\u{fffd}\n\r\n"), "\u{fffd}\n\r\n");
    }

    #[test]
    fn variants_carry_on_the_viewers_query() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"a,URI=\",URI=\"a.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\n\
                    cam_low.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\ncam_high/index.m3u8?a=1\nhttps://cdn/x.m3u8\n";
        let expected = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"a,URI=\",URI=\"a.m3u8?user=u&pass=p%20%22\"\n\
                        #EXT-X-STREAM-INF:BANDWIDTH=1\ncam_low.m3u8?user=u&pass=p%20%22\n\
                        #EXT-X-STREAM-INF:BANDWIDTH=2\ncam_high/index.m3u8?a=1&user=u&pass=p%20%22\nhttps://cdn/x.m3u8\n";
        assert_eq!(marked("user=u&pass=p \"", text), expected);
        assert_eq!(marked("", text), text);
    }

    #[test]
    fn a_text_is_for_all_viewers_if_no_playlist_is_in_it() {
        for (text, expected) in [
            ("#EXTM3U\n#EXT-X-KEY:URI=\"1.key\"\ncam-1.ts\nhttps://cdn/x.m3u8\n", true),
            ("#EXTM3U\ncam_low.m3u8\ncam-1.ts\n", false),
            ("#EXT-X-MEDIA:URI=\"a.M3U8?b\"", false),
            ("", true),
        ] {
            for query in ["", "key=k"] {
                let mut marker = Marker::new(marks(query), text.as_bytes().to_vec());
                while !marker.step(1) {}
                assert_eq!(marker.is_for_all(), expected, "{text}");
            }
        }
    }

    #[test]
    fn what_may_not_stand_in_a_uri_is_escaped_in_the_query() {
        assert_eq!(marked("a=\r\n#\t☃%20", "x.m3u8"), "x.m3u8?a=%0D%0A%23%09%E2%98%83%20");
    }

    #[test]
    fn line_ends_are_kept_also_a_missing_one() {
        let token = token("1.ts");
        for end in ["", "\n", "\r\n", "\r"] {
            let expected = format!("#EXTM3U\r\n\r\ncam-1.ts?t={token}{end}");
            assert_eq!(marked("", &format!("#EXTM3U\r\n#millstream time 1\r\n\r\ncam-1.ts{end}")), expected);
        }
        assert_eq!(marked("", ""), "");
    }

    #[test]
    fn broken_tags_stay_as_they_are() {
        for line in [
            "#EXT-X-KEY",
            "#EXT-X-KEY:",
            "#EXT-X-KEY:URI",
            "#EXT-X-KEY:URI=",
            "#EXT-X-KEY:URI=\"",
            "#EXT-X-KEY:URI=\"1.key",
            "#EXT-X-KEY:URI=1.key",
            "#EXT-X-KEY:A=\"b\"",
            "#EXT-X-KEY:XURI=\"1.key\"",
            "#EXT-X-KEY:=,=\"\",",
            "#EXT-X-KEY:URI=\"\"",
            "#KEY:URI=\"1.key\"",
        ] {
            assert_eq!(marked("key=k", line), line);
        }
        assert_eq!(
            marked("", "#EXT-X-KEY:A=\"?\",URI=\"1.key\""),
            format!("#EXT-X-KEY:A=\"?\",URI=\"1.key?t={}\"", token("1.key"))
        );
        assert_eq!(
            marked("", "#EXT-X-KEY:A=b, URI=\"1.key\""),
            format!("#EXT-X-KEY:A=b, URI=\"1.key?t={}\"", token("1.key"))
        );
    }

    #[test]
    fn a_long_list_is_marked_in_steps_with_the_same_result() {
        let entry = |number: usize| format!("#EXTINF:5.000,\ncam-{number}.ts\n");
        let text: String = (0..1000).map(entry).collect();
        let mut marker = Marker::new(marks(""), text.clone().into_bytes());
        let mut steps = 1;
        while !marker.step(256) {
            steps += 1;
        }
        assert_eq!((steps, marker.step(256)), (8, true));
        assert_eq!(String::from_utf8(marker.into_text()).unwrap(), marked("", &text));
    }

    #[test]
    fn the_viewers_query_is_not_shown() {
        let marker = Marker::new(marks("key=k"), Vec::new());
        assert_eq!(format!("{marker:?}"), "Marker { marks: Marks { path: \"live/cam\", .. }, bytes: 0, .. }");
    }
}
