//! Streams as encoders and cameras really send them (`tests/captures`): what players and recordings get is what was
//! sent, and a decoder makes all pictures and all sound of HLS, exactly as they were encoded.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use crate::common::captures::{self, Capture, Outcome, broadcast};
use crate::common::ffmpeg::{self, Frames, Strictness};
use crate::common::hls::{check_times, fragments};
use crate::common::http::get;
use crate::common::media::Packet;
use crate::common::{Server, flv, wait};

const LIVE: &str =
    "record all; record_path FOLDER/rec; hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 1s;
                    hls_playlist_length 60s;";

/// The part of a capture that a player who comes late gets.
#[derive(Debug, Clone, Copy)]
struct Late {
    /// The decoding time of their first picture.
    from: u32,
    /// Pictures that a decoder may leave out there, as they need what was before.
    lost: usize,
}

/// A key frame each second.
const EACH_SECOND: Late = Late { from: 2000, lost: 0 };

/// Broadcasts these captures, one after the other, and holds what comes of them against what they are.
fn check(server: &Server, names: &[&str], late: Late) -> Vec<(Capture, Outcome, Frames)> {
    let checked = |capture: Capture| {
        let outcome = broadcast(server, &capture.name, &capture.packets);
        expect_as_sent(&capture.name, &capture.packets, &outcome.early);
        expect_recording(server, &capture, &outcome.recorded);
        expect_late(server, &capture, &outcome.late, late);
        let frames = expect_hls(server, &capture, &outcome);
        (capture, outcome, frames)
    };
    Capture::all(names).into_iter().map(checked).collect()
}

/// All frames from the first picture on, byte for byte, in order and at their times, and all headers. What is no
/// picture may be left out in front of the first one, and there may be more headers.
fn expect_as_sent(name: &str, sent: &[Packet], received: &[Packet]) {
    let (sent_frames, received_frames) = (frames(sent), frames(received));
    let start = sent_frames.iter().position(|packet| packet == &received_frames[0]).expect("what was sent");
    let (before, rest) = sent_frames.split_at(start);
    // Fewer bytes hold no picture: delimiters, captions, parameter sets.
    assert!(before.iter().all(|packet| packet.payload.len() < 100), "{name}: begins too late");
    for (sent, received) in rest.iter().zip(&received_frames) {
        assert_eq!(sent, received, "{name}");
    }
    assert_eq!(rest.len(), received_frames.len(), "{name}: messages are missing at the end, or too many");
    // An empty header need not be passed on.
    for header in sent.iter().filter(|packet| is_header(packet) && packet.payload.len() > 2) {
        let is_it = |packet: &Packet| packet.payload == header.payload;
        assert!(received.iter().any(is_it), "{name}: {header:?} is missing");
    }
}

fn frames(packets: &[Packet]) -> Vec<&Packet> {
    packets.iter().filter(|packet| !is_header(packet)).collect()
}

fn is_header(packet: &Packet) -> bool {
    match packet.payload[..] {
        [first, ..] if packet.kind == 9 && first >= 0x80 => matches!(first & 0xf, 0 | 4),
        [first, ..] if packet.kind == 8 && first >> 4 == 9 => matches!(first & 0xf, 0 | 4),
        [_, form, ..] => form == 0,
        _ => false,
    }
}

/// Checks that players get what was sent, and that it decodes to what was encoded, as far as FFmpeg knows it.
fn expect_recording(server: &Server, capture: &Capture, recorded: &[Packet]) {
    expect_as_sent(&capture.name, &capture.packets, recorded);
    if capture.is_known_in_flv() {
        let file = server.folder.join(format!("rec/{}.flv", capture.name));
        let digest = ffmpeg::digest(file.to_str().unwrap(), Strictness::Parts);
        assert_eq!(digest, capture.digest, "{}: other pictures than were encoded", capture.name);
    }
}

/// They begin with a key frame and the headers that it needs, and miss nothing behind it.
fn expect_late(server: &Server, capture: &Capture, received: &[Packet], late: Late) {
    let name = &capture.name;
    let begin = received.iter().position(|packet| !is_header(packet)).expect("it gets something");
    let rest = &received[begin..];
    let start = capture.packets.iter().position(|packet| *packet == rest[0]).expect("what was sent");
    expect_as_sent(name, &capture.packets[start..], rest);
    let mut times: Vec<u32> =
        rest.iter().filter(|packet| packet.kind == 9).map(|packet| packet.timestamp).collect();
    times.dedup();
    assert_eq!(times[0], late.from, "{name}");
    if capture.is_known_in_flv() {
        let file = server.folder.join(format!("{name}.late.flv"));
        flv::write(&file, received);
        let frames = ffmpeg::frames(file.to_str().unwrap(), Strictness::Parts);
        let pictures: usize = frames.pictures.iter().map(|(count, _)| count).sum();
        assert!((times.len() - late.lost..=times.len()).contains(&pictures), "{name}: {pictures} pictures");
        assert_eq!(frames.pictures[0].1, capture.pictures.last().unwrap().1, "{name}");
    }
}

