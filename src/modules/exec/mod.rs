//! Exec: programs that the configuration has the server run, when streams begin and end or as long as they last.
//!
//! `line/` is a command as a line of the configuration has it, with its variables, its redirections, and the words that a
//! shell would run: that only computes. `executor.rs` has the commands that run and wait; `managed.rs` starts again and
//! ends those that belong to something; `starts.rs` counts starts; `clients.rs` says when. The processes are net's.

mod clients;
mod directives;
mod environment;
mod executor;
mod line;
mod managed;
mod places;
mod probe;
mod settings;
mod signal;
mod starts;
mod state;
mod variables;

use std::any::Any;

use crate::conf::{self, Directive, Faults};
use crate::engine::{
    AppId, Application, CommandEvent, Config, Ctx, Endpoint, Gate, Module, Notice, Probe, Request, SessionId,
    StreamId, Verdict,
};

use directives::DIRECTIVES;
use executor::{Executor, MODULE, SECOND_TOKEN};
use settings::{Settings, Shared};
use state::Owner;

#[derive(Default)]
pub struct Exec {
    executor: Executor,
}

impl Module for Exec {
    fn name(&self) -> &'static str {
        MODULE
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let mut faults = Faults::default();
        let places = settings::places(config);
        let apps = config.applications.iter();
        let read = |app: &Application<'_>, faults: &mut Faults| Settings::read(app, &places, faults);
        self.executor.apps = apps.map(|app| (app.id, read(app, &mut faults))).collect();
        self.executor.shared = Shared::read(config, &places, &mut faults);
        faults.into_result(())
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        probe::check(config, probe);
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.executor.apps.adopt(next.executor.apps);
        self.executor.shared = next.executor.shared;
        self.executor.manage_anew(cx);
        self.executor.run_waiting(cx);
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.executor.apps.release(app);
    }

    fn on_start(&mut self, cx: &mut Ctx) {
        self.executor.manage_statics(cx);
    }

    fn gate(&mut self, _cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        if gate == Gate::Name {
            self.executor.note(request);
        }
        Verdict::Continue
    }

    fn on_refused(&mut self, _cx: &mut Ctx, request: &Request) {
        self.executor.request_refused(request);
    }

    fn on_publish_start(&mut self, cx: &mut Ctx, stream: StreamId, publisher: Endpoint) {
        self.executor.publish_begins(cx, stream, publisher);
    }

    fn on_publish_end(&mut self, cx: &mut Ctx, stream: StreamId, publisher: Endpoint) {
        self.executor.publish_ends(cx, stream, publisher);
    }

    fn on_play_start(&mut self, cx: &mut Ctx, stream: StreamId, player: Endpoint) {
        self.executor.play_begins(cx, stream, player);
    }

    fn on_play_end(&mut self, cx: &mut Ctx, stream: StreamId, player: Endpoint) {
        self.executor.play_ends(cx, stream, player);
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, stream: StreamId) {
        self.executor.stream_ends(cx, stream);
    }

    fn on_close(&mut self, _cx: &mut Ctx, session: SessionId) {
        self.executor.session_ends(session);
    }

    fn on_notice(&mut self, cx: &mut Ctx, notice: &Notice) {
        match notice {
            Notice::Recorded(recording) => self.executor.recorded(cx, recording),
        }
    }

    fn on_command(&mut self, cx: &mut Ctx, token: u64, event: CommandEvent) {
        match event {
            CommandEvent::Started { process } => {
                if let Some(label) = self.executor.label(token) {
                    log::info!("{label} runs (process {process})");
                }
            }
            CommandEvent::Ended(end) => {
                self.executor.running.remove(&token);
                self.executor.independent_ended(token, &end);
                self.executor.managed_ended(cx, token, &end);
                self.executor.run_waiting(cx);
            }
        }
    }

    fn on_timer(&mut self, cx: &mut Ctx, token: u64) {
        match token {
            SECOND_TOKEN => self.executor.second_ended(cx),
            number => self.executor.pause_ended(cx, number),
        }
    }

    fn on_stop(&mut self, cx: &mut Ctx) {
        self.executor.end_all(cx, &Owner::Server);
        if cx.is_stopping() {
            self.executor.run_waiting(cx);
        }
    }
}
