//! Recording: each stream of an application into FLV files, by the application's own recorder and by its
//! `recorder` blocks.
//!
//! Recorders are no sinks: they tell publishers how they fare, need the time of day for names, and write
//! what they have gathered when a publisher pauses. Everything that touches a file is a job of the writer: see `disk`.

mod deletions;
mod directives;
mod disk;
mod file;
mod interval;
mod output;
mod probe;
mod recorder;
mod retention;
mod settings;
mod wait;

use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::conf::{self, Directive};
use crate::engine::{
    AppId, Application, ByApp, Config, Ctx, Failed, JobResult, Level, Module, Notice, Now, Probe,
    RecordResult, Recording, Stream, StreamId, TimerId, quantities,
};
use crate::media::Frame;
use deletions::Deletions;
use directives::DIRECTIVES;
use disk::jobs::{DiskJobs, NAME, NO_FILE, NO_STREAM};
use disk::{Disk, FileKey, Outcome, Report, SharedDisk};
use file::Finished;
use recorder::{Closing, RecordEvent, Recorder, RecorderAt, SharedState};
use retention::RetentionStatus;
use settings::Settings;

/// How often the status of recorders is noted while nothing happens to them.
const NOTE_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Record {
    /// The recorders of each application.
    apps: ByApp<Vec<Rc<Settings>>>,
    /// The recorders of each live stream.
    streams: HashMap<StreamId, Recorders>,
    /// The streams by the tokens of their timers and reports.
    tokens: HashMap<u64, StreamId>,
    /// The recorders of ended streams that still search for the file of their last frames, by token.
    ended: HashMap<u64, Recorders>,
    last_token: u64,
    shared: SharedState,
    /// What the jobs work on.
    disk: SharedDisk,
    deletions: Deletions,
}

/// The recorders of a stream with their settings, which stay as they were when it began.
#[derive(Debug)]
struct Recorders {
    all: Vec<(Rc<Settings>, Recorder)>,
    token: u64,
    /// The timer that lets them write, and when it expires.
    timer: Option<(Instant, TimerId)>,
    /// When their status was last noted in the stream.
    noted: Option<Instant>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            apps: ByApp::default(),
            streams: HashMap::new(),
            tokens: HashMap::new(),
            ended: HashMap::new(),
            last_token: NO_STREAM,
            shared: SharedState::default(),
            disk: SharedDisk::new(Disk::default()),
            deletions: Deletions::default(),
        }
    }
}

