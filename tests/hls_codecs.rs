//! HLS of every codec that a transport stream carries, published as Enhanced RTMP by hand: the program maps,
//! the times, every byte of picture and sound, and FFmpeg decoding the whole without a complaint.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use crate::common::ffmpeg;
use crate::common::hls::{check_times, fragments, playlist};
use crate::common::http::get;
use crate::common::media::Packet;
use crate::common::mp4::{self, Track};
use crate::common::raw::Raw;
use crate::common::ts::{Fragment, StreamType, Unit};
use crate::common::{Server, media};
use m3u8_rs::MediaPlaylist;
use millstream::media::amf::{Value, amf0};
use millstream::rtmp::message::MessageType;

const HLS: &str = "hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 1s; hls_playlist_length 60s;";
const PICTURE: &str = "-f lavfi -i testsrc=size=160x120:rate=25";
const HEVC: &str = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p -tag:v hvc1 -x265-params \
                    log-level=none:keyint=25:min-keyint=25:bframes=3:scenecut=0";
const AVC: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -bf 2";

/// A clip of 4 seconds: a picture, if there is one, then a tone at that rate and its encoder.
fn encode(server: &Server, picture: &str, sound: Option<(u32, &str)>) -> Vec<Track> {
    let mut arguments = String::new();
    if !picture.is_empty() {
        arguments += PICTURE;
    }
    if let Some((rate, _)) = sound {
        arguments += &format!(" -f lavfi -i sine=frequency=440:sample_rate={rate}");
    }
    arguments += &format!(" {picture}");
    if let Some((_, encoder)) = sound {
        arguments += &format!(" {encoder}");
    }
    let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
    arguments.extend(["-t", "4"]);
    mp4::encode(&server.folder, &arguments)
}

fn publish(server: &Server, name: &str, packets: &[Packet]) -> MediaPlaylist {
    let mut publisher = Raw::connected(server.rtmp(), "live");
    publisher.publish(name);
    assert_eq!(publisher.status().0, "NetStream.Publish.Start");
    publisher.send(MessageType::SetChunkSize, 0, 0, &60_000u32.to_be_bytes());
    publisher.chunk_size = 60_000;
    packets.iter().for_each(|packet| publisher.send_packet(packet));
    publisher.command("deleteStream", 0.0, 0, &[Value::Null, 1.0.into()]);
    assert_eq!(publisher.status().0, "NetStream.Unpublish.Success");
    let list = playlist(&get(server.http(), &format!("/hls/{name}.m3u8")).body);
    assert!(list.end_list && (3..=5).contains(&list.segments.len()), "{} fragments", list.segments.len());
    assert!(list.segments.iter().all(|segment| !segment.discontinuity));
    list
}

fn units(fragments: &[Fragment], is_video: bool) -> impl Iterator<Item = &Unit> {
    fragments.iter().flat_map(|fragment| &fragment.units).filter(move |unit| unit.is_video() == is_video)
}

/// The slices of a picture, behind start codes or lengths alike.
fn slices<'a>(nals: impl Iterator<Item = &'a [u8]>, is_hevc: bool) -> Vec<&'a [u8]> {
    let is_slice = |nal: &&[u8]| if is_hevc { nal[0] >> 1 < 32 } else { (1..=5).contains(&(nal[0] & 31)) };
    nals.filter(is_slice).collect()
}

fn behind_start_codes(payload: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> =
        (0..payload.len() - 3).filter(|&at| payload[at..at + 4] == [0, 0, 0, 1]).collect();
    let ends = starts.iter().skip(1).copied().chain([payload.len()]);
    starts.iter().zip(ends).map(|(&start, end)| &payload[start + 4..end]).collect()
}

