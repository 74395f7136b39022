//! Files that are made for the tests, and what is read of them.

use std::collections::HashSet;
use std::io;

use crate::media::file::{Demuxer, FileError, FileMessage, MessageRole, Next, Source, Window};
use crate::media::kind::Kind;

pub fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes(), &kind[..], content].concat()
}

pub fn full(kind: &[u8; 4], version: u8, flags: u32, content: &[u8]) -> Vec<u8> {
    boxed(kind, &[&(u32::from(version) << 24 | flags).to_be_bytes(), content].concat())
}

pub fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// An AVCDecoderConfigurationRecord, as far as anything here looks at one.
pub const AVC: &[u8] = &[1, 66, 0, 30, 0xff, 0xe0, 0];
/// An AudioSpecificConfig of 44.1 kHz, stereo.
pub const AAC: &[u8] = &[0x12, 0x10];

pub fn visual(kind: &[u8; 4], record: &[u8]) -> Vec<u8> {
    let mut fields = vec![0; 78];
    fields[7] = 1;
    fields[24..28].copy_from_slice(&[2, 0x80, 1, 0x68]);
    boxed(kind, &[&fields, record].concat())
}

pub fn sound(kind: &[u8; 4], boxes: &[u8]) -> Vec<u8> {
    let mut fields = vec![0; 28];
    fields[7] = 1;
    fields[17] = 2;
    fields[24..28].copy_from_slice(&(44_100u32 << 16).to_be_bytes());
    boxed(kind, &[&fields, boxes].concat())
}

