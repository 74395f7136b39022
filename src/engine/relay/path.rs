//! The way of a relayed stream: the servers that it has come through, by which one that travels in a circle is found.
//!
//! Each server has an id for as long as it runs. The `connect` of a relay tells the ids on its way so far, its own last; a
//! server that finds itself among them refuses.

use crate::engine::ctx::Ctx;
use crate::engine::ids::{AppId, SessionId};
use crate::engine::relay::state::{Relay, RelayKind};

/// The most servers that a stream comes through.
const MAX_SERVERS: usize = 8;

/// Why a connect is refused that has come through this server.
pub const CIRCLE: &str = "the stream has come through this server already";
const TOO_LONG: &str = "the stream has come through too many servers";

impl Ctx {
    /// Why a client that is the relay of another server is refused, by the servers that its stream has come through.
    pub(in crate::engine) fn objection_to_path(&self, path: &str) -> Option<&'static str> {
        let own = format!("{:016x}", self.relays.server);
        if path.split(',').any(|id| id == own) {
            return Some(CIRCLE);
        }
        (path.split(',').count() >= MAX_SERVERS).then_some(TOO_LONG)
    }

    /// The way of a relay's stream up to here, this server included.
    pub(super) fn path_of(&self, relay: &Relay) -> String {
        let before = match relay.kind {
            RelayKind::Push => relay.progress.publisher.and_then(|publisher| self.path_of_session(publisher)),
            RelayKind::Pull => {
                let paths = self.clients_of(relay).filter_map(|session| self.path_of_session(session));
                paths.max_by_key(|path| path.len())
            }
        };
        self.path_behind(relay.app, before)
    }

    /// The way of what a client asks for by a trial.
    pub(super) fn path_of_trial(&self, app: AppId, client: Option<SessionId>) -> String {
        self.path_behind(app, client.and_then(|client| self.path_of_session(client)))
    }

    /// The way up to here, of which this is known.
    fn path_behind(&self, _app: AppId, before: Option<&str>) -> String {
        let own = format!("{:016x}", self.relays.server);
        before.filter(|path| !path.is_empty()).map_or(own.clone(), |path| format!("{path},{own}"))
    }

    fn path_of_session(&self, id: SessionId) -> Option<&str> {
        Some(&self.sessions.get(id)?.rtmp()?.relay_path)
    }
}
