use super::*;
use crate::media::file::MAX_MESSAGE;
use crate::media::flv::tag_header;
use proptest::prelude::*;

/// A file with all there is: metadata with an index, configurations, other data, two groups.
fn small() -> Vec<u8> {
    let index =
        |first: f64, second: f64| Value::StrictArray(vec![Value::Number(first), Value::Number(second)]);
    let keyframes = Object::default().with("times", index(0.0, 0.08)).with("filepositions", index(0.0, 0.0));
    let write = |positions: [f64; 2]| {
        let mut keyframes = keyframes.clone();
        keyframes.0[1].1 = index(positions[0], positions[1]);
        let mut file = Writer::new();
        let object = Object::default().with("duration", 0.0).with("keyframes", Value::Object(keyframes));
        file.tag(Kind::Data, 0, &on_metadata(object));
        file.configurations();
        let first = file.picture(0, true, 20);
        file.sound(10, 7);
        file.picture(40, false, 5);
        file.tag(Kind::DataAmf3, 50, b"\x00\x02\x00\x0aonCuePoint\x05");
        let second = file.picture(80, true, 20);
        file.sound(90, 7);
        (file.0, [first as f64, second as f64])
    };
    write(write([0.0; 2]).1).0
}

/// Does all that can be done with a file; it has to end, within bounds.
fn exercise(source: Memory) -> Option<Vec<Message>> {
    let length = source.bytes.len();
    let mut reading = Reading::open(source).ok()?;
    let (messages, _) = reading.rest();
    for to in [0, 60, 80, 1 << 40] {
        reading.seek(to);
        reading.rest();
    }
    let mut times = reading.key_frames();
    assert!(times.is_sorted());
    times.dedup();
    let given: usize = messages.iter().map(|message| message.body.len()).sum();
    assert!(given <= length + 100, "{given} bytes of {length}");
    assert!(reading.source.read < 200 * (length + 100), "{} bytes of {length}", reading.source.read);
    Some(messages)
}

#[test]
fn a_file_with_any_byte_changed_ends() {
    let file = small();
    assert_eq!(exercise(Memory::new(file.clone())).unwrap().len(), 9);
    for place in 0..file.len() {
        for change in [1, 2, 4, 8, 16, 32, 64, 128, 0x55, 0xff, file[place], file[place] ^ 0xff] {
            let mut changed = file.clone();
            changed[place] ^= change;
            let at_once = exercise(Memory::new(changed.clone()));
            if change == 0xff {
                assert_eq!(exercise(Memory::slow(changed)), at_once, "{place}");
            }
            // One byte is one message, or what is in front of it.
            let count = at_once.map_or(0, |messages| messages.len());
            assert!(count >= 7 || place < 13, "{count} messages with {place} changed by {change}");
        }
    }
}

#[test]
fn a_file_that_is_cut_anywhere_has_what_is_whole_in_it() {
    let file = small();
    let whole = exercise(Memory::new(file.clone())).unwrap();
    for cut in 0..file.len() {
        let expected = messages_of(&file[..cut]).len();
        let source = Memory::new(&file[..cut]);
        let messages = exercise(source).unwrap_or_default();
        assert_eq!(messages.len(), expected, "cut at {cut}");
        assert!(messages.iter().zip(&whole).skip(1).all(|(a, b)| a == b));
        assert_eq!(exercise(Memory::slow(&file[..cut])).unwrap_or_default(), messages);
    }
}

#[test]
fn a_source_that_has_nothing_at_first_changes_nothing() {
    let (file, keys) = usual(400, 20, 3000);
    let (mut fast, mut slow) =
        (Reading::open(Memory::new(file.clone())).unwrap(), Reading::open(Memory::slow(file)).unwrap());
    assert_eq!(fast.demuxer.facts(), slow.demuxer.facts());
    for to in [9000, 100, 15_999, 0] {
        assert_eq!(fast.seek(to), slow.seek(to));
        assert!(fast.rest() == slow.rest(), "from {to}");
    }
    assert_eq!(slow.key_frames(), keys);
}

#[test]
fn headers_that_promise_more_than_there_is_cost_nothing() {
    let header = tag_header(Kind::Video, 40, 0x00ff_ffff);
    let (file, _) = usual(10, 5, 100);
    let torn = [&file[..], &header, b"and then nothing"].concat();
    let whole = messages_of(&file).len();
    assert_eq!(exercise(Memory::new(torn)).unwrap().len(), whole);
    // In the middle, what follows is found.
    let (head, tail) = file.split_at(file.len() - 400);
    let broken = [head, &header, tail].concat();
    let messages = exercise(Memory::new(broken)).unwrap();
    assert!((whole - 4..=whole).contains(&messages.len()), "{} of {whole}", messages.len());
    // A script tag of 16 MB, and one with an array of 2^32 values.
    let mut script = on_metadata(Object::default().with("keyframes", 1.0));
    script.truncate(script.len() - 12);
    script.extend([0x0a, 0xff, 0xff, 0xff, 0xff, 0, 0, 0]);
    let mut file = Writer::new();
    file.tag(Kind::Data, 0, &script);
    file.picture(0, true, 10);
    assert_eq!(exercise(Memory::new(file.0)).unwrap().len(), 2);
}

#[test]
fn tags_that_are_not_played_are_left_out() {
    let mut file = Writer::new();
    file.configurations();
    file.picture(0, true, 10);
    file.tag(Kind::Audio, 5, b"");
    file.tag(Kind::Video, 6, &vec![0x27; MAX_MESSAGE + 1]);
    let encrypted = file.tag(Kind::Video, 7, b"something") as usize;
    file.0[encrypted] |= 0x20;
    let another = file.tag(Kind::Audio, 8, b"something") as usize;
    file.0[another] = 99;
    let stream = file.picture(40, false, 10) as usize;
    file.0[stream + 10] = 1;
    file.sound(50, 10);
    let mut reading = Reading::open(Memory::new(file.0)).unwrap();
    let times: Vec<_> = reading.rest().0.iter().map(|message| message.time).collect();
    assert_eq!(times, [0, 0, 0, 40, 50]);
}

