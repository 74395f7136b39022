//! HTTP requests and connections over a reload.

use crate::engine::tests::*;
use crate::test_folder::Folder;

/// A server whose answer tells the configuration, with a log of its own.
fn text(folder: &Folder, name: &str) -> String {
    format!(
        "http {{ log_format f \"$uri\"; access_log {}/{name}.log f; keepalive_timeout 1h;
            server {{ listen 80; root {}; location /name {{ return 200 {name}; }} location /{name} {{ return 200 here; }} }} }}",
        folder.display(),
        folder.display(),
    )
}

fn world(folder: &Folder) -> (World, SessionId) {
    let mut world = World::configured(table(), &text(folder, "old"));
    world.engine.open().unwrap();
    let id = world.engine.accept(0, ENDS, world.now).unwrap();
    (world, id)
}

fn ask(world: &mut World, id: SessionId, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    world.engine.input(id, request.as_bytes(), world.now);
    world.end_turn();
}

/// The answers that a client has got.
fn answers(world: &mut World, id: SessionId) -> String {
    let bytes = world.take(id, usize::MAX).concat();
    world.end_turn();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_request_is_logged_by_the_configuration_at_its_arrival_and_the_next_one_has_the_new_one() {
    let folder = Folder::new();
    let (mut world, id) = world(&folder);
    ask(&mut world, id, "/name");
    let old = Rc::downgrade(&world.engine.cx.locations);
    world.reload(&text(&folder, "new"));
    assert!(old.upgrade().is_some(), "its answer has not been sent");
    assert!(answers(&mut world, id).ends_with("\r\n\r\nold"));
    assert!(old.upgrade().is_none() && world.engine.cx.old_locations.is_empty());
    ask(&mut world, id, "/new");
    assert!(answers(&mut world, id).ends_with("\r\n\r\nhere"));
    ask(&mut world, id, "/old");
    assert!(answers(&mut world, id).starts_with("HTTP/1.1 404"));
    world.pass(2);
    let log = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!((log("old.log").as_str(), log("new.log").as_str()), ("/name\n", "/new\n/old\n"));
}

#[test]
fn a_log_that_stays_is_kept_with_the_lines_that_wait() {
    let folder = Folder::new();
    let (mut world, id) = world(&folder);
    ask(&mut world, id, "/name");
    answers(&mut world, id);
    world.reload(&text(&folder, "old"));
    ask(&mut world, id, "/old");
    answers(&mut world, id);
    world.pass(2);
    assert_eq!(std::fs::read_to_string(folder.join("old.log")).unwrap(), "/name\n/old\n");
}

#[test]
fn an_answer_that_is_being_composed_ends_by_the_settings_that_it_began_with() {
    let page = |base: &str| format!("http {{ server {{ listen 80; location {base} {{ page on; }} }} }}");
    let mut world = World::configured(table(), &page("/old"));
    let id = world.engine.accept(0, ENDS, world.now).unwrap();
    world.engine.input(id, b"GET /old/streams.json HTTP/1.1\r\nHost: a\r\n\r\n", world.now);
    world.reload(&page("/new"));
    let answer = answers(&mut world, id);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    ask(&mut world, id, "/new/streams.json");
    assert!(answers(&mut world, id).starts_with("HTTP/1.1 200"));
}

#[test]
fn connections_to_an_address_that_is_gone_end_with_their_answers() {
    let folder = Folder::new();
    let (mut world, busy) = world(&folder);
    let idle = world.engine.accept(0, ENDS, world.now).unwrap();
    ask(&mut world, idle, "/name");
    answers(&mut world, idle);
    ask(&mut world, busy, "/name");
    world.reload("http { server { listen 81; } }");
    assert!(!world.is_open(idle) && world.is_open(busy));
    assert!(answers(&mut world, busy).ends_with("old"));
    assert!(!world.is_open(busy));
}

#[test]
fn an_address_keeps_its_connections_when_its_listener_changes() {
    let server = |listen: &str, name: &str| {
        format!("server {{ listen {listen}; location / {{ return 200 {name}; }} }}")
    };
    let http = |servers: &[String]| format!("http {{ keepalive_timeout 1h; {} }}", servers.concat());
    let mut world = World::configured(table(), &http(&[server("80", "all")]));
    let id = world.engine.accept(0, ENDS, world.now).unwrap();
    for (servers, name) in [
        (vec![server("80", "other"), server("192.0.2.2:80", "own")], "own"),
        (vec![server("192.0.2.2:80", "alone")], "alone"),
        (vec![server("81", "first"), server("80", "again")], "again"),
    ] {
        world.reload(&http(&servers));
        ask(&mut world, id, "/");
        let answer = answers(&mut world, id);
        assert!(answer.ends_with(name), "{name}: {answer}");
    }
    world.reload("rtmp { server { listen 80; } }");
    assert!(!world.is_open(id), "it is RTMP's now");
}
