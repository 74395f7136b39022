//! Words with variables, as nginx-rtmp reads them: `$name`, `${name}`, and `\x` for the character x itself.

use std::fmt;

use crate::modules::exec::variables::{ENVIRONMENT, Values, Variable};

/// A part of a word as it is written.
#[derive(Clone, PartialEq, Eq)]
pub enum Part {
    /// Text, without its backslashes.
    Text(String),
    /// A name behind a dollar sign; empty if there is none.
    Name(String),
}

/// Cuts a word into its parts. A variable of the environment (`$MILLSTREAM_NAME`) is text: a shell is to read it.
pub fn parts(word: &str) -> Vec<Part> {
    let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), word);
    while let Some(character) = rest.chars().next() {
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        match character {
            '\\' => {
                text.extend(rest.chars().next());
                rest = rest.get(rest.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
            }
            '$' => {
                let (name, behind) = name(rest);
                let written = rest.get(..rest.len() - behind.len()).unwrap_or_default();
                if is_of_environment(rest) {
                    text.push('$');
                    text.push_str(written);
                } else {
                    parts.extend((!text.is_empty()).then(|| Part::Text(std::mem::take(&mut text))));
                    parts.push(Part::Name(name.to_owned()));
                }
                rest = behind;
            }
            other => text.push(other),
        }
    }
    parts.extend((!text.is_empty()).then_some(Part::Text(text)));
    parts
}

/// The name at the beginning of what follows a dollar sign, and what follows the name. Only letters belong to it, unless
/// it stands in braces.
fn name(text: &str) -> (&str, &str) {
    match text.strip_prefix('{') {
        Some(inside) => inside.split_once('}').unwrap_or(("", "")),
        None => {
            let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
            text.split_at_checked(end).unwrap_or_default()
        }
    }
}

/// Whether a shell is to read what follows a dollar sign.
fn is_of_environment(text: &str) -> bool {
    text.strip_prefix('{').unwrap_or(text).starts_with(ENVIRONMENT)
}

/// A word whose variables are known.
#[derive(Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable(Variable),
}

/// Without its text, which may have secrets.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").finish_non_exhaustive()
    }
}

impl Template {
    /// Reads a word that may have these variables; all others are left out.
    pub fn read(word: &str, variables: &[Variable]) -> Self {
        let pieces = parts(word).into_iter().filter_map(|part| match part {
            Part::Text(text) => Some(Piece::Text(text)),
            Part::Name(name) => {
                Variable::named(&name).filter(|found| variables.contains(found)).map(Piece::Variable)
            }
        });
        Self(pieces.collect())
    }

    /// A word that has no variables and is taken as it is written.
    pub fn literal(word: &str) -> Self {
        Self(vec![Piece::Text(word.to_owned())])
    }

    /// The word with these values. In a URL blanks become `%20`: what stands behind a blank is a list of options for
    /// ffmpeg, and a client would choose them.
    pub fn fill(&self, values: &Values) -> String {
        let (mut word, mut is_url) = (String::new(), false);
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => {
                    word.push_str(text);
                    is_url |= text.contains("://");
                }
                Piece::Variable(variable) => {
                    let value = values.get(*variable);
                    // A path is taken as it is, also behind "file://".
                    if is_url && !variable.is_of_recordings() {
                        word.push_str(&without_blanks(value));
                    } else {
                        word.push_str(value);
                    }
                    is_url |= *variable == Variable::TcUrl;
                }
            }
        }
        word
    }

    /// The variables in it.
    pub fn variables(&self) -> impl Iterator<Item = Variable> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Variable(variable) => Some(*variable),
        })
    }

    /// Its text, without its variables.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Variable(_) => None,
        })
    }

    /// The word with a NUL, which no word has, in place of each variable.
    pub fn shape(&self) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Variable(_) => "\0",
        });
        pieces.collect()
    }
}

/// A value with its blanks as a URL has them.
fn without_blanks(value: &str) -> String {
    let mut shown = String::new();
    for character in value.chars() {
        if character.is_whitespace() {
            let mut bytes = [0; 4];
            let bytes = character.encode_utf8(&mut bytes).bytes();
            shown.extend(bytes.map(|byte| format!("%{byte:02X}")));
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::exec::variables::Recorded;
    use crate::modules::exec::variables::tests::values;

    fn filled(word: &str) -> String {
        Template::read(word, &Variable::ALL).fill(&values("cam", "a=1"))
    }

    #[test]
    fn variables_end_where_nginx_rtmp_ends_them() {
        for (word, expected) in [
            ("rtmp://localhost/$app/$name", "rtmp://localhost/live/cam"),
            ("$name_low", "cam_low"),
            ("${name}low", "camlow"),
            ("$name$args", "cama=1"),
            ("a$", "a"),
            ("$1b", "1b"),
            ("$$name", "cam"),
            ("$name?$args", "cam?a=1"),
            ("$namex", ""),
            ("$nothing-", "-"),
            ("${nothing}-", "-"),
            ("a${name", "a"),
            ("${}x", "x"),
            (r"\$name", "$name"),
            (r"a\\b\é\", r"a\bé"),
            ("$naméx", "méx".strip_prefix('m').unwrap()),
            ("", ""),
        ] {
            assert_eq!(filled(word), expected, "{word}");
        }
    }

    #[test]
    fn a_blank_in_a_url_is_escaped_and_elsewhere_it_stays() {
        let recorded = Some(Recorded { path: "/my rec/my cam.flv".to_owned(), recorder: String::new() });
        let values = Values { recorded, ..values("my cam", "a=1 playpath=x\t\u{3000}") };
        for (word, expected) in [
            ("rtmp://localhost/$app/$name", "rtmp://localhost/live/my%20cam"),
            ("[f=flv]rtmp://localhost/${name}_low", "[f=flv]rtmp://localhost/my%20cam_low"),
            ("rtmp://localhost/x?$args", "rtmp://localhost/x?a=1%20playpath=x%09%E3%80%80"),
            ("$tcurl/$name", "rtmp://192.0.2.1:1935/live/my%20cam"),
            ("$name", "my cam"),
            ("/tmp/$name.jpg", "/tmp/my cam.jpg"),
            ("$name-rtmp://localhost/$name", "my cam-rtmp://localhost/my%20cam"),
            ("file://$path", "file:///my rec/my cam.flv"),
        ] {
            assert_eq!(Template::read(word, &Variable::ALL).fill(&values), expected, "{word}");
        }
    }

    #[test]
    fn a_variable_of_the_environment_is_left_to_the_shell() {
        for word in
            ["echo \"$MILLSTREAM_NAME\"", "${MILLSTREAM_ARGS}x", "$MILLSTREAM_", "${MILLSTREAM_NAME:-x}"]
        {
            assert_eq!(filled(word), word);
        }
        assert_eq!(filled("$MILLSTREAM"), "");
        assert_eq!(filled("$MILLSTREAM_NAME/$name"), "$MILLSTREAM_NAME/cam");
    }

    #[test]
    fn a_variable_that_a_command_has_not_is_empty() {
        let template = Template::read("$name-$args", &[Variable::Name]);
        assert_eq!(template.fill(&values("cam", "a=1")), "cam-");
        assert_eq!(template.shape(), "\0-");
        assert!(template.variables().eq([Variable::Name]));
        assert_eq!(Template::literal(r"$name\").fill(&values("cam", "")), r"$name\");
    }
}
