//! What a running server has, for the reader of its next configuration, which gives the ids: what stays keeps its own.
//!
//! A listener stays if its address does, an RTMP server if it shares an address with the old one, and an application if
//! it has the same name in a server that shares an address with its old server. What is gone keeps its id until nothing
//! uses it; no other gets it before.

use crate::engine::config::listener::ListenAddress;
use crate::engine::ids::{AppId, ListenerId, LocationId, ServerId};

/// The applications, RTMP servers and listeners of a running server, of which the first that fits stays. Nothing at the
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
    apps: Vec<AppId>,
    pub next_listener: u32,
}

impl Ids {
    pub fn new(known: &Known) -> Self {
        Self { next_listener: known.next_listener, known: known.clone(), ..Self::default() }
    }

    /// The id of the RTMP server with these addresses.
    pub fn server(&mut self, addresses: &[ListenAddress]) -> ServerId {
        let mut stays = self.known.servers.iter().filter(|server| shares(&server.addresses, addresses));
        let stays = stays.find(|server| !self.servers.contains(&server.id)).map(|server| server.id);
        let is_taken = |id: &ServerId| {
            self.servers.contains(id) || self.known.servers.iter().any(|server| server.id == *id)
        };
        let id = stays.or_else(|| (0..).map(ServerId).find(|id| !is_taken(id))).unwrap_or_default();
        self.servers.push(id);
        id
    }

    /// The id of an application of this name in a server with these addresses.
    pub fn app(&mut self, server: ServerId, addresses: &[ListenAddress], name: &str) -> AppId {
        let is_there = |app: &&KnownApp| app.name == name && !self.apps.contains(&app.id);
        let same_server = || self.known.apps.iter().filter(is_there).find(|app| app.server == server);
        let other_server = || self.known.apps.iter().filter(is_there).find(|app| self.was_at(app, addresses));
        let stays = same_server().or_else(other_server).map(|app| app.id);
        let is_taken = |id: &AppId| self.apps.contains(id) || self.known.apps.iter().any(|app| app.id == *id);
        let id = stays.or_else(|| (0..).map(AppId).find(|id| !is_taken(id))).unwrap_or_default();
        self.apps.push(id);
        id
    }

    /// The id of the listener at an address.
    pub fn listener(&mut self, address: ListenAddress) -> ListenerId {
        let known = self.known.listeners.iter().find(|(other, _)| *other == address);
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
    use super::*;

    fn at(port: u16) -> ListenAddress {
        ListenAddress { address: ([0, 0, 0, 0], port).into(), nth: None }
    }

    /// Two servers: at 1 and 2 with "live" and "vod", and at 3 with "live".
    fn known() -> Known {
        let server = |id, ports: &[u16]| KnownServer {
            id: ServerId(id),
            addresses: ports.iter().map(|port| at(*port)).collect(),
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
        assert_eq!(ids.server(&[at(9)]), ServerId(1));
        assert_eq!(ids.app(ServerId(1), &[at(9)], "live"), AppId(2), "it has another address");
        assert_eq!(ids.server(&[at(8), at(3)]), ServerId(2));
        assert_eq!(ids.app(ServerId(2), &[at(8), at(3)], "new"), AppId(3));
        assert_eq!(ids.app(ServerId(2), &[at(8), at(3)], "live"), AppId(4));
        assert_eq!(ids.server(&[at(2)]), ServerId(0));
        assert_eq!(ids.app(ServerId(0), &[at(2)], "vod"), AppId(1));
        assert_eq!(ids.app(ServerId(0), &[at(2)], "more"), AppId(5), "\"live\" there may still be in use");
        assert_eq!(
            (ids.listener(at(3)), ids.listener(at(7)), ids.listener(at(6))),
            (ListenerId(5), ListenerId(6), ListenerId(7))
        );
        assert_eq!(ids.first_location(), LocationId(9));
    }

    #[test]
    fn of_a_server_that_is_divided_one_part_is_the_old_server_and_each_application_stays() {
        let mut ids = Ids::new(&known());
        assert_eq!((ids.server(&[at(1)]), ids.app(ServerId(0), &[at(1)], "vod")), (ServerId(0), AppId(1)));
        assert_eq!((ids.server(&[at(2)]), ids.app(ServerId(1), &[at(2)], "live")), (ServerId(1), AppId(0)));
        assert_eq!(ids.app(ServerId(1), &[at(2)], "vod"), AppId(2), "the other part has the old one");
    }
}
