//! Files with tables.

use proptest::prelude::*;

use super::made::*;
use crate::media::Codec;
use crate::media::file::{FileFacts, MessageRole, Next, Window};
use crate::media::kind::Kind;

/// Milliseconds of units, rounded as a person would.
fn milliseconds(units: i64, timescale: u32) -> i64 {
    (units as f64 * 1000.0 / f64::from(timescale) + 0.5).floor() as i64
}

/// What is to be heard of a movie whose tracks have the edit of the usual offset: time, head, body of all its media.
fn expected(made: &Made, media_times: &[i64]) -> Vec<Heard> {
    let mut all = Vec::new();
    let times = |track: &MadeTrack, origin: i64| {
        let mut time = -origin;
        let mut times = Vec::new();
        for sample in &track.samples {
            times.push(time);
            time += i64::from(sample.duration);
        }
        times
    };
    let first =
        made.tracks.iter().zip(media_times).map(|(track, origin)| milliseconds(-origin, track.timescale));
    let shift = first.min().unwrap_or(0).min(0);
    for (index, (track, origin)) in made.tracks.iter().zip(media_times).enumerate() {
        for (at, (sample, time)) in track.samples.iter().zip(times(track, *origin)).enumerate() {
            let decoded = milliseconds(time, track.timescale);
            let presented = milliseconds(time + i64::from(sample.composition), track.timescale);
            let composition = ((presented - decoded) as i32).to_be_bytes();
            let is_video = track.kind == Kind::Video;
            let head = match (is_video, sample.sync) {
                (true, true) => vec![0x17, 1, composition[1], composition[2], composition[3]],
                (true, false) => vec![0x27, 1, composition[1], composition[2], composition[3]],
                (false, _) => vec![0xaf, 1],
            };
            let role = if is_video && sample.sync { MessageRole::Key } else { MessageRole::Other };
            let payload = [head, body(index, at, sample.size)].concat();
            all.push(Heard { kind: track.kind, time: (decoded - shift) as u64, role, payload });
        }
    }
    all.sort_by_key(|heard| (heard.time, heard.kind == Kind::Audio));
    all
}

fn media(heard: &[Heard]) -> Vec<Heard> {
    heard.iter().filter(|heard| heard.is_media()).cloned().collect()
}

fn both() -> Made {
    movie(&[pictures(40), frames(60)])
}

#[test]
fn messages_come_in_the_order_of_their_times_behind_metadata_and_configurations() {
    let made = both();
    let heard = all(&made.bytes()).unwrap();
    let roles: Vec<_> = heard.iter().take(4).map(|heard| (heard.kind, heard.role)).collect();
    let configuration = MessageRole::Configuration;
    assert_eq!(
        roles[..3],
        [(Kind::Data, MessageRole::Data), (Kind::Video, configuration), (Kind::Audio, configuration)]
    );
    assert_eq!(heard[1].payload, [&[0x17, 0, 0, 0, 0], AVC].concat());
    assert_eq!(heard[2].payload, [&[0xaf, 0], AAC].concat());
    assert_eq!(media(&heard), expected(&made, &[1024, 1024]));
    assert_eq!(heard[3].payload[..5], [0x17, 1, 0, 0, 80], "a composition time of two pictures");
}

#[test]
fn the_order_of_boxes_the_form_of_tables_and_unknown_boxes_change_nothing() {
    let wanted = all(&both().bytes()).unwrap();
    let uuid = boxed(b"uuid", &[7; 40]);
    let between = [boxed(b"free", &[0; 9]), boxed(b"wide", &[]), uuid, boxed(b"\xa9abc", b"moov")].concat();
    for (is_front, is_long) in [(true, true), (false, false), (false, true)] {
        for between in [&[][..], &between] {
            for size_bits in [32, 16, 8] {
                let mut made = Made { is_front, is_long, between: between.to_vec(), ..both() };
                made.tracks.iter_mut().for_each(|track| track.size_bits = size_bits);
                let heard = all(&made.bytes()).unwrap();
                assert_eq!(media(&heard), media(&wanted), "{is_front} {is_long} {size_bits}");
            }
        }
    }
    let mut small = both();
    small.tracks[1].size_bits = 4;
    assert_eq!(media(&all(&small.bytes()).unwrap()), media(&wanted));
    // A box of media that goes to the end of the file.
    let mut bytes = both().bytes();
    let at = bytes.windows(4).position(|four| four == b"mdat").unwrap();
    bytes[at - 4..at].fill(0);
    assert_eq!(all(&bytes).unwrap(), wanted);
}

