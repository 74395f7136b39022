//! Audio whose beginning is not as it should be: configurations that come late, audio ahead of its picture.

use super::*;

/// An HEVC record without sets.
const HEVC_HEADER: &[u8] = b"\x90hvc1\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x3f\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\0";

/// Frames of audio, pictures and fragments, and that no fragment breaks off.
fn counts(rig: &Rig) -> (usize, usize, usize) {
    let fragments = rig.fragments();
    assert!(fragments.iter().all(|(_, broken, _)| !broken), "{}", rig.playlist());
    let packets = || fragments.iter().flat_map(|(_, _, packets)| packets);
    let audio = packets().filter(|pes| pes.pid == AUDIO).map(|pes| pes.payload.len() / 10).sum();
    (audio, packets().filter(|pes| pes.pid == VIDEO).count(), fragments.len())
}

/// What FFmpeg sends of an MPEG-TS that it copies: an empty header of AAC first, and the real one before the
/// first frame of audio, which is behind the first picture.
#[test]
fn an_empty_header_is_none_and_the_real_one_is_waited_for() {
    for silent in [0, 400, 900] {
        let mut rig = Rig::new();
        rig.avc_header(SPS);
        rig.send(Kind::Audio, 0, &[0xaf, 0]);
        rig.key(0);
        (1..silent / 40).for_each(|index| rig.inter(index * 40));
        rig.aac_header();
        rig.second(silent);
        rig.second(silent + 1000);
        rig.send(Kind::Audio, 0, &[0xaf, 0]);
        rig.second(silent + 2000);
        assert_eq!(rig.segmenter.as_ref().unwrap().dropped, 0);
        rig.end();
        let (audio, pictures, fragments) = counts(&rig);
        assert_eq!(audio, 3 * 46, "{silent}");
        assert!(pictures >= 75 && fragments == 2, "{silent}: {pictures} {fragments}");
    }
}

#[test]
fn a_configuration_may_come_some_messages_after_the_frames_of_its_track() {
    let empty_hevc: &[u8] = b"\x90hvc1";
    let hevc_key: &[u8] = b"\x91hvc1\0\0\x50\0\0\0\x03\x26\x01\x09";
    for (empty, header, key) in [
        (&[0x17, 0, 0, 0, 0][..], None, None),
        (empty_hevc, Some(HEVC_HEADER), Some(hevc_key)),
        (&[0x1c, 0, 0, 0, 0], Some(HEVC_HEADER), Some(hevc_key)),
    ] {
        let mut rig = Rig::new();
        rig.send(Kind::Video, 0, empty);
        rig.send(Kind::Audio, 0, b"\x90mp4a");
        let key = |rig: &mut Rig, time| match key {
            Some(key) => rig.send(Kind::Video, time, key),
            None => rig.key(time),
        };
        key(&mut rig, 0);
        rig.audio(0);
        rig.audio(21);
        match header {
            Some(header) => rig.send(Kind::Video, 40, header),
            None => rig.avc_header(SPS),
        }
        key(&mut rig, 40);
        rig.audio(43);
        rig.send(Kind::Audio, 40, b"\x90mp4a\x11\x90");
        for index in 2..30 {
            key(&mut rig, index * 40);
            rig.audio(index * 40);
        }
        assert_eq!(rig.segmenter.as_ref().unwrap().dropped, 0);
        rig.end();
        assert_eq!(counts(&rig), (31, 30, 1));
    }
}

/// The times of the frames of audio, in milliseconds from the first picture of all on.
fn times_of_audio(rig: &Rig) -> Vec<u64> {
    let fragments = rig.fragments();
    let packets = || fragments.iter().flat_map(|(_, _, packets)| packets);
    let first = packets().find(|pes| pes.pid == VIDEO).map(|pes| pes.dts.unwrap()).unwrap();
    packets().filter(|pes| pes.pid == AUDIO).map(|pes| (pes.pts - first + 45) / 90).collect()
}

/// A rig with a packet for each frame of audio, at the time that it has.
fn exact() -> Rig {
    Rig::with(|settings| (settings.max_audio_delay, settings.sync) = (0, 0))
}

fn second_of_pictures(rig: &mut Rig, from: u64) {
    rig.key(from);
    (1..25).for_each(|index| rig.inter(from + index * 40));
}

