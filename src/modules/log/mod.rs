//! The access log of RTMP: a line for each client when its connection has ended, as nginx-rtmp writes it.
//!
//! Clients that name an unknown application, or may not connect, have no line; those that only connect have one with
//! NONE. `sessions.rs` keeps what lines tell of a client, `format.rs` writes them, and the files are those of
//! `engine/access_logs`, as for HTTP.

mod directives;
mod format;
mod probe;
mod sessions;

use std::any::Any;
use std::time::{Duration, Instant};

use crate::conf::{self, Directive, Scope};
use crate::engine::access_logs::{self, AccessLog, DELAY, Logs};
use crate::engine::files::log_file::{NewLogs, OpenLogs};
use crate::engine::{AppId, ByApp, Config, Ctx, Gate, Module, Probe, Request, Session, SessionId, Verdict};

use format::{LineFacts, LogFormat};
use sessions::{Active, ActiveSessions};

/// The module's name, for its timers.
const NAME: &str = "log";

/// The token of the timer for lines that wait.
const FLUSH: u64 = 0;

#[derive(Debug, Default)]
pub struct Log {
    apps: ByApp<Settings>,
    logs: Logs,
    sessions: ActiveSessions,
}

/// The settings of an application.
#[derive(Debug, Default)]
struct Settings {
    logs: Vec<AccessLog<LogFormat>>,
    /// `log_interval`; 0 for none.
    interval: Duration,
    /// `log_size`.
    longest: usize,
}

impl Settings {
    fn new(scope: &Scope<'_>, logs: Vec<AccessLog<LogFormat>>) -> Self {
        let longest = usize::try_from(scope.size("log_size")).unwrap_or(usize::MAX);
        Self { logs, interval: scope.time("log_interval"), longest }
    }
}

impl Module for Log {
    fn name(&self) -> &'static str {
        NAME
    }

    fn directives(&self) -> &'static [Directive] {
        directives::DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let mut faults = conf::Faults::default();
        let Some(first) = config.applications.first() else { return Ok(()) };
        let nodes = probe::formats(config);
        let formats =
            access_logs::read_formats(&nodes, (first.scope.node(), LogFormat::combined()), &mut faults);
        let mut apps = Vec::new();
        for app in &config.applications {
            let logs = faults.keep_or_default(self.logs.read(&app.scope, &formats));
            apps.push((app.id, Settings::new(&app.scope, logs)));
        }
        self.apps = apps.into_iter().collect();
        faults.into_result(())
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        self.logs.probe(probe);
        probe::check(config, probe);
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        let Self { mut apps, logs, sessions: _ } = *next;
        let accesses = apps.iter_mut().flat_map(|(_, settings)| &mut settings.logs);
        self.logs.adopt(logs, accesses, &mut cx.jobs);
        self.apps.adopt(apps);
        self.close_unused(cx);
        self.follow_all(cx);
    }

    fn release_app(&mut self, cx: &mut Ctx, app: AppId) {
        self.apps.release(app);
        self.close_unused(cx);
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

    /// Notes a request at each gate: the more of them it has passed, the less its name may be a key.
    fn gate(&mut self, cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        // One of an operator may fail, and all is as before. A pull is no client.
        if !request.is_relay && (!request.is_redirect || gate == Gate::Name) {
            self.note(cx, request);
        }
        Verdict::Continue
    }

    /// A name that is not allowed passes no gate, and nginx-rtmp logs it as well.
    fn on_refused(&mut self, cx: &mut Ctx, request: &Request) {
        if !request.is_redirect && !request.is_relay {
            self.note(cx, request);
        }
    }

    fn on_close(&mut self, cx: &mut Ctx, id: SessionId) {
        if let Some(next) = self.sessions.get(id).and_then(|active| active.next.as_ref()) {
            cx.cancel_timer(next.timer);
        }
        self.write(cx, id);
        self.sessions.remove(id);
    }

    fn on_stop(&mut self, cx: &mut Ctx) {
        self.logs.flush(&mut cx.jobs, cx.now);
    }

    fn on_reopen(&mut self, cx: &mut Ctx) {
        self.logs.reopen(&mut cx.jobs, cx.now);
    }

    fn on_timer(&mut self, cx: &mut Ctx, token: u64) {
        if token == FLUSH {
            if self.logs.expire(&mut cx.jobs, cx.now) {
                cx.set_module_timer(NAME, cx.now.instant + DELAY, FLUSH);
            }
            return;
        }
        let Some(id) = self.sessions.expired(token) else { return };
        // A reload may have taken the directive away.
        if self.interval(cx, id).is_none() {
            return;
        }
        self.write(cx, id);
        if let Some(active) = self.sessions.get_mut(id) {
            active.told = traffic(cx, id);
        }
        self.follow(cx, id);
    }
}

