//! Recordings on the disk: their retention, and what happens when somebody removes or moves them
//! while they are made.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::common::flv::{self, packets, read};
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use crate::common::record::{publish_until, spawn_on_small_disk};
use crate::common::{Folder, Server, not_tested, wait};

const ALL: &str = "record all; record_path FOLDER/rec;";
const DAY: Duration = Duration::from_secs(86_400);

fn publish(server: &Server, app: &str, name: &str, packets: &[Packet]) {
    let mut publisher = Client::try_publish(server.rtmp(), app, name).unwrap();
    publisher.send_all(packets);
    publisher.finish();
}

/// Makes a file look as if it had been written last so many days ago.
fn set_age(path: &Path, days: u32) {
    let time = SystemTime::now() - DAY * days;
    File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

fn lacks(server: &Server, name: &str) -> bool {
    !server.folder.list("rec").contains(&name.to_owned())
}

#[test]
fn recordings_are_deleted_when_they_are_too_old() {
    let record = "live on; record all; record_path FOLDER/rec;";
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; {record} application live {{ }} application other {{ }} }} }}"
    ));
    for (app, name) in [("live", "a"), ("live", "a"), ("live", "b"), ("live", "c"), ("other", "d")] {
        publish(&server, app, name, &media::both(0, 500));
    }
    let Server { folder, .. } = &server;
    folder.write("rec/film.flv", "precious");
    fs::copy(folder.join("rec/a.flv"), folder.join("rec/copy.flv")).unwrap();
    for name in ["a.flv", "a.1.flv", "b.flv", "d.flv", "film.flv", "copy.flv"] {
        set_age(&folder.join("rec").join(name), 8);
    }
    let rec = server.folder.join("rec");
    // Another server with the folder of the first one, to which none of the streams has come.
    let second = Folder::new();
    let server = Server::start_in(
        second,
        &format!(
            "pid off; rtmp {{ server {{ listen 127.0.0.1:0; live on; record all; record_path {}; record_keep 7d;
                application live {{ }} application other {{ record_keep off; }} }} }}",
            rec.display()
        ),
    );
    server.wait_lines("is deleted", 3);
    let mut left: Vec<_> =
        fs::read_dir(&rec).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["c.flv", "copy.flv", "d.flv", "film.flv"]);
    let line = server.wait_log("rec/b.flv is deleted");
    assert!(line.contains("live/b: ") && line.ends_with("it is 8d old, record_keep is 7d"), "{line}");
}

#[test]
fn a_recording_is_deleted_some_time_after_its_end_while_the_next_is_made() {
    let server = Server::live(&format!("{ALL} record_keep 1s;"));
    publish(&server, "live", "cam", &media::both(0, 500));
    let mut publisher = Client::publish(server.rtmp(), "other");
    publisher.send_all(&media::both(0, 500));
    wait("the first is gone", || lacks(&server, "cam.flv"));
    assert!(!lacks(&server, "other.flv"), "it is being written");
}

#[test]
fn without_a_path_it_is_the_current_folder_that_is_looked_through() {
    let server = Server::live("record all; record_keep 1s;");
    publish(&server, "live", "cam", &media::both(0, 500));
    server.wait_log("live/cam: cam.flv is deleted: ");
    wait("it is gone", || !server.folder.join("cam.flv").exists());
}

#[test]
fn the_oldest_recordings_are_deleted_when_the_disk_has_too_little_room() {
    let Some(server) = spawn_on_small_disk("record_min_free 400k;", "") else {
        return not_tested("there is no permission to mount a small disk (unshare -rm)");
    };
    let rec = Path::new("/proc").join(server.pid().to_string()).join("cwd/rec");
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&rec)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    fs::write(rec.join("film.flv"), vec![0; 100 << 10]).unwrap();
    set_age(&rec.join("film.flv"), 100);
    // About 130 kB each.
    let sent: Vec<_> = (0..25).map(|number| media::video_frame(number * 40, number == 0, 5000)).collect();
    for (name, days) in [("a", 9), ("b", 8), ("c", 7)] {
        publish(&server, "live", name, &sent);
        set_age(&rec.join(format!("{name}.flv")), days);
    }
    assert_eq!(names(), ["a.flv", "b.flv", "c.flv", "film.flv"]);
    let mut publisher = Client::publish(server.rtmp(), "d");
    publisher.send_all(&sent);
    // 650 kB are used, 374 are free.
    let line = server.wait_log("is deleted");
    assert!(line.contains("live/a: ") && line.ends_with("record_min_free is 400.0 KiB"), "{line}");
    wait("one is gone, and no more", || names() == ["b.flv", "c.flv", "d.flv", "film.flv"]);
}

#[test]
fn a_full_disk_is_said_once_when_nothing_is_left_to_delete_and_recording_goes_on() {
    let Some(server) = spawn_on_small_disk("record_min_free 2m;", "") else {
        return not_tested("there is no permission to mount a small disk (unshare -rm)");
    };
    let warning = server.wait_log("every recording there will be deleted");
    assert!(warning.contains("rec is on a disk of 1.0 MiB, and record_min_free is 2.0 MiB"), "{warning}");
    let rec = Path::new("/proc").join(server.pid().to_string()).join("cwd/rec");
    let sent = media::both(0, 500);
    for name in ["a", "b", "c"] {
        publish(&server, "live", name, &sent);
    }
    server.expect_lines("no recording that ended more than 10 s ago is left to delete", 1);
    assert_eq!(packets(&read(&rec.join("c.flv"))), sent);
}

