//! Limits of connections: in all, of a protocol, a server, an application and an address.

use crate::engine::tests::*;

/// Two RTMP servers and an HTTP server, with these directives in the blocks of each.
fn world(all: &str, rtmp: &str, server: &str, application: &str, http: &str) -> World {
    let config = format!(
        "{all} rtmp {{ {rtmp}
            server {{ listen 127.0.0.1:1935; {server} application live {{ live on; {application} }}
                      application other {{ live on; }} }}
            server {{ listen 127.0.0.1:1936; application live {{ live on; }} }} }}
         http {{ {http} server {{ listen 127.0.0.1:80; }} }}"
    );
    World::configured(table(), &config)
}

const FIRST: usize = 0;
const SECOND: usize = 1;
const HTTP: usize = 2;

impl World {
    /// Connects to a listener from an address; the error is the bytes for a refused connection.
    fn arrive(&mut self, listener: usize, peer: &str) -> Result<SessionId, &'static [u8]> {
        self.engine.accept(listener, (SocketAddr::new(peer.parse().unwrap(), 4000).into(), ENDS.1), self.now)
    }

    fn go(&mut self, id: SessionId) {
        self.engine.disconnected(id, "gone", self.now);
        self.end_turn();
    }
}

#[test]
fn each_block_limits_its_own_connections_and_a_closed_one_frees_its_place() {
    for (config, fits) in [
        (["max_connections 2;", "", "", "", ""], [2, 2, 2]),
        (["", "max_connections 2;", "", "", ""], [2, 2, 9]),
        (["", "", "max_connections 2;", "", ""], [2, 9, 9]),
        (["", "", "", "", "max_connections 2;"], [9, 9, 2]),
        (
            ["max_connections 4;", "max_connections 3;", "max_connections 2;", "", "max_connections 1;"],
            [2, 3, 1],
        ),
        (["", "", "", "", ""], [9, 9, 9]),
    ] {
        for (listener, most) in fits.into_iter().enumerate() {
            let [all, rtmp, server, application, http] = config;
            let mut world = world(all, rtmp, server, application, http);
            let taken: Vec<_> = (0..9).map_while(|_| world.arrive(listener, "192.0.2.1").ok()).collect();
            assert_eq!(taken.len(), most, "{config:?} at {listener}");
            if most < 9 {
                world.go(taken[0]);
                assert!(world.arrive(listener, "192.0.2.2").is_ok());
                assert!(world.arrive(listener, "192.0.2.2").is_err());
                assert_eq!(world.engine.cx.refusals.connections, 2);
            }
        }
    }
}

#[test]
fn a_refused_connection_has_no_session_and_a_browser_gets_a_503() {
    let mut world = world("max_connections 1;", "", "", "", "");
    let first = world.arrive(HTTP, "192.0.2.1").unwrap();
    assert_eq!(world.arrive(FIRST, "192.0.2.1"), Err(&[][..]));
    let answer = String::from_utf8(world.arrive(HTTP, "192.0.2.1").unwrap_err().to_vec()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    let retry = format!("\r\nRetry-After: {}\r\n", crate::http::response::RETRY_AFTER);
    assert!(answer.contains(&retry), "{answer}");
    assert_eq!(world.engine.session_count(), 1);
    world.go(first);
    assert_eq!(world.engine.session_count(), 0);
}

#[test]
fn an_address_has_its_share_of_all_of_rtmp_and_of_http() {
    let own = "max_connections_per_address 2;";
    for (config, fits) in [([own, "", ""], [2, 0, 0]), (["", own, ""], [2, 0, 9]), (["", "", own], [9, 9, 2])]
    {
        let [all, rtmp, http] = config;
        let mut world = world(all, rtmp, "", "", http);
        for (listener, most) in [FIRST, SECOND, HTTP].into_iter().zip(fits) {
            let taken = (0..9).filter(|_| world.arrive(listener, "2001:db8:0:1::1").is_ok()).count();
            assert_eq!(taken, most, "{config:?} at {listener}");
            for other in ["2001:db8:0:2::1", "192.0.2.1"] {
                assert!(world.arrive(listener, other).is_ok() || listener == SECOND || most == 0);
            }
        }
        assert!(world.engine.cx.refusals.per_address > 0 && world.engine.cx.refusals.connections == 0);
    }
}

#[test]
fn the_next_host_of_an_ipv6_network_shares_its_limit_and_the_machine_itself_has_none() {
    let mut world = world("max_connections_per_address 1;", "", "", "", "");
    assert!(world.arrive(FIRST, "2001:db8:0:1::1").is_ok());
    assert!(world.arrive(FIRST, "2001:db8:0:1::2").is_err());
    assert!(world.arrive(FIRST, "::ffff:192.0.2.1").is_ok() && world.arrive(FIRST, "192.0.2.1").is_err());
    for _ in 0..9 {
        assert!(world.arrive(FIRST, "127.0.0.1").is_ok() && world.arrive(HTTP, "::1").is_ok());
    }
}

#[test]
fn an_application_refuses_the_connect_of_one_client_too_many_and_says_why() {
    let mut world = world("", "", "", "max_connections 1;", "");
    let first = Client::connect(&mut world, "live");
    let mut second = Client::connect(&mut world, "live");
    let messages = second.receive(&mut world);
    let refusal = messages.iter().find(|message| message.type_id == 20).unwrap();
    let values = amf0::decode(refusal.payload()).unwrap();
    assert_eq!(values[0].as_str(), Some("_error"));
    let information = values[3].as_object().unwrap();
    assert_eq!(information.str("code"), Some("NetConnection.Connect.Rejected"));
    assert_eq!(information.str("description"), Some("live is full (max_connections 1)"));
    assert!(!world.is_open(second.id));
    let mut elsewhere = Client::connect(&mut world, "other");
    assert_eq!(elsewhere.codes(&mut world), ["NetConnection.Connect.Success"]);
    assert_eq!(world.engine.cx.refusals.clients, 1);
    world.go(first.id);
    let mut third = Client::connect(&mut world, "live");
    assert_eq!(third.codes(&mut world), ["NetConnection.Connect.Success"]);
}

/// Sessions end in every way, and none is counted any more.
#[test]
fn every_way_to_end_gives_the_place_back() {
    let mut world = world("max_connections_per_address 50;", "", "", "max_connections 50;", "");
    let http = world.arrive(HTTP, "192.0.2.1").unwrap();
    let (silent, broken) = (Client::open(&mut world), Client::open(&mut world));
    let mut refused = Client::connect(&mut world, "nowhere");
    let (publisher, player) = (Client::publish(&mut world, "a"), Client::play(&mut world, "a"));
    world.engine.input(broken.id, b"GET / HTTP/1.1\r\n\r\n", world.now);
    world.engine.panicked(publisher.id);
    world.engine.disconnected(player.id, "reset", world.now);
    refused.receive(&mut world);
    world.pass(30);
    world.engine.stop(world.now);
    world.pass(90);
    assert!([http, silent.id].iter().all(|id| world.engine.cx.sessions.get(*id).is_none()));
    assert_eq!(world.engine.session_count(), 0);
    assert_eq!(world.engine.cx.apps.get(AppId(0)).unwrap().clients, 0);
    assert!((0..50).all(|_| world.arrive(FIRST, "192.0.2.1").is_ok()));
    assert!(world.arrive(FIRST, "192.0.2.1").is_err());
}
