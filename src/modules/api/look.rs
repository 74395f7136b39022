//! What is read.

use serde::Serialize;

use crate::engine::{Answer, Compose, Ctx, HttpRequest, SharedAnswer, SharedKey};

use super::facts::BanFacts;
use super::read::{Clients, OneClient, OneStream, Recorders, Status, Streams};
use super::reply::{Fault, json_reply};
use super::route::Read;
use super::tokens::Grant;

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
    "GET clients",
    "GET clients/ID",
    "DELETE clients/ID",
    "POST clients/ID/kick",
    "POST clients/ID/redirect",
    "GET bans",
    "POST bans",
    "DELETE bans/ID",
    "GET recorders",
    "POST reload",
];

#[derive(Debug, Serialize)]
struct AllBans<'a> {
    bans: Vec<BanFacts<'a>>,
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
