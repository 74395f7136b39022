//! The table of all relays, and what is counted of each.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::engine::ids::{AppId, StreamId};
use crate::engine::relay::connection::{Owner, RtmpClientState};
use crate::engine::relay::state::{Relay, RelayId, RelayKind};
use crate::engine::session::player::Player;
use crate::engine::session::{ProtocolState, Session};

/// All relays.
#[derive(Debug)]
pub(in crate::engine) struct Relays {
    pub all: BTreeMap<RelayId, Relay>,
    pub last: u64,
    /// What the ids of this server's applications are made of.
    seed: u64,
    /// Trials under way.
    pub trials: usize,
    /// When they are checked next.
    pub check_at: Option<Instant>,
    /// Those that are still to be checked this time.
    pub unchecked: VecDeque<RelayId>,
    /// When the log was told last that there are too many.
    pub told_full: Option<Instant>,
}

impl Relays {
    /// None yet. `seed` is for the ids of applications.
    pub fn new(seed: u64) -> Self {
        Self {
            all: BTreeMap::new(),
            last: 0,
            seed,
            trials: 0,
            check_at: None,
            unchecked: VecDeque::new(),
            told_full: None,
        }
    }

    /// The id of an application, by which a stream is found that travels in a circle.
    pub fn id_of(&self, app: AppId) -> String {
        format!("{:016x}", mixed(mixed(self.seed) ^ app.0 as u64))
    }

    /// Removes a relay that is over. Another one that looks like it inherits what it has counted, so that their sums do not
    /// fall.
    pub fn remove(&mut self, id: RelayId) -> Option<Relay> {
        let ended = self.all.remove(&id)?;
        self.all.values_mut().any(|relay| relay.inherit(&ended));
        Some(ended)
    }

    /// The relay of this session.
    pub fn of_session(&mut self, session: &Session) -> Option<&mut Relay> {
        let relay = self.all.get_mut(&session.relay()?)?;
        (relay.session == Some(session.id)).then_some(relay)
    }

    /// Counts bytes that a session has sent, and the frames that it has left out so far.
    pub fn count_sent(&mut self, session: &Session, bytes: u64, now: Instant) {
        let Some(relay) = self.of_session(session) else { return };
        if relay.kind == RelayKind::Push {
            relay.bytes += bytes;
            relay.rate.add(bytes, now);
        }
        relay.count_dropped(session);
    }

    /// Counts bytes that a session has received.
    pub fn count_received(&mut self, session: &Session, bytes: u64, now: Instant) {
        let relay = self.of_session(session).filter(|relay| relay.kind == RelayKind::Pull);
        if let Some(relay) = relay {
            relay.bytes += bytes;
            relay.rate.add(bytes, now);
        }
    }
}

impl Relay {
    /// Counts the frames that its connection has left out so far.
    pub(in crate::engine) fn count_dropped(&mut self, session: &Session) {
        let dropped = session.roles.players().map(Player::dropped).sum::<u64>();
        self.dropped = self.dropped.max(self.progress.dropped_before + dropped);
    }

    /// Whether it publishes this stream to another server.
    pub fn is_push_of(&self, stream: StreamId) -> bool {
        self.kind == RelayKind::Push && self.stream == Some(stream)
    }
}

impl Session {
    /// Whether it is the connection of a relay, or of a trial, which is no client.
    pub fn is_relay(&self) -> bool {
        self.rtmp_client().is_some()
    }

    /// The relay whose connection it is.
    pub fn relay(&self) -> Option<RelayId> {
        match self.rtmp_client()?.owner {
            Owner::Relay(relay) => Some(relay),
            Owner::Trial(_) => None,
        }
    }

    pub(in crate::engine) fn rtmp_client(&self) -> Option<&RtmpClientState> {
        if let ProtocolState::RtmpClient(state) = &self.protocol { Some(state) } else { None }
    }

    pub(in crate::engine) fn rtmp_client_mut(&mut self) -> Option<&mut RtmpClientState> {
        if let ProtocolState::RtmpClient(state) = &mut self.protocol { Some(state) } else { None }
    }
}

/// The finalizer of SplitMix64: a seed's neighbours have numbers that have nothing in common.
fn mixed(seed: u64) -> u64 {
    let mut id = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    id ^ (id >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn applications_of_any_servers_have_other_ids() {
        let all = [0, 1, 7].map(|seed| [0, 1, 2].map(|app| Relays::new(seed).id_of(AppId(app))));
        let ids: BTreeSet<_> = all.as_flattened().iter().collect();
        assert!(ids.len() == 9 && ids.iter().all(|id| id.len() == 16), "{ids:?}");
    }
}