/// Every picture as it was encoded, in its size, and all sound.
fn expect_hls(server: &Server, capture: &Capture, outcome: &Outcome) -> Frames {
    let playlist = playlist(server, &capture.name);
    let frames = ffmpeg::frames(&playlist, Strictness::Explode);
    assert_eq!((&frames.pictures, frames.sound), (&capture.pictures, capture.sound), "{}", capture.name);
    let digest = ffmpeg::digest(&playlist, Strictness::Explode);
    assert_eq!(digest, capture.digest, "{}: other pictures than were encoded", capture.name);
    assert!(outcome.list.end_list);
    let breaks = outcome.list.segments.iter().filter(|segment| segment.discontinuity).count();
    assert_eq!(breaks, capture.pictures.len() - 1, "{}: only a new size is a discontinuity", capture.name);
    frames
}

fn playlist(server: &Server, name: &str) -> String {
    format!("http://{}/hls/{name}.m3u8", server.http())
}

/// Waits for so many lines that warn of this stream; there must be no more.
fn expect_warnings(server: &Server, name: &str, count: usize) {
    let about = |line: &String| line.contains(&format!("{name}:")) || line.contains(&format!("{name} "));
    let warnings = || server.lines("[warn]").into_iter().filter(about).collect::<Vec<_>>();
    wait(&format!("{count} warnings of {name}"), || warnings().len() >= count);
    assert_eq!(warnings().len(), count, "{name}: {:#?}", warnings());
}

#[test]
fn new_parameter_sets_in_the_stream_alone_reach_everyone() {
    let server = Server::live(LIVE);
    let names = ["avc-new-sets", "avc-new-sets-alone", "hevc-new-sets", "hevc-new-sets-alone"];
    for (capture, outcome, _) in check(&server, &names, EACH_SECOND) {
        let first = capture.packets.iter().find(|packet| packet.kind == 9).unwrap();
        let newest = outcome.late.iter().find(|packet| packet.kind == 9).unwrap();
        assert!(is_header(newest) && newest.payload != first.payload, "{}: the old header", capture.name);
        expect_warnings(&server, &capture.name, 1);
        check_times(&fragments(server.http(), "/hls", &outcome.list));
    }
}

#[test]
fn the_page_and_the_master_playlist_follow_a_new_size_in_the_stream() {
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {LIVE} hls_variant _high; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ page on; }} location /hls {{ alias FOLDER/hls; }} }} }}"
    ));
    for capture in Capture::all(&["avc-new-sets", "avc-new-sets-alone", "hevc-new-sets"]) {
        let mut publisher = captures::publish(&server, &format!("{}_high", capture.name));
        capture.packets.iter().for_each(|packet| publisher.send_packet(packet));
        wait("the new size on the page", || {
            let text = get(server.http(), "/streams.json").text();
            text.contains("\"width\":180,\"height\":320")
        });
        captures::finish(&mut publisher);
        let master = get(server.http(), &format!("/hls/{}.m3u8", capture.name)).text();
        assert!(master.contains("RESOLUTION=180x320"), "{master}");
    }
}

#[test]
fn units_that_are_no_picture_are_in_the_one_that_follows() {
    let server = Server::live(LIVE);
    for (capture, outcome, frames) in
        check(&server, &["avc-units-between", "hevc-units-between"], EACH_SECOND)
    {
        assert_eq!(frames.captions, capture.count(), "{}: captions are lost", capture.name);
        check_times(&fragments(server.http(), "/hls", &outcome.list));
        expect_warnings(&server, &capture.name, 0);
    }
}

#[test]
fn slices_in_messages_of_their_own_are_one_access_unit() {
    let server = Server::live(LIVE);
    for (capture, outcome, _) in check(&server, &["avc-slices", "hevc-slices"], EACH_SECOND) {
        let fragments = fragments(server.http(), "/hls", &outcome.list);
        check_times(&fragments);
        let pictures = fragments.iter().flat_map(|fragment| &fragment.units).filter(|unit| unit.is_video());
        assert_eq!(pictures.count(), capture.count(), "{}: one PES packet a picture", capture.name);
        expect_warnings(&server, &capture.name, 0);
    }
}

#[test]
fn nal_types_tell_which_frames_are_key_frames() {
    let server = Server::live(LIVE);
    let names = ["avc-all-inter", "avc-all-key", "hevc-all-inter", "hevc-all-key"];
    for (capture, outcome, _) in check(&server, &names, EACH_SECOND) {
        check_times(&fragments(server.http(), "/hls", &outcome.list));
        assert_eq!(outcome.list.segments.len(), 4);
        assert!(outcome.list.independent_segments, "{}", capture.name);
        expect_warnings(&server, &capture.name, 1);
    }
}

