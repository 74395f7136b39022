//! The end of sessions: close, finish, the steps of a closing session, and the stop of the server.
//!
//! A session ends once, with one reason, which is its last log line. [`Ctx::close`] ends it at once, [`Ctx::finish`]
//! after its queue has been sent; both only mark it. `Engine::end_session`, called by a step, takes it out of its
//! streams, calls the hooks and frees the slot. `Ctx::linger` frees the slot of one whose queue is still sent, and
//! `panics/recovery.rs` that of one whose end has panicked.

use std::time::Duration;

use crate::engine::Engine;
use crate::engine::ctx::{Ctx, Phase};
use crate::engine::http::UNSERVED;
use crate::engine::ids::SessionId;
use crate::engine::module::Module;
use crate::engine::now::Now;
use crate::engine::rtmp::publish::LeaveReason;
use crate::engine::session::roles::SessionRole;
use crate::engine::session::{Life, Session};
use crate::engine::stream::Stream;
use crate::engine::work::Action;
use crate::rtmp::ServerSession;
use crate::rtmp::capabilities::Capabilities;

/// How long the server waits for the peer's close after it has closed its own sending side.
const HALF_CLOSE_TIME: Duration = Duration::from_secs(2);

/// Steps for input that has been read and waits when the server stops. What a flood leaves beyond is lost.
const LAST_STEPS: usize = 1024;

impl Engine {
    /// Finishes every session: files get their ends, players are told, and queues may still be sent.
    pub fn stop(&mut self, now: Now) {
        self.cx.now = now;
        self.take_last_input();
        self.cx.phase = Phase::Stopping;
        self.each_module(Module::on_stop);
        self.end_viewers();
        self.end_streams_in_grace();
        self.end_all_relays("server stops");
        // Publishers first, so that the players are still there to be told.
        for publisher in self.cx.streams.iter().filter_map(|stream| stream.publisher).collect::<Vec<_>>() {
            self.contain_for(publisher.session, |engine| {
                engine.leave(publisher, LeaveReason::ConnectionLost);
            });
            self.deliver_notices();
        }
        for id in self.cx.sessions.ids() {
            if self.cx.sessions.get(id).is_some_and(|session| session.download().is_some()) {
                self.cx.close(id, "server stops");
            }
            // Backends are told of what has ended.
            if !self.cx.sessions.get(id).is_some_and(Session::is_calling) {
                self.cx.finish(id, "server stops");
            }
        }
        self.cx.end_all_commands();
    }

    /// Processes input that has been read and waits only for its turn.
    fn take_last_input(&mut self) {
        for _ in 0..LAST_STEPS {
            let work = &mut self.cx.work;
            let Some(id) = work.streaming.pop_front().or_else(|| work.joining.pop_front()) else { return };
            self.contain_for(id, |engine| engine.resume(id));
        }
    }

    /// Finishes the sessions that are not busy. The others end by themselves; clients that can are asked to
    /// reconnect, which takes them to the next server process; but not players of files, which would begin anew.
    pub fn drain(&mut self, now: Now) {
        self.cx.now = now;
        self.cx.phase = Phase::Draining;
        self.each_module(Module::on_stop);
        self.end_viewers();
        self.end_streams_in_grace();
        self.end_unwanted_pulls();
        for id in self.cx.sessions.ids() {
            // One whose connect waits has nothing to reconnect.
            let connected = self.cx.sessions.get(id).filter(|session| session.client().is_some());
            if !self.cx.is_busy(id) {
                self.cx.finish(id, "server stops");
            } else if connected
                .filter(|session| !session.roles.are_of_files())
                .and_then(Session::capabilities)
                .is_some_and(Capabilities::can_reconnect)
            {
                self.cx.ask_to_reconnect(id);
            }
        }
    }

