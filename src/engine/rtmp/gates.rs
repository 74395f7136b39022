//! Requests on their way through the modules' gates, and what granting or refusing one does.

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::AppId;
use crate::engine::ids::SessionId;
use crate::engine::request::Gate;
use crate::engine::request::Verdict;
use crate::engine::request::{Ask, Request};
use crate::engine::session::Life;
use crate::engine::stream::name::StreamName;
use crate::rtmp::command::{PLAY_REFUSED, PUBLISH_REFUSED, Play, Publish};

impl Ctx {
    /// Answers a request that a gate has suspended.
    pub fn answer(&mut self, id: SessionId, verdict: Verdict) {
        self.work.answers.push_back((id, verdict));
    }
}

impl Engine {
    /// Sends a request through all gates.
    pub(in crate::engine) fn ask(&mut self, request: Request) {
        if !self.refuse_if_full(&request) {
            self.run_gates(0, request);
        }
    }

    /// Goes on with a request that the module at `module` had suspended.
    pub(in crate::engine) fn settle(&mut self, module: usize, request: Request, verdict: Verdict) {
        match verdict {
            Verdict::Continue => self.run_gates(module + 1, request),
            Verdict::Deny(why) => self.refuse(&request, &why),
            Verdict::Suspend => self.suspend(module, request),
        }
    }

    fn run_gates(&mut self, first: usize, mut request: Request) {
        for (index, module) in self.modules.iter_mut().enumerate().skip(first) {
            match module.gate(&mut self.cx, &mut request) {
                Verdict::Continue => {}
                Verdict::Deny(why) => return self.refuse(&request, &why),
                Verdict::Suspend => return self.suspend(index, request),
            }
        }
        self.grant(&request);
    }

    fn suspend(&mut self, module: usize, request: Request) {
        if let Some(session) = self.cx.sessions.get_mut(request.session) {
            session.gate = Some(Gate { module, request: Box::new(request) });
        }
    }

    /// Lets a request go on whose gate has been answered.
    pub(in crate::engine) fn settle_gate(&mut self, id: SessionId, verdict: Verdict) {
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        // One that has ended meanwhile asks for nothing any more.
        let Some(Gate { module, request }) = session.gate.take() else { return };
        if session.life == Life::Open {
            self.cx.resume_input(id);
            self.settle(module, *request, verdict);
        }
    }

    fn grant(&mut self, request: &Request) {
        match &request.ask {
            Ask::Connect(connect) => {
                let now = self.cx.now.instant;
                // Others may have come while a gate suspended it.
                if self.refuse_if_full(request) {
                    return;
                }
                self.cx.enroll(request.session, request.app);
                let Some(session) = self.cx.sessions.get_mut(request.session) else { return };
                let peer = session.peer;
                let settings = self.cx.servers.get(session.server).map(|server| server.rtmp);
                let (Some(settings), Some(state)) = (settings, session.rtmp_mut()) else { return };
                state.owes_since = now;
                self.cx
                    .reply(request.session, |protocol, out| protocol.accept_connect(connect, &settings, out));
                let client = &connect.flash_ver;
                log::info!(
                    "{} connect {} from {peer} ({client:?})",
                    request.session,
                    self.app_name(request.app)
                );
            }
            Ask::Publish(publish) => match StreamName::new(&request.name) {
                Ok(name) => self.grant_publish(request, publish, &name),
                Err(error) => self.refuse(request, &error.to_string()),
            },
            Ask::Play(play) => match StreamName::new(&request.name) {
                Ok(name) => self.grant_play(request, play, &name),
                Err(error) => self.refuse(request, &error.to_string()),
            },
        }
    }

    /// Tells the peer why not, and ends a session that does nothing else.
    pub(in crate::engine) fn refuse(&mut self, request: &Request, why: &str) {
        let id = request.session;
        self.cx.reply(id, |protocol, out| match &request.ask {
            Ask::Connect(connect) => protocol.reject_connect(connect, why, out),
            Ask::Publish(Publish { msid, .. }) => protocol.write_status(out, *msid, PUBLISH_REFUSED, why),
            Ask::Play(Play { msid, .. }) => protocol.write_status(out, *msid, PLAY_REFUSED, why),
        });
        let (app, name) = (self.app_name(request.app), shown(&request.name));
        let reason = match &request.ask {
            Ask::Connect(_) => format!("connect {app} refused: {why}"),
            Ask::Publish(_) => format!("publish {app}/{name} refused: {why}"),
            Ask::Play(_) => format!("play {app}/{name} refused: {why}"),
        };
        self.finish_if_idle(id, &reason);
    }

    pub(in crate::engine) fn app_name(&self, app: AppId) -> &str {
        self.cx.apps.get(app.0).map_or("", |app| &app.name)
    }
}

/// A name for the log: as any stream's, or in quotes if it is none.
fn shown(name: &str) -> String {
    match StreamName::new(name) {
        Ok(name) => name.to_string(),
        Err(_) => format!("{:?}", name.chars().take(MAX_SHOWN).collect::<String>()),
    }
}

/// Characters that the log shows of a name that is none.
pub(in crate::engine) const MAX_SHOWN: usize = StreamName::MAX_BYTES;
