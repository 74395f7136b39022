//! Whether a file is a recording of a certain recorder: by its name, and by what its head says.
//!
//! The head names application, stream and recorder. The name has to be one that the recorder gives to a recording of
//! that stream, so a copy, or a recording that somebody has renamed to keep it, is nobody's.

/// What tells a recorder's files.
#[derive(Debug, PartialEq)]
pub struct Signature {
    /// The application's name.
    app: String,
    /// The recorder's; empty for the application's own.
    recorder: String,
    suffix: Pattern,
}

/// `record_suffix`: the texts between the parts that strftime fills in.
#[derive(Debug, PartialEq)]
struct Pattern(Vec<String>);

impl Signature {
    /// The signature of a recorder with this `record_suffix`.
    pub fn new(app: &str, recorder: &str, suffix: &str) -> Self {
        Self { app: app.to_owned(), recorder: recorder.to_owned(), suffix: Pattern::of(suffix) }
    }

    /// Whether a file's name may be one of the recorder's. If not, its head need not be looked at.
    pub fn may_have_named(&self, file: &str) -> bool {
        self.suffix.ends(file)
    }

    /// The stream that a file is a recording of, "live/cam", by its name and by what its head says; `None` if it is not
    /// the recorder's.
    pub fn stream_of(&self, file: &str, identity: &str) -> Option<String> {
        let rest = identity.strip_prefix(self.app.as_str())?.strip_prefix('/')?;
        let stream = match self.recorder.as_str() {
            "" => rest,
            recorder => rest.strip_suffix(recorder)?.strip_suffix(' ')?,
        };
        let behind = file.strip_prefix(stream).filter(|_| !stream.is_empty())?;
        // The time, then the number, as names.rs makes them: each may be there.
        let mut ends = without_digits(behind, '-').flat_map(|rest| without_digits(rest, '.'));
        ends.any(|end| self.suffix.is(end)).then(|| format!("{}/{stream}", self.app))
    }
}

/// The text, and what is left of it without a mark and some of the digits behind that.
fn without_digits(text: &str, mark: char) -> impl Iterator<Item = &str> {
    let digits = text.strip_prefix(mark).unwrap_or_default();
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    [text].into_iter().chain((1..=count).filter_map(|some| digits.get(some..)))
}

impl Pattern {
    fn of(suffix: &str) -> Self {
        let mut texts = vec![String::new()];
        let mut rest = suffix.chars();
        while let Some(next) = rest.next() {
            // Flags, width and precision stand before the letter.
            let letter = match next {
                '%' => rest.find(|c| !"-_0^#.:".contains(*c) && !c.is_ascii_digit()),
                _ => None,
            };
            match (letter, texts.last_mut()) {
                (Some('%'), Some(text)) => text.push('%'),
                (Some(_), _) => texts.push(String::new()),
                (None, Some(text)) => text.push(next),
                (None, None) => {}
            }
        }
        Self(texts)
    }

    /// Whether it could be this text.
    fn is(&self, text: &str) -> bool {
        self.fits(text, None)
    }

    /// Whether a text could end with it.
    fn ends(&self, text: &str) -> bool {
        self.fits(text, Some(""))
    }

    /// Whether a text is made of these texts, with anything between them; and in front, behind `begin`.
    fn fits(&self, text: &str, begin: Option<&str>) -> bool {
        let mut texts = begin.into_iter().chain(self.0.iter().map(String::as_str));
        let Some(mut rest) = texts.next().and_then(|first| text.strip_prefix(first)) else { return false };
        let Some(last) = texts.next_back() else { return rest.is_empty() };
        for middle in texts {
            match rest.split_once(middle) {
                Some((_, behind)) => rest = behind,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream_of(recorder: &str, suffix: &str, file: &str, identity: &str) -> Option<String> {
        let signature = Signature::new("live", recorder, suffix);
        let stream = signature.stream_of(file, identity);
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
    }

    #[test]
    fn what_another_has_recorded_or_named_is_not() {
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
            ("", "-%Y.flv", "cam.flv", "live/cam"),
            ("sound", ".flv", "cam.flv", "live/cam"),
            ("sound", ".flv", "cam.flv", "live/cam pictures"),
            ("sound", ".flv", "cam.flv", "live/camsound"),
        ] {
            assert_eq!(stream_of(recorder, suffix, file, identity), None, "{file} of {identity}");
        }
    }

    #[test]
    fn a_name_tells_at_once_that_a_file_is_not_the_recorders() {
        let signature = Signature::new("live", "", "-%H-%M.flv");
        assert!(signature.may_have_named("cam-12-30.flv") && signature.may_have_named("x-y-.flv"));
        for file in ["cam.flv", "cam-12.flv", "cam-12-30.mp4", "", ".flv"] {
            assert!(!signature.may_have_named(file), "{file}");
        }
    }
}
