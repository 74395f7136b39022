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
         http {{ server {{ listen 127.0.0.1:0; location / {{ record_browse on; }}
             location /api/ {{ millstream_api on; api_token look read-0123456789abcdef; }} }} }}"
    );
    World::configured(table(), &config)
}

/// A minute without a stream for the client.
fn ban(stream: &str, now: Now) -> Ban {
    Ban {
        id: 0,
        banned: Banned::of(ENDS.0).unwrap(),
        stream: Some(stream.to_owned()),
        until: now.instant + Duration::from_secs(60),
        why: String::new(),
        by: String::new(),
    }
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
    assert_eq!(get(&mut world, "/recordings.json?app=live")["total"], 2);
    let now = world.now;
    world.engine.cx.bans.add(ban("live/cam1", now), now.instant);
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

#[test]
fn a_ban_stops_the_links_of_an_operator_too() {
    let folder = Folder::new();
    let mut world = world_of(&folder, 1);
    let id = world.engine.accept(1, ENDS, world.now).unwrap();
    let request =
        "GET /recordings.json?app=live HTTP/1.0\r\nAuthorization: Bearer read-0123456789abcdef\r\n\r\n";
    world.engine.input(id, request.as_bytes(), world.now);
    let list: Json = serde_json::from_str(&world.good_answer(id)).unwrap();
    let [url, hls] = ["url", "hls"].map(|name| list["recordings"][0][name].as_str().unwrap().to_owned());
    assert!(url.contains("?t="), "{url}");
    assert_eq!((status(&mut world, &url), status(&mut world, &hls)), (200, 200));
    let now = world.now;
    world.engine.cx.bans.add(ban("live/cam0", now), now.instant);
    assert_eq!((status(&mut world, &url), status(&mut world, &hls)), (403, 403));
    world.pass(61);
    assert_eq!(status(&mut world, &url), 200);
}

#[test]
fn a_segment_does_not_wait_for_searches_that_take_long() {
    let folder = Folder::new();
    let mut world = world_of(&folder, 1);
    let mut long = crate::media::flv::file_header(false, true).to_vec();
    for time in 0..400_000 {
        let payload = if time == 0 { KEY } else { INTER };
        crate::media::flv::write_tag(&mut long, Kind::Video, time, payload);
    }
    folder.write("long.flv", long);
    world.has_fast_disk = false;
    let long: Vec<_> = (0..3).map(|_| ask(&mut world, "/recordings/live/long.flv/index.m3u8")).collect();
    let short = ask(&mut world, "/recordings/live/cam0.flv/0-6000.ts");
    world.end_turn();
    let (mut jobs, mut ends) = (0, Vec::new());
    while let Some(done) = world.engine.cx.jobs.run_next() {
        jobs += 1;
        done.into_iter().for_each(|done| world.engine.finish_job(done));
        world.end_turn();
        for id in long.iter().chain([&short]).filter(|id| !world.take(**id, usize::MAX).concat().is_empty()) {
            ends.push((*id, jobs));
        }
    }
    assert_eq!(ends.first().map(|end| end.0), Some(short), "{ends:?} of {jobs}");
    assert_eq!(ends.len(), 4);
}
