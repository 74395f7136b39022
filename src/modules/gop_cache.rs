//! The GOP cache: what was sent since the last key frame is kept, so that a player sees a picture at once.
//!
//! Others read [`Stream::gop`](crate::engine::Stream). A stream without video is never kept: its sound
//! begins anywhere, and nothing would ever end the group.

use std::any::Any;
use std::rc::Rc;

use crate::conf::{self, Acts, Context, Directive, Repeat, Scope, Takes};
use crate::engine::{AppId, ByApp, Config, Ctx, GopLimits, Module, StreamId};
use crate::media::{Frame, Role};

const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "gop_cache",
        contexts: Context::APPLICATIONS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Whether the server keeps the frames since the last key frame (the GOP). A new player then begins \
              at once with that key frame, and is behind by its age. When off, a new player waits for the next \
              key frame.",
    },
    Directive {
        name: "gop_max_size",
        contexts: Context::APPLICATIONS,
        takes: Takes::Size(0, LARGEST),
        default: "4m",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "How many bytes are kept of one stream. A GOP that grows beyond this limit, or one of the two \
              below, is not kept. What the frames have become for players (chunks of RTMP, of HTTP and of WebSocket, each \
              made when the first one of its kind plays) is kept beside them, and counts for media_memory_size alone.",
    },
    Directive {
        name: "gop_max_frame_count",
        contexts: Context::APPLICATIONS,
        takes: Takes::Number(1, 65_536),
        default: "2048",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "How many video and audio frames are kept of one stream.",
    },
    Directive {
        name: "gop_max_time",
        contexts: Context::APPLICATIONS,
        takes: Takes::Time,
        default: "20s",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "How many seconds are kept of one stream.",
    },
];

/// The most that can be asked to be kept of one stream: more would not fit a player's queue.
const LARGEST: u64 = 64 << 20;

#[derive(Debug, Default)]
pub struct GopCache {
    /// By application; `None` where it is off.
    apps: ByApp<Option<GopLimits>>,
}

impl Module for GopCache {
    fn name(&self) -> &'static str {
        "gop_cache"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        config.applications.iter_mut().for_each(|app| app.features.gop_cache = app.scope.flag("gop_cache"));
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        self.apps = config.applications.iter().map(|app| (app.id, limits(&app.scope))).collect();
        Ok(())
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps.adopt(next.apps);
        for stream in cx.streams.iter_mut().filter(|stream| self.limits(stream.app).is_none()) {
            stream.gop.clear();
        }
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.apps.release(app);
    }

    fn on_frame(&mut self, cx: &mut Ctx, stream: StreamId, frame: &Rc<Frame>) {
        let Some(stream) = cx.streams.get_mut(stream) else { return };
        let Some(limits) = self.limits(stream.app) else { return };
        // Players get the latest metadata first in any case.
        if frame.role == Role::Empty || frame.is_metadata() {
            stream.gop.drop_opening();
        } else {
            stream.gop.push(frame, &stream.headers, limits);
        }
    }
}

impl GopCache {
    /// The limits of an application; none where the cache is off.
    fn limits(&self, app: AppId) -> Option<GopLimits> {
        self.apps.get(app).copied().flatten()
    }
}

fn limits(scope: &Scope<'_>) -> Option<GopLimits> {
    scope.flag("gop_cache").then(|| GopLimits {
        bytes: scope.size("gop_max_size") as usize,
        frames: scope.number("gop_max_frame_count") as usize,
        time: u64::try_from(scope.time("gop_max_time").as_millis()).unwrap_or(u64::MAX),
    })
}
