//! Texts with variables: `$name` or `${name}`, filled in from a request or from what became of it.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;

use crate::auth::mask;
use crate::engine::time_zone;
use crate::engine::{Exchange, HttpRequest, Peer, TlsFacts};

use super::encryption;

/// The values that a text is filled in from.
#[derive(Debug, Clone, Copy)]
pub struct TemplateValues<'a> {
    pub request: &'a HttpRequest,
    /// The server's first name.
    pub server_name: &'a str,
    /// The answer, once it has been sent.
    pub done: Option<&'a Exchange>,
    pub link: LinkValues<'a>,
}

/// The check of a location's links, which has templates itself.
pub trait LinkCheck: fmt::Debug {
    /// The value of `$secure_link`.
    fn value(&self, view: &TemplateValues<'_>) -> String;

    /// The value of `$secure_link_expires`.
    fn expires(&self, view: &TemplateValues<'_>) -> String;
}

/// What `$secure_link` and `$secure_link_expires` are filled in from.
#[derive(Debug, Clone, Copy)]
pub enum LinkValues<'a> {
    /// Nothing: they are empty.
    None,
    /// The check of the location.
    Check(&'a dyn LinkCheck),
    /// What is signed is filled in: only the end is known.
    Expires(&'a str),
}

/// When a text is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before the request is answered.
    Request,
    /// After it has been answered: in a log.
    Log,
}

/// A text with variables.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// As it is written; equal texts are equal.
    source: String,
    pieces: Vec<Piece>,
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Template {}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Variable(Variable),
    /// A variable that may have a secret, in a log.
    Masked(Variable, fn(&str) -> String),
}

#[derive(Debug, Clone)]
enum Variable {
    /// Something of the request that needs no name.
    Request(fn(TemplateValues<'_>) -> Cow<'_, str>),
    /// Something of an encrypted connection; empty without TLS.
    Encryption(fn(&TlsFacts) -> Cow<'_, str>),
    /// Something of the answer.
    Done(fn(&Exchange) -> String),
    /// A header of the request, by its name in lower case.
    Header(String),
    /// An argument of the query, as it came.
    Argument(String),
    /// A group of the location's regular expression.
    Capture(usize),
    /// Something that only nginx has, and that is empty there, too, where it does not apply.
    Nothing,
}

impl Template {
    /// Cuts a text at its variables; an error says which one is not known.
    pub fn parse(text: &str, when: When) -> Result<Self, String> {
        let mut parts = text.split('$');
        let mut pieces = vec![Piece::Text(parts.next().unwrap_or_default().to_owned())];
        for part in parts {
            let (name, rest) = match part.strip_prefix('{') {
                Some(braced) => braced.split_once('}').ok_or_else(|| "\"}\" is missing".to_owned())?,
                None => {
                    let end = if part.starts_with(|c: char| c.is_ascii_digit()) {
                        Some(1)
                    } else {
                        part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    };
                    part.split_at_checked(end.unwrap_or(part.len())).unwrap_or((part, ""))
                }
            };
            let variable = variable(name, when);
            let variable = variable.ok_or_else(|| format!("variable \"${name}\" is not known here"))?;
            let variable = match masking(name).filter(|_| when == When::Log) {
                Some(mask) => Piece::Masked(variable, mask),
                None => Piece::Variable(variable),
            };
            pieces.extend([variable, Piece::Text(rest.to_owned())]);
        }
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Ok(Self { source: text.to_owned(), pieces })
    }

    /// The text for a request.
    pub fn fill(&self, view: &TemplateValues<'_>) -> String {
        self.fill_with(view, |value, text| text.push_str(value))
    }

    /// The same, where each value is written by `push`.
    pub fn fill_with(&self, view: &TemplateValues<'_>, push: impl Fn(&str, &mut String)) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Variable(variable) => push(&variable.value(view), &mut text),
                Piece::Masked(variable, mask) => push(&mask(&variable.value(view)), &mut text),
            }
        }
        text
    }

    /// The text as it is written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text, if it has no variables.
    pub fn constant(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }
}

impl Variable {
    fn value<'a>(&self, view: &TemplateValues<'a>) -> Cow<'a, str> {
        let request = &view.request.head;
        match self {
            Self::Request(value) => value(*view),
            Self::Encryption(value) => view.request.tls.as_deref().map(value).unwrap_or_default(),
            Self::Done(value) => view.done.map(value).unwrap_or_default().into(),
            Self::Header(name) => request.headers.get(name).unwrap_or_default().into(),
            Self::Argument(name) => argument(&request.query, name).into(),
            Self::Capture(group) => view.request.captures.get(*group).map_or("", String::as_str).into(),
            Self::Nothing => "".into(),
        }
    }
}

/// An argument's value, by a name that does not mind capital letters, as in nginx.
fn argument<'a>(query: &'a str, name: &str) -> &'a str {
    let mut arguments = query.split('&').filter_map(|argument| argument.split_once('='));
    arguments.find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

