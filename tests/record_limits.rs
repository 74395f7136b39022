//! Recordings that go on in another file, several recorders on one stream, and what publishers are told.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::time::{Duration, Instant};

use crate::common::flv::{packets, read};
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Folder, Server, ffmpeg};
use millstream::media::amf::Value;

/// Publishes packets to `live/cam`, to the end of the stream.
fn publish(server: &Server, packets: &[Packet]) {
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(packets);
    publisher.finish();
}

/// The contents of files that follow each other; each begins with the headers that the first one has, and with
/// its first picture or sound at 0. Returns each file's packets behind the headers.
fn files(folder: &Folder, names: &[String], headers: &[Packet]) -> Vec<Vec<Packet>> {
    let parts = names.iter().map(|name| {
        let mut part = packets(&read(&folder.join("rec").join(name)));
        let rest = part.split_off(headers.len());
        assert_eq!(part, headers, "{name} begins with the headers");
        assert_eq!(rest[0].timestamp, 0, "{name} begins at 0");
        rest
    });
    parts.collect()
}

/// The payloads, in order.
fn payloads<'a>(packets: impl IntoIterator<Item = &'a Packet>) -> Vec<&'a [u8]> {
    packets.into_iter().map(|packet| packet.payload.as_slice()).collect()
}

/// "cam.flv", "cam.1.flv", ...
fn numbered(count: usize) -> Vec<String> {
    let name = |number| if number == 0 { "cam.flv".into() } else { format!("cam.{number}.flv") };
    (0..count).map(name).collect()
}

/// The size of a recording in bytes.
fn size(server: &Server, name: &str) -> u64 {
    fs::metadata(server.folder.join("rec").join(name)).unwrap().len()
}

#[test]
fn a_size_begins_the_next_file_at_a_key_frame_and_nothing_is_lost() {
    let server = Server::live("record all; record_path FOLDER/rec; record_max_size 100k;");
    let sent = media::both(0, 10_000);
    publish(&server, &sent);
    let names = numbered(server.folder.list("rec").len());
    assert!(names.len() > 2, "{names:?}");
    let files = files(&server.folder, &names, &sent[..2]);
    assert!(files.iter().all(|file| file[0].is_key()));
    assert_eq!(payloads(files.iter().flatten()), payloads(&sent[2..]));
    for name in &names {
        let size = size(&server, name);
        assert!(size <= 100 * 1024, "{name} has {size} bytes");
    }
}

#[test]
fn a_real_stream_decodes_in_each_of_its_files() {
    let server = Server::live("record all; record_path FOLDER/rec; record_interval 2s;");
    publish(&server, &ffmpeg::encode(&server.folder, ffmpeg::Tracks::Both, 6));
    assert_eq!(server.folder.list("rec").len(), 3);
    for name in numbered(3) {
        ffmpeg::decode(server.folder.join("rec").join(name).to_str().unwrap());
    }
}

#[test]
fn a_number_of_frames_begins_the_next_file() {
    let server = Server::live("record all; record_path FOLDER/rec; record_max_frames 60;");
    let sent = media::both(0, 6000);
    publish(&server, &sent);
    let files = files(&server.folder, &numbered(3), &sent[..2]);
    for file in &files {
        assert_eq!(media::track(file, 9).len(), 50, "two groups of 25, headers not counted");
    }
    assert_eq!(payloads(files.iter().flatten()), payloads(&sent[2..]));
}

#[test]
fn sound_alone_has_a_next_file_anywhere() {
    let server = Server::live("record all; record_path FOLDER/rec; record_max_frames 10;");
    let sent = media::audio_only(0, 1000);
    publish(&server, &sent);
    let count = (sent.len() - 1).div_ceil(10);
    let files = files(&server.folder, &numbered(count), &sent[..1]);
    assert!(files[..count - 1].iter().all(|file| file.len() == 10));
    assert_eq!(payloads(files.iter().flatten()), payloads(&sent[1..]));
}

#[test]
fn an_interval_begins_the_next_file_at_the_first_key_frame_behind_it() {
    let server = Server::live("record all; record_path FOLDER/rec; record_interval 2500ms;");
    let sent = media::both(0, 10_000);
    publish(&server, &sent);
    let files = files(&server.folder, &numbered(4), &sent[..2]);
    let pictures: Vec<_> = files.iter().map(|file| media::track(file, 9).len()).collect();
    assert_eq!(pictures, [75, 75, 75, 25]);
    assert_eq!(payloads(files.iter().flatten()), payloads(&sent[2..]));
}

/// As in nginx: what is beyond the limit waits for the end of the interval, so the disk gets so much in an interval and
/// no more.
#[test]
fn a_limit_within_an_interval_ends_the_file_until_the_interval_is_over() {
    let sent = media::both(0, 10_000);
    for (limit, count) in [("record_max_frames 10", 10..=10), ("record_max_size 30k", 2..=24)] {
        let server =
            Server::live(&format!("record all; record_path FOLDER/rec; record_interval 2500ms; {limit};"));
        publish(&server, &sent);
        let sizes = server.folder.list("rec").into_iter().map(|name| size(&server, &name));
        assert!(sizes.max().is_some_and(|size| size <= 30 * 1024));
        // At the first key frame behind each interval.
        for (file, begin) in files(&server.folder, &numbered(4), &sent[..2]).iter().zip([0, 3000, 6000, 9000])
        {
            let (sent, pictures) = (media::track(&sent[2..], 9), media::track(file, 9));
            let sent = sent.iter().filter(|sent| sent.timestamp >= begin).take(pictures.len());
            assert_eq!(payloads(&pictures), payloads(sent), "{limit}");
            assert!(count.contains(&pictures.len()), "{limit}: {} pictures", pictures.len());
        }
    }
}

