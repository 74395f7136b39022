//! HLS: live streams as MPEG-TS fragments and playlists, in a folder for any web server, or in memory for this server's
//! HTTP.
//!
//! This file has the hooks and timers. [`Streams`] decides which stream may write which files, and what is done with
//! the files after its end. Each stream has a sink, the [`Segmenter`](segmenter::Segmenter). Once the server serves, all
//! work on files of the disk is done by jobs of the writer, in order. Names, units and defaults of directives are those
//! of nginx-rtmp.

mod files;
mod fragment;
mod output;
mod playlist;
mod publication;
mod segmenter;
mod settings;
mod streams;

use std::any::Any;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::conf::{self, Directive};
use crate::engine::{
    AppId, ByApp, Config, Ctx, Gate, JobOwner, JobResult, Module, Probe, Refusal, Request, RequestKind,
    Served, SessionRole, Stream, StreamId, StreamName, TimerId, Verdict,
};

use files::case::Case;
use settings::directives::DIRECTIVES;
use settings::{App, NAME, Storage, advice};
use streams::ended::{Ended, Stage};
use streams::survey::Survey;
use streams::task::Outcome;
use streams::{NextStep, Opened, Streams};

/// The tokens of the module's timers.
const STEP: u64 = 0;
const CHECK_LEDGERS: u64 = 1;

/// The longest time for which a publisher that begins is not read, so that its first frames find HLS ready. If the disk
/// takes longer, these frames wait in HLS.
const LONGEST_HOLD: Duration = Duration::from_millis(20);

/// The owner of the job that looks at new folders. Other jobs of the module have the token of their ended stream.
const SURVEY: JobOwner = JobOwner::Module { name: NAME, token: u64::MAX - 1 };

/// A ledger that somebody has removed is written again after this time.
const CHECK_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Hls {
    /// `None` where HLS is off.
    apps: ByApp<Option<App>>,
    /// The URLs of the playlists.
    served: ByApp<Served>,
    /// Whether the folders of an application's streams are among files of other streams.
    mixed_folders: ByApp<bool>,
    streams: Streams,
    /// `hls_memory_size`; `None` without applications.
    memory_size: Option<u64>,
    /// The time and the timer of the nearest step for a stream that has ended.
    step: Option<(Instant, TimerId)>,
    /// The timer of the next check of the ledgers, while any has entries.
    check: Option<TimerId>,
}

