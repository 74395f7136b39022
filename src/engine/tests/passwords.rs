//! Users and passwords of HTTP clients: how often they are checked, how many wait, and who is slowed.

use base64ct::{Base64, Encoding};

use crate::engine::jobs::MAX_HASHES;
use crate::engine::tests::*;
use crate::test_folder::Folder;

/// A server whose files want a password, with one in memory; its threads work only when they are told.
fn world(folder: &Folder, settings: &str) -> World {
    folder.write("users", "ann:{PLAIN}secret\n");
    let mut world = World::configured(table(), &config(folder, settings));
    let memory = &mut world.engine.cx.memory;
    let draft = memory.begin_draft(None).unwrap();
    memory.append(&draft, b"fragment", 0).unwrap();
    memory.publish(draft, "/srv/a.ts".into(), world.now.wall, Duration::from_secs(86_400));
    world.has_fast_disk = false;
    world
}

fn config(folder: &Folder, settings: &str) -> String {
    let users = folder.join("users");
    format!(
        "http {{ keepalive_timeout 1h; server {{ listen 127.0.0.1:0; root /srv; auth_basic Members;
            auth_basic_user_file {}; {settings} }} }}",
        users.display()
    )
}

fn client(world: &mut World, ip: &str) -> SessionId {
    let peer = SocketAddr::new(ip.parse().unwrap(), 5000);
    world.engine.accept(0, (peer.into(), ENDS.1), world.now).unwrap()
}

