use super::*;

#[test]
fn a_file_that_grows_is_read_on_from_any_byte() {
    let (file, _) = usual(12, 5, 30);
    let expected = {
        let mut reading = Reading::open(Memory::new(file.clone())).unwrap();
        reading.rest().0
    };
    let mut reading = Reading::open(Memory::new(&file[..flv::FILE_HEADER])).unwrap();
    let mut messages = Vec::new();
    for end in flv::FILE_HEADER..=file.len() {
        reading.source.bytes = file[..end].to_vec();
        let (more, is_end) = reading.rest();
        assert!(is_end, "{end}");
        messages.extend(more);
    }
    // Nothing was there that could tell a duration.
    assert_eq!(messages[1..], expected[1..]);
}

#[test]
fn a_search_finds_what_has_come_since() {
    let (file, keys) = usual(1000, 25, 1000);
    let mut reading = Reading::open(Memory::new(&file[..file.len() / 3])).unwrap();
    assert!(reading.seek(1 << 30) < 14_000);
    reading.source.bytes = file.clone();
    assert_eq!(reading.seek(1 << 30), 39_000);
    assert_eq!(reading.key_frames(), keys);
}

#[test]
fn a_file_that_is_cut_or_replaced_ends() {
    let (file, _) = usual(1000, 25, 1000);
    let (other, _) = usual(700, 10, 1777);
    for taken in [0, 500, 2000] {
        for replacement in
            [&[][..], &file[..13], &file[..5000], &other, &filler(1, 1 << 20), &vec![0; 2 << 20]]
        {
            let mut reading = Reading::open(Memory::new(file.clone())).unwrap();
            for _ in 0..taken {
                reading.next().unwrap();
            }
            reading.source.bytes = replacement.to_vec();
            reading.rest();
            reading.seek(20_000);
            reading.rest();
            reading.key_frames();
        }
    }
}

#[test]
fn a_file_that_tells_its_duration_ends_and_another_may_grow() {
    let ending = |properties: Object| {
        let mut file = Writer::new();
        file.tag(Kind::Data, 0, &on_metadata(properties));
        file.configurations();
        file.picture(0, true, 30);
        file.picture(40, false, 30);
        let mut reading = Reading::open(Memory::new(file.0)).unwrap();
        reading.rest();
        reading.demuxer.ending()
    };
    assert_eq!(ending(Object::default().with("duration", 0.08)), Ending::Whole);
    // So recorders begin a file.
    assert_eq!(ending(Object::default().with("duration", 0.0)), Ending::Open);
    assert_eq!(ending(Object::default()), Ending::Open);
}