#[test]
fn what_is_known_of_a_file_is_told() {
    let mut source = Memory::new(&both().bytes());
    let demuxer = open(&mut source).unwrap();
    let facts = FileFacts {
        duration: Some(1600),
        video_codec: Codec::Avc,
        width: 640,
        height: 360,
        audio_codec: Codec::Aac,
        sample_rate: 44_100,
        channels: 2,
        left_out: [None; 2],
    };
    assert_eq!(*demuxer.facts(), facts);
    let heard = all(&both().bytes()).unwrap();
    let values = crate::media::amf::amf0::decode(&heard[0].payload).unwrap();
    let object = values[1].as_object().unwrap();
    for (name, value) in [
        ("duration", 1.6),
        ("width", 640.0),
        ("height", 360.0),
        ("framerate", 25.0),
        ("videocodecid", 7.0),
        ("audiosamplerate", 44_100.0),
        ("audiocodecid", 10.0),
        ("filesize", both().bytes().len() as f64),
    ] {
        assert_eq!(object.number(name), Some(value), "{name}");
    }
}

#[test]
fn an_empty_edit_is_a_delay_and_the_first_other_one_counts() {
    let plain = |edits: &[u32]| {
        let mut made = both();
        made.tracks[1].edits = Some(numbers(edits));
        media(&all(&made.bytes()).unwrap())
    };
    let delay = 500 * 441 / 10;
    let wanted = expected(&both(), &[1024, 1024 - delay]);
    assert_eq!(plain(&[2, 500, u32::MAX, 0x1_0000, 700, 1024, 0x1_0000]), wanted);
    assert_eq!(plain(&[3, 500, u32::MAX, 0x1_0000, 100, 1024, 0x8000, 700, 9000, 0x1_0000]), wanted);
    assert_eq!(plain(&[0]), expected(&both(), &[1024, 0]));
}

#[test]
fn a_seek_finds_the_key_frame_and_the_sound_from_there() {
    let made = both();
    let whole = expected(&made, &[1024, 1024]);
    let mut source = Memory::new(&made.bytes());
    let mut demuxer = open(&mut source).unwrap();
    assert_eq!(key_frames(&mut demuxer, &mut source).unwrap(), [0, 320, 640, 960, 1280]);
    for to in [0, 1, 319, 320, 321, 1000, 1280, 5000, u64::MAX, 640] {
        let key = (to / 320 * 320).min(1280);
        assert_eq!(seek(&mut demuxer, &mut source, to).unwrap(), key);
        let heard = rest(&mut demuxer, &mut source).unwrap();
        let wanted: Vec<_> = whole.iter().filter(|heard| heard.time >= key).cloned().collect();
        assert_eq!(media(&heard), wanted, "{to}");
        let configurations = heard.iter().filter(|heard| heard.role == MessageRole::Configuration);
        assert!(configurations.clone().all(|heard| heard.time == key) && configurations.count() == 2);
    }
}

