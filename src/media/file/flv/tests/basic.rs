use super::*;
use crate::media::Codec;

fn captures() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|ext| ext == "flv")).collect();
    assert!(files.len() > 20);
    files.into_iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn the_messages_of_real_files_are_given_as_they_are() {
    for (name, file) in captures() {
        let expected = messages_of(&file);
        for source in [Memory::new(file.clone()), Memory::slow(file.clone())] {
            let mut reading = Reading::open(source).unwrap();
            let (messages, is_end) = reading.rest();
            assert!(is_end, "{name}");
            let facts = reading.demuxer.facts().clone();
            assert!(facts.duration.is_some(), "{name}: {facts:?}");
            let given: Vec<_> = messages.iter().map(|m| (m.kind, m.time as u32, m.body.clone())).collect();
            // A duration of 0 is set.
            let skip = usize::from(messages[0].role == MessageRole::Data);
            assert!(given[skip..] == expected[skip..], "{name}");
        }
    }
}

#[test]
fn a_search_finds_the_last_key_frame_before_any_time() {
    for (pictures, group, size) in [(100, 10, 50), (3000, 50, 3000), (2000, 1999, 3000), (40, 5, 100_000)] {
        let (file, keys) = usual(pictures, group, size);
        let mut reading = Reading::open(Memory::new(file)).unwrap();
        assert_eq!(reading.key_frames(), keys);
        assert_eq!(reading.next().unwrap().unwrap().role, MessageRole::Data);
        let end = u64::from(pictures) * 40 + 1000;
        for to in (0..end).step_by(end as usize / 29).chain(keys.iter().copied().step_by(5)) {
            let expected = keys.iter().copied().filter(|key| *key <= to).max().unwrap();
            assert_eq!(reading.seek(to), expected, "{to} of {pictures}/{group}");
            for config in [AVC_CONFIG, AAC_CONFIG] {
                let message = reading.next().unwrap().unwrap();
                assert_eq!((&*message.body, message.time), (config, expected));
            }
            let message = reading.next().unwrap().unwrap();
            assert_eq!((message.kind, message.time), (Kind::Video, expected));
            assert_eq!(message.role, MessageRole::Key);
        }
    }
}

#[test]
fn facts_are_those_of_the_first_messages() {
    let (file, _) = usual(100, 10, 50);
    let reading = Reading::open(Memory::new(file)).unwrap();
    let facts = reading.demuxer.facts();
    assert_eq!((facts.video_codec, facts.audio_codec), (Codec::Avc, Codec::Aac));
    assert_eq!((facts.width, facts.height), (640, 360));
    assert_eq!((facts.sample_rate, facts.channels), (44_100, 2));
    assert_eq!(facts.duration, Some(99 * 40 + 31));
}

#[test]
fn enhanced_codecs_and_old_ones_are_told_by_their_first_messages() {
    let stream_info = [&b"fLaC\x80\0\0\x22"[..], &[0; 10], &[0x0b, 0xb8, 0x02, 0xf0], &[0; 20]].concat();
    let flac = [&b"\x90fLaC"[..], &stream_info].concat();
    let opus = b"\x90OpusOpusHead\x01\x06\0\0\x80\xbb\0\0\0\0\0".to_vec();
    let cases: [(&[u8], &[u8], _); 5] = [
        (b"\x90av01", &opus, (Codec::Av1, Codec::Opus, 48_000, 6)),
        (b"\x90vp09config", &flac, (Codec::Vp9, Codec::Flac, 48_000, 2)),
        (b"\x12h263", b"\xb6speex", (Codec::Other(2), Codec::Other(11), 11_025, 1)),
        (b"\x1c\0\0\0\0record", b"\x2e\xff\xfb\x90\0", (Codec::Hevc, Codec::Mp3, 0, 0)),
        (b"\x96\x00av01\x01another track", AAC_CONFIG, (Codec::None, Codec::Aac, 44_100, 2)),
    ];
    for (video, audio, expected) in cases {
        let mut file = Writer::new();
        file.tag(Kind::Audio, 0, audio);
        file.tag(Kind::Video, 0, video);
        let object = Object::default().with("height", 90.0).with("width", 160.0);
        file.tag(Kind::Data, 0, &on_metadata(object));
        let reading = Reading::open(Memory::new(file.0)).unwrap();
        let facts = reading.demuxer.facts();
        let found = (facts.video_codec, facts.audio_codec, facts.sample_rate, facts.channels);
        assert_eq!((found, facts.width, facts.height), (expected, 160, 90));
    }
}