fn behind_lengths(mut frame: &[u8]) -> Vec<&[u8]> {
    let mut nals = Vec::new();
    while let Some((length, rest)) = frame.split_first_chunk() {
        let (nal, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        nals.push(nal);
        frame = rest;
    }
    nals
}

/// Every picture is there once, whole, and at its time.
fn check_picture(fragments: &[Fragment], track: &Track) {
    check_times(fragments);
    let is_hevc = track.four_cc == *b"hvc1";
    let pictures: Vec<&Unit> = units(fragments, true).collect();
    assert_eq!(pictures.len(), track.samples.len());
    let first = (pictures[0].dts, track.samples[0].time);
    for (unit, sample) in pictures.iter().zip(&track.samples) {
        assert_eq!(unit.stream, if is_hevc { StreamType::H265 } else { StreamType::H264 });
        let (got, sent) = (behind_start_codes(&unit.payload), behind_lengths(&sample.data));
        assert_eq!(slices(got.into_iter(), is_hevc), slices(sent.into_iter(), is_hevc));
        assert_eq!(unit.nal_types()[0], if is_hevc { 35 } else { 9 }, "a delimiter");
        assert_eq!((unit.dts - first.0) / 90, u64::from(sample.time - first.1));
        assert_eq!((unit.pts - unit.dts) / 90, u64::try_from(sample.composition).unwrap());
    }
}

/// Every frame of sound is there once, and each packet begins at the time of its first.
fn check_sound(fragments: &[Fragment], track: &Track, stream: u8) {
    let packets: Vec<&Unit> = units(fragments, false).collect();
    assert!(packets.iter().all(|unit| unit.stream == StreamType::from(stream)));
    assert_eq!(packets.iter().flat_map(|unit| unit.payload.clone()).collect::<Vec<_>>(), track.data());
    let (mut at, start) = (0, packets[0].pts);
    for unit in packets {
        let index = (0..track.samples.len()).find(|&index| {
            track.samples[..index].iter().map(|sample| sample.data.len()).sum::<usize>() == at
        });
        let sample = &track.samples[index.expect("packets hold whole frames")];
        let time = u64::from(sample.time - track.samples[0].time) * 90;
        assert!((unit.pts - start).abs_diff(time) <= 180, "{} for {time}", unit.pts - start);
        at += unit.payload.len();
    }
}

fn check_decoding(server: &Server, name: &str, codecs: &[&str]) {
    let url = format!("http://{}/hls/{name}.m3u8", server.http());
    ffmpeg::decode(&url);
    assert_eq!(ffmpeg::probe(&url), codecs);
    assert_eq!(server.lines("[warn]").len() + server.lines("[error]").len(), 0, "{}", server.log());
}

#[test]
fn hevc_with_ac3_and_with_eac3_decodes_and_every_byte_is_there() {
    let server = Server::live(HLS);
    for (name, encoder, stream) in [("ac3", "-c:a ac3 -b:a 192k", 0x81), ("eac3", "-c:a eac3 -ac 6", 0x87)] {
        let tracks = encode(&server, HEVC, Some((48_000, encoder)));
        assert!(tracks[0].samples.iter().any(|sample| sample.composition > 40), "it has B-frames");
        let packets = mp4::interleave(&[tracks[0].enhanced(), tracks[1].enhanced()]);
        let list = publish(&server, name, &packets);
        let fragments = fragments(server.http(), "/hls", &list);
        check_picture(&fragments, &tracks[0]);
        check_sound(&fragments, &tracks[1], stream);
        check_decoding(&server, name, &["hevc", name]);
    }
}

#[test]
fn hevc_by_flvs_number_and_enhanced_aac_decode() {
    let server = Server::live(HLS);
    let tracks = encode(&server, HEVC, Some((44_100, "-c:a aac")));
    let packets = mp4::interleave(&[tracks[0].legacy_video(12), tracks[1].enhanced()]);
    let list = publish(&server, "cam", &packets);
    check_picture(&fragments(server.http(), "/hls", &list), &tracks[0]);
    check_decoding(&server, "cam", &["hevc", "aac"]);
}

#[test]
fn avc_with_mp3_of_all_rates_decodes() {
    let server = Server::live(HLS);
    for (name, rate, stream) in [("high", 48_000, 0x03), ("middle", 44_100, 0x03), ("low", 22_050, 0x04)] {
        let tracks = encode(&server, AVC, Some((rate, "-c:a libmp3lame -b:a 64k")));
        let sound = if rate == 48_000 { tracks[1].enhanced() } else { tracks[1].legacy_audio(&[0x2e]) };
        let list = publish(&server, name, &mp4::interleave(&[tracks[0].enhanced(), sound]));
        let fragments = fragments(server.http(), "/hls", &list);
        check_picture(&fragments, &tracks[0]);
        check_sound(&fragments, &tracks[1], stream);
        check_decoding(&server, name, &["h264", "mp3"]);
    }
}

#[test]
fn sound_alone_and_hevc_alone_decode_with_a_clock_that_never_stops() {
    let server = Server::live(HLS);
    for (name, rate, encoder) in [("ac3", 32_000, "-c:a ac3"), ("eac3", 44_100, "-c:a eac3")] {
        let tracks = encode(&server, "", Some((rate, encoder)));
        let list = publish(&server, name, &tracks[0].enhanced());
        let fragments = fragments(server.http(), "/hls", &list);
        check_sound(&fragments, &tracks[0], if name == "ac3" { 0x81 } else { 0x87 });
        let clocks: Vec<u64> = fragments.iter().flat_map(|fragment| fragment.clocks.clone()).collect();
        assert!(clocks.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] <= 2_700_000));
        check_decoding(&server, name, &[name]);
    }
    let tracks = encode(&server, HEVC, None);
    let list = publish(&server, "hevc", &tracks[0].enhanced());
    check_picture(&fragments(server.http(), "/hls", &list), &tracks[0]);
    check_decoding(&server, "hevc", &["hevc"]);
}

