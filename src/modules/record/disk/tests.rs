//! Files over minutes, in virtual time, and the repair of torn ones, step by step. Jobs are done in place.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::*;
use crate::conf::{Scope, Tree, check};
use crate::engine::{Module, StreamFacts, directive_table};
use crate::media::{Frame, Kind, flv};
use crate::modules::record::Record;
use crate::modules::record::file::contents::{Contents, Entry};
use crate::modules::record::file::open::{Opened, id_of};
use crate::modules::record::file::script::FileStage;
use crate::modules::record::output::Output;
use crate::modules::record::settings::{FileLimits, Settings};
use crate::test_folder::Folder;

const UNLIMITED: FileLimits = FileLimits { size: 0, frames: 0, interval: None };

/// A folder of recordings, and the disk that it is on.
struct Recordings {
    folder: Folder,
    disk: Disk,
    last_key: FileKey,
}

impl Recordings {
    fn new() -> Self {
        Self { folder: Folder::new(), disk: Disk::default(), last_key: FileKey::default() }
    }

    /// A server that has been started anew.
    fn restart(&mut self) {
        self.disk = Disk::default();
    }

    fn path(&self) -> PathBuf {
        self.folder.join("cam.flv")
    }

    fn new_key(&mut self) -> FileKey {
        self.last_key.0 += 1;
        self.last_key
    }

    fn names(&self) -> Names {
        let folder = self.folder.to_owned();
        Names { folder, stem: "cam".into(), time: 0, suffix: ".flv".into(), unique: false }
    }

    fn begin_search(&mut self) -> (FileKey, Outcome) {
        let search = Search::new(self.names(), &settings(), "live/cam".into(), log::Level::Warn);
        let key = self.new_key();
        (key, self.disk.begin_search(key, search))
    }

    /// Searches for the file to append to, step by step. Returns its path and what is in it, and how many steps that
    /// took.
    fn find(&mut self) -> (FileKey, PathBuf, Option<Box<Tail>>, usize) {
        let (key, mut outcome) = self.begin_search();
        let mut steps = 1;
        while let Outcome::Searching = outcome {
            outcome = self.disk.search(key).unwrap();
            steps += 1;
        }
        let Outcome::Found(tail) = outcome else { panic!("{outcome:?}") };
        (key, self.disk.files[&key].path().to_owned(), tail, steps)
    }

    /// The path of the file that is found to append to, which is then left.
    fn found(&mut self) -> PathBuf {
        let (key, path, ..) = self.find();
        self.disk.abandon_search(key, "a test ends it");
        path
    }

    /// Begins a recording in the file that is found.
    fn open(&mut self, now: Now) -> Output {
        let (key, _, tail, _) = self.find();
        let script = Script::new("live/cam", None, &StreamFacts::default());
        let mut output = Output::new(key, script, tail, UNLIMITED, now);
        let begun = self.disk.begin(key, Source::Found, output.take_piece(now.instant, Vec::new()));
        let Some(Outcome::Begun(path)) = begun else { panic!("{begun:?}") };
        output.begun(path);
        output
    }

    fn write(&mut self, output: &mut Output, frame: &Frame, at: Instant) -> Option<Outcome> {
        output.write(frame, at).then(|| self.flush(output, at)).flatten()
    }

    fn flush(&mut self, output: &mut Output, at: Instant) -> Option<Outcome> {
        self.disk.write(output.key(), output.take_piece(at, Vec::new()))
    }

    /// The state of the file that comes to light when it is looked for, if it is time for that.
    fn look(&mut self, output: &mut Output, at: Instant) -> Option<FileState> {
        match output.wants_look(at).then(|| self.flush(output, at)).flatten() {
            Some(Outcome::Changed(state)) => Some(state),
            outcome => outcome.map(|outcome| panic!("{outcome:?}")),
        }
    }

