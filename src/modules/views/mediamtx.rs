//! MediaMTX: `GET /v3/paths/list` and `GET /v3/paths/get/APP/NAME`.

use serde_json::{Value, json};

use crate::engine::{ClientProtocol, Ctx, HttpReply, Session, SessionRole, Stream};
use crate::media::Kind;
use crate::media::flv::Codec;

use super::listing::{Part, Question, View, age, codec, date, push, push_open, reply};

#[derive(Debug)]
struct Paths;

pub fn question(path: &str) -> Option<Question> {
    let only = match path.strip_prefix("/v3/paths/")?.trim_end_matches('/') {
        "list" => None,
        get => Some(get.strip_prefix("get/")?.to_owned()),
    };
    Some(Question::List(Box::new(Paths), only))
}

impl View for Paths {
    fn begin(&mut self, _cx: &Ctx, text: &mut String) {
        text.push_str("{\"items\":[");
    }

    fn write(&mut self, cx: &Ctx, part: Part<'_>, text: &mut String) {
        match part {
            Part::Stream(stream) => push_open(text, &describe(cx, stream), "readers"),
            Part::Client(_, session, SessionRole::Player(_)) if cx.relay_of(session.id).is_none() => {
                push(text, &json!({"type": connection_type(session), "id": session.id.serial().to_string()}));
            }
            Part::StreamEnd => text.push_str("]}"),
            Part::App(_) | Part::Client(..) | Part::AppEnd => {}
        }
    }

    fn end(&mut self, total: usize, text: &mut String) {
        let pages = usize::from(total > 0);
        text.push_str(&format!("],\"itemCount\":{total},\"pageCount\":{pages}}}"));
    }

    fn missing(&self) -> HttpReply {
        let mut reply = reply("{\"status\":\"error\",\"error\":\"path not found\"}".to_owned());
        reply.head.status = 404;
        reply
    }
}

/// MediaMTX's word for the connection of a reader; its own ones do not include FLV.
fn connection_type(session: &Session) -> &'static str {
    match session.client_protocol() {
        ClientProtocol::Rtmp => "rtmpConn",
        ClientProtocol::HttpFlv | ClientProtocol::WebSocketFlv => "flvConn",
    }
}

/// A path but for its readers. A publisher that is lost leaves it without a source.
fn describe(cx: &Ctx, stream: &Stream) -> Value {
    let id = stream.publisher.map(|client| client.session.serial().to_string());
    let (is_ready, since) = (id.is_some(), id.as_ref().and_then(|_| date(cx, age(cx, stream))));
    let tracks = [track(stream.facts.video_codec, Kind::Video), track(stream.facts.audio_codec, Kind::Audio)];
    let (received, sent) = (stream.bytes_in, stream.traffic.bytes_out);
    json!({
        "name": &*stream.label, "confName": "all_others", "source": id.map(|id| json!({"type": "rtmpConn", "id": id})),
        "tracks": tracks.into_iter().flatten().collect::<Vec<_>>(), "ready": is_ready, "readyTime": since,
        "available": is_ready, "availableTime": since, "online": is_ready, "onlineTime": since, "inboundBytes": received,
        "outboundBytes": sent, "inboundFramesInError": 0, "bytesReceived": received, "bytesSent": sent,
    })
}

fn track(of: Codec, kind: Kind) -> Option<String> {
    match of {
        Codec::Aac => Some("MPEG-4 Audio".to_owned()),
        Codec::Mp3 => Some("MPEG-1/2 Audio".to_owned()),
        other => codec(other, kind),
    }
}
