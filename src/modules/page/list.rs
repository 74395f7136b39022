//! The list of what is live, made in steps: there may be thousands of streams.

use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::{
    ByApp, COMPOSED_AT_ONCE, Compose, Composed, Ctx, FlvUrls, Playlists, RecordingState, Relay, RelayState,
    Stream, StreamId,
};

use super::assets::document;
use super::json::{
    self, App, AudioFacts, LiveStream, MAX_SLOWED, Refused, RelayFacts, VideoFacts, WaitingStream,
};

/// Most streams in a list; the page says how many more there are.
pub const MAX_LISTED: usize = 500;

/// The URLs of an application's streams on the page's server.
#[derive(Debug, PartialEq, Eq)]
pub struct Urls {
    pub playlists: Option<Playlists>,
    pub flv: Option<FlvUrls>,
}

/// A list that is being made: the streams are gone through, and the first of them by application and name are
/// written.
#[derive(Debug)]
pub struct StreamList {
    apps: Rc<ByApp<App>>,
    urls: Rc<ByApp<Urls>>,
    /// Whether the addresses of those who guess at keys are shown.
    shows_addresses: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Reading {
        /// The slot of the stream that is next.
        slot: usize,
        /// Live streams so far.
        total: usize,
        /// Those to be listed: application, name. Invariant: no more than are listed.
        first: BinaryHeap<(String, String, StreamId)>,
    },
    Writing {
        streams: std::vec::IntoIter<(String, String, StreamId)>,
        written: usize,
        text: String,
    },
}

impl StreamList {
    /// The list of all streams; `urls` are those of the page's server.
    pub fn new(apps: Rc<ByApp<App>>, urls: Rc<ByApp<Urls>>, shows_addresses: bool) -> Self {
        let stage = Stage::Reading { slot: 0, total: 0, first: BinaryHeap::new() };
        Self { apps, urls, shows_addresses, stage }
    }

    fn live<'a>(&'a self, cx: &'a Ctx, stream: &'a Stream) -> Option<LiveStream<'a>> {
        let (app, name, now) = (self.apps.get(stream.app)?, stream.name.as_str(), cx.now.instant);
        let (started, urls) = (stream.started.unwrap_or(now), self.urls.get(stream.app)?);
        Some(LiveStream {
            app: &app.name,
            name,
            uptime_ms: milliseconds(now.saturating_duration_since(started)),
            bytes_in: stream.bytes_in,
            players: cx.players_of(stream),
            hls_viewers: app.has_hls.then(|| cx.viewing.viewers.of_stream(stream.app, name)),
            video: VideoFacts::new(&stream.facts, stream.key_frames.interval(), app.has_hls),
            audio: AudioFacts::new(&stream.facts, app.has_hls),
            rtmp_port: app.rtmp_port,
            rtmp_is_local: app.rtmp_is_local,
            rtmps_port: app.rtmps_port,
            hls: urls.playlists.as_ref().map(|playlists| playlists.of(name)),
            flv: urls.flv.as_ref().map(|flv| flv.of(name)),
            ends_in_ms: stream.grace_until().map(|until| milliseconds(until.saturating_duration_since(now))),
            warnings: stream.warnings.iter().chain(failures(cx, stream)).collect(),
            relays: relays_of(cx, stream)
                .filter(|_| self.shows_addresses)
                .map(|relay| told(relay, now))
                .collect(),
        })
    }
}

impl Compose for StreamList {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        let cx = &*cx;
        match &mut self.stage {
            Stage::Reading { slot, total, first } => {
                let end = cx.streams.slots().min(*slot + COMPOSED_AT_ONCE);
                for stream in (*slot..end).filter_map(|slot| cx.streams.at(slot)) {
                    let Some(app) = self.apps.get(stream.app).filter(|_| stream.is_live()) else {
                        continue;
                    };
                    *total += 1;
                    first.push((app.name.clone(), stream.name.as_str().to_owned(), stream.id));
                    if first.len() > MAX_LISTED {
                        first.pop();
                    }
                }
                *slot = end;
                if end == cx.streams.slots() {
                    let text = json::begin(
                        self.apps.values().filter(|app| app.is_live),
                        &refused(cx, self.shows_addresses),
                        *total,
                    );
                    let streams = std::mem::take(first).into_sorted_vec().into_iter();
                    self.stage = Stage::Writing { streams, written: 0, text };
                }
                Composed::Partly
            }
            Stage::Writing { streams, written, text } => {
                let (mut text, mut written) = (std::mem::take(text), *written);
                let part: Vec<_> = streams.take(COMPOSED_AT_ONCE).collect();
                let is_over = streams.as_slice().is_empty();
                for (_, _, id) in part {
                    if let Some(live) = cx.streams.get(id).and_then(|stream| self.live(cx, stream)) {
                        json::push(&mut text, &live, written > 0);
                        written += 1;
                    }
                }
                if is_over {
                    let total = cx.awaited.count(cx.now.instant);
                    json::push_waiting(&mut text, waiting(&self.apps, cx), total);
                    text.push_str(json::END);
                    return Composed::Reply(document("application/json", text.as_bytes()));
                }
                if let Stage::Writing { text: place, written: count, .. } = &mut self.stage {
                    (*place, *count) = (text, written);
                }
                Composed::Partly
            }
        }
    }
}

/// What cannot be written now. Why is in the log only: it has paths of this machine, and all may see the page.
fn failures<'a>(cx: &Ctx, stream: &'a Stream) -> impl Iterator<Item = &'a str> {
    let fails = |state: &RecordingState| matches!(state, RecordingState::Failing(_));
    let recording = stream.recordings.iter().any(|recording| fails(&recording.state));
    let hls = stream.hls_status().is_some_and(|status| status.failing.is_some());
    let recording = recording.then_some("It is not recorded: no file can be written now. The log says why.");
    let hls = hls.then_some("HLS has no new fragments: they cannot be written now. The log says why.");
    let push = cx.pushes_of(stream.id).any(|push| push.failures > 0);
    let push = push.then_some("Another server does not get it: a push fails. The log says why.");
    recording.into_iter().chain(hls).chain(push)
}

fn relays_of<'a>(cx: &'a Ctx, stream: &'a Stream) -> impl Iterator<Item = &'a Relay> {
    cx.pushes_of(stream.id).chain(cx.pull_of(stream.app, &stream.name))
}

fn told(relay: &Relay, now: Instant) -> RelayFacts<'_> {
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

/// Who has been refused for wrong keys.
fn refused(cx: &Ctx, shows_addresses: bool) -> Refused {
    let most = if shows_addresses { MAX_SLOWED } else { 0 };
    Refused {
        wrong_keys: cx.refusals.wrong_keys,
        slowed: cx.refusals.slowed,
        viewers: cx.refusals.viewers,
        slowed_addresses: cx.guesses.slowed(cx.now.instant).take(most).collect(),
    }
}

/// The streams that have ended and whose publishers are waited for, in the order of their names.
fn waiting<'a>(apps: &'a ByApp<App>, cx: &'a Ctx) -> impl Iterator<Item = WaitingStream<'a>> {
    let now = cx.now.instant;
    let left = move |until: Instant| milliseconds(until.saturating_duration_since(now));
    let mut by_name: Vec<_> = apps.iter().map(|(id, app)| (app.name.as_str(), id)).collect();
    by_name.sort_unstable();
    let waiting = by_name.into_iter().flat_map(move |(app, id)| {
        let streams = cx.awaited.of(id, now);
        streams.map(move |(name, until)| WaitingStream { app, name, ends_in_ms: left(until) })
    });
    waiting.take(MAX_LISTED)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
