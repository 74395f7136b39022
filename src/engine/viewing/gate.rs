//! The way of a viewer's request to its admission: it is known, or shows a token, or passes the gates as an RTMP play
//! does. Requests of a viewer who is being decided about wait for the first one.
//!
//! What is admitted is sent by the module that has found the file; it finds the admission in the request.

use crate::auth::{query, segment_token};
use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::http::answer::HttpReply;
use crate::engine::http::answering::pending::Pending;
use crate::engine::http::progress::Progress;
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::AppId;
use crate::engine::limits::origin::Origin;
use crate::engine::peer::Peer;
use crate::engine::request::{Refusal, RefusalKind, Request, RequestKind};
use crate::engine::timers::Timer;
use crate::engine::viewing::files::{HlsFile, HlsFileKind};
use crate::engine::viewing::guard::Guard;
use crate::engine::viewing::identity::{MAX_FIELD, ViewerKey, ViewerKeys, carried, start_of};
use crate::engine::viewing::view::{View, ViewerId};
use crate::engine::viewing::viewers::Known;
use crate::http::path;
use crate::http::response::RETRY_AFTER;

/// The status for a viewer that may not watch, and for one that cannot watch now.
const FORBIDDEN: u16 = 403;
const UNAVAILABLE: u16 = 503;

/// The status for a playlist that the viewer has already.
const NOT_MODIFIED: u16 = 304;

impl Engine {
    /// Decides about a request for a file of HLS. It continues when it is admitted.
    pub(in crate::engine) fn view(&mut self, request: HttpRequest, progress: Progress, file: HlsFile) {
        let guard = self.cx.viewing.guard(file.app);
        if !matches!(file.kind, HlsFileKind::Playlist) {
            if !guard.is_guarded {
                return self.admit(request, progress, file);
            }
            if let Some(token) = query::value(&request.head.query, segment_token::ARGUMENT) {
                return if self.cx.viewing.is_right_token(&file, &token, self.cx.now.instant) {
                    self.admit(request, progress, file);
                } else {
                    log::debug!("{}: a wrong or old token for {}", request.session, file.name);
                    self.turn_away(request, progress, FORBIDDEN);
                };
            }
        }
        let now = self.cx.now.instant;
        let keys = self.cx.viewing.identities.of(&request, &file, (guard.shows(), guard.links));
        if !guard.asks() {
            // It is counted when it has got the playlist.
            let is_new = self.cx.viewing.viewers.find(keys, now) == Known::New;
            return if is_new && guard.is_limited() && !self.cx.has_room_for(&request, &file, &guard) {
                self.turn_away(request, progress, UNAVAILABLE);
            } else {
                self.admit(request, progress, file);
            };
        }
        let viewers = &mut self.cx.viewing.viewers;
        match viewers.find(keys, now) {
            Known::Watching(key) => {
                viewers.touch(key, (file.app, &file.name), now);
                self.admit(request, progress, file);
            }
            Known::Refused => self.turn_away(request, progress, FORBIDDEN),
            Known::Undecided if viewers.wait(keys, request.session) => {
                self.hold(Pending::new(request, progress, None));
            }
            Known::Undecided => self.turn_away(request, progress, UNAVAILABLE),
            Known::New if self.cx.has_room_for(&request, &file, &guard) => {
                self.ask(request, progress, keys, file);
            }
            Known::New => self.turn_away(request, progress, UNAVAILABLE),
        }
    }

    /// Asks the gates about a viewer that is not known, while its request is held.
    fn ask(&mut self, request: HttpRequest, progress: Progress, keys: ViewerKeys, file: HlsFile) {
        let id = ViewerId(self.cx.sessions.next_serial());
        let (session, app, name) = (request.session, file.app, file.base().to_owned());
        let args = carried(&request.head.query);
        let view = view_of(&request, file, id);
        self.cx.viewing.viewers.suspend(keys);
        self.hold(Pending::asking(request, progress, keys));
        self.submit(Request::new(session, app, (name, args), RequestKind::View(Box::new(view))));
    }

    /// A viewer's request has passed all gates.
    pub(in crate::engine) fn grant_view(&mut self, request: &Request) {
        let RequestKind::View(view) = &request.kind else { return };
        let Some(pending) = self.unhold(request.session) else { return self.call_refused(request) };
        if let Some(keys) = pending.asks {
            // A module names the variant if what is shown opens no other.
            let key = if request.name == view.file.name { keys.own } else { keys.base };
            let origin = self.cx.counted_origin(request.app, (view.peer, view.is_proxy));
            self.cx.begin_viewer((key, view.id), &view.file, origin);
            log::info!("{} view {} from {}", request.session, self.label_of(view), view.peer.host());
            self.each_module(|module, cx| module.on_view_start(cx, view.id, request));
            self.continue_waiting(keys);
        }
        self.admit(pending.request, pending.progress, view.file.clone());
    }

    /// A viewer's request is refused.
    pub(in crate::engine) fn refuse_view(&mut self, request: &Request, refusal: &Refusal) {
        let RequestKind::View(view) = &request.kind else { return };
        let why = refusal.for_log.as_deref().unwrap_or(&refusal.why);
        let (label, host) = (self.label_of(view), view.peer.host());
        log::info!("{} view {label} refused: {why} (from {host})", request.session);
        let Some(pending) = self.unhold(request.session) else { return };
        let status = match refusal.kind {
            RefusalKind::Client => FORBIDDEN,
            RefusalKind::Request => UNAVAILABLE,
        };
        if let Some(keys) = pending.asks {
            if refusal.kind == RefusalKind::Client {
                self.cx.viewing.viewers.refuse(keys, self.cx.now.instant);
            }
            self.continue_waiting(keys);
        }
        self.turn_away(pending.request, pending.progress, status);
    }

