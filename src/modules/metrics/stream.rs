//! The metrics of each stream.

use std::time::{Duration, Instant, UNIX_EPOCH};

use super::text::{Kind, Text, labels};
use crate::engine::{Ctx, HlsStatus, RecordingState, Stream, StreamTraffic};

use Kind::{Counter, Gauge};

/// What is known of a stream at a moment.
#[derive(Debug)]
pub struct Row {
    /// `app="live",stream="cam"`.
    labels: String,
    is_published: bool,
    uptime: Duration,
    bytes_in: u64,
    traffic: StreamTraffic,
    /// Pictures a second.
    frame_rate: f64,
    key_interval: Option<Duration>,
    players: usize,
    viewers: usize,
    /// The recorders that are in each of [`STATES`].
    recorders: [u64; 4],
    hls: Option<HlsStatus>,
    /// The most messages, and the most bytes, that wait for one of its players.
    pub queue: (usize, usize),
}

const STATES: [&str; 4] = ["recording", "waiting", "failing", "stopped"];

impl Row {
    /// All but the queues of its players.
    pub fn new(cx: &Ctx, stream: &Stream, now: Instant) -> Self {
        let name = stream.name.as_str();
        let app = cx.apps.get(stream.app).map_or("", |app| app.name.as_str());
        let mut recorders = [0; 4];
        for recording in &stream.recordings {
            let [recording_now, waiting, failing, stopped] = &mut recorders;
            *match recording.state {
                RecordingState::Recording => recording_now,
                RecordingState::Waiting => waiting,
                RecordingState::Failing(_) => failing,
                RecordingState::Stopped => stopped,
            } += 1;
        }
        Self {
            labels: labels(&[("app", app), ("stream", name)]),
            is_published: stream.publisher.is_some(),
            uptime: stream.started.map(|at| now.saturating_duration_since(at)).unwrap_or_default(),
            bytes_in: stream.bytes_in,
            traffic: stream.traffic,
            frame_rate: stream.traffic.pictures.average(now),
            key_interval: stream.key_frames.interval(),
            players: cx.players_of(stream),
            viewers: cx.viewing.viewers.of_stream(stream.app, name),
            recorders,
            hls: stream.hls_status(),
            queue: (0, 0),
        }
    }
}

/// A metric with a value for each stream.
pub struct StreamMetric {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    write: fn(&Row, &mut Text),
}

impl StreamMetric {
    /// Writes it for all streams.
    pub fn write(&self, text: &mut Text, rows: &[Row]) {
        text.begin(self.name, self.kind, self.help);
        rows.iter().for_each(|row| (self.write)(row, text));
    }
}

const fn counter(name: &'static str, help: &'static str, write: fn(&Row, &mut Text)) -> StreamMetric {
    StreamMetric { name, kind: Counter, help, write }
}

const fn gauge(name: &'static str, help: &'static str, write: fn(&Row, &mut Text)) -> StreamMetric {
    StreamMetric { name, kind: Gauge, help, write }
}

/// All metrics of streams. A step writes one of them.
pub const STREAM_METRICS: &[StreamMetric] = &[
    gauge(
        "stream_published",
        "1 if the stream has a publisher, 0 while a lost one is waited for.",
        |row, text| {
            text.sample(&row.labels, u8::from(row.is_published));
        },
    ),
    gauge("stream_uptime_seconds", "The time since the stream began.", |row, text| {
        text.sample(&row.labels, row.uptime.as_secs_f64());
    }),
    counter("stream_received_bytes_total", "Bytes of media from its publishers.", |row, text| {
        text.sample(&row.labels, row.bytes_in);
    }),
    counter("stream_sent_bytes_total", "Bytes of media queued for its players.", |row, text| {
        text.sample(&row.labels, row.traffic.bytes_out);
    }),
    counter("stream_frames_total", "Messages of media from its publishers, by kind.", |row, text| {
        text.sample(&format!("{},kind=\"video\"", row.labels), row.traffic.video_frames);
        text.sample(&format!("{},kind=\"audio\"", row.labels), row.traffic.audio_frames);
    }),
    counter(
        "stream_frames_dropped_total",
        "Messages left out for players that were too slow, once for each player.",
        |row, text| text.sample(&row.labels, row.traffic.dropped),
    ),
    counter("stream_timestamp_jumps_total", "Jumps of its publishers' timestamps.", |row, text| {
        text.sample(&row.labels, row.traffic.jumps);
    }),
    counter("stream_audio_gaps_total", "Gaps of its sound of a quarter of a second or more.", |row, text| {
        text.sample(&row.labels, row.traffic.gaps);
    }),
    gauge("stream_frame_rate_hertz", "Pictures a second over the last three seconds.", |row, text| {
        text.sample(&row.labels, row.frame_rate);
    }),
    gauge(
        "stream_key_frame_interval_seconds",
        "The time from one key frame to the next; there is none before the third.",
        |row, text| {
            if let Some(interval) = row.key_interval {
                text.sample(&row.labels, interval.as_secs_f64());
            }
        },
    ),
    gauge(
        "stream_audio_lead_seconds",
        "The time of the newest sound minus that of the newest picture.",
        |row, text| text.sample(&row.labels, row.traffic.av_sync() as f64 / 1000.0),
    ),
    gauge("stream_players", "Its players, without pushes and viewers of HLS.", |row, text| {
        text.sample(&row.labels, row.players);
    }),
    gauge("stream_viewers", "Its viewers of HLS.", |row, text| text.sample(&row.labels, row.viewers)),
    gauge("stream_queue_messages", "The most messages that wait for one of its players.", |row, text| {
        text.sample(&row.labels, row.queue.0);
    }),
    gauge("stream_queue_bytes", "The most bytes that wait for one of its players.", |row, text| {
        text.sample(&row.labels, row.queue.1);
    }),
    gauge("stream_recorders", "Its recorders by state.", |row, text| {
        for (state, count) in STATES.iter().zip(row.recorders) {
            text.sample(&format!("{},state=\"{state}\"", row.labels), count);
        }
    }),
    counter("stream_hls_fragments_total", "Fragments of HLS that were cut.", |row, text| {
        if let Some(hls) = &row.hls {
            text.sample(&row.labels, hls.fragments);
        }
    }),
    gauge("stream_hls_failing", "1 while its HLS cannot be written, else 0.", |row, text| {
        if let Some(hls) = &row.hls {
            text.sample(&row.labels, u8::from(hls.failing.is_some()));
        }
    }),
    gauge(
        "stream_hls_last_fragment_timestamp_seconds",
        "When the last fragment of HLS was cut, in seconds since 1970.",
        |row, text| {
            if let Some(last) = row.hls.as_ref().and_then(|hls| hls.last) {
                text.sample(&row.labels, last.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
            }
        },
    ),
];
