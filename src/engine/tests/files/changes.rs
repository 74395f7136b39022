//! What a player of a file asks for while it plays, and files that change.

use std::io::Write;

use super::*;

fn bool_of(value: bool) -> Value {
    value.into()
}

#[test]
fn a_seek_goes_to_the_key_frame_before_and_is_told() {
    let mut theatre = Theatre::new("FILES");
    let mut client = theatre.play("film", &[]);
    theatre.heard(&mut client);
    theatre.command(&mut client, "seek", &[5700.0.into()]);
    let heard = theatre.heard(&mut client);
    let told = ["StreamEof(1)", "Seek.Notify", "StreamIsRecorded(1)", "StreamBegin(1)", "Play.Start"];
    assert_eq!(heard[..5], told, "{heard:?}");
    assert_eq!(heard[5..8], ["9 5000", "8 5000", "9 5000"], "{heard:?}");
    assert!(is_due(last_time(&heard), 7000), "{heard:?}");
    theatre.command(&mut client, "seek", &[1e12.into()]);
    assert_eq!(theatre.pictures(&mut client)[..2], [9000, 9040], "the last one");
    theatre.command(&mut client, "seek", &[0.0.into()]);
    assert_eq!(theatre.pictures(&mut client)[..2], [0, 40]);
}

#[test]
fn a_file_that_has_been_played_is_played_again_after_a_seek() {
    let mut theatre = Theatre::new("FILES");
    let mut client = theatre.play("film", &[]);
    theatre.watch(&mut client, 10_000);
    assert_eq!(theatre.news(&mut client), [""; 0]);
    theatre.command(&mut client, "seek", &[8000.0.into()]);
    assert_eq!(theatre.watch(&mut client, 2000).len(), 50);
    theatre.command(&mut client, "closeStream", &[]);
    assert_eq!(theatre.news(&mut client), [""; 0], "its end was told");
}

#[test]
fn nothing_is_sent_during_a_pause_but_a_picture_after_a_seek() {
    let mut theatre = Theatre::new("FILES");
    let mut client = theatre.play("film", &[]);
    assert!(is_due(theatre.last(&mut client), 2000));
    theatre.command(&mut client, "pause", &[bool_of(true), 0.0.into()]);
    assert_eq!(theatre.news(&mut client), ["Pause.Notify"]);
    theatre.world.pass(30);
    assert_eq!(theatre.heard(&mut client), [""; 0]);
    theatre.command(&mut client, "seek", &[6000.0.into()]);
    assert_eq!(theatre.pictures(&mut client), [6000]);
    theatre.world.pass(30);
    assert_eq!(theatre.heard(&mut client), [""; 0]);
    theatre.command(&mut client, "pause", &[bool_of(false), 6000.0.into()]);
    let heard = theatre.heard(&mut client);
    assert_eq!(heard[..2], ["Unpause.Notify", "StreamBegin(1)"], "{heard:?}");
    assert!(is_due(last_time(&heard), 8000), "{heard:?}");
}

#[test]
fn a_part_is_played_by_start_and_duration() {
    let mut theatre = Theatre::new("FILES");
    let mut client = theatre.play("film", &[3000.0.into(), 2000.0.into()]);
    let pictures = theatre.watch(&mut client, 2000);
    assert_eq!((pictures.first(), pictures.last(), pictures.len()), (Some(&0), Some(&1960), 50));
    let mut whole = theatre.play("film", &[0.0.into(), 1500.0.into()]);
    let heard = theatre.heard(&mut whole);
    assert!(heard.contains(&"9 1480".to_owned()) && !heard.contains(&"9 1520".to_owned()), "{heard:?}");
    assert_eq!(heard.last().unwrap(), "Play.Stop");
}

#[test]
fn pictures_that_are_switched_on_again_begin_with_a_key_frame() {
    let mut theatre = Theatre::new("FILES");
    let mut client = theatre.play("film", &[]);
    theatre.heard(&mut client);
    theatre.command(&mut client, "receiveVideo", &[bool_of(false)]);
    theatre.world.pass(2);
    let heard = theatre.heard(&mut client);
    assert!(heard.iter().all(|word| word.starts_with("8 ")) && heard.len() > 40, "{heard:?}");
    theatre.command(&mut client, "receiveVideo", &[bool_of(true)]);
    theatre.world.pass_time(Duration::from_millis(500));
    theatre.heard(&mut client);
    theatre.world.pass(2);
    let pictures = theatre.pictures(&mut client);
    assert!(pictures.first().is_some_and(|first| first % 1000 == 0), "{pictures:?}");
}

