//! Live fan-out: every frame of a publisher to every player of its stream.
//!
//! A player begins with what the GOP cache holds, if anything: headers and all frames since the last key
//! frame, in their order, at their times. Otherwise it joins each track at a frame it can begin with: video
//! at a key frame (unless `wait_key off`), audio at any, each after its headers. A player that is too slow
//! loses disposable frames first, then its picture up to the next key frame, then its sound; the publisher
//! and the others notice nothing.

use std::any::Any;
use std::cell::OnceCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::conf::{self, Acts, Context, Directive, Repeat, Takes};
use crate::engine::{
    Allowance, AppId, Application, ByApp, Config, Ctx, Endpoint, Gate, MAX_QUEUED_BYTES, Module, PlayerQueue,
    Probe, Refusal, Request, RequestKind, Stream, StreamId, TrackState, Verdict,
};
use crate::media::flv::Codec;
use crate::media::{Frame, Kind, Packet, Role, Tracks};

const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "live",
        contexts: Context::APPLICATIONS,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Whether streams may be published and played in the application.",
    },
    Directive {
        name: "wait_key",
        contexts: Context::APPLICATIONS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Whether a player's video begins with a key frame.",
    },
    Directive {
        name: "wait_video",
        contexts: Context::APPLICATIONS,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Whether a player's audio begins only when its video begins. If a stream has had no video for a \
              second, audio does not wait for it.",
    },
    Directive {
        name: "data_messages",
        contexts: Context::APPLICATIONS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Whether players get the publisher's data messages, such as cue points and texts. For its \
              metadata see meta.",
    },
    Directive {
        name: "multitrack",
        contexts: Context::APPLICATIONS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Whether players get all tracks of an Enhanced RTMP publisher. When off, they get the default \
              video track and the default audio track only, for players that cannot tell tracks apart.",
    },
];

/// The time in which a stream shows that it has a picture.
const PICTURE_DEADLINE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Live {
    apps: ByApp<Settings>,
}

/// An application's settings.
#[derive(Debug, Clone, Copy)]
struct Settings {
    live: bool,
    wait_key: bool,
    wait_video: bool,
    interleave: bool,
    data_messages: bool,
    multitrack: bool,
}

impl Settings {
    fn of(application: &Application<'_>) -> Self {
        let scope = &application.scope;
        Self {
            live: application.features.live,
            wait_key: scope.flag("wait_key"),
            wait_video: scope.flag("wait_video"),
            interleave: application.is_interleaved(),
            data_messages: scope.flag("data_messages"),
            multitrack: scope.flag("multitrack"),
        }
    }

    /// The frame as players get it, if they do.
    fn for_players(&self, frame: &Rc<Frame>, stream: &Stream) -> Option<Rc<Frame>> {
        match frame.kind {
            Kind::Audio | Kind::Video if self.multitrack || !frame.is_multitrack() => Some(Rc::clone(frame)),
            Kind::Audio | Kind::Video => frame.default_track().map(|part| stream.stamped(part)),
            Kind::Data | Kind::DataAmf3 if frame.role == Role::Empty => None,
            // Players get the metadata as the codec module has made it.
            Kind::Data | Kind::DataAmf3 if frame.is_metadata() => {
                let metadata = stream.headers.metadata.as_ref()?;
                Some(stream.stamped(metadata.at(frame.timestamp)))
            }
            Kind::Data | Kind::DataAmf3 => self.data_messages.then(|| Rc::clone(frame)),
        }
    }

    /// True if the sound of a player that has no picture yet is to wait for it.
    fn holds_sound(&self, stream: &Stream, now: Instant) -> bool {
        let has_picture = stream.facts.video_codec != Codec::None;
        let may_have =
            has_picture || stream.publisher_since.is_some_and(|since| now < since + PICTURE_DEADLINE);
        self.interleave && self.wait_key && has_picture || self.wait_video && may_have
    }
}

