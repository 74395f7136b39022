//! The files on the disk at each moment of a stream's life.

mod memory;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::*;
use crate::engine::{HlsLists, Jobs, MemoryFiles, Now, Outlet, Totals};
use crate::modules::hls::publication::retirement::MAX_AT_ONCE;
use crate::modules::hls::settings::variant::Variant;
use crate::modules::hls::settings::{KeySettings, Layout, ListKind, Numbering};
use crate::modules::hls::streams::Streams;
use crate::modules::hls::streams::ended::{Ended, Stage};
use crate::modules::hls::streams::task::Act;
use crate::test_folder::Folder;

/// Fragments of 2 s, 6 s listed.
fn settings(adjust: impl FnOnce(&mut Settings)) -> Arc<Settings> {
    let mut settings = Settings { playlist_length: 6000, ..Settings::for_tests() };
    adjust(&mut settings);
    Arc::new(settings)
}

fn naming(folder: &Folder) -> Naming {
    Naming::new(folder, "a", &settings(|_| {}))
}

fn open_as(naming: &Naming) -> Publication {
    Publication::open(naming.clone(), &Files::Disk, UNIX_EPOCH)
}

fn open_with(folder: &Folder, adjust: impl FnOnce(&mut Settings)) -> Publication {
    open_as(&Naming::new(folder, "a", &settings(adjust)))
}

fn open(folder: &Folder) -> Publication {
    open_with(folder, |_| {})
}

fn finished() -> CompleteFragment {
    let (begins, timestamp) = (Begins::Independent, 0);
    let (duration, expected) = (2000, 2000);
    CompleteFragment {
        duration,
        ends: Ends { next: (timestamp + duration) * 90, audio: None },
        begins,
        timestamp,
        date: None,
        expected,
        description: Description::default(),
        frames: 50,
    }
}

fn start(publication: &mut Publication) -> io::Result<Draft> {
    publication.start_fragment(&mut Files::Disk).map(|(draft, _)| draft)
}

fn add_as(publication: &mut Publication, draft: Draft, finished: &CompleteFragment) -> io::Result<()> {
    publication.add_fragment(CompleteFile { draft, bytes: 5 }, finished, &mut Files::Disk, UNIX_EPOCH)
}

fn add_draft(publication: &mut Publication, draft: Draft) -> io::Result<()> {
    add_as(publication, draft, &finished())
}

fn add(publication: &mut Publication, count: usize) {
    for _ in 0..count {
        let mut draft = start(publication).unwrap();
        Files::Disk.append(&mut draft, b"media", 0).unwrap();
        add_draft(publication, draft).unwrap();
    }
}

fn end(publication: &mut Publication) {
    publication.finish(&mut Files::Disk, UNIX_EPOCH).unwrap();
}

fn remove_from(naming: &Naming, outlet: &mut Outlet<'_>) {
    let ended = Ended::new(naming.clone(), Stage::Ended, None);
    Streams::default().act_at_last(&ended, Act::Remove { most: usize::MAX }, outlet);
    outlet.jobs.run_all();
}

fn remove(naming: &Naming) {
    let now = Now { instant: Instant::now(), wall: UNIX_EPOCH };
    let (memory, jobs) = (&mut MemoryFiles::default(), &mut Jobs::default());
    remove_from(
        naming,
        &mut Outlet { now, memory, jobs, lists: &mut HlsLists::default(), totals: &mut Totals::default() },
    );
}

fn text(folder: &Folder) -> String {
    fs::read_to_string(folder.join("a.m3u8")).unwrap()
}

fn ids(list: impl IntoIterator<Item = u64>) -> Vec<String> {
    let mut names: Vec<_> = list.into_iter().map(|id| format!("a-{id}.ts")).collect();
    names.push("a.m3u8".to_owned());
    names.sort();
    names
}

