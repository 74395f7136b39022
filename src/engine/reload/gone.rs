//! Applications and RTMP servers that are gone since a reload, or that are not live any more: new clients are refused at
//! once, and the others end after `reload_grace`, unless another reload brings back what they need.
//!
//! One timer is for all. Each session ends in a step of its own. When nothing uses an application any more, its settings
//! are freed, and its id is free for another.

use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::config::by_id::{ByApp, ByServer};
use crate::engine::config::server::RtmpServer;
use crate::engine::ctx::{AppFacts, Ctx, EndReason, SessionsEnd};
use crate::engine::ids::{AppId, Endpoint, ServerId, SessionId};
use crate::engine::request::Request;
use crate::engine::request::RequestKind;
use crate::engine::session::roles::SessionRole;
use crate::engine::session::{Life, Session};
use crate::engine::timers::Timer;
use crate::rtmp::command::Level;

/// How often it is checked whether something still uses what is gone, after the grace.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

const SHUTDOWN: (Level, &str) = (Level::Error, "NetConnection.Connect.AppShutdown");

impl AppFacts {
    /// The same application with the settings of another configuration. If its sessions end, they do so at `end`.
    fn adopted(&self, next: Self, end: Instant) -> Self {
        let lost = [
            (EndReason::NotLive, self.is_live && !next.is_live, !next.is_live),
            (EndReason::NoFiles, self.plays_files && !next.plays_files, !next.plays_files),
        ];
        let end = lost.into_iter().find_map(|(reason, begins, lasts)| {
            let ends = self.end.filter(|end| end.reason == reason && lasts);
            ends.or_else(|| begins.then_some(SessionsEnd { reason, at: end }))
        });
        Self { clients: self.clients, file_bytes: self.file_bytes, end, ..next }
    }

    /// Whether its sessions have to end now.
    pub(in crate::engine) fn has_ended(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| end.at <= now)
    }

    /// Why a request is refused since a reload.
    pub(in crate::engine) fn objection(&self, request: &Request) -> Option<String> {
        match (self.end?.reason, &request.kind) {
            (EndReason::NotLive, RequestKind::Connect(_)) => None,
            // It may be of a file.
            (EndReason::NotLive, RequestKind::Play { .. }) if self.plays_files => None,
            // Whether it is of a file is not known yet, and none is looked for.
            (EndReason::NoFiles, _) => None,
            (reason, _) => Some(reason.describe(&self.name)),
        }
    }
}

impl EndReason {
    /// The reason as clients and the log get it; `app` is the application.
    fn describe(self, app: &str) -> String {
        match self {
            Self::AppGone => format!("the application \"{app}\" is gone since the reload"),
            Self::NotLive => format!("live is off in the application \"{app}\" since the reload"),
            Self::NoFiles => format!("the application \"{app}\" plays no files since the reload"),
            Self::ServerGone => "its server is gone since the reload".to_owned(),
        }
    }
}

impl Engine {
    /// The timer for what is gone has expired.
    pub(in crate::engine) fn gone_timer_expired(&mut self) {
        // Another entry may have replaced this one.
        if self.cx.gone_check.is_some_and(|at| at <= self.cx.now.instant) {
            self.cx.gone_check = None;
            self.end_gone();
        }
    }

    /// Ends the sessions and streams of what is gone and whose grace is over, and frees what nothing uses any more.
    pub(super) fn end_gone(&mut self) {
        let now = self.cx.now.instant;
        let has_ended = |session: &&Session| self.cx.end_of(session).is_some_and(|end| end.at <= now);
        let ended = |session: &&Session| session.life == Life::Open && has_ended(session);
        let sessions: Vec<_> = self.cx.sessions.iter().filter(ended).map(|session| session.id).collect();
        self.cx.work.gone.extend(sessions);
        let has_ended = |app| self.cx.apps.get(app).is_some_and(|app| app.has_ended(now));
        let streams = self.cx.streams.iter().filter(|stream| stream.grace_until().is_some());
        let streams: Vec<_> =
            streams.filter(|stream| has_ended(stream.app)).map(|stream| stream.id).collect();
        for stream in streams {
            if self.contain(|engine| engine.end_grace(stream)).is_none() {
                self.end_stream_after_panic(stream);
            }
        }
        self.end_relays_of_gone();
        self.release_gone();
        self.cx.schedule_gone_check();
    }

    /// Ends a session whose application or server is gone, unless it has come back.
    pub(in crate::engine) fn end_gone_session(&mut self, id: SessionId) {
        let Some(session) = self.cx.sessions.get(id).filter(|session| session.life == Life::Open) else {
            return;
        };
        let ended = self.cx.end_of(session).filter(|end| end.at <= self.cx.now.instant);
        let Some(SessionsEnd { reason, .. }) = ended else { return };
        let app = self.cx.app_of(id).map_or("", |app| self.app_name(app));
        let why = reason.describe(app);
        let roles: Vec<_> = session.roles.iter().copied().collect();
        for role in &roles {
            self.cx.tell_of_end(id, role, &why);
        }
        if roles.is_empty() {
            self.cx.status(Endpoint { session: id, msid: 0 }, SHUTDOWN, &why);
        }
        self.cx.finish(id, &why);
    }

