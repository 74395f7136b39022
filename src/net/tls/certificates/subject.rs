//! Subjects of certificates as text, as OpenSSL writes them for RFC 2253, and thus nginx: "CN=cam 1,O=Example,C=DE".

use std::fmt::Write;

use super::der::{Der, Item};

/// What subjects consist of: the bytes of the identifier (OID), and OpenSSL's short name.
const KINDS: &[(&[u8], &str)] = &[
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 13], "description"),
    (&[0x55, 4, 15], "businessCategory"),
    (&[0x55, 4, 16], "postalAddress"),
    (&[0x55, 4, 17], "postalCode"),
    (&[0x55, 4, 20], "telephoneNumber"),
    (&[0x55, 4, 41], "name"),
    (&[0x55, 4, 42], "GN"),
    (&[0x55, 4, 43], "initials"),
    (&[0x55, 4, 44], "generationQualifier"),
    (&[0x55, 4, 46], "dnQualifier"),
    (&[0x55, 4, 65], "pseudonym"),
    (&[0x55, 4, 97], "organizationIdentifier"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 2], "unstructuredName"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 60, 2, 1, 1], "jurisdictionL"),
    (&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 60, 2, 1, 2], "jurisdictionST"),
    (&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 60, 2, 1, 3], "jurisdictionC"),
];

const SET: u8 = 0x31;
const SEQUENCE: u8 = 0x30;
const OID: u8 = 0x06;

/// The text of a subject (the value of its sequence); the most special part is written first.
pub fn text(subject: &[u8]) -> String {
    let parts: Vec<String> = Der(subject).filter(|item| item.tag == SET).map(|set| part(set.value)).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

/// A part: mostly one kind with its value.
fn part(set: &[u8]) -> String {
    let values = Der(set).filter(|item| item.tag == SEQUENCE).filter_map(|item| {
        let mut pair = Der(item.value);
        let kind = pair.next_if(OID)?;
        Some(kind_and_value(kind, pair.next()?))
    });
    // OpenSSL reverses these, too.
    values.collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("+")
}

fn kind_and_value(kind: &[u8], value: Item<'_>) -> String {
    let name = KINDS.iter().find(|(other, _)| *other == kind).map(|(_, name)| *name);
    match (name, characters(value)) {
        (Some(name), Some(text)) => format!("{name}={}", escaped(&text)),
        (Some(name), None) => format!("{name}=#{}", hex(value.whole)),
        (None, _) => format!("{}=#{}", dotted(kind), hex(value.whole)),
    }
}

/// The characters of a value, if it is of a kind that has some.
fn characters(value: Item<'_>) -> Option<String> {
    let bytes = value.value;
    match value.tag {
        // UTF8String, and those of ASCII.
        0x0c | 0x12 | 0x13 | 0x16 | 0x1a => String::from_utf8(bytes.to_vec()).ok(),
        // TeletexString, which everybody takes for Latin-1.
        0x14 => Some(bytes.iter().map(|&byte| char::from(byte)).collect()),
        // BMPString, which has no surrogates.
        0x1e => {
            let units = bytes
                .chunks_exact(2)
                .map(|unit| unit.iter().fold(0, |all, &byte| all << 8 | u32::from(byte)));
            units.map(char::from_u32).collect()
        }
        // UniversalString.
        0x1c => {
            let units = bytes
                .chunks_exact(4)
                .map(|unit| unit.iter().fold(0, |all, &byte| all << 8 | u32::from(byte)));
            units.map(char::from_u32).collect()
        }
        _ => None,
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let last = text.len().saturating_sub(1);
    for (place, character) in text.char_indices() {
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => out.extend(['\\', character]),
            '#' if place == 0 => out.push_str("\\#"),
            ' ' if place == 0 || place == last => out.push_str("\\ "),
            ' '..='~' => out.push(character),
            character => {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(out, "\\{byte:02X}");
                }
            }
        }
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02X}");
        out
    })
}

/// An identifier as numbers with dots. A number that is too long for this is left out, and what follows it.
fn dotted(kind: &[u8]) -> String {
    let (mut out, mut number) = (String::new(), 0_u64);
    for byte in kind {
        let Some(shifted) = number.checked_mul(0x80) else { break };
        number = shifted | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        let _ = match (out.is_empty(), number) {
            (true, 0..80) => write!(out, "{}.{}", number / 40, number % 40),
            (true, _) => write!(out, "2.{}", number - 80),
            (false, _) => write!(out, ".{number}"),
        };
        number = 0;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(tag: u8, value: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(value.len()).unwrap()], value].concat()
    }

    fn pair(kind: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        item(SEQUENCE, &[item(OID, kind), item(tag, value)].concat())
    }

    #[test]
    fn a_subject_is_written_from_its_end_with_openssl_s_escapes() {
        let parts = [
            item(SET, &pair(&[0x55, 4, 6], 0x13, b"DE")),
            item(SET, &pair(&[0x55, 4, 10], 0x0c, "Caf\u{e9}, \"A\"".as_bytes())),
            item(SET, &[pair(&[0x55, 4, 11], 0x14, b"\xe9"), pair(&[0x55, 4, 3], 0x1e, b"\0#\0 ")].concat()),
        ];
        assert_eq!(text(&parts.concat()), r#"CN=\#\ +OU=\C3\A9,O=Caf\C3\A9\, \"A\",C=DE"#);
    }

    #[test]
    fn what_is_not_known_is_written_as_bytes() {
        let parts = [
            item(SET, &pair(&[0x2a, 0x03, 0x86, 0x48], 0x0c, b"a")),
            item(SET, &pair(&[0x55, 4, 3], 0x04, b"b")),
            item(SET, &pair(&[0x88, 0x37], 0x0c, b"c")),
        ];
        assert_eq!(text(&parts.concat()), "2.999=#0C0163,CN=#040162,1.2.3.840=#0C0161");
        assert_eq!(text(b"\x31\x05\x30\x09"), "");
        assert_eq!(dotted(&[0x2a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), "1.2");
    }
}
