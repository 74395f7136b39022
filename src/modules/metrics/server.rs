//! The metrics of the whole server.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use super::text::{Kind, Text, label};
use crate::engine::{AppId, ClientProtocol, Ctx, Protocol, Refusals, StreamCounts, Totals};

use Kind::{Counter, Gauge};

/// Writes all of them. `counts` is what has been counted by going through the streams.
pub fn write(text: &mut Text, cx: &Ctx, counts: &StreamCounts) {
    write_process(text, cx);
    write_clients(text, cx, counts);
    write_traffic(text, &cx.totals);
    write_errors(text, cx);
    write_loop(text, cx);
    write_memory(text, cx);
}

fn write_process(text: &mut Text, cx: &Ctx) {
    text.begin("build_info", Gauge, "The version of the server; the value is always 1.");
    text.sample(&label("version", env!("CARGO_PKG_VERSION")), 1);
    let started = cx.started.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    text.single(
        "start_time_seconds",
        Gauge,
        "When the server was started, in seconds since 1970.",
        started.as_secs_f64(),
    );
    text.single(
        "draining",
        Gauge,
        "1 while the server takes no new clients and lets the others finish, else 0.",
        u8::from(cx.is_draining()),
    );
}

fn write_clients(text: &mut Text, cx: &Ctx, counts: &StreamCounts) {
    let (rtmp, http) = (cx.connections(Protocol::Rtmp), cx.connections(Protocol::Http));
    text.by(
        "connections",
        Gauge,
        "Open connections by protocol; those to backends are the server's own.",
        "protocol",
        &[("rtmp", rtmp as u64), ("http", http as u64), ("backend", cx.backend_connections() as u64)],
    );
    text.by(
        "connections_accepted_total",
        Counter,
        "Connections that were accepted, by protocol.",
        "protocol",
        &[("rtmp", cx.totals.rtmp_connections), ("http", cx.totals.http_connections)],
    );
    write_tls(text, cx);
    text.by(
        "streams",
        Gauge,
        "Streams by state: live has a publisher, grace waits for a lost one, idle has only players that wait.",
        "state",
        &[("live", counts.live as u64), ("grace", counts.lost as u64), ("idle", counts.idle as u64)],
    );
    text.single(
        "players",
        Gauge,
        "Players of RTMP, HTTP-FLV and WebSocket-FLV, those that wait for a publisher and those of files included. Pushes do not count.",
        counts.players.saturating_sub(cx.running_pushes()),
    );
    text.by(
        "flv_players",
        Gauge,
        "Those of them that take HTTP-FLV or WebSocket-FLV, by protocol.",
        "protocol",
        &[
            (ClientProtocol::HttpFlv.word(), cx.flv_players.http as u64),
            (ClientProtocol::WebSocketFlv.word(), cx.flv_players.websocket as u64),
        ],
    );
    text.single("viewers", Gauge, "Viewers of HLS.", cx.viewing.viewers.len());
    write_applications(text, cx);
    text.single(
        "suspended_requests",
        Gauge,
        "Clients that wait for the decision of a backend or the check of a password.",
        cx.suspended_requests(),
    );
}

/// Encrypted connections and their handshakes.
fn write_tls(text: &mut Text, cx: &Ctx) {
    text.by(
        "tls_connections",
        Gauge,
        "Open connections by protocol that are encrypted; they count in connections, too.",
        "protocol",
        &[("rtmp", cx.tls.rtmps as u64), ("http", cx.tls.https as u64)],
    );
    text.by(
        "tls_handshakes_total",
        Counter,
        "Handshakes of TLS by their result; failed ones include clients of RTMPS without the certificate that ssl_verify_client wants, not those that only left.",
        "result",
        &[("complete", cx.tls.handshakes), ("failed", cx.tls.failed)],
    );
}

/// Several servers may have an application of the same name: for tools it is one.
fn write_applications(text: &mut Text, cx: &Ctx) {
    let mut apps = BTreeMap::<_, (usize, usize)>::new();
    for (id, app) in cx.apps.iter() {
        let (clients, viewers) = apps.entry(app.name.as_str()).or_default();
        *clients += app.clients;
        *viewers += cx.viewing.viewers.of_app(id);
    }
    text.begin(
        "application_clients",
        Gauge,
        "Clients of RTMP that are connected to the application, and players of HTTP-FLV and WebSocket-FLV.",
    );
    apps.iter().for_each(|(name, (clients, _))| text.sample(&label("app", name), clients));
    text.begin("application_viewers", Gauge, "Viewers of HLS of the application.");
    apps.iter().for_each(|(name, (_, viewers))| text.sample(&label("app", name), viewers));
}