impl Module for Live {
    fn name(&self) -> &'static str {
        "live"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        config.applications.iter_mut().for_each(|app| app.features.live = app.scope.flag("live"));
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        self.apps = config.applications.iter().map(|app| (app.id, Settings::of(app))).collect();
        Ok(())
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps.adopt(next.apps);
        // They were made by the settings before.
        cx.streams.iter_mut().for_each(|stream| stream.gop.drop_opening());
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.apps.release(app);
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        for application in &config.applications {
            let features = &application.features;
            // HLS and record warn in words of their own.
            let has_warning = features.hls.is_some() || features.record;
            if !features.live && !has_warning {
                let message = "nothing can be published or played here without \"live on\"";
                probe.warn(application.scope.node(), message);
            }
        }
    }

    fn gate(&mut self, _cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        let live = self.settings(request.app).is_some_and(|settings| settings.live);
        match request.kind {
            RequestKind::Publish { .. } | RequestKind::Play { .. } if gate == Gate::Service && !live => {
                Verdict::Deny(Refusal::of_request("live is off here: the application has no \"live on;\""))
            }
            _ => Verdict::Continue,
        }
    }

    fn on_play_start(&mut self, cx: &mut Ctx, stream: StreamId, player: Endpoint) {
        let Some(found) = cx.streams.get(stream) else { return };
        let Some(settings) = self.settings(found.app) else { return };
        warn_of_codecs(cx, found, player);
        let found_tracks = tracks(found);
        let Some(first) = found.gop.frames().first() else { return };
        let frames = found.gop.opening(|| {
            let lead = found.headers.metadata.iter().chain(found.gop.headers());
            let lead = lead.map(|part| found.stamped(part.at(first.timestamp)));
            let all = lead.chain(found.gop.frames().iter().cloned());
            all.filter_map(|frame| settings.for_players(&frame, found)).collect()
        });
        cx.for_player(player, |queue| {
            open(queue, found_tracks);
            replay(queue, &frames)
        });
    }

    fn on_frame(&mut self, cx: &mut Ctx, stream: StreamId, frame: &Rc<Frame>) {
        let Some(found) = cx.streams.get(stream) else { return };
        let Some(settings) = self.settings(found.app) else { return };
        if found.players.is_empty() {
            return;
        }
        let Some(frame) = settings.for_players(frame, found) else { return };
        let fanout = FrameFanout::new(settings, found, frame, cx.now.instant);
        let bytes = fanout.frame.payload().len() as u64;
        cx.for_each_player(stream, bytes, |queue, stream| fanout.offer(queue, stream));
    }
}

impl Live {
    fn settings(&self, app: AppId) -> Option<Settings> {
        self.apps.get(app).copied()
    }
}

/// Warns of a player that may not decode the stream. It gets the stream all the same: not all that players
/// can do is in what they say.
fn warn_of_codecs(cx: &Ctx, stream: &Stream, player: Endpoint) {
    let Some(session) = cx.sessions.get(player.session) else { return };
    let Some(capabilities) = session.capabilities() else { return };
    let codecs = [(stream.facts.video_codec, Kind::Video), (stream.facts.audio_codec, Kind::Audio)];
    for (codec, kind) in codecs.into_iter().filter(|(codec, kind)| !capabilities.may_take(*codec, *kind)) {
        let (id, name) = (session.id, codec.name(kind));
        log::warn!("{id} has not said that it can play {name}, which is what {} has", stream.label);
    }
}

/// True if the stream has the configurations that a decoder needs to begin with this frame.
fn has_configuration(stream: &Stream, frame: &Frame) -> bool {
    let configures =
        |header: &Rc<Frame>| header.packet == Packet::Configuration && header.tracks.meets(frame.tracks);
    !frame.needs_configuration() || stream.headers.of(frame.kind).any(configures)
}

/// The messages before a player's first frame of a track: metadata and the track's headers. They come with
/// that frame's time, as if they had just been sent.
fn preamble(settings: Settings, stream: &Stream, first: &Frame) -> Vec<Rc<Frame>> {
    let parts = stream.headers.metadata.iter().chain(stream.headers.of(first.kind));
    let parts = parts.map(|part| stream.stamped(part.at(first.timestamp)));
    parts.filter_map(|part| settings.for_players(&part, stream)).collect()
}

/// Whether a stream has audio, and video.
fn tracks(stream: &Stream) -> (bool, bool) {
    (stream.facts.audio_codec != Codec::None, stream.facts.video_codec != Codec::None)
}

/// Sends an HTTP player its FLV header.
fn open(queue: &mut PlayerQueue<'_>, (audio, video): (bool, bool)) {
    if queue.player.awaits_flv_header() {
        queue.send_flv_header(audio, video);
    }
}

