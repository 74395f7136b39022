//! What of a line that a command has written may stand in the log: no secrets, and nothing that forges a line or turns
//! its direction.

use std::borrow::Cow;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::auth::mask;
use crate::engine::is_this_machine;

/// Stands for what is not shown.
const MASK: &str = "***";
/// The least bytes of a key or a password that is masked wherever it stands. A shorter one would be found in other words.
const MIN_SECRET: usize = 6;
/// The same of values of queries, which are mostly no secrets.
const MIN_VALUE: usize = 8;
/// What the name of a variable has inside whose value is a secret, in capital letters.
const SECRET_NAMES: &[&str] = &["KEY", "TOKEN", "SECRET", "PASS", "CREDENTIAL"];
/// What the name of a variable ends with whose value is a list of arguments, as in a query.
const ARGUMENTS: &str = "_ARGS";
/// The variables with URLs that clients have sent. The last parts of their paths are no keys.
const CLIENT_URLS: &[&str] = &["MILLSTREAM_TCURL", "MILLSTREAM_PAGEURL", "MILLSTREAM_SWFURL"];
/// The variable with the name of the stream, which the log shows.
const STREAM: &str = "MILLSTREAM_NAME";
/// The field of HTTP with credentials, as programs take it among their arguments: `-H "Authorization: Bearer abc"`.
const AUTHORIZATION: &str = "authorization:";
/// What no URL has inside, as programs write URLs into their lines; `|` is between the outputs of ffmpeg's tee.
const ENDS_OF_URL: &[char] = &['\'', '"', '`', '<', '>', '|', '\\', '^', '{', '}'];

/// The secrets that a command has among its words and in its environment: passwords, values of queries, and names of
/// streams at other servers, which are mostly keys.
#[derive(Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Finds the secrets of a command.
    pub fn of(words: &[String], environment: &[(String, String)]) -> Self {
        let mut found: Vec<String> = Vec::new();
        let of_clients = |text: &str| {
            let is_it =
                |(name, value): &(String, String)| value == text && CLIENT_URLS.contains(&name.as_str());
            environment.iter().any(is_it)
        };
        let is_stream = |text: &str| environment.iter().any(|(name, value)| name == STREAM && value == text);
        let mut keep = |secret: &str, least: usize| {
            if secret.len() >= least && !found.iter().any(|known| known == secret) {
                found.push(secret.to_owned());
            }
        };
        for text in words.iter().chain(environment.iter().map(|(_, value)| value)) {
            masked_urls(text, &mut |part, secret| match part {
                Part::Key if of_clients(text) || is_stream(secret) => {}
                Part::Key | Part::Password => keep(secret, MIN_SECRET),
                Part::Value => keep(secret, MIN_VALUE),
            });
        }
        words.iter().flat_map(|word| credentials(word)).for_each(|word| keep(word, MIN_SECRET));
        for (name, value) in environment {
            if name.ends_with(ARGUMENTS) {
                values_of(value).for_each(|value| keep(value, MIN_VALUE));
            } else if SECRET_NAMES.iter().any(|part| name.to_ascii_uppercase().contains(part)) {
                keep(value, MIN_SECRET);
            }
        }
        // A longer one first, which may have a shorter one inside.
        found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(found)
    }

    /// A line as it may be shown.
    pub fn show(&self, line: &str) -> String {
        let mut text = masked_urls(&plain(line), &mut |_, _| ()).into_owned();
        for secret in &self.0 {
            if text.contains(secret.as_str()) {
                text = masked_words(&text, secret);
            }
        }
        text
    }
}

/// What stands behind the name of the field of HTTP by which a client shows who it is.
fn credentials(word: &str) -> impl Iterator<Item = &str> {
    let begin = word.to_ascii_lowercase().find(AUTHORIZATION).map(|begin| begin + AUTHORIZATION.len());
    let words = begin.and_then(|begin| word.get(begin..)).unwrap_or_default().split_whitespace();
    words.filter(|word| !word.eq_ignore_ascii_case("bearer"))
}

/// A part of a URL that may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Password,
    /// The last part of a path.
    Key,
    /// Of a query, or behind `#`.
    Value,
}

