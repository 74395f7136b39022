//! What a run has to say: one line of JSON.

use std::fmt::Write;
use std::time::Duration;

/// The times within which half of all messages came, 99 %, 99.9 %, and all.
pub type Times = [Duration; 4];

/// Those, in parts of 100 000.
pub const PARTS: [usize; 4] = [50_000, 99_000, 99_900, 100_000];

const LATENCY: [&str; 4] = ["latency_p50", "latency_p99", "latency_p999", "latency_max"];
const BASE: [&str; 4] = ["base_p50", "base_p99", "base_p999", "base_max"];

/// Everything measured; bytes, messages and times are those of the measurement alone.
#[derive(Debug, Default)]
pub struct Report {
    pub seconds: f64,
    pub published_messages: u64,
    pub published_bytes: u64,
    pub received_bytes: u64,
    /// Bytes of the player that received least.
    pub least_received: u64,
    pub probe_messages: usize,
    /// Times from a publisher's write to a probe's read.
    pub latency: Times,
    /// The same of the measurement before, if there was one.
    pub base: Option<Times>,
    /// The longest time that a message was sent after it was due.
    pub latest: Duration,
    pub visits: u64,
    /// What was wrong; a run without any is good.
    pub faults: Vec<String>,
    /// Time on a processor: this program's, the server's.
    pub own_time: Duration,
    pub server_time: Duration,
    /// The server's memory, bytes: alone, with its publishers, with all players.
    pub memory: [u64; 3],
}

impl Report {
    /// As JSON.
    pub fn json(&self) -> String {
        let mut fields = vec![
            ("seconds", self.seconds.to_string()),
            ("published_messages", self.published_messages.to_string()),
            ("published_bytes", self.published_bytes.to_string()),
            ("received_bytes", self.received_bytes.to_string()),
            ("least_received", self.least_received.to_string()),
            ("probe_messages", self.probe_messages.to_string()),
            ("latest", seconds(self.latest)),
            ("visits", self.visits.to_string()),
            ("own_time", seconds(self.own_time)),
            ("server_time", seconds(self.server_time)),
        ];
        for (name, time) in LATENCY.into_iter().zip(self.latency) {
            fields.push((name, seconds(time)));
        }
        for (name, time) in BASE.into_iter().zip(self.base.into_iter().flatten()) {
            fields.push((name, seconds(time)));
        }
        for (name, bytes) in
            ["memory_alone", "memory_published", "memory_played"].into_iter().zip(self.memory)
        {
            fields.push((name, bytes.to_string()));
        }
        let faults: Vec<String> = self.faults.iter().map(|fault| quoted(fault)).collect();
        fields.push(("faults", format!("[{}]", faults.join(","))));
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    }
}

fn seconds(time: Duration) -> String {
    time.as_secs_f64().to_string()
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\0'..='\x1f' => _ = write!(out, "\\u{:04x}", letter as u32),
            _ => out.push(letter),
        }
    }
    out + "\""
}
