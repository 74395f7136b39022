//! Which tracks an HTTP player is told of, and when.

use super::*;

#[test]
fn a_player_that_was_there_first_begins_when_both_tracks_have_frames() {
    let mut world = world(CACHED);
    let mut pages =
        [Page::open(&mut world, ""), Page::open(&mut world, "websocket"), Page::open(&mut world, "raw")];
    let mut publisher = publisher(&mut world);
    publisher.frame(&mut world, Kind::Video, 1000, KEY);
    for page in &mut pages {
        assert_eq!(page.take(&mut world), [], "audio may still come");
    }
    publisher.frame(&mut world, Kind::Video, 1040, INTER);
    publisher.frame(&mut world, Kind::Audio, 1041, AUDIO);
    publisher.frame(&mut world, Kind::Video, 1080, INTER);
    let expected = |metadata| {
        [
            Got::Flags(5),
            metadata,
            video(0, &avc_header()),
            audio(0, AUDIO_HEADER),
            video(0, KEY),
            video(40, INTER),
            audio(41, AUDIO),
            video(80, INTER),
        ]
    };
    let [page, websocket, raw] = &mut pages;
    assert_eq!(page.take(&mut world), expected(Got::Metadata(true, true)));
    assert_eq!(websocket.take(&mut world), expected(Got::Metadata(true, true)));
    assert_eq!(raw.take(&mut world), expected(Got::MetadataAsIs));
}

#[test]
fn a_late_player_begins_with_the_cached_group_at_once() {
    let mut world = world(CACHED);
    let mut publisher = publisher(&mut world);
    publisher.frame(&mut world, Kind::Audio, 960, AUDIO);
    publisher.frame(&mut world, Kind::Video, 1000, KEY);
    publisher.frame(&mut world, Kind::Audio, 1001, AUDIO);
    let mut page = Page::open(&mut world, "");
    let expected = [
        Got::Flags(5),
        Got::Metadata(true, true),
        video(40, &avc_header()),
        audio(40, AUDIO_HEADER),
        video(40, KEY),
        audio(41, AUDIO),
    ];
    assert_eq!(page.take(&mut world), expected);
    publisher.frame(&mut world, Kind::Video, 1040, INTER);
    assert_eq!(page.take(&mut world), [video(80, INTER)]);
}

#[test]
fn without_a_cache_each_track_begins_with_its_headers() {
    let mut world = world(UNCACHED);
    let mut publisher = publisher(&mut world);
    publisher.frame(&mut world, Kind::Video, 1000, KEY);
    publisher.frame(&mut world, Kind::Audio, 1001, AUDIO);
    let mut page = Page::open(&mut world, "");
    assert_eq!(page.take(&mut world), []);
    publisher.frame(&mut world, Kind::Audio, 1020, AUDIO);
    let begun = [Got::Flags(5), Got::Metadata(true, true), audio(20, AUDIO_HEADER), audio(20, AUDIO)];
    assert_eq!(page.take(&mut world), begun);
    publisher.frame(&mut world, Kind::Video, 1040, INTER);
    assert_eq!(page.take(&mut world), []);
    publisher.frame(&mut world, Kind::Video, 2000, KEY);
    assert_eq!(page.take(&mut world), [video(1000, &avc_header()), video(1000, KEY)]);
}

#[test]
fn a_track_that_has_not_come_within_a_second_is_not_promised_and_never_sent() {
    for config in [CACHED, UNCACHED] {
        let mut world = world(config);
        let mut page = Page::open(&mut world, "");
        let mut publisher = publisher(&mut world);
        publisher.frame(&mut world, Kind::Video, 0, KEY);
        assert_eq!(page.take(&mut world), []);
        world.pass(1);
        publisher.frame(&mut world, Kind::Video, 1000, KEY);
        let got = page.take(&mut world);
        assert_eq!(got[0], Got::Flags(1));
        assert_eq!(got[1], Got::Metadata(false, true));
        assert_eq!(got.last(), Some(&video(1000, KEY)));
        publisher.frame(&mut world, Kind::Audio, 1010, AUDIO);
        publisher.frame(&mut world, Kind::Video, 1040, INTER);
        assert_eq!(page.take(&mut world), [video(1040, INTER)]);
        let mut next = Page::open(&mut world, "");
        publisher.frame(&mut world, Kind::Video, 1080, KEY);
        assert_eq!(next.take(&mut world)[0], Got::Flags(5), "it is there now");
    }
}

