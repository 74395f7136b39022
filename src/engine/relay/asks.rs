//! Pulls that are asked for again, by players and viewers who come while they do not run.

use std::time::{Duration, Instant};

use crate::engine::ctx::Ctx;
use crate::engine::relay::connection::Stage;
use crate::engine::relay::state::{Relay, RelayId, RelaySpec, RelayState};
use crate::engine::session::Session;

/// The shortest time between two tries, however often a pull is asked for.
const ASKED_AGAIN: Duration = Duration::from_secs(1);

/// The most other targets that are kept for the next tries of a pull.
const MAX_OTHERS: usize = 8;

impl Ctx {
    /// A pull is asked for once more. One that waits is tried soon, and with other targets if those are asked for now: whoever
    /// has come first must not keep the stream from all others by arguments that the other server refuses.
    pub(super) fn ask_again(&mut self, id: RelayId, spec: RelaySpec) {
        let now = self.now.instant;
        let Some(relay) = self.relays.all.get(&id) else { return };
        let session = relay.session.and_then(|session| self.sessions.get(session));
        let waits_there = |session: &Session| {
            session.rtmp_client().is_some_and(|state| matches!(state.stage, Stage::Awaiting(_)))
        };
        // One that the other server has accepted goes on if this has been asked for by the last one, too.
        let awaiting = session.filter(|session| waits_there(session)).map(|session| session.id);
        let Some(relay) = self.relays.all.get_mut(&id) else { return };
        match relay.state {
            RelayState::Running | RelayState::Standby => {}
            RelayState::Connecting => {
                relay.propose(spec);
                if let Some(session) = awaiting
                    && now >= relay.progress.tried_at + ASKED_AGAIN
                    && let Some(next) = relay.progress.others.pop_front()
                {
                    let present = std::mem::replace(&mut relay.spec, next);
                    relay.current = 0;
                    relay.propose(present);
                    self.retry(session, id, "another server, or with other arguments, is asked for");
                }
            }
            RelayState::Waiting(at) => {
                relay.propose(spec);
                relay.take_other();
                let soon = now.max(relay.progress.tried_at + ASKED_AGAIN);
                relay.state = RelayState::Waiting(at.min(soon));
                self.work.tries.push_back(id);
            }
        }
    }
}

impl Relay {
    /// Keeps other targets for the next tries.
    fn propose(&mut self, spec: RelaySpec) {
        let others = &mut self.progress.others;
        let is_known = self.spec.is_like(&spec) || others.iter().any(|other| other.is_like(&spec));
        if self.spec.is_asked_by_clients() && !is_known && others.len() < MAX_OTHERS {
            others.push_back(spec);
        }
    }

    /// Puts the other targets that have been asked for first in the place of those that have failed.
    pub(super) fn take_other(&mut self) -> bool {
        let other = self.progress.others.pop_front();
        let is_other = other.is_some();
        if let Some(other) = other {
            (self.spec, self.current, self.progress.elsewhere) = (other, 0, None);
        }
        is_other
    }

    /// The time until the next try with what players have asked for.
    pub(super) fn wait_for_other(&self, now: Instant) -> Duration {
        (self.progress.tried_at + ASKED_AGAIN).saturating_duration_since(now)
    }
}
