//! Requests that a backend decides about: they are suspended until it has answered.
//!
//! If the client has left before the answer, or the request is refused after it, the backend that has said yes hears of
//! the end, once.

use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use md5::{Digest, Md5};

use crate::engine::{
    After, AppId, CallError, Client, Ctx, Refusal, Reply, Request, RequestKind, SessionId, Verdict,
};
use crate::http::client::Response;

use super::views::{OTHER_STREAM, about_viewer, viewer_facts};
use super::{Asker, Progress, Requested};
use crate::modules::notify::decision::Decision;
use crate::modules::notify::event::{Activity, CallbackKind, Event, Occasion};
use crate::modules::notify::facts::{ClientFacts, Protocol};
use crate::modules::notify::format::Format;
use crate::modules::notify::label::{Label, shown};
use crate::modules::notify::notifier::{MODULE, Notifier, UnderWay, client_facts};
use crate::modules::notify::settings::{Callback, OnError};

/// How much later the engine ends the wait than the call does, whose end says why.
const MARGIN: Duration = Duration::from_millis(250);

/// The shortest time between two log lines about backends that do not answer.
const FAILURE_PAUSE: Duration = Duration::from_secs(10);

/// What a client is told if its backend cannot be asked.
const NOT_ASKED: &str = "the server cannot ask its backend now; try again soon";

impl Notifier {
    /// Has a backend decide about a request, if the application has a callback for it.
    pub fn ask(&mut self, cx: &mut Ctx, request: &Request) -> Verdict {
        let (asker, event) = (Asker::of(request), event_of(&request.kind));
        let callback = self.callback(request.app, CallbackKind::of(&event));
        let forward = self.forward_of(request.app, &event);
        let is_asked = match asker {
            // What its end needs is in the request with which it begins.
            Asker::Viewer(_) => {
                callback.is_some() && (self.asks_about_viewers(request.app) || request.is_for_recordings())
            }
            Asker::Client | Asker::Endpoint(_) => {
                callback.is_some() || forward.is_some() || self.follows(request.app, &event)
            }
        };
        if !is_asked {
            return Verdict::Continue;
        }
        let Some(client) = facts_of(cx, request) else {
            return Verdict::Deny(Refusal::of_request(NOT_ASKED));
        };
        let mut requested = Requested {
            app: request.app,
            ticket: request.ticket,
            asker,
            event,
            client: Rc::new(client),
            name: request.name.clone(),
            args: request.args.clone(),
            since: cx.now.instant,
            progress: Progress::Unasked,
            relays: Vec::new(),
        };
        let verdict = match (callback, forward) {
            (Some(callback), _) => self.call_for(cx, &mut requested, callback),
            (None, Some(forward)) => self.ask_forward(cx, &mut requested, forward),
            (None, None) => Verdict::Continue,
        };
        self.requests.insert(request.session, requested);
        verdict
    }

    /// Whether anything is called during or after what a client asks for.
    fn follows(&self, app: AppId, event: &Event) -> bool {
        let (Some(settings), Some(activity)) = (self.apps.get(app), event.activity()) else { return false };
        settings.follows(activity) || activity == Activity::Publish && settings.tells_of_recordings()
    }

    fn call_for(&mut self, cx: &mut Ctx, requested: &mut Requested, callback: Rc<Callback>) -> Verdict {
        let Requested { app, ticket, event, client, name, args, .. } = &*requested;
        let occasion = Occasion { client, name, args, event };
        let decision = UnderWay::Decision(ticket.session);
        let timeout = self.apps.get(*app).map_or(Duration::ZERO, |settings| settings.timeout);
        match self.call(cx, (*app, &callback), &occasion, decision) {
            Ok(token) => {
                requested.progress = Progress::Asked(callback, token);
                Verdict::Suspend { until: cx.now.instant + timeout + MARGIN }
            }
            Err(_) => {
                let label = label_of(requested, &callback);
                let why = "too many calls wait already";
                verdict(self.judge_error(cx, (requested.app, &label), &callback, &why))
            }
        }
    }

    /// Decides about a suspended request by the reply to it.
    pub fn resume(&mut self, cx: &mut Ctx, request: &mut Request, reply: Reply) -> Verdict {
        let verdict = match reply {
            Reply::Rename(name) => rename(cx, request, name),
            Reply::TimedOut => self.time_out(cx, request.session),
            decided => verdict(decided),
        };
        if verdict == Verdict::Continue { self.relay(cx, request) } else { verdict }
    }

