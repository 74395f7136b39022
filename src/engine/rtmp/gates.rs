//! Requests (connect, publish, play) on their way through the modules' gates: asked, suspended, resumed, granted or
//! refused.
//!
//! At each gate every module is asked in the order of the table, then the engine itself. Nothing is created for a
//! request before all gates have been passed. A suspended request is kept in its session and found by its ticket
//! alone, so that a late answer resumes nothing else. What a grant does is in `publish.rs` and `play.rs`.

use std::rc::Rc;

use crate::auth::mask;
use crate::engine::config::policy::Conflict;
use crate::engine::ctx::Ctx;
use crate::engine::ids::{AppId, Endpoint, SessionId};
use crate::engine::request::{
    Gate, Position, Refusal, RefusalKind, Reply, Request, RequestKind, Suspended, Ticket, Verdict,
};
use crate::engine::session::Life;
use crate::engine::session::client::Client;
use crate::engine::session::roles::SessionRole;
use crate::engine::stream::name::StreamName;
use crate::engine::{CLIENT_LEFT, Engine};
use crate::rtmp::command::{Connect, PLAY_NOT_FOUND, PLAY_REFUSED, PUBLISH_REFUSED, PUBLISH_UNAUTHORIZED};

/// What the client is told whose name is taken.
const TAKEN: &str = "already publishing: another encoder has this name; stop it, or use another name";

/// The most requests that are suspended at a time. Those of viewers may be half of them.
pub(in crate::engine) const MAX_SUSPENDED: usize = 1024;

impl Ctx {
    /// Answers a suspended request in a later step. An answer that comes too late has no effect.
    pub fn answer(&mut self, ticket: Ticket, reply: Reply) {
        self.work.answers.push_back((ticket, reply));
    }

    /// Whether the name of a request may be a key: it has not passed the gate at which keys, or a backend, decide.
    pub fn name_may_be_key(&self, request: &Request) -> bool {
        let app = self.apps.get(request.app);
        !request.is_admitted && app.is_none_or(|app| app.guards(&request.kind))
            || !request.is_decided && app.is_some_and(|app| app.asks(&request.kind))
    }

    /// A new ticket for the module that is asked next.
    fn next_ticket(&mut self, session: SessionId) -> Ticket {
        self.last_ticket += 1;
        Ticket { session, serial: self.last_ticket }
    }

    /// Takes the suspended request that has this ticket.
    fn take_suspended(&mut self, ticket: Ticket) -> Option<Suspended> {
        let session = self.sessions.get_mut(ticket.session)?;
        let suspended = session.suspended.take_if(|suspended| suspended.request.ticket == ticket)?;
        self.budgets.count_input(session);
        self.suspended -= 1;
        Some(*suspended)
    }
}

impl Engine {
    /// Starts a request at the first gate.
    pub(in crate::engine) fn submit(&mut self, request: Request) {
        // Rules of access and keys are for clients.
        let gate = if request.is_relay { Gate::Service } else { Gate::Access };
        self.run_gates(Position { gate, module: 0 }, request);
    }

    /// Resumes a suspended request with the reply to it.
    pub(in crate::engine) fn resume_request(&mut self, ticket: Ticket, reply: Reply) {
        let Some(suspended) = self.cx.take_suspended(ticket) else {
            return log::debug!("{}: an answer comes too late for its request", ticket.session);
        };
        let Suspended { mut request, position, since, .. } = suspended;
        let (id, now) = (request.session, self.cx.now.instant);
        if let Some(session) = self.cx.sessions.get_mut(id) {
            // The client was not read meanwhile: its silence does not count, nor does that time for its next step.
            session.last_input = now;
            for stream in session.roles.publishers().map(SessionRole::stream) {
                if let Some(stream) = self.cx.streams.get_mut(stream) {
                    stream.last_media = Some(now);
                }
            }
            if let Some(state) = session.rtmp_mut() {
                // It may have lost a role meanwhile, by which the time begins anew.
                state.idle_since = now.min(state.idle_since + now.saturating_duration_since(since));
            }
        }
        self.cx.resume_input(id);
        request.ticket = self.cx.next_ticket(id);
        let Some(module) = self.modules.get_mut(position.module) else {
            debug_assert!(false, "module {} has suspended a request and is not there", position.module);
            return self.refuse(&request, &Refusal::of_request("an error of the server; its log says more"));
        };
        let verdict = module.resume(&mut self.cx, &mut request, reply);
        self.decide(position, request, verdict);
        self.resume_play_lists(id);
    }

