//! Encrypted connections without TLS itself: which settings a handshake gets, and what a session may do after it.

use std::sync::Arc;

use crate::engine::tests::*;
use crate::engine::{ServerTls, TlsFacts, Verification, VerificationMode, Verifier};

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
        verifier: None,
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

    /// Has net read the files of all servers; `authorities` is what the files of authorities have in them.
    fn read_files(&mut self, authorities: u64) {
        let all = self.engine.all_server_tls().into_iter().map(|(_, settings)| settings);
        let verifying = all.filter(|settings| settings.clients.mode != VerificationMode::Off);
        let verifiers = verifying.map(|settings| {
            let verifier = Verifier { clients: settings.clients.clone(), authorities };
            (settings, Arc::new(verifier))
        });
        self.engine.use_verifiers(verifiers.collect());
    }

    /// What is known after a handshake with the server of this name.
    fn facts(&self, listener: usize, name: Option<&str>, verification: Verification) -> TlsFacts {
        let verifier =
            self.settings(listener, name).and_then(|settings| self.engine.cx.verifiers.get(&settings));
        TlsFacts { verifier: verifier.map(Arc::clone), ..facts(name, verification) }
    }

    /// Status and body of the answer for a host on a connection whose handshake was with the server of this name.
    fn ask(&mut self, (name, verification): (Option<&str>, Verification), host: &str) -> (String, String) {
        let facts = self.facts(HTTPS, name, verification);
        self.ask_after(facts, host)
    }

    /// The same on a connection with these facts.
    fn ask_after(&mut self, facts: TlsFacts, host: &str) -> (String, String) {
        let id = self.accept_tls(HTTPS);
        self.engine.encrypted(id, facts, self.now);
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
    let answer = world.ask((Some("maybe.example"), Verification::None), "maybe.example");
    assert_eq!(answer, ("200".into(), "on https TLSv1.3 maybe.example NONE".into()));
    assert_eq!(world.ask((None, Verification::None), "b.example").1, "b");
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
    world.read_files(1);
    let members = || Some("members.example");
    let passed = world.ask((members(), Verification::Success), "members.example");
    assert_eq!(passed, ("200".into(), "members".into()));
    let without = world.ask((members(), Verification::None), "members.example");
    assert_eq!(
        without,
        ("400".into(), "enter".into()),
        "error_page 496 keeps its status, which is told as 400"
    );
    let (status, page) = world.ask((members(), Verification::Failed("expired".into())), "members.example");
    assert!(status == "400" && page.contains("The SSL certificate error"), "{status} {page}");
    for name in [None, Some("b.example"), Some("maybe.example")] {
        let (status, _) = world.ask((name, Verification::None), "members.example");
        assert_eq!(status, "421", "{name:?}");
    }
    let (status, _) = world.ask((Some("maybe.example"), Verification::Failed("x".into())), "maybe.example");
    assert_eq!(status, "400");
}

/// The same listeners; the names are those of servers of one address.
const SHARED: &str = "
    rtmp { server { listen 127.0.0.1:1935; } server { listen 127.0.0.1:1936; } server { listen 127.0.0.1:1937; } }
    http { ssl_client_certificate ca.pem;
        server { listen 127.0.0.1:443 ssl; ssl_certificate a; ssl_certificate_key a; return 200 all; }
        server { listen 127.0.0.1:443; server_name on.example; ssl_verify_client on; return 200 on; }
        server { listen 127.0.0.1:443; server_name maybe.example; ssl_verify_client optional; return 200 maybe; }
        server { listen 127.0.0.1:443; server_name own.example; ssl_verify_client on;
            ssl_certificate b; ssl_certificate_key b; return 200 own; } }";

