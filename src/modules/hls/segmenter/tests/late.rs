//! A writer that is slow, and errors that come late.

use std::collections::HashSet;

use super::*;
use crate::engine::JobOwner;
use crate::modules::hls::playlist::found::Found;

const OTHER: JobOwner = JobOwner::Module { name: "test", token: 0 };

/// Fragments of a second, and three seconds of them.
fn begun() -> Rig {
    let mut rig = Rig::with(|settings| settings.fragment = 1000);
    rig.headers();
    (0..3).for_each(|second| rig.second(second * 1000));
    assert_eq!(rig.shape().len(), 2);
    rig
}

fn frames_left_out(rig: &Rig) -> Option<u64> {
    match rig.segmenter.as_ref().unwrap().failure.clone() {
        Failure::None => None,
        Failure::Logged { dropped, .. } => Some(dropped),
    }
}

/// Three seconds in the playlist, and another segmenter whose first jobs, so many, panic.
fn begun_with_panics(panics: usize) -> Rig {
    let mut rig = begun();
    rig.disk = Disk::Slow;
    rig.restart();
    rig.headers();
    (0..panics).for_each(|_| assert!(rig.panic_job()));
    rig
}

#[test]
fn files_that_a_panic_has_left_closed_are_opened_with_the_next_attempt() {
    for panics in [1, 2] {
        let mut rig = begun_with_panics(panics);
        rig.disk = Disk::Fast;
        rig.run_jobs();
        (6..16).for_each(|second| rig.second(second * 1000));
        assert_eq!(frames_left_out(&rig), None, "it writes again");
        let shape = rig.shape();
        assert_eq!(shape[..3], [(1000, false), (1000, false), (1000, true)], "{shape:?}");
        assert!(shape[3..].iter().all(|fragment| *fragment == (1000, false)) && shape.len() > 5, "{shape:?}");
    }
}

#[test]
fn jobs_that_always_panic_are_not_added_without_an_end() {
    let mut rig = begun_with_panics(2);
    assert!(!rig.panic_job(), "the next attempt has its time");
    (6..16).for_each(|second| {
        rig.second(second * 1000);
        let jobs = (0..100).take_while(|_| rig.panic_job()).count();
        assert!(jobs < 10, "{jobs}");
    });
}

#[test]
fn the_files_of_a_segmenter_that_is_dropped_without_an_end_are_closed_by_a_job() {
    let mut rig = begun();
    rig.disk = Disk::Slow;
    rig.call(|segmenter, outlet| segmenter.abandon(outlet.jobs));
    rig.segmenter = None;
    let hidden = rig.folder.join(".a.ts.part");
    assert!(hidden.exists());
    while rig.run_job() {}
    assert!(!hidden.exists());
}

#[test]
fn an_error_that_comes_late_undoes_all_that_has_been_published_since() {
    let mut rig = begun();
    rig.disk = Disk::Slow;
    (3..6).for_each(|second| rig.second(second * 1000));
    assert_eq!((rig.shape().len(), frames_left_out(&rig)), (2, None), "three more are on their way");
    let obstacle = rig.folder.join(".a.m3u8.part");
    fs::create_dir(&obstacle).unwrap();
    rig.run_jobs();
    assert!(frames_left_out(&rig).is_some());
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(rig.folder.list(""), ["a-0.ts", "a-1.ts", "a.m3u8"], "nothing else is left");
    rig.disk = Disk::Fast;
    (6..12).for_each(|second| rig.second(second * 1000));
    assert_eq!(frames_left_out(&rig), None, "it writes again");
    let shape = rig.shape();
    assert_eq!(shape[..3], [(1000, false), (1000, false), (1000, true)], "{shape:?}");
    assert!(shape[3..].iter().all(|fragment| *fragment == (1000, false)) && shape.len() > 4, "{shape:?}");
    // The times of what has not been published are used again.
    let first = |place: usize| of(&rig.fragments()[place].2, VIDEO).next().unwrap().dts.unwrap();
    assert_eq!(first(2) - first(1), 90_000);
}

#[test]
fn a_fragment_that_was_published_before_the_error_stays() {
    let mut rig = begun();
    rig.disk = Disk::Slow;
    (3..6).for_each(|second| rig.second(second * 1000));
    while rig.shape().len() < 3 {
        assert!(rig.run_job());
    }
    // The hidden file of the next fragment is another by now.
    let hidden = rig.folder.join(".a.ts.part");
    let _ = fs::remove_file(&hidden);
    fs::create_dir(&hidden).unwrap();
    rig.run_jobs();
    fs::remove_dir(&hidden).unwrap();
    assert_eq!(rig.shape().len(), 3);
    rig.disk = Disk::Fast;
    (6..10).for_each(|second| rig.second(second * 1000));
    let shape = rig.shape();
    assert_eq!(shape[2..4], [(1000, false), (1000, true)], "{shape:?}");
}