    /// Frees the settings of what is gone and that nothing uses any more.
    fn release_gone(&mut self) {
        for app in self.cx.unused_apps() {
            self.cx.apps.release(app);
            self.cx.viewing.release(app);
            self.each_module(|module, cx| module.release_app(cx, app));
        }
        for server in self.cx.unused_servers() {
            if self.cx.connections.release(server) {
                self.cx.servers.release(server);
            }
        }
    }
}

impl Ctx {
    /// Takes the RTMP servers of another configuration. Those that it does not have are gone.
    pub(super) fn adopt_servers(&mut self, mut next: ByServer<RtmpServer>) {
        let end = self.now.instant + self.reload_grace;
        for (id, server) in self.servers.iter_mut() {
            match next.release(id) {
                Some(next) => *server = next,
                None => server.ends_at = server.ends_at.or(Some(end)),
            }
        }
        self.servers.adopt(next);
    }

    /// Takes the applications of another configuration. Those that it does not have are gone.
    pub(super) fn adopt_apps(&mut self, mut next: ByApp<AppFacts>) {
        let end = self.now.instant + self.reload_grace;
        for (id, app) in self.apps.iter_mut() {
            match next.release(id) {
                Some(next) => *app = app.adopted(next, end),
                None if app.is_gone() => {}
                None => app.end = Some(SessionsEnd { reason: EndReason::AppGone, at: end }),
            }
        }
        self.apps.adopt(next);
        self.wake_publishers();
    }

    /// Has publishers checked in time that may be silent for a shorter time now (`drop_idle_publisher`).
    fn wake_publishers(&mut self) {
        let silent = self.streams.iter().filter_map(|stream| {
            let limit = self.apps.get(stream.app)?.policy.drop_idle;
            Some((stream.publisher?.session, stream.last_media?.checked_add(limit)?))
        });
        for (id, at) in silent.collect::<Vec<_>>() {
            self.wake_no_later_than(id, at);
        }
    }

    /// Sets the timer for what is gone: to the next end, and after it until nothing uses it any more.
    pub(in crate::engine) fn schedule_gone_check(&mut self) {
        let now = self.now.instant;
        let ends = self.apps.values().filter_map(|app| app.end).filter_map(|end| match end.reason {
            _ if end.at > now => Some(end.at),
            EndReason::AppGone | EndReason::ServerGone => Some(now + CHECK_INTERVAL),
            EndReason::NotLive | EndReason::NoFiles => None,
        });
        let servers = self.servers.values().filter_map(|server| server.ends_at);
        let servers = servers.map(|at| if at > now { at } else { now + CHECK_INTERVAL });
        let Some(next) = ends.chain(servers).min() else { return };
        if self.gone_check.is_none_or(|at| at <= now || at > next) {
            self.gone_check = Some(next);
            self.timers.add(next, Timer::Gone);
        }
    }

    /// When and why a session ends since a reload.
    fn end_of(&self, session: &Session) -> Option<SessionsEnd> {
        let Some(app) = self.app_of(session.id) else {
            let at = self.servers.get(session.rtmp()?.server.server)?.ends_at?;
            return Some(SessionsEnd { reason: EndReason::ServerGone, at });
        };
        let app = self.apps.get(app)?;
        let end = app.end?;
        let ends = match end.reason {
            EndReason::NotLive => session.roles.iter().any(|role| !(app.plays_files && role.is_of_file())),
            EndReason::NoFiles => session.roles.iter().any(SessionRole::is_of_file),
            EndReason::AppGone | EndReason::ServerGone => true,
        };
        ends.then_some(end)
    }

    /// The applications that are gone and that nothing uses any more.
    fn unused_apps(&self) -> Vec<AppId> {
        let gone = self.apps.iter().filter(|(_, app)| app.is_gone() && app.clients == 0);
        gone.map(|(id, _)| id).filter(|id| !self.is_used(*id)).collect()
    }

    /// Whether a stream, viewers, a waiting request or a notice are of this application.
    fn is_used(&self, app: AppId) -> bool {
        let waits = |session: &Session| session.suspended.as_ref().is_some_and(|s| s.request.app == app);
        self.streams.iter().chain(self.streams.files()).any(|stream| stream.app == app)
            || self.viewing.viewers.of_app(app) > 0
            || self.awaited.of(app, self.now.instant).next().is_some()
            || self.sessions.iter().any(waits)
            || self.relays().any(|relay| relay.app == app)
            || !self.work.notices.is_empty()
    }

    /// The servers that are gone and to which no application belongs any more.
    fn unused_servers(&self) -> Vec<ServerId> {
        let gone = self.servers.iter().filter(|(_, server)| server.ends_at.is_some()).map(|(id, _)| id);
        gone.filter(|id| !self.apps.values().any(|app| app.server == *id)).collect()
    }
}
