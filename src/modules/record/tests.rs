//! Files over minutes, in virtual time, and the repair of torn ones, step by step.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::Record;
use super::file::contents::{Contents, Entry};
use super::file::names::Names;
use super::file::open::{OpenFiles, Opened};
use super::file::script::{FileStage, Script};
use super::file::search::Search;
use super::file::{FileState, Output};
use super::settings::{FileLimits, Settings};
use crate::conf::{Scope, Tree, check};
use crate::engine::{Module, Now, StreamFacts, directive_table};
use crate::media::{Frame, Kind, flv};
use crate::test_folder::Folder;

const UNLIMITED: FileLimits = FileLimits { size: 0, frames: 0, interval: None };

struct Recordings(Folder);

impl Recordings {
    fn new() -> Self {
        Self(Folder::new())
    }

    fn names(&self) -> Names {
        Names { folder: self.0.to_owned(), stem: "cam".into(), time: 0, suffix: ".flv".into(), unique: false }
    }

    fn search(&self) -> Search {
        Search::new(self.names(), &settings(), "live/cam".into(), log::Level::Warn)
    }

    /// Searches for the file to append to, step by step. Returns it, and how many steps that took.
    fn find(&self, files: &mut OpenFiles) -> (Opened, usize) {
        let mut search = self.search();
        let mut steps = 1..;
        let opened = steps.by_ref().find_map(|_| search.step(files).unwrap()).unwrap();
        (opened, steps.next().unwrap() - 1)
    }

    fn open(&self, files: &mut OpenFiles, now: Now) -> Output {
        let (opened, _) = self.find(files);
        Output::new(opened, Script::new("live/cam", None, &StreamFacts::default()), UNLIMITED, now)
    }
}

/// A recorder that records everything.
fn settings() -> Settings {
    let modules: Vec<Box<dyn Module>> = vec![Box::<Record>::default()];
    let mut tree = Tree::from_text("test", "rtmp { record all; }").unwrap();
    let table = directive_table(&modules);
    check(&mut tree, &table).unwrap();
    let root = Scope::root(&tree, &table);
    Settings::read(&root.blocks("rtmp").next().unwrap(), "").unwrap().unwrap()
}

fn now() -> Now {
    Now { instant: Instant::now(), wall: UNIX_EPOCH }
}

fn key(seconds: u64) -> Rc<Frame> {
    Rc::new(Frame::from_payload(Kind::Video, seconds * 1000, b"\x17\x01\0\0\0frame"))
}

/// The index, and up to where it goes, in the head of a file.
fn head(path: &Path) -> (usize, u64) {
    let (contents, size) = contents(path);
    (contents.index.entries().len(), size)
}

/// The contents of a file according to its head.
fn contents(path: &Path) -> (Contents, u64) {
    let file = fs::read(path).unwrap();
    let length = usize::from(file[15]) << 8 | usize::from(file[16]);
    let (_, contents, size) = Script::read(&file[24..24 + length]).unwrap();
    (contents, size)
}

#[test]
fn the_head_of_a_growing_file_has_the_index_up_to_the_last_minute() {
    let recordings = Recordings::new();
    let (mut files, start) = (OpenFiles::default(), now());
    let mut output = recordings.open(&mut files, start);
    for second in 0..90 {
        output.write(&key(second), start.instant + Duration::from_secs(second)).unwrap();
    }
    let path = recordings.0.join("cam.flv");
    let (entries, size) = head(&path);
    assert_eq!(entries, 61);
    assert!(size > 10_000 && size < fs::metadata(&path).unwrap().len());

    // A crash: the file stays as it is, and what comes next goes on from there.
    let crashed = fs::read(&path).unwrap();
    output.close().unwrap();
    fs::write(&path, [&crashed[..], b"\x09torn"].concat()).unwrap();
    let mut output = recordings.open(&mut OpenFiles::default(), start);
    output.write(&key(0), start.instant).unwrap();
    output.close().unwrap();
    let (entries, size) = head(&path);
    assert_eq!((entries, size), (91, fs::metadata(&path).unwrap().len()));
    assert_eq!(contents(&path).0.duration, 89_001);
}

