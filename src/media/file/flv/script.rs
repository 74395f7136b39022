//! The script tag, `onMetaData`: what it says, where in the file it says it, and the message that players get of it.
//!
//! Its values are gone through in the file and not kept, as the index of a long file has more of them than a whole
//! player may take memory.

use std::io;

use super::header::TagPlace;
use super::tags::{Reach, Tags};
use crate::media::Kind;
use crate::media::file::{FileError, Source};

/// The longest message that has the index; players do without.
const MAX_WITH_INDEX: u32 = 64 * 1024;
/// The longest script tag that is gone through, bytes.
const MAX_SCRIPT: u32 = 3 << 20;
/// Values that are gone through: an index of 100 000 key frames has twice as many.
const MAX_VALUES: usize = 1 << 19;
/// Nesting that is gone into.
const MAX_DEPTH: usize = 32;
/// The longest name of a property that is looked at.
const MAX_NAME: usize = 16;
/// Bytes of a number with its marker.
pub const NUMBER_SIZE: u64 = 9;

// Markers of AMF0, section 2.1.
const NUMBER: u8 = 0x00;
const BOOLEAN: u8 = 0x01;
const STRING: u8 = 0x02;
const OBJECT: u8 = 0x03;
const NULL: u8 = 0x05;
const UNDEFINED: u8 = 0x06;
const ECMA_ARRAY: u8 = 0x08;
const OBJECT_END: u8 = 0x09;
const STRICT_ARRAY: u8 = 0x0a;
const DATE: u8 = 0x0b;
const LONG_STRING: u8 = 0x0c;
const UNSUPPORTED: u8 = 0x0d;
const XML_DOCUMENT: u8 = 0x0f;
const TYPED_OBJECT: u8 = 0x10;

/// An array of nothing but numbers, in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// The marker of the first.
    pub at: u64,
    pub count: u32,
}

/// The script tag of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    pub tag: TagPlace,
    /// Seconds, and the place of the number.
    duration: Option<(u64, f64)>,
    /// Pixels.
    pub width: f64,
    /// Pixels.
    pub height: f64,
    /// The times of key frames, seconds.
    pub times: Numbers,
    /// The places of key frames, bytes.
    pub positions: Numbers,
    /// The beginning of the first property, and the place of their count if there is one.
    properties: Option<(u64, Option<u64>)>,
    /// The property with the index, from its name on to its end.
    index: Option<(u64, u64)>,
}

/// Why not all of a script tag could be gone through.
enum Fault {
    Amf,
    File(FileError),
}

impl From<FileError> for Fault {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl Script {
    /// Goes through a tag; none if it is no `onMetaData`. What cannot be read in it is as if it were not there.
    pub fn read(tags: &mut Tags<'_>, tag: TagPlace) -> Result<Option<Self>, FileError> {
        let mut scan = Scan::new(tags, tag);
        match scan.message() {
            Ok(()) => Ok(Some(scan.script)),
            Err(Fault::Amf) if scan.is_metadata => {
                // It cannot be changed, either: what follows the fault is not known.
                let Script { duration, width, height, .. } = scan.script;
                Ok(Some(Self { duration, width, height, ..Self::nothing(tag) }))
            }
            Err(Fault::Amf) => Ok(None),
            Err(Fault::File(error)) => Err(error),
        }
    }

    fn nothing(tag: TagPlace) -> Self {
        let (times, positions) = (Numbers::default(), Numbers::default());
        let (duration, properties, index) = (None, None, None);
        Self { tag, duration, width: 0.0, height: 0.0, times, positions, properties, index }
    }

    /// Seconds; none if it says nothing, or 0.
    pub fn duration(&self) -> Option<f64> {
        self.duration.map(|(_, seconds)| seconds).filter(|seconds| *seconds > 0.0 && seconds.is_finite())
    }

    /// Whether it may be written anew while the file is played.
    pub fn may_change(&self) -> bool {
        self.duration().is_none() && self.tag.length <= MAX_WITH_INDEX
    }

