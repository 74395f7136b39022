//! What is looked at from time to time: relays whose wait is over, pulls that nobody wants any more, players that have
//! waited for too long, applications that are gone.

use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::{Endpoint, SessionId};
use crate::engine::relay::state::{Relay, RelayId, RelayKind, RelayState};
use crate::engine::relay::tries::PROVEN;
use crate::engine::request::RequestKind;
use crate::engine::rtmp::publish::LeaveReason;
use crate::engine::session::Session;
use crate::engine::stream::Stream;
use crate::engine::timers::Timer;
use crate::rtmp::command::Level;

/// How often it is looked whether a pull is wanted.
const LOOK: Duration = Duration::from_secs(1);

/// Relays that are checked in one step: for each of them all sessions may be searched for those who wait for it.
const CHECKED_AT_ONCE: usize = 16;

/// How long a player waits for the stream of a pull where players of other streams do not wait (`idle_streams off`).
const PLAYER_WAIT: Duration = Duration::from_secs(10);

/// What is to be done about a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Todo {
    Try,
    End(&'static str),
}

impl Engine {
    /// The timer of relays has expired.
    pub(in crate::engine) fn relay_timer_expired(&mut self) {
        let now = self.cx.now.instant;
        if self.cx.relays.check_at.is_none_or(|at| at > now) {
            return; // another entry has replaced this one
        }
        self.cx.relays.check_at = None;
        if self.cx.relays.unchecked.is_empty() {
            self.cx.relays.unchecked = self.cx.relays.all.keys().copied().collect();
        }
        for _ in 0..CHECKED_AT_ONCE {
            let Some(id) = self.cx.relays.unchecked.pop_front() else { break };
            if self.contain(|engine| engine.check_relay(id)).is_none() {
                self.contain(|engine| engine.cx.try_after_panic(id));
            }
        }
        self.cx.schedule_relay_check();
    }

    fn check_relay(&mut self, id: RelayId) {
        self.end_waits_for(id);
        match self.cx.todo(id) {
            Some(Todo::Try) => self.cx.begin_try(id),
            Some(Todo::End(why)) => self.cx.end_relay(id, why),
            None => {}
        }
    }

    /// Ends the plays of those who have waited for a pull for too long.
    fn end_waits_for(&mut self, id: RelayId) {
        let now = self.cx.now.instant;
        let Some(relay) = self.cx.relay(id).filter(|relay| relay.kind == RelayKind::Pull) else { return };
        if self.cx.apps.get(relay.app).is_none_or(|app| app.policy.idle_streams) {
            return;
        }
        let why =
            relay.last_error.as_deref().unwrap_or("the other server has not sent it in time").to_owned();
        let Some(stream) = self.cx.streams.find(relay.app, &relay.name).filter(|stream| !stream.is_live())
        else {
            return;
        };
        let live_at = relay.progress.live_at;
        let since = |player: &Endpoint| Some(self.player_on(*player)?.joined_at().max(live_at));
        let over: Vec<_> = stream
            .players
            .iter()
            .filter(|player| since(player).is_some_and(|at| now >= at + PLAYER_WAIT))
            .copied()
            .collect();
        for player in over {
            if self.cx.is_http_player(player.session) {
                // Why that is so is not for everybody.
                self.cx.end_live_answer(player.session, "its stream cannot be pulled");
                self.end_http_player(player, &format!("its stream cannot be pulled: {why}"));
                continue;
            }
            let code = (Level::Error, "NetStream.Play.StreamNotFound");
            self.cx.status(player, code, "No such stream");
            self.leave(player, LeaveReason::Ended);
            self.finish_if_idle(player.session, &format!("its stream cannot be pulled: {why}"));
        }
    }

    /// The server drains: pulls end that nobody plays now.
    pub(in crate::engine) fn end_unwanted_pulls(&mut self) {
        let is_over = |relay: &&Relay| relay.kind == RelayKind::Pull && !self.cx.is_wanted(relay);
        let ended: Vec<_> = self.cx.relays().filter(is_over).map(|relay| relay.id).collect();
        ended.into_iter().for_each(|id| self.cx.end_relay(id, "server stops"));
    }

    /// Ends the relays whose applications are gone.
    pub(in crate::engine) fn end_relays_of_gone(&mut self) {
        let ended: Vec<_> = self.cx.relays().filter(|relay| self.cx.is_gone(relay)).map(|r| r.id).collect();
        ended.into_iter().for_each(|id| self.cx.end_relay(id, APP_GONE));
    }
}

