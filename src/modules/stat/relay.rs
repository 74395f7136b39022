//! Relays in a document: they count as clients, as in nginx, and what they are stands beside these.
//!
//! nginx has no such elements, and tools pass over them.

use std::fmt::Write;

use crate::engine::{Ctx, Relay, RelayState, SessionId, Stream};
use crate::http::json::push_text;
use crate::http::xml;

/// What nginx says of the program of a client that is a relay (ngx_rtmp_relay_module.c).
pub const FLASH_VER: &str = "ngx-local-relay";

/// A relay of a stream.
#[derive(Debug)]
pub struct RelayFacts {
    id: u64,
    kind: &'static str,
    target: String,
    state: &'static str,
    /// The number of its client; 0 while it has no connection.
    client: u32,
    bytes: u64,
    /// Bits a second.
    rate: u64,
    dropped: u64,
    reconnects: u64,
    /// Why it has failed last, unless it runs.
    error: String,
}

impl RelayFacts {
    /// Those of a stream: its pushes, and its pull.
    pub fn of(cx: &Ctx, stream: &Stream) -> Vec<Self> {
        let pull = cx.pull_of(stream.app, &stream.name).filter(|_| !stream.is_file);
        let relays = cx.pushes_of(stream.id).chain(pull);
        relays.map(|relay| Self::new(cx, relay)).collect()
    }

    fn new(cx: &Ctx, relay: &Relay) -> Self {
        let runs = relay.state == RelayState::Running;
        Self {
            id: relay.id.0,
            kind: relay.kind.name(),
            target: relay.target().map_or(String::new(), |target| target.shown.clone()),
            state: relay.state.name(),
            client: relay.session.map_or(0, SessionId::serial),
            bytes: relay.bytes,
            rate: 8 * relay.rate.per_second(cx.now.instant),
            dropped: relay.dropped,
            reconnects: relay.reconnects,
            error: relay.last_error.as_deref().filter(|_| !runs).unwrap_or_default().to_owned(),
        }
    }

    fn texts(&self) -> [(&'static str, &str); 4] {
        [("kind", self.kind), ("target", &self.target), ("state", self.state), ("error", &self.error)]
    }

    fn numbers(&self) -> [(&'static str, u64); 6] {
        [
            ("id", self.id),
            ("client_id", self.client.into()),
            ("bytes", self.bytes),
            ("bw", self.rate),
            ("dropped", self.dropped),
            ("reconnects", self.reconnects),
        ]
    }
}

/// The elements of relays.
pub fn push_xml(text: &mut String, relays: &[RelayFacts]) {
    for relay in relays {
        text.push_str("<relay>");
        for (name, value) in relay.texts() {
            text.extend(["<", name, ">"]);
            xml::push(text, value);
            text.extend(["</", name, ">"]);
        }
        for (name, value) in relay.numbers() {
            // Writing to a String cannot fail.
            let _ = write!(text, "<{name}>{value}</{name}>");
        }
        text.push_str("</relay>\r\n");
    }
}

/// The member with relays, and the comma behind it; nothing without relays.
pub fn push_json(text: &mut String, relays: &[RelayFacts]) {
    if relays.is_empty() {
        return;
    }
    text.push_str("\"relays\":[");
    for (index, relay) in relays.iter().enumerate() {
        text.push_str(if index > 0 { ",{" } else { "{" });
        for (name, value) in relay.texts() {
            text.extend(["\"", name, "\":"]);
            push_text(text, value);
            text.push(',');
        }
        for (index, (name, value)) in relay.numbers().into_iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            // Writing to a String cannot fail.
            let _ = write!(text, "{comma}\"{name}\":{value}");
        }
        text.push('}');
    }
    text.push_str("],");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_are_written_in_both_formats() {
        let relay = RelayFacts {
            id: 3,
            kind: "push",
            target: "rtmp://a.example/live/***".into(),
            state: "waiting",
            client: 0,
            bytes: 7,
            rate: 8,
            dropped: 1,
            reconnects: 2,
            error: "\"<x>\"".into(),
        };
        let (mut xml, mut json) = (String::new(), String::new());
        push_xml(&mut xml, std::slice::from_ref(&relay));
        push_json(&mut json, std::slice::from_ref(&relay));
        assert_eq!(
            xml,
            "<relay><kind>push</kind><target>rtmp://a.example/live/***</target><state>waiting</state>\
             <error>&quot;&lt;x&gt;&quot;</error><id>3</id><client_id>0</client_id><bytes>7</bytes><bw>8</bw>\
             <dropped>1</dropped><reconnects>2</reconnects></relay>\r\n"
        );
        assert_eq!(
            json,
            "\"relays\":[{\"kind\":\"push\",\"target\":\"rtmp://a.example/live/***\",\"state\":\"waiting\",\
             \"error\":\"\\\"<x>\\\"\",\"id\":3,\"client_id\":0,\"bytes\":7,\"bw\":8,\"dropped\":1,\"reconnects\":2}],"
        );
        push_json(&mut json, &[]);
        assert!(json.ends_with("],"));
    }
}