#[test]
fn a_codec_that_hls_cannot_carry_is_named_once_and_the_other_track_is_played() {
    let server = Server::live(HLS);
    let tracks = encode(&server, AVC, Some((48_000, "-c:a aac")));
    let foreign = |kind: u8, four_cc: &[u8; 4]| {
        let payload = |first: u8| [&[first], &four_cc[..], b"frame"].concat();
        let frames = (0..100).map(|index| Packet { kind, timestamp: index * 40, payload: payload(0x91) });
        std::iter::once(Packet { kind, timestamp: 0, payload: payload(0x90) })
            .chain(frames)
            .collect::<Vec<_>>()
    };
    for (four_cc, what) in [(b"av01", "AV1"), (b"vp09", "VP9"), (b"vvc1", "H.266")] {
        publish(&server, what, &mp4::interleave(&[foreign(9, four_cc), tracks[1].enhanced()]));
        let url = format!("http://{}/hls/{what}.m3u8", server.http());
        ffmpeg::decode(&url);
        assert_eq!(ffmpeg::probe(&url), ["aac"]);
        server.expect_lines(&format!("live/{what}: hls drops the video: codec {what}"), 1);
    }
    for (four_cc, what) in [(b"Opus", "Opus"), (b"fLaC", "FLAC")] {
        publish(&server, what, &mp4::interleave(&[tracks[0].enhanced(), foreign(8, four_cc)]));
        let url = format!("http://{}/hls/{what}.m3u8", server.http());
        ffmpeg::decode(&url);
        assert_eq!(ffmpeg::probe(&url), ["h264"]);
        server.expect_lines(&format!("live/{what}: hls drops the audio: codec {what}"), 1);
    }
    server.expect_lines("hls drops the", 5);
}

#[test]
fn the_master_playlist_and_players_are_told_what_the_headers_say() {
    let server = Server::live(&format!("{HLS} hls_variant _high;"));
    let tracks = encode(&server, HEVC, Some((44_100, "-c:a eac3 -ac 6")));
    let packets = mp4::interleave(&[tracks[0].enhanced(), tracks[1].enhanced()]);
    let mut publisher = Raw::connected(server.rtmp(), "live");
    publisher.publish("cam_high");
    assert_eq!(publisher.status().0, "NetStream.Publish.Start");
    packets.iter().for_each(|packet| publisher.send_packet(packet));
    let text = crate::common::until("a master playlist", crate::common::SOON, || {
        let reply = get(server.http(), "/hls/cam.m3u8");
        (reply.status == 200).then(|| reply.text())
    });
    let level = tracks[0].configuration[12];
    let codecs = format!("CODECS=\"hvc1.1.6.L{level}.90,ec-3\"");
    assert!(text.contains(&codecs) && text.contains("RESOLUTION=160x120"), "{text}");
    assert!(text.contains("FRAME-RATE=25.000"), "{text}");
    let mut player = Raw::connected(server.rtmp(), "live");
    player.play("cam_high");
    let message = std::iter::from_fn(|| player.message())
        .filter(|message| message.type_id == MessageType::DataAmf0 as u8)
        .find(|message| message.payload().windows(10).any(|bytes| bytes == b"onMetaData"));
    let values = amf0::decode(message.unwrap().payload()).unwrap();
    let metadata = values[1].as_object().unwrap();
    let numbers = [("width", 160.0), ("height", 120.0), ("framerate", 25.0), ("level", f64::from(level / 3))];
    for (name, number) in numbers.into_iter().chain([("audiosamplerate", 44_100.0), ("audiochannels", 6.0)]) {
        assert_eq!(metadata.number(name), Some(number), "{name}");
    }
    assert_eq!(metadata.str("profile"), Some("Main"));
}

#[test]
fn a_change_from_avc_to_hevc_is_a_discontinuity_and_both_decode() {
    let server = Server::live(HLS);
    let [avc, hevc] = [AVC, HEVC].map(|picture| encode(&server, picture, None).remove(0).enhanced());
    let after = avc.iter().map(|packet| packet.timestamp).max().unwrap() + media::FRAME;
    let later = hevc.into_iter().map(|packet| Packet { timestamp: packet.timestamp + after, ..packet });
    let mut publisher = crate::common::player::Client::publish(server.rtmp(), "cam");
    publisher.send_all(&avc);
    publisher.send_all(&later.collect::<Vec<_>>());
    publisher.finish();
    let list = playlist(&get(server.http(), "/hls/cam.m3u8").body);
    let breaks: Vec<usize> =
        (0..list.segments.len()).filter(|&index| list.segments[index].discontinuity).collect();
    assert_eq!((breaks.len(), list.segments.len()), (1, 8));
    for (place, segment) in list.segments.iter().enumerate() {
        let url = format!("http://{}/hls/{}", server.http(), segment.uri);
        ffmpeg::decode(&url);
        assert_eq!(ffmpeg::probe(&url), [if place < breaks[0] { "h264" } else { "hevc" }]);
    }
}