impl Module for Hls {
    fn name(&self) -> &'static str {
        NAME
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        config.applications.iter_mut().for_each(|app| app.features.hls = App::feature(&app.scope));
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let mut faults = conf::Faults::default();
        self.memory_size = config.applications.first().map(|app| app.scope.size("hls_memory_size"));
        let apps = config.applications.iter();
        self.apps = apps.map(|app| (app.id, faults.keep_or_default(App::read(app)))).collect();
        let served = |app: &Option<App>| app.as_ref().map_or(Served::Nowhere, |app| app.served(config));
        self.served = self.apps.iter().map(|(id, app)| (id, served(app))).collect();
        self.mixed_folders = self.find_mixed_folders();
        faults.into_result(())
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps.adopt(next.apps);
        self.served.adopt(next.served);
        self.mixed_folders.adopt(next.mixed_folders);
        self.memory_size = next.memory_size;
        self.limit_memory(cx);
        self.tell_viewing(cx);
        let survey = self.streams.survey(self.known_apps());
        cx.jobs.write_always(SURVEY, 0, move || Some(survey()));
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.apps.release(app);
        self.served.release(app);
        self.mixed_folders.release(app);
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        advice::probe(config, &self.apps, probe);
    }

    fn gate(&mut self, cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        if gate != Gate::Name || !matches!(request.kind, RequestKind::Publish { .. }) {
            return Verdict::Continue;
        }
        let Ok(name) = StreamName::new(&request.name) else { return Verdict::Continue };
        // The stream of that name, and the one that the client ends by this request.
        let published = request.endpoint().and_then(|endpoint| {
            let role = cx.sessions.get(endpoint.session)?.roles().on(endpoint.msid)?;
            matches!(role, SessionRole::Publisher { .. }).then(|| role.stream())
        });
        let own = cx.streams.find(request.app, &name).map(|stream| stream.id);
        let own: Vec<_> = own.into_iter().chain(published).collect();
        match self.refusal(request.app, name.as_str(), &own) {
            Some(why) => Verdict::Deny(Refusal::of_request(why)),
            None => Verdict::Continue,
        }
    }

    fn on_start(&mut self, cx: &mut Ctx) {
        self.limit_memory(cx);
        let survey = self.streams.survey(self.known_apps())();
        self.take_survey(cx, survey);
    }

    fn on_job(&mut self, cx: &mut Ctx, token: u64, result: JobResult) {
        let result = match result.take::<Outcome>() {
            Ok(outcome) => {
                let next = self.streams.conclude(token, outcome, &mut cx.outlet());
                return self.schedule(cx, next.map(|wait| (token, wait)));
            }
            Err(result) => result,
        };
        let result = match result.take::<Opened>() {
            Ok(Opened(stream)) => return cx.resume_publisher(stream),
            Err(result) => result,
        };
        match result.take::<Survey>() {
            Ok(survey) => self.take_survey(cx, survey),
            // The next run finds in the ledger what a job with a fault has left.
            Err(_) => {
                self.streams.give_up(token, &mut cx.outlet());
                self.schedule(cx, []);
            }
        }
    }

    fn on_stream_start(&mut self, cx: &mut Ctx, id: StreamId) {
        let (streams, mut outlet, _) = cx.streams_and_outlet();
        let Some(stream) = streams.get_mut(id) else { return };
        let Some(Some(app)) = self.apps.get(stream.app).cloned() else { return };
        let name = stream.name.as_str();
        let label = Rc::clone(&stream.label);
        match self.streams.begin(id, &app, name, &mut outlet) {
            Ok(segmenter) => {
                log::info!("{label}: hls is {}", self.url_or_file(&app, name));
                stream.add_sink(NAME, Box::new(segmenter));
                if app.settings.storage == Storage::Disk {
                    cx.hold_publisher(id, cx.now.instant + LONGEST_HOLD);
                }
            }
            Err(why) => log::error!("{label}: no hls: {why}"),
        }
        self.schedule(cx, []);
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, id: StreamId) {
        let lost_at = cx.streams.get(id).and_then(Stream::lost_at);
        let waited = lost_at.map(|lost_at| cx.now.instant.saturating_duration_since(lost_at));
        let steps = self.streams.end(id, waited.unwrap_or_default(), &mut cx.outlet());
        self.schedule(cx, steps);
    }

    fn on_timer(&mut self, cx: &mut Ctx, token: u64) {
        if token == CHECK_LEDGERS {
            self.check = None;
            // While the queue is full, nobody misses a ledger more than later.
            if !cx.is_draining() && cx.jobs.has_room(0) {
                self.streams.restore_ledgers(&mut cx.jobs);
            }
            return self.set_check(cx);
        }
        self.step = None;
        let token = self.streams.ended.take_step(cx.now.instant);
        // The timer of the other streams is set before this step, which may panic.
        self.schedule(cx, []);
        if let Some(token) = token {
            let next = self.take_step(cx, token);
            self.schedule(cx, next.map(|wait| (token, wait)));
        }
    }
}

impl Hls {
    fn known_apps(&self) -> Vec<App> {
        self.apps.values().flatten().cloned().collect()
    }

    fn limit_memory(&self, cx: &mut Ctx) {
        if let Some(size) = self.memory_size {
            cx.memory.set_limit(size);
        }
    }

    fn take_survey(&mut self, cx: &mut Ctx, survey: Survey) {
        let steps = self.streams.take_survey(survey, &mut cx.jobs);
        self.tell_viewing(cx);
        self.schedule(cx, steps);
    }

    /// Tells the engine what makes the tokens of applications, and the canonical paths of their folders, by which files
    /// may be asked for, too.
    fn tell_viewing(&self, cx: &mut Ctx) {
        let viewing = &mut cx.viewing;
        for (id, app) in self.apps.iter() {
            match app.as_ref().and_then(|app| self.streams.signer(app)) {
                Some(signer) => viewing.signers.insert(id, signer),
                None => _ = viewing.signers.release(id),
            }
            let folders = app.iter().flat_map(|app| self.streams.folders.paths_of(app));
            folders.for_each(|(path, root)| viewing.files.add_path(path, &root));
        }
    }

