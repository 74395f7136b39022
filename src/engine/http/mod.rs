//! The HTTP pipeline: take a request, find its answer, queue that.
//!
//! What a location does is the modules'; `routing` asks them, and `answering` has requests wait. Here are
//! keep-alive and the account of what has been sent. Parsing is `crate::http`.

pub(in crate::engine) mod answer;
pub(in crate::engine) mod answering;
pub(in crate::engine) mod body;
pub(in crate::engine) mod by_location;
pub(in crate::engine) mod connection;
pub(in crate::engine) mod exchange;
pub(in crate::engine) mod hosts;
pub(in crate::engine) mod locations;
pub(in crate::engine) mod lookup;
pub(in crate::engine) mod playing;
pub(in crate::engine) mod playlists;
pub(in crate::engine) mod progress;
pub(in crate::engine) mod request;
pub(in crate::engine) mod routing;
pub(in crate::engine) mod send_limits;

use std::rc::Rc;
use std::time::{Instant, SystemTime};

use crate::auth::mask;
use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::http::answer::{Answer, HttpReply, Route};
use crate::engine::http::body::Body;
use crate::engine::http::exchange::Exchange;
use crate::engine::http::lookup::Findings;
use crate::engine::http::playing::HttpPlayer;
use crate::engine::http::progress::Progress;
use crate::engine::http::request::HttpRequest;
use crate::engine::http::send_limits::{SendLimits, Throttle};
use crate::engine::ids::SessionId;
use crate::engine::now::Now;
use crate::engine::session::log_limits::DetectedProtocol;
use crate::engine::session::{Life, STEP_DEADLINE, Session};
use crate::engine::tls::refusal;
use crate::engine::viewing::admission::Admission;
use crate::http::response::Framing;
use crate::http::{HttpError, Method, Request, RequestBody, conditional, response};

/// The most heads and bodies that wait for one client; it is held until they have been sent.
const MAX_WAITING: usize = 16;

/// The most bytes of answers that wait for one client, files included, before its next request is taken: a list of a
/// folder may have a megabyte, and a file is open until it has been sent.
const MAX_WAITING_BYTES: u64 = 256 * 1024;

