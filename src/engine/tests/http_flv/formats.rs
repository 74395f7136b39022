//! Times, and the end of an answer.

use super::*;

#[test]
fn times_are_those_of_the_stream_of_the_player_or_of_the_publisher() {
    let mut world = world(CACHED);
    let mut publisher = publisher(&mut world);
    let base = 3_000_000_000;
    publisher.frame(&mut world, Kind::Audio, base, AUDIO);
    publisher.frame(&mut world, Kind::Video, base + 1000, KEY);
    publisher.frame(&mut world, Kind::Audio, base + 1001, AUDIO);
    for (path, first) in [("", 1000), ("player", 0), ("publisher", base + 1000)] {
        let mut page = Page::open(&mut world, path);
        let got = page.take(&mut world);
        assert_eq!(got[2], video(first, &avc_header()), "{path}");
        assert_eq!(got[4..], [video(first, KEY), audio(first + 1, AUDIO)], "{path}");
    }
}

#[test]
fn the_end_of_the_stream_is_that_of_the_answer() {
    let mut world = world(CACHED);
    let mut publisher = publisher(&mut world);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    publisher.frame(&mut world, Kind::Audio, 1, AUDIO);
    let mut pages = [Page::open(&mut world, ""), Page::open(&mut world, "websocket")];
    publisher.command(&mut world, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
    world.pass(1);
    for page in &mut pages {
        assert_eq!(page.take(&mut world).last(), Some(&Got::End));
        assert!(!world.is_open(page.id));
    }
}
