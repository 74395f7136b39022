//! `moov` (ISO 14496-12 8.2): what a file has, and where its tables are.

mod edits;

pub use edits::Edits;

use crate::media::file::FileError;
use crate::media::file::mp4::boxes::{BoxHead, Boxes, Table};
use crate::media::file::mp4::tables::{Sizes, Tables};
use crate::media::kind::Kind;

/// The most tracks that are looked at.
const MAX_TRACKS: usize = 8;

/// What a movie has.
#[derive(Debug, Clone, Default)]
pub struct Movie {
    /// Units of time in a second; 0 if it is not told.
    pub timescale: u32,
    /// The duration in these units; 0 if it is not told.
    pub duration: u64,
    /// The duration with its fragments (`mehd`); 0 if it is not told.
    pub fragments_duration: u64,
    /// There may be fragments (`mvex`).
    pub is_fragmented: bool,
    /// Tracks of pictures and sound.
    pub tracks: Vec<Trak>,
}

/// A track.
#[derive(Debug, Clone)]
pub struct Trak {
    /// `track_ID`.
    pub id: u32,
    /// It is to be shown.
    pub is_enabled: bool,
    /// Pictures or sound.
    pub kind: Kind,
    /// Units of time in a second.
    pub timescale: u32,
    /// The duration in these units; 0 if it is not told.
    pub duration: u64,
    /// When it is shown.
    pub edits: Edits,
    /// Its sample descriptions.
    pub descriptions: BoxHead,
    /// The media is in the file.
    pub is_inside: bool,
    /// Its samples.
    pub tables: Tables,
    /// What samples of fragments are (`trex`).
    pub defaults: Defaults,
}

/// What samples of fragments are if nothing else is said (8.8.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Defaults {
    /// The number of their description.
    pub description: u32,
    /// The time to the next one.
    pub duration: u32,
    /// Bytes.
    pub size: u32,
    /// `sample_flags` (8.8.3.1).
    pub flags: u32,
}

/// What is read of a track before it is known what it is.
#[derive(Debug, Clone, Default)]
struct Parts {
    id: u32,
    is_enabled: bool,
    kind: Option<Kind>,
    timescale: u32,
    duration: u64,
    edits: Edits,
    descriptions: Option<BoxHead>,
    references: Option<BoxHead>,
    tables: Tables,
}

impl Movie {
    /// Reads the content of a `moov`.
    pub fn read(boxes: &mut Boxes<'_>, moov: &BoxHead) -> Result<Self, FileError> {
        let mut movie = Self::default();
        let mut at = moov.content;
        let mut extends = None;
        while let Some(head) = boxes.next(&mut at, moov.end)? {
            match &head.kind {
                b"mvhd" => (movie.timescale, movie.duration) = times(boxes, &head)?,
                b"trak" if movie.tracks.len() < MAX_TRACKS => {
                    let track = Trak::read(boxes, &head)?;
                    movie.tracks.extend(track);
                }
                b"mvex" => extends = Some(head),
                b"cmov" => return Err(FileError::Broken("its index is compressed")),
                _ => {}
            }
        }
        if let Some(mvex) = extends {
            movie.is_fragmented = true;
            movie.read_extends(boxes, &mvex)?;
        }
        Ok(movie)
    }

