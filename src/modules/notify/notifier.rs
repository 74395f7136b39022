//! The state of all callbacks: the settings of each application, the calls under way, and what clients have asked for
//! and do. The files beside this one decide what is called when; here is how.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::engine::{
    AppId, ByApp, Call, CallKind, CallsFull, Client, Ctx, Destination, Endpoint, LastPublishers, SessionId,
};
use crate::http::client::{Method, Request};

use super::clients::viewers::Viewers;
use super::clients::{Publisher, Requested, Running};
use super::event::{CallbackKind, Occasion};
use super::facts::{ClientFacts, Protocol, ServerFacts};
use super::label::Label;
use super::settings::{Callback, Settings};
use super::signature::Signer;

/// The name of the module.
pub const MODULE: &str = "notify";

/// The shortest time between two log lines about reports that are left out.
const LINE_PAUSE: Duration = Duration::from_secs(1);

/// The state of all callbacks.
#[derive(Default)]
pub struct Notifier {
    pub apps: ByApp<Settings>,
    pub server: ServerFacts,
    /// The calls under way, by token. Bounded by the calls that the engine takes.
    pub under_way: HashMap<u64, UnderWay>,
    /// The last token of a call or a timer.
    last_token: u64,
    /// The last request of each session that is not over: it waits for an answer, or has not been granted yet. That of
    /// a connect stays until the session's first publish or play.
    pub requests: HashMap<SessionId, Requested>,
    /// What clients do that is followed. Bounded by the roles of all sessions.
    pub running: HashMap<Endpoint, Running>,
    /// The viewers of HLS whose end is told.
    pub viewers: Viewers,
    /// The timers of `on_update`, by token.
    pub timers: HashMap<u64, Endpoint>,
    /// The last publisher of each stream that is recorded.
    pub publishers: LastPublishers<Publisher>,
    /// When it was logged last that reports are left out.
    logged_at: Option<Instant>,
    /// When it was logged last of a backend that it does not answer; only what is not long ago.
    pub failures: HashMap<Rc<Destination>, Instant>,
}

/// A call under way.
pub enum UnderWay {
    /// It decides about the request of a session.
    Decision(SessionId),
    /// It decides about a request that is over: the client has left, or was told something else.
    Late(Box<Requested>),
    /// It reports something; the label is for the log.
    Report(Label),
    /// It asks whether a publish or a play may continue.
    Update { endpoint: Endpoint, label: Label },
}

impl Notifier {
    /// A number for a call or a timer.
    pub fn next_token(&mut self) -> u64 {
        self.last_token += 1;
        self.last_token
    }

    /// The callback of a kind in an application.
    pub fn callback(&self, app: AppId, kind: CallbackKind) -> Option<Rc<Callback>> {
        self.apps.get(app)?.callback(kind).cloned()
    }

    /// Makes a call; its token. The error if too many wait already.
    pub fn call(
        &mut self,
        cx: &mut Ctx,
        (app, callback): (AppId, &Callback),
        occasion: &Occasion<'_>,
        under_way: UnderWay,
    ) -> Result<u64, CallsFull> {
        let kind =
            if matches!(under_way, UnderWay::Decision(_)) { CallKind::Decision } else { CallKind::Report };
        let Some(settings) = self.apps.get(app).filter(|_| cx.may_call(&callback.destination, kind)) else {
            return Err(CallsFull);
        };
        let target = (settings.method, &callback.url);
        let Some(request) = callback.format.request(occasion, &self.server, target) else {
            debug_assert!(false, "the format has no {}", callback.kind.name());
            return Err(CallsFull);
        };
        cx.call(Call {
            module: MODULE,
            token: self.last_token + 1,
            destination: Rc::clone(&callback.destination),
            request: encode(request, settings.signer.as_ref(), cx.now.wall).into(),
            max_body: settings.max_answer,
            timeout: settings.timeout,
            kind,
            order: u64::from(occasion.client.client_id),
        })?;
        let token = self.next_token();
        self.under_way.insert(token, under_way);
        Ok(token)
    }

    /// Tells a backend of something, if the application has a callback for it.
    pub fn report(&mut self, cx: &mut Ctx, app: AppId, occasion: &Occasion<'_>) {
        if let Some(callback) = self.callback(app, CallbackKind::of(occasion.event)) {
            self.report_to(cx, (app, &callback), occasion);
        }
    }

    /// Tells a backend of something.
    pub fn report_to(
        &mut self,
        cx: &mut Ctx,
        (app, callback): (AppId, &Rc<Callback>),
        occasion: &Occasion<'_>,
    ) {
        let label = || Label::new(callback, occasion.client, occasion.name);
        if self.call(cx, (app, callback), occasion, UnderWay::Report(label())).is_ok() {
            return;
        }
        cx.count_dropped_report();
        let now = cx.now.instant;
        if self.logged_at.is_none_or(|at| now >= at + LINE_PAUSE) {
            self.logged_at = Some(now);
            let count = cx.dropped_reports();
            let label = label();
            log::warn!("{label} is not called, as too many calls wait already ({count} left out so far)");
        }
    }
}

/// Encodes a request, with its signature if there is a secret.
fn encode(mut request: Request<'_>, signer: Option<&Signer>, now: SystemTime) -> Vec<u8> {
    if let Some(signer) = signer {
        let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        request.headers.extend(match request.method {
            Method::Get => signer.of_target(seconds, &request.url.target),
            Method::Post => signer.of_body(seconds, &request.body),
        });
    }
    request.encode()
}

/// What callbacks tell of the client of a session that is connected to an application.
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
        peer: Some(session.peer),
        protocol: Protocol::Session(session.client_protocol()),
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
