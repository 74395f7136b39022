//! Streams whose fragments are in memory, and what their segmenters keep.

use super::*;
use crate::engine::Growth;
use crate::modules::hls::settings::Storage;

/// A key frame of 100 kB.
fn large_key(rig: &mut Rig, timestamp: u64) {
    let length: u32 = 100_000;
    let mut payload = [&[0x17, 1, 0, 0, 80][..], &length.to_be_bytes(), &[0x65, 0x88]].concat();
    payload.resize(9 + 100_000, 2);
    rig.send(Kind::Video, timestamp, &payload);
}

#[test]
fn buffers_that_are_kept_count_as_memory_of_the_stream() {
    let mut rig = Rig::new();
    rig.avc_header(SPS);
    for second in 0..4 {
        large_key(&mut rig, second * 1000);
        rig.inter(second * 1000 + 500);
    }
    let bytes = rig.segmenter.as_ref().unwrap().kept_bytes();
    assert!((64 << 10..80 << 10).contains(&bytes), "{bytes}: one buffer, and the small picture");
}

#[test]
fn the_memory_of_a_stream_includes_the_kept_buffers_until_it_fails() {
    let mut rig = Rig::with(|settings| settings.storage = Storage::Memory);
    rig.memory.set_limit(4 << 20);
    rig.memory.begin_owner(&rig.folder.join("a.m3u8"));
    rig.avc_header(SPS);
    (0..12).for_each(|second| large_key(&mut rig, second * 1000));
    let listed = |rig: &Rig| -> u64 {
        let (_, playlist) = m3u8_rs::parse_media_playlist(&rig.memory_file("a.m3u8")).unwrap();
        let sizes = playlist.segments.iter().map(|segment| rig.memory_file(&segment.uri).len() as u64);
        sizes.sum()
    };
    let kept = rig.segmenter.as_ref().unwrap().kept_bytes() as u64;
    let bytes = rig.memory.bytes();
    assert!(kept > 64 << 10 && bytes > listed(&rig) + kept, "{bytes} {kept}");
    rig.call(|segmenter, outlet| segmenter.fail(12_000, &io::Error::other("test"), outlet));
    let bytes = rig.memory.bytes();
    assert!(bytes < listed(&rig) + (16 << 10), "{bytes}: only the playlist is left beside the fragments");
}

#[test]
fn nothing_follows_the_end_even_if_that_finds_no_room() {
    const LIMIT: usize = 1 << 20;
    let mut rig = Rig::with(|settings| settings.storage = Storage::Memory);
    rig.memory.set_limit(LIMIT as u64);
    let [own, other] = ["a.m3u8", "b.m3u8"].map(|name| rig.folder.join(name));
    rig.memory.begin_owner(&own);
    rig.memory.begin_owner(&other);
    rig.avc_header(SPS);
    (0..8).for_each(|second| large_key(&mut rig, second * 1000));
    assert!(rig.memory.get(&own).is_some());
    // Another stream takes its share, and then there is nothing left.
    assert!(rig.memory.make_room(&other, Growth { from: 0, to: 400 << 10 }));
    assert!(rig.memory.is_crowded());
    rig.memory.put("/all".into(), &[7; 2 * LIMIT], UNIX_EPOCH).unwrap();
    rig.finish(Finish::StreamEnded);
    rig.memory.remove(std::path::Path::new("/all"));
    rig.memory.clear_crowded();
    (20..26).for_each(|second| large_key(&mut rig, second * 1000));
    assert!(rig.memory.is_empty());
}