    /// `mvex` (8.8.1).
    fn read_extends(&mut self, boxes: &mut Boxes<'_>, mvex: &BoxHead) -> Result<(), FileError> {
        let mut at = mvex.content;
        while let Some(head) = boxes.next(&mut at, mvex.end)? {
            match &head.kind {
                b"mehd" => {
                    let fields: [u8; 12] = boxes.fields(&head)?;
                    let [version, _, _, _, long @ ..] = fields;
                    let [short @ .., _, _, _, _] = long;
                    self.fragments_duration = if version == 1 {
                        u64::from_be_bytes(long)
                    } else {
                        u32::from_be_bytes(short).into()
                    };
                }
                b"trex" => {
                    let fields: [u8; 24] = boxes.fields(&head)?;
                    let (numbers, _) = fields.as_chunks::<4>();
                    let mut numbers = numbers.iter().skip(1).map(|number| u32::from_be_bytes(*number));
                    let mut next = || numbers.next().unwrap_or_default();
                    let id = next();
                    let defaults =
                        Defaults { description: next(), duration: next(), size: next(), flags: next() };
                    if let Some(track) = self.tracks.iter_mut().find(|track| track.id == id) {
                        track.defaults = defaults;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Trak {
    /// Reads a `trak`; none if it is not one of pictures or sound.
    fn read(boxes: &mut Boxes<'_>, trak: &BoxHead) -> Result<Option<Self>, FileError> {
        let mut parts = Parts::default();
        parts.read(boxes, trak, 0)?;
        let is_inside = parts.is_inside(boxes)?;
        let (Some(kind), Some(descriptions)) = (parts.kind, parts.descriptions) else { return Ok(None) };
        let Parts { id, is_enabled, timescale, duration, edits, tables, .. } = parts;
        let defaults = Defaults { description: 1, ..Defaults::default() };
        Ok((timescale > 0).then_some(Self {
            id,
            is_enabled,
            kind,
            timescale,
            duration,
            edits,
            descriptions,
            is_inside,
            tables,
            defaults,
        }))
    }
}

/// Boxes of a track within boxes.
const DEPTH: u32 = 5;

impl Parts {
    /// Reads the boxes of a box of a track.
    fn read(&mut self, boxes: &mut Boxes<'_>, parent: &BoxHead, depth: u32) -> Result<(), FileError> {
        let mut at = parent.content;
        while let Some(head) = boxes.next(&mut at, parent.end)? {
            match &head.kind {
                b"mdia" | b"minf" | b"stbl" | b"edts" | b"dinf" if depth < DEPTH => {
                    self.read(boxes, &head, depth + 1)?;
                }
                b"tkhd" => {
                    let fields: [u8; 24] = boxes.fields(&head)?;
                    let (numbers, _) = fields.as_chunks::<4>();
                    let at = if fields[0] == 1 { 5 } else { 3 };
                    self.id = numbers.get(at).map(|id| u32::from_be_bytes(*id)).unwrap_or_default();
                    self.is_enabled = fields[3] & 1 == 1;
                }
                b"mdhd" => (self.timescale, self.duration) = times(boxes, &head)?,
                // QuickTime has another one in `minf`, of the data.
                b"hdlr" if parent.kind == *b"mdia" => {
                    let [.., a, b, c, d]: [u8; 12] = boxes.fields(&head)?;
                    self.kind = match &[a, b, c, d] {
                        b"vide" => Some(Kind::Video),
                        b"soun" => Some(Kind::Audio),
                        _ => None,
                    };
                }
                b"elst" => self.edits = Edits::read(boxes, &head)?,
                b"dref" => self.references = Some(head),
                _ => self.read_table(boxes, &head)?,
            }
        }
        Ok(())
    }

    /// Reads what a box of `stbl` says of its table.
    fn read_table(&mut self, boxes: &mut Boxes<'_>, head: &BoxHead) -> Result<(), FileError> {
        let fields: [u8; 12] = boxes.fields(head)?;
        let [_, _, _, _, a, b, c, d, e, f, g, h] = fields;
        let (first, second) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        let table = |width| Table::new(&head.content(), 8, first, width);
        let tables = &mut self.tables;
        match &head.kind {
            b"stsd" => self.descriptions = Some(*head),
            b"stts" => tables.times = table(8),
            b"ctts" => tables.offsets = table(8),
            b"stsc" => tables.runs = table(12),
            b"stco" => tables.chunks = table(4),
            b"co64" => tables.chunks = table(8),
            b"stss" => tables.syncs = Some(table(4)),
            b"stsz" if first > 0 => tables.sizes = Sizes::Same { size: first, count: second },
            b"stsz" => tables.sizes = Sizes::Bytes(Table::new(&head.content(), 12, second, 4)),
            b"stz2" => {
                tables.sizes = match d {
                    4 => Sizes::Halves(Table::new(&head.content(), 12, second.div_ceil(2), 1), second),
                    8 => Sizes::Bytes(Table::new(&head.content(), 12, second, 1)),
                    16 => Sizes::Bytes(Table::new(&head.content(), 12, second, 2)),
                    _ => return Err(FileError::Broken("a table of sizes in it is of an unknown form")),
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the data reference of the first description is to the file itself (8.7.2.2).
    fn is_inside(&self, boxes: &mut Boxes<'_>) -> Result<bool, FileError> {
        let (Some(descriptions), Some(references)) = (&self.descriptions, &self.references) else {
            return Ok(true);
        };
        let number = crate::media::file::mp4::description::reference(boxes, descriptions)?;
        let mut at = references.content.saturating_add(8);
        for _ in 1..number.min(16) {
            boxes.next(&mut at, references.end)?;
        }
        let Some(reference) = boxes.next(&mut at, references.end)? else { return Ok(true) };
        let [.., flags]: [u8; 4] = boxes.fields(&reference)?;
        Ok(flags & 1 == 1)
    }
}

/// The timescale and the duration of `mvhd` and `mdhd` (8.2.2, 8.4.2). A duration that is not known is all ones.
fn times(boxes: &mut Boxes<'_>, head: &BoxHead) -> Result<(u32, u64), FileError> {
    let fields: [u8; 32] = boxes.fields(head)?;
    let (numbers, _) = fields.as_chunks::<4>();
    let number = |index: usize| numbers.get(index).map(|it| u32::from_be_bytes(*it)).unwrap_or_default();
    if fields[0] == 1 {
        let duration = u64::from(number(6)) << 32 | u64::from(number(7));
        return Ok((number(5), if duration == u64::MAX { 0 } else { duration }));
    }
    let duration = number(4);
    Ok((number(3), if duration == u32::MAX { 0 } else { duration.into() }))
}