const APP_GONE: &str = "its application is gone since a reload, or is not live any more";

impl Ctx {
    /// Sets the timer of relays to the next time at which one of them has something to do.
    pub(in crate::engine) fn schedule_relay_check(&mut self) {
        let now = self.now.instant;
        // A wait that is over already goes on, as there is nothing to relay.
        let due = |relay: &Relay| match (relay.kind, relay.state) {
            (RelayKind::Push, RelayState::Waiting(at)) if at > now => Some(at),
            (RelayKind::Pull, RelayState::Waiting(at)) if at > now => Some(at.min(now + LOOK)),
            (RelayKind::Pull, _) | (_, RelayState::Waiting(_)) => Some(now + LOOK),
            (RelayKind::Push, RelayState::Running) if relay.has_failures() => Some(relay.since + PROVEN),
            (RelayKind::Push, _) => None,
        };
        let rest = (!self.relays.unchecked.is_empty()).then_some(now);
        let Some(next) = rest.or_else(|| self.relays.all.values().filter_map(due).min()) else { return };
        if self.relays.check_at.is_none_or(|at| at != next && (at <= now || at > next)) {
            self.relays.check_at = Some(next);
            self.timers.add(next, Timer::Relays);
        }
    }

    /// What is to be done about a relay now.
    fn todo(&mut self, id: RelayId) -> Option<Todo> {
        let now = self.now.instant;
        let relay = self.relays.all.get_mut(&id)?;
        if relay.is_proven(now) {
            relay.forget_failures();
        }
        let relay = self.relays.all.get(&id)?;
        if self.is_gone(relay) {
            return Some(Todo::End(APP_GONE));
        }
        let is_due = |at: Instant| (now >= at).then_some(Todo::Try);
        let is_live = self.streams.find(relay.app, &relay.name).is_some_and(Stream::is_live);
        if relay.kind == RelayKind::Push {
            return match relay.state {
                RelayState::Waiting(at) if is_live => is_due(at),
                _ => None,
            };
        }
        let (is_wanted, is_draining) = (self.is_wanted(relay), self.is_draining());
        let relay = self.relays.all.get_mut(&id)?;
        if is_live {
            relay.progress.live_at = now;
        }
        if is_wanted {
            relay.progress.wanted_at = now;
        } else if is_draining || now >= relay.progress.wanted_at + relay.spec.linger {
            return Some(Todo::End("nobody plays it any more"));
        }
        match relay.state {
            RelayState::Waiting(at) if is_wanted => is_due(at),
            RelayState::Standby if is_wanted && !is_live => Some(Todo::Try),
            _ => None,
        }
    }

    /// Whether a pull is wanted: by whoever has configured it so, by players, viewers, or those who wait.
    pub fn is_wanted(&self, relay: &Relay) -> bool {
        relay.spec.is_static && !self.is_draining()
            || self.has_viewers(relay)
            || self.clients_of(relay).next().is_some()
    }

    /// Whether the stream of a pull has viewers of HLS.
    pub(super) fn has_viewers(&self, relay: &Relay) -> bool {
        self.viewing.viewers.of_stream(relay.app, relay.name.as_str()) > 0
    }

    /// The clients that play the stream of a pull, or have asked for it and wait. Relays to other servers are none.
    pub(super) fn clients_of<'a>(&'a self, relay: &'a Relay) -> impl Iterator<Item = SessionId> {
        let stream = self.streams.find(relay.app, &relay.name);
        let players = stream.into_iter().flat_map(|stream| &stream.players).map(|player| player.session);
        let is_client = |id: &SessionId| self.sessions.get(*id).is_some_and(|session| !session.is_relay());
        let asks = |session: &&Session| {
            session.suspended.as_ref().is_some_and(|waiting| {
                let request = &waiting.request;
                // Of a viewer of a variant, that is the stream.
                let name = match &request.kind {
                    RequestKind::View(view) => &view.file.name,
                    _ => &request.name,
                };
                matches!(request.kind, RequestKind::Play { .. } | RequestKind::View(_))
                    && request.app == relay.app
                    && name == relay.name.as_str()
            })
        };
        let waiting = (self.suspended > 0).then(|| self.sessions.iter()).into_iter().flatten();
        players.filter(is_client).chain(waiting.filter(asks).map(|session| session.id))
    }

    /// Whether the application of a relay is gone.
    fn is_gone(&self, relay: &Relay) -> bool {
        self.apps.get(relay.app).is_none_or(|app| app.has_ended(self.now.instant))
    }
}
