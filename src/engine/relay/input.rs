//! What the other server of a relay says and sends.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use crate::auth::adobe;
use crate::engine::Engine;
use crate::engine::calls::destination::Destination;
use crate::engine::ids::SessionId;
use crate::engine::peer::Peer;
use crate::engine::relay::connection::{Owner, Refused, RtmpClientState, Stage};
use crate::engine::relay::state::{RelayKind, RelaySource, TrialResult};
use crate::engine::relay::tries::TRY_TIME;
use crate::engine::rtmp::Effort;
use crate::engine::session::{Life, Session};
use crate::http::url::Authority;
use crate::rtmp::RtmpError;
use crate::rtmp::client::Event;

/// The most events of one session in one step.
const EVENTS_AT_ONCE: usize = 32;

impl Engine {
    /// Whether a session is the connection of a relay, whose media somebody waits for.
    pub fn is_relay(&self, id: SessionId) -> bool {
        self.cx.is_relay(id)
    }

    /// When the time to connect a session is over; none if the engine ends it then.
    pub fn connect_limit(&self, id: SessionId) -> Option<Instant> {
        let state = self.cx.sessions.get(id).and_then(Session::rtmp_client)?;
        state.until
    }

    /// The connection of a relay stands, with the address of the other server.
    pub(in crate::engine) fn relay_connected(&mut self, id: SessionId, peer: SocketAddr) {
        let until = self.cx.now.instant + TRY_TIME;
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        session.peer = Peer::from(peer);
        let Some(state) = session.rtmp_client_mut() else { return };
        state.stage = Stage::Handshaking;
        if matches!(state.owner, Owner::Relay(_)) {
            // To connect has a time of its own, as a name may have several addresses.
            state.until = Some(until);
        }
        log::debug!("{id} is connected to {} ({peer})", state.destination.host);
        let mut out = Vec::new();
        state.protocol.begin(&mut out);
        self.cx.send_bytes(id, &out);
    }

    /// Feeds bytes to the protocol of a relay's session and acts on its events.
    pub(in crate::engine) fn rtmp_client_input(&mut self, id: SessionId, mut input: &[u8]) {
        if let Some(session) = self.cx.sessions.get(id) {
            self.cx.relays.count_received(session, input.len() as u64, self.cx.now.instant);
        }
        let (mut out, mut left) = (Vec::new(), EVENTS_AT_ONCE);
        loop {
            let Some(session) = self.cx.sessions.get_mut(id) else { return };
            if session.life != Life::Open {
                return;
            }
            session.has_more_input = left == 0;
            if session.has_more_input {
                self.cx.resume_input(id);
            }
            let Some(session) = self.cx.sessions.get_mut(id) else { return };
            if session.is_held() {
                session.pending = input.to_vec();
                return;
            }
            let Some(state) = session.rtmp_client_mut() else { return };
            let event = state.protocol.next(&mut input, &mut out);
            if state.protocol.owes_acknowledgement() {
                state.protocol.acknowledge(&mut out);
            }
            self.cx.send_bytes(id, &out);
            out.clear();
            match event {
                Ok(Some(event)) => match self.relay_event(id, event) {
                    Effort::Little => left -= 1,
                    Effort::Long => left = 0,
                },
                Ok(None) => return,
                Err(RtmpError::Handshake(_)) => return self.cx.close(id, "does not speak RTMP"),
                Err(error) => return self.cx.fail(id, &error.to_string()),
            }
        }
    }

    fn relay_event(&mut self, id: SessionId, event: Event) -> Effort {
        match event {
            Event::HandshakeDone => self.set_stage(id, Stage::Asking),
            Event::Began(_) if self.cx.trial_mut(id).is_some() => {
                self.cx.end_trial(id, TrialResult::Accepted);
            }
            Event::Began(msid) => {
                self.relay_began(id, msid);
                return Effort::Long;
            }
            Event::Refused { code, description } => {
                self.end_by_other(id, Refused::There, &words_of(&code, &description));
            }
            Event::Ended { code, description } => {
                self.end_by_other(id, Refused::Ended, &words_of(&code, &description));
                return Effort::Long;
            }
            Event::Authenticate(challenge) => self.answer_challenge(id, &challenge),
            Event::Reconnect(url) => self.reconnect(id, &url),
            Event::Frame(frame) => {
                let state = self.cx.sessions.get(id).and_then(Session::rtmp_client);
                match state.map(|state| state.stage) {
                    Some(Stage::Running(msid)) => return self.handle_frame(id, msid, frame),
                    Some(Stage::Awaiting(msid)) => {
                        self.pulled_begins((id, msid), frame);
                        return Effort::Long;
                    }
                    _ => {}
                }
            }
            Event::LeftOut(what) => self.note_left_out(id, &what),
            Event::Nothing => {}
        }
        Effort::Little
    }