/// A text in which a secret is masked, unless it is part of a longer word.
fn masked_words(text: &str, secret: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(secret) {
        let (before, found) = rest.split_at(begin);
        let (_, after) = found.split_at(secret.len());
        shown.push_str(before);
        let is_in_word = shown.ends_with(char::is_alphanumeric) || after.starts_with(char::is_alphanumeric);
        shown.push_str(if is_in_word { secret } else { MASK });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// A line without the sequences that colour a terminal, and without characters that are not seen.
fn plain(line: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(line.len()), line.chars());
    while let Some(character) = rest.next() {
        if character == '\u{1b}' && rest.as_str().starts_with('[') {
            rest.find(char::is_ascii_alphabetic);
            continue;
        }
        text.push(match character.general_category() {
            GeneralCategory::Control => ' ',
            GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
            | GeneralCategory::Surrogate => char::REPLACEMENT_CHARACTER,
            _ => character,
        });
    }
    text
}

/// A text with the secrets of its URLs masked, of which `found` is told.
fn masked_urls<'t>(text: &'t str, found: &mut impl FnMut(Part, &str)) -> Cow<'t, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(middle) = rest.find("://") {
        let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let before = rest.get(..middle).unwrap_or_default();
        let begin = before.trim_end_matches(is_of_scheme).len();
        let behind = rest.get(middle + 3..).unwrap_or_default();
        let length = behind.find(|c: char| c.is_whitespace() || ENDS_OF_URL.contains(&c));
        let (url, after) = behind.split_at(length.unwrap_or(behind.len()));
        let scheme = before.get(begin..).unwrap_or_default();
        shown.push_str(before);
        shown.push_str("://");
        shown.push_str(&masked_url(scheme, url, found));
        rest = after;
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// What stands behind the scheme of a URL, with its secrets masked.
fn masked_url(scheme: &str, url: &str, found: &mut impl FnMut(Part, &str)) -> String {
    let (place, fragment) = url.split_once('#').map_or((url, None), |(place, part)| (place, Some(part)));
    let (place, query) = place.split_once('?').map_or((place, None), |(place, part)| (place, Some(part)));
    let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    let (user, host) =
        authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    let mut shown = String::with_capacity(url.len());
    if let Some(user) = user {
        let (name, password) = user.split_once(':').unwrap_or(("", user));
        found(Part::Password, password);
        shown.push_str(name);
        shown.push_str(if name.is_empty() { "***@" } else { ":***@" });
    }
    shown.push_str(host);
    match path.trim_end_matches('/').rsplit_once('/') {
        Some((folder, key)) if has_key(scheme, host) && !key.is_empty() => {
            found(Part::Key, key);
            shown.push_str(folder);
            shown.push('/');
            shown.push_str(MASK);
        }
        _ => shown.push_str(path),
    }
    if let Some(query) = query {
        values_of(query).for_each(|value| found(Part::Value, value));
        shown.push('?');
        shown.push_str(&mask::query_alone(query));
    }
    if let Some(fragment) = fragment {
        found(Part::Value, fragment);
        shown.push_str("#***");
    }
    shown
}

/// The values of a query. A part without a name is a value.
fn values_of(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').map(|part| part.split_once('=').map_or(part, |(_, value)| value))
}

