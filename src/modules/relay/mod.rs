//! Relay: which streams travel between servers. The engine connects and relays; here is what, where and when.
//!
//! `line/` reads the other end that a line of the configuration names, and makes the target of a stream: that only
//! computes. `settings.rs` has what each application wants; `pushes.rs` and `pulls.rs` say which relays there are, after
//! `lookup/` has asked a directory; `views.rs` has viewers of HLS wait, and `trials.rs` all clients about whom the origin
//! of an edge decides.

mod directives;
mod edge;
mod hosts;
mod line;
mod lookup;
mod probe;
mod publishes;
mod pulls;
mod pushes;
mod relayer;
mod ring;
mod settings;
mod trials;
mod views;

use std::any::Any;

use crate::conf::{self, Directive};
use crate::engine::{
    AppId, CallError, Config, Ctx, Endpoint, Gate, Module, Probe, RelayEvent, RelayId, RelayOrder, Reply,
    Request, SessionId, StreamId, TrialResult, Verdict,
};
use crate::http::client::Response;

use directives::DIRECTIVES;
use relayer::Relayer;
use settings::{MODULE, Settings};

#[derive(Default)]
pub struct Relay {
    relayer: Relayer,
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
        let apps = config.applications.iter();
        self.relayer.apps = apps.map(|app| (app.id, Settings::read(app, &own))).collect();
        Ok(())
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        probe::check(config, probe);
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.relayer.apps.adopt(next.relayer.apps);
        self.relayer.lookups.forget();
        self.relayer.trials.forget();
        self.relayer.push_anew(cx);
        self.relayer.pull_anew(cx);
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.relayer.apps.release(app);
    }

    fn on_start(&mut self, cx: &mut Ctx) {
        self.relayer.pull_statics(cx);
    }

    fn gate(&mut self, cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        match gate {
            Gate::Name => self.relayer.decide(cx, request),
            Gate::Callback => self.relayer.ask_origin(cx, request),
            Gate::Access | Gate::Service => Verdict::Continue,
        }
    }

    fn resume(&mut self, cx: &mut Ctx, request: &mut Request, reply: Reply) -> Verdict {
        if self.relayer.trials.has(request.ticket) {
            return self.relayer.trials.resume(request);
        }
        if self.relayer.views.has(request.ticket) {
            return self.relayer.views.resume(request, reply);
        }
        let answer = self.relayer.lookups.take(request.session);
        self.relayer.answered(cx, request, answer)
    }

    fn on_call(&mut self, cx: &mut Ctx, token: u64, result: Result<Response, CallError>) {
        let settings = self.relayer.lookups.app_of(token).and_then(|app| self.relayer.apps.get(app));
        self.relayer.lookups.answer(cx, token, settings, result);
    }

    fn on_trial(&mut self, cx: &mut Ctx, token: u64, result: &TrialResult) {
        self.relayer.trials.answer(cx, token, result);
    }

    fn on_timer(&mut self, cx: &mut Ctx, _token: u64) {
        self.relayer.views.look(cx);
    }

    fn on_refused(&mut self, _cx: &mut Ctx, request: &Request) {
        if request.endpoint().is_some() {
            self.relayer.publishes.request_ends(request.session);
        }
    }

    fn on_publish_start(&mut self, cx: &mut Ctx, stream: StreamId, publisher: Endpoint) {
        self.relayer.publishes.begin(stream, publisher);
        self.relayer.push(cx, stream);
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, stream: StreamId) {
        let ended = self.relayer.publishes.end(stream);
        // A pull that has been ended is not begun again by those who still play: only whoever comes begins another.
        if !ended.is_some_and(|published| published.is_pull) {
            self.relayer.pull_for_players(cx, stream);
        }
    }

    fn on_close(&mut self, _cx: &mut Ctx, session: SessionId) {
        self.relayer.publishes.request_ends(session);
        self.relayer.lookups.session_ends(session);
        self.relayer.trials.session_ends(session);
    }

    fn on_relay(&mut self, cx: &mut Ctx, relay: RelayId, event: &RelayEvent) {
        match event {
            // Another target may accept what this one refuses.
            RelayEvent::Failed { why, is_refusal: true, has_next: false } => {
                self.relayer.refused(cx, relay, why);
            }
            RelayEvent::Ended => self.relayer.pull_ends(relay),
            RelayEvent::Began | RelayEvent::Failed { .. } => {}
        }
    }

    fn on_relay_order(&mut self, cx: &mut Ctx, order: &RelayOrder) -> Option<Result<RelayId, String>> {
        Some(self.relayer.order(cx, order))
    }
}
