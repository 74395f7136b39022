//! The JSON of `streams.json` and `live.json` around the streams.

use serde::Serialize;

use crate::engine::Ctx;
use crate::http::json;

use super::run;
use super::site::View;

/// The end of a document.
pub const END: &str = "}\n";

/// Who has been refused for wrong keys, signatures and passwords, since the start of the server.
#[derive(Debug, Default, Serialize)]
pub struct Refused {
    /// Wrong keys, signatures and passwords.
    pub wrong_keys: u64,
    /// Tries that were not looked at, because their addresses are slowed.
    pub slowed: u64,
    /// Requests of viewers of HLS that were answered with 403 or 503.
    pub viewers: u64,
}

impl Refused {
    pub fn new(cx: &Ctx) -> Self {
        let refusals = &cx.refusals;
        Self { wrong_keys: refusals.wrong_keys, slowed: refusals.slowed, viewers: refusals.viewers }
    }
}

/// The beginning of every document: whose it is, and of which second.
pub fn begin(cx: &Ctx, view: &View) -> String {
    let (version, run, second) = (env!("CARGO_PKG_VERSION"), run(cx), last_second(cx));
    let shared = &view.beside.digest;
    format!(
        r#"{{"server":"Millstream","version":"{version}","run":"{run}","second":{second},"shared":"{shared}""#
    )
}

/// The number of the last whole second.
pub fn last_second(cx: &Ctx) -> u64 {
    cx.present_second().saturating_sub(1)
}

/// Adds an element of an array, which may follow another one.
pub fn push(text: &mut String, item: &impl Serialize, follows: bool) {
    text.push_str(if follows { "," } else { "" });
    text.push_str(&json::to_string(item));
}