#[test]
fn what_an_edit_list_cuts_off_in_front_is_not_played_but_for_a_second() {
    let mut made = movie(&[pictures(200), frames(300)]);
    made.tracks[0].edits = Some(numbers(&[1, 0, 1024 + 12_800 * 5, 0x1_0000]));
    made.tracks[1].edits = Some(numbers(&[1, 0, 1024 + 44_100 * 5, 0x1_0000]));
    // The key frame at 3.84 s is the last one before 4.08 s.
    let mut source = Memory::new(&made.bytes());
    let mut demuxer = open(&mut source).unwrap();
    let whole = rest(&mut demuxer, &mut source).unwrap();
    let first: Vec<_> = whole.iter().filter(|heard| heard.is_media()).take(2).collect();
    assert_eq!((first[0].time, first[0].kind, first[0].role), (0, Kind::Video, MessageRole::Key));
    assert_eq!(first[0].payload[5..], body(0, 96, 5 + 96 % 7));
    assert!(first[1].kind == Kind::Audio && first[1].time < 24);
    let keys = key_frames(&mut demuxer, &mut source).unwrap();
    assert_eq!((keys.len(), keys[0], keys[1]), (13, 0, 320));
    for to in [0, 319, 320] {
        assert_eq!(seek(&mut demuxer, &mut source, to).unwrap(), to / 320 * 320);
        let heard = rest(&mut demuxer, &mut source).unwrap();
        let wanted: Vec<_> = media(&whole).into_iter().filter(|heard| heard.time >= to / 320 * 320).collect();
        assert_eq!(media(&heard), wanted);
    }
}

#[test]
fn sound_alone_has_a_place_every_two_seconds() {
    let made = movie(&[frames(300)]);
    let mut source = Memory::new(&made.bytes());
    let mut demuxer = open(&mut source).unwrap();
    assert_eq!(key_frames(&mut demuxer, &mut source).unwrap(), [0, 2020, 4040, 6060]);
    assert_eq!(seek(&mut demuxer, &mut source, 2030).unwrap(), 2020);
    let heard = rest(&mut demuxer, &mut source).unwrap();
    assert!(heard.iter().filter(|heard| heard.is_media()).all(|heard| heard.role == MessageRole::Key));
}

#[test]
fn another_description_gives_another_configuration() {
    let mut made = both();
    let other = [AVC, &[9]].concat();
    made.tracks[0].entries.push(visual(b"avc1", &boxed(b"avcC", &other)));
    made.tracks[0].per_chunk = 8;
    made.tracks[0].samples.iter_mut().skip(16).take(8).for_each(|sample| sample.description = 2);
    let heard = all(&made.bytes()).unwrap();
    let configurations: Vec<_> = heard
        .iter()
        .filter(|heard| heard.role == MessageRole::Configuration && heard.kind == Kind::Video)
        .map(|heard| (heard.time, heard.payload.len() - 5))
        .collect();
    assert_eq!(configurations, [(0, 7), (640, 8), (960, 7)]);
    assert_eq!(media(&heard), expected(&both(), &[1024, 1024]));
    let mut source = Memory::new(&made.bytes());
    let mut demuxer = open(&mut source).unwrap();
    seek(&mut demuxer, &mut source, 700).unwrap();
    assert_eq!(rest(&mut demuxer, &mut source).unwrap()[1].payload.len() - 5, 8);
}

#[test]
fn what_cannot_be_sent_is_left_out_in_bounded_calls_and_nothing_overtakes_it() {
    let mut made = movie(&[pictures(1600), frames(3000)]);
    let free = vec![boxed(b"free", &[0; 1100]); 62];
    made.tracks[0].entries.extend(free);
    made.tracks[0].entries.push(visual(b"encv", &boxed(b"avcC", AVC)));
    made.tracks[0].per_chunk = 8;
    made.tracks[0].samples.iter_mut().skip(8).take(800).for_each(|sample| sample.description = 64);
    let mut wanted = expected(&made, &[1024, 1024]);
    wanted.retain(|heard| heard.kind == Kind::Audio || !(320..808 * 40).contains(&heard.time));
    let mut source = Memory::new(&made.bytes());
    let mut demuxer = open(&mut source).unwrap();
    let (mut window, mut times, mut more) = (Window::default(), Vec::new(), 0);
    loop {
        source.reads = 0;
        match demuxer.next(&mut source, &mut window).unwrap() {
            Next::Message(message) if message.kind.is_data() => {}
            Next::Message(message) if message.role == MessageRole::Configuration => {}
            Next::Message(message) => times.push((message.timestamp, message.kind)),
            Next::More => more += 1,
            Next::End => break,
        }
        assert!(source.reads < 400, "{} reads", source.reads);
    }
    assert_eq!(more, 3);
    assert_eq!(times, wanted.iter().map(|heard| (heard.time, heard.kind)).collect::<Vec<_>>());
}