#[test]
fn a_wrong_previous_tag_size_is_forgiven() {
    for wrong in [|_: u32| 0, |size| size - 11, |size| size + 1] {
        let (mut file, keys) = usual(500, 25, 2000);
        let expected = messages_of(&file);
        let mut at = flv::FILE_HEADER;
        while let Some(header) = file.get(at..).and_then(|rest| rest.first_chunk()) {
            let size = flv::TAG_HEADER as u32 + flv::TagHeader::read(*header).unwrap().length;
            at += size as usize;
            file[at..at + 4].copy_from_slice(&wrong(size).to_be_bytes());
            at += 4;
        }
        let mut reading = Reading::open(Memory::new(file)).unwrap();
        assert_eq!(reading.rest().0.len(), expected.len());
        assert_eq!((reading.seek(10_500), reading.key_frames()), (10_000, keys));
        assert_eq!(reading.seek(0), 0);
    }
}

#[test]
fn junk_between_tags_is_passed_over_up_to_a_limit() {
    let (file, _) = usual(10, 5, 100);
    let expected = messages_of(&file).len();
    for (length, seed) in [(1, 0), (10, 0), (5000, 1), (900_000, 1), (2_000_000, 1)] {
        let junk: Vec<u8> = if seed == 0 { vec![0; length] } else { filler(seed, length) };
        let at = flv::FILE_HEADER + end_of_first(&file);
        let mixed = [&file[..at], &junk, &file[at..]].concat();
        let mut reading = Reading::open(Memory::new(mixed)).unwrap();
        let (messages, is_end) = reading.rest();
        let is_passed = length < 1 << 20;
        assert_eq!((messages.len(), is_end), (if is_passed { expected } else { 1 }, is_passed), "{length}");
        if !is_passed {
            assert!(reading.next().is_err(), "it stays broken");
        }
    }
}

fn end_of_first(file: &[u8]) -> usize {
    let header = flv::TagHeader::read(*file[flv::FILE_HEADER..].first_chunk().unwrap()).unwrap();
    flv::TAG_HEADER + header.length as usize + 4
}

#[test]
fn every_header_there_is_is_given_as_it_is() {
    let messages = crate::media::tests::messages();
    assert!(messages.len() > 1000);
    let mut all = Writer::new();
    for (n, (kind, body)) in messages.iter().enumerate() {
        all.tag(*kind, n as u32, body);
        let mut alone = Writer::new();
        alone.tag(*kind, 0, body);
        alone.picture(0, true, 10);
        if n % 10 == 0 {
            exercise(Memory::new(alone.0));
        } else {
            Reading::open(Memory::new(alone.0)).unwrap();
        }
    }
    let mut reading = Reading::open(Memory::new(all.0)).unwrap();
    let given = reading.rest().0.into_iter().map(|message| (message.kind, message.body));
    assert!(given.eq(messages.into_iter().filter(|(_, body)| !body.is_empty())));
    assert!(reading.key_frames().is_sorted());
    reading.seek(500);
    assert!(reading.after_seek().0.len() <= 32);
}

#[test]
fn a_file_of_nothing_but_what_looks_like_tags_ends_soon() {
    for pattern in [&[8, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0][..], &[9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0x29; 11]] {
        let body: Vec<u8> = pattern.iter().copied().cycle().take(4 << 20).collect();
        let file = [&file_header(true, true)[..], &body].concat();
        let source = Memory::new(file);
        if let Ok(mut reading) = Reading::open(source) {
            reading.rest();
            reading.seek(1000);
            assert!(reading.source.reads < 200_000);
        }
    }
}

#[test]
fn the_offset_in_the_file_header_is_believed_if_tags_are_there() {
    let (file, _) = usual(10, 5, 100);
    let expected = messages_of(&file).len();
    let with = |offset: u32, between: &[u8]| {
        [&file[..5], &offset.to_be_bytes(), between, &file[flv::FILE_HEADER..]].concat()
    };
    for file in [
        with(9, &[0; 4]),
        with(20, &[7; 15]),
        with(9, &[]),
        with(0, &[0; 4]),
        with(u32::MAX, &[0; 4]),
        with(5000, &[0; 4]),
    ] {
        let mut reading = Reading::open(Memory::new(file)).unwrap();
        assert_eq!(reading.rest().0.len(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_mixture_of_tags_and_bytes_ends(
        parts in prop::collection::vec((0..8u8, any::<u32>(), prop::collection::vec(any::<u8>(), 0..60)), 0..30),
    ) {
        let mut file = Writer::new();
        for (part, time, bytes) in parts {
            match part {
                0 => file.0.extend(bytes),
                1 => file.0.extend(tag_header(Kind::Audio, time, bytes.len() * 3)),
                2 => { file.tag(Kind::Data, time, &[b"\x02\x00\x0aonMetaData\x08", &bytes[..]].concat()); }
                3 => { file.tag(Kind::Video, time, &bytes); }
                4 => { file.tag(Kind::Audio, time, &bytes); }
                5 => { file.picture(time, true, bytes.len()); }
                6 => { file.picture(time, false, bytes.len()); }
                _ => { file.tag(Kind::Video, time, AVC_CONFIG); }
            }
        }
        let at_once = exercise(Memory::new(file.0.clone()));
        prop_assert_eq!(exercise(Memory::slow(file.0)), at_once);
    }
}