impl Module for Record {
    fn name(&self) -> &'static str {
        NAME
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        for app in &mut config.applications {
            // What is wrong with them is said when they are configured.
            let recorders = read_recorders(app, &mut conf::Faults::default());
            app.features.recorders = recorders.iter().map(Settings::feature).collect();
            app.features.record = app.scope.text("record") != "off";
        }
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let (mut faults, mut disk) = (conf::Faults::default(), Disk::default());
        for application in &config.applications {
            let recorders = read_recorders(application, &mut faults);
            for (folder, rule) in
                recorders.iter().filter_map(|settings| settings.retention(&application.name))
            {
                disk.retention.add(folder, rule);
            }
            self.apps.insert(application.id, recorders.into_iter().map(Rc::new).collect());
        }
        self.disk = SharedDisk::new(disk);
        faults.into_result(())
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps.adopt(next.apps);
        if let Some(disk) = next.disk.disk.take() {
            self.deletions.adopt(cx, &self.disk, disk.retention);
        }
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.apps.release(app);
        // Another application may get the id before these files are closed.
        let closing = self.shared.closing.values_mut();
        closing.filter(|closing| closing.app == Some(app)).for_each(|closing| closing.app = None);
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        config.applications.iter().for_each(|application| probe::probe(application, probe));
    }

    fn on_start(&mut self, cx: &mut Ctx) {
        // No job is on its way yet.
        let start = |disk: &mut Disk| {
            disk.retention.start(cx.now).iter().for_each(|warning| log::warn!("{warning}"));
            Ok(!disk.retention.is_empty())
        };
        let deletes = self.disk.disk.with(start).unwrap_or_default();
        self.deletions.start(cx, &self.disk, deletes);
    }

    fn on_stream_start(&mut self, cx: &mut Ctx, id: StreamId) {
        let Some(stream) = cx.streams.get(id) else { return };
        let Some(settings) = self.apps.get(stream.app).filter(|recorders| !recorders.is_empty()) else {
            return;
        };
        let recorder = |settings: &Rc<Settings>| (Rc::clone(settings), Recorder::new(settings, stream));
        let all = settings.iter().map(recorder).collect();
        self.last_token += 1;
        let recorders = Recorders { all, token: self.last_token, timer: None, noted: None };
        self.tokens.insert(recorders.token, id);
        if let Some(lost) = self.streams.insert(id, recorders) {
            self.abandon(cx, lost);
        }
        self.for_each(cx, id, |_, _| {});
    }

    fn on_frame(&mut self, cx: &mut Ctx, id: StreamId, frame: &Rc<Frame>) {
        if self.streams.is_empty() {
            return;
        }
        self.for_each(cx, id, |recorder, stream| recorder.frame(stream, frame));
        self.set_timer(cx, id);
    }

    fn on_record(&mut self, cx: &mut Ctx, id: StreamId, recorder: &str, start: bool) -> Option<RecordResult> {
        let mut result = RecordResult::NoRecorder;
        // Its status is noted at once.
        self.streams.get_mut(&id)?.noted = None;
        self.for_each(cx, id, |at, stream| {
            if at.recorder.is_named(recorder) {
                result = if start { at.start_by_operator(stream) } else { at.stop_by_operator(stream) };
            }
        });
        self.set_timer(cx, id);
        Some(result)
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, id: StreamId) {
        self.for_each(cx, id, |recorder, stream| {
            recorder.end(stream);
        });
        let Some(recorders) = self.streams.remove(&id) else { return };
        if recorders.all.iter().any(|(_, recorder)| recorder.is_searching()) {
            self.forget_stream(cx, &recorders);
            self.ended.insert(recorders.token, recorders);
        } else {
            self.abandon(cx, recorders);
        }
    }

    fn on_timer(&mut self, cx: &mut Ctx, token: u64) {
        match token {
            deletions::CHECK => return self.deletions.expire_check(cx, &self.disk),
            deletions::STEP => {
                let awaited = |cx: &Ctx| awaited(&self.streams, cx);
                return self.deletions.step(cx, &self.disk, awaited);
            }
            _ => {}
        }
        let Some(&id) = self.tokens.get(&token) else { return };
        let Some(recorders) = self.streams.get_mut(&id) else { return };
        recorders.timer = None;
        self.for_each(cx, id, |recorder, _| recorder.flush());
        self.set_timer(cx, id);
    }

    fn on_job(&mut self, cx: &mut Ctx, token: u64, result: JobResult) {
        let result = match result.take::<Report>() {
            Ok(report) => return self.handle_report(cx, report),
            Err(result) => result,
        };
        match (result.take::<RetentionStatus>(), token) {
            (Ok(status), _) => self.deletions.report(cx, &self.disk, status),
            (Err(_), NO_FILE) => self.deletions.recover(cx),
            (Err(result), key) => {
                if let Ok(Failed(error)) = result.take::<Failed>() {
                    self.recover(cx, FileKey(key), error);
                }
            }
        }
    }
}

