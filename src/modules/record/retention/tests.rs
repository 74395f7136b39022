//! Tests of the deletion of recordings, in a folder with other files, too.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::UNIX_EPOCH;

use super::*;
use crate::engine::StreamFacts;
use crate::media::{Kind, flv};
use crate::modules::record::file::contents::Contents;
use crate::modules::record::file::script::FileStage;
use crate::test_folder::Folder;

const DAY: Duration = Duration::from_secs(86_400);
/// More than any disk has.
const ENDLESS: u64 = 1 << 62;

struct Recordings(Folder);

impl Recordings {
    fn new() -> Self {
        Self(Folder::new())
    }

    /// A recording of so many days.
    fn record(&self, name: &str, identity: &str, days: u32) {
        let script = Script::new(identity, None, &StreamFacts::default());
        let mut file = flv::file_header(true, false).to_vec();
        flv::write_tag(&mut file, Kind::Data, 0, &script.payload(&Contents::none(), 0, FileStage::Growing));
        fs::write(self.0.join(name), file).unwrap();
        self.set_age(name, days);
    }

    fn set_age(&self, name: &str, days: u32) {
        File::options()
            .append(true)
            .open(self.0.join(name))
            .unwrap()
            .set_modified(today() - DAY * days)
            .unwrap();
    }

    fn names(&self) -> Vec<String> {
        self.0.list("")
    }

    fn retention(&self, rules: Vec<Rule>) -> Retention {
        let mut retention = Retention::default();
        rules.into_iter().for_each(|rule| retention.add(&self.0, rule));
        retention.start(now());
        retention
    }
}

fn today() -> SystemTime {
    UNIX_EPOCH + DAY * 20_500
}

fn now() -> Now {
    Now { instant: Instant::now(), wall: today() }
}

fn rule(recorder: &str, keep: Option<u32>, min_free: u64) -> Rule {
    let suffix = if recorder.is_empty() { ".flv".to_owned() } else { format!(".{recorder}.flv") };
    let signature = Signature::new("live", recorder, &suffix, false);
    Rule { signature, keep: keep.map(|days| DAY * days), min_free, ends: true }
}

/// One look at the disk, and all steps that come of it. Returns how many there were.
fn run(retention: &mut Retention, files: &OpenFiles, awaited: &str, now: Now) -> usize {
    retention.begin_passes(now);
    let is_awaited = |script: &Script| script.is_of(awaited);
    let mut steps = 0;
    while retention.is_running() {
        retention.step(now, &InUse { files, is_awaited: &is_awaited });
        steps += 1;
    }
    steps
}

