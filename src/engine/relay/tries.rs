//! The tries of a relay: each is one connection, and after a failure the next one waits a while.
//!
//! The targets of a relay are tried in their order, without a wait between them; after the last one comes the wait, which
//! doubles until a try has run for some time. A try that ends tells its reason once, here.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::calls::destination::Destination;
use crate::engine::config::server::ServerSettings;
use crate::engine::ctx::Ctx;
use crate::engine::ids::{AppId, SessionId};
use crate::engine::relay::connection::{Owner, Refused, RtmpClientState, Stage};
use crate::engine::relay::state::{Relay, RelayEvent, RelayId, RelayKind, RelayState};
use crate::engine::relay::target::Target;
use crate::engine::session::Session;
use crate::engine::session::client::Client;
use crate::engine::work::Action;
use crate::rtmp::client::{Ask, ClientSession, Purpose};
use crate::rtmp::command::Connect;

/// The time of a try until it is connected, and from then on until the other server has accepted its publish, or has sent
/// something of what is played.
pub(super) const TRY_TIME: Duration = Duration::from_secs(10);

/// The longest wait before the next try, unless the first one is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// After a try that has run for so long, failures are forgotten and waits begin anew.
pub(super) const PROVEN: Duration = Duration::from_secs(30);

/// After a try that has run for so long, the next wait is shorter than it would be: the other server is there.
const ACCEPTED: Duration = Duration::from_secs(3);

/// How often a failure is told that is like the one before.
const TOLD_AGAIN: Duration = Duration::from_secs(60);

/// The part of a wait that may be left out at most, so that the relays of a server that has failed do not all come back
/// in the same moment.
const JITTER: u32 = 5;

/// How often the other server may send a relay elsewhere in a minute.
const MOST_MOVES: u32 = 5;
const MOVES_TIME: Duration = Duration::from_secs(60);

/// How often the other server may ask for an authentication before the next try counts as failed.
pub(super) const MOST_AUTHENTICATIONS: u8 = 2;

impl Ctx {
    /// Begins a try of a relay.
    pub(in crate::engine) fn begin_try(&mut self, id: RelayId) {
        let Some(relay) = self.relays.all.get(&id).filter(|relay| relay.session.is_none()) else { return };
        if matches!(relay.state, RelayState::Waiting(at) if at > self.now.instant) {
            return self.schedule_relay_check();
        }
        if relay.kind == RelayKind::Pull && self.has_publisher(relay.app, &relay.name) {
            return self.set_standby(id);
        }
        let Some(target) = relay.target() else { return };
        let Some(server) = self.settings_for(relay.app) else {
            return self.end_relay(id, "its application is gone");
        };
        let ask = ask(relay.kind, target, &relay.progress.auth.0, self.path_of(relay));
        let client = Client::new(&connect_facts(target), "");
        let destination = relay.progress.elsewhere.clone().unwrap_or_else(|| Rc::clone(&target.destination));
        let (app, now) = (relay.app, self.now.instant);
        let state = RtmpClientState {
            protocol: ClientSession::new(ask, &server.rtmp, self.next_seed()),
            owner: Owner::Relay(id),
            destination,
            server,
            app,
            client,
            stage: Stage::Connecting,
            until: Some(now + TRY_TIME),
            pinged: None,
            refusal: None,
            first: None,
        };
        let session = self.open_relay(state);
        if let Some(relay) = self.relays.all.get_mut(&id) {
            relay.session = Some(session);
            relay.progress.tried_at = now;
            (relay.state, relay.since) = (RelayState::Connecting, now);
            log::debug!("{}: connects", relay.head());
        }
        self.count_input(session);
        self.reset_timer(session, now + TRY_TIME);
        self.work.actions.push_back(Action::Connect(session));
        // A pull is looked after from now on.
        self.schedule_relay_check();
    }

    /// What was to begin a try has panicked: the relay waits for the next one.
    pub(in crate::engine) fn try_after_panic(&mut self, id: RelayId) {
        let now = self.now.instant;
        let Some(relay) = self.relays.all.get_mut(&id) else { return };
        let session = relay.session.take_if(|_| relay.state == RelayState::Connecting);
        if relay.session.is_none() {
            (relay.state, relay.since) = (RelayState::Waiting(now + LONGEST_WAIT), now);
        }
        if let Some(session) = session {
            self.close_after_panic(session);
        }
        self.schedule_relay_check();
    }

