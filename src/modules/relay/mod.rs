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
mod pulls;
mod pushes;
mod settings;
mod template;
mod url;

use std::any::Any;

use crate::conf::{self, Directive, Faults};
use crate::engine::{
    AppId, ByApp, Config, Ctx, Endpoint, Gate, Module, RelayEvent, RelayId, RelayOrder, Request, SessionId,
    StreamId, Verdict,
};

use directives::DIRECTIVES;
use pushes::Publishes;
use settings::Settings;

/// The name of the module.
const MODULE: &str = "relay";

#[derive(Default)]
pub struct Relay {
    apps: ByApp<Settings>,
    publishes: Publishes,
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
        self.apps = config.applications.iter().map(|app| (app.id, Settings::read(app))).collect();
        Faults::default().into_result(())
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.apps.adopt(next.apps);
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
