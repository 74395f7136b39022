//! Files that are broken, and those that are made to be.

use super::fragmented::written;
use super::made::*;
use crate::media::file::{Demuxer, FileError, Next, Source, Window};

/// Bytes that may be read in one call beside media (8 MiB of a message at most).
const READ: u64 = 4 << 20;

/// Opens a file, reads some messages, seeks and collects key frames, each call within bounds.
fn try_all(source: &mut Memory) -> Result<usize, FileError> {
    let mut window = Window::default();
    let mut demuxer = bounded(source, |source| Demuxer::open(source, &mut window))?;
    let mut count = 0;
    for _ in 0..3000 {
        let next = bounded(source, |source| Ok(!matches!(demuxer.next(source, &mut window)?, Next::End)));
        if !next? {
            break;
        }
        count += 1;
    }
    for to in [0, 700, u64::MAX] {
        for _ in 0..20 {
            if bounded(source, |source| demuxer.seek(source, &mut window, to))?.is_some() {
                break;
            }
        }
    }
    let mut times = Vec::new();
    for _ in 0..20 {
        if bounded(source, |source| demuxer.key_frames(source, &mut window, &mut times))? {
            break;
        }
    }
    assert!(times.is_sorted_by(|a, b| a < b));
    Ok(count)
}

fn bounded<T>(
    source: &mut Memory,
    mut call: impl FnMut(&mut Memory) -> Result<T, FileError>,
) -> Result<T, FileError> {
    loop {
        (source.reads, source.read_bytes) = (0, 0);
        let result = call(source);
        assert!(source.read_bytes <= READ, "{} bytes in {} reads", source.read_bytes, source.reads);
        match result {
            Err(error) if error.would_block() => {}
            other => return other,
        }
    }
}

fn small() -> Vec<u8> {
    movie(&[pictures(10), frames(12)]).bytes()
}

#[test]
fn every_byte_may_be_any_other() {
    for bytes in [
        small(),
        Made { is_front: false, is_long: true, ..movie(&[pictures(4), frames(4)]) }.bytes(),
        written(3, 4).0,
    ] {
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff, bytes[at]] {
                let mut broken = bytes.clone();
                broken[at] ^= flip;
                let _ = try_all(&mut Memory::new(&broken));
            }
        }
    }
}

#[test]
fn a_file_may_be_cut_anywhere() {
    for bytes in
        [small(), Made { is_front: false, ..movie(&[pictures(4), frames(4)]) }.bytes(), written(3, 4).0]
    {
        for length in 0..bytes.len() {
            let _ = try_all(&mut Memory::new(&bytes[..length]));
            let promised = Some(bytes.len() as u64);
            let _ = try_all(&mut Memory { promised, ..Memory::new(&bytes[..length]) });
        }
    }
}

#[test]
fn bytes_that_have_to_be_waited_for_change_nothing() {
    for bytes in [small(), written(5, 6).0] {
        let wanted = all(&bytes).unwrap();
        let mut source = Memory { is_shy: true, ..Memory::new(&bytes) };
        let mut demuxer = open(&mut source).unwrap();
        assert_eq!(rest(&mut demuxer, &mut source).unwrap(), wanted);
    }
}

/// A file whose places that begin with some bytes are other ones.
fn patched(bytes: &[u8], kind: &[u8; 4], offset: usize, with: &[u8]) -> Vec<u8> {
    let mut patched = bytes.to_vec();
    let places: Vec<_> = (0..bytes.len() - 4).filter(|at| bytes[*at..].starts_with(kind)).collect();
    assert!(!places.is_empty());
    for at in places {
        if let Some(place) = patched.get_mut(at + 4 + offset..at + 4 + offset + with.len()) {
            place.copy_from_slice(with);
        }
    }
    patched
}

