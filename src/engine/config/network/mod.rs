//! Networks: sets of addresses, as `allow` and `deny` name them; and rules of them.
//!
//! A network is read from one word and can tell whether it contains an address.

pub(in crate::engine) mod rules;

use std::net::IpAddr;

use crate::engine::peer::Peer;

/// An address, or all addresses with the same first bits, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Network {
    /// Every address.
    All,
    /// Peers at Unix sockets.
    Unix,
    /// The addresses whose first `bits` bits are those of `base`. Invariant: no further bit is set there.
    Prefix {
        /// The lowest address.
        base: IpAddr,
        /// The number of bits that count.
        bits: u8,
    },
}

impl Network {
    /// Reads `all`, `unix:`, an address, or an address with the length of a prefix.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "all" => return Ok(Self::All),
            "unix:" => return Ok(Self::Unix),
            _ => {}
        }
        let bad = || format!("\"{text}\" is not an address, a network such as 192.168.0.0/16, or all");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits: u8 = match bits {
            None => most,
            // A sign would be taken by the parser, too.
            Some(digits) if !digits.bytes().all(|byte| byte.is_ascii_digit()) => return Err(bad()),
            Some(digits) => digits.parse().ok().filter(|bits| *bits <= most).ok_or_else(bad)?,
        };
        let (address, bits) = match (address.to_canonical(), bits.checked_sub(MAPPED_BITS)) {
            (canonical @ IpAddr::V4(_), Some(bits)) if address.is_ipv6() => (canonical, bits),
            _ => (address, bits),
        };
        // nginx, too, takes 192.168.1.1/16 for the network that it is in.
        Ok(Self::Prefix { base: first_bits(address, bits), bits })
    }

    /// The network of an address with this length of its prefix.
    pub fn of(address: IpAddr, bits: u8) -> Self {
        Self::Prefix { base: first_bits(address, bits), bits }
    }

    /// Whether every address is in the network.
    pub fn is_everybody(&self) -> bool {
        matches!(self, Self::All | Self::Prefix { bits: 0, .. })
    }

    /// Whether a peer is in the network. An IPv4 address from an IPv6 socket counts as IPv4.
    pub fn contains(&self, peer: Peer) -> bool {
        match (*self, peer.ip().map(|ip| ip.to_canonical())) {
            (Self::All, _) => true,
            (Self::Unix, address) => address.is_none(),
            (Self::Prefix { base, bits }, Some(address)) => {
                base.is_ipv4() == address.is_ipv4() && first_bits(address, bits) == base
            }
            (Self::Prefix { .. }, None) => false,
        }
    }
}

/// The bits in front of an IPv4 address that is written as one of IPv6, `::ffff:192.0.2.1` (RFC 4291, section 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// The address with only its first bits.
fn first_bits(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn peer(ip: &str) -> Peer {
        SocketAddr::new(ip.parse().unwrap(), 1000).into()
    }

    #[test]
    fn an_address_belongs_to_a_network_if_its_first_bits_do() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.0"),
            ("192.168.1.7/16", "192.168.200.1", "192.169.1.7"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.1", "::ffff:192.0.2.1", "::1"),
            ("0.0.0.0/0", "255.1.2.3", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::1", "::1", "::2"),
            ("::/0", "2001:db8::1", "127.0.0.1"),
            ("::ffff:127.0.0.0/104", "127.1.2.3", "128.0.0.1"),
            ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("10.1.2.128/25", "10.1.2.129", "10.1.2.127"),
        ] {
            let parsed = Network::parse(network).unwrap();
            assert!(parsed.contains(peer(inside)), "{inside} in {network}");
            assert!(!parsed.contains(peer(outside)), "{outside} in {network}");
            assert!(!parsed.contains(Peer::Unix), "unix in {network}");
        }
        assert!(Network::All.contains(peer("::1")) && Network::All.contains(Peer::Unix));
        let unix = Network::parse("unix:").unwrap();
        assert!(unix.contains(Peer::Unix) && !unix.contains(peer("127.0.0.1")));
    }

    #[test]
    fn what_is_no_network_is_a_mistake() {
        for text in
            ["", "10.0.0.0/33", "::/129", "10.0.0", "10.0.0.0/", "10.0.0.0/+8", "localhost", "10.0.0.0/8/8"]
        {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
