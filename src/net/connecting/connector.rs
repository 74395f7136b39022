//! The sessions that are being connected: what each of them waits for, and until when.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::finding::Asker;
use super::resolver::Resolver;
use crate::engine::{ClientTls, Destination, SessionId};
use crate::net::backlog::Shortage;
use crate::net::tls::client::TlsClient;
use crate::net::tls::clients::TlsClients;

/// The time for one of two addresses, and for one of more.
const ADDRESS_TIME: Duration = Duration::from_secs(5);
const SHORT_ADDRESS_TIME: Duration = Duration::from_secs(2);
/// The least time for an address where all of them have a time.
const LEAST_ADDRESS_TIME: Duration = Duration::from_secs(1);
/// After this time the last addresses of a name are used, and its lookup is not waited for.
const LOOKUP_TIME: Duration = Duration::from_secs(2);

/// All sessions that are being connected, and what is known for them.
#[derive(Debug, Default)]
pub struct Connector {
    attempts: HashMap<SessionId, Attempt>,
    call_names: Resolver,
    relay_names: Resolver,
    pub clients: TlsClients,
}

/// A session that is being connected.
#[derive(Debug)]
pub struct Attempt {
    pub destination: Destination,
    pub stage: Stage,
    /// What it needs for TLS, once that is known.
    pub client: Option<TlsClient>,
    /// The addresses that have not been tried yet.
    addresses: VecDeque<SocketAddr>,
    /// The one that is tried.
    address: Option<SocketAddr>,
    /// The time for each of several; none for a single one.
    address_time: Option<Duration>,
    /// When it was begun to try this one, and whether it is connected, so that TLS is what is waited for.
    began: Option<Instant>,
    is_connected: bool,
    /// Why those before have failed.
    failures: Vec<String>,
    /// When the time for all of it is over. Without it, the engine ends the session.
    limit: Option<Instant>,
    /// When something else is done than to wait: no later than the limit.
    until: Option<Instant>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The files for TLS.
    Preparing,
    /// The addresses of the name.
    LookingUp,
    /// One of the addresses.
    Connecting,
}

impl Connector {
    pub fn begin(&mut self, id: SessionId, destination: Destination, limit: Option<Instant>) {
        self.attempts.insert(id, Attempt::new(destination, limit));
    }

    pub fn attempt(&mut self, id: SessionId) -> Option<&mut Attempt> {
        self.attempts.get_mut(&id)
    }

    /// Forgets a session, which is connected, has failed, or is closed; a late result finds nothing.
    pub fn end(&mut self, id: SessionId) -> Option<Attempt> {
        self.attempts.remove(&id)
    }

    /// The names that are known for calls or relays.
    pub fn names(&mut self, asker: Asker) -> &mut Resolver {
        match asker {
            Asker::Call => &mut self.call_names,
            Asker::Relay => &mut self.relay_names,
        }
    }

    /// The sessions that wait for the addresses of a name.
    pub fn waiting_for_name(&self, asker: Asker, host: &str) -> Vec<SessionId> {
        self.which(|attempt| {
            attempt.stage == Stage::LookingUp && attempt.asker() == asker && attempt.destination.host == host
        })
    }

    /// The sessions that wait for the files of these settings.
    pub fn waiting_for_client(&self, settings: &ClientTls) -> Vec<SessionId> {
        let is_theirs = |own: &Attempt| own.destination.tls.as_deref() == Some(settings);
        self.which(|attempt| attempt.stage == Stage::Preparing && is_theirs(attempt))
    }

    /// When the time of the first of them is over.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.attempts.values().filter_map(|attempt| attempt.until).min()
    }

    /// Those whose time is over.
    pub fn expired(&self, now: Instant) -> Vec<SessionId> {
        self.which(|attempt| attempt.until.is_some_and(|until| now >= until))
    }

    fn which(&self, is_one: impl Fn(&Attempt) -> bool) -> Vec<SessionId> {
        self.attempts.iter().filter(|(_, attempt)| is_one(attempt)).map(|(id, _)| *id).collect()
    }
}

impl Attempt {
    fn new(destination: Destination, limit: Option<Instant>) -> Self {
        Self {
            destination,
            stage: Stage::Preparing,
            client: None,
            addresses: VecDeque::new(),
            address: None,
            address_time: None,
            began: None,
            is_connected: false,
            failures: Vec::new(),
            limit,
            until: limit,
        }
    }

