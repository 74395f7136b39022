//! Messages as encoders and cameras send them, of pictures made by hand.

use super::*;
use crate::media::video::avc;
use crate::media::video::avc::tests::{BASELINE, HIGH, PPS};
use crate::media::video::hevc;
use crate::media::video::hevc::tests::{HDR, MAIN, PPS as HEVC_PPS, VPS, hex};

/// First slices: of an IDR picture, of a P picture, of an I picture; and a further slice of an IDR and a P picture.
const IDR: &[u8] = &[0x65, 0x88, 0x84];
const P: &[u8] = &[0x41, 0x9a, 0x02];
const I: &[u8] = &[0x41, 0x88, 0x84];
const MORE_IDR: &[u8] = &[0x65, 0x22, 0x84];
const MORE_P: &[u8] = &[0x41, 0x46, 0x84];
const DELIMITER: &[u8] = &[0x09, 0xf0];
const CAPTIONS: &[u8] = &[0x06, 4, 2, 1, 2, 0x80];
const RECOVERY: &[u8] = &[0x06, 6, 1, 0xc4, 0x80];

fn lengths(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [&u32::try_from(nal.len()).unwrap().to_be_bytes()[..], nal].concat()).collect()
}

fn message(tag: &[u8], timestamp: u64, body: &[u8]) -> Frame {
    Frame::from_payload(Kind::Video, timestamp, &[tag, body].concat())
}

fn config(sps: &[u8]) -> avc::DecoderConfig {
    avc::DecoderConfig::empty().with_sets(&[sps, PPS]).unwrap()
}

fn header(sps: &[u8]) -> Frame {
    message(&[0x17, 0, 0, 0, 0], 0, &config(sps).record().unwrap())
}

/// A reader that has read a configuration.
fn reader() -> Pictures {
    let mut pictures = Pictures::default();
    let findings = pictures.read(&mut header(BASELINE));
    assert!(findings.configuration.is_none() && findings.oddities.is_empty());
    pictures
}

/// The role of a message of H.264 with that frame type, by its NAL units.
fn read(pictures: &mut Pictures, frame_type: u8, timestamp: u64, nals: &[&[u8]]) -> (Slices, Role, Findings) {
    let mut frame = message(&[frame_type << 4 | 7, 1, 0, 0, 0], timestamp, &lengths(nals));
    let findings = pictures.read(&mut frame);
    (frame.slices, frame.role, findings)
}

#[test]
fn usual_pictures_are_what_their_tags_say() {
    let mut pictures = reader();
    for (frame_type, timestamp, nals, role) in [
        (1, 0, &[BASELINE, PPS, CAPTIONS, IDR, MORE_IDR][..], Role::Key),
        (2, 40, &[P, MORE_P], Role::Inter),
        (3, 80, &[P], Role::Disposable),
        (1, 120, &[DELIMITER, IDR], Role::Key),
    ] {
        let (slices, found, findings) = read(&mut pictures, frame_type, timestamp, nals);
        assert_eq!((slices, found), (Slices::Begin, role), "{timestamp}");
        assert!(findings.configuration.is_none() && findings.oddities.is_empty(), "{timestamp}");
    }
}

#[test]
fn the_units_tell_key_frames_and_each_wrong_tag_is_told_once() {
    let mut pictures = reader();
    let found: Vec<_> = [(2, IDR), (1, P), (3, IDR), (1, P), (1, I), (2, I)]
        .into_iter()
        .enumerate()
        .map(|(index, (frame_type, nal))| {
            let (_, role, findings) = read(&mut pictures, frame_type, index as u64 * 40, &[nal]);
            (role, findings.oddities)
        })
        .collect();
    let nothing = || vec![];
    assert_eq!(
        found,
        [
            (Role::Key, vec![Oddity::UntaggedKeys]),
            (Role::Inter, vec![Oddity::TaggedInters]),
            (Role::Key, nothing()),
            (Role::Inter, nothing()),
            (Role::Key, nothing()),
            (Role::Inter, nothing()),
        ],
        "an I picture is one to start at only if its tag says so"
    );
}

#[test]
fn a_recovery_point_makes_a_key_frame_also_in_a_message_before_it() {
    let mut pictures = reader();
    assert_eq!(read(&mut pictures, 2, 0, &[RECOVERY, P]).1, Role::Key);
    assert_eq!(read(&mut pictures, 2, 40, &[P]).1, Role::Inter);
    assert_eq!(read(&mut pictures, 1, 80, &[RECOVERY]).1, Role::Inter);
    assert_eq!(read(&mut pictures, 2, 80, &[P]).1, Role::Key);
    assert_eq!(read(&mut pictures, 2, 120, &[P]).1, Role::Inter);
}

