//! Relay: which streams travel between servers. The engine connects and relays; here is what, where and when.
//!
//! `url.rs`, `template.rs` and `line.rs` read the other end that a line of the configuration names, and make the targets
//! of a stream; `edge.rs`, `hosts.rs` and `lookup.rs` read the rest. `pushes.rs` and `pulls.rs` say which relays there
//! are.

mod directives;
mod edge;
mod hosts;
mod line;
mod lookup;
mod probe;
mod pulls;
mod pushes;
mod settings;
mod template;
mod url;
mod views;

use std::any::Any;

use crate::conf::{self, Directive, Faults};
use crate::engine::{
    AppId, ByApp, CallError, Config, Ctx, Endpoint, Gate, Module, Probe, RelayEvent, RelayId, RelayOrder,
    Reply, Request, SessionId, StreamId, Verdict,
};
use crate::http::client::Response;

use directives::DIRECTIVES;
use lookup::Lookups;
use pushes::Publishes;
use settings::Settings;
use views::Views;

/// The name of the module.
const MODULE: &str = "relay";

#[derive(Default)]
pub struct Relay {
    apps: ByApp<Settings>,
    publishes: Publishes,
    lookups: Lookups,
    views: Views,
}

impl Module for Relay {
    fn name(&self) -> &'static str {
        MODULE
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        config.applications.iter_mut().for_each(|app| app.features.pulls = settings::pulls(&app.scope));
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let own = settings::own_addresses(config);
        self.apps = config.applications.iter().map(|app| (app.id, Settings::read(app, &own))).collect();
        Faults::default().into_result(())
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        probe::check(config, probe);
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps.adopt(next.apps);
        self.lookups.forget();
        self.push_anew(cx);
        self.pull_anew(cx);
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.apps.release(app);
    }

    fn on_start(&mut self, cx: &mut Ctx) {
        self.pull_statics(cx);
    }

    fn gate(&mut self, cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        match gate {
            Gate::Name => self.decide(cx, request),
            Gate::Access | Gate::Service | Gate::Callback => Verdict::Continue,
        }
    }

    fn resume(&mut self, cx: &mut Ctx, request: &mut Request, reply: Reply) -> Verdict {
        if self.views.has(request.ticket) {
            return self.views.resume(request, reply);
        }
        let answer = self.lookups.take(request.session);
        self.answered(cx, request, answer)
    }

    fn on_call(&mut self, cx: &mut Ctx, token: u64, result: Result<Response, CallError>) {
        let settings = self.lookups.app_of(token).and_then(|app| self.apps.get(app));
        self.lookups.answer(cx, token, settings, result);
    }

    fn on_timer(&mut self, cx: &mut Ctx, _token: u64) {
        self.views.look(cx);
    }

    fn on_refused(&mut self, _cx: &mut Ctx, request: &Request) {
        if request.endpoint().is_some() {
            self.publishes.request_ends(request.session);
        }
    }

    fn on_publish_start(&mut self, cx: &mut Ctx, stream: StreamId, publisher: Endpoint) {
        self.publishes.begin(stream, publisher);
        self.push(cx, stream);
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, stream: StreamId) {
        self.publishes.end(stream);
        self.pull_for_players(cx, stream);
    }

    fn on_close(&mut self, _cx: &mut Ctx, session: SessionId) {
        self.publishes.request_ends(session);
        self.lookups.session_ends(session);
    }

    fn on_relay(&mut self, cx: &mut Ctx, relay: RelayId, event: &RelayEvent) {
        if let RelayEvent::Failed { why, is_refusal: true } = event {
            self.refused_by_origin(cx, relay, why);
        }
    }

    fn on_relay_order(&mut self, cx: &mut Ctx, order: &RelayOrder) -> Option<Result<RelayId, String>> {
        Some(self.order(cx, order))
    }
}
