//! One request: a complete head, parsed and checked.
//!
//! The rules are strict on purpose (RFC 9112, sections 3, 6 and 11.2): a head that two parsers could read
//! in two ways is an error, and after an error the connection closes.

use std::borrow::Cow;

use httparse::Status;

use super::body::framing::{self, RequestBody};
use super::headers::{Headers, HttpError, MAX_HEADERS, Method};
use super::path;

/// Longest head, bytes, with its empty line. Browsers send well under 2 KiB.
pub const MAX_HEAD: usize = 8 * 1024;
/// Longest request target, bytes.
pub const MAX_TARGET: usize = 4 * 1024;

/// A request. Its body is read only where it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path: decoded, resolved, beginning with '/'; see [`path::resolve`].
    pub path: String,
    /// The target as it came, at most [`MAX_TARGET`] bytes.
    pub target: String,
    /// The query behind "?", as it came; empty without one.
    pub query: String,
    /// The requested host: in lower case, without a port or a last dot; empty if the request has none.
    pub host: String,
    /// The header fields.
    pub headers: Headers,
    /// The peer wants to send more requests (RFC 9112, section 9.3).
    pub persistent: bool,
    /// 0 or 1: the peer's HTTP/1.x.
    pub version_minor: u8,
    /// Bytes of its head.
    pub length: usize,
    /// The body: announced, or read.
    pub body: RequestBody,
}

impl Request {
    /// Parses a whole head, with its empty line.
    pub fn parse(head: &[u8]) -> Result<Self, HttpError> {
        if head.len() > MAX_HEAD {
            return Err(HttpError::new(431, "head too large"));
        }
        let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut fields);
        let status = parsed.parse(head).map_err(refuse)?;
        let (Status::Complete(_), Some(method), Some(target), Some(version_minor)) =
            (status, parsed.method, parsed.path, parsed.version)
        else {
            return Err(HttpError::new(400, "head is not complete"));
        };
        // No other blanks: what a proxy takes for a part of a value must be one here, too (RFC 9110, section 5.5).
        let text = |bytes| String::from_utf8_lossy(bytes).trim_matches([' ', '\t']).to_owned();
        let headers = Headers(
            parsed.headers.iter().map(|field| (field.name.to_ascii_lowercase(), text(field.value))).collect(),
        );
        let method = Method::new(method);
        let Target { path, query, host } = split_target(&method, target)?;
        check_host(&headers, version_minor)?;
        // The host of an absolute target goes before the field (RFC 9112, section 3.2.2).
        let host = host_of(host.as_deref().or(headers.get("host")).unwrap_or_default());
        let body = framing::announced(&headers, version_minor)?;
        let persistent = match version_minor {
            0 => headers.has_token("connection", "keep-alive"),
            _ => true,
        };
        Ok(Self {
            path,
            query,
            target: target.to_owned(),
            host,
            persistent: persistent && !headers.has_token("connection", "close"),
            method,
            headers,
            version_minor,
            length: head.len(),
            body,
        })
    }

    /// The target without a scheme and host, which only proxies are sent: a path and a query, not decoded.
    pub fn uri(&self) -> Cow<'_, str> {
        origin_form(&self.target).map_or_else(|| self.target.as_str().into(), |(_, origin)| origin)
    }

    /// The error for its body where nobody takes one.
    pub fn body_refusal(&self) -> HttpError {
        framing::refusal(&self.method)
    }

    /// Whether its client waits to be told that the body may come (RFC 9110, section 10.1.1).
    pub fn expects_continue(&self) -> bool {
        self.version_minor > 0 && self.headers.has_token("expect", "100-continue")
    }

    /// The request in the log where one could not be read.
    pub fn unreadable() -> Self {
        Self {
            method: Method::Other(String::new()),
            path: "/".to_owned(),
            target: String::new(),
            query: String::new(),
            host: String::new(),
            headers: Headers::default(),
            persistent: false,
            version_minor: 0,
            length: 0,
            body: RequestBody::None,
        }
    }
}

/// The parts of a target.
struct Target {
    path: String,
    query: String,
    /// With its port, if the target is absolute.
    host: Option<String>,
}

