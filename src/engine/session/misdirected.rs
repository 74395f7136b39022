//! Log lines about misdirected clients: at a port of another protocol, or at a path that does not exist.
//!
//! The lines name the port or the path and what to do instead. How often they are written is limited by `log_limits`.

use crate::engine::Engine;
use crate::engine::config::listener::{Listener, Protocol};
use crate::engine::ctx::Ctx;
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::SessionId;
use crate::engine::session::log_limits::{DetectedProtocol, MAX_METHOD, MAX_PATH, shortened};
use crate::http::path;

impl Engine {
    /// Logs that a client speaks another protocol than its port.
    pub(in crate::engine) fn note_wrong_port(&mut self, id: SessionId, spoken: DetectedProtocol) {
        let Some(peer) = self.cx.sessions.get(id).map(|session| session.peer.host()) else { return };
        let Some(others) = self.cx.log_limits.wrong_port.admit(self.cx.now.instant) else { return };
        let hint = match spoken {
            DetectedProtocol::Rtmp => {
                self.port_of(Protocol::Rtmp, false).map(|port| format!(": publish to port {port}"))
            }
            DetectedProtocol::Http => {
                self.port_of(Protocol::Http, false).map(|port| format!(": HTTP is at port {port}"))
            }
            DetectedProtocol::Tls => {
                let own = if self.is_http(id) { Protocol::Http } else { Protocol::Rtmp };
                let name = if self.is_http(id) { "https" } else { "rtmps" };
                Some(match self.port_of(own, true) {
                    Some(port) => format!(": {name} is at port {port}"),
                    None => ": TLS (https, rtmps) is not spoken here".to_owned(),
                })
            }
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

    /// The first port in the configuration for a protocol, encrypted or not.
    fn port_of(&self, protocol: Protocol, is_encrypted: bool) -> Option<u16> {
        let is_meant =
            |listener: &&Listener| listener.protocol == protocol && listener.is_encrypted() == is_encrypted;
        let mut listeners = self.cx.listeners.iter().filter(is_meant);
        listeners.find_map(|listener| listener.address.port()).filter(|port| *port != 0)
    }
}

impl Ctx {
    /// Logs that a request is answered with 404, and why if that is known, unless its location has `log_not_found off`.
    pub(in crate::engine) fn note_not_found(&mut self, request: &HttpRequest, why: Option<&str>) {
        let (path, _) = request.head.target.split_once('?').unwrap_or((&request.head.target, ""));
        // By the path that was requested: an internal redirect may have led to an error page elsewhere.
        let found = path::resolve(path).ok().and_then(|path| request.locations.find(request.server, &path));
        if !request.locations.logs_not_found(found.map_or(request.location, |(location, _)| location)) {
            return;
        }
        let path = shortened(path, MAX_PATH);
        let Some(others) = self.log_limits.not_found.admit(&path, self.now.instant) else { return };
        let (id, peer) = (request.session, request.peer.host());
        let method = shortened(request.method.as_str(), MAX_METHOD);
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        log::info!("{id} {peer}: {method} {path} is not there (404){why}{others}");
    }
}
