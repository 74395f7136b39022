//! The addresses of names: what the system's resolver has said, and for how long that holds.
//!
//! [`Resolver`] is the table, which belongs to the loop and never waits; [`look_up`] asks the system, in a thread. Each
//! name is looked up once at a time, whoever waits for it.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The time for which the addresses of a name are used before it is looked up again.
const KEPT: Duration = Duration::from_secs(30);
/// The time after a failure in which a name is not looked up again.
const FAILURE_KEPT: Duration = Duration::from_secs(5);
/// The names in the table; beyond this number the one that has been unused for longest is forgotten.
const MAX_NAMES: usize = 256;
/// The addresses of one name that are used.
const MAX_ADDRESSES: usize = 16;

/// The addresses of a name, without ports.
pub type Addresses = Rc<[SocketAddr]>;

/// What is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Known(Addresses),
    /// It cannot be resolved, for this reason.
    Unknown(String),
    /// It is looked up already.
    Wait,
    /// The caller has to have it looked up.
    LookUp,
}

/// The table of names.
#[derive(Debug, Default)]
pub struct Resolver {
    names: HashMap<String, Name>,
    /// Counts the questions.
    clock: u64,
}

#[derive(Debug)]
struct Name {
    /// The addresses of the last lookup that found some.
    last: Option<Addresses>,
    /// Why the last lookup found none.
    failure: Option<String>,
    /// Until when the result of the last lookup holds; none while it is looked up.
    until: Option<Instant>,
    /// The log says that old addresses are used.
    is_told: bool,
    /// The number of the last question.
    used: u64,
}

impl Resolver {
    /// What is known of a host, which may also be an address.
    pub fn resolve(&mut self, host: &str, now: Instant) -> Answer {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Answer::Known(Rc::new([SocketAddr::new(address, 0)]));
        }
        self.clock += 1;
        let used = self.clock;
        let Some(name) = self.names.get_mut(host) else {
            if !self.make_room() {
                return Answer::Unknown(format!("too many names are being looked up, so {host} is not"));
            }
            let name = Name { last: None, failure: None, until: None, is_told: false, used };
            self.names.insert(host.to_owned(), name);
            return Answer::LookUp;
        };
        name.used = used;
        match name.until {
            None => Answer::Wait,
            Some(until) if now >= until => {
                name.until = None;
                Answer::LookUp
            }
            Some(_) => name.answer(host),
        }
    }

    /// Takes the result of a lookup. Addresses that were found before outlive a failure.
    pub fn finish(&mut self, host: &str, result: Result<Vec<SocketAddr>, String>, now: Instant) {
        let Some(name) = self.names.get_mut(host) else { return };
        match result {
            Ok(mut addresses) => {
                addresses.truncate(MAX_ADDRESSES);
                if std::mem::take(&mut name.is_told) {
                    log::info!("the name {host} can be resolved again");
                }
                (name.last, name.failure) = (Some(addresses.into()), None);
                name.until = Some(now + KEPT);
            }
            Err(why) => {
                if name.last.is_some() && !std::mem::replace(&mut name.is_told, true) {
                    log::warn!("{why}: the addresses that it had before are used");
                }
                name.failure = Some(why);
                name.until = Some(now + FAILURE_KEPT);
            }
        }
    }

    /// The addresses that a name had when it was looked up last with success.
    pub fn last(&self, host: &str) -> Option<Addresses> {
        self.names.get(host)?.last.clone()
    }

    /// The same, for one whose lookup takes too long.
    pub fn last_meanwhile(&mut self, host: &str) -> Option<Addresses> {
        let name = self.names.get_mut(host)?;
        let last = name.last.clone()?;
        if !std::mem::replace(&mut name.is_told, true) {
            log::warn!("the lookup of the name {host} takes long: the addresses that it had before are used");
        }
        Some(last)
    }

    /// Makes room for one more name. False if all are being looked up.
    fn make_room(&mut self) -> bool {
        if self.names.len() < MAX_NAMES {
            return true;
        }
        let idle = self.names.iter().filter(|(_, name)| name.until.is_some());
        let oldest = idle.min_by_key(|(_, name)| name.used).map(|(host, _)| host.clone());
        oldest.is_some_and(|host| self.names.remove(&host).is_some())
    }
}

impl Name {
    fn answer(&self, host: &str) -> Answer {
        match (&self.last, &self.failure) {
            (Some(last), _) => Answer::Known(Rc::clone(last)),
            (None, Some(why)) => Answer::Unknown(why.clone()),
            (None, None) => Answer::Unknown(not_known(host)),
        }
    }
}

/// Asks the system for the addresses of a name; it may take many seconds. The error is for the log.
pub fn look_up(host: &str) -> Result<Vec<SocketAddr>, String> {
    let mut addresses = Vec::new();
    for address in (host, 0).to_socket_addrs().map_err(|error| describe(host, &error.to_string()))? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(not_known(host)) } else { Ok(addresses) }
}

fn not_known(host: &str) -> String {
    format!("the name {host} is not known")
}

