//! Tests of the syntax of limits, and of the bitrate.

use super::past_meters::MAX_REMEMBERED;
use super::settings::{parse_bitrate, parse_codecs, parse_resolution};
use super::*;
use crate::engine::{AppId, Endpoint};
use crate::media::Kind;
use crate::media::flv::Codec;

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn a_bitrate_is_in_bits_and_a_forgotten_k_is_found() {
    for (text, bits) in
        [("off", None), ("2500k", Some(2_500_000)), ("6M", Some(6_000_000)), ("1000", Some(1000))]
    {
        assert_eq!(parse_bitrate(&words(text)), Ok(bits), "{text}");
    }
    let error = parse_bitrate(&words("6")).unwrap_err();
    assert_eq!(error, "\"6\" is less than 1k bits a second; did you mean \"6k\"?");
    for text in ["", "k", "2.5m", "-1k", "6mbit", "18446744073709551615m", "1k 2k"] {
        assert!(parse_bitrate(&words(text)).is_err(), "{text}");
    }
}

#[test]
fn a_resolution_is_two_sides_in_either_order() {
    assert_eq!(parse_resolution(&words("1280x720")), Ok(Some((1280, 720))));
    assert_eq!(parse_resolution(&words("720x1280")), Ok(Some((1280, 720))));
    assert_eq!(parse_resolution(&words("off")), Ok(None));
    for text in ["720p", "1280", "0x720", "1280x", "x", "-1x1", "1280x720x1", "4294967296x1", "1x1 2x2"] {
        assert!(parse_resolution(&words(text)).is_err(), "{text}");
    }
}

#[test]
fn every_name_of_a_codec_is_known_and_a_slip_is_named() {
    assert_eq!(parse_codecs(&words("all")), Ok(None));
    assert_eq!(
        parse_codecs(&words("h264 screen aac")),
        Ok(Some(vec![
            (Kind::Video, Codec::Avc),
            (Kind::Video, Codec::Other(3)),
            (Kind::Video, Codec::Other(6)),
            (Kind::Audio, Codec::Aac),
        ]))
    );
    assert_eq!(parse_codecs(&words("h246")), Err("no codec \"h246\"; did you mean \"h264\"?".to_owned()));
    for text in ["", "all aac", "theora", "H264"] {
        assert!(parse_codecs(&words(text)).is_err(), "{text}");
    }
    let doc = DIRECTIVES.iter().find(|row| row.name == "publish_codecs").unwrap().doc;
    for name in Codec::names().filter(|name| !["avc", "h265", "h266"].contains(name)) {
        assert!(doc.contains(name), "{name}");
    }
}

/// Sends frames of so many bytes each 40 ms of media, at a time of the clock that depends on the frame's number. The
/// first frame that is too much.
fn first_over(
    bitrate: u64,
    bytes: impl Fn(u32) -> usize,
    media: u32,
    clock: impl Fn(u32) -> u32,
) -> Option<u32> {
    let begun = Instant::now();
    let frame = |number: u32| {
        let payload = vec![0x27; bytes(number)];
        Frame::from_payload(Kind::Video, u64::from(number * media), &payload)
    };
    let mut meter = BitrateMeter::new(Endpoint { session: Default::default(), msid: 1 }, &frame(0), begun);
    (0..3000).find(|number| {
        let now = begun + Duration::from_millis(clock(*number).into());
        meter.exceeds(bitrate, &frame(*number), now)
    })
}

/// 25 frames a second of 5000 bytes: 1 Mbit/s.
const FRAME: usize = 5000;

#[test]
fn an_encoder_that_keeps_to_the_bitrate_is_never_over_it_and_one_beyond_soon_is() {
    let steady = |number| number * 40;
    assert_eq!(first_over(1_010_000, |_| FRAME, 40, steady), None);
    let over = first_over(990_000, |_| FRAME, 40, steady).unwrap();
    assert!((240..260).contains(&over), "{over}");
    // Ten times as much is not waited ten seconds for.
    let over = first_over(100_000, |_| FRAME, 40, steady).unwrap();
    assert!((20..30).contains(&over), "{over}");
    // It begins late.
    let over = first_over(1_010_000, |number| if number < 1500 { FRAME } else { FRAME * 2 }, 40, steady);
    assert!((1600..1900).contains(&over.unwrap()), "{over:?}");
}

#[test]
fn key_frames_gathered_media_and_files_at_full_speed_are_not_more_than_they_are() {
    let limit = 1_100_000;
    let keys = |number: u32| if number.is_multiple_of(250) { FRAME * 51 } else { FRAME * 4 / 5 };
    assert_eq!(first_over(limit, keys, 40, |number| number * 40), None, "large key frames");
    let gathered = |number: u32| (number * 40).next_multiple_of(8000);
    assert_eq!(first_over(limit, |_| FRAME, 40, gathered), None, "eight seconds at once");
    assert_eq!(first_over(limit, |_| FRAME, 40, |number| number), None, "a file at 40 times its speed");
}

