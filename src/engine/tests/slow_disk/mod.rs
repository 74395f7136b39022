//! Recordings on a disk that is slow: jobs are done only when a test says so.

mod faults;

use std::fs;

use crate::engine::tests::*;
use crate::media::flv::{FILE_HEADER, TAG_HEADER, TagHeader};
use crate::test_folder::Folder;

const OWNER: JobOwner = JobOwner::Module { name: "nobody", token: 0 };

/// A server that records to a folder, a publisher of `live/cam`, and the times that it has sent.
struct Recorded {
    folder: Folder,
    world: World,
    publisher: Client,
}

impl Recorded {
    /// The disk becomes slow when the publisher has begun.
    fn new(directives: &str) -> Self {
        Self::in_folder(Folder::new(), directives)
    }

    fn in_folder(folder: Folder, directives: &str) -> Self {
        let config = format!(
            "rtmp {{ server {{ listen 127.0.0.1:0; application live {{
                live on; publish_grace 0; record all; record_path {}/rec; {directives} }} }} }}",
            folder.display()
        );
        let mut world = World::configured(table(), &config);
        let mut publisher = Client::publish(&mut world, "cam");
        publisher.receive(&mut world);
        world.has_fast_disk = false;
        Self { folder, world, publisher }
    }

    fn header(&mut self) {
        self.publisher.frame(&mut self.world, Kind::Video, 0, HEADER);
    }

    /// A picture for each of these times; a key frame every 200 ms.
    fn pictures(&mut self, times: impl IntoIterator<Item = u32>) {
        for time in times {
            let payload = if time % 200 == 0 { KEY } else { INTER };
            self.publisher.frame(&mut self.world, Kind::Video, time, payload);
        }
    }

    /// A picture of 100 kB.
    fn large(&mut self, time: u32, payload: &[u8]) {
        let payload = [payload, &[0; 100_000]].concat();
        self.publisher.frame(&mut self.world, Kind::Video, time, &payload);
    }

    fn end(&mut self) {
        self.publisher.command(&mut self.world, &["closeStream".into(), 0.0.into(), Value::Null]);
    }

    /// Does the next job.
    fn do_job(&mut self) {
        if let Some(done) = self.world.engine.cx.jobs.run_next().unwrap() {
            self.world.engine.finish_job(done);
        }
        self.world.end_turn();
    }

    /// Does all jobs, and those that come of them.
    fn do_jobs(&mut self) {
        while self.world.engine.has_writes() {
            self.world.do_jobs();
            self.world.end_turn();
        }
    }

    /// The times of the tags in a file behind the head, whether they are codec headers, and the bytes behind the last
    /// whole one.
    fn read(&self, name: &str) -> (Vec<(u32, bool)>, usize) {
        let file = fs::read(self.folder.join("rec").join(name)).unwrap();
        let (mut tags, mut rest) = (Vec::new(), &file[FILE_HEADER..]);
        while let Some(header) = rest.first_chunk().and_then(|header| TagHeader::read(*header)) {
            let end = TAG_HEADER + header.length as usize + 4;
            if rest.len() < end {
                break;
            }
            tags.push((header.timestamp, rest[TAG_HEADER + 1] == 0));
            rest = &rest[end..];
        }
        (tags.split_off(1), rest.len())
    }

    /// The times of the pictures in a file that is whole.
    fn times(&self, name: &str) -> Vec<u32> {
        let (tags, rest) = self.read(name);
        assert_eq!(rest, 0, "{name} is whole");
        tags.into_iter().filter(|(_, is_header)| !is_header).map(|(time, _)| time).collect()
    }

    fn names(&self) -> Vec<String> {
        self.folder.list("rec")
    }
}

/// These times, as they are in a file that begins with the first one.
fn from_zero(times: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let times: Vec<_> = times.into_iter().collect();
    times.iter().map(|time| time - times[0]).collect()
}

fn every_40(times: std::ops::Range<u32>) -> impl Iterator<Item = u32> {
    times.step_by(40)
}

#[test]
fn frames_wait_in_order_while_the_file_is_made_and_none_is_lost() {
    let mut recorded = Recorded::new("");
    recorded.header();
    recorded.pictures(every_40(0..10_000));
    assert!(recorded.names().is_empty());
    // One job after the other, with frames between them.
    for begin in (10_000..12_000).step_by(200) {
        recorded.do_job();
        recorded.pictures(every_40(begin..begin + 200));
    }
    recorded.end();
    recorded.do_jobs();
    assert_eq!(recorded.times("cam.flv"), every_40(0..12_000).collect::<Vec<_>>());
}

