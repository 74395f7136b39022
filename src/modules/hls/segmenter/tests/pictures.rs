//! Pictures whose NAL units come in several messages, behind start codes, or with parameter sets of their own.

use super::*;

/// Further slices of an IDR and another picture.
const MORE_KEY: &[u8] = &[0x65, 0x22, 3];
const MORE_INTER: &[u8] = &[0x41, 0x46, 3];
const KEY: &[u8] = &[0x65, 0x88, 2];
const INTER: &[u8] = &[0x41, 0x9a, 2];
const PPS: &[u8] = &[0x68, 0xcb, 0x83, 0xcb];
const CAPTIONS: &[u8] = &[0x06, 4, 2, 1, 2, 0x80];
const DELIMITER: &[u8] = &[0x09, 0xf0];

impl Rig {
    /// A message of H.264 with these NAL units, with the tag of a key frame or not.
    fn units(&mut self, frame_type: u8, timestamp: u64, nals: &[&[u8]]) {
        let lengths =
            nals.iter().flat_map(|nal| [&[0, 0, 0, u8::try_from(nal.len()).unwrap()], *nal].concat());
        let payload: Vec<u8> = [frame_type << 4 | 7, 1, 0, 0, 0].into_iter().chain(lengths).collect();
        self.send(Kind::Video, timestamp, &payload);
    }

    /// All pictures of all fragments, as byte streams.
    fn pictures(&self) -> Vec<Vec<u8>> {
        let packets = self.fragments().into_iter().flat_map(|(.., packets)| packets);
        packets.filter(|pes| pes.pid == VIDEO).map(|pes| pes.payload).collect()
    }
}

/// An access unit as it is expected.
fn unit(nals: &[&[u8]]) -> Vec<u8> {
    [DELIMITER].iter().chain(nals).flat_map(|nal| [&[0, 0, 0, 1], *nal].concat()).collect()
}

#[test]
fn a_picture_of_several_messages_is_one_access_unit() {
    let mut rig = Rig::new();
    rig.headers();
    for timestamp in [0, 40, 80] {
        let (frame_type, slices) =
            if timestamp == 0 { (1, [KEY, MORE_KEY]) } else { (2, [INTER, MORE_INTER]) };
        for nal in [DELIMITER, CAPTIONS].into_iter().chain(slices) {
            rig.units(frame_type, timestamp, &[nal]);
            rig.audio(timestamp);
        }
    }
    rig.end();
    let inter = unit(&[CAPTIONS, INTER, MORE_INTER]);
    assert_eq!(rig.pictures(), [unit(&[SPS, PPS, CAPTIONS, KEY, MORE_KEY]), inter.clone(), inter]);
    assert_eq!(rig.shape(), [(120, false)]);
}

#[test]
fn fragments_are_cut_at_the_first_message_of_a_key_picture() {
    let mut rig = Rig::new();
    rig.headers();
    for second in 0..5 {
        for timestamp in (second * 1000..second * 1000 + 1000).step_by(40) {
            let (frame_type, slices) =
                if timestamp % 1000 == 0 { (1, [KEY, MORE_KEY]) } else { (2, [INTER, MORE_INTER]) };
            slices.iter().for_each(|nal| rig.units(frame_type, timestamp, &[nal]));
            rig.audio(timestamp + 20);
        }
    }
    rig.end();
    assert_eq!(rig.shape(), [(2000, false), (2000, false), (1000, false)]);
    for (_, _, packets) in rig.fragments() {
        let first = of(&packets, VIDEO).next().unwrap();
        assert_eq!((first.random_access, &first.payload), (true, &unit(&[SPS, PPS, KEY, MORE_KEY])));
        let audio = of(&packets, AUDIO).next().unwrap();
        assert_eq!(audio.pts, first.pts + 20 * 90, "the audio behind the cut is in the fragment behind it");
    }
    assert_eq!(rig.pictures().len(), 125);
}

#[test]
fn audio_that_comes_behind_its_key_frame_and_is_a_little_older_is_not_lost() {
    for behind in [1, 15, 100] {
        let mut rig = Rig::new();
        rig.headers();
        for index in 0..100 {
            let timestamp = 1000 + index * 40;
            if index % 25 == 0 {
                rig.key(timestamp);
            } else {
                rig.inter(timestamp);
            }
            rig.audio(timestamp - behind);
            rig.audio(timestamp + 20 - behind);
        }
        rig.end();
        let packets: Vec<Pes> = rig.fragments().into_iter().flat_map(|(.., packets)| packets).collect();
        let frames = of(&packets, AUDIO).map(|pes| pes.payload.len() / 10).sum::<usize>();
        // What is older than the first picture belongs to nothing.
        let older =
            (0..100).flat_map(|index| [index * 40, index * 40 + 20]).filter(|time| *time < behind).count();
        assert!(frames == 200 || frames == 200 - older, "{behind}: {frames}");
    }
}

#[test]
fn new_sets_in_the_stream_come_whole_and_behind_a_discontinuity() {
    for apart in [false, true] {
        let mut rig = Rig::new();
        rig.headers();
        rig.second(0);
        rig.second(1000);
        // The set of pictures has the bytes of the one before.
        if apart {
            rig.units(1, 2000, &[OTHER_SPS, PPS]);
            rig.units(1, 2000, &[KEY]);
        } else {
            rig.units(1, 2000, &[OTHER_SPS, PPS, KEY]);
        }
        (1..25).for_each(|index| rig.inter(2000 + index * 40));
        rig.units(1, 3000, &[OTHER_SPS, PPS, KEY]);
        rig.end();
        assert_eq!(rig.shape()[..2], [(2000, false), (1040, true)]);
        let keys: Vec<_> = rig.pictures().into_iter().filter(|picture| picture.len() > 20).collect();
        let (old, new) = (unit(&[SPS, PPS, KEY]), unit(&[OTHER_SPS, PPS, KEY]));
        assert_eq!(keys, [old.clone(), old, new.clone(), new]);
    }
}

