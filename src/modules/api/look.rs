//! What is read.

use serde::Serialize;

use crate::engine::{Answer, Compose, Ctx, HttpRequest, RelayId, SharedAnswer, SharedKey};

use super::actions::relays;
use super::facts::BanFacts;
use super::read::{Clients, OneClient, OneStream, Recorders, RelayFacts, Status, Streams};
use super::reply::{Fault, json_reply};
use super::route::Read;
use crate::auth::tokens::Grant;

/// What there is to ask for.
#[derive(Debug, Serialize)]
struct Index {
    server: &'static str,
    version: &'static str,
    /// Whether who asks may act.
    may_act: bool,
    /// All requests, with their methods.
    requests: &'static [&'static str],
}

/// Beside this list, docs/openapi.json has them.
pub const REQUESTS: &[&str] = &[
    "GET status",
    "GET streams",
    "GET streams/APP/NAME",
    "POST streams/APP/NAME/kick",
    "POST streams/APP/NAME/record",
    "POST streams/APP/NAME/push",
    "POST streams/APP/NAME/pull",
    "GET clients",
    "GET clients/ID",
    "DELETE clients/ID",
    "POST clients/ID/kick",
    "POST clients/ID/redirect",
    "GET bans",
    "POST bans",
    "DELETE bans/ID",
    "GET recorders",
    "GET relays",
    "GET relays/ID",
    "DELETE relays/ID",
    "POST reload",
];

#[derive(Debug, Serialize)]
struct AllBans<'a> {
    bans: Vec<BanFacts<'a>>,
}

#[derive(Debug, Serialize)]
struct AllRelays<'a> {
    relays: Vec<RelayFacts<'a>>,
}

/// Answers what is asked for; `grant` is what whoever asks may do, and `actions` the number of actions so far.
pub fn read(
    cx: &Ctx,
    request: &HttpRequest,
    read: &Read,
    (grant, actions): (Grant, u64),
) -> Result<Answer, Fault> {
    let now = cx.now.instant;
    let composer: Box<dyn Compose> = match read {
        Read::Index => return Ok(Answer::Verbatim(json_reply(200, &index(grant)))),
        // At most a thousand short ones.
        Read::Bans => {
            let bans = AllBans { bans: cx.bans.iter(now).map(|ban| BanFacts::new(ban, now)).collect() };
            return Ok(Answer::Verbatim(json_reply(200, &bans)));
        }
        // At most a few hundred.
        Read::Relays => {
            let relays = AllRelays { relays: cx.relays().map(|relay| RelayFacts::new(cx, relay)).collect() };
            return Ok(Answer::Verbatim(json_reply(200, &relays)));
        }
        Read::Relay(id) => {
            let relay = cx.relay(RelayId(*id)).ok_or_else(|| relays::no_relay(*id))?;
            return Ok(Answer::Verbatim(json_reply(200, &RelayFacts::new(cx, relay))));
        }
        Read::Status => Box::<Status>::default(),
        Read::Streams => Box::new(Streams::new()),
        Read::Stream(path) => {
            let first = path.find(cx)?.into_iter().next();
            Box::new(OneStream::new(first.ok_or_else(|| Fault::not_found("the stream has ended"))?))
        }
        Read::Clients => Box::new(Clients::new()),
        Read::Client(id) => Box::new(OneClient::new(*id)),
        Read::Recorders => Box::new(Recorders::new()),
    };
    // All who may read are told the same, but nothing older than the last action, or than what it has ordered.
    let what = format!("{read:?} {actions} {}", cx.orders_so_far());
    let key = SharedKey { module: "api", location: request.location, what };
    Ok(Answer::Shared(SharedAnswer { key, composer }))
}

fn index(grant: Grant) -> Index {
    Index {
        server: "Millstream",
        version: env!("CARGO_PKG_VERSION"),
        may_act: grant == Grant::Act,
        requests: REQUESTS,
    }
}
