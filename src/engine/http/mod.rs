//! The HTTP pipeline: find server and location of a request, ask the modules, compose and queue the answer.
//!
//! What a location does is the modules'; here are the order in which they are asked, internal redirects, keep-alive,
//! and the account of what has been sent. Parsing is `crate::http`.

pub(in crate::engine) mod answer;
pub(in crate::engine) mod body;
pub(in crate::engine) mod by_location;
pub(in crate::engine) mod exchange;
pub(in crate::engine) mod hosts;
pub(in crate::engine) mod locations;
pub(in crate::engine) mod playlists;
pub(in crate::engine) mod request;

use std::time::{Instant, SystemTime};

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::http::answer::{Answer, Composing, HttpReply, Redirect, Route, Target};
use crate::engine::http::body::Body;
use crate::engine::http::exchange::{Exchange, SendLimits};
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::SessionId;
use crate::engine::now::Now;
use crate::engine::session::log_limits::DetectedProtocol;
use crate::engine::session::{Life, STEP_DEADLINE, Session};
use crate::http::{HttpError, Method, Request, conditional, response};

/// The most heads and bodies that wait for one client; it is held until they have been sent.
const MAX_WAITING: usize = 16;

/// The most bytes of answers that wait for one client, files included, before its next request is taken: a list of a
/// folder may have a megabyte, and a file is open until it has been sent.
const MAX_WAITING_BYTES: u64 = 256 * 1024;

/// The most internal redirects of one request; more are a circle.
const MAX_REDIRECTS: usize = 10;

/// The status in the access log for a connection that is closed without an answer.
const NO_ANSWER: u16 = 444;

impl Engine {
    /// Feeds bytes to an HTTP session and answers its next request. The rest waits for another step: a request may
    /// take a millisecond, and one piece of input has hundreds.
    pub(in crate::engine) fn http_input(&mut self, id: SessionId, mut input: &[u8]) {
        for count in 0.. {
            let now = self.cx.now.instant;
            let Some(session) = self.cx.sessions.get_mut(id) else { return };
            if session.life != Life::Open {
                return;
            }
            let (messages, sent) = (session.out.len(), session.bytes_out);
            let Some(state) = session.http_mut() else { return };
            let waiting = state.queued.saturating_sub(sent);
            session.backlogged = messages >= MAX_WAITING || waiting >= MAX_WAITING_BYTES;
            session.has_more_input = count > 0 && !input.is_empty();
            if session.has_more_input {
                self.cx.resume_input(id);
            }
            let Some(session) = self.cx.sessions.get_mut(id) else { return };
            if session.is_held() {
                session.pending = input.to_vec();
                return;
            }
            let Some(state) = session.http_mut() else { return };
            let received_at = if state.protocol.in_head() { state.waits_since } else { now };
            let waited = std::mem::replace(&mut state.in_head, true);
            match state.protocol.next(&mut input) {
                Ok(Some(request)) => {
                    state.in_head = false;
                    state.waits_since = now;
                    self.answer(id, request, received_at);
                }
                Ok(None) => {
                    state.in_head = state.protocol.in_head();
                    if state.in_head && !waited {
                        state.waits_since = now;
                        self.cx.wake_no_later_than(id, now + STEP_DEADLINE);
                    }
                    return;
                }
                Err(error) => return self.reject(id, error, received_at),
            }
        }
    }

    /// Answers a request that cannot be parsed, and finishes the session.
    pub(in crate::engine) fn reject(&mut self, id: SessionId, error: HttpError, received_at: Instant) {
        match error {
            HttpError::RTMP => self.note_wrong_port(id, DetectedProtocol::Rtmp),
            HttpError::TLS => self.note_wrong_port(id, DetectedProtocol::Tls),
            _ => {}
        }
        let Some(request) = self.cx.receive(id, Request::unreadable(), received_at) else { return };
        self.send_reply(request, HttpReply::error(error.status), false);
        self.cx.finish(id, &format!("{} {}", error.status, error.reason));
    }

    /// Gives a finished exchange to the modules, for the access log.
    pub(in crate::engine) fn account(&mut self, mut exchange: Exchange) {
        exchange.ended = self.cx.now;
        // The file in memory that it was sent may have been removed meanwhile.
        self.cx.memory.sweep();
        for module in &mut self.modules {
            module.on_http_done(&mut self.cx, &exchange);
        }
    }

