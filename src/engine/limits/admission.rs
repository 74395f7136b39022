//! Admission: connections and clients are counted, and those beyond a limit refused.
//!
//! The counts of connections are in `connections.rs`. A refused connection has no session, a refused client gets an
//! answer to its `connect`.

use std::time::Duration;

use crate::engine::Engine;
use crate::engine::config::listener::{Protocol, Service};
use crate::engine::ctx::Ctx;
use crate::engine::ids::{AppId, SessionId};
use crate::engine::limits::connections::Excess;
use crate::engine::limits::descriptors::Descriptors;
use crate::engine::peer::Peer;
use crate::engine::request::{Refusal, Request, RequestKind};
use crate::engine::session::ProtocolState;
use crate::http::response::NO_ROOM;

impl Engine {
    /// Sets the file descriptors of the process; without this, none are reserved for files.
    pub fn limit_descriptors(&mut self, descriptors: Descriptors) {
        self.cx.descriptors = descriptors;
    }

    /// The descriptors of the process.
    pub fn descriptors(&self) -> Descriptors {
        self.cx.descriptors
    }

    /// Counts a connection for which no descriptor is left. Returns the bytes that may be sent to it.
    pub fn refuse_connection(&mut self, listener: usize) -> &'static [u8] {
        self.cx.refusals.descriptors += 1;
        self.cx.listeners.get(listener).map_or(&[], |listener| refusal_bytes(listener.protocol))
    }
}

impl Ctx {
    /// If an application is full: counts a refused client, and returns the reason.
    pub(in crate::engine) fn excess_client(&mut self, app: AppId) -> Option<String> {
        let app = self.apps.get(app)?;
        let most = app.most_clients.filter(|most| app.clients >= *most)?;
        self.refusals.clients += 1;
        Some(format!("{} is full (max_connections {most})", app.name))
    }

    /// Counts a connection; the error for one beyond a limit is the bytes that may be sent to it.
    /// `counted` is the peer for whose address it counts; none while a proxy has not told it.
    pub(in crate::engine) fn admit(
        &mut self,
        service: Service,
        peer: Peer,
        counted: Option<Peer>,
    ) -> Result<(), &'static [u8]> {
        let (protocol, server) = match service {
            Service::Rtmp(server) => (Protocol::Rtmp, Some(server)),
            Service::Http(_) => (Protocol::Http, None),
        };
        let Err(excess) = self.connections.enter(server, counted) else { return Ok(()) };
        self.note_excess(peer, excess);
        Err(refusal_bytes(protocol))
    }

    /// Counts and logs a connection beyond a limit.
    pub(in crate::engine) fn note_excess(&mut self, peer: Peer, excess: Excess) {
        match excess {
            Excess::Connections(block, most) => {
                self.refusals.connections += 1;
                log::warn!("{} is refused: max_connections {most} in {block}", peer.host());
            }
            Excess::PerAddress(block, most) => {
                self.refusals.per_address += 1;
                log::warn!("{} is refused: max_connections_per_address {most} in {block}", peer.host());
            }
        }
    }

    /// Counts a session no more, as a connection and as a client of its application.
    pub(in crate::engine) fn uncount_session(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(id) else { return };
        let (peer, is_encrypted) = (session.counted_peer(), session.tls.is_some());
        let (server, app) = match &session.protocol {
            ProtocolState::Rtmp(state) => (Some(state.server.server), state.app),
            ProtocolState::Http(_) if session.is_control => return,
            ProtocolState::Http(state) => (None, state.player.as_ref().and_then(|player| player.app)),
            ProtocolState::HttpClient(_) => {
                self.backend_connections = self.backend_connections.saturating_sub(1);
                return;
            }
            ProtocolState::RtmpClient(_) => return,
        };
        if is_encrypted {
            self.tls.leave(if server.is_some() { Protocol::Rtmp } else { Protocol::Http });
        }
        self.connections.leave(server, peer);
        if let Some(app) = app.and_then(|app| self.apps.get_mut(app)) {
            debug_assert!(app.clients > 0, "who leaves {} was counted", app.name);
            app.clients = app.clients.saturating_sub(1);
        }
        debug_assert!(self.sessions.len() > 1 || self.connections.is_empty(), "nobody is left to be counted");
    }

    /// Whether a peer is banned from anything.
    pub fn is_banned_from_any(&self, peer: Peer) -> bool {
        !self.bans.is_empty() && self.bans.are_on(peer, self.now.instant)
    }

    /// Whether a peer is banned from a stream.
    pub fn is_banned(&self, peer: Peer, stream: (AppId, &str)) -> bool {
        self.banned_for(peer, stream).is_some()
    }

    /// How long a peer may still not have a stream, if it is banned.
    pub(in crate::engine) fn banned_for(&self, peer: Peer, (app, name): (AppId, &str)) -> Option<Duration> {
        if self.bans.is_empty() {
            return None;
        }
        let app = self.apps.get(app).map_or("", |app| &app.name);
        self.bans.time_left(peer, (app, name), self.now.instant)
    }

    /// Why a request is refused at each gate, as the name may change from one to the next: its client is banned.
    pub(in crate::engine) fn ban_on(&self, request: &Request) -> Option<Refusal> {
        if request.is_relay {
            return None;
        }
        let peer = match &request.kind {
            RequestKind::Connect(_) => return None,
            RequestKind::View(view) => view.peer,
            RequestKind::Publish { .. } | RequestKind::Play { .. } => {
                self.sessions.get(request.session)?.peer
            }
        };
        let left = self.banned_for(peer, (request.app, &request.name))?;
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        Some(Refusal::of_client(format!("your address is banned for another {seconds} s")))
    }

    /// Makes a session a client of an application, and counts it.
    pub(in crate::engine) fn count_client(&mut self, id: SessionId, app: AppId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let place = match &mut session.protocol {
            ProtocolState::Rtmp(state) => &mut state.app,
            ProtocolState::Http(state) => match &mut state.player {
                Some(player) => &mut player.app,
                None => return,
            },
            ProtocolState::HttpClient(_) | ProtocolState::RtmpClient(_) => return,
        };
        debug_assert!(place.is_none(), "a session connects once");
        if place.is_none()
            && let Some(facts) = self.apps.get_mut(app)
        {
            *place = Some(app);
            facts.clients += 1;
        }
    }
}

/// The bytes for a peer that gets no session. In RTMP nothing can be said before a handshake.
fn refusal_bytes(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::Rtmp => &[],
        Protocol::Http => NO_ROOM,
    }
}