/// Lets a player begin with what the cache holds, unless more waits for its session already than is usual. Returns its bytes.
fn replay(queue: &mut PlayerQueue<'_>, frames: &Rc<[Rc<Frame>]>) -> u64 {
    let (before, bytes_before) = (queue.messages(), queue.bytes());
    let Some(first) = frames.first() else { return 0 };
    if before >= queue.most_messages() || bytes_before >= MAX_QUEUED_BYTES {
        return 0;
    }
    queue.player.begin(first.timestamp);
    // The tracks, as one set for each kind, of which the configuration has been sent.
    let mut configured = [Tracks::NONE; 2];
    let mut wanted = Vec::with_capacity(frames.len());
    for frame in frames.iter() {
        if queue.player.has_reached_limit(frame.timestamp) {
            break;
        }
        let known = &mut configured[usize::from(frame.kind == Kind::Video)];
        if frame.packet == Packet::Configuration {
            known.add_all(frame.tracks);
        }
        let decodable = !frame.needs_configuration() || known.meets(frame.tracks);
        if frame.packet == Packet::Frames && !decodable {
            continue;
        }
        if queue.player.track(frame.kind) == TrackState::Off {
            continue;
        }
        if frame.role != Role::Header {
            queue.player.take(frame.kind, frame.timestamp);
        }
        wanted.push(frame);
    }
    let bytes = wanted.iter().map(|frame| frame.payload().len() as u64).sum();
    if wanted.len() == frames.len() {
        queue.send_group(frames);
    } else {
        wanted.into_iter().for_each(|frame| queue.send(frame));
    }
    queue.allow(Allowance { messages: queue.messages() - before, bytes: queue.bytes() - bytes_before });
    bytes
}

/// One frame on its way to all players of a stream.
struct FrameFanout {
    settings: Settings,
    frame: Rc<Frame>,
    preamble: OnceCell<Vec<Rc<Frame>>>,
    /// A track may begin with this frame.
    begins: bool,
    /// It is sound, and waits for the picture of a player that has none yet.
    waits_for_picture: bool,
}

impl FrameFanout {
    fn new(settings: Settings, stream: &Stream, frame: Rc<Frame>, now: Instant) -> Self {
        let decodable = match frame.role {
            Role::Key => true,
            Role::Inter | Role::Disposable => !settings.wait_key,
            Role::Header | Role::Empty => false,
        };
        // Further tracks join the default one, if there is one.
        let leads = frame.is_default_track() || stream.headers.configuration(frame.kind).is_none();
        let begins = decodable && leads && has_configuration(stream, &frame);
        let waits_for_picture = frame.kind == Kind::Audio && settings.holds_sound(stream, now);
        Self { settings, frame, preamble: OnceCell::new(), begins, waits_for_picture }
    }

    /// Made only when there is a player whose track begins with this frame, once for all of them.
    fn preamble(&self, stream: &Stream) -> &[Rc<Frame>] {
        self.preamble.get_or_init(|| match self.frame.is_metadata() {
            true => Vec::new(),
            false => preamble(self.settings, stream, &self.frame),
        })
    }

    /// Queues the frame for a player, if it can use it and has room. Breaks if the player has got all that it
    /// asked for.
    fn offer(&self, queue: &mut PlayerQueue<'_>, stream: &Stream) -> ControlFlow<()> {
        open(queue, tracks(stream));
        let (kind, role, room) = (self.frame.kind, self.frame.role, self.room(queue));
        let player = &mut *queue.player;
        if player.has_reached_limit(self.frame.timestamp) {
            return ControlFlow::Break(());
        }
        let (state, had_metadata) = (player.track(kind), player.has_metadata());
        // A player's first metadata comes with its first frame, when all of it is known.
        if player.is_paused() || self.frame.is_metadata() && !had_metadata {
            return ControlFlow::Continue(());
        }
        let waits = self.waits_for_picture && player.track(Kind::Video) == TrackState::Waiting;
        let sends = match (state, role) {
            (TrackState::Off, _) => return ControlFlow::Continue(()),
            (TrackState::Waiting, _) if !self.begins || waits => return ControlFlow::Continue(()),
            (TrackState::Waiting, _) => room == Room::Ample,
            (TrackState::Running, Role::Header) => true,
            (TrackState::Running, Role::Disposable) => room == Room::Ample,
            (TrackState::Running, _) => room != Room::None,
        };
        if !sends {
            queue.lose(kind, role);
            return ControlFlow::Continue(());
        }
        player.take(kind, self.frame.timestamp);
        if state == TrackState::Waiting {
            let preamble = self.preamble(stream).iter();
            preamble.filter(|part| !part.kind.is_data() || !had_metadata).for_each(|part| queue.send(part));
        }
        queue.send(&self.frame);
        ControlFlow::Continue(())
    }

    /// The room in a player's queue.
    fn room(&self, queue: &PlayerQueue<'_>) -> Room {
        let (messages, limit) = (queue.messages(), queue.most_messages());
        let Allowance { messages: more, bytes } = queue.allowance();
        if messages >= limit + more || queue.bytes() >= MAX_QUEUED_BYTES + bytes {
            Room::None
        } else if messages >= limit / 2 + more {
            Room::Little
        } else {
            Room::Ample
        }
    }
}

/// The room in a player's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Ample,
    /// No disposable frames, and no beginning.
    Little,
    None,
}