    /// The settings of the RTMP server to which an application belongs.
    pub(super) fn settings_for(&self, app: AppId) -> Option<Rc<ServerSettings>> {
        let server = self.apps.get(app)?.server;
        Some(Rc::clone(&self.servers.get(server)?.settings))
    }

    /// The publish or play of a relay is accepted.
    pub(super) fn note_running(&mut self, id: RelayId) {
        let now = self.now.instant;
        let Some(relay) = self.relays.all.get_mut(&id) else { return };
        relay.reconnects += u64::from(std::mem::replace(&mut relay.progress.has_run, true));
        (relay.state, relay.since) = (RelayState::Running, now);
        relay.progress.auth = (String::new(), 0);
        relay.progress.others.clear();
        log::info!("{}: the relay runs", relay.head());
        self.tell_of_relay(id, RelayEvent::Began);
        self.schedule_relay_check();
    }

    /// A session ends that is a connection of a relay: the relay tries again.
    pub(in crate::engine) fn end_try(&mut self, id: SessionId, reason: &str) {
        let Some(state) = self.sessions.get_mut(id).and_then(Session::rtmp_client_mut) else { return };
        if std::mem::replace(&mut state.stage, Stage::Ended) == Stage::Ended {
            return;
        }
        let (relay, refusal) = match state.owner {
            Owner::Relay(relay) => (relay, state.refusal),
            Owner::Trial(_) => return self.report_trial(id, reason),
        };
        let Some(session) = self.sessions.get(id) else { return };
        if let Some(found) = self.relays.of_session(session) {
            found.count_dropped(session);
            found.progress.dropped_before = found.dropped;
            self.fail_try(relay, reason, refusal);
        }
    }

    /// A try has failed, or what has run is over.
    fn fail_try(&mut self, id: RelayId, why: &str, refusal: Option<Refused>) {
        let (now, jitter) = (self.now.instant, self.next_seed());
        let Some(relay) = self.relays.all.get_mut(&id) else { return };
        let head = relay.head();
        relay.session = None;
        relay.progress.auth = (String::new(), 0);
        if relay.state == RelayState::Standby {
            return self.schedule_relay_check();
        }
        let (level, is_refusal) = (relay.level_of_failure(why, now), refusal == Some(Refused::There));
        let (wait, has_next) = relay.wait_after_failure(now, jitter);
        let next = now + wait;
        (relay.state, relay.since) = (RelayState::Waiting(next), now);
        relay.last_error = Some(why.into());
        let count = relay.failures;
        let again = if has_next {
            "the next target is tried".to_owned()
        } else {
            format!("next try in {:.1} s", wait.as_secs_f32())
        };
        let times = if count > 1 { format!(", {count} times so far") } else { String::new() };
        log::log!(level, "{head}: {why} ({again}{times})");
        self.tell_of_relay(id, RelayEvent::Failed { why: why.to_owned(), is_refusal, has_next });
        if wait.is_zero() {
            self.work.tries.push_back(id);
        }
        self.schedule_relay_check();
    }

    /// A push has no stream any more, or not yet again: its connection ends.
    pub(super) fn retry_later(&mut self, id: RelayId, session: SessionId) {
        if let Some(relay) = self.relays.all.get_mut(&id) {
            relay.session = None;
            relay.state = RelayState::Waiting(self.now.instant);
        }
        self.finish(session, "its stream has ended meanwhile");
    }

    /// The other server sends a relay to another server, or wants it to connect anew: at once, as nothing has failed.
    pub(super) fn move_relay(&mut self, session: SessionId, destination: Option<Rc<Destination>>) {
        let now = self.now.instant;
        let Some(relay) = self.sessions.get(session).and_then(|session| self.relays.of_session(session))
        else {
            return;
        };
        let (since, count) = relay.progress.moves;
        relay.progress.moves = if now >= since + MOVES_TIME { (now, 1) } else { (since, count + 1) };
        if relay.progress.moves.1 > MOST_MOVES {
            log::debug!("{}: is asked to connect anew too often", relay.head());
            return;
        }
        let host = destination.as_ref().map_or("the same server", |destination| &destination.host);
        log::info!("{}: is asked to connect anew, to {host}", relay.head());
        let id = relay.id;
        relay.progress.elsewhere = destination;
        self.retry(session, id, "connects anew, as the other server has asked");
    }