/// Whether the last part of a URL's path may be a key: the name of a stream at another server.
fn has_key(scheme: &str, host: &str) -> bool {
    let scheme = scheme.to_ascii_lowercase();
    let is_here = host.is_empty() || host.starts_with(':') || is_this_machine(host);
    (scheme.starts_with("rtmp") || scheme == "srt") && !is_here
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(line: &str) -> String {
        Secrets::default().show(line)
    }

    #[test]
    fn no_secret_of_a_url_is_shown() {
        for (line, shown) in [
            ("no url", "no url"),
            (
                "Output #0, flv, to 'rtmp://a.example/live2/abcd-efgh':",
                "Output #0, flv, to 'rtmp://a.example/live2/***':",
            ),
            ("rtmps://h:443/app/key?a=b&c", "rtmps://h:443/app/***?a=***&***"),
            ("RTMP://h/app/key/", "RTMP://h/app/***"),
            ("srt://h:9000?streamid=publish:key", "srt://h:9000?streamid=***"),
            ("rtmp://localhost/live/cam", "rtmp://localhost/live/cam"),
            ("rtmp://127.0.0.1:1935/live/cam?key=s", "rtmp://127.0.0.1:1935/live/cam?key=***"),
            ("rtmp://[::1]/live/cam", "rtmp://[::1]/live/cam"),
            ("rtmp://[2001:db8::1]:1935/live/cam", "rtmp://[2001:db8::1]:1935/live/***"),
            (
                "http://user:secret@h/a.m3u8 and http://token@h/b",
                "http://user:***@h/a.m3u8 and http://***@h/b",
            ),
            ("https://h/a?token=s#t", "https://h/a?token=***#***"),
            ("[f=flv]rtmp://a/l/one|[f=flv]rtmp://b/l/two", "[f=flv]rtmp://a/l/***|[f=flv]rtmp://b/l/***"),
            ("://", "://"),
            ("a://b://c/d?e", "a://b://c/d?***"),
        ] {
            assert_eq!(show(line), shown);
        }
    }

    #[test]
    fn secrets_of_the_words_are_shown_nowhere() {
        let words = [
            "ffmpeg",
            "-i",
            "rtmp://localhost/live/camera",
            "rtmp://h/app/secret-key?token=other-secret",
            "Authorization: Bearer fifth-secret",
        ];
        let environment = [
            ("MILLSTREAM_NAME", "camera"),
            ("MILLSTREAM_ARGS", "user=somebody&third-secret"),
            ("MILLSTREAM_TCURL", "rtmp://localhost/live?pin=secret-pin"),
            ("Api_Token", "fourth-secret"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secrets = Secrets::of(&words.map(str::to_owned), &environment);
        for (line, shown) in [
            ("publish secret-key", "publish ***"),
            ("camera: other-secret, tok", "camera: ***, tok"),
            ("user=somebody&third-secret", "user=***&***"),
            ("pin=secret-pin fourth-secret", "pin=*** ***"),
            ("curl -H Authorization: Bearer fifth-secret x", "curl -H Authorization: Bearer *** x"),
        ] {
            assert_eq!(secrets.show(line), shown);
        }
    }

    #[test]
    fn ordinary_words_of_clients_are_shown() {
        let words = ["ffmpeg", "rtmp://media.example/broadcast", "rtmp://b.example/live/camera-1"];
        let environment = [
            ("MILLSTREAM_NAME", "camera-1"),
            ("MILLSTREAM_ARGS", "quality=medium&key=long-secret"),
            ("MILLSTREAM_TCURL", "rtmp://media.example/broadcast"),
            ("MILLSTREAM_PAGEURL", "rtmp://a.example/player"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secrets = Secrets::of(&words.map(str::to_owned), &environment);
        let line = "the player of this broadcast of camera-1 has medium quality";
        assert_eq!(secrets.show(line), line);
        assert_eq!(secrets.show("along-secrets long-secret,"), "along-secrets ***,");
        // A client cannot have the key of another server shown by what it says of itself.
        let words = ["rtmp://a.example/live/secret-key".to_owned()];
        for value in ["rtmp://a.example/live", "rtmp://a.example/live/", "rtmp://a.example/live/secret"] {
            let environment = [("MILLSTREAM_TCURL".to_owned(), value.to_owned())];
            assert_eq!(Secrets::of(&words, &environment).show("of secret-key"), "of ***", "{value}");
        }
    }

    #[test]
    fn a_line_can_neither_be_forged_nor_turned() {
        assert_eq!(show("a\u{202e}b\u{2028}c\u{200f}d"), "a\u{fffd}b\u{fffd}c\u{fffd}d");
        assert_eq!(show("a\x07b\u{85}c\td"), "a b c d");
        assert_eq!(show("\x1b[1;31merror\x1b[0m of \u{e4}\u{4e2d}"), "error of \u{e4}\u{4e2d}");
        assert_eq!(show("\x1b[31"), "");
    }
}
