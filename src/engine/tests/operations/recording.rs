//! Recorders that operators start and stop: the module of recordings, with files in a folder.

use crate::engine::tests::*;
use crate::test_folder::Folder;

/// A server that records in a folder, and its publisher. Time passes by frames.
struct Setup {
    folder: Folder,
    world: World,
    publisher: Client,
    time: u32,
}

impl Setup {
    fn new(directives: &str) -> Self {
        let folder = Folder::new();
        let path = folder.display();
        let config = format!(
            "rtmp {{ server {{ listen 127.0.0.1:0; application live {{
                live on; publish_grace 60s; record_path {path}; {directives} }} }} }}"
        );
        let mut world = World::configured(table(), &config);
        let publisher = Self::publisher(&mut world);
        Self { folder, world, publisher, time: 0 }
    }

    fn publisher(world: &mut World) -> Client {
        let mut publisher = Client::publish(world, "cam");
        publisher.receive(world);
        publisher.frame(world, Kind::Video, 0, HEADER);
        publisher
    }

    fn stream(&self) -> StreamId {
        self.world.engine.cx.streams.iter().next().unwrap().id
    }

    /// Starts or stops a recorder; the outcome, with the name of the file.
    fn operate(&mut self, recorder: &str, start: bool) -> String {
        let stream = self.stream();
        let Engine { modules, cx, .. } = &mut self.world.engine;
        let answer = modules.iter_mut().find_map(|module| module.on_record(cx, stream, recorder, start));
        let folder = format!("{}/", self.folder.display());
        let answer = answer.map_or("none".into(), |answer| format!("{answer:?}").replace(&folder, ""));
        self.world.end_turn();
        answer
    }

    /// Sends groups of pictures, each a second long.
    fn send(&mut self, groups: u32) {
        for _ in 0..groups {
            self.publisher.frame(&mut self.world, Kind::Video, self.time, KEY);
            self.publisher.frame(&mut self.world, Kind::Video, self.time + 500, INTER);
            self.time += 1000;
            self.world.pass(1);
        }
    }

    fn state(&self) -> RecordingState {
        self.world.engine.cx.streams.iter().next().unwrap().recordings[0].state.clone()
    }

    fn files(&self) -> Vec<String> {
        self.folder.list("")
    }
}

#[test]
fn a_manual_recorder_records_from_its_start_to_its_stop_as_often_as_one_likes() {
    let mut setup = Setup::new("record all manual;");
    setup.send(2);
    assert!(setup.files().is_empty());
    assert_eq!(setup.operate("", false), "Unchanged");
    assert_eq!(setup.operate("", true), "Begins(\"cam.flv\")");
    assert_eq!(setup.operate("", true), "Unchanged", "it waits already");
    setup.send(2);
    assert_eq!(setup.files(), ["cam.flv"]);
    assert_eq!(setup.operate("", true), "Unchanged");
    assert_eq!(setup.operate("", false), "Done(\"cam.flv\")");
    assert_eq!(setup.operate("", false), "Unchanged");
    setup.send(2);
    assert_eq!(setup.files(), ["cam.flv"], "it stays stopped");
    assert_eq!(setup.operate("", true), "Begins(\"cam.flv\")", "the name is tried before its numbers");
    setup.send(2);
    assert_eq!(setup.operate("", false), "Done(\"cam.1.flv\")");
}

#[test]
fn an_automatic_recorder_that_was_stopped_stays_so_until_it_is_started() {
    let mut setup = Setup::new("record all;");
    setup.send(2);
    assert_eq!(setup.operate("", true), "Unchanged");
    assert_eq!(setup.operate("", false), "Done(\"cam.flv\")");
    assert_eq!(setup.state(), RecordingState::Stopped);
    setup.send(3);
    assert_eq!(setup.files(), ["cam.flv"]);
    assert_eq!(setup.operate("", true), "Begins(\"cam.flv\")");
    setup.send(2);
    assert_eq!(setup.files(), ["cam.1.flv", "cam.flv"]);
    assert_eq!(setup.state(), RecordingState::Recording);
}