#[test]
fn plays_without_reset_are_a_list_and_one_with_it_replaces_all() {
    let mut theatre = Theatre::new("FILES");
    theatre.write("short.flv", &film(1));
    let mut client = theatre.play("short", &[]);
    theatre.ask(&mut client, "none", &[(-2000.0).into(), (-1000.0).into(), bool_of(false)]);
    theatre.ask(&mut client, "short", &[(-2000.0).into(), (-1000.0).into(), bool_of(false)]);
    let news = theatre.news(&mut client);
    let ends = news.iter().filter(|word| *word == "Play.Complete").count();
    assert_eq!((ends, news.last().unwrap().as_str()), (2, "Play.Stop"), "{news:?}");
    assert!(news.contains(&"Play.StreamNotFound".to_owned()), "{news:?}");
    theatre.ask(&mut client, "film", &[(-2000.0).into(), (-1000.0).into(), bool_of(true)]);
    theatre.ask(&mut client, "short", &[(-2000.0).into(), (-1000.0).into(), bool_of(false)]);
    theatre.heard(&mut client);
    assert_eq!(theatre.played(), [("vod/film".to_owned(), 1)]);
    theatre.ask(&mut client, "short", &[(-2000.0).into(), (-1000.0).into(), bool_of(true)]);
    assert_eq!(theatre.played(), [("vod/short".to_owned(), 1)]);
    theatre.heard(&mut client);
    theatre.world.pass(20);
    assert_eq!(theatre.played(), [("vod/short".to_owned(), 1)], "the list was given up");
}

#[test]
fn play2_changes_the_file_at_a_key_frame() {
    let mut theatre = Theatre::new("FILES");
    theatre.write("better.flv", &film(10));
    let mut client = theatre.play("film", &[]);
    let last = theatre.last(&mut client).unwrap();
    let object =
        Object::default().with("streamName", "better").with("transition", "switch").with("start", -1.0);
    theatre.command(&mut client, "play2", &[Value::Object(object)]);
    let pictures = theatre.watch(&mut client, 2000);
    assert_eq!(pictures.first(), Some(&(last + 40)), "{pictures:?}");
    assert!(pictures.windows(2).all(|pair| pair[1] == pair[0] + 40), "{pictures:?}");
    assert_eq!(theatre.played(), [("vod/better".to_owned(), 1)]);
    // One that is not there changes nothing.
    let object = Object::default().with("streamName", "none").with("transition", "switch");
    theatre.command(&mut client, "play2", &[Value::Object(object)]);
    assert_eq!(theatre.watch(&mut client, 2000).len(), 50);
    assert_eq!(theatre.played(), [("vod/better".to_owned(), 1)]);
}

#[test]
fn a_file_that_grows_is_played_on_and_its_end_comes_when_it_has_grown_old() {
    let mut theatre = Theatre::new("FILES");
    theatre.folder.write("files/new.flv", film(1));
    // It was written now.
    let now = theatre.world.now.wall;
    let file = File::options().append(true).open(theatre.path("new.flv")).unwrap();
    file.set_modified(now).unwrap();
    let mut client = theatre.play("new", &[]);
    assert_eq!(theatre.news(&mut client).last().unwrap(), "StreamDry(1)");
    theatre.world.pass(3);
    assert_eq!(theatre.heard(&mut client), [""; 0], "that is told once");
    (&file).write_all(&scenes(1000..2000)).unwrap();
    file.set_modified(theatre.world.now.wall).unwrap();
    theatre.world.pass(1);
    assert_eq!(theatre.last(&mut client), Some(1960));
    theatre.world.pass(12);
    assert_eq!(theatre.news(&mut client).last().unwrap(), "Play.Stop");
}

#[test]
fn a_recording_that_is_finished_has_its_end_at_once() {
    let mut theatre = Theatre::new("FILES");
    theatre.folder.write("files/new.flv", film(1));
    let file = File::options().append(true).open(theatre.path("new.flv")).unwrap();
    file.set_modified(theatre.world.now.wall).unwrap();
    let mut client = theatre.play("new", &[]);
    assert_eq!(theatre.news(&mut client).last().unwrap(), "StreamDry(1)");
    let recording = Recording {
        app: AppId(0),
        stream: StreamName::new("new").unwrap(),
        recorder: String::new(),
        path: theatre.path("new.flv"),
        length: Duration::from_secs(1),
        size: 1000,
    };
    theatre.world.engine.cx.announce(Notice::Recorded(recording));
    theatre.world.pass(1);
    assert_eq!(theatre.news(&mut client).last().unwrap(), "Play.Stop");
}

#[test]
fn a_file_that_is_cut_while_it_plays_ends_and_the_server_goes_on() {
    let mut theatre = Theatre::new("FILES");
    theatre.write("large.flv", &large(600));
    let mut client = theatre.play("large", &[]);
    theatre.heard(&mut client);
    let file = File::options().write(true).open(theatre.path("large.flv")).unwrap();
    file.set_len(100_000).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let mut news = Vec::new();
    for _ in 0..5 {
        theatre.world.pass(1);
        news.extend(theatre.news(&mut client));
    }
    assert!(news.last().is_some_and(|last| last == "Play.Stop"), "{news:?}");
    assert!(theatre.world.is_open(client.id));
}

#[test]
fn a_file_that_is_removed_or_replaced_is_played_to_its_end() {
    let mut theatre = Theatre::new("FILES");
    let mut client = theatre.play("film", &[]);
    theatre.heard(&mut client);
    fs::remove_file(theatre.path("film.flv")).unwrap();
    theatre.write("film.flv", &film(1));
    theatre.watch(&mut client, 9000);
    assert_eq!(theatre.world.player(client.id).file_time(), Some(9980));
}
