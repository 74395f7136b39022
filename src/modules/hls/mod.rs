//! HLS: a live stream as MPEG-TS fragments and a playlist, in a directory, which any web server serves, or
//! in memory for our own.
//!
//! This file has the hooks: it asks [`Streams`] which streams may write which files and what becomes of the files after the
//! end, and gives each stream a sink, the [`Segmenter`](segmenter::Segmenter). Names, units and defaults are those of
//! nginx-rtmp.

mod files;
mod fragment;
mod playlist;
mod publication;
mod segmenter;
mod settings;
mod streams;

use std::rc::Rc;
use std::time::Duration;

use crate::conf::{self, Directive};
use crate::engine::{
    AppId, Config, Ctx, Gate, Module, Outlet, Probe, Request, RequestKind, Served, SessionRole, StreamId,
    StreamName, Verdict,
};

use files::case::Case;
use files::naming::Naming;
use settings::directives::DIRECTIVES;
use settings::{App, Storage, advice};
use streams::ended::{Ended, Stage};
use streams::{Streams, Wakeup};

#[derive(Debug, Default)]
pub struct Hls {
    /// By application; `None` where HLS is off.
    apps: Vec<Option<App>>,
    /// By application: the URLs of its playlists.
    served: Vec<Served>,
    /// By application: whether its streams have their directories among files of other streams.
    mixed_folders: Vec<bool>,
    streams: Streams,
}

impl Module for Hls {
    fn name(&self) -> &'static str {
        "hls"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        config.applications.iter_mut().for_each(|app| app.features.hls = App::feature(&app.scope));
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let mut faults = conf::Faults::default();
        let apps = config.applications.iter().enumerate();
        self.apps = apps.map(|(id, app)| faults.keep_or_default(App::read(AppId(id), app))).collect();
        let served = |app: &Option<App>| app.as_ref().map_or(Served::Nowhere, |app| app.served(config));
        self.served = self.apps.iter().map(served).collect();
        self.mixed_folders =
            self.apps.iter().map(|app| app.as_ref().is_some_and(|app| self.has_mixed_folders(app))).collect();
        faults.into_result(())
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        advice::probe(config, &self.apps, probe);
    }

    fn gate(&mut self, cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        let (RequestKind::Publish { .. }, Gate::Name, Ok(name)) =
            (&request.kind, gate, StreamName::new(&request.name))
        else {
            return Verdict::Continue;
        };
        // The stream of that name, and the one that the client ends for it.
        let published = request.endpoint().and_then(|endpoint| {
            let role = cx.sessions.get(endpoint.session)?.roles().on(endpoint.msid)?;
            matches!(role, SessionRole::Publisher { .. }).then(|| role.stream())
        });
        let own = cx.streams.find(request.app, &name).map(|stream| stream.id);
        let own: Vec<_> = own.into_iter().chain(published).collect();
        match self.refusal(request.app.0, name.as_str(), &own) {
            Some(why) => Verdict::Deny(why),
            None => Verdict::Continue,
        }
    }

    fn on_start(&mut self, cx: &mut Ctx) {
        let timers = self.streams.load_leftovers(self.apps.iter().flatten());
        self.set_timers(cx, timers);
    }

    fn on_stream_start(&mut self, cx: &mut Ctx, id: StreamId) {
        let Some(stream) = cx.streams.get_mut(id) else { return };
        let Some(Some(app)) = self.apps.get(stream.app.0).cloned() else { return };
        let name = stream.name.as_str();
        let label = Rc::clone(&stream.label);
        let outlet = &mut Outlet { now: cx.now, memory: &mut cx.memory };
        match self.streams.begin(id, &app, name, outlet) {
            Ok(segmenter) => {
                cx.awaited.remove(app.settings.app_id, name);
                log::info!("{label}: hls is {}", self.url_or_file(&app, name));
                stream.add_sink("hls", Box::new(segmenter));
            }
            Err(why) => log::error!("{label}: no hls: {why}"),
        }
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, id: StreamId) {
        let was_lost = cx.streams.get(id).is_some_and(|stream| stream.grace_until().is_some());
        let grace = self.streams.live.naming(id).map_or(Duration::ZERO, |naming| naming.settings().grace);
        let timers = self.streams.end(id, if was_lost { grace } else { Duration::ZERO }, &mut cx.memory);
        self.set_timers(cx, timers);
    }

    fn on_timer(&mut self, cx: &mut Ctx, token: u64) {
        let is_on_disk = |ended: &Ended| ended.naming.settings().storage == Storage::Disk;
        if cx.is_draining() && self.streams.ended.get(token).is_some_and(is_on_disk) {
            // The next server goes on with the lists that are open, and finds in the ledger what is left to do.
            return;
        }
        // It may end before its time, where too many wait.
        if let Some(ended) = self.streams.ended.get(token).filter(|ended| ended.stage == Stage::Open) {
            cx.awaited.remove(ended.naming.settings().app_id, ended.naming.name());
        }
        let outlet = &mut Outlet { now: cx.now, memory: &mut cx.memory };
        let wait = self.streams.advance(token, outlet);
        self.set_timers(cx, wait.map(|wait| (token, wait)));
    }
}

impl Hls {
    fn set_timers(&self, cx: &mut Ctx, timers: impl IntoIterator<Item = Wakeup>) {
        for (token, wait) in timers {
            let Some(at) = cx.now.instant.checked_add(wait) else { continue };
            cx.set_module_timer(self.name(), at, token);
            if let Some(ended) = self.streams.ended.get(token).filter(|ended| ended.stage == Stage::Open) {
                let (app, name) = (ended.naming.settings().app_id, ended.naming.name());
                cx.awaited.add(app, name, at, cx.now.instant);
            }
        }
    }

    /// The URL or the file of a stream's playlist, for the log: "at /hls/cam.m3u8".
    fn url_or_file(&self, app: &App, name: &str) -> String {
        let playlist = || Naming::new(&app.known_root(), name, &app.settings).playlist();
        match self.served.get(app.settings.app_id.0) {
            Some(Served::At(playlists)) => format!("at {}", playlists.of(name)),
            Some(Served::Perhaps) => format!("in {}", playlist().display()),
            Some(Served::Nowhere) | None => {
                format!("in {}, which no location serves", playlist().display())
            }
        }
    }

    /// Whether another application, or the application itself with its master playlists, puts files into the folders in which its
    /// streams have their directories.
    fn has_mixed_folders(&self, app: &App) -> bool {
        let folders = app.folders();
        self.apps
            .iter()
            .flatten()
            .any(|other| other.shared_folders().iter().any(|folder| folders.contains(folder)))
    }

    /// The reason why a name may not be published; the stream `own`, which has it already, is no reason.
    fn refusal(&self, app: usize, name: &str, own: &[StreamId]) -> Option<String> {
        let settings = self.apps.get(app)?.as_ref()?;
        let naming = Naming::new(&settings.known_root(), name, &settings.settings).with_case_checked();
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
