//! Jobs of recordings that panic: that costs what the job was for, and no file stays open.

use std::path::PathBuf;

use super::*;

impl Recorded {
    /// The next job panics.
    fn fail_job(&mut self) {
        let failed = self.world.engine.cx.jobs.fail_next().unwrap();
        self.world.engine.finish_job(failed);
        self.world.end_turn();
    }

    /// The files of the recordings that are open.
    fn open_files(&self) -> Vec<PathBuf> {
        let descriptors = fs::read_dir("/proc/self/fd").unwrap();
        let paths = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        paths.filter(|path| path.starts_with(&*self.folder)).collect()
    }
}

#[test]
fn a_fault_in_a_job_for_one_recorder_costs_another_nothing() {
    let mut recorded = Recorded::new("recorder second { record all; record_suffix .second.flv; }");
    recorded.header();
    recorded.pictures([0, 40]);
    recorded.fail_job();
    recorded.pictures(every_40(80..2000));
    recorded.end();
    recorded.do_jobs();
    assert_eq!(recorded.times("cam.second.flv"), every_40(0..2000).collect::<Vec<_>>());
    assert!(recorded.open_files().is_empty());
}

#[test]
fn a_file_whose_beginning_panics_is_closed_and_appended_to_later() {
    let mut recorded = Recorded::new("record_append on;");
    recorded.header();
    recorded.pictures([0, 40]);
    recorded.do_job();
    recorded.fail_job();
    recorded.do_jobs();
    assert!(recorded.open_files().is_empty());
    recorded.world.pass(1);
    recorded.pictures(every_40(200..1000));
    recorded.end();
    recorded.do_jobs();
    assert_eq!(recorded.names(), ["cam.flv"]);
}

#[test]
fn frames_that_wait_for_a_search_that_panics_are_in_another_file() {
    let mut recorded = Recorded::new("record_append on;");
    for _ in 0..2 {
        recorded.header();
        recorded.pictures(every_40(0..1000));
        if !recorded.names().is_empty() {
            recorded.fail_job();
            recorded.pictures(every_40(1000..2000));
        }
        recorded.end();
        recorded.do_jobs();
        recorded.publisher = Client::publish(&mut recorded.world, "cam");
    }
    assert_eq!(recorded.names(), ["cam.1.flv", "cam.flv"]);
    assert_eq!(recorded.times("cam.1.flv"), every_40(0..2000).collect::<Vec<_>>());
    assert!(recorded.open_files().is_empty());
}

#[test]
fn the_present_file_has_the_frames_if_the_beginning_of_the_next_one_panics() {
    let mut recorded = Recorded::new("record_max_frames 50;");
    recorded.header();
    recorded.pictures(every_40(0..2000));
    recorded.do_jobs();
    recorded.pictures(every_40(2000..3000));
    recorded.fail_job();
    recorded.pictures(every_40(3000..3400));
    recorded.end();
    recorded.do_jobs();
    assert_eq!(recorded.times("cam.flv"), every_40(0..3400).collect::<Vec<_>>());
    assert!(recorded.open_files().is_empty());
}

#[test]
fn nothing_is_left_of_a_recording_whose_close_panics() {
    let mut recorded = Recorded::new("");
    recorded.header();
    recorded.pictures(every_40(0..1000));
    recorded.do_jobs();
    let label = recorded.world.engine.cx.streams.iter().next().map(|stream| Rc::downgrade(&stream.label));
    recorded.end();
    recorded.fail_job();
    recorded.do_jobs();
    assert!(label.unwrap().upgrade().is_none() && recorded.open_files().is_empty());
}

#[test]
fn recordings_are_deleted_after_a_check_has_panicked() {
    let mut recorded = Recorded::new("record_keep 60s;");
    recorded.world.now.wall = SystemTime::now();
    recorded.world.engine.start(recorded.world.now);
    recorded.header();
    recorded.pictures(every_40(0..1000));
    recorded.end();
    recorded.do_jobs();
    while recorded.world.engine.cx.jobs.writes() == 0 {
        recorded.world.pass(1);
    }
    recorded.fail_job();
    assert_eq!(recorded.names(), ["cam.flv"]);
    for _ in 0..120 {
        recorded.world.pass(1);
        recorded.do_jobs();
    }
    assert!(recorded.names().is_empty());
}
