//! What a server says, made fit for a log line: bounded, of one line, and without what must not be shown.

use crate::media::amf::Object;

use super::Ask;
use super::secrets::Secrets;

/// Characters of a code and of a description that are kept.
const MAX_CODE: usize = 64;
const MAX_DESCRIPTION: usize = 256;
/// Bytes of a text for programs: a challenge, or a URL.
const MAX_WHOLE: usize = 8 * 1024;
/// Characters that are looked through for keys: more is not worth the time.
const MAX_LOOKED: usize = 4 * MAX_DESCRIPTION;

/// The code and description of a status.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub code: String,
    pub description: String,
}

impl Said {
    /// The texts of an information object; a session that has asked this may show them.
    pub fn of(info: &Object, ask: &Ask) -> Self {
        let secrets = Secrets::of(ask);
        let text = |name| -> String { info.str(name).unwrap_or_default().chars().take(MAX_LOOKED).collect() };
        Self {
            code: fit(&secrets.masked(&text("code"), true), MAX_CODE),
            description: fit(&secrets.masked(&text("description"), false), MAX_DESCRIPTION),
        }
    }

    /// A text that is not shown but read; nothing if it is too long.
    pub fn whole(text: &str) -> String {
        Some(text).filter(|text| text.len() <= MAX_WHOLE).unwrap_or_default().to_owned()
    }
}

/// The first characters, in one line; what turns or hides other text is escaped.
fn fit(text: &str, limit: usize) -> String {
    let mut fitting = String::new();
    for c in text.chars().take(limit) {
        match c {
            _ if c.is_control() => fitting.push(' '),
            _ if c.is_ascii() => fitting.push(c),
            _ => fitting.extend(c.escape_debug()),
        }
    }
    if text.chars().nth(limit).is_some() {
        fitting.push_str("...");
    }
    fitting
}
