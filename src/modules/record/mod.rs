//! Recording: each stream of an application into FLV files, by the application's own recorder and by its
//! `recorder` blocks.
//!
//! Recorders are no sinks: they tell publishers how they fare, need the time of day for names, and write
//! what they have gathered when a publisher pauses.

mod directives;
mod file;
mod interval;
mod probe;
mod recorder;
mod retention;
mod settings;
#[cfg(test)]
mod tests;
mod wait;

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::conf::{self, Directive};
use crate::engine::{
    AppId, Application, ByApp, Config, Ctx, Level, Module, Notice, Probe, StreamId, TimerId,
};
use crate::media::Frame;
use directives::DIRECTIVES;
use file::script::Script;
use recorder::{RecordEvent, Recorder, RecorderAt, SharedState};
use retention::{InUse, PAUSE_AFTER_DELETION, Retention, Step};
use settings::Settings;

/// The module's name, and that of its timers.
const NAME: &str = "record";
/// The token of the timer for the searches; those of streams are greater.
const SEARCHES: u64 = 0;
/// The tokens of the timers for the check of the disk, and for the next step of a deletion there.
const DISK_CHECK: u64 = u64::MAX;
const DELETIONS: u64 = u64::MAX - 1;
/// A timer set for this time from now expires in the next turn.
const NEXT_TURN: Duration = Duration::from_nanos(1);

#[derive(Debug, Default)]
pub struct Record {
    /// The recorders of each application.
    apps: ByApp<Vec<Settings>>,
    /// The recorders of each live stream.
    streams: HashMap<StreamId, Recorders>,
    /// The streams by the tokens of their timers.
    tokens: HashMap<u64, StreamId>,
    last_token: u64,
    /// The streams with recorders that search for a file, in the order in which they are next. Invariant: there is one
    /// timer for all, as long as there is a stream here.
    searches: VecDeque<StreamId>,
    shared: SharedState,
    retention: Retention,
    /// The timer for the next check of the disk, and when it expires.
    disk_check: Option<(Instant, TimerId)>,
    /// There is a timer for the deletions.
    is_deleting: bool,
}

/// The recorders of a stream, in the order of their settings.
#[derive(Debug)]
struct Recorders {
    all: Vec<Recorder>,
    token: u64,
    /// The timer that lets them write, and when it expires.
    timer: Option<(Instant, TimerId)>,
    /// The stream is among the searches.
    is_queued: bool,
}

impl Module for Record {
    fn name(&self) -> &'static str {
        NAME
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        config
            .applications
            .iter_mut()
            .for_each(|app| app.features.record = app.scope.text("record") != "off");
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let mut faults = conf::Faults::default();
        for application in &config.applications {
            let recorders = read_recorders(application, &mut faults);
            for (folder, rule) in
                recorders.iter().filter_map(|settings| settings.retention(&application.name))
            {
                self.retention.add(folder, rule);
            }
            self.apps.insert(application.id, recorders);
        }
        faults.into_result(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps.adopt(next.apps);
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.apps.release(app);
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        config.applications.iter().for_each(|application| probe::probe(application, probe));
    }

    fn on_start(&mut self, cx: &mut Ctx) {
        self.retention.start(cx.now).iter().for_each(|warning| log::warn!("{warning}"));
        self.check_disk(cx);
    }

    fn on_stream_start(&mut self, cx: &mut Ctx, id: StreamId) {
        let Some(stream) = cx.streams.get(id) else { return };
        let Some(settings) = self.apps.get(stream.app).filter(|recorders| !recorders.is_empty()) else {
            return;
        };
        let all = settings.iter().map(|settings| Recorder::new(settings, stream)).collect();
        self.last_token += 1;
        let recorders = Recorders { all, token: self.last_token, timer: None, is_queued: false };
        self.tokens.insert(recorders.token, id);
        if let Some(lost) = self.streams.insert(id, recorders) {
            self.abandon(cx, lost);
        }
    }

    fn on_frame(&mut self, cx: &mut Ctx, id: StreamId, frame: &Rc<Frame>) {
        if self.streams.is_empty() {
            return;
        }
        self.for_each(cx, id, |recorder| recorder.frame(frame));
        self.set_timer(cx, id);
        self.queue_search(cx, id);
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, id: StreamId) {
        self.for_each(cx, id, |recorder| {
            recorder.end();
        });
        self.remove(cx, id);
    }