#[test]
fn counts_and_sizes_of_terabytes_are_not_believed() {
    let (tables, fragments) = (small(), written(3, 4).0);
    for kind in [b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"stss", b"elst", b"stsd", b"dref"] {
        for promised in [None, Some(1 << 44)] {
            for with in
                [numbers(&[u32::MAX]), numbers(&[0]), numbers(&[u32::MAX; 2]), numbers(&[u32::MAX; 3])]
            {
                let bytes = patched(&tables, kind, 4, &with);
                let _ = try_all(&mut Memory { promised, ..Memory::new(&bytes) });
                // And the box is as long as it says.
                let mut long = bytes;
                let at = long.windows(4).position(|four| four == kind).unwrap();
                long[at - 4..at].copy_from_slice(&[0xff; 4]);
                let _ = try_all(&mut Memory { promised, ..Memory::new(&long) });
            }
        }
    }
    for kind in [b"tfhd", b"tfdt", b"trun", b"trex"] {
        for offset in (0..20).step_by(4) {
            for with in [numbers(&[u32::MAX]), numbers(&[0]), numbers(&[0x7fff_ffff; 2])] {
                let bytes = patched(&fragments, kind, offset, &with);
                let _ = try_all(&mut Memory { promised: Some(1 << 44), ..Memory::new(&bytes) });
            }
        }
    }
}

/// The tables of a track in place of those of the first one.
fn with_tables(tables: &[Vec<u8>]) -> Vec<u8> {
    let stsd = full(b"stsd", 0, 0, &[&numbers(&[1])[..], &visual(b"avc1", &boxed(b"avcC", AVC))].concat());
    let stbl = boxed(b"stbl", &[stsd, tables.concat()].concat());
    let hdlr = full(b"hdlr", 0, 0, b"\0\0\0\0vide");
    let mdia = [full(b"mdhd", 0, 0, &numbers(&[0, 0, 1000, 0])), hdlr, boxed(b"minf", &stbl)].concat();
    boxed(b"moov", &boxed(b"trak", &boxed(b"mdia", &mdia)))
}

fn table(kind: &[u8; 4], content: &[u32]) -> Vec<u8> {
    full(kind, 0, 0, &numbers(content))
}

/// Seeks to the end, and how many calls that takes.
fn calls_to_seek(bytes: &[u8], promised: u64) -> usize {
    let mut source = Memory { promised: Some(promised), ..Memory::new(bytes) };
    let mut demuxer = open(&mut source).unwrap();
    let mut window = Window::default();
    for calls in 1..10 {
        if bounded(&mut source, |source| demuxer.seek(source, &mut window, u64::MAX)).unwrap().is_some() {
            return calls;
        }
    }
    usize::MAX
}

#[test]
fn a_thousand_million_samples_of_one_entry_are_passed_at_once() {
    let many = 1_000_000_000;
    for delta in [0, 1, 40, i32::MAX as u32, u32::MAX] {
        let bytes = with_tables(&[
            table(b"stts", &[1, many, delta]),
            table(b"ctts", &[1, many, 1]),
            table(b"stsc", &[1, 1, many, 1]),
            table(b"stsz", &[1, many]),
            table(b"stco", &[1, 0]),
            table(b"stss", &[2, 1, many]),
        ]);
        assert!(calls_to_seek(&bytes, 1 << 40) < 3, "{delta}");
        let _ = try_all(&mut Memory::new(&bytes));
    }
}

#[test]
fn of_more_key_frames_than_a_list_has_some_are_left_out() {
    let count = 200_000;
    let bytes = with_tables(&[
        table(b"stts", &[1, count, 40]),
        table(b"stsc", &[1, 1, count, 1]),
        table(b"stsz", &[1, count]),
        table(b"stco", &[1, 0]),
    ]);
    let mut source = Memory { promised: Some(1 << 40), ..Memory::new(&bytes) };
    let mut demuxer = open(&mut source).unwrap();
    let times = key_frames(&mut demuxer, &mut source).unwrap();
    let wanted: Vec<_> = (0..u64::from(count)).step_by(4).map(|number| number * 40).collect();
    assert!(times == wanted, "{} instead of {}", times.len(), wanted.len());
}