#[test]
fn pictures_that_decoding_can_begin_at_are_key_frames_where_there_is_no_idr() {
    let server = Server::live(LIVE);
    for (names, late) in [
        (&["avc-intra-refresh"][..], Late { from: 2000, lost: 10 }),
        (&["avc-open-groups", "hevc-open-groups"], Late { from: 1900, lost: 1 }),
    ] {
        for (capture, outcome, _) in check(&server, names, late) {
            assert_eq!(outcome.list.segments.len(), 4, "{}", capture.name);
            // CRA pictures are key frames to every decoder; a recovery point is rightly tagged as none.
            expect_warnings(&server, &capture.name, usize::from(capture.name.starts_with("hevc")));
        }
    }
}

#[test]
fn start_codes_in_place_of_lengths_are_read() {
    let server = Server::live(LIVE);
    let names =
        ["avc-start-codes", "avc-start-codes-in-record", "avc-start-codes-no-record", "hevc-start-codes"];
    for (capture, outcome, _) in check(&server, &names, EACH_SECOND) {
        check_times(&fragments(server.http(), "/hls", &outcome.list));
        // That there is no record is said, too.
        expect_warnings(&server, &capture.name, if capture.name.ends_with("no-record") { 2 } else { 1 });
    }
}

#[test]
fn start_codes_inside_a_unit_separate_units() {
    let server = Server::live(LIVE);
    for (capture, ..) in check(&server, &["avc-prefix", "avc-in-one-unit", "hevc-in-one-unit"], EACH_SECOND) {
        expect_warnings(&server, &capture.name, 1);
    }
}

#[test]
fn negative_composition_times_keep_their_steps() {
    let server = Server::live(LIVE);
    for (capture, outcome, _) in check(&server, &["avc-negative", "hevc-negative"], EACH_SECOND) {
        let fragments = fragments(server.http(), "/hls", &outcome.list);
        check_times(&fragments);
        let units = fragments.iter().flat_map(|fragment| &fragment.units).filter(|unit| unit.is_video());
        let mut times: Vec<u64> = units.map(|unit| unit.pts).collect();
        times.sort_unstable();
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 9000), "{}: {times:?}", capture.name);
        expect_warnings(&server, &capture.name, 0);
    }
}

#[test]
fn a_slow_picture_has_the_time_up_to_the_next_one() {
    let server = Server::live(LIVE);
    for (_, outcome, _) in check(&server, &["avc-slow"], EACH_SECOND) {
        // Of one picture in a fragment players would not know how long it is.
        let lengths: Vec<f32> = outcome.list.segments.iter().map(|segment| segment.duration).collect();
        assert!(lengths.len() == 1 && (lengths[0] - 4.0).abs() < 0.05, "{lengths:?}");
        let fragments = fragments(server.http(), "/hls", &outcome.list);
        check_times(&fragments);
        let units = fragments.iter().flat_map(|fragment| &fragment.units).filter(|unit| unit.is_video());
        let times: Vec<u64> = units.map(|unit| unit.pts).collect();
        assert!(times.len() == 4 && times.windows(2).all(|pair| pair[1] - pair[0] == 90_000), "{times:?}");
        expect_warnings(&server, "avc-slow", 0);
    }
}

#[test]
fn an_empty_aac_header_is_no_header() {
    let server = Server::live(LIVE);
    check(&server, &["aac-empty-header"], EACH_SECOND);
    expect_warnings(&server, "aac-empty-header", 0);
}

#[test]
fn aac_whose_channels_are_told_in_the_stream_is_in_hls() {
    let server = Server::live(LIVE);
    for (capture, ..) in check(&server, &["aac-quad", "aac-surround"], EACH_SECOND) {
        expect_warnings(&server, &capture.name, 0);
    }
}

#[test]
fn an_adts_header_is_the_configuration_of_its_frame() {
    let server = Server::live(LIVE);
    check(&server, &["aac-adts"], EACH_SECOND);
    expect_warnings(&server, "aac-adts", 0);
}

#[test]
fn sound_that_is_sent_ahead_of_the_first_key_frame_is_in_hls() {
    let server = Server::live(LIVE);
    for (_, outcome, _) in check(&server, &["aac-ahead"], EACH_SECOND) {
        let fragments = fragments(server.http(), "/hls", &outcome.list);
        check_times(&fragments);
        let sound = fragments.iter().flat_map(|fragment| &fragment.units).filter(|unit| !unit.is_video());
        let times: Vec<u64> = sound.map(|unit| unit.pts).collect();
        assert!(times.is_sorted(), "{times:?}");
    }
}

#[test]
fn the_frame_rate_is_that_of_several_fragments() {
    let server = Server::live(&format!("{LIVE} hls_variant _high;"));
    let mut capture = Capture::all(&["avc-all-key"]).remove(0);
    // The last fragment has one picture.
    capture.packets.retain(|packet| packet.timestamp <= 3000);
    let mut publisher = captures::publish(&server, "cam_high");
    capture.packets.iter().for_each(|packet| publisher.send_packet(packet));
    captures::finish(&mut publisher);
    let master = get(server.http(), "/hls/cam.m3u8").text();
    assert!(master.contains("FRAME-RATE=10.000"), "{master}");
}
