//! The JSON of `streams.json` and `live.json` around the streams.

use std::fmt::Write;

use serde::Serialize;

use crate::engine::Ctx;
use crate::http::json;

use super::site::View;
use super::{MAX_LISTED, milliseconds, run};

/// The end of a document.
pub const END: &str = "}\n";

/// A stream that has ended and whose publisher is waited for.
#[derive(Debug, Serialize)]
pub struct WaitingStream<'a> {
    pub app: &'a str,
    pub name: &'a str,
    /// The rest of the wait, ms.
    pub ends_in_ms: u64,
}

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

/// Adds the streams that have ended and whose publishers are waited for, in the order of their names, each as `show` has
/// it, and how many there are.
pub fn push_waiting(text: &mut String, cx: &Ctx, view: &View, show: impl Fn(&WaitingStream<'_>) -> String) {
    let (now, mut total, mut listed) = (cx.now.instant, 0, Vec::new());
    for (app, id) in view.by_name() {
        let awaited = cx.awaited.of(id, now);
        for (name, until) in awaited.filter(|(name, _)| view.sight.shows_stream(cx, (id, name))) {
            total += 1;
            if listed.len() < MAX_LISTED {
                let ends_in_ms = milliseconds(until.saturating_duration_since(now));
                listed.push(show(&WaitingStream { app, name, ends_in_ms }));
            }
        }
    }
    let listed = listed.join(",");
    // Writing to a String cannot fail.
    let _ = write!(text, r#","waiting_total":{total},"waiting":[{listed}]"#);
}

/// Adds an element of an array, which may follow another one.
pub fn push(text: &mut String, item: &impl Serialize, follows: bool) {
    text.push_str(if follows { "," } else { "" });
    text.push_str(&json::to_string(item));
}