#[test]
fn new_sets_of_pictures_alone_break_nothing() {
    const OTHER_PPS: &[u8] = &[0x68, 0xcb, 0x83, 0xc9];
    let mut rig = Rig::new();
    rig.headers();
    rig.second(0);
    rig.second(1000);
    rig.units(1, 2000, &[SPS, OTHER_PPS, KEY]);
    rig.inter(2040);
    rig.units(2, 2080, &[PPS, INTER]);
    rig.units(1, 3000, &[KEY]);
    rig.end();
    assert!(rig.shape().iter().all(|(_, is_broken)| !is_broken));
    let pictures = rig.pictures();
    let [.., first, _, third, last] = &pictures[..] else { panic!("four pictures") };
    assert_eq!(first, &unit(&[SPS, OTHER_PPS, KEY]));
    assert_eq!((third, last), (&unit(&[PPS, INTER]), &unit(&[SPS, PPS, KEY])));
}

#[test]
fn start_codes_and_audio_beside_them_are_carried() {
    let mut rig = Rig::new();
    rig.headers();
    for index in 0..50 {
        let timestamp = index * 40;
        let tag = if index == 0 { 0x17 } else { 0x27 };
        let slice = if index == 0 { KEY } else { INTER };
        let start = if index % 2 == 0 { &[0, 0, 0, 1][..] } else { &[0, 0, 1] };
        let body = [start, DELIMITER, start, CAPTIONS, start, slice].concat();
        rig.send(Kind::Video, timestamp, &[&[tag, 1, 0, 0, 0], &body[..]].concat());
        rig.audio(timestamp);
    }
    rig.end();
    let pictures = rig.pictures();
    assert_eq!((pictures.len(), &pictures[1]), (50, &unit(&[CAPTIONS, INTER])));
    assert_eq!(pictures[0], unit(&[SPS, PPS, CAPTIONS, KEY]));
    let packets: Vec<Pes> = rig.fragments().into_iter().flat_map(|(.., packets)| packets).collect();
    assert_eq!(of(&packets, AUDIO).map(|pes| pes.payload.len()).sum::<usize>(), 50 * 10);
}

#[test]
fn key_frames_are_where_the_units_say() {
    let mut rig = Rig::new();
    rig.headers();
    for index in 0..100 {
        // The other way round in every message.
        let (frame_type, slice) = if index % 25 == 0 { (2, KEY) } else { (1, INTER) };
        rig.units(frame_type, index * 40, &[slice]);
    }
    rig.end();
    assert_eq!(rig.shape(), [(2000, false), (2000, false)]);
    for (_, _, packets) in rig.fragments() {
        let starts: Vec<_> = packets.iter().map(|pes| pes.random_access).collect();
        assert_eq!(
            starts
                .iter()
                .enumerate()
                .filter(|(_, is_start)| **is_start)
                .map(|(at, _)| at)
                .collect::<Vec<_>>(),
            [0, 25]
        );
    }
}

#[test]
fn a_slice_that_belongs_to_no_picture_is_dropped_and_the_audio_continues() {
    let mut rig = Rig::new();
    rig.headers();
    rig.key(0);
    rig.inter(1);
    let count = 300;
    for index in 0..count {
        rig.send(Kind::Video, index, &[0x27, 1, 0, 0, 0, 9, 9, 9, 9, 9]);
        rig.audio(index * 21);
    }
    assert_eq!(rig.segmenter.as_ref().unwrap().dropped, count);
    rig.end();
    let packets: Vec<Pes> = rig.fragments().into_iter().flat_map(|(.., packets)| packets).collect();
    assert_eq!(of(&packets, AUDIO).map(|pes| pes.payload.len()).sum::<usize>(), count as usize * 10);
}

#[test]
fn pictures_that_are_never_written_hold_back_no_audio() {
    for picture in [
        &b"\x27\x01\0\0\0\x09\x09\x09\x09\x09"[..],
        b"\x17\x01\0\0\0\0\0\0\x03\x41\x9a\x02",
        b"\x17\x01\0\0\0\0\0\0\x02\x06\x05",
        b"\x17\x01\0\0\0",
        b"\x91hvc1\0\0\0\0\0\0\x03\x26\x01\x09",
    ] {
        let mut rig = Rig::new();
        rig.headers();
        for index in 0..400 {
            rig.send(Kind::Video, index * 40, picture);
            rig.audio(index * 40);
            rig.audio(index * 40 + 20);
        }
        rig.end();
        let packets: Vec<Pes> = rig.fragments().into_iter().flat_map(|(.., packets)| packets).collect();
        let audio: usize = of(&packets, AUDIO).map(|pes| pes.payload.len() / 10).sum();
        assert!(audio >= 790, "{picture:x?}: {audio}");
    }
}

#[test]
fn the_room_of_a_large_picture_is_given_back() {
    let mut rig = Rig::new();
    rig.headers();
    let picture = [&[0x17, 1, 0, 0, 0, 0, 0x40, 0, 0][..], &vec![0x65; 4 << 20]].concat();
    rig.key(0);
    (1..30).for_each(|number| rig.inter(number * 40));
    rig.send(Kind::Video, 1200, &picture);
    assert!(rig.segmenter.as_ref().unwrap().access_unit.capacity() <= 64 * 1024);
}
