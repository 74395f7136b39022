//! Limits of connections: in all, of a protocol, of an RTMP server, of one address.
//!
//! A limit counts what belongs to its block. A connection beyond one never becomes a session: its socket is closed at
//! the accept. (Clients of an application are counted at `connect`, in `admission.rs`.)

use std::collections::HashMap;

use crate::conf::{Acts, Context, Directive, Repeat, Scope, Takes, value};
use crate::engine::config::by_id::ByServer;
use crate::engine::config::listener::Protocol;
use crate::engine::ids::ServerId;
use crate::engine::limits::origin::Origin;
use crate::engine::peer::Peer;

/// The rows of the table.
pub(in crate::engine) const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "max_connections",
        contexts: &[Context::Main, Context::Rtmp, Context::RtmpServer, Context::Application, Context::Http],
        takes: Takes::Number(0, 0xffff_ffff),
        default: "0",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The maximum number of connections: of all at the top level, of all RTMP or HTTP connections in \
              rtmp and http, of one RTMP server, or of the clients of one application. The limits of outer \
              blocks apply as well. 0 means no limit. Further connections are closed at once; an HTTP client \
              gets 503, and an application refuses the connect.",
    },
    Directive {
        name: "max_connections_per_address",
        contexts: &[Context::Main, Context::Rtmp, Context::Http],
        takes: Takes::Number(0, 0xffff_ffff),
        default: "0",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The maximum number of connections from one IP address (from one network of 64 bits with IPv6): \
              of all kinds, of RTMP, or of HTTP. Clients behind a proxy all have its address, unless it tells theirs (listen ... proxy_protocol). \
              Loopback addresses have no limit.",
    },
];

/// The limits in one block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::engine) struct ConnectionLimits {
    connections: Option<usize>,
    per_address: Option<usize>,
}

impl ConnectionLimits {
    /// The limits of a checked block without inherited ones, which the outer block counts.
    pub fn of(scope: &Scope<'_>) -> Self {
        let limit = |name: &str| {
            let node = scope.own(name).next()?;
            let limit = value::number(node.args.first()?)?;
            usize::try_from(limit).ok().filter(|limit| *limit > 0)
        };
        Self { connections: limit("max_connections"), per_address: limit("max_connections_per_address") }
    }

    /// The most clients of an application.
    pub fn clients(self) -> Option<usize> {
        self.connections
    }
}

/// The limits of connections, by block.
#[derive(Debug, Default)]
pub(in crate::engine) struct BlockLimits {
    pub all: ConnectionLimits,
    pub rtmp: ConnectionLimits,
    pub http: ConnectionLimits,
    pub servers: ByServer<ConnectionLimits>,
}

/// The connections of a block.
#[derive(Debug, Default)]
struct Block {
    name: &'static str,
    limits: ConnectionLimits,
    count: usize,
}