#[test]
fn a_track_that_has_ceased_is_not_promised() {
    let mut world = world(CACHED);
    let mut publisher = publisher(&mut world);
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO);
    for second in 0..7 {
        publisher.frame(&mut world, Kind::Video, second * 1000, KEY);
        world.pass(1);
    }
    let mut page = Page::open(&mut world, "");
    assert_eq!(page.take(&mut world)[..2], [Got::Flags(1), Got::Metadata(false, true)]);
}

#[test]
fn audio_alone_begins_after_a_second_with_the_next_frame() {
    let mut world = world(CACHED);
    let mut pages = [Page::open(&mut world, ""), Page::open(&mut world, "audio")];
    let mut publisher = Client::publish(&mut world, "a");
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO_HEADER);
    publisher.frame(&mut world, Kind::Audio, 20, AUDIO);
    let begun = [Got::Flags(4), Got::Metadata(true, false), audio(0, AUDIO_HEADER), audio(0, AUDIO)];
    assert_eq!(pages[0].take(&mut world), []);
    assert_eq!(pages[1].take(&mut world), begun, "it does not want anything else");
    world.pass(1);
    publisher.frame(&mut world, Kind::Audio, 1020, AUDIO);
    let begun = [Got::Flags(4), Got::Metadata(true, false), audio(1000, AUDIO_HEADER), audio(1000, AUDIO)];
    assert_eq!(pages[0].take(&mut world), begun);
    assert_eq!(pages[1].take(&mut world), [audio(1000, AUDIO)]);
}

#[test]
fn a_player_gets_the_track_that_it_wants_only() {
    for config in [CACHED, UNCACHED] {
        let mut world = world(config);
        let mut publisher = publisher(&mut world);
        publisher.frame(&mut world, Kind::Video, 0, KEY);
        publisher.frame(&mut world, Kind::Audio, 1, AUDIO);
        let mut pages = [Page::open(&mut world, "video"), Page::open(&mut world, "raw/audio/websocket")];
        publisher.frame(&mut world, Kind::Video, 40, KEY);
        publisher.frame(&mut world, Kind::Audio, 41, AUDIO);
        let [pictures, sound] = pages.each_mut().map(|page| page.take(&mut world));
        assert_eq!(pictures[..2], [Got::Flags(1), Got::Metadata(false, true)]);
        assert!(pictures[2..].iter().all(|got| matches!(got, Got::Tag(Kind::Video, ..))));
        assert!(pictures.contains(&video(40, KEY)));
        assert_eq!(sound[..2], [Got::Flags(4), Got::MetadataAsIs]);
        assert!(sound[2..].iter().all(|got| matches!(got, Got::Tag(Kind::Audio, ..))));
        assert!(sound.contains(&audio(41, AUDIO)));
    }
}

#[test]
fn metadata_that_comes_later_says_the_tracks_that_the_player_was_told_of() {
    let mut world = world(CACHED);
    let mut publisher = publisher(&mut world);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    publisher.frame(&mut world, Kind::Audio, 1, AUDIO);
    let mut pages = ["", "video", "raw"].map(|path| Page::open(&mut world, path));
    pages.iter_mut().for_each(|page| drop(page.take(&mut world)));
    let sent = Object::default().with("hasAudio", false).with("hasVideo", false).with("encoder", "b");
    let payload = amf0::encode_all(&["@setDataFrame".into(), "onMetaData".into(), Value::Object(sent)]);
    publisher.frame(&mut world, Kind::Data, 2, &payload);
    let got = pages.each_mut().map(|page| page.take(&mut world));
    let expected = [Got::Metadata(true, true), Got::Metadata(false, true), Got::MetadataAsIs];
    assert_eq!(got, expected.map(|metadata| vec![metadata]));
}

#[test]
fn a_slow_player_starts_again_with_a_key_frame_and_keeps_its_tracks() {
    let mut world = world(
        "
        rtmp { server { listen 127.0.0.1:0; out_queue 16; gop_cache off; application live { live on; } } }
        http { server { listen 127.0.0.1:0; root /srv; } }
    ",
    );
    let mut publisher = publisher(&mut world);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO);
    let mut page = Page::open(&mut world, "video");
    for time in 1..60 {
        publisher.frame(&mut world, Kind::Video, time, if time == 1 { KEY } else { INTER });
    }
    let before = page.take(&mut world);
    assert_eq!(
        before[..4],
        [Got::Flags(1), Got::Metadata(false, true), video(1, &avc_header()), video(1, KEY)]
    );
    assert!(before.len() < 20, "{}", before.len());
    publisher.frame(&mut world, Kind::Video, 60, INTER);
    publisher.frame(&mut world, Kind::Audio, 60, AUDIO);
    publisher.frame(&mut world, Kind::Video, 61, KEY);
    let after = page.take(&mut world);
    assert_eq!(after, [video(61, &avc_header()), video(61, KEY)]);
}