#[test]
fn a_recovery_point_is_rightly_tagged_as_no_key_frame() {
    let mut pictures = reader();
    let (_, role, findings) = read(&mut pictures, 2, 0, &[RECOVERY, P]);
    assert_eq!((role, findings.oddities), (Role::Key, vec![]));
}

#[test]
fn a_recovery_point_without_a_tag_counts_only_where_no_other_key_frame_comes() {
    let mut pictures = reader();
    let mut take = |frame_type, timestamp, nals: &[&[u8]]| read(&mut pictures, frame_type, timestamp, nals).1;
    for start in [0, 1000] {
        assert_eq!(take(1, start, &[IDR]), Role::Key);
        take(2, start + 400, &[P]);
    }
    assert_eq!(take(2, 1500, &[RECOVERY, P]), Role::Inter, "there was one in time");
    assert_eq!(take(1, 1600, &[RECOVERY, P]), Role::Key, "its tag says so, too");
    assert_eq!(take(2, 3500, &[RECOVERY, P]), Role::Key, "there is none any more");
}

#[test]
fn tags_are_believed_where_nothing_else_tells_for_five_seconds() {
    let times = || (0..200).map(|index| index * 100);
    let mut pictures = reader();
    let keys = |pictures: &mut Pictures, tag: fn(u64) -> u8| -> Vec<u64> {
        let is_key = |time: &u64| read(pictures, tag(*time), *time, &[P]).1 == Role::Key;
        times().filter(is_key).collect()
    };
    assert_eq!(keys(&mut pictures, |time| if time % 2000 == 0 { 1 } else { 2 }), [6000, 12_000, 18_000]);
    assert_eq!(keys(&mut reader(), |_| 1), [0; 0], "tags that say nothing");
}

#[test]
fn only_the_first_message_of_a_picture_can_be_started_at() {
    let mut pictures = reader();
    let mut take = |timestamp, nal: &[u8]| {
        let (slices, role, _) = read(&mut pictures, 1, timestamp, &[nal]);
        (slices, role)
    };
    for timestamp in [0, 40] {
        for nal in [DELIMITER, BASELINE, PPS, CAPTIONS] {
            assert_eq!(take(timestamp, nal), (Slices::None, Role::Inter));
        }
        assert_eq!(take(timestamp, IDR), (Slices::Begin, Role::Key));
        assert_eq!(take(timestamp, MORE_IDR), (Slices::Continue { of_key: true }, Role::Inter));
        assert_eq!(take(timestamp, MORE_IDR), (Slices::Continue { of_key: true }, Role::Inter));
    }
    assert_eq!(take(80, MORE_P), (Slices::Begin, Role::Inter), "its first slice is lost");
    assert_eq!(take(80, P), (Slices::Begin, Role::Inter), "another picture of the same time");
}

#[test]
fn a_key_frame_with_new_sets_has_their_configuration_in_front() {
    for apart in [false, true] {
        let mut pictures = reader();
        read(&mut pictures, 1, 0, &[BASELINE, PPS, IDR]);
        // Its sets of pictures are as before.
        let findings = if apart {
            assert!(read(&mut pictures, 1, 40, &[HIGH]).2.configuration.is_none());
            assert!(read(&mut pictures, 1, 40, &[PPS]).2.configuration.is_none());
            read(&mut pictures, 1, 40, &[IDR]).2
        } else {
            read(&mut pictures, 1, 40, &[HIGH, PPS, IDR]).2
        };
        let new = findings.configuration.unwrap();
        assert_eq!((new.role, new.codec, new.timestamp), (Role::Header, flv::Codec::Avc, 40));
        assert_eq!(avc::DecoderConfig::parse(new.body()).unwrap(), config(HIGH));
        assert_eq!(findings.oddities, [Oddity::SetsInStream]);
        let (.., again) = read(&mut pictures, 1, 80, &[HIGH, PPS, IDR]);
        assert!(again.configuration.is_none() && again.oddities.is_empty());
        let (.., back) = read(&mut pictures, 1, 120, &[BASELINE, PPS, IDR]);
        assert!(back.configuration.is_some() && back.oddities.is_empty());
    }
}

#[test]
fn sets_between_key_frames_are_in_front_of_the_next() {
    let mut pictures = reader();
    read(&mut pictures, 1, 0, &[IDR]);
    let other = &[&PPS[..2], &[0x11]].concat();
    assert!(read(&mut pictures, 2, 40, &[other, P]).2.configuration.is_none());
    let new = read(&mut pictures, 1, 80, &[IDR]).2.configuration.unwrap();
    let config = avc::DecoderConfig::parse(new.body()).unwrap();
    assert_eq!((config.sps, config.pps), (vec![BASELINE.to_vec()], vec![other.clone()]));
}