    /// Takes the servers that backends have named for a request that has been allowed; those of `on_forward` are asked for
    /// first.
    fn relay(&mut self, cx: &mut Ctx, request: &mut Request) -> Verdict {
        let asker = Asker::of(request);
        let Some(requested) = self.requests.get_mut(&request.session).filter(|it| it.asker == asker) else {
            return Verdict::Continue;
        };
        request.relays.append(&mut requested.relays);
        let (app, event) = (requested.app, requested.event.clone());
        let Some(forward) = self.forward_of(app, &event) else { return Verdict::Continue };
        let Some(mut requested) = self.requests.remove(&request.session) else { return Verdict::Continue };
        requested.ticket = request.ticket;
        let verdict = self.ask_forward(cx, &mut requested, forward);
        self.requests.insert(request.session, requested);
        verdict
    }

    /// The callback that is asked for the servers to which a stream is pushed, unless it has been asked.
    fn forward_of(&self, app: AppId, event: &Event) -> Option<Rc<Callback>> {
        let is_publish = matches!(event, Event::Publish { .. });
        self.callback(app, CallbackKind::Forward).filter(|_| is_publish)
    }

    fn ask_forward(&mut self, cx: &mut Ctx, requested: &mut Requested, forward: Rc<Callback>) -> Verdict {
        requested.event = Event::Forward;
        self.call_for(cx, requested, forward)
    }

    /// Decides about a request whose time is over before that of its call.
    fn time_out(&mut self, cx: &mut Ctx, session: SessionId) -> Verdict {
        let Some(requested) = self.requests.get_mut(&session) else {
            return Verdict::Deny(Refusal::of_request(NOT_ASKED));
        };
        let Progress::Asked(callback, token) = requested.answered() else {
            return Verdict::Deny(Refusal::of_request(NOT_ASKED));
        };
        let (app, label) = (requested.app, label_of(requested, &callback));
        let reply = self.judge_error(cx, (app, &label), &callback, &CallError::TimedOut);
        if reply == Reply::Grant {
            // Whatever the backend says now, it hears of the end as of any other.
            self.under_way.remove(&token);
        } else if let Some(requested) = self.requests.remove(&session) {
            self.give_up(cx, requested, &callback, token);
        }
        verdict(reply)
    }

    /// Takes the result of a call that decides about a request.
    pub fn decide(&mut self, cx: &mut Ctx, session: SessionId, result: Result<Response, CallError>) {
        let Some(requested) = self.requests.get_mut(&session) else { return };
        let Progress::Asked(callback, _) = requested.answered() else {
            return;
        };
        let (ticket, app, label) = (requested.ticket, requested.app, label_of(requested, &callback));
        // What is pulled has the name by which it is asked for.
        let is_pull = cx.is_relay(session);
        let reply = match result.map(|response| decision(&response, requested, callback.format)) {
            Ok(Decision::No(why)) => refusal(requested, &callback, &why),
            Ok(Decision::Yes) => {
                requested.progress = Progress::Approved;
                Reply::Grant
            }
            Ok(Decision::Rename(name)) if is_pull => {
                requested.progress = Progress::Approved;
                log::info!(
                    "{label}: the backend names it {}, but what is pulled keeps its name",
                    shown(&name)
                );
                Reply::Grant
            }
            Ok(Decision::Rename(name)) => {
                requested.progress = Progress::Approved;
                if requested.asker != Asker::Client {
                    log::info!("{label}: the backend names it {}", shown(&name));
                    requested.name.clone_from(&name);
                }
                Reply::Rename(name)
            }
            Ok(Decision::Relay(urls)) => {
                requested.progress = Progress::Approved;
                let is_named = !is_pull && self.apps.get(app).is_some_and(|settings| settings.names_relayed);
                let name = urls.first().filter(|_| is_named && callback.format != Format::Srs);
                let name = name.map(|url| name_of_url(url));
                log::info!("{label}: the backend names {} to relay it", servers(urls.len()));
                requested.relays.extend(urls);
                match name {
                    Some(_) if matches!(requested.asker, Asker::Viewer(_)) => {
                        refusal(requested, &callback, OTHER_STREAM)
                    }
                    Some(name) => {
                        requested.name.clone_from(&name);
                        Reply::Rename(name)
                    }
                    None => Reply::Grant,
                }
            }
            Err(error) => self.judge_error(cx, (app, &label), &callback, &error),
        };
        cx.answer(ticket, reply);
    }