#[test]
fn where_the_queue_is_full_frames_are_dropped_until_it_is_not() {
    let mut rig = begun();
    rig.disk = Disk::Slow;
    rig.jobs.write_always(OTHER, 1 << 30, || None::<()>);
    (3..6).for_each(|second| rig.second(second * 1000));
    assert!(frames_left_out(&rig) > Some(25), "{:?}", frames_left_out(&rig));
    let waiting = rig.jobs.writes();
    assert!(waiting < 10, "{waiting} jobs");
    rig.disk = Disk::Fast;
    rig.run_jobs();
    (6..12).for_each(|second| rig.second(second * 1000));
    assert_eq!(frames_left_out(&rig), None);
    let shape = rig.shape();
    assert_eq!(shape[..3], [(1000, false), (1000, false), (1000, true)], "{shape:?}");
    assert!(shape.len() > 4 && rig.folder.list("").len() == shape.len() + 2, "{shape:?}");
}

#[test]
fn attempts_while_the_queue_is_full_do_not_lengthen_it() {
    let mut rig = begun();
    rig.disk = Disk::Slow;
    rig.jobs.write_always(OTHER, 1 << 30, || None::<()>);
    (3..60).for_each(|second| rig.second(second * 1000));
    let waiting = rig.jobs.writes();
    assert!(waiting < 10, "{waiting} jobs");
    rig.disk = Disk::Fast;
    rig.run_jobs();
    (60..66).for_each(|second| rig.second(second * 1000));
    assert_eq!(frames_left_out(&rig), None);
    assert!(rig.shape().len() > 4, "{:?}", rig.shape());
}

#[test]
fn fragments_that_were_queued_before_the_queue_was_full_are_listed_and_no_sign_that_it_is_not() {
    let mut rig = begun();
    rig.disk = Disk::Slow;
    (3..5).for_each(|second| rig.second(second * 1000));
    rig.jobs.write_always(OTHER, 1 << 30, || None::<()>);
    rig.second(5000);
    assert!(frames_left_out(&rig).is_some());
    rig.run_jobs();
    assert_eq!(rig.shape().len(), 4);
    assert!(frames_left_out(&rig).is_some(), "it does not write again yet");
    rig.disk = Disk::Fast;
    (6..12).for_each(|second| rig.second(second * 1000));
    assert_eq!((frames_left_out(&rig), rig.shape()[4]), (None, (1000, true)));
}

#[test]
fn what_is_left_at_the_end_is_written_though_the_queue_is_full() {
    let mut rig = begun();
    rig.disk = Disk::Slow;
    rig.second(3000);
    rig.jobs.write_always(OTHER, 1 << 30, || None::<()>);
    rig.finish(Finish::StreamEnded);
    rig.segmenter = None;
    rig.run_jobs();
    assert_eq!(rig.shape(), [(1000, false); 4]);
    assert!(rig.playlist().ends_with("#EXT-X-ENDLIST\n"));
}

#[test]
fn the_playlist_ends_though_the_last_fragment_has_failed_and_nobody_has_heard_of_it() {
    let mut rig = begun();
    rig.disk = Disk::Slow;
    rig.finish(Finish::StreamEnded);
    rig.segmenter = None;
    let hidden = rig.folder.join(".a.ts.part");
    fs::remove_file(&hidden).unwrap();
    rig.run_jobs();
    assert_eq!(rig.shape(), [(1000, false); 2], "the hidden file was gone");
    assert!(rig.playlist().ends_with("#EXT-X-ENDLIST\n"));
}

/// A stream of which it is not known yet what is on its disk: fragments of a second.
fn opening() -> Rig {
    let mut rig = begun();
    rig.end();
    rig.disk = Disk::Slow;
    rig.restart();
    rig.headers();
    rig
}

#[test]
fn the_first_frames_wait_until_it_is_known_what_is_on_the_disk() {
    let mut rig = opening();
    (10..12).for_each(|second| rig.second(second * 1000));
    assert_eq!(rig.jobs.writes(), 1, "nothing is written before");
    rig.run_jobs();
    rig.second(12_000);
    rig.finish(Finish::ServerStops);
    rig.run_jobs();
    let shape = rig.shape();
    assert_eq!(
        shape,
        [(1000, false), (1000, false), (1000, false), (1000, true), (1000, false), (1000, false)]
    );
    let first = |place: usize| of(&rig.fragments()[place].2, VIDEO).next().unwrap().dts.unwrap();
    assert_eq!(first(3) - first(2), 90_000, "times go on");
    let pictures: usize = rig.fragments()[3..].iter().map(|fragment| of(&fragment.2, VIDEO).count()).sum();
    assert_eq!(pictures, 75);
}

#[test]
fn other_codecs_among_the_first_frames_are_a_discontinuity_as_later() {
    let mut rig = opening();
    rig.second(10_000);
    rig.avc_header(OTHER_SPS);
    rig.second(11_000);
    rig.run_jobs();
    rig.finish(Finish::ServerStops);
    rig.run_jobs();
    assert_eq!(rig.shape()[3..], [(1000, true), (1000, true)], "{:?}", rig.shape());
}

#[test]
fn the_first_frames_are_enough_if_no_other_comes() {
    let mut rig = opening();
    (10..12).for_each(|second| rig.second(second * 1000));
    rig.key(12_000);
    rig.run_jobs();
    rig.inter(12_040);
    rig.run_jobs();
    assert_eq!(rig.shape().len(), 5);
}

