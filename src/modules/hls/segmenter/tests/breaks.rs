//! Discontinuities: pauses, other publishers, errors.

use super::*;

#[test]
fn a_long_pause_is_a_discontinuity_and_audio_never_straddles_it() {
    for (from, to) in [(100_000, 130_000), (100_000, 3_600_000), (0, 1 << 40)] {
        for audio_first in [true, false] {
            let mut rig = Rig::new();
            rig.headers();
            rig.second(from);
            for strays in 0..3 {
                let (audio, video) = if audio_first { (to, from) } else { (from, to) };
                rig.audio(audio + 1000 + strays * 20);
                rig.inter(video + 1000 + strays * 20);
            }
            rig.second(to + 1100);
            rig.end();
            let shape = rig.shape();
            assert_eq!(shape.len(), 2, "{shape:?}");
            assert_eq!((shape[0].1, shape[1].1), (false, true), "{shape:?}");
            for (_, _, packets) in rig.fragments() {
                let base = from * 90;
                let spread = packets.iter().map(|pes| pes.pts.wrapping_sub(base + 63_000) & ((1 << 33) - 1));
                assert!(spread.max().unwrap() < 90 * 3000, "{from} {to} {audio_first}");
            }
        }
    }
}

#[test]
fn fragments_behind_a_break_are_not_short() {
    let mut rig = Rig::with(|settings| {
        settings.pace = Pace::Fast;
        settings.playlist_length = 6000;
        settings.fragment = 3000;
    });
    rig.headers();
    for second in (0..10).chain(100..107) {
        rig.second(second * 1000);
    }
    // Three of 1 s each have left the list; the second one here ends at the break.
    assert_eq!(rig.shape(), [(3000, false), (1000, false), (3000, true), (3000, false)]);
}

#[test]
fn small_steps_back_keep_decoding_times_rising() {
    let mut rig = Rig::new();
    rig.headers();
    rig.key(1000);
    for timestamp in [1040, 1040, 1000, 1040, 900, 1080] {
        rig.inter(timestamp);
    }
    rig.end();
    let fragments = rig.fragments();
    let times: Vec<u64> = fragments[0].2.iter().map(|pes| pes.dts.unwrap_or(pes.pts)).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    assert!(fragments[0].2.iter().all(|pes| pes.dts.is_none_or(|dts| pes.pts > dts)));
}

#[test]
fn a_publisher_who_pauses_behind_every_frame_makes_no_file_of_each() {
    let mut rig = Rig::new();
    rig.headers();
    for index in 0..1000 {
        rig.key(index * 10_000_000);
        rig.audio(index * 10_000_000);
    }
    assert_eq!(rig.folder.list(""), [".a.ts.part"]);
    rig.end();
    assert_eq!(rig.folder.list(""), ["a-0.ts", "a.m3u8"]);
}

