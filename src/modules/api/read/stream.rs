//! What is told of a stream.

use serde::Serialize;

use super::parts::{Queue, bits, date, finite, ms, ms_since};
use super::relay::RelayFacts;
use crate::engine::{
    Ctx, HlsStatus, PublishType, RecordingState, RecordingStatus, Stream, StreamFacts as Codecs, StreamState,
};
use crate::media::flv::Codec;
use crate::media::{Kind, Packet};

/// The most tracks that are listed of each kind: as many as a set of tracks can have.
const MAX_TRACKS: u8 = 64;

#[derive(Debug, Serialize)]
pub struct StreamFacts<'a> {
    app: &'a str,
    name: &'a str,
    state: StreamState,
    /// The number of the client that publishes it.
    publisher: Option<u32>,
    publish_type: Publish,
    encoder: &'a str,
    uptime_ms: u64,
    /// Of a file, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    publisher_uptime_ms: u64,
    /// The rest of the wait for a lost publisher.
    ends_in_ms: Option<u64>,
    bytes_in: u64,
    bytes_out: u64,
    bits_in_per_second: u64,
    bits_out_per_second: u64,
    frames_in: u64,
    /// Frames that players have not got, as they were too slow.
    dropped: u64,
    timestamp_jumps: u64,
    audio_gaps: u64,
    /// The time of the newest sound minus that of the newest picture.
    audio_lead_ms: i64,
    video: Option<VideoFacts<'a>>,
    audio: Option<AudioFacts<'a>>,
    tracks: Vec<Track>,
    /// The frames that new players begin with.
    gop: Gop,
    players: usize,
    viewers: usize,
    /// The longest of the queues of its players.
    longest_queue: Queue,
    recordings: Vec<RecordingFacts<'a>>,
    hls: Option<HlsFacts>,
    /// The other servers to which it is published.
    pushes: Vec<RelayFacts<'a>>,
    /// The other server from which it comes.
    pull: Option<RelayFacts<'a>>,
    warnings: Vec<&'a str>,
}

/// What the publisher has asked for.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Publish {
    Live,
    Record,
    Append,
}

#[derive(Debug, Serialize)]
struct VideoFacts<'a> {
    codec: &'static str,
    profile: &'a str,
    level: f64,
    width: u32,
    height: u32,
    /// As the publisher states it.
    stated_frame_rate: f64,
    stated_bits_per_second: u64,
    frame_rate: f64,
    bits_per_second: u64,
    frames: u64,
    key_interval_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct AudioFacts<'a> {
    codec: &'static str,
    profile: &'a str,
    sample_rate: u32,
    channels: u8,
    stated_bits_per_second: u64,
    bits_per_second: u64,
    frames: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Track {
    kind: &'static str,
    number: u8,
    codec: &'static str,
}

#[derive(Debug, Serialize)]
struct Gop {
    frames: usize,
    bytes: usize,
    length_ms: u64,
}

#[derive(Debug, Serialize)]
pub struct RecordingFacts<'a> {
    /// Empty for that of the application.
    recorder: &'a str,
    manual: bool,
    state: &'static str,
    /// Why it cannot write.
    why: Option<&'a str>,
    path: Option<String>,
    since: Option<String>,
    bytes: u64,
    frames: u64,
}

#[derive(Debug, Serialize)]
struct HlsFacts {
    fragments: u64,
    listed: usize,
    last: Option<String>,
    bytes: u64,
    /// Why it cannot write.
    failing: Option<String>,
}

impl<'a> StreamFacts<'a> {
    pub fn new(cx: &'a Ctx, stream: &'a Stream, longest_queue: Queue) -> Self {
        let (now, traffic, name) = (cx.now.instant, &stream.traffic, stream.name.as_str());
        Self {
            app: cx.apps.get(stream.app).map_or("", |app| &app.name),
            name,
            state: stream.state(),
            publisher: stream.publisher.map(|publisher| publisher.session.serial()),
            publish_type: match stream.publish_type {
                PublishType::Live => Publish::Live,
                PublishType::Record => Publish::Record,
                PublishType::Append => Publish::Append,
            },
            encoder: &stream.facts.encoder,
            uptime_ms: ms_since(stream.started, now),
            duration_ms: stream.file_duration,
            publisher_uptime_ms: ms_since(stream.publisher_since.filter(|_| stream.publisher.is_some()), now),
            ends_in_ms: stream.grace_until().map(|until| ms(until.saturating_duration_since(now))),
            bytes_in: stream.bytes_in,
            bytes_out: traffic.bytes_out,
            bits_in_per_second: bits(traffic.all_in.per_second(now)),
            bits_out_per_second: bits(traffic.out.per_second(now)),
            frames_in: stream.frames_in,
            dropped: traffic.dropped,
            timestamp_jumps: traffic.jumps,
            audio_gaps: traffic.gaps,
            audio_lead_ms: traffic.av_sync(),
            video: VideoFacts::of(cx, stream),
            audio: AudioFacts::of(cx, stream),
            tracks: tracks(stream),
            gop: Gop::of(stream),
            players: cx.players_of(stream),
            viewers: if stream.is_file { 0 } else { cx.viewing.viewers.of_stream(stream.app, name) },
            longest_queue,
            recordings: stream.recordings.iter().map(RecordingFacts::new).collect(),
            hls: stream.hls_status().map(HlsFacts::new),
            pushes: cx.pushes_of(stream.id).map(|relay| RelayFacts::new(cx, relay)).collect(),
            pull: cx
                .pull_of(stream.app, &stream.name)
                .filter(|_| !stream.is_file)
                .map(|relay| RelayFacts::new(cx, relay)),
            warnings: stream.warnings.iter().collect(),
        }
    }
}