#[test]
fn the_first_track_that_is_to_be_shown_and_can_be_sent_is() {
    let sizes = |made: &Made, kind| {
        let heard = media(&all(&made.bytes()).unwrap());
        heard.iter().filter(|heard| heard.kind == kind).count()
    };
    let mut made = movie(&[frames(10), pictures(5), pictures(6), frames(20)]);
    assert_eq!((sizes(&made, Kind::Video), sizes(&made, Kind::Audio)), (5, 10));
    made.tracks[0].flags = 0;
    assert_eq!(sizes(&made, Kind::Audio), 20);
    made.tracks[3].flags = 0;
    assert_eq!(sizes(&made, Kind::Audio), 10);
    made.tracks[1].entries = vec![visual(b"jpeg", &[])];
    assert_eq!(sizes(&made, Kind::Video), 6);
    made.tracks[2].reference = full(b"url ", 0, 0, b"other.mp4\0");
    assert_eq!((sizes(&made, Kind::Video), sizes(&made, Kind::Audio)), (0, 10));
}

#[test]
fn what_cannot_be_played_is_told_in_words() {
    let told = |bytes: &[u8]| all(bytes).unwrap_err().to_string();
    let with = |entry: Vec<u8>| told(&movie(&[MadeTrack { entries: vec![entry], ..pictures(3) }]).bytes());
    assert_eq!(with(visual(b"encv", &boxed(b"avcC", AVC))), "its pictures are encrypted");
    assert_eq!(with(visual(b"apch", &[])), "its pictures have a codec that cannot be sent");
    assert_eq!(with(visual(b"avc1", &[])), "the configuration of its pictures is missing");
    let sounds = |entry: Vec<u8>| told(&movie(&[MadeTrack { entries: vec![entry], ..frames(3) }]).bytes());
    assert_eq!(sounds(sound(b"enca", &esds(0x40, AAC))), "its sound is encrypted");
    assert_eq!(sounds(sound(b"sowt", &[])), "its sound has a codec that cannot be sent");
    assert_eq!(sounds(sound(b"mp4a", &esds(0xdd, AAC))), "its sound has a codec that cannot be sent");
    assert_eq!(sounds(sound(b"mp4a", &[])), "the configuration of its sound is missing");
    let outside = full(b"url ", 0, 0, b"x\0");
    assert_eq!(
        told(&movie(&[MadeTrack { reference: outside, ..frames(3) }]).bytes()),
        "its media is in another file"
    );
    assert_eq!(told(&movie(&[pictures(0), frames(0)]).bytes()), "it has no media");
    assert_eq!(told(&movie(&[]).bytes()), "it has neither pictures nor sound");
    let bytes = Made { is_front: false, ..both() }.bytes();
    assert_eq!(told(&bytes[..200]), "it has no index: perhaps it was not written to its end");
    assert_eq!(told(&bytes[..bytes.len() - 1]), "its index is cut off");
    for other in [&b""[..], b"ID3\x04", b"RIFF\0\0\0\0WAVEfmt ", &[0; 100], &[0xff; 100]] {
        assert_eq!(told(other), "it is neither FLV nor MP4", "{other:02x?}");
    }
}

#[test]
fn samples_without_bytes_and_too_long_ones_are_left_out() {
    let mut made = both();
    made.tracks[0].samples[3].size = 0;
    made.tracks[0].samples[5].size = 0;
    let heard = media(&all(&made.bytes()).unwrap());
    let mut wanted = expected(&made, &[1024, 1024]);
    wanted.retain(|heard| heard.payload.len() > if heard.kind == Kind::Video { 5 } else { 2 });
    assert_eq!((heard.len(), heard), (98, wanted));
    made.tracks[0].samples[3].size = (8 << 20) + 1;
    assert_eq!(media(&all(&made.bytes()).unwrap()).len(), 98);
}