    fn answer(&mut self, id: SessionId, request: Request, received_at: Instant) {
        let Some(mut request) = self.cx.receive(id, request, received_at) else { return };
        match self.find_answer(&mut request) {
            Some((Answer::Reply(reply), forced)) => self.deliver(request, reply, forced),
            Some((Answer::Later(work), forced)) => self.begin_composing(Composing { request, work, forced }),
            None => {
                self.cx.finish(id, "closed without an answer");
                let limits = self.cx.locations.send_limits(request.location, 0);
                self.cx.keep_exchange(request, NO_ANSWER, (0, 0), limits);
            }
        }
    }

    /// Does one step of the answer that is being composed for a session.
    pub(in crate::engine) fn compose(&mut self, id: SessionId) {
        let Some(mut composing) = self.composing.remove(&id) else { return };
        // A session that has ended needs no answer.
        if !self.cx.sessions.get(id).is_some_and(Session::is_composing) {
            return;
        }
        if let Some(reply) = composing.work.step(&self.cx) {
            if let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::http_mut) {
                state.composing = false;
            }
            self.cx.resume_input(id);
            self.deliver(composing.request, reply, composing.forced);
        } else {
            self.composing.insert(id, composing);
            // One answer is finished before the next begins, as one that is half done takes memory.
            self.cx.work.composing.push_front(id);
        }
    }

    /// Holds a session until its answer has been composed.
    fn begin_composing(&mut self, composing: Composing) {
        let id = composing.request.session;
        if let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::http_mut) {
            state.composing = true;
            self.composing.insert(id, composing);
            self.cx.work.composing.push_back(id);
        }
    }

    /// Sends an answer, with the status `forced` if its own is a success.
    fn deliver(&mut self, request: HttpRequest, mut reply: HttpReply, forced: Option<u16>) {
        let id = request.session;
        if reply.head.status < 300 {
            reply.head.status = forced.unwrap_or(reply.head.status);
        }
        let (method, target, status) =
            (request.method.as_str(), request.head.target.escape_debug(), reply.head.status);
        log::debug!("{id} {method} {target} {status} {} bytes", reply.body.len());
        if status == 404 {
            self.cx.note_not_found(&request);
        }
        let persistent = request.head.persistent && !self.cx.draining;
        if !self.send_reply(request, reply, persistent) {
            self.cx.finish(id, "answered");
        }
    }

    /// Asks the modules for an answer, through internal redirects, and for the status that replaces a success. None
    /// to close the connection without an answer.
    fn find_answer(&mut self, request: &mut HttpRequest) -> Option<(Answer, Option<u16>)> {
        let (mut forced, mut error_page) = (None, false);
        for _ in 0..=MAX_REDIRECTS {
            let mut route = self.ask_modules(request);
            // As in nginx, an error on the way to an error page gets no error page.
            if let (Route::Reply(reply), false) = (&route, error_page) {
                let (status, modules) = (reply.head.status, &mut self.modules);
                let mut better = modules.iter_mut().map(|m| m.on_http_error(&mut self.cx, request, status));
                if status >= 300
                    && let Some(better) = better.find(|route| !matches!(route, Route::Continue))
                {
                    error_page = matches!(better, Route::Redirect(_));
                    route = better;
                }
            }
            let answer = match route {
                Route::Close => return None,
                Route::Redirect(Redirect { target, status }) => {
                    forced = forced.or(status);
                    self.cx.redirect(request, target, error_page);
                    continue;
                }
                Route::Continue => Answer::Reply(HttpReply::error(404)),
                Route::Reply(reply) | Route::Verbatim(reply) => Answer::Reply(reply),
                Route::Later(work) => Answer::Later(work),
            };
            return Some((answer, forced));
        }
        log::warn!("{} {}: more than {MAX_REDIRECTS} internal redirects", request.session, request.head.path);
        Some((Answer::Reply(HttpReply::error(500)), None))
    }

    /// Asks the modules about a request at its present place.
    fn ask_modules(&mut self, request: &mut HttpRequest) -> Route {
        let cx = &mut self.cx;
        if !cx.locations.is_named(request.location) {
            for module in &mut self.modules {
                match module.on_http_server(cx, request) {
                    Route::Continue => {}
                    decided => return decided,
                }
            }
            cx.locate(request);
        }
        for module in &mut self.modules {
            match module.on_http_location(cx, request) {
                Route::Continue => {}
                decided => return decided,
            }
        }
        let answer = self.modules.iter_mut().find_map(|module| module.on_http(cx, request));
        answer.map_or_else(|| Route::Reply(HttpReply::error(404)), Route::from)
    }

    /// Queues an answer. Returns whether the connection is kept.
    fn send_reply(&mut self, mut request: HttpRequest, mut reply: HttpReply, persistent: bool) -> bool {
        let id = request.session;
        for module in &mut self.modules {
            module.on_http_reply(&mut self.cx, &request, &mut reply.head);
        }
        let keep_alive = self.cx.locations.keep_alive(request.location);
        let idle = keep_alive.and_then(|keep| keep.idle).filter(|_| persistent);
        if let (Some(_), Some(seconds)) = (idle, keep_alive.and_then(|keep| keep.advertised)) {
            reply.head = reply.head.with("Keep-Alive", format!("timeout={seconds}"));
        }
        let head = reply.head.encode(Some(reply.body.len()), idle.is_some(), self.cx.date());
        if request.method == Method::Head || !response::has_body(reply.head.status) {
            reply.body = Body::Empty;
        }
        let sizes = (head.len() as u64, reply.body.len());
        let mut limits = self.cx.locations.send_limits(request.location, sizes.0 + sizes.1);
        limits.whole = reply.body.within().map_or(limits.whole, |within| within.min(limits.whole));
        if self.cx.send_bytes(id, &head)
            && let Some(session) = self.cx.sessions.get_mut(id)
        {
            session.out.push_body(reply.body);
            if let (Some(state), Some(idle)) = (session.http_mut(), idle) {
                state.keep_alive = idle;
            }
            self.modules.iter_mut().for_each(|module| module.on_http_queued(&mut request));
            self.cx.keep_exchange(request, reply.head.status, sizes, limits);
        }
        if let Some(idle) = idle {
            // The nearest of three deadlines: idle, no progress, too slow.
            self.cx.wake_no_later_than(id, self.cx.now.instant + idle.min(limits.pause).min(limits.whole));
        }
        idle.is_some()
    }
}

