//! What a server says, made fit for a log line: bounded, of one line, and without what must not be shown.

use crate::media::amf::Object;

use super::Ask;

/// Characters of a code and of a description that are kept.
const MAX_CODE: usize = 64;
const MAX_DESCRIPTION: usize = 256;
/// Bytes of a text for programs: a challenge, or a URL.
const MAX_WHOLE: usize = 8 * 1024;
/// Characters that are looked through for secrets, and values of arguments that are: more is not worth the time.
const MAX_LOOKED: usize = 4 * MAX_DESCRIPTION;
const MAX_VALUES: usize = 64;
/// Characters of a secret that is found within a word, too. A shorter one would take letters out of words.
const SURE: usize = 8;

/// The code and description of a status.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub code: String,
    pub description: String,
}

impl Said {
    /// The texts of an information object; a session that has asked this may show them.
    pub fn of(info: &Object, ask: &Ask) -> Self {
        let text = |name, limit| fit(&masked(info.str(name).unwrap_or_default(), ask), limit);
        Self { code: text("code", MAX_CODE), description: text("description", MAX_DESCRIPTION) }
    }

    /// A text that is not shown but read; nothing if it is too long.
    pub fn whole(text: &str) -> String {
        Some(text).filter(|text| text.len() <= MAX_WHOLE).unwrap_or_default().to_owned()
    }
}

/// The first characters, in one line.
fn fit(text: &str, limit: usize) -> String {
    let one_line = |c: char| if c.is_control() { ' ' } else { c };
    let mut fitting: String = text.chars().take(limit).map(one_line).collect();
    if fitting.len() < text.len() {
        fitting.push_str("...");
    }
    fitting
}

/// The text with "***" in place of the stream's name and all arguments.
fn masked(text: &str, ask: &Ask) -> String {
    let mut text: String = text.chars().take(MAX_LOOKED).collect();
    let (name, args) = ask.stream.split_once('?').unwrap_or((&ask.stream, ""));
    let app_args = ask.app.split_once('?').map_or("", |(_, args)| args);
    let values = [args, app_args]
        .into_iter()
        .flat_map(|args| args.split('&'))
        .map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value))
        .take(MAX_VALUES);
    for secret in [ask.stream.as_str(), args, app_args, name, ask.auth.as_str()].into_iter().chain(values) {
        text = without(&text, secret);
    }
    text
}

/// The text without a secret: wherever it stands if it is long enough to be one, else where it is a word.
fn without(text: &str, secret: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some(at) = rest.find(secret).filter(|_| !secret.is_empty()) {
        let (before, from) = rest.split_at(at);
        let after = from.get(secret.len()..).unwrap_or_default();
        let last = before.chars().last().or_else(|| kept.chars().last());
        let is_word = ![last, after.chars().next()].into_iter().flatten().any(char::is_alphanumeric);
        kept.push_str(before);
        kept.push_str(if is_word || secret.len() >= SURE { "***" } else { secret });
        rest = after;
    }
    kept + rest
}
