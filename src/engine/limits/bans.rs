//! Bans: addresses that may not publish, play or view for a time, everywhere or one stream.
//!
//! They are made and lifted by a module for operators, which refuses requests to publish and play by them; viewers are
//! refused in `viewing/gate.rs`. They stay over a reload and go with the process.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::engine::config::network::Network;
use crate::engine::peer::Peer;

/// The most bans: each request to publish or play is compared with all.
pub const MAX_BANS: usize = 1024;

/// The bits of an IPv6 address that count: a host there has as many addresses as it likes.
const IPV6_BITS: u8 = 64;

/// Whom a ban is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Banned(Network);

impl Banned {
    /// The address of a peer; none at a Unix socket, which has no address.
    pub fn of(peer: Peer) -> Option<Self> {
        let text = match peer.ip()? {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("{ip}/{IPV6_BITS}"),
        };
        Network::parse(&text).ok().map(Self)
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

/// All bans, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Bans {
    /// At most [`MAX_BANS`].
    all: Vec<Ban>,
    last_id: u64,
}

impl Bans {
    /// Adds a ban, in place of one for the same address and stream; none if there are too many.
    pub fn add(&mut self, ban: Ban, now: Instant) -> Option<&Ban> {
        self.all.retain(|other| other.until > now);
        self.all.retain(|other| (other.banned, &other.stream) != (ban.banned, &ban.stream));
        if self.all.len() >= MAX_BANS {
            return None;
        }
        self.last_id += 1;
        self.all.push(Ban { id: self.last_id, ..ban });
        self.all.last()
    }

    /// Lifts a ban.
    pub fn lift(&mut self, id: u64, now: Instant) -> Option<Ban> {
        let position = self.all.iter().position(|ban| ban.id == id && ban.until > now)?;
        Some(self.all.remove(position))
    }

    /// Those that last.
    pub fn iter(&self, now: Instant) -> impl Iterator<Item = &Ban> {
        self.all.iter().filter(move |ban| ban.until > now)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How long a peer is still banned from a stream.
    pub fn time_left(&self, peer: Peer, (app, name): (&str, &str), now: Instant) -> Option<Duration> {
        let is_stream =
            |stream: &str| stream.strip_prefix(app).and_then(|rest| rest.strip_prefix('/')) == Some(name);
        let fits = |ban: &&Ban| ban.banned.0.contains(peer) && ban.stream.as_deref().is_none_or(is_stream);
        self.iter(now).filter(fits).map(|ban| ban.until - now).max()
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
        assert_eq!(bans.all.len(), 1);
    }
}