#[test]
fn without_a_configuration_the_sets_of_the_first_key_frame_are_one() {
    let mut pictures = Pictures::default();
    assert!(read(&mut pictures, 1, 0, &[BASELINE, IDR]).2.configuration.is_none(), "a set is missing");
    let (.., findings) = read(&mut pictures, 1, 40, &[PPS, IDR]);
    assert_eq!(findings.oddities, [Oddity::NoConfiguration]);
    assert_eq!(avc::DecoderConfig::parse(findings.configuration.unwrap().body()), Ok(config(BASELINE)));
}

#[test]
fn start_codes_and_what_hides_behind_one_are_read_and_told_once() {
    let mut pictures = reader();
    let body = [&[0, 0, 0, 1][..], DELIMITER, &[0, 0, 0, 1], HIGH, &[0, 0, 1], PPS, &[0, 0, 1], IDR].concat();
    let mut frame = message(&[0x27, 1, 0, 0, 0], 0, &body);
    let findings = pictures.read(&mut frame);
    assert_eq!((frame.slices, frame.role, frame.body()), (Slices::Begin, Role::Key, &body[..]));
    assert_eq!(findings.oddities, [Oddity::StartCodes, Oddity::UntaggedKeys, Oddity::SetsInStream]);
    let hidden = [&[0x6e, 0x80, 0x80, 0x0f, 0, 0, 0, 1][..], IDR].concat();
    let (slices, role, findings) = read(&mut pictures, 1, 40, &[&hidden]);
    assert_eq!((slices, role, findings.oddities), (Slices::Begin, Role::Key, vec![Oddity::StartCodesWithin]));
    let (slices, role, findings) = read(&mut pictures, 1, 80, &[&hidden]);
    assert_eq!((slices, role, findings.oddities), (Slices::Begin, Role::Key, vec![]));
}

#[test]
fn a_header_that_is_repeated_does_not_undo_the_sets_of_the_stream() {
    let mut pictures = reader();
    let other_vui = [HIGH, &[0x11]].concat();
    assert!(read(&mut pictures, 1, 0, &[&other_vui, PPS, IDR]).2.configuration.is_some());
    for time in [40, 80] {
        let mut repeated = header(BASELINE);
        pictures.read(&mut repeated);
        assert_eq!(repeated.role, Role::Empty);
        let (.., findings) = read(&mut pictures, 1, time, &[&other_vui, PPS, IDR]);
        assert!(findings.configuration.is_none());
    }
    let mut other = header(HIGH);
    pictures.read(&mut other);
    assert_eq!(other.role, Role::Header);
    let mut again = header(HIGH);
    pictures.read(&mut again);
    assert_eq!(again.role, Role::Header, "what it says holds");
}

#[test]
fn slices_of_a_picture_may_be_some_milliseconds_apart() {
    let mut pictures = reader();
    for (timestamp, nal, slices) in [
        (0, IDR, Slices::Begin),
        (2, MORE_IDR, Slices::Continue { of_key: true }),
        (5, MORE_IDR, Slices::Continue { of_key: true }),
        (40, P, Slices::Begin),
        (50, MORE_P, Slices::Begin),
    ] {
        assert_eq!(read(&mut pictures, 1, timestamp, &[nal]).0, slices, "{timestamp}");
    }
}

#[test]
fn a_stream_without_any_parameter_sets_is_odd_after_a_while() {
    let mut pictures = Pictures::default();
    let oddities = (0..100).flat_map(|index| read(&mut pictures, 1, index * 40, &[IDR]).2.oddities);
    assert_eq!(oddities.collect::<Vec<_>>(), [Oddity::NoSets]);
}

#[test]
fn a_message_that_cannot_be_read_keeps_the_role_of_its_tag() {
    let mut pictures = reader();
    let mut frame = message(&[0x17, 1, 0, 0, 0], 0, &[0xff, 0xff, 0xff, 0xff, 0x65]);
    pictures.read(&mut frame);
    assert_eq!((frame.slices, frame.role), (Slices::Unread, Role::Key));
    for payload in [&b"\x90av01\x12\0"[..], b"\x91av01\x12\0", b"\x17\x02\0\0\0", b"\x57\0"] {
        let before = Frame::from_payload(Kind::Video, 0, payload);
        let mut frame = Frame::from_payload(Kind::Video, 0, payload);
        let findings = pictures.read(&mut frame);
        assert_eq!((frame.slices, frame.role), (Slices::Begin, before.role), "{payload:x?}");
        assert!(findings.configuration.is_none() && findings.oddities.is_empty());
    }
}