pub fn esds(object_type: u8, specific: &[u8]) -> Vec<u8> {
    let specific = [&[5, specific.len() as u8], specific].concat();
    let config = [&[object_type, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &specific[..]].concat();
    let config = [&[4, 0x80, 0x80, 0x80, config.len() as u8], &config[..]].concat();
    full(b"esds", 0, 0, &[&[3, config.len() as u8 + 3, 0, 1, 0], &config[..]].concat())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeSample {
    pub size: u32,
    pub duration: u32,
    pub composition: i32,
    pub sync: bool,
    pub description: u32,
}

#[derive(Clone, Debug)]
pub struct MadeTrack {
    pub kind: Kind,
    pub timescale: u32,
    pub entries: Vec<Vec<u8>>,
    pub samples: Vec<MadeSample>,
    /// The content of `elst` behind its version.
    pub edits: Option<Vec<u8>>,
    pub per_chunk: usize,
    pub flags: u32,
    /// The kind of the table of sizes: 32 of `stsz`, or 4, 8, 16 of `stz2`.
    pub size_bits: u8,
    pub reference: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Made {
    pub tracks: Vec<MadeTrack>,
    pub is_front: bool,
    pub is_long: bool,
    /// Boxes between the others.
    pub between: Vec<u8>,
}

pub fn pictures(count: u32) -> MadeTrack {
    let samples = (0..count).map(|index| MadeSample {
        size: 5 + index % 7,
        duration: 512,
        composition: [1024, 2048, 512, 512][index as usize % 4],
        sync: index % 8 == 0,
        description: 1,
    });
    MadeTrack {
        kind: Kind::Video,
        timescale: 12_800,
        entries: vec![visual(b"avc1", &boxed(b"avcC", AVC))],
        samples: samples.collect(),
        edits: Some(numbers(&[1, 0, 1024, 0x1_0000])),
        per_chunk: 3,
        flags: 3,
        size_bits: 32,
        reference: full(b"url ", 0, 1, &[]),
    }
}

pub fn frames(count: u32) -> MadeTrack {
    let samples = (0..count).map(|index| MadeSample {
        size: 2 + index % 3,
        duration: 1024,
        composition: 0,
        sync: true,
        description: 1,
    });
    MadeTrack {
        kind: Kind::Audio,
        timescale: 44_100,
        entries: vec![sound(b"mp4a", &esds(0x40, AAC))],
        samples: samples.collect(),
        edits: Some(numbers(&[1, 0, 1024, 0x1_0000])),
        ..pictures(0)
    }
}

pub fn movie(tracks: &[MadeTrack]) -> Made {
    Made { tracks: tracks.to_vec(), is_front: true, is_long: false, between: Vec::new() }
}

/// The bytes of a sample.
pub fn body(track: usize, sample: usize, size: u32) -> Vec<u8> {
    (0..size).map(|byte| (track as u32 * 100 + sample as u32 * 7 + byte) as u8).collect()
}

impl Made {
    pub fn bytes(&self) -> Vec<u8> {
        let head = [boxed(b"ftyp", b"isom\0\0\0\0isom"), self.between.clone()].concat();
        let (media, chunks) = self.media();
        let mdat = if self.is_long {
            let size = (media.len() as u64 + 16).to_be_bytes();
            [&[0, 0, 0, 1], &b"mdat"[..], &size, &media].concat()
        } else {
            boxed(b"mdat", &media)
        };
        let begin = (mdat.len() - media.len()) as u64 + head.len() as u64;
        if self.is_front {
            let length = (self.moov(&chunks, 0).len() + self.between.len()) as u64;
            return [head, self.moov(&chunks, begin + length), self.between.clone(), mdat].concat();
        }
        [head, mdat, self.between.clone(), self.moov(&chunks, begin)].concat()
    }

    /// The media, and the places of each track's chunks in it.
    fn media(&self) -> (Vec<u8>, Vec<Vec<u64>>) {
        let (mut media, mut chunks) = (Vec::new(), vec![Vec::new(); self.tracks.len()]);
        let mut next = vec![0; self.tracks.len()];
        while self.tracks.iter().zip(&next).any(|(track, next)| *next < track.samples.len()) {
            for (index, track) in self.tracks.iter().enumerate() {
                if next[index] < track.samples.len() {
                    chunks[index].push(media.len() as u64);
                }
                for _ in 0..track.per_chunk {
                    if let Some(sample) = track.samples.get(next[index]) {
                        media.extend(body(index, next[index], sample.size));
                        next[index] += 1;
                    }
                }
            }
        }
        (media, chunks)
    }

    pub fn moov(&self, chunks: &[Vec<u64>], begin: u64) -> Vec<u8> {
        let mut content = full(b"mvhd", 0, 0, &numbers(&[0, 0, 1000, self.duration()]));
        for (index, track) in self.tracks.iter().enumerate() {
            content.extend(track.trak(index, &chunks[index], begin, self.is_long));
        }
        boxed(b"moov", &[content, self.between.clone()].concat())
    }

    fn duration(&self) -> u32 {
        let of = |track: &MadeTrack| {
            let units: u64 = track.samples.iter().map(|sample| u64::from(sample.duration)).sum();
            (units * 1000 / u64::from(track.timescale)) as u32
        };
        self.tracks.iter().map(of).max().unwrap_or_default()
    }
}

impl MadeTrack {
    fn trak(&self, index: usize, chunks: &[u64], begin: u64, is_long: bool) -> Vec<u8> {
        let handler = if self.kind == Kind::Video { *b"vide" } else { *b"soun" };
        let duration = self.samples.iter().map(|sample| sample.duration).sum();
        let mdhd = full(b"mdhd", 0, 0, &numbers(&[0, 0, self.timescale, duration, 0]));
        let hdlr = full(b"hdlr", 0, 0, &[&[0; 4], &handler[..], &[0; 13]].concat());
        let dref = full(b"dref", 0, 0, &[&numbers(&[1])[..], &self.reference].concat());
        let stbl = boxed(b"stbl", &self.tables(chunks, begin, is_long));
        let minf = boxed(b"minf", &[boxed(b"dinf", &dref), stbl].concat());
        let tkhd = full(b"tkhd", 0, self.flags, &numbers(&[0, 0, index as u32 + 1, 0, 0]));
        let edits = self.edits.as_ref().map(|edits| boxed(b"edts", &full(b"elst", 0, 0, edits)));
        let mdia = boxed(b"mdia", &[mdhd, hdlr, minf].concat());
        boxed(b"trak", &[tkhd, edits.unwrap_or_default(), mdia].concat())
    }

    fn tables(&self, chunks: &[u64], begin: u64, is_long: bool) -> Vec<u8> {
        let stsd = [numbers(&[self.entries.len() as u32]), self.entries.concat()].concat();
        let samples = || self.samples.iter();
        let mut out = full(b"stsd", 0, 0, &stsd);
        out.extend(full(b"stts", 0, 0, &runs(samples().map(|sample| sample.duration))));
        if samples().any(|sample| sample.composition != 0) {
            out.extend(full(b"ctts", 1, 0, &runs(samples().map(|sample| sample.composition as u32))));
        }
        let syncs: Vec<u32> =
            (1..).zip(samples()).filter(|(_, it)| it.sync).map(|(number, _)| number).collect();
        if syncs.len() < self.samples.len() {
            out.extend(full(b"stss", 0, 0, &[numbers(&[syncs.len() as u32]), numbers(&syncs)].concat()));
        }
        let mut stsc: Vec<[u32; 3]> = Vec::new();
        for (number, chunk) in (1..).zip(self.samples.chunks(self.per_chunk)) {
            let run = [number, chunk.len() as u32, chunk[0].description];
            if stsc.last().is_none_or(|last| last[1..] != run[1..]) {
                stsc.push(run);
            }
        }
        out.extend(full(b"stsc", 0, 0, &[numbers(&[stsc.len() as u32]), numbers(&stsc.concat())].concat()));
        out.extend(self.sizes());
        let places = chunks.iter().map(|chunk| chunk + begin);
        let count = numbers(&[chunks.len() as u32]);
        let (kind, places): (_, Vec<u8>) = if is_long {
            (b"co64", places.flat_map(u64::to_be_bytes).collect())
        } else {
            (b"stco", places.flat_map(|place| (place as u32).to_be_bytes()).collect())
        };
        out.extend(full(kind, 0, 0, &[count, places].concat()));
        out
    }

    fn sizes(&self) -> Vec<u8> {
        let sizes: Vec<u32> = self.samples.iter().map(|sample| sample.size).collect();
        let head =
            numbers(&[if self.size_bits == 32 { 0 } else { self.size_bits.into() }, sizes.len() as u32]);
        let table = match self.size_bits {
            4 => sizes.chunks(2).map(|two| (two[0] << 4 | two.get(1).unwrap_or(&0)) as u8).collect(),
            8 => sizes.iter().map(|size| *size as u8).collect(),
            16 => sizes.iter().flat_map(|size| (*size as u16).to_be_bytes()).collect(),
            _ => numbers(&sizes),
        };
        full(if self.size_bits == 32 { b"stsz" } else { b"stz2" }, 0, 0, &[head, table].concat())
    }
}

/// A table of runs of numbers, with its count.
fn runs(all: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut runs: Vec<[u32; 2]> = Vec::new();
    for number in all {
        match runs.last_mut() {
            Some([count, last]) if *last == number => *count += 1,
            _ => runs.push([1, number]),
        }
    }
    [numbers(&[runs.len() as u32]), numbers(&runs.concat())].concat()
}

/// Bytes in memory as a file, whose reads are counted.
#[derive(Default)]
pub struct Memory {
    pub bytes: Vec<u8>,
    /// What the length is said to be, if that is something else.
    pub promised: Option<u64>,
    pub reads: u64,
    pub read_bytes: u64,
    /// Each place is to be waited for once.
    pub is_shy: bool,
    pub waited: HashSet<u64>,
}

impl Memory {
    pub fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), ..Self::default() }
    }
}

