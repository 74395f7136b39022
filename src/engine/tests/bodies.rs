//! Bodies of requests: where they are taken, for how long, and what they count for.

use crate::engine::session::STEP_DEADLINE;
use crate::engine::tests::*;
use crate::http::ResponseHead;

/// Answers at /echo with the body, and at /waits after a job.
#[derive(Debug, Default)]
struct Echo;

impl Module for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn declare(&self, config: &mut Config<'_>) {
        for location in &mut config.locations {
            location.takes_bodies = location.path != "/";
        }
    }

    fn configure(&mut self, _config: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, _next: Box<dyn Any>) {}

    fn on_http(&mut self, _cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        if request.head.path == "/waits" && request.findings.is_empty() {
            return Some(Answer::Wait(Lookup::new(|| ())));
        }
        let body = request.head.body.bytes();
        let head = ResponseHead::new(200);
        Some(Answer::Reply(HttpReply { head, body: Body::Bytes(body.into()) }))
    }
}

fn world() -> (World, SessionId) {
    let config = "http { server { listen 127.0.0.1:0; location /echo { } location /waits { } } }";
    let mut modules = table();
    modules.insert(0, Box::new(Echo));
    let mut world = World::configured(modules, config);
    let id = world.engine.accept(0, ENDS, world.now).unwrap();
    (world, id)
}

/// Sends bytes and takes what the server answers.
fn send(world: &mut World, id: SessionId, text: &str) -> String {
    world.engine.input(id, text.as_bytes(), world.now);
    world.end_turn();
    take(world, id)
}

fn take(world: &mut World, id: SessionId) -> String {
    let taken = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
    world.end_turn();
    taken
}

fn post(path: &str, fields: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

fn input(world: &World, id: SessionId) -> usize {
    world.engine.cx.sessions.get(id).unwrap().held_input()
}

#[test]
fn a_body_is_read_where_it_is_taken_and_refused_elsewhere() {
    let (mut world, id) = world();
    let body = post("/echo", "Content-Length: 5\r\n");
    assert_eq!(send(&mut world, id, &body), "");
    assert!(input(&world, id) > 0, "what has come is counted");
    let answer =
        send(&mut world, id, &format!("hello{body}again{}", "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\r\n\r\nhello"), "{answer}");
    world.end_turn();
    let rest = take(&mut world, id);
    assert_eq!(rest.matches("HTTP/1.1 200 OK").count() + answer.matches("HTTP/1.1 200 OK").count(), 3);
    assert!(answer.contains("again") || rest.contains("again"), "{rest}");
    assert_eq!(input(&world, id), 0);
    let refused = send(&mut world, id, &post("/other", "Content-Length: 5\r\n"));
    assert!(refused.starts_with("HTTP/1.1 413 ") && refused.contains("Connection: close"), "{refused}");
}

#[test]
fn who_waits_to_be_told_is_told_once_that_the_body_may_come() {
    let (mut world, id) = world();
    let expecting = |path: &str| post(path, "Expect: 100-continue\r\nContent-Length: 5\r\n");
    assert_eq!(send(&mut world, id, &expecting("/echo")), "HTTP/1.1 100 Continue\r\n\r\n");
    let answer = send(&mut world, id, "hello");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello"), "{answer}");
    // The bytes of the interim answer are not taken for those of the next one.
    let answer = send(&mut world, id, &format!("{}hello", expecting("/echo")));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let exchanges = |world: &mut World| {
        world.engine.cx.sessions.get_mut(id).unwrap().http_mut().map(|state| state.exchanges.len())
    };
    assert_eq!(exchanges(&mut world), Some(0));
    let refused = send(&mut world, id, &expecting("/other"));
    assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
}

#[test]
fn head_and_body_have_ten_seconds_together() {
    let (mut world, id) = world();
    let mut answer = send(&mut world, id, "POST /echo HTTP/1.1\r\n");
    world.pass(STEP_DEADLINE.as_secs() - 2);
    answer += &send(&mut world, id, "Host: a\r\nContent-Length: 100\r\n\r\n");
    world.pass(1);
    answer += &send(&mut world, id, "x");
    assert_eq!(answer, "");
    world.pass(1);
    answer = take(&mut world, id);
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("Connection: close"), "{answer}");
    world.pass(20);
    assert!(!world.is_open(id));
}

#[test]
fn a_body_that_waits_for_its_answer_is_counted() {
    let (mut world, id) = world();
    world.has_fast_disk = false;
    let body = "x".repeat(65536);
    send(&mut world, id, &format!("{}{body}", post("/waits", "Content-Length: 65536\r\n")));
    while input(&world, id) == 0 {
        world.end_turn();
    }
    assert!(input(&world, id) >= 65536, "{}", input(&world, id));
    world.has_fast_disk = true;
    world.end_turn();
    assert!(take(&mut world, id).ends_with(&body));
    assert_eq!(input(&world, id), 0);
}
