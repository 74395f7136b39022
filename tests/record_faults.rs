//! Recordings when something goes wrong: a kill, a full disk, a folder that cannot be written, and what
//! `record_append` makes of the files that are left.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::common::flv::{self, packets, read};
use crate::common::http;
use crate::common::media::{self, Packet};
use crate::common::player::{Client, relay};
use crate::common::raw::Raw;
use crate::common::record::{publish_until, spawn, spawn_on_small_disk};
use crate::common::{Folder, SOON, Server, ffmpeg, not_tested, until, wait};
use millstream::media::amf::Value;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::Signal;

const ALL: &str = "record all; record_path FOLDER/rec;";
const APPEND: &str = "record all; record_path FOLDER/rec; record_append on;";

/// Publishes packets to `live/NAME`, to the end of the stream.
fn publish(server: &Server, name: &str, packets: &[Packet]) {
    let mut publisher = Client::publish(server.rtmp(), name);
    publisher.send_all(packets);
    publisher.finish();
}

fn recording(server: &Server) -> PathBuf {
    server.folder.join("rec/cam.flv")
}

/// Waits until the writer has written so many milliseconds.
fn wait_written(server: &Server, length: u32) {
    wait("what is older than a second is in the file", || {
        let file = fs::read(recording(server)).ok().filter(|file| file.len() > 13);
        file.is_some_and(|file| flv::parse(&file).0.last().is_some_and(|tag| tag.timestamp >= length))
    });
}

/// A whole file that holds so many streams, one behind the other: its times never go back by more than
/// the tracks do, and its head knows its length and every key frame.
fn expect_joined(server: &Server, parts: &[&[Packet]]) {
    let (tags, size) = (read(&recording(server)), fs::metadata(recording(server)).unwrap().len());
    let recorded = packets(&tags);
    let payloads = |packets: &[Packet]| packets.iter().map(|p| p.payload.clone()).collect::<Vec<_>>();
    assert_eq!(payloads(&recorded), payloads(&parts.concat()));
    let mut start = 0;
    for part in parts {
        let (first, last) = (&recorded[start], &recorded[start + part.len() - 1]);
        assert_eq!(last.timestamp - first.timestamp, part.last().unwrap().timestamp);
        let before = recorded[..start].iter().map(|p| p.timestamp).max();
        assert!(before.is_none_or(|before| (before..before + 100).contains(&first.timestamp)));
        start += part.len();
    }
    let metadata = flv::metadata(&tags[0]);
    let last = recorded.iter().map(|packet| packet.timestamp).max().unwrap();
    assert_eq!(metadata.number("duration"), Some(f64::from(last) / 1000.0));
    assert_eq!(metadata.number("filesize"), Some(size as f64));
    let keys: Vec<_> = tags.iter().filter(|tag| tag.is_key()).map(|tag| tag.position as f64).collect();
    assert_eq!(flv::numbers(&metadata, "keyframes", "filepositions"), keys);
}

#[test]
fn a_killed_server_leaves_whole_tags_but_for_the_last_second() {
    let mut server = Server::live(ALL);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let sent = media::both(0, 5000);
    let mut player = [Client::play(server.rtmp(), "cam")];
    relay(&mut publisher, &mut player, &sent);
    wait_written(&server, 3900);
    server.signal(Signal::SIGKILL);
    assert!(!server.wait_exit(SOON).success());
    let tags = read(&server.folder.join("rec/cam.flv"));
    let kept = packets(&tags);
    assert_eq!(kept, sent[..kept.len()]);
    let lost = sent.last().unwrap().timestamp - kept.last().unwrap().timestamp;
    assert!(lost <= 1100, "{lost} ms are lost");
}

#[test]
fn a_folder_that_cannot_be_written_is_logged_and_tried_again() {
    let folder = Folder::new();
    folder.write("file", "");
    let server = Server::start_in(
        folder,
        "pid off; rtmp { server { listen 127.0.0.1:0; application live {
            live on; record all; record_path FOLDER/file/rec; hls on; hls_path FOLDER/file/hls; } } }
        http { server { listen 127.0.0.1:0; location / { page on; } } }",
    );
    let page = || http::get(server.http(), "/streams.json").text();
    let mut players = [Client::play(server.rtmp(), "cam")];
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let sent = media::video_only(0, 2000);
    assert_eq!(relay(&mut publisher, &mut players, &sent), std::slice::from_ref(&sent));
    server.wait_log("recording fails");
    server.wait_log("hls");
    wait("the page says both", || {
        let said = page();
        said.contains("no file can be written now") && said.contains("HLS has no new fragments")
    });
    fs::remove_file(server.folder.join("file")).unwrap();
    let path = server.folder.join("file/rec/cam.flv");
    publish_until(&mut publisher, 2000, || path.exists());
    wait("the page no longer says so", || !page().contains("no file can be written now"));
    publisher.finish();
    let recorded = packets(&read(&path));
    assert!(recorded[0].is_header() && recorded[1].is_key() && recorded[1].timestamp == 0);
    let mut errors = server.lines("[error]");
    errors.retain(|line| line.contains("recording"));
    assert!(errors.len() == 1 && errors[0].contains("file/rec: Not a directory"), "{errors:?}");
}

