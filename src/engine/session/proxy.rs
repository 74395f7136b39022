//! Clients behind a proxy: the PROXY header at the beginning of a connection, and the address that it tells.
//!
//! A listener with `proxy_protocol` wants the header. The address counts if the proxy is trusted (`set_real_ip_from`);
//! until it is known, the connection of a trusted proxy counts for no address. The format is `proxy_header.rs`.

use crate::engine::Engine;
use crate::engine::config::listener::{Protocol, Service};
use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;
use crate::engine::limits::connections::Excess;
use crate::engine::peer::Peer;
use crate::engine::session::proxy_header::{HeaderError, Source};
use crate::http::response::NO_ROOM;

impl Engine {
    /// Takes the PROXY header that a session awaits from the front of its input. False if it is not complete, or the
    /// session has been closed.
    pub(in crate::engine) fn take_proxy_header(&mut self, id: SessionId, input: &mut &[u8]) -> bool {
        let Some(session) = self.cx.sessions.get_mut(id) else { return false };
        let Some(header) = &mut session.awaited_header else { return true };
        match header.next(input) {
            Ok(None) => false,
            Ok(Some(source)) => self.cx.believe(id, source),
            Err(why) => {
                self.cx.refuse_header(id, why);
                false
            }
        }
    }
}

impl Ctx {
    /// Whether a peer is a proxy that a service trusts.
    pub(in crate::engine) fn trusts(&self, service: Service, peer: Peer) -> bool {
        match service {
            Service::Rtmp(server) => {
                self.servers.get(server).is_some_and(|server| server.trusted.contains(peer))
            }
            Service::Http(hosts) => self.hosts.get(hosts).is_some_and(|hosts| hosts.trusts(peer)),
        }
    }

    /// Ends the wait for a header with what it tells. False if the session has been closed.
    fn believe(&mut self, id: SessionId, source: Source) -> bool {
        let Some(session) = self.sessions.get_mut(id) else { return false };
        let is_trusted = session.awaited_header.as_ref().is_some_and(|header| header.is_trusted());
        if !is_trusted {
            log::debug!(
                "{id} {}: its PROXY header is ignored, as set_real_ip_from does not name it",
                session.peer
            );
            session.awaited_header = None;
            return true;
        }
        let (proxy, peer) = match source {
            Source::Client(address) => (session.peer, address.into()),
            Source::Own => (session.peer, session.peer),
        };
        let protocol = if session.rtmp().is_some() { Protocol::Rtmp } else { Protocol::Http };
        (session.peer, session.is_told) = (peer, matches!(source, Source::Client(_)));
        if let Err(excess) = self.connections.enter_address(protocol, peer) {
            self.refuse_after_header(id, excess);
            return false;
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.awaited_header = None;
        }
        log::debug!("{id} comes from {peer}, by the proxy {proxy}");
        true
    }

    /// Ends a session whose address has too many connections. The header stays awaited, as nothing has been counted.
    fn refuse_after_header(&mut self, id: SessionId, excess: Excess) {
        let Some(session) = self.sessions.get(id) else { return };
        let (peer, is_told) = (session.peer, session.rtmp().is_none() && !session.is_encrypted);
        self.note_excess(peer, excess);
        let reason = "too many connections from its address";
        if is_told {
            self.send_bytes(id, NO_ROOM);
            self.finish(id, reason);
        } else {
            self.close(id, reason);
        }
    }

    /// Closes a session that does not begin with a header.
    fn refuse_header(&mut self, id: SessionId, why: HeaderError) {
        let Some(session) = self.sessions.get(id) else { return };
        if let Some(others) = self.log_limits.proxy_header.admit(self.now.instant) {
            let peer = session.peer.host();
            log::info!("{id} {peer}: {why}, which the port demands (listen ... proxy_protocol){others}");
        }
        self.close(id, &why.to_string());
    }
}