#[test]
fn still_pictures_at_intervals_are_files_of_one_key_frame() {
    let server = Server::live(
        "record keyframes; record_path FOLDER/rec; record_interval 2500ms; record_max_frames 1;",
    );
    let sent = media::both(0, 10_000);
    publish(&server, &sent);
    let files = files(&server.folder, &numbered(4), &sent[..1]);
    assert!(files.iter().all(|file| media::track(file, 9).len() == 1));
}

#[test]
fn an_aligned_interval_ends_files_by_the_clock() {
    let server = Server::live(
        "record video; record_path FOLDER/rec; record_suffix -%H%M%S.flv; record_interval 1s aligned;",
    );
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send(&media::video_header(0));
    let begun = Instant::now();
    for number in 0..60 {
        // A pause that was too long is made up for: the clock and the media stay together.
        std::thread::sleep(
            (begun + Duration::from_millis(50) * number).saturating_duration_since(Instant::now()),
        );
        publisher.send(&media::video_frame(number * 50, number % 2 == 0, 500));
    }
    publisher.finish();
    let most = begun.elapsed().as_secs() as usize + 2;
    let names = server.folder.list("rec");
    // Each has its second for a name, so none is of the same second as another.
    assert!((3..=most).contains(&names.len()), "{names:?}");
    assert!(names.iter().all(|name| name.len() == "cam-hhmmss.flv".len()), "{names:?}");
    let files = files(&server.folder, &names, &[media::video_header(0)]);
    for file in &files[1..files.len() - 1] {
        let last = file.last().unwrap().timestamp;
        assert!((600..1300).contains(&last), "{last} ms");
    }
    assert_eq!(files.iter().flatten().count(), 60);
}

#[test]
fn several_recorders_record_at_once_with_the_settings_of_the_application() {
    let server = Server::live(
        "record off; record_path FOLDER/rec; record_suffix .all.flv;
         recorder everything { record all; }
         recorder sound { record audio; record_suffix .sound.flv; }
         recorder stills { record keyframes; record_path FOLDER/stills; record_max_frames 2; }
         recorder nothing { }
         recorder asked { record all manual; }",
    );
    let sent = media::both(0, 4000);
    publish(&server, &sent);
    assert_eq!(server.folder.list("rec"), ["cam.all.flv", "cam.sound.flv"]);
    let recorded = |name: &str| packets(&read(&server.folder.join(name)));
    assert_eq!(recorded("rec/cam.all.flv"), sent);
    assert_eq!(recorded("rec/cam.sound.flv"), media::track(&sent, 8));
    assert_eq!(server.folder.list("stills"), ["cam.1.all.flv", "cam.all.flv"]);
    for name in ["stills/cam.all.flv", "stills/cam.1.all.flv"] {
        assert_eq!(recorded(name).len(), 3, "a header and two pictures");
    }
}

#[test]
fn recorders_with_one_name_for_their_files_have_a_file_each() {
    let server = Server::live(
        "record all; record_path FOLDER/rec; recorder two { } recorder three { record_append on; }",
    );
    let sent = media::both(0, 500);
    publish(&server, &sent);
    for name in numbered(3) {
        assert_eq!(packets(&read(&server.folder.join("rec").join(name))), sent);
    }
    assert_eq!(server.folder.list("rec").len(), 3);
}

#[test]
fn a_publisher_is_told_when_its_recordings_start_stop_and_fail() {
    let server = Server::live(
        "recorder good { record video; record_path FOLDER/rec; record_notify on; record_max_frames 1; }
         recorder bad { record video; record_path FOLDER/millstream.conf/rec; record_notify on; }
         recorder quiet { record video; record_path FOLDER/rec; }",
    );
    let mut publisher = Raw::connected(server.rtmp(), "live");
    publisher.publish("cam");
    let mut told = vec![publisher.status()];
    publisher.send_packet(&media::video_header(0));
    publisher.send_packet(&media::video_frame(0, true, 500));
    told.extend((0..2).map(|_| publisher.status()));
    publisher.send_packet(&media::video_frame(40, true, 500));
    told.extend((0..2).map(|_| publisher.status()));
    publisher.command("deleteStream", 0.0, 0, &[Value::Null, 1.0.into()]);
    told.extend((0..2).map(|_| publisher.status()));
    let expected = [
        ("NetStream.Publish.Start", "Start publishing"),
        ("NetStream.Record.Start", "good"),
        ("NetStream.Record.Failed", "bad"),
        ("NetStream.Record.Stop", "good"),
        ("NetStream.Record.Start", "good"),
        ("NetStream.Record.Stop", "good"),
        ("NetStream.Unpublish.Success", "Stop publishing"),
    ];
    assert_eq!(told, expected.map(|(code, text)| (code.to_owned(), text.to_owned())));
}
