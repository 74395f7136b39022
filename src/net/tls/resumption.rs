//! What shortens the next handshake of a client: the cache of earlier handshakes, which the server keeps, and tickets,
//! which the client keeps.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{NoServerSessionStorage, ProducesTickets, StoresServerSessions};
use rustls::ticketer::TicketRotator;

use super::reasons::describe;
use crate::engine::{Protocol, ServerTls, SessionCache};

/// The bytes that an entry is counted for, by which nginx's sizes are numbers of entries.
const ENTRY: usize = 256;
/// The longest entry: one with the certificates of a client. It is not kept if it is longer.
const MAX_ENTRY: usize = 16 * 1024;
/// The most bytes that a ticket is made of.
const MAX_TICKET: usize = 8 * 1024;
/// The longest time for which a ticket holds: the key below changes then in any case.
const MAX_TIME: u32 = 6 * 3600;
/// The keys without an entry that are not worth being looked for.
const SPARE: usize = 64;

/// Gives the settings of a server what shortens handshakes. `before` is that of before the files changed: clients that
/// have met it still have short handshakes.
pub fn set(
    config: &mut ServerConfig,
    settings: &ServerTls,
    before: Option<&ServerConfig>,
) -> Result<(), String> {
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if let SessionCache::Entries(entries) = settings.cache {
        config.session_storage = match before {
            Some(before) => Arc::clone(&before.session_storage),
            None => Arc::new(Cache::new(entries as usize * ENTRY, settings.timeout)),
        };
        // Of the kind that only refers to the cache. Encoders get none: some end the connection when one comes.
        config.send_tls13_tickets = usize::from(settings.protocol == Protocol::Http);
    }
    if settings.tickets {
        config.send_tls13_tickets = 1;
        config.ticketer = match before {
            Some(before) => Arc::clone(&before.ticketer),
            None => tickets(settings.timeout)?,
        };
    }
    Ok(())
}

/// Tickets that hold for this time, and at most twice as long: their key changes then.
fn tickets(time: Duration) -> Result<Arc<dyn ProducesTickets>, String> {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(MAX_TIME).clamp(1, MAX_TIME);
    let tickets = TicketRotator::new(seconds, || {
        let key = ring::Ticketer::new().map_err(|_| rustls::crypto::GetRandomFailed)?;
        Ok(Box::new(Key(key)))
    });
    Ok(Arc::new(tickets.map_err(|error| describe(&error))?))
}

/// A key of tickets, of those that change each other off.
#[derive(Debug)]
struct Key(Arc<dyn ProducesTickets>);

impl ProducesTickets for Key {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.0.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        // A hello with a longer ticket is one that this server refuses. With the certificates of a client, it has them.
        if plain.len() > MAX_TICKET { None } else { self.0.encrypt(plain) }
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.0.decrypt(cipher)
    }
}

/// The cache: entries that are forgotten after a time, and the oldest when there are too many bytes.
///
/// It grows as entries come; that of rustls has room for all from the beginning.
struct Cache {
    limit: usize,
    time: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<Vec<u8>, Entry>,
    /// The keys in the order in which they came, each with the serial of its entry; some are gone already.
    order: VecDeque<(Vec<u8>, u64)>,
    bytes: usize,
    serial: u64,
}

struct Entry {
    value: Vec<u8>,
    serial: u64,
    since: Instant,
}

