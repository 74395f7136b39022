//! Callbacks of the module `notify`, whose backend is the test.

mod directory;
mod files;
mod viewers;

use std::collections::VecDeque;

use crate::engine::calls::connection::Stage;
use crate::engine::tests::*;

const YES: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const NO: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";

/// A world, and its backend.
struct Backend {
    world: World,
    /// Connections with a request that has not been answered, and the request.
    asked: VecDeque<(SessionId, String)>,
    open: Vec<SessionId>,
}

impl Backend {
    /// A server with an application `live` that has these directives.
    fn new(directives: &str) -> Self {
        Self::of_server("", directives)
    }

    fn of_server(server: &str, directives: &str) -> Self {
        let config = format!(
            "rtmp {{ server {{ listen 127.0.0.1:0; {server} application other {{ live on; }}
             application live {{ live on; {directives} }} }} }}"
        );
        let world = World::configured(table(), &config);
        Self { world, asked: VecDeque::new(), open: Vec::new() }
    }

    /// Does what net does for the calls.
    fn turn(&mut self) {
        loop {
            self.world.end_turn();
            let world = &mut self.world;
            let is_new = |session: &&Session| {
                session.http_client().is_some_and(|client| client.stage == Stage::Connecting)
            };
            let new: Vec<_> =
                world.engine.cx.sessions.iter().filter(is_new).map(|session| session.id).collect();
            for id in new {
                world.engine.connected(id, ENDS.1, world.now);
                self.open.push(id);
            }
            self.open.retain(|id| world.engine.cx.sessions.get(*id).is_some());
            let before = self.asked.len();
            for &id in &self.open {
                let sent = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
                self.asked.extend((!sent.is_empty()).then_some((id, sent)));
            }
            if self.asked.len() == before {
                return;
            }
        }
    }

    /// The first request that waits: its path, and the values of these fields.
    fn next(&mut self, fields: &[&str]) -> (SessionId, Vec<String>) {
        self.turn();
        let (id, request) = self.asked.pop_front().expect("a request");
        let path = request.split(' ').nth(1).unwrap().to_owned();
        let form = request.split_once("\r\n\r\n").unwrap().1;
        let value = |name: &&str| {
            let found = form.split('&').find_map(|piece| piece.strip_prefix(&format!("{name}=")));
            found.unwrap_or("(none)").to_owned()
        };
        (id, std::iter::once(path).chain(fields.iter().map(value)).collect())
    }

    /// Answers the first request that waits; its path, call and name.
    fn answer(&mut self, answer: &str) -> Vec<String> {
        let (id, values) = self.next(&["call", "name"]);
        self.world.engine.input(id, answer.as_bytes(), self.world.now);
        self.turn();
        values
    }

    fn waits(&mut self) -> usize {
        self.turn();
        self.asked.len()
    }

    fn publish(&mut self, name: &str) -> Client {
        let client = Client::publish(&mut self.world, name);
        self.turn();
        client
    }

    fn codes(&mut self, client: &mut Client) -> Vec<String> {
        client.codes(&mut self.world)
    }

    /// The client has gone.
    fn lose(&mut self, client: &Client) {
        self.world.engine.lost(client.id, self.world.now);
        self.turn();
    }

    fn has_stream(&self, name: &str) -> bool {
        self.world.engine.cx.streams.iter().any(|stream| stream.is_live() && stream.name.as_str() == name)
    }
}