impl<'a> VideoFacts<'a> {
    fn of(cx: &Ctx, stream: &'a Stream) -> Option<Self> {
        let (facts, traffic, now) = (&stream.facts, &stream.traffic, cx.now.instant);
        if facts.video_codec == Codec::None && traffic.video_frames == 0 {
            return None;
        }
        let Codecs { width, height, video_profile, .. } = *facts;
        Some(Self {
            codec: facts.video_codec.name(Kind::Video),
            profile: video_profile,
            level: f64::from(facts.video_level) / 10.0,
            width,
            height,
            stated_frame_rate: finite(facts.frame_rate),
            stated_bits_per_second: kilobits(facts.video_rate),
            frame_rate: traffic.pictures.average(now),
            bits_per_second: bits(traffic.video.per_second(now)),
            frames: traffic.video_frames,
            key_interval_ms: stream.key_frames.interval().map(ms),
        })
    }
}

impl<'a> AudioFacts<'a> {
    fn of(cx: &Ctx, stream: &'a Stream) -> Option<Self> {
        let (facts, traffic, now) = (&stream.facts, &stream.traffic, cx.now.instant);
        if facts.audio_codec == Codec::None && traffic.audio_frames == 0 {
            return None;
        }
        Some(Self {
            codec: facts.audio_codec.name(Kind::Audio),
            profile: facts.audio_profile,
            sample_rate: facts.sample_rate,
            channels: facts.channels,
            stated_bits_per_second: kilobits(facts.audio_rate),
            bits_per_second: bits(traffic.audio.per_second(now)),
            frames: traffic.audio_frames,
        })
    }
}

/// The tracks by their configurations; the default one also if its codec has none.
fn tracks(stream: &Stream) -> Vec<Track> {
    let mut tracks = Vec::new();
    let defaults =
        [(Kind::Video, "video", stream.facts.video_codec), (Kind::Audio, "audio", stream.facts.audio_codec)];
    for (of, kind, codec) in defaults {
        let first = tracks.len();
        for header in stream.headers.of(of).filter(|header| header.packet == Packet::Configuration) {
            let numbers = (0..MAX_TRACKS).filter(|number| header.tracks.contains(*number));
            tracks.extend(numbers.map(|number| Track { kind, number, codec: header.codec.name(of) }));
        }
        let has_default = tracks.iter().skip(first).any(|track| track.number == 0);
        if !has_default && codec != Codec::None {
            tracks.push(Track { kind, number: 0, codec: codec.name(of) });
        }
        if let Some(own) = tracks.get_mut(first..) {
            own.sort_by_key(|track| track.number);
        }
    }
    tracks
}

impl Gop {
    fn of(stream: &Stream) -> Self {
        let frames = stream.gop.frames();
        let times = frames.first().zip(frames.last());
        let length_ms = times.map_or(0, |(first, last)| last.timestamp.saturating_sub(first.timestamp));
        Self { frames: frames.len(), bytes: stream.gop.bytes(), length_ms }
    }
}

impl<'a> RecordingFacts<'a> {
    pub fn new(status: &'a RecordingStatus) -> Self {
        let (state, why) = match &status.state {
            RecordingState::Recording => ("recording", None),
            RecordingState::Waiting => ("waiting", None),
            RecordingState::Failing(why) => ("failing", Some(why.as_str())),
            RecordingState::Stopped => ("stopped", None),
        };
        Self {
            recorder: &status.recorder,
            manual: status.is_manual,
            state,
            why,
            path: status.path.as_ref().map(|path| path.display().to_string()),
            since: status.since.and_then(date),
            bytes: status.size,
            frames: status.frames,
        }
    }
}

impl HlsFacts {
    fn new(status: HlsStatus) -> Self {
        let HlsStatus { fragments, listed, last, bytes, failing } = status;
        Self { fragments, listed, last: last.and_then(date), bytes, failing }
    }
}

/// Bits a second of kilobits a second, as publishers state them.
fn kilobits(rate: f64) -> u64 {
    // What is more is no rate of a stream, and no number that all readers of JSON have.
    (finite(rate).clamp(0.0, 1e9) * 1000.0) as u64
}
