//! Pictures that come seldom, with audio beside them.

use crate::modules::hls::segmenter::tests::*;

/// The default lengths.
fn rig() -> Rig {
    Rig::with(|settings| {
        settings.fragment = 5000;
        settings.max_fragment = 50_000;
        settings.pace = Pace::Fast;
        settings.playlist_length = 30_000;
    })
}

impl Rig {
    /// So many pictures, each followed by audio until the next one comes; each `group` of them begins with a key frame.
    fn slow(&mut self, start: u64, step: u64, pictures: u64, group: u64) {
        for index in 0..pictures {
            let timestamp = start + index * step;
            if index % group == 0 {
                self.key(timestamp);
            } else {
                self.inter(timestamp);
            }
            self.audio_between(timestamp, timestamp + step);
        }
    }

    fn audio_between(&mut self, start: u64, end: u64) {
        (start..end).step_by(20).for_each(|timestamp| self.audio(timestamp));
    }
}

/// Pictures in each listed fragment, and its duration.
fn listed(rig: &Rig) -> Vec<(usize, u64)> {
    rig.fragments().iter().map(|(duration, _, packets)| (of(packets, VIDEO).count(), *duration)).collect()
}

#[test]
fn fragments_of_slow_pictures_have_several_that_last_until_the_next() {
    for (step, group, fragment) in [
        (500, 1, 10),
        (1000, 1, 8),
        (1000, 10, 10),
        (5000, 1, 7),
        (5000, 3, 6),
        (10_000, 1, 6),
        (10_000, 2, 6),
        (10_000, 7, 7),
    ] {
        let mut rig = rig();
        rig.headers();
        let mut targets = std::collections::HashSet::new();
        for round in 0..5 {
            rig.slow(round * 60 * step, step, 60, group);
            let text = rig.playlist();
            targets.extend(text.lines().find(|line| line.contains("TARGETDURATION")).map(str::to_owned));
        }
        let fragments = listed(&rig);
        let case = format!("{step} {group}: {fragments:?}");
        assert!(fragments.len() >= 3 && targets.len() == 1, "{case} {targets:?}");
        for (number, (pictures, duration)) in fragments.iter().enumerate() {
            assert!(*pictures == fragment && *duration == fragment as u64 * step, "{number} of {case}");
        }
        let text = rig.playlist();
        assert!(text.contains("INDEPENDENT") && !text.contains("DISCONTINUITY\n"), "{text}");
        for (_, _, packets) in rig.fragments() {
            let start = of(&packets, VIDEO).next().and_then(|pes| pes.dts).unwrap();
            let audio: Vec<u64> = of(&packets, AUDIO).map(|pes| pes.pts).collect();
            let end = start + (fragment as u64 * step) * 90;
            assert!(audio[0].abs_diff(start) < 90 * 400 && audio.iter().all(|time| *time < end), "{case}");
        }
    }
}

#[test]
fn times_that_differ_a_bit_leave_the_target_as_it_is() {
    let mut rig = rig();
    rig.headers();
    let (mut time, mut seed) = (0, 7u64);
    for _ in 0..100 {
        rig.key(time);
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let step = 4600 + (seed >> 33) % 800;
        rig.audio_between(time, time + step);
        time += step;
        if !rig.playlist().is_empty() {
            assert!(rig.playlist().contains("TARGETDURATION:3"), "{}", rig.playlist());
        }
    }
    assert!(listed(&rig).iter().all(|(pictures, _)| (6..=7).contains(pictures)), "{:?}", listed(&rig));
    assert!(!rig.playlist().contains("DISCONTINUITY\n"));
}

#[test]
fn audio_is_written_alone_when_slow_pictures_stop_and_until_they_come_back() {
    for pictures in [1, 2, 3, 13] {
        let mut rig = rig();
        rig.headers();
        rig.slow(0, 5000, pictures, 1);
        let stops = pictures * 5000;
        rig.audio_between(stops, stops + 60_000);
        let listed = listed(&rig);
        assert!(listed.len() >= 2, "the audio waits no longer: {pictures} {listed:?}");
        let covered: u64 = rig.shape().iter().map(|(duration, _)| duration).sum();
        rig.slow(stops + 60_000, 5000, 30, 1);
        rig.end();
        assert!(!rig.playlist().contains("DISCONTINUITY\n"), "{}", rig.playlist());
        assert!(covered > 20_000, "{covered}");
        let (count, _) = rig
            .fragments()
            .last()
            .map(|(duration, _, packets)| (of(packets, VIDEO).count(), *duration))
            .unwrap();
        assert!(count > 0, "{pictures}");
    }
}

#[test]
fn the_last_slow_picture_stands_as_long_as_its_audio() {
    for (audio, duration) in [(0, 15_000 + 1000), (2000, 15_000 + 2000), (5000, 15_000 + 5000)] {
        let mut rig = rig();
        rig.headers();
        rig.slow(0, 5000, 3, 1);
        rig.key(15_000);
        rig.audio_between(15_000, 15_000 + audio);
        rig.end();
        let shape = rig.shape();
        assert!(shape.len() == 1 && shape[0].0.abs_diff(duration) < 30, "{audio}: {shape:?}");
    }
    // Without audio, it stands as long as those before.
    let mut rig = rig();
    rig.avc_header(SPS);
    (0..4).for_each(|index| rig.key(index * 5000));
    rig.end();
    assert_eq!(rig.shape(), [(20_000, false)]);
}

#[test]
fn a_stream_that_becomes_slow_and_fast_again_keeps_its_target_and_its_pictures() {
    for step in [1000, 5000, 10_000] {
        let mut rig = Rig::with(|settings| {
            settings.fragment = 5000;
            settings.max_fragment = 50_000;
        });
        rig.headers();
        (0..20).for_each(|second| rig.second(second * 1000));
        rig.slow(20_000, step, 10, 1);
        (0..20).for_each(|second| rig.second(20_000 + step * 10 + second * 1000));
        rig.end();
        let text = rig.playlist();
        assert!(text.contains("TARGETDURATION:5\n") && !text.contains("DISCONTINUITY\n"), "{step} {text}");
        let (pictures, durations): (Vec<usize>, Vec<u64>) = listed(&rig).into_iter().unzip();
        assert_eq!(pictures.iter().sum::<usize>(), 500 + 10 + 500, "{step}");
        assert!(durations.iter().sum::<u64>().abs_diff(40_000 + step * 10) < 100, "{step}: {durations:?}");
    }
}