    /// Takes the next step for a stream that has ended. Returns the time until the step after that.
    fn take_step(&mut self, cx: &mut Ctx, token: u64) -> Option<Duration> {
        let ended = self.streams.ended.get(token)?;
        let settings = ended.naming.settings();
        if cx.is_draining() && settings.storage == Storage::Disk {
            // The next server continues the playlists that are open, and finds the rest in the ledger.
            return None;
        }
        if ended.stage == Stage::Open {
            cx.awaited.remove(settings.app_id, ended.naming.name());
        }
        self.streams.advance(token, &mut cx.outlet())
    }

    /// Sets the times of these steps, and the timer of the nearest of all. Streams that have come back are no longer
    /// awaited.
    fn schedule(&mut self, cx: &mut Ctx, steps: impl IntoIterator<Item = NextStep>) {
        let ended = &mut self.streams.ended;
        for naming in ended.take_resumed() {
            cx.awaited.remove(naming.settings().app_id, naming.name());
        }
        for (token, wait) in steps {
            let Some(at) = cx.now.instant.checked_add(wait) else { continue };
            ended.set_step(token, at);
            if let Some(Ended { naming, .. }) = ended.get(token).filter(|ended| ended.stage == Stage::Open) {
                cx.awaited.add(naming.settings().app_id, naming.name(), at, cx.now.instant);
            }
        }
        let next = ended.next_step();
        self.set_check(cx);
        if self.step.map(|(at, _)| at) == next {
            return;
        }
        if let Some((_, timer)) = self.step.take() {
            cx.cancel_timer(timer);
        }
        self.step = next.map(|at| (at, cx.set_module_timer(NAME, at, STEP)));
    }

    /// Sets the timer of the next check of the ledgers, or cancels it if none has entries.
    fn set_check(&mut self, cx: &mut Ctx) {
        match (self.streams.has_ledger_entries(), self.check) {
            (true, None) => {
                self.check = Some(cx.set_module_timer(NAME, cx.now.instant + CHECK_EVERY, CHECK_LEDGERS));
            }
            (false, Some(timer)) => {
                self.check = None;
                cx.cancel_timer(timer);
            }
            _ => {}
        }
    }

    /// For the log, the URL or the file of a stream's playlist: "at /hls/cam.m3u8".
    fn url_or_file(&self, app: &App, name: &str) -> String {
        let playlist = || self.streams.naming(app, name).playlist();
        match self.served.get(app.settings.app_id) {
            Some(Served::At(playlists)) => format!("at {}", playlists.of(name)),
            Some(Served::Perhaps) => format!("in {}", playlist().display()),
            Some(Served::Nowhere) | None => {
                format!("in {}, which no location serves", playlist().display())
            }
        }
    }

    /// Whether the folders of an application's streams are in a folder with files of streams: another application's, or
    /// master playlists of its own.
    fn find_mixed_folders(&self) -> ByApp<bool> {
        let shared: HashSet<_> = self.apps.values().flatten().flat_map(App::shared_folders).collect();
        let is_mixed = |app: &App| app.folders().iter().any(|folder| shared.contains(folder));
        self.apps.iter().map(|(id, app)| (id, app.as_ref().is_some_and(is_mixed))).collect()
    }

    /// The reason why a name may not be published. The streams `own` are the publisher's, and no reason.
    fn refusal(&self, app: AppId, name: &str, own: &[StreamId]) -> Option<String> {
        let naming = self.streams.naming(self.apps.get(app)?.as_ref()?, name);
        if self.mixed_folders.get(app).is_some_and(|is_mixed| *is_mixed) && naming.is_like_a_file() {
            return Some("the name is that of another stream's HLS file".to_owned());
        }
        self.streams.live.conflict(&naming, own)?;
        Some(match naming.case() {
            Case::Counts => "another stream has the HLS files of this name".to_owned(),
            Case::Folds => {
                "another stream has the HLS files of this name: on their disk, upper and lower case are one"
                    .to_owned()
            }
        })
    }
}

#[cfg(test)]
mod tests;
