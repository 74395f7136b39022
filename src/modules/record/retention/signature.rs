//! The recognition of the files of a recorder: by the name and by the identity in the head.
//!
//! The head names application, stream and recorder. The file's name has to be one that the recorder gives to a
//! recording of that stream, so a copy, or a recording that somebody has renamed to keep it, is nobody's.

use crate::engine::{StreamName, SuffixPattern};
use crate::modules::record::file::names::MAX_NUMBER;
use crate::modules::record::file::script::identity;

/// Digits of a time that has been since 2001: fewer, behind a name that needs no time, are somebody else's number.
const TIME_DIGITS: usize = 10;

/// The name pattern and identity of a recorder's files.
#[derive(Debug, PartialEq)]
pub struct Signature {
    /// The application's name.
    app: String,
    /// The recorder's; empty for the application's own.
    recorder: String,
    suffix: SuffixPattern,
    /// Each name has a time, by `record_unique`; if not, those have one for which the numbers are used up.
    unique: bool,
}

impl Signature {
    /// The signature of a recorder with this `record_suffix` and `record_unique`.
    pub fn new(app: &str, recorder: &str, suffix: &str, unique: bool) -> Self {
        Self { app: app.to_owned(), recorder: recorder.to_owned(), suffix: SuffixPattern::of(suffix), unique }
    }

    /// True if a file's name may be one of the recorder's. If not, its head need not be read.
    pub fn may_have_named(&self, file: &str) -> bool {
        self.suffix.ends(file)
    }

    /// The stream that a file is a recording of, "live/cam", by its name and by its identity, which `is_of` compares;
    /// `None` if it is not the recorder's.
    pub fn stream_of(&self, file: &str, is_of: impl Fn(&str) -> bool) -> Option<String> {
        let stems = (1..=file.len()).filter_map(|end| file.split_at_checked(end));
        let named = stems.filter(|(_, behind)| self.ends_name(behind));
        let labels =
            named.filter_map(|(stem, _)| Some(format!("{}/{}", self.app, StreamName::new(stem).ok()?)));
        labels.into_iter().find(|label| is_of(&identity(label, &self.recorder)))
    }

    /// True if a name may end with this behind the name of the stream: the time, then the number, as names.rs makes
    /// them, where there are such, and the suffix.
    fn ends_name(&self, behind: &str) -> bool {
        let is_time = |digits: &str| self.unique || digits.len() >= TIME_DIGITS;
        let is_number = |digits: &str| digits.parse().is_ok_and(|number: u32| number <= MAX_NUMBER);
        let mut ends =
            without_number(behind, '-', is_time).flat_map(|rest| without_number(rest, '.', is_number));
        ends.any(|end| self.suffix.is(end))
    }
}

/// The text, and what is left of it without a mark and a number behind that, of some of the digits there. Numbers begin
/// at 1 and have no zeros in front.
fn without_number(text: &str, mark: char, is_one: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
    let digits = text.strip_prefix(mark).filter(|digits| !digits.starts_with('0')).unwrap_or_default();
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    let splits = (1..=count).filter_map(|some| digits.split_at_checked(some));
    [text].into_iter().chain(splits.filter(move |(number, _)| is_one(number)).map(|(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream_of(recorder: &str, suffix: &str, file: &str, identity: &str) -> Option<String> {
        let signature = Signature::new("live", recorder, suffix, false);
        let stream = signature.stream_of(file, |other| other == identity);
        assert!(stream.is_none() || signature.may_have_named(file), "{file}");
        stream
    }

    #[test]
    fn all_names_that_a_recorder_makes_are_its_own() {
        for (suffix, file) in [
            (".flv", "cam.flv"),
            (".flv", "cam.99.flv"),
            (".flv", "cam-1700000000.flv"),
            (".flv", "cam-1700000000.7.flv"),
            ("", "cam"),
            ("-%Y-%m-%d.flv", "cam-2026-01-31.flv"),
            ("-%Y-%m-%d.flv", "cam.1-2026-01-31.flv"),
            ("-%Y-%m-%d.flv", "cam-1700000000.12-2026-01-31.flv"),
            ("_%-d.%3f%%.flv", "cam_1.123%.flv"),
            ("7.flv", "cam-17000000007.flv"),
        ] {
            assert_eq!(stream_of("", suffix, file, "live/cam"), Some("live/cam".to_owned()), "{file}");
        }
        assert_eq!(
            stream_of("sound", ".sound.flv", "cam.sound.flv", "live/cam sound"),
            Some("live/cam".to_owned())
        );
        assert_eq!(stream_of("", ".flv", "cam.1.flv", "live/cam.1"), Some("live/cam.1".to_owned()));
        let stream = Some("live/мой%20поток".to_owned());
        assert_eq!(stream_of("", ".flv", "мой поток.2.flv", "live/мой%20поток"), stream);
        assert_eq!(stream_of("two words", ".flv", "мой поток.flv", "live/мой%20поток two words"), stream);
    }

    #[test]
    fn files_that_another_has_recorded_or_named_are_not_the_recorders() {
        for (recorder, suffix, file, identity) in [
            ("", ".flv", "cam.flv", "other/cam"),
            ("", ".flv", "cam.flv", "live/camera"),
            ("", ".flv", "cam.flv", "live/cam sound"),
            ("", ".flv", "cam.flv", "live/"),
            ("", ".flv", "cam.flv", "live"),
            ("", ".flv", "keep-cam.flv", "live/cam"),
            ("", ".flv", "cam-kept.flv", "live/cam"),
            ("", ".flv", "cam.flv.bak", "live/cam"),
            ("", ".flv", "cam.FLV", "live/cam"),
            ("", ".flv", "cam-.flv", "live/cam"),
            ("", ".flv", "cam.0.flv", "live/cam"),
            ("", ".flv", "cam.01.flv", "live/cam"),
            ("", ".flv", "cam.100.flv", "live/cam"),
            ("", ".flv", "cam.99999999999.flv", "live/cam"),
            ("", ".flv", "cam-12.flv", "live/cam"),
            ("", ".flv", "cam-01700000000.flv", "live/cam"),
            ("", "-%Y.flv", "cam.flv", "live/cam"),
            ("", ".flv", "cam sound.flv", "live/cam sound"),
            ("", ".flv", "cam.flv", "live/cam%"),
            ("sound", ".flv", "cam.flv", "live/cam"),
            ("sound", ".flv", "cam.flv", "live/cam pictures"),
            ("sound", ".flv", "cam.flv", "live/camsound"),
        ] {
            assert_eq!(stream_of(recorder, suffix, file, identity), None, "{file} of {identity}");
        }
    }

    #[test]
    fn a_clock_that_was_never_set_makes_short_times_for_unique_names() {
        let signature = Signature::new("live", "", ".flv", true);
        for (file, is_ours) in [("cam-12.flv", true), ("cam-12.3.flv", true), ("cam-012.flv", false)] {
            assert_eq!(
                signature.stream_of(file, |identity| identity == "live/cam").is_some(),
                is_ours,
                "{file}"
            );
        }
    }

    #[test]
    fn a_name_tells_at_once_that_a_file_is_not_the_recorders() {
        let signature = Signature::new("live", "", "-%H-%M.flv", false);
        assert!(signature.may_have_named("cam-12-30.flv") && signature.may_have_named("x-y-.flv"));
        for file in ["cam.flv", "cam-12.flv", "cam-12-30.mp4", "", ".flv"] {
            assert!(!signature.may_have_named(file), "{file}");
        }
    }
}
