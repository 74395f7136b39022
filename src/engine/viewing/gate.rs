//! Decides whether a viewer's request is admitted: its viewer is known, or it shows a token, or it passes the gates as an
//! RTMP play does. Further requests of a viewer who is being decided about wait for the first one.
//!
//! The module that has found the file sends it; it reads the admission from the request.

use crate::auth::{query, segment_token};
use crate::engine::Engine;
use crate::engine::http::answer::HttpReply;
use crate::engine::http::answering::pending::Pending;
use crate::engine::http::lookup::Findings;
use crate::engine::http::progress::Progress;
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::SessionId;
use crate::engine::request::{Refusal, RefusalKind, Request, RequestKind};
use crate::engine::rtmp::gates::MAX_SUSPENDED;
use crate::engine::session::Session;
use crate::engine::stream::name::StreamName;
use crate::engine::viewing::files::{HlsFile, HlsFileKind};
use crate::engine::viewing::guard::{Guard, Shows};
use crate::engine::viewing::identity::{MAX_FIELD, ViewerKeys, carried, start_of};
use crate::engine::viewing::view::{View, ViewerId};
use crate::engine::viewing::viewers::Known;
use crate::http::path;
use crate::http::response::RETRY_AFTER;

/// The status for a viewer that may not watch, and for one that cannot watch now.
const FORBIDDEN: u16 = 403;
const UNAVAILABLE: u16 = 503;

/// The arguments of a request for recordings that are no arguments of a stream.
const OWN_ARGUMENTS: [&str; 4] = ["app", "stream", "t", "v"];

impl Engine {
    /// Decides about a request for a file of HLS. It continues when it is admitted.
    pub(in crate::engine) fn view(&mut self, request: HttpRequest, progress: Progress, file: HlsFile) {
        if self.cx.banned_for(request.peer, (file.app, file.base())).is_some() {
            return self.turn_away(request, progress, FORBIDDEN);
        }
        if file.kind == HlsFileKind::Recording {
            return self.ask_for_recording(request, progress, file);
        }
        let guard = self.cx.viewing.guard(file.app);
        if !matches!(file.kind, HlsFileKind::Playlist) {
            if !guard.is_guarded {
                return self.admit(request, progress, file);
            }
            if let Some(token) = query::value(&request.head.query, segment_token::ARGUMENT)
                && self.cx.viewing.is_right_token(&file, &token, self.cx.now.instant)
            {
                return self.admit(request, progress, file);
            }
            // Who shows neither is told the same as who shows a wrong or old token.
            if !shows_credentials(&request, &guard) {
                log::debug!("{} {}: no right token", request.session, file.name.escape_debug());
                return self.turn_away(request, progress, FORBIDDEN);
            }
        }
        if StreamName::new(&file.name).is_err() {
            // No stream has such a name, so nobody can watch it.
            return if guard.is_guarded {
                self.turn_away(request, progress, FORBIDDEN);
            } else {
                self.admit(request, progress, file);
            };
        }
        let now = self.cx.now.instant;
        let keys = self.cx.viewing.identities.of(&request, &file, &guard);
        if !guard.asks() {
            // It is counted when it has got the playlist.
            let known = self.cx.viewing.viewers.find(keys, now);
            if known == Known::Refused {
                // An operator has ended it.
                return self.turn_away(request, progress, FORBIDDEN);
            }
            let is_new = known == Known::New;
            let client = (request.peer, request.is_of_proxy());
            return if is_new && guard.is_limited() && self.cx.refuses_more(file.app, client) {
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
                self.hold(Pending::new(without_findings(request), progress, None));
            }
            Known::Undecided => self.turn_away(request, progress, UNAVAILABLE),
            Known::New if self.cx.refuses_more(file.app, (request.peer, request.is_of_proxy())) => {
                self.turn_away(request, progress, UNAVAILABLE);
            }
            Known::New => self.ask(request, progress, keys, file),
        }
    }

    /// Asks the gates about a viewer that is not known, while its request is held.
    fn ask(&mut self, request: HttpRequest, progress: Progress, keys: ViewerKeys, file: HlsFile) {
        let id = ViewerId(self.cx.sessions.next_serial());
        let (session, app, name) = (request.session, file.app, file.base().to_owned());
        let args = carried(&request.head.query);
        let view = view_of(&request, file, id);
        self.cx.viewing.viewers.suspend(keys);
        self.hold(Pending::asking(without_findings(request), progress, keys));
        self.submit(Request::new(session, app, (name, args), RequestKind::View(Box::new(view))));
    }

