//! Notifier: a backend decides about clients, or hears of them, over HTTP or HTTPS.
//!
//! `event.rs` is what has happened, and `facts.rs` to whom; `format/` writes it as a backend reads it, and `decision.rs`
//! is what the backend answers: these only compute. `notifier.rs` has the state, and `clients/` what clients ask for and
//! do. The calls are made by the engine.

mod clients;
mod decision;
mod directives;
mod event;
mod facts;
mod format;
mod label;
mod notifier;
mod probe;
mod settings;
mod signature;

use std::any::Any;
use std::env;

use crate::conf::{self, Directive, Faults};
use crate::engine::{
    AppId, CallError, Config, Ctx, Endpoint, Gate, Module, Notice, Probe, Recording, Reply, Request,
    SessionId, StreamId, Verdict, ViewerId,
};
use crate::http::client::Response;

use clients::Publisher;
use directives::DIRECTIVES;
use event::{Activity, Event, Occasion};
use facts::{ClientFacts, ServerFacts};
use notifier::{MODULE, Notifier, UnderWay};
use settings::Settings;

#[derive(Default)]
pub struct Notify {
    notifier: Notifier,
}

impl Module for Notify {
    fn name(&self) -> &'static str {
        MODULE
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        for app in &mut config.applications {
            app.features.asks = settings::asks(&app.scope);
            app.features.players.are_asked |= settings::asks_about_players(&app.scope);
            app.features.players.clients_are_asked = settings::asks_about_clients(&app.scope);
            app.features.client_tls = settings::tls_without_certificate(&app.scope);
        }
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let mut faults = Faults::default();
        let apps = config.applications.iter();
        self.notifier.apps = apps.map(|app| (app.id, Settings::read(app, &mut faults))).collect();
        faults.into_result(())
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        probe::check(config, probe);
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.notifier.apps.adopt(next.notifier.apps);
        self.notifier.time_updates(cx);
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.notifier.apps.release(app);
    }

    fn on_start(&mut self, _cx: &mut Ctx) {
        let mut seed = [0; 8];
        if let Err(error) = getrandom::fill(&mut seed) {
            log::warn!("no random bytes for the ids in callbacks: {error}");
        }
        let folder = env::current_dir().unwrap_or_default();
        self.notifier.server = ServerFacts::new(u64::from_le_bytes(seed), folder.display().to_string());
    }

    fn gate(&mut self, cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        match gate {
            Gate::Callback => self.notifier.ask(cx, request),
            Gate::Access | Gate::Service | Gate::Name => Verdict::Continue,
        }
    }

    fn resume(&mut self, cx: &mut Ctx, request: &mut Request, reply: Reply) -> Verdict {
        self.notifier.resume(cx, request, reply)
    }

    fn on_call(&mut self, cx: &mut Ctx, token: u64, result: Result<Response, CallError>) {
        match self.notifier.under_way.remove(&token) {
            Some(UnderWay::Decision(session)) => self.notifier.decide(cx, session, result),
            Some(UnderWay::Late(requested)) => self.notifier.decide_late(cx, *requested, result),
            Some(UnderWay::Update { endpoint, label }) => {
                self.notifier.updated(cx, (token, endpoint), &label, &result);
            }
            Some(UnderWay::Report(label)) => match result {
                Ok(Response { status: 200..=299, .. }) => {}
                Ok(Response { status, .. }) => log::warn!("{label}: the backend answers {status}"),
                Err(error) => log::warn!("{label}: {error}"),
            },
            None => {}
        }
    }

    fn on_refused(&mut self, cx: &mut Ctx, request: &Request) {
        self.notifier.refused(cx, request);
    }

    fn on_publish_start(&mut self, cx: &mut Ctx, stream: StreamId, publisher: Endpoint) {
        self.notifier.begin(cx, stream, (publisher, Activity::Publish));
    }

    fn on_publish_end(&mut self, cx: &mut Ctx, stream: StreamId, publisher: Endpoint) {
        self.notifier.end(cx, stream, (publisher, Activity::Publish));
    }

    fn on_play_start(&mut self, cx: &mut Ctx, stream: StreamId, player: Endpoint) {
        self.notifier.begin(cx, stream, (player, Activity::Play));
    }

    fn on_play_end(&mut self, cx: &mut Ctx, stream: StreamId, player: Endpoint) {
        self.notifier.end(cx, stream, (player, Activity::Play));
    }

    fn on_view_start(&mut self, cx: &mut Ctx, viewer: ViewerId, request: &Request) {
        self.notifier.begin_view(cx, viewer, request);
    }

    fn on_view_end(&mut self, cx: &mut Ctx, viewer: ViewerId) {
        self.notifier.end_view(cx, viewer);
    }

    fn on_close(&mut self, cx: &mut Ctx, session: SessionId) {
        self.notifier.closed(cx, session);
    }

    fn on_notice(&mut self, cx: &mut Ctx, notice: &Notice) {
        match notice {
            Notice::Recorded(recording) => self.recorded(cx, recording),
        }
    }

    fn on_timer(&mut self, cx: &mut Ctx, token: u64) {
        self.notifier.update(cx, token);
    }
}

impl Notify {
    /// Tells a backend of a recording that is finished.
    fn recorded(&mut self, cx: &mut Ctx, recording: &Recording) {
        let Recording { app, stream, recorder, path, length, .. } = recording;
        let settings = self.notifier.apps.get(*app);
        let Some(callback) = settings.and_then(|settings| settings.of_recorder(recorder)).cloned() else {
            return;
        };
        let publisher = self.notifier.publishers.of(*app, stream).cloned();
        let Publisher { client, args } = publisher.unwrap_or_else(|| {
            let app = cx.apps.get(*app).map(|app| app.name.clone()).unwrap_or_default();
            Publisher { client: ClientFacts { app, ..ClientFacts::default() }.into(), args: String::new() }
        });
        let path = path.to_string_lossy().into_owned();
        let event = Event::RecordDone { recorder: recorder.clone(), path, length: *length };
        let occasion = Occasion { client: &client, name: stream.as_str(), args: &args, event: &event };
        self.notifier.report_to(cx, (*app, &callback), &occasion);
    }
}
