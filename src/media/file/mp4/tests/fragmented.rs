//! Files with fragments: those that our own writer writes, and others.

use super::made::*;
use crate::media::file::{Ending, FileError, MessageRole};
use crate::media::kind::Kind;
use crate::media::mp4::{Entry, Run, Sample, Track, fragment, initialization};

/// A file of one track of pictures, with fragments of so many samples; and its media: time and payload.
pub fn written(fragments: u32, samples: u32) -> (Vec<u8>, Vec<(u64, Vec<u8>)>) {
    let entry = Entry::Avc(AVC);
    let track = Track { id: 1, timescale: 90_000, width: 640, height: 360, entry };
    let mut bytes = initialization(&[track]).unwrap();
    let mut media = Vec::new();
    for number in 0..fragments {
        let bodies: Vec<_> = (0..samples).map(|at| body(number as usize, at as usize, 3 + at % 5)).collect();
        let parts: Vec<_> = bodies.iter().map(|body| [&body[..]]).collect();
        let samples: Vec<_> = parts
            .iter()
            .enumerate()
            .map(|(at, data)| Sample { duration: 3600, composition: 7200, is_key: at == 0, data })
            .collect();
        let time = u64::from(number) * samples.len() as u64 * 3600;
        bytes.extend(fragment(number + 1, &[Run { track: 1, time, samples: &samples }]).unwrap());
        for (at, body) in bodies.iter().enumerate() {
            let head = [if at == 0 { 0x17 } else { 0x27 }, 1, 0, 0, 80];
            media.push((time / 90 + at as u64 * 40, [&head, &body[..]].concat()));
        }
    }
    (bytes, media)
}

fn media(heard: &[Heard]) -> Vec<(u64, Vec<u8>)> {
    let media = heard.iter().filter(|heard| heard.is_media());
    media.map(|heard| (heard.time, heard.payload.clone())).collect()
}

#[test]
fn fragments_of_our_own_writer_are_read() {
    let (bytes, wanted) = written(7, 10);
    let mut source = Memory { is_shy: true, ..Memory::new(&bytes) };
    let mut demuxer = open(&mut source).unwrap();
    assert_eq!(demuxer.facts().duration, Some(2800));
    assert_eq!(media(&rest(&mut demuxer, &mut source).unwrap()), wanted);
    let keys: Vec<_> = (0..7).map(|number| number * 400).collect();
    assert_eq!(key_frames(&mut demuxer, &mut source).unwrap(), keys);
    for to in [0, 399, 400, 401, 1999, 2000, 2799, 2800, u64::MAX, 0] {
        let key = (to / 400 * 400).min(2400);
        assert_eq!(seek(&mut demuxer, &mut source, to).unwrap(), key);
        let heard = rest(&mut demuxer, &mut source).unwrap();
        assert_eq!((heard[0].role, heard[0].time), (MessageRole::Configuration, key));
        assert_eq!(media(&heard), wanted[key as usize / 40..]);
    }
}

#[test]
fn key_frames_of_times_that_begin_again_are_left_out() {
    let (bytes, _) = written(4, 10);
    let first = bytes.windows(4).position(|four| four == b"moof").unwrap() - 4;
    let twice = [&bytes[..], &bytes[first..]].concat();
    let mut source = Memory::new(&twice);
    let mut demuxer = open(&mut source).unwrap();
    assert_eq!(key_frames(&mut demuxer, &mut source).unwrap(), [0, 400, 800, 1200]);
}

#[test]
fn a_file_does_not_end_in_front_of_boxes_that_are_passed_by_for_long() {
    let (bytes, wanted) = written(2, 4);
    let second = bytes.windows(4).rposition(|four| four == b"moof").unwrap() - 4;
    let between = boxed(b"free", &[0; 1500]).repeat(3000);
    let bytes = [&bytes[..second], &between, &bytes[second..]].concat();
    assert_eq!(media(&all(&bytes).unwrap()), wanted);
}

#[test]
fn a_file_that_grows_goes_on_at_each_length() {
    let (bytes, wanted) = written(3, 4);
    let header = bytes.windows(4).position(|four| four == b"moof").unwrap() - 4;
    let mut source = Memory::new(&bytes[..header]);
    let mut demuxer = open(&mut source).unwrap();
    let mut heard = rest(&mut demuxer, &mut source).unwrap();
    assert_eq!((media(&heard).len(), demuxer.facts().duration), (0, None));
    for length in header + 1..=bytes.len() {
        source.bytes = bytes[..length].to_vec();
        heard.extend(rest(&mut demuxer, &mut source).unwrap());
    }
    assert_eq!(media(&heard), wanted);
}

/// A `traf` of one track: what `tfhd` and `trun` have behind their versions and flags.
fn traf(tfhd: (u32, &[u32]), tfdt: Option<u32>, truns: &[(u32, &[u32])]) -> Vec<u8> {
    let mut content = full(b"tfhd", 0, tfhd.0, &numbers(tfhd.1));
    content.extend(tfdt.map(|time| full(b"tfdt", 0, 0, &numbers(&[time]))).unwrap_or_default());
    content.extend(truns.iter().flat_map(|(flags, content)| full(b"trun", 0, *flags, &numbers(content))));
    boxed(b"traf", &content)
}

