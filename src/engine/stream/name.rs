//! The one rule for stream names: in any language, and each safe as the name of a file.
//!
//! Names are checked here and nowhere else. How an address becomes a name is `rtmp/address.rs`.

use std::error::Error;
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// A stream name that is safe as a file name.
///
/// ASCII letters and digits, blanks inside and `- _ . ~ + = @ , [ ] ( ) !`; beyond ASCII everything but control and
/// format characters, separators, private and unassigned code points. It is in NFC, has one to 128 bytes and does not
/// begin with a dot or a dash. So it holds no separator of paths, is no option to a command and no hidden file, and two
/// names never share a file.
///
/// Shown, as in the log, it is one word: blanks and joiners are percent-encoded. A name has no `%` itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName(Rc<str>);

impl StreamName {
    /// Longest name, bytes: with a time stamp and a suffix it still fits the 255 of a file name.
    pub const MAX_BYTES: usize = 128;

    /// The name in NFC, if the rule allows it.
    pub fn new(name: &str) -> Result<Self, NameError> {
        // Most names are ASCII, which is in NFC.
        if name.is_ascii() {
            check_ends(name)?;
            name.chars().try_for_each(check_ascii)?;
            return Ok(Self(name.into()));
        }
        // NFC first: it makes other characters of some, and ASCII of a few.
        let name: String = name.nfc().collect();
        check_ends(&name)?;
        let mut before = None;
        let mut characters = name.chars().peekable();
        while let Some(character) = characters.next() {
            check_character(before, character, characters.peek().copied())?;
            before = Some(character);
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name that a client has sent, before modules may have changed it. Only a digest of it: it may be a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SentName(u64);

impl SentName {
    /// The digest of a name.
    pub fn of(name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl fmt::Debug for SentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SentName")
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                ' ' | NON_JOINER | JOINER => {
                    let mut bytes = [0; 4];
                    character
                        .encode_utf8(&mut bytes)
                        .bytes()
                        .try_for_each(|byte| write!(f, "%{byte:02X}"))?;
                }
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// The ASCII characters of a name beside letters, digits and blanks.
const PUNCTUATION: &str = "-_.~+=@,[]()!";
/// U+200C, which keeps two letters apart that would be joined; Persian needs it.
const NON_JOINER: char = '\u{200c}';
/// U+200D, which joins two letters; the languages of India need it.
const JOINER: char = '\u{200d}';

/// Checks the length of a name, and the characters at both ends.
fn check_ends(name: &str) -> Result<(), NameError> {
    match name.as_bytes() {
        [] => Err(NameError::Empty),
        bytes if bytes.len() > StreamName::MAX_BYTES => Err(NameError::TooLong(bytes.len())),
        [b'.' | b'-', ..] => Err(NameError::Beginning),
        [b' ', ..] | [.., b' '] => Err(NameError::BlankAtEnd),
        _ => Ok(()),
    }
}

/// Checks a character of ASCII.
fn check_ascii(character: char) -> Result<(), NameError> {
    match character {
        _ if character.is_control() => Err(NameError::Control(character)),
        _ if character.is_ascii_alphanumeric() || character == ' ' => Ok(()),
        _ if PUNCTUATION.contains(character) => Ok(()),
        _ => Err(NameError::Ascii(character)),
    }
}

/// Checks a character between its neighbours.
fn check_character(before: Option<char>, character: char, after: Option<char>) -> Result<(), NameError> {
    use GeneralCategory as Category;
    if character.is_ascii() {
        return check_ascii(character);
    }
    let is_letter = |neighbour: Option<char>| neighbour.is_some_and(is_of_a_letter);
    match character.general_category() {
        _ if is_invisible(before, character) => Err(NameError::Format(character)),
        Category::NonspacingMark | Category::SpacingMark | Category::EnclosingMark if before.is_none() => {
            Err(NameError::Mark(character))
        }
        Category::Control => Err(NameError::Control(character)),
        // It stands for invalid bytes, so two names could become one.
        _ if character == char::REPLACEMENT_CHARACTER => Err(NameError::NotUtf8),
        Category::Format if matches!(character, NON_JOINER | JOINER) => {
            if is_letter(before) && is_letter(after) { Ok(()) } else { Err(NameError::Joiner(character)) }
        }
        Category::Format => Err(NameError::Format(character)),
        Category::SpaceSeparator | Category::LineSeparator | Category::ParagraphSeparator => {
            Err(NameError::Separator(character))
        }
        Category::PrivateUse | Category::Unassigned | Category::Surrogate => {
            Err(NameError::Unassigned(character))
        }
        _ => Ok(()),
    }
}

/// Whether a character that is no format character cannot be seen either: Unicode's default ignorable code points,
/// and the blank pattern of Braille. Names that look alike would be two streams. An emoji may be followed by its
/// variation selector.
fn is_invisible(before: Option<char>, character: char) -> bool {
    let is_selector = matches!(character, '\u{fe0e}' | '\u{fe0f}');
    let is_emoji = |symbol: char| symbol.general_category() == GeneralCategory::OtherSymbol;
    match character {
        _ if is_selector && before.is_some_and(is_emoji) => false,
        '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' => true,
        '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}' => true,
        _ => false,
    }
}

/// Whether a character is a letter or one of its marks.
fn is_of_a_letter(character: char) -> bool {
    use GeneralCategory::{
        EnclosingMark, LowercaseLetter, ModifierLetter, NonspacingMark, OtherLetter, SpacingMark,
        TitlecaseLetter, UppercaseLetter,
    };
    matches!(
        character.general_category(),
        UppercaseLetter
            | LowercaseLetter
            | TitlecaseLetter
            | ModifierLetter
            | OtherLetter
            | NonspacingMark
            | SpacingMark
            | EnclosingMark
    )
}

/// The reason for which a name is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// No name at all.
    Empty,
    /// Too long: so many bytes.
    TooLong(usize),
    /// Begins with a dot or a dash.
    Beginning,
    /// Begins or ends with a blank.
    BlankAtEnd,
    /// Holds a character of ASCII that is not allowed.
    Ascii(char),
    /// Holds a control character.
    Control(char),
    /// Holds an invisible character that is no joiner.
    Format(char),
    /// Begins with a mark, which would stand on what is in front of the name.
    Mark(char),
    /// Holds a joiner that does not stand between two letters.
    Joiner(char),
    /// Holds a separator that is not the ASCII blank.
    Separator(char),
    /// Holds a code point of private use or without a meaning.
    Unassigned(char),
    /// Is not UTF-8.
    NotUtf8,
    /// Holds a `%` that is no escape, or escapes of what is not UTF-8.
    Escape,
    /// Is a URL of another application than the connected one.
    OtherApplication,
    /// Comes behind an application that is the name of the stream already.
    SecondName,
    /// Has more than one part where an address has one.
    TwoParts,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |character: char| u32::from(character);
        match *self {
            Self::Empty => f.write_str("a stream needs a name"),
            Self::TooLong(bytes) => {
                write!(f, "a stream name has at most {} bytes, not {bytes}", StreamName::MAX_BYTES)
            }
            Self::Beginning => f.write_str("a stream name may not begin with a dot or a dash"),
            Self::BlankAtEnd => f.write_str("a stream name may not begin or end with a blank"),
            Self::Ascii(character) => write!(
                f,
                "a stream name has letters, digits, blanks inside and - _ . ~ + = @ , [ ] ( ) ! but no {character}"
            ),
            Self::Control(character) => {
                write!(f, "a stream name has no control characters such as U+{:04X}", number(character))
            }
            Self::Format(character) => {
                write!(f, "a stream name has no invisible characters such as U+{:04X}", number(character))
            }
            Self::Mark(character) => {
                write!(
                    f,
                    "a stream name may not begin with a combining mark such as U+{:04X}",
                    number(character)
                )
            }
            Self::Joiner(character) => {
                write!(f, "a stream name has U+{:04X} between two letters only", number(character))
            }
            Self::Separator(character) => {
                write!(f, "a stream name has no separators such as U+{:04X}", number(character))
            }
            Self::Unassigned(character) => write!(
                f,
                "a stream name has no private or unassigned code points such as U+{:04X}",
                number(character)
            ),
            Self::NotUtf8 => f.write_str("a stream name is UTF-8"),
            Self::Escape => f.write_str("a stream name has % only in escapes (%XX) of UTF-8"),
            Self::OtherApplication => f.write_str("the URL is of another application than the connected one"),
            Self::SecondName => f.write_str(
                "the application names the stream already (stream_from_app): the stream name must be empty",
            ),
            Self::TwoParts => {
                f.write_str("the address is rtmp://HOST/NAME (stream_from_app): NAME has no slash")
            }
        }
    }
}

impl Error for NameError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_any_language_are_allowed_and_stay_as_they_are() {
        let longest = "n".repeat(StreamName::MAX_BYTES);
        for name in [
            "a",
            "0",
            "live_1080p-2",
            "key~x+y=z@w,v.1",
            "Halle [1] (Nord)!",
            "мой поток",
            "大門 1",
            "كاميرا",
            "☃",
            "📷",
            "☎\u{fe0f} 1",
            "é",
            "Straße–Süd №5",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            &longest,
        ] {
            assert_eq!(StreamName::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_name_is_stored_in_one_form() {
        let composed = StreamName::new("caf\u{e9}").unwrap();
        assert_eq!(StreamName::new("cafe\u{301}").unwrap(), composed);
        assert_eq!(StreamName::new("\u{212a}").unwrap().as_str(), "K", "the Kelvin sign");
        // 129 bytes as sent, 86 in NFC.
        let letters = "e\u{301}".repeat(43);
        assert_eq!(StreamName::new(&letters).unwrap().as_str(), "\u{e9}".repeat(43));
    }

    #[test]
    fn names_that_could_be_more_than_a_name_are_refused() {
        use NameError as E;
        let (long, wide) = ("n".repeat(129), "ж".repeat(65));
        for (name, error) in [
            ("", E::Empty),
            (&*long, E::TooLong(129)),
            (&*wide, E::TooLong(130)),
            ("..", E::Beginning),
            (".hidden", E::Beginning),
            ("-rf", E::Beginning),
            ("../../tmp/EVIL", E::Beginning),
            ("/etc/x", E::Ascii('/')),
            ("..\\x", E::Beginning),
            ("a\\b", E::Ascii('\\')),
            ("$(touch PWN)", E::Ascii('$')),
            ("`id`", E::Ascii('`')),
            ("\u{1fef}", E::Ascii('`')),
            ("\u{37e}id", E::Ascii(';')),
            ("<script>", E::Ascii('<')),
            ("%2e%2e%2f", E::Ascii('%')),
            ("a:b", E::Ascii(':')),
            ("what?", E::Ascii('?')),
            (" a", E::BlankAtEnd),
            ("a ", E::BlankAtEnd),
            (" ", E::BlankAtEnd),
            ("a\0b", E::Control('\0')),
            ("a\nb", E::Control('\n')),
            ("a\u{7f}", E::Control('\u{7f}')),
            ("\u{1b}[2J", E::Control('\u{1b}')),
            ("a\u{85}b", E::Control('\u{85}')),
            ("a\u{202e}b", E::Format('\u{202e}')),
            ("a\u{feff}b", E::Format('\u{feff}')),
            ("a\u{ad}b", E::Format('\u{ad}')),
            ("\u{3164}", E::Format('\u{3164}')),
            ("\u{2800}", E::Format('\u{2800}')),
            ("cam\u{fe0f}", E::Format('\u{fe0f}')),
            ("cam\u{34f}", E::Format('\u{34f}')),
            ("cam\u{e0100}", E::Format('\u{e0100}')),
            ("\u{301}", E::Mark('\u{301}')),
            ("\u{200d}a", E::Joiner('\u{200d}')),
            ("a\u{200c}", E::Joiner('\u{200c}')),
            ("1\u{200d}2", E::Joiner('\u{200d}')),
            ("a\u{200d}\u{200d}b", E::Joiner('\u{200d}')),
            ("a\u{a0}b", E::Separator('\u{a0}')),
            ("a\u{3000}b", E::Separator('\u{3000}')),
            ("a\u{2028}b", E::Separator('\u{2028}')),
            ("a\u{e000}", E::Unassigned('\u{e000}')),
            ("a\u{378}", E::Unassigned('\u{378}')),
            ("a\u{ffff}", E::Unassigned('\u{ffff}')),
            ("a\u{fffd}", E::NotUtf8),
        ] {
            assert_eq!(StreamName::new(name), Err(error), "{name:?}");
            let reason = error.to_string();
            assert!(reason.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{reason}");
        }
    }

    #[test]
    fn a_name_is_shown_as_one_word() {
        for (name, shown) in [
            ("cam-1", "cam-1"),
            ("мой поток", "мой%20поток"),
            ("a (300 frames), 2 refused!", "a%20(300%20frames),%202%20refused!"),
            ("می\u{200c}خواهم", "می%E2%80%8Cخواهم"),
        ] {
            assert_eq!(StreamName::new(name).unwrap().to_string(), shown);
        }
    }

    /// Any characters, those of special meaning often.
    fn text() -> impl Strategy<Value = String> {
        let special: Vec<char> =
            "./-~ %:?\\\0\nAaKé\u{301}\u{338}\u{200d}\u{200c}\u{202e}=<".chars().collect();
        let character =
            prop_oneof![any::<char>(), prop::sample::select(special), prop::char::range('!', '~')];
        prop::collection::vec(character, 0..160).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn what_is_allowed_is_safe_and_is_its_own_form(text in text()) {
            let Ok(name) = StreamName::new(&text) else { return Ok(()) };
            prop_assert!((1..=StreamName::MAX_BYTES).contains(&name.as_str().len()));
            prop_assert!(!name.as_str().starts_with(['.', '-', ' ']) && !name.as_str().ends_with(' '));
            let is_unsafe = |c: char| c.is_control() || "/\\\0%:?#\"'<>|*$`;&".contains(c);
            prop_assert!(!name.as_str().contains(is_unsafe));
            let again = StreamName::new(name.as_str());
            prop_assert_eq!(again.as_ref(), Ok(&name));
            let shown = name.to_string();
            prop_assert!(!shown.contains(char::is_whitespace));
            let path = crate::http::path::encode(name.as_str());
            prop_assert_eq!(crate::http::path::unescape(&path), Some(name.as_str().to_owned()));
        }
    }
}
