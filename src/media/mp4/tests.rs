use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::media::avc::tests::{HIGH, PPS};
use crate::media::codec::Codec;
use crate::media::kind::Kind;
use crate::media::{Frame, Pictures, avc};

/// The boxes in some bytes: type and content.
fn boxes(mut bytes: &[u8]) -> Vec<([u8; 4], &[u8])> {
    let mut found = Vec::new();
    while let Some((size, rest)) = bytes.split_first_chunk::<4>() {
        let (content, behind) = rest.split_at(u32::from_be_bytes(*size) as usize - 4);
        found.push((content[..4].try_into().unwrap(), &content[4..]));
        bytes = behind;
    }
    found
}

/// The content of the first box at a path.
fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> &'a [u8] {
    path.iter().fold(bytes, |bytes, name| {
        boxes(bytes).into_iter().find(|(kind, _)| kind == *name).expect("the box is there").1
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

const TRACK: Track<'_> =
    Track { id: 1, timescale: 90_000, width: 1280, height: 720, entry: Entry::Avc(&[1, 2, 3]) };

#[test]
fn an_initialization_segment_describes_its_tracks() {
    let other = Track { id: 7, width: 640, height: 360, entry: Entry::Vp9(&[0; 8]), ..TRACK };
    let bytes = initialization(&[TRACK, other]).unwrap();
    let kinds = |bytes| boxes(bytes).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
    assert_eq!(kinds(&bytes), [*b"ftyp", *b"moov"]);
    assert_eq!(find(&bytes, &[b"ftyp"]), b"iso6\0\0\0\0iso6");
    let movie = find(&bytes, &[b"moov"]);
    assert_eq!(kinds(movie), [*b"mvhd", *b"trak", *b"trak", *b"mvex"]);
    let header = find(movie, &[b"mvhd"]);
    assert_eq!((header.len(), u32_at(header, 96)), (100, 8), "the next id");
    let header = find(movie, &[b"trak", b"tkhd"]);
    assert_eq!((header.len(), u32_at(header, 12)), (84, 1));
    assert_eq!((u32_at(header, 76), u32_at(header, 80)), (1280 << 16, 720 << 16));
    assert_eq!(u32_at(find(movie, &[b"trak", b"mdia", b"mdhd"]), 12), 90_000);
    let entries: Vec<_> = boxes(movie)
        .into_iter()
        .filter(|(kind, _)| kind == b"trak")
        .map(|(_, track)| &find(track, &[b"mdia", b"minf", b"stbl", b"stsd"])[8..])
        .collect();
    assert_eq!(find(&find(entries[0], &[b"avc1"])[78..], &[b"avcC"]), [1, 2, 3]);
    assert_eq!(find(&find(entries[1], &[b"vp09"])[78..], &[b"vpcC"]), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let defaults: Vec<_> =
        boxes(find(movie, &[b"mvex"])).into_iter().map(|(_, trex)| u32_at(trex, 4)).collect();
    assert_eq!(defaults, [1, 7]);
}

#[test]
fn a_file_of_one_track_is_of_cmaf() {
    let bytes = initialization(&[TRACK]).unwrap();
    assert_eq!(find(&bytes, &[b"ftyp"]), b"iso6\0\0\0\0iso6cmfc");
}

#[test]
fn a_fragment_tells_where_the_samples_of_each_track_are() {
    let sample = |data, is_key| Sample { duration: 3000, composition: -1, is_key, data };
    let pieces: [&[u8]; 4] = [b"a", b"bc", b"d", b"efghi"];
    let video = [sample(&pieces[..2], true), sample(&pieces[2..3], false)];
    let audio = [sample(&pieces[3..], true)];
    let runs = [
        Run { track: 1, time: u64::from(u32::MAX) + 5, samples: &video },
        Run { track: 2, time: 9, samples: &audio },
    ];
    let bytes = fragment(77, &runs).unwrap();
    let moof = find(&bytes, &[b"moof"]);
    assert_eq!(
        (find(moof, &[b"mfhd"]), find(&bytes, &[b"mdat"])),
        (&[0, 0, 0, 0, 0, 0, 0, 77][..], &b"abcdefghi"[..])
    );
    let tracks: Vec<_> = boxes(moof).into_iter().skip(1).map(|(_, content)| content).collect();
    let at = |track: &[u8]| u32_at(find(track, &[b"trun"]), 8) as usize;
    assert_eq!(&bytes[at(tracks[0])..][..4], b"abcd");
    assert_eq!(&bytes[at(tracks[1])..][..5], b"efghi");
    assert_eq!(find(tracks[0], &[b"tfhd"]), [0, 2, 0, 0, 0, 0, 0, 1], "offsets count from the moof");
    assert_eq!(find(tracks[0], &[b"tfdt"]), [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4]);
    let run = find(tracks[0], &[b"trun"]);
    assert_eq!((u32_at(run, 0), u32_at(run, 4), run.len()), (0x0100_0f01, 2, 12 + 2 * 16));
    let samples: Vec<_> = run[12..].chunks(4).map(|field| u32_at(field, 0)).collect();
    assert_eq!(samples, [3000, 3, 0x0200_0000, u32::MAX, 3000, 1, 0x0101_0000, u32::MAX]);
}

#[test]
fn a_fragment_may_have_no_samples() {
    let bytes = fragment(1, &[]).unwrap();
    assert_eq!(bytes, b"\0\0\0\x18moof\0\0\0\x10mfhd\0\0\0\0\0\0\0\x01\0\0\0\x08mdat");
}

/// The header of a picture of 1280x720, as FLV has it.
fn header() -> Frame {
    let record = avc::DecoderConfig::empty().with_sets(&[HIGH, PPS]).unwrap().record().unwrap();
    Frame::from_payload(Kind::Video, 0, &[&[0x17, 0, 0, 0, 0][..], &record].concat())
}

/// Messages that these units are in, behind the header.
fn messages(units: &[&[&[u8]]]) -> (Frame, Vec<Rc<Frame>>) {
    let (mut pictures, mut header) = (Pictures::default(), header());
    pictures.read(&mut header);
    let message = |units: &&[&[u8]]| {
        let units = units.iter().flat_map(|unit| [&(unit.len() as u32).to_be_bytes(), *unit].concat());
        let payload: Vec<u8> = [0x17, 1, 0, 0, 0].into_iter().chain(units).collect();
        let mut frame = Frame::from_payload(Kind::Video, 0, &payload);
        pictures.read(&mut frame);
        Rc::new(frame)
    };
    let messages = units.iter().map(message).collect();
    (header, messages)
}

#[test]
fn a_still_has_the_slices_of_all_messages_and_no_set_that_its_record_has() {
    let (header, messages) = messages(&[&[HIGH, PPS, &[6, 5, 1], &[0x65, 0x88, 1]], &[&[0x65, 0x20, 2]]]);
    let file = still(Some(&header), &messages).unwrap();
    assert_eq!(
        find(&file, &[b"mdat"]),
        b"\0\0\0\x03\x06\x05\x01\0\0\0\x03\x65\x88\x01\0\0\0\x03\x65\x20\x02"
    );
    let entry = find(&file, &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"]);
    let visual = find(&entry[8..], &[b"avc1"]);
    assert_eq!((&visual[24..28], find(&visual[78..], &[b"avcC"])), (&[5, 0, 2, 0xd0][..], header.body()));
}

/// The sample entry of a file with one track: its type and content.
fn entry_of(file: &[u8]) -> ([u8; 4], Vec<u8>) {
    let entry = find(file, &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"]);
    let (kind, content) = boxes(&entry[8..])[0];
    (kind, content.to_vec())
}

#[test]
fn a_still_with_sets_of_its_own_is_said_to_have_them() {
    let (header, whole) = messages(&[&[HIGH, &[0x68, 0xee, 0x3c], &[0x65, 0x88, 1]]]);
    let file = still(Some(&header), &whole).unwrap();
    assert_eq!(entry_of(&file).0, *b"avc3");
    assert_eq!(find(&file, &[b"mdat"]), b"\0\0\0\x03\x68\xee\x3c\0\0\0\x03\x65\x88\x01");
}

#[test]
fn a_still_of_av1_has_no_temporal_delimiter_and_is_of_one_message() {
    const SEQUENCE: &[u8] =
        &[0x0a, 0x0d, 0x20, 0, 0, 0x0c, 0xc4, 0xff, 0x67, 0x36, 0xbe, 0x48, 0x08, 0x68, 0x01];
    let frame = |head: u8, body: &[u8]| {
        Rc::new(Frame::from_payload(Kind::Video, 0, &[&[head][..], b"av01", body].concat()))
    };
    let header = frame(0x90, &[&[0x81, 0, 0x0c, 0][..], SEQUENCE].concat());
    let picture = [0x32, 3, 1, 2, 3];
    let message = frame(0x91, &[&[0x12, 0][..], SEQUENCE, &picture].concat());
    let file = still(Some(&header), &[Rc::clone(&message)]).unwrap();
    assert_eq!(find(&file, &[b"mdat"]), [SEQUENCE, &picture].concat());
    assert_eq!(entry_of(&file).0, *b"av01");
    assert_eq!(still(Some(&header), &[Rc::clone(&message), message]), None, "half a picture");
}

#[test]
fn there_is_no_still_without_configuration_slice_or_of_another_codec() {
    let (header, whole) = messages(&[&[&[0x65, 0x88, 1]]]);
    assert!(still(Some(&header), &whole).is_some());
    assert_eq!(still(None, &whole), None);
    assert_eq!(still(Some(&header), &[]), None);
    assert_eq!(still(Some(&header), &messages(&[&[&[6, 5, 1]]]).1), None, "no slice");
    let vp8 = Frame::from_payload(Kind::Video, 0, b"\x91vp08\x10\x02\0\x9d\x01\x2a\x80\x02\x68\x01");
    assert_eq!((vp8.codec, still(None, &[Rc::new(vp8)])), (Codec::Vp8, None));
    let long = Frame::from_payload(Kind::Video, 0, &vec![0x17; 6 + MAX_STILL]);
    assert_eq!(still(Some(&header), &[Rc::new(long)]), None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        four_cc in prop_oneof![Just(b"avc1"), Just(b"hvc1"), Just(b"av01"), Just(b"vp09"), Just(b"vp08")],
        record in vec(any::<u8>(), 0..80),
        bodies in vec(vec(any::<u8>(), 0..60), 0..4),
    ) {
        let frame = |head: u8, body: &[u8]| {
            Frame::from_payload(Kind::Video, 0, &[&[head][..], &four_cc[..], body].concat())
        };
        let mut pictures = Pictures::default();
        for mut header in [frame(0x90, &record), header()] {
            pictures.read(&mut header);
            let message = |body: &Vec<u8>| {
                let mut message = frame(0x93, body);
                pictures.read(&mut message);
                Rc::new(message)
            };
            let messages: Vec<_> = bodies.iter().map(message).collect();
            if let Some(file) = still(Some(&header), &messages) {
                prop_assert_eq!(boxes(&file).len(), 4);
            }
        }
    }
}