#[test]
fn audio_ahead_of_the_first_key_frame_that_is_no_older_comes_in_order() {
    // In milliseconds: what is older, and up to where the audio is ahead.
    for (older, ahead) in [(0, 21), (0, 64), (300, 64), (0, 1800), (1000, 3900), (0, 0)] {
        let mut rig = exact();
        rig.headers();
        let first = 10_000;
        let mut audio = (first - older..first + 6000).step_by(20).peekable();
        while let Some(time) = audio.next_if(|time| *time < first + ahead) {
            rig.audio(time);
        }
        for second in 0..6 {
            second_of_pictures(&mut rig, first + second * 1000);
            while let Some(time) = audio.next_if(|time| *time < first + (second + 1) * 1000) {
                rig.audio(time);
            }
        }
        assert_eq!(rig.segmenter.as_ref().unwrap().dropped, 0);
        rig.end();
        let (times, expected): (_, Vec<u64>) = (times_of_audio(&rig), (0..6000).step_by(20).collect());
        assert!(times == expected, "{older} {ahead}: {times:?}");
        assert!(rig.shape().iter().all(|fragment| *fragment == (2000, false)), "{:?}", rig.shape());
    }
}

/// Pictures and audio of two seconds, with the audio so many milliseconds ahead.
fn two_seconds(rig: &mut Rig, from: u64, ahead: u64) {
    let mut audio = (from..from + 2000).step_by(20).peekable();
    for picture in (from..from + 2000).step_by(40) {
        while let Some(time) = audio.next_if(|time| *time < picture + ahead) {
            rig.audio(time);
        }
        match (picture - from) % 1000 {
            0 => rig.key(picture),
            _ => rig.inter(picture),
        }
    }
    audio.for_each(|time| rig.audio(time));
}

/// The times of audio behind the only discontinuity, in milliseconds from the picture on.
fn behind_the_break(rig: &Rig) -> Vec<u64> {
    let mut fragments = rig.fragments();
    let broken = fragments.iter().position(|(_, broken, _)| *broken).expect("a break");
    fragments.drain(..broken);
    assert!(fragments[1..].iter().all(|(_, broken, _)| !broken));
    let packets = || fragments.iter().flat_map(|(_, _, packets)| packets);
    let first = packets().find(|pes| pes.pid == VIDEO).unwrap().dts.unwrap();
    packets().filter(|pes| pes.pid == AUDIO).map(|pes| (pes.pts - first + 45) / 90).collect()
}

/// Two seconds, what interrupts them, and two seconds from a minute on with the audio ahead or not. Either way, what is
/// behind the break is the same: all but what the silence of less than a frame before it reaches over.
fn expect_no_loss(interrupt: impl Fn(&mut Rig)) {
    let behind = |ahead: u64| {
        let mut rig = exact();
        rig.headers();
        two_seconds(&mut rig, 0, 0);
        interrupt(&mut rig);
        two_seconds(&mut rig, 60_000, ahead);
        rig.end();
        behind_the_break(&rig)
    };
    let times = behind(100);
    assert!(times.len() >= 98 && times == behind(0), "{times:?}");
}

#[test]
fn audio_ahead_of_another_publishers_picture_is_no_less_whole() {
    expect_no_loss(|rig| {
        rig.discontinuity();
        rig.headers();
        (59_000..60_000).step_by(20).for_each(|time| rig.audio(time));
    });
}

#[test]
fn audio_ahead_of_the_picture_behind_a_pause_is_no_less_whole() {
    expect_no_loss(|_| {});
}

#[test]
fn audio_ahead_of_the_picture_after_an_error_is_no_less_whole() {
    expect_no_loss(|rig| {
        let obstacle = rig.folder.join(".a.m3u8.part");
        two_seconds(rig, 2000, 0);
        fs::create_dir(&obstacle).unwrap();
        two_seconds(rig, 4000, 0);
        fs::remove_dir(&obstacle).unwrap();
        (59_000..60_000).step_by(20).for_each(|time| rig.audio(time));
    });
}

#[test]
fn audio_of_another_configuration_that_comes_before_its_key_frame_is_no_less_whole() {
    expect_no_loss(|rig| {
        (2000..60_000).step_by(1000).for_each(|time| rig.second(time));
        rig.send(Kind::Audio, 60_000, &[0xaf, 0, 0x12, 0x10]);
    });
}

