//! The policy of HTTP servers for every request (access, answers of the configuration, headers, error
//! pages, logs), and static files by location: playlists, fragments, recordings and the pages around them.
//!
//! `root` and `alias` say where a location's files are, the rest how they are sent. A location with
//! neither is left to others, so this module stands after those that answer from memory.

mod access;
mod added;
mod auth;
mod directives;
mod encryption;
mod error_page;
mod files;
mod log_format;
mod rewrite;
mod secure_link;
mod settings;
mod template;
mod try_files;

use std::any::Any;

use crate::conf::{self, Directive};
use crate::engine::access_logs::{self, DELAY, Logs};
use crate::engine::files::log_file::{NewLogs, OpenLogs};
use crate::engine::{
    Admission, Answer, ByLocation, Config, Ctx, Exchange, HttpReply, HttpRequest, Judgement, LocationFiles,
    LocationId, Module, Probe, Route,
};
use crate::http::{Request, ResponseHead};

use access::Satisfy;
use auth::Logins;
use files::sources::Sources;
use files::volumes::Volumes;
use files::{hls_probe, link_probe};
use log_format::LogFormat;
use settings::Settings;
use template::TemplateValues;

#[derive(Debug, Default)]
pub struct Http {
    locations: ByLocation<Settings>,
    logs: Logs,
    volumes: Volumes,
    logins: Logins,
}

impl Http {
    fn at<'a>(&'a self, request: &'a HttpRequest) -> Option<(&'a Settings, TemplateValues<'a>)> {
        let settings = self.locations.get(request.location)?;
        Some((settings, settings.view(request)))
    }

    /// Decides by its address and its password whether a request may pass, in nginx's order. Returns its user if a password
    /// was asked for.
    fn admit(&mut self, cx: &mut Ctx, request: &HttpRequest) -> Result<Option<String>, Route> {
        let Some(settings) = self.locations.get(request.location) else { return Ok(None) };
        match (settings.rules.judge(request.asker()), settings.satisfy, &settings.login) {
            (Some(Judgement::Deny), Satisfy::All, _) | (Some(Judgement::Deny), Satisfy::Any, None) => {
                Err(Route::Reply(HttpReply::error(403)))
            }
            (Some(Judgement::Allow), Satisfy::Any, _) | (_, _, None) => Ok(None),
            (_, _, Some(login)) => self.logins.admit(cx, login, &settings.view(request)).map(Some),
        }
    }
}

