//! What the log says of clients that have come to a port of another protocol, or for what is not there.

use crate::engine::Engine;
use crate::engine::config::listener::Protocol;
use crate::engine::ctx::Ctx;
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::SessionId;
use std::net::IpAddr;

use crate::engine::session::log_limits::{DetectedProtocol, MAX_METHOD, MAX_PATH, shortened};
use crate::http::path;

impl Engine {
    /// A client has turned out to speak another protocol than its port does.
    pub(in crate::engine) fn note_wrong_port(&mut self, id: SessionId, spoken: DetectedProtocol) {
        let Some(peer) = self.cx.sessions.get(id).map(|session| session.peer.ip()) else { return };
        let Some(others) = self.cx.log_limits.wrong_port.admit(self.cx.now.instant) else { return };
        let hint = match spoken {
            DetectedProtocol::Rtmp => {
                self.port_of(Protocol::Rtmp).map(|port| format!(": publish to port {port}"))
            }
            DetectedProtocol::Http => {
                self.port_of(Protocol::Http).map(|port| format!(": HTTP is at port {port}"))
            }
            DetectedProtocol::Tls => Some(": TLS (https, rtmps) is not spoken here".to_owned()),
        };
        let (is, not) = match (spoken, self.is_http(id)) {
            (DetectedProtocol::Rtmp, _) => ("RTMP", "HTTP"),
            (DetectedProtocol::Http, _) => ("HTTP", "RTMP"),
            (DetectedProtocol::Tls, true) => ("TLS", "HTTP"),
            (DetectedProtocol::Tls, false) => ("TLS", "RTMP"),
        };
        let hint = hint.unwrap_or_default();
        log::info!("{id} {peer}: this is {is}, and the port is for {not}{hint}{others}");
    }

    /// The first port, as the configuration has it, at which a protocol is spoken.
    fn port_of(&self, protocol: Protocol) -> Option<u16> {
        let mut listeners = self.listeners.iter().filter(|listener| listener.protocol == protocol);
        listeners.next().map(|listener| listener.address.port()).filter(|port| *port != 0)
    }
}

impl Ctx {
    /// An HTTP request is answered with 404.
    pub(in crate::engine) fn note_not_found(&mut self, request: &HttpRequest) {
        let (path, _) = request.head.target.split_once('?').unwrap_or((&request.head.target, ""));
        // Not where an error page is, to which the request may have been sent.
        let found = path::resolve(path).ok().and_then(|path| self.locations.find(request.server, &path));
        if !self.locations.logs_not_found(found.map_or(request.location, |(location, _)| location)) {
            return;
        }
        let path = shortened(path, MAX_PATH);
        let Some(others) = self.log_limits.not_found.admit(&path, self.now.instant) else { return };
        let (id, peer): (SessionId, IpAddr) = (request.session, request.peer.ip());
        let method = shortened(request.method.as_str(), MAX_METHOD);
        log::info!("{id} {peer}: {method} {path} is not there (404){others}");
    }
}
