//! The console: who sees what of it, and what other pages may show of it in a frame.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod actions;
mod embed;
mod sight;

use std::net::SocketAddr;

use serde_json::Value;

use crate::common::http::{Connection, Reply};

/// A token that acts, and one that only reads.
const ACT: &str = "act-0123456789abcdef";
const READ: &str = "read-0123456789abcdef";

/// One GET from an address behind a proxy that is trusted, with further header fields.
fn ask(server: SocketAddr, from: &str, path: &str, fields: &str) -> Reply {
    Connection::open(server).request("GET", path, &format!("X-Forwarded-For: {from}\r\n{fields}"))
}

/// The field that shows a token.
fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// The JSON of an answer.
fn value(reply: &Reply) -> Value {
    assert_eq!(reply.header("content-type"), "application/json", "{reply:?}");
    serde_json::from_str(&reply.text()).unwrap()
}

/// The names of the applications of the live streams in `streams.json`.
fn seen(server: SocketAddr, from: &str, fields: &str) -> Vec<String> {
    let reply = ask(server, from, "/streams.json", fields);
    assert_eq!(reply.status, 200, "{reply:?}");
    let document = value(&reply);
    let streams = document["streams"].as_array().unwrap();
    assert_eq!(document["total"], streams.len(), "who sees some is not told of the others: {document}");
    assert_eq!(document["sees_all"], !fields.is_empty());
    streams.iter().map(|stream| stream["app"].as_str().unwrap().to_owned()).collect()
}
