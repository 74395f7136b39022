use super::*;

/// A file with a true index of each `of`th key frame.
fn indexed(
    pictures: u32,
    group: u32,
    size: usize,
    of: usize,
    change: impl Fn(usize, f64, f64) -> (f64, f64),
) -> (Vec<u8>, Vec<u64>) {
    let write = |entries: &[(u64, u64)]| {
        let mut file = Writer::new();
        let list = |numbers: Vec<f64>| Value::StrictArray(numbers.into_iter().map(Value::Number).collect());
        let changed: Vec<_> = entries
            .iter()
            .enumerate()
            .map(|(n, (time, at))| change(n, *time as f64 / 1000.0, *at as f64))
            .collect();
        let keyframes = Object::default()
            .with("filepositions", list(changed.iter().map(|entry| entry.1).collect()))
            .with("times", list(changed.iter().map(|entry| entry.0).collect()));
        let object = Object::default().with("duration", 7.0).with("keyframes", Value::Object(keyframes));
        file.tag(Kind::Data, 0, &on_metadata(object));
        file.configurations();
        let mut keys = Vec::new();
        for n in 0..pictures {
            let at = file.picture(n * 40, n.is_multiple_of(group), size);
            if n.is_multiple_of(group) {
                keys.push((u64::from(n) * 40, at));
            }
            file.sound(n * 40 + 11, 100);
        }
        (file.0, keys)
    };
    let all = write(&[]).1;
    let chosen: Vec<_> = all.iter().copied().step_by(of).collect();
    let moved = write(&chosen).1;
    let chosen: Vec<_> = moved.iter().copied().step_by(of).collect();
    (write(&chosen).0, moved.into_iter().map(|(time, _)| time).collect())
}

fn check(reading: &mut Reading, keys: &[u64], end: u64) {
    for to in (0..end)
        .step_by(end as usize / 23)
        .chain(keys.iter().skip(end as usize % 7).step_by(7).flat_map(|key| [*key, key.saturating_sub(1)]))
    {
        let expected = keys.iter().copied().filter(|key| *key <= to).max().unwrap_or(keys[0]);
        assert_eq!(reading.seek(to), expected, "{to}");
        let (configurations, message) = reading.after_seek();
        assert_eq!(configurations, [AVC_CONFIG, AAC_CONFIG]);
        assert_eq!((message.kind, message.time, message.role), (Kind::Video, expected, MessageRole::Key));
    }
}

#[test]
fn an_index_is_used_if_it_is_true_and_not_believed_if_it_is_not() {
    type Change = fn(usize, f64, f64) -> (f64, f64);
    let changes: [(usize, Change); 8] = [
        (1, |_, time, at| (time, at)),
        (7, |_, time, at| (time, at)),
        (1, |_, time, at| (time, at + 1.0)),
        (1, |_, time, at| (time, at + 1e300)),
        (1, |_, time, _| (time, f64::NAN)),
        (1, |_, time, at| (time * 1000.0, at)),
        (1, |n, time, at| (if n % 2 == 0 { -time } else { time }, at)),
        (1, |_, time, at| (time + 0.02, at)),
    ];
    for (of, change) in changes {
        let (file, keys) = indexed(1500, 25, 2000, of, change);
        let mut reading = Reading::open(Memory::new(file)).unwrap();
        check(&mut reading, &keys, 61_000);
        assert_eq!(reading.key_frames(), keys);
    }
}

#[test]
fn a_true_index_saves_reading() {
    let (file, keys) = indexed(3000, 25, 20_000, 1, |_, time, at| (time, at));
    let mut reading = Reading::open(Memory::new(file)).unwrap();
    reading.source.read = 0;
    assert_eq!(reading.seek(100_500), 100_000);
    assert!(reading.source.read < 300_000, "{}", reading.source.read);
    reading.source.read = 0;
    assert_eq!(reading.key_frames(), keys);
    assert!(reading.source.read < 2_000_000, "{}", reading.source.read);
}

#[test]
fn a_search_without_an_index_reads_little_of_a_large_file() {
    let (file, _) = usual(20_000, 50, 3000);
    assert!(file.len() > 60_000_000);
    let mut reading = Reading::open(Memory::new(file)).unwrap();
    for to in [500_500, 20_300, 799_000, 20_500, 20_400] {
        (reading.source.read, reading.source.reads) = (0, 0);
        reading.seek(to);
        let Memory { read, reads, .. } = reading.source;
        assert!(read < 3 << 20 && reads < 600, "{read} bytes in {reads} for {to}");
    }
}

