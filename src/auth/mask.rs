//! Masking: what may be a secret is not shown in logs, statistics and pages.

use std::borrow::Cow;

/// Stands for a value that is not shown.
const MASK: &str = "***";

/// The most characters that are shown of what may be a secret.
const SHOWN: usize = 4;

/// A URL or path with the values of its query masked: `/a?key=***&b=***`.
pub fn query_of(url: &str) -> String {
    match url.split_once('?') {
        Some((path, query)) => format!("{path}?{}", query_alone(query)),
        None => url.to_owned(),
    }
}

/// A query with its values masked: `key=***&b=***`. A part without a name is a value.
pub fn query_alone(query: &str) -> String {
    let masked = query.split('&').map(|part| match part.split_once('=') {
        Some((name, value)) if !value.is_empty() => format!("{name}={MASK}"),
        Some(_) => part.to_owned(),
        None if part.is_empty() => String::new(),
        None => MASK.to_owned(),
    });
    masked.collect::<Vec<_>>().join("&")
}

/// A request line with the values of its query masked: `GET /a?key=*** HTTP/1.1`.
pub fn query_of_request(line: &str) -> String {
    match line.rsplit_once(' ') {
        Some((target, version)) => format!("{} {version}", query_of(target)),
        None => query_of(line),
    }
}

/// The URL of a page, or of what else is loaded, without what may be secret: a user with a password, and arguments.
pub fn page(url: &str) -> Cow<'_, str> {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        Some((scheme, rest)) if rest.split('/').next().is_some_and(|authority| authority.contains('@')) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit('@').next().unwrap_or_default();
            Cow::Owned(format!("{scheme}://{host}{path}"))
        }
        _ => Cow::Borrowed(url),
    }
}

/// The URL that a client has connected to (`tcUrl`): scheme, host and application. What stands in place of the application
/// may be a key.
pub fn connected(url: &str, app: &str) -> String {
    let url = page(url);
    let Some((scheme, rest)) = url.split_once("://") else { return String::new() };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    let shown = if path == app || path.is_empty() { path } else { MASK };
    format!("{scheme}://{host}/{shown}")
}

/// A value that is a secret as a whole; nothing stays nothing.
pub fn whole(value: &str) -> String {
    if value.is_empty() { String::new() } else { MASK.to_owned() }
}

/// The beginning of what may be a secret, where its length and quotes would disturb: `abcd...`.
pub fn beginning(secret: &str) -> String {
    let dots = if secret.chars().nth(SHOWN).is_some() { "..." } else { "" };
    secret.chars().take(SHOWN).chain(dots.chars()).collect()
}

/// The beginning of what may be a secret, in quotes, with its length: `"abcd..." (20 characters)`.
pub fn start_of(secret: &str) -> String {
    let start: String = secret.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    match secret.chars().count() {
        count if count > SHOWN => format!("\"{start}...\" ({count} characters)"),
        _ => format!("\"{start}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_of_a_query_is_shown() {
        for (url, masked) in [
            ("/a", "/a"),
            ("/a?key=secret", "/a?key=***"),
            ("rtmp://h/live?key=s&b=", "rtmp://h/live?key=***&b="),
            ("/a?secret", "/a?***"),
            ("/a?key=a?b=c", "/a?key=***"),
            ("/a?", "/a?"),
        ] {
            assert_eq!(query_of(url), masked);
        }
    }

    #[test]
    fn a_page_is_shown_without_user_and_arguments() {
        for (url, shown) in [
            ("http://a/b", "http://a/b"),
            ("HTTPS://a/b?token=secret", "HTTPS://a/b"),
            ("http://a#token", "http://a"),
            ("http://user:secret@a/b@c", "http://a/b@c"),
            ("http://user:sec@ret@a", "http://a"),
            ("", ""),
        ] {
            assert_eq!(page(url), shown);
        }
    }

    #[test]
    fn neither_arguments_nor_keys_nor_passwords_of_a_connected_url_are_shown() {
        for (url, shown) in [
            ("rtmp://host/live", "rtmp://host/live"),
            ("rtmp://host:1936/live/", "rtmp://host:1936/live"),
            ("rtmp://host/live?key=secret", "rtmp://host/live"),
            ("rtmp://host/live#secret", "rtmp://host/live"),
            ("rtmp://user:secret@host/live", "rtmp://host/live"),
            ("rtmp://host/secret", "rtmp://host/***"),
            ("rtmp://host/live/secret", "rtmp://host/***"),
            ("rtmp://host", "rtmp://host/"),
            ("nonsense", ""),
            ("", ""),
        ] {
            assert_eq!(connected(url, "live"), shown);
        }
    }

    #[test]
    fn a_request_keeps_its_method_and_version() {
        assert_eq!(query_of_request("GET /a?key=s HTTP/1.1"), "GET /a?key=*** HTTP/1.1");
        assert_eq!(query_of_request("GET /a HTTP/1.1"), "GET /a HTTP/1.1");
        assert_eq!((whole(""), whole("s")), (String::new(), "***".to_owned()));
    }

    #[test]
    fn four_characters_of_what_may_be_a_secret_are_shown() {
        assert_eq!(start_of("abcdefgh"), "\"abcd...\" (8 characters)");
        assert_eq!((beginning("abcdefgh"), beginning("abcd")), ("abcd...".to_owned(), "abcd".to_owned()));
        assert_eq!(start_of("a\"b"), "\"a\\\"b\"");
    }
}