#[test]
fn a_server_without_a_certificate_of_its_own_lets_nobody_in_whose_certificate_it_has_not_asked_for() {
    let mut world = World::configured(table(), SHARED);
    world.read_files(1);
    let own = Verification::Success;
    for (name, verification, host, status) in [
        (Some("on.example"), Verification::None, "on.example", "400"),
        (None, Verification::None, "on.example", "400"),
        (Some("own.example"), own.clone(), "on.example", "400"),
        (Some("maybe.example"), Verification::None, "maybe.example", "200"),
        (Some("own.example"), own.clone(), "maybe.example", "400"),
        (Some("own.example"), own.clone(), "own.example", "200"),
        (Some("on.example"), Verification::None, "own.example", "421"),
        (Some("own.example"), own, "else.example", "200"),
    ] {
        let case = format!("{name:?} {verification:?} {host}");
        assert_eq!(world.ask((name, verification), host).0, status, "{case}");
    }
    // One whose handshakes ask by the default server's settings counts by them, if they are its own.
    let text = SHARED.replace("server_name on.example;", "server_name on.example; ssl_verify_depth 3;");
    let text = text.replace("listen 127.0.0.1:443 ssl;", "listen 127.0.0.1:443 ssl; ssl_verify_client on;");
    let mut world = World::configured(table(), &text);
    world.read_files(1);
    assert_eq!(world.ask((None, Verification::Success), "else.example").0, "200");
    assert_eq!(world.ask((None, Verification::Success), "on.example").0, "400", "another depth");
}

#[test]
fn a_client_whose_authority_is_valid_no_more_passes_no_more_on_the_connection_that_it_has() {
    let mut world = World::configured(table(), CONFIG);
    world.read_files(1);
    let name = Some("members.example");
    let before = world.facts(HTTPS, name, Verification::Success);
    assert_eq!(world.ask_after(before.clone(), "members.example").0, "200");
    // A reload, or a look at files that have changed.
    world.read_files(2);
    assert_eq!(world.ask_after(before.clone(), "members.example").0, "421");
    assert!(
        world.engine.cx.sessions.iter().filter(|session| !session.is_ending()).count() == 1,
        "the next connection has its own handshake"
    );
    assert_eq!(world.ask((name, Verification::Success), "members.example").0, "200");
    // What has not been read lets nobody in.
    world.engine.use_verifiers(std::collections::HashMap::new());
    assert_eq!(world.ask_after(before, "members.example").0, "400");
}

#[test]
fn a_client_of_rtmps_without_the_certificate_that_its_server_wants_is_closed() {
    let mut world = World::configured(table(), CONFIG);
    world.read_files(1);
    for (verification, stays) in [
        (Verification::Success, true),
        (Verification::None, false),
        (Verification::Failed("x".into()), false),
    ] {
        let id = world.accept_tls(VERIFIED);
        let facts = world.facts(VERIFIED, None, verification.clone());
        world.engine.encrypted(id, facts, world.now);
        let is_open = world.engine.cx.sessions.get(id).is_some_and(|session| !session.is_ending());
        assert_eq!(is_open, stays, "{verification:?}");
    }
    let counts = world.engine.cx.tls;
    assert_eq!((counts.rtmps, counts.handshakes, counts.failed), (1, 1, 2), "refused ones have failed");
    let before = world.facts(VERIFIED, None, Verification::Success);
    world.read_files(2);
    let id = world.accept_tls(VERIFIED);
    world.engine.encrypted(id, before, world.now);
    assert!(
        world.engine.cx.sessions.get(id).is_none_or(Session::is_ending),
        "the authorities are others now"
    );
    let id = world.accept_tls(RTMPS);
    world.engine.encrypted(id, facts(None, Verification::None), world.now);
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
fn a_request_with_a_body_is_refused_for_its_handshake_before_the_body_is_taken() {
    let mut world = World::configured(table(), CONFIG);
    world.read_files(1);
    const POST: &[u8] =
        b"POST / HTTP/1.1\r\nHost: members.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let id = world.accept_tls(HTTPS);
    let facts = world.facts(HTTPS, Some("members.example"), Verification::None);
    world.engine.encrypted(id, facts, world.now);
    assert_eq!(world.answer_of(id, POST), ("400".into(), "enter".into()));
    assert!(world.engine.cx.sessions.get(id).is_none_or(Session::is_ending), "its body is no request");
    let id = world.accept_tls(HTTPS);
    world.engine.refuse_plain(id, POST, world.now);
    let (status, page) = world.answer_of(id, b"");
    assert!(status == "400" && page.contains("The plain HTTP request was sent to HTTPS port"), "{page}");
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
    world.engine.encrypted(id, facts(None, Verification::None), world.now);
    world.pass(9);
    assert!(world.engine.cx.sessions.get(id).is_some(), "RTMP has its own time");
    world.pass(2);
    assert!(world.engine.cx.sessions.get(id).is_none());
}
