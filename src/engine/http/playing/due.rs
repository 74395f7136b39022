//! The deadlines of an HTTP player: for a publisher to come, for the client to take what it is sent, and for a WebSocket to
//! show that it is there.

use std::time::{Duration, Instant};

use crate::engine::http::UNSERVED;
use crate::engine::http::playing::HttpPlayer;
use crate::engine::session::Session;
use crate::engine::session::deadlines::Due;
use crate::engine::session::player::Player;

/// How long a WebSocket may be silent until it is pinged: proxies end connections on which nothing has been said for a
/// minute, such as that of a player whose publisher is waited for.
const PING: Duration = Duration::from_secs(25);

/// The shortest time between two checks of a player that is sent what it should be.
const SHORTEST: Duration = Duration::from_secs(1);

impl HttpPlayer {
    /// What is due at `now`; `is_live` is whether somebody publishes its stream.
    pub fn due(&self, session: &Session, is_live: bool, now: Instant) -> Due {
        let gets_nothing = session.roles.players().any(Player::awaits_flv_header);
        let output = (!session.out.is_empty()).then(|| session.last_output + self.server.timeout);
        if output.is_some_and(|at| now >= at) {
            return Due::Close("takes nothing of what it is sent");
        }
        let wait = (!is_live || gets_nothing).then_some(self.waits_until);
        if wait.is_some_and(|at| now >= at) {
            return Due::GiveUp(if is_live {
                "its stream has nothing that this player can play"
            } else {
                "nobody has published its stream in time"
            });
        }
        if self.ends_at.is_some_and(|at| now >= at) {
            return Due::GiveUp(UNSERVED);
        }
        let next = output
            .into_iter()
            .chain(wait)
            .chain(self.ends_at)
            .fold(now + PING.min(self.server.timeout.max(SHORTEST)), Instant::min);
        // A ping would wait behind frames, and what the client takes of them shows that it is there.
        if self.websocket.is_none() || !session.out.is_empty() {
            return Due::Later(next);
        }
        match self.pinged.map(|pinged| pinged.max(session.last_output)) {
            Some(pinged) if now >= pinged + self.server.ping_timeout => Due::Close("does not answer a ping"),
            Some(pinged) => Due::Later(next.min(pinged + self.server.ping_timeout)),
            None if now >= session.last_input + PING => Due::Ping(next.min(now + self.server.ping_timeout)),
            None => Due::Later(next.min(session.last_input + PING)),
        }
    }
}
