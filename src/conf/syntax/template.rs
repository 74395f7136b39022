//! Templates that a shell was to fill in before the start, and that nobody has.

/// The first `${NAME}` of a template that nobody has filled in: nginx's own variables have small letters.
pub fn unfilled(arg: &str) -> Option<&str> {
    let begin = arg.find("${")?;
    let length = arg.get(begin..)?.find('}')? + 1;
    let variable = arg.get(begin..begin + length)?;
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
            ("${A", None),
            ("$A", None),
            ("${a}", None),
            ("", None),
        ] {
            assert_eq!(unfilled(arg), variable, "{arg}");
        }
    }
}