#[test]
fn hevc_is_read_as_avc_is_in_messages_of_both_forms() {
    const HEVC_IDR: &[u8] = &[0x26, 1, 0xaf];
    const CRA: &[u8] = &[0x2a, 1, 0xaf];
    const TRAIL: &[u8] = &[0x02, 1, 0xd0];
    const MORE: &[u8] = &[0x02, 1, 0x40];
    let sets = [VPS, MAIN, HEVC_PPS, HDR].map(hex);
    let [vps, main, pps, hdr] = sets.each_ref().map(Vec::as_slice);
    let config = |sps| hevc::DecoderConfig::empty().with_sets(&[vps, sps, pps]).unwrap();
    for (header, key, inter) in [
        (&b"\x1c\0\0\0\0"[..], &b"\x1c\x01\0\0\0"[..], &b"\x2c\x01\0\0\0"[..]),
        (b"\x90hvc1", b"\x91hvc1\0\0\0", b"\xa1hvc1\0\0\0"),
        (b"\x90hvc1", b"\x93hvc1", b"\xa3hvc1"),
    ] {
        let mut pictures = Pictures::default();
        pictures.read(&mut message(header, 0, &config(main).record().unwrap()));
        let mut take = |tag: &[u8], timestamp, nals: &[&[u8]]| {
            let mut frame = message(tag, timestamp, &lengths(nals));
            let findings = pictures.read(&mut frame);
            (frame.slices, frame.role, findings)
        };
        let (slices, role, findings) = take(inter, 0, &[HEVC_IDR]);
        assert_eq!((slices, role, findings.oddities), (Slices::Begin, Role::Key, vec![Oddity::UntaggedKeys]));
        let (slices, role, _) = take(key, 40, &[TRAIL]);
        assert_eq!((slices, role), (Slices::Begin, Role::Inter));
        let (slices, role, _) = take(key, 40, &[MORE]);
        assert_eq!((slices, role), (Slices::Continue { of_key: false }, Role::Inter));
        assert_eq!(take(inter, 80, &[CRA]).1, Role::Key);
        assert_eq!(take(key, 120, &[vps, hdr, pps]).0, Slices::None);
        let new = take(key, 120, &[HEVC_IDR]).2.configuration.unwrap();
        assert_eq!((new.payload().get(..header.len()), new.role), (Some(header), Role::Header));
        assert_eq!(hevc::DecoderConfig::parse(new.body()), Ok(config(hdr)));
    }
}

#[test]
fn start_codes_have_a_configuration_behind_start_codes() {
    let mut pictures = Pictures::default();
    let sets = [&[0, 0, 0, 1][..], BASELINE, &[0, 0, 0, 1], PPS].concat();
    let body = [&sets[..], &[0, 0, 0, 1], IDR].concat();
    let findings = pictures.read(&mut message(&[0x17, 1, 0, 0, 0], 0, &body));
    assert_eq!(findings.configuration.unwrap().body(), sets);
}

#[test]
fn a_set_that_hides_another_is_two() {
    let mut pictures = Pictures::default();
    let both = [BASELINE, &[0, 0, 0, 1], PPS].concat();
    assert!(read(&mut pictures, 1, 0, &[&both]).2.configuration.is_none());
    let new = read(&mut pictures, 1, 0, &[IDR]).2.configuration.unwrap();
    assert_eq!(avc::DecoderConfig::parse(new.body()), Ok(config(BASELINE)));
    assert!(read(&mut pictures, 1, 40, &[&both, IDR]).2.configuration.is_none(), "nothing has changed");
}

#[test]
fn long_sets_in_pictures_are_not_kept() {
    let mut pictures = reader();
    for number in 0..64 {
        let long = [&[0x68, 0, 0x80 | number][..], &vec![7; 1 << 20]].concat();
        read(&mut pictures, 2, u64::from(number) * 40, &[&long, P]);
    }
    assert!(pictures.next.is_none());
    for number in 0..64 {
        let long = [&[0x68, 1, 0x80 | number][..], &vec![7; 5000]].concat();
        read(&mut pictures, 2, u64::from(number) * 40, &[&long, P]);
    }
    assert!(pictures.next.unwrap().record().unwrap().len() <= MAX_SET_BYTES);
}

#[test]
fn sets_that_wait_for_their_picture_are_bounded() {
    let mut pictures = reader();
    let large = [&[0x68, 0x80][..], &[7; 5000]].concat();
    for _ in 0..100 {
        read(&mut pictures, 1, 0, &[&large, PPS]);
    }
    assert!(pictures.sets.len() <= MAX_SETS);
    assert!(pictures.sets.iter().map(Vec::len).sum::<usize>() <= MAX_SET_BYTES);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bodies in proptest::collection::vec(proptest::collection::vec(0u8..0x70, 0..40), 1..8)) {
        for tag in [&[0x17, 1, 0, 0, 0][..], b"\x93hvc1", &[0x17, 0, 0, 0, 0], b"\x90hvc1"] {
            let mut pictures = reader();
            for body in &bodies {
                pictures.read(&mut message(tag, 0, body));
                pictures.read(&mut message(tag, 0, &lengths(&[body, &[0x65, 0x80]])));
            }
        }
    }
}