fn ask(world: &mut World, id: SessionId, fields: &str) {
    let request = format!("GET /a.ts?key=hidden HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    world.engine.input(id, request.as_bytes(), world.now);
    world.end_turn();
}

/// Asks with a password; whether that has to be checked.
fn is_checked(world: &mut World, id: SessionId, password: &str) -> bool {
    let shown = Base64::encode_string(format!("ann:{password}").as_bytes());
    ask(world, id, &format!("Authorization: Basic {shown}\r\n"));
    world.engine.is_held(id)
}

/// Has all checks done.
fn check(world: &mut World) {
    world.do_jobs();
    world.end_turn();
}

/// The head of the answer that a client has got.
fn answer(world: &mut World, id: SessionId) -> String {
    let bytes = world.take(id, usize::MAX).concat();
    world.end_turn();
    let text = String::from_utf8(bytes).unwrap();
    text.split_once("\r\n\r\n").map(|(head, _)| head.to_owned()).unwrap_or_default()
}

/// Asks with a password, has it checked, and returns the status and whether there was a check.
fn judged(world: &mut World, id: SessionId, password: &str) -> (String, bool) {
    let is_checked = is_checked(world, id, password);
    check(world);
    let head = answer(world, id);
    (head.split(' ').nth(1).unwrap_or_default().to_owned(), is_checked)
}

#[test]
fn a_right_password_is_checked_once_a_minute_and_holds_for_all_who_have_shown_it() {
    let folder = Folder::new();
    let mut world = world(&folder, "");
    let id = client(&mut world, "192.0.2.7");
    assert_eq!(judged(&mut world, id, "secret"), ("200".into(), true));
    for _ in 0..29 {
        world.pass(2);
        assert_eq!(judged(&mut world, id, "secret"), ("200".into(), false));
    }
    let other = client(&mut world, "192.0.2.8");
    assert_eq!(
        judged(&mut world, other, "secret"),
        ("200".into(), true),
        "its address has shown nothing yet"
    );
    world.pass(58);
    assert_eq!(judged(&mut world, id, "secret"), ("200".into(), false), "the other has renewed it");
    world.pass(3);
    // While it is checked again for one, the others do not wait.
    assert!(is_checked(&mut world, id, "secret") && !is_checked(&mut world, other, "secret"));
    assert!(answer(&mut world, other).starts_with("HTTP/1.1 200"));
    folder.write("users", "ann:{PLAIN}changed\n");
    check(&mut world);
    assert!(answer(&mut world, id).starts_with("HTTP/1.1 401"));
    assert_eq!(judged(&mut world, other, "secret"), ("401".into(), true), "it is forgotten at once");
    assert_eq!(judged(&mut world, other, "changed"), ("200".into(), true));
}

#[test]
fn nothing_wrong_is_remembered_and_nothing_missing_is_checked() {
    let folder = Folder::new();
    let mut world = world(&folder, "");
    let id = client(&mut world, "192.0.2.7");
    for _ in 0..2 {
        assert_eq!(judged(&mut world, id, "wrong"), ("401".into(), true));
    }
    for fields in ["", "Authorization: Basic YW5u\r\n", "Authorization: Bearer YW5uOnNlY3JldA==\r\n"] {
        ask(&mut world, id, fields);
        let head = answer(&mut world, id);
        assert!(head.starts_with("HTTP/1.1 401"), "{fields} {head}");
        assert!(
            head.contains("\r\nWWW-Authenticate: Basic realm=\"Members\", charset=\"UTF-8\"\r\n"),
            "{head}"
        );
    }
    let right = "Authorization: Basic YW5uOnNlY3JldA==\r\n";
    ask(&mut world, id, &right.repeat(2));
    assert!(answer(&mut world, id).starts_with("HTTP/1.1 401"), "of two fields none counts");
    assert_eq!(world.engine.cx.refusals.wrong_keys, 2);
}

#[test]
fn eight_passwords_of_a_network_and_sixteen_in_all_wait_and_the_next_client_comes_again_later() {
    let folder = Folder::new();
    let mut world = world(&folder, "");
    let waiting = |world: &mut World, ip: &str, count: usize| {
        let ids: Vec<_> = (0..count).map(|_| client(world, ip)).collect();
        ids.into_iter().filter(|id| is_checked(world, *id, "secret")).count()
    };
    assert_eq!(waiting(&mut world, "2001:db8::1", 5), 5);
    assert_eq!(waiting(&mut world, "2001:db8::2", 5), 3, "of the same network");
    assert_eq!(waiting(&mut world, "192.0.2.7", 7), 7);
    assert_eq!(waiting(&mut world, "192.0.2.8", 2), 1, "{MAX_HASHES} in all");
    let id = client(&mut world, "192.0.2.9");
    assert!(!is_checked(&mut world, id, "secret"));
    let head = answer(&mut world, id);
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("\r\nRetry-After: 2\r\n"), "{head}");
    check(&mut world);
    assert_eq!(judged(&mut world, id, "secret"), ("200".into(), true));
    assert_eq!(world.engine.cx.refusals.wrong_keys, 0, "who waits is no guesser");
}

#[test]
fn who_guesses_has_to_wait_and_learns_nothing_from_those_who_know_the_password() {
    let folder = Folder::new();
    let mut world = world(&folder, "");
    let [guesser, viewer] = ["192.0.2.7", "192.0.2.8"].map(|ip| client(&mut world, ip));
    assert_eq!(judged(&mut world, viewer, "secret").0, "200");
    for _ in 0..10 {
        assert_eq!(judged(&mut world, guesser, "wrong"), ("401".into(), true));
    }
    // Though it is remembered, the right one is not looked at.
    assert!(!is_checked(&mut world, guesser, "secret"));
    let head = answer(&mut world, guesser);
    for part in
        ["HTTP/1.1 429 Too Many Requests", "\r\nRetry-After: 5\r\n", "\r\nCache-Control: no-store\r\n"]
    {
        assert!(head.contains(part), "{part}: {head}");
    }
    ask(&mut world, guesser, "");
    assert!(answer(&mut world, guesser).starts_with("HTTP/1.1 401"), "who shows nothing does not guess");
    assert_eq!(judged(&mut world, viewer, "secret"), ("200".into(), false), "others are not slowed");
    let refusals = world.engine.cx.refusals;
    assert_eq!((refusals.wrong_keys, refusals.slowed), (10, 1));
    world.pass(5);
    assert_eq!(judged(&mut world, guesser, "secret"), ("200".into(), true), "its one try");
    assert_eq!(judged(&mut world, guesser, "wrong"), ("401".into(), true), "it is exempt for a day");
    assert_eq!(judged(&mut world, guesser, "secret"), ("200".into(), false));
}