fn refuse(error: httparse::Error) -> HttpError {
    match error {
        httparse::Error::TooManyHeaders => HttpError::new(431, "too many header fields"),
        httparse::Error::Version => HttpError::new(505, "not HTTP/1.x"),
        httparse::Error::HeaderName => HttpError::new(400, "bad header name"),
        httparse::Error::HeaderValue => HttpError::new(400, "bad header value"),
        httparse::Error::NewLine | httparse::Error::Status | httparse::Error::Token => {
            HttpError::new(400, "bad request line")
        }
    }
}

/// Splits a target in origin, absolute or asterisk form (RFC 9112, section 3.2).
fn split_target(method: &Method, target: &str) -> Result<Target, HttpError> {
    if target.len() > MAX_TARGET {
        return Err(HttpError::new(414, "target too long"));
    }
    if target.contains('#') {
        return Err(HttpError::new(400, "fragment in the target"));
    }
    if target == "*" && *method == Method::Options {
        return Ok(Target { path: "/".to_owned(), query: String::new(), host: None });
    }
    let (host, origin) = origin_form(target).ok_or(HttpError::new(400, "bad target"))?;
    let (raw, query) = origin.split_once('?').unwrap_or((&origin, ""));
    let path = path::resolve(raw).map_err(|_| HttpError::new(400, "bad path"))?;
    Ok(Target { path, query: query.to_owned(), host: host.map(str::to_owned) })
}

/// A host without its port and last dot, in lower case. An address of IPv6 keeps its brackets.
fn host_of(host: &str) -> String {
    let port = host.rfind(':').filter(|&colon| !host.get(colon..).is_some_and(|rest| rest.contains(']')));
    let name = port.and_then(|colon| host.get(..colon)).unwrap_or(host);
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Strips scheme and authority, which a server must accept (RFC 9112, section 3.2.2), and returns that too.
fn origin_form(target: &str) -> Option<(Option<&str>, Cow<'_, str>)> {
    if target.starts_with('/') {
        return Some((None, target.into()));
    }
    let (scheme, rest) = target.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, origin) = rest.split_at_checked(end)?;
    if authority.is_empty() || !is_host(authority) {
        return None;
    }
    let origin = if origin.starts_with('/') { origin.into() } else { format!("/{origin}").into() };
    Some((Some(authority), origin))
}

/// Exactly one Host in HTTP/1.1, at most one in HTTP/1.0 (RFC 9112, section 3.2).
fn check_host(headers: &Headers, version_minor: u8) -> Result<(), HttpError> {
    let mut hosts = headers.all("host");
    match (hosts.next(), hosts.next()) {
        (None, _) if version_minor == 0 => Ok(()),
        (Some(host), None) if is_host(host) => Ok(()),
        (None, _) => Err(HttpError::new(400, "no Host")),
        _ => Err(HttpError::new(400, "bad Host")),
    }
}

