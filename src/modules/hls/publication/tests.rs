//! What is on disk at each moment of a stream's life.

use std::fs;

use super::super::files::tests::Scratch;
use super::super::naming::Layout;
use super::*;

fn settings() -> Settings {
    Settings {
        fragment: 2000,
        max_fragment: 20_000,
        playlist_length: 6000,
        max_audio_delay: 300,
        sync: 2,
        layout: Layout::Flat,
        cleanup: Cleanup::Delete,
        continuation: Continuation::Continue,
    }
}

fn naming(scratch: &Scratch) -> Naming {
    Naming::new(scratch.path(), "a", Layout::Flat)
}

fn open(scratch: &Scratch) -> Publication {
    Publication::open(naming(scratch), settings()).unwrap()
}

fn add(publication: &mut Publication, count: usize) {
    for _ in 0..count {
        let mut part = publication.start_fragment().unwrap();
        part.write(b"media").unwrap();
        publication.add(part, 2000).unwrap();
    }
}

fn text(scratch: &Scratch) -> String {
    fs::read_to_string(scratch.path().join("a.m3u8")).unwrap()
}

fn ids(list: impl IntoIterator<Item = u64>) -> Vec<String> {
    let mut names: Vec<_> = list.into_iter().map(|id| format!("a-{id}.ts")).collect();
    names.push("a.m3u8".to_owned());
    names.sort();
    names
}

#[test]
fn nothing_is_seen_before_the_first_fragment_is_whole() {
    let scratch = Scratch::new();
    let mut publication = open(&scratch);
    let part = publication.start_fragment().unwrap();
    assert_eq!(scratch.list(), [".a-0.ts.part"]);
    publication.add(part, 2000).unwrap();
    assert_eq!(scratch.list(), ids([0]));
    publication.end().unwrap();
    assert!(text(&scratch).ends_with("a-0.ts\n#EXT-X-ENDLIST\n"));
}

#[test]
fn a_stream_without_fragments_leaves_nothing() {
    let scratch = Scratch::new();
    drop(open(&scratch).start_fragment().unwrap());
    open(&scratch).end().unwrap();
    assert!(scratch.list().is_empty());
}

#[test]
fn a_fragment_goes_once_it_has_been_out_for_the_length_of_the_list() {
    let scratch = Scratch::new();
    let mut publication = open(&scratch);
    // Three are listed. Fragment 0 slides out with 3, at 8 s, and may go at 8 + 6 + 2 s: with 7.
    add(&mut publication, 7);
    assert_eq!(scratch.list(), ids(0..7));
    add(&mut publication, 1);
    assert_eq!(scratch.list(), ids(1..8));
    add(&mut publication, 100);
    assert_eq!(scratch.list(), ids(101..108));
}

#[test]
fn without_cleanup_everything_stays() {
    let scratch = Scratch::new();
    let settings = Settings { cleanup: Cleanup::Keep, ..settings() };
    add(&mut Publication::open(naming(&scratch), settings).unwrap(), 20);
    assert_eq!(scratch.list(), ids(0..20));
}

#[test]
fn a_stream_that_comes_back_goes_on_from_its_playlist() {
    let scratch = Scratch::new();
    add(&mut open(&scratch), 10);
    // A crash: no end. Fragments 3 to 6 were waiting for their deletion.
    let mut publication = open(&scratch);
    add(&mut publication, 1);
    let text = text(&scratch);
    assert!(text.contains("MEDIA-SEQUENCE:8\n") && !text.contains("ENDLIST"), "{text}");
    assert!(text.ends_with("a-9.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:2.000,\na-10.ts\n"), "{text}");
    add(&mut publication, 20);
    assert_eq!(scratch.list(), ids(24..31));
}

#[test]
fn a_discontinuity_that_slid_out_is_counted() {
    let scratch = Scratch::new();
    add(&mut open(&scratch), 1);
    add(&mut open(&scratch), 4);
    let text = text(&scratch);
    assert!(text.contains("DISCONTINUITY-SEQUENCE:1\n") && !text.contains("DISCONTINUITY\n"), "{text}");
}

