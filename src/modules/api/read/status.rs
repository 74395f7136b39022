//! The numbers of the whole server.

use serde::Serialize;

use super::parts::{bits, date, ms_since};
use crate::engine::{
    AppId, COMPOSED_AT_ONCE, Compose, Composed, Counted, Ctx, Histogram, Protocol, Refusals, StreamCounts,
    StreamState, Totals,
};
use crate::modules::api::reply::json_reply;

/// Composes the numbers of the whole server. Streams are gone through in steps.
#[derive(Debug, Default)]
pub struct Status {
    /// The next slot of a stream.
    slot: usize,
    counts: StreamCounts,
    /// Live streams by application.
    by_app: Vec<(AppId, usize)>,
}

/// Streams by state.
#[derive(Debug, Serialize)]
struct ByState {
    live: usize,
    lost: usize,
    idle: usize,
    /// Files that are played.
    file: usize,
}

#[derive(Debug, Serialize)]
struct ServerFacts<'a> {
    server: &'static str,
    version: &'static str,
    pid: u32,
    started: Option<String>,
    uptime_ms: u64,
    draining: bool,
    connections: Connections,
    streams: ByState,
    players: usize,
    viewers: usize,
    traffic: Traffic,
    publishes: u64,
    plays: u64,
    frames: Frames,
    errors: Errors,
    refused: Refused,
    callbacks: Callbacks,
    #[serde(rename = "loop")]
    turns: Loop,
    http: Http,
    memory: Memory,
    applications: Vec<AppFacts<'a>>,
}

#[derive(Debug, Serialize)]
struct Connections {
    rtmp: usize,
    http: usize,
    backend: usize,
    rtmp_accepted: u64,
    http_accepted: u64,
    /// Of those of RTMP and HTTP: the encrypted ones.
    rtmps: usize,
    https: usize,
    tls_handshakes: u64,
    tls_failed: u64,
}

#[derive(Debug, Serialize)]
struct Traffic {
    bytes_in: u64,
    bytes_out: u64,
    bits_in_per_second: u64,
    bits_out_per_second: u64,
}

#[derive(Debug, Serialize)]
struct Frames {
    received: u64,
    sent: u64,
    dropped: u64,
}

#[derive(Debug, Serialize)]
struct Errors {
    lost_publishers: u64,
    protocol: u64,
    recordings: u64,
    hls: u64,
    callbacks: u64,
    dropped_reports: u64,
    faults: u64,
}

#[derive(Debug, Serialize)]
struct Refused {
    connections: u64,
    connections_per_address: u64,
    descriptors: u64,
    clients: u64,
    downloads: u64,
    wrong_keys: u64,
    slowed: u64,
    viewers: u64,
    publishers: u64,
}

#[derive(Debug, Serialize)]
struct Callbacks {
    answered: u64,
    failed: u64,
    waiting: usize,
    average_ms: f64,
    waiting_clients: usize,
}

#[derive(Debug, Serialize)]
struct Loop {
    turns: u64,
    average_turn_ms: f64,
    longest_turn_ms: f64,
    longest_wait_ms: f64,
}

#[derive(Debug, Serialize)]
struct Http {
    requests: u64,
    informational: u64,
    success: u64,
    redirection: u64,
    client_error: u64,
    server_error: u64,
}

#[derive(Debug, Serialize)]
struct Memory {
    input: Budget,
    media: Budget,
    hls: Budget,
}

#[derive(Debug, Serialize)]
struct Budget {
    used: u64,
    limit: u64,
}

#[derive(Debug, Serialize)]
struct AppFacts<'a> {
    name: &'a str,
    /// Connected clients of RTMP.
    clients: usize,
    viewers: usize,
    /// Live and lost ones.
    streams: usize,
}

impl Compose for Status {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        let end = cx.streams.slots().min(self.slot + COMPOSED_AT_ONCE);
        for stream in (self.slot..end).filter_map(|slot| cx.streams.any_at(slot)) {
            if matches!(self.counts.add(stream), StreamState::Idle | StreamState::File) {
                continue;
            }
            match self.by_app.iter_mut().find(|(app, _)| *app == stream.app) {
                Some((_, count)) => *count += 1,
                None => self.by_app.push((stream.app, 1)),
            }
        }
        self.slot = end;
        if end < cx.streams.slots() {
            return Composed::Partly;
        }
        Composed::Reply(json_reply(200, &self.facts(cx)))
    }
}