    /// Takes the result of a call that decides about a request which is over.
    pub fn decide_late(
        &mut self,
        cx: &mut Ctx,
        mut requested: Requested,
        result: Result<Response, CallError>,
    ) {
        let Progress::Asked(callback, _) = &requested.progress else { return };
        match result.map(|response| decision(&response, &requested, callback.format)) {
            Ok(Decision::Yes | Decision::Relay(_)) => self.tell_of_end(cx, &requested),
            Ok(Decision::Rename(name)) => {
                requested.name = name;
                self.tell_of_end(cx, &requested);
            }
            Ok(Decision::No(_)) | Err(_) => {}
        }
    }

    /// The reply to a request whose call has got no answer, or none that can be understood (`notify_on_error`).
    fn judge_error(
        &mut self,
        cx: &Ctx,
        (app, label): (AppId, &Label),
        callback: &Callback,
        why: &dyn Display,
    ) -> Reply {
        if self.apps.get(app).is_some_and(|settings| settings.on_error == OnError::Allow) {
            log::warn!("{label}: {why}; it is allowed (notify_on_error)");
            return Reply::Grant;
        }
        let now = cx.now.instant;
        self.failures.retain(|_, at| now < *at + FAILURE_PAUSE);
        if !self.failures.contains_key(&callback.destination) {
            self.failures.insert(Rc::clone(&callback.destination), now);
            log::warn!(
                "{} {}: {why}: clients are refused until it answers",
                callback.kind.name(),
                callback.url
            );
        }
        let for_log = format!("{} {}: {why}", callback.kind.name(), callback.url);
        Reply::Refuse(Refusal::of_request(NOT_ASKED).logged_as(for_log))
    }

    /// A request is refused, perhaps after a backend has said yes. (A connect that is refused ends with its session.)
    pub fn refused(&mut self, cx: &mut Ctx, request: &Request) {
        let asker = Asker::of(request);
        let is_its = |requested: &Requested| asker != Asker::Client && requested.asker == asker;
        if self.requests.get(&request.session).is_some_and(is_its)
            && let Some(requested) = self.requests.remove(&request.session)
        {
            self.end_request(cx, requested);
        }
    }

    /// A session ends: what it has asked for is over, and its backend hears of a client that has gone.
    pub fn closed(&mut self, cx: &mut Ctx, session: SessionId) {
        let app = cx.app_of(session);
        // The end of a connect that was granted is told below.
        let is_granted = |requested: &Requested| requested.asker == Asker::Client && app.is_some();
        if let Some(requested) = self.requests.remove(&session).filter(|requested| !is_granted(requested)) {
            self.end_request(cx, requested);
        }
        let is_relay = cx.is_relay(session);
        let is_told = |app: &AppId| !is_relay && self.callback(*app, CallbackKind::Disconnect).is_some();
        let Some(app) = app.filter(is_told) else {
            return;
        };
        let Some(client) = client_facts(cx, session, app) else { return };
        let bytes = cx.sessions.get(session).map(|session| (session.bytes_in, session.bytes_out));
        let (bytes_in, bytes_out) = bytes.unwrap_or_default();
        let event = Event::Disconnect { bytes_in, bytes_out };
        self.report(cx, app, &Occasion { client: &client, name: "", args: "", event: &event });
    }

    /// Ends a request that was not granted.
    fn end_request(&mut self, cx: &mut Ctx, requested: Requested) {
        match &requested.progress {
            Progress::Unasked => {}
            Progress::Approved => self.tell_of_end(cx, &requested),
            Progress::Asked(callback, token) => {
                let (callback, token) = (Rc::clone(callback), *token);
                self.give_up(cx, requested, &callback, token);
            }
        }
    }

    /// Takes back a call about a request that is over. If it is being made already, its answer is waited for.
    fn give_up(&mut self, cx: &mut Ctx, mut requested: Requested, callback: &Rc<Callback>, token: u64) {
        self.under_way.remove(&token);
        if requested.event == Event::Forward {
            // A backend has allowed it before.
            cx.withdraw_call(&callback.destination, MODULE, token);
            return self.tell_of_end(cx, &requested);
        }
        if !cx.withdraw_call(&callback.destination, MODULE, token) {
            requested.progress = Progress::Asked(Rc::clone(callback), token);
            self.under_way.insert(token, UnderWay::Late(Box::new(requested)));
        }
    }

