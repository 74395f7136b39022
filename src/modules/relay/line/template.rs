//! Texts with variables: `$name`, `$app`, `$args` and `$arg_x`, which stand for what is relayed.
//!
//! A "$" is a variable only where one of these names follows, as keys may have one. What is put in is never read again:
//! a client's arguments add no part to a URL.

/// A text with variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The name of the stream here.
    Name,
    /// The application here.
    App,
    /// The publisher's arguments.
    Args,
    /// One of them.
    Arg(String),
}

/// What variables stand for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Values<'v> {
    /// The application here.
    pub app: &'v str,
    /// The stream here.
    pub name: &'v str,
    /// The arguments of who publishes it, or of the player who has asked for it.
    pub args: &'v str,
}

impl Template {
    /// A text as it is, without variables.
    pub fn literal(text: &str) -> Self {
        if text.is_empty() { Self::default() } else { Self(vec![Part::Text(text.to_owned())]) }
    }

    /// Reads a text.
    pub fn parse(text: &str) -> Self {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find('$') {
            let (before, behind) = rest.split_at_checked(at).unwrap_or_default();
            plain.push_str(before);
            match variable(behind.get(1..).unwrap_or_default()) {
                Some((part, left)) => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(part);
                    rest = left;
                }
                None => {
                    plain.push('$');
                    rest = behind.get(1..).unwrap_or_default();
                }
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Self(parts)
    }

    /// The text with these values.
    pub fn fill(&self, values: Values<'_>) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Name => values.name,
            Part::App => values.app,
            Part::Args => values.args,
            Part::Arg(name) => argument(values.args, name),
        });
        parts.collect()
    }

    /// Whether it has nothing, not even a variable.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it has anything beside variables.
    pub fn has_text(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Text(_)))
    }

    /// Whether it has a variable that stands for what a client has sent beside the name.
    pub fn has_arguments(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Args | Part::Arg(_)))
    }

    /// The first argument of a client that it needs and that is missing or empty.
    pub fn missing_argument(&self, args: &str) -> Option<&str> {
        self.0.iter().find_map(|part| match part {
            Part::Arg(name) if argument(args, name).is_empty() => Some(name.as_str()),
            _ => None,
        })
    }
}

/// The variable that begins a text behind a "$", and the text behind it.
fn variable(text: &str) -> Option<(Part, &str)> {
    let is_letter = |c: char| c.is_ascii_alphanumeric();
    if let Some(rest) = text.strip_prefix("arg_") {
        let end = rest.find(|c: char| !is_letter(c) && c != '_').unwrap_or(rest.len());
        let (name, rest) = rest.split_at_checked(end)?;
        return (!name.is_empty()).then(|| (Part::Arg(name.to_owned()), rest));
    }
    let names = [("name", Part::Name), ("args", Part::Args), ("app", Part::App)];
    names.into_iter().find_map(|(name, part)| {
        // As in commands, "$name_low" is the name and "_low".
        let rest = text.strip_prefix(name).filter(|rest| !rest.starts_with(is_letter))?;
        Some((part, rest))
    })
}

/// The value of an argument, as the client has written it.
fn argument<'a>(args: &'a str, name: &str) -> &'a str {
    let mut pairs = args.split('&').filter_map(|part| part.split_once('='));
    pairs.find(|(found, _)| *found == name).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'_> = Values { app: "live", name: "cam", args: "key=a%20b&x=$name&y" };

    #[test]
    fn variables_stand_for_what_is_relayed_and_are_not_read_again() {
        for (text, filled) in [
            ("", ""),
            ("plain", "plain"),
            ("$name", "cam"),
            ("$app/$name_low", "live/cam_low"),
            ("a?$args", "a?key=a%20b&x=$name&y"),
            ("$arg_key-$arg_x", "a%20b-$name"),
            ("<$arg_none>", "<>"),
            ("$arg_y", ""),
        ] {
            assert_eq!(Template::parse(text).fill(VALUES), filled, "{text}");
        }
        assert_eq!(Template::literal("$name").fill(VALUES), "$name");
    }

    #[test]
    fn a_dollar_before_anything_else_is_one() {
        for text in
            ["$", "$$", "a$", "$names", "$name1", "$apps", "$arg_", "$arg", "$NAME", "${name}", "5$", "$-$é"]
        {
            assert_eq!(Template::parse(text).fill(VALUES), text);
        }
        assert_eq!(Template::parse("$$name$").fill(VALUES), "$cam$");
    }

    #[test]
    fn an_argument_that_is_missing_or_empty_is_known() {
        let missing =
            |text: &str, args: &'static str| Template::parse(text).missing_argument(args).map(str::to_owned);
        assert_eq!(missing("$arg_key", "key=1"), None);
        assert_eq!(missing("$arg_key", "key="), Some("key".to_owned()));
        assert_eq!(missing("$name$arg_key$arg_b", "a=1"), Some("key".to_owned()));
        assert_eq!(missing("$args", ""), None);
    }
}
