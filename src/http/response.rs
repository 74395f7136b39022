//! The head of a response, and the small pages that explain an error.

use std::borrow::Cow;
use std::fmt::Write;

use super::look;

/// Status and header fields of a response, without those that say how it is framed.
///
/// Fields that cannot be written as one line, and those that [`ResponseHead::encode`] writes itself, are not
/// sent: a value from a peer or a file cannot add a header of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// Status code, three digits.
    pub status: u16,
    /// Header fields in the order in which they are sent.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// Fields that are sent unless there is one of that name among the others.
    pub defaults: Vec<(&'static str, String)>,
    /// What the log says of it beside the status.
    pub why: Option<Box<str>>,
}

/// What ends the body of a response (RFC 9112, section 6.3), and whether the connection is kept after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Its length.
    Length {
        /// Bytes of the body, or of the body that a GET would get.
        bytes: u64,
        /// Whether the client may send another request.
        persistent: bool,
    },
    /// The end of the connection.
    UntilClose,
    /// A chunk of no bytes; then the connection is closed.
    Chunked,
    /// Nothing: what follows are WebSocket frames (RFC 6455, section 4.2.2).
    WebSocket,
}

impl Framing {
    fn connection(self) -> &'static str {
        match self {
            Self::Length { persistent: true, .. } => "keep-alive",
            Self::WebSocket => "Upgrade",
            Self::Length { persistent: false, .. } | Self::UntilClose | Self::Chunked => "close",
        }
    }
}

/// As many as a fragment's answer has.
const USUAL_FIELDS: usize = 8;

/// The fields that belong to the connection; see [`ResponseHead::encode`].
const OWN_FIELDS: [&str; 6] =
    ["Server", "Date", "Content-Length", "Connection", "Transfer-Encoding", "Upgrade"];

impl ResponseHead {
    /// A head without any field.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::with_capacity(USUAL_FIELDS), defaults: Vec::new(), why: None }
    }

    /// The same with a further field.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with a field that is sent unless there is another of that name in the end.
    #[must_use]
    pub fn with_default(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.defaults.push((name, value.into()));
        self
    }

    /// The first field of that name, in any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value.as_str())
    }

    /// The bytes of the head, with Server, Date, Connection, and what frames the body (RFC 9112, section 4). `date` is an
    /// IMF-fixdate.
    pub fn encode(&self, framing: Framing, date: &str) -> Vec<u8> {
        let mut text = String::with_capacity(512);
        // Writing to a String cannot fail.
        let _ = write!(text, "HTTP/1.1 {:03} {}\r\n", self.status, reason(self.status));
        let mut line = |name: &str, value: &str| {
            text.extend([name, ": ", value, "\r\n"]);
        };
        line("Server", "Millstream");
        line("Date", date);
        for (name, value) in self.headers.iter().filter(|(name, value)| may_send(name, value)) {
            line(name, value);
        }
        for (name, value) in self.defaults.iter().filter(|(name, value)| may_send(name, value)) {
            if self.get(name).is_none() {
                line(name, value);
            }
        }
        match framing {
            Framing::Length { bytes, .. } if has_body(self.status) => {
                line("Content-Length", &bytes.to_string());
            }
            Framing::Length { .. } | Framing::UntilClose => {}
            Framing::Chunked => line("Transfer-Encoding", "chunked"),
            Framing::WebSocket => line("Upgrade", "websocket"),
        }
        match self.status {
            // The answer names what the client should have asked for (RFC 9110, section 15.5.22).
            426 => {
                line("Upgrade", "websocket");
                line("Connection", &format!("{}, Upgrade", framing.connection()));
            }
            _ => line("Connection", framing.connection()),
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// Seconds after which a client that was refused for lack of room may try again.
pub const RETRY_AFTER: &str = "2";

/// The whole answer to a client that gets no session, whatever it asks for. Its Retry-After is [`RETRY_AFTER`].
pub const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nServer: Millstream\r\nRetry-After: 2\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// True if a name is a token (RFC 9110, section 5.6.2).
pub fn is_token(name: &str) -> bool {
    let in_token = |byte| {
        let mark =
            matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
        mark || byte.is_ascii_alphanumeric()
    };
    !name.is_empty() && name.bytes().all(in_token)
}

/// True if a value fits in one line (RFC 9110, section 5.5).
pub fn is_value(value: &str) -> bool {
    !value.bytes().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127))
}

/// True if the server writes the field of that name itself.
fn is_own_field(name: &str) -> bool {
    OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name))
}

fn may_send(name: &str, value: &str) -> bool {
    is_token(name) && is_value(value) && !is_own_field(name)
}

/// True if an answer of that status has a body, be it an empty one (RFC 9110, section 6.4.1).
pub fn has_body(status: u16) -> bool {
    status >= 200 && !matches!(status, 204 | 304)
}

/// The phrase for a status (RFC 9110, section 15).
pub fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "Unknown",
    }
}

