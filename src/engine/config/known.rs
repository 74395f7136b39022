//! What a running server has, for the reader of its next configuration, which gives the ids: what stays keeps its own.
//!
//! A listener stays if its address does, an RTMP server if it shares an address with the old one (or one has all addresses
//! of the machine, and the other one of them), and an application if it has the same name in a server that shares an address
//! with its old server. What is gone keeps its id until nothing
//! uses it; no other gets it before.

use std::collections::HashSet;

use crate::engine::config::listener::ListenAddress;
use crate::engine::ids::{AppId, ListenerId, LocationId, ServerId};

/// The applications, of which the first that fits stays, RTMP servers and listeners of a running server. Nothing at the
/// start.
#[derive(Debug, Clone, Default)]
pub(in crate::engine) struct Known {
    pub servers: Vec<KnownServer>,
    pub apps: Vec<KnownApp>,
    pub listeners: Vec<(ListenAddress, ListenerId)>,
    /// The lowest id that no listener has had.
    pub next_listener: u32,
    /// The lowest id that no location has had.
    pub next_location: LocationId,
}

#[derive(Debug, Clone)]
pub(in crate::engine) struct KnownServer {
    pub id: ServerId,
    pub addresses: Vec<ListenAddress>,
    /// Whether it is gone since an earlier reload.
    pub is_gone: bool,
}

#[derive(Debug, Clone)]
pub(in crate::engine) struct KnownApp {
    pub id: AppId,
    pub server: ServerId,
    pub name: String,
}

/// The ids of a configuration that is being read.
#[derive(Debug, Default)]
pub(in crate::engine) struct Ids {
    known: Known,
    servers: Vec<ServerId>,
    apps: HashSet<AppId>,
    /// The next new application gets this id, or a higher one if it is known.
    next_app: usize,
    pub next_listener: u32,
}

impl Ids {
    pub fn new(known: &Known) -> Self {
        Self { next_listener: known.next_listener, known: known.clone(), ..Self::default() }
    }

    /// The ids of the RTMP servers with these addresses. What is there goes before what is gone, and the same address
    /// before one that overlaps it.
    pub fn servers(&mut self, all: &[Vec<ListenAddress>]) -> Vec<ServerId> {
        let mut ids = vec![None; all.len()];
        for is_gone in [false, true] {
            for fits in [ListenAddress::eq, ListenAddress::overlaps] {
                for (id, addresses) in ids.iter_mut().zip(all).filter(|(id, _)| id.is_none()) {
                    *id = self.known_server(is_gone, |known| addresses.iter().any(|own| fits(known, own)));
                    self.servers.extend(*id);
                }
            }
        }
        ids.into_iter().map(|id| id.unwrap_or_else(|| self.new_server())).collect()
    }

    /// The server of which an address fits, and which no other server is.
    fn known_server(&self, is_gone: bool, fits: impl Fn(&ListenAddress) -> bool) -> Option<ServerId> {
        let mut left = self.known.servers.iter().filter(|server| !self.servers.contains(&server.id));
        let found = left.find(|server| server.is_gone == is_gone && server.addresses.iter().any(&fits));
        found.map(|server| server.id)
    }

    fn new_server(&mut self) -> ServerId {
        let is_taken = |id: &ServerId| {
            self.servers.contains(id) || self.known.servers.iter().any(|server| server.id == *id)
        };
        let id = (0..).map(ServerId).find(|id| !is_taken(id)).unwrap_or_default();
        self.servers.push(id);
        id
    }

    /// The id of an application of this name in a server with these addresses.
    pub fn app(&mut self, server: ServerId, addresses: &[ListenAddress], name: &str) -> AppId {
        let is_there = |app: &&KnownApp| app.name == name && !self.apps.contains(&app.id);
        let same_server = || self.known.apps.iter().filter(is_there).find(|app| app.server == server);
        let other_server = || self.known.apps.iter().filter(is_there).find(|app| self.was_at(app, addresses));
        let stays = same_server().or_else(other_server).map(|app| app.id);
        let id = stays.unwrap_or_else(|| self.new_app());
        self.apps.insert(id);
        id
    }

    /// The lowest id that no application has or had.
    fn new_app(&mut self) -> AppId {
        let is_known = |id: AppId| self.known.apps.iter().any(|app| app.id == id);
        while is_known(AppId(self.next_app)) {
            self.next_app += 1;
        }
        self.next_app += 1;
        AppId(self.next_app - 1)
    }