#[test]
fn a_publisher_whose_media_time_stands_still_is_measured_by_the_clock() {
    assert_eq!(first_over(1_100_000, |_| FRAME, 0, |number| number * 40), None);
    assert!(first_over(900_000, |_| FRAME, 0, |number| number * 40).is_some());
    assert!(first_over(1_100_000, |_| FRAME, 0, |number| number).is_some());
}

#[test]
fn meters_of_ended_publishers_are_dropped_with_their_window_and_the_oldest_for_another() {
    let begun = Instant::now();
    let frame = Frame::from_payload(Kind::Audio, 0, &[0x2f; 2000]);
    let mut past = PastMeters::default();
    let mut meter = BitrateMeter::new(Endpoint { session: Default::default(), msid: 1 }, &frame, begun);
    assert!(meter.exceeds(1000, &frame, begun));
    let name = |number: usize| StreamName::new(&format!("n{number}")).unwrap();
    for number in 0..=MAX_REMEMBERED {
        past.remember(AppId(0), name(number), meter, begun);
        past.remember(AppId(0), name(number.saturating_sub(1)), meter, begun);
        assert!(past.len() <= MAX_REMEMBERED);
    }
    assert!(past.get(AppId(0), &name(0), begun).is_none());
    assert!(past.get(AppId(0), &name(MAX_REMEMBERED), begun).is_some_and(|meter| meter.is_over(1000)));
    assert!(past.get(AppId(1), &name(MAX_REMEMBERED), begun).is_none());
    let later = begun + Duration::from_secs(10);
    assert!(past.get(AppId(0), &name(MAX_REMEMBERED), later).is_none());
    past.remember(AppId(0), name(0), meter, later);
    assert_eq!(past.len(), 0);
}

#[test]
fn an_encoder_that_comes_again_with_what_it_has_gathered_is_not_over_its_bitrate() {
    let begun = Instant::now();
    let publisher = Endpoint { session: Default::default(), msid: 1 };
    let frame = |number: u64| Frame::from_payload(Kind::Video, number * 40, &[0x27; FRAME]);
    let mut meter = BitrateMeter::new(publisher, &frame(0), begun);
    let at = |number: u64| begun + Duration::from_millis(number * 40);
    assert!((0..125).all(|number| !meter.exceeds(1_100_000, &frame(number), at(number))));
    // Four seconds without a network come at once, from a media time of zero.
    let mut meter = meter.inherit(publisher, &frame(0));
    assert!((0..100).all(|number| !meter.exceeds(1_100_000, &frame(number), at(225))));
    assert!((100..1000).all(|number| !meter.exceeds(1_100_000, &frame(number), at(125 + number))));
}

#[test]
fn the_size_is_read_behind_start_codes_and_within_other_units() {
    use super::picture::{length_size, sizes_of_sets};
    const SPS: &[u8] =
        b"\x67\x42\xc0\x0d\xd9\x01\x41\xfb\x01\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\x20\xf1\x42\xa4\x80";
    let sizes = |body: &[u8]| sizes_of_sets(Codec::Avc, 4, body);
    let behind_lengths = [&[0, 0, 0, SPS.len() as u8], SPS].concat();
    let expected = sizes(&behind_lengths).filter(|sizes| sizes.len() == 1);
    assert!(expected.is_some());
    assert_eq!(sizes(&[&[0, 0, 0, 1][..], SPS, &[0, 0, 1, 0x65, 0x88]].concat()), expected);
    let hidden = [&[0x06, 1, 1, 7, 0x80, 0, 0, 0, 1][..], SPS].concat();
    let slice = [0, 0, 0, 2, 0x65, 0x88];
    assert_eq!(sizes(&[&[0, 0, 0, hidden.len() as u8][..], &hidden, &slice].concat()), expected);
    let too_many = [&b"\0\0\x01\x09".repeat(5000)[..], &[0, 0, 1], SPS].concat();
    assert_eq!(sizes(&too_many), None, "it does not tell");
    assert_eq!(sizes(&[0xff; 9]), Some(vec![]), "broken, and not a picture");
    // A record of sets behind start codes says nothing of lengths.
    let header = Frame::from_payload(Kind::Video, 0, &[&[0x17, 0, 0, 0, 0, 0, 0, 0, 1][..], SPS].concat());
    let frame = Frame::from_payload(Kind::Video, 0, &[0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88]);
    assert_eq!(length_size(Some(&header), &frame), Some(4));
}
