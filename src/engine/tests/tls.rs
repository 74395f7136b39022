//! Encrypted connections without TLS itself: which settings a handshake gets, and what a session may do after it.

use std::sync::Arc;

use crate::engine::tests::*;
use crate::engine::{ServerTls, TlsFacts, Verification, VerificationMode};

const CONFIG: &str = "
    rtmp { ssl_certificate r.pem; ssl_certificate_key r.key; ssl_client_certificate ca.pem;
        server { listen 127.0.0.1:1935; application live { live on; } }
        server { listen 127.0.0.1:1936 ssl; application live { live on; } }
        server { listen 127.0.0.1:1937 ssl; ssl_verify_client on; application live { live on; } } }
    http { ssl_certificate outer.pem; ssl_certificate_key outer.key; ssl_client_certificate ca.pem;
        server { listen 127.0.0.1:443 ssl; return 200 a; }
        server { listen 127.0.0.1:443; server_name b.example *.b.example; return 200 b;
            ssl_certificate b-rsa.pem; ssl_certificate b-ec.pem;
            ssl_certificate_key b-rsa.key; ssl_certificate_key b-ec.key; }
        server { listen 127.0.0.1:443 ssl; server_name none.example; ssl_reject_handshake on; }
        server { listen 127.0.0.1:443 ssl; server_name members.example; ssl_verify_client on;
            error_page 496 /enter; location /enter { return 200 enter; } location / { return 200 members; } }
        server { listen 127.0.0.1:443 ssl; server_name maybe.example; ssl_verify_client optional;
            return 200 \"$https $scheme $ssl_protocol $ssl_server_name $ssl_client_verify\"; } }";

/// The listeners, by their positions.
const PLAIN: usize = 0;
const RTMPS: usize = 1;
const VERIFIED: usize = 2;
const HTTPS: usize = 3;

fn facts(server_name: Option<&str>, verification: Verification) -> TlsFacts {
    TlsFacts {
        version: "TLSv1.3",
        suite: "TLS_AES_256_GCM_SHA384",
        curve: "X25519",
        server_name: server_name.map(Into::into),
        is_resumed: false,
        verification,
        client: None,
    }
}

impl World {
    fn local(&self, listener: usize) -> ListenOn {
        self.engine.listeners()[listener].address.clone()
    }

    fn accept_tls(&mut self, listener: usize) -> SessionId {
        let local = self.local(listener);
        self.engine.accept(listener, (ENDS.0, local), self.now).unwrap()
    }

    fn settings(&self, listener: usize, name: Option<&str>) -> Option<Arc<ServerTls>> {
        self.engine.server_tls(listener, &self.local(listener), name)
    }

    /// The files of the certificates for a server name.
    fn certificates(&self, name: Option<&str>) -> Vec<String> {
        let settings = self.settings(HTTPS, name);
        let files = settings.iter().flat_map(|settings| &settings.certificates);
        files.map(|(certificate, key)| format!("{} {}", certificate.display(), key.display())).collect()
    }

    /// Status and body of the answer for a host on a connection with these facts.
    fn ask(&mut self, facts: TlsFacts, host: &str) -> (String, String) {
        let id = self.accept_tls(HTTPS);
        self.engine.secured(id, facts, self.now);
        self.answer_of(id, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())
    }

    fn answer_of(&mut self, id: SessionId, request: &[u8]) -> (String, String) {
        self.engine.input(id, request, self.now);
        self.end_turn();
        let mut bytes = Vec::new();
        while let Ok(Some(_)) = self.engine.send(id, self.now, |outgoing| {
            let before = bytes.len();
            match outgoing {
                Outgoing::Bytes(part) => bytes.extend_from_slice(part),
                Outgoing::Slices { slices, .. } => {
                    slices.iter().for_each(|part| bytes.extend_from_slice(part));
                }
                Outgoing::File { .. } => return Err(()),
            }
            Ok(bytes.len() - before)
        }) {}
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).unwrap_or_default().to_owned();
        (status, body.to_owned())
    }
}

#[test]
fn a_handshake_gets_the_certificates_of_the_server_that_it_names_or_of_the_default() {
    let world = World::configured(table(), CONFIG);
    assert_eq!(world.certificates(None), ["outer.pem outer.key"]);
    assert_eq!(world.certificates(Some("unknown.example")), ["outer.pem outer.key"]);
    let two = ["b-rsa.pem b-rsa.key", "b-ec.pem b-ec.key"];
    assert_eq!(world.certificates(Some("b.example")), two);
    assert_eq!(world.certificates(Some("x.b.example")), two);
    assert_eq!(world.settings(HTTPS, Some("none.example")), None, "it rejects every handshake");
    let members = world.settings(HTTPS, Some("members.example")).unwrap();
    assert_eq!(members.clients.mode, VerificationMode::On);
    assert_eq!(members.clients.authorities.as_deref(), Some(std::path::Path::new("ca.pem")));
}

#[test]
fn an_address_is_encrypted_if_one_of_its_listens_says_so() {
    let world = World::configured(table(), CONFIG);
    let is_encrypted = |listener| world.engine.is_encrypted(listener, &world.local(listener));
    assert_eq!([PLAIN, RTMPS, VERIFIED, HTTPS].map(is_encrypted), [false, true, true, true]);
    let rtmps = world.settings(RTMPS, None).unwrap();
    assert!(!rtmps.tickets, "not over RTMPS, unless they are asked for");
    assert!(world.settings(HTTPS, None).unwrap().tickets);
    // Two of RTMP, and those of the servers of HTTP; the one that rejects has none to read.
    assert_eq!(world.engine.all_server_tls().len(), 2 + 4);
    // A reload may change the positions: the address decides.
    let local = world.local(HTTPS);
    assert!(world.engine.server_tls(PLAIN, &local, Some("b.example")).is_some());
}

#[test]
fn a_request_is_answered_by_its_host_and_knows_the_handshake() {
    let mut world = World::configured(table(), CONFIG);
    let answer = world.ask(facts(Some("maybe.example"), Verification::None), "maybe.example");
    assert_eq!(answer, ("200".into(), "on https TLSv1.3 maybe.example NONE".into()));
    assert_eq!(world.ask(facts(None, Verification::None), "b.example").1, "b");
    assert_eq!((world.engine.cx.tls.https, world.engine.cx.tls.handshakes), (2, 2));
    let ids: Vec<_> = world.engine.cx.sessions.ids();
    for id in ids {
        world.engine.lost(id, world.now);
    }
    world.end_turn();
    assert_eq!(world.engine.cx.tls.https, 0);
}

#[test]
fn a_request_for_a_server_that_wants_certificates_needs_a_handshake_that_has_asked_for_them() {
    let mut world = World::configured(table(), CONFIG);
    let members = || Some("members.example");
    let passed = world.ask(facts(members(), Verification::Success), "members.example");
    assert_eq!(passed, ("200".into(), "members".into()));
    let without = world.ask(facts(members(), Verification::None), "members.example");
    assert_eq!(
        without,
        ("400".into(), "enter".into()),
        "error_page 496 keeps its status, which is told as 400"
    );
    let (status, page) =
        world.ask(facts(members(), Verification::Failed("expired".into())), "members.example");
    assert!(status == "400" && page.contains("The SSL certificate error"), "{status} {page}");
    for name in [None, Some("b.example"), Some("maybe.example")] {
        let (status, _) = world.ask(facts(name, Verification::None), "members.example");
        assert_eq!(status, "421", "{name:?}");
    }
    let (status, _) =
        world.ask(facts(Some("maybe.example"), Verification::Failed("x".into())), "maybe.example");
    assert_eq!(status, "400");
}

#[test]
fn a_client_of_rtmps_without_the_certificate_that_its_server_wants_is_closed() {
    let mut world = World::configured(table(), CONFIG);
    for (verification, stays) in [
        (Verification::Success, true),
        (Verification::None, false),
        (Verification::Failed("x".into()), false),
    ] {
        let id = world.accept_tls(VERIFIED);
        world.engine.secured(id, facts(None, verification.clone()), world.now);
        let is_open = world.engine.cx.sessions.get(id).is_some_and(|session| !session.is_ending());
        assert_eq!(is_open, stays, "{verification:?}");
    }
    let id = world.accept_tls(RTMPS);
    world.engine.secured(id, facts(None, Verification::None), world.now);
    assert!(!world.engine.cx.sessions.get(id).unwrap().is_ending());
}

#[test]
fn http_without_tls_at_a_port_for_https_is_told_so_and_a_page_for_497_may_lead_on() {
    let mut world = World::configured(table(), CONFIG);
    let id = world.accept_tls(HTTPS);
    world.engine.refuse_plain(id, b"GET / HTTP/1.1\r\nHost: b.exa", world.now);
    let (status, page) = world.answer_of(id, b"mple\r\n\r\n");
    assert!(status == "400" && page.contains("The plain HTTP request was sent to HTTPS port"), "{page}");
    assert!(world.engine.cx.sessions.get(id).is_none_or(Session::is_ending), "and the connection ends");

    let leads = "http { server { listen 127.0.0.1:443 ssl; ssl_certificate a; ssl_certificate_key a;
        error_page 497 https://$host$request_uri; return 200 x; } }";
    let mut world = World::configured(table(), leads);
    let id = world.accept_tls(0);
    world.engine.refuse_plain(id, b"GET /a?b HTTP/1.1\r\nHost: c.example\r\n\r\n", world.now);
    assert_eq!(world.answer_of(id, b"").0, "302");
}

#[test]
fn nothing_is_said_to_a_client_that_is_refused_before_its_handshake() {
    let text = format!("max_connections 1; {CONFIG}");
    let mut world = World::configured(table(), &text);
    let first = world.accept_tls(HTTPS);
    let local = world.local(HTTPS);
    assert_eq!(world.engine.accept(HTTPS, (ENDS.0, local), world.now), Err(&[][..]));
    world.engine.handshake_failed(first, "the client knows no suite of the server", world.now);
    assert!(world.engine.cx.sessions.get(first).unwrap().is_ending());
    assert_eq!(world.engine.cx.tls.failed, 1);
}

#[test]
fn a_handshake_that_is_never_complete_is_closed_after_the_time_for_the_first_step() {
    let mut world = World::configured(table(), CONFIG);
    let id = world.accept_tls(HTTPS);
    world.pass(9);
    assert!(world.engine.cx.sessions.get(id).is_some());
    world.pass(2);
    assert!(world.engine.cx.sessions.get(id).is_none());
    let id = world.accept_tls(RTMPS);
    world.pass(9);
    world.engine.secured(id, facts(None, Verification::None), world.now);
    world.pass(9);
    assert!(world.engine.cx.sessions.get(id).is_some(), "RTMP has its own time");
    world.pass(2);
    assert!(world.engine.cx.sessions.get(id).is_none());
}