#[test]
fn a_restart_lists_only_the_new_and_deletes_the_old_in_time() {
    let scratch = Scratch::new();
    add(&mut open(&scratch), 5);
    let settings = Settings { continuation: Continuation::Restart, ..settings() };
    let mut publication = Publication::open(naming(&scratch), settings).unwrap();
    add(&mut publication, 1);
    let text = text(&scratch);
    assert!(text.contains("MEDIA-SEQUENCE:5\n") && text.contains("DISCONTINUITY-SEQUENCE:1\n"), "{text}");
    assert_eq!((text.matches("#EXTINF").count(), text.contains("DISCONTINUITY\n")), (1, false));
    assert_eq!(scratch.list(), ids(0..6));
    // The two that were not listed go at 6 s, those that were at 8 s.
    add(&mut publication, 2);
    assert_eq!(scratch.list(), ids(2..8));
    add(&mut publication, 1);
    assert_eq!(scratch.list(), ids(5..9));
}

#[test]
fn a_break_is_a_discontinuity_but_not_on_the_first() {
    let scratch = Scratch::new();
    let mut publication = open(&scratch);
    publication.break_off();
    add(&mut publication, 2);
    assert!(!text(&scratch).contains("DISCONTINUITY"));
    publication.break_off();
    add(&mut publication, 1);
    assert!(text(&scratch).contains("a-1.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:2.000,\na-2.ts"));
}

#[test]
fn a_playlist_that_is_not_ours_is_not_believed() {
    let scratch = Scratch::new();
    fs::write(scratch.path().join("victim-1.ts"), "").unwrap();
    let foreign = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:1\n#EXTINF:2.000,\nvictim-1.ts\n";
    fs::write(scratch.path().join("a.m3u8"), foreign).unwrap();
    remove_all(&naming(&scratch));
    assert_eq!(scratch.list(), ["a.m3u8", "victim-1.ts"]);
    add(&mut open(&scratch), 1);
    assert_eq!(scratch.list(), ["a-0.ts", "a.m3u8", "victim-1.ts"]);
}

#[test]
fn fragments_that_are_gone_are_not_listed_again() {
    let scratch = Scratch::new();
    add(&mut open(&scratch), 3);
    fs::remove_file(scratch.path().join("a-1.ts")).unwrap();
    add(&mut open(&scratch), 1);
    let text = text(&scratch);
    assert!(text.contains("MEDIA-SEQUENCE:2\n") && !text.contains("a-0.ts"), "{text}");
}

#[test]
fn removal_takes_all_of_one_stream_and_nothing_else() {
    let scratch = Scratch::new();
    add(&mut open(&scratch), 10);
    fs::write(scratch.path().join(".a-10.ts.part"), "").unwrap();
    for other in ["a-99.ts", "a-x.ts", "a-1-5.ts", "ab.m3u8", "b-5.ts", ".hidden"] {
        fs::write(scratch.path().join(other), "").unwrap();
    }
    remove_all(&naming(&scratch));
    assert_eq!(scratch.list(), [".hidden", "a-1-5.ts", "a-99.ts", "a-x.ts", "ab.m3u8", "b-5.ts"]);
    remove_all(&naming(&scratch));
}

#[test]
fn a_nested_stream_has_its_directory_and_loses_it_when_empty() {
    let scratch = Scratch::new();
    let naming = Naming::new(&scratch.path().join("deep/hls"), "a", Layout::Nested);
    let settings = Settings { layout: Layout::Nested, ..settings() };
    add(&mut Publication::open(naming.clone(), settings).unwrap(), 2);
    let directory = scratch.path().join("deep/hls/a");
    assert!(directory.join("index.m3u8").is_file() && directory.join("1.ts").is_file());
    assert!(fs::read_to_string(directory.join("index.m3u8")).unwrap().contains("\n1.ts\n"));
    fs::write(directory.join("mine"), "").unwrap();
    remove_all(&naming);
    assert!(directory.join("mine").is_file() && !directory.join("1.ts").exists());
    fs::remove_file(directory.join("mine")).unwrap();
    add(&mut Publication::open(naming.clone(), settings).unwrap(), 1);
    remove_all(&naming);
    assert!(!directory.exists());
}

#[test]
fn an_error_names_the_file() {
    let scratch = Scratch::new();
    let publication = open(&scratch);
    fs::create_dir(scratch.path().join(".a-0.ts.part")).unwrap();
    let error = publication.start_fragment().unwrap_err().to_string();
    assert!(error.contains("/.a-0.ts.part: "), "{error}");
}
