//! Requests that a backend decides about: they are suspended until it has answered.
//!
//! If the client has left before the answer, or the request is refused after it, the backend that has said yes hears of
//! the end, once.

use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use crate::engine::{After, AppId, CallError, Ctx, Refusal, Reply, Request, RequestKind, SessionId, Verdict};
use crate::http::client::Response;

use super::callbacks::{Callbacks, Made, Question, Requested, client_facts, label};
use super::decision::Decision;
use super::event::{Activity, ClientFacts, Event, Hook, Occasion};
use super::settings::{Callback, OnError};

/// How much later the engine ends the wait than the call does, whose end says why.
const MARGIN: Duration = Duration::from_millis(250);

/// What a client is told if its backend cannot be asked.
const NOT_ASKED: &str = "the server cannot ask its backend now; try again soon";

impl Callbacks {
    /// Has a backend decide about a request, if the application has a callback for it.
    pub fn ask(&mut self, cx: &mut Ctx, request: &mut Request) -> Verdict {
        let Some(settings) = self.apps.get(request.app) else { return Verdict::Continue };
        let event = event_of(&request.kind);
        let activity = activity_of(&request.kind);
        let callback = settings.callback(Hook::of(&event)).cloned();
        let is_followed = activity.is_some_and(|activity| settings.follows(activity));
        let is_recorded = activity == Some(Activity::Publish) && settings.tells_of_recordings();
        if callback.is_none() && !is_followed && !is_recorded {
            return Verdict::Continue;
        }
        let (session, timeout) = (request.session, settings.timeout);
        let mut requested = Requested {
            app: request.app,
            endpoint: request.endpoint(),
            activity,
            args: request.args.clone(),
            since: cx.now.instant,
            token: None,
            approved: None,
        };
        let Some(callback) = callback else {
            self.requests.insert(session, requested);
            return Verdict::Continue;
        };
        let Some(client) = facts_of(cx, request) else { return Verdict::Continue };
        let client = Rc::new(client);
        let question = Question {
            callback: Rc::clone(&callback),
            app: request.app,
            ticket: request.ticket,
            client: Rc::clone(&client),
            event: event.clone(),
            activity,
            name: request.name.clone(),
            args: request.args.clone(),
            is_given_up: false,
        };
        let occasion = Occasion { client: &client, name: &request.name, args: &request.args, event: &event };
        let made = self.call(cx, (request.app, &callback), &occasion, Made::Question(Box::new(question)));
        requested.token = made.ok();
        self.requests.insert(session, requested);
        match made {
            Ok(_) => Verdict::Suspend { until: cx.now.instant + timeout + MARGIN },
            Err(_) => self.without_answer(request, "too many calls wait already"),
        }
    }

    /// Decides about a suspended request by the reply to it.
    pub fn resume(&mut self, cx: &mut Ctx, request: &mut Request, reply: Reply) -> Verdict {
        let requested = self.requests.get_mut(&request.session);
        let token = requested.and_then(|requested| requested.token.take());
        match reply {
            Reply::Grant => Verdict::Continue,
            Reply::Rename(name) => rename(cx, request, name),
            Reply::Refuse(refusal) => Verdict::Deny(refusal),
            Reply::TimedOut => {
                if let Some(Made::Question(question)) = token.and_then(|token| self.made.get_mut(&token)) {
                    question.is_given_up = true;
                }
                self.without_answer(request, "no answer in time")
            }
        }
    }

    /// The verdict about a request to which there is no answer: `notify_on_error`.
    fn without_answer(&self, request: &Request, why: &str) -> Verdict {
        let hook = Hook::of(&event_of(&request.kind)).name();
        match self.apps.get(request.app).map(|settings| settings.on_error) {
            Some(OnError::Allow) => {
                log::warn!(
                    "{} {} {} is allowed: {hook}: {why}",
                    request.session,
                    request.verb(),
                    request.name
                );
                Verdict::Continue
            }
            _ => Verdict::Deny(Refusal::of_request(NOT_ASKED).logged_as(format!("{hook}: {why}"))),
        }
    }

    /// Takes what has come of a call that decides about a request.
    pub fn decide(&mut self, cx: &mut Ctx, question: &Question, result: Result<Response, CallError>) {
        let session = question.ticket.session;
        let reply = self.judge(question, result);
        if let Reply::Refuse(_) = reply {
            if !question.is_given_up {
                cx.answer(question.ticket, reply);
            }
            return;
        }
        let name = if let (Reply::Rename(name), Some(_)) = (&reply, question.activity) {
            name
        } else {
            &question.name
        };
        let approved = (Rc::clone(&question.client), name.clone());
        if question.is_given_up {
            return self.tell_of_end(cx, (question.app, question.activity), &approved, &question.args);
        }
        if let Some(requested) = self.requests.get_mut(&session) {
            (requested.token, requested.approved) = (None, Some(approved));
        }
        cx.answer(question.ticket, reply);
    }