/// A server whose files may have 256 KiB.
fn spawn_with_small_files() -> Server {
    spawn(&["sh", "-c"], "ulimit -f 512; exec \"$0\" -c \"$1\"", "")
}

#[test]
fn a_file_that_may_not_grow_ends_with_whole_tags_and_another_one_begins() {
    let server = spawn_with_small_files();
    let mut players = [Client::play(server.rtmp(), "cam")];
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let frames: Vec<_> = (0..100).map(|n| media::video_frame(n * 40, n % 25 == 0, 5000)).collect();
    let sent = [vec![media::video_header(0)], frames].concat();
    assert_eq!(relay(&mut publisher, &mut players, &sent), std::slice::from_ref(&sent));
    server.wait_log("[error]");
    assert_eq!(server.lines("[error]").len(), 1, "{}", server.log());
    let next = server.folder.join("rec/cam.1.flv");
    publish_until(&mut publisher, 4000, || next.exists());
    publisher.finish();
    let tags = read(&recording(&server));
    let kept = packets(&tags);
    assert!(kept.len() > 10 && kept.len() < sent.len(), "{} packets", kept.len());
    assert_eq!(kept, sent[..kept.len()]);
    let metadata = flv::metadata(&tags[0]);
    let last = f64::from(kept.last().unwrap().timestamp) / 1000.0;
    assert_eq!(metadata.number("duration"), Some(last), "no more than there is");
    let keys: Vec<_> = tags.iter().filter(|tag| tag.is_key()).map(|tag| tag.position as f64).collect();
    assert_eq!(flv::numbers(&metadata, "keyframes", "filepositions"), keys);
    assert!(packets(&read(&next))[1].is_key());
}

#[test]
fn a_file_that_may_not_have_the_cached_group_begins_with_the_next_key_frame() {
    let server = spawn_with_small_files();
    let next = server.folder.join("rec/cam.1.flv");
    let mut players = [Client::play(server.rtmp(), "cam")];
    let mut publisher = Client::publish(server.rtmp(), "cam");
    // In each round, a group longer than a file may be comes at once. The first picture after the pause, in
    // which it may be tried again, is then always one that the whole group has to be written with. On a busy machine the
    // pause may be too short, as an error comes late.
    let recordings = || server.lines("is recorded to").len();
    for round in (0..20).take_while(|_| recordings() < 2) {
        let times = (0..30).map(|number| round * 3000 + number * 40);
        let group: Vec<_> = times.map(|time| media::video_frame(time, time == round * 3000, 5000)).collect();
        let header = media::video_header(round * 3000);
        relay(&mut publisher, &mut players, &[vec![header], group].concat());
        std::thread::sleep(Duration::from_millis(1100));
        relay(&mut publisher, &mut players, &[media::video_frame(round * 3000 + 1200, false, 5000)]);
    }
    publisher.finish();
    assert!(packets(&read(&next))[1].is_key());
}

