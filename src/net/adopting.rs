//! A running server takes another configuration: first the sockets of the new addresses, then the rest, which cannot
//! fail.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::connecting::finding::Finding;
use super::listeners::{ListenerChanges, Prepared};
use super::server::{Server, now};
use super::tls::servers::LoadedTls;
use crate::engine::Engine;

impl Server {
    /// The addresses at which the server listens.
    pub fn addresses(&self) -> Vec<String> {
        self.listeners.addresses()
    }

    /// Opens the listeners of a configuration that is to be adopted. If one cannot be opened, those of before stay; one
    /// that was in its way is lost if it cannot be opened again.
    pub fn prepare(&mut self, next: &Engine) -> io::Result<Prepared> {
        self.listeners.prepare(next.listeners(), self.poll.registry())
    }

    /// Takes the settings, the listeners and the certificates of a configuration. Connections that have waited at a
    /// listener which stays are accepted under the new configuration.
    pub fn adopt(&mut self, next: Engine, prepared: Prepared, tls: LoadedTls) -> ListenerChanges {
        let now = now();
        let changes = self.listeners.adopt(prepared, next.listeners());
        self.engine.adopt(next, now);
        self.connector.clients.clear();
        self.tls_servers.adopt(tls, now.instant);
        self.engine.use_verifiers(self.tls_servers.verifiers());
        self.backlog.replace(self.listeners.slots());
        // What has been queued for clients; the next poll may wait for long.
        self.flush(now);
        changes
    }

    /// What servers need for TLS, as it is in use.
    pub fn loaded_tls(&self) -> LoadedTls {
        self.tls_servers.loaded()
    }

    /// Has a thread look whether certificates have been renewed, where handshakes have found that it is time to.
    pub(super) fn look_at_certificates(&mut self) {
        for look in self.tls_servers.take_due() {
            let settings = look.settings();
            let finding = move |result| Finding::Server(settings, result);
            self.workers.look_at_certificates(move || Ok(look.take()), finding);
        }
    }

    /// Has the modules open their logs again.
    pub fn reopen(&mut self) {
        self.engine.reopen(now());
    }

    /// Has a thread do work that may take long. When it is done, [`Server::run`] returns `Wish::Collect`.
    pub fn run_in_background<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Background<T> {
        let result = Arc::new(Mutex::new(None));
        let place = Arc::clone(&result);
        self.workers.run_in_background(move || {
            let value = work();
            *lock(&place) = Some(value);
        });
        Background(result)
    }
}

/// The result of work that a thread does.
#[derive(Debug)]
pub struct Background<T>(Arc<Mutex<Option<T>>>);

impl<T> Background<T> {
    /// Takes the result; none if the work has panicked.
    pub fn take(self) -> Option<T> {
        lock(&self.0).take()
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