fn is_host(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Result<Request, HttpError> {
        Request::parse(head.as_bytes())
    }

    fn get(fields: &str) -> Result<Request, HttpError> {
        parse(&format!("GET /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
    }

    fn status(result: Result<Request, HttpError>) -> u16 {
        result.map_or_else(|error| error.status, |_| 200)
    }

    #[test]
    fn a_browsers_request_is_understood() {
        let request = parse(
            "GET /hls/a%20b.m3u8?x=1&y HTTP/1.1\r\nHost: example.com:8080\r\nUser-Agent: \u{e9}\r\nACCEPT: */* \r\n\r\n",
        )
        .unwrap();
        assert_eq!(request.method, Method::Get);
        assert_eq!(request.path, "/hls/a b.m3u8");
        assert_eq!(request.query, "x=1&y");
        assert_eq!(request.target, "/hls/a%20b.m3u8?x=1&y");
        assert_eq!(request.headers.get("accept"), Some("*/*"));
        assert_eq!(request.headers.get("range"), None);
        assert!(request.persistent);
        assert_eq!(request.version_minor, 1);
    }

    #[test]
    fn persistence_follows_version_and_connection() {
        let persistent = |head: &str| parse(head).unwrap().persistent;
        assert!(!persistent("GET / HTTP/1.0\r\n\r\n"));
        assert!(persistent("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
        assert!(persistent("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(!persistent("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, CLOSE\r\n\r\n"));
        assert!(!persistent("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"));
    }

    #[test]
    fn a_target_may_be_absolute_or_an_asterisk() {
        let path = |line: &str| parse(&format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n")).map(|r| r.path);
        assert_eq!(path("GET http://example.com/a?b").unwrap(), "/a");
        assert_eq!(path("GET HTTP://example.com").unwrap(), "/");
        assert_eq!(path("GET http://example.com?b").unwrap(), "/");
        assert_eq!(path("OPTIONS *").unwrap(), "/");
        let uri = |target: &str| {
            let request = parse(&format!("OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
            request.uri().into_owned()
        };
        for (target, expected) in
            [("http://b/a%20b?c", "/a%20b?c"), ("http://b?c", "/?c"), ("/a//b?c", "/a//b?c"), ("*", "*")]
        {
            assert_eq!(uri(target), expected, "{target}");
        }
        for bad in [
            "GET *",
            "GET ftp://a/b",
            "GET http:///b",
            "GET http://a@b/",
            "CONNECT a:80",
            "GET a",
            "GET /a#b",
            "GET /../a",
            "GET /%00",
            "GET /a b",
        ] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_host_is_the_targets_or_the_fields() {
        let host = |line: &str, field: &str| {
            parse(&format!("{line} HTTP/1.1\r\nHost: {field}\r\n\r\n")).map(|request| request.host).unwrap()
        };
        for (field, expected) in [
            ("Example.COM:8080", "example.com"),
            ("example.com.", "example.com"),
            ("example.com.:80", "example.com"),
            ("[2001:DB8::1]:80", "[2001:db8::1]"),
            ("[::1]", "[::1]"),
            ("192.0.2.1", "192.0.2.1"),
            ("", ""),
        ] {
            assert_eq!(host("GET /", field), expected, "{field}");
        }
        assert_eq!(host("GET http://Other:1/x", "example.com"), "other");
        assert_eq!(parse("GET / HTTP/1.0\r\n\r\n").unwrap().host, "");
    }

    #[test]
    fn methods_are_kept_as_they_are() {
        for (token, method) in [
            ("HEAD", Method::Head),
            ("OPTIONS", Method::Options),
            ("get", Method::Other("get".into())),
            ("TRACE", Method::Other("TRACE".into())),
        ] {
            let request = parse(&format!("{token} / HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
            assert_eq!((request.method.as_str(), &request.method), (token, &method));
        }
    }

    #[test]
    fn host_is_there_exactly_once() {
        assert_eq!(status(parse("GET / HTTP/1.1\r\n\r\n")), 400);
        assert_eq!(status(parse("GET / HTTP/1.0\r\n\r\n")), 200);
        assert_eq!(status(get("Host: b\r\n")), 400);
        assert_eq!(status(parse("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n")), 400);
        for host in ["a b", "a/b", "u@a", "a?b", "<a>", "\u{e4}"] {
            assert_eq!(status(parse(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"))), 400, "{host}");
        }
        for host in ["", "a", "a:80", "[::1]:80", "192.0.2.1"] {
            assert_eq!(status(parse(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"))), 200, "{host}");
        }
    }

    #[test]
    fn limits_hold_and_one_more_is_refused() {
        let target = |length: usize| {
            status(parse(&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(length - 1))))
        };
        assert_eq!((target(MAX_TARGET), target(MAX_TARGET + 1)), (200, 414));
        let fields = |count: usize| status(get(&"X: y\r\n".repeat(count - 1)));
        assert_eq!((fields(MAX_HEADERS), fields(MAX_HEADERS + 1)), (200, 431));
        let head = |length: usize| {
            let rest = "GET /x HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
            status(get(&format!("X: {}\r\n", "y".repeat(length - rest))))
        };
        assert_eq!((head(MAX_HEAD), head(MAX_HEAD + 1)), (200, 431));
    }

    #[test]
    fn other_versions_are_refused() {
        for version in ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/3", "ICY/1.0", "http/1.1"] {
            let refused = status(parse(&format!("GET / {version}\r\nHost: a\r\n\r\n")));
            assert!(matches!(refused, 400 | 505), "{version}: {refused}");
        }
        assert_eq!(status(parse("PRI * HTTP/2.0\r\n\r\n")), 505);
    }
}
