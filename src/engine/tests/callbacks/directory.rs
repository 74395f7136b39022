//! The directory that is asked where a stream lives (`origin_lookup`).

use super::*;

const HERE: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

fn directory(directives: &str) -> Backend {
    Backend::new(&format!("origin_lookup http://directory/where?t=s3cret; {directives}"))
}

/// The path of the first question that waits, and the answer to it.
fn answer(backend: &mut Backend, answer: &str) -> String {
    backend.answer(answer).remove(0)
}

fn there() -> String {
    redirect("rtmp://origin.example/live")
}

/// The other ends of all relays.
fn relays(backend: &Backend) -> Vec<String> {
    let relays = backend.world.engine.cx.relays();
    relays.map(|relay| relay.target().unwrap().shown.clone()).collect()
}

#[test]
fn a_publish_waits_for_the_directory_and_is_pushed_to_where_it_says() {
    let mut backend = directory("");
    let _client = backend.publish("cam?key=1");
    assert!(!backend.has_stream("cam"));
    let path = answer(&mut backend, &there());
    assert_eq!(path, "/where?t=s3cret&call=publish&app=live&name=cam&addr=192.0.2.1");
    assert!(backend.has_stream("cam"));
    assert_eq!(relays(&backend), ["rtmp://origin.example/live/cam"]);
}

#[test]
fn an_answer_is_used_again_for_its_time_only() {
    let mut backend = directory("origin_lookup_cache 5s;");
    let client = backend.publish("cam");
    answer(&mut backend, HERE);
    backend.lose(&client);
    let client = backend.publish("cam");
    assert!(backend.has_stream("cam"));
    backend.lose(&client);
    backend.world.pass(5);
    let _client = backend.publish("cam");
    assert_eq!((backend.waits(), backend.has_stream("cam")), (1, false));
}

#[test]
fn a_client_that_leaves_while_the_directory_is_asked_leaves_nothing() {
    let mut backend = directory("");
    let client = backend.publish("cam");
    backend.lose(&client);
    answer(&mut backend, &there());
    assert!(!backend.has_stream("cam"));
    assert_eq!((relays(&backend).len(), backend.world.engine.cx.suspended), (0, 0));
}

#[test]
fn a_directory_that_is_silent_refuses_after_five_seconds() {
    let mut backend = directory("");
    let mut client = backend.publish("cam");
    backend.codes(&mut client);
    assert_eq!(backend.waits(), 1);
    backend.world.pass(5);
    backend.turn();
    let codes = backend.codes(&mut client);
    assert!(
        codes.contains(&"NetStream.Publish.BadName".into()),
        "{codes:?} {}",
        backend.world.engine.cx.suspended
    );
    let mut lenient = directory("origin_lookup_on_error here;");
    let _client = lenient.publish("cam");
    lenient.world.pass(5);
    lenient.turn();
    assert!(lenient.has_stream("cam"));
}

#[test]
fn a_backend_that_names_a_server_is_not_asked_where_the_stream_lives() {
    let mut backend = directory("on_publish http://backend/;");
    let _client = backend.publish("cam");
    assert_eq!(answer(&mut backend, &redirect("rtmp://other.example/app/1")), "/");
    assert!(backend.has_stream("cam"));
    assert_eq!((relays(&backend), backend.waits()), (vec!["rtmp://other.example/app/***".to_owned()], 0));
}