    /// The reply to a request by what has come of its call.
    fn judge(&self, question: &Question, result: Result<Response, CallError>) -> Reply {
        let response = match result {
            Ok(response) => response,
            Err(error) => return self.judge_error(question, &error),
        };
        let Some(settings) = self.apps.get(question.app) else {
            return self.judge_error(question, &"the application is gone");
        };
        match Decision::of(&response, &question.event, settings.format) {
            Decision::Yes => Reply::Grant,
            Decision::Rename(name) => Reply::Rename(name),
            Decision::No(why) => refusal(question, &why),
        }
    }

    /// The reply to a request whose call has got no answer, or none that can be understood.
    fn judge_error(&self, question: &Question, why: &dyn Display) -> Reply {
        let Question { callback, client, name, .. } = question;
        if self.apps.get(question.app).is_some_and(|settings| settings.on_error == OnError::Allow) {
            log::warn!("{}: {why}; it is allowed (notify_on_error)", label(callback, client, name));
            return Reply::Grant;
        }
        let for_log = format!("{} {}: {why}", callback.hook.name(), callback.url);
        Reply::Refuse(Refusal::of_request(NOT_ASKED).logged_as(for_log))
    }

    /// Tells a backend that what it has allowed has come to nothing.
    fn tell_of_end(
        &mut self,
        cx: &mut Ctx,
        (app, activity): (AppId, Option<Activity>),
        (client, name): &(Rc<ClientFacts>, String),
        args: &str,
    ) {
        match activity {
            None => {
                let event = Event::Disconnect { bytes_in: 0, bytes_out: 0 };
                self.report(cx, app, &Occasion { client, name: "", args: "", event: &event });
            }
            Some(activity) => self.tell_done(cx, (app, activity), client, (name, args)),
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

    /// A request is refused, perhaps after a backend has said yes. (A connect that is refused ends with its session.)
    pub fn refused(&mut self, cx: &mut Ctx, request: &Request) {
        let is_its =
            |requested: &&Requested| requested.endpoint.is_some() && requested.endpoint == request.endpoint();
        let is_asked = self.requests.get(&request.session).filter(is_its).is_some();
        let requested = is_asked.then(|| self.requests.remove(&request.session)).flatten();
        let Some(Requested { app, activity, args, token, approved, .. }) = requested else { return };
        if let Some(Made::Question(question)) = token.and_then(|token| self.made.get_mut(&token)) {
            // It has been asked about, and then too many requests were suspended.
            question.is_given_up = true;
        } else if let Some(approved) = approved {
            self.tell_of_end(cx, (app, activity), &approved, &args);
        }
    }

    /// A session ends: what it has asked for is given up, and its backend hears of a client that has gone.
    pub fn closed(&mut self, cx: &mut Ctx, session: SessionId) {
        let app = cx.app_of(session);
        if let Some(Requested { app: asked, activity, args, token, approved, .. }) =
            self.requests.remove(&session)
        {
            if let Some(Made::Question(question)) = token.and_then(|token| self.made.get_mut(&token)) {
                question.is_given_up = true;
            } else if let Some(approved) = approved.filter(|_| activity.is_some() || app.is_none()) {
                self.tell_of_end(cx, (asked, activity), &approved, &args);
            }
        }
        let Some(app) = app.filter(|app| self.has(*app, Hook::Disconnect)) else { return };
        let Some(client) = client_facts(cx, session, app) else { return };
        let bytes = cx.sessions.get(session).map(|session| (session.bytes_in, session.bytes_out));
        let (bytes_in, bytes_out) = bytes.unwrap_or_default();
        let event = Event::Disconnect { bytes_in, bytes_out };
        self.report(cx, app, &Occasion { client: &client, name: "", args: "", event: &event });
    }
}

/// The refusal by a backend.
fn refusal(question: &Question, why: &str) -> Reply {
    let Callback { hook, url, .. } = &*question.callback;
    let for_log = format!("{} {url}: {why}", hook.name());
    Reply::Refuse(Refusal::of_client(format!("refused by the server's backend: {why}")).logged_as(for_log))
}

/// Leads a connect to another application, or gives a stream another name.
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
            let why = "the server's backend leads to an application that is not there";
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
    }
}

fn activity_of(kind: &RequestKind) -> Option<Activity> {
    match kind {
        RequestKind::Connect(_) => None,
        RequestKind::Publish { .. } => Some(Activity::Publish),
        RequestKind::Play { .. } => Some(Activity::Play),
    }
}

/// What callbacks tell of the client that makes a request. That of a connect has its texts in the request.
fn facts_of(cx: &Ctx, request: &Request) -> Option<ClientFacts> {
    let known = client_facts(cx, request.session, request.app)?;
    let RequestKind::Connect(connect) = &request.kind else { return Some(known) };
    Some(ClientFacts {
        flash_ver: connect.flash_ver.clone(),
        tc_url: connect.tc_url.clone(),
        page_url: connect.page_url.clone(),
        swf_url: connect.swf_url.clone(),
        args: request.args.clone(),
        ..known
    })
}