/// A small page that names a status, to go with it, and says what may help.
pub fn error_page(status: u16) -> (ResponseHead, Vec<u8>) {
    let mut page = look::begin(&format!("{status} {}", reason(status)), " class=\"short\"");
    if let Some(help) = help(status) {
        page.extend(["<p>", help, "</p>\n"]);
    }
    page.push_str(look::END);
    let source = look::STYLE_SOURCE;
    let policy = format!("default-src 'none'; style-src {source}; frame-ancestors 'none'");
    let head = ResponseHead::new(status)
        .with("Content-Type", "text/html; charset=utf-8")
        .with("Content-Security-Policy", policy)
        .with("X-Content-Type-Options", "nosniff");
    (head, page.into_bytes())
}

/// What people can do about a status.
fn help(status: u16) -> Option<&'static str> {
    Some(match status {
        301 | 302 | 303 | 307 | 308 => "What you look for is at another address.",
        400 => "The server cannot read this request.",
        401 => "This needs a name and a password, or a token.",
        403 => "You may not see this. Whoever runs this server can change that.",
        404 => "There is nothing at this address. A stream or a recording that was here may have ended.",
        405 => "This address does not take requests of this kind.",
        408 => "The request took too long to arrive. Try again.",
        410 => "What was at this address has been removed.",
        413 => "This is more than the server takes at once.",
        414 | 431 => {
            "The address, or what the browser sends with it, is too long. Deleting cookies may help."
        }
        416 => "The file is shorter than the part that was asked for.",
        421 => "This connection is not for that host name. Loading the page again may help.",
        426 => "This address is for WebSocket connections only.",
        429 => "Too many requests came from your address. Wait a moment and try again.",
        500 => "Something is wrong on this server. Its log says what.",
        502 | 504 => "Another server, which this one needed for an answer, has given none. Try again later.",
        503 => "The server is busy, or about to stop. Wait a moment and try again.",
        507 => "The server has no room left to store this. Whoever runs it can make some.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn text(head: &ResponseHead, framing: Framing) -> String {
        String::from_utf8(head.encode(framing, DATE)).unwrap()
    }

    const fn length(bytes: u64, persistent: bool) -> Framing {
        Framing::Length { bytes, persistent }
    }

    #[test]
    fn a_head_is_written_with_what_frames_it() {
        let head = ResponseHead::new(200).with("Content-Type", "video/mp2t");
        assert_eq!(
            text(&head, length(7, true)),
            "HTTP/1.1 200 OK\r\nServer: Millstream\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Content-Type: video/mp2t\r\nContent-Length: 7\r\nConnection: keep-alive\r\n\r\n"
        );
        for (framing, end) in [
            (length(7, false), "Content-Length: 7\r\nConnection: close\r\n\r\n"),
            (Framing::UntilClose, "video/mp2t\r\nConnection: close\r\n\r\n"),
            (Framing::Chunked, "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"),
            (Framing::WebSocket, "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
        ] {
            assert!(text(&head, framing).ends_with(end), "{framing:?}");
        }
    }

    #[test]
    fn a_status_without_a_body_has_no_length() {
        for status in [204, 304] {
            assert!(!text(&ResponseHead::new(status), length(0, true)).contains("Content-Length"));
        }
        assert!(text(&ResponseHead::new(404), length(0, true)).contains("Content-Length: 0\r\n"));
    }

    #[test]
    fn a_value_cannot_add_a_header() {
        let head = ResponseHead::new(301)
            .with("Location", "/a\r\nSet-Cookie: x")
            .with("Bad Name", "x")
            .with("X-Nul", "a\0")
            .with("", "x")
            .with("X-Fine", "a\tb")
            .with("Content-length", "5");
        let text = text(&head, length(0, false));
        let names: Vec<_> = text.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
        assert_eq!(names, ["Server", "Date", "X-Fine", "Content-Length", "Connection"], "{text}");
    }

    #[test]
    fn a_default_gives_way_to_another_field_of_its_name() {
        let head = ResponseHead::new(200).with_default("X-A", "1").with_default("X-B", "2").with("x-b", "3");
        let text = text(&head, length(0, false));
        assert!(
            text.contains("X-A: 1\r\n") && text.contains("x-b: 3\r\n") && !text.contains("X-B"),
            "{text}"
        );
    }

    #[test]
    fn a_token_has_letters_digits_and_some_marks() {
        let tokens: String = (0..=255).map(char::from).filter(|c| is_token(&c.to_string())).collect();
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz";
        assert_eq!(tokens, format!("!#$%&'*+-.0123456789{letters}|~"));
    }

    #[test]
    fn an_error_page_names_its_status() {
        let (head, page) = error_page(404);
        assert_eq!(head.status, 404);
        assert_eq!(head.get("content-type"), Some("text/html; charset=utf-8"));
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("<h1>404 Not Found</h1>\n<p>There is nothing"), "{page}");
        let policy = head.get("content-security-policy").unwrap();
        assert!(policy.contains("style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn every_error_page_is_small_and_complete() {
        for status in 300..=599 {
            let (_, page) = error_page(status);
            let page = String::from_utf8(page).unwrap();
            assert!(page.len() < 2000, "{status}: {} bytes", page.len());
            for part in ["<html lang=\"en\">", "<title>", "<main class=\"short\">", "</h1>", "</main>"] {
                assert_eq!(page.matches(part).count(), 1, "{status}: {part}");
            }
            assert_eq!(help(status).is_none(), !page.contains("<p>"), "{status}");
        }
    }
}
