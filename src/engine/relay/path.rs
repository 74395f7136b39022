//! The way of a relayed stream: the applications of servers that it has come through, by which one that travels in a circle
//! is found.
//!
//! Each application has an id for as long as its server runs, so that a stream may go from one to the next of the same
//! server. The `connect` of a relay tells the ids on its way so far, its own last; an application that finds itself among
//! them refuses.

use crate::engine::ctx::Ctx;
use crate::engine::ids::{AppId, SessionId};
use crate::engine::relay::state::{Relay, RelayKind};

/// The most applications that a stream comes through.
const MAX_SERVERS: usize = 8;

/// Why a connect is refused that has come through this server.
pub const CIRCLE: &str = "the stream has come through this server already";
const TOO_LONG: &str = "the stream has come through too many servers";

impl Ctx {
    /// Why a client of an application that is the relay of another one is refused, by those that its stream has come
    /// through.
    pub(in crate::engine) fn objection_to_path(&self, app: AppId, path: &str) -> Option<&'static str> {
        let own = self.relays.id_of(app);
        if path.split(',').any(|id| id == own) {
            return Some(CIRCLE);
        }
        (path.split(',').count() >= MAX_SERVERS).then_some(TOO_LONG)
    }

    /// The way of a relay's stream up to here, its application included. That of a pull is the shortest of those who want
    /// it: a client may tell what it likes, and is to keep the stream from nobody. One that closes a circle comes to light
    /// where only that one asks.
    pub(super) fn path_of(&self, relay: &Relay) -> String {
        let before = match relay.kind {
            RelayKind::Push => relay.progress.publisher.and_then(|publisher| self.path_of_session(publisher)),
            RelayKind::Pull => {
                let paths = self.clients_of(relay).map(|id| self.path_of_session(id).unwrap_or_default());
                paths.min_by_key(|path| path.len()).filter(|_| !self.has_viewers(relay))
            }
        };
        self.path_behind(relay.app, before)
    }

    /// The way that a client says its stream has come; any client may say what it likes.
    pub fn relay_path(&self, id: SessionId) -> &str {
        self.path_of_session(id).unwrap_or_default()
    }

    /// The way of what a client asks for by a trial.
    pub(super) fn path_of_trial(&self, app: AppId, client: Option<SessionId>) -> String {
        self.path_behind(app, client.and_then(|client| self.path_of_session(client)))
    }

    /// The way up to here, of which this is known.
    fn path_behind(&self, app: AppId, before: Option<&str>) -> String {
        let own = self.relays.id_of(app);
        before.filter(|path| !path.is_empty()).map_or(own.clone(), |path| format!("{path},{own}"))
    }

    fn path_of_session(&self, id: SessionId) -> Option<&str> {
        Some(&self.sessions.get(id)?.rtmp()?.relay_path)
    }
}