fn redirect(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn a_publish_waits_for_the_answer_and_its_end_is_told() {
    let mut backend = Backend::new("on_publish http://backend/ask; on_publish_done http://backend/done;");
    let mut client = backend.publish("cam?key=1&name=other");
    assert!(!backend.has_stream("cam"));
    let (id, values) = backend.next(&["app", "call", "name", "type", "addr", "clientid", "key"]);
    assert_eq!(values, ["/ask", "live", "publish", "cam", "live", "192.0.2.1", "1", "1"]);
    backend.world.engine.input(id, YES.as_bytes(), backend.world.now);
    backend.turn();
    assert!(backend.has_stream("cam"));
    assert!(backend.codes(&mut client).contains(&"NetStream.Publish.Start".into()));
    backend.lose(&client);
    let (_, values) = backend.next(&["call", "name", "key"]);
    assert_eq!(values, ["/done", "publish_done", "cam", "1"]);
    assert_eq!(backend.waits(), 0);
}

#[test]
fn what_is_no_yes_refuses_and_says_so() {
    let dead = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    for (answer, code) in [
        (NO, "NetStream.Publish.Denied"),
        ("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "NetStream.Publish.Denied"),
        (&redirect("no?name"), "NetStream.Publish.Denied"),
        ("nonsense\r\n\r\n", "NetStream.Publish.BadName"),
        (dead, "NetStream.Publish.BadName"),
    ] {
        let mut backend = Backend::new("on_publish http://backend/; on_publish_done http://backend/done;");
        let mut client = backend.publish("cam");
        backend.codes(&mut client);
        backend.answer(answer);
        if answer == dead {
            backend.world.pass(10);
            backend.turn();
        }
        let codes = backend.codes(&mut client);
        assert!(codes.contains(&code.into()), "{answer} {codes:?}");
        assert!(!backend.has_stream("cam"));
        backend.world.pass(5);
        assert_eq!((backend.waits(), backend.world.is_open(client.id)), (0, false), "{answer}");
    }
}

#[test]
fn a_backend_that_does_not_answer_allows_where_that_is_wanted() {
    let mut backend = Backend::new("on_publish http://backend/; notify_on_error allow;");
    let _client = backend.publish("cam");
    backend.answer("nonsense\r\n\r\n");
    assert!(backend.has_stream("cam"));
    let _other = backend.publish("late");
    backend.world.pass(11);
    backend.turn();
    assert!(backend.has_stream("late"));
    let mut third = backend.publish("third");
    backend.next(&[]);
    backend.answer(NO);
    assert!(!backend.has_stream("third"), "a no is a no");
    assert!(backend.codes(&mut third).contains(&"NetStream.Publish.Denied".into()));
}

#[test]
fn a_stream_has_its_new_name_everywhere() {
    let directives =
        "on_publish http://backend/; on_publish_done http://backend/done; on_done http://backend/end;
        on_update http://backend/update;";
    let mut backend = Backend::new(directives);
    let client = backend.publish("key?a=b");
    assert_eq!(backend.answer(&redirect("/cam")), ["/", "publish", "key"]);
    assert!(backend.has_stream("cam") && !backend.has_stream("key"));
    backend.world.pass(30);
    assert_eq!(backend.answer(YES), ["/update", "update_publish", "cam"]);
    backend.lose(&client);
    assert_eq!(backend.answer(YES), ["/done", "publish_done", "cam"]);
    assert_eq!(backend.answer(YES), ["/end", "done", "cam"]);
}

#[test]
fn a_client_that_leaves_before_the_answer_has_one_end_if_the_answer_is_yes() {
    let directives = "on_publish http://backend/; on_publish_done http://backend/done;";
    for (answer, ends) in [(YES, 1), (NO, 0)] {
        let mut backend = Backend::new(directives);
        let client = backend.publish("cam");
        let (id, _) = backend.next(&[]);
        backend.lose(&client);
        assert_eq!(backend.waits(), 0);
        backend.world.engine.input(id, answer.as_bytes(), backend.world.now);
        assert_eq!(backend.waits(), ends, "{answer}");
    }
    // The name is taken meanwhile: the second is refused after its yes.
    let mut backend = Backend::new(directives);
    let (_first, mut second) = (backend.publish("one"), backend.publish("two"));
    assert_eq!(backend.answer(&redirect("cam")), ["/", "publish", "one"]);
    assert_eq!(backend.answer(&redirect("cam")), ["/", "publish", "two"]);
    assert!(backend.codes(&mut second).contains(&"NetStream.Publish.BadName".into()));
    assert_eq!(backend.answer(YES), ["/done", "publish_done", "cam"]);
    assert_eq!(backend.waits(), 0);
}

#[test]
fn a_request_that_is_refused_as_too_many_wait_is_not_asked_about() {
    let mut backend = Backend::new("on_publish http://backend/; on_publish_done http://backend/done;");
    let _clients: Vec<_> = (0..1024).map(|number| backend.publish(&format!("cam{number}"))).collect();
    let mut one_more = backend.publish("more");
    assert!(backend.codes(&mut one_more).contains(&"NetStream.Publish.BadName".into()));
    let calls: Vec<_> = (0..1024).map(|_| backend.answer(YES)).collect();
    assert!(!calls.contains(&["/", "publish", "more"].map(String::from).to_vec()));
    assert_eq!(backend.waits(), 0);
}

#[test]
fn a_client_that_leaves_before_it_is_asked_about_takes_no_place() {
    let mut backend = Backend::new("on_publish http://backend/;");
    for number in 0..2000 {
        let client = backend.publish(&format!("cam{number}"));
        backend.lose(&client);
    }
    assert_eq!(backend.world.engine.calls_under_way(), 32);
    let mut client = backend.publish("cam");
    backend.codes(&mut client);
    (0..32).for_each(|_| drop(backend.answer(NO)));
    assert_eq!(backend.answer(YES), ["/", "publish", "cam"]);
    assert!(backend.has_stream("cam"));
}

#[test]
fn who_is_let_in_without_an_answer_has_one_end_of_its_own() {
    let directives =
        "on_publish http://backend/; on_publish_done http://backend/done; notify_on_error allow;";
    let mut backend = Backend::new(directives);
    let client = backend.publish("cam");
    backend.next(&[]);
    backend.world.pass(11);
    assert!(backend.has_stream("cam"));
    assert_eq!(backend.waits(), 0);
    backend.lose(&client);
    assert_eq!(backend.answer(YES), ["/done", "publish_done", "cam"]);
    // Who has left before, and was not let in by anybody, has none.
    let client = backend.publish("late");
    let (id, _) = backend.next(&[]);
    backend.lose(&client);
    backend.world.engine.input(id, b"nonsense\r\n\r\n", backend.world.now);
    assert_eq!(backend.waits(), 0);
}

#[test]
fn a_yes_that_comes_with_the_end_of_the_session_has_one_end() {
    let mut backend = Backend::new("on_publish http://backend/; on_publish_done http://backend/done;");
    let client = backend.publish("cam");
    let (id, _) = backend.next(&[]);
    // Both in one turn: the answer waits for its step when the session is closed.
    backend.world.engine.input(id, YES.as_bytes(), backend.world.now);
    backend.world.engine.lost(client.id, backend.world.now);
    assert_eq!(backend.waits(), 1);
    assert_eq!(backend.answer(YES), ["/done", "publish_done", "cam"]);
    assert_eq!(backend.waits(), 0);
}

#[test]
fn a_connect_is_asked_led_elsewhere_and_its_end_told() {
    let server = "on_connect http://backend/in; on_disconnect http://backend/out;";
    let mut backend = Backend::of_server(server, "");
    let mut client = Client::connect(&mut backend.world, "live?token=t");
    let (id, values) = backend.next(&["app", "call", "token", "clientid", "epoch"]);
    assert_eq!(values, ["/in", "live", "connect", "t", "(none)", "0"]);
    backend.world.engine.input(id, redirect("other").as_bytes(), backend.world.now);
    backend.turn();
    assert!(backend.codes(&mut client).contains(&"NetConnection.Connect.Success".into()));
    backend.lose(&client);
    let (_, values) = backend.next(&["app", "call", "token"]);
    assert_eq!(values, ["/out", "other", "disconnect", "t"]);
    for answer in [redirect("nowhere").as_str(), NO] {
        let mut refused = Client::connect(&mut backend.world, "live");
        assert_eq!(backend.answer(answer)[..2], ["/in", "connect"]);
        assert!(backend.codes(&mut refused).contains(&"NetConnection.Connect.Rejected".into()), "{answer}");
        backend.world.pass(5);
        let ends = usize::from(answer != NO);
        assert_eq!(backend.waits(), ends, "{answer}: only who was let in has an end");
        (0..ends).for_each(|_| drop(backend.answer(YES)));
    }
}

#[test]
fn players_are_asked_and_told_of_alike() {
    let directives = "idle_streams on; on_play http://backend/; on_play_done http://backend/done;";
    let mut backend = Backend::new(directives);
    let client = Client::play(&mut backend.world, "cam?x=y");
    let (id, values) = backend.next(&["call", "name", "start", "duration", "reset", "x"]);
    assert_eq!(values, ["/", "play", "cam", "0", "0", "0", "y"]);
    backend.world.engine.input(id, YES.as_bytes(), backend.world.now);
    backend.lose(&client);
    assert_eq!(backend.answer(YES), ["/done", "play_done", "cam"]);
    // Nobody publishes it: the play is refused after the yes.
    let mut backend = Backend::new(&directives.replace("idle_streams on", "idle_streams off"));
    Client::play(&mut backend.world, "cam");
    assert_eq!(backend.answer(YES), ["/", "play", "cam"]);
    assert_eq!(backend.answer(YES), ["/done", "play_done", "cam"]);
}

#[test]
fn updates_wait_for_the_answer_to_the_one_before_and_may_end_a_session() {
    let directives = "on_update http://backend/; notify_update_timeout 1s;";
    let mut backend = Backend::new(directives);
    let mut client = backend.publish("cam");
    client.frame(&mut backend.world, Kind::Video, 0, HEADER);
    client.frame(&mut backend.world, Kind::Video, 40, KEY);
    backend.world.pass(1);
    let (id, values) = backend.next(&["call", "time", "timestamp", "name"]);
    assert_eq!(values, ["/", "update_publish", "1", "40", "cam"]);
    backend.world.pass(5);
    assert_eq!(backend.waits(), 0, "the first is not answered");
    backend.world.engine.input(id, YES.as_bytes(), backend.world.now);
    backend.turn();
    backend.world.pass(1);
    assert_eq!(backend.waits(), 1);
    backend.answer(&redirect("http://elsewhere/"));
    assert!(backend.has_stream("cam"), "3xx goes on");
    backend.world.pass(1);
    backend.answer(NO);
    backend.world.pass(5);
    assert!(!backend.has_stream("cam") && !backend.world.is_open(client.id));
    assert!(backend.codes(&mut client).is_empty());
    for (more, goes_on) in [("notify_update_strict on;", false), ("notify_on_error allow;", true)] {
        let mut backend = Backend::new(&format!("{directives} {more}"));
        let _client = backend.publish("cam");
        backend.world.pass(1);
        backend.answer(if goes_on {
            "nonsense\r\n\r\n"
        } else {
            "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"
        });
        assert_eq!(backend.has_stream("cam"), goes_on, "{more}");
    }
}

#[test]
fn a_reload_keeps_what_is_followed_and_asks_by_the_new_rules() {
    let mut backend = Backend::new("on_publish http://backend/; on_publish_done http://backend/done;");
    let client = backend.publish("cam");
    backend.answer(YES);
    let waiting = backend.publish("late");
    backend.world.reload(
        "rtmp { server { listen 127.0.0.1:0; application other { live on; }
         application live { live on; on_publish_done http://backend/new; } } }",
    );
    backend.answer(YES);
    assert!(backend.has_stream("late"));
    backend.lose(&client);
    assert_eq!(backend.answer(YES), ["/new", "publish_done", "cam"]);
    backend.lose(&waiting);
    assert_eq!(backend.answer(YES), ["/new", "publish_done", "late"]);
}

#[test]
fn requests_that_wait_keep_little() {
    let mut backend = Backend::new("on_publish http://backend/;");
    let clients: Vec<_> = (0..1024).map(|number| backend.publish(&format!("cam{number}"))).collect();
    assert_eq!(backend.world.engine.cx.suspended, 1024);
    let mut one_more = backend.publish("more");
    assert!(backend.codes(&mut one_more).contains(&"NetStream.Publish.BadName".into()));
    backend.world.pass(11);
    backend.turn();
    assert_eq!(backend.world.engine.cx.suspended, 0);
    assert!(clients.iter().all(|client| !backend.has_stream("cam1") && client.id != one_more.id));
    backend.world.pass(5);
    assert_eq!(backend.world.engine.session_count(), 0);
}
