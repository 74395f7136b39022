//! Everything that `live.json` tells of the one stream that it is asked for.

use std::time::Duration;

use serde::Serialize;

use crate::engine::{COMPOSED_AT_ONCE, ClientProtocol, Ctx, Stream, StreamId};
use crate::http::json::to_string;
use crate::media::{Kind, Packet};

use super::events::EventFacts;
use super::milliseconds;
use super::relays;
use super::site::View;
use super::stream::{self, RecordingFacts, RelayFacts};

/// The most tracks of a kind that are listed.
const MAX_TRACKS: u8 = 16;

/// The protocols of players, in the order in which they are listed.
const PROTOCOLS: [ClientProtocol; 3] =
    [ClientProtocol::Rtmp, ClientProtocol::HttpFlv, ClientProtocol::WebSocketFlv];

/// The detail of a stream that is being made: its players are counted in steps.
#[derive(Debug)]
pub struct Detail {
    stream: StreamId,
    events: Vec<EventFacts>,
    /// The player that is next.
    next: usize,
    /// The players of each of [`PROTOCOLS`] so far.
    counts: [usize; PROTOCOLS.len()],
}

#[derive(Debug, Serialize)]
struct DetailFacts<'a> {
    /// The stream, like "live/cam", and its number.
    of: String,
    id: u64,
    players: Vec<PlayersFacts>,
    tracks: Vec<TrackFacts>,
    relays: Vec<RelayFacts<'a>>,
    recordings: Vec<RecordingFacts<'a>>,
    warnings: Vec<&'a str>,
    events: &'a [EventFacts],
    /// Frames that were dropped for slow players since it began.
    dropped: u64,
    /// The name of the encoder, as it states it.
    encoder: &'a str,
    key_interval_ms: Option<u64>,
    /// The time of the newest sound minus that of the newest picture.
    audio_lead_ms: i64,
    bits_in: u64,
    bits_out: u64,
    uptime_ms: u64,
}

#[derive(Debug, Serialize)]
struct PlayersFacts {
    protocol: String,
    count: usize,
}

#[derive(Debug, Serialize)]
struct TrackFacts {
    kind: &'static str,
    /// 0 is the default track.
    number: u8,
    codec: &'static str,
}

impl Detail {
    pub fn new(stream: StreamId, events: Vec<EventFacts>) -> Self {
        Self { stream, events, next: 0, counts: [0; PROTOCOLS.len()] }
    }

    /// Counts some players; returns the JSON after the last step, which is `null` if the stream has ended.
    pub fn step(&mut self, cx: &Ctx, view: &View) -> Option<String> {
        let Some(stream) = cx.streams.get(self.stream).filter(|stream| stream.is_live()) else {
            return Some("null".to_owned());
        };
        let part = stream.players.iter().skip(self.next).take(COMPOSED_AT_ONCE);
        // Another server to which it is pushed is no player.
        for session in part.filter_map(|player| cx.sessions.get(player.session)).filter(|it| !it.is_relay()) {
            let protocols = PROTOCOLS.iter().zip(&mut self.counts);
            protocols.filter(|(it, _)| **it == session.client_protocol()).for_each(|(_, count)| *count += 1);
        }
        self.next += COMPOSED_AT_ONCE;
        (self.next >= stream.players.len()).then(|| to_string(&self.facts(cx, view, stream)))
    }

    fn facts<'a>(&'a self, cx: &'a Ctx, view: &View, stream: &'a Stream) -> DetailFacts<'a> {
        let (now, traffic) = (cx.now.instant, &stream.traffic);
        let uptime = stream.started.map(|since| now.saturating_duration_since(since));
        let (app, relays) = (view.app(stream.app).map_or("", |app| &app.name), relays::of_stream(cx, stream));
        DetailFacts {
            of: format!("{app}/{}", stream.name.as_str()),
            id: view.numbers.of(stream.id),
            players: self.players(cx, stream),
            tracks: tracks(stream, Kind::Video).chain(tracks(stream, Kind::Audio)).collect(),
            relays: stream::told(cx, view, &relays),
            recordings: stream::recordings(stream).collect(),
            warnings: stream::warnings(stream, &relays).collect(),
            events: &self.events,
            dropped: traffic.dropped,
            encoder: &stream.facts.encoder,
            key_interval_ms: stream.key_frames.interval().map(milliseconds),
            audio_lead_ms: traffic.av_sync(),
            bits_in: 8 * traffic.all_in.per_second(now),
            bits_out: 8 * traffic.out.per_second(now),
            uptime_ms: milliseconds(uptime.unwrap_or(Duration::ZERO)),
        }
    }

    /// The players by protocol, without protocols that nobody uses.
    fn players(&self, cx: &Ctx, stream: &Stream) -> Vec<PlayersFacts> {
        let counted =
            PROTOCOLS.iter().zip(self.counts).map(|(protocol, count)| (protocol.to_string(), count));
        let viewers = cx.viewing.viewers.of_stream(stream.app, stream.name.as_str());
        let all = counted.chain([("HLS".to_owned(), viewers)]);
        all.filter(|(_, count)| *count > 0)
            .map(|(protocol, count)| PlayersFacts { protocol, count })
            .collect()
    }
}

/// The tracks of a kind. Of further tracks only those are known that have a configuration.
fn tracks(stream: &Stream, kind: Kind) -> impl Iterator<Item = TrackFacts> {
    let (word, default) = match kind {
        Kind::Video => ("video", stream.facts.video_codec),
        _ => ("audio", stream.facts.audio_codec),
    };
    let configurations: Vec<_> =
        stream.headers.of(kind).filter(|header| header.packet == Packet::Configuration).collect();
    (0..MAX_TRACKS).filter_map(move |number| {
        let header = configurations.iter().find(|header| header.tracks.contains(number));
        let codec = match header {
            _ if number == 0 => default.name(kind),
            Some(header) => header.codec.name(kind),
            None => "",
        };
        (!codec.is_empty()).then_some(TrackFacts { kind: word, number, codec })
    })
}