#[test]
fn of_a_file_without_pictures_any_sound_is_a_beginning() {
    let mut file = Writer::new();
    file.tag(Kind::Audio, 0, AAC_CONFIG);
    for n in 0..20_000 {
        file.sound(n * 23, 200);
    }
    let mut reading = Reading::open(Memory::new(file.0)).unwrap();
    for to in [0, 1, 22, 23, 100_000, 459_977, 1 << 33] {
        let expected = (to / 23 * 23).min(19_999 * 23);
        assert_eq!(reading.seek(to), expected);
        let (configurations, message) = reading.after_seek();
        assert_eq!((configurations, message.time), (vec![AAC_CONFIG.to_vec()], expected));
        assert_eq!(message.role, MessageRole::Key);
    }
    let times = reading.key_frames();
    assert_eq!((times.len(), &times[..3]), (230, &[0, 2001, 4002][..]));
}

#[test]
fn pictures_that_begin_late_are_found_out_on_the_way() {
    let mut file = Writer::new();
    file.configurations();
    for n in 0..2000 {
        file.sound(n * 23, 200);
    }
    for n in 0..2000 {
        file.sound((2000 + n) * 23, 200);
        file.picture((2000 + n) * 23, n % 100 == 0, 500);
    }
    for to in [0, 10_000, 46_000, 60_000, 91_999] {
        let mut reading = Reading::open(Memory::new(file.0.clone())).unwrap();
        let time = reading.seek(to);
        if to >= 46_000 {
            assert_eq!(time, 46_000 + (to - 46_000) / 2300 * 2300);
        }
        let keys = reading.key_frames();
        assert_eq!((keys.len(), keys[0]), (20, 46_000));
        assert_eq!(reading.seek(to), keys.iter().copied().filter(|key| *key <= to).max().unwrap_or(46_000));
    }
}

#[test]
fn a_file_whose_first_pictures_are_none_to_begin_at_begins_with_the_first_that_is() {
    let mut file = Writer::new();
    file.configurations();
    for n in 0..3000 {
        file.picture(n * 40, n == 2500, 1000);
    }
    let mut reading = Reading::open(Memory::new(file.0.clone())).unwrap();
    for to in [0, 50_000, 100_000, 110_000] {
        assert_eq!(reading.seek(to), 100_000);
    }
    let mut file = Writer::new();
    file.configurations();
    for n in 0..3000 {
        file.picture(n * 40, false, 1000);
    }
    let mut reading = Reading::open(Memory::new(file.0.clone())).unwrap();
    assert_eq!(reading.seek(50_000), 0);
    assert_eq!(reading.rest().0.len(), 3002);
}

#[test]
fn times_go_on_where_those_of_the_file_begin_anew() {
    let start = u32::MAX - 40_000;
    let mut file = Writer::new();
    file.tag(Kind::Video, start, AVC_CONFIG);
    for n in 0..3000u32 {
        file.picture(start.wrapping_add(n * 40), n % 50 == 0, 1000);
    }
    let start = u64::from(start);
    let mut reading = Reading::open(Memory::new(file.0)).unwrap();
    assert_eq!(reading.demuxer.facts().duration, Some(start + 2999 * 40));
    let (messages, _) = reading.rest();
    assert!(messages[1..].iter().enumerate().all(|(n, message)| message.time == start + n as u64 * 40));
    for to in [0, start, start + 30_000, start + 50_000, start + 110_500] {
        assert_eq!(reading.seek(to), start + to.saturating_sub(start) / 2000 * 2000);
    }
    let keys = reading.key_frames();
    assert_eq!((keys.len(), keys[59]), (60, start + 118_000));
}