#[test]
fn a_disk_that_is_full_before_anybody_has_looked_gets_room_at_once() {
    let Some(server) = spawn_on_small_disk("record_min_free 160k;", "") else {
        return not_tested("there is no permission to mount a small disk (unshare -rm)");
    };
    let rec = Path::new("/proc").join(server.pid().to_string()).join("cwd/rec");
    let large: Vec<_> = (0..80).map(|number| media::video_frame(number * 40, number == 0, 5000)).collect();
    publish(&server, "live", "a", &large);
    set_age(&rec.join("a.flv"), 9);
    let mut publisher = Client::publish(server.rtmp(), "b");
    publisher.send(&media::video_header(0));
    publisher.send_all(&(0..150).map(|n| media::video_frame(n * 40, n % 25 == 0, 5000)).collect::<Vec<_>>());
    let line = server.wait_log("is deleted");
    assert!(line.contains("rec/a.flv is deleted: "), "{line}");
    publish_until(&mut publisher, 6000, || rec.join("b.1.flv").exists());
    publisher.finish();
    assert!(packets(&read(&rec.join("b.1.flv"))).iter().any(Packet::is_key));
    server.expect_lines("recording fails", 1);
}

#[test]
fn a_file_that_is_removed_while_it_is_recorded_is_begun_anew_within_seconds() {
    let server = Server::live(ALL);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send(&media::video_header(0));
    let file = server.folder.join("rec/cam.flv");
    publish_until(&mut publisher, 0, || file.exists());
    fs::remove_dir_all(server.folder.join("rec")).unwrap();
    let removed = Instant::now();
    publish_until(&mut publisher, 6000, || file.exists());
    let took = removed.elapsed();
    publisher.finish();
    assert!(took < Duration::from_secs(10), "{took:?}");
    let recorded = packets(&read(&file));
    assert!(recorded[0].is_header() && recorded[1].is_key() && recorded[1].timestamp == 0);
    let line = server.wait_log("has been removed");
    assert!(line.contains("[warn]") && line.contains("live/cam: ") && line.contains("cam.flv"), "{line}");
    server.expect_lines("has been removed", 1);
}

#[test]
fn a_file_that_is_truncated_while_it_is_recorded_is_left_and_another_begun() {
    let server = Server::live(ALL);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send(&media::video_header(0));
    let (file, next) = (server.folder.join("rec/cam.flv"), server.folder.join("rec/cam.1.flv"));
    publish_until(&mut publisher, 0, || fs::metadata(&file).is_ok_and(|file| file.len() > 0));
    File::create(&file).unwrap();
    publish_until(&mut publisher, 6000, || next.exists());
    publisher.finish();
    let recorded = packets(&read(&next));
    assert!(recorded[0].is_header() && recorded[1].is_key() && recorded[1].timestamp == 0);
    assert_eq!(fs::metadata(&file).unwrap().len(), 0);
    let line = server.wait_log("has been truncated by another program");
    assert!(line.contains("[warn]") && line.contains("live/cam: ") && line.contains("cam.flv"), "{line}");
}

#[test]
fn a_path_that_is_no_folder_is_logged_with_the_reason() {
    let folder = Folder::new();
    folder.write("rec", "a file");
    let server = Server::start_in(
        folder,
        "pid off; rtmp { server { listen 127.0.0.1:0; application live { live on; record all; record_path FOLDER/rec;
             record_keep 1d; } } }",
    );
    let line = server.wait_log("Not a directory");
    assert!(line.contains("[error]") && line.contains("old recordings cannot be looked for: "), "{line}");
}

#[test]
fn a_file_that_is_moved_away_goes_on_to_the_next_key_frame_and_nothing_is_lost() {
    let server = Server::live(ALL);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut sent = vec![media::video_header(0)];
    publisher.send(&sent[0]);
    let (file, moved) = (server.folder.join("rec/cam.flv"), server.folder.join("kept.flv"));
    let mut time = 0;
    let mut until = |done: &dyn Fn() -> bool| {
        while !done() {
            let frame = media::video_frame(time, time % 1000 == 0, 500);
            publisher.send(&frame);
            sent.push(frame);
            time += 40;
            std::thread::sleep(Duration::from_millis(40));
        }
    };
    until(&|| file.exists());
    fs::rename(&file, &moved).unwrap();
    server.folder.write("rec/cam.flv", "somebody else's");
    let next = server.folder.join("rec/cam.1.flv");
    until(&|| next.exists());
    publisher.finish();
    let (tags, second) = (read(&moved), packets(&read(&next)));
    let first = packets(&tags);
    assert!(second[0].is_header() && second[1].is_key());
    let payloads = |packets: &[Packet]| packets.iter().map(|p| p.payload.clone()).collect::<Vec<_>>();
    assert_eq!(payloads(&[&first[..], &second[1..]].concat()), payloads(&sent));
    let last = f64::from(first.last().unwrap().timestamp) / 1000.0;
    assert_eq!(flv::metadata(&tags[0]).number("duration"), Some(last), "it is finished");
    assert_eq!(fs::read_to_string(&file).unwrap(), "somebody else's");
    server.expect_lines("has been moved away", 1);
}