    /// The message for players where it is not that of the file: with a duration, in seconds, if it has none, and
    /// without the index if it is long. None if it stays as it is.
    pub fn message(&self, source: &mut dyn Source, duration: Option<f64>) -> io::Result<Option<Vec<u8>>> {
        let cut = self.index.filter(|_| self.tag.length > MAX_WITH_INDEX);
        let duration = duration.filter(|_| self.duration().is_none());
        let (Some((first, count_at)), true) = (self.properties, cut.is_some() || duration.is_some()) else {
            return Ok(None);
        };
        let (body, end) = (self.tag.body(), self.tag.body() + u64::from(self.tag.length));
        let (cut_from, cut_to) = cut.unwrap_or((end, end));
        let mut message = Vec::new();
        append(source, &mut message, body, first)?;
        let mut added = -i32::from(cut.is_some());
        if let (Some(seconds), None) = (duration, self.duration) {
            message.extend([&[0, 8], &b"duration"[..], &[NUMBER], &seconds.to_be_bytes()].concat());
            added += 1;
        }
        let inserted = message.len() as u64 - (first - body);
        append(source, &mut message, first, cut_from)?;
        append(source, &mut message, cut_to, end)?;
        if let (Some(seconds), Some((at, _))) = (duration, self.duration) {
            let removed = if at > cut_from { cut_to - cut_from } else { 0 };
            patch(&mut message, at + inserted - removed - body, &seconds.to_be_bytes());
        }
        if let Some(at) = count_at {
            let start = usize::try_from(at - body).unwrap_or(usize::MAX);
            let count = message.get(start..).and_then(|rest| rest.first_chunk().copied());
            let count = u32::from_be_bytes(count.unwrap_or_default());
            patch(&mut message, at - body, &count.saturating_add_signed(added).to_be_bytes());
        }
        Ok(Some(message))
    }
}

fn append(source: &mut dyn Source, out: &mut Vec<u8>, from: u64, to: u64) -> io::Result<()> {
    let start = out.len();
    out.resize(start + usize::try_from(to.saturating_sub(from)).unwrap_or(0), 0);
    let buffer = out.get_mut(start..).unwrap_or_default();
    if source.read_at(from, buffer)? < buffer.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn patch(message: &mut [u8], at: u64, bytes: &[u8]) {
    let place = usize::try_from(at).ok().and_then(|at| message.get_mut(at..)?.get_mut(..bytes.len()));
    place.into_iter().for_each(|place| place.copy_from_slice(bytes));
}

/// The property that a value belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    /// One of the metadata.
    Metadata,
    /// One of the index in it.
    Index,
    /// Anything else.
    Other,
}

/// Goes through the values of a script tag.
struct Scan<'t, 'a> {
    tags: &'t mut Tags<'a>,
    at: u64,
    end: u64,
    values: usize,
    is_metadata: bool,
    script: Script,
}

impl<'t, 'a> Scan<'t, 'a> {
    fn new(tags: &'t mut Tags<'a>, tag: TagPlace) -> Self {
        // AMF3 data has a format byte in front.
        let at = tag.body() + u64::from(tag.kind == Kind::DataAmf3);
        let end = tag.body() + u64::from(tag.length.min(MAX_SCRIPT));
        Self { tags, at, end, values: 0, is_metadata: false, script: Script::nothing(tag) }
    }

    fn message(&mut self) -> Result<(), Fault> {
        const NAME: &[u8; 13] = b"\x02\x00\x0aonMetaData";
        if self.take::<13>()? != *NAME {
            return Err(Fault::Amf);
        }
        self.is_metadata = true;
        let marker = self.u8()?;
        let count_at = (marker == ECMA_ARRAY).then_some(self.at);
        match marker {
            ECMA_ARRAY => self.skip(4)?,
            OBJECT => {}
            _ => return Err(Fault::Amf),
        }
        let first = self.at;
        self.properties(Level::Metadata, 1)?;
        self.script.properties = Some((first, count_at));
        Ok(())
    }

