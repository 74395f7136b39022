//! Key frames that are repeated, as nothing else is to come for long.

use crate::modules::hls::segmenter::tests::*;

/// An IDR slice with its number at 0, and room for a longer one.
const KEY: &[u8] = &[0x17, 1, 0, 0, 0, 0, 0, 0, 6, 0x65, 0x88, 0x84, 0x21, 0xa0, 0x55];

const INTER: &[u8] = &[0x27, 1, 0, 0, 0, 0, 0, 0, 3, 0x41, 0x9a, 2];
/// Without arithmetic coding.
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

/// When pictures are shown, of which four come so many milliseconds apart, with audio beside them.
fn times(step: u64, is_key: impl Fn(u64) -> bool) -> Vec<u64> {
    let mut rig = Rig::new();
    let sps = u8::try_from(SPS.len()).unwrap();
    let head = [&[0x17, 0, 0, 0, 0, 1, SPS[1], SPS[2], SPS[3], 0xff, 0xe1, 0, sps], SPS].concat();
    rig.send(Kind::Video, 0, &[&head[..], &[1, 0, 4], PPS].concat());
    rig.aac_header();
    for index in 0..4 {
        let start = 1000 + index * step;
        let picture = if is_key(index) { KEY } else { INTER };
        rig.send(Kind::Video, start, picture);
        (0..step / 20).for_each(|audio| rig.audio(start + audio * 20));
    }
    rig.end();
    let packets: Vec<Pes> = rig.fragments().into_iter().flat_map(|(.., packets)| packets).collect();
    of(&packets, VIDEO).map(|pes| (pes.pts - 63_000) / 90).collect()
}

#[test]
fn between_key_frames_alone_there_are_repetitions_and_nowhere_else() {
    let expected: Vec<u64> =
        (0..4).flat_map(|index| [0, 2000, 4000].map(|more| 1000 + index * 5000 + more)).collect();
    assert_eq!(times(5000, |_| true), expected);
    let alone = |step: u64| (0..4).map(|index| 1000 + index * step).collect::<Vec<_>>();
    assert_eq!(times(5000, |index| index % 2 == 0), alone(5000));
    assert_eq!(times(2000, |_| true), alone(2000));
}