    /// Finishes a session that has no role left and no suspended request, which may give it one if its client is still
    /// there. For any other the reason is only logged.
    pub(in crate::engine) fn finish_if_idle(&mut self, id: SessionId, reason: &str) {
        let waits = |session: &Session| session.suspended.is_some() && session.hung_up.is_none();
        let is_idle = |session: &Session| session.roles.is_empty() && !waits(session);
        if self.cx.sessions.get(id).is_some_and(is_idle) {
            self.cx.finish(id, reason);
        } else {
            log::info!("{id} {reason}");
        }
    }

    /// One step of the end of a session: it leaves one stream, whose outputs may have megabytes to write. The last
    /// step calls the closing hooks and frees the slot, or leaves that to `linger`.
    pub(in crate::engine) fn end_session(&mut self, id: SessionId) {
        self.drop_pending(id);
        if self.leave_next(id, LeaveReason::ConnectionLost) {
            self.cx.work.ending.push_back(id);
            return;
        }
        let Some(session) = self.cx.sessions.get(id) else { return };
        match session.life {
            Life::Finishing(_) | Life::Closing(..) => self.announce_end(id),
            Life::Gone => {}
            Life::Open | Life::Flushing | Life::HalfClosed(_) => return,
        }
        match self.cx.sessions.get(id) {
            Some(session) if session.life == Life::Flushing => {
                // If the peer takes nothing, the deadline of the queue ends this.
                let at = session.lingers_until();
                self.cx.work.lingering.push_back(id);
                self.cx.reset_timer(id, at);
            }
            _ => self.cx.free_session(id),
        }
    }

    /// Tells modules and log that a session ends. That happens once, as the session changes its state before.
    pub(in crate::engine) fn announce_end(&mut self, id: SessionId) {
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        let (next, reason, level) = match &session.life {
            Life::Finishing(reason) => (Life::Flushing, reason.clone(), log::Level::Info),
            Life::Closing(reason, level) => (Life::Gone, reason.clone(), *level),
            Life::Open | Life::Flushing | Life::HalfClosed(_) | Life::Gone => return,
        };
        session.life = next;
        self.each_module(|module, cx| module.on_close(cx, id));
        self.end_pushes_of_session(id);
        let Some(session) = self.cx.sessions.get(id) else { return };
        let level = session.log_level(level);
        let seconds = (self.cx.now.instant - session.opened).as_secs();
        let (received, sent) = (session.bytes_in, session.bytes_out);
        // No line before this one has the address of an RTMP client that is not connected to an application.
        let is_unknown = session.rtmp().is_some_and(|state| state.app.is_none());
        let from = if is_unknown { format!("from {}, ", session.peer) } else { String::new() };
        log::log!(level, "{id} closed: {reason} ({from}{seconds} s, {received} bytes in, {sent} out)");
    }
}

impl Ctx {
    /// Closes a session in a later step, without sending what is queued.
    pub fn close(&mut self, id: SessionId, reason: &str) {
        self.close_at_level(id, reason, log::Level::Info);
    }

    /// Closes a session whose peer broke the protocol: logged as a warning.
    pub fn fail(&mut self, id: SessionId, reason: &str) {
        let is_news = self.sessions.get(id).is_some_and(|session| session.life == Life::Open);
        self.totals.protocol_errors += u64::from(is_news);
        self.close_at_level(id, reason, log::Level::Warn);
    }

    /// Ends a session in a later step, and closes its socket after its queue has been sent.
    pub fn finish(&mut self, id: SessionId, reason: &str) {
        self.send_statuses(id);
        self.say_goodbye(id);
        self.end_live_answer(id, reason);
        let Some(session) = self.sessions.get_mut(id) else { return };
        if session.life == Life::Open {
            session.life = Life::Finishing(reason.into());
            session.limit_end(self.now.instant);
            self.work.ending.push_back(id);
            self.drop_requests(id);
            self.release_input(id);
            self.end_connection(id, reason);
            self.end_try(id, reason);
        }
    }

