//! An HTTP request on its way through the modules.

use std::net::SocketAddr;

use crate::engine::ids::{LocationId, SessionId};
use crate::engine::now::Now;
use crate::http;

/// An HTTP request and what is known of it.
#[derive(Debug)]
pub struct HttpRequest {
    /// Who asks.
    pub session: SessionId,
    /// The address that asks.
    pub peer: SocketAddr,
    /// The address that is asked, as it is listened on.
    pub local: SocketAddr,
    /// The number of the request on its connection, from 1.
    pub number: u64,
    /// When its first byte was read.
    pub begun: Now,
    /// The position of the server that answers.
    pub server: usize,
    /// The location block.
    pub location: LocationId,
    /// What the location's regular expression has caught, the whole first; empty without groups.
    pub caught: Vec<String>,
    /// The method that came, whatever an error page's request has.
    pub method: http::Method,
    /// The request itself. An internal redirect changes its path and query.
    pub request: http::Request,
    /// Whether an internal redirect has led here.
    pub internal: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    impl HttpRequest {
        /// What a head asks of the first server, from 192.0.2.1.
        pub fn for_test(head: &str) -> Self {
            let request = http::Request::parse(head.as_bytes()).unwrap();
            let begun = Now { instant: std::time::Instant::now(), wall: std::time::SystemTime::UNIX_EPOCH };
            Self {
                session: SessionId::default(),
                peer: ([192, 0, 2, 1], 1000).into(),
                local: ([127, 0, 0, 1], 80).into(),
                number: 1,
                begun,
                server: 0,
                location: LocationId(0),
                caught: Vec::new(),
                method: request.method.clone(),
                request,
                internal: false,
            }
        }
    }
}
