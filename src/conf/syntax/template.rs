//! Templates that a shell was to fill in before the start, and that nobody has.

/// The first `${NAME}` of a template that nobody has filled in: nginx's own variables have small letters, and those that
/// begin with `MILLSTREAM_` are for the shells of commands.
pub fn unfilled(arg: &str) -> Option<&str> {
    let begins = arg.match_indices("${").map(|(begin, _)| begin);
    begins.filter_map(|begin| variable(arg.get(begin..)?)).find(|variable| !variable.starts_with(OF_COMMANDS))
}

/// What the variables of commands begin with.
const OF_COMMANDS: &str = "${MILLSTREAM_";

/// The variable at the beginning of a text, if it is in capital letters.
fn variable(text: &str) -> Option<&str> {
    let length = text.find('}')? + 1;
    let variable = text.get(..length)?;
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    variable.get(2..length - 1).filter(|name| name.bytes().all(is_name)).map(|_| variable)
}

/// The advice for such a template.
pub fn fill_in(variable: &str) -> String {
    format!("{variable} is to be filled in before, such as by envsubst")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_capital_letters_are_templates() {
        for (arg, variable) in [
            ("a-${NAME}-b", Some("${NAME}")),
            ("}${A_1}{", Some("${A_1}")),
            ("${a}${B}", Some("${B}")),
            ("${A", None),
            ("$A", None),
            ("${a}", None),
            ("${MILLSTREAM_NAME}", None),
            ("", None),
        ] {
            assert_eq!(unfilled(arg), variable, "{arg}");
        }
    }
}