    /// One step of a closing session: after its queue has been sent the sending side is closed, and after the peer
    /// has closed too, or a deadline has passed, the slot is freed. So the last answer is not lost to a reset.
    pub(in crate::engine) fn linger(&mut self, id: SessionId) {
        let now = self.now.instant;
        let Some(session) = self.sessions.get_mut(id) else { return };
        let until = session.lingers_until();
        if session.life == Life::Flushing && session.out.is_empty() {
            session.life = Life::HalfClosed(now + HALF_CLOSE_TIME);
            self.work.actions.push_back(Action::ShutDownWrite(id));
            self.wake_no_later_than(id, now + HALF_CLOSE_TIME);
        } else if now >= until {
            debug_assert!(session.roles.is_empty(), "a session that goes has left its streams");
            self.free_session(id);
        }
    }

    /// Continues a session that has waited for its queue to become empty: its end, its next requests, or the server's
    /// stop.
    pub(in crate::engine) fn queue_emptied(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(id) else { return };
        if session.life == Life::Flushing {
            self.work.lingering.push_back(id);
        } else if session.backlogged {
            let state = self.sessions.get_mut(id).and_then(Session::http_mut);
            if state.is_some_and(|state| std::mem::take(&mut state.awaits_queue)) {
                self.work.decided.push_back((id, None));
            }
            self.resume_input(id);
        } else if session.is_last_answer() && !self.is_busy(id) {
            self.finish(id, UNSERVED);
        } else if self.is_draining() && !self.is_busy(id) {
            self.finish(id, "server stops");
        }
    }

    /// Asks a client to connect anew (Enhanced RTMP, `NetConnection.Connect.ReconnectRequest`).
    fn ask_to_reconnect(&mut self, id: SessionId) {
        if self.sessions.get(id).is_some_and(|session| session.roles.publishes()) {
            self.notify(id, ServerSession::write_reconnect_request);
        } else {
            self.reply(id, |protocol, out| protocol.write_reconnect_request(out));
        }
    }

    /// Whether a session has a role at a live stream, gets a file, has an answer to send, or a request that waits for one.
    pub(in crate::engine) fn is_busy(&self, id: SessionId) -> bool {
        let Some(session) = self.sessions.get(id) else { return false };
        let live = session.roles.iter().any(|role| match role {
            SessionRole::Publisher { .. } => true,
            SessionRole::Player(player) if player.is_of_file() => !player.is_finished(),
            SessionRole::Player(player) => self.streams.get(player.stream()).is_some_and(Stream::is_live),
        });
        live || !session.out.is_empty()
            || session.is_answering()
            || session.suspended.is_some()
            || session.is_calling()
            || session.download().is_some()
            || self.relay_of(id).is_some()
    }

    /// Frees a session's slot, and has net close the socket.
    pub(in crate::engine) fn free_session(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.give_up_exchanges(&mut self.work.done_exchanges, self.now.instant);
            self.budgets.count_out(session);
        }
        self.uncount_session(id);
        self.sessions.remove(id);
        self.work.actions.push_back(Action::CloseSocket(id));
    }

    pub(in crate::engine) fn close_at_level(&mut self, id: SessionId, reason: &str, level: log::Level) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let queued = !matches!(session.life, Life::Finishing(_) | Life::Closing(..) | Life::Gone);
        session.life = match std::mem::replace(&mut session.life, Life::Gone) {
            Life::Open => Life::Closing(reason.into(), level),
            Life::Finishing(first) => Life::Closing(first, log::Level::Info),
            Life::Closing(first, level) => Life::Closing(first, level),
            // The reason has been logged already.
            Life::Flushing | Life::HalfClosed(_) | Life::Gone => Life::Gone,
        };
        if queued {
            self.work.ending.push_back(id);
        }
        self.drop_requests(id);
        self.release_input(id);
        self.end_connection(id, reason);
        self.end_try(id, reason);
    }

    /// Drops the requests of a closing session that wait for an answer.
    fn drop_requests(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        self.suspended -= usize::from(session.suspended.take().is_some());
        if let Some(state) = session.http_mut() {
            state.answering = false;
        }
    }
}