impl Log {
    /// The settings of an application, if it has a log.
    fn settings(&self, app: AppId) -> Option<&Settings> {
        self.apps.get(app).filter(|settings| !settings.logs.is_empty())
    }

    fn note(&mut self, cx: &mut Ctx, request: &Request) {
        if self.sessions.note_activity(request) && self.settings(request.app).is_some() {
            self.sessions.note(cx, request);
            self.follow(cx, request.session);
        }
    }

    /// The time between two lines of a session that is connected.
    fn interval(&self, cx: &Ctx, id: SessionId) -> Option<Duration> {
        let settings = cx.app_of(id).and_then(|app| self.settings(app))?;
        Some(settings.interval).filter(|time| !time.is_zero())
    }

    /// Sets the timer for the next line of a session that is connected, if it should have one.
    fn follow(&mut self, cx: &mut Ctx, id: SessionId) {
        let (Some(interval), now) = (self.interval(cx, id), cx.now.instant) else { return };
        let Some(active) = self.sessions.get(id) else { return };
        let since = match &active.next {
            Some(next) if next.interval == interval => return,
            // A reload has changed the interval.
            Some(next) => {
                cx.cancel_timer(next.timer);
                next.since
            }
            None => now,
        };
        let set_timer = |at: Instant, token| cx.set_module_timer(NAME, at.max(now), token);
        self.sessions.schedule(id, (since, interval), set_timer);
    }

    /// After a reload: sessions in applications that have a log now are known from what they do, and may have a timer.
    fn follow_all(&mut self, cx: &mut Ctx) {
        let sessions = (0..cx.sessions.slots()).filter_map(|slot| Some(cx.sessions.at(slot)?.id));
        for id in sessions.collect::<Vec<_>>() {
            if cx.app_of(id).is_some_and(|app| self.settings(app).is_some()) {
                self.sessions.note_roles(cx, id);
                self.follow(cx, id);
            }
        }
    }

    /// Adds a line about a session to each log of its application.
    fn write(&mut self, cx: &mut Ctx, id: SessionId) {
        let unknown = Active::default();
        let active = self.sessions.get(id).unwrap_or(&unknown);
        let Some(session) = cx.sessions.get(id) else { return };
        let (Some(app), Some(client)) = (cx.app_of(id), session.client()) else { return };
        let Some(settings) = self.apps.get(app) else { return };
        let (now, (received, sent)) = (cx.now.instant, traffic(cx, id));
        let facts = LineFacts {
            session: id.serial(),
            peer: session.peer,
            app: cx.apps.get(app).map_or("", |app| &app.name),
            client,
            activity: self.sessions.activity(id),
            name: &active.name,
            args: &active.args,
            received: received.saturating_sub(active.told.0),
            sent: sent.saturating_sub(active.told.1),
            now: cx.now.wall,
            time: now.saturating_duration_since(session.opened),
        };
        let mut is_first = false;
        for access in &settings.logs {
            let line = access.format.line(facts, settings.longest);
            is_first |= self.logs.add(access.log, &line, &mut cx.jobs, cx.now);
        }
        if cx.is_draining() {
            self.logs.flush(&mut cx.jobs, cx.now);
        } else if is_first {
            cx.set_module_timer(NAME, now + DELAY, FLUSH);
        }
    }

    fn close_unused(&mut self, cx: &mut Ctx) {
        let used = self.apps.values().flat_map(|settings| &settings.logs).map(|access| access.log);
        self.logs.close_others(&used.collect(), &mut cx.jobs, cx.now);
    }
}

/// Bytes received from a session and sent to it.
fn traffic(cx: &Ctx, id: SessionId) -> (u64, u64) {
    cx.sessions.get(id).map_or((0, 0), Session::traffic_after_handshake)
}
