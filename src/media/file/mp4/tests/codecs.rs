//! Codecs: the heads of their messages, and their configurations.

use super::made::*;
use crate::media::file::MessageRole;
use crate::media::flv::{Codec, inspect};
use crate::media::kind::{Kind, Packet, Role};

/// The payloads of the configurations, and of the media without their bodies.
fn heard(track: MadeTrack) -> (Vec<Vec<u8>>, Vec<Vec<u8>>, Codec) {
    let (kind, made) = (track.kind, movie(&[track]));
    let mut source = Memory::new(&made.bytes());
    let mut demuxer = open(&mut source).unwrap();
    let all = rest(&mut demuxer, &mut source).unwrap();
    let configurations = all.iter().filter(|heard| heard.role == MessageRole::Configuration);
    let configurations = configurations.map(|heard| heard.payload.clone()).collect();
    let media: Vec<_> = all.iter().filter(|heard| heard.is_media()).collect();
    for (at, (heard, sample)) in media.iter().zip(&made.tracks[0].samples).enumerate() {
        let tag = inspect(kind, &heard.payload);
        assert_eq!(heard.payload[tag.body.clone()], body(0, at, sample.size));
        assert_eq!(tag.role == Role::Key, sample.sync);
        assert_eq!(tag.packet, Packet::Frames);
    }
    let heads = media.iter().zip(&made.tracks[0].samples);
    let heads = heads.map(|(heard, it)| heard.payload[..heard.payload.len() - it.size as usize].to_vec());
    let facts = demuxer.facts();
    let codec = if kind == Kind::Video { facts.video_codec } else { facts.audio_codec };
    (configurations, heads.collect(), codec)
}

fn shown(kind: &[u8; 4], record: &[u8]) -> MadeTrack {
    MadeTrack { entries: vec![visual(kind, record)], ..pictures(9) }
}

fn played(entry: Vec<u8>) -> MadeTrack {
    MadeTrack { entries: vec![entry], ..frames(3) }
}

#[test]
fn pictures_have_the_form_of_their_codec() {
    for kind in [b"avc1", b"avc3"] {
        let (configurations, heads, codec) = heard(shown(kind, &boxed(b"avcC", AVC)));
        assert_eq!((configurations, codec), (vec![[&[0x17, 0, 0, 0, 0], AVC].concat()], Codec::Avc));
        assert_eq!(heads[..3], [[0x17, 1, 0, 0, 80], [0x27, 1, 0, 0, 160], [0x27, 1, 0, 0, 40]]);
    }
    for kind in [b"hvc1", b"hev1"] {
        let mut track = shown(kind, &[boxed(b"pasp", &[0; 8]), boxed(b"hvcC", b"record")].concat());
        track.samples[1].composition = 0;
        let (configurations, heads, codec) = heard(track);
        assert_eq!((configurations, codec), (vec![b"\x90hvc1record".to_vec()], Codec::Hevc));
        assert_eq!(heads[..3], [&b"\x91hvc1\0\0\x50"[..], b"\xa3hvc1", b"\xa1hvc1\0\0\x28"]);
    }
    let mut track = shown(b"av01", &boxed(b"av1C", b"record"));
    track.samples.iter_mut().for_each(|sample| sample.composition = 0);
    let (configurations, heads, codec) = heard(track.clone());
    assert_eq!((configurations, codec), (vec![b"\x90av01record".to_vec()], Codec::Av1));
    assert_eq!(heads[..2], [b"\x91av01", b"\xa1av01"]);
    track.entries = vec![visual(b"vp09", &full(b"vpcC", 1, 0, b"record"))];
    let (configurations, heads, codec) = heard(track.clone());
    assert_eq!((configurations, codec), (vec![b"\x90vp09record".to_vec()], Codec::Vp9));
    assert_eq!(heads[..2], [b"\x91vp09", b"\xa1vp09"]);
    track.entries = vec![visual(b"av01", &[])];
    assert_eq!(heard(track).0, [b""; 0], "AV1 has it in its key frames");
}

#[test]
fn composition_times_can_be_below_zero() {
    let mut track = shown(b"avc1", &boxed(b"avcC", AVC));
    (track.edits, track.samples[1].composition, track.samples[2].composition) = (None, -512, i32::MIN);
    let (_, heads, _) = heard(track);
    assert_eq!(heads[1..3], [[0x27, 1, 0xff, 0xff, 0xd8], [0x27, 1, 0x80, 0, 1]]);
}

#[test]
fn sound_has_the_form_of_its_codec() {
    let (configurations, heads, codec) = heard(played(sound(b"mp4a", &esds(0x67, AAC))));
    assert_eq!((configurations, codec), (vec![[&[0xaf, 0], AAC].concat()], Codec::Aac));
    assert_eq!(heads[0], [0xaf, 1]);
    let quick_time = [boxed(b"frma", b"mp4a"), esds(0x40, AAC), boxed(&[0; 4], &[])].concat();
    let mut version_1 = sound(b"mp4a", &[&[0; 16], &boxed(b"wave", &quick_time)[..]].concat());
    version_1[17] = 1;
    assert_eq!(heard(played(version_1)).0, [[0xaf, 0, 0x12, 0x10]]);
    let mut version_2 = sound(b"mp4a", &[&[0; 36], &boxed(b"wave", &quick_time)[..]].concat());
    version_2[17] = 2;
    assert_eq!(heard(played(version_2)).0, [[0xaf, 0, 0x12, 0x10]]);
    for entry in [sound(b"mp4a", &esds(0x6b, &[])), sound(b"mp4a", &esds(0x69, &[])), sound(b".mp3", &[])] {
        let (configurations, heads, codec) = heard(played(entry));
        assert_eq!((configurations.len(), codec, &heads[0][..]), (0, Codec::Mp3, &[0x2f][..]));
    }
    let record = b"\0\x02\x01\x38\0\0\xbb\x80\0\x03\0";
    let (configurations, heads, codec) = heard(played(sound(b"Opus", &boxed(b"dOps", record))));
    let header = b"\x90OpusOpusHead\x01\x02\x38\x01\x80\xbb\0\0\x03\0\0";
    assert_eq!((configurations, codec), (vec![header.to_vec()], Codec::Opus));
    assert_eq!(heads[0], b"\x91Opus");
    let info = [1; 34];
    let blocks = [&[0, 0, 0, 34], &info[..], &[0x84, 0, 0, 0]].concat();
    let (configurations, heads, codec) = heard(played(sound(b"fLaC", &full(b"dfLa", 0, 0, &blocks))));
    assert_eq!(
        (configurations, codec),
        (vec![[b"\x90fLaCfLaC\x80\0\0\x22", &info[..]].concat()], Codec::Flac)
    );
    assert_eq!(heads[0], b"\x91fLaC");
    for (kind, wanted) in [(b"ac-3", Codec::Ac3), (b"ec-3", Codec::Eac3)] {
        let (configurations, heads, codec) = heard(played(sound(kind, &[])));
        assert_eq!((configurations.len(), codec, &heads[0][1..]), (0, wanted, &kind[..]));
    }
}

#[test]
fn it_is_told_why_pictures_are_left_out() {
    let unknown = MadeTrack { entries: vec![visual(b"mp4v", b"")], ..pictures(9) };
    let mut source = Memory::new(&movie(&[unknown, frames(3)]).bytes());
    let demuxer = open(&mut source).unwrap();
    let [pictures, sound] = demuxer.facts().left_out;
    assert!(pictures.is_some() && sound.is_none(), "{pictures:?}");
}