#[test]
fn a_failed_search_for_a_name_is_tried_again_after_a_second() {
    for _ in 0..10 {
        let server = Server::live(&format!("{ALL} record_max_frames 1;"));
        let (folder, aside) = (server.folder.join("rec"), server.folder.join("aside"));
        let mut players = [Client::play(server.rtmp(), "cam")];
        let mut publisher = Client::publish(server.rtmp(), "cam");
        relay(&mut publisher, &mut players, &[media::video_header(0), media::video_frame(0, true, 500)]);
        server.wait_log("is recorded to");
        let mut time = 0;
        let mut send_key = || {
            time += 40;
            relay(&mut publisher, &mut players, &[media::video_frame(time, true, 500)]);
        };
        fs::rename(&folder, &aside).unwrap();
        fs::write(&folder, "").unwrap();
        let begun = Instant::now();
        send_key();
        server.wait_log("recording fails");
        fs::remove_file(&folder).unwrap();
        fs::rename(&aside, &folder).unwrap();
        (0..5).for_each(|_| send_key());
        std::thread::sleep(Duration::from_millis(100));
        let is_in_time = begun.elapsed() < Duration::from_secs(1);
        let now = server.folder.list("rec");
        std::thread::sleep(Duration::from_millis(1100));
        send_key();
        wait("it is tried again", || server.folder.list("rec").len() > 1);
        if is_in_time {
            assert_eq!(now, ["cam.flv"], "the next file was looked for within the second");
            publisher.finish();
            let recorded = packets(&read(&recording(&server)));
            assert_eq!(recorded.len(), 1 + 7, "what the next file could not take is in this one");
            return;
        }
    }
    panic!("the machine is too busy for seven frames in a second");
}

#[test]
fn a_full_disk_is_recorded_to_again_when_there_is_room() {
    let fill = "dd if=/dev/zero of=rec/filler bs=1k count=700 status=none &&";
    let Some(server) = spawn_on_small_disk("", fill) else {
        return not_tested("there is no permission to mount a small disk (unshare -rm)");
    };
    let rec = PathBuf::from(format!("/proc/{}/cwd/rec", server.pid()));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send(&media::video_header(0));
    publish_until(&mut publisher, 0, || !server.lines("[error]").is_empty());
    std::thread::sleep(Duration::from_millis(1500));
    publish_until(&mut publisher, 6000, || rec.join("cam.flv").exists());
    let names = || {
        let entries = fs::read_dir(&rec).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["cam.flv", "filler"], "what has no room leaves no empty files");
    let error = server.lines("[error]").remove(0);
    assert!(error.contains("rec/cam.flv: No space left on device"), "{error}");
    fs::remove_file(rec.join("filler")).unwrap();
    publish_until(&mut publisher, 12_000, || rec.join("cam.1.flv").exists());
    publisher.finish();
    for name in ["cam.flv", "cam.1.flv"] {
        let recorded = packets(&read(&rec.join(name)));
        assert!(recorded[0].is_header() && recorded[1].is_key(), "{name}");
    }
    server.expect_lines("[error]", 1);
}

#[test]
fn a_full_disk_is_logged_for_each_recording() {
    let fill = "dd if=/dev/zero of=rec/filler bs=1k count=700 status=none &&";
    let second = "recorder second { record all; record_suffix -second.flv; }";
    let Some(server) = spawn_on_small_disk(second, fill) else {
        return not_tested("there is no permission to mount a small disk (unshare -rm)");
    };
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send(&media::video_header(0));
    // Not in the same second, and while neither is tried again.
    publish_until(&mut publisher, 0, || server.lines("[error]").len() == 2);
    publisher.finish();
    for file in ["rec/cam.flv: ", "rec/cam-second.flv: "] {
        assert_eq!(server.lines(file).iter().filter(|line| line.contains("[error]")).count(), 1, "{file}");
    }
}

#[test]
fn an_error_that_lasts_is_logged_once_though_each_attempt_has_another_name() {
    let no_more_files = "mount -o remount,nr_inodes=1 rec &&";
    let Some(server) = spawn_on_small_disk("record_suffix -%S.flv;", no_more_files) else {
        return not_tested("there is no permission to mount a small disk (unshare -rm)");
    };
    let begun = Instant::now();
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send(&media::video_header(0));
    publish_until(&mut publisher, 0, || begun.elapsed() > Duration::from_millis(3500));
    publisher.finish();
    let errors = server.lines("[error]");
    assert!(errors.len() == 1 && errors[0].contains("No space left on device"), "{errors:?}");
}

#[test]
fn a_file_in_progress_can_be_read_up_to_its_end() {
    let server = Server::live(ALL);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let sent = media::both(0, 4000);
    publisher.send_all(&sent);
    let tags = until("three seconds are in the file", SOON, || {
        let file = fs::read(server.folder.join("rec/cam.flv")).ok().filter(|file| file.len() > 13)?;
        let tags = flv::parse(&file).0;
        (tags.last()?.timestamp >= 2900).then_some(tags)
    });
    let kept = packets(&tags);
    assert_eq!(kept, sent[..kept.len()]);
}