/// Arguments whose values are secrets.
const SECRETS: [&str; 8] = ["key", "sig", "pass", "password", "token", "md5", "secret", "auth"];

/// How a variable's value is masked in a log; none if it has no secret.
fn masking(name: &str) -> Option<fn(&str) -> String> {
    let argument = name.strip_prefix("arg_");
    if argument.is_some_and(|argument| SECRETS.iter().any(|secret| secret.eq_ignore_ascii_case(argument))) {
        return Some(mask::whole);
    }
    match name.to_ascii_lowercase().as_str() {
        "request" => Some(mask::query_of_request),
        "request_uri" | "http_referer" => Some(mask::query_of),
        "args" | "query_string" => Some(mask::query_alone),
        "http_authorization" | "http_proxy_authorization" | "http_cookie" => Some(mask::whole),
        _ => None,
    }
}

/// The variable of a name, if it is known and there is something of it at that time.
fn variable(name: &str, when: When) -> Option<Variable> {
    if let Some(header) = name.strip_prefix("http_").filter(|header| !header.is_empty()) {
        return Some(Variable::Header(header.to_ascii_lowercase().replace('_', "-")));
    }
    if let Some(argument) = name.strip_prefix("arg_").filter(|argument| !argument.is_empty()) {
        return Some(Variable::Argument(argument.to_owned()));
    }
    if let [digit @ b'1'..=b'9'] = name.as_bytes() {
        return Some(Variable::Capture(usize::from(digit - b'0')));
    }
    if let Some(value) = of_request(name) {
        return Some(Variable::Request(value));
    }
    if let Some(value) = encryption::variable(name) {
        return Some(Variable::Encryption(value));
    }
    if when == When::Request {
        return None;
    }
    if let Some(value) = of_answer(name) {
        return Some(Variable::Done(value));
    }
    let foreign = ["gzip_ratio", "request_body"].contains(&name);
    let foreign = foreign || ["upstream_", "ssl_"].iter().any(|start| name.starts_with(start));
    foreign.then_some(Variable::Nothing)
}

fn of_request(name: &str) -> Option<fn(TemplateValues<'_>) -> Cow<'_, str>> {
    Some(match name {
        "host" => |view| match view.request.head.host.as_str() {
            "" => view.server_name.into(),
            host => host.into(),
        },
        "server_name" => |view| view.server_name.into(),
        "uri" | "document_uri" => |view| view.request.head.path.as_str().into(),
        "request_uri" => |view| view.request.head.uri(),
        "args" | "query_string" => |view| view.request.head.query.as_str().into(),
        "is_args" => |view| if view.request.head.query.is_empty() { "" } else { "?" }.into(),
        "request_method" => |view| view.request.head.method.as_str().into(),
        "request" => |view| match view.request.head.target.as_str() {
            "" => "".into(),
            target => {
                let (method, minor) = (view.request.method.as_str(), view.request.head.version_minor);
                format!("{method} {target} HTTP/1.{minor}").into()
            }
        },
        "secure_link" => |view| match view.link {
            LinkValues::Check(check) => check.value(&view).into(),
            LinkValues::None | LinkValues::Expires(_) => "".into(),
        },
        "secure_link_expires" => |view| match view.link {
            LinkValues::Check(check) => check.expires(&view).into(),
            LinkValues::Expires(end) => end.into(),
            LinkValues::None => "".into(),
        },
        "remote_user" => |view| view.request.user.as_deref().unwrap_or_default().into(),
        "server_protocol" => |view| format!("HTTP/1.{}", view.request.head.version_minor).into(),
        "scheme" => |view| if view.request.tls.is_some() { "https" } else { "http" }.into(),
        "https" => |view| if view.request.tls.is_some() { "on" } else { "" }.into(),
        "remote_addr" => |view| view.request.peer.host().into(),
        "realip_remote_addr" => |view| view.request.connection_peer.host().into(),
        "realip_remote_port" => |view| port(view.request.connection_peer),
        "remote_port" => |view| port(view.request.peer),
        "server_addr" => |view| view.request.local.host().into(),
        "server_port" => {
            |view| view.request.local.port().map_or_else(String::new, |port| port.to_string()).into()
        }
        "connection" => |view| view.request.session.to_string().trim_start_matches('#').to_owned().into(),
        "connection_requests" => |view| view.request.number.to_string().into(),
        "content_type" => |view| view.request.head.headers.get("content-type").unwrap_or_default().into(),
        "content_length" => |view| view.request.head.headers.get("content-length").unwrap_or_default().into(),
        _ => return None,
    })
}

/// A port; empty if it is not known, as in nginx.
fn port(peer: Peer) -> Cow<'static, str> {
    match peer.port() {
        0 => "".into(),
        port => port.to_string().into(),
    }
}