#[test]
fn what_was_said_of_a_publisher_holds_for_the_next_only_if_it_is_to_be_recorded() {
    for (directive, start, expected) in
        [("record all;", false, &["cam.1.flv", "cam.flv"][..]), ("record all manual;", true, &["cam.flv"])]
    {
        let mut setup = Setup::new(directive);
        setup.send(1);
        setup.operate("", start);
        setup.send(1);
        setup.world.engine.lost(setup.publisher.id, setup.world.now);
        setup.world.end_turn();
        setup.publisher = Setup::publisher(&mut setup.world);
        setup.send(2);
        assert_eq!(setup.files(), expected, "{directive}");
        assert_eq!(setup.state(), RecordingState::Recording, "{directive}");
    }
}

#[test]
fn recorders_are_told_apart_by_their_names() {
    let mut setup = Setup::new(
        "record off; recorder a { record all manual; record_suffix -a.flv; } recorder b { record all manual; }",
    );
    setup.send(1);
    assert_eq!(setup.operate("", true), "NoRecorder");
    assert_eq!(setup.operate("c", true), "NoRecorder");
    assert_eq!(setup.operate("a", true), "Begins(\"cam-a.flv\")");
    setup.send(1);
    assert_eq!(setup.files(), ["cam-a.flv"]);
    let mut without = Setup::new("record off;");
    assert_eq!(without.operate("", true), "none");
}

#[test]
fn the_time_in_a_name_is_that_of_the_start_however_late_the_file_begins() {
    let mut setup = Setup::new("record all manual; record_suffix -%S.flv; gop_cache off;");
    let second = setup.world.now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() % 60;
    let name = format!("cam-{second:02}.flv");
    assert_eq!(setup.operate("", true), format!("Begins({name:?})"));
    setup.world.pass(3);
    setup.send(2);
    assert_eq!(setup.operate("", false), format!("Done({name:?})"));
}

#[test]
fn a_recorder_that_fails_says_so_and_a_start_tries_again_at_once() {
    let mut setup = Setup::new("record all manual;");
    std::fs::create_dir(setup.folder.join("sub")).unwrap();
    setup.send(1);
    let (folder, moved) = (setup.folder.to_path_buf(), setup.folder.with_extension("moved"));
    std::fs::rename(&folder, &moved).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    assert_eq!(setup.operate("", true), "Begins(\"cam.flv\")");
    setup.send(1);
    assert!(matches!(setup.state(), RecordingState::Failing(_)));
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&moved, &folder).unwrap();
    assert_eq!(setup.operate("", true), "Begins(\"cam.flv\")");
    setup.publisher.frame(&mut setup.world, Kind::Video, setup.time, KEY);
    assert_eq!(setup.files(), ["cam.flv", "sub"]);
}

#[test]
fn a_recorder_that_appends_continues_its_file_after_a_stop() {
    let mut setup = Setup::new("record all manual; record_append on;");
    setup.operate("", true);
    setup.send(2);
    assert_eq!(setup.operate("", false), "Done(\"cam.flv\")");
    let before = std::fs::metadata(setup.folder.join("cam.flv")).unwrap().len();
    setup.send(1);
    setup.operate("", true);
    setup.send(2);
    assert_eq!(setup.operate("", false), "Done(\"cam.flv\")");
    assert!(std::fs::metadata(setup.folder.join("cam.flv")).unwrap().len() > before);
    assert_eq!(setup.files(), ["cam.flv"]);
}

#[test]
fn operations_hear_which_file_has_begun() {
    let mut setup = Setup::new("record all manual;");
    std::fs::write(setup.folder.join("cam.flv"), "of somebody else").unwrap();
    assert_eq!(setup.operate("", true), "Begins(\"cam.flv\")");
    setup.publisher.frame(&mut setup.world, Kind::Video, 0, KEY);
    assert_eq!(setup.operate("", false), "Done(\"cam.1.flv\")");
}

#[test]
fn a_stop_names_the_file_that_the_start_has_named_though_the_disk_is_slow() {
    let mut setup = Setup::new("record all manual; record_unique on;");
    setup.send(1);
    setup.world.has_fast_disk = false;
    let begins = setup.operate("", true);
    assert!(begins.starts_with("Begins("), "{begins}");
    setup.send(3);
    assert_eq!(setup.operate("", false), begins.replace("Begins", "Done"));
    setup.world.has_fast_disk = true;
    setup.world.end_turn();
    assert!(begins.contains(&setup.files()[0]), "{begins}: {:?}", setup.files());
}
