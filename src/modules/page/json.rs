//! The JSON of `streams.json`, by which the page and scripts learn what is live.
//!
//! The document is put together from pieces: its beginning, one live stream after the other, those that have ended,
//! and [`END`].

use std::fmt::Write;
use std::ops::Not;
use std::time::Duration;

use serde::Serialize;

use crate::engine::StreamFacts;
use crate::http::json;
use crate::media::{Kind, ts};

/// The end of a document.
pub const END: &str = "]}\n";

/// An application, and what of it is in the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct App {
    pub name: String,
    /// The port of its server; none if it has only one with TLS.
    pub rtmp_port: Option<u16>,
    /// Whether that is reached by this machine alone.
    #[serde(skip_serializing_if = "Not::not")]
    pub rtmp_is_local: bool,
    /// The port of its server with TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtmps_port: Option<u16>,
    #[serde(skip)]
    pub is_live: bool,
    #[serde(skip)]
    pub has_hls: bool,
}

#[derive(Debug, Serialize)]
pub struct LiveStream<'a> {
    pub app: &'a str,
    pub name: &'a str,
    /// Since its first publisher began, ms.
    pub uptime_ms: u64,
    /// Bytes of media since then.
    pub bytes_in: u64,
    /// Players without viewers of HLS.
    pub players: usize,
    /// Viewers of HLS; none without it.
    pub hls_viewers: Option<usize>,
    pub video: VideoFacts,
    pub audio: AudioFacts,
    pub rtmp_port: Option<u16>,
    #[serde(skip_serializing_if = "Not::not")]
    pub rtmp_is_local: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtmps_port: Option<u16>,
    /// The path of its playlist on this server.
    pub hls: Option<String>,
    /// Its path on this server as FLV.
    pub flv: Option<String>,
    /// The rest of the wait for a lost publisher, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_in_ms: Option<u64>,
    pub warnings: Vec<&'a str>,
    /// The other servers to which it is published or from which it comes; only for this machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relays: Vec<RelayFacts<'a>>,
}

/// A push or a pull.
#[derive(Debug, Serialize)]
pub struct RelayFacts<'a> {
    /// "push" or "pull".
    pub kind: &'static str,
    /// The other end, without what may be a key.
    pub target: &'a str,
    /// "connecting", "running", "waiting" or "standby".
    pub state: &'static str,
    pub bits_per_second: u64,
    pub dropped: u64,
    pub reconnects: u64,
    /// Why it has failed last, unless it runs.
    pub error: Option<&'a str>,
}

/// The picture of a live stream; zeros are not known.
#[derive(Debug, Serialize)]
pub struct VideoFacts {
    /// "H.264 High"; empty if there is none.
    codec: String,
    width: u32,
    height: u32,
    frame_rate: f64,
    /// Seconds.
    key_interval: f64,
    in_hls: bool,
}

/// The sound of a live stream; zeros are not known.
#[derive(Debug, Serialize)]
pub struct AudioFacts {
    /// "AAC LC"; empty if there is none.
    codec: String,
    sample_rate: u32,
    channels: u8,
    in_hls: bool,
}

/// A stream that has ended and whose publisher is waited for.
#[derive(Debug, Serialize)]
pub struct WaitingStream<'a> {
    pub app: &'a str,
    pub name: &'a str,
    /// The rest of the wait, ms.
    pub ends_in_ms: u64,
}

/// Who has been refused for wrong keys, signatures and passwords, since the start of the server.
#[derive(Debug, Default, Serialize)]
pub struct Refused {
    /// Wrong keys, signatures and passwords.
    pub wrong_keys: u64,
    /// Tries that were not looked at, because their addresses are slowed.
    pub slowed: u64,
    /// Requests of viewers of HLS that were answered with 403 or 503.
    pub viewers: u64,
    /// Addresses that are slowed now, the latest first, at most [`MAX_SLOWED`].
    pub slowed_addresses: Vec<String>,
}

/// The most addresses that a document lists.
pub const MAX_SLOWED: usize = 16;

impl VideoFacts {
    pub fn new(codec: &StreamFacts, key_interval: Option<Duration>, has_hls: bool) -> Self {
        Self {
            codec: joined(codec.video_codec.name(Kind::Video), codec.video_profile),
            width: codec.width,
            height: codec.height,
            frame_rate: if codec.frame_rate.is_finite() { codec.frame_rate } else { 0.0 },
            key_interval: key_interval.unwrap_or_default().as_secs_f64(),
            in_hls: has_hls && ts::carries(codec.video_codec),
        }
    }
}

impl AudioFacts {
    pub fn new(codec: &StreamFacts, has_hls: bool) -> Self {
        Self {
            codec: joined(codec.audio_codec.name(Kind::Audio), codec.audio_profile),
            sample_rate: codec.sample_rate,
            channels: codec.channels,
            in_hls: has_hls && ts::carries(codec.audio_codec),
        }
    }
}