    /// Who connects. The time for a call is limited by the engine.
    pub fn asker(&self) -> Asker {
        if self.limit.is_some() { Asker::Relay } else { Asker::Call }
    }

    /// Waits for a lookup of its name: for a limited time if there are other addresses.
    pub fn await_addresses(&mut self, has_last: bool, now: Instant) {
        self.stage = Stage::LookingUp;
        self.wait_until(has_last.then(|| now + LOOKUP_TIME));
    }

    /// Waits until the time for all of it is over.
    pub fn await_limit(&mut self) {
        self.until = self.limit;
    }

    /// Why it has failed, if the time for all of it is over.
    pub fn overdue(&mut self, now: Instant) -> Option<String> {
        self.limit.filter(|&limit| now >= limit)?;
        Some(match self.stage {
            Stage::Preparing => "the files for TLS are not read in time".to_owned(),
            Stage::LookingUp => format!("the name {} is not resolved in time", self.destination.host),
            Stage::Connecting => {
                self.fail_address(&self.too_slow(now));
                match self.addresses.len() {
                    0 => self.failures(),
                    left => format!("{}, {left} more not tried", self.failures()),
                }
            }
        })
    }

    /// There was no connection to this address in time.
    pub fn too_slow(&self, now: Instant) -> Failure {
        let time = now.saturating_duration_since(self.began.unwrap_or(now));
        let what = if self.is_connected { "no TLS handshake" } else { "no answer" };
        Failure::Socket(format!("{what} within {:.0} s", time.as_secs_f32()))
    }

    /// The address is connected, and TLS is waited for.
    pub fn note_connected(&mut self) {
        self.is_connected = true;
    }

    fn wait_until(&mut self, at: Option<Instant>) {
        self.until = at.into_iter().chain(self.limit).min();
    }

    /// Takes the addresses, which have no ports.
    pub fn take_addresses(&mut self, addresses: &[SocketAddr]) {
        let port = self.destination.port;
        self.address_time = match addresses.len() {
            0 | 1 => None,
            2 => Some(ADDRESS_TIME),
            _ => Some(SHORT_ADDRESS_TIME),
        };
        self.addresses.extend(addresses.iter().map(|&address| {
            let mut address = address;
            address.set_port(port);
            address
        }));
        self.stage = Stage::Connecting;
        self.await_limit();
    }

    /// The address to try next, if one is left. Where all of them have a time, each has its share.
    pub fn next_address(&mut self, now: Instant) -> Option<SocketAddr> {
        let left = u32::try_from(self.addresses.len()).unwrap_or(u32::MAX).max(1);
        let share = self.limit.map(|limit| limit.saturating_duration_since(now) / left);
        let time =
            self.address_time.map(|most| share.map_or(most, |share| share.clamp(LEAST_ADDRESS_TIME, most)));
        (self.address, self.began, self.is_connected) = (self.addresses.pop_front(), Some(now), false);
        self.wait_until(time.map(|time| now + time));
        self.address
    }

    /// Notes why the address has failed. What its server says or shows is noted without the address.
    pub fn fail_address(&mut self, failure: &Failure) {
        let why = match (failure, self.address) {
            (Failure::Socket(why), Some(address)) => format!("{address}: {why}"),
            (Failure::Socket(why), None) | (Failure::Tls(why), _) => why.clone(),
        };
        if !self.failures.contains(&why) {
            self.failures.push(why);
        }
    }

    /// Why all addresses have failed.
    pub fn failures(&self) -> String {
        self.failures.join(", ")
    }
}

/// Why an address has failed.
#[derive(Debug)]
pub enum Failure {
    /// It cannot be connected.
    Socket(String),
    /// The handshake has failed.
    Tls(String),
}

impl Failure {
    /// An error of the socket.
    pub fn of_socket(error: &io::Error) -> Self {
        Self::Socket(describe(error))
    }

    /// An error in the handshake, which is that of the socket or has a text of its own.
    pub fn of_handshake(error: &io::Error) -> Self {
        if error.get_ref().is_some() { Self::Tls(error.to_string()) } else { Self::of_socket(error) }
    }
}

