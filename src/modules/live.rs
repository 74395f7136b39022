//! Live fan-out: every frame of a publisher to every player of its stream.
//!
//! A player joins a track at a frame it can begin with: video at a key frame (unless `wait_key off`),
//! audio at any, each after its header. A player that is too slow loses disposable frames first, then
//! its picture up to the next key frame, then its sound; the publisher and the others notice nothing.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::conf::{self, Context, Directive, Repeat, Takes};
use crate::engine::{
    AppId, Ask, Config, Ctx, MAX_QUEUED_BYTES, Module, Request, Session, Stream, StreamId, Track, Verdict,
    stamped,
};
use crate::media::flv::Codec;
use crate::media::{Frame, Kind, Role};

const EVERYWHERE: &[Context] = &[Context::Rtmp, Context::RtmpServer, Context::Application];

const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "live",
        contexts: EVERYWHERE,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        doc: "Whether streams may be published and played.",
    },
    Directive {
        name: "wait_key",
        contexts: EVERYWHERE,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        doc: "Whether a player's picture begins with a key frame.",
    },
];

/// The module.
#[derive(Debug, Default)]
pub struct Live {
    apps: Vec<Settings>,
}

/// An application's settings.
#[derive(Debug, Clone, Copy)]
struct Settings {
    live: bool,
    wait_key: bool,
    /// Messages that may wait for one player.
    out_queue: usize,
}

impl Module for Live {
    fn name(&self) -> &'static str {
        "live"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Error> {
        let settings = config.applications.iter().map(|application| Settings {
            live: application.scope.flag("live"),
            wait_key: application.scope.flag("wait_key"),
            out_queue: application.scope.number("out_queue") as usize,
        });
        self.apps = settings.collect();
        Ok(())
    }

    fn gate(&mut self, _cx: &mut Ctx, request: &mut Request) -> Verdict {
        let live = self.settings(request.app).is_some_and(|settings| settings.live);
        match request.ask {
            Ask::Publish(_) | Ask::Play(_) if !live => Verdict::Deny("live is off here".into()),
            _ => Verdict::Continue,
        }
    }

    fn on_frame(&mut self, cx: &mut Ctx, stream: StreamId, frame: &Rc<Frame>) {
        let Some(found) = cx.streams.get(stream) else { return };
        let withheld = frame.is_metadata() && found.headers.metadata.is_none();
        if found.players.is_empty() || withheld {
            return;
        }
        let Some(settings) = self.settings(found.app) else { return };
        let cast = Cast::new(settings, found, frame);
        cx.for_each_player(stream, |session| cast.offer(session));
    }
}

impl Live {
    fn settings(&self, app: AppId) -> Option<Settings> {
        self.apps.get(app.0).copied()
    }
}

/// One frame on its way to all players of a stream.
struct Cast {
    settings: Settings,
    frame: Rc<Frame>,
    /// The metadata and the track's header.
    lead: [Option<Rc<Frame>>; 2],
    preamble: OnceCell<Vec<Rc<Frame>>>,
    /// Whether a track may begin with this frame.
    begins: bool,
}

impl Cast {
    fn new(settings: Settings, stream: &Stream, frame: &Rc<Frame>) -> Self {
        let headers = &stream.headers;
        let (header, needs_header) = match frame.kind {
            Kind::Video => (&headers.video, frame.codec == Codec::Avc),
            Kind::Audio => (&headers.audio, frame.codec == Codec::Aac),
            Kind::Data => (&None, false),
        };
        let decodable = match frame.role {
            Role::Key => true,
            Role::Inter | Role::Disposable => !settings.wait_key,
            Role::Header | Role::Empty => false,
        };
        let begins = decodable && (header.is_some() || !needs_header);
        // Players get the metadata as the codec module has made it.
        let frame = match &headers.metadata {
            Some(metadata) if frame.is_metadata() => stamped(metadata.at(frame.timestamp)),
            _ => Rc::clone(frame),
        };
        let lead =
            if frame.is_metadata() { [None, None] } else { [headers.metadata.clone(), header.clone()] };
        Self { settings, frame, lead, preamble: OnceCell::new(), begins }
    }

    /// What a player whose track begins with this frame gets first. It comes with the frame's time, as if
    /// it had just been sent; made only when there is such a player, once for all of them.
    fn preamble(&self) -> &[Rc<Frame>] {
        let time = self.frame.timestamp;
        self.preamble.get_or_init(|| self.lead.iter().flatten().map(|part| stamped(part.at(time))).collect())
    }

    /// Queues the frame for a player, if it can use it and has room.
    fn offer(&self, session: &mut Session) {
        let limit = self.settings.out_queue;
        let full = session.out.len() >= limit || session.out.bytes() >= MAX_QUEUED_BYTES;
        let pressed = full || session.out.len() >= limit / 2;
        let Some(player) = session.player_mut() else { return };
        let track = match self.frame.kind {
            Kind::Video => &mut player.video,
            Kind::Audio => &mut player.audio,
            Kind::Data => &mut player.data,
        };
        let (state, role) = (*track, self.frame.role);
        let sends = match (state, role) {
            (Track::Waiting, _) if !self.begins => return,
            (Track::Waiting, _) => !pressed,
            (Track::Running, Role::Header) => true,
            (Track::Running, Role::Disposable) => !pressed,
            (Track::Running, _) => !full,
        };
        if !sends {
            player.dropped += 1;
            if role != Role::Disposable {
                *track = Track::Waiting;
            }
            return;
        }
        *track = Track::Running;
        let introduced = std::mem::replace(&mut player.introduced, true);
        if state == Track::Waiting {
            let news = self.preamble().iter().filter(|part| part.kind != Kind::Data || !introduced);
            news.for_each(|part| session.send_frame(part));
        }
        session.send_frame(&self.frame);
    }
}
