//! SRS: `GET /api/v1/versions|summaries|streams|clients`.

use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use crate::auth::mask;
use crate::engine::{ClientProtocol, Ctx, Session, SessionRole, Stream};
use crate::http::json::to_string;
use crate::media::Kind;

use super::listing::{Part, Question, View, age, app_name, codec, push, push_open, reply};

#[derive(Debug)]
enum List {
    Streams,
    Clients,
}

pub fn question(path: &str, cx: &Ctx) -> Option<Question> {
    let answer = |data: Value| {
        let mut all = envelope(cx);
        all["data"] = data;
        Some(Question::Reply(reply(to_string(&all))))
    };
    match path.strip_prefix("/api/v1/")?.trim_end_matches('/') {
        "versions" => {
            answer(json!({"major": 0, "minor": 1, "revision": 0, "version": env!("CARGO_PKG_VERSION")}))
        }
        "summaries" => answer(summaries(cx)),
        "streams" => Some(Question::List(Box::new(List::Streams), None)),
        "clients" => Some(Question::List(Box::new(List::Clients), None)),
        _ => None,
    }
}

/// What every answer has: the server, and in `service` a word that is another after each start.
fn envelope(cx: &Ctx) -> Value {
    let started = cx.started.wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let pid = std::process::id().to_string();
    json!({"code": 0, "server": "millstream", "service": format!("{started:x}"), "pid": pid})
}

fn summaries(cx: &Ctx) -> Value {
    let (pid, totals) = (std::process::id(), &cx.totals);
    let uptime = cx.now.instant.saturating_duration_since(cx.started.instant).as_secs();
    json!({
        "ok": true, "now_ms": cx.now.wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64,
        "self": {"version": env!("CARGO_PKG_VERSION"), "pid": pid, "srs_uptime": uptime},
        "system": {"conn_srs": cx.sessions.len(), "srs_recv_bytes": totals.bytes_in.total, "srs_send_bytes": totals.bytes_out.total},
    })
}

impl View for List {
    fn begin(&mut self, cx: &Ctx, text: &mut String) {
        let name = if matches!(self, Self::Streams) { "streams" } else { "clients" };
        push_open(text, &envelope(cx), name);
    }

    fn has_clients(&self) -> bool {
        matches!(self, Self::Clients)
    }

    fn write(&mut self, cx: &Ctx, part: Part<'_>, text: &mut String) {
        match (self, part) {
            (Self::Streams, Part::Stream(stream)) => push(text, &describe(cx, stream)),
            (Self::Clients, Part::Client(stream, session, role)) => {
                describe_client(cx, stream, session, role).iter().for_each(|client| push(text, client));
            }
            _ => {}
        }
    }

    fn end(&mut self, _total: usize, text: &mut String) {
        text.push_str("]}");
    }
}

fn describe_client(cx: &Ctx, stream: &Stream, session: &Session, role: &SessionRole) -> Option<Value> {
    let (client, publishes) =
        (session.client().filter(|_| !session.is_relay())?, matches!(role, SessionRole::Publisher { .. }));
    Some(json!({
        "id": session.id.serial().to_string(), "vhost": "__defaultVhost__", "stream": &*stream.label,
        "ip": session.peer.host(), "pageUrl": mask::page(client.page_url()), "swfUrl": mask::page(client.swf_url()),
        "tcUrl": mask::connected(client.tc_url(), app_name(cx, stream)), "url": format!("/{}", stream.label),
        "name": stream.name.as_str(), "type": client_type(session, publishes), "publish": publishes,
        "alive": cx.now.instant.saturating_duration_since(session.opened).as_secs_f64(),
        "send_bytes": session.bytes_out, "recv_bytes": session.bytes_in, "kbps": {"recv_30s": 0, "send_30s": 0},
    }))
}

/// SRS's word for what a client does.
fn client_type(session: &Session, publishes: bool) -> &'static str {
    match session.client_protocol() {
        _ if publishes => "fmle-publish",
        ClientProtocol::Rtmp => "rtmp-play",
        ClientProtocol::HttpFlv | ClientProtocol::WebSocketFlv => "flv-play",
    }
}

fn describe(cx: &Ctx, stream: &Stream) -> Value {
    let (facts, app, now) = (&stream.facts, app_name(cx, stream), cx.now.instant);
    let kbps = |rate: u64| 8 * rate / 1000;
    let publisher = stream.publisher.and_then(|client| cx.sessions.get(client.session));
    let tc_url = publisher.and_then(Session::client).map(|client| mask::connected(client.tc_url(), app));
    json!({
        "id": &*stream.label, "name": stream.name.as_str(), "vhost": "__defaultVhost__", "app": app,
        "tcUrl": tc_url.unwrap_or_default(), "url": format!("/{}", stream.label), "live_ms": age(cx, stream).as_millis() as u64,
        "clients": cx.players_of(stream) + usize::from(publisher.is_some()), "frames": stream.traffic.video_frames,
        "send_bytes": stream.traffic.bytes_out, "recv_bytes": stream.bytes_in,
        "kbps": {"recv_30s": kbps(stream.traffic.all_in.per_second(now)), "send_30s": kbps(stream.traffic.out.per_second(now))},
        "publish": {"active": publisher.is_some(), "cid": publisher.map(|session| session.id.serial().to_string())},
        "video": codec(facts.video_codec, Kind::Video).map(|codec| json!({
            "codec": codec, "profile": facts.video_profile, "level": format!("{:.1}", f64::from(facts.video_level) / 10.0),
            "width": facts.width, "height": facts.height,
        })),
        "audio": codec(facts.audio_codec, Kind::Audio).map(|codec| json!({
            "codec": codec, "sample_rate": facts.sample_rate, "channel": facts.channels, "profile": facts.audio_profile,
        })),
    })
}