/// Who plays files, and what has been sent of them.
pub fn write_files(text: &mut Text, cx: &Ctx, players: &BTreeMap<AppId, usize>) {
    let mut apps = BTreeMap::<_, (usize, u64)>::new();
    for (id, app) in cx.apps.iter().filter(|(_, app)| app.has_files()) {
        let (count, bytes) = apps.entry(app.name.as_str()).or_default();
        *count += players.get(&id).copied().unwrap_or_default();
        *bytes += app.file_bytes;
    }
    text.begin("file_players", Gauge, "Players of files of the application; they count in players, too.");
    apps.iter().for_each(|(name, (count, _))| text.sample(&label("app", name), count));
    text.begin(
        "file_sent_bytes_total",
        Counter,
        "Bytes of media of files of the application queued for players.",
    );
    apps.iter().for_each(|(name, (_, bytes))| text.sample(&label("app", name), bytes));
}

fn write_traffic(text: &mut Text, totals: &Totals) {
    let numbers = [
        ("received_bytes_total", "Bytes received over all connections.", totals.bytes_in.total),
        ("sent_bytes_total", "Bytes sent over all connections.", totals.bytes_out.total),
        ("publishes_total", "Publishers that have begun.", totals.publishes),
        ("plays_total", "Players that have begun, without viewers of HLS.", totals.plays),
        ("frames_received_total", "Messages of audio, video and data from publishers.", totals.frames_in),
        ("frames_sent_total", "Such messages queued for players, once for each player.", totals.frames_out),
        (
            "frames_dropped_total",
            "Such messages left out for players that were too slow, once for each player.",
            totals.frames_dropped,
        ),
        ("http_requests_total", "Requests over HTTP.", totals.http_requests),
        ("commands_started_total", "Commands (exec) that were started.", totals.commands_started),
    ];
    for (name, help, value) in numbers {
        text.single(name, Counter, help, value);
    }
    text.begin("http_responses_total", Counter, "Responses over HTTP by the class of their status.");
    for (class, count) in totals.answers() {
        text.sample(&label("class", &format!("{class}xx")), count);
    }
}

fn write_errors(text: &mut Text, cx: &Ctx) {
    let totals = &cx.totals;
    text.by(
        "errors_total",
        Counter,
        "Errors by kind: publishers whose connections were lost, clients that broke the protocol, recordings and \
         HLS that could not be written, calls to backends without an answer, reports to backends that were \
         dropped, commands (exec) that failed, faults of the server.",
        "kind",
        &[
            ("lost_publisher", totals.lost_publishers),
            ("protocol", totals.protocol_errors),
            ("recording", totals.recordings_failed),
            ("hls", totals.hls_failures),
            ("callback", totals.calls_failed),
            ("dropped_report", cx.dropped_reports()),
            ("command", totals.commands_failed),
            ("fault", cx.panics.count()),
        ],
    );
    let Refusals {
        connections,
        per_address,
        descriptors,
        clients,
        downloads,
        wrong_keys,
        slowed,
        viewers,
        publishers,
        ..
    } = cx.refusals;
    text.by(
        "refusals_total",
        Counter,
        "Refused connections, clients and requests, by the limit that was exceeded.",
        "reason",
        &[
            ("max_connections", connections),
            ("max_connections_per_address", per_address),
            ("descriptors", descriptors),
            ("application_full", clients),
            ("downloads", downloads),
            ("wrong_key", wrong_keys),
            ("slowed", slowed),
            ("viewer", viewers),
            ("publisher", publishers),
        ],
    );
    text.histogram(
        "callback_seconds",
        "Times of calls to backends that were answered, from connecting to the end of the answer.",
        &totals.calls,
    );
    text.single(
        "callbacks_waiting",
        Gauge,
        "Calls to backends that wait or are being made.",
        cx.calls_waiting(),
    );
    text.single("commands_running", Gauge, "Commands (exec) that run.", cx.commands_running());
}

fn write_loop(text: &mut Text, cx: &Ctx) {
    let (totals, now) = (&cx.totals, cx.now.instant);
    text.histogram(
        "turn_seconds",
        "Times of the turns of the server's loop, without reloads; while one lasts, nobody else is served.",
        &totals.turns,
    );
    let seconds = |time: Duration| time.as_secs_f64();
    text.single(
        "longest_turn_seconds",
        Gauge,
        "The longest turn of the last one to two minutes.",
        seconds(totals.longest_turn.of_late(now)),
    );
    text.single(
        "longest_wait_seconds",
        Gauge,
        "The longest time for which a connection may have waited that was ready, in the last one to two minutes.",
        seconds(totals.longest_wait.of_late(now)),
    );
}

fn write_memory(text: &mut Text, cx: &Ctx) {
    let memory = cx.memory_use();
    let budgets = [("input", memory.input), ("media", memory.media), ("hls", memory.files)];
    text.by(
        "memory_bytes",
        Gauge,
        "Memory that is counted against a budget: input of clients, media that is cached or waits for players, \
         HLS in memory.",
        "budget",
        &budgets.map(|(name, (used, _))| (name, used)),
    );
    text.by(
        "memory_limit_bytes",
        Gauge,
        "The size of that budget.",
        "budget",
        &budgets.map(|(name, (_, limit))| (name, limit)),
    );
}