    fn close(&mut self, output: Output) -> Option<Finished> {
        match self.disk.close(output.key(), output.into_ending(), log::Level::Error) {
            Outcome::Closed(finished) => finished,
            outcome => panic!("{outcome:?}"),
        }
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
    let mut recordings = Recordings::new();
    let start = now();
    let mut output = recordings.open(start);
    for second in 0..90 {
        recordings.write(&mut output, &key(second), start.instant + Duration::from_secs(second));
    }
    let path = recordings.path();
    let (entries, size) = head(&path);
    assert_eq!(entries, 61);
    assert!(size > 10_000 && size < fs::metadata(&path).unwrap().len());

    // A crash: the file stays as it is, and what comes next goes on from there.
    let crashed = fs::read(&path).unwrap();
    recordings.close(output);
    fs::write(&path, [&crashed[..], b"\x09torn"].concat()).unwrap();
    recordings.restart();
    let mut output = recordings.open(start);
    recordings.write(&mut output, &key(0), start.instant);
    recordings.close(output);
    let (entries, size) = head(&path);
    assert_eq!((entries, size), (91, fs::metadata(&path).unwrap().len()));
    assert_eq!(contents(&path).0.duration, 89_001);
}

#[test]
fn a_head_that_says_more_than_there_is_is_not_believed() {
    let mut recordings = Recordings::new();
    let start = now();
    let mut output = recordings.open(start);
    for second in 0..5 {
        recordings.write(&mut output, &key(second), start.instant);
    }
    recordings.close(output);
    let path = recordings.path();
    let whole = fs::read(&path).unwrap();
    // The last two frames never came to the disk.
    fs::write(&path, &whole[..whole.len() - 30]).unwrap();
    let mut output = recordings.open(start);
    recordings.write(&mut output, &key(0), start.instant);
    recordings.close(output);
    assert_eq!((head(&path).0, contents(&path).0.duration), (4, 2001));
}

#[test]
fn a_long_file_that_lacks_its_end_is_gone_through_from_the_last_known_key_frame() {
    const AT: u64 = 300 << 20;
    let mut recordings = Recordings::new();
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
    let file = fs::File::create(recordings.path()).unwrap();
    file.write_all_at(&head, 0).unwrap();
    let end = [tag(49_960), tag(50_000), tag(50_040), tag(50_080)[..20].to_vec()].concat();
    file.write_all_at(&end, AT - length).unwrap();

    let (_, path, tail, _) = recordings.find();
    assert_eq!(path, recordings.path());
    let tail = tail.unwrap();
    assert_eq!((tail.size, tail.torn, tail.time), (AT + 2 * length, 20, 50_040));
    let times: Vec<_> = tail.contents.index.entries().iter().map(|entry| entry.time).collect();
    assert_eq!(times, [49_000, 50_000, 50_040]);
}

#[test]
fn a_file_that_is_removed_or_moved_is_noticed_within_a_second() {
    for (name, place) in
        [("removed", FileState::Removed), ("moved", FileState::Moved), ("replaced", FileState::Moved)]
    {
        let mut recordings = Recordings::new();
        let start = now();
        let mut output = recordings.open(start);
        let at = |milliseconds| start.instant + Duration::from_millis(milliseconds);
        recordings.write(&mut output, &key(0), at(0));
        recordings.flush(&mut output, at(0));
        assert_eq!(recordings.look(&mut output, at(1000)), None);
        let path = recordings.path();
        match name {
            "removed" => fs::remove_file(&path).unwrap(),
            _ => fs::rename(&path, recordings.folder.join("away")).unwrap(),
        }
        if name == "replaced" {
            fs::write(&path, "another").unwrap();
        }
        assert_eq!(recordings.look(&mut output, at(1999)), None, "once a second");
        assert_eq!(recordings.look(&mut output, at(2000)), Some(place), "{name}");
        assert_eq!(recordings.look(&mut output, at(3000)), None, "told once");
        if place == FileState::Moved {
            output.moved();
        }
        let now = Now { instant: at(3000), wall: UNIX_EPOCH };
        assert_eq!(output.ends_before(&key(3), UNLIMITED, now), place == FileState::Moved);
        recordings.close(output);
        let others = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(others, if name == "replaced" { "another" } else { "" });
    }
}

#[test]
fn a_file_that_is_truncated_is_noticed_and_nothing_is_written_behind_the_hole() {
    let mut recordings = Recordings::new();
    let start = now();
    let mut output = recordings.open(start);
    let at = |milliseconds| start.instant + Duration::from_millis(milliseconds);
    recordings.write(&mut output, &key(0), at(0));
    recordings.flush(&mut output, at(0));
    assert_eq!(recordings.look(&mut output, at(1000)), None);
    let path = recordings.path();
    fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    let noticed = recordings.write(&mut output, &key(1), at(1000));
    assert!(matches!(noticed, Some(Outcome::Changed(FileState::Truncated))), "{noticed:?}");
    assert_eq!(recordings.look(&mut output, at(3000)), None, "told once");
    assert!(recordings.close(output).is_none());
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
}

#[test]
fn a_path_that_never_leads_to_the_file_counts_neither_as_moved_nor_as_removed() {
    let mut recordings = Recordings::new();
    let start = now();
    let mut opened = recordings.disk.open.create(&recordings.names(), false).unwrap();
    let (device, inode) = opened.mark.id();
    opened.mark = recordings.disk.open.open((device, inode ^ 1)).unwrap();
    let file_key = recordings.new_key();
    recordings.disk.files.insert(file_key, RecordingFile::new(opened, "live/cam".into()).0);
    let script = Script::new("live/cam", None, &StreamFacts::default());
    let mut output = Output::new(file_key, script, None, UNLIMITED, start);
    recordings.write(&mut output, &key(0), start.instant);
    let later = Now { instant: start.instant + Duration::from_secs(5), wall: UNIX_EPOCH };
    assert_eq!(recordings.look(&mut output, later.instant), None);
    assert!(!output.ends_before(&key(5), UNLIMITED, later));
}

#[test]
fn no_file_is_opened_twice() {
    let mut recordings = Recordings::new();
    let (first, second) = (recordings.open(now()), recordings.open(now()));
    let paths = [first.path(), second.path()].map(|path| path.unwrap().to_owned());
    assert_eq!(paths, [recordings.path(), recordings.folder.join("cam.1.flv")]);
}

/// A file of the stream "live/cam", whose head tells of nothing behind it, with this behind it. Returns where
/// that begins.
fn write_file(recordings: &Recordings, name: &str, identity: &str, rest: &[u8]) -> u64 {
    let script = Script::new(identity, None, &StreamFacts::default());
    let mut head = flv::file_header(true, false).to_vec();
    flv::write_tag(&mut head, Kind::Data, 0, &script.payload(&Contents::none(), 0, FileStage::Growing));
    fs::write(recordings.folder.join(name), [&head, rest].concat()).unwrap();
    head.len() as u64
}

fn sound(payload: &[u8]) -> Vec<u8> {
    let mut tag = Vec::new();
    flv::write_tag(&mut tag, Kind::Audio, 40, payload);
    tag
}

#[test]
fn a_torn_file_of_tiny_tags_is_repaired_in_many_steps_and_changed_with_the_first_frames() {
    let mut recordings = Recordings::new();
    let tags = sound(&[0xff]).repeat(3 << 16);
    let begin = write_file(&recordings, "cam.flv", "live/cam", &[&tags[..], b"\x08torn"].concat());
    let path = recordings.path();
    let length = || fs::metadata(&path).unwrap().len();
    let whole = length();
    let (key, _, tail, steps) = recordings.find();
    let tail = tail.unwrap();
    assert!(steps > 24, "{steps} steps");
    let end = begin + tags.len() as u64;
    assert_eq!((tail.size, tail.torn, tail.time, tail.contents.audio), (end, 5, 40, Some(15.0)));
    assert_eq!(length(), whole);
    let piece = Piece { tags: sound(&[0xff]), ..Piece::default() };
    let more = piece.tags.len() as u64;
    let begun = recordings.disk.begin(key, Source::Found, piece);
    assert!(matches!(begun, Some(Outcome::Begun(_))), "{begun:?}");
    assert_eq!(length(), end + more);
}

#[test]
fn a_file_counts_as_open_while_it_is_repaired_and_is_left_as_it_was_when_that_is_given_up() {
    let mut recordings = Recordings::new();
    let tags = sound(&[0xff]).repeat(3 << 16);
    write_file(&recordings, "cam.flv", "live/cam", &[&tags[..], b"\x08torn"].concat());
    let whole = fs::read(recordings.path()).unwrap();
    let (key, outcome) = recordings.begin_search();
    assert!(matches!(outcome, Outcome::Searching));
    assert!((0..3).all(|_| matches!(recordings.disk.search(key), Some(Outcome::Searching))));
    assert_eq!(recordings.found(), recordings.folder.join("cam.1.flv"));
    recordings.disk.abandon_search(key, "a test ends it");
    assert!(fs::read(recordings.path()).unwrap() == whole);
    // The same if it was found before that is known.
    assert_eq!(recordings.found(), recordings.path());
    assert!(fs::read(recordings.path()).unwrap() == whole);
    assert_eq!(recordings.found(), recordings.path());
}

#[test]
fn a_file_that_is_removed_while_it_is_repaired_is_not_recorded_to() {
    let mut recordings = Recordings::new();
    write_file(&recordings, "cam.flv", "live/cam", &sound(&[0xff]).repeat(3 << 16));
    let (key, mut outcome) = recordings.begin_search();
    fs::remove_file(recordings.path()).unwrap();
    while let Outcome::Searching = outcome {
        outcome = recordings.disk.search(key).unwrap();
    }
    assert!(matches!(outcome, Outcome::Found(None)), "a new file: {outcome:?}");
    assert_eq!(fs::metadata(recordings.path()).unwrap().len(), 0);
}

#[test]
fn a_file_of_another_stream_is_not_gone_through() {
    let mut recordings = Recordings::new();
    write_file(&recordings, "cam.flv", "live/another", &sound(&[0xff]).repeat(3 << 16));
    let (_, path, _, steps) = recordings.find();
    assert_eq!((path, steps), (recordings.folder.join("cam.1.flv"), 1));
}

#[test]
fn behind_64_mib_that_the_head_tells_nothing_of_the_next_name_is_taken() {
    let mut recordings = Recordings::new();
    let tag = sound(&[0xff; 4000]);
    let tags = tag.repeat((66 << 20) / tag.len());
    write_file(&recordings, "cam.flv", "live/cam", &tags);
    let (_, path, _, steps) = recordings.find();
    assert_eq!(path, recordings.folder.join("cam.1.flv"));
    assert!((60..70).contains(&steps), "{steps} steps");
    assert!(fs::metadata(recordings.path()).unwrap().len() > tags.len() as u64);
}

#[test]
fn a_head_full_of_places_where_nothing_is_is_looked_through_in_steps() {
    let mut recordings = Recordings::new();
    let mut contents = Contents::none();
    for time in 0..512 {
        contents.index.offer(Entry { time, position: 20_000 + time });
    }
    let script = Script::new("live/cam", None, &StreamFacts::default());
    let mut file = flv::file_header(true, false).to_vec();
    flv::write_tag(&mut file, Kind::Data, 0, &script.payload(&contents, 30_000, FileStage::Growing));
    file.extend(sound(&[0xff; 20_000]));
    fs::write(recordings.path(), &file).unwrap();
    let (.., tail, steps) = recordings.find();
    assert_eq!(tail.unwrap().size, file.len() as u64);
    assert!((33..36).contains(&steps), "{steps} steps");
}

#[test]
fn a_file_with_much_that_is_no_flv_is_left_alone() {
    let mut recordings = Recordings::new();
    let path = recordings.path();
    let tag = sound(&[0xff]);
    write_file(&recordings, "cam.flv", "live/cam", &tag);
    let long = fs::metadata(&path).unwrap().len() + (32 << 20) + 1;
    fs::File::options().write(true).open(&path).unwrap().set_len(long).unwrap();
    assert_eq!(recordings.found(), recordings.folder.join("cam.1.flv"));
    assert_eq!(fs::metadata(&path).unwrap().len(), long);
    // Without a head that tells whose it is, a file with nothing whole in it is given less.
    fs::write(&path, [&flv::file_header(true, false)[..], &[0xff; 65_536]].concat()).unwrap();
    assert_eq!(recordings.found(), recordings.folder.join("cam.1.flv"));
    assert_eq!(fs::metadata(&path).unwrap().len(), 65_549);
    fs::write(&path, [&flv::file_header(true, false)[..], &[0xff; 1000]].concat()).unwrap();
    assert_eq!(recordings.found(), path);
}

#[test]
fn the_head_of_a_growing_file_tells_of_all_but_the_last_16_mib() {
    let mut recordings = Recordings::new();
    let start = now();
    let mut output = recordings.open(start);
    let payload = [b"\x17\x01\0\0\0".as_slice(), &[1; 100_000]].concat();
    for number in 0..400 {
        recordings.write(
            &mut output,
            &Frame::from_payload(Kind::Video, number * 10, &payload),
            start.instant,
        );
    }
    let path = recordings.path();
    let untold = fs::metadata(&path).unwrap().len() - head(&path).1;
    assert!(untold < (16 << 20) + 200_000, "{untold} bytes");
    recordings.close(output);
}

#[test]
fn after_an_error_nothing_more_is_written_and_it_is_reported_once() {
    let mut recordings = Recordings::new();
    write_file(&recordings, "cam.flv", "live/cam", &sound(&[0xff]));
    let whole = fs::read(recordings.path()).unwrap();
    let (key, path, tail, _) = recordings.find();
    drop(recordings.disk.files.remove(&key));
    // It cannot be written to, as on a disk that fails.
    let file = fs::File::open(&path).unwrap();
    let mark = recordings.disk.open.open(id_of(&file.metadata().unwrap())).unwrap();
    let opened = Opened { file, path, tail, mark };
    recordings.disk.files.insert(key, RecordingFile::new(opened, "live/cam".into()).0);
    let piece = || Piece { tags: sound(&[0xff]), ..Piece::default() };
    let outcome = recordings.disk.write(key, piece());
    assert!(matches!(outcome, Some(Outcome::NotWritten(_))), "{outcome:?}");
    assert!((0..2).all(|_| recordings.disk.write(key, piece()).is_none()));
    assert_eq!(fs::read(recordings.path()).unwrap(), whole);
}
