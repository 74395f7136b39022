//! Recordings over HTTP in virtual time: links that end, bans, and clients that leave while readers work for them.

use super::*;
use crate::engine::{Ban, Banned};
use crate::test_folder::Folder;

/// A file of one picture.
fn recording() -> Vec<u8> {
    let mut file = crate::media::flv::file_header(false, true).to_vec();
    for (time, payload) in [(0, HEADER), (0, KEY), (40, INTER)] {
        crate::media::flv::write_tag(&mut file, Kind::Video, time, payload);
    }
    file
}

fn world_of(folder: &Folder, files: usize) -> World {
    for number in 0..files {
        folder.write(&format!("cam{number}.flv"), recording());
    }
    let path = folder.display();
    let config = format!(
        "rtmp {{ server {{ listen 127.0.0.1:0;
            application live {{ live on; record all; record_path {path}; }}
            application keyed {{ live on; record all; record_path {path}/keyed; play_key 0123456789abcdef; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ record_browse on; }} }} }}"
    );
    World::configured(table(), &config)
}

fn status(world: &mut World, path: &str) -> u16 {
    let id = ask(world, path);
    world.end_turn();
    let answer = world.take(id, usize::MAX).concat();
    world.end_turn();
    String::from_utf8_lossy(&answer)[9..12].parse().unwrap()
}

#[test]
fn a_link_is_good_for_twelve_hours() {
    let folder = Folder::new();
    let mut world = world_of(&folder, 0);
    folder.write("keyed/cam.flv", recording());
    let list = get(&mut world, "/recordings.json?app=keyed&stream=cam&key=0123456789abcdef");
    let [url, hls] = ["url", "hls"].map(|name| list["recordings"][0][name].as_str().unwrap().to_owned());
    world.pass_time(Duration::from_secs(12 * 3600 - 1));
    assert_eq!((status(&mut world, &url), status(&mut world, &hls)), (200, 200));
    world.pass(1);
    assert_eq!((status(&mut world, &url), status(&mut world, &hls)), (403, 403));
    assert_eq!(status(&mut world, "/recordings/keyed/cam.flv?key=0123456789abcdef"), 200);
}

#[test]
fn who_is_banned_from_a_stream_has_none_of_its_recordings() {
    let folder = Folder::new();
    let mut world = world_of(&folder, 2);
    let ban = |stream: Option<&str>, now: Now| Ban {
        id: 0,
        banned: Banned::of(ENDS.0).unwrap(),
        stream: stream.map(str::to_owned),
        until: now.instant + Duration::from_secs(60),
        why: String::new(),
        by: String::new(),
    };
    assert_eq!(get(&mut world, "/recordings.json?app=live")["total"], 2);
    let now = world.now;
    world.engine.cx.bans.add(ban(Some("live/cam1"), now), now.instant);
    let list = get(&mut world, "/recordings.json?app=live");
    assert_eq!((&list["total"], &list["recordings"][0]["stream"]), (&1.into(), &"cam0".into()));
    assert_eq!(status(&mut world, "/recordings/live/cam0.flv"), 200);
    assert_eq!(status(&mut world, "/recordings/live/cam1.flv"), 403);
    world.pass(61);
    assert_eq!(status(&mut world, "/recordings/live/cam1.flv/index.m3u8"), 200);
}

#[test]
fn readers_work_in_steps_and_stop_when_the_client_leaves() {
    let folder = Folder::new();
    let mut world = world_of(&folder, 600);
    world.has_fast_disk = false;
    let ids: Vec<_> = (0..4).map(|_| ask(&mut world, "/recordings.json?app=live")).collect();
    world.end_turn();
    let mut jobs = 0;
    while let Some(done) = world.engine.cx.jobs.run_next() {
        jobs += 1;
        done.into_iter().for_each(|done| world.engine.finish_job(done));
        if jobs == 5 {
            ids.iter().for_each(|id| world.engine.lost(*id, world.now));
        }
        world.end_turn();
    }
    // Two lists at a time; what a reader has begun it finishes.
    assert!((5..=7).contains(&jobs), "{jobs}");
    assert!(world.engine.pending.is_empty());
    world.has_fast_disk = true;
    let list = get(&mut world, "/recordings.json?app=live");
    assert_eq!((&list["total"], list["recordings"].as_array().unwrap().len()), (&600.into(), 500));
}
