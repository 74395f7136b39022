//! MP4 files as FFmpeg makes them: the messages that are read of them have the times, sizes and key frames of the packets
//! that FFmpeg reads, and their bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use millstream::media::file::{Demuxer, MessageRole, Next, Source, Window};
use millstream::media::flv;
use millstream::media::kind::{Kind, Role};

use crate::common::{Folder, ffmpeg};

/// A file on the disk.
struct Disk(File);

impl Source for Disk {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match self.0.read_at(&mut buffer[read..], offset + read as u64)? {
                0 => break,
                more => read += more,
            }
        }
        Ok(read)
    }

    fn length(&mut self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

/// A packet: decoding and presentation time in milliseconds, bytes, and whether a decoder can begin there.
#[derive(Debug, Clone, PartialEq)]
struct Packet {
    decoded: f64,
    presented: f64,
    size: usize,
    is_key: bool,
}

/// The packets that FFmpeg reads of the first track of a kind, or of another one.
fn packets(file: &Path, track: &str) -> Vec<Packet> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", track, "-of", "csv=p=0"]);
    command.args(["-show_entries", "packet=pts_time,dts_time,size,flags"]).arg(file).stdin(Stdio::null());
    let output = command.output().expect("these tests need ffprobe in the PATH");
    let text = String::from_utf8(output.stdout).unwrap();
    let of_line = |line: &str| {
        let [pts, dts, size, flags] = line.splitn(4, ',').collect::<Vec<_>>().try_into().unwrap();
        let presented = pts.parse::<f64>().unwrap() * 1000.0;
        let decoded = dts.parse().map_or(presented, |dts: f64| dts * 1000.0);
        Packet { decoded, presented, size: size.parse().unwrap(), is_key: flags.starts_with('K') }
    };
    // What belongs to a packet has a line of its own, an empty one.
    text.lines().filter(|line| !line.is_empty()).map(of_line).collect()
}

/// The messages from where a demuxer is: video and audio, as packets. They have to be in the order of their times.
fn messages(demuxer: &mut Demuxer, source: &mut Disk) -> [Vec<Packet>; 2] {
    let (mut window, mut found, mut last) = (Window::default(), [Vec::new(), Vec::new()], 0);
    while let Next::Message(message) = demuxer.next(source, &mut window).unwrap() {
        assert!(message.timestamp >= last, "times go back from {last} to {}", message.timestamp);
        last = message.timestamp;
        if !matches!(message.role, MessageRole::Key | MessageRole::Other) {
            continue;
        }
        let payload = [message.head.as_slice(), message.body].concat();
        let tag = flv::inspect(message.kind, &payload);
        assert_eq!(tag.body.len(), message.body.len());
        let decoded = message.timestamp as f64;
        let presented = decoded + f64::from(tag.composition_time);
        let packet = Packet { decoded, presented, size: message.body.len(), is_key: tag.role == Role::Key };
        found[usize::from(message.kind == Kind::Audio)].push(packet);
    }
    found
}

/// Compares packets, whose times may be shifted by the same milliseconds. Returns the times of key frames.
fn check(file: &Path, tracks: [&str; 2]) -> Vec<u64> {
    let mut source = Disk(File::open(file).unwrap());
    let mut window = Window::default();
    let mut demuxer = Demuxer::open(&mut source, &mut window).unwrap();
    let heard = messages(&mut demuxer, &mut source);
    let wanted = tracks.map(|track| if track.is_empty() { Vec::new() } else { packets(file, track) });
    let first = wanted.iter().filter_map(|packets| packets.first()).map(|packet| packet.decoded);
    let shift = first.fold(0.0, f64::min);
    for (heard, wanted) in heard.iter().zip(&wanted) {
        assert_eq!(heard.len(), wanted.len(), "{}", file.display());
        // Where composition times are below zero, FFmpeg adds what is missing to all of them.
        let composition = |packets: &[Packet]| packets.first().map_or(0.0, |it| it.presented - it.decoded);
        let added = composition(wanted) - composition(heard);
        assert!(
            added.abs() < 2.0 || file.to_string_lossy().contains("negative"),
            "{}: {added}",
            file.display()
        );
        for (heard, wanted) in heard.iter().zip(wanted) {
            let of_time = |heard: f64, wanted: f64| (heard - (wanted - shift)).abs() <= 1.01;
            let is_same = of_time(heard.decoded, wanted.decoded)
                && of_time(heard.presented, wanted.presented - if added.abs() < 2.0 { 0.0 } else { added })
                && (heard.size, heard.is_key) == (wanted.size, wanted.is_key);
            assert!(is_same, "{}: {heard:?} for {wanted:?}, shifted by {shift}", file.display());
        }
    }
    check_seeks(&mut demuxer, &mut source, &heard)
}

/// Seeks to each key frame and to between them: what comes is what came before from there.
fn check_seeks(demuxer: &mut Demuxer, source: &mut Disk, whole: &[Vec<Packet>; 2]) -> Vec<u64> {
    let (mut window, mut keys) = (Window::default(), Vec::new());
    while !demuxer.key_frames(source, &mut window, &mut keys).unwrap() {}
    if !whole[0].is_empty() {
        let times = whole[0].iter().filter(|packet| packet.is_key).map(|packet| packet.decoded as u64);
        assert_eq!(keys, times.collect::<Vec<_>>());
    }
    for (to, key) in keys.iter().flat_map(|key| [(*key, *key), (key + 15, *key)]) {
        let found = loop {
            if let Some(found) = demuxer.seek(source, &mut window, to).unwrap() {
                break found;
            }
        };
        let from = |packets: &[Packet]| {
            let left = packets.iter().filter(|packet| packet.decoded >= found as f64);
            left.cloned().collect::<Vec<_>>()
        };
        assert!(found == key || whole[0].is_empty() && found <= to, "{found} for {key}");
        assert_eq!(messages(demuxer, source), [from(&whole[0]), from(&whole[1])]);
    }
    keys
}