    /// Resumes a session's suspended request with `TimedOut` if its time is over.
    pub(in crate::engine) fn time_out_request(&mut self, id: SessionId) {
        let now = self.cx.now.instant;
        let suspended = self.cx.sessions.get(id).and_then(|session| session.suspended.as_ref());
        if let Some(ticket) = suspended.filter(|s| s.until <= now).map(|s| s.request.ticket) {
            self.resume_request(ticket, Reply::TimedOut);
        }
    }

    /// Asks the modules from a position on, gate by gate.
    fn run_gates(&mut self, mut position: Position, mut request: Request) {
        loop {
            if let Some(refusal) = self.cx.ban_on(&request) {
                return self.refuse(&request, &refusal);
            }
            while let Some(module) = self.modules.get_mut(position.module) {
                request.ticket = self.cx.next_ticket(request.session);
                match module.gate(&mut self.cx, &mut request, position.gate) {
                    Verdict::Continue => position.module += 1,
                    decided => return self.decide(position, request, decided),
                }
            }
            if let Some(why) = self.objection(&request, position.gate) {
                return self.refuse(&request, &Refusal::of_request(why));
            }
            let Some(gate) = position.gate.next() else { return self.grant(&request) };
            request.is_admitted = true;
            request.is_decided |= position.gate == Gate::Callback;
            position = Position { gate, module: 0 };
        }
    }

    /// Acts on the verdict of the module at `position`.
    fn decide(&mut self, position: Position, request: Request, verdict: Verdict) {
        match verdict {
            Verdict::Continue => {
                self.run_gates(Position { module: position.module + 1, ..position }, request);
            }
            Verdict::Deny(refusal) => self.refuse(&request, &refusal),
            Verdict::Suspend { until } => {
                let module = self.modules.get(position.module).map_or("", |module| module.name());
                let since = self.cx.now.instant;
                self.suspend(Suspended { request, position, module, since, until });
            }
        }
    }

    fn suspend(&mut self, suspended: Suspended) {
        let is_view = matches!(suspended.request.kind, RequestKind::View(_));
        let viewers = if is_view { self.cx.viewing.viewers.undecided() } else { 0 };
        if self.cx.suspended >= MAX_SUSPENDED || viewers > MAX_SUSPENDED / 2 {
            let refusal = Refusal::of_request("too many requests wait for answers already; try again soon");
            return self.refuse(&suspended.request, &refusal);
        }
        let (id, until) = (suspended.request.session, suspended.until);
        let Some(session) = self.cx.sessions.get(id).filter(|session| session.life == Life::Open) else {
            return;
        };
        // Nobody is left to hear the answer, and no event tells again that the client has gone.
        if session.hung_up.is_some() && !session.is_answering() && !session.roles.publishes() {
            return self.cx.close(id, CLIENT_LEFT);
        }
        log::debug!("{id} {} waits for an answer of {}", self.describe(&suspended.request), suspended.module);
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        debug_assert!(session.suspended.is_none(), "{id} has a suspended request");
        session.suspended = Some(Box::new(suspended));
        self.cx.budgets.count_input(session);
        self.cx.suspended += 1;
        self.cx.wake_no_later_than(id, until);
    }