/// A page in a browser stands still without a track that it was told of; with a new answer it is told otherwise.
#[test]
fn a_player_that_was_told_of_a_track_that_ceases_is_let_go() {
    let mut world = world(CACHED);
    let mut publisher = publisher(&mut world);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO);
    let mut pages = ["", "websocket", "video", "raw"].map(|path| Page::open(&mut world, path));
    for second in 1..6 {
        world.pass(1);
        publisher.frame(&mut world, Kind::Video, second * 1000, KEY);
        pages.iter_mut().for_each(|page| drop(page.take(&mut world)));
    }
    assert!(pages.iter().all(|page| world.is_open(page.id)));
    world.pass(1);
    publisher.frame(&mut world, Kind::Video, 5001, KEY);
    let got = pages.each_mut().map(|page| page.take(&mut world));
    assert_eq!(pages.each_ref().map(|page| world.is_open(page.id)), [false, false, true, true]);
    for (got, ends) in got.iter().zip([true, true, false, false]) {
        assert_eq!(got.last() == Some(&Got::End), ends, "{got:?}");
        assert_eq!(got.contains(&video(5001, KEY)), !ends);
    }
    assert_eq!(Page::open(&mut world, "").take(&mut world)[0], Got::Flags(1));
}

#[test]
fn players_begin_within_a_second_of_the_first_frame_though_no_other_comes() {
    for config in [CACHED, UNCACHED] {
        let mut world = world(config);
        let mut early = Page::open(&mut world, "");
        let mut publisher = publisher(&mut world);
        publisher.frame(&mut world, Kind::Video, 0, KEY);
        let mut late = Page::open(&mut world, "websocket");
        world.pass(1);
        let mut expected =
            vec![Got::Flags(1), Got::Metadata(false, true), video(0, &avc_header()), video(0, KEY)];
        if config == UNCACHED {
            expected.drain(1..);
        }
        assert_eq!(early.take(&mut world), expected);
        assert_eq!(late.take(&mut world), expected);
    }
}

#[test]
fn a_player_that_joins_after_the_only_frame_begins_within_a_second_of_it() {
    let mut world = world(CACHED);
    let mut publisher = publisher(&mut world);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    let mut page = Page::open(&mut world, "");
    assert_eq!(page.take(&mut world), []);
    world.pass(1);
    assert_eq!(page.take(&mut world).len(), 4);
}

#[test]
fn a_player_of_the_raw_form_gets_a_track_that_comes_late() {
    for (config, path) in [(CACHED, "raw"), (UNCACHED, "raw"), (UNCACHED, "raw/video")] {
        let mut world = world(config);
        let mut page = Page::open(&mut world, path);
        let mut publisher = publisher(&mut world);
        publisher.frame(&mut world, Kind::Video, 0, KEY);
        world.pass(1);
        publisher.frame(&mut world, Kind::Video, 1000, KEY);
        assert_eq!(page.take(&mut world)[..2], [Got::Flags(1), Got::MetadataAsIs]);
        publisher.frame(&mut world, Kind::Audio, 1010, AUDIO);
        publisher.frame(&mut world, Kind::Video, 1040, INTER);
        let mut expected = vec![audio(1010, AUDIO_HEADER), audio(1010, AUDIO), video(1040, INTER)];
        if path == "raw/video" {
            expected.drain(..2);
        }
        assert_eq!(page.take(&mut world), expected, "{path}");
    }
}

/// Metadata may be large, and many players may come at once.
#[test]
fn metadata_is_made_once_for_all_players_that_are_told_of_the_same_tracks() {
    let mut world = world(CACHED);
    let mut publisher = publisher(&mut world);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    publisher.frame(&mut world, Kind::Audio, 1, AUDIO);
    let made = |world: &World| {
        let headers = &world.engine.cx.streams.iter().next().unwrap().headers;
        headers.announced(3, |_| panic!("it has not been made"))
    };
    let mut page = Page::open(&mut world, "");
    let first = made(&world).unwrap();
    publisher.frame(&mut world, Kind::Video, 40, INTER);
    let mut next = Page::open(&mut world, "websocket");
    for page in [&mut page, &mut next] {
        assert_eq!(page.take(&mut world)[1], Got::Metadata(true, true));
    }
    assert!(Rc::ptr_eq(&first, &made(&world).unwrap()));
}