/// Entries are secrets.
impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Cache {
    fn new(limit: usize, time: Duration) -> Self {
        Self { limit, time, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_fresh(&self, entry: &Entry, now: Instant) -> bool {
        now.saturating_duration_since(entry.since) < self.time
    }

    fn put_at(&self, key: Vec<u8>, value: Vec<u8>, now: Instant) -> bool {
        if value.len() > MAX_ENTRY || key.len() > MAX_ENTRY {
            return false;
        }
        let mut state = self.state();
        state.serial += 1;
        let serial = state.serial;
        state.remove(&key);
        state.bytes += size(&key, &value);
        state.order.push_back((key.clone(), serial));
        state.entries.insert(key, Entry { value, serial, since: now });
        state.shrink(self.limit, |entry| self.is_fresh(entry, now));
        true
    }

    fn get_at(&self, key: &[u8], now: Instant) -> Option<Vec<u8>> {
        let state = self.state();
        state.entries.get(key).filter(|entry| self.is_fresh(entry, now)).map(|entry| entry.value.clone())
    }

    fn take_at(&self, key: &[u8], now: Instant) -> Option<Vec<u8>> {
        let entry = self.state().remove(key)?;
        self.is_fresh(&entry, now).then_some(entry.value)
    }
}

impl State {
    fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let (key, entry) = self.entries.remove_entry(key)?;
        self.bytes -= size(&key, &entry.value);
        Some(entry)
    }

    /// Forgets the oldest while they are not fresh or there is too much, and keys without an entry.
    fn shrink(&mut self, limit: usize, is_fresh: impl Fn(&Entry) -> bool) {
        while let Some((key, serial)) = self.order.front() {
            let entry = self.entries.get(key).filter(|entry| entry.serial == *serial);
            if self.bytes <= limit && entry.is_some_and(&is_fresh) {
                break;
            }
            let is_there = entry.is_some();
            if let Some((key, _)) = self.order.pop_front()
                && is_there
            {
                self.remove(&key);
            }
        }
        if self.order.len() > 2 * self.entries.len() + SPARE {
            let Self { order, entries, .. } = self;
            order.retain(|(key, serial)| entries.get(key).is_some_and(|entry| entry.serial == *serial));
        }
    }
}

/// What an entry is counted for. Without the certificate of a client it has about 150 bytes.
fn size(key: &[u8], value: &[u8]) -> usize {
    ENTRY.max(key.len() * 2 + value.len())
}

impl StoresServerSessions for Cache {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.put_at(key, value, Instant::now())
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.get_at(key, Instant::now())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.take_at(key, Instant::now())
    }

    fn can_cache(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ticket_is_longer_than_this_server_takes_in_a_hello() {
        let tickets = tickets(Duration::from_secs(86_400)).unwrap();
        let ticket = tickets.encrypt(&[7; MAX_TICKET]).unwrap();
        assert_eq!(tickets.decrypt(&ticket).unwrap(), [7; MAX_TICKET]);
        assert!(tickets.encrypt(&[7; MAX_TICKET + 1]).is_none());
        assert_eq!(tickets.lifetime(), 2 * MAX_TIME);
    }

    #[test]
    fn an_entry_is_forgotten_after_its_time_or_when_it_is_taken() {
        let (cache, now) = (Cache::new(10 * ENTRY, Duration::from_secs(300)), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        assert!(cache.put_at(vec![1], vec![7], now));
        assert_eq!(cache.get_at(&[1], at(299)), Some(vec![7]));
        assert_eq!(cache.get_at(&[1], at(300)), None);
        assert!(cache.put_at(vec![2], vec![8], at(400)));
        assert_eq!(cache.state().entries.len(), 1);
        assert_eq!(cache.state().order.len(), 1);
        assert_eq!(cache.take_at(&[2], at(500)), Some(vec![8]));
        assert_eq!(cache.take_at(&[2], at(500)), None);
    }

    #[test]
    fn the_oldest_make_room_and_nothing_is_kept_of_those_that_are_gone() {
        let (cache, now) = (Cache::new(4 * ENTRY, Duration::from_secs(300)), Instant::now());
        for number in 0..100 {
            assert!(cache.put_at(vec![number], vec![0; 10], now));
        }
        let left: Vec<_> = (0..100).filter(|number| cache.get_at(&[*number], now).is_some()).collect();
        assert_eq!(left, [96, 97, 98, 99]);
        for number in 96..100 {
            cache.take_at(&[number], now);
        }
        assert!(cache.put_at(vec![1], vec![0; 3 * ENTRY], now));
        assert!(cache.put_at(vec![1], vec![1; 3 * ENTRY], now));
        let state = cache.state();
        assert_eq!((state.entries.len(), state.order.len()), (1, 1));
        assert!(state.bytes <= 4 * ENTRY, "{}", state.bytes);
        drop(state);
        assert!(!cache.put_at(vec![2], vec![0; MAX_ENTRY + 1], now));
    }

    #[test]
    fn keys_of_entries_that_have_been_taken_do_not_gather() {
        let (cache, now) = (Cache::new(10 * ENTRY, Duration::from_secs(300)), Instant::now());
        assert!(cache.put_at(vec![0], vec![0], now));
        for number in 0..10_000_u16 {
            let key = number.to_be_bytes();
            assert!(cache.put_at(key.to_vec(), vec![0], now));
            cache.take_at(&key, now);
        }
        assert!(cache.state().order.len() <= 2 + SPARE);
        assert!(cache.get_at(&[0], now).is_some());
    }
}
