//! What has happened to streams, for the stream pages of the console: kept while a stream is live, and a minute longer,
//! so that a name that returns has its past.
//!
//! Bounded in streams and in events of each. Texts name no client, no folder and no key; the other end of a relay is left
//! out for who may not see it. Nothing has a timer: what is too old goes when something else comes.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::engine::quantities::{duration, size};
use crate::engine::{
    AppId, Ctx, Endpoint, Recording, RecordingState, Relay, RelayEvent, RelayId, RelayKind, Session, Stream,
    StreamId, StreamName,
};

use super::milliseconds;

/// The most events of a stream.
const MAX_EVENTS: usize = 16;
/// The most streams that have events.
const MAX_STREAMS: usize = 1024;
/// How long the events of a stream are kept that has ended.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// Frames of a stream from one look at its outputs to the next: about a second.
const LOOK_EVERY: u64 = 64;

type Key = (AppId, StreamName);

/// The events of all streams.
#[derive(Debug, Default)]
pub struct Events {
    streams: HashMap<Key, Past>,
    /// When streams have ended, the oldest first. Some may be live again. Invariant: at most [`MAX_STREAMS`].
    ended: VecDeque<(Instant, Key)>,
    /// Relays that have begun or failed, and are not over; the engine bounds them.
    relays: HashMap<RelayId, Line>,
}

/// A relay, as it is known after its end.
#[derive(Debug)]
struct Line {
    stream: Key,
    kind: RelayKind,
    target: Box<str>,
}

/// The past of a stream.
#[derive(Debug, Default)]
struct Past {
    /// The oldest first. Invariant: at most [`MAX_EVENTS`].
    events: VecDeque<Event>,
    /// When its publisher has left, until it is known what that means.
    left: Option<Left>,
    /// When its publisher was lost, if nobody has continued it since.
    lost: Option<Instant>,
    ended: Option<Instant>,
    /// The recorders that have failed, or write a file, when they were looked at last.
    recorders: Vec<(String, Recorder)>,
    hls_fails: bool,
}

#[derive(Debug, Clone, Copy)]
struct Left {
    at: Instant,
    /// Whether the connection has ended, rather than that its client has stopped.
    is_lost: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recorder {
    Writes,
    Fails,
    Idle,
}

#[derive(Debug)]
struct Event {
    at: Instant,
    what: What,
}

#[derive(Debug)]
enum What {
    Text(Box<str>),
    Relay { kind: RelayKind, target: Box<str>, news: News },
}

#[derive(Debug, PartialEq, Eq)]
enum News {
    Began,
    Failed(Box<str>),
    Ended,
}

/// An event as it is shown.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct EventFacts {
    pub ago_ms: u64,
    pub text: String,
}

impl Events {
    /// A publisher begins.
    pub fn publisher_began(&mut self, cx: &Ctx, stream: &Stream, publisher: Endpoint) {
        let now = cx.now.instant;
        let Some(past) = self.past_of(stream, now) else { return };
        past.settle(now);
        let (is_taken_over, lost_at) = (past.left.take().is_some(), past.lost.take());
        past.ended = None;
        let who = if cx.is_relay(publisher.session) { "A pull" } else { "A publisher" };
        past.say(
            now,
            match (lost_at, is_taken_over) {
                (_, true) => "Another publisher has taken over.".to_owned(),
                (Some(at), _) => {
                    let time = duration(now.saturating_duration_since(at));
                    format!("{who} continues the stream after {time}.")
                }
                _ => format!("{who} has begun."),
            },
        );
    }

    /// A publisher ends. Whether it is lost, or has stopped, or another one takes over, follows from what comes next.
    pub fn publisher_ended(&mut self, cx: &Ctx, stream: &Stream, publisher: Endpoint) {
        let now = cx.now.instant;
        let is_lost = cx.sessions.get(publisher.session).is_none_or(Session::is_ending);
        self.look(cx, stream);
        if let Some(past) = self.past_of(stream, now) {
            past.left = Some(Left { at: now, is_lost });
        }
    }