    fn on_timer(&mut self, cx: &mut Ctx, token: u64) {
        match token {
            SEARCHES => return self.step_search(cx),
            DELETIONS => return self.step_deletion(cx),
            DISK_CHECK => {
                self.disk_check = None;
                return self.check_disk(cx);
            }
            _ => {}
        }
        let Some(&id) = self.tokens.get(&token) else { return };
        let Some(recorders) = self.streams.get_mut(&id) else { return };
        recorders.timer = None;
        self.for_each(cx, id, |recorder| {
            recorder.flush();
        });
        self.set_timer(cx, id);
    }
}

impl Record {
    /// Lets each recorder of a stream act, and sends its publisher the events. The recorders of a stream that is gone,
    /// as when its end has panicked, are removed, or their timers would be set for ever.
    fn for_each(&mut self, cx: &mut Ctx, id: StreamId, mut act: impl FnMut(&mut RecorderAt<'_>)) {
        let Some(stream) = cx.streams.get(id) else { return self.remove(cx, id) };
        let Some(recorders) = self.streams.get_mut(&id) else { return };
        let all = self.apps.get(stream.app).map(Vec::as_slice).unwrap_or_default();
        let mut told = Vec::new();
        for (recorder, settings) in recorders.all.iter_mut().zip(all) {
            let shared = &mut self.shared;
            let mut recorder =
                RecorderAt { recorder, settings, stream, now: cx.now, shared, events: Vec::new() };
            act(&mut recorder);
            let events = recorder.events.into_iter().filter(|_| settings.notify);
            told.extend(events.map(|event| (event, settings)));
        }
        for (event, settings) in told {
            let status = match event {
                RecordEvent::Started => (Level::Status, "NetStream.Record.Start"),
                RecordEvent::Stopped => (Level::Status, "NetStream.Record.Stop"),
                RecordEvent::Failed => (Level::Error, "NetStream.Record.Failed"),
            };
            cx.tell_publisher(id, status, &settings.recorder);
        }
        if !self.shared.finished.is_empty() {
            self.announce_finished(cx);
        }
        if std::mem::take(&mut self.shared.needs_room) {
            self.check_disk(cx);
        }
        if !self.shared.removed.is_empty() {
            self.shared.removed.drain(..).for_each(|file| self.retention.release(file));
            self.set_deletion_timer(cx, NEXT_TURN);
        }
    }

    fn remove(&mut self, cx: &mut Ctx, id: StreamId) {
        if let Some(recorders) = self.streams.remove(&id) {
            self.abandon(cx, recorders);
        }
    }

    /// Closes the files of recorders whose stream is gone.
    fn abandon(&mut self, cx: &mut Ctx, mut recorders: Recorders) {
        self.tokens.remove(&recorders.token);
        if let Some((_, timer)) = recorders.timer {
            cx.cancel_timer(timer);
        }
        recorders.all.iter_mut().for_each(|recorder| recorder.abandon(&mut self.shared));
        self.announce_finished(cx);
    }

    /// Announces the recordings that are finished.
    fn announce_finished(&mut self, cx: &mut Ctx) {
        self.shared.finished.drain(..).for_each(|recording| cx.announce(Notice::Recorded(recording)));
    }

    /// Sets the timer by which what a stream's recorders have gathered is written, whatever its publisher
    /// does.
    fn set_timer(&mut self, cx: &mut Ctx, id: StreamId) {
        let Some(recorders) = self.streams.get_mut(&id) else { return };
        let Some(at) = recorders.all.iter().filter_map(Recorder::flush_at).min() else { return };
        if recorders.timer.is_some_and(|(earlier, _)| earlier <= at) {
            return;
        }
        let timer = cx.set_module_timer(NAME, at, recorders.token);
        if let Some((_, later)) = recorders.timer.replace((at, timer)) {
            cx.cancel_timer(later);
        }
    }

    /// Puts a stream among the searches if one of its recorders searches.
    fn queue_search(&mut self, cx: &mut Ctx, id: StreamId) {
        let Some(recorders) = self.streams.get_mut(&id) else { return };
        if recorders.is_queued || !recorders.all.iter().any(Recorder::is_searching) {
            return;
        }
        recorders.is_queued = true;
        if self.searches.is_empty() {
            cx.set_module_timer(NAME, cx.now.instant + NEXT_TURN, SEARCHES);
        }
        self.searches.push_back(id);
    }

    /// Takes the next search one step further: one in a turn, so that other streams are served between.
    fn step_search(&mut self, cx: &mut Ctx) {
        while let Some(id) = self.searches.pop_front() {
            let Some(recorders) = self.streams.get_mut(&id) else { continue };
            recorders.is_queued = false;
            if !self.searches.is_empty() {
                cx.set_module_timer(NAME, cx.now.instant + NEXT_TURN, SEARCHES);
            }
            if !self.shared.allows_step(cx.now.instant) {
                return self.queue_search(cx, id);
            }
            let mut is_stepped = false;
            self.for_each(cx, id, |recorder| is_stepped = is_stepped || recorder.step());
            self.set_timer(cx, id);
            return self.queue_search(cx, id);
        }
    }

    /// Begins to delete recordings, where that is due.
    fn check_disk(&mut self, cx: &mut Ctx) {
        if self.retention.is_empty() {
            return;
        }
        self.retention.begin_passes(cx.now);
        self.set_deletion_timer(cx, NEXT_TURN);
        let Some(next) = self.retention.next_check(cx.now.instant, &self.shared.files) else { return };
        if self.disk_check.is_some_and(|(earlier, _)| earlier <= next) {
            return;
        }
        let timer = cx.set_module_timer(NAME, next, DISK_CHECK);
        if let Some((_, later)) = self.disk_check.replace((next, timer)) {
            cx.cancel_timer(later);
        }
    }

    /// Takes the deletions one step further: one in a turn, and none in which a search has had one.
    fn step_deletion(&mut self, cx: &mut Ctx) {
        self.is_deleting = false;
        let mut wait = NEXT_TURN;
        let Self { retention, shared, streams, apps, .. } = self;
        if shared.allows_step(cx.now.instant) {
            let is_awaited = |script: &Script| is_awaited(streams, apps, cx, script);
            let (now, files) = (cx.now, &shared.files);
            if retention.step(now, &InUse { files, is_awaited: &is_awaited }) == Step::Deleted {
                wait = PAUSE_AFTER_DELETION;
            }
        }
        self.set_deletion_timer(cx, wait);
        if !self.is_deleting {
            self.check_disk(cx);
        }
    }

    fn set_deletion_timer(&mut self, cx: &mut Ctx, wait: Duration) {
        if self.retention.is_running() && !std::mem::replace(&mut self.is_deleting, true) {
            cx.set_module_timer(NAME, cx.now.instant + wait, DELETIONS);
        }
    }
}

/// The recorders of an application: its own, if it is not off, and those of its `recorder` blocks.
fn read_recorders(application: &Application<'_>, faults: &mut conf::Faults) -> Vec<Settings> {
    let mut recorders = Vec::new();
    recorders.extend(faults.keep_or_default(Settings::read(&application.scope, "")));
    let mut names: Vec<&str> = Vec::new();
    for block in application.scope.blocks("recorder") {
        let node = block.node();
        let name = node.args.first().map(String::as_str).unwrap_or_default();
        if names.contains(&name) {
            let why = format!("recorder \"{name}\" stands in this application twice");
            faults.push(conf::Error::at(node, why));
        }
        names.push(name);
        recorders.extend(faults.keep_or_default(Settings::read(&block, name)));
    }
    recorders
}

/// True if a stream waits for a picture or a repair, to append to the recording with this head.
fn is_awaited(
    streams: &HashMap<StreamId, Recorders>,
    apps: &ByApp<Vec<Settings>>,
    cx: &Ctx,
    script: &Script,
) -> bool {
    streams.iter().any(|(id, recorders)| {
        let Some(stream) = cx.streams.get(*id) else { return false };
        let all = apps.get(stream.app).map(Vec::as_slice).unwrap_or_default();
        let mut waiting = recorders.all.iter().zip(all).filter(|(recorder, _)| recorder.waits_to_append());
        waiting.any(|(_, settings)| script.may_be_of(&settings.identity(&stream.label)))
    })
}
