//! The credentials that a client shows: in the arguments of the stream, or else in those of its connect.
//!
//! What is looked at is taken out of the arguments, so that nothing behind this module sees it.

use std::borrow::Cow;

use crate::auth::{query, signature};

/// The credentials that are shown, as they are, decoded.
#[derive(Default)]
pub struct Shown {
    pub key: Option<String>,
    /// The end of the validity, and the signature.
    pub signature: Option<(String, String)>,
    /// User and password.
    pub user: Option<(String, String)>,
}

impl Shown {
    /// Looks for credentials in several queries; of each kind the first one that is there counts.
    pub fn find<'q>(queries: impl IntoIterator<Item = &'q str> + Clone) -> Self {
        let value = |query, name| query::value(query, name).map(Cow::into_owned);
        let key = queries.clone().into_iter().find_map(|query| value(query, "key"));
        let signature = |query| {
            let [expires, sig] = signature::ARGUMENTS.map(|name| value(query, name));
            (expires.is_some() || sig.is_some())
                .then(|| (expires.unwrap_or_default(), sig.unwrap_or_default()))
        };
        let user = |query| value(query, "user").zip(value(query, "pass"));
        let user = queries.clone().into_iter().find_map(user);
        Self { key, signature: queries.into_iter().find_map(signature), user }
    }
}

/// A URL without the arguments of these names.
pub fn url_without(url: &str, names: &[&str]) -> String {
    match url.split_once('?') {
        None => url.to_owned(),
        Some((path, query)) => match query::without(query, names) {
            rest if rest.is_empty() => path.to_owned(),
            rest => format!("{path}?{rest}"),
        },
    }
}

/// A URL without what stands behind the application in its path: it may be a key. Arguments are kept.
pub fn url_up_to(app: &str, url: &str) -> String {
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    let host = path.find("://").map_or(0, |scheme| scheme + 3);
    let after_host =
        path.get(host..).and_then(|rest| rest.find('/')).map_or(path.len(), |slash| host + slash + 1);
    let (begin, below) = (path.get(..after_host).unwrap_or(path), path.get(after_host..).unwrap_or_default());
    let is_app = below.strip_prefix(app).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let kept = if is_app { format!("{begin}{app}") } else { begin.to_owned() };
    query.map_or(kept.clone(), |query| format!("{kept}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_query_that_shows_a_kind_counts_for_that_kind() {
        let shown = |queries: &[&str]| {
            let Shown { key, signature, .. } = Shown::find(queries.iter().copied());
            (key.unwrap_or_default(), signature.unwrap_or_default())
        };
        let made =
            |key: &str, expires: &str, sig: &str| (key.to_owned(), (expires.to_owned(), sig.to_owned()));
        for (queries, expected) in [
            (["", ""], made("", "", "")),
            (["key=a%20b", "key=c"], made("a b", "", "")),
            (["x=1", "key=c&expires=1&sig=2"], made("c", "1", "2")),
            (["expires=3", "key=c&expires=1&sig=2"], made("c", "3", "")),
        ] {
            assert_eq!(shown(&queries), expected, "{queries:?}");
        }
    }

    #[test]
    fn arguments_are_kept_by_name() {}

    #[test]
    fn a_url_loses_its_credentials_alone() {
        for (url, without) in [
            ("rtmp://h/live", "rtmp://h/live"),
            ("rtmp://h/live?key=a", "rtmp://h/live"),
            ("rtmp://h/live?b=1&key=a", "rtmp://h/live?b=1"),
        ] {
            assert_eq!(url_without(url, &["key"]), without);
        }
    }

    #[test]
    fn a_url_is_cut_behind_the_application() {
        for (url, cut) in [
            ("rtmp://h/live", "rtmp://h/live"),
            ("rtmp://h:1935/live/secret", "rtmp://h:1935/live"),
            ("rtmp://h/live/", "rtmp://h/live"),
            ("rtmp://h/live/a/b?c=d/e", "rtmp://h/live?c=d/e"),
            ("rtmp://h/lively", "rtmp://h/"),
            ("rtmp://h/secret", "rtmp://h/"),
            ("rtmp://h", "rtmp://h"),
            ("live/secret", "live/"),
            ("", ""),
        ] {
            assert_eq!(url_up_to("live", url), cut, "{url}");
        }
    }
}
