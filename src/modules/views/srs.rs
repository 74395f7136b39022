//! SRS: `GET /api/v1/versions|summaries|streams|clients`.

use serde_json::{Value, json};

use crate::engine::{Ctx, SessionRole, Stream, Visit};
use crate::http::json::to_string;
use crate::media::Kind;
use crate::media::flv::Codec;

use super::listing::{Question, View, age, app_name, client, push, reply, without_query};

#[derive(Debug)]
enum List {
    Streams,
    Clients,
}

pub fn question(path: &str, cx: &Ctx) -> Option<Question> {
    let answer = |data: Value| {
        let text = to_string(
            &json!({"code": 0, "server": "millstream", "pid": std::process::id().to_string(), "data": data}),
        );
        Some(Question::Reply(reply(text)))
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

fn summaries(cx: &Ctx) -> Value {
    let (now, totals) = (cx.now, &cx.totals);
    let since = |wall: std::time::SystemTime| wall.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let uptime = now.instant.saturating_duration_since(cx.started.instant).as_secs();
    json!({
        "ok": true,
        "now_ms": since(now.wall).as_millis() as u64,
        "self": {"version": env!("CARGO_PKG_VERSION"), "pid": std::process::id(), "srs_uptime": uptime},
        "system": {"conn_srs": cx.sessions.len(), "srs_recv_bytes": totals.bytes_in.total, "srs_send_bytes": totals.bytes_out.total},
    })
}

impl View for List {
    fn begin(&mut self, text: &mut String) {
        let name = if matches!(self, Self::Streams) { "streams" } else { "clients" };
        text.extend(["{\"code\":0,\"server\":\"millstream\",\"", name, "\":["]);
    }

    fn visit(&mut self, cx: &Ctx, visit: Visit, text: &mut String) {
        match (self, visit) {
            (Self::Streams, Visit::Stream(id)) => {
                cx.streams.get(id).into_iter().for_each(|stream| push(text, &describe(cx, stream)));
            }
            (Self::Clients, Visit::Client(..)) => {
                let Some((stream, session, role)) = client(cx, visit) else { return };
                let (Some(known), publishes) =
                    (session.client(), matches!(role, SessionRole::Publisher { .. }))
                else {
                    return;
                };
                let tc_url = without_query(known.tc_url());
                push(
                    text,
                    &json!({
                        "id": session.id.serial().to_string(), "vhost": "__defaultVhost__", "stream": &*stream.label,
                        "ip": session.peer.host(), "pageUrl": without_query(known.page_url()), "swfUrl": without_query(known.swf_url()),
                        "tcUrl": tc_url, "url": format!("/{}", stream.label), "name": stream.name.as_str(),
                        "type": if publishes { "fmle-publish" } else { "rtmp-play" }, "publish": publishes,
                        "alive": cx.now.instant.saturating_duration_since(session.opened).as_secs_f64(),
                        "send_bytes": session.bytes_out, "recv_bytes": session.bytes_in, "kbps": {"recv_30s": 0, "send_30s": 0},
                    }),
                );
            }
            _ => {}
        }
    }

    fn end(&mut self, _total: usize, text: &mut String) {
        text.push_str("]}");
    }
}

fn describe(cx: &Ctx, stream: &Stream) -> Value {
    let (facts, now) = (&stream.facts, cx.now.instant);
    let kbps = |rate: u64| 8 * rate / 1000;
    let (video, audio) = (facts.video_codec != Codec::None, facts.audio_codec != Codec::None);
    let codec = |codec: Codec, kind| codec.name(kind).replace('.', "");
    json!({
        "id": &*stream.label, "name": stream.name.as_str(), "vhost": "__defaultVhost__", "app": app_name(cx, stream),
        "url": format!("/{}", stream.label), "live_ms": age(cx, stream).as_millis() as u64,
        "clients": stream.players.len() + usize::from(stream.publisher.is_some()), "frames": stream.traffic.video_frames,
        "send_bytes": stream.traffic.bytes_out, "recv_bytes": stream.bytes_in,
        "kbps": {"recv_30s": kbps(stream.traffic.all_in.per_second(now)), "send_30s": kbps(stream.traffic.out.per_second(now))},
        "publish": {"active": stream.publisher.is_some(), "cid": stream.publisher.map(|client| client.session.serial().to_string())},
        "video": video.then(|| json!({
            "codec": codec(facts.video_codec, Kind::Video), "profile": facts.video_profile,
            "level": format!("{:.1}", f64::from(facts.video_level) / 10.0), "width": facts.width, "height": facts.height,
        })),
        "audio": audio.then(|| json!({
            "codec": codec(facts.audio_codec, Kind::Audio), "sample_rate": facts.sample_rate,
            "channel": facts.channels, "profile": facts.audio_profile,
        })),
    })
}
