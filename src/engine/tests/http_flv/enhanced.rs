//! Enhanced RTMP: as browsers read it, and as it is.

use super::*;

const HDR: &[u8] = b"\xd4avc1\x02\x00\x09colorInfo\x05";
const OTHER_TRACK: &[u8] = &[0xa6, 0x01, b'a', b'v', b'c', b'1', 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 0x9a];

/// A message of `avc1` for one that FLV has a number for.
fn avc1(legacy: &[u8]) -> Vec<u8> {
    let [first, packet, time @ ..] = legacy.first_chunk::<5>().unwrap();
    let head = [&[0x80 | first & 0x70 | packet][..], b"avc1"].concat();
    [&head[..], if *packet == 1 { time } else { &[] }, &legacy[5..]].concat()
}

#[test]
fn browsers_get_one_track_in_old_headers_and_others_all() {
    let mut world = world(CACHED);
    let mut publisher = Client::publish(&mut world, "a");
    let mut pages = ["", "raw"].map(|path| Page::open(&mut world, path));
    let header = avc1(&avc_header());
    let second = [&[0x96, 0x00][..], b"avc1", &[1], &avc_header()[5..]].concat();
    publisher.frame(&mut world, Kind::Video, 0, &header);
    publisher.frame(&mut world, Kind::Video, 0, &second);
    publisher.frame(&mut world, Kind::Video, 0, HDR);
    publisher.frame(&mut world, Kind::Audio, 0, b"\x90mp4a\x12\x10");
    publisher.frame(&mut world, Kind::Video, 0, &avc1(KEY));
    publisher.frame(&mut world, Kind::Audio, 5, b"\x91mp4a\x01\x02\x03");
    publisher.frame(&mut world, Kind::Video, 6, OTHER_TRACK);
    publisher.frame(&mut world, Kind::Video, 40, &avc1(INTER));
    let late = Page::open(&mut world, "");
    let browser = [
        Got::Flags(5),
        Got::Metadata(true, true),
        video(0, &avc_header()),
        audio(0, AUDIO_HEADER),
        video(0, KEY),
        audio(5, AUDIO),
        video(40, INTER),
    ];
    let raw = [
        Got::Flags(5),
        Got::MetadataAsIs,
        video(0, &header),
        video(0, &second),
        video(0, HDR),
        audio(0, b"\x90mp4a\x12\x10"),
        video(0, &avc1(KEY)),
        audio(5, b"\x91mp4a\x01\x02\x03"),
        video(6, OTHER_TRACK),
        video(40, &avc1(INTER)),
    ];
    let [first, second] = &mut pages;
    assert_eq!(first.take(&mut world), browser);
    assert_eq!(second.take(&mut world), raw);
    let mut late = late;
    assert_eq!(late.take(&mut world), browser);
}

#[test]
fn a_codec_that_browsers_do_not_know_is_not_promised_to_them() {
    let mut world = world(CACHED);
    let mut pages = ["", "raw", "video"].map(|path| Page::open(&mut world, path));
    let mut publisher = Client::publish(&mut world, "a");
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO_HEADER);
    publisher.frame(&mut world, Kind::Video, 0, b"\x91vp09\x82\x49");
    publisher.frame(&mut world, Kind::Audio, 1, AUDIO);
    let late = Page::open(&mut world, "");
    publisher.frame(&mut world, Kind::Video, 2, b"\x91vp09\x82\x49");
    let mut pages = {
        let [a, b, c] = pages.each_mut().map(|page| page.take(&mut world));
        [a, b, c]
    };
    let mut late = late;
    let sound = [Got::Flags(4), Got::Metadata(true, false), audio(0, AUDIO_HEADER), audio(1, AUDIO)];
    assert_eq!(pages[0], sound);
    assert_eq!(late.take(&mut world), sound);
    assert_eq!(pages[1][..2], [Got::Flags(5), Got::MetadataAsIs]);
    assert!(pages[1].contains(&video(2, b"\x91vp09\x82\x49")));
    assert_eq!(std::mem::take(&mut pages[2]), [], "there is nothing that it could be told of");
}

#[test]
fn a_configuration_that_browsers_cannot_read_keeps_its_track_from_them() {
    let mut world = world(CACHED);
    let mut publisher = Client::publish(&mut world, "a");
    // No parameter sets.
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO_HEADER);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    publisher.frame(&mut world, Kind::Audio, 1, AUDIO);
    let mut page = Page::open(&mut world, "");
    let sound = [Got::Flags(4), Got::Metadata(true, false), audio(0, AUDIO_HEADER), audio(1, AUDIO)];
    assert_eq!(page.take(&mut world), sound);
}

#[test]
fn a_changed_frame_is_made_once_for_all_browsers() {
    let mut world = world(CACHED);
    let mut publisher = Client::publish(&mut world, "a");
    publisher.frame(&mut world, Kind::Video, 0, &avc1(&avc_header()));
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO_HEADER);
    publisher.frame(&mut world, Kind::Video, 0, &avc1(&[KEY, &vec![7; 50_000]].concat()));
    publisher.frame(&mut world, Kind::Audio, 1, AUDIO);
    let stream = |world: &World| world.engine.cx.streams.iter().next().unwrap().meter.bytes();
    let before = stream(&world);
    let mut pages: Vec<_> = (0..20).map(|_| Page::open(&mut world, "")).collect();
    let added = stream(&world) - before;
    // The frame with its headroom and its image as a chunk; metadata is made once, too.
    assert!((100_000..105_000).contains(&added), "{added}");
    assert!(pages.iter_mut().all(|page| page.take(&mut world).len() == 6));
}
