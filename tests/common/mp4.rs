//! Clips of any codec, made by FFmpeg as MP4 and taken out of its boxes (ISO 14496-12): the FFmpeg of Debian
//! cannot put them into FLV.

use std::path::Path;

use super::ffmpeg;
use super::media::Packet;

/// A track of a clip.
#[derive(Debug, Clone)]
pub struct Track {
    /// The type of its sample entry: `avc1`, `hvc1`, `mp4a`, `ac-3`, ...
    pub four_cc: [u8; 4],
    /// The decoder's configuration: an avcC, hvcC, av1C or vpcC record, or an AudioSpecificConfig. Nothing for AC-3.
    pub configuration: Vec<u8>,
    pub samples: Vec<Sample>,
}

/// One frame. Times are in milliseconds.
#[derive(Debug, Clone)]
pub struct Sample {
    pub time: u32,
    pub composition: i32,
    pub is_key: bool,
    pub data: Vec<u8>,
}

/// Runs FFmpeg with these arguments and takes its tracks.
pub fn encode(folder: &Path, arguments: &[&str]) -> Vec<Track> {
    let path = folder.join("clip.mp4");
    let muxer = ["-use_editlist", "0", "-strict", "-2", "-f", "mp4"];
    ffmpeg::run(ffmpeg::command().args(arguments).args(muxer).arg(&path));
    let tracks = read(&path);
    std::fs::remove_file(&path).unwrap();
    tracks
}

/// The tracks of a file.
pub fn read(path: &Path) -> Vec<Track> {
    let file = std::fs::read(path).unwrap();
    let movie = find(&file, &[b"moov"]).expect("a movie");
    boxes(movie).filter(|(kind, _)| kind == b"trak").map(|(_, track)| read_track(&file, track)).collect()
}

impl Track {
    /// As Enhanced RTMP sends it: a SequenceStart, then a message for each frame, without a composition time
    /// where there is no need for one.
    pub fn enhanced(&self) -> Vec<Packet> {
        let four_cc = if self.configuration.is_empty() && self.is_mp3() { *b".mp3" } else { self.four_cc };
        let start = [&[0x90], &four_cc[..], &self.configuration].concat();
        let mut packets = vec![Packet { kind: self.kind(), timestamp: 0, payload: start }];
        packets.extend(self.samples.iter().map(|sample| {
            let composition = &sample.composition.to_be_bytes()[1..];
            let is_timed = matches!(&self.four_cc, b"avc1" | b"hvc1" | b"hev1");
            let (first, composition) = match (self.is_video(), sample.is_key) {
                (false, _) => (0x91, &[][..]),
                (true, true) => (0x91, if is_timed { composition } else { &[] }),
                (true, false) if !is_timed => (0xa1, &[][..]),
                (true, false) if sample.composition == 0 => (0xa3, &[][..]),
                (true, false) => (0xa1, composition),
            };
            let payload = [&[first], &four_cc[..], composition, &sample.data].concat();
            Packet { kind: self.kind(), timestamp: sample.time, payload }
        }));
        packets
    }

    /// Video with FLV's number for the codec, which for HEVC is one that some encoders have agreed on.
    pub fn legacy_video(&self, codec: u8) -> Vec<Packet> {
        let start = [&[0x10 | codec, 0, 0, 0, 0][..], &self.configuration].concat();
        let mut packets = vec![Packet::video(0, start)];
        packets.extend(self.samples.iter().map(|sample| {
            let first = if sample.is_key { 0x10 } else { 0x20 } | codec;
            let composition = &sample.composition.to_be_bytes()[1..];
            Packet::video(sample.time, [&[first, 1], composition, &sample.data].concat())
        }));
        packets
    }

    /// Audio with these bytes in front of each frame, without any configuration.
    pub fn legacy_audio(&self, head: &[u8]) -> Vec<Packet> {
        let frame = |sample: &Sample| Packet::audio(sample.time, [head, &sample.data].concat());
        self.samples.iter().map(frame).collect()
    }

    /// The frames one after the other.
    pub fn data(&self) -> Vec<u8> {
        self.samples.iter().flat_map(|sample| sample.data.iter().copied()).collect()
    }

    pub fn is_video(&self) -> bool {
        matches!(&self.four_cc, b"avc1" | b"hvc1" | b"hev1" | b"av01" | b"vp09")
    }

    fn is_mp3(&self) -> bool {
        &self.four_cc == b"mp4a"
    }

    fn kind(&self) -> u8 {
        if self.is_video() { 9 } else { 8 }
    }
}

/// Packets of several tracks in the order of their times, headers first.
pub fn interleave(tracks: &[Vec<Packet>]) -> Vec<Packet> {
    let mut packets = tracks.concat();
    packets.sort_by_key(|packet| packet.timestamp);
    packets
}

/// The boxes in one, or in the file.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (size, kind) = (number(bytes.get(..4)?), bytes[4..8].try_into().unwrap());
        let (whole, rest) = bytes.split_at(size);
        bytes = rest;
        Some((kind, &whole[8..]))
    })
}

