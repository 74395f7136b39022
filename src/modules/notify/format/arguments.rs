//! A client's own arguments, which a callback passes on behind its own fields.
//!
//! A client writes them as it likes, and backends read a form in different ways. So here everything is escaped that
//! could begin another field or leave the form, and an argument is left out that any of the usual readers would take
//! for one of the callback's own fields.

use std::collections::BTreeSet;

/// What is left as it is in a form, beside letters and digits: no reader and no URL (RFC 3986, section 3.4) gives it a
/// meaning in a value. Not `;`: to some readers it is another `&`.
const PLAIN: &[u8] = b"-._~!$'()*,/:@=";

/// JavaScript's `trim` takes it for a blank.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The names of fields that no argument may have.
#[derive(Debug)]
pub struct Reserved(BTreeSet<String>);

impl Reserved {
    /// These names.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self(names.into_iter().flat_map(readings).collect())
    }

    /// The same and the names in a query.
    #[must_use]
    pub fn and_those_of(mut self, query: &str) -> Self {
        self.0.extend(pieces(query).flat_map(|piece| readings(&decoded_name(piece))));
        self
    }

    fn has(&self, name: &str) -> bool {
        readings(name).iter().any(|reading| !reading.is_empty() && self.0.contains(reading))
    }
}

/// The arguments for a form: well-formed pieces as they are, the rest escaped; without empty pieces and without those
/// with a reserved name.
pub fn cleaned(raw: &str, reserved: &Reserved) -> String {
    let mut form = String::with_capacity(raw.len());
    for piece in pieces(raw).filter(|piece| !reserved.has(&decoded_name(piece))) {
        if !form.is_empty() {
            form.push('&');
        }
        push_piece(&mut form, piece);
    }
    form
}

/// The names and values of the arguments, decoded; without those that have a reserved name or none. Of arguments with
/// the same name only the first.
pub fn decoded(raw: &str, reserved: &Reserved) -> Vec<(String, String)> {
    let mut names = BTreeSet::new();
    pieces(raw)
        .map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            (decode(name), decode(value))
        })
        .filter(|(name, _)| !name.is_empty() && !reserved.has(name) && names.insert(name.clone()))
        .collect()
}

/// The value of the first argument of this name, decoded; empty if there is none.
pub fn value(raw: &str, name: &str) -> String {
    let found = pieces(raw).find(|piece| decoded_name(piece) == name);
    found.and_then(|piece| piece.split_once('=')).map(|(_, value)| decode(value)).unwrap_or_default()
}

/// Appends a text, escaped for a form: decoding gives the text again.
pub fn push_escaped(form: &mut String, text: &str) {
    // Most texts need no escape.
    let end = text.bytes().position(|byte| !is_plain(byte)).unwrap_or(text.len());
    let (plain, rest) = text.split_at_checked(end).unwrap_or(("", text));
    form.push_str(plain);
    rest.bytes().for_each(|byte| push_byte(form, byte));
}

/// Appends a piece that is escaped already, and escapes what is not.
fn push_piece(form: &mut String, piece: &str) {
    let mut rest = piece.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        match (byte, escaped_byte(behind)) {
            (b'%', Some(_)) => form.push('%'),
            (b'+' | b'?', _) => form.push(char::from(*byte)),
            _ => push_byte(form, *byte),
        }
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || PLAIN.contains(&byte)
}

fn push_byte(form: &mut String, byte: u8) {
    if is_plain(byte) {
        form.push(char::from(byte));
    } else {
        form.push('%');
        form.extend([byte >> 4, byte & 15].map(hex_digit));
    }
}

fn hex_digit(value: u8) -> char {
    char::from_digit(value.into(), 16).unwrap_or('0').to_ascii_uppercase()
}