#[test]
fn nothing_is_seen_before_the_first_fragment_is_whole() {
    let folder = Folder::new();
    let mut publication = open(&folder);
    let draft = start(&mut publication).unwrap();
    assert_eq!(folder.list(""), [".a.ts.part"]);
    add_draft(&mut publication, draft).unwrap();
    assert_eq!(folder.list(""), ids([0]));
    end(&mut publication);
    assert!(text(&folder).ends_with("a-0.ts\n#EXT-X-ENDLIST\n"));
}

#[test]
fn a_stream_without_fragments_leaves_nothing() {
    let folder = Folder::new();
    drop(start(&mut open(&folder)).unwrap());
    end(&mut open(&folder));
    assert!(folder.list("").is_empty());
}

#[test]
fn a_retired_fragment_is_removed_after_the_length_of_the_list() {
    let folder = Folder::new();
    let mut publication = open(&folder);
    // Three are listed. Fragment 0 slides out with 3, at 8 s, and may go at 8 + 6 + 2 s: with 7.
    add(&mut publication, 7);
    assert_eq!(folder.list(""), ids(0..7));
    add(&mut publication, 1);
    assert_eq!(folder.list(""), ids(1..8));
    add(&mut publication, 100);
    assert_eq!(folder.list(""), ids(101..108));
}

#[test]
fn without_cleanup_everything_stays() {
    let folder = Folder::new();
    add(&mut open_with(&folder, |settings| settings.cleanup = Cleanup::Keep), 20);
    assert_eq!(folder.list(""), ids(0..20));
}

#[test]
fn a_stream_that_comes_back_continues_its_playlist() {
    let folder = Folder::new();
    add(&mut open(&folder), 10);
    // A crash: no end. Fragments 3 to 6 were waiting for their removal.
    let mut publication = open(&folder);
    add(&mut publication, 1);
    let text = text(&folder);
    assert!(text.contains("MEDIA-SEQUENCE:8\n") && !text.contains("ENDLIST"), "{text}");
    assert!(text.ends_with("a-9.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:2.000,\na-10.ts\n"), "{text}");
    add(&mut publication, 20);
    assert_eq!(folder.list(""), ids(24..31));
}

#[test]
fn a_discontinuity_that_slid_out_is_counted() {
    let folder = Folder::new();
    add(&mut open(&folder), 1);
    add(&mut open(&folder), 4);
    let text = text(&folder);
    assert!(text.contains("DISCONTINUITY-SEQUENCE:1\n") && !text.contains("DISCONTINUITY\n"), "{text}");
}

#[test]
fn a_restart_lists_only_the_new_and_removes_the_old_in_time() {
    let folder = Folder::new();
    add(&mut open(&folder), 5);
    let mut publication = open_with(&folder, |settings| settings.continuation = Continuation::Restart);
    add(&mut publication, 1);
    let text = text(&folder);
    assert!(text.contains("MEDIA-SEQUENCE:5\n") && text.contains("DISCONTINUITY-SEQUENCE:1\n"), "{text}");
    assert_eq!((text.matches("#EXTINF").count(), text.contains("DISCONTINUITY\n")), (1, false));
    assert_eq!(folder.list(""), ids(0..6));
    // The two that were not listed go at 6 s, those that were at 8 s.
    add(&mut publication, 2);
    assert_eq!(folder.list(""), ids(2..8));
    add(&mut publication, 1);
    assert_eq!(folder.list(""), ids(5..9));
}

#[test]
fn a_break_is_a_discontinuity_but_not_on_the_first() {
    let folder = Folder::new();
    let mut publication = open(&folder);
    publication.mark_discontinuity();
    add(&mut publication, 2);
    assert!(!text(&folder).contains("DISCONTINUITY"));
    publication.mark_discontinuity();
    add(&mut publication, 1);
    assert!(text(&folder).contains("a-1.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:2.000,\na-2.ts"));
}

