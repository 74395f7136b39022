//! Bans: addresses that may not publish, play or view for a time, everywhere or one stream.
//!
//! They are made and lifted by a module for operators. Requests to publish and play are refused by them at each gate,
//! and viewers at each request for a file (`viewing/gate.rs`). They stay over a reload and go with the process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use crate::engine::config::network::Network;
use crate::engine::peer::Peer;

/// The most bans.
pub const MAX_BANS: usize = 1024;

/// The bits of an IPv6 address that count: a host there has as many addresses as it likes.
const IPV6_BITS: u8 = 64;

/// The bits of an IPv4 address.
const IPV4_BITS: u8 = 32;

/// Whom a ban is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Banned(Network);

impl Banned {
    /// The address of a peer; none at a Unix socket, which has no address.
    pub fn of(peer: Peer) -> Option<Self> {
        let ip = peer.ip()?.to_canonical();
        Some(Self(Network::of(ip, if ip.is_ipv4() { IPV4_BITS } else { IPV6_BITS })))
    }

    /// The family and the length of its prefix.
    fn length(self) -> Length {
        match self.0 {
            Network::Prefix { base, bits } => (base.is_ipv4(), bits),
            Network::All | Network::Unix => Length::default(),
        }
    }

    /// Reads an address or a network. A single address of IPv6 stands for its network of 64 bits.
    pub fn parse(text: &str) -> Result<Self, String> {
        let whole = match text.parse::<Ipv6Addr>() {
            Ok(ip) if ip.to_ipv4_mapped().is_none() => format!("{ip}/{IPV6_BITS}"),
            Ok(ip) => ip.to_canonical().to_string(),
            Err(_) => text.to_owned(),
        };
        match Network::parse(&whole) {
            Ok(network @ Network::Prefix { bits: 1.., .. }) => Ok(Self(network)),
            Ok(_) => {
                Err(format!("\"{text}\" is everybody; name an address or a network such as 192.0.2.0/24"))
            }
            Err(_) => Err(format!("\"{text}\" is no address, and no network such as 192.0.2.0/24")),
        }
    }
}

impl fmt::Display for Banned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Network::Prefix { base, bits } if bits == if base.is_ipv4() { 32 } else { 128 } => base.fmt(f),
            Network::Prefix { base, bits } => write!(f, "{base}/{bits}"),
            Network::All | Network::Unix => f.write_str("all"),
        }
    }
}

/// A ban.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// The number; any for one that is to be added.
    pub id: u64,
    /// Whom it is for.
    pub banned: Banned,
    /// "live/cam"; none for all streams.
    pub stream: Option<String>,
    /// Its end.
    pub until: Instant,
    /// The reason.
    pub why: String,
    /// Who has made it.
    pub by: String,
}

/// Whether it is one of IPv4, and the number of bits that count.
type Length = (bool, u8);

/// All bans, in the order in which they were made; found by address, as each request for a file of HLS asks for them.
#[derive(Debug, Default)]
pub struct Bans {
    /// At most [`MAX_BANS`], by their numbers.
    all: BTreeMap<u64, Ban>,
    by_address: HashMap<Banned, OfAddress>,
    /// The lengths of all networks, with the number of those that have it.
    lengths: BTreeMap<Length, usize>,
    ends: BTreeSet<(Instant, u64)>,
    last_id: u64,
}

/// The bans on an address or network.
#[derive(Debug, Default)]
struct OfAddress {
    /// That from all streams.
    everywhere: Option<u64>,
    by_stream: HashMap<String, u64>,
}

impl OfAddress {
    fn ids(&self) -> impl Iterator<Item = u64> {
        self.everywhere.into_iter().chain(self.by_stream.values().copied())
    }
}

