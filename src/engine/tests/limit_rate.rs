//! Answers with a limited rate: how much of them is sent when, and that no deadline of the client runs meanwhile.

use crate::engine::tests::*;

const FILE: usize = 200_000;
/// The longest head of an answer here.
const HEAD: u64 = 500;

/// A server with a large file in memory, and these settings.
fn world(settings: &str) -> World {
    let config =
        format!("http {{ keepalive_timeout 1h; server {{ listen 127.0.0.1:0; root /srv; {settings} }} }}");
    let mut world = World::configured(table(), &config);
    put(&mut world, Duration::from_secs(86_400));
    world
}

/// Puts the file there; who reads it has so much time.
fn put(world: &mut World, hold: Duration) {
    let memory = &mut world.engine.cx.memory;
    let draft = memory.begin_draft(None).unwrap();
    memory.append(&draft, &vec![b'x'; FILE], 0).unwrap();
    memory.publish(draft, "/srv/a.ts".into(), world.now.wall, hold);
}

/// A client that sends these requests, each a method and a path, and perhaps more of the head.
fn ask(world: &mut World, requests: &[&str]) -> SessionId {
    let id = world.engine.accept(0, ENDS, world.now).unwrap();
    let request = |words: &&str| {
        let (line, more) = words.split_once('\n').unwrap_or((words, ""));
        format!("{line} HTTP/1.1\r\nHost: a\r\n{more}\r\n")
    };
    let requests: String = requests.iter().map(request).collect();
    world.engine.input(id, requests.as_bytes(), world.now);
    for _ in 0..20 {
        world.end_turn();
    }
    id
}

/// Bytes that a client has got.
fn sent(world: &World, id: SessionId) -> u64 {
    world.engine.cx.sessions.get(id).unwrap().bytes_out
}

/// Has the session be written as net writes it: when it has something new, or a client has taken something.
fn take_all(world: &mut World, id: SessionId) -> usize {
    world.engine.take_dirty();
    world.take(id, usize::MAX).iter().map(Vec::len).sum()
}

/// Lets a client take all that it is sent, for a time. Time passes from one deadline of the server to the next, as it
/// does for a server without other events; returns the number of these.
fn receive(world: &mut World, id: SessionId, milliseconds: u64) -> usize {
    let end = world.now.instant + Duration::from_millis(milliseconds);
    let mut count = 0;
    take_all(world, id);
    while let Some(next) = world.engine.next_deadline().filter(|next| *next <= end) {
        world.pass_time(next - world.now.instant);
        take_all(world, id);
        count += 1;
    }
    world.pass_time(end - world.now.instant);
    count
}

fn throttles(world: &mut World, id: SessionId) -> Vec<bool> {
    let state = world.engine.cx.sessions.get_mut(id).and_then(Session::http_mut).unwrap();
    state.exchanges.iter().map(|exchange| exchange.throttle.is_some()).collect()
}

#[test]
fn a_seconds_worth_is_sent_at_once_and_the_rest_at_the_rate() {
    let mut world = world("limit_rate 50000;");
    let id = ask(&mut world, &["GET /a.ts"]);
    for expected in [50_000, 75_000, 100_000, 125_000, 150_000, 175_000, 200_000] {
        receive(&mut world, id, 0);
        assert_eq!(sent(&world, id), expected);
        receive(&mut world, id, 500);
    }
    receive(&mut world, id, 100);
    let all = sent(&world, id);
    assert!((FILE as u64 + 100..FILE as u64 + HEAD).contains(&all), "{all}");
    assert!(world.queue(id).is_empty() && world.is_open(id));
}

#[test]
fn the_first_bytes_of_an_answer_are_not_limited() {
    let mut world = world("limit_rate 10000; limit_rate_after 120000;");
    let id = ask(&mut world, &["GET /a.ts", "GET /a.ts"]);
    receive(&mut world, id, 0);
    assert_eq!(sent(&world, id), 130_000);
    receive(&mut world, id, 2000);
    assert_eq!(sent(&world, id), 150_000);
    receive(&mut world, id, 5_100);
    let second = sent(&world, id) - FILE as u64;
    assert!((130_000..130_000 + 2 * HEAD + 1000).contains(&second), "{second} bytes of the next answer");
}

#[test]
fn the_server_wakes_up_ten_times_a_second_at_most_and_keeps_no_timers() {
    for rate in ["1", "5k", "20k"] {
        let mut world = world(&format!("limit_rate {rate}; send_timeout 5s;"));
        let clients: Vec<_> = (0..3).map(|_| ask(&mut world, &["GET /a.ts"])).collect();
        clients.iter().for_each(|id| _ = take_all(&mut world, *id));
        let mut count = 0;
        for _ in 0..80 {
            count += receive(&mut world, clients[0], 100);
            clients.iter().for_each(|id| _ = take_all(&mut world, *id));
        }
        // Each has a deadline, too.
        assert!(count <= 3 * 80 + 10, "{rate}: {count} in 8 s");
        let timers = std::iter::from_fn(|| {
            let until = world.engine.cx.timers.next()?;
            world.engine.cx.timers.throttled.pop_expired(until).is_some().then_some(())
        });
        assert!(timers.count() <= 3, "{rate}");
    }
}