/// Makes a file of a test picture (25 a second, a key frame each second) and a tone with these arguments.
fn make(folder: &Folder, name: &str, arguments: &str) -> std::path::PathBuf {
    let file = folder.join(name);
    let mut command = ffmpeg::command();
    command.args("-f lavfi -i testsrc2=size=160x90:rate=25 -f lavfi -i sine=sample_rate=44100".split(' '));
    command.args(["-t", "5"]).args(arguments.split(' ')).args(["-strict", "-2"]).arg(&file);
    ffmpeg::run(&mut command);
    file
}

/// Makes a file of another one's packets.
fn copy(folder: &Folder, from: &Path, name: &str, arguments: &str) -> std::path::PathBuf {
    let file = folder.join(name);
    let mut command = ffmpeg::command();
    command.arg("-i").arg(from).args(["-c", "copy"]).args(arguments.split_whitespace()).arg(&file);
    ffmpeg::run(&mut command);
    file
}

const AVC: &str =
    "-c:v libx264 -preset ultrafast -g 25 -keyint_min 25 -sc_threshold 0 -bf 2 -pix_fmt yuv420p";

#[test]
fn files_with_their_index_in_front_behind_and_in_fragments_are_read_as_ffmpeg_reads_them() {
    let folder = Folder::new();
    let behind = make(&folder, "behind.mp4", &format!("{AVC} -c:a aac"));
    assert_eq!(check(&behind, ["v:0", "a:0"]), [0, 1000, 2000, 3000, 4000]);
    for (name, arguments) in [
        ("front.mp4", "-movflags +faststart"),
        ("quicktime.mov", ""),
        ("no_edits.mp4", "-use_editlist 0"),
        ("fragments.mp4", "-movflags +empty_moov+default_base_moof+frag_keyframe"),
        ("delayed.mp4", "-movflags +frag_keyframe+delay_moov"),
        ("hybrid.mp4", "-movflags +frag_keyframe"),
        ("negative_cmaf.mp4", "-movflags +cmaf+frag_keyframe"),
        ("dash.mp4", "-movflags +dash+frag_keyframe -frag_duration 300000"),
        ("based.mp4", "-movflags +empty_moov+frag_keyframe"),
        ("each.mp4", "-movflags +empty_moov+frag_every_frame+default_base_moof+skip_trailer"),
        ("negative_offsets.mp4", "-movflags +empty_moov+frag_keyframe+negative_cts_offsets"),
    ] {
        let file = copy(&folder, &behind, name, arguments);
        assert_eq!(check(&file, ["v:0", "a:0"]).len(), 5, "{name}");
    }
}

#[test]
fn other_codecs_are_read_as_ffmpeg_reads_them() {
    let folder = Folder::new();
    for (name, arguments, tracks) in [
        (
            "hevc.mp4",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25:min-keyint=25:scenecut=0 -tag:v hvc1 -c:a libmp3lame",
            ["v:0", "a:0"],
        ),
        ("hev1.mp4", "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25 -an", ["v:0", ""]),
        ("vp9.mp4", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 25 -c:a libopus", ["v:0", "a:0"]),
        ("sound.m4a", "-vn -c:a aac", ["", "a:0"]),
        ("flac.mp4", "-vn -c:a flac", ["", "a:0"]),
        ("ac3.mov", "-vn -c:a ac3", ["", "a:0"]),
        ("eac3.mp4", "-vn -c:a eac3", ["", "a:0"]),
        ("mp3.mov", "-vn -c:a libmp3lame", ["", "a:0"]),
        ("aac.mov", "-vn -c:a aac -ac 2", ["", "a:0"]),
        ("no_b_frames.mp4", "-c:v libx264 -preset ultrafast -bf 0 -g 25 -pix_fmt yuv420p -an", ["v:0", ""]),
    ] {
        check(&make(&folder, name, arguments), tracks);
    }
}

#[test]
fn av1_and_opus_are_read_as_ffmpeg_reads_them() {
    let folder = Folder::new();
    let file = make(&folder, "av1.mp4", "-c:v libaom-av1 -cpu-used 8 -usage realtime -g 25 -c:a libopus");
    check(&file, ["v:0", "a:0"]);
}

#[test]
fn tracks_that_begin_late_and_tracks_that_are_not_to_be_shown_are_as_ffmpeg_has_them() {
    let folder = Folder::new();
    let whole = make(&folder, "whole.mp4", &format!("{AVC} -c:a aac"));
    for (name, streams) in [("late_sound.mp4", ["1:v", "0:a"]), ("late_pictures.mp4", ["0:v", "1:a"])] {
        let file = folder.join(name);
        let mut command = ffmpeg::command();
        command.args(["-itsoffset", "0.7", "-i"]).arg(&whole).arg("-i").arg(&whole);
        command.args(["-map", streams[0], "-map", streams[1], "-c", "copy"]).arg(&file);
        ffmpeg::run(&mut command);
        check(&file, ["v:0", "a:0"]);
    }
    let file = folder.join("several.mp4");
    let mut command = ffmpeg::command();
    command.args("-f lavfi -i sine=frequency=880:duration=5 -i".split(' ')).arg(&whole);
    command.args("-map 0:a -map 1:a -map 1:v -map 1:v -c copy -c:a:0 libmp3lame".split(' '));
    command
        .args("-disposition:a:0 0 -disposition:a:1 default -disposition:v:0 default".split(' '))
        .arg(&file);
    ffmpeg::run(&mut command);
    check(&file, ["v:0", "a:1"]);
}
