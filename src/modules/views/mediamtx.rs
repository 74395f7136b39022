//! MediaMTX: `GET /v3/paths/list` and `GET /v3/paths/get/APP/NAME`.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::engine::{Ctx, HttpReply, SessionRole, Stream, Visit};
use crate::media::Kind;
use crate::media::flv::Codec;

use super::listing::{Question, View, age, client, push, push_open, reply};

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
    fn begin(&mut self, text: &mut String) {
        text.push_str("{\"items\":[");
    }

    fn visit(&mut self, cx: &Ctx, visit: Visit, text: &mut String) {
        match visit {
            Visit::Stream(id) => {
                cx.streams
                    .get(id)
                    .into_iter()
                    .for_each(|stream| push_open(text, &describe(cx, stream), "readers"));
            }
            Visit::Client(..) => {
                if let Some((_, session, SessionRole::Player(_))) = client(cx, visit) {
                    push(text, &json!({"type": "rtmpConn", "id": session.id.serial().to_string()}));
                }
            }
            Visit::StreamEnd(_) => text.push_str("]}"),
            Visit::Partly | Visit::App(_) | Visit::AppEnd(_) => {}
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

/// A path but for its readers. A publisher that is lost leaves it without a source.
fn describe(cx: &Ctx, stream: &Stream) -> Value {
    let is_ready = stream.publisher.is_some();
    let since = cx.now.wall.checked_sub(age(cx, stream)).and_then(|since| Timestamp::try_from(since).ok());
    let since = since.filter(|_| is_ready).map(|since| since.to_string());
    let source =
        stream.publisher.map(|client| json!({"type": "rtmpConn", "id": client.session.serial().to_string()}));
    let codecs = [(stream.facts.video_codec, Kind::Video), (stream.facts.audio_codec, Kind::Audio)];
    let name = |(codec, kind): (Codec, Kind)| match codec {
        Codec::None => None,
        Codec::Avc | Codec::Hevc | Codec::Vvc => Some(codec.name(kind).replace('.', "")),
        Codec::Aac => Some("MPEG-4 Audio".to_owned()),
        Codec::Mp3 => Some("MPEG-1/2 Audio".to_owned()),
        other => Some(other.name(kind).to_owned()),
    };
    let tracks: Vec<_> = codecs.into_iter().filter_map(name).collect();
    let (received, sent) = (stream.bytes_in, stream.traffic.bytes_out);
    json!({
        "name": &*stream.label, "confName": "all_others", "source": source, "tracks": tracks,
        "ready": is_ready, "readyTime": since, "available": is_ready, "availableTime": since,
        "online": is_ready, "onlineTime": since, "inboundBytes": received, "outboundBytes": sent,
        "inboundFramesInError": 0, "bytesReceived": received, "bytesSent": sent,
    })
}