impl Status {
    fn facts<'a>(&self, cx: &'a Ctx) -> ServerFacts<'a> {
        let (totals, now) = (&cx.totals, cx.now.instant);
        let StreamCounts { live, lost, idle, players, files, .. } = self.counts;
        let players = players.saturating_sub(cx.running_pushes());
        let streams_of =
            |app: AppId| self.by_app.iter().find(|(id, _)| *id == app).map_or(0, |(_, count)| *count);
        let viewers = &cx.viewing.viewers;
        let apps = cx.apps.iter().map(|(id, app)| AppFacts {
            name: &app.name,
            clients: app.clients,
            viewers: viewers.of_app(id),
            streams: streams_of(id),
        });
        ServerFacts {
            server: "Millstream",
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            started: date(cx.started.wall),
            uptime_ms: ms_since(Some(cx.started.instant), now),
            draining: cx.is_draining(),
            connections: connections(cx),
            streams: ByState { live, lost, idle, file: files },
            players,
            viewers: viewers.len(),
            traffic: traffic(cx, &totals.bytes_in, &totals.bytes_out),
            publishes: totals.publishes,
            plays: totals.plays,
            frames: Frames {
                received: totals.frames_in,
                sent: totals.frames_out,
                dropped: totals.frames_dropped,
            },
            errors: errors(cx),
            refused: refused(cx.refusals),
            callbacks: Callbacks {
                answered: totals.calls.count(),
                failed: totals.calls_failed,
                waiting: cx.calls_waiting(),
                average_ms: average_ms(&totals.calls),
                waiting_clients: cx.suspended_requests(),
            },
            turns: Loop {
                turns: totals.turns.count(),
                average_turn_ms: average_ms(&totals.turns),
                longest_turn_ms: totals.longest_turn.of_late(now).as_secs_f64() * 1000.0,
                longest_wait_ms: totals.longest_wait.of_late(now).as_secs_f64() * 1000.0,
            },
            http: http(totals),
            memory: memory(cx),
            applications: apps.collect(),
        }
    }
}

fn connections(cx: &Ctx) -> Connections {
    let (rtmp, http) = (cx.connections(Protocol::Rtmp), cx.connections(Protocol::Http));
    Connections {
        rtmp,
        http,
        backend: cx.backend_connections(),
        rtmp_accepted: cx.totals.rtmp_connections,
        http_accepted: cx.totals.http_connections,
        rtmps: cx.tls.rtmps,
        https: cx.tls.https,
        tls_handshakes: cx.tls.handshakes,
        tls_failed: cx.tls.failed,
    }
}

fn traffic(cx: &Ctx, received: &Counted, sent: &Counted) -> Traffic {
    let now = cx.now.instant;
    Traffic {
        bytes_in: received.total,
        bytes_out: sent.total,
        bits_in_per_second: bits(received.per_second(now)),
        bits_out_per_second: bits(sent.per_second(now)),
    }
}

fn errors(cx: &Ctx) -> Errors {
    let totals = &cx.totals;
    Errors {
        lost_publishers: totals.lost_publishers,
        protocol: totals.protocol_errors,
        recordings: totals.recordings_failed,
        hls: totals.hls_failures,
        callbacks: totals.calls_failed,
        dropped_reports: cx.dropped_reports(),
        faults: cx.panics.count(),
    }
}

fn refused(refusals: Refusals) -> Refused {
    Refused {
        connections: refusals.connections,
        connections_per_address: refusals.per_address,
        descriptors: refusals.descriptors,
        clients: refusals.clients,
        downloads: refusals.downloads,
        wrong_keys: refusals.wrong_keys,
        slowed: refusals.slowed,
        viewers: refusals.viewers,
        publishers: refusals.publishers,
    }
}

fn http(totals: &Totals) -> Http {
    let of = |class: u16| totals.answers().find(|(other, _)| *other == class).map_or(0, |(_, count)| count);
    Http {
        requests: totals.http_requests,
        informational: of(1),
        success: of(2),
        redirection: of(3),
        client_error: of(4),
        server_error: of(5),
    }
}

fn memory(cx: &Ctx) -> Memory {
    let memory = cx.memory_use();
    let budget = |(used, limit)| Budget { used, limit };
    Memory { input: budget(memory.input), media: budget(memory.media), hls: budget(memory.files) }
}

fn average_ms(histogram: &Histogram) -> f64 {
    match histogram.count() {
        0 => 0.0,
        count => histogram.sum().as_secs_f64() * 1000.0 / count as f64,
    }
}