#[test]
fn a_head_that_says_more_than_there_is_is_not_believed() {
    let recordings = Recordings::new();
    let start = now();
    let mut output = recordings.open(&mut OpenFiles::default(), start);
    (0..5).for_each(|second| output.write(&key(second), start.instant).unwrap());
    output.close().unwrap();
    let path = recordings.0.join("cam.flv");
    let whole = fs::read(&path).unwrap();
    // The last two frames never came to the disk.
    fs::write(&path, &whole[..whole.len() - 30]).unwrap();
    let mut output = recordings.open(&mut OpenFiles::default(), start);
    output.write(&key(0), start.instant).unwrap();
    output.close().unwrap();
    assert_eq!((head(&path).0, contents(&path).0.duration), (4, 2001));
}

#[test]
fn a_long_file_that_lacks_its_end_is_gone_through_from_the_last_known_key_frame() {
    const AT: u64 = 300 << 20;
    let recordings = Recordings::new();
    let tag = |time| {
        let mut tag = Vec::new();
        flv::write_tag(&mut tag, Kind::Video, time, b"\x17\x01\0\0\0frame");
        tag
    };
    let length = tag(0).len() as u64;
    let mut contents = Contents::none();
    (contents.duration, contents.video) = (60_000, Some(7.0));
    for (time, position) in [(49_000, AT - 9999), (50_000, AT), (60_000, AT + 99_999)] {
        contents.index.offer(Entry { time, position });
    }
    let script = Script::new("live/cam", None, &StreamFacts::default());
    let mut head = flv::file_header(false, true).to_vec();
    flv::write_tag(&mut head, Kind::Data, 0, &script.payload(&contents, AT + 199_999, FileStage::Growing));
    let file = fs::File::create(recordings.0.join("cam.flv")).unwrap();
    file.write_all_at(&head, 0).unwrap();
    let end = [tag(49_960), tag(50_000), tag(50_040), tag(50_080)[..20].to_vec()].concat();
    file.write_all_at(&end, AT - length).unwrap();

    let (opened, _) = recordings.find(&mut OpenFiles::default());
    assert_eq!(opened.path, recordings.0.join("cam.flv"));
    let tail = opened.tail.unwrap();
    assert_eq!((tail.size, tail.torn, tail.time), (AT + 2 * length, 20, 50_040));
    let times: Vec<_> = tail.contents.index.entries().iter().map(|entry| entry.time).collect();
    assert_eq!(times, [49_000, 50_000, 50_040]);
}

#[test]
fn a_file_that_is_removed_or_moved_is_noticed_within_a_second() {
    for (name, place) in
        [("removed", FileState::Removed), ("moved", FileState::Moved), ("replaced", FileState::Moved)]
    {
        let recordings = Recordings::new();
        let start = now();
        let mut output = recordings.open(&mut OpenFiles::default(), start);
        let at = |milliseconds| start.instant + Duration::from_millis(milliseconds);
        output.write(&key(0), at(0)).unwrap();
        output.flush(at(0)).unwrap();
        assert_eq!(output.look(at(1000)), None);
        let path = recordings.0.join("cam.flv");
        match name {
            "removed" => fs::remove_file(&path).unwrap(),
            _ => fs::rename(&path, recordings.0.join("away")).unwrap(),
        }
        if name == "replaced" {
            fs::write(&path, "another").unwrap();
        }
        assert_eq!(output.look(at(1999)), None, "once a second");
        assert_eq!(output.look(at(2000)), Some(place), "{name}");
        assert_eq!(output.look(at(3000)), None, "told once");
        let limits = UNLIMITED;
        let now = Now { instant: at(3000), wall: UNIX_EPOCH };
        assert_eq!(output.ends_before(&key(3), limits, now), place == FileState::Moved);
        output.close().unwrap();
        let others = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(others, if name == "replaced" { "another" } else { "" });
    }
}