/// Encoders may take some seconds from the grant to the first picture, and pages may be open before.
#[test]
fn the_second_for_tracks_begins_with_the_first_frame() {
    for config in [CACHED, UNCACHED] {
        let mut world = world(config);
        let mut page = Page::open(&mut world, "");
        let mut publisher = publisher(&mut world);
        world.pass(2);
        publisher.frame(&mut world, Kind::Video, 0, KEY);
        assert_eq!(page.take(&mut world), []);
        publisher.frame(&mut world, Kind::Audio, 0, AUDIO);
        publisher.frame(&mut world, Kind::Video, 40, INTER);
        assert_eq!(page.take(&mut world)[..2], [Got::Flags(5), Got::Metadata(true, true)]);
    }
}

#[test]
fn a_player_that_was_not_told_of_a_track_that_comes_late_is_let_go() {
    let mut world = world(CACHED);
    let mut publisher = publisher(&mut world);
    let mut pages = ["", "websocket", "video", "raw"].map(|path| Page::open(&mut world, path));
    for second in 0..8 {
        publisher.frame(&mut world, Kind::Video, second * 1000, KEY);
        if second >= 3 {
            publisher.frame(&mut world, Kind::Audio, second * 1000, AUDIO);
        }
        let is_there = second < 6;
        for (page, stays) in pages.iter_mut().zip([false, false, true, true]) {
            page.take(&mut world);
            assert_eq!(world.is_open(page.id), stays || is_there, "{second} {}", page.is_websocket);
        }
        world.pass(1);
    }
    assert_eq!(Page::open(&mut world, "").take(&mut world)[0], Got::Flags(5));
}

#[test]
fn a_picture_that_comes_seldom_is_told_of() {
    for config in [CACHED, UNCACHED] {
        let mut world = world(config);
        let mut publisher = publisher(&mut world);
        let mut pages = [Page::open(&mut world, ""), Page::open(&mut world, "websocket")];
        publisher.frame(&mut world, Kind::Audio, 0, AUDIO);
        for second in 0..25 {
            if second % 20 == 0 {
                publisher.frame(&mut world, Kind::Video, second * 1000, KEY);
            }
            publisher.frame(&mut world, Kind::Audio, second * 1000 + 1, AUDIO);
            pages.iter_mut().for_each(|page| drop(page.take(&mut world)));
            world.pass(1);
        }
        assert!(pages.iter().all(|page| world.is_open(page.id)));
        let mut late = Page::open(&mut world, "");
        publisher.frame(&mut world, Kind::Audio, 25_000, AUDIO);
        assert_eq!(late.take(&mut world)[..2], [Got::Flags(5), Got::Metadata(true, true)]);
    }
}

#[test]
fn another_publisher_has_some_seconds_to_send_the_tracks_of_the_one_before() {
    let config = CACHED.replace("live on;", "live on; publish_grace 10s;");
    for codec in ["H.264", "VP9"] {
        let mut world = world(&config);
        let mut first = publisher(&mut world);
        first.frame(&mut world, Kind::Video, 0, KEY);
        first.frame(&mut world, Kind::Audio, 0, AUDIO);
        let mut page = Page::open(&mut world, "");
        world.engine.hung_up(first.id, world.now);
        world.end_turn();
        world.pass(2);
        let mut second = Client::publish(&mut world, "a");
        second.frame(&mut world, Kind::Audio, 0, AUDIO_HEADER);
        second.frame(&mut world, Kind::Audio, 0, AUDIO);
        page.take(&mut world);
        match codec {
            "H.264" => {
                world.pass(4);
                second.frame(&mut world, Kind::Audio, 4000, AUDIO);
                assert!(world.is_open(page.id));
                world.pass(1);
                second.frame(&mut world, Kind::Audio, 5000, AUDIO);
            }
            _ => second.frame(&mut world, Kind::Video, 1, b"\x91vp09\x82\x49"),
        }
        assert_eq!(page.take(&mut world).last(), Some(&Got::End), "{codec}");
    }
}
