//! Which streams may write, and what happens to their files after the end.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use super::files::tests::Scratch;
use super::*;
use crate::engine::Sink;
use crate::media::{Frame, Kind};

fn settings() -> Settings {
    Settings {
        fragment: 2000,
        max_fragment: 20_000,
        playlist_length: 30_000,
        max_audio_delay: 300,
        sync: 2,
        layout: Layout::Flat,
        cleanup: Cleanup::Delete,
        continuation: Continuation::Continue,
    }
}

fn naming(path: &Path, name: &str) -> Naming {
    Naming::new(path, name, Layout::Flat)
}

/// A stream of one second of MP3.
fn publish(hls: &mut Hls, id: u32, path: &Path) {
    let mut segmenter = hls.begin(StreamId::of_nothing(id), &naming(path, "a"), settings()).unwrap();
    for index in 0..40 {
        let frame = Frame::from_payload(Kind::Audio, index * 26, &[0x2f, 0xff, 0xfb, 1]);
        segmenter.frame(&Rc::new(frame)).unwrap();
    }
}

#[test]
fn two_streams_never_write_the_same_files() {
    let scratch = Scratch::new();
    let mut hls = Hls::default();
    let first = hls.begin(StreamId::of_nothing(1), &naming(scratch.path(), "a"), settings()).unwrap();
    let again = scratch.path().join("./x/..");
    fs::create_dir(scratch.path().join("x")).unwrap();
    let error = hls.begin(StreamId::of_nothing(2), &naming(&again, "a"), settings()).unwrap_err();
    assert!(error.contains("another stream"), "{error}");
    assert!(hls.begin(StreamId::of_nothing(3), &naming(scratch.path(), "b"), settings()).is_ok());
    drop(first);
    assert!(hls.finish(StreamId::of_nothing(2)).is_none());
    assert!(hls.finish(StreamId::of_nothing(1)).is_some());
    assert!(hls.begin(StreamId::of_nothing(2), &naming(&again, "a"), settings()).is_ok());
}

#[test]
fn files_go_some_time_after_the_end() {
    let scratch = Scratch::new();
    let mut hls = Hls::default();
    publish(&mut hls, 1, scratch.path());
    let (token, wait) = hls.finish(StreamId::of_nothing(1)).unwrap();
    assert_eq!(
        (wait, scratch.list()),
        (Duration::from_secs(60), vec!["a-0.ts".to_owned(), "a.m3u8".to_owned()])
    );
    hls.remove(token + 1);
    assert_eq!(scratch.list().len(), 2);
    hls.remove(token);
    assert!(scratch.list().is_empty() && hls.ended.is_empty());
}

#[test]
fn files_stay_if_the_stream_comes_back() {
    let scratch = Scratch::new();
    let mut hls = Hls::default();
    publish(&mut hls, 1, scratch.path());
    let (token, _) = hls.finish(StreamId::of_nothing(1)).unwrap();
    publish(&mut hls, 2, scratch.path());
    hls.remove(token);
    assert_eq!(scratch.list(), ["a-0.ts", "a-1.ts", "a.m3u8"]);
    let (token, _) = hls.finish(StreamId::of_nothing(2)).unwrap();
    hls.remove(token);
    assert!(scratch.list().is_empty());
}

#[test]
fn files_stay_without_cleanup() {
    let scratch = Scratch::new();
    let mut hls = Hls::default();
    let settings = Settings { cleanup: Cleanup::Keep, ..settings() };
    drop(hls.begin(StreamId::of_nothing(1), &naming(scratch.path(), "a"), settings));
    assert!(hls.finish(StreamId::of_nothing(1)).is_none() && hls.writing.is_empty());
}

#[test]
fn what_waits_for_removal_is_bounded() {
    let scratch = Scratch::new();
    let mut hls = Hls::default();
    for id in 0..5000 {
        drop(hls.begin(StreamId::of_nothing(id), &naming(scratch.path(), &format!("s{id}")), settings()));
        hls.finish(StreamId::of_nothing(id));
    }
    assert_eq!(hls.ended.len(), MAX_ENDED);
}
