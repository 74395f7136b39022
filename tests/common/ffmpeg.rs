//! FFmpeg: makes streams that decode, and decodes what the server serves.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::flv;
use super::media::Packet;

/// The program, ready to get arguments.
pub fn command() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-v", "error", "-y"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it; what it says on standard error is returned, and must not be a failure.
pub fn run(command: &mut Command) -> String {
    let output = command.output().expect("these tests need ffmpeg in the PATH");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// Starts it.
pub fn spawn(command: &mut Command) -> Child {
    command.spawn().expect("these tests need ffmpeg in the PATH")
}

/// The media that FFmpeg is to make.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tracks {
    Both,
    Video,
    Audio,
}

/// The arguments that make a test picture (25 frames a second, a key frame each second) and a tone.
pub fn source(tracks: Tracks, seconds: u32) -> Vec<String> {
    let mut arguments = Vec::new();
    if tracks != Tracks::Audio {
        arguments.extend(["-f", "lavfi", "-i", "testsrc=size=160x120:rate=25"]);
    }
    if tracks != Tracks::Video {
        arguments.extend(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"]);
    }
    if tracks != Tracks::Audio {
        arguments.extend("-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p -bf 2".split(' '));
    }
    if tracks != Tracks::Video {
        arguments.extend(["-c:a", "aac", "-b:a", "64k"]);
    }
    let seconds = seconds.to_string();
    arguments.extend(["-t", &seconds, "-f", "flv"]);
    arguments.into_iter().map(str::to_owned).collect()
}

/// A stream that decodes, as packets.
pub fn encode(folder: &Path, tracks: Tracks, seconds: u32) -> Vec<Packet> {
    let file = folder.join("source.flv");
    run(command().args(source(tracks, seconds)).arg(&file));
    let (tags, rest) = flv::parse(&std::fs::read(&file).unwrap());
    std::fs::remove_file(&file).unwrap();
    assert_eq!(rest, 0);
    let media = tags.into_iter().filter(|tag| tag.kind != 18);
    media.map(|tag| Packet { kind: tag.kind, timestamp: tag.timestamp, payload: tag.payload }).collect()
}

/// Decodes a file or a playlist to the end; any complaint is a failure.
pub fn decode(input: &str) {
    let strict = ["-xerror", "-err_detect", "explode", "-i", input, "-f", "null", "-"];
    let said = run(command().args(strict));
    assert_eq!(said, "", "decoding {input}");
}

/// The codecs of a file or a playlist, in the order of its tracks.
pub fn probe(input: &str) -> Vec<String> {
    show(&["-show_entries", "program_stream=codec_name"], input)
}

/// Channels of the sound in a file or a playlist, and their layout.
pub fn channels(input: &str) -> Vec<String> {
    let mut shown = show(&["-select_streams", "a", "-show_entries", "stream=channels,channel_layout"], input);
    shown.truncate(2); // the rest is said for a program again
    shown
}

/// The sound of a file or a playlist, decoded: samples of 16 bits.
pub fn samples(input: &str) -> Vec<u8> {
    let output = command().args(["-i", input, "-map", "0:a", "-f", "s16le", "-"]).output();
    output.expect("these tests need ffmpeg in the PATH").stdout
}

fn show(entries: &[&str], input: &str) -> Vec<String> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error"]).args(entries).args(["-of", "default=nw=1:nk=1", input]);
    let output = command.stdin(Stdio::null()).output().expect("these tests need ffprobe in the PATH");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "probing {input}: {said}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The frames that a decoder makes of a file or a playlist.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Frames {
    /// The pictures of each size, in order: how many, and the size as in "160x90".
    pub pictures: Vec<(usize, String)>,
    pub sound: usize,
    /// Pictures that come with closed captions.
    pub captions: usize,
}

/// The strictness of a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Any complaint is a failure.
    Explode,
    /// It takes messages that hold a part of a picture, or none.
    Parts,
}

impl Strictness {
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Explode => &["-err_detect", "explode"],
            Self::Parts => &["-flags2", "+chunks"],
        }
    }
}

/// Decodes a file or a playlist and counts its frames.
pub fn frames(input: &str, strictness: Strictness) -> Frames {
    let entries = "frame=media_type,width,height:frame_side_data=side_data_type";
    let mut command = Command::new("ffprobe");
    command.args(strictness.options()).args([
        "-v",
        "error",
        "-show_entries",
        entries,
        "-of",
        "csv=p=0",
        input,
    ]);
    let output = command.stdin(Stdio::null()).output().expect("these tests need ffprobe in the PATH");
    let mut frames = Frames::default();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        match line.split(',').collect::<Vec<_>>()[..] {
            ["video", width, height, ..] => {
                let size = format!("{width}x{height}");
                match frames.pictures.last_mut() {
                    Some((count, last)) if *last == size => *count += 1,
                    _ => frames.pictures.push((1, size)),
                }
                frames.captions += usize::from(line.contains("Closed Captions"));
            }
            ["audio", ..] => frames.sound += 1,
            _ => {}
        }
    }
    frames
}

/// MD5 of all pictures of a file or a playlist, in the sizes that they have. A strict decoder decodes the sound, too.
pub fn digest(input: &str, strictness: Strictness) -> String {
    let mut command = command();
    command.args(strictness.options()).args(["-i", input]);
    command.args("-map 0:v -autoscale 0 -fps_mode passthrough -f md5 -".split(' '));
    if strictness == Strictness::Explode {
        command.args("-map 0:a? -f null - -xerror".split(' '));
    }
    let output = command.output().expect("these tests need ffmpeg in the PATH");
    let said = String::from_utf8_lossy(&output.stderr);
    let is_fine = output.status.success() && said.is_empty();
    assert!(is_fine || strictness == Strictness::Parts, "decoding {input}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().replace("MD5=", "")
}

/// MD5 of each picture of a file or a playlist, in the order in which they are shown.
pub fn digests(input: &str) -> Vec<String> {
    let mut command = command();
    command.args(["-i", input]).args("-map 0:v -autoscale 0 -fps_mode passthrough -f framemd5 -".split(' '));
    let output = command.output().expect("these tests need ffmpeg in the PATH");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "decoding {input}: {said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(", ").next().unwrap().to_owned()).collect()
}