#[test]
fn a_stream_that_ends_while_its_file_is_made_is_in_it() {
    let mut recorded = Recorded::new("record_notify on;");
    recorded.header();
    recorded.pictures(every_40(0..1000));
    recorded.end();
    assert!(recorded.world.engine.cx.streams.iter().next().is_none() && recorded.names().is_empty());
    recorded.do_jobs();
    assert_eq!(recorded.times("cam.flv"), every_40(0..1000).collect::<Vec<_>>());
}

#[test]
fn a_stream_that_ends_while_its_file_is_searched_for_is_appended_to_it() {
    let mut recorded = Recorded::new("record_append on;");
    for round in 1..4 {
        recorded.header();
        recorded.pictures(every_40(0..1000));
        recorded.end();
        recorded.do_jobs();
        assert_eq!(recorded.names(), ["cam.flv"]);
        assert_eq!(recorded.times("cam.flv").len(), round * 25);
        recorded.publisher = Client::publish(&mut recorded.world, "cam");
    }
}

#[test]
fn frames_that_wait_for_a_search_are_bounded_and_then_go_into_a_new_file() {
    let mut recorded = Recorded::new("record_append on; gop_cache off;");
    recorded.header();
    recorded.pictures([0]);
    for number in 1..40 {
        recorded.large(number * 40, INTER);
    }
    let held = recorded.world.engine.cx.budgets.frames.bytes();
    assert!(held < 3 << 20, "{held} bytes of frames");
    recorded.end();
    recorded.do_jobs();
    assert_eq!((recorded.names(), recorded.times("cam.flv").len()), (vec!["cam.flv".to_owned()], 40));
}

#[test]
fn a_server_that_stops_has_all_on_the_disk_when_its_jobs_are_done() {
    let mut recorded = Recorded::new("recorder sound { record video; record_suffix .second.flv; }");
    recorded.header();
    recorded.pictures(every_40(0..3000));
    let now = recorded.world.now;
    recorded.world.engine.stop(now);
    recorded.world.end_turn();
    assert!(!recorded.world.engine.has_ended(), "files are to be written");
    recorded.do_jobs();
    for name in ["cam.flv", "cam.second.flv"] {
        assert_eq!(recorded.times(name), every_40(0..3000).collect::<Vec<_>>());
    }
}

#[test]
fn an_error_that_comes_late_ends_the_file_and_another_begins_with_the_last_key_frame() {
    let folder = Folder::new();
    folder.write("rec", "no folder");
    let mut recorded = Recorded::in_folder(folder, "gop_cache on;");
    recorded.header();
    recorded.pictures(every_40(0..2000));
    recorded.do_jobs();
    fs::remove_file(recorded.folder.join("rec")).unwrap();
    recorded.pictures(every_40(2000..2200));
    recorded.do_jobs();
    assert!(recorded.names().is_empty(), "it is tried again after a second");
    recorded.world.pass(1);
    recorded.pictures(every_40(2240..4000));
    recorded.end();
    recorded.do_jobs();
    assert_eq!(recorded.times("cam.flv"), from_zero(every_40(2000..4000).filter(|time| *time != 2200)));
}

#[test]
fn the_present_file_has_the_frames_if_the_next_one_cannot_be_made() {
    let mut recorded = Recorded::new("record_max_frames 50;");
    recorded.header();
    recorded.pictures(every_40(0..1000));
    recorded.do_jobs();
    recorded.pictures(every_40(1000..2000));
    let (rec, aside) = (recorded.folder.join("rec"), recorded.folder.join("aside"));
    fs::rename(&rec, &aside).unwrap();
    fs::write(&rec, "no folder").unwrap();
    // The limit is reached, and it is not known yet that there is no next file.
    recorded.pictures(every_40(2000..3000));
    recorded.do_jobs();
    fs::remove_file(&rec).unwrap();
    fs::rename(&aside, &rec).unwrap();
    recorded.pictures(every_40(3000..3400));
    recorded.end();
    recorded.do_jobs();
    assert_eq!(recorded.names(), ["cam.flv"]);
    assert_eq!(recorded.times("cam.flv"), every_40(0..3400).collect::<Vec<_>>());
}

