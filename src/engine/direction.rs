//! The direction of text in logs: a name in a right-to-left script, such as Hebrew or Arabic, must not turn the numbers
//! and quotes that stand behind it.
//!
//! Viewers of text order what follows such letters from right to left, too, up to the next letter of another script
//! (UAX #9). A mark behind them, which nobody sees, stops that.

use std::borrow::Cow;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// LEFT-TO-RIGHT MARK.
pub const MARK: char = '\u{200e}';

/// Whether a character is of a right-to-left script, or from a block that Unicode sets aside for them (bidirectional
/// classes R, AL and AN).
pub fn is_right_to_left(character: char) -> bool {
    matches!(character,
        '\u{590}'..='\u{8ff}'
        | '\u{fb1d}'..='\u{fdff}'
        | '\u{fe70}'..='\u{fefe}'
        | '\u{10800}'..='\u{10fff}'
        | '\u{1e800}'..='\u{1efff}')
}

/// The text with a [`MARK`] behind all words of right-to-left scripts that follow each other.
pub fn keep_left_to_right(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(is_right_to_left) {
        return Cow::Borrowed(text);
    }
    let mut marked = String::with_capacity(text.len() + text.len() / 4);
    let (mut characters, mut is_open) = (text.chars().peekable(), false);
    while let Some(character) = characters.next() {
        let goes_on = match character {
            // Between two words.
            ' ' => characters.peek().is_some_and(|&next| is_right_to_left(next)),
            _ => is_right_to_left(character) || belongs_to_letter(character),
        };
        if is_open && !goes_on {
            marked.push(MARK);
        }
        is_open = is_right_to_left(character) || is_open && goes_on;
        marked.push(character);
    }
    if is_open {
        marked.push(MARK);
    }
    Cow::Owned(marked)
}

/// Ensures that a viewer takes a whole line for one from left to right, which its first letter decides.
pub fn begin_left_to_right(line: &mut String) {
    if line.chars().find(|character| character.is_alphabetic()).is_some_and(is_right_to_left) {
        line.insert(0, MARK);
    }
}

/// Accents and joiners, which a mark would separate from their letter.
fn belongs_to_letter(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
        || character.general_category_group() == GeneralCategoryGroup::Mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_behind_words_that_are_read_from_right_to_left_and_nowhere_else() {
        for (text, marked) in [
            ("live/cam 12", "live/cam 12"),
            ("東京 привет é", "東京 привет é"),
            ("live/\u{5e9}\u{5dc} 12", "live/\u{5e9}\u{5dc}\u{200e} 12"),
            ("\u{5e9}\u{5dc} \u{5e9} 12", "\u{5e9}\u{5dc} \u{5e9}\u{200e} 12"),
            ("\"\u{642}\u{646}\" - 1 2 \"\u{642}\"", "\"\u{642}\u{646}\u{200e}\" - 1 2 \"\u{642}\u{200e}\""),
            // Arabic digits turn what follows, too, and accents stay with their letters.
            ("\u{663} 5", "\u{663}\u{200e} 5"),
            ("\u{5d0}\u{301}5", "\u{5d0}\u{301}\u{200e}5"),
            ("\u{628}\u{200d}\u{628}-7", "\u{628}\u{200d}\u{628}\u{200e}-7"),
            ("\u{1e900}1", "\u{1e900}\u{200e}1"),
        ] {
            assert_eq!(keep_left_to_right(text), marked);
        }
    }

    #[test]
    fn the_first_letter_of_a_line_does_not_turn_it() {
        for (line, begun) in [("", ""), ("1 a\u{5d0}", "1 a\u{5d0}"), ("1 \u{5d0} a", "\u{200e}1 \u{5d0} a")]
        {
            let mut text = line.to_owned();
            begin_left_to_right(&mut text);
            assert_eq!(text, begun);
        }
    }
}
