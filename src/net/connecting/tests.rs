//! A server that makes calls to backends over real sockets.

use std::any::Any;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::conf::{self, Directive, Scope, Tree};
use crate::engine::*;
use crate::http::client::Response;
use crate::net::connecting::finding::{Asker, Finding};
use crate::net::connecting::resolver::Answer;
use crate::net::server::{Server, Wish, now};
use crate::net::tls::servers::LoadedTls;

pub type CallResult = (u64, Result<Response, CallError>);

/// Makes a call to each destination at the start.
struct Caller(Vec<(Destination, Duration)>, Sender<CallResult>);

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

    fn on_start(&mut self, cx: &mut Ctx) {
        for (token, (destination, timeout)) in (0..).zip(&self.0) {
            let request = Rc::from(*b"GET / HTTP/1.1\r\nHost: test\r\n\r\n");
            let (destination, kind) = (Rc::new(destination.clone()), CallKind::Decision);
            let (module, max_body, timeout) = ("caller", 100, *timeout);
            cx.call(Call { module, token, destination, request, max_body, timeout, kind, order: 0 }).unwrap();
        }
    }

    fn on_call(&mut self, _cx: &mut Ctx, token: u64, result: Result<Response, CallError>) {
        self.1.send((token, result)).unwrap();
    }
}

/// A server that will make calls, and their results.
pub fn server(calls: Vec<(Destination, Duration)>) -> (Server, Receiver<CallResult>) {
    let (sender, receiver) = channel();
    let modules: Vec<Box<dyn Module>> = vec![Box::new(Caller(calls, sender))];
    let mut tree = Tree::from_text("test", "rtmp { server { listen 127.0.0.1:0; } }").unwrap();
    let table = directive_table(&modules);
    conf::check(&mut tree, &table).unwrap();
    let engine = Engine::new(&Scope::root(&tree, &table), modules, 7, now()).unwrap();
    (Server::new(engine, LoadedTls::default()).unwrap(), receiver)
}

/// What comes of the calls: a status and a body, or an error.
pub fn results(mut server: Server, receiver: Receiver<CallResult>, count: usize) -> Vec<String> {
    server.start();
    let all = server.run_in_background(move || {
        let limit = Duration::from_secs(20);
        (0..count).map_while(|_| receiver.recv_timeout(limit).ok()).collect::<Vec<_>>()
    });
    while server.run().unwrap() != Wish::Collect {}
    let mut all = all.take().unwrap();
    all.sort_by_key(|(token, _)| *token);
    let texts = all.into_iter().map(|(_, result)| match result {
        Ok(Response { status, body, .. }) => format!("{status} {}", String::from_utf8(body).unwrap()),
        Err(error) => error.to_string(),
    });
    texts.collect()
}

pub fn result_of(destination: Destination) -> String {
    let (server, receiver) = server(vec![(destination, Duration::from_secs(10))]);
    results(server, receiver, 1).remove(0)
}

fn plain(host: &str, port: u16) -> Destination {
    Destination { host: host.to_owned(), port, tls: None, bind: None }
}

/// A backend that answers two connections, one after the other; returns its port.
fn backend() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            let count = stream.read(&mut [0; 1000]).unwrap();
            assert!(count > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
        }
    });
    port
}

#[test]
fn lookups_of_relays_hold_up_no_call() {
    let port = backend();
    let (server, receiver) = server(vec![(plain("localhost", port), Duration::from_secs(5))]);
    let (hold, held) = channel::<()>();
    let held = Arc::new(Mutex::new(held));
    for _ in 0..20 {
        let held = Arc::clone(&held);
        let wait = move || {
            let _ = held.lock().map(|held| held.recv());
            Ok(Vec::new())
        };
        let finding = |result| Finding::Addresses(Asker::Relay, "slow.example".to_owned(), result);
        server.workers.look_up(Asker::Relay, wait, finding);
    }
    assert_eq!(results(server, receiver, 1), ["200 hello"]);
    drop(hold);
}

/// A port of the loopback at which nobody listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_call_to_an_address_and_one_to_a_name_are_answered() {
    let port = backend();
    let limit = Duration::from_secs(10);
    let (server, receiver) =
        server(vec![(plain("127.0.0.1", port), limit), (plain("localhost", port), limit)]);
    assert_eq!(results(server, receiver, 2), ["200 hello", "200 hello"]);
}

#[test]
fn an_address_that_refuses_is_named() {
    let port = closed_port();
    assert_eq!(result_of(plain("127.0.0.1", port)), format!("127.0.0.1:{port}: connection refused"));
}

/// The result of a call to a name with two addresses, of which the second has the backend, if there is one.
fn result_at_two_addresses(port: u16) -> String {
    let (mut server, receiver) = server(vec![(plain("two.example", port), Duration::from_secs(10))]);
    let found = [[127, 0, 0, 9], [127, 0, 0, 1]].map(|address| SocketAddr::from((address, 0)));
    let resolver = server.connector.names(Asker::Call);
    assert_eq!(resolver.resolve("two.example", now().instant), Answer::LookUp);
    resolver.finish("two.example", Ok(found.to_vec()), now().instant);
    results(server, receiver, 1).remove(0)
}

#[test]
fn all_addresses_of_a_name_are_tried_in_order() {
    assert_eq!(result_at_two_addresses(backend()), "200 hello");
    let port = closed_port();
    let expected = format!("127.0.0.9:{port}: connection refused, 127.0.0.1:{port}: connection refused");
    assert_eq!(result_at_two_addresses(port), expected);
}

#[test]
fn a_call_whose_time_is_over_while_its_name_is_looked_up_ends_and_the_late_result_is_kept() {
    let call = (plain("late.example", 80), Duration::from_millis(50));
    let (mut server, receiver) = server(vec![call]);
    let begun = now();
    assert_eq!(server.connector.names(Asker::Call).resolve("late.example", begun.instant), Answer::LookUp);
    server.start();
    let all = server.run_in_background(move || receiver.recv_timeout(Duration::from_secs(20)).unwrap());
    while server.run().unwrap() != Wish::Collect {}
    assert_eq!(all.take().unwrap().1, Err(CallError::TimedOut));
    assert_eq!(server.connector.waiting_for_name(Asker::Call, "late.example"), []);
    let found = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    server.connector.names(Asker::Call).finish("late.example", Ok(found.clone()), now().instant);
    let answer = server.connector.names(Asker::Call).resolve("late.example", now().instant);
    assert_eq!(answer, Answer::Known(found.into()));
}