#[test]
fn a_file_that_is_cut_ends_where_it_is() {
    let bytes = both().bytes();
    let whole = all(&bytes).unwrap();
    let begin = bytes.windows(4).position(|four| four == b"mdat").unwrap() + 4;
    for length in begin..bytes.len() {
        let heard = all(&bytes[..length]).unwrap();
        // The metadata has another length of the file.
        assert_eq!(heard[1..], whole[1..heard.len()], "{length}");
    }
}

fn sample(kind: Kind) -> impl Strategy<Value = MadeSample> {
    let is_video = kind == Kind::Video;
    (1u32..40, prop_oneof![Just(0u32), Just(512), 1u32..3000], -2000i32..4000, any::<bool>()).prop_map(
        move |(size, duration, composition, sync)| MadeSample {
            size,
            duration,
            composition: if is_video { composition } else { 0 },
            sync: sync || !is_video,
            description: 1,
        },
    )
}

fn track(kind: Kind) -> impl Strategy<Value = MadeTrack> {
    let samples = prop::collection::vec(sample(kind), 1..60);
    let media_time = prop::option::of(0u32..600);
    (samples, 1usize..6, prop::sample::select(vec![600u32, 1000, 12_800, 90_000]), media_time).prop_map(
        move |(samples, per_chunk, timescale, media_time)| {
            let base = if kind == Kind::Video { pictures(0) } else { frames(0) };
            let edits = media_time.map(|time| numbers(&[1, 0, time, 0x1_0000]));
            MadeTrack { samples, per_chunk, timescale, edits, ..base }
        },
    )
}

fn media_time(track: &MadeTrack) -> i64 {
    let time = track.edits.as_ref().map(|edits| u32::from_be_bytes(edits[8..12].try_into().unwrap()));
    time.unwrap_or_default().into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_movie_is_read_whole_and_from_any_time(
        pictures in track(Kind::Video),
        frames in track(Kind::Audio),
        is_front: bool,
        is_long: bool,
        times in prop::collection::vec(0u64..4000, 6),
    ) {
        let made = Made { is_front, is_long, ..movie(&[pictures, frames]) };
        let origins: Vec<_> = made.tracks.iter().map(media_time).collect();
        let whole = expected(&made, &origins);
        let mut source = Memory { is_shy: true, ..Memory::new(&made.bytes()) };
        let mut demuxer = open(&mut source).unwrap();
        prop_assert_eq!(media(&rest(&mut demuxer, &mut source).unwrap()), whole.clone());
        let keys: Vec<_> = whole.iter().filter(|heard| heard.role == MessageRole::Key).collect();
        let found = key_frames(&mut demuxer, &mut source).unwrap();
        let mut wanted: Vec<_> = keys.iter().map(|key| key.time).collect();
        wanted.dedup();
        prop_assert_eq!(&found, &wanted);
        for to in times {
            let time = seek(&mut demuxer, &mut source, to).unwrap();
            let heard = media(&rest(&mut demuxer, &mut source).unwrap());
            let key = keys.iter().rev().find(|key| key.time <= to).or(keys.first());
            let Some(key) = key else { continue };
            prop_assert_eq!(time, key.time);
            // Several pictures may have the same time.
            let sounds = whole.iter().filter(|heard| heard.kind == Kind::Audio && heard.time >= time);
            prop_assert_eq!(heard.iter().filter(|heard| heard.kind == Kind::Audio).count(), sounds.count());
            let first = heard.iter().position(|heard| heard.kind == Kind::Video).unwrap();
            prop_assert_eq!((&heard[first].payload, heard[first].time), (&key.payload, key.time));
            let rest = whole.iter().skip_while(|heard| heard.payload != key.payload);
            let pictures = rest.filter(|heard| heard.kind == Kind::Video).count();
            prop_assert_eq!(heard.iter().filter(|heard| heard.kind == Kind::Video).count(), pictures);
        }
    }
}