/// A movie without samples, whose tracks have these defaults of duration, size and flags.
fn empty(tracks: &[MadeTrack], defaults: [u32; 3]) -> Vec<u8> {
    let moov = movie(tracks).moov(&vec![Vec::new(); tracks.len()], 0);
    let trex = (1..=tracks.len() as u32)
        .flat_map(|id| full(b"trex", 0, 0, &numbers(&[id, 1, defaults[0], defaults[1], defaults[2]])));
    let mvex = boxed(b"mvex", &trex.collect::<Vec<_>>());
    boxed(b"moov", &[&moov[8..], &mvex].concat())
}

const NON_SYNC: u32 = 0x0101_0000;

#[test]
fn what_is_not_said_of_samples_is_taken_from_where_it_is() {
    let mut tracks = [pictures(0), frames(0)];
    tracks.iter_mut().for_each(|track| track.edits = None);
    let head =
        [boxed(b"styp", b"msdh\0\0\0\0"), boxed(b"sidx", &[0; 24]), empty(&tracks, [512, 4, NON_SYNC])]
            .concat();
    // Two runs of pictures of which the second follows the first, and two fragments of sound behind each other.
    let make = |base: u32| {
        let pictures = traf((0, &[1]), Some(25_600), &[(0x5, &[2, base, 0]), (0x200, &[2, 5, 6])]);
        let sound = traf((0x1a, &[2, 1, 1024, 3]), Some(88_200), &[(0x1, &[2, base + 19])]);
        let more = traf((0x18, &[2, 1024, 2]), None, &[(0x101, &[1, base + 25, 2048])]);
        boxed(b"moof", &[full(b"mfhd", 0, 0, &numbers(&[1])), pictures, sound, more].concat())
    };
    let moof = make(make(0).len() as u32 + 8);
    let data: Vec<u8> = (0..27).collect();
    let bytes = [head, moof, boxed(b"mdat", &data)].concat();
    let heard = all(&bytes).unwrap();
    let bodies: Vec<_> = heard
        .iter()
        .filter(|heard| heard.is_media())
        .map(|heard| {
            let (letter, from) = if heard.kind == Kind::Video { ('v', 5) } else { ('a', 2) };
            (letter, heard.time, heard.role, heard.payload[from..].to_vec())
        })
        .collect();
    let (key, other) = (MessageRole::Key, MessageRole::Other);
    assert_eq!(
        bodies,
        [
            ('v', 0, key, vec![0, 1, 2, 3]),
            ('a', 0, other, vec![19, 20, 21]),
            ('a', 23, other, vec![22, 23, 24]),
            ('v', 40, other, vec![4, 5, 6, 7]),
            ('a', 46, other, vec![25, 26]),
            ('v', 80, other, vec![8, 9, 10, 11, 12]),
            ('v', 120, other, vec![13, 14, 15, 16, 17, 18]),
        ]
    );
}

#[test]
fn a_base_for_offsets_may_be_told() {
    let head = empty(&[pictures(0)], [512, 4, 0]);
    let moof = |base: u32| boxed(b"moof", &traf((1, &[1, 0, base]), Some(0), &[(0x1, &[1, 2])]));
    let base = (head.len() + moof(0).len() + 8) as u32;
    let bytes = [head, moof(base), boxed(b"mdat", &[1, 2, 3, 4, 5, 6, 7])].concat();
    assert_eq!(media(&all(&bytes).unwrap())[0].1[5..], [3, 4, 5, 6]);
}

#[test]
fn times_that_are_not_told_are_counted() {
    let head = empty(&[MadeTrack { edits: None, ..pictures(0) }], [512, 1, NON_SYNC]);
    let moof = boxed(b"moof", &traf((0, &[1]), None, &[(0x5, &[8, 0, 0])]));
    let bytes = [head, moof.repeat(5)].concat();
    let mut source = Memory::new(&bytes);
    let mut demuxer = open(&mut source).unwrap();
    assert_eq!(demuxer.facts().duration, Some(1600));
    assert_eq!(key_frames(&mut demuxer, &mut source).unwrap(), [0, 320, 640, 960, 1280]);
    assert_eq!(seek(&mut demuxer, &mut source, 1000).unwrap(), 960);
    let times: Vec<_> = media(&rest(&mut demuxer, &mut source).unwrap()).iter().map(|it| it.0).collect();
    assert_eq!(times, (24..40).map(|at| at * 40).collect::<Vec<_>>());
}

