//! Encrypted connections, as net asks about them: which addresses are encrypted, with which settings a handshake
//! is made, and what has come of it.
//!
//! Net makes the handshakes; the session exists since its connection was accepted, and its first step has begun. What the
//! configuration says is `config/tls`.

pub(in crate::engine) mod counts;
pub(in crate::engine) mod facts;
mod plain;
pub(in crate::engine) mod refusal;

use std::collections::HashMap;
use std::sync::Arc;

use crate::conf::Place;
use crate::engine::Engine;
use crate::engine::config::listen_on::ListenOn;
use crate::engine::config::listener::{AddressService, Listener, Protocol, Service};
use crate::engine::config::tls::PlacedTls;
use crate::engine::config::tls::settings::ServerTls;
use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;
use crate::engine::now::Now;
use crate::engine::session::proxy_header::Header;
use crate::engine::session::{ProtocolState, STEP_DEADLINE, Session};
use crate::engine::tls::facts::{TlsFacts, Verifier};

impl Engine {
    /// Whether connections to an address of the machine at the listener at this position are encrypted.
    pub fn is_encrypted(&self, listener: usize, local: &ListenOn) -> bool {
        self.cx.served_at(listener, local).is_some_and(|served| served.is_encrypted)
    }

    /// The settings with which a handshake is made that names a server, or none; in lower case, without a dot at its
    /// end. None if the handshake is to be refused (unrecognized_name), since there is no certificate for it.
    pub fn server_tls(
        &self,
        listener: usize,
        local: &ListenOn,
        server_name: Option<&str>,
    ) -> Option<Arc<ServerTls>> {
        let settings = match self.cx.served_at(listener, local)?.service {
            Service::Rtmp(server) => &self.cx.servers.get(server)?.tls.as_ref()?.settings,
            Service::Http(hosts) => self.cx.hosts.get(hosts)?.tls(server_name.unwrap_or_default())?,
        };
        (!settings.rejects && !settings.certificates.is_empty()).then(|| Arc::clone(settings))
    }

    /// All settings with which handshakes are made, each with its place in the configuration.
    pub fn all_server_tls(&self) -> Vec<(Place, Arc<ServerTls>)> {
        let mut found: Vec<(Place, Arc<ServerTls>)> = Vec::new();
        for service in self.cx.listeners.iter().flat_map(Listener::services) {
            if !service.is_encrypted {
                continue;
            }
            let placed: Vec<_> = match service.service {
                Service::Rtmp(server) => {
                    self.cx.servers.get(server).and_then(|server| server.tls.as_ref()).into_iter().collect()
                }
                Service::Http(hosts) => {
                    self.cx.hosts.get(hosts).map(|hosts| hosts.all_tls().collect()).unwrap_or_default()
                }
            };
            let is_used = |tls: &&PlacedTls| !tls.settings.certificates.is_empty() && !tls.settings.rejects;
            for tls in placed.into_iter().filter(is_used) {
                if !found.iter().any(|(_, other)| *other == tls.settings) {
                    found.push((tls.place.clone(), Arc::clone(&tls.settings)));
                }
            }
        }
        found
    }