#[test]
fn nothing_is_lost_between_files_that_are_made_late() {
    let mut recorded = Recorded::new("record_max_frames 25;");
    recorded.header();
    recorded.pictures(every_40(0..5000));
    recorded.do_jobs();
    recorded.pictures(every_40(5000..6000));
    recorded.end();
    recorded.do_jobs();
    let names = recorded.names();
    assert_eq!(names.len(), 6);
    let counts: Vec<_> = names.iter().map(|name| recorded.times(name).len()).collect();
    assert_eq!(counts, [25; 6]);
}

#[test]
fn a_full_queue_costs_the_frames_up_to_a_key_frame_and_the_file_goes_on() {
    let mut recorded = Recorded::new("");
    recorded.header();
    recorded.pictures([0, 40]);
    recorded.do_jobs();
    // Something else fills the queue.
    recorded.world.engine.cx.jobs.write_always(OWNER, 16 << 20, || None::<()>);
    for number in 2..12 {
        recorded.large(number * 40, INTER);
    }
    recorded.header();
    recorded.do_jobs();
    recorded.pictures([480, 520, 560, 600, 640]);
    recorded.end();
    recorded.do_jobs();
    // Half a megabyte waits for the disk, and the times are those of the stream.
    assert_eq!(recorded.times("cam.flv"), [0, 40, 80, 120, 160, 200, 240, 280, 600, 640]);
    let (tags, _) = recorded.read("cam.flv");
    assert_eq!(tags.iter().filter(|(_, is_header)| *is_header).count(), 2, "the codec header is there again");
}

#[test]
fn what_all_recorders_gather_while_the_queue_is_full_is_bounded() {
    let recorder = |number| format!("recorder r{number} {{ record all; record_suffix .{number}.flv; }} ");
    let mut recorded = Recorded::new(&(0..64).map(recorder).collect::<String>());
    recorded.header();
    recorded.pictures([0, 40]);
    recorded.do_jobs();
    recorded.world.engine.cx.jobs.write_always(OWNER, 16 << 20, || None::<()>);
    (2..12).for_each(|number| recorded.large(number * 40, INTER));
    recorded.do_jobs();
    recorded.pictures([600, 640]);
    recorded.end();
    recorded.do_jobs();
    let size = |name: &String| fs::metadata(recorded.folder.join("rec").join(name)).unwrap().len();
    let total = recorded.names().iter().map(size).sum::<u64>();
    assert!((16 << 20..18 << 20).contains(&total), "{total} bytes");
    // They go on with the next key frame.
    assert!(recorded.names().iter().all(|name| recorded.times(name).ends_with(&[600, 640])));
}

#[test]
fn a_queue_that_is_full_for_a_moment_costs_nothing() {
    let mut recorded = Recorded::new("");
    recorded.header();
    recorded.pictures([0, 40]);
    recorded.do_jobs();
    recorded.world.engine.cx.jobs.write_always(OWNER, 16 << 20, || None::<()>);
    (2..5).for_each(|number| recorded.large(number * 40, INTER));
    recorded.world.pass(3);
    recorded.do_jobs();
    recorded.pictures([200, 240]);
    recorded.end();
    recorded.do_jobs();
    assert_eq!(recorded.times("cam.flv"), [0, 40, 80, 120, 160, 200, 240]);
}

#[test]
fn a_recording_begins_when_the_writers_queue_has_room_and_adds_no_jobs_before() {
    for directives in ["", "record_append on;"] {
        let mut recorded = Recorded::new(directives);
        while recorded.world.engine.cx.jobs.write(OWNER, 0, || None::<()>).is_ok() {}
        let waiting = recorded.world.engine.cx.jobs.writes();
        recorded.header();
        for second in 0..5 {
            recorded.pictures(every_40(second * 1000..(second + 1) * 1000));
            recorded.world.pass(1);
        }
        assert_eq!(recorded.world.engine.cx.jobs.writes(), waiting, "{directives}");
        recorded.do_jobs();
        recorded.pictures(every_40(5000..6000));
        recorded.end();
        recorded.do_jobs();
        assert!(recorded.times("cam.flv").len() >= 25, "{directives}");
    }
}

#[test]
fn deletions_have_one_job_at_a_time() {
    let mut recorded = Recorded::new("record_keep 1s; record_interval 1s;");
    recorded.world.engine.start(recorded.world.now);
    recorded.header();
    recorded.pictures([0]);
    recorded.do_jobs();
    for second in 1..60 {
        recorded.world.pass(1);
        recorded.pictures([second * 1000]);
    }
    // A piece, perhaps with a look, each second, and a file each second with its end.
    let writes = recorded.world.engine.cx.jobs.writes();
    assert!(writes <= 3 * 60, "{writes} jobs");
    recorded.do_jobs();
}
