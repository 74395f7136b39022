//! Tracks that come, go and change, and those that HLS does not carry.

use super::*;

#[test]
fn audio_alone_makes_its_own_fragments_and_clock() {
    let mut rig = Rig::new();
    rig.aac_header();
    for index in 0..470 {
        rig.audio(index * 1024 / 48);
    }
    rig.end();
    let fragments = rig.demux();
    assert_eq!(fragments.len(), 5);
    assert!(fragments[..4].iter().all(|(duration, ..)| (2000..2022).contains(duration)));
    for (_, discontinuity, packets, streams) in &fragments {
        assert_eq!((*discontinuity, streams.as_slice()), (false, &[(0x0f, AUDIO)][..]));
        assert!(packets.iter().all(|pes| pes.pcr.is_some_and(|(base, _)| base + 63_000 == pes.pts)));
    }
    let total: u64 = fragments.iter().map(|(duration, ..)| duration).sum();
    assert!((10_020..10_030).contains(&total), "{total}");
}

#[test]
fn mp3_and_video_alone_have_tables_of_their_own() {
    let mut rig = Rig::new();
    for index in 0..100 {
        rig.send(Kind::Audio, index * 26, &[0x2f, 0xff, 0xfb, 1, 2]);
    }
    rig.end();
    assert_eq!(rig.demux()[0].3, [(0x03, AUDIO)]);
    assert_eq!(rig.demux()[0].2[0].payload[..4], [0xff, 0xfb, 1, 2]);
    let mut rig = Rig::new();
    rig.avc_header(SPS);
    for index in 0..100 {
        match index % 25 {
            0 => rig.key(index * 40),
            _ => rig.inter(index * 40),
        }
    }
    rig.end();
    assert_eq!(
        (rig.demux()[0].3.clone(), rig.shape()),
        (vec![(0x1b, VIDEO)], vec![(2000, false), (2000, false)])
    );
}

#[test]
fn a_stream_shorter_than_the_wait_for_tracks_is_written_at_its_end() {
    let mut rig = Rig::new();
    rig.avc_header(SPS);
    rig.key(0);
    rig.inter(40);
    rig.end();
    assert_eq!(rig.shape(), [(80, false)]);
    let mut rig = Rig::new();
    rig.headers();
    rig.end();
    assert!(rig.folder.list("").is_empty());
}

#[test]
fn a_header_that_comes_after_the_other_tracks_media_is_waited_for() {
    let mut rig = Rig::new();
    rig.aac_header();
    for index in 0..40 {
        rig.audio(index * 21);
    }
    rig.avc_header(SPS);
    rig.second(860);
    rig.end();
    let fragments = rig.demux();
    assert_eq!((fragments.len(), fragments[0].3.len()), (1, 2));
}

#[test]
fn a_track_that_appears_later_is_a_discontinuity_with_new_tables() {
    let mut rig = Rig::new();
    rig.aac_header();
    for index in 0..150 {
        rig.audio(index * 21);
    }
    rig.avc_header(SPS);
    rig.inter(3150);
    rig.audio(3151);
    for second in 0..2 {
        rig.second(3200 + second * 1000);
    }
    rig.end();
    let fragments = rig.demux();
    let streams: Vec<usize> = fragments.iter().map(|(.., streams)| streams.len()).collect();
    assert_eq!((streams, fragments[2].1, fragments[1].1), (vec![1, 1, 2], true, false));
    assert_eq!(fragments[2].2[0].pid, VIDEO);
}

#[test]
fn another_header_cuts_at_its_key_frame() {
    let mut rig = Rig::new();
    rig.headers();
    rig.second(0);
    rig.headers();
    rig.second(1000);
    rig.avc_header(OTHER_SPS);
    rig.inter(2000);
    rig.second(2040);
    rig.end();
    assert_eq!(rig.shape(), [(2040, false), (1000, true)], "pictures go on up to the key frame");
    let fragments = rig.fragments();
    assert!(fragments[1].2[0].payload[6..].starts_with(&[[0, 0, 0, 1].as_slice(), OTHER_SPS].concat()));
    assert_eq!(of(&fragments[1].2, VIDEO).count(), 25);
}

#[test]
fn a_codec_that_is_not_carried_leaves_the_other_track() {
    let mut rig = Rig::new();
    rig.avc_header(SPS);
    for index in 0..60 {
        rig.send(Kind::Audio, index * 40, &[0xb6, 1, 2, 3]);
        match index % 25 {
            0 => rig.key(index * 40),
            _ => rig.inter(index * 40),
        }
    }
    rig.end();
    assert_eq!(rig.demux()[0].3, [(0x1b, VIDEO)]);
    let mut rig = Rig::new();
    rig.aac_header();
    for index in 0..60 {
        rig.send(Kind::Video, index * 40, b"\x90av01");
        rig.audio(index * 40);
    }
    rig.end();
    assert_eq!(rig.demux()[0].3, [(0x0f, AUDIO)]);
}