#[test]
fn a_file_that_is_truncated_is_noticed_and_nothing_is_written_behind_the_hole() {
    let recordings = Recordings::new();
    let start = now();
    let mut output = recordings.open(&mut OpenFiles::default(), start);
    let at = |milliseconds| start.instant + Duration::from_millis(milliseconds);
    output.write(&key(0), at(0)).unwrap();
    output.flush(at(0)).unwrap();
    assert_eq!(output.look(at(1000)), None);
    let path = recordings.0.join("cam.flv");
    fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    output.write(&key(1), at(1000)).unwrap();
    output.flush(at(1500)).unwrap();
    assert_eq!(output.look(at(2000)), Some(FileState::Truncated));
    assert_eq!(output.look(at(3000)), None, "told once");
    output.close().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
}

#[test]
fn a_path_that_never_leads_to_the_file_counts_neither_as_moved_nor_as_removed() {
    let recordings = Recordings::new();
    let start = now();
    let (mut opened, _) = recordings.find(&mut OpenFiles::default());
    opened.id.1 ^= 1;
    let script = Script::new("live/cam", None, &StreamFacts::default());
    let mut output = Output::new(opened, script, UNLIMITED, start);
    output.write(&key(0), start.instant).unwrap();
    let later = Now { instant: start.instant + Duration::from_secs(5), wall: UNIX_EPOCH };
    assert_eq!(output.look(later.instant), None);
    assert!(!output.ends_before(&key(5), UNLIMITED, later));
}

#[test]
fn no_file_is_opened_twice() {
    let recordings = Recordings::new();
    let mut files = OpenFiles::default();
    let (first, second) = (recordings.open(&mut files, now()), recordings.open(&mut files, now()));
    assert_eq!(
        (first.path(), second.path()),
        (&*recordings.0.join("cam.flv"), &*recordings.0.join("cam.1.flv"))
    );
}

/// A file of the stream "live/cam", whose head tells of nothing behind it, with this behind it. Returns where
/// that begins.
fn write_file(recordings: &Recordings, name: &str, identity: &str, rest: &[u8]) -> u64 {
    let script = Script::new(identity, None, &StreamFacts::default());
    let mut head = flv::file_header(true, false).to_vec();
    flv::write_tag(&mut head, Kind::Data, 0, &script.payload(&Contents::none(), 0, FileStage::Growing));
    fs::write(recordings.0.join(name), [&head, rest].concat()).unwrap();
    head.len() as u64
}

fn sound(payload: &[u8]) -> Vec<u8> {
    let mut tag = Vec::new();
    flv::write_tag(&mut tag, Kind::Audio, 40, payload);
    tag
}

#[test]
fn a_torn_file_of_tiny_tags_is_repaired_in_many_steps_and_changed_in_the_last() {
    let recordings = Recordings::new();
    let tags = sound(&[0xff]).repeat(3 << 16);
    let begin = write_file(&recordings, "cam.flv", "live/cam", &[&tags[..], b"\x08torn"].concat());
    let (mut files, mut search) = (OpenFiles::default(), recordings.search());
    let length = || fs::metadata(recordings.0.join("cam.flv")).unwrap().len();
    let whole = length();
    let mut steps = 0;
    let opened = loop {
        assert_eq!(length(), whole);
        steps += 1;
        if let Some(opened) = search.step(&mut files).unwrap() {
            break opened;
        }
    };
    assert!(steps > 24, "{steps} steps");
    let tail = opened.tail.unwrap();
    assert_eq!((tail.size, tail.torn, tail.time), (begin + tags.len() as u64, 5, 40));
    assert_eq!((tail.contents.audio, length()), (Some(15.0), tail.size));
}

#[test]
fn a_file_counts_as_open_while_it_is_repaired_and_is_left_as_it_was_when_that_is_given_up() {
    let recordings = Recordings::new();
    let tags = sound(&[0xff]).repeat(3 << 16);
    write_file(&recordings, "cam.flv", "live/cam", &[&tags[..], b"\x08torn"].concat());
    let whole = fs::read(recordings.0.join("cam.flv")).unwrap();
    let (mut files, mut search) = (OpenFiles::default(), recordings.search());
    assert!((0..3).all(|_| search.step(&mut files).unwrap().is_none()));
    assert_eq!(recordings.find(&mut files).0.path, recordings.0.join("cam.1.flv"));
    search.abandon(&mut files, "a test ends it");
    assert!(fs::read(recordings.0.join("cam.flv")).unwrap() == whole);
    assert_eq!(recordings.find(&mut files).0.path, recordings.0.join("cam.flv"));
}

