//! URLs of RTMP: `rtmp://user:password@host:port/app/stream?arguments`.
//!
//! The application is the first part of the path, as in nginx-rtmp, and the arguments belong to the stream. They, the
//! stream's name and the user may be secrets: no error shows them.

use crate::engine::Login;
use crate::http::path::unescape;
use crate::http::{Authority, Url};

/// The longest URL, bytes.
pub const MAX_URL: usize = 4096;

/// The ports of rtmp and of rtmps.
const PORT: u16 = 1935;
const TLS_PORT: u16 = 443;

/// A URL of RTMP, in which the parts of the path are as they are written.
#[derive(Clone, PartialEq, Eq)]
pub struct RtmpUrl {
    /// rtmps, so TLS.
    pub is_secure: bool,
    /// A name in lower case, or an address; one of IPv6 is without its brackets.
    pub host: String,
    pub port: u16,
    pub login: Option<Login>,
    /// The application; empty if there is none.
    pub app: String,
    /// The stream without its arguments; empty if there is none.
    pub stream: String,
    /// The arguments behind "?".
    pub query: String,
}

impl RtmpUrl {
    /// Reads a URL, which may lack its scheme, as nginx-rtmp takes it.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).map_err(|fault| format!("\"{}\" {fault}", Self::shown(text)))
    }

    /// Whether a text is a URL of rtmp or rtmps.
    pub fn is_one(text: &str) -> bool {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| is_scheme(scheme, "rtmp") || is_scheme(scheme, "rtmps"))
    }

    /// What may be shown of a text that was to be a URL: scheme, host and application.
    pub fn shown(text: &str) -> String {
        let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
        let mut parts = rest.split('?').next().unwrap_or_default().splitn(3, '/');
        let (place, app) = (parts.next().unwrap_or_default(), parts.next());
        let joiner = if scheme.is_empty() { "" } else { "://" };
        let app = app.map(|app| format!("/{app}")).unwrap_or_default();
        let rest = if parts.next().is_some_and(|stream| !stream.is_empty()) { "/***" } else { "" };
        Url::shown(&format!("{scheme}{joiner}{place}{app}{rest}"))
    }

    /// Scheme, host and port, unless that is the scheme's.
    pub fn place(&self) -> String {
        let scheme = if self.is_secure { "rtmps" } else { "rtmp" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.is_secure) {
            format!("{scheme}://{host}")
        } else {
            format!("{scheme}://{host}:{}", self.port)
        }
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_URL {
            return Err("is longer than 4096 bytes");
        }
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err("has a blank or a control character");
        }
        // A stream's arguments may have a URL in them.
        let end = text.find(['/', '?']).unwrap_or(text.len());
        let (start, _) = text.split_at_checked(end).unwrap_or_default();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if start == format!("{scheme}:") => (scheme, rest),
            _ if start.ends_with(':') => return Err("has a \":\" without a port"),
            _ if matches!(start, "rtmp" | "rtmps") && text.contains("//") => {
                return Err("has no \":\" behind its scheme");
            }
            _ => ("rtmp", text),
        };
        let is_secure = is_scheme(scheme, "rtmps");
        if !is_secure && !is_scheme(scheme, "rtmp") {
            return Err("is no URL of rtmp or rtmps");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or_default();
        if authority.rsplit('@').next().is_some_and(|place| place.contains('$')) {
            return Err("has a \"$\" in its host: variables stand in the path and in the arguments");
        }
        let Authority { user_info, host, port } = Authority::parse(authority)?;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (app, stream) = path
            .strip_prefix('/')
            .unwrap_or(path)
            .split_once('/')
            .unwrap_or((path.strip_prefix('/').unwrap_or(path), ""));
        Ok(Self {
            is_secure,
            host,
            port: port.unwrap_or(default_port(is_secure)),
            login: user_info.map(|user_info| login(&user_info)),
            app: app.to_owned(),
            stream: stream.to_owned(),
            query: query.to_owned(),
        })
    }
}

fn is_scheme(text: &str, scheme: &str) -> bool {
    text.eq_ignore_ascii_case(scheme)
}

fn default_port(is_secure: bool) -> u16 {
    if is_secure { TLS_PORT } else { PORT }
}

