//! Live fan-out: every frame of a publisher to every player of its stream.
//!
//! A player begins with what the GOP cache holds, if anything: headers and all frames since the last key
//! frame, in their order, at their times. Otherwise it joins each track at a frame it can begin with: video
//! at a key frame (unless `wait_key off`), audio at any, each after its headers. A player that is too slow
//! loses disposable frames first, then its picture up to the next key frame, then its sound; the publisher
//! and the others notice nothing.
//!
//! `fan_out` offers a frame to each player, `opening` is what players begin with, `flv` what differs for HTTP players:
//! which tracks they are told of, and in which form they get frames.

mod fan_out;
mod flv;
mod opening;
mod settings;

use std::any::Any;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Instant;

use crate::conf::{self, Acts, Context, Directive, Repeat, Takes};
use crate::engine::{
    AppId, ByApp, ClientProtocol, Config, Ctx, Endpoint, Gate, Module, Player, Probe, Refusal, Request,
    RequestKind, SessionRole, Stream, StreamId, Verdict,
};
use crate::media::{Frame, Kind};
use fan_out::FrameFanout;
use flv::{Flags, why_unplayable};
use opening::{Opening, begin};
use settings::Settings;

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

#[derive(Debug, Default)]
pub struct Live {
    apps: ByApp<Settings>,
    /// The streams of which it has been logged that browsers cannot play their audio, or their video, and since when the
    /// publishers of which it was said publish.
    unplayable: HashMap<StreamId, [Option<Instant>; 2]>,
    /// The streams whose HTTP players wait for their FLV header, and when it is known at the latest which tracks they have.
    /// There is a timer for each, as no frame may come any more.
    awaited: HashMap<StreamId, Instant>,
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
            if !features.live && !features.plays_files && !has_warning {
                let message = "nothing can be published or played here without \"live on\"";
                probe.warn(application.scope.node(), message);
            }
        }
    }

    fn gate(&mut self, cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        let settings = self.settings(request.app);
        if settings.is_some_and(|settings| settings.live) {
            return Verdict::Continue;
        }
        let off =
            || Verdict::Deny(Refusal::of_request("live is off here: the application has no \"live on;\""));
        let plays_files = settings.is_some_and(|settings| settings.plays_files);
        let is_rtmp = || {
            let session = cx.sessions.get(request.session);
            session.is_some_and(|session| session.client_protocol() == ClientProtocol::Rtmp)
        };
        match (&request.kind, gate) {
            (RequestKind::Publish { .. }, Gate::Service) => off(),
            (RequestKind::Play { .. }, Gate::Service) if !(plays_files && is_rtmp()) => off(),
            // Whether there is a file of the name is known now.
            (RequestKind::Play { .. }, Gate::Name) if !request.is_of_file => off(),
            _ => Verdict::Continue,
        }
    }

    fn on_play_start(&mut self, cx: &mut Ctx, stream: StreamId, endpoint: Endpoint) {
        let Some(found) = cx.streams.get(stream) else { return };
        let Some(settings) = self.settings(found.app) else { return };
        if found.is_file {
            return;
        }
        warn_of_codecs(cx, found, endpoint);
        let Some(player) = player_of(cx, endpoint) else { return };
        match Opening::of(settings, found, player, cx.now.instant) {
            Some(opening) => cx.for_player(endpoint, |queue| opening.send(queue)),
            None if player.awaits_flv_header() => self.await_tracks(cx, stream),
            None => {}
        }
    }

    fn on_stream_end(&mut self, _cx: &mut Ctx, stream: StreamId) {
        self.unplayable.remove(&stream);
        self.awaited.remove(&stream);
    }

    fn on_timer(&mut self, cx: &mut Ctx, _token: u64) {
        let now = cx.now.instant;
        let due: Vec<_> = self.awaited.extract_if(|_, at| *at <= now).map(|(stream, _)| stream).collect();
        due.into_iter().for_each(|stream| self.begin_waiting(cx, stream));
    }

    fn on_frame(&mut self, cx: &mut Ctx, stream: StreamId, frame: &Rc<Frame>) {
        let Some(found) = cx.streams.get(stream) else { return };
        let Some(settings) = self.settings(found.app) else { return };
        if found.players.is_empty() {
            return;
        }
        let Some(usual) = settings.for_players(frame, found) else { return };
        let bytes = usual.payload().len() as u64;
        let fan_out = FrameFanout::new(settings, found, (frame, usual), cx.now.instant);
        cx.for_each_player(stream, bytes, |queue, stream| fan_out.offer(queue, stream));
        if fan_out.is_left_out() {
            self.tell_unplayable(cx, stream, frame);
        }
        if fan_out.has_waiting() {
            self.await_tracks(cx, stream);
        }
    }
}

impl Live {
    fn settings(&self, app: AppId) -> Option<Settings> {
        self.apps.get(app).copied()
    }

    /// Has the HTTP players of a stream that wait for their FLV header begin when it is known which tracks there are.
    fn await_tracks(&mut self, cx: &mut Ctx, stream: StreamId) {
        let at = cx.streams.get(stream).and_then(Flags::known_at).filter(|at| *at > cx.now.instant);
        if let Some(at) = at
            && self.awaited.insert(stream, at) != Some(at)
        {
            cx.set_module_timer(self.name(), at, 0);
        }
    }

    /// Lets the HTTP players of a stream that wait for their FLV header begin.
    fn begin_waiting(&self, cx: &mut Ctx, stream: StreamId) {
        let Some(settings) = cx.streams.get(stream).and_then(|found| self.settings(found.app)) else {
            return;
        };
        let now = cx.now.instant;
        cx.for_each_player(stream, 0, |queue, stream| {
            if let Some(form) = queue.player.flv().filter(|_| queue.player.awaits_flv_header()) {
                begin(settings, stream, form, queue, now);
            }
            ControlFlow::Continue(())
        });
    }

    /// Logs, once for each publisher, that browsers cannot play its audio or its video. A single message that they cannot
    /// read is not worth a line.
    fn tell_unplayable(&mut self, cx: &Ctx, stream: StreamId, frame: &Frame) {
        let Some(found) = cx.streams.get(stream) else { return };
        let Some(cannot) = why_unplayable(found, frame.kind, frame.codec) else { return };
        let since = found.publisher_since.unwrap_or(cx.now.instant);
        let [audio, video] = self.unplayable.entry(stream).or_default();
        let (what, told) = if frame.kind == Kind::Video { ("video", video) } else { ("audio", audio) };
        if told.replace(since) != Some(since) {
            let (label, codec) = (&found.label, frame.codec.name(frame.kind));
            log::warn!(
                "{label}: players in browsers do not get its {what}, as they cannot {cannot} {codec} in FLV \
                 (flv_compat raw sends it all the same)"
            );
        }
    }
}

/// The player.
fn player_of(cx: &Ctx, endpoint: Endpoint) -> Option<&Player> {
    match cx.sessions.get(endpoint.session)?.roles().on(endpoint.msid)? {
        SessionRole::Player(player) => Some(player),
        _ => None,
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