    /// Asks the gates about a request for recordings of a stream. What they decide is not remembered.
    fn ask_for_recording(&mut self, request: HttpRequest, progress: Progress, file: HlsFile) {
        if self.cx.suspended > MAX_SUSPENDED / 2 {
            return self.turn_away(request, progress, UNAVAILABLE);
        }
        let id = ViewerId(self.cx.sessions.next_serial());
        let (session, app, name) = (request.session, file.app, file.name.clone());
        let args = query::without(&carried(&request.head.query), &OWN_ARGUMENTS);
        let view = view_of(&request, file, id);
        self.hold(Pending::new(without_findings(request), progress, None));
        self.submit(Request::new(session, app, (name, args), RequestKind::View(Box::new(view))));
    }

    /// A viewer's request has passed all gates.
    pub(in crate::engine) fn grant_view(&mut self, request: &Request) {
        let RequestKind::View(view) = &request.kind else { return };
        let Some(pending) = self.unhold(request.session) else { return self.call_refused(request) };
        let client = (view.peer, view.is_proxy);
        if let Some(keys) = pending.asks {
            self.continue_waiting(keys, None);
            // Others may have begun meanwhile.
            if self.cx.refuses_more(request.app, client) {
                self.turn_away(pending.request, pending.progress, UNAVAILABLE);
                return self.call_refused(request);
            }
            // A module names the variant if what is shown opens no other.
            let key = if request.name == view.file.name { keys.own } else { keys.base };
            // While the server drains nobody would notice its end. By another request it may have begun since a reload.
            if !self.cx.is_draining() && self.cx.begin_viewer((key, view.id), &view.file, client) {
                let (label, host, number) = (self.label_of(view), view.peer.host(), view.id.serial());
                log::info!("{} view {label} from {host} (viewer {number})", request.session);
                self.each_module(|module, cx| module.on_view_start(cx, view.id, request));
            } else {
                self.call_refused(request);
            }
        } else if view.file.kind == HlsFileKind::Recording {
            // It begins nothing that would end.
            self.call_refused(request);
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
            RefusalKind::Request | RefusalKind::NotFound => UNAVAILABLE,
        };
        if let Some(keys) = pending.asks {
            if refusal.kind == RefusalKind::Client {
                self.cx.viewing.viewers.refuse(keys, self.cx.now.instant);
            }
            // What could not be decided once is not tried again for each of them.
            self.continue_waiting(keys, Some(status).filter(|_| refusal.kind == RefusalKind::Request));
        }
        self.turn_away(pending.request, pending.progress, status);
    }

    /// Has the requests of a viewer continue that have waited for the decision about it, each in a step of its own; or be
    /// answered with this status.
    pub(in crate::engine) fn continue_waiting(&mut self, keys: ViewerKeys, status: Option<u16>) {
        let waiting = self.cx.viewing.viewers.decided(keys);
        self.cx.work.decided.extend(waiting.into_iter().map(|session| (session, status)));
    }

    /// Continues with such a request.
    pub(in crate::engine) fn continue_request(&mut self, id: SessionId, status: Option<u16>) {
        if !self.cx.sessions.get(id).is_some_and(Session::is_answering) {
            return;
        }
        let Some(pending) = self.unhold(id) else { return };
        match status {
            None => self.route(pending.request, pending.progress),
            Some(status) => self.turn_away(pending.request, pending.progress, status),
        }
    }

    /// Continues with a request for a file that may be sent.
    fn admit(&mut self, mut request: HttpRequest, progress: Progress, file: HlsFile) {
        let is_marked = self.cx.viewing.is_marked(&file);
        if request.admission.admit(file, is_marked) {
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
}

/// Whether a request shows what may open an application.
fn shows_credentials(request: &HttpRequest, guard: &Guard) -> bool {
    let query = &request.head.query;
    match guard.shows() {
        Shows::Nothing => false,
        Shows::Credentials => !query::only(query, &query::CREDENTIALS).is_empty(),
        Shows::Query => !query::without(&carried(query), &[segment_token::ARGUMENT]).is_empty(),
    }
}

/// A request that will wait: what has been found for it may have open files.
fn without_findings(request: HttpRequest) -> HttpRequest {
    HttpRequest { findings: Findings::default(), ..request }
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
        // Its query may have a key.
        referer: field("referer").split('?').next().unwrap_or_default().to_owned(),
        url: format!("http://{}{}", field("host"), start_of(&path::encode(&request.head.path), MAX_FIELD)),
    }
}
