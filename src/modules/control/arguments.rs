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
        if looks_like_url(value) {
            let url = Text::new(value).decoded();
            return Some(format!(" {name}={}", host_of(&url)));
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

/// A URL for the log: all behind its host may be a key.
fn host_of(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "***".to_owned() };
    let scheme: String = scheme.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host: String = host.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    format!("{scheme}://{host}/***")
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
        for url in ["rtmp://me:secret@a:1936/app/key?x", "rtmp%3A%2F%2Fme%3Asecret%40a%3A1936%2Fapp%2Fkey"] {
            assert_eq!(describe(&format!("newname={url}")), " newname=rtmp://a:1936/***");
        }
        for (slip, shown) in [
            ("rmtp://me:secret@a:1936/app/secret", "rmtp://a:1936/***"),
            ("rtmp%3A/a/app/secret", "***"),
            ("rtmp//a/app/secret", "***"),
        ] {
            assert_eq!(describe(&format!("newname={slip}")), format!(" newname={shown}"));
        }
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
