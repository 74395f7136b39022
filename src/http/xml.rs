//! Texts in XML 1.0: escaped, so that none of them ends an element, begins one, or makes the document unreadable.

use std::borrow::Cow;

/// What may not stand as it is: markup, and characters that XML does not have or that a terminal obeys.
fn is_special(c: char) -> bool {
    matches!(c, '<' | '>' | '&' | '"' | '\'' | '\u{fffe}' | '\u{ffff}') || c.is_control()
}

/// Adds a text to a document, in an element or in an attribute. Control characters, and those that XML 1.0 does not have
/// (section 2.2), become blanks, as nginx-rtmp makes them.
pub fn push(document: &mut String, text: &str) {
    let mut rest = text;
    while let Some(end) = rest.find(is_special) {
        let (plain, special) = rest.split_at(end);
        document.push_str(plain);
        let mut characters = special.chars();
        document.push_str(match characters.next() {
            Some('<') => "&lt;",
            Some('>') => "&gt;",
            Some('&') => "&amp;",
            Some('"') => "&quot;",
            Some('\'') => "&#39;",
            _ => " ",
        });
        rest = characters.as_str();
    }
    document.push_str(rest);
}

/// A text as it stands in a document.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_special) {
        return text.into();
    }
    let mut escaped = String::new();
    push(&mut escaped, text);
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_taken_for_markup_and_all_scripts_stay_as_they_are() {
        for (text, expected) in [
            ("", ""),
            ("cam", "cam"),
            ("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"),
            ("a]]>b", "a]]&gt;b"),
            ("\"&amp;", "&quot;&amp;amp;"),
            ("a\0b\u{1b}[31m\r\n\t\u{7f}\u{85}\u{9b}", "a b [31m      "),
            ("\u{fffe}\u{ffff}\u{fffd}", "  \u{fffd}"),
            ("Käse 东京 студия قناة ช่อง 채널 😀", "Käse 东京 студия قناة ช่อง 채널 😀"),
        ] {
            assert_eq!(escape(text), expected);
        }
        // Texts from the wire may be no UTF-8; they are mended when they are read.
        assert_eq!(escape(&String::from_utf8_lossy(b"a\xff<")), "a\u{fffd}&lt;");
    }
}
