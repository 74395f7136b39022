//! The PROXY header: what a session takes from it, whom it counts for, and clients that send none.

use crate::engine::tests::*;

const PROXY: &str = "10.0.0.1";
const HEADER: &[u8] = b"PROXY TCP4 192.0.2.9 10.0.0.2 5000 1935\r\n";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// An RTMP server and an HTTP server that want PROXY headers and trust 10.0.0.0/8.
fn config(limits: &str) -> String {
    format!(
        "{limits}
         rtmp {{ set_real_ip_from 10.0.0.0/8;
            server {{ listen 127.0.0.1:1935 proxy_protocol; application live {{ live on; }} }} }}
         http {{ server {{ listen 127.0.0.1:80 proxy_protocol; set_real_ip_from 10.0.0.0/8; return 204; }} }}"
    )
}

const RTMP: usize = 0;
const HTTP: usize = 1;

impl World {
    fn enter(&mut self, listener: usize, peer: &str) -> Result<SessionId, &'static [u8]> {
        self.engine.accept(listener, (SocketAddr::new(peer.parse().unwrap(), 4000).into(), ENDS.1), self.now)
    }

    fn tell(&mut self, id: SessionId, bytes: &[u8]) {
        self.engine.input(id, bytes, self.now);
        self.end_turn();
    }

    fn peer(&self, id: SessionId) -> String {
        self.engine.cx.sessions.get(id).unwrap().peer.to_string()
    }

    /// The first line of what waits for a client.
    fn status(&mut self, id: SessionId) -> String {
        let mut bytes = Vec::new();
        while let Ok(Some(_)) = self.engine.send(id, self.now, |outgoing| {
            let Outgoing::Bytes(part) = outgoing else { return Err(()) };
            bytes.extend_from_slice(part);
            Ok(part.len())
        }) {}
        String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().to_owned()
    }
}

#[test]
fn the_address_that_a_trusted_proxy_tells_is_that_of_the_client_and_all_else_follows() {
    let mut world = World::configured(table(), &config(""));
    for split in 0..HEADER.len() {
        let id = world.enter(HTTP, PROXY).unwrap();
        world.engine.input(id, &HEADER[..split], world.now);
        assert_eq!(world.peer(id), "10.0.0.1:4000");
        let rest = [&HEADER[split..], REQUEST].concat();
        world.engine.input(id, &rest, world.now);
        assert_eq!(world.peer(id), "192.0.2.9:5000");
        assert_eq!(world.status(id), "HTTP/1.1 204 No Content", "split at {split}");
    }
    let id = world.enter(RTMP, PROXY).unwrap();
    world.tell(id, HEADER);
    world.tell(id, &[[3].as_slice(), &[0; 1536]].concat());
    assert!(world.is_open(id) && world.engine.has_output(id), "the handshake is answered");
    assert!(!world.engine.cx.is_trusted_proxy(id), "the client is no proxy");
}

#[test]
fn who_is_not_trusted_tells_nothing_and_who_tells_no_address_has_its_own() {
    let mut world = World::configured(table(), &config(""));
    for (peer, header) in [("192.0.2.1", HEADER), (PROXY, b"PROXY UNKNOWN\r\n")] {
        let id = world.enter(RTMP, peer).unwrap();
        world.tell(id, header);
        assert_eq!(world.peer(id), format!("{peer}:4000"));
        assert_eq!(world.engine.cx.is_trusted_proxy(id), peer == PROXY);
        assert!(world.is_open(id));
    }
}

#[test]
fn a_connection_that_begins_otherwise_is_closed_and_one_without_proxy_protocol_wants_no_header() {
    let mut world = World::configured(table(), &config(""));
    for (listener, bytes) in
        [(RTMP, &[3][..]), (HTTP, b"GET "), (HTTP, b"PROXY TCP9 1 1 1 1\r\n"), (RTMP, &[b'\r'; 2])]
    {
        let id = world.enter(listener, PROXY).unwrap();
        world.tell(id, bytes);
        assert!(world.engine.cx.sessions.get(id).is_none(), "{bytes:?}");
    }
    world.reload(&config("").replace(" proxy_protocol", ""));
    let id = world.enter(HTTP, PROXY).unwrap();
    world.engine.input(id, REQUEST, world.now);
    assert_eq!(world.status(id), "HTTP/1.1 204 No Content");
}

#[test]
fn a_header_that_does_not_come_ends_the_session_after_ten_seconds() {
    let mut world = World::configured(table(), &config(""));
    let silent = world.enter(RTMP, PROXY).unwrap();
    let slow = world.enter(HTTP, PROXY).unwrap();
    for byte in &HEADER[..9] {
        world.pass(1);
        world.tell(slow, &[*byte]);
    }
    assert!(world.is_open(silent) && world.is_open(slow));
    world.pass(1);
    assert_eq!(world.engine.session_count(), 0);
}

#[test]
fn a_client_counts_for_its_own_address_and_a_trusted_proxy_for_none() {
    let mut world = World::configured(table(), &config("max_connections_per_address 2; max_connections 9;"));
    let waiting: Vec<_> = (0..5).map(|_| world.enter(RTMP, PROXY).unwrap()).collect();
    for (number, id) in waiting.iter().enumerate() {
        world.tell(*id, HEADER);
        let is_there = world.engine.cx.sessions.get(*id).is_some();
        assert_eq!(is_there, number < 2, "{number}");
    }
    let browser = world.enter(HTTP, PROXY).unwrap();
    world.engine.input(browser, HEADER, world.now);
    assert!(world.status(browser).starts_with("HTTP/1.1 503 "));
    world.end_turn();
    assert!(!world.is_open(browser));
    assert_eq!(world.engine.cx.refusals.per_address, 4);
    assert_eq!([(); 2].map(|()| world.enter(RTMP, "192.0.2.1").is_ok()), [true; 2]);
    assert!(world.enter(RTMP, "192.0.2.1").is_err(), "who is not trusted counts at once");
    world.engine.disconnected(waiting[0], "gone", world.now);
    world.end_turn();
    let next = world.enter(RTMP, PROXY).unwrap();
    world.tell(next, HEADER);
    assert!(world.is_open(next));
    world.pass(60);
    assert_eq!(world.engine.session_count(), 0, "and all is counted out");
}

#[test]
fn a_reload_that_begins_to_count_addresses_leaves_out_who_has_not_told_it() {
    let mut world = World::configured(table(), &config(""));
    let waiting: Vec<_> = (0..3).map(|_| world.enter(RTMP, PROXY).unwrap()).collect();
    world.reload(&config("max_connections_per_address 2;"));
    for (number, id) in waiting.iter().enumerate() {
        world.tell(*id, HEADER);
        assert_eq!(world.engine.cx.sessions.get(*id).is_some(), number < 2, "{number}");
    }
    world.pass(60);
    assert_eq!(world.engine.session_count(), 0);
}
