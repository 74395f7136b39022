//! The metrics of relays.

use std::collections::BTreeMap;

use super::text::{Kind, Text, labels};
use crate::engine::{Ctx, Relay, RelayKind, RelayState, RelaySums};

use Kind::{Counter, Gauge};

/// Relays of the same stream and target; keys by which targets differ are not shown.
#[derive(Debug, Default)]
struct Row {
    relays: u64,
    running: u64,
    sums: RelaySums,
    failures: u64,
}

impl Row {
    fn add(&mut self, relay: &Relay) {
        self.relays += 1;
        self.running += u64::from(relay.state == RelayState::Running);
        self.sums.add(relay.sums());
        self.failures += u64::from(relay.failures);
    }
}

/// The name, the kind, the help, and the value of a row.
type Metric = (&'static str, Kind, &'static str, fn(&Row) -> u64);

/// Writes all of them. There are at most a few hundred relays.
pub fn write(text: &mut Text, cx: &Ctx) {
    write_states(text, cx);
    let mut rows = BTreeMap::<_, Row>::new();
    for relay in cx.relays().filter(|relay| has_row(relay)) {
        rows.entry(labels_of(cx, relay)).or_default().add(relay);
    }
    let metrics: [Metric; 6] = [
        ("relay_targets", Gauge, "Relays of the stream with this target: mostly one.", |row| row.relays),
        ("relay_running", Gauge, "Those of them that run now.", |row| row.running),
        (
            "relay_bytes_total",
            Counter,
            "Bytes that were sent to the other server, or received from it.",
            |row| row.sums.bytes,
        ),
        (
            "relay_frames_dropped_total",
            Counter,
            "Messages that were left out for the other server, as it was too slow.",
            |row| row.sums.dropped,
        ),
        ("relay_reconnects_total", Counter, "How often it has begun to run again.", |row| {
            row.sums.reconnects
        }),
        ("relay_failures", Gauge, "Tries that have failed since it has run for 30 s.", |row| row.failures),
    ];
    for (name, kind, help, value) in metrics {
        text.begin(name, kind, help);
        rows.iter().for_each(|(labels, row)| text.sample(labels, value(row)));
    }
}

/// Relays by what they are and what they do.
fn write_states(text: &mut Text, cx: &Ctx) {
    text.begin(
        "relays",
        Gauge,
        "Relays by kind (push, pull) and state: connecting, running, waiting for the next try, on standby for a publisher here.",
    );
    for kind in [RelayKind::Push, RelayKind::Pull] {
        for state in RelayState::NAMES {
            let is_meant = |relay: &&Relay| relay.kind == kind && relay.state.name() == state;
            let labels = labels(&[("kind", kind.name()), ("state", state)]);
            text.sample(&labels, cx.relays().filter(is_meant).count());
        }
    }
}

/// Whether a relay has metrics of its own. Anybody may ask for a stream of any name, and Prometheus keeps all names: a pull
/// has none before it runs, unless it does not need players.
fn has_row(relay: &Relay) -> bool {
    relay.kind == RelayKind::Push || relay.spec.is_static || relay.has_run()
}

/// The first target names a relay that has several.
fn labels_of(cx: &Ctx, relay: &Relay) -> String {
    let app = cx.apps.get(relay.app).map_or("", |app| app.name.as_str());
    let target = relay.spec.targets.first().map_or("", |target| target.shown.as_str());
    labels(&[("app", app), ("stream", relay.name.as_str()), ("kind", relay.kind.name()), ("target", target)])
}
