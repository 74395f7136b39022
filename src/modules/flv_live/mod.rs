//! HTTP-FLV and WebSocket-FLV: which request is for which live stream, and in which form it is sent.
//!
//! The engine asks the gates, and sends the answer (`engine/http/playing`); the live module decides about frames.

use std::any::Any;

use crate::conf::{self, Acts, Context, Directive, Repeat, Takes};
use crate::engine::{
    Answer, AppId, ByLocation, Compat, Config, Ctx, FlvForm, FlvTimes, FlvTracks, HttpPlay, HttpRequest,
    LocationId, Module,
};
use crate::http::{ResponseHead, websocket};

const DIRECTIVES: &[Directive] = &[Directive {
    name: "flv_live",
    contexts: &[Context::Location],
    takes: Takes::Flag,
    default: "off",
    repeat: Repeat::Once,
    acts: Acts::AtOnce,
    doc: "Sends live streams as HTTP-FLV and WebSocket-FLV.",
}];

#[derive(Debug, Default)]
pub struct FlvLive {
    locations: ByLocation<bool>,
    apps: Vec<(String, AppId)>,
}

impl Module for FlvLive {
    fn name(&self) -> &'static str {
        "flv_live"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        self.locations = config.locations.iter().map(|l| (l.id, l.scope.flag("flv_live"))).collect();
        self.apps = config.applications.iter().map(|app| (app.name.clone(), app.id)).collect();
        Ok(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.locations.adopt(next.locations);
        self.apps = next.apps;
    }

    fn release_locations(&mut self, _cx: &mut Ctx, first: LocationId) {
        self.locations.release(first);
    }

    fn on_http(&mut self, _cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        self.locations.get(request.location).filter(|on| **on)?;
        let (rest, name) = request.head.path.strip_suffix(".flv")?.rsplit_once('/')?;
        let app = rest.rsplit('/').next()?;
        let app = self.apps.iter().find(|(name, _)| name == app)?.1;
        let head =
            ResponseHead::new(200).with("Content-Type", "video/x-flv").with("Cache-Control", "no-store");
        let key = request.head.headers.get("sec-websocket-key");
        let head = match key {
            Some(key) => ResponseHead::new(101).with("Sec-WebSocket-Accept", websocket::accept(key)),
            None => head,
        };
        Some(Answer::Play(Box::new(HttpPlay {
            app,
            name: name.to_owned(),
            args: request.head.query.clone(),
            form: FlvForm { compat: Compat::Raw, times: FlvTimes::Stream, tracks: FlvTracks::All },
            is_websocket: key.is_some(),
            head,
        })))
    }
}
