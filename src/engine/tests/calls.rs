//! Calls of a module to a backend, whose bytes the test feeds.

use std::collections::VecDeque;

use super::*;
use crate::http::client::Response;

type Results = Rc<RefCell<Vec<(u64, Result<Response, CallError>)>>>;

/// Keeps what comes of its calls.
struct Caller(Results);

impl Module for Caller {
    fn name(&self) -> &'static str {
        "caller"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, _config: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, _next: Box<dyn Any>) {}

    fn on_call(&mut self, _cx: &mut Ctx, token: u64, result: Result<Response, CallError>) {
        self.0.borrow_mut().push((token, result));
    }
}

/// A world with a module that calls, and net's part of it.
struct Backend {
    world: World,
    results: Results,
    destination: Rc<Destination>,
    connecting: VecDeque<SessionId>,
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0";

impl Backend {
    fn new() -> Self {
        let results = Results::default();
        let config = "rtmp { server { listen 127.0.0.1:0; application live { } } }";
        let world = World::configured(vec![Box::new(Caller(Rc::clone(&results)))], config);
        let destination = Rc::new(Destination { host: "backend".into(), port: 80, tls: None, bind: None });
        Self { world, results, destination, connecting: VecDeque::new() }
    }

    fn call(&mut self, token: u64, kind: CallKind) -> Result<(), CallsFull> {
        let called = self.world.engine.cx.call(Call {
            module: "caller",
            token,
            destination: Rc::clone(&self.destination),
            request: format!("GET /{token}").into_bytes().into(),
            max_body: 100,
            timeout: Duration::from_secs(10),
            kind,
            order: token % 1000,
        });
        self.end_turn();
        called
    }

    fn decision(&mut self, token: u64) {
        self.call(token, CallKind::Decision).unwrap();
    }

    fn end_turn(&mut self) {
        for action in self.world.end_turn() {
            if let Action::Connect(id) = action {
                self.connecting.push_back(id);
            }
        }
    }

    /// Connects the session that has waited longest, and returns it.
    fn connect(&mut self) -> SessionId {
        let id = self.connecting.pop_front().unwrap();
        assert_eq!(self.world.engine.destination(id), Some(&*self.destination));
        self.world.engine.connected(id, ENDS.1, self.world.now);
        id
    }

    /// Takes what a session sends.
    fn sent(&mut self, id: SessionId) -> String {
        String::from_utf8(self.world.take(id, usize::MAX).concat()).unwrap()
    }

    fn answer(&mut self, id: SessionId, bytes: &[u8]) {
        self.world.engine.input(id, bytes, self.world.now);
        self.end_turn();
    }

    /// The backend closes its side.
    fn close(&mut self, id: SessionId) {
        self.world.engine.end_of_input(id, self.world.now);
        self.end_turn();
    }

    /// What has come of calls since it was asked last: the token, and the status or the error.
    fn results(&mut self) -> Vec<(u64, String)> {
        let text = |result| match result {
            Ok(Response { status, .. }) => status.to_string(),
            Err(error) => CallError::to_string(&error),
        };
        self.results.borrow_mut().drain(..).map(|(token, result)| (token, text(result))).collect()
    }