impl Ctx {
    /// A request with all that is known of it, at its server and without a location.
    fn receive(&mut self, id: SessionId, request: Request, received_at: Instant) -> Option<HttpRequest> {
        let now = self.now;
        let session = self.sessions.get_mut(id)?;
        let peer = session.peer;
        let state = session.http_mut()?;
        state.requests += 1;
        let server = self.hosts.get(state.hosts)?.find(&request.host)?;
        let since = now.instant.saturating_duration_since(received_at);
        Some(HttpRequest {
            session: id,
            peer,
            local: state.local,
            number: state.requests,
            received_at: Now { instant: received_at, wall: now.wall.checked_sub(since).unwrap_or(now.wall) },
            location: self.locations.own(server)?,
            server,
            captures: Vec::new(),
            method: request.method.clone(),
            head: request,
            internal: false,
        })
    }

    /// Finds the location of a request.
    fn locate(&self, request: &mut HttpRequest) {
        if let Some((location, captures)) = self.locations.find(request.server, &request.head.path) {
            (request.location, request.captures) = (location, captures);
        }
    }

    /// Redirects a request internally. To an error page it goes without its conditions and ranges.
    fn redirect(&self, request: &mut HttpRequest, target: Target, error_page: bool) {
        request.internal = true;
        if error_page {
            request.head.headers.remove(&["range", "if-range", "if-match", "if-none-match"]);
            request.head.headers.remove(&["if-modified-since", "if-unmodified-since"]);
            if request.head.method != Method::Head {
                request.head.method = Method::Get;
            }
        }
        let own = self.locations.own(request.server);
        match target {
            Target::Path { path, query } => {
                (request.head.path, request.head.query) = (path, query);
                request.location = own.unwrap_or(request.location);
            }
            Target::Named(name) => {
                let named = self.locations.named(request.server, &name).or(own);
                request.location = named.unwrap_or(request.location);
            }
        }
    }

    /// Keeps the exchange of an answer until it has been sent; `sizes` are those of its head and its body.
    fn keep_exchange(
        &mut self,
        request: HttpRequest,
        status: u16,
        (head, body): (u64, u64),
        limits: SendLimits,
    ) {
        let (id, ended) = (request.session, self.now);
        let Some(state) = self.sessions.get_mut(id).and_then(|session| session.http_mut()) else { return };
        let begins = state.queued;
        state.queued += head + body;
        if state.exchanges.is_empty() {
            state.front_since = ended.instant;
        }
        let exchange = Exchange { request, status, sent: 0, body_sent: 0, ended, begins, head, body, limits };
        state.exchanges.push_back(Box::new(exchange));
        if let Some(session) = self.sessions.get_mut(id) {
            self.budgets.count_replies(session);
        }
    }

    /// The present date as an IMF-fixdate, formatted once a second.
    fn date(&mut self) -> &str {
        let wall = self.now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        if self.date.0 != wall || self.date.1.is_empty() {
            self.date = (wall, conditional::format_date(wall));
        }
        &self.date.1
    }
}