#[test]
fn dates_are_those_of_the_first_frame_on_and_are_set_again_at_a_break() {
    let mut rig = Rig::new();
    let set = |rig: &mut Rig, seconds: u64| {
        rig.now.wall = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
    };
    set(&mut rig, 0);
    rig.headers();
    set(&mut rig, 10);
    rig.key(500_000);
    set(&mut rig, 20);
    rig.second(500_000);
    rig.second(501_000);
    rig.second(502_000);
    set(&mut rig, 30);
    rig.discontinuity();
    rig.headers();
    set(&mut rig, 60);
    rig.key(503_000);
    set(&mut rig, 70);
    rig.second(503_000);
    rig.end();
    let dates: Vec<_> = rig
        .playlist()
        .lines()
        .filter_map(|l| l.split_once("DATE-TIME:"))
        .map(|(_, d)| d.to_owned())
        .collect();
    assert_eq!(dates, ["2023-11-14T22:13:30.000Z", "2023-11-14T22:13:32.000Z", "2023-11-14T22:14:20.000Z"]);
    assert_eq!(rig.shape().iter().map(|(_, broken)| *broken).collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn a_break_before_the_first_key_frame_loses_nothing() {
    let mut rig = Rig::new();
    rig.headers();
    rig.discontinuity();
    rig.headers();
    rig.second(0);
    rig.end();
    let fragments = rig.fragments();
    assert_eq!((fragments.len(), of(&fragments[0].2, VIDEO).count()), (1, 25));
}

#[test]
fn another_publisher_begins_a_fragment_behind_a_discontinuity_with_all_its_audio() {
    for next in [4000, 100_000] {
        let mut rig = Rig::new();
        rig.headers();
        for from in [0, next] {
            if from > 0 {
                rig.discontinuity();
                rig.headers();
            }
            for number in 0..100 {
                let time = from + number * 40;
                if number % 50 == 0 {
                    rig.key(time);
                } else {
                    rig.inter(time);
                }
                rig.send(Kind::Audio, time + 10, &[0xaf, 1, 1, 2, 3]);
                rig.send(Kind::Audio, time + 30, &[0xaf, 1, 1, 2, 3]);
            }
        }
        assert_eq!(rig.segmenter.as_ref().unwrap().dropped, 0);
        rig.end();
        let playlist = fs::read_to_string(rig.folder.join("a.m3u8")).unwrap();
        assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{playlist}");
    }
}

/// A player that counts on from the last audio before the break would play what comes behind it too late.
#[test]
fn nothing_of_another_publisher_is_in_a_fragment_before_the_break() {
    let mut rig = Rig::new();
    rig.headers();
    rig.second(0);
    rig.discontinuity();
    assert_eq!(rig.shape(), [(1000, false)], "what there was is shown at once");
    rig.headers();
    rig.audio(2480);
    rig.second(2500);
    rig.end();
    assert_eq!(rig.shape(), [(1000, false), (1000, true)]);
    expect_no_gap(&rig);
}

/// The written times continue from fragment to fragment, whatever the publishers' times.
fn expect_no_gap(rig: &Rig) {
    let fragments = rig.fragments();
    for pair in fragments.windows(2) {
        for pid in [VIDEO, AUDIO] {
            let last = of(&pair[0].2, pid).map(|pes| pes.pts).max().unwrap();
            let first = of(&pair[1].2, pid).map(|pes| pes.pts).min().unwrap();
            assert!(first > last && first <= last + 90 * 300, "{pid}: {last} {first}");
        }
    }
}

#[test]
fn times_continue_over_restarts_of_the_server() {
    let mut rig = Rig::new();
    rig.headers();
    rig.second(0);
    for start in [50_000, 0] {
        rig.finish(Finish::ServerStops);
        rig.restart();
        rig.headers();
        rig.second(start);
    }
    rig.end();
    assert_eq!(rig.shape(), [(1000, false), (1000, true), (1000, true)]);
    expect_no_gap(&rig);
}

/// When each frame of audio begins, and whether it is one of the rig's.
fn audio_of(packets: &[Pes]) -> Vec<(u64, bool)> {
    let mut frames = Vec::new();
    for pes in of(packets, AUDIO) {
        let (mut rest, mut time) = (&pes.payload[..], pes.pts);
        while let [0xff, _, _, high, middle, low, ..] = *rest {
            let length = usize::from(high & 3) << 11 | usize::from(middle) << 3 | usize::from(low >> 5);
            frames.push((time, length == 10));
            (rest, time) = (&rest[length..], time + FRAME);
        }
    }
    frames
}

/// A frame of the rig's audio, in ticks.
const FRAME: u64 = 1024 * 90_000 / 48_000;

#[test]
fn silence_fills_the_holes_in_the_audio_that_a_break_makes() {
    // The last audio before the break, the delay of the last picture, of which 280 is long as others are
    // missing that should be shown before, and the first audio behind the break, all in milliseconds;
    // frames of silence.
    let cases =
        [(1000, 80, 0, 1), (1000, 80, 100, 5), (800, 80, 0, 10), (1000, 280, 0, 20), (980, 280, 150, 27)];
    for (last, delay, first, silent) in cases {
        for restarts in [false, true] {
            let mut rig = Rig::new();
            rig.headers();
            rig.key(0);
            (1..24).for_each(|index| rig.inter(index * 40));
            (0..last * 48 / 1024).for_each(|index| rig.audio(index * 1024 / 48));
            let [.., high, low] = u32::to_be_bytes(delay);
            rig.send(Kind::Video, 960, &[0x27, 1, 0, high, low, 0, 0, 0, 3, 0x41, 1, 2]);
            if restarts {
                rig.finish(Finish::ServerStops);
                rig.restart();
            } else {
                rig.discontinuity();
            }
            rig.headers();
            rig.key(5000);
            (1..25).for_each(|index| rig.inter(5000 + index * 40));
            (0..40).for_each(|index| rig.audio(5000 + first + index * 1024 / 48));
            rig.end();
            let fragments = rig.fragments();
            let before = audio_of(&fragments[0].2);
            let behind = audio_of(&fragments[1].2);
            let picture = of(&fragments[1].2, VIDEO).next().unwrap();
            assert!(behind[0].0 >= picture.dts.unwrap_or(picture.pts), "{last} {delay} {first}");
            let all = [before, behind].concat();
            for pair in all.windows(2) {
                let step = pair[1].0 - pair[0].0;
                assert!((FRAME - 90..2 * FRAME).contains(&step), "{last} {delay} {first}: {step}");
            }
            assert_eq!(all.iter().filter(|(_, ours)| !ours).count(), silent, "{last} {delay} {first}");
        }
    }
}

/// Chromium's own player reads a list's last fragment twice where it is shorter than a second.
#[test]
fn a_fragment_shorter_than_a_second_is_not_the_last_of_an_open_list() {
    for (pictures, shown) in [(25, true), (24, false)] {
        for restarts in [false, true] {
            let mut rig = Rig::new();
            rig.headers();
            rig.second(0);
            rig.second(1000);
            rig.key(2000);
            for index in 1..pictures {
                rig.inter(2000 + index * 40);
                rig.audio(2000 + index * 40);
            }
            if restarts {
                rig.finish(Finish::ServerStops);
                rig.restart();
            } else {
                rig.discontinuity();
            }
            assert_eq!(rig.shape().len(), if shown { 2 } else { 1 }, "{pictures} {restarts}");
            rig.headers();
            rig.second(9000);
            rig.end();
            assert_eq!(rig.shape().last(), Some(&(1000, true)));
            expect_no_gap(&rig);
        }
    }
}

#[test]
fn another_publisher_may_have_other_tracks() {
    let mut rig = Rig::new();
    rig.headers();
    rig.second(0);
    rig.discontinuity();
    rig.aac_header();
    for number in 0..200 {
        rig.audio(2000 + number * 20);
    }
    rig.end();
    let listed = rig.demux();
    assert_eq!(listed.iter().map(|(_, broken, ..)| *broken).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(listed[1].3, [(0x0f, AUDIO)]);
}

#[test]
fn a_server_that_stops_ends_no_stream() {
    let mut rig = Rig::new();
    rig.headers();
    rig.second(0);
    rig.finish(Finish::ServerStops);
    assert!(rig.playlist().contains("#EXTINF") && !rig.playlist().contains("ENDLIST"));
}

#[test]
fn another_publisher_before_the_first_fragment_breaks_nothing_off() {
    let mut rig = Rig::new();
    rig.discontinuity();
    rig.headers();
    for number in 0..250 {
        if number % 100 == 0 {
            rig.key(number * 40);
        } else {
            rig.inter(number * 40);
        }
    }
    rig.end();
    let playlist = fs::read_to_string(rig.folder.join("a.m3u8")).unwrap();
    let durations = playlist.lines().filter_map(|line| line.strip_prefix("#EXTINF:"));
    let total: f64 = durations.map(|text| text.trim_end_matches(',').parse::<f64>().unwrap()).sum();
    assert!((total - 10.0).abs() < 0.1 && !playlist.contains("DISCONTINUITY\n"), "{playlist}");
}

#[test]
fn after_an_error_it_pauses_and_continues_behind_a_discontinuity() {
    let mut rig = Rig::new();
    rig.headers();
    for second in 0..5 {
        rig.second(second * 1000);
    }
    // Two fragments are listed, as the third has begun; then no playlist can be written.
    let obstacle = rig.folder.join(".a.m3u8.part");
    fs::create_dir(&obstacle).unwrap();
    for second in 5..8 {
        rig.second(second * 1000);
    }
    assert_eq!((rig.shape().len(), rig.folder.list("").len()), (2, 4), "{:?}", rig.folder.list(""));
    fs::remove_dir(&obstacle).unwrap();
    for second in 8..13 {
        rig.second(second * 1000);
    }
    rig.end();
    let shape = rig.shape();
    assert_eq!(shape[..2], [(2000, false), (2000, false)]);
    assert!(shape.len() > 3 && shape[2].1 && !shape[3].1, "{shape:?}");
    assert!(rig.playlist().ends_with("#EXT-X-ENDLIST\n"));
    assert!(rig.folder.list("").iter().all(|name| !name.starts_with('.')), "{:?}", rig.folder.list(""));
}

#[test]
fn a_pause_is_a_discontinuity_and_not_a_longer_target_duration() {
    for (with_audio, with_picture) in [(true, true), (false, true), (true, false)] {
        for pause in [3600, 15_000, 19_000, 60_000] {
            let mut rig = Rig::new();
            if with_picture {
                rig.avc_header(SPS);
            }
            if with_audio {
                rig.aac_header();
            }
            let before = (0..6).map(|second| second * 1000);
            for time in before.chain((5..9).map(|second| second * 1000 + pause)) {
                match (with_audio, with_picture) {
                    (true, true) => rig.second(time),
                    (true, false) => (0..46).for_each(|index| rig.audio(time + index * 1000 / 46)),
                    _ => (0..25).for_each(|index| match index {
                        0 => rig.key(time),
                        _ => rig.inter(time + index * 40),
                    }),
                }
            }
            rig.end();
            let text = rig.playlist();
            let broken: Vec<bool> = rig.shape().iter().map(|(_, broken)| *broken).collect();
            assert_eq!(broken, [false, false, false, true, false], "{pause}: {text}");
            assert!(text.contains("TARGETDURATION:2\n") && text.contains("INDEPENDENT"), "{text}");
            let packets: Vec<Pes> = rig.fragments().into_iter().flat_map(|(_, _, packets)| packets).collect();
            let count = |pid| {
                of(&packets, pid).map(|pes| if pid == VIDEO { 1 } else { pes.payload.len() / 10 }).sum()
            };
            let expected = (if with_picture { 10 * 25 } else { 0 }, if with_audio { 10 * 46 } else { 0 });
            if pause < 20_000 {
                assert_eq!((count(VIDEO), count(AUDIO)), expected, "no frame is lost");
            }
        }
    }
}

#[test]
fn a_pause_of_audio_and_then_the_picture_is_one_discontinuity() {
    let mut rig = Rig::new();
    rig.headers();
    (0..5).for_each(|second| rig.second(second * 1000));
    rig.audio(20_000);
    rig.audio(20_021);
    rig.second(20_040);
    rig.second(21_040);
    rig.second(22_040);
    rig.end();
    let broken: Vec<bool> = rig.shape().iter().map(|(_, broken)| *broken).collect();
    assert_eq!(broken, [false, false, false, true, false]);
    assert!(rig.playlist().contains("INDEPENDENT"), "{}", rig.playlist());
}

#[test]
fn one_picture_and_audio_have_fragments_of_the_usual_length() {
    let mut rig = Rig::with(|settings| settings.fragment = 5000);
    rig.headers();
    rig.key(0);
    (0..1000).for_each(|index| rig.audio(index * 21));
    rig.end();
    assert!(
        rig.shape()[..3].iter().all(|shape| (5000..5500).contains(&shape.0) && !shape.1),
        "{:?}",
        rig.shape()
    );
    assert!(rig.playlist().contains("TARGETDURATION:5\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-INDEPENDENT"));
}