    pub(super) fn set_stage(&mut self, id: SessionId, stage: Stage) {
        if let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::rtmp_client_mut) {
            state.stage = stage;
        }
    }

    /// Answers the other server that asks who connects.
    fn answer_challenge(&mut self, id: SessionId, challenge: &str) {
        let seed = self.cx.next_seed();
        let trial = self.cx.trial_mut(id).map(|running| running.trial.target.login.clone());
        let is_trial = trial.is_some();
        let own = || self.cx.relay_of(id).and_then(|relay| relay.target()?.login.clone());
        let login = trial.unwrap_or_else(own);
        let step = match login {
            Some(login) => adobe::next_step(challenge, (&login.user, &login.password), seed),
            None => Err("wants a user and a password"),
        };
        match step {
            Ok(auth) if is_trial => self.cx.authenticate_trial(id, auth),
            Ok(auth) => self.cx.authenticate_relay(id, auth),
            Err(why) => self.end_by_other(id, Refused::There, why),
        }
    }

    /// The other server wants the relay to connect anew: to the host of this URL, if it names one.
    fn reconnect(&mut self, id: SessionId, url: &str) {
        let Some(state) = self.cx.sessions.get(id).and_then(Session::rtmp_client) else { return };
        let Some(relay) = self.cx.relay_of(id) else { return };
        let original = relay.target().map_or(&state.destination, |target| &target.destination);
        // Whom a backend or a directory may name is not for the server that it has named to say.
        let is_named = matches!(relay.spec.source, RelaySource::Callback | RelaySource::Lookup);
        let is_same =
            |to: &Destination| (&to.host, to.port) == (&state.destination.host, state.destination.port);
        match elsewhere(url, original) {
            Ok(Some(to)) if is_named && !is_same(&to) => {
                log::info!("{}: it is sent to {}, to which nobody here has sent it", relay.head(), to.host);
            }
            Ok(destination) => self.cx.move_relay(id, destination.map(Rc::new)),
            Err(why) => log::info!("{}: {why}, so it is not followed", relay.head()),
        }
    }

    /// A relay's stream came to its end at the other server, or was refused by it.
    fn end_by_other(&mut self, id: SessionId, how: Refused, why: &str) {
        if self.cx.trial_mut(id).is_some() {
            return self.cx.end_trial(id, TrialResult::Refused(why.to_owned()));
        }
        if let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::rtmp_client_mut) {
            state.refusal = Some(how);
        }
        let is_pull = self.cx.relay_of(id).is_some_and(|relay| relay.kind == RelayKind::Pull);
        if is_pull && how == Refused::Ended {
            self.end_pulled(id);
        }
        self.cx.close(id, why);
    }
}

impl RtmpClientState {
    /// Appends what says that nothing more comes, unless nothing has begun.
    pub(in crate::engine) fn say_goodbye(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.stage >= Stage::Asking && self.stage != Stage::Ended {
            self.protocol.unpublish(&mut out);
        }
        out
    }
}

/// What the other server has said, for people: "NetStream.Publish.BadName (description)".
fn words_of(code: &str, description: &str) -> String {
    match (code, description) {
        // The user control message (specification 7.1.7), which has no words.
        ("StreamEOF", _) => "its stream has ended there".to_owned(),
        ("", "") => "refuses without a word".to_owned(),
        ("", text) | (text, "") => text.to_owned(),
        (code, description) => format!("{code} ({description})"),
    }
}

/// The server to which a URL sends a client of `original`; none if it is the same. It must be reached in the same way, or
/// a key might be told to whom it is not meant for.
fn elsewhere(url: &str, original: &Destination) -> Result<Option<Destination>, String> {
    let Some((scheme, rest)) = url.split_once("://") else { return Ok(None) };
    let is_encrypted = match scheme.to_ascii_lowercase().as_str() {
        "rtmp" => false,
        "rtmps" => true,
        _ => return Err("it is asked to connect otherwise than by RTMP".into()),
    };
    if is_encrypted != original.tls.is_some() {
        let kind = if is_encrypted { "with" } else { "without" };
        return Err(format!("it is asked to connect {kind} TLS, other than before"));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = Authority::parse(authority).map_err(|why| format!("it is sent to what {why}"))?;
    let port = authority.port.unwrap_or(if is_encrypted { 443 } else { 1935 });
    Ok(Some(Destination { host: authority.host, port, ..original.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_sent_to_another_host_in_the_same_way_only() {
        let original = Destination { host: "a.example".into(), port: 1935, tls: None, bind: None };
        let host = |url: &str| elsewhere(url, &original).map(|to| to.map(|to| (to.host, to.port)));
        assert_eq!(host(""), Ok(None));
        assert_eq!(host("/live2"), Ok(None));
        assert_eq!(host("rtmp://b.example/live"), Ok(Some(("b.example".into(), 1935))));
        assert_eq!(host("RTMP://u:p@[2001:db8::1]:1936/live"), Ok(Some(("2001:db8::1".into(), 1936))));
        for wrong in [
            "rtmps://b.example/live",
            "http://b.example",
            "rtmp://",
            "rtmp://b:x/",
            "rtmp://b:0/",
            "rtmp://b\n[error] c/",
            "rtmp://b\\c/",
        ] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }
}