    /// The id of the listener at an address.
    pub fn listener(&mut self, address: &ListenAddress) -> ListenerId {
        let known = self.known.listeners.iter().find(|(other, _)| other == address);
        known.map(|(_, id)| *id).unwrap_or_else(|| {
            self.next_listener += 1;
            ListenerId(self.next_listener - 1)
        })
    }

    /// The id of the first location.
    pub fn first_location(&self) -> LocationId {
        self.known.next_location
    }

    fn was_at(&self, app: &KnownApp, addresses: &[ListenAddress]) -> bool {
        let old = self.known.servers.iter().find(|server| server.id == app.server);
        old.is_some_and(|old| shares(&old.addresses, addresses))
    }
}

fn shares(some: &[ListenAddress], others: &[ListenAddress]) -> bool {
    some.iter().any(|address| others.contains(address))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn at(port: u16) -> ListenAddress {
        ListenAddress { address: SocketAddr::from(([0, 0, 0, 0], port)).into(), nth: None }
    }

    /// Two servers: at 1 and 2 with "live" and "vod", and at 3 with "live".
    fn known() -> Known {
        let server = |id, ports: &[u16]| KnownServer {
            id: ServerId(id),
            addresses: ports.iter().map(|port| at(*port)).collect(),
            is_gone: false,
        };
        let app = |id, server, name: &str| KnownApp {
            id: AppId(id),
            server: ServerId(server),
            name: name.to_owned(),
        };
        Known {
            servers: vec![server(0, &[1, 2]), server(2, &[3])],
            apps: vec![app(0, 0, "live"), app(1, 0, "vod"), app(4, 2, "live")],
            listeners: vec![(at(1), ListenerId(0)), (at(3), ListenerId(5))],
            next_listener: 6,
            next_location: LocationId(9),
        }
    }

    #[test]
    fn servers_and_applications_keep_their_ids_in_any_order_and_new_ones_get_free_slots() {
        let mut ids = Ids::new(&known());
        let servers = ids.servers(&[vec![at(9)], vec![at(8), at(3)], vec![at(2)]]);
        assert_eq!(servers, [ServerId(1), ServerId(2), ServerId(0)]);
        assert_eq!(ids.app(ServerId(1), &[at(9)], "live"), AppId(2), "it has another address");
        assert_eq!(ids.app(ServerId(2), &[at(8), at(3)], "new"), AppId(3));
        assert_eq!(ids.app(ServerId(2), &[at(8), at(3)], "live"), AppId(4));
        assert_eq!(ids.app(ServerId(0), &[at(2)], "vod"), AppId(1));
        assert_eq!(ids.app(ServerId(0), &[at(2)], "more"), AppId(5), "\"live\" there may still be in use");
        let listeners = [3, 7, 6].map(|port| ids.listener(&at(port)));
        assert_eq!(listeners, [ListenerId(5), ListenerId(6), ListenerId(7)]);
        assert_eq!(ids.first_location(), LocationId(9));
    }

    #[test]
    fn of_a_server_that_is_divided_one_part_is_the_old_server_and_each_application_stays() {
        let mut ids = Ids::new(&known());
        assert_eq!(ids.servers(&[vec![at(1)], vec![at(2)]]), [ServerId(0), ServerId(1)]);
        assert_eq!(ids.app(ServerId(0), &[at(1)], "vod"), AppId(1));
        assert_eq!(ids.app(ServerId(1), &[at(2)], "live"), AppId(0));
        assert_eq!(ids.app(ServerId(1), &[at(2)], "vod"), AppId(2), "the other part has the old one");
    }

    #[test]
    fn a_server_stays_if_its_address_becomes_narrower_or_wider() {
        let own =
            |port: u16| ListenAddress { address: SocketAddr::from(([192, 0, 2, 1], port)).into(), nth: None };
        assert_eq!(Ids::new(&known()).servers(&[vec![own(3)], vec![own(9)]]), [ServerId(2), ServerId(1)]);
        let servers = Ids::new(&known()).servers(&[vec![own(3)], vec![at(3)]]);
        assert_eq!(servers, [ServerId(1), ServerId(2)], "the same address goes before one that overlaps it");
        let mut known = known();
        known.servers.push(KnownServer { id: ServerId(7), addresses: vec![own(3)], is_gone: true });
        assert_eq!(
            Ids::new(&known).servers(&[vec![own(3)]]),
            [ServerId(2)],
            "and what is there before what is gone"
        );
    }
}