impl Source for Memory {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_shy && self.waited.insert(offset) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.reads += 1;
        self.read_bytes += buffer.len() as u64;
        let there = usize::try_from(offset).ok().and_then(|at| self.bytes.get(at..)).unwrap_or_default();
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        Ok(count)
    }

    fn length(&mut self) -> io::Result<u64> {
        Ok(self.promised.unwrap_or(self.bytes.len() as u64))
    }
}

/// A message that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub kind: Kind,
    pub time: u64,
    pub role: MessageRole,
    pub payload: Vec<u8>,
}

impl Heard {
    fn new(message: &FileMessage<'_>) -> Self {
        let payload = [message.head.as_slice(), message.body].concat();
        Self { kind: message.kind, time: message.timestamp, role: message.role, payload }
    }

    pub fn is_media(&self) -> bool {
        matches!(self.role, MessageRole::Key | MessageRole::Other)
    }
}

/// Repeats a call while it has to wait.
pub fn patiently<T>(mut call: impl FnMut() -> Result<T, FileError>) -> Result<T, FileError> {
    loop {
        match call() {
            Err(error) if error.would_block() => {}
            other => return other,
        }
    }
}

pub fn open(source: &mut Memory) -> Result<Demuxer, FileError> {
    patiently(|| Demuxer::open(source, &mut Window::default()))
}

/// All messages from where a demuxer is.
pub fn rest(demuxer: &mut Demuxer, source: &mut Memory) -> Result<Vec<Heard>, FileError> {
    let (mut window, mut heard) = (Window::default(), Vec::new());
    loop {
        let next = patiently(|| match demuxer.next(source, &mut window)? {
            Next::Message(message) => Ok(Some(Some(Heard::new(&message)))),
            Next::More => Ok(Some(None)),
            Next::End => Ok(None),
        })?;
        let Some(next) = next else { return Ok(heard) };
        heard.extend(next);
    }
}

pub fn all(bytes: &[u8]) -> Result<Vec<Heard>, FileError> {
    let mut source = Memory::new(bytes);
    let mut demuxer = open(&mut source)?;
    rest(&mut demuxer, &mut source)
}

pub fn seek(demuxer: &mut Demuxer, source: &mut Memory, to: u64) -> Result<u64, FileError> {
    let mut window = Window::default();
    loop {
        if let Some(time) = patiently(|| demuxer.seek(source, &mut window, to))? {
            return Ok(time);
        }
    }
}

pub fn key_frames(demuxer: &mut Demuxer, source: &mut Memory) -> Result<Vec<u64>, FileError> {
    let (mut window, mut times) = (Window::default(), Vec::new());
    while !patiently(|| demuxer.key_frames(source, &mut window, &mut times))? {}
    assert!(times.is_sorted_by(|a, b| a < b));
    Ok(times)
}