#[test]
fn tables_without_samples_and_tables_in_circles_end() {
    let times = table(b"stts", &[1, 100, 1]);
    let sizes = table(b"stsz", &[3, 100]);
    let chunks = table(b"stco", &[&[3000][..], &[0; 3000]].concat());
    for runs in [
        vec![0],
        vec![1, 1, 0, 1],
        vec![3, 1, 0, 1, 1, 0, 1, 1, 0, 1],
        vec![3, 9, 1, 1, 5, 1, 1, 1, 1, 1],
        vec![2, u32::MAX, 1, 1, 0, 0, 0],
        vec![2, 1, 0, 1, 3000, 1, 1],
        [vec![9000], [1, 0, 1].repeat(9000)].concat(),
    ] {
        let runs = table(b"stsc", &runs);
        let bytes = with_tables(&[times.clone(), runs, sizes.clone(), chunks.clone()]);
        let _ = try_all(&mut Memory::new(&bytes));
    }
    let one = table(b"stsc", &[1, 1, 1, 1]);
    for times in [
        table(b"stts", &[&[9000][..], &[0; 18_000]].concat()),
        table(b"stts", &[0]),
        table(b"stts", &[1, 1, 0]),
    ] {
        for offsets in [table(b"ctts", &[&[9000][..], &[0; 18_000]].concat()), table(b"ctts", &[0])] {
            let bytes = with_tables(&[times.clone(), offsets, one.clone(), sizes.clone(), chunks.clone()]);
            let _ = try_all(&mut Memory::new(&bytes));
        }
    }
    for syncs in
        [vec![0], vec![1, 0], vec![1, u32::MAX], vec![4, 9, 3, 7, 1], [vec![9000], vec![0; 9000]].concat()]
    {
        let bytes =
            with_tables(&[times.clone(), one.clone(), sizes.clone(), chunks.clone(), table(b"stss", &syncs)]);
        let _ = try_all(&mut Memory::new(&bytes));
    }
}

#[test]
fn samples_that_cannot_be_sent_end_the_file_at_some_time() {
    let many = u32::MAX;
    for size in [(8 << 20) + 1, u32::MAX] {
        let bytes = with_tables(&[
            table(b"stts", &[1, many, 1]),
            table(b"stsc", &[1, 1, many, 1]),
            table(b"stsz", &[size, many]),
            table(b"stco", &[1, 0]),
        ]);
        let error = all(&bytes).unwrap_err();
        assert_eq!(error.to_string(), "it has too many samples that cannot be sent");
    }
}

#[test]
fn boxes_in_boxes_and_lists_of_boxes_are_bounded() {
    let deep = (0..2000).fold(Vec::new(), |inside, _| boxed(b"mdia", &inside));
    let _ = try_all(&mut Memory::new(&boxed(b"moov", &boxed(b"trak", &deep))));
    let free = boxed(b"free", &[]);
    for bytes in [
        free.repeat(100_000),
        boxed(b"moov", &free.repeat(100_000)),
        boxed(b"moov", &boxed(b"trak", &[]).repeat(100_000)),
    ] {
        let error = try_all(&mut Memory::new(&bytes)).unwrap_err();
        assert_eq!(error.to_string(), "it has too many boxes");
    }
    let endless =
        &[&b"\0\0\0\x18ftypisom\0\0\0\0isom\0\0\0\0"[..], b"\0\0\0\x01moov\0\0\x10\0\0\0\0\0"].concat();
    let mut source = Memory { promised: Some(1 << 50), ..Memory::new(endless) };
    assert!(try_all(&mut source).is_err());
    assert_eq!(source.length().unwrap(), 1 << 50);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), at in 0usize..700, kind: bool) {
        let mut broken = if kind { small() } else { written(2, 3).0 };
        for (place, byte) in broken.iter_mut().skip(at).zip(&bytes) {
            *place = *byte;
        }
        let _ = try_all(&mut Memory::new(&broken));
    }
}
