//! What of an [`Ask`] may be a key, and must not be shown when the server repeats it.
//!
//! A text is looked through once: what stands in place of a key is not looked at again, however often the keys occur in
//! each other. Texts and keys are compared decoded ("%41" is "A") and without regard to case.

use std::collections::BTreeSet;

use super::Ask;

/// The most keys: more are in no URL that anybody has written, and a text that may have one of them is not shown.
const MAX_KEYS: usize = 2048;
/// Bytes of a key that is found within a word, too, and of which this much is found if the server has cut it. A shorter
/// one would take letters out of words.
const SURE: usize = 8;
/// Bytes of a word that may be a key, and of one that has both letters and digits. A shorter one is a name.
const WORD: usize = 6;
const MIXED_WORD: usize = 4;

/// The keys.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// Decoded, in lower case.
    keys: BTreeSet<Box<[u8]>>,
}

/// A byte of a text, decoded and in lower case, and where it ends there.
struct Unit {
    byte: u8,
    end: usize,
}

impl Secrets {
    /// All of what a session says that may be a key: names in paths, values of arguments, users and passwords. Hosts and
    /// names of arguments are none.
    pub fn of(ask: &Ask) -> Self {
        let mut secrets = Self::default();
        secrets.add_text(&ask.stream);
        secrets.add_text(&ask.app);
        for url in [&ask.tc_url, &ask.page_url, &ask.swf_url] {
            secrets.add_url(url);
        }
        secrets.add_arguments(&ask.auth);
        secrets
    }

    /// The text with "***" in place of each key; `is_code` if it is no sentence, of which words that are no sure keys stay.
    pub fn masked(&self, text: &str, is_code: bool) -> String {
        if self.keys.len() > MAX_KEYS {
            return "***".to_owned();
        }
        let (units, mut kept, mut at) = (units(text), Vec::new(), 0);
        while let Some(unit) = units.get(at) {
            let found =
                self.keys.iter().map(|key| found_at(&units, at, key, is_code)).max().unwrap_or_default();
            if found > 0 {
                kept.extend_from_slice(b"***");
                at += found;
            } else {
                let start = at.checked_sub(1).and_then(|before| units.get(before)).map_or(0, |unit| unit.end);
                kept.extend_from_slice(text.as_bytes().get(start..unit.end).unwrap_or_default());
                at += 1;
            }
        }
        String::from_utf8_lossy(&kept).into_owned()
    }

    /// Adds what may be a key in a URL behind its scheme.
    fn add_url(&mut self, url: &str) {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if let Some((login, _)) = authority.rsplit_once('@') {
            login.split(':').for_each(|part| self.add(part, MIXED_WORD));
        }
        self.add_text(path);
    }

    /// Adds what may be a key in a path with arguments.
    fn add_text(&mut self, text: &str) {
        let (path, arguments) = text.split_once('?').unwrap_or((text, ""));
        path.split('/').for_each(|part| self.add(part, WORD));
        if !arguments.is_empty() {
            self.add(text, SURE);
            self.add_arguments(arguments);
        }
    }

    fn add_arguments(&mut self, arguments: &str) {
        self.add(arguments, SURE);
        for pair in arguments.split('&') {
            let value = pair.split_once('=').map_or(pair, |(_, value)| value);
            self.add(value, MIXED_WORD);
            value.split(['/', '?', '=']).for_each(|part| self.add(part, MIXED_WORD));
        }
    }

    /// Adds a key, unless it has less than `shortest` bytes, or consists of letters and is too short.
    fn add(&mut self, key: &str, shortest: usize) {
        let key: Box<[u8]> = units(key).into_iter().map(|unit| unit.byte).collect();
        let is_mixed = key.iter().any(u8::is_ascii_digit) && key.iter().any(|byte| !byte.is_ascii_digit());
        let enough = if is_mixed { shortest } else { shortest.max(WORD) };
        if key.len() >= enough && self.keys.len() <= MAX_KEYS {
            self.keys.insert(key);
        }
    }
}

/// The number of units from `at` on that are a key: a part of it that is long enough, wherever it stands, or all of it where
/// it is a word.
fn found_at(units: &[Unit], at: usize, key: &[u8], is_code: bool) -> usize {
    let here = units.get(at..).unwrap_or_default();
    let common = here.iter().zip(key).take_while(|(unit, byte)| unit.byte == **byte).count();
    let is_in_word = |unit: Option<&Unit>| unit.is_some_and(|unit| is_of_word(unit.byte));
    let before = at.checked_sub(1).and_then(|before| units.get(before));
    let is_word = || !is_in_word(before) && !is_in_word(here.get(common));
    if common >= SURE || common == key.len() && !is_code && is_word() { common } else { 0 }
}