/// Says why a lookup has failed. The standard library hands on only the text of the C library (glibc's or musl's).
fn describe(host: &str, error: &str) -> String {
    const NOT_KNOWN: [&str; 4] = [
        "Name or service not known",
        "No address associated with hostname",
        "Name does not resolve",
        "Name has no usable address",
    ];
    let why = error.strip_prefix("failed to lookup address information: ").unwrap_or(error);
    if NOT_KNOWN.contains(&why) {
        not_known(host)
    } else {
        format!("the name {host} cannot be resolved ({why})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(ends: &[u8]) -> Vec<SocketAddr> {
        ends.iter().map(|&end| SocketAddr::from(([192, 0, 2, end], 0))).collect()
    }

    fn known(ends: &[u8]) -> Answer {
        Answer::Known(addresses(ends).into())
    }

    fn after(now: Instant, seconds: u64) -> Instant {
        now + Duration::from_secs(seconds)
    }

    #[test]
    fn an_address_needs_no_lookup() {
        let (mut resolver, now) = (Resolver::default(), Instant::now());
        assert_eq!(resolver.resolve("192.0.2.7", now), known(&[7]));
        let v6 = SocketAddr::new("2001:db8::1".parse().unwrap(), 0);
        assert_eq!(resolver.resolve("2001:db8::1", now), Answer::Known(Rc::new([v6])));
        assert!(resolver.names.is_empty());
    }

    #[test]
    fn a_name_is_looked_up_once_at_a_time_and_its_addresses_hold_for_30_s() {
        let (mut resolver, now) = (Resolver::default(), Instant::now());
        assert_eq!(resolver.resolve("a.example", now), Answer::LookUp);
        assert_eq!(resolver.resolve("a.example", now), Answer::Wait);
        assert_eq!(resolver.resolve("b.example", now), Answer::LookUp);
        resolver.finish("a.example", Ok(addresses(&[1, 2])), now);
        assert_eq!(resolver.resolve("a.example", after(now, 29)), known(&[1, 2]));
        assert_eq!(resolver.resolve("a.example", after(now, 30)), Answer::LookUp);
        assert_eq!(resolver.resolve("a.example", after(now, 30)), Answer::Wait);
        resolver.finish("a.example", Ok(addresses(&[3])), after(now, 31));
        assert_eq!(resolver.resolve("a.example", after(now, 60)), known(&[3]));
    }

    #[test]
    fn a_failure_holds_for_5_s() {
        let (mut resolver, now) = (Resolver::default(), Instant::now());
        assert_eq!(resolver.resolve("a.example", now), Answer::LookUp);
        resolver.finish("a.example", Err("no server".into()), now);
        assert_eq!(resolver.resolve("a.example", after(now, 4)), Answer::Unknown("no server".into()));
        assert_eq!(resolver.resolve("a.example", after(now, 5)), Answer::LookUp);
    }

    #[test]
    fn the_last_addresses_are_used_while_a_name_cannot_be_resolved() {
        let (mut resolver, now) = (Resolver::default(), Instant::now());
        resolver.resolve("a.example", now);
        assert_eq!(resolver.last("a.example"), None);
        resolver.finish("a.example", Ok(addresses(&[1])), now);
        assert_eq!(resolver.resolve("a.example", after(now, 30)), Answer::LookUp);
        assert_eq!(resolver.last_meanwhile("a.example"), Some(addresses(&[1]).into()));
        resolver.finish("a.example", Err("no server".into()), after(now, 40));
        assert_eq!(resolver.resolve("a.example", after(now, 44)), known(&[1]));
        assert_eq!(resolver.resolve("a.example", after(now, 45)), Answer::LookUp);
    }

    #[test]
    fn the_name_that_has_been_unused_for_longest_makes_room_unless_it_is_being_looked_up() {
        let (mut resolver, now) = (Resolver::default(), Instant::now());
        for number in 0..MAX_NAMES {
            assert_eq!(resolver.resolve(&format!("{number}.example"), now), Answer::LookUp);
        }
        assert!(matches!(resolver.resolve("more.example", now), Answer::Unknown(_)));
        for number in 1..MAX_NAMES {
            resolver.finish(&format!("{number}.example"), Ok(addresses(&[1])), now);
        }
        resolver.resolve("1.example", now);
        assert_eq!(resolver.resolve("more.example", now), Answer::LookUp);
        assert_eq!(resolver.resolve("0.example", now), Answer::Wait);
        assert_eq!(resolver.resolve("1.example", now), known(&[1]));
        assert_eq!(resolver.last("2.example"), None);
        assert_eq!(resolver.names.len(), MAX_NAMES);
    }

    #[test]
    fn the_system_knows_localhost_and_its_errors_are_told_apart() {
        let found = look_up("localhost").unwrap();
        assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback()));
        let texts =
            [("Name or service not known", "is not known"), ("Try again", "cannot be resolved (Try again)")];
        for (text, expected) in texts {
            let whole = format!("failed to lookup address information: {text}");
            assert_eq!(describe("a.example", &whole), format!("the name a.example {expected}"));
        }
    }
}