impl Bans {
    /// Adds a ban, in place of one for the same address and stream; none if there are too many.
    pub fn add(&mut self, ban: Ban, now: Instant) -> Option<&Ban> {
        while let Some(&(until, id)) = self.ends.first()
            && until <= now
        {
            self.remove(id);
        }
        let of_address = self.by_address.get(&ban.banned);
        let before = of_address.and_then(|bans| match &ban.stream {
            None => bans.everywhere,
            Some(stream) => bans.by_stream.get(stream).copied(),
        });
        if let Some(before) = before {
            self.remove(before);
        }
        if self.all.len() >= MAX_BANS {
            return None;
        }
        self.last_id += 1;
        let (id, of_address) = (self.last_id, self.by_address.entry(ban.banned).or_default());
        match &ban.stream {
            None => of_address.everywhere = Some(id),
            Some(stream) => _ = of_address.by_stream.insert(stream.clone(), id),
        }
        *self.lengths.entry(ban.banned.length()).or_default() += 1;
        self.ends.insert((ban.until, id));
        Some(self.all.entry(id).or_insert(Ban { id, ..ban }))
    }

    fn remove(&mut self, id: u64) -> Option<Ban> {
        let ban = self.all.remove(&id)?;
        self.ends.remove(&(ban.until, id));
        if let Some(of_address) = self.by_address.get_mut(&ban.banned) {
            match &ban.stream {
                None => of_address.everywhere = None,
                Some(stream) => _ = of_address.by_stream.remove(stream),
            }
            if of_address.everywhere.is_none() && of_address.by_stream.is_empty() {
                self.by_address.remove(&ban.banned);
            }
        }
        let length = ban.banned.length();
        if let Some(count) = self.lengths.get_mut(&length) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&length);
            }
        }
        Some(ban)
    }

    /// Lifts a ban.
    pub fn lift(&mut self, id: u64, now: Instant) -> Option<Ban> {
        self.get(id, now)?;
        self.remove(id)
    }

    /// The ban of this number, if it lasts.
    pub fn get(&self, id: u64, now: Instant) -> Option<&Ban> {
        self.all.get(&id).filter(|ban| ban.until > now)
    }

    /// Those that last.
    pub fn iter(&self, now: Instant) -> impl Iterator<Item = &Ban> {
        self.all.values().filter(move |ban| ban.until > now)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How long a peer is still banned from a stream.
    pub fn time_left(&self, peer: Peer, (app, name): (&str, &str), now: Instant) -> Option<Duration> {
        let stream = format!("{app}/{name}");
        let ids = self
            .of_peer(peer)?
            .flat_map(|bans| [bans.everywhere, bans.by_stream.get(&stream).copied()])
            .flatten();
        ids.filter_map(|id| self.get(id, now)).map(|ban| ban.until - now).max()
    }

    /// Whether a peer is banned from any stream.
    pub fn are_on(&self, peer: Peer, now: Instant) -> bool {
        let mut ids = self.of_peer(peer).into_iter().flatten().flat_map(OfAddress::ids);
        ids.any(|id| self.get(id, now).is_some())
    }

    /// The bans on the networks that a peer is in; none if it has no address.
    fn of_peer(&self, peer: Peer) -> Option<impl Iterator<Item = &OfAddress>> {
        let ip = peer.ip()?.to_canonical();
        let lengths = self.lengths.keys().filter(move |(is_ipv4, _)| *is_ipv4 == ip.is_ipv4());
        Some(lengths.filter_map(move |(_, bits)| self.by_address.get(&Banned(Network::of(ip, *bits)))))
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn peer(ip: &str) -> Peer {
        SocketAddr::new(ip.parse().unwrap(), 1000).into()
    }

    fn ban(address: &str, stream: Option<&str>, until: Instant) -> Ban {
        let (banned, stream) = (Banned::parse(address).unwrap(), stream.map(str::to_owned));
        Ban { id: 0, banned, stream, until, why: String::new(), by: String::new() }
    }

    #[test]
    fn a_ban_holds_for_an_address_and_a_stream_until_its_time_is_over() {
        let (mut bans, now) = (Bans::default(), Instant::now());
        let minute = Duration::from_secs(60);
        bans.add(ban("192.0.2.7", Some("live/cam"), now + minute), now).unwrap();
        bans.add(ban("192.0.2.7", None, now + minute / 2), now).unwrap();
        let left = |ip: &str, name: &str, at: Instant| bans.time_left(peer(ip), ("live", name), at);
        assert_eq!(left("192.0.2.7", "cam", now), Some(minute));
        assert_eq!(left("::ffff:192.0.2.7", "other", now), Some(minute / 2));
        assert_eq!(left("192.0.2.7", "other", now + minute / 2), None);
        assert_eq!(left("192.0.2.7", "cam", now + minute), None);
        assert_eq!(left("192.0.2.8", "cam", now), None);
        assert_eq!(bans.time_left(Peer::Unix, ("live", "cam"), now), None);
        assert_eq!(bans.iter(now + minute).count(), 0);
    }

    #[test]
    fn an_address_of_ipv6_stands_for_its_network() {
        for (text, shown) in [
            ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("192.0.2.7/24", "192.0.2.0/24"),
        ] {
            assert_eq!(Banned::parse(text).unwrap().to_string(), shown, "{text}");
        }
        assert_eq!(Banned::of(peer("2001:db8:0:1::7")), Banned::parse("2001:db8:0:1::9").ok());
        assert_eq!(Banned::of(Peer::Unix), None);
        for text in ["", "all", "unix:", "0.0.0.0/0", "::/0", "localhost", "192.0.2.0/33", "a\nb"] {
            assert!(Banned::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_ban_for_the_same_replaces_the_one_before_and_there_are_at_most_1024() {
        let (mut bans, now) = (Bans::default(), Instant::now());
        let later = now + Duration::from_secs(60);
        for number in 0..MAX_BANS {
            let address = format!("10.0.{}.{}", number / 256, number % 256);
            assert!(bans.add(ban(&address, None, later), now).is_some());
        }
        assert!(bans.add(ban("192.0.2.7", None, later), now).is_none());
        let again = bans.add(ban("10.0.0.0", None, later), now).map(|ban| ban.id);
        assert_eq!(again, Some(MAX_BANS as u64 + 1));
        assert!(bans.lift(1, now).is_none() && bans.lift(2, now).is_some());
        assert!(bans.add(ban("192.0.2.7", None, later), now).is_some());
        assert!(bans.add(ban("192.0.2.8", None, later), later).is_some(), "bans that are over make room");
        assert_eq!(
            (bans.all.len(), bans.ends.len(), bans.by_address.len(), bans.lengths.len()),
            (1, 1, 1, 1)
        );
    }

    #[test]
    fn an_address_is_found_in_networks_of_all_lengths() {
        let (mut bans, now) = (Bans::default(), Instant::now());
        let minute = Duration::from_secs(60);
        for (number, (address, stream)) in [
            ("192.0.2.0/24", None),
            ("192.0.0.0/16", Some("live/cam")),
            ("192.0.2.7", Some("a/b/cam")),
            ("2001:db8::/32", None),
        ]
        .into_iter()
        .enumerate()
        {
            bans.add(ban(address, stream, now + minute * (number as u32 + 1)), now).unwrap();
        }
        let left = |ip: &str, stream: (&str, &str)| {
            bans.time_left(peer(ip), stream, now).map_or(0, |left| left.as_secs() / 60)
        };
        assert_eq!(left("192.0.2.7", ("a/b", "cam")), 3);
        assert_eq!(left("192.0.2.7", ("live", "cam")), 2);
        assert_eq!(left("192.0.2.7", ("live", "dog")), 1);
        assert_eq!(left("192.0.3.7", ("live", "dog")), 0);
        assert_eq!(left("192.0.3.7", ("live", "cam")), 2);
        assert_eq!(left("2001:db8:7::1", ("live", "cam")), 4);
        assert_eq!(left("2001:db9::1", ("live", "cam")), 0);
    }
}