    /// A stream ends.
    pub fn stream_ended(&mut self, cx: &Ctx, stream: &Stream) {
        let (now, key) = (cx.now.instant, key_of(stream));
        let Some(past) = self.streams.get_mut(&key) else { return };
        past.settle(now);
        let text = match (past.lost.take(), past.left.take()) {
            _ if stream.is_kicked() => "An operator has ended the stream.",
            (Some(_), _) => "Nobody has continued the stream.",
            (None, Some(Left { is_lost: true, .. })) => "The connection of the publisher was lost.",
            (None, _) => "The publisher has stopped.",
        };
        past.say(now, text.to_owned());
        (past.ended, past.hls_fails) = (Some(now), false);
        past.recorders.clear();
        self.ended.push_back((now, key));
        if self.ended.len() > MAX_STREAMS {
            self.drop_oldest();
        }
    }

    /// A frame has come: looks at the outputs of its stream now and then.
    #[inline]
    pub fn frame_came(&mut self, cx: &Ctx, id: StreamId) {
        if let Some(stream) = cx.streams.get(id).filter(|stream| stream.frames_in.is_multiple_of(LOOK_EVERY))
        {
            self.look(cx, stream);
        }
    }

    /// Looks at what the recorders and the HLS of a stream do.
    fn look(&mut self, cx: &Ctx, stream: &Stream) {
        let now = cx.now.instant;
        let hls_fails = stream.hls_status().is_some_and(|status| status.failing.is_some());
        if stream.recordings.is_empty() && !hls_fails && !self.streams.contains_key(&key_of(stream)) {
            return;
        }
        let Some(past) = self.past_of(stream, now) else { return };
        for status in &stream.recordings {
            let next = match status.state {
                RecordingState::Recording => Recorder::Writes,
                RecordingState::Failing(_) => Recorder::Fails,
                RecordingState::Waiting | RecordingState::Stopped => Recorder::Idle,
            };
            if past.recorder(&status.recorder, next) == next {
                continue;
            }
            match next {
                Recorder::Writes => past.say(now, format!("Recording to {} has begun.", status.file_name())),
                Recorder::Fails => past.say(now, "A recorder cannot write. The log says why.".to_owned()),
                Recorder::Idle => {}
            }
        }
        if std::mem::replace(&mut past.hls_fails, hls_fails) != hls_fails {
            let text =
                if hls_fails { "HLS cannot be written. The log says why." } else { "HLS is written again." };
            past.say(now, text.to_owned());
        }
    }

    /// A recording is finished, perhaps of a stream that has ended.
    pub fn recorded(&mut self, now: Instant, recording: &Recording) {
        let key = (recording.app, recording.stream.clone());
        let Some(past) = self.streams.get_mut(&key) else { return };
        let name = recording.path.file_name().unwrap_or_default().to_string_lossy();
        let (time, bytes) = (duration(recording.length), size(recording.size));
        past.say(now, format!("{name} is recorded: {time}, {bytes}."));
    }

    /// Something has happened to a relay.
    pub fn relay(&mut self, cx: &Ctx, id: RelayId, event: &RelayEvent) {
        let news = match event {
            RelayEvent::Began => News::Began,
            RelayEvent::Failed { why, .. } => News::Failed(why.as_str().into()),
            RelayEvent::Ended => News::Ended,
        };
        let line = self.relays.remove(&id);
        let Some(Line { stream, kind, target }) = cx.relay(id).map(Line::of).or(line) else { return };
        let Some(past) = self.streams.get_mut(&stream) else { return };
        // It may fail for hours.
        if !past.is_known(kind, &target, &news) {
            past.push(cx.now.instant, What::Relay { kind, target: target.clone(), news });
        }
        if *event != RelayEvent::Ended {
            self.relays.insert(id, Line { stream, kind, target });
        }
    }