/// The limit that a connection exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Excess {
    Connections(&'static str, usize),
    PerAddress(&'static str, usize),
}

/// The connections of one address.
#[derive(Debug, Default, Clone, Copy)]
struct Share {
    rtmp: usize,
    http: usize,
}

impl Share {
    fn of(&mut self, protocol: Protocol) -> &mut usize {
        match protocol {
            Protocol::Rtmp => &mut self.rtmp,
            Protocol::Http => &mut self.http,
        }
    }
}

/// The name of an RTMP server's block.
const SERVER: &str = "its server";

/// The number of addresses for which the table keeps its memory.
const USUAL_ADDRESSES: usize = 1024;

/// Counts of all connections for each limit.
#[derive(Debug, Default)]
pub(in crate::engine) struct Connections {
    all: Block,
    rtmp: Block,
    http: Block,
    servers: ByServer<Block>,
    /// The addresses that have connections. Invariant: empty where no limit is per address.
    addresses: HashMap<Origin, Share>,
}

impl Connections {
    /// No connections yet.
    pub fn new(limits: &BlockLimits) -> Self {
        let block = |name, limits| Block { name, limits, count: 0 };
        Self {
            all: block("the top level", limits.all),
            rtmp: block("rtmp", limits.rtmp),
            http: block("http", limits.http),
            servers: limits.servers.iter().map(|(id, limits)| (id, block(SERVER, *limits))).collect(),
            addresses: HashMap::new(),
        }
    }

    /// Takes the limits of another configuration; what is counted stays so. `peers` are all connections: where no limit was per address, they
    /// have not been counted by address.
    pub fn adopt(&mut self, next: Self, peers: impl Iterator<Item = (Protocol, Peer)>) {
        let has_counted = self.counts_addresses();
        self.all.limits = next.all.limits;
        self.rtmp.limits = next.rtmp.limits;
        self.http.limits = next.http.limits;
        for (id, next) in next.servers.into_entries() {
            let count = self.servers.get(id).map_or(0, |block| block.count);
            self.servers.insert(id, Block { count, ..next });
        }
        if self.counts_addresses() == has_counted {
            return;
        }
        self.addresses = HashMap::new();
        if self.counts_addresses() {
            let origins = peers.filter_map(|(protocol, peer)| Some((protocol, Origin::of(peer)?)));
            origins
                .for_each(|(protocol, origin)| *self.addresses.entry(origin).or_default().of(protocol) += 1);
        }
    }

    /// Removes an RTMP server that is gone, unless it has connections.
    pub fn release(&mut self, server: ServerId) -> bool {
        let is_unused = self.servers.get(server).is_none_or(|block| block.count == 0);
        if is_unused {
            self.servers.release(server);
        }
        is_unused
    }

    /// Counts a connection, unless there are too many; `server` is the RTMP server, none for HTTP. Without a peer it
    /// counts for no address: that comes later, with [`Self::enter_address`].
    pub fn enter(&mut self, server: Option<ServerId>, peer: Option<Peer>) -> Result<(), Excess> {
        let protocol = protocol_of(server);
        let origin = self.check_address(protocol, peer)?;
        for block in self.blocks(server) {
            if let Some(most) = block.limits.connections.filter(|most| block.count >= *most) {
                return Err(Excess::Connections(block.name, most));
            }
        }
        self.blocks(server).for_each(|block| block.count += 1);
        self.count_origin(protocol, origin);
        Ok(())
    }

    /// Counts a connection that has entered without a peer for its address, unless there are too many.
    pub fn enter_address(&mut self, protocol: Protocol, peer: Peer) -> Result<(), Excess> {
        let origin = self.check_address(protocol, Some(peer))?;
        self.count_origin(protocol, origin);
        Ok(())
    }

    /// Counts a connection for another address from now on, unless that has too many.
    pub fn change_address(&mut self, protocol: Protocol, from: Peer, to: Peer) -> Result<(), Excess> {
        if Origin::of(from) != Origin::of(to) {
            self.enter_address(protocol, to)?;
            self.leave_address(protocol, from);
        }
        Ok(())
    }

    /// The origin for which a connection of this peer is to be counted, unless there are too many.
    fn check_address(&self, protocol: Protocol, peer: Option<Peer>) -> Result<Option<Origin>, Excess> {
        let Some(origin) = peer.and_then(Origin::of).filter(|_| self.counts_addresses()) else {
            return Ok(None);
        };
        let share = self.addresses.get(&origin).copied().unwrap_or_default();
        self.check_share(protocol, share)?;
        Ok(Some(origin))
    }

    fn count_origin(&mut self, protocol: Protocol, origin: Option<Origin>) {
        if let Some(origin) = origin {
            *self.addresses.entry(origin).or_default().of(protocol) += 1;
        }
    }

    /// Counts a connection no more; `peer` is the one for whose address it was counted.
    pub fn leave(&mut self, server: Option<ServerId>, peer: Option<Peer>) {
        let protocol = protocol_of(server);
        for block in self.blocks(server) {
            debug_assert!(block.count > 0, "who leaves {} was counted", block.name);
            block.count = block.count.saturating_sub(1);
        }
        peer.into_iter().for_each(|peer| self.leave_address(protocol, peer));
    }

    /// Counts a connection no more for its address.
    fn leave_address(&mut self, protocol: Protocol, peer: Peer) {
        let Some(origin) = Origin::of(peer).filter(|_| self.counts_addresses()) else { return };
        let Some(share) = self.addresses.get_mut(&origin) else { return };
        let count = share.of(protocol);
        *count = count.saturating_sub(1);
        if share.rtmp + share.http == 0 {
            self.addresses.remove(&origin);
            if self.addresses.capacity() / 8 > self.addresses.len().max(USUAL_ADDRESSES) {
                self.addresses.shrink_to(USUAL_ADDRESSES);
            }
        }
    }

    /// The connections of a protocol.
    pub fn count(&self, protocol: Protocol) -> usize {
        match protocol {
            Protocol::Rtmp => self.rtmp.count,
            Protocol::Http => self.http.count,
        }
    }

    /// Whether there is no connection.
    pub fn is_empty(&self) -> bool {
        self.all.count == 0 && self.addresses.is_empty()
    }

    fn counts_addresses(&self) -> bool {
        [&self.all, &self.rtmp, &self.http].iter().any(|block| block.limits.per_address.is_some())
    }

    fn check_share(&self, protocol: Protocol, mut share: Share) -> Result<(), Excess> {
        let own = if protocol == Protocol::Rtmp { &self.rtmp } else { &self.http };
        for (block, count) in [(&self.all, share.rtmp + share.http), (own, *share.of(protocol))] {
            if let Some(most) = block.limits.per_address.filter(|most| count >= *most) {
                return Err(Excess::PerAddress(block.name, most));
            }
        }
        Ok(())
    }

    /// The blocks that a connection belongs to.
    fn blocks(&mut self, server: Option<ServerId>) -> impl Iterator<Item = &mut Block> {
        let (own, server) = match server {
            Some(server) => (&mut self.rtmp, self.servers.get_mut(server)),
            None => (&mut self.http, None),
        };
        [Some(&mut self.all), Some(own), server].into_iter().flatten()
    }
}

fn protocol_of(server: Option<ServerId>) -> Protocol {
    if server.is_some() { Protocol::Rtmp } else { Protocol::Http }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use super::*;

    #[test]
    fn the_table_holds_only_addresses_that_are_connected_and_gives_its_room_back() {
        let limits = ConnectionLimits { connections: None, per_address: Some(2) };
        let mut connections =
            Connections { all: Block { name: "all", limits, count: 0 }, ..Connections::default() };
        let address = |number: u32| SocketAddr::new(IpAddr::V4((0x0a00_0000 + number).into()), 1000);
        let peers: Vec<Peer> = (0..20_000).map(|number| address(number).into()).collect();
        for peer in peers.iter().chain(&peers) {
            assert_eq!(connections.enter(None, Some(*peer)), Ok(()));
        }
        for peer in &peers {
            assert_eq!(connections.enter(None, Some(*peer)), Err(Excess::PerAddress("all", 2)));
        }
        for peer in peers.iter().chain(&peers) {
            connections.leave(None, Some(*peer));
        }
        assert!(connections.is_empty() && connections.addresses.capacity() < 10 * USUAL_ADDRESSES);
    }
}