#[test]
fn a_file_of_another_stream_is_not_gone_through() {
    let recordings = Recordings::new();
    write_file(&recordings, "cam.flv", "live/another", &sound(&[0xff]).repeat(3 << 16));
    let (opened, steps) = recordings.find(&mut OpenFiles::default());
    assert_eq!((opened.path, steps), (recordings.0.join("cam.1.flv"), 1));
}

#[test]
fn behind_64_mib_that_the_head_tells_nothing_of_the_next_name_is_taken() {
    let recordings = Recordings::new();
    let tag = sound(&[0xff; 4000]);
    let tags = tag.repeat((66 << 20) / tag.len());
    write_file(&recordings, "cam.flv", "live/cam", &tags);
    let (opened, steps) = recordings.find(&mut OpenFiles::default());
    assert_eq!(opened.path, recordings.0.join("cam.1.flv"));
    assert!((60..70).contains(&steps), "{steps} steps");
    assert!(fs::metadata(recordings.0.join("cam.flv")).unwrap().len() > tags.len() as u64);
}

#[test]
fn a_head_full_of_places_where_nothing_is_is_looked_through_in_steps() {
    let recordings = Recordings::new();
    let mut contents = Contents::none();
    for time in 0..512 {
        contents.index.offer(Entry { time, position: 20_000 + time });
    }
    let script = Script::new("live/cam", None, &StreamFacts::default());
    let mut file = flv::file_header(true, false).to_vec();
    flv::write_tag(&mut file, Kind::Data, 0, &script.payload(&contents, 30_000, FileStage::Growing));
    file.extend(sound(&[0xff; 20_000]));
    fs::write(recordings.0.join("cam.flv"), &file).unwrap();
    let (opened, steps) = recordings.find(&mut OpenFiles::default());
    assert_eq!(opened.tail.unwrap().size, file.len() as u64);
    assert!((33..36).contains(&steps), "{steps} steps");
}

#[test]
fn a_file_with_much_that_is_no_flv_is_left_alone() {
    let recordings = Recordings::new();
    let path = recordings.0.join("cam.flv");
    let tag = sound(&[0xff]);
    write_file(&recordings, "cam.flv", "live/cam", &tag);
    let long = fs::metadata(&path).unwrap().len() + (32 << 20) + 1;
    fs::File::options().write(true).open(&path).unwrap().set_len(long).unwrap();
    assert_eq!(recordings.find(&mut OpenFiles::default()).0.path, recordings.0.join("cam.1.flv"));
    assert_eq!(fs::metadata(&path).unwrap().len(), long);
    // Without a head that tells whose it is, a file with nothing whole in it is given less.
    fs::write(&path, [&flv::file_header(true, false)[..], &[0xff; 65_536]].concat()).unwrap();
    assert_eq!(recordings.find(&mut OpenFiles::default()).0.path, recordings.0.join("cam.1.flv"));
    assert_eq!(fs::metadata(&path).unwrap().len(), 65_549);
    fs::write(&path, [&flv::file_header(true, false)[..], &[0xff; 1000]].concat()).unwrap();
    assert_eq!(recordings.find(&mut OpenFiles::default()).0.path, path);
}

#[test]
fn the_head_of_a_growing_file_tells_of_all_but_the_last_16_mib() {
    let recordings = Recordings::new();
    let start = now();
    let mut output = recordings.open(&mut OpenFiles::default(), start);
    let payload = [b"\x17\x01\0\0\0".as_slice(), &[1; 100_000]].concat();
    for number in 0..400 {
        output.write(&Frame::from_payload(Kind::Video, number * 10, &payload), start.instant).unwrap();
    }
    let path = recordings.0.join("cam.flv");
    let untold = fs::metadata(&path).unwrap().len() - head(&path).1;
    assert!(untold < (16 << 20) + 200_000, "{untold} bytes");
    output.close().unwrap();
}
