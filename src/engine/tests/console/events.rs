//! What has happened to a stream, as its page tells it.

use std::fs;

use super::*;
use crate::test_folder::Folder;

fn texts(live: &Json) -> Vec<String> {
    let events = live["detail"]["events"].as_array().unwrap().iter();
    events.map(|event| event["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_stream_page_tells_what_has_happened_to_the_publisher() {
    let mut world = world();
    let first = Client::publish(&mut world, "cam");
    let _player = Client::play(&mut world, "cam");
    let of = "/live.json?of=live/cam";
    assert_eq!(texts(&get(&mut world, of)), ["A publisher has begun."]);
    lose(&mut world, &first);
    let live = get_next(&mut world, of);
    assert_eq!(texts(&live)[0], "The publisher was lost, and is waited for.");
    assert_eq!(live["detail"]["events"][0]["ago_ms"], 1000);
    world.pass(1);
    let second = Client::publish(&mut world, "cam");
    assert_eq!(texts(&get_next(&mut world, of))[0], "A publisher continues the stream after 2.0 s.");
    let mut third = Client::publish(&mut world, "cam");
    assert_eq!(texts(&get_next(&mut world, of))[0], "Another publisher has taken over.");
    assert!(!world.is_open(second.id));
    third.command(&mut world, &["closeStream".into(), 0.0.into(), Value::Null]);
    assert_eq!(get_next(&mut world, of)["detail"], Json::Null);
    // The name has its past for a minute.
    world.pass(50);
    let last = Client::publish(&mut world, "cam");
    let told = texts(&get(&mut world, of));
    assert_eq!(told[..2], ["A publisher has begun.", "The publisher has stopped."]);
    assert_eq!(told.len(), 6);
    world.engine.cx.kick(last.id, "no more");
    world.pass(30);
    let last = Client::publish(&mut world, "cam");
    assert_eq!(texts(&get(&mut world, of))[1], "An operator has ended the stream.");
    lose(&mut world, &last);
    world.pass(21);
    let last = Client::publish(&mut world, "cam");
    let told = texts(&get(&mut world, of));
    assert_eq!(
        told[1..3],
        ["Nobody has continued the stream.", "The publisher was lost, and is waited for."]
    );
    lose(&mut world, &last);
    world.pass(82);
    let _last = Client::publish(&mut world, "cam");
    assert_eq!(texts(&get(&mut world, of)), ["A publisher has begun."], "the past is over");
}

#[test]
fn events_are_bounded_and_not_kept_without_a_page() {
    let mut world = world();
    for _ in 0..40 {
        let mut publisher = Client::publish(&mut world, "cam");
        publisher.command(&mut world, &["closeStream".into(), 0.0.into(), Value::Null]);
        world.pass_time(Duration::from_millis(10));
    }
    let _publisher = Client::publish(&mut world, "cam");
    assert_eq!(texts(&get(&mut world, "/live.json?of=live/cam")).len(), 16);
    world.reload(&config("").replace("page on;", ""));
    world.reload(&config(""));
    assert_eq!(texts(&get_next(&mut world, "/live.json?of=live/cam")), [""; 0]);
}

/// A second of pictures of a publisher that is recorded; the writer has done its jobs.
fn record(world: &mut World, publisher: &mut Client, number: u32) {
    second(world, publisher, number);
    world.end_turn();
}

#[test]
fn a_recording_is_told_with_its_file_when_it_begins_and_when_it_is_finished() {
    let folder = Folder::new();
    let recorder = format!("record all; record_path {};", folder.display());
    let mut world = World::configured(table(), &config(&recorder));
    let mut publisher = Client::publish(&mut world, "cam");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    (0..3).for_each(|number| record(&mut world, &mut publisher, number));
    let live = get(&mut world, "/live.json?of=live/cam");
    assert_eq!(texts(&live), ["Recording to cam.flv has begun.", "A publisher has begun."]);
    let recordings = &live["detail"]["recordings"][0];
    assert_eq!((&recordings["file"], &recordings["state"]), (&"cam.flv".into(), &"recording".into()));
    assert_eq!(recordings["bytes"], live["streams"][0][9]);
    let text = live.to_string();
    assert!(!text.contains(&*folder.to_string_lossy()), "{text}");
    publisher.command(&mut world, &["closeStream".into(), 0.0.into(), Value::Null]);
    world.pass(1);
    let _next = Client::publish(&mut world, "cam");
    let told = texts(&get(&mut world, "/live.json?of=live/cam"));
    assert!(told.iter().any(|text| text.starts_with("cam.flv is recorded: 3.0 s, ")), "{told:?}");
}

#[test]
fn a_recorder_that_cannot_write_is_told_without_its_path() {
    let folder = Folder::new();
    let recorder = format!("record all; record_path {};", folder.display());
    let mut world = World::configured(table(), &config(&recorder));
    let path = folder.to_path_buf();
    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, "no folder").unwrap();
    let mut publisher = Client::publish(&mut world, "cam");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    (0..5).for_each(|number| record(&mut world, &mut publisher, number));
    let live = get(&mut world, "/live.json?of=live/cam");
    assert_eq!(texts(&live)[0], "A recorder cannot write. The log says why.");
    assert_eq!(live["detail"]["recordings"][0]["state"], "failing");
    let text = get(&mut world, "/streams.json").to_string() + &live.to_string();
    assert!(!text.contains(&*path.to_string_lossy()), "{text}");
    fs::remove_file(&path).unwrap();
}