impl Record {
    /// Lets each recorder of a live stream act. The recorders of a stream that is gone, as when its end has panicked,
    /// are removed, or their timers would be set for ever.
    fn for_each(&mut self, cx: &mut Ctx, id: StreamId, mut act: impl FnMut(&mut RecorderAt<'_>, &Stream)) {
        let Some(stream) = cx.streams.get(id) else {
            if let Some(recorders) = self.streams.remove(&id) {
                self.abandon(cx, recorders);
            }
            return;
        };
        let Some(recorders) = self.streams.get_mut(&id) else { return };
        let jobs = DiskJobs { disk: &self.disk, jobs: &mut cx.jobs, stream: recorders.token };
        let events = recorders.act((&mut self.shared, jobs, cx.now), |recorder| act(recorder, stream));
        if let Some(stream) = cx.streams.get_mut(id)
            && (!events.is_empty()
                || recorders.noted.is_none_or(|noted| cx.now.instant >= noted + NOTE_EVERY))
        {
            recorders.note_status(stream, cx.now);
        }
        let told = events.into_iter().filter(|(_, settings)| settings.notify);
        for (event, settings) in told {
            let status = match event {
                RecordEvent::Started => (Level::Status, "NetStream.Record.Start"),
                RecordEvent::Stopped => (Level::Status, "NetStream.Record.Stop"),
                RecordEvent::Failed => (Level::Error, "NetStream.Record.Failed"),
            };
            cx.tell_publisher(id, status, &settings.recorder);
        }
        for (recorder, result) in self.shared.began.drain(..) {
            cx.recording_began(id, &recorder, result);
        }
        self.settle(cx);
    }

    /// The same for recorders by their token, whether their stream is live or has ended.
    fn for_all_of(&mut self, cx: &mut Ctx, token: u64, mut act: impl FnMut(&mut RecorderAt<'_>)) {
        if let Some(&id) = self.tokens.get(&token) {
            self.for_each(cx, id, |recorder, _| act(recorder));
            return self.set_timer(cx, id);
        }
        let Some(mut recorders) = self.ended.remove(&token) else { return };
        let jobs = DiskJobs { disk: &self.disk, jobs: &mut cx.jobs, stream: token };
        recorders.act((&mut self.shared, jobs, cx.now), act);
        if recorders.all.iter().any(|(_, recorder)| recorder.is_searching()) {
            self.ended.insert(token, recorders);
        }
        self.settle(cx);
    }

    /// Does what recorders have left to do.
    fn settle(&mut self, cx: &mut Ctx) {
        // Of a stream that has ended nobody waits for these.
        self.shared.began.clear();
        for file in self.shared.lost.drain(..) {
            self.deletions.release(cx, &self.disk, file);
        }
        cx.totals.recordings_failed += std::mem::take(&mut self.shared.failures);
        if std::mem::take(&mut self.shared.needs_room) {
            self.deletions.check(cx, &self.disk);
        }
    }

    /// Closes the files of recorders whose stream is gone.
    fn abandon(&mut self, cx: &mut Ctx, mut recorders: Recorders) {
        self.forget_stream(cx, &recorders);
        let jobs = DiskJobs { disk: &self.disk, jobs: &mut cx.jobs, stream: recorders.token };
        recorders.act((&mut self.shared, jobs, cx.now), |recorder| {
            recorder.abandon();
        });
        self.settle(cx);
    }

    fn forget_stream(&mut self, cx: &mut Ctx, recorders: &Recorders) {
        self.tokens.remove(&recorders.token);
        if let Some((_, timer)) = recorders.timer {
            cx.cancel_timer(timer);
        }
    }

    /// Sets the timer by which what a stream's recorders have gathered is written, whatever its publisher
    /// does.
    fn set_timer(&mut self, cx: &mut Ctx, id: StreamId) {
        let Some(recorders) = self.streams.get_mut(&id) else { return };
        let Some(at) = recorders.all.iter().filter_map(|(_, recorder)| recorder.flush_at()).min() else {
            return;
        };
        if recorders.timer.is_some_and(|(earlier, _)| earlier <= at) {
            return;
        }
        let timer = cx.set_module_timer(NAME, at, recorders.token);
        if let Some((_, later)) = recorders.timer.replace((at, timer)) {
            cx.cancel_timer(later);
        }
    }

    /// A job for a file is done.
    fn handle_report(&mut self, cx: &mut Ctx, Report { stream, key, outcome }: Report) {
        if let Outcome::Closed(finished) = outcome {
            let closing = self.shared.closing.remove(&key);
            return closing.zip(finished).map_or((), |(closing, finished)| announce(cx, closing, finished));
        }
        if let Some(closing) = self.shared.closing.get(&key) {
            return log_late(closing, &outcome);
        }
        let mut outcome = Some(outcome);
        self.for_all_of(cx, stream, |recorder| {
            if let Some(outcome) = outcome.take_if(|_| recorder.recorder.owns(key)) {
                recorder.report(key, outcome);
            }
        });
    }

    /// A job for a file has panicked.
    fn recover(&mut self, cx: &mut Ctx, key: FileKey, error: io::Error) {
        let owns = |recorders: &&Recorders| recorders.all.iter().any(|(_, recorder)| recorder.owns(key));
        if let Some(owner) =
            self.streams.values().chain(self.ended.values()).find(owns).map(|owner| owner.token)
        {
            return self.for_all_of(cx, owner, |recorder| {
                if recorder.recorder.owns(key) {
                    recorder.recover(key, &error);
                }
            });
        }
        if let Some(closing) = self.shared.closing.get(&key) {
            log_late(closing, &Outcome::NotWritten(error));
        }
        // If it was the job that closes the file, nothing else tells that it is closed.
        DiskJobs { disk: &self.disk, jobs: &mut cx.jobs, stream: NO_STREAM }.discard(key);
    }
}

impl Recorders {
    /// Lets each recorder act. Returns their events, with the settings of each.
    fn act(
        &mut self,
        (shared, jobs, now): (&mut SharedState, DiskJobs<'_>, Now),
        mut act: impl FnMut(&mut RecorderAt<'_>),
    ) -> Vec<(RecordEvent, Rc<Settings>)> {
        let DiskJobs { disk, jobs, stream } = jobs;
        let mut all = Vec::new();
        for (settings, recorder) in &mut self.all {
            let disk = DiskJobs { disk, jobs, stream };
            let mut recorder = RecorderAt { recorder, settings, now, shared, disk, events: Vec::new() };
            act(&mut recorder);
            all.extend(recorder.events.into_iter().map(|event| (event, Rc::clone(settings))));
        }
        all
    }

    /// Writes the status of each recorder into their stream.
    fn note_status(&mut self, stream: &mut Stream, now: Now) {
        self.noted = Some(now.instant);
        if stream.recordings.len() != self.all.len() {
            stream.recordings =
                self.all.iter().map(|(settings, _)| Recorder::first_status(settings)).collect();
        }
        let recorders = self.all.iter().map(|(_, recorder)| recorder);
        recorders
            .zip(&mut stream.recordings)
            .for_each(|(recorder, status)| recorder.note_status(status, now));
    }
}

/// A recording is finished.
fn announce(cx: &mut Ctx, closing: Closing, finished: Finished) {
    let Closing { label, app, stream, recorder } = closing;
    let Finished { path, length, size } = finished;
    let (duration, bytes) = (quantities::duration(length), quantities::size(size));
    log::info!("{label}: the recording {} is finished: {duration}, {bytes}", path.display());
    if let Some(app) = app {
        cx.announce(Notice::Recorded(Recording { app, stream, recorder, path, length, size }));
    }
}

/// Logs what has become of a file that had ended before this was known.
fn log_late(closing: &Closing, outcome: &Outcome) {
    let label = &closing.label;
    match outcome {
        Outcome::Begun(path) => log::info!("{label} is recorded to {}", path.display()),
        Outcome::NotOpened(error) | Outcome::NotWritten(error) => {
            log::error!("{label}: recording fails: {error}");
        }
        Outcome::Searching
        | Outcome::Found(_)
        | Outcome::Changed(_)
        | Outcome::Closed(_)
        | Outcome::HasRoom(_) => {}
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

/// The identities of the recordings that streams wait to append to, for a picture or a repair.
fn awaited(streams: &HashMap<StreamId, Recorders>, cx: &Ctx) -> Vec<String> {
    let identities = streams.iter().filter_map(|(id, recorders)| {
        let label = &cx.streams.get(*id)?.label;
        let waiting = recorders.all.iter().filter(|(_, recorder)| recorder.waits_to_append());
        Some(waiting.map(|(settings, _)| settings.identity(label)))
    });
    identities.flatten().collect()
}