#[test]
fn a_stream_that_comes_again_goes_on_in_its_file() {
    let server = Server::live(APPEND);
    let (first, second, third) = (media::both(0, 3000), media::both(0, 2000), media::both(0, 1000));
    for part in [&first, &second, &third] {
        publish(&server, "cam", part);
    }
    expect_joined(&server, &[&first, &second, &third]);
    assert_eq!(server.folder.list("rec"), ["cam.flv"]);
    assert_eq!(fs::read(recording(&server)).unwrap()[4], 5);
}

#[test]
fn appended_recordings_decode() {
    let server = Server::live(APPEND);
    let sent = ffmpeg::encode(&server.folder, ffmpeg::Tracks::Both, 2);
    publish(&server, "cam", &sent);
    publish(&server, "cam", &sent);
    ffmpeg::decode(recording(&server).to_str().unwrap());
    let duration = flv::metadata(&read(&recording(&server))[0]).number("duration").unwrap();
    assert!((3.9..4.3).contains(&duration), "{duration} s");
}

#[test]
fn after_a_kill_the_file_is_gone_on_with() {
    let mut server = Server::live(APPEND);
    let port = "listen 127.0.0.1:0";
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut player = [Client::play(server.rtmp(), "cam")];
    let first = media::both(0, 5000);
    relay(&mut publisher, &mut player, &first);
    wait_written(&server, 3900);
    server.signal(Signal::SIGKILL);
    assert!(!server.wait_exit(SOON).success());
    let kept = packets(&read(&recording(&server)));
    assert_eq!(flv::metadata(&read(&recording(&server))[0]).number("duration"), Some(0.0), "to be found out");

    let folder = std::mem::replace(&mut server.folder, Folder::new());
    let application = format!("application live {{ live on; {APPEND} }}");
    let server = Server::start_in(folder, &format!("pid off; rtmp {{ server {{ {port}; {application} }} }}"));
    let second = media::both(0, 1000);
    publish(&server, "cam", &second);
    expect_joined(&server, &[&kept, &second]);
}

#[test]
fn a_torn_end_is_cut_off_wherever_it_is_torn() {
    let server = Server::live(APPEND);
    let first = media::both(0, 1000);
    publish(&server, "cam", &first);
    let whole = fs::read(recording(&server)).unwrap();
    let last = read(&recording(&server)).last().unwrap().position;
    let second = media::both(0, 500);
    for end in [last + 1, last + 10, last + 11, last + 50, whole.len() - 4, whole.len() - 1] {
        fs::write(recording(&server), &whole[..end]).unwrap();
        publish(&server, "cam", &second);
        expect_joined(&server, &[&first[..first.len() - 1], &second]);
    }
    // A file after a power cut: its end has room, and nothing in it.
    fs::write(recording(&server), [&whole[..], &[0; 5000]].concat()).unwrap();
    publish(&server, "cam", &second);
    expect_joined(&server, &[&first, &second]);
    server.expect_lines("a torn end of", 7);
    // Or there is hardly a beginning.
    for end in [0, 4, 13, 100, read(&recording(&server))[1].position] {
        fs::write(recording(&server), &whole[..end]).unwrap();
        publish(&server, "cam", &second);
        expect_joined(&server, &[&second]);
    }
    assert_eq!(server.folder.list("rec"), ["cam.flv"]);
}

#[test]
fn the_head_of_a_file_that_others_have_written_is_left_alone() {
    let server = Server::live(APPEND);
    fs::create_dir(server.folder.join("rec")).unwrap();
    let path = recording(&server);
    ffmpeg::run(ffmpeg::command().args(ffmpeg::source(ffmpeg::Tracks::Both, 1)).arg(&path));
    let before = fs::read(&path).unwrap();
    let second = media::both(0, 1000);
    for torn in [0, 3] {
        fs::write(&path, &before[..before.len() - torn]).unwrap();
        let whole = flv::parse(&before[..before.len() - torn]).0;
        publish(&server, "cam", &second);
        let tags = read(&path);
        assert_eq!(tags[..whole.len()], whole);
        let appended = packets(&tags[whole.len()..]);
        assert!(appended[0].timestamp > 900 && appended[0].is_header(), "{appended:?}");
        assert_eq!(appended.len(), second.len());
    }
}