    /// The engine's own objection to a request that has passed a gate.
    fn objection(&mut self, request: &Request, gate: Gate) -> Option<String> {
        if let Some(why) = self.cx.apps.get(request.app).and_then(|app| app.objection(request)) {
            return Some(why);
        }
        let is_decisive = matches!(gate, Gate::Service | Gate::Name);
        match request.kind {
            RequestKind::Connect(_) => is_decisive.then(|| self.cx.excess_client(request.app)).flatten(),
            RequestKind::Publish { .. } => match StreamName::new(&request.name) {
                Ok(name) => (is_decisive && self.is_taken(request, &name)).then(|| TAKEN.into()),
                Err(error) => Some(error.to_string()),
            },
            RequestKind::Play { .. } => StreamName::new(&request.name).err().map(|error| error.to_string()),
            // Files may be left of streams that the configuration does not have any more.
            RequestKind::View(_) => None,
        }
    }

    /// Whether another client publishes the stream and may keep it.
    fn is_taken(&self, request: &Request, name: &StreamName) -> bool {
        let Some(stream) = self.cx.streams.find(request.app, name) else { return false };
        let Some(holder) = stream.publisher.filter(|holder| Some(*holder) != request.endpoint()) else {
            return false;
        };
        // A pull gives way to any publisher, and takes no stream from one.
        if self.cx.is_pull(holder) || request.is_relay {
            return !self.cx.is_pull(holder);
        }
        match self.cx.apps.get(request.app).map(|app| app.policy.conflict) {
            Some(Conflict::Replace) => false,
            Some(Conflict::ReplaceIdle(idle)) => {
                let is_idle = || stream.last_media.is_some_and(|at| self.cx.now.instant >= at + idle);
                // A publisher that is not read is not silent, unless its client has gone.
                !self.cx.sessions.get(holder.session).is_none_or(|session| {
                    let is_read = session.paced_until.is_none() && session.suspended.is_none();
                    session.hung_up.is_some() || is_read && is_idle()
                })
            }
            Some(Conflict::Refuse) | None => true,
        }
    }

    fn grant(&mut self, request: &Request) {
        let (id, app) = (request.session, request.app);
        if matches!(request.kind, RequestKind::View(_)) {
            return self.grant_view(request);
        }
        if self.cx.sessions.get(id).is_none_or(|session| session.life != Life::Open) {
            return;
        }
        if request.is_redirect
            && let Some(why) = self.objection_to_redirect(request)
        {
            return self.refuse(request, &Refusal::of_request(why));
        }
        let name = StreamName::new(&request.name);
        match (&request.kind, name) {
            (RequestKind::Connect(connect), _) => self.grant_connect(id, app, connect, &request.args),
            (&RequestKind::Publish { msid, publish_type }, Ok(name)) => {
                let endpoint = Endpoint { session: id, msid };
                let headers =
                    if request.is_redirect { self.headers_of_publisher(endpoint) } else { Vec::new() };
                self.grant_publish(endpoint, app, publish_type, (&name, request.sent));
                self.begin_with_headers(endpoint, headers);
                if request.is_relay {
                    self.pull_granted(endpoint);
                }
            }
            (&RequestKind::Play { msid, duration, after, .. }, Ok(name)) => {
                let endpoint = Endpoint { session: id, msid };
                if self.cx.is_http_player(id) {
                    if !self.grant_http_play(id, app, &name) {
                        self.call_refused(request);
                    }
                    return;
                }
                if request.is_of_file {
                    return self.grant_file_play(endpoint, app, after, &name);
                }
                let before = if request.is_redirect { self.player_on(endpoint) } else { None };
                if !self.grant_play(endpoint, app, (duration, after, before), &name) {
                    self.call_refused(request);
                }
            }
            (RequestKind::View(_), _) => {}
            (_, Err(error)) => {
                debug_assert!(false, "a name that is none has come through the gates: {error}");
            }
        }
    }

    fn grant_connect(&mut self, id: SessionId, app: AppId, connect: &Connect, args: &str) {
        if self.cx.is_http_player(id) {
            return self.http_connected(id, app, Client::new(connect, args));
        }
        self.cx.count_client(id, app);
        let now = self.cx.now.instant;
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        let peer = session.peer;
        let Some(state) = session.rtmp_mut() else { return };
        state.idle_since = now;
        state.client = Client::new(connect, args);
        let server = Rc::clone(&state.server);
        self.cx.reply(id, |protocol, out| protocol.accept_connect(connect, &server.rtmp, out));
        log::info!("{id} connect {} from {peer} ({:?})", self.app_name(app), connect.flash_ver);
    }