    fn sessions(&self) -> usize {
        self.world.engine.session_count()
    }
}

#[test]
fn a_call_is_made_over_a_connection_that_the_next_one_uses_again() {
    let mut backend = Backend::new();
    backend.decision(1);
    let id = backend.connect();
    assert_eq!(backend.sent(id), "GET /1");
    backend.answer(id, &OK[..10]);
    assert_eq!(backend.results(), []);
    backend.answer(id, &OK[10..]);
    assert_eq!(backend.results(), [(1, "200".into())]);
    backend.decision(2);
    assert_eq!((backend.connecting.len(), backend.sent(id)), (0, "GET /2".into()));
    backend.answer(id, OK);
    assert_eq!(backend.results(), [(2, "200".into())]);
    backend.world.pass(5);
    assert_eq!(backend.sessions(), 0, "an idle connection is closed");
}

#[test]
fn a_call_fails_with_its_connection_and_says_why() {
    let mut backend = Backend::new();
    backend.decision(1);
    let id = backend.connecting.pop_front().unwrap();
    backend.world.engine.connect_failed(id, "192.0.2.2:80: connection refused", backend.world.now);
    backend.end_turn();
    assert_eq!(backend.results(), [(1, "192.0.2.2:80: connection refused".into())]);
    for (answer, why) in [
        (&b""[..], "the connection was closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n0", "closed in the middle of the answer"),
        (b"nonsense\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", "the body has more than 100 bytes"),
    ] {
        backend.decision(2);
        let id = backend.connect();
        if !answer.is_empty() {
            backend.answer(id, answer);
        }
        backend.close(id);
        assert_eq!(backend.results(), [(2, why.into())]);
    }
    assert_eq!(backend.sessions(), 0);
}

#[test]
fn a_call_is_repeated_once_if_a_used_connection_gives_no_byte() {
    let mut backend = Backend::new();
    backend.decision(1);
    let id = backend.connect();
    backend.sent(id);
    backend.answer(id, OK);
    backend.decision(2);
    assert_eq!(backend.sent(id), "GET /2");
    backend.close(id);
    let second = backend.connect();
    assert_eq!((backend.results(), backend.sent(second)), (vec![(1, "200".into())], "GET /2".into()));
    backend.close(second);
    assert_eq!(backend.results(), [(2, "the connection was closed without an answer".into())]);
    assert!(backend.connecting.is_empty());
}

#[test]
fn the_time_of_a_call_counts_for_all_of_it() {
    let mut backend = Backend::new();
    backend.decision(1);
    backend.decision(2);
    backend.world.pass(4);
    let id = backend.connect();
    backend.answer(id, &OK[..20]);
    backend.world.pass(5);
    assert_eq!(backend.results(), []);
    backend.world.pass(1);
    let mut results = backend.results();
    results.sort();
    assert_eq!(results, [(1, "no answer in time".into()), (2, "no answer in time".into())]);
    backend.end_turn();
    assert_eq!(backend.sessions(), 0);
}

#[test]
fn a_destination_has_32_connections_of_which_reports_leave_some_for_decisions() {
    let mut backend = Backend::new();
    (0..40).for_each(|token| backend.call(token, CallKind::Report).unwrap());
    assert_eq!(backend.connecting.len(), 24);
    (100..110).for_each(|token| backend.decision(token));
    assert_eq!(backend.connecting.len(), 32);
    let ids: Vec<_> = (0..32).map(|_| backend.connect()).collect();
    backend.sent(ids[0]);
    backend.answer(ids[0], OK);
    let next = backend.connect();
    assert_eq!(backend.sent(next), "GET /108", "a decision comes before a report");
    backend.close(ids[31]);
    let next = backend.connect();
    assert_eq!(backend.sent(next), "GET /109");
    backend.close(next);
    let next = backend.connect();
    assert_eq!(backend.sent(next), "GET /24", "23 reports are being made");
    assert_eq!(backend.results().len(), 3);
    // All that are being made end in 10 s, and those behind them as long after they have begun.
    backend.world.pass(10);
    assert_eq!(backend.results().len(), 32);
    assert_eq!(backend.world.engine.calls_under_way(), 15);
}

#[test]
fn decisions_that_keep_coming_do_not_hold_up_reports() {
    let mut backend = Backend::new();
    (0..40).for_each(|token| backend.decision(token));
    let ids: Vec<_> = (0..32).map(|_| backend.connect()).collect();
    backend.call(100, CallKind::Report).unwrap();
    for id in &ids[..4] {
        backend.close(*id);
    }
    let begun: Vec<_> = (0..backend.connecting.len()).map(|_| backend.connect()).collect();
    assert_eq!(begun.into_iter().map(|id| backend.sent(id)).collect::<Vec<_>>()[0], "GET /100");
}

#[test]
fn reports_of_one_order_are_made_one_after_the_other() {
    let mut backend = Backend::new();
    for token in [1, 1001, 2, 2002] {
        backend.call(token, CallKind::Report).unwrap();
    }
    assert_eq!(backend.connecting.len(), 2);
    let ids = [backend.connect(), backend.connect()];
    assert_eq!(ids.map(|id| backend.sent(id)), ["GET /1", "GET /2"]);
    backend.answer(ids[1], OK);
    let next = backend.connect();
    assert_eq!(backend.sent(next), "GET /2002");
    backend.close(ids[0]);
    let next = backend.connect();
    assert_eq!(backend.sent(next), "GET /1001", "also if the one before has failed");
}

#[test]
fn a_connection_is_not_kept_while_another_waits_for_its_first_response() {
    let mut backend = Backend::new();
    backend.decision(1);
    backend.decision(2);
    let ids = [backend.connect(), backend.connect()];
    backend.answer(ids[0], OK);
    backend.world.engine.end_of_input(ids[0], backend.world.now);
    backend.end_turn();
    assert_eq!(backend.sessions(), 1, "the backend may serve the other one only now");
    backend.sent(ids[1]);
    backend.answer(ids[1], OK);
    assert_eq!(backend.sessions(), 1);
    backend.decision(3);
    assert_eq!(backend.sent(ids[1]), "GET /3");
    backend.answer(ids[1], OK);
    backend.world.pass(1);
    assert_eq!((backend.sessions(), backend.results().len()), (0, 3));
}

#[test]
fn reports_beyond_a_limit_are_dropped_and_counted_for_their_destination_alone() {
    let mut backend = Backend::new();
    (0..24 + 1024).for_each(|token| backend.call(token, CallKind::Report).unwrap());
    assert_eq!(backend.call(5000, CallKind::Report), Err(CallsFull));
    assert_eq!(backend.world.engine.cx.dropped_reports(), 1);
    backend.decision(1);
    backend.destination = Rc::new(Destination { host: "other".into(), port: 80, tls: None, bind: None });
    backend.call(6000, CallKind::Report).unwrap();
    assert!(!backend.results().iter().any(|(token, _)| *token == 5000));
    // Those that cannot begin in time are late news.
    backend.world.pass(31);
    let results = backend.results();
    assert_eq!((results.len(), backend.world.engine.calls_under_way()), (24 + 1024 + 2, 0));
}

#[test]
fn a_call_that_has_not_begun_can_be_taken_back() {
    let mut backend = Backend::new();
    (0..33).for_each(|token| backend.decision(token));
    let destination = Rc::clone(&backend.destination);
    let mut withdraw = |token| backend.world.engine.cx.withdraw_call(&destination, "caller", token);
    assert_eq!([0, 32, 32].map(&mut withdraw), [false, true, false]);
    assert_eq!(backend.world.engine.calls_under_way(), 32);
    let id = backend.connect();
    backend.answer(id, OK);
    assert_eq!(backend.results(), [(0, "200".into())]);
    backend.world.pass(10);
    assert_eq!((backend.results().len(), backend.world.engine.calls_under_way()), (31, 0));
}

#[test]
fn a_status_that_says_no_counts_whatever_comes_of_the_body() {
    let mut backend = Backend::new();
    for (answer, result) in [
        ("HTTP/1.1 403 No\r\nContent-Length: 100000\r\n\r\n", "403"),
        ("HTTP/1.1 500 No\r\nContent-Length: 10\r\n\r\nabc", "500"),
        ("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\nx", "403"),
        ("HTTP/1.1 403", "403"),
        ("HTTP/1.1 403 No\r\nX: a\0b\r\n\r\n", "403"),
        ("HTTP/1.1 302 Found\r\nLocation: new\r\nContent-Length: 100000\r\n\r\n", "302"),
        ("HTTP/1.1 20", "closed in the middle of the answer"),
        ("HTTP/1.1 200", "closed in the middle of the answer"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "closed in the middle of the answer"),
    ] {
        backend.decision(1);
        let id = backend.connect();
        backend.answer(id, answer.as_bytes());
        backend.close(id);
        assert_eq!(backend.results(), [(1, result.into())], "{answer}");
    }
}

#[test]
fn a_server_that_stops_still_makes_the_calls_that_wait() {
    let mut backend = Backend::new();
    backend.call(1, CallKind::Report).unwrap();
    backend.call(2, CallKind::Report).unwrap();
    let ids = [backend.connect(), backend.connect()];
    backend.world.engine.stop(backend.world.now);
    backend.end_turn();
    assert!(!backend.world.engine.has_ended());
    for id in ids {
        backend.sent(id);
        backend.answer(id, OK);
    }
    assert_eq!(backend.results().len(), 2);
    let now = backend.world.now;
    ids.into_iter().for_each(|id| backend.world.engine.lost(id, now));
    backend.end_turn();
    backend.world.pass(3);
    assert!(backend.world.engine.has_ended());
}

#[test]
fn the_time_of_a_call_that_is_answered_is_counted_and_the_others_as_failed() {
    let mut backend = Backend::new();
    backend.decision(1);
    let id = backend.connect();
    backend.world.pass(2);
    backend.answer(id, OK);
    backend.decision(2);
    backend.world.pass(20);
    assert_eq!(backend.results().len(), 2);
    let totals = &backend.world.engine.cx.totals;
    assert_eq!((totals.calls.count(), totals.calls.sum()), (1, Duration::from_secs(2)));
    assert_eq!(totals.calls_failed, 1);
}
