//! HTTP clients that read late or not at all.

use super::*;

const FILE: usize = 200_000;

/// A server with one large file in memory, and a client of it.
fn world() -> (World, SessionId) {
    let config = "http { keepalive_timeout 1h; server { listen 127.0.0.1:0; root /srv; } }";
    let mut world = World::configured(table(), config);
    let bytes = vec![b'x'; FILE].into();
    world.engine.cx.memory.put("/srv/a.ts".into(), bytes, world.now.wall);
    let id = world.engine.accept(0, ENDS, world.now).unwrap();
    (world, id)
}

fn ask(world: &mut World, id: SessionId, times: usize) {
    let requests = "GET /a.ts HTTP/1.1\r\nHost: a\r\n\r\n".repeat(times);
    world.engine.input(id, requests.as_bytes(), world.now);
    world.end_turn();
}

/// Lets the client read what is queued for it; returns how many bytes.
fn read_all(world: &mut World, id: SessionId) -> usize {
    let waiting = world.engine.out_queue(id).unwrap().bytes();
    world.engine.sent(id, waiting, world.now);
    world.end_turn();
    waiting
}

#[test]
fn large_answers_are_not_prepared_ahead_and_all_are_given_in_the_end() {
    let (mut world, id) = world();
    ask(&mut world, id, 10);
    let mut read = 0;
    loop {
        let bytes = read_all(&mut world, id);
        assert!(bytes < 3 * FILE, "{bytes} bytes wait");
        if bytes == 0 {
            break;
        }
        read += bytes;
    }
    assert!((10 * FILE..10 * (FILE + 1000)).contains(&read), "{read} bytes");
}

#[test]
fn who_takes_nothing_for_a_minute_is_hung_up_on_however_long_connections_may_be_idle() {
    let (mut world, id) = world();
    ask(&mut world, id, 1);
    read_all(&mut world, id);
    world.pass(600);
    assert!(world.is_open(id));
    ask(&mut world, id, 1);
    world.pass(58);
    assert!(world.is_open(id));
    world.pass(4);
    assert!(!world.is_open(id));
}
