//! Relays as people read them.

use serde_json::Value;

use super::table::{Cell, Table, bit_rate, bytes, duration};
use super::values::{label, list, number, text};

/// All relays, and below the table why some do not run.
pub fn table(answer: &Value) -> String {
    let headings = ["ID", "RELAY", "STATE", "FOR", "RATE", "BYTES", "DROPPED", "RECONNECTS"];
    let (mut table, mut failures) = (Table::new(&headings), String::new());
    for relay in list(answer, "relays") {
        table.add(vec![
            Cell::number(number(relay, "id")),
            Cell::Text(ends(relay)),
            Cell::Text(state(relay)),
            Cell::Number(duration(number(relay, "state_ms") / 1000)),
            Cell::Number(bit_rate(number(relay, "bits_per_second"))),
            Cell::Number(bytes(number(relay, "bytes"))),
            Cell::number(number(relay, "dropped")),
            Cell::number(number(relay, "reconnects")),
        ]);
        failures.extend(why(relay).map(|why| format!("{}: {why}\n", ends(relay))));
    }
    let separator = if failures.is_empty() { "" } else { "\n" };
    format!("{}{separator}{failures}", table.text("no relays now"))
}

/// The line about a relay that has failed and does not run again yet.
pub fn failing(relay: &Value) -> Option<String> {
    Some(format!("{}: {}: {}\n", ends(relay), state(relay), why(relay)?))
}

/// "relay 3: live/cam -> rtmp://a.example/live/***; millstream ctl unrelay 3 ends it".
pub fn begun(relay: &Value) -> String {
    let id = number(relay, "id");
    format!(
        "relay {id}: {}\n\"millstream ctl relays\" shows how it is; \"millstream ctl unrelay {id}\" ends it",
        ends(relay)
    )
}

/// "live/cam -> rtmp://a.example/live/***".
fn ends(relay: &Value) -> String {
    let arrow = if text(relay, "kind") == "push" { "->" } else { "<-" };
    format!("{} {arrow} {}", label(relay, "stream"), text(relay, "target"))
}

/// "running", "waiting, 3s left".
fn state(relay: &Value) -> String {
    match number(relay, "next_try_in_ms") {
        0 => text(relay, "state"),
        left => format!("{}, {} left", text(relay, "state"), duration(left.div_ceil(1000))),
    }
}

fn why(relay: &Value) -> Option<String> {
    Some(text(relay, "last_error")).filter(|why| !why.is_empty() && text(relay, "state") != "running")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn relays_have_a_line_each_and_why_they_fail_stands_below() {
        let answer = json!({"relays": [
            {"id": 1, "kind": "push", "app": "live", "stream": "cam", "target": "rtmps://a.example/rtmp/***",
             "state": "running", "state_ms": 65_000, "bits_per_second": 2_500_000, "bytes": 20_000_000, "dropped": 0,
             "reconnects": 1, "last_error": "the connection was lost"},
            {"id": 12, "kind": "pull", "app": "live", "stream": "far", "target": "rtmp://b.example/live/far",
             "state": "waiting", "state_ms": 0, "next_try_in_ms": 3500, "last_error": "\u{1b}refused"},
        ]});
        assert_eq!(
            table(&answer),
            "\
ID  RELAY                                   STATE               FOR        RATE  BYTES  DROPPED  RECONNECTS
 1  live/cam -> rtmps://a.example/rtmp/***  running           1m05s  2.5 Mbit/s  20 MB        0           1
12  live/far <- rtmp://b.example/live/far   waiting, 4s left     0s     0 bit/s    0 B        0           0

live/far <- rtmp://b.example/live/far: \\u{1b}refused
"
        );
        assert_eq!(table(&json!({"relays": []})), "no relays now\n");
        let relays = answer["relays"].as_array().unwrap();
        assert_eq!(failing(&relays[0]), None);
        assert_eq!(
            failing(&relays[1]).unwrap(),
            "live/far <- rtmp://b.example/live/far: waiting, 4s left: \\u{1b}refused\n"
        );
        assert!(begun(&relays[0]).starts_with("relay 1: live/cam -> rtmps://a.example/rtmp/***\n"));
    }
}
