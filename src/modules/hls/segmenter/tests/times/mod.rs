//! When pictures are decoded and shown, whatever the publisher says of it.

mod repeated;
mod slow;

use super::*;

/// A group of pictures in the order of decoding, with three B pictures between two others: composition times in
/// pictures, without the offset that would keep them from being below zero.
const GROUP: [i32; 4] = [3, 0, -2, -1];

impl Rig {
    /// A picture that is shown so many milliseconds after it is decoded.
    fn picture(&mut self, timestamp: u64, composition_time: i32) {
        let [_, high, middle, low] = composition_time.to_be_bytes();
        self.send(Kind::Video, timestamp, &[0x27, 1, high, middle, low, 0, 0, 0, 3, 0x41, 0x9a, 2]);
    }

    /// A key frame and groups of pictures behind it, 40 ms apart, each with a frame of audio.
    fn reordered(&mut self, start: u64, pictures: u64) {
        self.key_shown_at_once(start);
        self.audio(start);
        for (index, composition_time) in (1..pictures).zip(GROUP.into_iter().cycle()) {
            self.picture(start + index * 40, composition_time * 40);
            self.audio(start + index * 40);
        }
    }

    fn key_shown_at_once(&mut self, timestamp: u64) {
        self.send(Kind::Video, timestamp, &[0x17, 1, 0, 0, 0, 0, 0, 0, 3, 0x65, 0x88, 2]);
    }
}

/// Decoding and presentation times of all pictures, in ticks.
fn times(rig: &Rig) -> Vec<(u64, u64)> {
    let packets: Vec<Pes> = rig.fragments().into_iter().flat_map(|(_, _, packets)| packets).collect();
    of(&packets, VIDEO).map(|pes| (pes.dts.unwrap_or(pes.pts) - 63_000, pes.pts - 63_000)).collect()
}

fn millis(times: &[(u64, u64)]) -> Vec<(u64, u64)> {
    times.iter().map(|(decoded, shown)| (decoded / 90, shown / 90)).collect()
}

/// Decoded one after the other, none after it is shown, and shown every 40 ms.
fn expect_even(times: &[(u64, u64)]) {
    assert!(times.windows(2).all(|pair| pair[1].0 > pair[0].0), "{times:?}");
    assert!(times.iter().all(|(decoded, shown)| shown >= decoded), "{times:?}");
    let mut shown: Vec<u64> = times.iter().map(|(_, shown)| *shown).collect();
    shown.sort_unstable();
    assert!(shown.windows(2).all(|pair| pair[1] == pair[0] + 40 * 90), "{shown:?}");
}

#[test]
fn pictures_with_composition_times_below_zero_are_decoded_earlier_and_shown_when_they_should_be() {
    let mut rig = Rig::new();
    rig.headers();
    (0..3).for_each(|group| rig.reordered(1000 + group * 2000, 49));
    rig.end();
    assert_eq!(rig.shape(), [(2000, false), (2000, false), (1960, false)]);
    let times = times(&rig);
    // All is written 80 ms later, so that the clock begins no earlier than the publisher's.
    assert_eq!(millis(&times[..5]), [(1000, 1080), (1040, 1240), (1080, 1160), (1120, 1120), (1160, 1200)]);
    for group in times.chunks(49) {
        expect_even(group);
        assert!(group.windows(2).all(|pair| pair[1].0 == pair[0].0 + 40 * 90), "decoded evenly: {group:?}");
    }
    for (place, (_, _, packets)) in (0u64..).zip(rig.fragments()) {
        // Audio and dates stay with the presentation.
        assert_eq!(of(&packets, AUDIO).next().unwrap().pts, (1080 + place * 2000) * 90 + 63_000);
        let clocks: Vec<u64> = packets.iter().filter_map(|pes| pes.pcr).map(|(base, _)| base).collect();
        assert!(clocks.is_sorted());
    }
}

#[test]
fn composition_times_that_go_below_zero_later_move_the_decoding_times_once() {
    let mut rig = Rig::new();
    rig.headers();
    rig.key_shown_at_once(0);
    rig.audio(0);
    (1..20).for_each(|index| rig.picture(index * 40, 0));
    for (index, composition_time) in (20..60).zip(GROUP.into_iter().cycle()) {
        rig.picture(index * 40, composition_time * 40);
    }
    rig.end();
    let times = times(&rig);
    expect_even(&times);
    // For a while they are decoded in a row.
    assert_eq!(
        millis(&times[19..25]),
        [(760, 760), (760, 920), (760, 840), (760, 800), (800, 880), (840, 1080)]
    );
}

#[test]
fn another_publisher_begins_with_an_offset_of_its_own() {
    let mut rig = Rig::new();
    rig.headers();
    rig.reordered(1000, 29);
    rig.discontinuity();
    rig.headers();
    rig.second(5000);
    rig.end();
    let (before, behind) = (rig.fragments().remove(0).2, rig.fragments().remove(1).2);
    let delay = |packets: &[Pes]| of(packets, VIDEO).next().map(|pes| pes.pts - pes.dts.unwrap_or(pes.pts));
    assert_eq!((delay(&before), delay(&behind)), (Some(80 * 90), Some(80 * 90)));
    let last = of(&before, VIDEO).map(|pes| pes.dts.unwrap_or(pes.pts)).max();
    assert!(last < of(&behind, VIDEO).next().and_then(|pes| pes.dts));
}

#[test]
fn a_stream_without_composition_times_begins_with_its_second_picture() {
    let mut rig = Rig::new();
    rig.headers();
    rig.key_shown_at_once(0);
    rig.audio(0);
    rig.picture(40, 0);
    assert_eq!(rig.folder.list(""), [".a.ts.part"]);
}