#[test]
fn an_address_that_is_denied_does_not_use_up_its_try() {
    let folder = Folder::new();
    let mut world = world(&folder, "location /a.ts { deny 192.0.2.0/24; }");
    let id = client(&mut world, "192.0.2.7");
    for _ in 0..20 {
        assert_eq!(judged(&mut world, id, "wrong"), ("403".into(), false));
    }
    assert_eq!(world.engine.cx.refusals, Refusals::default());
}

#[test]
fn clients_behind_a_proxy_are_slowed_by_their_own_addresses_and_the_proxy_never() {
    let folder = Folder::new();
    let mut world = world(&folder, "set_real_ip_from 192.0.2.1; real_ip_header X-Forwarded-For;");
    let proxy = client(&mut world, "192.0.2.1");
    let wrong = "Authorization: Basic YW5uOng=\r\n";
    let status = |world: &mut World, from: &str| {
        ask(world, proxy, &format!("{from}{wrong}"));
        check(world);
        answer(world, proxy).split(' ').nth(1).unwrap().to_owned()
    };
    for _ in 0..20 {
        assert_eq!(status(&mut world, ""), "401");
    }
    let slowed = (0..12).filter(|_| status(&mut world, "X-Forwarded-For: 198.51.100.1\r\n") == "429").count();
    assert_eq!(slowed, 2);
    assert_eq!(status(&mut world, "X-Forwarded-For: 198.51.100.2\r\n"), "401");
    assert_eq!(world.engine.cx.guesses.slowed(world.now.instant).collect::<Vec<_>>(), ["198.51.100.1"]);
}

#[test]
fn a_client_that_leaves_while_its_password_is_checked_leaves_nothing() {
    let folder = Folder::new();
    let mut world = world(&folder, "");
    let id = client(&mut world, "192.0.2.7");
    assert!(is_checked(&mut world, id, "secret"));
    world.engine.lost(id, world.now);
    check(&mut world);
    assert!(world.engine.cx.sessions.is_empty() && world.engine.pending.is_empty());
    let id = client(&mut world, "192.0.2.7");
    assert_eq!(judged(&mut world, id, "secret"), ("200".into(), true));
}

#[test]
fn a_reload_loses_no_check_and_nothing_that_is_remembered() {
    let folder = Folder::new();
    let mut world = world(&folder, "");
    let id = client(&mut world, "192.0.2.7");
    assert!(is_checked(&mut world, id, "secret"));
    world.reload(&config(&folder, "location /b { }"));
    check(&mut world);
    assert!(answer(&mut world, id).starts_with("HTTP/1.1 200"));
    assert_eq!(judged(&mut world, id, "secret"), ("200".into(), false));
}

#[test]
fn a_check_that_fails_by_a_fault_of_the_server_is_answered_with_500_and_remembered_by_nobody() {
    let folder = Folder::new();
    let mut world = world(&folder, "");
    let id = client(&mut world, "192.0.2.7");
    assert!(is_checked(&mut world, id, "secret"));
    let failed = world.engine.cx.jobs.panic_next().unwrap();
    world.engine.finish_job(failed);
    world.end_turn();
    assert!(answer(&mut world, id).starts_with("HTTP/1.1 500"));
    assert_eq!(judged(&mut world, id, "secret"), ("200".into(), true));
}

#[test]
fn an_error_page_that_asks_for_the_same_password_counts_and_checks_it_once() {
    let folder = Folder::new();
    let mut world = world(&folder, "error_page 401 /again;");
    let id = client(&mut world, "192.0.2.7");
    assert_eq!(judged(&mut world, id, "wrong"), ("401".into(), true));
    assert_eq!(world.engine.cx.refusals.wrong_keys, 1);
}