#[test]
fn recordings_that_are_too_old_go_and_nothing_else() {
    let recordings = Recordings::new();
    recordings.record("cam.flv", "live/cam", 8);
    recordings.record("gone.1.flv", "live/gone", 9);
    recordings.record("cam.1.flv", "live/cam", 6);
    recordings.record("kept-cam.flv", "live/cam", 8);
    recordings.record("other.flv", "other/other", 8);
    recordings.record("cam.sound.flv", "live/cam sound", 8);
    for (name, text) in [("film.flv", "precious"), ("notes.txt", "x"), ("empty.flv", "")] {
        fs::write(recordings.0.join(name), text).unwrap();
        recordings.set_age(name, 8);
    }
    recordings.record("target", "live/link", 8);
    symlink("target", recordings.0.join("link.flv")).unwrap();
    nix::unistd::mkfifo(&recordings.0.join("fifo.flv"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::create_dir(recordings.0.join("folder.flv")).unwrap();
    let before = recordings.names();
    let mut retention = recordings.retention(vec![rule("", Some(7), 0)]);
    run(&mut retention, &OpenFiles::default(), "", now());
    let gone: Vec<_> = before.into_iter().filter(|name| !recordings.names().contains(name)).collect();
    assert_eq!(gone, ["cam.flv", "gone.1.flv"]);
}

#[test]
fn recordings_that_are_written_locked_or_about_to_be_appended_to_stay() {
    let recordings = Recordings::new();
    for name in ["written", "locked", "awaited", "idle"] {
        recordings.record(&format!("{name}.flv"), &format!("live/{name}"), 8);
    }
    let mut files = OpenFiles::default();
    let _mark = files.open(id_of(&fs::metadata(recordings.0.join("written.flv")).unwrap()));
    let locked = File::options().write(true).open(recordings.0.join("locked.flv")).unwrap();
    crate::modules::record::file::open::lock_file(&locked).unwrap();
    for rule in [rule("", Some(7), 0), rule("", None, ENDLESS)] {
        let mut retention = recordings.retention(vec![rule]);
        run(&mut retention, &files, "live/awaited", now());
        assert_eq!(recordings.names(), ["awaited.flv", "locked.flv", "written.flv"]);
        recordings.record("idle.flv", "live/idle", 8);
    }
    drop(locked);
    run(&mut recordings.retention(vec![rule("", Some(7), 0)]), &OpenFiles::default(), "", now());
    assert!(recordings.names().is_empty());
}

#[test]
fn each_recorder_keeps_its_files_for_as_long_as_it_is_told() {
    let recordings = Recordings::new();
    for days in [2, 5, 9] {
        recordings.record(&format!("cam.{days}.flv"), "live/cam", days);
        recordings.record(&format!("cam.{days}.sound.flv"), "live/cam sound", days);
        recordings.record(&format!("cam.{days}.stills.flv"), "live/cam stills", days);
    }
    let rules = vec![rule("", Some(7), 0), rule("sound", Some(3), 0)];
    run(&mut recordings.retention(rules), &OpenFiles::default(), "", now());
    let stills = ["cam.2.stills.flv", "cam.5.flv", "cam.5.stills.flv", "cam.9.stills.flv"];
    assert_eq!(recordings.names(), [&["cam.2.flv", "cam.2.sound.flv"], &stills[..]].concat());
}

#[test]
fn recordings_whose_identity_is_longer_than_a_head_has_room_for_go_too() {
    let recordings = Recordings::new();
    let (app, recorder, cam) = ("a".repeat(200), "r".repeat(100), "c".repeat(128));
    let blanks = ["b"; 60].join(" ");
    for (name, stream) in [(&cam, cam.clone()), (&blanks, blanks.replace(' ', "%20"))] {
        for (end, age) in [(".flv", 8), (".1.flv", 6)] {
            recordings.record(&format!("{name}{end}"), &format!("{app}/{stream} {recorder}"), age);
        }
    }
    recordings.record("d.flv", &format!("{app}/d {}", recorder.repeat(3)), 8);
    let signature = |recorder: &str| Signature::new(&app, recorder, ".flv", false);
    let keep = Some(DAY * 7);
    let rules = [recorder.repeat(3), recorder].map(|recorder| Rule {
        signature: signature(&recorder),
        keep,
        min_free: 0,
        ends: true,
    });
    run(&mut recordings.retention(rules.into()), &OpenFiles::default(), "", now());
    assert_eq!(recordings.names(), [format!("{blanks}.1.flv"), format!("{cam}.1.flv")]);
}

#[test]
fn for_room_the_oldest_goes_first_and_what_has_just_been_written_stays() {
    let recordings = Recordings::new();
    for (name, days) in [("b", 3), ("a", 1), ("c", 2), ("now", 0)] {
        recordings.record(&format!("{name}.flv"), &format!("live/{name}"), days);
    }
    recordings.record("future.flv", "live/future", 0);
    let ahead = today() + DAY;
    File::options().append(true).open(recordings.0.join("future.flv")).unwrap().set_modified(ahead).unwrap();
    let mut retention = recordings.retention(vec![rule("", None, ENDLESS)]);
    retention.begin_passes(now());
    let mut gone = Vec::new();
    while retention.is_running() {
        let before = recordings.names();
        retention.step(now(), &InUse { files: &OpenFiles::default(), is_awaited: &|_| false });
        gone.extend(before.into_iter().filter(|name| !recordings.names().contains(name)));
    }
    assert_eq!(gone, ["b.flv", "c.flv", "a.flv", "future.flv"]);
    assert_eq!(recordings.names(), ["now.flv"]);
}

#[test]
fn room_that_is_not_seen_yet_is_waited_for() {
    let recordings = Recordings::new();
    recordings.record("a.flv", "live/a", 3);
    let mut retention = recordings.retention(vec![rule("", None, ENDLESS)]);
    let start = now();
    let at = |seconds| Now { instant: start.instant + Duration::from_secs(seconds), wall: today() };
    // As if enough had been deleted just now, and could not be seen.
    retention.folders[0].pending.delete(at(0).instant, ENDLESS);
    assert_eq!(run(&mut retention, &OpenFiles::default(), "", at(29)), 0);
    assert!(run(&mut retention, &OpenFiles::default(), "", at(30)) > 0 && recordings.names().is_empty());
}

#[test]
fn after_a_pass_that_has_deleted_something_it_is_looked_again_at_once() {
    let recordings = Recordings::new();
    recordings.record("a.flv", "live/a", 3);
    let mut retention = recordings.retention(vec![rule("", None, ENDLESS)]);
    let now = now();
    assert!(run(&mut retention, &OpenFiles::default(), "", now) > 0 && recordings.names().is_empty());
    // The disk fills up meanwhile.
    recordings.record("b.flv", "live/b", 1);
    assert!(run(&mut retention, &OpenFiles::default(), "", now) > 0 && recordings.names().is_empty());
}

#[test]
fn a_folder_does_not_wait_for_another() {
    let (long, short) = (Recordings::new(), Recordings::new());
    for number in 0..50 {
        long.record(&format!("cam.{}.flv", number + 1), "live/cam", 8);
    }
    short.record("cam.flv", "live/cam", 8);
    let mut retention = long.retention(vec![rule("", Some(7), 0)]);
    retention.add(&short.0, rule("", Some(7), 0));
    retention.start(now());
    retention.begin_passes(now());
    let (files, is_awaited) = (OpenFiles::default(), |_: &Script| false);
    for _ in 0..10 {
        retention.step(now(), &InUse { files: &files, is_awaited: &is_awaited });
    }
    assert!(short.names().is_empty() && long.names().len() > 40);
}

#[test]
fn nothing_goes_while_there_is_room() {
    let recordings = Recordings::new();
    recordings.record("cam.flv", "live/cam", 800);
    let mut retention = recordings.retention(vec![rule("", None, 1)]);
    assert_eq!(run(&mut retention, &OpenFiles::default(), "", now()), 0);
    assert_eq!(recordings.names(), ["cam.flv"]);
}

#[test]
fn a_large_folder_is_gone_through_in_short_steps_and_again_where_more_has_to_go() {
    let recordings = Recordings::new();
    // Older than ours, and named as ours are.
    for number in 0..1500 {
        let name = format!("foreign{number}.flv");
        fs::write(recordings.0.join(&name), "precious").unwrap();
        recordings.set_age(&name, 100);
    }
    for number in 0..30 {
        recordings.record(&format!("cam{number}.flv"), &format!("live/cam{number}"), 10);
    }
    let mut retention = recordings.retention(vec![rule("", Some(7), 0)]);
    let steps = run(&mut retention, &OpenFiles::default(), "", now());
    assert_eq!(recordings.names().len(), 1500);
    // A head in each step, or 64 entries, twice.
    assert!((1530 + 2 * 24..1600).contains(&steps), "{steps} steps");
}

#[test]
fn it_is_looked_again_in_time_and_not_for_ever() {
    let recordings = Recordings::new();
    let mut retention = recordings.retention(vec![rule("", Some(7), ENDLESS)]);
    let (start, mut files) = (now(), OpenFiles::default());
    retention.begin_passes(start);
    assert_eq!(retention.next_check(start.instant, &files), None, "a pass is under way");
    let at = |seconds| Now { instant: start.instant + Duration::from_secs(seconds), wall: today() };
    assert!(run(&mut retention, &files, "", at(0)) > 0);
    assert_eq!(retention.next_check(at(0).instant, &files), Some(at(600).instant));
    let _mark = files.open((0, 0));
    assert_eq!(
        retention.next_check(at(0).instant, &files),
        Some(at(10).instant),
        "while anything is recorded"
    );
    // Nothing was left to delete, so the room is not looked for in each turn.
    assert_eq!(run(&mut retention, &files, "", at(9)), 0);
    assert!(run(&mut retention, &files, "", at(10)) > 0);
}

#[test]
fn a_folder_that_is_not_there_has_nothing_to_delete() {
    let mut retention = Retention::default();
    retention.add(Path::new("/no/such/folder"), rule("", Some(1), ENDLESS));
    assert_eq!(retention.start(now()).len(), 1, "it is told that no disk has as much");
    assert_eq!(run(&mut retention, &OpenFiles::default(), "", now()), 0);
}

#[test]
fn a_recording_that_may_never_end_is_warned_of_at_the_start() {
    for (ends, told) in [(true, 0), (false, 1)] {
        let mut retention = Retention::default();
        retention.add(Path::new("rec"), Rule { ends, ..rule("", Some(1), 0) });
        assert_eq!(retention.start(now()).len(), told);
    }
}

#[test]
fn new_settings_act_at_once_and_only_on_what_they_name() {
    let (recordings, other) = (Recordings::new(), Recordings::new());
    for days in [2, 5] {
        recordings.record(&format!("cam.{days}.flv"), "live/cam", days);
        other.record(&format!("cam.{days}.flv"), "live/cam", days);
    }
    let mut retention = recordings.retention(vec![rule("", Some(7), 0)]);
    retention.add(&other.0, rule("", Some(3), 0));
    retention.start(now());
    run(&mut retention, &OpenFiles::default(), "", now());
    assert_eq!((recordings.names().len(), other.names().len()), (2, 1));
    let mut next = Retention::default();
    next.add(&recordings.0, Rule { ends: false, ..rule("", Some(3), 0) });
    assert_eq!(retention.adopt(next, now()).len(), 1, "of recordings that may never end");
    other.record("cam.5.flv", "live/cam", 5);
    run(&mut retention, &OpenFiles::default(), "", now());
    assert_eq!((recordings.names(), other.names().len()), (vec!["cam.2.flv".to_owned()], 2));
    // The same again is nothing new.
    let mut next = Retention::default();
    next.add(&recordings.0, Rule { ends: false, ..rule("", Some(3), 0) });
    assert!(retention.adopt(next, now()).is_empty());
}

#[test]
fn a_file_that_takes_the_place_of_the_one_that_was_looked_at_stays() {
    let recordings = Recordings::new();
    recordings.record("cam.flv", "live/cam", 8);
    let mut pass = Pass::new(&recordings.0).unwrap();
    let candidate = std::iter::from_fn(|| Some(pass.step(|_, _| true).unwrap()))
        .find_map(|next| if let Next::Candidate(candidate) = next { Some(candidate) } else { None })
        .unwrap();
    let (file, _) = pass.open(&candidate).unwrap();
    fs::remove_file(recordings.0.join("cam.flv")).unwrap();
    fs::write(recordings.0.join("cam.flv"), "precious").unwrap();
    assert!(pass.remove(&candidate, &file).is_err());
    fs::remove_file(recordings.0.join("cam.flv")).unwrap();
    symlink("/etc/passwd", recordings.0.join("cam.flv")).unwrap();
    assert!(pass.remove(&candidate, &file).is_err() && pass.open(&candidate).is_err());
}

#[test]
fn times_and_sizes_are_told_as_they_are_set() {
    let spans =
        [0, 59, 3600, 86_399, 8 * 86_400 + 3 * 3600].map(|seconds| span(Duration::from_secs(seconds)));
    assert_eq!(spans, ["0s", "59s", "1h", "23h59m", "8d3h"]);
    assert_eq!([0, 1536, 1 << 20, 5 << 30].map(size), ["0 bytes", "1.5 KiB", "1.0 MiB", "5.0 GiB"]);
}
