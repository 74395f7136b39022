//! What is read.

use serde::Serialize;

use crate::engine::{Answer, Ctx};

use super::Api;
use super::bans::BanFacts;
use super::reply::{Fault, json_reply};
use super::route::Read;
use super::settings::Settings;
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

impl Api {
    /// Answers what is asked for; `grant` is what whoever asks may do.
    pub(super) fn read(
        &self,
        cx: &Ctx,
        _settings: &Settings,
        read: &Read,
        grant: Grant,
    ) -> Result<Answer, Fault> {
        let now = cx.now.instant;
        Ok(Answer::Verbatim(match read {
            Read::Index => json_reply(
                200,
                &Index {
                    server: "Millstream",
                    version: env!("CARGO_PKG_VERSION"),
                    may_act: grant == Grant::Act,
                    requests: REQUESTS,
                },
            ),
            // At most a thousand short ones.
            Read::Bans => {
                json_reply(200, &AllBans { bans: self.bans.iter(now).map(|ban| ban.facts(now)).collect() })
            }
            Read::Status
            | Read::Streams
            | Read::Stream(_)
            | Read::Clients
            | Read::Client(_)
            | Read::Recorders => {
                return Err(Fault::not_found("not there yet"));
            }
        }))
    }
}