#[test]
fn a_playlist_that_is_not_ours_is_not_believed() {
    let folder = Folder::new();
    fs::write(folder.join("victim-1.ts"), "").unwrap();
    let foreign = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:1\n#EXTINF:2.000,\nvictim-1.ts\n";
    fs::write(folder.join("a.m3u8"), foreign).unwrap();
    remove(&naming(&folder));
    assert_eq!(folder.list(""), ["a.m3u8", "victim-1.ts"]);
    add(&mut open(&folder), 1);
    // Its numbers are not known, so ours are none that it can have had: here, the time is 0.
    assert_eq!(folder.list(""), ["a-0.ts", "a.m3u8", "victim-1.ts"]);
}

#[test]
fn fragments_that_are_gone_are_not_listed_again() {
    for is_cut in [false, true] {
        let folder = Folder::new();
        add(&mut open(&folder), 3);
        fs::remove_file(folder.join("a-1.ts")).unwrap();
        if is_cut {
            // A power cut: the name has come to the disk, and what was in the file has not.
            fs::write(folder.join("a-1.ts"), "").unwrap();
        }
        add(&mut open(&folder), 1);
        let text = text(&folder);
        assert!(text.contains("MEDIA-SEQUENCE:2\n") && !text.contains("a-0.ts"), "{text}");
    }
}

#[test]
fn removal_takes_all_of_one_stream_and_nothing_else() {
    let folder = Folder::new();
    add(&mut open(&folder), 10);
    fs::write(folder.join(".a.ts.part"), "").unwrap();
    for other in ["a-99.ts", "a-x.ts", "a-1-5.ts", "ab.m3u8", "b-5.ts", ".hidden"] {
        fs::write(folder.join(other), "").unwrap();
    }
    remove(&naming(&folder));
    assert_eq!(folder.list(""), [".hidden", "a-1-5.ts", "a-99.ts", "a-x.ts", "ab.m3u8", "b-5.ts"]);
    remove(&naming(&folder));
}

#[test]
fn a_nested_stream_has_its_folder_and_loses_it_when_empty() {
    let folder = Folder::new();
    let settings = settings(|settings| settings.layout = Layout::Nested);
    let naming = Naming::new(&folder.join("deep/hls"), "a", &settings);
    add(&mut open_as(&naming), 2);
    let own = folder.join("deep/hls/a");
    assert!(own.join("index.m3u8").is_file() && own.join("1.ts").is_file());
    assert!(fs::read_to_string(own.join("index.m3u8")).unwrap().contains("\n1.ts\n"));
    fs::write(own.join("mine"), "").unwrap();
    remove(&naming);
    assert!(own.join("mine").is_file() && !own.join("1.ts").exists());
    fs::remove_file(own.join("mine")).unwrap();
    add(&mut open_as(&naming), 1);
    remove(&naming);
    assert!(!own.exists());
}

#[test]
fn a_playlist_is_continued_only_if_its_numbers_can_grow() {
    const LARGEST: u64 = 9_999_999_999_999_998;
    for (sequence, discontinuities, id, is_continued) in [
        (LARGEST, 0, 7, true),
        (7, LARGEST, 7, true),
        (7, 0, LARGEST, true),
        (LARGEST + 2, 0, 7, false),
        (7, LARGEST + 2, 7, false),
        (7, 0, LARGEST + 2, false),
    ] {
        let folder = Folder::new();
        let list = format!(
            "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:{sequence}\n#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuities}\n\
             #EXT-X-DISCONTINUITY\n#EXTINF:2.000,\na-{id}.ts\n"
        );
        fs::write(folder.join("a.m3u8"), list).unwrap();
        fs::write(folder.join(format!("a-{id}.ts")), "media").unwrap();
        let mut publication = open(&folder);
        add(&mut publication, 1);
        let is_listed = |text: &str| text.contains(&format!("\na-{id}.ts\n"));
        assert_eq!(is_listed(&text(&folder)), is_continued, "{}", text(&folder));
        add(&mut publication, 9);
        let found = Found::read(&naming(&folder), &Files::Disk);
        assert!(matches!(found, Ok(Some(_))), "{found:?}");
    }
}

