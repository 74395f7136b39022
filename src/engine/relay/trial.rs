//! Trials: each is a session, but neither a relay nor a client: nothing is published here, and no statistics show it. It ends
//! with the first answer.

use std::rc::Rc;
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::config::server::ServerSettings;
use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;
use crate::engine::relay::connection::{Owner, RtmpClientState, Stage};
use crate::engine::relay::state::{RunningTrial, Trial, TrialNews, TrialResult, TrialsFull};
use crate::engine::relay::tries::{MOST_AUTHENTICATIONS, ask, connect_facts};
use crate::engine::session::Session;
use crate::engine::session::client::Client;
use crate::engine::work::Action;
use crate::rtmp::client::ClientSession;

/// The most trials at once.
const MAX_TRIALS: usize = 64;

/// The time of a trial.
const TRIAL_TIME: Duration = Duration::from_secs(5);

impl Engine {
    /// Gives a module the result of its trial.
    pub(in crate::engine) fn deliver_trial(&mut self, news: TrialNews) {
        let TrialNews { module, token, result } = news;
        let Some(module) = self.modules.iter_mut().find(|candidate| candidate.name() == module) else {
            return;
        };
        let cx = &mut self.cx;
        cx.panics.clone().contain(|| module.on_trial(cx, token, &result));
    }
}

impl Ctx {
    /// Asks another server; the module's `on_trial` gets the result, in a later step and once.
    pub fn start_trial(&mut self, trial: Trial) -> Result<(), TrialsFull> {
        let server = self.settings_for(trial.app).ok_or(TrialsFull)?;
        if self.relays.trials >= MAX_TRIALS || self.is_stopping() {
            return Err(TrialsFull);
        }
        self.relays.trials += 1;
        self.open_trial(RunningTrial { trial, result: None, auth: (String::new(), 0) }, server);
        Ok(())
    }

    fn open_trial(&mut self, running: RunningTrial, server: Rc<ServerSettings>) {
        let until = self.now.instant + TRIAL_TIME;
        let RunningTrial { trial: Trial { kind, target, app, client, .. }, auth, .. } = &running;
        let path = self.path_of_trial(*app, *client);
        let state = RtmpClientState {
            protocol: ClientSession::new(ask(*kind, target, &auth.0, path), &server.rtmp, self.next_seed()),
            destination: Rc::clone(&target.destination),
            server,
            app: *app,
            client: Client::new(&connect_facts(target), ""),
            stage: Stage::Connecting,
            until: Some(until),
            pinged: None,
            refusal: None,
            first: None,
            owner: Owner::Trial(Box::new(running)),
        };
        let session = self.open_relay(state);
        self.count_input(session);
        self.reset_timer(session, until);
        self.work.actions.push_back(Action::Connect(session));
    }

    /// The session of a trial has its answer, and ends.
    pub(super) fn end_trial(&mut self, id: SessionId, result: TrialResult) {
        let Some(running) = self.trial_mut(id) else { return };
        running.result.get_or_insert(result);
        self.finish(id, "the other server has answered");
    }

    /// The session of a trial ends.
    pub(super) fn report_trial(&mut self, id: SessionId, reason: &str) {
        let Some(running) = self.trial_mut(id) else { return };
        let result = running.result.take().unwrap_or_else(|| TrialResult::Unknown(reason.to_owned()));
        let (module, token) = (running.trial.module, running.trial.token);
        self.relays.trials = self.relays.trials.saturating_sub(1);
        self.work.trial_results.push_back(TrialNews { module, token, result });
    }

    /// The other server wants to know who connects: the trial continues on another connection, which tells it.
    pub(super) fn authenticate_trial(&mut self, id: SessionId, auth: String) {
        let Some(running) = self.trial_mut(id) else { return };
        let asked = running.auth.1 + 1;
        if asked > MOST_AUTHENTICATIONS {
            return self.close(id, "the other server asks again for what it has been told");
        }
        let next = RunningTrial { trial: running.trial.clone(), result: None, auth: (auth, asked) };
        let Some(server) = self.settings_for(next.trial.app) else { return };
        if let Some(state) = self.sessions.get_mut(id).and_then(Session::rtmp_client_mut) {
            state.stage = Stage::Ended;
        }
        self.finish(id, "connects anew, as the other server asks who it is");
        self.open_trial(next, server);
    }

    /// The trial whose connection a session is.
    pub(super) fn trial_mut(&mut self, id: SessionId) -> Option<&mut RunningTrial> {
        match &mut self.sessions.get_mut(id)?.rtmp_client_mut()?.owner {
            Owner::Trial(running) => Some(running),
            Owner::Relay(_) => None,
        }
    }
}