    /// The names of the servers that use some settings, in the order of the alphabet.
    pub fn tls_names(&self, settings: &ServerTls) -> Vec<String> {
        let mut names: Vec<_> = self.cx.hosts.iter().flat_map(|hosts| hosts.tls_names(settings)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// By what certificates of clients are verified from now on, for the settings of each server that does. A client that
    /// was verified otherwise passes no more.
    pub fn use_verifiers(&mut self, verifiers: HashMap<Arc<ServerTls>, Arc<Verifier>>) {
        self.cx.verifiers = verifiers;
    }

    /// The handshake of a session is complete.
    pub fn encrypted(&mut self, id: SessionId, facts: TlsFacts, now: Now) {
        self.cx.now = now;
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        log::debug!("{id} {} {}", facts.version, facts.suite);
        let protocol = if session.rtmp().is_some() { Protocol::Rtmp } else { Protocol::Http };
        let session = self.cx.sessions.get(id);
        if let Some(why) = session.and_then(|session| self.cx.refuses_client(session, &facts)) {
            return self.refuse_client(id, &why);
        }
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        if session.tls.is_none() {
            self.cx.tls.enter(protocol);
        }
        session.tls = Some(facts.into());
        // What has to come first inside has its own time.
        match &mut session.protocol {
            ProtocolState::Rtmp(state) => state.idle_since = now.instant,
            ProtocolState::Http(state) => state.waits_since = now.instant,
            ProtocolState::HttpClient(_) | ProtocolState::RtmpClient(_) => {}
        }
        self.cx.wake_no_later_than(id, now.instant + STEP_DEADLINE);
    }

    /// Closes a session of RTMPS whose client has no valid certificate, while its server wants one.
    fn refuse_client(&mut self, id: SessionId, why: &str) {
        let Some(session) = self.cx.sessions.get(id) else { return };
        let (peer, port) = (session.peer.host(), self.cx.port_of_session(session));
        self.cx.tls.failed += 1;
        if let Some(others) =
            self.cx.log_limits.handshake.admit(&format!("{peer} {why}"), self.cx.now.instant)
        {
            log::info!("{id} {peer}: {why} (ssl_verify_client){port}{others}");
        }
        self.cx.close(id, why);
    }

    /// The handshake of a session has failed, or will not be made. (A client that only leaves is
    /// [`lost`](Engine::lost).)
    pub fn handshake_failed(&mut self, id: SessionId, why: &str, now: Now) {
        self.cx.now = now;
        let Some(session) = self.cx.sessions.get(id) else { return };
        let (peer, port) = (session.peer.host(), self.cx.port_of_session(session));
        self.cx.tls.failed += 1;
        if let Some(others) = self.cx.log_limits.handshake.admit(&format!("{peer} {why}"), now.instant) {
            log::info!("{id} {peer}: no TLS: {why}{port}{others}");
        }
        self.cx.close(id, &format!("no TLS: {why}"));
    }

    /// A client has left right after its handshake without a byte.
    pub fn left_after_handshake(&mut self, id: SessionId, now: Now) {
        self.cx.now = now;
        let Some(session) = self.cx.sessions.get(id) else { return };
        // Who refers to an earlier handshake has accepted the certificate then.
        let Some(facts) = session.tls.as_deref().filter(|facts| !facts.is_resumed) else { return };
        let name = facts.server_name.as_deref().map(|name| format!(" of {name}")).unwrap_or_default();
        let why = format!("left after the handshake without a word: it may not accept the certificate{name}");
        self.note_silent_end(id, &why);
    }

    /// A client has left in its handshake without an alert, after the answer to its hello; it has offered this.
    pub fn left_in_handshake(&mut self, id: SessionId, offer: &str, now: Now) {
        self.cx.now = now;
        let why =
            format!("left in the handshake without a word: it may not accept the certificate ({offer})");
        self.note_silent_end(id, &why);
    }

    fn note_silent_end(&mut self, id: SessionId, why: &str) {
        let Some(session) = self.cx.sessions.get(id) else { return };
        let (peer, port) = (session.peer.host(), self.cx.port_of_session(session));
        if let Some(others) =
            self.cx.log_limits.handshake.admit(&format!("{peer} {why}"), self.cx.now.instant)
        {
            log::info!("{id} {peer}: {why}{port}{others}");
        }
    }

    /// Takes the PROXY header that a session awaits from the front of its input, before TLS begins behind it.
    pub fn proxy_header(&mut self, id: SessionId, input: &mut &[u8], now: Now) -> Header {
        self.cx.now = now;
        let before = input.len();
        let is_done = self.take_proxy_header(id, input);
        let taken = (before - input.len()) as u64;
        let Some(session) = self.cx.sessions.get_mut(id) else { return Header::Refused };
        session.bytes_in += taken;
        self.cx.totals.bytes_in.add(taken);
        match (is_done, session.is_ending()) {
            (_, true) => Header::Refused,
            (true, false) => Header::Done,
            (false, false) => Header::Awaited,
        }
    }
}

impl Ctx {
    /// Words for the port of a session, if it is known.
    fn port_of_session(&self, session: &Session) -> String {
        let port = match &session.protocol {
            ProtocolState::Http(state) => state.local.port(),
            ProtocolState::Rtmp(state) => {
                let addresses =
                    self.servers.get(state.server.server).map(|server| server.addresses.as_slice());
                // With several, which one it is has not been kept.
                addresses.and_then(|addresses| match addresses {
                    [only] => only.address.port(),
                    _ => None,
                })
            }
            ProtocolState::HttpClient(_) | ProtocolState::RtmpClient(_) => None,
        };
        port.map_or_else(String::new, |port| format!(" (port {port})"))
    }

    /// How connections to an address of the machine are served, at the listener at this position, or at another one
    /// if a reload has changed the positions.
    fn served_at(&self, listener: usize, local: &ListenOn) -> Option<AddressService> {
        let accepted = self.listeners.get(listener).filter(|listener| listener.may_have(local));
        let found = accepted.or_else(|| self.listeners.iter().find(|other| other.accepts(local)));
        found.map(|listener| listener.served_at(local))
    }
}
