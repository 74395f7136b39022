//! A listener: an address at which net accepts connections, and the server that these belong to.
//!
//! It is a description from the configuration. Net has the socket; where several servers share a port, `service_at`
//! finds that of a connection.

use std::net::IpAddr;

use crate::conf::Place;
use crate::engine::config::listen::options::SocketOptions;
use crate::engine::config::listen_on::ListenOn;
use crate::engine::ids::{ListenerId, ServerId};

/// The protocol of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RTMP.
    Rtmp,
    /// HTTP.
    Http,
}

/// What serves the connections to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Service {
    Rtmp(ServerId),
    /// The virtual hosts at this position of the same configuration.
    Http(usize),
}

impl Service {
    /// The protocol of those connections.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Rtmp(_) => Protocol::Rtmp,
            Self::Http(_) => Protocol::Http,
        }
    }
}

/// How the connections to an address are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct AddressService {
    pub service: Service,
    /// Whether each begins with a PROXY header.
    pub proxy_protocol: bool,
    /// Whether each is encrypted.
    pub is_encrypted: bool,
}

/// An address to listen on, as two configurations may have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct ListenAddress {
    pub address: ListenOn,
    /// For port 0, for which the system chooses a port, and which may be there several times: its number among those
    /// of the protocol.
    pub nth: Option<(Protocol, usize)>,
}

/// One address at which connections are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The id. A listener with the same address has the same in the next configuration.
    pub id: ListenerId,
    /// The protocol.
    pub protocol: Protocol,
    /// The address.
    pub address: ListenOn,
    /// The options of its socket.
    pub options: SocketOptions,
    /// The place in the configuration.
    pub origin: Place,
    /// Whether it is the control socket: for the server's own user alone, and without limits.
    pub is_control: bool,
    pub(in crate::engine) served: AddressService,
    /// The number of the address among those with port 0.
    pub(in crate::engine) nth: usize,
    /// For a listener at all addresses of the machine: the addresses that belong to other servers.
    pub(in crate::engine) own_services: Vec<(IpAddr, AddressService)>,
}

impl Listener {
    /// Its address, as the next configuration may have it.
    pub(in crate::engine) fn listen_address(&self) -> ListenAddress {
        ListenAddress::new(self.address.clone(), self.protocol, self.nth)
    }

    /// Whether it listens at all addresses of the machine, `one` among them.
    pub(in crate::engine) fn covers(&self, one: &Self) -> bool {
        self.protocol == one.protocol
            && one.address.ip().is_some_and(|ip| !ip.is_unspecified())
            && has_all_of(&self.address, &one.address)
    }

    /// Whether a connection to this address of the machine may be one of it: with port 0, the port is not known here.
    pub(in crate::engine) fn may_have(&self, local: &ListenOn) -> bool {
        self.address.is_chosen_later() || self.accepts(local)
    }

    /// Whether connections to one of its addresses are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.services().any(|served| served.is_encrypted)
    }

    /// Whether connections to some of its addresses are encrypted.
    pub fn has_encrypted(&self) -> bool {
        self.services().any(|served| served.is_encrypted)
    }

    /// How the connections to each of its addresses are served.
    pub(in crate::engine) fn services(&self) -> impl Iterator<Item = AddressService> {
        std::iter::once(self.served).chain(self.own_services.iter().map(|(_, served)| *served))
    }

    /// Whether it gets the connections to this address of the machine.
    pub(in crate::engine) fn accepts(&self, local: &ListenOn) -> bool {
        self.address == *local || has_all_of(&self.address, local)
    }

    /// What serves a connection to this address of the machine.
    pub(in crate::engine) fn service_at(&self, local: &ListenOn) -> Service {
        self.served_at(local).service
    }

    /// How a connection to this address of the machine is served.
    pub(in crate::engine) fn served_at(&self, local: &ListenOn) -> AddressService {
        let own = self.own_services.iter().find(|(ip, _)| Some(*ip) == local.ip());
        own.map_or(self.served, |(_, served)| *served)
    }
}

/// Whether `all` stands for all addresses of the machine, with the port of `one`.
fn has_all_of(all: &ListenOn, one: &ListenOn) -> bool {
    let (Some(all), Some(one)) = (all.internet(), one.internet()) else { return false };
    let same_port = all.port() == one.port() && one.port() != 0;
    all.ip().is_unspecified() && same_port && all.is_ipv4() == one.is_ipv4()
}

impl ListenAddress {
    /// Whether both may get the same connections, as all addresses of the machine and one of them.
    pub fn overlaps(&self, other: &Self) -> bool {
        self == other
            || has_all_of(&self.address, &other.address)
            || has_all_of(&other.address, &self.address)
    }

    /// The `nth` address of a protocol with port 0, or any other address.
    pub fn new(address: ListenOn, protocol: Protocol, nth: usize) -> Self {
        Self { nth: address.is_chosen_later().then_some((protocol, nth)), address }
    }
}