impl Module for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn directives(&self) -> &'static [Directive] {
        directives::DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        for location in &mut config.locations {
            let (root, alias) = (location.scope.text("root"), location.scope.text("alias"));
            location.files = LocationFiles { root, alias };
            location.access = access::read(&location.scope);
            location.is_restricted = access::is_restricted(&location.access);
        }
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let mut faults = conf::Faults::default();
        let formats = config.locations.first().map(|location| {
            let (nodes, block) = (location.scope.all("log_format"), location.scope.node());
            access_logs::read_formats(&nodes, (block, LogFormat::combined()), &mut faults)
        });
        let formats = formats.unwrap_or_default();
        let mut locations = Vec::new();
        for location in &config.locations {
            let logs = faults.keep_or_default(self.logs.read(&location.scope, &formats));
            locations.extend(faults.keep(Settings::read(location, logs)));
        }
        self.locations = config.locations.iter().map(|location| location.id).zip(locations).collect();
        self.logins = faults.keep_or_default(Logins::new(config.locations.first()));
        faults.into_result(())
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        // What was right a moment ago stays so, whatever the next one has.
        let Self { mut locations, logs, volumes, logins: _ } = *next;
        // Readers find them out again, since disks may have been mounted.
        self.volumes = volumes;
        self.logs.adopt(logs, locations.values_mut().flat_map(|settings| &mut settings.logs), &mut cx.jobs);
        self.locations.adopt(locations);
    }

    fn release_locations(&mut self, cx: &mut Ctx, first: LocationId) {
        self.locations.release(first);
        let used = self.locations.values().flat_map(|settings| &settings.logs).map(|access| access.log);
        self.logs.close_others(&used.collect(), &mut cx.jobs, cx.now);
    }

    fn open(&mut self) -> Result<(), conf::Errors> {
        self.logs.open()
    }

    fn open_logs(&self) -> OpenLogs {
        self.logs.open_logs()
    }

    fn open_new_logs(&self, running: &OpenLogs) -> Result<NewLogs, conf::Errors> {
        self.logs.open_new(running)
    }

    fn take_new_logs(&mut self, opened: &mut NewLogs) {
        self.logs.take_new(opened);
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        self.logs.probe(probe);
        link_probe::probe(config, self.locations.values(), probe);
        hls_probe::probe(config, probe);
        secure_link::probe(config, probe);
        access::probe(config, probe);
        added::probe(config, probe);
        auth::probe::probe(config, self.locations.values(), probe);
    }

    fn on_http_server(&mut self, _cx: &mut Ctx, request: &HttpRequest) -> Route {
        let Some((settings, view)) = self.at(request) else { return Route::Continue };
        settings.rewrite.route(&view, || settings.mime(&request.head.path))
    }

    fn on_http_location(&mut self, cx: &mut Ctx, request: &mut HttpRequest) -> Route {
        self.volumes.learn(&request.findings);
        // It may be asked again.
        request.is_admitted = false;
        let Some((settings, view)) = self.at(request) else { return Route::Continue };
        if settings.internal && !request.internal {
            return Route::Reply(HttpReply::error(404));
        }
        match settings.rewrite.route(&view, || settings.mime(&request.head.path)) {
            Route::Continue => {}
            decided => return decided,
        }
        match self.admit(cx, request) {
            Ok(None) => {}
            Ok(user) => request.user = user,
            Err(decided) => return decided,
        }
        request.is_admitted = true;
        let Some((settings, view)) = self.at(request) else { return Route::Continue };
        let try_files = settings.try_files.as_ref().filter(|_| !request.is_for_stream);
        let Some(try_files) = try_files else { return Route::Continue };
        let sources = Sources::new(cx, &self.volumes, request);
        let route = files::serve_first(try_files, settings, &view, &sources);
        cx.refusals.downloads += sources.shortages.get();
        route
    }

    fn on_http(&mut self, cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        self.volumes.learn(&request.findings);
        let (settings, view) = self.at(request)?;
        settings.folder.as_ref()?;
        let sources = Sources::new(cx, &self.volumes, request);
        let answer = files::serve(settings, &view, &sources, &request.head.path);
        cx.refusals.downloads += sources.shortages.get();
        Some(answer)
    }

    fn on_http_error(&mut self, _cx: &mut Ctx, request: &HttpRequest, status: u16) -> Route {
        let Some((settings, view)) = self.at(request) else { return Route::Continue };
        settings.error_pages.route(&view, status)
    }

    fn on_http_reply(&mut self, _cx: &mut Ctx, request: &HttpRequest, head: &mut ResponseHead) {
        if let Some((settings, view)) = self.at(request) {
            let is_turned_away = request.admission.is_turned_away();
            if settings.folder.is_some() && (head.status >= 500 || is_turned_away) {
                // The disk may have been too slow for a file: then the engine has answered.
                files::set_defaults(settings, &request.head, &request.head.path, head);
            }
            if request.user.is_some() {
                files::make_private(head);
            }
            added::apply(head, settings.added_for(&request.head), settings.expires, &view);
            forbid_caches(&request.admission, head);
        }
    }

    /// The head of a browser's request takes up more than all else that a client costs which does not read.
    fn on_http_queued(&mut self, request: &mut HttpRequest) {
        let is_logged =
            self.locations.get(request.location).is_some_and(|settings| !settings.logs.is_empty());
        if !is_logged {
            (request.head, request.captures, request.user) = (Request::unreadable(), Vec::new(), None);
            request.is_forgotten = true;
        }
    }

    fn on_http_done(&mut self, cx: &mut Ctx, done: &Exchange) {
        let Some(settings) = self.locations.get(done.request.location) else { return };
        let now = cx.now;
        for access in &settings.logs {
            let view = TemplateValues {
                request: &done.request,
                server_name: &settings.server_name,
                done: Some(done),
                link: settings.link(),
            };
            if self.logs.add(access.log, &access.format.line(&view), &mut cx.jobs, now) {
                cx.set_module_timer("http", now.instant + DELAY, 0);
            }
        }
        if cx.is_draining() {
            self.logs.flush(&mut cx.jobs, now);
        }
    }

    fn on_stop(&mut self, cx: &mut Ctx) {
        self.logs.flush(&mut cx.jobs, cx.now);
    }

    fn on_reopen(&mut self, cx: &mut Ctx) {
        self.logs.reopen(&mut cx.jobs, cx.now);
    }

    fn on_timer(&mut self, cx: &mut Ctx, _token: u64) {
        if self.logs.expire(&mut cx.jobs, cx.now) {
            cx.set_module_timer("http", cx.now.instant + DELAY, 0);
        }
    }
}

/// Has no cache keep what is for one viewer, whatever the configuration says.
fn forbid_caches(admission: &Admission, head: &mut ResponseHead) {
    let control = match () {
        () if admission.is_turned_away() => "no-store",
        () if admission.is_private() => "private, no-store",
        () => return,
    };
    let is_of_caches =
        |name: &str| ["cache-control", "expires"].iter().any(|other| name.eq_ignore_ascii_case(other));
    head.headers.retain(|(name, _)| !is_of_caches(name));
    head.headers.push(("Cache-Control".into(), control.to_owned()));
}
