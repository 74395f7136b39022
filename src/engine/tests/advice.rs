//! Warnings about a stream, in virtual time: about its publisher's key frames, and about what its HLS lacks.

use crate::engine::tests::*;

const AV1: (&[u8], &[u8]) = (b"\x90av01\x81\0\0\0", b"\x91av01\x12\0");
const OPUS: (&[u8], &[u8]) = (b"\x90OpusOpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0", b"\x91Opus\xfc\xff\xfe");
const ADVICE: &str = "; set the encoder's key frame interval to 2 s";

/// A server whose application has these directives, and whose HTTP server these locations.
fn world(directives: &str, locations: &str) -> World {
    let config = format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {directives} }} }} }}
         http {{ server {{ listen 127.0.0.1:0; {locations} }} }}"
    );
    World::configured(table(), &config)
}

fn with_hls(directives: &str) -> World {
    world(&format!("hls on; hls_path /x/hls; hls_memory on; {directives}"), "location /hls { root /x; }")
}

fn stream(world: &World) -> &Stream {
    world.engine.cx.streams.iter().next().unwrap()
}

fn warnings(world: &World) -> Vec<String> {
    stream(world).warnings.iter().map(str::to_owned).collect()
}

/// Publishes a picture in each of these seconds; each at a multiple of `interval` is a key frame.
fn pictures(world: &mut World, publisher: &mut Client, seconds: std::ops::Range<u32>, interval: u32) {
    for second in seconds {
        let payload = if second % interval == 0 { KEY } else { INTER };
        publisher.frame(world, Kind::Video, second * 1000, payload);
        publisher.frame(world, Kind::Video, second * 1000 + 500, INTER);
        world.pass(1);
    }
}

fn begin(world: &mut World) -> Client {
    let mut publisher = Client::publish(world, "cam");
    publisher.frame(world, Kind::Video, 0, HEADER);
    publisher
}

#[test]
fn key_frames_further_apart_than_a_fragment_are_warned_of_from_the_third_on_until_they_are_closer() {
    let mut world = with_hls("");
    let mut publisher = begin(&mut world);
    pictures(&mut world, &mut publisher, 0..16, 8);
    assert_eq!(warnings(&world), [""; 0]);
    pictures(&mut world, &mut publisher, 16..17, 8);
    let expected = format!("key frames every 8 s: HLS viewers are about 24 s late{ADVICE}");
    assert_eq!(warnings(&world), [expected.as_str()]);
    assert_eq!(stream(&world).key_frames.interval(), Some(Duration::from_secs(8)));
    pictures(&mut world, &mut publisher, 17..24, 2);
    assert_eq!(warnings(&world), [""; 0], "three of the last five intervals are short");
}

#[test]
fn a_key_frame_interval_about_as_long_as_a_fragment_is_well() {
    for (directives, interval) in [("", 5), ("", 6), ("hls_fragment 10s;", 12), ("hls_fragment 1s;", 1)] {
        let mut world = with_hls(directives);
        let mut publisher = begin(&mut world);
        pictures(&mut world, &mut publisher, 0..40, interval);
        assert_eq!(warnings(&world), [""; 0], "{directives} {interval}");
    }
}

#[test]
fn shorter_fragments_want_a_shorter_interval() {
    let mut world = with_hls("hls_fragment 1s;");
    let mut publisher = begin(&mut world);
    pictures(&mut world, &mut publisher, 0..9, 4);
    let expected = "key frames every 4 s: HLS viewers are about 12 s late; \
                    set the encoder's key frame interval to 1 s";
    assert_eq!(warnings(&world), [expected]);
}

#[test]
fn without_hls_the_warning_is_about_players_that_join() {
    for (directives, what) in [
        ("", "players that join are up to as late, or wait for the next"),
        ("gop_cache off;", "players that join wait for the next"),
    ] {
        let mut usual = world(directives, "");
        let mut publisher = begin(&mut usual);
        pictures(&mut usual, &mut publisher, 0..31, 10);
        assert_eq!(warnings(&usual), [""; 0], "10 s are usual");
        let mut world = world(directives, "");
        let mut publisher = begin(&mut world);
        pictures(&mut world, &mut publisher, 0..31, 15);
        assert_eq!(warnings(&world), [format!("key frames every 15 s: {what}{ADVICE}")]);
    }
}