    /// Continues with the requests of a viewer that have waited for the decision about it.
    pub(in crate::engine) fn continue_waiting(&mut self, keys: ViewerKeys) {
        for session in self.cx.viewing.viewers.decided(keys) {
            if let Some(pending) = self.unhold(session) {
                self.route(pending.request, pending.progress);
            }
        }
    }

    /// Continues with a request for a file that may be sent.
    fn admit(&mut self, mut request: HttpRequest, progress: Progress, file: HlsFile) {
        if request.admission.admit(file) {
            self.route(request, progress);
        } else {
            self.turn_away(request, progress, FORBIDDEN);
        }
    }

    /// Answers a request of a viewer that gets nothing. No cache may keep that for others.
    fn turn_away(&mut self, mut request: HttpRequest, progress: Progress, status: u16) {
        self.cx.refusals.viewers += 1;
        request.admission.turn_away();
        let mut reply = HttpReply::error(status).with("Cache-Control", "no-store");
        if status == UNAVAILABLE {
            reply = reply.with("Retry-After", RETRY_AFTER);
        }
        self.reply_to(request, progress, reply);
    }

    fn label_of(&self, view: &View) -> String {
        format!("{}/{}", self.app_name(view.file.app), view.file.name.escape_debug())
    }

    /// The timer for viewers has expired: those that have been quiet end.
    pub(in crate::engine) fn check_viewers(&mut self) {
        /// The most viewers that are checked in one step.
        const MOST: usize = 256;
        self.cx.viewing.timer = None;
        for _ in 0..MOST {
            match self.cx.viewing.check(self.cx.now.instant) {
                Some(Some(viewer)) => _ = self.each_module(|module, cx| module.on_view_end(cx, viewer)),
                Some(None) => {}
                None => break,
            }
        }
        self.cx.schedule_viewers();
    }

    /// Ends all viewers, as the server stops.
    pub(in crate::engine) fn end_viewers(&mut self) {
        while let Some(viewer) = self.cx.viewing.viewers.end_any() {
            self.each_module(|module, cx| module.on_view_end(cx, viewer));
        }
    }
}

impl Ctx {
    /// Sets the timer for the next check of a viewer.
    pub(in crate::engine) fn schedule_viewers(&mut self) {
        let Some(next) = self.viewing.viewers.next_check() else { return };
        if self.viewing.timer.is_none_or(|at| next < at) {
            self.viewing.timer = Some(next);
            self.timers.add(next, Timer::Viewers);
        }
    }

    /// Counts the viewer of an application without gates that has got a playlist.
    pub(in crate::engine) fn count_viewer(&mut self, request: &HttpRequest, status: u16) {
        let is_playlist = |file: &&HlsFile| file.kind == HlsFileKind::Playlist;
        let Some(file) = request.admission.files().iter().rev().find(is_playlist) else { return };
        let guard = self.viewing.guard(file.app);
        if guard.asks() || status >= 300 && status != NOT_MODIFIED {
            return;
        }
        let keys = self.viewing.identities.of(request, file, (guard.shows(), guard.links));
        let now = self.now.instant;
        if let Known::Watching(key) = self.viewing.viewers.find(keys, now) {
            self.viewing.viewers.touch(key, (file.app, &file.name), now);
        } else if !self.viewing.viewers.is_full() {
            let id = ViewerId(self.sessions.next_serial());
            let origin = self.counted_origin(file.app, (request.peer, request.is_of_proxy()));
            self.begin_viewer((keys.base, id), file, origin);
        }
    }

    /// Whether one more viewer may begin.
    fn has_room_for(&self, request: &HttpRequest, file: &HlsFile, guard: &Guard) -> bool {
        let viewers = &self.viewing.viewers;
        let origin = || self.counted_origin(file.app, (request.peer, request.is_of_proxy()));
        let of_address = || origin().map_or(0, |origin| viewers.of_origin(file.app, origin));
        !viewers.is_full()
            && guard.most.is_none_or(|most| viewers.of_app(file.app) < most)
            && guard.most_per_address.is_none_or(|most| of_address() < most)
    }

    /// The origin for which a viewer counts, where those of an origin are limited.
    fn counted_origin(&self, app: AppId, (peer, is_proxy): (Peer, bool)) -> Option<Origin> {
        self.viewing.guard(app).most_per_address?;
        Origin::of(peer).filter(|_| !is_proxy)
    }

    /// A viewer begins.
    fn begin_viewer(&mut self, (key, id): (ViewerKey, ViewerId), file: &HlsFile, origin: Option<Origin>) {
        let now = self.now.instant;
        let check = now + self.viewing.quiet(file.app, &file.name);
        self.viewing.viewers.begin((key, id), (file.app, &file.name), origin, (now, check));
        self.schedule_viewers();
    }
}

/// The request of a viewer.
fn view_of(request: &HttpRequest, file: HlsFile, id: ViewerId) -> View {
    let field = |name| request.head.headers.get(name).map_or("", |text| start_of(text, MAX_FIELD));
    View {
        id,
        file,
        peer: request.peer,
        is_proxy: request.is_of_proxy(),
        user_agent: field("user-agent").to_owned(),
        referer: field("referer").to_owned(),
        url: format!("http://{}{}", field("host"), start_of(&path::encode(&request.head.path), MAX_FIELD)),
    }
}