#[test]
fn an_error_names_the_file() {
    let folder = Folder::new();
    let mut publication = open(&folder);
    fs::create_dir(folder.join(".a.ts.part")).unwrap();
    let error = start(&mut publication).unwrap_err().to_string();
    assert!(error.contains("/.a.ts.part: "), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_tried_again() {
    let folder = Folder::new();
    let settings = settings(|settings| settings.layout = Layout::Nested);
    let own = folder.join("a");
    fs::write(&own, "a file").unwrap();
    let mut publication = open_as(&Naming::new(&folder, "a", &settings));
    assert!(start(&mut publication).is_err());
    fs::remove_file(&own).unwrap();
    add(&mut publication, 1);
    assert!(own.join("0.ts").is_file() && own.join("index.m3u8").is_file());
}

#[test]
fn folders_that_are_removed_are_made_again_and_their_fragments_are_no_longer_listed() {
    let folder = Folder::new();
    let mut publication = open_as(&Naming::new(&folder.join("hls"), "a", &settings(|_| {})));
    add(&mut publication, 2);
    fs::remove_dir_all(folder.join("hls")).unwrap();
    assert!(start(&mut publication).is_err());
    publication.recover(&mut Files::Disk);
    add(&mut publication, 1);
    let text = fs::read_to_string(folder.join("hls/a.m3u8")).unwrap();
    assert!(text.contains("MEDIA-SEQUENCE:2\n") && text.matches("#EXTINF").count() == 1, "{text}");
    assert!(folder.join("hls/a-2.ts").is_file());
}

#[test]
fn a_fragment_that_could_not_be_placed_leaves_no_trace() {
    let folder = Folder::new();
    let mut publication = open_with(&folder, |settings| {
        settings.keys = Some(KeySettings { path: None, url: String::new(), fragments: 1 });
    });
    add(&mut publication, 1);
    let before = (text(&folder), folder.list(""));
    for obstacle in [".a.m3u8.part", ".a-1.key.part"] {
        fs::create_dir(folder.join(obstacle)).unwrap();
        let draft = start(&mut publication).unwrap();
        add_draft(&mut publication, draft).unwrap_err();
        fs::remove_dir(folder.join(obstacle)).unwrap();
        assert_eq!((text(&folder), folder.list("")), before, "{obstacle}");
    }
    add(&mut publication, 1);
    assert_eq!(folder.list(""), ["a-0.key", "a-0.ts", "a-1.key", "a-1.ts", "a.m3u8"]);
}

#[test]
fn a_server_killed_between_two_files_leaves_nothing_for_ever() {
    for next in [1, 9000] {
        let folder = Folder::new();
        add(&mut open(&folder), 1);
        // The fragment has appeared, the playlist that lists it has not.
        let list = text(&folder) + &format!("#EXTINF:2.000,\na-{next}.ts\n");
        fs::write(folder.join(".a.m3u8.part"), list).unwrap();
        fs::write(folder.join(format!("a-{next}.ts")), "media").unwrap();
        let mut publication = open(&folder);
        add(&mut publication, 1);
        let text = text(&folder);
        assert!(text.contains(&format!("\na-{}.ts\n", next + 1)) && !text.contains("\na-9000.ts"), "{text}");
        add(&mut publication, 20);
        assert!(!folder.join(format!("a-{next}.ts")).exists());
        drop(publication);
        remove(&naming(&folder));
        assert!(folder.list("").is_empty(), "{:?}", folder.list(""));
    }
}

#[test]
fn a_server_killed_before_its_first_playlist_leaves_nothing_for_ever() {
    let folder = Folder::new();
    let list = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:2.000,\na-0.ts\n";
    fs::write(folder.join(".a.m3u8.part"), list).unwrap();
    fs::write(folder.join("a-0.ts"), "media").unwrap();
    add(&mut open(&folder), 1);
    assert!(text(&folder).contains("MEDIA-SEQUENCE:1\n"), "{}", text(&folder));
    remove(&naming(&folder));
    assert!(folder.list("").is_empty(), "{:?}", folder.list(""));
}

#[test]
fn an_event_keeps_all_and_continues_after_a_restart() {
    let folder = Folder::new();
    let event = |settings: &mut Settings| {
        settings.kind = ListKind::Event;
        settings.cleanup = Cleanup::Keep;
    };
    add(&mut open_with(&folder, event), 20);
    add(&mut open_with(&folder, event), 2);
    let text = text(&folder);
    assert!(text.contains("MEDIA-SEQUENCE:0\n") && text.contains("PLAYLIST-TYPE:EVENT\n"), "{text}");
    assert_eq!((text.matches("#EXTINF").count(), folder.list("").len()), (22, 23));
}

#[test]
fn nothing_says_that_a_stream_has_ended_unless_it_should() {
    let folder = Folder::new();
    let mut publication = open_with(&folder, |settings| settings.ending = Ending::Never);
    add(&mut publication, 1);
    end(&mut publication);
    assert!(!text(&folder).contains("ENDLIST"));
}

/// The numbers that fragments with these timestamps and dates get.
fn numbers(adjust: impl FnOnce(&mut Settings), times: &[(u64, u64)]) -> Vec<u64> {
    let folder = Folder::new();
    let mut publication = open_with(&folder, |settings| {
        settings.playlist_length = 60_000;
        adjust(settings);
    });
    for &(timestamp, date) in times {
        let draft = start(&mut publication).unwrap();
        let finished = CompleteFragment { timestamp, date: Some(date), ..finished() };
        add_as(&mut publication, draft, &finished).unwrap();
    }
    publication.playlist.fragments().map(|fragment| fragment.id).collect()
}

#[test]
fn numbers_are_counted_or_timestamps_or_dates_and_always_grow() {
    let times = [(1000, 1_700_000_000_500), (3000, 1_700_000_002_500), (0, 1_700_000_001_000)];
    assert_eq!(numbers(|_| {}, &times), [0, 1, 2]);
    let found = numbers(|settings| settings.numbering = Numbering::Timestamp, &times);
    assert_eq!(found, [90_000, 270_000, 270_001]);
    let found = numbers(|settings| settings.numbering = Numbering::System, &times);
    assert_eq!(found, [1_700_000_000_500, 1_700_000_002_500, 1_700_000_002_501]);
    let coarse = |settings: &mut Settings| {
        settings.numbering = Numbering::System;
        settings.granularity = 1000;
    };
    assert_eq!(numbers(coarse, &times), [1_700_000_000_000, 1_700_000_002_000, 1_700_000_003_000]);
    assert_eq!(numbers(|settings| settings.granularity = 10, &times), [0, 10, 20]);
}

#[test]
fn a_key_is_there_as_long_as_a_fragment_needs_it() {
    let folder = Folder::new();
    let mut publication = open_with(&folder, |settings| {
        settings.keys =
            Some(KeySettings { path: Some(folder.join("k/eys")), url: String::new(), fragments: 2 });
    });
    let keys = || -> Vec<_> {
        let names = fs::read_dir(folder.join("k/eys")).unwrap();
        let mut names: Vec<_> = names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    add(&mut publication, 5);
    assert_eq!(keys(), ["a-0.key", "a-2.key", "a-4.key"]);
    assert_eq!(fs::read(folder.join("k/eys/a-0.key")).unwrap().len(), 16);
    // Fragments 0 and 1 go with 7 and 8.
    add(&mut publication, 3);
    assert_eq!(keys(), ["a-0.key", "a-2.key", "a-4.key", "a-6.key"]);
    add(&mut publication, 1);
    assert_eq!(keys(), ["a-2.key", "a-4.key", "a-6.key", "a-8.key"]);
    end(&mut publication);
    let naming = publication.naming.clone();
    drop(publication);
    remove(&naming);
    assert_eq!((keys().len(), folder.list("")), (0, vec!["k".to_owned()]));
}

#[test]
fn retired_fragments_are_removed_some_files_at_a_time() {
    let folder = Folder::new();
    let mut publication = open_with(&folder, |settings| settings.playlist_length = 400_000);
    add(&mut publication, 200);
    drop(publication);
    // All of the list slides out at once, and is due at once.
    let mut publication = open_with(&folder, |settings| settings.continuation = Continuation::Restart);
    let counts: Vec<_> = (0..210)
        .map(|_| {
            add(&mut publication, 1);
            folder.list("").len()
        })
        .collect();
    let steps: Vec<_> = counts.windows(2).map(|pair| pair[0].saturating_sub(pair[1])).collect();
    assert!(steps.contains(&(MAX_AT_ONCE - 1)) && steps.iter().all(|step| *step < MAX_AT_ONCE), "{steps:?}");
    assert!(counts.last().is_some_and(|count| *count < 20), "{counts:?}");
    publication.recover(&mut Files::Disk);
}

/// The master playlist's only variant is the stream "cam_low".
fn low_variant(settings: &mut Settings) {
    settings.variants = vec![Variant::parse(&["_low".to_owned()]).unwrap()];
}

#[test]
fn a_master_playlist_that_could_not_be_written_is_written_with_the_next_fragment() {
    for obstacle in [".cam.m3u8.part", ".cam_low.m3u8.part"] {
        let folder = Folder::new();
        let mut publication = open_as(&Naming::new(&folder, "cam_low", &settings(low_variant)));
        fs::create_dir(folder.join(obstacle)).unwrap();
        let draft = start(&mut publication).unwrap();
        let _ = add_draft(&mut publication, draft);
        assert!(!folder.join("cam.m3u8").exists(), "{obstacle}");
        fs::remove_dir(folder.join(obstacle)).unwrap();
        add(&mut publication, 1);
        let master = fs::read_to_string(folder.join("cam.m3u8")).unwrap_or_default();
        assert!(master.ends_with("\ncam_low.m3u8\n"), "{obstacle}: {master}");
    }
}

#[test]
fn a_master_playlist_that_is_removed_is_written_again() {
    let folder = Folder::new();
    let mut publication = open_as(&Naming::new(&folder, "cam_low", &settings(low_variant)));
    add(&mut publication, 1);
    fs::remove_file(folder.join("cam.m3u8")).unwrap();
    add(&mut publication, 1);
    assert!(folder.join("cam.m3u8").exists());
}

#[test]
fn a_key_that_is_removed_is_written_again() {
    let folder = Folder::new();
    let mut publication = open_with(&folder, with_keys);
    add(&mut publication, 1);
    let key = fs::read(folder.join("a-0.key")).unwrap();
    fs::remove_file(folder.join("a-0.key")).unwrap();
    add(&mut publication, 1);
    assert_eq!(fs::read(folder.join("a-0.key")).unwrap(), key);
}

#[test]
fn fragments_whose_key_is_gone_are_not_listed_again() {
    let folder = Folder::new();
    add(&mut open_with(&folder, with_keys), 2);
    fs::remove_file(folder.join("a-0.key")).unwrap();
    add(&mut open_with(&folder, with_keys), 1);
    let text = text(&folder);
    assert!(text.contains("MEDIA-SEQUENCE:2\n") && text.matches("#EXTINF").count() == 1, "{text}");
}

fn with_keys(settings: &mut Settings) {
    settings.keys = Some(KeySettings { path: None, url: String::new(), fragments: 0 });
}

#[test]
fn a_number_whose_name_a_folder_has_is_passed_over() {
    let folder = Folder::new();
    let mut publication = open_with(&folder, |settings| {
        with_keys(settings);
        settings.granularity = 10;
    });
    add(&mut publication, 1);
    for name in ["a-10.ts", "a-20.ts"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    add(&mut publication, 2);
    let text = text(&folder);
    let listed: Vec<_> = text.lines().filter(|line| line.ends_with(".ts")).collect();
    assert_eq!(listed, ["a-0.ts", "a-30.ts", "a-40.ts"]);
    assert!(folder.join("a-10.ts").is_dir() && folder.join("a-20.ts").is_dir());
}