#[test]
fn audio_that_is_ahead_all_the_time_makes_no_fragment_shorter_and_no_clock_go_back() {
    for ahead in [300, 1000, 1800, 3000] {
        let mut rig = exact();
        rig.headers();
        let mut audio = (0..20_000).step_by(20).peekable();
        for picture in (0..20_000).step_by(40) {
            // In pieces of 200 ms, as files that are badly interleaved have it.
            while let Some(time) = audio.next_if(|time| *time < picture / 200 * 200 + ahead) {
                rig.audio(time);
            }
            match picture % 1000 {
                0 => rig.key(picture),
                _ => rig.inter(picture),
            }
        }
        audio.for_each(|time| rig.audio(time));
        rig.end();
        assert_eq!(rig.shape(), [(2000, false); 10], "{ahead}");
        let fragments = rig.fragments();
        let packets = || fragments.iter().flat_map(|(_, _, packets)| packets);
        assert!(packets().filter_map(|pes| pes.pcr).is_sorted_by(|a, b| a < b), "{ahead}");
        assert_eq!(times_of_audio(&rig), (0..20_000).step_by(20).collect::<Vec<_>>(), "{ahead}");
    }
}

#[test]
fn audio_that_pauses_alone_is_complete_behind_its_pause() {
    let mut rig = exact();
    rig.headers();
    two_seconds(&mut rig, 0, 100);
    (2..32).for_each(|second| second_of_pictures(&mut rig, second * 1000));
    two_seconds(&mut rig, 32_000, 100);
    two_seconds(&mut rig, 34_000, 100);
    rig.end();
    let times = times_of_audio(&rig);
    assert_eq!(times, (0..2000).step_by(20).chain((32_000..36_000).step_by(20)).collect::<Vec<_>>());
}

#[test]
fn audio_that_waits_for_its_picture_is_counted_and_bounded() {
    let mut rig = exact();
    rig.headers();
    rig.key(0);
    rig.inter(1);
    rig.audio(1);
    // The track changes, and its key frame does not come.
    rig.send(Kind::Audio, 0, &[0xaf, 0, 0x12, 0x10]);
    let long = [&[0xaf, 1, 0x21][..], &[7; 4000]].concat();
    let mut most = 0;
    for index in 0..1000 {
        rig.send(Kind::Audio, index * 5, &long);
        most = most.max(rig.segmenter.as_ref().unwrap().waiting_bytes());
    }
    assert!((1_000_000..=1 << 20).contains(&most), "{most}");
    rig.discontinuity();
    assert_eq!(rig.segmenter.as_ref().unwrap().waiting_bytes(), 0);
}

#[test]
fn audio_whose_configuration_changes_while_there_is_no_picture_continues() {
    let mut rig = Rig::new();
    rig.headers();
    rig.second(0);
    rig.second(1000);
    (0..200).for_each(|index| rig.audio(2000 + index * 21));
    rig.send(Kind::Audio, 6200, &[0xaf, 0, 0x12, 0x10]);
    (0..600).for_each(|index| rig.audio(6200 + index * 23));
    assert_eq!(rig.segmenter.as_ref().unwrap().waiting.audio.bytes(), 0);
    rig.end();
    let packets: Vec<Pes> = rig.fragments().into_iter().flat_map(|(.., packets)| packets).collect();
    let audio: usize = of(&packets, AUDIO).map(|pes| pes.payload.len() / 10).sum();
    assert!((2 * 46 + 790..=2 * 46 + 800).contains(&audio), "{audio}");
    let breaks = rig.shape().iter().filter(|(_, is_broken)| *is_broken).count();
    assert_eq!(breaks, 1, "{:?}", rig.shape());
}

#[test]
fn audio_is_written_alone_when_the_announced_picture_does_not_come() {
    let mut rig = Rig::new();
    rig.headers();
    for index in 0..500 {
        rig.audio(index * 21);
    }
    let listed = rig.demux();
    assert!(listed.len() >= 4 && listed.iter().all(|(.., streams)| streams == &[(0x0f, AUDIO)]));
    rig.inter(10_500);
    rig.second(10_520);
    rig.end();
    let fragments = rig.demux();
    let last = fragments.last().unwrap();
    assert_eq!((last.1, last.3.len(), of(&last.2, VIDEO).count()), (true, 2, 25));
}