#[test]
fn a_file_of_half_a_year_is_searched_by_its_index() {
    const DAY: u64 = 86_400_000;
    let write = |entries: &[(u64, u64)]| {
        let mut file = Writer::new();
        let list = |of: &dyn Fn(&(u64, u64)) -> f64| {
            Value::StrictArray(entries.iter().map(|entry| Value::Number(of(entry))).collect())
        };
        let keyframes = Object::default()
            .with("times", list(&|entry| entry.0 as f64 / 1000.0))
            .with("filepositions", list(&|entry| entry.1 as f64));
        let object = Object::default().with("duration", 7.0).with("keyframes", Value::Object(keyframes));
        file.tag(Kind::Data, 0, &on_metadata(object));
        let mut keys = Vec::new();
        for day in 0..180 {
            keys.push((day * DAY, file.picture((day * DAY) as u32, true, 5000)));
            file.picture((day * DAY + 40) as u32, false, 5000);
        }
        (file.0, keys)
    };
    let none = vec![(0, 0); 180];
    let (file, keys) = write(&write(&none).1);
    let mut reading = Reading::open(Memory::new(file)).unwrap();
    for day in [0, 49, 50, 100, 179, 25, 75] {
        assert_eq!(reading.seek(day * DAY + DAY / 2), day * DAY);
        assert_eq!(reading.next().unwrap().unwrap().time, day * DAY);
    }
    assert!(reading.key_frames().into_iter().eq(keys.iter().map(|key| key.0)));
    reading.seek(0);
    assert_eq!(reading.rest().0.last().unwrap().time, 179 * DAY + 40);
}

#[test]
fn times_that_go_back_are_given_as_they_are() {
    let mut file = Writer::new();
    file.configurations();
    for n in 0..200 {
        file.picture(n % 100 * 40, n % 10 == 0, 100);
    }
    let mut reading = Reading::open(Memory::new(file.0)).unwrap();
    let times: Vec<_> = reading.rest().0[2..].iter().map(|message| message.time).collect();
    assert!(times.iter().enumerate().all(|(n, time)| *time == n as u64 % 100 * 40));
    for to in [0, 100, 2000, 3999, 5000] {
        let time = reading.seek(to);
        assert!(time <= to && time.is_multiple_of(400));
    }
    assert!(reading.key_frames().is_sorted());
}

#[test]
fn a_configuration_that_changes_on_the_way_is_the_one_that_holds() {
    let second = [&[0x17, 0, 0, 0, 0][..], &AVC_CONFIG[5..], &[0]].concat();
    let third = [&[0x90][..], b"hvc1", &[1; 40]].concat();
    let mut file = Writer::new();
    file.configurations();
    for n in 0..6000u32 {
        let configuration = match n {
            2000 => Some(&second[..]),
            4000 => Some(&third[..]),
            _ => None,
        };
        configuration.into_iter().for_each(|body| {
            file.tag(Kind::Video, n * 40, body);
            file.sound(n * 40, 20);
        });
        file.picture(n * 40, n % 100 == 0, 1000);
    }
    let expected = [AVC_CONFIG, &second, &third].map(<[u8]>::to_vec);
    // The places of all are known once they have been come across, and that near a key frame always.
    let mut reading = Reading::open(Memory::new(file.0.clone())).unwrap();
    for (to, config) in [(160_000, 2), (80_000, 1), (79_000, 0), (170_000, 2), (90_000, 1)] {
        reading.seek(to);
        let (mut configurations, _) = reading.after_seek();
        configurations.sort();
        assert_eq!(configurations, [expected[config].clone(), AAC_CONFIG.to_vec()], "{to}");
    }
    let mut reading = Reading::open(Memory::new(file.0)).unwrap();
    reading.rest();
    for (to, config) in [(200_000, 2), (100_000, 1), (50_000, 0)] {
        reading.seek(to);
        assert!(reading.after_seek().0.contains(&expected[config]), "{to}");
    }
}

#[test]
fn each_track_has_its_configuration_again() {
    let tracks =
        [&b"\x90hvc1first"[..], b"\x96\x00hvc1\x01second", b"\xd4hvc1colors", b"\x95\x00mp4a\x02third"];
    let mut file = Writer::new();
    for body in tracks {
        let kind = if body[0] == 0x95 { Kind::Audio } else { Kind::Video };
        file.tag(kind, 0, body);
    }
    for n in 0..1000u32 {
        let first = if n % 50 == 0 { 0x96 } else { 0xa6 };
        let parts =
            [&[0, 0, 0, 203, 0, 0, 0][..], &filler(n, 200), &[1, 0, 0, 104, 0, 0, 0], &filler(n, 101)];
        file.tag(Kind::Video, n * 40, &[&[first, 0x11][..], b"hvc1", &parts.concat()].concat());
    }
    let mut reading = Reading::open(Memory::new(file.0)).unwrap();
    assert_eq!(reading.seek(20_500), 20_000);
    let (configurations, message) = reading.after_seek();
    assert_eq!((configurations, message.time), (tracks.map(<[u8]>::to_vec).to_vec(), 20_000));
    assert_eq!(reading.key_frames().len(), 20);
}
