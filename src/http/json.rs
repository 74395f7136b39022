//! JSON for answers and log lines.

use std::io;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// A value in JSON without control characters: a log is looked at in a terminal, which obeys DEL and U+0080 to U+009F
/// (C1) too. RFC 8259 lets them stand unescaped, and serde_json does.
pub fn to_string(value: &impl Serialize) -> String {
    let mut text = Vec::new();
    // Texts and numbers can always be written, and the text is UTF-8.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut text, NoControls));
    String::from_utf8(text).unwrap_or_default()
}

/// Adds a text to a document, in quotes; one without anything special without any copy in between.
pub fn push_text(document: &mut String, text: &str) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' if byte != b'"' && byte != b'\\')) {
        document.extend(["\"", text, "\""]);
    } else {
        document.push_str(&to_string(&text));
    }
}

/// Escapes the control characters that serde_json leaves as they are.
struct NoControls;

impl Formatter for NoControls {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for part in fragment.split_inclusive(char::is_control) {
            match part.char_indices().next_back().filter(|(_, last)| last.is_control()) {
                Some((end, control)) => {
                    writer.write_all(part.get(..end).unwrap_or_default().as_bytes())?;
                    write!(writer, "\\u{:04x}", u32::from(control))?;
                }
                None => writer.write_all(part.as_bytes())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_no_control_characters() {
        let text: String = ('\0'..='\u{a1}').chain("é\u{9b}31m😀".chars()).collect();
        let json = to_string(&text);
        assert!(!json.contains(char::is_control), "{json:?}");
        assert!(
            json.contains(r"~\u007f\u0080\u0081") && json.ends_with("\\u009f\u{a0}¡é\\u009b31m😀\""),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn a_text_is_added_to_a_document_as_it_is_written_alone() {
        let scripts = "Käse 东京 студия قناة ช่อง 채널 😀";
        for text in
            ["", "cam 1~", "\"", "\\", "</script><script>", "a]]>b", "\0\r\n\u{9b}", scripts, "\u{2028}"]
        {
            let mut document = "[".to_owned();
            push_text(&mut document, text);
            assert_eq!(document, format!("[{}", to_string(&text)), "{text:?}");
        }
    }
}