/// The beginning of a document, up to the first of `total` live streams.
pub fn begin<'a>(apps: impl Iterator<Item = &'a App>, refused: &Refused, total: usize) -> String {
    let (version, mut text) = (env!("CARGO_PKG_VERSION"), String::new());
    // Writing to a String cannot fail.
    let _ = write!(text, r#"{{"server":"Millstream","version":"{version}","total":{total},"refused":"#);
    text.push_str(&json::to_string(refused));
    text.push_str(r#","applications":["#);
    push_all(&mut text, apps);
    text.push_str(r#"],"streams":["#);
    text
}

/// Goes from the live streams to those that have ended and are waited for, `total` in all.
pub fn push_waiting<'a>(text: &mut String, waiting: impl Iterator<Item = WaitingStream<'a>>, total: usize) {
    // Writing to a String cannot fail.
    let _ = write!(text, r#"],"waiting_total":{total},"waiting":["#);
    push_all(text, waiting);
}

fn push_all(text: &mut String, items: impl Iterator<Item = impl Serialize>) {
    items.enumerate().for_each(|(index, item)| push(text, &item, index > 0));
}

/// Adds an element of an array, which may follow another one.
pub fn push(text: &mut String, item: &impl Serialize, follows: bool) {
    text.push_str(if follows { "," } else { "" });
    text.push_str(&json::to_string(item));
}

fn joined(codec: &str, profile: &str) -> String {
    [codec, profile].join(" ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::flv::Codec;

    #[test]
    fn a_document_lists_what_is_live() {
        let app = App {
            name: "live".into(),
            is_live: true,
            rtmp_port: Some(1935),
            rtmp_is_local: false,
            rtmps_port: None,
            has_hls: true,
        };
        let codec = StreamFacts {
            video_codec: Codec::Avc,
            video_profile: "High",
            width: 1280,
            height: 720,
            frame_rate: 29.97,
            audio_codec: Codec::Aac,
            sample_rate: 48000,
            channels: 2,
            ..StreamFacts::default()
        };
        let none = StreamFacts { frame_rate: f64::NAN, ..StreamFacts::default() };
        let live = |name, codec, hls: Option<&str>, warnings: &'static [&str]| LiveStream {
            app: &app.name,
            name,
            uptime_ms: 1500,
            bytes_in: 7,
            players: 2,
            hls_viewers: Some(5),
            video: VideoFacts::new(codec, hls.map(|_| Duration::from_millis(1980)), app.has_hls),
            audio: AudioFacts::new(codec, app.has_hls),
            rtmp_port: app.rtmp_port,
            rtmp_is_local: false,
            rtmps_port: app.rtmps_port,
            hls: hls.map(str::to_owned),
            flv: hls.map(|_| "/live/a.flv".to_owned()),
            ends_in_ms: None,
            warnings: warnings.to_vec(),
            relays: Vec::new(),
        };
        let refused = Refused {
            wrong_keys: 12,
            slowed: 3,
            viewers: 4,
            slowed_addresses: vec!["192.0.2.7".into(), "2001:db8::/64".into()],
        };
        let mut text = begin([&app].into_iter(), &refused, 2);
        push(&mut text, &live("a", &codec, Some("/hls/a.m3u8"), &[]), false);
        let lost = LiveStream {
            ends_in_ms: Some(9000),
            ..live("b\"\u{1}", &none, None, &["HLS has no \"URL\"", "far apart"])
        };
        push(&mut text, &lost, true);
        push_waiting(
            &mut text,
            [("c", 1), ("d", 2)]
                .map(|(name, ends_in_ms)| WaitingStream { app: "live", name, ends_in_ms })
                .into_iter(),
            3,
        );
        text.push_str(END);
        let expected = r#"{"server":"Millstream","version":"VERSION","total":2,"refused":{"wrong_keys":12,"slowed":3,"viewers":4,"slowed_addresses":["192.0.2.7","2001:db8::/64"]},"applications":[{"name":"live","rtmp_port":1935}],"streams":[{"app":"live","name":"a","uptime_ms":1500,"bytes_in":7,"players":2,"hls_viewers":5,"video":{"codec":"H.264 High","width":1280,"height":720,"frame_rate":29.97,"key_interval":1.98,"in_hls":true},"audio":{"codec":"AAC","sample_rate":48000,"channels":2,"in_hls":true},"rtmp_port":1935,"hls":"/hls/a.m3u8","flv":"/live/a.flv","warnings":[]},{"app":"live","name":"b\"\u0001","uptime_ms":1500,"bytes_in":7,"players":2,"hls_viewers":5,"video":{"codec":"","width":0,"height":0,"frame_rate":0.0,"key_interval":0.0,"in_hls":false},"audio":{"codec":"","sample_rate":0,"channels":0,"in_hls":false},"rtmp_port":1935,"hls":null,"flv":null,"ends_in_ms":9000,"warnings":["HLS has no \"URL\"","far apart"]}],"waiting_total":3,"waiting":[{"app":"live","name":"c","ends_in_ms":1},{"app":"live","name":"d","ends_in_ms":2}]}"#;
        assert_eq!(text.trim_end(), expected.replace("VERSION", env!("CARGO_PKG_VERSION")));
    }
}
