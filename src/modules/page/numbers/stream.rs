//! What `streams.json` has of a live stream, and which of it changes seldom.

use std::ops::Not;
use std::time::Instant;

use serde::Serialize;

use crate::engine::{Ctx, History, RecordingState, Relay, RelayKind, RelayState, Stream, StreamFacts};
use crate::http::json;
use crate::media::{Codec, Kind, rfc6381, ts};

use super::relays::RelayIndex;
use super::site::{App, View};
use super::{digest, milliseconds};

#[derive(Debug, Serialize)]
pub struct LiveStream<'a> {
    pub app: &'a str,
    pub name: &'a str,
    /// The number by which `live.json` has it, that no other stream gets in this run.
    pub id: u64,
    /// The digest of what changes seldom.
    pub facts: String,
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
    pub codecs: Codecs,
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
    /// Of a variant: its name without the suffix, and the path of its master playlist on this server.
    pub base: Option<&'a str>,
    pub master: Option<String>,
    pub recordings: Vec<RecordingFacts<'a>>,
    /// The other servers to which it is published or from which it comes; only for who may see them.
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

/// A recorder of a stream.
#[derive(Debug, Serialize)]
pub struct RecordingFacts<'a> {
    /// Its name; empty for that of the application itself.
    pub recorder: &'a str,
    /// The name of its file, or of the last one, without the folder.
    pub file: String,
    /// "recording", "waiting", "failing" or "stopped".
    pub state: &'static str,
    /// Bytes of the file so far.
    pub bytes: u64,
    /// Whether an operator starts and stops it.
    pub manual: bool,
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

/// The codecs of the default tracks as web pages name them; empty if there is none, or it has no such name.
#[derive(Debug, Serialize)]
pub struct Codecs {
    video: String,
    audio: String,
}

/// The last seconds of a stream, the oldest first.
#[derive(Debug, Default, Serialize)]
pub struct HistoryFacts {
    /// The number of the last one.
    second: u64,
    bits: Vec<u64>,
    pictures: Vec<u16>,
    keys: Vec<u16>,
    viewers: Vec<u32>,
}

/// A stream with its last minute.
#[derive(Debug, Serialize)]
pub struct WithHistory<'a> {
    #[serde(flatten)]
    pub live: LiveStream<'a>,
    pub history: HistoryFacts,
}

impl<'a> LiveStream<'a> {
    /// What is shown of a stream; none of one that is not shown.
    pub fn new(cx: &'a Ctx, view: &'a View, relays: &RelayIndex, stream: &'a Stream) -> Option<Self> {
        let (app, name, now) = (view.app(stream.app)?, stream.name.as_str(), cx.now.instant);
        let (started, urls) = (stream.started.unwrap_or(now), view.urls.get(stream.app)?);
        let (base, relays) = (app.base(name), relays.of(cx, stream));
        let playlists = urls.playlists.as_ref();
        let mut live = Self {
            app: &app.name,
            name,
            id: view.numbers.of(stream.id),
            facts: String::new(),
            uptime_ms: milliseconds(now.saturating_duration_since(started)),
            bytes_in: stream.bytes_in,
            players: cx.players_of(stream),
            hls_viewers: app.has_hls.then(|| cx.viewing.viewers.of_stream(stream.app, name)),
            video: VideoFacts::new(stream, app),
            audio: AudioFacts::new(&stream.facts, app.has_hls),
            codecs: Codecs::new(stream),
            rtmp_port: app.rtmp_port,
            rtmp_is_local: app.rtmp_is_local,
            rtmps_port: app.rtmps_port,
            hls: playlists.map(|playlists| playlists.of(name)),
            flv: urls.flv.as_ref().map(|flv| flv.of(name)),
            base,
            master: playlists.zip(base).map(|(playlists, base)| playlists.master_of(base)),
            ends_in_ms: stream.grace_until().map(|until| milliseconds(until.saturating_duration_since(now))),
            warnings: warnings(stream, &relays).collect(),
            recordings: recordings(stream).collect(),
            relays: told(cx, view, &relays),
        };
        live.facts = live.digest(milliseconds(started.saturating_duration_since(cx.started.instant)));
        Some(live)
    }

    /// The digest of what changes seldom; `began` tells two streams of one name apart.
    fn digest(&self, began: u64) -> String {
        let recordings: Vec<_> = self.recordings.iter().map(RecordingFacts::seldom).collect();
        let relays: Vec<_> =
            self.relays.iter().map(|relay| (relay.kind, relay.target, relay.state)).collect();
        let seldom = (
            (began, self.app, self.name, self.video.seldom(), &self.audio, &self.codecs),
            (self.rtmp_port, self.rtmp_is_local, self.rtmps_port, &self.hls, &self.flv),
            (self.base, &self.master, &self.warnings, recordings, relays),
        );
        digest(&json::to_string(&seldom))
    }
}

