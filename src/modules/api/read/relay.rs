//! What is told of a relay.

use serde::Serialize;

use super::parts::{bits, ms, ms_since};
use crate::engine::{Ctx, Relay, RelayState, SessionId};

/// A push or a pull.
#[derive(Debug, Serialize)]
pub struct RelayFacts<'a> {
    id: u64,
    kind: &'static str,
    /// The stream here.
    app: &'a str,
    stream: &'a str,
    source: &'static str,
    /// The other end that is used, or tried next, without what may be a key.
    target: &'a str,
    /// All of them, in the order in which they are tried.
    targets: Vec<&'a str>,
    state: &'static str,
    /// How long it has been in this state.
    state_ms: u64,
    /// The rest of the wait before the next try.
    next_try_in_ms: Option<u64>,
    /// The number that its connection has in the log.
    client: Option<u32>,
    bytes: u64,
    bits_per_second: u64,
    /// Frames that the other server has not got, as it was too slow.
    dropped: u64,
    reconnects: u64,
    /// Tries that have failed since it has run for 30 s.
    failures: u32,
    /// Why it has failed last.
    last_error: Option<&'a str>,
}

impl<'a> RelayFacts<'a> {
    pub fn new(cx: &'a Ctx, relay: &'a Relay) -> Self {
        let now = cx.now.instant;
        let next_try = match relay.state {
            RelayState::Waiting(until) => Some(until),
            RelayState::Connecting | RelayState::Running | RelayState::Standby => None,
        };
        Self {
            id: relay.id.0,
            kind: relay.kind.name(),
            app: cx.apps.get(relay.app).map_or("", |app| &app.name),
            stream: relay.name.as_str(),
            source: relay.spec.source.name(),
            target: relay.target().map_or("", |target| &target.shown),
            targets: relay.spec.targets.iter().map(|target| target.shown.as_str()).collect(),
            state: relay.state.name(),
            state_ms: ms_since(Some(relay.since), now),
            next_try_in_ms: next_try.map(|until| ms(until.saturating_duration_since(now))),
            client: relay.session.map(SessionId::serial),
            bytes: relay.bytes,
            bits_per_second: bits(relay.rate.per_second(now)),
            dropped: relay.dropped,
            reconnects: relay.reconnects,
            failures: relay.failures,
            last_error: relay.last_error.as_deref(),
        }
    }
}