/// The answer to a client that waits before it sends the body (RFC 9110, section 15.2.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The closing reason of a connection to a listener that is gone.
pub(in crate::engine) const UNSERVED: &str = "its server is gone since the reload";

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
            if session.http_player().is_some_and(HttpPlayer::is_answered) {
                return self.http_player_input(id, input);
            }
            let (messages, sent) = (session.out.len(), session.bytes_out);
            let Some(state) = session.http_mut() else { return };
            let waiting = state.queued.saturating_sub(sent);
            let awaits_queue = state.awaits_queue;
            session.backlogged = awaits_queue || messages >= MAX_WAITING || waiting >= MAX_WAITING_BYTES;
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
            let received_at = if state.protocol.in_request() { state.waits_since } else { now };
            let waited = std::mem::replace(&mut state.in_request, true);
            match state.protocol.next(&mut input) {
                Ok(Some(request)) if request.body.is_announced() => {
                    if self.cx.refusal_for_tls(id, &request.host).is_some() {
                        // That ends the connection: the body is not taken.
                        return self.answer(id, request, received_at);
                    }
                    if let Err(error) = self.take_body(id, request, (received_at, input.is_empty())) {
                        return self.reject(id, error, received_at);
                    }
                }
                Ok(Some(request)) => {
                    state.in_request = false;
                    state.waits_since = now;
                    self.answer(id, request, received_at);
                }
                Ok(None) => {
                    state.in_request = state.protocol.in_request();
                    if state.in_request && !waited {
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
        let Some(request) = self.cx.receive(id, Request::unreadable(), received_at) else {
            return self.cx.finish(id, UNSERVED);
        };
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

    /// Has the body of a request read, if its location takes one. Head and body have one deadline together. `waits` is
    /// whether no byte of the body has come yet.
    fn take_body(
        &mut self,
        id: SessionId,
        request: Request,
        (received_at, waits): (Instant, bool),
    ) -> Result<(), HttpError> {
        if !self.cx.takes_body(id, &request) {
            return Err(request.body_refusal());
        }
        let is_awaited = waits && request.expects_continue();
        let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::http_mut) else { return Ok(()) };
        state.protocol.take_body(request)?;
        state.waits_since = received_at;
        if is_awaited {
            state.queued += CONTINUE.len() as u64;
            self.cx.send_bytes(id, CONTINUE);
        }
        self.cx.wake_no_later_than(id, received_at + STEP_DEADLINE);
        Ok(())
    }

    fn answer(&mut self, id: SessionId, mut request: Request, received_at: Instant) {
        let refusal = self.cx.refusal_for_tls(id, &request.host);
        // The next connection has its own handshake.
        request.persistent &= refusal.is_none();
        let Some(request) = self.cx.receive(id, request, received_at) else {
            return self.cx.finish(id, UNSERVED);
        };
        if let Some(status) = refusal {
            self.cx.note_client_refusal(id, status);
            return self.reply_to(request, Progress::default(), refusal::page(status));
        }
        self.route(request, Progress::default());
    }

    /// Leads a request to its answer, from where its way has been left.
    pub(in crate::engine) fn route(&mut self, request: HttpRequest, progress: Progress) {
        self.lead(request, progress, None);
    }

    /// Answers a request that has been left on its way with this reply, or with the page for its error.
    pub(in crate::engine) fn reply_to(&mut self, request: HttpRequest, progress: Progress, reply: HttpReply) {
        self.lead(request, progress, Some(Route::Reply(reply)));
    }

    /// Leads a request to its answer; what has been `found` goes before what the modules say.
    pub(in crate::engine) fn lead(
        &mut self,
        mut request: HttpRequest,
        mut progress: Progress,
        found: Option<Route>,
    ) {
        match self.find_answer(&mut request, &mut progress, found) {
            Some(Answer::Reply(reply) | Answer::Verbatim(reply)) => {
                let reply = progress.finish(reply);
                self.deliver(request, reply, progress.forced);
            }
            Some(Answer::Later(composer)) => self.begin_composing(request, progress, composer),
            Some(Answer::Shared(shared)) => self.answer_shared(request, progress, shared),
            Some(Answer::Wait(lookup)) => self.wait_for(request, progress, lookup),
            Some(Answer::View(file)) => self.view(request, progress, file),
            Some(Answer::Operate(operation)) => self.operate(request, progress, operation),
            Some(Answer::Play(play)) => self.play_over_http(request, progress, play),
            None => {
                self.cx.finish(request.session, "closed without an answer");
                let limits = request.locations.send_limits(request.location, (0, 0), None);
                self.cx.keep_exchange(request, NO_ANSWER, (0, Some(0)), limits);
            }
        }
    }

    /// Sends an answer, with the status `forced` if its own is a success.
    pub(in crate::engine) fn deliver(
        &mut self,
        request: HttpRequest,
        mut reply: HttpReply,
        forced: Option<u16>,
    ) {
        let id = request.session;
        if reply.head.status < 300 {
            reply.head.status = forced.unwrap_or(reply.head.status);
        }
        reply.head.status = refusal::told(reply.head.status);
        let (method, status, length) = (request.method.as_str(), reply.head.status, reply.body.len());
        log::debug!(
            "{id} {method} {} {status} {length} bytes",
            mask::query_of(&request.head.target).escape_debug()
        );
        if status == 404 {
            self.cx.note_not_found(&request, reply.head.why.as_deref());
        }
        self.cx.count_viewer(&request, status);
        let is_plain = self.cx.sessions.get(id).is_some_and(|session| session.is_plain);
        let persistent =
            request.head.persistent && !is_plain && !self.cx.is_draining() && !self.cx.is_unserved(id);
        if !self.send_reply(request, reply, persistent) {
            self.cx.finish(id, "answered");
        }
    }

    /// Queues an answer. Returns whether the connection is kept.
    fn send_reply(&mut self, mut request: HttpRequest, mut reply: HttpReply, persistent: bool) -> bool {
        let id = request.session;
        for module in &mut self.modules {
            module.on_http_reply(&mut self.cx, &request, &mut reply.head);
        }
        let is_live = matches!(reply.body, Body::Live);
        let keep_alive = request.locations.keep_alive(request.location).filter(|_| !is_live);
        let idle = keep_alive.and_then(|keep| keep.idle).filter(|_| persistent);
        if let (Some(_), Some(seconds)) = (idle, keep_alive.and_then(|keep| keep.advertised)) {
            reply.head = reply.head.with("Keep-Alive", format!("timeout={seconds}"));
        }
        let framing = match (is_live, request.head.version_minor) {
            (false, _) => Framing::Length { bytes: reply.body.len(), persistent: idle.is_some() },
            (true, 0) => Framing::UntilClose,
            (true, _) => Framing::Chunked,
        };
        let head = reply.head.encode(framing, self.cx.date());
        if request.method == Method::Head || !response::has_body(reply.head.status) {
            reply.body = Body::Empty;
        }
        request.findings = Findings::default();
        self.cx.totals.count_answer(reply.head.status);
        request.head.body = RequestBody::None;
        let sizes = (head.len() as u64, reply.body.len());
        let limits = request.locations.send_limits(request.location, sizes, reply.body.within());
        if self.cx.send_bytes(id, &head)
            && let Some(session) = self.cx.sessions.get_mut(id)
        {
            session.out.push_body(reply.body);
            if let (Some(state), Some(idle)) = (session.http_mut(), idle) {
                state.keep_alive = idle;
            }
            self.modules.iter_mut().for_each(|module| module.on_http_queued(&mut request));
            self.cx.keep_exchange(request, reply.head.status, (sizes.0, Some(sizes.1)), limits);
        }
        if let Some(idle) = idle {
            // The nearest of three deadlines: idle, no progress, too slow.
            self.cx.wake_no_later_than(id, self.cx.now.instant + idle.min(limits.pause).min(limits.whole));
        }
        idle.is_some()
    }
}

impl Ctx {
    /// Whether the location of a request takes bodies.
    fn takes_body(&mut self, id: SessionId, request: &Request) -> bool {
        let state = self.sessions.get_mut(id).and_then(Session::http_mut);
        let Some((listener, local)) = state.map(|state| (state.listener, state.local.clone())) else {
            return false;
        };
        let server = self.hosts_at(listener, &local).and_then(|hosts| hosts.find(&request.host));
        let found = server.and_then(|server| self.locations.find(server as u32, &request.path));
        found.is_some_and(|(location, _)| self.locations.takes_bodies(location))
    }

    /// A request with all that is known of it, at its server and without a location.
    fn receive(&mut self, id: SessionId, request: Request, received_at: Instant) -> Option<HttpRequest> {
        let now = self.now;
        let session = self.sessions.get_mut(id)?;
        let (peer, is_told, tls) = (session.peer, session.is_told, session.tls.clone());
        let state = session.http_mut()?;
        state.requests += 1;
        self.totals.http_requests += 1;
        let (listener, local, number) = (state.listener, state.local.clone(), state.requests);
        let server = self.hosts_at(listener, &local)?.find(&request.host)? as u32;
        let location = self.locations.own(server)?;
        let since = now.instant.saturating_duration_since(received_at);
        Some(HttpRequest {
            session: id,
            peer: self.locations.client(location, (peer, is_told), &request.headers),
            connection_peer: peer,
            is_told,
            tls,
            local,
            number,
            received_at: Now { instant: received_at, wall: now.wall.checked_sub(since).unwrap_or(now.wall) },
            location,
            locations: Rc::clone(&self.locations),
            server,
            captures: Vec::new(),
            method: request.method.clone(),
            head: request,
            internal: false,
            is_admitted: false,
            is_for_stream: false,
            user: None,
            is_forgotten: false,
            findings: Findings::default(),
            admission: Admission::default(),
        })
    }

    /// Keeps the exchange of an answer until it has been sent; `sizes` are those of its head and its body, which has none in
    /// a live answer.
    fn keep_exchange(
        &mut self,
        request: HttpRequest,
        status: u16,
        (head, body): (u64, Option<u64>),
        limits: SendLimits,
    ) {
        let (id, ended) = (request.session, self.now);
        let Some(state) = self.sessions.get_mut(id).and_then(|session| session.http_mut()) else { return };
        let begins = state.queued;
        state.queued += head + body.unwrap_or_default();
        if state.exchanges.is_empty() {
            state.front_since = ended.instant;
        }
        let throttle = limits.rate.map(|limit| Throttle::new(limit, ended.instant));
        let exchange =
            Exchange { request, status, sent: 0, body_sent: 0, ended, begins, head, body, limits, throttle };
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