#[test]
fn a_key_frame_that_does_not_come_is_missed_until_it_does() {
    let mut world = with_hls("");
    let mut publisher = begin(&mut world);
    pictures(&mut world, &mut publisher, 0..20, 1000);
    assert_eq!(warnings(&world), [""; 0]);
    pictures(&mut world, &mut publisher, 20..30, 1000);
    let expected = format!("no key frame for more than 20 s: HLS viewers are later than that{ADVICE}");
    assert_eq!(warnings(&world), [expected]);
    publisher.frame(&mut world, Kind::Video, 30_000, KEY);
    assert_eq!(warnings(&world), [""; 0], "one interval is not enough to tell");
}

#[test]
fn where_every_picture_is_a_key_frame_the_camera_is_just_slow() {
    let mut world = with_hls("");
    let mut publisher = begin(&mut world);
    for picture in 0..6 {
        publisher.frame(&mut world, Kind::Video, picture * 30_000, KEY);
        (0..30).for_each(|second| {
            publisher.frame(&mut world, Kind::Audio, picture * 30_000 + second * 1000, AUDIO);
            world.pass(1);
        });
        publisher.receive(&mut world);
    }
    assert_eq!(warnings(&world), [""; 0]);
}

#[test]
fn another_publisher_is_judged_anew() {
    let mut world = with_hls("publish_conflict replace;");
    let mut first = begin(&mut world);
    pictures(&mut world, &mut first, 0..17, 8);
    assert_eq!(warnings(&world).len(), 1);
    let mut second = begin(&mut world);
    assert_eq!(warnings(&world), [""; 0]);
    pictures(&mut world, &mut second, 0..17, 8);
    assert_eq!(warnings(&world).len(), 1);
}

#[test]
fn a_warning_names_what_hls_leaves_out_and_what_it_carries() {
    let (no_av1, no_opus) = ("HLS has no AV1: play over RTMP", "HLS has no Opus: play over RTMP");
    let publish = |video: &[(u32, &[u8])], audio: &[(u32, &[u8])], hls: bool| {
        let mut world = if hls { with_hls("") } else { world("", "") };
        let mut publisher = Client::publish(&mut world, "cam");
        video.iter().for_each(|(time, payload)| publisher.frame(&mut world, Kind::Video, *time, payload));
        audio.iter().for_each(|(time, payload)| publisher.frame(&mut world, Kind::Audio, *time, payload));
        warnings(&world)
    };
    let av1 = [(0, AV1.0), (0, AV1.1)];
    let opus = [(0, OPUS.0), (0, OPUS.1)];
    let (avc, aac) = ([(0, HEADER), (0, KEY)], [(0, AUDIO_HEADER), (0, AUDIO)]);
    assert_eq!(publish(&av1, &[], true), [no_av1]);
    assert_eq!(publish(&av1, &opus, true), [no_av1, no_opus]);
    assert_eq!(publish(&av1, &aac, true), ["HLS has no AV1, only the sound: play over RTMP"]);
    assert_eq!(publish(&avc, &opus, true), ["HLS has no Opus and no sound: play over RTMP"]);
    assert_eq!(publish(&avc, &aac, true), [""; 0]);
    assert_eq!(publish(&av1, &opus, false), [""; 0]);
}

#[test]
fn hls_that_no_location_serves_is_told_from_the_beginning() {
    let hls = "hls on; hls_path /x/hls; hls_memory on;";
    let unserved = "HLS has no URL: no location serves /x/hls";
    for (locations, expected) in [
        ("location /hls { root /x; }", None),
        ("location /tv/ { alias /x/hls/; }", None),
        ("location ~ ^/tv/(.*)$ { alias /x/hls/$1; }", None),
        ("location ~ \\.m3u8$ { root /x; }", None),
        ("location /tv/ { root /x/$host; }", None),
        ("location ~ \\.m3u8$ { root /y; }", Some(unserved)),
        // The classic `root` in place of `alias`.
        ("location /hls { root /x/hls; }", Some(unserved)),
        ("location / { root /y; }", Some(unserved)),
        ("", Some(unserved)),
    ] {
        let mut world = world(hls, locations);
        Client::publish(&mut world, "cam");
        assert_eq!(warnings(&world), expected.into_iter().collect::<Vec<_>>(), "{locations}");
    }
}

#[test]
fn with_the_stream_its_warnings_end() {
    let mut world = world("hls on; hls_path /x/hls; hls_memory on;", "");
    let _player = Client::play(&mut world, "cam");
    let publisher = Client::publish(&mut world, "cam");
    assert_eq!(warnings(&world).len(), 1);
    world.engine.lost(publisher.id, world.now);
    world.end_turn();
    assert_eq!(warnings(&world), [""; 0]);
}
