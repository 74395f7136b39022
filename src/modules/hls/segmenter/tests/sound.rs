//! Sound whose beginning is not as it should be: configurations that come late, sound ahead of its picture.

use super::*;

/// An HEVC record without sets.
const HEVC_HEADER: &[u8] = b"\x90hvc1\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x3f\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\0";

/// Frames of sound, pictures and fragments, and that no fragment breaks off.
fn counts(rig: &Rig) -> (usize, usize, usize) {
    let fragments = rig.fragments();
    assert!(fragments.iter().all(|(_, broken, _)| !broken), "{}", rig.playlist());
    let packets = || fragments.iter().flat_map(|(_, _, packets)| packets);
    let sound = packets().filter(|pes| pes.pid == AUDIO).map(|pes| pes.payload.len() / 10).sum();
    (sound, packets().filter(|pes| pes.pid == VIDEO).count(), fragments.len())
}

/// What FFmpeg sends of an MPEG-TS that it copies: an empty header of AAC first, and the real one before the
/// first frame of sound, which is behind the first picture.
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
        assert_eq!(rig.segmenter.as_ref().unwrap().skipped, 0);
        rig.end();
        let (sound, pictures, fragments) = counts(&rig);
        assert_eq!(sound, 3 * 46, "{silent}");
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
        assert_eq!(rig.segmenter.as_ref().unwrap().skipped, 0);
        rig.end();
        assert_eq!(counts(&rig), (31, 30, 1));
    }
}
