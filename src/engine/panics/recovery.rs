//! Recovery of the engine: what ends after a panic, and how modules hear of the end nevertheless.
//!
//! Every step, input and timer runs in one of these functions. A session that has panicked is closed, which ends it in
//! the usual way, in a later step; if that panics, too, [`Engine::free_after_panic`] does what is left. Nothing here
//! runs code of a sink again, but that by which it gives up its files.

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::{Endpoint, SessionId, StreamId};
use crate::engine::module::Module;
use crate::engine::panics::Panics;
use crate::engine::session::roles::SessionRole;
use crate::engine::timers::Timer;

impl Engine {
    /// Counts jobs that have panicked in their threads, and have failed for their owners.
    pub fn count_panics(&mut self, count: u64) {
        self.cx.panics.add(count);
    }

    /// The handling of panics, for what net does by itself.
    pub fn panics(&self) -> Panics {
        self.cx.panics.clone()
    }

    /// Closes a session for which net has panicked.
    pub fn panicked(&mut self, id: SessionId) {
        self.cx.close_after_panic(id);
    }

    /// Runs `work`; `None` if it has panicked.
    pub(in crate::engine) fn contain<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.panics().contain(|| work(self))
    }

    /// Runs `work` for a session, and closes that if it panics.
    pub(in crate::engine) fn contain_for(&mut self, id: SessionId, work: impl FnOnce(&mut Self)) {
        if self.contain(work).is_none() {
            self.cx.close_after_panic(id);
        }
    }

    /// Calls a hook of every module, in order; a panic in one does not keep the others from theirs. False if one has
    /// panicked.
    pub(in crate::engine) fn each_module(&mut self, mut hook: impl FnMut(&mut dyn Module, &mut Ctx)) -> bool {
        let (panics, mut done) = (self.panics(), true);
        for module in &mut self.modules {
            done &= panics.contain(|| hook(module.as_mut(), &mut self.cx)).is_some();
        }
        done
    }

    /// Calls a hook of every module for a session, and closes that if one has panicked.
    pub(in crate::engine) fn each_module_for(
        &mut self,
        id: SessionId,
        hook: impl FnMut(&mut dyn Module, &mut Ctx),
    ) {
        if !self.each_module(hook) {
            self.cx.close_after_panic(id);
        }
    }

    /// Ends what a timer that has panicked was for.
    pub(in crate::engine) fn end_after_panic(&mut self, timer: Timer) {
        match timer {
            Timer::Session { id, .. } => self.cx.close_after_panic(id),
            Timer::Stream(id) => {
                let publisher = self.cx.streams.get(id).and_then(|stream| stream.publisher);
                self.end_stream_after_panic(id);
                publisher.into_iter().for_each(|publisher| self.cx.close_after_panic(publisher.session));
            }
            Timer::Relays => self.cx.schedule_relay_check(),
            Timer::Gone => self.cx.schedule_gone_check(),
            Timer::Viewers => self.cx.schedule_viewers(),
            // A module keeps its other timers, and a shared answer is replaced when it is asked for.
            Timer::Module { .. } | Timer::Shared => {}
        }
    }

    /// Frees a session whose end has panicked, with what is left of its roles.
    pub(in crate::engine) fn free_after_panic(&mut self, id: SessionId) {
        self.drop_pending(id);
        let session = self.cx.sessions.get(id);
        let roles: Vec<_> = session.into_iter().flat_map(|session| session.roles.iter()).copied().collect();
        for role in roles {
            let (endpoint, stream) = (Endpoint { session: id, msid: role.msid() }, role.stream());
            let publisher = self.cx.streams.get(stream).and_then(|stream| stream.publisher);
            match role {
                SessionRole::Publisher { .. } if publisher == Some(endpoint) => {
                    self.end_stream_after_panic(stream);
                }
                SessionRole::Publisher { .. } => {}
                SessionRole::Player(_) => {
                    self.call_play_end(stream, endpoint);
                    self.cx.streams.remove_if_idle(stream);
                }
            }
        }
        self.announce_end(id);
        self.cx.free_session(id);
    }

    /// Ends a stream after a panic: modules get the ends that they have not had, its sinks are dropped without being
    /// finished, and its players wait for another publisher.
    pub(in crate::engine) fn end_stream_after_panic(&mut self, id: StreamId) {
        self.call_publish_end(id);
        self.call_stream_end(id);
        let (streams, mut outlet, panics) = self.cx.streams_and_outlet();
        if let Some(stream) = streams.get_mut(id) {
            stream.drop_sinks(&mut outlet, panics);
            stream.clear();
        }
        self.restart_players(id);
        self.cx.streams.remove_if_idle(id);
    }
}

impl Ctx {
    /// Runs what a module does for one session outside of that session's own events, and closes the session if that
    /// panics.
    pub fn contain_for(&mut self, session: SessionId, work: impl FnOnce(&mut Self)) {
        if self.panics.clone().contain(|| work(self)).is_none() {
            self.close_after_panic(session);
        }
    }

    /// Closes a session after a panic: logged as an error, since its state may be incomplete.
    pub(in crate::engine) fn close_after_panic(&mut self, id: SessionId) {
        self.close_at_level(id, "an error of the server, which the log tells above", log::Level::Error);
    }
}
