//! The sessions that are being connected: what each of them waits for, and until when.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::resolver::Resolver;
use crate::engine::{ClientTls, Destination, SessionId};
use crate::net::backlog::Shortage;
use crate::net::tls::client::TlsClient;
use crate::net::tls::clients::TlsClients;

/// The time for one of several addresses.
const ADDRESS_TIME: Duration = Duration::from_secs(5);
/// After this time the last addresses of a name are used, and its lookup is not waited for.
const LOOKUP_TIME: Duration = Duration::from_secs(2);

/// All sessions that are being connected, and what is known for them.
#[derive(Debug, Default)]
pub struct Connector {
    attempts: HashMap<SessionId, Attempt>,
    pub resolver: Resolver,
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
    /// Whether there is more than one, tried or not.
    has_several: bool,
    /// Why those before have failed.
    failures: Vec<String>,
    /// When something else is done than to wait. Without it, the engine ends the session when its time is over.
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
    pub fn begin(&mut self, id: SessionId, destination: Destination) {
        self.attempts.insert(id, Attempt::new(destination));
    }

    pub fn attempt(&mut self, id: SessionId) -> Option<&mut Attempt> {
        self.attempts.get_mut(&id)
    }

    /// Forgets a session, which is connected, has failed, or is closed; a late result finds nothing.
    pub fn end(&mut self, id: SessionId) -> Option<Attempt> {
        self.attempts.remove(&id)
    }

    /// The sessions that wait for the addresses of a name.
    pub fn waiting_for_name(&self, host: &str) -> Vec<SessionId> {
        self.which(|attempt| attempt.stage == Stage::LookingUp && attempt.destination.host == host)
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
    fn new(destination: Destination) -> Self {
        Self {
            destination,
            stage: Stage::Preparing,
            client: None,
            addresses: VecDeque::new(),
            address: None,
            has_several: false,
            failures: Vec::new(),
            until: None,
        }
    }

    /// Waits for a lookup of its name: for a limited time if there are other addresses.
    pub fn await_addresses(&mut self, has_last: bool, now: Instant) {
        self.stage = Stage::LookingUp;
        self.until = has_last.then(|| now + LOOKUP_TIME);
    }

    /// Waits until the engine ends the session.
    pub fn await_engine(&mut self) {
        self.until = None;
    }

    /// Takes the addresses, which have no ports.
    pub fn take_addresses(&mut self, addresses: &[SocketAddr]) {
        let port = self.destination.port;
        self.has_several = addresses.len() > 1;
        self.addresses.extend(addresses.iter().map(|&address| {
            let mut address = address;
            address.set_port(port);
            address
        }));
        self.stage = Stage::Connecting;
        self.until = None;
    }

    /// The address to try next, if one is left.
    pub fn next_address(&mut self, now: Instant) -> Option<SocketAddr> {
        self.address = self.addresses.pop_front();
        self.until = self.has_several.then(|| now + ADDRESS_TIME);
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
    /// There was no connection in time.
    pub fn too_slow() -> Self {
        Self::Socket(format!("no answer within {} s", ADDRESS_TIME.as_secs()))
    }

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

    fn attempt() -> Attempt {
        Attempt::new(Destination { host: "a.example".into(), port: 81, tls: None, bind: None })
    }

    fn address(end: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, end], 0))
    }

    #[test]
    fn each_of_several_addresses_has_5_s_and_a_single_one_has_the_time_of_the_session() {
        let (now, id) = (Instant::now(), SessionId::default());
        let mut connector = Connector::default();
        connector.attempts.insert(id, attempt());
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

    #[test]
    fn a_lookup_is_not_waited_for_where_other_addresses_are_known() {
        let (now, mut attempt) = (Instant::now(), attempt());
        attempt.await_addresses(false, now);
        assert_eq!(attempt.until, None);
        attempt.await_addresses(true, now);
        assert_eq!(attempt.until, Some(now + LOOKUP_TIME));
    }
}
