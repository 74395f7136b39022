//! HTTP/1.1 as a client speaks it, sans-I/O: requests to send, and the responses in the bytes that come back.
//!
//! One request at a time goes over a connection. Nothing here follows a redirect, asks for a compressed body or knows
//! of TLS: the caller has the connection, its deadlines, and the bytes that come when none are expected.

mod error;
mod framing;
mod head;
mod response;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt::Write;

use base64ct::{Base64, Encoding};

use crate::http::path::{escape_location, unescape};
use crate::http::response::{is_token, is_value};
use crate::http::url::Url;

pub use error::ResponseError;
pub use response::{Response, ResponseHead, ResponseReader};

/// The name and version in the field User-Agent.
const USER_AGENT: &str = concat!("Millstream/", env!("CARGO_PKG_VERSION"));

/// The fields that [`Request::encode`] writes itself, and those that would change how a request is framed.
const OWN_FIELDS: [&str; 6] =
    ["Host", "User-Agent", "Authorization", "Content-Length", "Connection", "Transfer-Encoding"];

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET: what is asked stands in the URL.
    Get,
    /// POST: what is asked stands in the body.
    Post,
}

/// A request to a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// GET or POST.
    pub method: Method,
    /// Where it goes. Its user and password are sent as Basic authentication.
    pub url: Cow<'a, Url>,
    /// Further fields in the order in which they are sent; see [`Request::encode`].
    pub headers: Vec<(&'static str, String)>,
    /// The body of a POST; not sent with GET.
    pub body: Vec<u8>,
}

impl Request<'_> {
    /// The bytes of the request, with Host, User-Agent, Authorization if the URL has a user, and the Content-Length of
    /// a POST (RFC 9112, section 3).
    ///
    /// Fields that cannot be written as one line, and those that it writes itself, are not sent: a value from a client
    /// cannot add a field of its own.
    pub fn encode(&self) -> Vec<u8> {
        let method = match self.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        let mut text = String::with_capacity(512);
        // Writing to a String cannot fail.
        let _ = write!(text, "{method} {} HTTP/1.1\r\n", escape_location(&self.url.target));
        let mut line = |name: &str, value: &str| {
            text.extend([name, ": ", value, "\r\n"]);
        };
        line("Host", &escape_location(&self.url.authority()));
        line("User-Agent", USER_AGENT);
        if let Some(user_info) = &self.url.user_info {
            line("Authorization", &basic(user_info));
        }
        if self.method == Method::Post {
            line("Content-Length", &self.body.len().to_string());
        }
        for (name, value) in self.headers.iter().filter(|(name, value)| may_send(name, value)) {
            line(name, value);
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        if self.method == Method::Post {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// Credentials for Basic authentication (RFC 7617, section 2).
fn basic(user_info: &str) -> String {
    let decoded = unescape(user_info).unwrap_or_default();
    let joiner = if user_info.contains(':') { "" } else { ":" };
    format!("Basic {}", Base64::encode_string([&decoded, joiner].concat().as_bytes()))
}

fn may_send(name: &str, value: &str) -> bool {
    is_token(name) && is_value(value) && !OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name))
}
