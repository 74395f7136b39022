//! Methods, header fields, and the errors of both.

use std::error::Error;
use std::fmt;

/// The most header fields in a head.
pub const MAX_HEADERS: usize = 64;

/// An error in a request: the status of the answer, and the text for the log. The connection closes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpError {
    /// Status to answer with.
    pub status: u16,
    /// The fault, for the log.
    pub reason: &'static str,
}

impl HttpError {
    /// The first byte is the version of RTMP.
    pub const RTMP: Self = Self::new(400, "this is RTMP");
    /// The first byte is that of a ClientHello.
    pub const TLS: Self = Self::new(400, "this is TLS");

    pub(super) const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.status)
    }
}

impl Error for HttpError {}

/// The method of a request (RFC 9110, section 9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// GET: the resource is sent.
    Get,
    /// HEAD: only the head of the answer is sent.
    Head,
    /// OPTIONS: the answer lists the methods.
    Options,
    /// Any other token.
    Other(String),
}

impl Method {
    pub(super) fn new(token: &str) -> Self {
        match token {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "OPTIONS" => Self::Options,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The token.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Other(token) => token,
        }
    }
}

/// Header fields in the order they came; at most `MAX_HEADERS`. Names are in lower case, bytes of a
/// value that are no UTF-8 have become U+FFFD.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(pub(super) Vec<(String, String)>);

impl Headers {
    /// The first field of that (lower-case) name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every field of that (lower-case) name.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Removes every field of those (lower-case) names.
    pub fn remove(&mut self, names: &[&str]) {
        self.0.retain(|(key, _)| !names.contains(&key.as_str()));
    }

    /// True if a comma-separated field of that name holds `token`, in any case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name).flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Headers {
    fn from(fields: [(&str, &str); N]) -> Self {
        Self(fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned())).collect())
    }
}