    /// The other server wants to know who connects: these are the arguments by which the next connection tells it.
    pub(super) fn authenticate_relay(&mut self, session: SessionId, auth: String) {
        let Some(relay) = self.sessions.get(session).and_then(|session| self.relays.of_session(session))
        else {
            return;
        };
        let asked = relay.progress.auth.1 + 1;
        if asked > MOST_AUTHENTICATIONS {
            relay.progress.auth = (String::new(), 0);
            return self.close(session, "the other server asks again for what it has been told");
        }
        let id = relay.id;
        relay.progress.auth = (auth, asked);
        self.retry(session, id, "connects anew, as the other server asks who it is");
    }

    /// Ends a connection of a relay, and begins another one at once.
    pub(super) fn retry(&mut self, session: SessionId, id: RelayId, why: &str) {
        if let Some(found) = self.sessions.get(session)
            && let Some(relay) = self.relays.of_session(found)
        {
            relay.count_dropped(found);
            relay.progress.dropped_before = relay.dropped;
            relay.session = None;
            (relay.state, relay.since) = (RelayState::Waiting(self.now.instant), self.now.instant);
        }
        self.finish(session, why);
        self.work.tries.push_back(id);
    }
}

impl Relay {
    /// Notes a failure. The time until the next try, and whether that is of another target rather than after the last one.
    fn wait_after_failure(&mut self, now: Instant, jitter: u64) -> (Duration, bool) {
        let is_proven = self.is_proven(now);
        if is_proven {
            self.forget_failures();
        } else if self.state == RelayState::Running && now >= self.since + ACCEPTED {
            self.progress.rounds /= 2;
        }
        self.failures = self.failures.saturating_add(1);
        self.progress.elsewhere = None;
        // One that accepts and then fails must not keep the others from their turn.
        let next = if is_proven { self.spec.targets.len() } else { self.current + 1 };
        if next < self.spec.targets.len() {
            self.current = next;
            return (Duration::ZERO, true);
        }
        if self.take_other() {
            return (self.wait_for_other(now), true);
        }
        self.current = 0;
        let first = self.spec.reconnect;
        let (wait, longest) =
            (first.saturating_mul(1 << self.progress.rounds.min(16)), LONGEST_WAIT.max(first));
        self.progress.rounds += u32::from(wait < longest);
        let wait = wait.min(longest);
        let part = u32::try_from(jitter >> 32).unwrap_or_default();
        (wait - (wait / JITTER).mul_f64(f64::from(part) / f64::from(u32::MAX)), false)
    }

    /// Whether it has run for long.
    pub(super) fn is_proven(&self, now: Instant) -> bool {
        self.state == RelayState::Running && now >= self.since + PROVEN
    }

    pub(super) fn has_failures(&self) -> bool {
        self.failures > 0 || self.progress.rounds > 0
    }

    /// What has failed before it has run for long counts no more.
    pub(super) fn forget_failures(&mut self) {
        (self.failures, self.progress.rounds) = (0, 0);
        self.progress.told.clear();
    }

    /// The level of the log line of a failure: the same reason of the same target is told once a minute.
    fn level_of_failure(&mut self, why: &str, now: Instant) -> log::Level {
        let is_old = |(told, at): &(Box<str>, Instant)| **told == *why && now < *at + TOLD_AGAIN;
        if self.progress.told.get(&self.current).is_some_and(is_old) {
            return log::Level::Debug;
        }
        self.progress.told.insert(self.current, (why.into(), now));
        log::Level::Info
    }
}

/// What a relay says when it connects.
pub(super) fn ask(kind: RelayKind, target: &Target, auth: &str, path: String) -> Ask {
    let purpose = match kind {
        RelayKind::Push => Purpose::Publish,
        RelayKind::Pull => Purpose::Play {
            start: target.start,
            duration: target.duration,
            buffer: u32::try_from(target.buffer.as_millis()).unwrap_or(u32::MAX),
        },
    };
    Ask {
        app: target.app.clone(),
        tc_url: target.tc_url.clone(),
        page_url: target.page_url.clone(),
        swf_url: target.swf_url.clone(),
        flash_ver: target.flash_ver.clone(),
        auth: auth.to_owned(),
        path,
        stream: target.stream.clone(),
        purpose,
    }
}

/// What statistics and callbacks know of such a client.
pub(super) fn connect_facts(target: &Target) -> Connect {
    Connect {
        flash_ver: target.flash_ver.clone(),
        tc_url: match target.shown.rsplit_once('/') {
            // The application may be a key.
            Some((shown, _)) if shown.ends_with("/***") => shown.to_owned(),
            _ => target.tc_url.split('?').next().unwrap_or_default().to_owned(),
        },
        page_url: target.page_url.clone(),
        swf_url: target.swf_url.clone(),
        ..Connect::default()
    }
}
