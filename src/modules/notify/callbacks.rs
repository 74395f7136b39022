//! The state of all callbacks: the settings of each application, the calls under way, and what clients have asked for
//! and do. The files beside this one decide what is called when; here is how.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::engine::{
    AppId, ByApp, Call, CallKind, CallsFull, Client, Ctx, Endpoint, Peer, SessionId, StreamId, Ticket,
    TimerId,
};

use crate::http::client::{Method, Request};

use super::event::{Activity, ClientFacts, Event, Hook, Occasion, ServerFacts};
use super::publishers::Publishers;
use super::settings::{Callback, Settings};
use super::signature::Signer;

/// The name of the module.
pub const MODULE: &str = "notify";

/// The state of all callbacks.
#[derive(Default)]
pub struct Callbacks {
    pub apps: ByApp<Settings>,
    pub server: ServerFacts,
    /// The calls under way, by token. Bounded by the calls that the engine takes.
    pub made: HashMap<u64, Made>,
    /// The last token of a call or a timer.
    last_token: u64,
    /// What clients have asked for and have neither got nor been refused; at most one request a session.
    pub requests: HashMap<SessionId, Requested>,
    /// What clients do that is followed. Bounded by the roles of all sessions.
    pub running: HashMap<Endpoint, Running>,
    /// The timers of `on_update`, by token.
    pub timers: HashMap<u64, (Endpoint, StreamId)>,
    pub publishers: Publishers,
}

/// A call under way.
pub enum Made {
    Question(Box<Question>),
    /// A report, by its label for the log.
    Report(String),
    /// An update of a publish or a play.
    Update {
        endpoint: Endpoint,
        stream: StreamId,
        label: String,
    },
}

/// A question to a backend about a request.
pub struct Question {
    pub callback: Rc<Callback>,
    pub app: AppId,
    pub ticket: Ticket,
    pub client: Rc<ClientFacts>,
    pub event: Event,
    /// What it asks for; none for a connect.
    pub activity: Option<Activity>,
    /// The name and the arguments of the stream; empty for a connect.
    pub name: String,
    pub args: String,
    /// Whether the client has left, or has been told something else meanwhile.
    pub is_given_up: bool,
}

/// A request that has been asked about, or that will be followed.
pub struct Requested {
    pub app: AppId,
    /// None for a connect.
    pub endpoint: Option<Endpoint>,
    pub activity: Option<Activity>,
    pub args: String,
    pub since: Instant,
    /// The call that decides about it, while that is under way.
    pub token: Option<u64>,
    /// If a backend has said yes: the client and the name of the stream. The backend hears of the end.
    pub approved: Option<(Rc<ClientFacts>, String)>,
}

/// A publish or a play that is followed.
pub struct Running {
    pub activity: Activity,
    pub args: String,
    pub since: Instant,
    /// The timer for the next update, with its token.
    pub timer: Option<(TimerId, u64)>,
    /// The call of the update under way: there is a timer or a call, not both.
    pub update: Option<u64>,
}

impl Callbacks {
    /// A number for a call or a timer.
    pub fn next_token(&mut self) -> u64 {
        self.last_token += 1;
        self.last_token
    }

    /// Whether an application has a callback of a kind.
    pub fn has(&self, app: AppId, hook: Hook) -> bool {
        self.apps.get(app).is_some_and(|settings| settings.callback(hook).is_some())
    }

    /// Makes a call; its token. The error if too many wait already.
    pub fn call(
        &mut self,
        cx: &mut Ctx,
        (app, callback): (AppId, &Callback),
        occasion: &Occasion<'_>,
        made: Made,
    ) -> Result<u64, CallsFull> {
        let Some(settings) = self.apps.get(app) else { return Err(CallsFull) };
        let target = (settings.method, &callback.url);
        let Some(request) = settings.format.request(occasion, &self.server, target) else {
            debug_assert!(false, "the format has no {}", callback.hook.name());
            return Err(CallsFull);
        };
        let request = encode(request, settings.signer.as_ref(), cx.now.wall);
        let call = Call {
            module: MODULE,
            token: self.last_token + 1,
            destination: Rc::clone(&callback.destination),
            request,
            max_body: settings.max_answer,
            timeout: settings.timeout,
            kind: if matches!(made, Made::Question(_)) { CallKind::Decision } else { CallKind::Report },
        };
        cx.call(call)?;
        let token = self.next_token();
        self.made.insert(token, made);
        Ok(token)
    }

    /// Tells a backend of something, if the application has a callback for it.
    pub fn report(&mut self, cx: &mut Ctx, app: AppId, occasion: &Occasion<'_>) {
        let hook = Hook::of(occasion.event);
        let callback = self.apps.get(app).and_then(|settings| settings.callback(hook)).cloned();
        if let Some(callback) = callback {
            self.report_to(cx, (app, &callback), occasion);
        }
    }

    /// Tells a backend of something.
    pub fn report_to(&mut self, cx: &mut Ctx, (app, callback): (AppId, &Callback), occasion: &Occasion<'_>) {
        let label = label(callback, occasion.client, occasion.name);
        if self.call(cx, (app, callback), occasion, Made::Report(label.clone())).is_err() {
            log::warn!(
                "{label} is not called: too many calls wait already ({} left out so far)",
                cx.dropped_calls()
            );
        }
    }
}

/// A callback for the log: "#7 on_publish of live/cam: http://localhost/auth". `name` is empty for a connect.
pub fn label(callback: &Callback, client: &ClientFacts, name: &str) -> String {
    let (ClientFacts { app, client_id, .. }, hook) = (client, callback.hook.name());
    let separator = if name.is_empty() { "" } else { "/" };
    format!("#{client_id} {hook} of {app}{separator}{name}: {}", callback.url)
}

/// Encodes a request, with its signature if there is a secret.
fn encode(mut request: Request, signer: Option<&Signer>, now: SystemTime) -> Vec<u8> {
    if let Some(signer) = signer {
        let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        request.headers.extend(match request.method {
            Method::Get => signer.of_target(seconds, &request.url.target),
            Method::Post => signer.of_body(seconds, &request.body),
        });
    }
    request.encode()
}

/// What callbacks tell of the client of a session.
pub fn client_facts(cx: &Ctx, id: SessionId, app: AppId) -> Option<ClientFacts> {
    let session = cx.sessions.get(id)?;
    let text = |text: fn(&Client) -> &str| session.client().map(text).unwrap_or_default().to_owned();
    Some(ClientFacts {
        app: cx.apps.get(app).map(|app| app.name.clone()).unwrap_or_default(),
        flash_ver: text(Client::flash_ver),
        tc_url: text(Client::tc_url),
        page_url: text(Client::page_url),
        swf_url: text(Client::swf_url),
        args: text(Client::args),
        peer: session.peer,
        client_id: id.serial(),
        epoch_ms: epoch(cx, session.opened),
    })
}

/// When a session began, in milliseconds since 1970, of which the lowest 32 bits are kept.
fn epoch(cx: &Ctx, opened: Instant) -> u32 {
    let wall = cx.now.wall.checked_sub(cx.now.instant.saturating_duration_since(opened));
    let since = wall.and_then(|wall| wall.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    (since.as_millis() & u128::from(u32::MAX)) as u32
}

/// What callbacks tell of a client of which nothing is known any more.
pub fn unknown_client(app: String) -> ClientFacts {
    let empty = String::new;
    ClientFacts {
        app,
        flash_ver: empty(),
        tc_url: empty(),
        page_url: empty(),
        swf_url: empty(),
        args: empty(),
        peer: Peer::UNKNOWN,
        client_id: 0,
        epoch_ms: 0,
    }
}
