//! Who may play a file, in which order that is decided, and what is played if there is a stream of the name, too.

use super::*;

fn publish(theatre: &mut Theatre, name: &str) -> Client {
    let mut client = theatre.connect();
    theatre.command(&mut client, "publish", &[name.into()]);
    client.frame(&mut theatre.world, Kind::Video, 0, HEADER);
    client.frame(&mut theatre.world, Kind::Video, 0, KEY);
    client
}

#[test]
fn a_live_stream_goes_before_a_file_of_its_name() {
    let mut theatre = Theatre::new("live on; FILES");
    let _publisher = publish(&mut theatre, "film");
    let mut client = theatre.play("film", &[]);
    assert_eq!(theatre.news(&mut client), ["StreamBegin(1)", "Play.Start"]);
    assert_eq!(theatre.played(), []);
}

#[test]
fn a_live_stream_that_begins_while_the_file_is_looked_for_goes_before_it() {
    let mut theatre = Theatre::new("live on; FILES");
    theatre.world.has_fast_disk = false;
    let mut client = theatre.play("film", &[]);
    let _publisher = publish(&mut theatre, "film");
    theatre.world.has_fast_disk = true;
    theatre.world.end_turn();
    assert_eq!(theatre.news(&mut client), ["StreamBegin(1)", "Play.Start"]);
    assert_eq!(theatre.played(), []);
}

#[test]
fn who_plays_a_file_stays_with_it_when_a_stream_of_the_name_begins() {
    let mut theatre = Theatre::new("live on; FILES");
    let mut client = theatre.play("film", &[]);
    theatre.heard(&mut client);
    let publisher = publish(&mut theatre, "film");
    assert!(is_due(theatre.watch(&mut client, 2000).last().copied(), 4000));
    theatre.lose(&publisher);
    assert!(is_due(theatre.watch(&mut client, 2000).last().copied(), 6000));
}

#[test]
fn where_streams_may_be_waited_for_a_missing_file_is_waited_for_as_a_stream() {
    let mut theatre = Theatre::new("live on; FILES");
    let mut client = theatre.play("cam", &[]);
    assert_eq!(theatre.news(&mut client), ["Play.Start"]);
    let _publisher = publish(&mut theatre, "cam");
    assert_eq!(theatre.pictures(&mut client), [0]);
    let mut theatre = Theatre::new("live on; idle_streams off; FILES");
    let mut client = theatre.play("cam", &[]);
    assert_eq!(theatre.news(&mut client), ["Play.StreamNotFound"]);
    let mut live = theatre.play("film", &[(-1.0).into()]);
    assert_eq!(theatre.news(&mut live), ["Play.StreamNotFound"], "it wants nothing but a live stream");
}

#[test]
fn who_may_not_play_does_not_learn_whether_there_is_a_file() {
    for directives in ["deny play all; FILES", "play_key SECRETKEY film; play_key OTHERKEY none; FILES"] {
        let mut theatre = Theatre::new(directives);
        let answers = ["film", "none"].map(|name| {
            let mut client = theatre.play(name, &[]);
            let messages = client.receive(&mut theatre.world);
            let last = messages.iter().rfind(|message| message.type_id == 20).unwrap();
            String::from_utf8_lossy(last.payload()).replace(name, "")
        });
        assert_eq!(answers[0], answers[1], "{directives}");
        assert!(answers[0].contains("NetStream.Play.Failed"), "{answers:?}");
    }
}

#[test]
fn a_key_that_is_given_as_the_name_is_looked_up_as_what_it_opens() {
    let mut theatre = Theatre::new("play_key SECRETKEY film; FILES");
    theatre.write("SECRETKEY.flv", &film(1));
    for name in ["film?key=SECRETKEY", "flv:film?key=SECRETKEY", "SECRETKEY"] {
        let mut client = theatre.play(name, &[]);
        assert_eq!(theatre.news(&mut client)[..3], BEGIN, "{name}");
        assert_eq!(theatre.played(), [("vod/film".to_owned(), 1)], "{name}");
        theatre.lose(&client);
    }
}

#[test]
fn rules_know_a_file_in_a_folder_by_the_name_of_a_stream() {
    let mut theatre = Theatre::new("play_key SECRETKEY a~film; FILES");
    theatre.write("a/film.flv", &film(1));
    for name in ["a/film?key=SECRETKEY", "flv:a/film?key=SECRETKEY", "a/flv:film?key=SECRETKEY"] {
        let mut client = theatre.play(name, &[]);
        assert_eq!(theatre.news(&mut client)[..3], BEGIN, "{name}");
        assert_eq!(theatre.played(), [("vod/a~film".to_owned(), 1)], "{name}");
        theatre.lose(&client);
    }
    let mut client = theatre.play("a/film?key=WRONG", &[]);
    assert_eq!(theatre.news(&mut client), ["Play.Failed"]);
}

#[test]
fn an_application_without_streams_takes_no_publisher() {
    let mut theatre = Theatre::new("FILES");
    let mut client = theatre.connect();
    theatre.command(&mut client, "publish", &["film".into()]);
    assert_eq!(theatre.news(&mut client), ["Publish.BadName"]);
}

#[test]
fn a_file_goes_before_a_pull_that_has_not_begun_and_begins_none() {
    let mut theatre = Theatre::new("live on; FILES pull rtmp://192.0.2.9/live;");
    let mut client = theatre.play("film", &[]);
    assert_eq!(theatre.news(&mut client), BEGIN);
    assert_eq!(theatre.world.engine.cx.relays().count(), 0);
    let mut missing = theatre.play("cam", &[]);
    theatre.heard(&mut missing);
    assert_eq!(theatre.world.engine.cx.relays().count(), 1, "what is not here is pulled");
    theatre.write("cam.flv", &film(1));
    let mut late = theatre.play("cam", &[]);
    theatre.heard(&mut late);
    assert_eq!(theatre.played(), [("vod/film".to_owned(), 1)], "the pull has begun");
}

#[test]
fn where_there_are_no_streams_nothing_is_pulled() {
    let http = "http { server { listen 127.0.0.1:0; location / { flv_live on; } } }";
    let mut theatre = Theatre::with(http, "FILES pull rtmp://192.0.2.9/live;");
    let mut missing = theatre.play("none", &[]);
    assert_eq!(theatre.news(&mut missing), ["Play.StreamNotFound"]);
    let id = theatre.world.engine.accept(1, ENDS, theatre.world.now).unwrap();
    let request = b"GET /vod/film.flv HTTP/1.1\r\nHost: a\r\n\r\n";
    theatre.world.engine.input(id, request, theatre.world.now);
    theatre.world.end_turn();
    let answer = String::from_utf8(theatre.world.take(id, usize::MAX).concat()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert_eq!((theatre.world.engine.cx.relays().count(), theatre.played()), (0, vec![]));
}
