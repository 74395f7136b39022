//! The arguments of a request, as nginx finds them (`ngx_http_arg`): the first of a name, whatever its case. nginx does not
//! decode them, and scripts may write them either way: a text is meant as it is written, or decoded.

use crate::engine::{StreamName, stream_name};
use crate::http::path::unescape;

/// The first argument of this name, as it is written.
pub fn find<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    let mut pairs = query.split('&').filter_map(|part| part.split_once('='));
    pairs.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The arguments for the log: " app=live name=cam". What a stream's name is followed by may be a secret.
pub fn describe(query: &str) -> String {
    let shown = SHOWN.iter().filter_map(|name| {
        let value = find(query, name)?;
        if let Some(shown) = shown_url(value, *name == "newname") {
            return Some(format!(" {name}={shown}"));
        }
        let value = value.split("%3F").next()?.split("%3f").next()?.split('?').next()?;
        let value: String = value.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
        Some(format!(" {name}={value}"))
    });
    shown.collect()
}

/// A URL of a stream of another server, as it is written, or decoded if it is escaped as a whole.
pub fn server_url(text: &str) -> Option<String> {
    let is_url = |text: &str| {
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        scheme.eq_ignore_ascii_case("rtmp") || scheme.eq_ignore_ascii_case("rtmps")
    };
    if is_url(text) {
        return Some(text.to_owned());
    }
    Some(Text::new(text).decoded()).filter(|text| is_url(text))
}

/// Whether a text is a URL, or is meant as one that has a slip in it: then there may be a key in it.
pub fn looks_like_url(text: &str) -> bool {
    Text::new(text).is_any(|text| text.contains("//") || text.contains(":/"))
}

/// What is or was to be a URL, for the log: its scheme and host, as all behind them may be a key, and all before an "@"
/// a password. None if it is none. One may lack its scheme where a URL is meant.
fn shown_url(text: &str, is_meant: bool) -> Option<String> {
    let mut text = text.to_owned();
    while let Some(plain) = unescape(&text).filter(|plain| *plain != text) {
        text = plain;
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None if is_meant && text.matches('/').count() > 1 => (String::new(), &*text),
        None => return None,
    };
    let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = if text.contains('@') { "..." } else { place };
    let shown = scheme.chars().chain(place.chars()).take(MAX_SHOWN).flat_map(char::escape_debug);
    Some(shown.chain("/***".chars()).collect())
}

/// The arguments that are logged.
const SHOWN: [&str; 7] = ["srv", "app", "name", "addr", "clientid", "rec", "newname"];

/// The most characters of each.
const MAX_SHOWN: usize = 128;

/// The value of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    raw: String,
    /// The decoded text, if that is another one.
    decoded: Option<String>,
}

impl Text {
    pub fn new(raw: &str) -> Self {
        Self { raw: raw.to_owned(), decoded: unescape(raw).filter(|decoded| decoded != raw) }
    }

    /// The decoded text, or as it is written if its escapes are broken.
    pub fn decoded(self) -> String {
        self.decoded.unwrap_or(self.raw)
    }

    /// Whether it is this one, in either form.
    pub fn is(&self, text: &str) -> bool {
        self.is_any(|form| form == text)
    }

    fn is_any(&self, matches: impl Fn(&str) -> bool) -> bool {
        matches(&self.raw) || self.decoded.as_deref().is_some_and(matches)
    }

    /// The names of the streams that it may mean.
    pub fn streams(&self) -> Vec<StreamName> {
        let mut names: Vec<_> =
            StreamName::new(&self.raw).into_iter().chain(stream_name(&self.raw)).collect();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_argument_of_a_name_counts_whatever_its_case() {
        for (query, expected) in [
            ("name=a&name=b", Some("a")),
            ("NAME=a", Some("a")),
            ("newname=a", None),
            ("x=1&name=", Some("")),
            ("name", None),
            ("name=a=b", Some("a=b")),
            ("", None),
        ] {
            assert_eq!(find(query, "name"), expected, "{query}");
        }
    }

    #[test]
    fn the_log_has_what_tells_clients_apart_and_no_secret() {
        let query = "name=a%0ab&other=x&app=live&newname=b?key=secret-of-b&NEWNAME=c";
        assert_eq!(describe(query), " app=live name=a%0ab newname=b");
        assert_eq!(describe("newname=b%3Fkey%3Dsecret"), " newname=b");
        assert_eq!(describe(&format!("name={}", "x".repeat(500))).len(), " name=".len() + 128);
        assert_eq!(describe(""), "");
        for (url, shown) in [
            ("rtmp://a:1936/app/key?x", "rtmp://a:1936/***"),
            ("rtmp%3A%2F%2Fa%3A1936%2Fapp%2Fkey", "rtmp://a:1936/***"),
            ("rtmp://me:secret@a:1936/app/key?x", "rtmp://.../***"),
            ("rtmp%3A%2F%2Fme%3Asecret%40a%3A1936%2Fapp%2Fkey", "rtmp://.../***"),
            ("rtmp://me:secret%40a/app/key", "rtmp://.../***"),
            ("rtmp%253A%252F%252Fme%253Asecret%2540a%252Fapp%252Fkey", "rtmp://.../***"),
            ("rmtp://a/app/key", "rmtp://a/***"),
            ("a.example/app/key", "a.example/***"),
            ("rmtp://me:secret@a:1936/app/key", "rmtp://.../***"),
            ("rtmp%3A/a/app/key", "rtmp:/***"),
            ("rtmp//a/app/key", "rtmp/***"),
            ("room/cam", "room/cam"),
        ] {
            assert_eq!(describe(&format!("newname={url}")), format!(" newname={shown}"));
        }
        assert_eq!(describe("name=a/b/c"), " name=a/b/c");
    }

    #[test]
    fn a_text_means_itself_and_what_it_is_escaped_for() {
        for (raw, name) in [
            ("cam", "cam"),
            ("my%20cam", "my cam"),
            ("room/cam", "room~cam"),
            ("mp4:cam", "cam"),
            ("%D0%B0", "а"),
        ] {
            assert!(Text::new(raw).streams().iter().any(|stream| stream.as_str() == name), "{raw}");
        }
        assert!(Text::new("a%zz").is("a%zz") && !Text::new("a+b").is("a b"));
        assert!(Text::new("%2563").streams().is_empty(), "it is decoded once");
    }
}
