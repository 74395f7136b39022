//! The arguments of a query, `a=1&b=2`: found by name, and taken out.

use std::borrow::Cow;

use crate::http::path::unescape;

/// The arguments with credentials: a key, a link, a user with password.
pub const CREDENTIALS: [&str; 5] = ["key", "expires", "sig", "user", "pass"];

/// The value of the first argument of this name, percent-decoded; none if there is none. A value with a broken escape
/// is taken as it is written.
pub fn value<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    let (_, value) = pairs(query).find(|(found, _)| *found == name)?;
    if !value.contains('%') {
        return Some(value.into());
    }
    Some(unescape(value).map_or(value.into(), Cow::from))
}

/// The query with only the arguments of these names.
pub fn only(query: &str, names: &[&str]) -> String {
    filtered(query, |name| names.contains(&name))
}

/// The query without all arguments of these names.
pub fn without(query: &str, names: &[&str]) -> String {
    filtered(query, |name| !names.contains(&name))
}

fn filtered(query: &str, is_kept: impl Fn(&str) -> bool) -> String {
    let kept = query.split('&').filter(|part| is_kept(part.split_once('=').map_or(*part, |(name, _)| name)));
    kept.collect::<Vec<_>>().join("&")
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').map(|part| part.split_once('=').unwrap_or((part, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_found_by_its_whole_name() {
        for (query, name, expected) in [
            ("key=a&b=c", "key", Some("a")),
            ("xkey=a&b=c", "key", None),
            ("b=c&key=a%20b%2f", "key", Some("a b/")),
            ("key", "key", Some("")),
            ("key=1&key=2", "key", Some("1")),
            ("key=a%zz", "key", Some("a%zz")),
            ("key=a=b", "key", Some("a=b")),
            ("", "key", None),
        ] {
            assert_eq!(value(query, name).as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn arguments_are_taken_out_and_the_rest_stays_as_it_is() {
        for (query, rest) in [
            ("key=a", ""),
            ("key=a&b=%20", "b=%20"),
            ("b=1&key=a&c=2&key", "b=1&c=2"),
            ("xkey=1&&c", "xkey=1&&c"),
            ("", ""),
        ] {
            assert_eq!(without(query, &["key", "sig"]), rest, "{query}");
        }
    }

    #[test]
    fn arguments_are_kept_by_their_whole_names() {
        assert_eq!(only("key=a&b=1&xkey=2&sig&key=c", &["key", "sig"]), "key=a&sig&key=c");
        assert_eq!(only("", &["key"]), "");
    }
}