/// The byte that two hexadecimal digits at the beginning stand for.
fn escaped_byte(digits: &[u8]) -> Option<u8> {
    let [high, low, ..] = digits else { return None };
    let [high, low] = [high, low].map(|digit| char::from(*digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

fn pieces(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').filter(|piece| !piece.is_empty())
}

fn decoded_name(piece: &str) -> String {
    decode(piece.split_once('=').map_or(piece, |(name, _)| name))
}

/// Decodes a part of a form. A broken escape stays as it is written; bytes that are no UTF-8 become U+FFFD.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        match (byte, escaped_byte(behind)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A decoded name as the most generous reader sees it, and as PHP does, to which a blank, a dot and a bracket that is not
/// closed are underscores.
fn readings(name: &str) -> [String; 2] {
    let is_kept_by_php = |byte| !matches!(byte, b' ' | b'.' | b'[');
    let read = as_read(name);
    if name.bytes().all(is_kept_by_php) {
        return [read, String::new()];
    }
    let in_php = as_read(&name.trim_start().replace([' ', '.', '['], "_"));
    [read, in_php]
}

/// A decoded name as the most generous reader sees it. PHP skips blanks in front of a name, and others at both ends. PHP
/// takes `name[x]` for a part of `name`; Express and Rack also take `[name]` for it. Some readers end a name at a NUL,
/// some know no capitals, and some drop bytes that are no UTF-8.
fn as_read(name: &str) -> String {
    let is_blank =
        |character: char| character.is_whitespace() || character.is_control() || character == BYTE_ORDER_MARK;
    // Most names, ours among them: all readers see them alike.
    if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
        return name.to_owned();
    }
    let name = name.replace(char::REPLACEMENT_CHARACTER, "");
    let name = name.trim_start_matches(|character| is_blank(character) || "[]".contains(character));
    let name = name.split(['[', ']', '\0']).next().unwrap_or_default();
    // There and back: "ı" and "ſ" become capitals of ASCII, and the Kelvin sign a small letter.
    name.trim_end_matches(is_blank).to_uppercase().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reserved() -> Reserved {
        Reserved::new(["app", "addr", "call", "name", "type"])
    }

    #[test]
    fn names_that_php_reads_with_an_underscore_pass_for_none_of_the_url() {
        let reserved = Reserved::new(["name"]).and_those_of("site_id=1&user.id=2");
        let raw = "site.id=2&site%20id=2&site[id=2&site_id=2&user_id=3&user.id=3&siteid=4&a.b=5";
        assert_eq!(cleaned(raw, &reserved), "siteid=4&a.b=5");
    }

    #[test]
    fn well_formed_arguments_stay_as_they_are() {
        for args in [
            "key=1",
            "key=a%20b+c%2f&flag&user=%C3%A9&sign=a==&url=http://h/p?x",
            "names=1",
            "x-name=1",
            "path=/etc",
            "pre_name=1&name_post=2",
            "=1",
            "b=1&a=2&b=3",
        ] {
            assert_eq!(cleaned(args, &reserved()), args);
        }
    }

    #[test]
    fn every_other_byte_is_escaped_and_empty_pieces_are_left_out() {
        for (args, expected) in [
            ("key=a b", "key=a%20b"),
            ("key=1\r\nX-Admin: 1", "key=1%0D%0AX-Admin:%201"),
            ("key=100%&b=%zz%4", "key=100%25&b=%25zz%254"),
            ("key=é&k\u{7f}=\0", "key=%C3%A9&k%7F=%00"),
            ("key=1;name=x", "key=1%3Bname=x"),
            ("key=#\"<>\\^`{|}", "key=%23%22%3C%3E%5C%5E%60%7B%7C%7D"),
            ("a[0]=1", "a%5B0%5D=1"),
            ("key=%", "key=%25"),
            ("key=%é", "key=%25%C3%A9"),
            ("&&a=1&&&b=2&", "a=1&b=2"),
            ("&", ""),
            ("", ""),
        ] {
            assert_eq!(cleaned(args, &reserved()), expected, "{args:?}");
        }
    }

    #[test]
    fn a_field_of_ours_is_not_overridden_however_it_is_written() {
        for args in [
            "name=x",
            "NAME=x",
            "Name",
            "+name=x",
            "%6eame=x",
            "n%61m%65=x",
            "name[]=x",
            "name[x]=y",
            " name=x",
            "%20%09name=x",
            "%C2%A0name=x",
            "name+=x",
            "name%00x=1",
            "name\0x=1",
            "name%5B0%5D=x",
            "name%5b=x",
            "[name]=x",
            "%5Bname%5D=x",
            "+[+name]=x",
            "name]=x",
            "na%ffme=x",
            "%ff%20name=x",
            "name%1f+=x",
            "%EF%BB%BFname=x",
            "%00name=x",
            "addr=10.0.0.1",
            "call=connect",
            "APP=x",
            "TYPE[=x",
        ] {
            assert_eq!(cleaned(args, &reserved()), "", "{args:?}");
            assert_eq!(decoded(args, &reserved()), [], "{args:?}");
            let (form, beside) = (format!("a=1&{args}&b=2"), "a=1&b=2");
            assert_eq!(cleaned(&form, &reserved()), beside, "{args:?}");
        }
        let reserved = Reserved::new(["time", "reset", "k"]);
        assert_eq!(cleaned("tıme=1&re%C5%BFet=1&\u{212a}=1&times=2", &reserved), "times=2");
    }

    #[test]
    fn what_only_looks_like_a_field_of_ours_is_passed_on() {
        // Decoded once, these are "name=x", "%6eame" and "a&name": no reader takes one for "name".
        for args in ["name%3Dx=1", "%256eame=1", "a%26name=x"] {
            assert_eq!(cleaned(args, &reserved()), args);
        }
        // The "%" of a broken escape is escaped, so every reader decodes the name to "%6Xname".
        assert_eq!(cleaned("%6Xname=1", &reserved()), "%256Xname=1");
    }

    #[test]
    fn the_names_in_a_query_can_be_reserved_too() {
        let reserved = reserved().and_those_of("role=viewer&x%79&");
        assert_eq!(cleaned("ROLE=admin&xy=1&key=1&name=x", &reserved), "key=1");
    }

    #[test]
    fn decoded_arguments_have_the_values_that_a_form_has() {
        let args = "key=a+b%2B%26&flag&k=%zz&=1&user=%C3%A9&bad=%ff&key=2&name=x&sign=a==";
        let expected = [
            ("key", "a b+&"),
            ("flag", ""),
            ("k", "%zz"),
            ("user", "é"),
            ("bad", "\u{fffd}"),
            ("sign", "a=="),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(decoded(args, &reserved()), expected);
        for (name, expected) in [("key", "a b+&"), ("flag", ""), ("none", ""), ("user", "é")] {
            assert_eq!(value(args, name), expected);
        }
    }

    #[test]
    fn an_escaped_text_is_decoded_to_itself() {
        let text: String = ('\0'..='\u{ff}').chain("€😀%41+&=;".chars()).collect();
        let mut form = String::new();
        push_escaped(&mut form, &text);
        assert_eq!(decode(&form), text);
        assert!(form.bytes().all(|byte| byte.is_ascii_graphic() && !b"&+;#?\"<>".contains(&byte)), "{form}");
    }
}