/// The user and the password of a URL.
fn login(user_info: &str) -> Login {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let plain = |text: &str| unescape(text).unwrap_or_else(|| text.to_owned());
    Login { user: plain(user), password: plain(password) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> RtmpUrl {
        RtmpUrl::parse(text).unwrap_or_else(|why| panic!("{why}"))
    }

    #[test]
    fn a_url_has_application_stream_and_arguments() {
        for (text, place, parts) in [
            ("rtmp://h", "rtmp://h", ["", "", ""]),
            ("h", "rtmp://h", ["", "", ""]),
            ("h/app", "rtmp://h", ["app", "", ""]),
            ("h:1936/app/", "rtmp://h:1936", ["app", "", ""]),
            ("RTMP://H:1935/app/s", "rtmp://h", ["app", "s", ""]),
            ("rtmps://h/app/s", "rtmps://h", ["app", "s", ""]),
            ("rtmps://h:443/app/s", "rtmps://h", ["app", "s", ""]),
            ("rtmps://h:1935/app/s", "rtmps://h:1935", ["app", "s", ""]),
            ("rtmp://h/app/a/b/c?x=/y", "rtmp://h", ["app", "a/b/c", "x=/y"]),
            ("rtmp://h/app?x=y?z", "rtmp://h", ["app", "", "x=y?z"]),
            ("rtmp://h?x", "rtmp://h", ["", "", "x"]),
            ("h/app/s?u=http://x/", "rtmp://h", ["app", "s", "u=http://x/"]),
            (
                "rtmps://live-api-s.facebook.com:443/rtmp/FB-1-0-Ab?s_bl=1&s_ps=1",
                "rtmps://live-api-s.facebook.com",
                ["rtmp", "FB-1-0-Ab", "s_bl=1&s_ps=1"],
            ),
            ("rtmp://[::1]:1936/a//s", "rtmp://[::1]:1936", ["a", "/s", ""]),
            ("rtmp://h/$app/$name#1", "rtmp://h", ["$app", "$name#1", ""]),
        ] {
            let url = url(text);
            let found = [&url.app, &url.stream, &url.query].map(String::as_str);
            assert_eq!((url.place().as_str(), found), (place, parts), "{text}");
        }
    }

    #[test]
    fn user_and_password_are_read_without_their_escapes() {
        let login = |text| url(text).login.map(|login| (login.user, login.password));
        let found = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(login("rtmp://u:p%40q@h/a"), found("u", "p@q"));
        assert_eq!(login("u:$name@h/a"), found("u", "$name"));
        assert_eq!(login("rtmp://u@h/a"), found("u", ""));
        assert_eq!(login("rtmp://h/a@b"), None);
    }

    #[test]
    fn what_is_no_url_is_said_to_be_none_and_shows_no_secret() {
        for (text, fault) in [
            ("http://h/a", "\"http://h/a\" is no URL of rtmp or rtmps"),
            ("rtmpt://h/a/secret", "\"rtmpt://h/a/***\" is no URL of rtmp or rtmps"),
            ("rtmp:/h/a", "\"rtmp:/h/***\" has a \":\" without a port"),
            ("rtmp:///a/secret", "\"rtmp:///a/***\" has no host"),
            ("rtmp://h:0/a/secret?secret", "\"rtmp://h:0/a/***\" has a port that is not 1 to 65535"),
            ("rtmp://$arg_x/a", "has a \"$\" in its host"),
            ("rtmp://secret:secret@/a", "has no host"),
            ("rtmp://secret:secret%40h/a/secret", "\"rtmp://...\" has a port that is not 1 to 65535"),
            ("rtmp://secret:secret%40h:1936/a", "\"rtmp://...\" has more than one \":\""),
            ("secret%2540h/a", "\"...\""),
            ("rtmp://h/a/secret secret", "has a blank"),
            ("", "has no host"),
        ] {
            let why = RtmpUrl::parse(text).err().unwrap_or_default();
            assert!(why.contains(fault) && !why.contains("secret"), "{text}: {why}");
        }
        assert!(RtmpUrl::parse(&format!("rtmp://h/{}", "a".repeat(MAX_URL))).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_url_that_reads_the_same_again_or_an_error_without_a_secret(
            words in prop::collection::vec(prop::sample::select(&[
                "rtmp://", "rtmps://", "http://", "h", ":", "@", "/", "?", "#", "%", "%41", "[", "]", "::1", "80", "$", "$name",
                "\\", " ", "\u{e4}", "\0", "&", "192.0.2.1",
            ][..]), 0..10),
            scheme in prop::sample::select(&["", "rtmp://", "rtmps://"][..]),
        ) {
            let text = format!("{scheme}{}", words.concat());
            if let Ok(url) = RtmpUrl::parse(&text) {
                let again = format!("{}/{}/{}?{}", url.place(), url.app, url.stream, url.query);
                let again = RtmpUrl::parse(&again);
                prop_assert_eq!(again.ok().map(|again| (again.host, again.app, again.stream, again.query)),
                    Some((url.host, url.app, url.stream, url.query)));
            }
            let why = RtmpUrl::parse(&format!("{text}@h\u{7f}/a/s3cret?s3cret")).err().unwrap_or_default();
            prop_assert!(!why.contains("s3cret"), "{}", why);
        }
    }
}