    /// What has happened to a stream, the newest first.
    pub fn of(&mut self, cx: &Ctx, stream: &Stream, shows_targets: bool) -> Vec<EventFacts> {
        let now = cx.now.instant;
        self.look(cx, stream);
        let Some(past) = self.streams.get_mut(&key_of(stream)) else { return Vec::new() };
        past.settle(now);
        let ago = |event: &Event| milliseconds(now.saturating_duration_since(event.at));
        let facts = |event: &Event| EventFacts { ago_ms: ago(event), text: event.text(shows_targets) };
        past.events.iter().rev().map(facts).collect()
    }

    /// The past of a stream; none if too many have one.
    fn past_of(&mut self, stream: &Stream, now: Instant) -> Option<&mut Past> {
        while self.ended.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= KEPT_FOR) {
            self.drop_oldest();
        }
        let key = key_of(stream);
        if !self.streams.contains_key(&key) {
            while self.streams.len() >= MAX_STREAMS {
                self.drop_oldest()?;
            }
        }
        Some(self.streams.entry(key).or_default())
    }

    /// Forgets the stream that has ended first, unless it is live again; none if there is none.
    fn drop_oldest(&mut self) -> Option<()> {
        let (at, key) = self.ended.pop_front()?;
        if self.streams.get(&key).is_some_and(|past| past.ended == Some(at)) {
            self.streams.remove(&key);
        }
        Some(())
    }
}

impl Line {
    fn of(relay: &Relay) -> Self {
        let target = relay.target().map_or("", |target| &target.shown);
        Self { stream: (relay.app, relay.name.clone()), kind: relay.kind, target: target.into() }
    }
}

impl Past {
    fn say(&mut self, at: Instant, text: String) {
        self.push(at, What::Text(text.into()));
    }

    fn push(&mut self, at: Instant, what: What) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(Event { at, what });
    }

    /// A publisher that has left before `now`, and whose stream goes on, is lost.
    fn settle(&mut self, now: Instant) {
        if let Some(left) = self.left.take_if(|left| left.at < now) {
            self.say(left.at, "The publisher was lost, and is waited for.".to_owned());
            self.lost = Some(left.at);
        }
    }

    /// What a recorder did before, and does now.
    fn recorder(&mut self, name: &str, next: Recorder) -> Recorder {
        match self.recorders.iter_mut().find(|(known, _)| known == name) {
            Some((_, state)) => std::mem::replace(state, next),
            None => {
                self.recorders.push((name.to_owned(), next));
                Recorder::Idle
            }
        }
    }

    /// Whether the last event of this relay is a failure as this one.
    fn is_known(&self, of: RelayKind, other: &str, now: &News) -> bool {
        let last = self.events.iter().rev().find_map(|event| match &event.what {
            What::Relay { kind, target, news } if *kind == of && **target == *other => Some(news),
            _ => None,
        });
        matches!((last, now), (Some(News::Failed(_)), News::Failed(_)))
    }
}

impl Event {
    fn text(&self, shows_targets: bool) -> String {
        let (kind, target, news) = match &self.what {
            What::Text(text) => return text.to_string(),
            What::Relay { kind, target, news } => (kind, target, news),
        };
        let relay = match kind {
            RelayKind::Push if shows_targets => format!("The push to {target}"),
            RelayKind::Pull if shows_targets => format!("The pull from {target}"),
            RelayKind::Push => "A push to another server".to_owned(),
            RelayKind::Pull => "A pull from another server".to_owned(),
        };
        match news {
            News::Began => format!("{relay} has begun."),
            News::Failed(why) if shows_targets => format!("{relay} has failed: {why}."),
            News::Failed(_) => format!("{relay} has failed. The log says why."),
            News::Ended => format!("{relay} has ended."),
        }
    }
}

fn key_of(stream: &Stream) -> Key {
    (stream.app, stream.name.clone())
}