    fn properties(&mut self, level: Level, depth: usize) -> Result<(), Fault> {
        loop {
            let start = self.at;
            let mut name = [0; MAX_NAME];
            let length = usize::from(u16::from_be_bytes(self.take()?));
            match name.get_mut(..length) {
                Some(place) => self.fill(place)?,
                None => self.skip(length as u64)?,
            }
            let marker = self.u8()?;
            if length == 0 && marker == OBJECT_END {
                return Ok(());
            }
            self.property(level, name.get(..length).unwrap_or_default(), marker, depth)?;
            if level == Level::Metadata && name.get(..length) == Some(b"keyframes") {
                self.script.index = Some((start, self.at));
            }
        }
    }

    fn property(&mut self, level: Level, name: &[u8], marker: u8, depth: usize) -> Result<(), Fault> {
        let at = self.at;
        match (level, name, marker) {
            (Level::Metadata, b"duration" | b"width" | b"height", NUMBER) => {
                let number = f64::from_be_bytes(self.take()?);
                match name {
                    b"duration" => self.script.duration = Some((at, number)),
                    b"width" => self.script.width = number,
                    _ => self.script.height = number,
                }
                Ok(())
            }
            (Level::Metadata, b"keyframes", OBJECT) => self.properties(Level::Index, depth + 1),
            (Level::Metadata, b"keyframes", ECMA_ARRAY) => {
                self.skip(4)?;
                self.properties(Level::Index, depth + 1)
            }
            (Level::Index, b"times", STRICT_ARRAY) => {
                self.script.times = self.items(depth)?;
                Ok(())
            }
            (Level::Index, b"filepositions", STRICT_ARRAY) => {
                self.script.positions = self.items(depth)?;
                Ok(())
            }
            _ => self.value(marker, depth),
        }
    }

    /// Goes over an array; its numbers, if it has nothing else.
    fn items(&mut self, depth: usize) -> Result<Numbers, Fault> {
        let count = u32::from_be_bytes(self.take()?);
        let numbers = Numbers { at: self.at, count };
        let mut is_numbers = true;
        for _ in 0..count {
            let marker = self.u8()?;
            is_numbers &= marker == NUMBER;
            self.value(marker, depth + 1)?;
        }
        Ok(if is_numbers { numbers } else { Numbers::default() })
    }

    fn value(&mut self, marker: u8, depth: usize) -> Result<(), Fault> {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return Err(Fault::Amf);
        }
        match marker {
            NUMBER => self.skip(8),
            BOOLEAN => self.skip(1),
            STRING => self.text(),
            NULL | UNDEFINED | UNSUPPORTED => Ok(()),
            DATE => self.skip(10),
            LONG_STRING | XML_DOCUMENT => {
                let length = u32::from_be_bytes(self.take()?);
                self.skip(length.into())
            }
            OBJECT => self.properties(Level::Other, depth + 1),
            ECMA_ARRAY => {
                self.skip(4)?;
                self.properties(Level::Other, depth + 1)
            }
            TYPED_OBJECT => {
                self.text()?;
                self.properties(Level::Other, depth + 1)
            }
            STRICT_ARRAY => self.items(depth).map(|_| ()),
            // A reference counts objects, of which one may be taken out; AMF3 is for nobody's metadata.
            _ => Err(Fault::Amf),
        }
    }

    fn text(&mut self) -> Result<(), Fault> {
        let length = u16::from_be_bytes(self.take()?);
        self.skip(length.into())
    }

    fn u8(&mut self) -> Result<u8, Fault> {
        let [byte] = self.take()?;
        Ok(byte)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, place: &mut [u8]) -> Result<(), Fault> {
        let at = self.at;
        self.skip(place.len() as u64)?;
        let bytes = self.tags.bytes(at, place.len(), Reach::Whole)?.ok_or(Fault::Amf)?;
        place.copy_from_slice(bytes);
        Ok(())
    }

    fn skip(&mut self, count: u64) -> Result<(), Fault> {
        let at = self.at.saturating_add(count);
        if at > self.end {
            return Err(Fault::Amf);
        }
        self.at = at;
        Ok(())
    }
}