impl VideoFacts {
    fn new(stream: &Stream, app: &App) -> Self {
        let facts = &stream.facts;
        Self {
            codec: joined(facts.video_codec.name(Kind::Video), facts.video_profile),
            width: facts.width,
            height: facts.height,
            frame_rate: if facts.frame_rate.is_finite() { facts.frame_rate } else { 0.0 },
            key_interval: stream.key_frames.interval().unwrap_or_default().as_secs_f64(),
            in_hls: app.has_hls && ts::carries(facts.video_codec),
        }
    }

    /// Without the interval of key frames, which many encoders vary.
    fn seldom(&self) -> impl Serialize {
        (&self.codec, self.width, self.height, self.frame_rate, self.in_hls)
    }
}

impl AudioFacts {
    fn new(facts: &StreamFacts, has_hls: bool) -> Self {
        Self {
            codec: joined(facts.audio_codec.name(Kind::Audio), facts.audio_profile),
            sample_rate: facts.sample_rate,
            channels: facts.channels,
            in_hls: has_hls && ts::carries(facts.audio_codec),
        }
    }
}

impl Codecs {
    fn new(stream: &Stream) -> Self {
        let name = |codec: Codec, kind| {
            let header = stream.headers.configuration(kind).filter(|header| header.codec == codec);
            rfc6381::of_track(codec, header.map(|header| header.body()))
        };
        Self {
            video: name(stream.facts.video_codec, Kind::Video),
            audio: name(stream.facts.audio_codec, Kind::Audio),
        }
    }
}

impl RecordingFacts<'_> {
    fn seldom(&self) -> impl Serialize {
        (self.recorder, &self.file, self.state, self.manual)
    }
}

impl HistoryFacts {
    pub fn new(history: &History) -> Self {
        let (seconds, last) = history.seconds();
        let mut facts = Self { second: last, ..Self::default() };
        for second in seconds {
            facts.bits.push(8 * u64::from(second.bytes));
            facts.pictures.push(second.pictures);
            facts.keys.push(second.keys);
            facts.viewers.push(second.viewers);
        }
        facts
    }
}

/// The warnings of a stream, and what cannot be written now. Why is in the log only: it has paths of this machine, and
/// all may see the page.
pub fn warnings<'a>(stream: &'a Stream, relays: &[&Relay]) -> impl Iterator<Item = &'a str> + use<'a> {
    let fails = |state: &RecordingState| matches!(state, RecordingState::Failing(_));
    let recording = stream.recordings.iter().any(|recording| fails(&recording.state));
    let hls = stream.hls_status().is_some_and(|status| status.failing.is_some());
    let recording = recording.then_some("It is not recorded: no file can be written now. The log says why.");
    let hls = hls.then_some("HLS has no new fragments: they cannot be written now. The log says why.");
    let push = relays.iter().any(|relay| relay.kind == RelayKind::Push && relay.failures > 0);
    let push = push.then_some("Another server does not get it: a push fails. The log says why.");
    stream.warnings.iter().chain(recording).chain(hls).chain(push)
}

/// The recorders of a stream.
pub fn recordings(stream: &Stream) -> impl Iterator<Item = RecordingFacts<'_>> {
    stream.recordings.iter().map(|status| RecordingFacts {
        recorder: &status.recorder,
        file: status.file_name(),
        state: status.state.word(),
        bytes: status.size,
        manual: status.is_manual,
    })
}

/// What is told of relays, to who may see their other ends.
pub fn told<'a>(cx: &Ctx, view: &View, relays: &[&'a Relay]) -> Vec<RelayFacts<'a>> {
    let shown = relays.iter().filter(|_| view.sight.targets);
    shown.map(|relay| facts_of(relay, cx.now.instant)).collect()
}

fn facts_of(relay: &Relay, now: Instant) -> RelayFacts<'_> {
    RelayFacts {
        kind: relay.kind.name(),
        target: relay.target().map_or("", |target| &target.shown),
        state: relay.state.name(),
        bits_per_second: 8 * relay.rate.per_second(now),
        dropped: relay.dropped,
        reconnects: relay.reconnects,
        error: relay.last_error.as_deref().filter(|_| relay.state != RelayState::Running),
    }
}

fn joined(codec: &str, profile: &str) -> String {
    [codec, profile].join(" ").trim().to_owned()
}
