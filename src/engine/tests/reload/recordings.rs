//! Recordings over a reload.

use super::*;
use crate::test_folder::Folder;

fn text(folder: &Folder, directives: &str) -> String {
    let directives = directives.replace("FOLDER", &folder.display().to_string());
    at_1935(&format!("application live {{ live on; publish_grace 0; {directives} }}"))
}

/// Publishes a second to `live/cam`, and ends.
fn publish(world: &mut World) {
    let mut publisher = publisher(world);
    publisher.frame(world, Kind::Video, 1000, KEY);
    end(world, &mut publisher);
}

fn end(world: &mut World, publisher: &mut Client) {
    publisher.command(world, &["closeStream".into(), 0.0.into(), Value::Null]);
}

#[test]
fn a_recording_goes_on_with_the_settings_that_it_began_with_and_the_next_has_the_new_ones() {
    let folder = Folder::new();
    let mut world =
        World::configured(table(), &text(&folder, "record all; record_path FOLDER/a; record_max_frames 2;"));
    let mut publisher = publisher(&mut world);
    world.reload(&text(&folder, "record all; record_path FOLDER/b;"));
    for time in 1..4 {
        publisher.frame(&mut world, Kind::Video, time * 1000, KEY);
    }
    end(&mut world, &mut publisher);
    assert_eq!((folder.list("a"), folder.list("b").len()), (vec!["cam.1.flv".into(), "cam.flv".into()], 0));
    publish(&mut world);
    assert_eq!((folder.list("a").len(), folder.list("b")), (2, vec!["cam.flv".into()]));
}

#[test]
fn a_recorder_that_is_switched_off_or_on_acts_at_the_next_publish() {
    let folder = Folder::new();
    let (on, off) = (text(&folder, "record all; record_path FOLDER/a;"), text(&folder, ""));
    let mut world = World::configured(table(), &on);
    let mut first = publisher(&mut world);
    world.reload(&off);
    first.frame(&mut world, Kind::Video, 1000, KEY);
    end(&mut world, &mut first);
    let size = || std::fs::metadata(folder.join("a/cam.flv")).unwrap().len();
    let whole = size();
    publish(&mut world);
    assert_eq!((folder.list("a"), size()), (vec!["cam.flv".into()], whole));
    let mut second = publisher(&mut world);
    world.reload(&on);
    second.frame(&mut world, Kind::Video, 1000, KEY);
    end(&mut world, &mut second);
    assert_eq!(folder.list("a").len(), 1);
    publish(&mut world);
    assert_eq!(folder.list("a").len(), 2);
}

#[test]
fn recordings_are_kept_as_the_new_settings_say_at_once() {
    let folder = Folder::new();
    let recorded = "record all; record_path FOLDER/a;";
    let mut world = World::configured(table(), &text(&folder, recorded));
    world.engine.start(world.now);
    publish(&mut world);
    let mut publisher = publisher(&mut world);
    world.pass(20);
    assert_eq!(folder.list("a"), ["cam.1.flv", "cam.flv"]);
    // More than any disk has.
    world.reload(&text(&folder, &format!("{recorded} record_min_free 1000000g;")));
    world.pass(20);
    assert_eq!(folder.list("a"), ["cam.1.flv"], "and this one is being written");
    end(&mut world, &mut publisher);
    world.reload(&text(&folder, recorded));
    world.pass(20);
    assert_eq!(folder.list("a"), ["cam.1.flv"]);
}

#[test]
fn a_recording_of_an_application_that_is_gone_is_finished_and_is_not_announced_as_another_ones() {
    let folder = Folder::new();
    let mut world = World::configured(table(), &text(&folder, "record all; record_path FOLDER/a;"));
    let mut publisher = publisher(&mut world);
    world.has_fast_disk = false;
    end(&mut world, &mut publisher);
    world.engine.lost(publisher.id, world.now);
    world.end_turn();
    world.reload(&at_1935("application other { live on; }"));
    world.pass(60);
    let mut announced = false;
    while world.engine.has_writes() {
        world.do_jobs();
        while world.engine.step(world.now) {
            announced |= !world.engine.cx.work.notices.is_empty();
        }
    }
    assert_eq!((world.engine.cx.apps.iter().count(), announced), (1, false));
    assert_eq!(folder.list("a"), ["cam.flv"]);
}