#[test]
fn a_file_that_is_not_the_streams_own_recording_is_not_appended_to() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; live on; record all; record_path FOLDER/rec; record_append on;
            application live { } application other { } application small { record_max_size 20k; } } }",
    );
    let precious = "precious".repeat(1000);
    server.folder.write("rec/text.flv", &precious);
    let sent = media::both(0, 1000);
    let publish = |app: &str, name: &str| {
        let mut publisher = Client::try_publish(server.rtmp(), app, name).unwrap();
        publisher.send_all(&sent);
        publisher.finish();
    };
    publish("live", "text");
    assert_eq!(fs::read_to_string(server.folder.join("rec/text.flv")).unwrap(), precious);
    let fifo = server.folder.join("rec/fifo.flv");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    publish("live", "fifo");
    std::os::unix::fs::symlink(server.folder.join("rec/text.1.flv"), server.folder.join("rec/link.flv"))
        .unwrap();
    publish("live", "link");
    // Another application's stream of the name, a stream whose name looks like a number's, and a full file.
    publish("live", "cam");
    publish("other", "cam");
    publish("other", "cam");
    publish("live", "cam.1");
    publish("small", "full");
    publish("small", "full");
    let mut expected = vec!["cam.1.1.flv", "cam.1.flv", "cam.flv", "fifo.1.flv", "fifo.flv", "full.1.flv"];
    expected.extend(["full.flv", "link.1.flv", "link.flv", "text.1.flv", "text.flv"]);
    assert_eq!(server.folder.list("rec"), expected);
    let recorded = |name: &str| packets(&read(&server.folder.join("rec").join(name))).len();
    assert_eq!(["text.1.flv", "cam.flv", "cam.1.1.flv"].map(recorded), [sent.len(); 3]);
    assert_eq!(recorded("cam.1.flv"), 2 * sent.len(), "of the other application, twice");
    server.wait_log("text.flv is not appended to: not an FLV file");
}

#[test]
fn two_publications_of_a_name_at_once_have_a_file_each() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; live on; record_path FOLDER/rec; record_append on;
            application live { record all; recorder again { record all; } } } }",
    );
    let sent = media::both(0, 1000);
    for _ in 0..2 {
        publish(&server, "cam", &sent);
    }
    assert_eq!(server.folder.list("rec"), ["cam.1.flv", "cam.flv"]);
    for name in ["rec/cam.flv", "rec/cam.1.flv"] {
        assert_eq!(packets(&read(&server.folder.join(name))).len(), 2 * sent.len());
    }
}

/// True if another process would be refused a write lock.
fn is_locked(path: &std::path::Path) -> bool {
    let mut lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    let file = File::options().read(true).write(true).open(path).unwrap();
    fcntl(&file, FcntlArg::F_GETLK(&mut lock)).unwrap();
    i32::from(lock.l_type) != libc::F_UNLCK
}

#[test]
fn a_recording_is_locked_while_it_is_made_if_so_told() {
    for (directives, locks) in [("record_lock on;", true), ("", false)] {
        let server = Server::live(&format!("{ALL} {directives}"));
        let mut publisher = Client::publish(server.rtmp(), "cam");
        publisher.send_all(&media::both(0, 1000));
        wait("the file is there", || recording(&server).exists());
        // It is locked a moment after it was made.
        wait("the lock is as told", || is_locked(&recording(&server)) == locks);
        publisher.finish();
        assert!(!is_locked(&recording(&server)));
    }
}

#[test]
fn a_publisher_says_whether_its_recording_is_a_new_one() {
    let server = Server::live("record all manual; record_path FOLDER/rec;");
    let sent = media::both(0, 500);
    for publish_type in ["live", "append", "append", "record", "live"] {
        let mut publisher = Raw::connected(server.rtmp(), "live");
        publisher.command("publish", 0.0, 1, &[Value::Null, "cam".into(), publish_type.into()]);
        sent.iter().for_each(|packet| publisher.send_packet(packet));
        publisher.command("deleteStream", 0.0, 0, &[Value::Null, 1.0.into()]);
        while publisher.status().0 != "NetStream.Unpublish.Success" {}
    }
    assert_eq!(server.folder.list("rec"), ["cam.1.flv", "cam.flv"]);
    expect_joined(&server, &[&sent, &sent]);
    assert_eq!(packets(&read(&server.folder.join("rec/cam.1.flv"))), sent);
}

#[test]
fn frames_in_the_buffer_are_written_when_the_publisher_pauses() {
    let server = Server::live(ALL);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let sent = media::both(0, 900);
    publisher.send_all(&sent);
    until("all is in the file", Duration::from_secs(5), || {
        let file = fs::read(recording(&server)).ok().filter(|file| file.len() > 13)?;
        (packets(&flv::parse(&file).0) == sent).then_some(())
    });
}