fn of_answer(name: &str) -> Option<fn(&Exchange) -> String> {
    Some(match name {
        "status" => |done| done.status.to_string(),
        "body_bytes_sent" => |done| done.body_sent.to_string(),
        "bytes_sent" => |done| done.sent.to_string(),
        "request_length" => |done| done.request.head.length.to_string(),
        "request_time" => |done| {
            let taken = done.ended.instant.saturating_duration_since(done.request.received_at.instant);
            format!("{}.{:03}", taken.as_secs(), taken.subsec_millis())
        },
        "request_completion" => |done| if done.is_complete() { "OK" } else { "" }.to_owned(),
        "pipe" => |_| ".".to_owned(),
        "msec" => |done| {
            let time = ended(done).as_millisecond();
            format!("{}.{:03}", time / 1000, time % 1000)
        },
        "time_local" => |done| local(done, "%d/%b/%Y:%H:%M:%S %z"),
        "time_iso8601" => |done| local(done, "%Y-%m-%dT%H:%M:%S%:z"),
        _ => return None,
    })
}

fn ended(done: &Exchange) -> Timestamp {
    Timestamp::try_from(done.ended.wall).unwrap_or_default()
}

fn local(done: &Exchange, format: &str) -> String {
    ended(done).to_zoned(time_zone::local()).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, head: &str) -> String {
        let request = HttpRequest::for_test(head);
        let view = TemplateValues {
            request: &request,
            server_name: "first.example",
            done: None,
            link: LinkValues::None,
        };
        Template::parse(template, When::Request).unwrap().fill(&view)
    }

    #[test]
    fn a_text_may_quote_the_request() {
        const HEAD: &str =
            "GET /a%20b?c=d&E=f HTTP/1.1\r\nHost: Example:80\r\nUser-Agent: u\r\nX-Y: z\r\n\r\n";
        for (template, text) in [
            ("plain", "plain"),
            ("<$http_x_y>", "<z>"),
            ("${http_user_agent}s", "us"),
            ("$http_none", ""),
            ("$host!", "example!"),
            ("$http_host", "Example:80"),
            ("$uri|$document_uri|$request_uri", "/a b|/a b|/a%20b?c=d&E=f"),
            ("$args$is_args$arg_c$arg_e$arg_none", "c=d&E=f?df"),
            ("$request", "GET /a%20b?c=d&E=f HTTP/1.1"),
            ("$scheme://$server_name:$server_port$1", "http://first.example:80"),
            ("$remote_addr $remote_port $request_method $server_protocol", "192.0.2.1 1000 GET HTTP/1.1"),
        ] {
            assert_eq!(filled(template, HEAD), text, "{template}");
        }
        assert_eq!(filled("$host", "GET / HTTP/1.0\r\n\r\n"), "first.example");
        let absolute = "GET http://Example/a%20b?c HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(filled("http://$host$request_uri", absolute), "http://example/a%20b?c");
    }

    #[test]
    fn a_log_shows_no_secret_of_a_request() {
        const HEAD: &str =
            "GET /a%20b?key=S&E=S HTTP/1.1\r\nHost: h\r\nReferer: http://h/p?key=S\r\nCookie: S\r\n\r\n";
        let logged = |template: &str, head: &str| {
            let request = HttpRequest::for_test(head);
            let view =
                TemplateValues { request: &request, server_name: "", done: None, link: LinkValues::None };
            Template::parse(template, When::Log).unwrap().fill(&view)
        };
        for (template, text) in [
            ("$request", "GET /a%20b?key=***&E=*** HTTP/1.1"),
            ("$request_uri|$args|${query_string}", "/a%20b?key=***&E=***|key=***&E=***|key=***&E=***"),
            ("$http_referer|$http_Cookie|$http_authorization", "http://h/p?key=***|***|"),
            ("$arg_key|$arg_KEY|$arg_sig|$arg_e", "***|***||S"),
        ] {
            assert_eq!(logged(template, HEAD), text, "{template}");
        }
        let plain = "GET /a%20b HTTP/1.1\r\nHost: h\r\nReferer: http://h/p\r\n\r\n";
        assert_eq!(logged("$request $http_referer", plain), "GET /a%20b HTTP/1.1 http://h/p");
        assert_eq!(filled("$request_uri $arg_key $http_cookie", HEAD), "/a%20b?key=S&E=S S S");
    }

    #[test]
    fn the_number_of_a_capture_is_one_digit_long() {
        let mut request = HttpRequest::for_test("GET / HTTP/1.0\r\n\r\n");
        request.captures = ["ab", "a", "b"].map(str::to_owned).to_vec();
        let view = TemplateValues { request: &request, server_name: "", done: None, link: LinkValues::None };
        assert_eq!(Template::parse("$1-$20$3.", When::Request).unwrap().fill(&view), "a-b0.");
    }

    #[test]
    fn an_unknown_variable_is_an_error() {
        for text in ["$", "$nope", "${uri", "$http_", "$arg_", "$0", "a$ b"] {
            assert!(Template::parse(text, When::Log).is_err(), "{text}");
        }
        assert!(Template::parse("$status", When::Request).is_err());
        assert!(Template::parse("$status $upstream_addr $ssl_session_id", When::Log).is_ok());
        assert!(Template::parse("$ssl_session_id", When::Request).is_err());
    }
}