    /// Tells a backend of the end of what it has allowed and never was.
    fn tell_of_end(&mut self, cx: &mut Ctx, requested: &Requested) {
        let Requested { app, event, client, name, args, .. } = requested;
        match event.activity() {
            None => {
                let event = Event::Disconnect { bytes_in: 0, bytes_out: 0 };
                self.report(cx, *app, &Occasion { client, name: "", args: "", event: &event });
            }
            Some(activity) => self.tell_done(cx, (*app, activity), client, (name, args)),
        }
    }

    /// Tells that a publish or a play has ended.
    pub fn tell_done(
        &mut self,
        cx: &mut Ctx,
        (app, activity): (AppId, Activity),
        client: &ClientFacts,
        (name, args): (&str, &str),
    ) {
        let event = match activity {
            Activity::Publish => Event::PublishDone,
            Activity::Play => Event::PlayDone,
        };
        for event in [event, Event::Done] {
            self.report(cx, app, &Occasion { client, name, args, event: &event });
        }
    }
}

/// The name of a stream that is relayed by a Location (`notify_relay_redirect`), as nginx-rtmp makes it.
fn name_of_url(url: &str) -> String {
    Md5::digest(url.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn servers(count: usize) -> String {
    if count == 1 { "a server".to_owned() } else { format!("{count} servers") }
}

/// The decision about a request.
fn decision(response: &Response, requested: &Requested, format: Format) -> Decision {
    let decision = Decision::of(response, &requested.event, format);
    match requested.asker {
        Asker::Viewer(_) => about_viewer(decision, &requested.name),
        Asker::Client | Asker::Endpoint(_) => decision,
    }
}

/// A request that a backend decides about, for the log. Its name may be a key.
fn label_of(Requested { client, name, .. }: &Requested, callback: &Rc<Callback>) -> Label {
    Label::of_request(callback, client, name)
}

/// The refusal by a backend.
fn refusal(requested: &Requested, Callback { kind, url, .. }: &Callback, why: &str) -> Reply {
    let for_client = format!("refused by the server's backend: {why}");
    let refusal = match requested.event {
        // A client of RTMP that is refused like one with a wrong password is told less.
        Event::Connect if requested.client.protocol == Protocol::default() => Refusal::of_request(for_client),
        _ => Refusal::of_client(for_client),
    };
    Reply::Refuse(refusal.logged_as(format!("{} {url}: {why}", kind.name())))
}

/// The verdict that a reply stands for.
fn verdict(reply: Reply) -> Verdict {
    match reply {
        Reply::Refuse(refusal) => Verdict::Deny(refusal),
        Reply::Grant | Reply::Rename(_) | Reply::TimedOut => Verdict::Continue,
    }
}

/// Changes the application of a connect, or the name of a stream.
fn rename(cx: &Ctx, request: &mut Request, name: String) -> Verdict {
    if !matches!(request.kind, RequestKind::Connect(_)) {
        request.name = name;
        return Verdict::Continue;
    }
    match cx.find_app_beside(request.app, &name) {
        Some(app) => {
            request.app = app;
            Verdict::Continue
        }
        None => {
            let why = "the server's backend names an application that does not exist";
            Verdict::Deny(Refusal::of_request(why).logged_as(format!("{why}: {name:?}")))
        }
    }
}

/// The event that a request is.
fn event_of(kind: &RequestKind) -> Event {
    match kind {
        RequestKind::Connect(_) => Event::Connect,
        RequestKind::Publish { publish_type, .. } => Event::Publish { kind: *publish_type },
        RequestKind::Play { start, duration, after, .. } => Event::Play {
            start: start.unwrap_or_default(),
            duration: duration.unwrap_or_default().into(),
            reset: *after == After::Reset,
        },
        RequestKind::View(_) => Event::OF_VIEWER,
    }
}

/// What callbacks tell of the client that makes a request. A connect and a viewer have their texts in the request.
fn facts_of(cx: &Ctx, request: &Request) -> Option<ClientFacts> {
    if let RequestKind::View(view) = &request.kind {
        return Some(viewer_facts(cx, request.app, view));
    }
    let known = client_facts(cx, request.session, request.app)?;
    let RequestKind::Connect(connect) = &request.kind else { return Some(known) };
    let client = Client::new(connect, &request.args);
    Some(ClientFacts {
        flash_ver: client.flash_ver().to_owned(),
        tc_url: client.tc_url().to_owned(),
        page_url: client.page_url().to_owned(),
        swf_url: client.swf_url().to_owned(),
        args: client.args().to_owned(),
        ..known
    })
}
