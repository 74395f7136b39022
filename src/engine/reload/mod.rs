//! Reload: a running engine takes the settings of another configuration, and what runs goes on.
//!
//! The next configuration is read into an engine of its own, with the ids of what the running one has
//! ([`Engine::read_next`]). That one is checked, probed and opened as at a start; nothing has changed until
//! [`Engine::adopt`], which cannot fail. What happens to the sessions of what is gone is in `gone.rs`.

mod gone;

use std::any::Any;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::conf::{self, Scope};
use crate::engine::Engine;
use crate::engine::config::known::{Known, KnownApp, KnownServer};
use crate::engine::config::listener::Protocol;
use crate::engine::ctx::Ctx;
use crate::engine::http::UNSERVED;
use crate::engine::http::locations::Locations;
use crate::engine::ids::{LocationId, SessionId};
use crate::engine::module::Module;
use crate::engine::now::Now;
use crate::engine::session::{ProtocolState, Session};

impl Engine {
    /// Reads another checked configuration for this server; the result is to be adopted or dropped. Nothing is opened
    /// yet, and this engine does not change.
    pub fn read_next(&self, root: &Scope<'_>, modules: Vec<Box<dyn Module>>) -> Result<Self, conf::Errors> {
        Self::read(root, self.cx.known(), modules, (0, self.cx.now))
    }

    /// Takes the settings of a configuration that [`read_next`](Self::read_next) has read for this engine and that has
    /// been opened.
    pub fn adopt(&mut self, next: Self, now: Now) {
        self.cx.now = now;
        self.cx.adopt(next.cx);
        let panics = self.panics();
        for (module, next) in self.modules.iter_mut().zip(next.modules) {
            debug_assert_eq!(module.name(), next.name(), "both engines have the same modules");
            let next: Box<dyn Any> = next;
            panics.contain(|| module.adopt(&mut self.cx, next));
        }
        self.release_old_locations();
        self.end_gone();
        self.cx.end_unserved();
    }

    /// Has the modules free the settings of locations that no request has any more.
    pub(in crate::engine) fn release_old_locations(&mut self) {
        while let Some(first) = self.cx.take_unused_locations() {
            self.each_module(|module, cx| module.release_locations(cx, first));
        }
    }
}

impl Ctx {
    /// What the reader of the next configuration has to know. Applications that are gone come last, as those that are there
    /// go before.
    fn known(&self) -> Known {
        let servers = self.servers.iter().map(|(id, server)| KnownServer {
            id,
            addresses: server.addresses.clone(),
            is_gone: server.ends_at.is_some(),
        });
        let (there, gone): (Vec<_>, Vec<_>) = self.apps.iter().partition(|(_, app)| !app.is_gone());
        let apps = there.into_iter().chain(gone);
        let listeners = self.listeners.iter();
        Known {
            servers: servers.collect(),
            apps: apps.map(|(id, app)| KnownApp { id, server: app.server, name: app.name.clone() }).collect(),
            listeners: listeners.map(|listener| (listener.listen_address(), listener.id)).collect(),
            next_listener: self.next_listener,
            next_location: self.locations.next(),
        }
    }

    /// Takes the settings of another configuration that are not the modules'.
    fn adopt(&mut self, next: Self) {
        self.budgets.adopt(&next.budgets);
        self.reload_grace = next.reload_grace;
        let peers = self.sessions.iter().filter_map(|session| match session.protocol {
            ProtocolState::Rtmp(_) => Some((Protocol::Rtmp, session.counted_peer()?)),
            ProtocolState::Http(_) => Some((Protocol::Http, session.counted_peer()?)),
            ProtocolState::HttpClient(_) | ProtocolState::RtmpClient(_) => None,
        });
        self.connections.adopt(next.connections, peers);
        self.adopt_servers(next.servers);
        self.adopt_apps(next.apps);
        self.app_order = next.app_order;
        (self.listeners, self.next_listener) = (next.listeners, next.next_listener);
        self.hosts = next.hosts;
        self.viewing.adopt(next.viewing);
        let old = std::mem::replace(&mut self.locations, next.locations);
        self.old_locations.push((old.first(), Rc::downgrade(&old)));
    }

    /// Takes, from the list, locations of an earlier configuration that no request has any more.
    fn take_unused_locations(&mut self) -> Option<LocationId> {
        let is_unused = |(_, locations): &(_, Weak<Locations>)| locations.strong_count() == 0;
        let unused = self.old_locations.iter().position(is_unused)?;
        Some(self.old_locations.swap_remove(unused).0)
    }

    /// Ends the HTTP connections to addresses that are not served any more: at once, or when their answers have been
    /// sent.
    fn end_unserved(&mut self) {
        for id in self.sessions.ids() {
            let ends_at = self.is_unserved(id).then(|| self.now.instant + self.reload_grace);
            if let Some(player) = self.sessions.get_mut(id).and_then(Session::http_player_mut) {
                // As long as any other client of what is gone.
                player.ends_at = player.ends_at.or(ends_at).filter(|_| ends_at.is_some());
                ends_at.into_iter().for_each(|at| self.wake_no_later_than(id, at));
                continue;
            }
            if ends_at.is_none() {
                continue;
            }
            if self.is_busy(id) {
                if let Some(state) = self.sessions.get_mut(id).and_then(Session::http_mut) {
                    state.keep_alive = Duration::ZERO;
                }
            } else {
                self.finish(id, UNSERVED);
            }
        }
    }

    /// Whether a session has come over HTTP to an address that is not served any more.
    pub(in crate::engine) fn is_unserved(&self, id: SessionId) -> bool {
        match self.sessions.get(id).map(|session| &session.protocol) {
            Some(ProtocolState::Http(state)) => self.hosts_at(state.listener, &state.local).is_none(),
            Some(ProtocolState::Rtmp(_) | ProtocolState::HttpClient(_) | ProtocolState::RtmpClient(_))
            | None => false,
        }
    }
}
