//! Recording: each stream of an application into FLV files, by the application's own recorder and by its
//! `recorder` blocks.
//!
//! Recorders are no sinks: they tell publishers how they fare, need the time of day for names, and write
//! what they have gathered when a publisher pauses.

mod contents;
mod directives;
mod interval;
mod names;
mod open;
mod output;
mod recorder;
mod resume;
mod script;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use crate::conf::{self, Directive};
use crate::engine::{Config, Ctx, Level, Module, StreamId};
use crate::media::Frame;
use directives::DIRECTIVES;
use recorder::{Event, Recorder, Scene, Shared};
use settings::Settings;

/// The module's name, and that of its timer.
const NAME: &str = "record";

/// The module.
#[derive(Debug, Default)]
pub struct Record {
    /// The recorders of each application.
    apps: Vec<Vec<Settings>>,
    /// The recorders of each live stream, in the same order.
    streams: HashMap<StreamId, Vec<Recorder>>,
    shared: Shared,
    /// When the timer expires that lets recorders write.
    timer: Option<Instant>,
}

impl Module for Record {
    fn name(&self) -> &'static str {
        NAME
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Error> {
        for application in &config.applications {
            let mut recorders = Vec::new();
            recorders.extend(Settings::read(&application.scope, "")?);
            let mut names: Vec<&str> = Vec::new();
            for block in application.scope.blocks("recorder") {
                let node = block.node();
                let name = node.args.first().map(String::as_str).unwrap_or_default();
                if names.contains(&name) {
                    let why = format!("recorder \"{name}\" stands in this application twice");
                    return Err(conf::Error::at(node, why));
                }
                names.push(name);
                recorders.extend(Settings::read(&block, name)?);
            }
            self.apps.push(recorders);
        }
        Ok(())
    }

    fn on_stream_start(&mut self, cx: &mut Ctx, id: StreamId) {
        let Some(stream) = cx.streams.get(id) else { return };
        let Some(settings) = self.apps.get(stream.app.0).filter(|recorders| !recorders.is_empty()) else {
            return;
        };
        let recorders = settings.iter().map(|settings| Recorder::new(settings, stream));
        self.streams.insert(id, recorders.collect());
    }

    fn on_frame(&mut self, cx: &mut Ctx, id: StreamId, frame: &Rc<Frame>) {
        self.for_each(cx, id, |recorder, settings, scene, shared| {
            recorder.frame(settings, scene, frame, shared)
        });
        self.set_timer(cx, id);
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, id: StreamId) {
        self.for_each(cx, id, Recorder::end);
        self.streams.remove(&id);
    }

    fn on_timer(&mut self, cx: &mut Ctx, _token: u64) {
        // An earlier deadline may have taken this one's place.
        if self.timer.is_none_or(|at| cx.now.instant < at) {
            return;
        }
        self.timer = None;
        for id in self.streams.keys().copied().collect::<Vec<_>>() {
            self.for_each(cx, id, |recorder, _, scene, shared| recorder.flush(scene, shared));
            self.set_timer(cx, id);
        }
    }
}

impl Record {
    /// Lets each recorder of a stream act, and tells its publisher what has come of it.
    fn for_each(
        &mut self,
        cx: &mut Ctx,
        id: StreamId,
        mut act: impl FnMut(&mut Recorder, &Settings, Scene<'_>, &mut Shared) -> Vec<Event>,
    ) {
        let Some(recorders) = self.streams.get_mut(&id) else { return };
        let Some(stream) = cx.streams.get(id) else { return };
        let settings = self.apps.get(stream.app.0).map(Vec::as_slice).unwrap_or_default();
        let app = cx.apps.get(stream.app.0).map_or("", |app| &app.name);
        let scene = Scene { app, stream, now: cx.now };
        let mut told = Vec::new();
        for (recorder, settings) in recorders.iter_mut().zip(settings) {
            let events = act(recorder, settings, scene, &mut self.shared);
            told.extend(events.into_iter().filter(|_| settings.notify).map(|event| (event, settings)));
        }
        for (event, settings) in told {
            let status = match event {
                Event::Started => (Level::Status, "NetStream.Record.Start"),
                Event::Stopped => (Level::Status, "NetStream.Record.Stop"),
                Event::Failed => (Level::Error, "NetStream.Record.Failed"),
            };
            cx.tell_publisher(id, status, &settings.recorder);
        }
    }

    /// Sees to it that what a stream's recorders have gathered is written in time, whatever its publisher
    /// does.
    fn set_timer(&mut self, cx: &mut Ctx, id: StreamId) {
        let recorders = self.streams.get(&id).into_iter().flatten();
        let Some(at) = recorders.filter_map(Recorder::flush_at).min() else { return };
        if self.timer.is_none_or(|timer| at < timer) {
            self.timer = Some(at);
            cx.set_module_timer(NAME, at, 0);
        }
    }
}