/// The first box at a path.
fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter()
        .try_fold(bytes, |bytes, name| boxes(bytes).find(|(kind, _)| kind == *name).map(|(_, body)| body))
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

/// The entries of a table behind version, flags and `head` more bytes: so many numbers of 32 bits each.
fn table(bytes: &[u8], head: usize, width: usize) -> Vec<Vec<usize>> {
    let count = number(&bytes[4 + head..8 + head]);
    let entries = bytes[8 + head..].chunks(4 * width).take(count);
    entries.map(|entry| entry.chunks(4).map(number).collect()).collect()
}

fn read_track(file: &[u8], track: &[u8]) -> Track {
    let header = find(track, &[b"mdia", b"mdhd"]).unwrap();
    assert_eq!(header[0], 0, "times of 32 bits");
    let scale = number(&header[12..16]);
    let tables = find(track, &[b"mdia", b"minf", b"stbl"]).unwrap();
    let (four_cc, entry) = boxes(&find(tables, &[b"stsd"]).unwrap()[8..]).next().unwrap();
    let lookup = |name: &[u8; 4], width| find(tables, &[name]).map(|bytes| table(bytes, 0, width));
    let sizes = read_sizes(find(tables, &[b"stsz"]).unwrap());
    let spread = |runs: Vec<Vec<usize>>| -> Vec<usize> {
        runs.iter().flat_map(|run| std::iter::repeat_n(run[1], run[0])).collect()
    };
    let steps = spread(lookup(b"stts", 2).unwrap());
    let shifts = lookup(b"ctts", 2).map(spread);
    let keys = lookup(b"stss", 1).map(|keys| keys.concat());
    let milliseconds = |time: i64| time * 1000 / scale as i64;
    let (mut at, mut samples) = (0i64, Vec::new());
    for (index, offset) in offsets(tables, &sizes).into_iter().enumerate() {
        // Composition times may be negative numbers of 32 bits.
        let shift = shifts.as_ref().map_or(0, |shifts| i64::from(shifts[index] as u32 as i32));
        let (time, shown) = (milliseconds(at), milliseconds(at + shift));
        samples.push(Sample {
            time: time.try_into().unwrap(),
            composition: (shown - time).try_into().unwrap(),
            is_key: keys.as_ref().is_none_or(|keys| keys.contains(&(index + 1))),
            data: file[offset..offset + sizes[index]].to_vec(),
        });
        at += steps[index] as i64;
    }
    Track { four_cc, configuration: configuration(four_cc, entry), samples }
}

/// The size of each sample: one for all, or a table.
fn read_sizes(bytes: &[u8]) -> Vec<usize> {
    match number(&bytes[4..8]) {
        0 => table(bytes, 4, 1).concat(),
        size => vec![size; number(&bytes[8..12])],
    }
}

/// The offset of each sample: chunks have offsets, and some samples each.
fn offsets(tables: &[u8], sizes: &[usize]) -> Vec<usize> {
    let chunks = table(find(tables, &[b"stco"]).unwrap(), 0, 1).concat();
    let runs = table(find(tables, &[b"stsc"]).unwrap(), 0, 3);
    let mut offsets = Vec::new();
    for (index, start) in chunks.into_iter().enumerate() {
        let run = runs.iter().rev().find(|run| run[0] <= index + 1).unwrap();
        let mut offset = start;
        for _ in 0..run[1] {
            offsets.push(offset);
            offset += sizes[offsets.len() - 1];
        }
    }
    offsets
}

/// The decoder configuration of a sample entry.
fn configuration(four_cc: [u8; 4], entry: &[u8]) -> Vec<u8> {
    let (video, audio) = (|| &entry[78..], || &entry[28..]);
    match &four_cc {
        b"avc1" => find(video(), &[b"avcC"]).unwrap().to_vec(),
        b"hvc1" | b"hev1" => find(video(), &[b"hvcC"]).unwrap().to_vec(),
        b"av01" => find(video(), &[b"av1C"]).unwrap().to_vec(),
        b"vp09" => find(video(), &[b"vpcC"]).unwrap()[4..].to_vec(),
        b"mp4a" => decoder_info(&find(audio(), &[b"esds"]).unwrap()[4..]).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// The DecoderSpecificInfo in an ES descriptor (ISO 14496-1 7.2.6).
fn decoder_info(mut bytes: &[u8]) -> Option<Vec<u8>> {
    loop {
        let tag = *bytes.first()?;
        let length_bytes = 1 + bytes[1..].iter().take_while(|byte| **byte & 0x80 != 0).count();
        let length = bytes[1..=length_bytes].iter().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        let body = &bytes[1 + length_bytes..];
        bytes = match tag {
            3 => &body[3..],
            4 => &body[13..],
            5 => return Some(body[..length].to_vec()),
            _ => &body[length..],
        };
    }
}