#[test]
fn fragments_go_on_behind_tables() {
    let tracks = [MadeTrack { edits: None, ..pictures(16) }];
    let made = movie(&tracks);
    let plain = made.bytes();
    let trex = full(b"trex", 0, 0, &numbers(&[1, 1, 512, 4, NON_SYNC]));
    let at = plain.windows(4).position(|four| four == b"moov").unwrap() - 4;
    let length = u32::from_be_bytes(plain[at..at + 4].try_into().unwrap()) as usize;
    let mvex = boxed(b"mvex", &trex);
    // The media is in front, so that its places stay.
    let behind = Made { is_front: false, ..made }.bytes();
    let moov = boxed(b"moov", &[&behind[behind.len() - length + 8..], &mvex].concat());
    let moof = |time| boxed(b"moof", &traf((0, &[1]), Some(time), &[(0x5, &[8, 0, 0])]));
    let bytes = [&behind[..behind.len() - length], &moov, &moof(16 * 512), &moof(24 * 512)].concat();
    let mut source = Memory::new(&bytes);
    let mut demuxer = open(&mut source).unwrap();
    let whole = media(&rest(&mut demuxer, &mut source).unwrap());
    assert_eq!(
        whole.iter().map(|it| it.0).collect::<Vec<_>>(),
        (0..32).map(|at| at * 40).collect::<Vec<_>>()
    );
    assert_eq!(key_frames(&mut demuxer, &mut source).unwrap(), [0, 320, 640, 960]);
    // The last fragment does not tell its time.
    let untold = boxed(b"moof", &traf((0, &[1]), None, &[(0x5, &[8, 0, 0])]));
    let behind = [&bytes[..bytes.len() - moof(0).len() * 2], &untold, &untold].concat();
    let mut other = Memory::new(&behind);
    let mut second = open(&mut other).unwrap();
    assert_eq!(key_frames(&mut second, &mut other).unwrap(), [0, 320, 640, 960]);
    for (to, key) in [(0, 0), (319, 0), (320, 320), (639, 320), (640, 640), (5000, 960), (1, 0)] {
        assert_eq!(seek(&mut demuxer, &mut source, to).unwrap(), key, "{to}");
        assert_eq!(media(&rest(&mut demuxer, &mut source).unwrap()), whole[key as usize / 40..]);
    }
}

#[test]
fn an_index_of_a_fragment_is_bounded() {
    let head = empty(&[pictures(0)], [512, 4, 0]);
    let bytes = [head, boxed(b"moof", &vec![0; 5 << 20])].concat();
    let mut source = Memory::new(&bytes);
    assert!(matches!(open(&mut source), Err(FileError::Broken("a fragment of it has too long an index"))));
}

/// An index at the end of a file, with the time and the place of each fragment.
fn index(entries: &[(u32, u32)]) -> Vec<u8> {
    let entries: Vec<u8> =
        entries.iter().flat_map(|(time, at)| [numbers(&[*time, *at]), vec![1, 1, 1]].concat()).collect();
    let tfra = full(b"tfra", 0, 0, &[numbers(&[1, 0, entries.len() as u32 / 11]), entries].concat());
    let length = 8 + tfra.len() as u32 + 16;
    boxed(b"mfra", &[tfra, full(b"mfro", 0, 0, &numbers(&[length]))].concat())
}

#[test]
fn an_index_shortens_the_way_where_it_is_true_and_changes_nothing_else() {
    let (bytes, wanted) = written(600, 10);
    let places = (0..bytes.len() - 4).filter(|at| bytes[*at..].starts_with(b"moof"));
    let entries: Vec<_> =
        (0u32..).zip(places).map(|(number, at)| (number * 36_000 + 7200, at as u32 - 4)).collect();
    let moved = |time: u32, at: i32| {
        let entries =
            entries.iter().map(|entry| (entry.0.saturating_add(time), entry.1.saturating_add_signed(at)));
        index(&entries.collect::<Vec<_>>())
    };
    for (index, is_true) in [
        (moved(0, 0), true),
        (moved(0, 4), false),
        (moved(1_000_000, 0), true),
        (moved(0, i32::MAX), false),
        (moved(u32::MAX, 0), false),
        (Vec::new(), false),
    ] {
        let mut source = Memory::new(&[&bytes[..], &index].concat());
        let mut demuxer = open(&mut source).unwrap();
        assert_eq!(demuxer.facts().duration, Some(240_000));
        for to in [0, 400, 120_100, 239_999] {
            source.reads = 0;
            let key = to / 400 * 400;
            assert_eq!(seek(&mut demuxer, &mut source, to).unwrap(), key);
            assert!(!is_true || source.reads < 200 || to < 500, "{} reads", source.reads);
            assert_eq!(media(&rest(&mut demuxer, &mut source).unwrap()), wanted[key as usize / 40..]);
        }
    }
}

#[test]
fn it_is_known_at_the_end_whether_more_was_promised_and_whether_more_may_come() {
    let ending = |bytes: &[u8]| {
        let mut source = Memory::new(bytes);
        let mut demuxer = open(&mut source).unwrap();
        rest(&mut demuxer, &mut source).unwrap();
        demuxer.ending()
    };
    let whole = movie(&[pictures(20), frames(30)]).bytes();
    assert_eq!(ending(&whole), Ending::Whole);
    assert_eq!(ending(&whole[..whole.len() - 1]), Ending::Cut);
    let (growing, _) = written(3, 10);
    assert_eq!(ending(&growing), Ending::Open);
}