#[test]
fn the_wait_for_the_disk_is_bounded_in_time_and_bytes() {
    for is_large in [false, true] {
        let mut rig = opening();
        rig.second(10_000);
        if is_large {
            let payload = [&[0x27, 1, 0, 0, 80, 0, 0x50, 0, 0, 0x41, 0x9a][..], &[2; 0x50_0000 - 2]].concat();
            rig.send(Kind::Video, 11_000, &payload);
        } else {
            rig.now.instant += Duration::from_secs(10);
            rig.inter(11_000);
        }
        assert_eq!(frames_left_out(&rig), Some(72), "25 pictures, 46 of audio, and this one");
        assert!(rig.segmenter.as_ref().unwrap().waiting_bytes() == 0);
        rig.second(12_000);
        assert_eq!((frames_left_out(&rig), rig.jobs.writes()), (Some(72 + 71), 1));
        rig.run_jobs();
        rig.disk = Disk::Fast;
        (13..20).for_each(|second| rig.second(second * 1000));
        assert_eq!(frames_left_out(&rig), None);
        assert!(rig.shape().len() > 7 && rig.shape()[3].1, "{:?}", rig.shape());
    }
}

#[test]
fn a_stream_that_ends_before_its_disk_is_known_is_written_all_the_same() {
    let mut rig = opening();
    (10..12).for_each(|second| rig.second(second * 1000));
    rig.finish(Finish::StreamEnded);
    rig.segmenter = None;
    rig.run_jobs();
    assert_eq!(rig.shape()[2..], [(1000, false), (1000, true), (1000, false)], "{:?}", rig.shape());
    assert!(rig.playlist().ends_with("#EXT-X-ENDLIST\n"));
}

#[test]
fn a_stream_that_comes_back_while_the_writer_is_slow_continues_behind_all_that_it_has_sent() {
    let mut rig = begun();
    rig.disk = Disk::Slow;
    (3..6).for_each(|second| rig.second(second * 1000));
    rig.finish(Finish::StreamEnded);
    // Results of the first publication come to the second, which is of the same stream.
    rig.restart();
    rig.headers();
    (10..13).for_each(|second| rig.second(second * 1000));
    rig.run_jobs();
    rig.finish(Finish::StreamEnded);
    rig.run_jobs();
    let expected = (0..9).map(|place| (1000, place == 6)).collect::<Vec<_>>();
    assert_eq!(rig.shape(), expected);
    let first = |place: usize| of(&rig.fragments()[place].2, VIDEO).next().unwrap().dts.unwrap();
    assert_eq!(first(6) - first(5), 90_000);
}

#[test]
fn a_late_error_of_an_earlier_publication_is_not_the_next_ones() {
    let mut rig = begun();
    rig.disk = Disk::Slow;
    rig.second(3000);
    let obstacle = rig.folder.join(".a.m3u8.part");
    fs::create_dir(&obstacle).unwrap();
    rig.finish(Finish::ServerStops);
    rig.restart();
    rig.headers();
    rig.run_job();
    fs::remove_dir(&obstacle).unwrap();
    rig.disk = Disk::Fast;
    rig.run_jobs();
    (10..12).for_each(|second| rig.second(second * 1000));
    assert_eq!(frames_left_out(&rig), None);
}

/// Checks what a viewer and the next run of the server find: what is listed is there, and every file has its name in a
/// playlist.
fn check_files(rig: &Rig) {
    let naming = Naming::new(&rig.folder, "a", &rig.settings);
    let found = Found::read(&naming, &Files::Disk).unwrap();
    let mut named: HashSet<_> = found.iter().flat_map(|found| found.files(&naming)).collect();
    for fragment in found.iter().flat_map(|found| found.playlist.fragments()) {
        assert!(naming.fragment(fragment.id).is_file(), "{}", rig.playlist());
        assert!(fragment.encryption.is_none_or(|encryption| naming.key(encryption.key).is_file()));
    }
    named.extend([naming.playlist(), naming.open_fragment()]);
    for name in rig.folder.list("") {
        assert!(named.contains(&rig.folder.join(&name)), "{name} is named nowhere: {}", rig.playlist());
    }
}

#[test]
fn a_server_that_is_killed_between_two_jobs_leaves_a_list_whose_files_are_there() {
    let mut rig = Rig::with(|settings| {
        (settings.fragment, settings.playlist_length) = (1000, 3000);
        settings.keys = Some(KeySettings { path: None, url: String::new(), fragments: 2 });
    });
    rig.disk = Disk::Slow;
    let mut jobs = 0;
    for publication in 0..3 {
        rig.headers();
        (0..20).for_each(|second| rig.second(publication * 100_000 + second * 1000));
        rig.finish(Finish::ServerStops);
        rig.restart();
        while rig.run_job() {
            check_files(&rig);
            jobs += 1;
        }
    }
    assert!(jobs > 120 && rig.folder.list("").len() < 30, "{jobs} {:?}", rig.folder.list(""));
}
