//! An HTTP request on its way through the modules: its head, its server and its location.
//!
//! Modules read it and decide by [`Route`](crate::engine::Route), and at its location they may say who the user is; all
//! else is changed by the engine, at internal redirects. A request of RTMP is [`Request`](crate::engine::Request).

mod local;

use std::rc::Rc;

use crate::engine::config::listen_on::ListenOn;
use crate::engine::http::locations::Locations;
use crate::engine::http::lookup::Findings;
use crate::engine::ids::{LocationId, SessionId};
use crate::engine::now::Now;
use crate::engine::peer::Peer;
use crate::engine::tls::facts::TlsFacts;
use crate::engine::viewing::admission::Admission;
use crate::http;

/// An HTTP request with all that is known of it.
#[derive(Debug)]
pub struct HttpRequest {
    /// The session.
    pub session: SessionId,
    /// The client, which may be behind a trusted proxy.
    pub peer: Peer,
    /// The client of the connection: its other end, or who a PROXY header tells.
    pub connection_peer: Peer,
    /// Whether a PROXY header has told it.
    pub(in crate::engine) is_told: bool,
    /// What is known of the connection, if it is encrypted.
    pub tls: Option<Rc<TlsFacts>>,
    /// The server's address of the connection.
    pub local: ListenOn,
    /// The number of the request on its connection, from 1.
    pub number: u64,
    /// When its first byte was read.
    pub received_at: Now,
    /// The locations of the configuration at its arrival.
    pub(in crate::engine) locations: Rc<Locations>,
    /// The position of the server that answers.
    pub(in crate::engine) server: u32,
    /// The location block.
    pub location: LocationId,
    /// The captures of the location's regular expression, the whole match first; empty without groups.
    pub captures: Vec<String>,
    /// The method of the client; `head` has another one on the way to an error page.
    pub method: http::Method,
    /// The head. An internal redirect changes its path and query.
    pub head: http::Request,
    /// Whether an internal redirect has led to the present place.
    pub internal: bool,
    /// Whether its location has let it pass: a 404 then is that of a file that is missing.
    pub is_admitted: bool,
    /// Whether its location has a live stream for it, which goes before files: `try_files` leaves it alone.
    pub is_for_stream: bool,
    /// The user, who has shown the right password for the location.
    pub user: Option<String>,
    /// Whether nobody wants to hear of it once it has been answered.
    pub is_forgotten: bool,
    /// What lookups have found for it so far.
    pub findings: Findings,
    /// The files of HLS that may be sent.
    pub admission: Admission,
}

impl HttpRequest {
    /// Whether its client is not known: the connection is that of a trusted proxy, which tells nobody.
    pub fn is_of_proxy(&self) -> bool {
        !self.is_told && self.peer == self.connection_peer && self.locations.trusts(self.location, self.peer)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    impl HttpRequest {
        /// What a head asks of the first server, from 192.0.2.1.
        pub fn for_test(head: &str) -> Self {
            let head = http::Request::parse(head.as_bytes()).unwrap();
            let received_at =
                Now { instant: std::time::Instant::now(), wall: std::time::SystemTime::UNIX_EPOCH };
            Self {
                session: SessionId::default(),
                peer: SocketAddr::from(([192, 0, 2, 1], 1000)).into(),
                connection_peer: SocketAddr::from(([192, 0, 2, 1], 1000)).into(),
                is_told: false,
                tls: None,
                local: SocketAddr::from(([127, 0, 0, 1], 80)).into(),
                number: 1,
                received_at,
                locations: Rc::default(),
                server: 0,
                location: LocationId(0),
                captures: Vec::new(),
                method: head.method.clone(),
                head,
                internal: false,
                is_admitted: false,
                is_for_stream: false,
                user: None,
                is_forgotten: false,
                findings: Findings::default(),
                admission: Admission::default(),
            }
        }
    }
}
