//! Backends and files that are played.

use super::*;
use crate::engine::tests::files::film;
use crate::test_folder::Folder;

/// A backend, and a folder with a film.
fn backend(directives: &str) -> (Backend, Folder) {
    let folder = Folder::new();
    folder.write("room/film.flv", film(20));
    (Backend::new(&format!("{} {directives}", plays(&folder))), folder)
}

fn plays(folder: &Folder) -> String {
    format!("play {};", folder.display())
}

fn play(backend: &mut Backend, name: &str) -> Client {
    let client = Client::play(&mut backend.world, name);
    backend.turn();
    client
}

fn files(backend: &Backend) -> Vec<String> {
    backend.world.engine.cx.streams.files().map(|stream| stream.label.to_string()).collect()
}

#[test]
fn a_backend_decides_before_the_file_is_looked_for_and_knows_the_canonical_name() {
    let (mut backend, _folder) = backend("on_play http://192.0.2.3/;");
    let mut refused = play(&mut backend, "flv:room/film");
    assert_eq!(files(&backend), [""; 0], "it has not answered yet");
    assert_eq!(backend.answer(NO), ["/", "play", "room~film"]);
    assert_eq!(backend.codes(&mut refused), ["NetStream.Play.Failed"]);
    let mut missing = play(&mut backend, "flv:room/none");
    assert_eq!(backend.answer(NO), ["/", "play", "room~none"]);
    assert_eq!(backend.codes(&mut missing), ["NetStream.Play.Failed"], "the same");
    let mut player = play(&mut backend, "flv:room/film");
    assert_eq!(backend.answer(YES), ["/", "play", "room~film"]);
    assert_eq!(backend.codes(&mut player), ["NetStream.Play.Start"]);
    assert_eq!(files(&backend), ["live/room~film"]);
}

#[test]
fn a_backend_that_renames_a_play_names_the_file() {
    let (mut backend, folder) = backend("on_play http://192.0.2.3/; on_play_done http://192.0.2.3/done;");
    folder.write("other.flv", film(1));
    let player = play(&mut backend, "flv:room/film");
    backend.answer(&redirect("other"));
    assert_eq!(files(&backend), ["live/other"]);
    backend.lose(&player);
    assert_eq!(backend.answer(YES), ["/done", "play_done", "other"]);
    let _player = play(&mut backend, "other");
    backend.answer(&redirect("room/film"));
    assert_eq!(files(&backend), ["live/room~film"]);
}

#[test]
fn a_play_of_a_file_is_followed_with_the_time_of_its_media_also_after_a_reload() {
    let directives =
        "on_play http://192.0.2.3/; on_update http://192.0.2.3/up; on_done http://192.0.2.3/done;
        notify_update_timeout 5s;";
    let (mut backend, folder) = backend(directives);
    let mut player = play(&mut backend, "room/film?a=1");
    backend.answer(YES);
    player.receive(&mut backend.world);
    player.receive(&mut backend.world);
    backend.world.pass(5);
    let (id, values) = backend.next(&["call", "name", "timestamp", "a"]);
    assert_eq!(values[..3], ["/up", "update_play", "room~film"]);
    let time: u32 = values[3].parse().unwrap();
    assert!((3000..=4000).contains(&time) && values[4] == "1", "{values:?}");
    backend.world.engine.input(id, YES.as_bytes(), backend.world.now);
    backend.turn();
    let text = format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application other {{ live on; }}
         application live {{ live on; {} {directives} }} }} }}",
        plays(&folder)
    );
    backend.world.reload(&text.replace("5s", "7s"));
    player.receive(&mut backend.world);
    backend.world.pass(7);
    assert_eq!(backend.answer(NO)[..2], ["/up", "update_play"]);
    assert!(!backend.world.is_open(player.id), "the backend has ended it");
    assert_eq!(backend.answer(YES), ["/done", "done", "room~film"]);
}