#[test]
fn a_client_that_takes_nothing_is_not_waited_for_in_the_rate_and_is_hung_up_on() {
    let mut world = world("limit_rate 40000; send_timeout 20s;");
    let id = ask(&mut world, &["GET /a.ts"]);
    receive(&mut world, id, 1000);
    let (before, mut count) = (sent(&world, id), 0);
    while let Some(next) = world.engine.next_deadline().filter(|_| world.is_open(id)) {
        world.pass_time(next - world.now.instant);
        count += 1;
    }
    let silent = world.now.instant.duration_since(
        world
            .engine
            .cx
            .sessions
            .get(id)
            .map_or(world.now.instant - Duration::from_secs(20), |session| session.last_output),
    );
    assert!(!world.is_open(id) && count <= 4 && silent.as_secs() == 20, "{count}, {silent:?}");
    assert!(before < FILE as u64);
}

#[test]
fn the_time_in_which_an_answer_is_throttled_does_not_count_for_the_clients_deadlines() {
    // Less than the client has to take, and waits that are longer than it may pause.
    let mut world = world("limit_rate 1000; send_timeout 500ms; send_min_rate 10k;");
    let id = ask(&mut world, &["GET /a.ts"]);
    receive(&mut world, id, 190_000);
    assert_eq!(sent(&world, id), 191_000);
    receive(&mut world, id, 10_000);
    assert!(world.is_open(id) && world.queue(id).is_empty());
}

#[test]
fn a_client_that_is_slower_than_the_limit_still_has_to_take_all_in_time() {
    let mut world = world("limit_rate 20000; send_timeout 30s; send_min_rate 10000;");
    let id = ask(&mut world, &["GET /a.ts"]);
    let mut seconds = 0;
    while world.is_open(id) && seconds < 1000 {
        world.take(id, 1000);
        world.pass(1);
        seconds += 1;
    }
    assert!((30 + 20 + 10..30 + 20 + 13).contains(&seconds), "{seconds} s");
}

#[test]
fn an_answer_behind_which_the_connection_is_closed_is_sent_to_its_end() {
    let mut world = world("limit_rate 1000; send_timeout 500ms; send_min_rate 10k;");
    let id = ask(&mut world, &["GET /a.ts\nConnection: close\r\n"]);
    assert!(!world.is_open(id));
    receive(&mut world, id, 199_000);
    let sent = sent(&world, id);
    assert_eq!(sent, 200_000);
    receive(&mut world, id, 1000);
    assert!(world.queue(id).is_empty(), "and its end is announced");
    receive(&mut world, id, 3000);
    assert!(world.engine.cx.sessions.is_empty());
}

#[test]
fn each_of_several_answers_has_the_limit_of_its_location() {
    let mut world = world("limit_rate 1000; location = /free { limit_rate 0; return 200 free; }");
    let id = ask(&mut world, &["GET /free", "GET /a.ts\nRange: bytes=0-2999\r\n", "GET /free", "GET /free"]);
    assert_eq!(throttles(&mut world, id), [false, true, false, false]);
    receive(&mut world, id, 0);
    let free = sent(&world, id) - 1000;
    assert!((20..HEAD).contains(&free), "{free} bytes of the first answer are beside the 1000 of the second");
    receive(&mut world, id, 2000);
    assert_eq!(sent(&world, id), free + 3000);
    receive(&mut world, id, 1000);
    assert!(sent(&world, id) > 3 * free + 3000 && world.queue(id).is_empty());
}

#[test]
fn answers_without_a_body_have_no_limit() {
    let mut world = world("limit_rate 1;");
    let since = "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
    let id = ask(&mut world, &["HEAD /a.ts", &format!("GET /a.ts\n{since}")]);
    assert_eq!(throttles(&mut world, id), [false, false]);
    let text = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("HTTP/1.1 304"), "{text}");
    assert!(world.queue(id).is_empty());
}

#[test]
fn a_file_in_memory_is_sent_in_half_of_its_time_however_low_the_limit_is() {
    let mut world = world("limit_rate 10;");
    put(&mut world, Duration::from_secs(20));
    let id = ask(&mut world, &["GET /a.ts"]);
    receive(&mut world, id, 10_100);
    assert!(world.is_open(id) && world.queue(id).is_empty());
}

#[test]
fn an_answer_keeps_its_limit_over_a_reload() {
    let config = |rate| format!("http {{ server {{ listen 127.0.0.1:0; root /srv; limit_rate {rate}; }} }}");
    let mut world = World::configured(table(), &config(10_000));
    put(&mut world, Duration::from_secs(86_400));
    let id = ask(&mut world, &["GET /a.ts", "GET /a.ts"]);
    receive(&mut world, id, 1000);
    world.reload(&config(100_000));
    receive(&mut world, id, 1000);
    assert_eq!(sent(&world, id), 30_000);
    let next = ask(&mut world, &["GET /a.ts"]);
    receive(&mut world, next, 1000);
    assert_eq!(sent(&world, next), FILE as u64);
}

#[test]
fn a_session_that_has_nothing_to_send_now_is_not_put_up_for_writing() {
    let mut world = world("limit_rate 10000;");
    let id = ask(&mut world, &["GET /a.ts"]);
    assert!(world.engine.has_output(id));
    take_all(&mut world, id);
    assert!(!world.engine.has_output(id) && !world.queue(id).is_empty());
    world.pass_time(Duration::from_millis(100));
    assert!(!world.engine.has_output(id), "1000 bytes are too few");
    (0..4).for_each(|_| world.pass_time(Duration::from_millis(100)));
    assert!(world.engine.has_output(id) && world.engine.take_dirty() == [id]);
}
