//! The table of what clients need for TLS, by settings. It is made when it is needed first, and again after a reload,
//! since the files may have changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::TlsClient;
use crate::engine::ClientTls;

/// The time after a failure in which the files are not read again.
const FAILURE_KEPT: Duration = Duration::from_secs(5);
/// The settings in the table; beyond this number those that have been unused for longest are made anew when needed.
const MAX_CLIENTS: usize = 64;

/// What is known of some settings.
#[derive(Debug)]
pub enum Readiness {
    Ready(TlsClient),
    /// Their files cannot be used, for this reason.
    Failed(String),
    /// Their files are being read.
    Wait,
    /// The caller has to have them read.
    Load,
}

/// The table.
#[derive(Debug, Default)]
pub struct TlsClients {
    clients: HashMap<Arc<ClientTls>, Entry>,
    /// Counts the questions.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    /// The result of the reading, with the time until which it holds; none while they are being read.
    result: Option<(Result<TlsClient, String>, Option<Instant>)>,
    /// The number of the last question.
    used: u64,
}

impl TlsClients {
    /// What a client with these settings needs.
    pub fn find(&mut self, settings: &Arc<ClientTls>, now: Instant) -> Readiness {
        self.clock += 1;
        let used = self.clock;
        let Some(entry) = self.clients.get_mut(settings) else {
            self.make_room();
            self.clients.insert(Arc::clone(settings), Entry { result: None, used });
            return Readiness::Load;
        };
        entry.used = used;
        match &entry.result {
            None => Readiness::Wait,
            Some((_, Some(until))) if now >= *until => {
                entry.result = None;
                Readiness::Load
            }
            Some((Ok(client), _)) => Readiness::Ready(client.clone()),
            Some((Err(why), _)) => Readiness::Failed(why.clone()),
        }
    }

    /// Takes what has been read.
    pub fn finish(&mut self, settings: &Arc<ClientTls>, result: Result<TlsClient, String>, now: Instant) {
        if let Some(entry) = self.clients.get_mut(settings) {
            let until = result.is_err().then(|| now + FAILURE_KEPT);
            entry.result = Some((result, until));
        }
    }

    /// Forgets everything: the files are to be read again. What open connections use stays with them.
    pub fn clear(&mut self) {
        self.clients.clear();
    }

    fn make_room(&mut self) {
        if self.clients.len() >= MAX_CLIENTS {
            let oldest = self.clients.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(settings, _)| Arc::clone(settings)) {
                self.clients.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(trusted: &str) -> Arc<ClientTls> {
        Arc::new(ClientTls {
            verify: false,
            trusted: Some(trusted.into()),
            certificate: None,
            fingerprint: None,
        })
    }

    #[test]
    fn equal_settings_share_files_that_are_read_once_and_again_after_a_reload() {
        let (mut clients, now) = (TlsClients::default(), Instant::now());
        assert!(matches!(clients.find(&settings("a"), now), Readiness::Load));
        assert!(matches!(clients.find(&settings("a"), now), Readiness::Wait));
        assert!(matches!(clients.find(&settings("b"), now), Readiness::Load));
        clients.finish(&settings("a"), TlsClient::load(&settings("a")), now);
        let later = now + Duration::from_secs(1_000_000);
        let (first, second) = (clients.find(&settings("a"), later), clients.find(&settings("a"), later));
        assert!(
            matches!((first, second), (Readiness::Ready(a), Readiness::Ready(b)) if Arc::ptr_eq(&a.0, &b.0))
        );
        clients.clear();
        // What is read meanwhile is that of before the reload.
        clients.finish(&settings("b"), TlsClient::load(&settings("b")), now);
        for name in ["a", "b"] {
            assert!(matches!(clients.find(&settings(name), now), Readiness::Load));
        }
    }

    #[test]
    fn files_that_cannot_be_used_are_read_again_after_5_s() {
        let (mut clients, now) = (TlsClients::default(), Instant::now());
        clients.find(&settings("a"), now);
        clients.finish(&settings("a"), Err("empty".into()), now);
        let at = |seconds| now + Duration::from_secs(seconds);
        assert!(matches!(clients.find(&settings("a"), at(4)), Readiness::Failed(why) if why == "empty"));
        assert!(matches!(clients.find(&settings("a"), at(5)), Readiness::Load));
    }

    #[test]
    fn the_settings_that_have_been_unused_for_longest_make_room() {
        let (mut clients, now) = (TlsClients::default(), Instant::now());
        for number in 0..MAX_CLIENTS {
            clients.find(&settings(&number.to_string()), now);
        }
        clients.find(&settings("0"), now);
        clients.find(&settings("more"), now);
        assert_eq!(clients.clients.len(), MAX_CLIENTS);
        assert!(matches!(clients.find(&settings("0"), now), Readiness::Wait));
        assert!(matches!(clients.find(&settings("1"), now), Readiness::Load));
    }
}