fn describe(error: &io::Error) -> String {
    if Shortage::of(error).is_some() {
        return "too many files are open".to_owned();
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "no route".to_owned(),
        ErrorKind::TimedOut => "no answer".to_owned(),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => "the connection was reset".to_owned(),
        ErrorKind::AddrNotAvailable => "no local address or port is free for it".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(limit: Option<Instant>) -> Attempt {
        Attempt::new(Destination { host: "a.example".into(), port: 81, tls: None, bind: None }, limit)
    }

    fn address(end: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, end], 0))
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn each_of_several_addresses_has_5_s_and_a_single_one_has_the_time_of_the_session() {
        let (now, id) = (Instant::now(), SessionId::default());
        let mut connector = Connector::default();
        connector.attempts.insert(id, attempt(None));
        let attempt = connector.attempt(id).unwrap();
        attempt.take_addresses(&[address(1)]);
        assert_eq!(attempt.next_address(now).map(|address| address.to_string()), Some("192.0.2.1:81".into()));
        assert_eq!(connector.next_deadline(), None);
        let attempt = connector.attempt(id).unwrap();
        attempt.take_addresses(&[address(2), address(3)]);
        assert!(attempt.next_address(now).is_some());
        assert_eq!(connector.next_deadline(), Some(now + ADDRESS_TIME));
        assert_eq!(connector.expired(now + ADDRESS_TIME - Duration::from_millis(1)), []);
        assert_eq!(connector.expired(now + ADDRESS_TIME), [id]);
        assert!(connector.end(id).is_some() && connector.next_deadline().is_none());
    }

    /// The seconds at which each of so many addresses that do not answer is given up, and why all of it has failed.
    fn tried(count: u8, limit: u64) -> (Vec<u64>, String) {
        let began = Instant::now();
        let mut attempt = attempt(Some(began + seconds(limit)));
        let addresses: Vec<_> = (1..=count).map(address).collect();
        attempt.take_addresses(&addresses);
        let (mut now, mut ends) = (began, Vec::new());
        while attempt.next_address(now).is_some() {
            now = attempt.until.unwrap();
            ends.push(now.duration_since(began).as_secs());
            if let Some(why) = attempt.overdue(now) {
                return (ends, why);
            }
            attempt.fail_address(&attempt.too_slow(now));
        }
        (ends, attempt.failures())
    }

    #[test]
    fn all_addresses_have_their_share_of_the_time_of_a_relay_and_are_named() {
        let why = "192.0.2.1:81: no answer within 10 s".to_owned();
        assert_eq!(tried(1, 10), (vec![10], why));
        let why = "192.0.2.1:81: no answer within 5 s, 192.0.2.2:81: no answer within 5 s".to_owned();
        assert_eq!(tried(2, 10), (vec![5, 10], why));
        assert_eq!(tried(3, 10).0, [2, 4, 6]);
        let (now, mut silent) = (Instant::now(), attempt(None));
        silent.take_addresses(&[address(1)]);
        silent.next_address(now);
        silent.note_connected();
        silent.fail_address(&silent.too_slow(now + seconds(10)));
        assert_eq!(silent.failures(), "192.0.2.1:81: no TLS handshake within 10 s");
        assert_eq!(tried(8, 10).0.len(), 8);
        let (ends, why) = tried(12, 10);
        assert_eq!(ends, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert!(why.ends_with("192.0.2.10:81: no answer within 1 s, 2 more not tried"), "{why}");
    }

    #[test]
    fn the_time_of_a_relay_ends_a_lookup() {
        let now = Instant::now();
        let mut attempt = attempt(Some(now + seconds(10)));
        assert_eq!(attempt.until, Some(now + seconds(10)));
        attempt.await_addresses(true, now + seconds(9));
        assert_eq!((attempt.until, attempt.overdue(now + seconds(9))), (Some(now + seconds(10)), None));
        let why = attempt.overdue(now + seconds(10));
        assert_eq!(why.as_deref(), Some("the name a.example is not resolved in time"));
    }

    #[test]
    fn a_lookup_is_not_waited_for_where_other_addresses_are_known() {
        let (now, mut attempt) = (Instant::now(), attempt(None));
        attempt.await_addresses(false, now);
        assert_eq!(attempt.until, None);
        attempt.await_addresses(true, now);
        assert_eq!(attempt.until, Some(now + LOOKUP_TIME));
    }
}
