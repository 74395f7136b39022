//! What takes minutes, in virtual time.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::contents::{Contents, Entry};
use super::names::Names;
use super::open::{Existing, OpenFiles};
use super::output::Output;
use super::script::{Script, Stage};
use super::settings::Limits;
use crate::engine::{Now, StreamFacts};
use crate::media::{Frame, Kind, flv};

const APPEND: Existing = Existing::Append { below: u64::MAX };
const UNLIMITED: Limits = Limits { size: 0, frames: 0, interval: None };

/// A folder that goes away.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("millstream-record-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn names(&self) -> Names {
        Names { folder: self.0.clone(), stem: "cam".into(), time: 0, suffix: ".flv".into(), unique: false }
    }

    fn open(&self, files: &mut OpenFiles, now: Now) -> Output {
        let opened = files.open(&self.names(), "live/cam", APPEND, false).unwrap();
        Output::new(opened, Script::new("live/cam", None, &StreamFacts::default()), UNLIMITED, now)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn now() -> Now {
    Now { instant: Instant::now(), wall: UNIX_EPOCH }
}

fn key(seconds: u64) -> Rc<Frame> {
    Rc::new(Frame::from_payload(Kind::Video, seconds * 1000, b"\x17\x01\0\0\0frame"))
}

/// The index, and up to where it goes, in the head of a file.
fn head(path: &Path) -> (usize, u64) {
    let file = fs::read(path).unwrap();
    let length = usize::from(file[15]) << 8 | usize::from(file[16]);
    let (_, contents, size) = Script::read(&file[24..24 + length]).unwrap();
    (contents.index.entries().len(), size)
}

#[test]
fn the_head_of_a_growing_file_has_the_index_up_to_the_last_minute() {
    let folder = Folder::new("head");
    let (mut files, start) = (OpenFiles::default(), now());
    let mut output = folder.open(&mut files, start);
    for second in 0..90 {
        output.write(&key(second), start.instant + Duration::from_secs(second)).unwrap();
    }
    let path = folder.0.join("cam.flv");
    let (entries, size) = head(&path);
    assert_eq!(entries, 61);
    assert!(size > 10_000 && size < fs::metadata(&path).unwrap().len());

    // A crash: the file stays as it is, and what comes next goes on from there.
    let crashed = fs::read(&path).unwrap();
    drop(output);
    fs::write(&path, [&crashed[..], b"\x09torn"].concat()).unwrap();
    let mut output = folder.open(&mut OpenFiles::default(), start);
    output.write(&key(0), start.instant).unwrap();
    output.close(start.instant).unwrap();
    let (entries, size) = head(&path);
    assert_eq!((entries, size), (91, fs::metadata(&path).unwrap().len()));
    assert_eq!(output.duration(), 89_001);
}

#[test]
fn a_head_that_says_more_than_there_is_is_not_believed() {
    let folder = Folder::new("lies");
    let start = now();
    let mut output = folder.open(&mut OpenFiles::default(), start);
    (0..5).for_each(|second| output.write(&key(second), start.instant).unwrap());
    output.close(start.instant).unwrap();
    let path = folder.0.join("cam.flv");
    let whole = fs::read(&path).unwrap();
    // The last two frames never came to the disk.
    fs::write(&path, &whole[..whole.len() - 30]).unwrap();
    let mut output = folder.open(&mut OpenFiles::default(), start);
    output.write(&key(0), start.instant).unwrap();
    output.close(start.instant).unwrap();
    assert_eq!((head(&path).0, output.duration()), (4, 2001));
}

#[test]
fn a_long_file_that_lacks_its_end_is_gone_through_from_the_last_known_key_frame() {
    const AT: u64 = 300 << 20;
    let folder = Folder::new("long");
    fs::create_dir_all(&folder.0).unwrap();
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
    flv::write_tag(&mut head, Kind::Data, 0, &script.payload(&contents, AT + 199_999, Stage::Growing));
    let file = fs::File::create(folder.0.join("cam.flv")).unwrap();
    file.write_all_at(&head, 0).unwrap();
    let end = [tag(49_960), tag(50_000), tag(50_040), tag(50_080)[..20].to_vec()].concat();
    file.write_all_at(&end, AT - length).unwrap();

    let opened = OpenFiles::default().open(&folder.names(), "live/cam", APPEND, false).unwrap();
    assert_eq!(opened.path, folder.0.join("cam.flv"));
    let tail = opened.tail.unwrap();
    assert_eq!((tail.size, tail.torn, tail.time), (AT + 2 * length, 20, 50_040));
    let times: Vec<_> = tail.contents.index.entries().iter().map(|entry| entry.time).collect();
    assert_eq!(times, [49_000, 50_000, 50_040]);
}

#[test]
fn a_file_that_is_removed_is_noticed_within_a_minute() {
    let folder = Folder::new("removed");
    let start = now();
    let mut output = folder.open(&mut OpenFiles::default(), start);
    output.write(&key(0), start.instant).unwrap();
    output.flush(start.instant).unwrap();
    fs::remove_file(folder.0.join("cam.flv")).unwrap();
    let at = |seconds| start.instant + Duration::from_secs(seconds);
    assert!((1..60).all(|second| output.write(&key(second), at(second)).is_ok()));
    let error = output.write(&key(60), at(60)).unwrap_err();
    assert!(error.to_string().contains("cam.flv: the file has been removed"), "{error}");
}

#[test]
fn no_file_is_opened_twice() {
    let folder = Folder::new("twice");
    let mut files = OpenFiles::default();
    let (first, second) = (folder.open(&mut files, now()), folder.open(&mut files, now()));
    assert_eq!((first.path(), second.path()), (&*folder.0.join("cam.flv"), &*folder.0.join("cam.1.flv")));
}