/// Whether a byte is of a word; all that is not of ASCII is taken for a letter.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// The bytes of a text, decoded.
fn units(text: &str) -> Vec<Unit> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut units, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let decoded = match (*byte == b'%').then(|| digit(at + 1).zip(digit(at + 2))).flatten() {
            Some((high, low)) => u8::try_from(high * 16 + low).ok(),
            None => None,
        };
        at += if decoded.is_some() { 3 } else { 1 };
        units.push(Unit { byte: decoded.unwrap_or(*byte).to_ascii_lowercase(), end: at });
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtmp::client::Purpose;

    fn ask(app: &str, stream: &str) -> Ask {
        Ask {
            app: app.to_owned(),
            tc_url: "rtmp://us3r:pass-word@a.example.com/live/Tc-Key?x=tc-value".to_owned(),
            page_url: "https://page.example.com/?page=page-value".to_owned(),
            swf_url: String::new(),
            flash_ver: String::new(),
            auth: "authmod=adobe&user=adobe-user&response=resp0nse".to_owned(),
            path: String::new(),
            stream: stream.to_owned(),
            purpose: Purpose::Publish,
        }
    }

    #[test]
    fn keys_are_found_wherever_they_stand_decoded_in_any_case_and_cut() {
        let secrets =
            Secrets::of(&ask("show/App-Key?a=argument", "ab12-cd34-EF56/Part-2?s%5fps=1&t=v%61lue-9/in-val"));
        for (text, expected) in [
            ("no ab12-cd34-EF56 here", "no *** here"),
            ("no AB12-CD34-ef56/part-2 here", "no *** here"),
            ("xab12-cd34-ef56x", "x***x"),
            ("ab12-cd34...", "***..."),
            ("ab12-cd is no start of it", "ab12-cd is no start of it"),
            ("value-9, VALUE-9, v%61lue-9", "***, ***, ***"),
            ("a%62%312-cd34-ef56", "***"),
            ("App-Key of argument", "*** of ***"),
            ("us3r pass-word tc-key tc-value page-value adobe-user resp0nse", "*** *** *** *** *** *** ***"),
            ("in-val", "***"),
            (
                "a.example.com, page.example.com: response, show",
                "a.example.com, page.example.com: response, show",
            ),
        ] {
            assert_eq!(secrets.masked(text, false), expected, "{text}");
        }
    }

    #[test]
    fn short_names_and_words_within_words_stay() {
        let secrets = Secrets::of(&ask("live2", "key?token=camera&t=t0k1"));
        let text = "live2: the key of cameras and token; camera t0k1 at0k1";
        assert_eq!(secrets.masked(text, false), "live2: the key of cameras and token; *** *** at0k1");
    }

    #[test]
    fn a_code_is_hidden_only_where_a_sure_key_stands() {
        let secrets = Secrets::of(&ask("live", "Publish?a=BadName&b=NetStream&c=sure-key"));
        assert_eq!(secrets.masked("NetConnection.Publish.BadName", true), "NetConnection.Publish.BadName");
        assert_eq!(secrets.masked("Net.sure-key.BadName", true), "Net.***.BadName");
    }

    #[test]
    fn what_stands_in_place_of_a_key_is_not_looked_at_again_and_costs_little() {
        let stars = "a=*&".repeat(500) + &"b=******&".repeat(100);
        let many = (0..1000).fold(String::new(), |all, at| all + &format!("k={at:07}&"));
        let repeated = format!("k={}&", "aaaaaaaa".repeat(500));
        for arguments in [stars, many, repeated] {
            let secrets = Secrets::of(&ask("live", &format!("Publish?{arguments}")));
            let text = "0000999 ****** aaaaaaa ".repeat(45);
            // A busy machine may be late, but not each time.
            let times = (0..5).map(|_| {
                let began = std::time::Instant::now();
                assert!(secrets.masked(&text, false).len() <= text.len());
                began.elapsed()
            });
            assert!(times.into_iter().any(|time| time.as_secs() < 2), "{arguments:.20}");
        }
        let more = (0..3000).fold(String::new(), |all, at| all + &format!("k={at:07}&"));
        assert_eq!(Secrets::of(&ask("live", &format!("cam?{more}"))).masked("0002999", false), "***");
    }
}