    /// Tells the client why its request is refused, and finishes a session without a role.
    pub(in crate::engine) fn refuse(&mut self, request: &Request, refusal: &Refusal) {
        let (id, why) = (request.session, refusal.why.as_str());
        if request.is_relay {
            return self.refuse_pull(request, refusal);
        }
        if matches!(request.kind, RequestKind::View(_)) {
            self.refuse_view(request, refusal);
            return self.call_refused(request);
        }
        if request.is_redirect {
            self.log_refused_redirect(request, refusal.for_log.as_deref().unwrap_or(why));
            return self.call_refused(request);
        }
        if self.cx.is_http_player(id) {
            return self.refuse_http_player(request, refusal);
        }
        let publish_codes: &[_] = match refusal.kind {
            RefusalKind::Client => &PUBLISH_UNAUTHORIZED,
            RefusalKind::Request | RefusalKind::NotFound => &[PUBLISH_REFUSED],
        };
        self.cx.reply(id, |protocol, out| match &request.kind {
            // An answer to a client's authentication is read by programs, which do not expect more.
            RequestKind::Connect(connect) if refusal.kind == RefusalKind::Client => {
                protocol.reject_connect(connect, why, out);
            }
            RequestKind::Connect(connect) => protocol.refuse_connect(connect, why, out),
            RequestKind::Publish { msid, .. } => {
                publish_codes.iter().for_each(|code| protocol.write_status(out, *msid, *code, why));
            }
            RequestKind::Play { msid, .. } => {
                let code = match refusal.kind {
                    RefusalKind::NotFound => PLAY_NOT_FOUND,
                    RefusalKind::Client | RefusalKind::Request => PLAY_REFUSED,
                };
                protocol.write_status(out, *msid, code, why);
            }
            RequestKind::View(_) => {}
        });
        let for_log = refusal.for_log.as_deref().unwrap_or(why);
        let reason = format!("{} refused: {for_log}", self.describe(request));
        self.finish_if_idle(id, &reason);
        self.call_refused(request);
        let of_list = request.endpoint().filter(|endpoint| self.cx.awaits_next_file(*endpoint));
        of_list.into_iter().for_each(|endpoint| self.complete_file_play(endpoint));
    }

    /// Tells the modules that a request is refused which they may have let pass.
    pub(in crate::engine) fn call_refused(&mut self, request: &Request) {
        self.each_module_for(request.session, |module, cx| module.on_refused(cx, request));
    }

    /// A request for the log: "connect live", "publish live/cam". A name that may be a key is not shown.
    pub(in crate::engine) fn describe(&self, request: &Request) -> String {
        let verb = request.verb();
        let app = self.cx.apps.get(request.app);
        let app_name = app.map_or("", |app| &app.name);
        if matches!(request.kind, RequestKind::Connect(_)) {
            return format!("{verb} {app_name}");
        }
        let name = if self.cx.name_may_be_key(request) {
            mask::start_of(&request.name)
        } else {
            name_for_log(&request.name)
        };
        format!("{verb} {app_name}/{name}")
    }

    pub(in crate::engine) fn app_name(&self, app: AppId) -> &str {
        self.cx.apps.get(app).map_or("", |app| &app.name)
    }
}

/// A name for the log: a stream's as it is, any other one in quotes.
fn name_for_log(name: &str) -> String {
    match StreamName::new(name) {
        Ok(name) => name.to_string(),
        // Behind an encoded "?" there may be a key.
        Err(_) => {
            let shown = name.split('?').next().unwrap_or_default();
            format!("{:?}", shown.chars().take(MAX_SHOWN).collect::<String>())
        }
    }
}

/// The most characters that the log shows of an invalid name.
pub(in crate::engine) const MAX_SHOWN: usize = StreamName::MAX_BYTES;
