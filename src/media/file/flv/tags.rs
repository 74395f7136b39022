//! The tags of an FLV file (E.4.1): where they begin and end, and the next one behind what is none.
//!
//! A tag is believed if its PreviousTagSize is right, or if another tag follows. Everything else is junk, over which
//! one whole tag and the beginning of another are looked for.

use std::io;

use super::header::{Fields, HEADER, LINK, TagPlace, may_begin};
use crate::media::Role;
use crate::media::file::{FileError, Source, Window};
use crate::media::flv::{self, MAX_CONFIGURATION, PREVIOUS_TAG_SIZE, TAG_HEADER, Tag};

/// The bytes of a body that tell what most tags are.
const PREFIX: usize = 64;
/// Bytes of junk that are looked through for the next tag.
pub const MAX_JUNK: u64 = 1 << 20;
/// Bytes looked through at once.
const JUNK_PIECE: usize = 64 * 1024;
/// Places in junk that look like a tag header, and are looked at more closely.
const MAX_SUSPECTS: usize = 512;
/// What is left out one after the other: tags, and bytes that are read to get over them.
const MAX_LEFT_OUT: (usize, u64) = (8192, 2 << 20);

/// How much of a tag is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All of it.
    Whole,
    /// Its header.
    Header,
}

/// What is found at a place or behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Tag(TagPlace),
    /// Nothing whole any more.
    End,
    /// Nothing that can be read.
    Broken(&'static str),
}

/// What stands at one place.
enum Here {
    Tag(TagPlace),
    /// A tag that is left out, and the place behind it.
    LeftOut(u64),
    Junk,
    /// The beginning of what may become a tag.
    Torn,
}

/// What stands behind a tag's body.
enum Linked {
    /// Its PreviousTagSize.
    Right,
    /// Something else.
    Wrong,
    /// Something else, or not all of it, and no other tag behind it so far.
    Last,
}

/// A source that counts what is read.
struct Counted<'a> {
    source: &'a mut dyn Source,
    read: u64,
}

impl Source for Counted<'_> {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read_at(offset, buffer)?;
        self.read += read as u64;
        Ok(read)
    }

    fn length(&mut self) -> io::Result<u64> {
        self.source.length()
    }
}

/// A file whose tags are read.
pub struct Tags<'a> {
    source: Counted<'a>,
    window: &'a mut Window,
    /// Bytes of the file, once they have been asked for.
    length: Option<u64>,
    /// The first bytes of the body of the tag that was found last, as the window has moved on to its end.
    prefix: Prefix,
}

/// The first bytes of a tag's body, and as many nulls as it has fewer.
#[derive(Clone, Copy)]
struct Prefix {
    body: u64,
    bytes: [u8; PREFIX],
}

impl<'a> Tags<'a> {
    pub fn new(source: &'a mut dyn Source, window: &'a mut Window) -> Self {
        let (source, prefix) = (Counted { source, read: 0 }, Prefix { body: 0, bytes: [0; PREFIX] });
        Self { source, window, length: None, prefix }
    }

    /// Bytes of the file. They are asked for once, and not where the window has what is wanted.
    pub fn length(&mut self) -> Result<u64, FileError> {
        let length = self.length.map_or_else(|| self.source.length(), Ok)?;
        self.length = Some(length);
        Ok(length)
    }

    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.source.read
    }

    /// So many bytes at a place; none if the file ends before.
    pub fn bytes(&mut self, at: u64, count: usize, reach: Reach) -> Result<Option<&[u8]>, FileError> {
        match reach {
            Reach::Whole => self.window.get(&mut self.source, at, count),
            Reach::Header => self.window.glance(&mut self.source, at, count),
        }
    }

    /// Some bytes at a place, beside the window; none if the file ends before.
    pub fn array<const N: usize>(&mut self, at: u64) -> Result<Option<[u8; N]>, FileError> {
        let length = self.length()?;
        let (bytes, count) = read_up_to::<N>(&mut self.source, at, length)?;
        Ok((count == N).then_some(bytes))
    }

    /// The first tag at a place or behind it that is whole and not left out.
    pub fn find(&mut self, mut at: u64, reach: Reach) -> Result<Found, FileError> {
        if let Some(tag) = self.held(at).filter(|_| reach == Reach::Whole) {
            return Ok(Found::Tag(tag));
        }
        let (length, (tags, bytes)) = (self.length()?, MAX_LEFT_OUT);
        let limit = self.read().saturating_add(bytes);
        for _ in 0..tags {
            at = match self.look(at, reach)? {
                Here::Tag(tag) => return Ok(Found::Tag(tag)),
                Here::LeftOut(end) => end,
                Here::Torn if at.saturating_add(HEADER) > length => return Ok(Found::End),
                Here::Torn => {
                    // What its length promises may still come, unless that is wrong and there are tags within.
                    let within = self.resync(at + 1, u64::MAX, MAX_JUNK)?;
                    return Ok(if matches!(within, Found::Tag(_)) { within } else { Found::End });
                }
                Here::Junk => return self.resync(at + 1, u64::MAX, MAX_JUNK),
            };
            if self.read() > limit {
                break;
            }
        }
        Ok(Found::Broken("too much in it is neither audio nor video"))
    }

    /// What a tag is.
    pub fn inspect(&mut self, tag: &TagPlace) -> Result<Tag, FileError> {
        let length = tag.length as usize;
        if self.prefix.body != tag.body() {
            let bytes = self.bytes(tag.body(), length.min(PREFIX), Reach::Header)?.unwrap_or_default();
            self.prefix = Prefix::of(tag.body(), bytes);
        }
        let prefix = self.prefix.bytes;
        let prefix = prefix.get(..length).unwrap_or(&prefix);
        let mut parsed = flv::inspect(tag.kind, prefix);
        // Of several tracks, the last one may be the one that counts.
        let is_enhanced = flv::is_enhanced(tag.kind, prefix);
        let needs_all = is_enhanced && parsed.role == Role::Empty || flv::is_multitrack(tag.kind, prefix);
        if length > PREFIX && needs_all {
            let body = self.bytes(tag.body(), length, Reach::Whole)?.unwrap_or_default();
            parsed = flv::inspect(tag.kind, body);
        }
        if parsed.role == Role::Header && length > MAX_CONFIGURATION {
            parsed.role = Role::Empty;
        }
        Ok(parsed)
    }

    /// Whether a tag that was there is there.
    pub fn is_still_there(&mut self, tag: &TagPlace) -> Result<bool, FileError> {
        let count = TAG_HEADER + tag.length as usize;
        let bytes = self.bytes(tag.at, count, Reach::Header)?;
        let header = bytes.and_then(|bytes| bytes.first_chunk().copied());
        Ok(header.and_then(|header| Fields::read(header).place(tag.at)) == Some(*tag))
    }

    /// The tag that begins at a place and is followed by its PreviousTagSize, if it is one with media or data.
    pub fn exactly(&mut self, at: u64) -> Result<Option<TagPlace>, FileError> {
        let Some(header) = self.array::<TAG_HEADER>(at)? else { return Ok(None) };
        let fields = Fields::read(header);
        let is_linked = self.array(fields.body_end(at))? == Some(fields.link());
        Ok(fields.place(at).filter(|_| is_linked))
    }

    /// The tag that ends at a place with its PreviousTagSize.
    pub fn before(&mut self, end: u64) -> Result<Option<TagPlace>, FileError> {
        let Some(link_at) = end.checked_sub(LINK) else { return Ok(None) };
        let Some(link) = self.array::<PREVIOUS_TAG_SIZE>(link_at)? else { return Ok(None) };
        let Some(at) = link_at.checked_sub(u32::from_be_bytes(link).into()) else { return Ok(None) };
        let Some(header) = self.array::<TAG_HEADER>(at)? else { return Ok(None) };
        let tag = Fields::read(header).place(at);
        Ok(tag.filter(|tag| tag.end() == end))
    }

    /// The first whole tag from a place on that another one follows, or the end of the file. Its last byte is before
    /// `limit`, and its first one among the first `junk`.
    pub fn resync(&mut self, from: u64, limit: u64, junk: u64) -> Result<Found, FileError> {
        let length = self.length()?;
        let limit = limit.min(length);
        let stop = from.saturating_add(junk).min(limit);
        let (mut at, mut suspects) = (from, 0);
        while at.saturating_add(HEADER) <= stop {
            let count = JUNK_PIECE.min(usize::try_from(stop - at).unwrap_or(JUNK_PIECE));
            let Self { source, window, .. } = self;
            let Some(piece) = window.get(source, at, count)? else { return Ok(Found::End) };
            for (offset, header) in piece.windows(TAG_HEADER).enumerate() {
                let Some(header) = header.first_chunk::<TAG_HEADER>().filter(|_| may_begin(header)) else {
                    continue;
                };
                let (fields, place_at) = (Fields::read(*header), at + offset as u64);
                let Some(tag) = fields.place(place_at).filter(|tag| tag.end() <= limit) else { continue };
                let link_at = usize::try_from(fields.body_end(offset as u64)).unwrap_or(usize::MAX);
                let within = piece.get(link_at..).and_then(|rest| rest.first_chunk::<PREVIOUS_TAG_SIZE>());
                if within.is_some_and(|link| *link != fields.link()) {
                    continue;
                }
                suspects += 1;
                if suspects > MAX_SUSPECTS {
                    return Ok(Found::Broken("too much in it looks like FLV and is none"));
                }
                if is_followed(source, &tag, fields, length)? {
                    return Ok(Found::Tag(tag));
                }
            }
            at += (count + 1 - TAG_HEADER) as u64;
        }
        Ok(if stop < limit { Found::Broken("it is no FLV from some place on") } else { Found::End })
    }

    /// The tag at a place, if the window has all of it and it is as it should be.
    fn held(&self, at: u64) -> Option<TagPlace> {
        let fields = Fields::read(*self.window.held(at, TAG_HEADER)?.first_chunk()?);
        let tag = fields.place(at)?;
        let link = self.window.held(tag.end() - LINK, PREVIOUS_TAG_SIZE)?;
        (*link == fields.link()).then_some(tag)
    }

    /// What stands at a place.
    fn look(&mut self, at: u64, reach: Reach) -> Result<Here, FileError> {
        let ahead = if reach == Reach::Header { TAG_HEADER + PREFIX } else { TAG_HEADER };
        let length = self.length()?;
        let left = usize::try_from(length.saturating_sub(at)).unwrap_or(ahead);
        let header = self.bytes(at, ahead.min(left), reach)?.and_then(|bytes| bytes.first_chunk().copied());
        let Some(header) = header else { return Ok(Here::Torn) };
        let fields = Fields::read(header);
        if reach == Reach::Header {
            let bytes = self.bytes(at + HEADER, ahead.min(left) - TAG_HEADER, reach)?.unwrap_or_default();
            self.prefix = Prefix::of(at + HEADER, bytes);
        }
        let body_end = fields.body_end(at);
        if body_end > length {
            return Ok(if fields.kind.is_some() { Here::Torn } else { Here::Junk });
        }
        if reach == Reach::Whole && fields.place(at).is_some() {
            // So that the window has all of it and says how long the next one is, and is not moved twice for either.
            let count = (body_end + LINK + HEADER).min(length) - at;
            self.bytes(at, usize::try_from(count).unwrap_or(0), reach)?;
        }
        let is_believed = match self.linked(fields, body_end, reach)? {
            Linked::Right => true,
            // If it is that of a tag within, the length is wrong.
            Linked::Wrong => {
                let is_likely = fields.kind.is_some() && self.is_plausible(body_end + LINK)?;
                is_likely && self.before(body_end + LINK)?.is_none_or(|tag| tag.at <= at)
            }
            Linked::Last if fields.kind.is_none() => false,
            // A wrong length could promise as much. Then there are tags within.
            Linked::Last => !matches!(self.resync(at + 1, u64::MAX, MAX_JUNK)?, Found::Tag(_)),
        };
        if !is_believed {
            return Ok(Here::Junk);
        }
        Ok(fields.place(at).map_or(Here::LeftOut(body_end + LINK), Here::Tag))
    }

    /// Whether what is behind a tag's body is its PreviousTagSize.
    fn linked(&mut self, fields: Fields, body_end: u64, reach: Reach) -> Result<Linked, FileError> {
        let is_last = body_end + LINK + HEADER > self.length()?;
        let link = self.bytes(body_end, PREVIOUS_TAG_SIZE, reach)?;
        Ok(match link {
            Some(link) if *link == fields.link() => Linked::Right,
            Some(_) if !is_last => Linked::Wrong,
            _ => Linked::Last,
        })
    }

    /// Whether a tag header seems to begin at a place.
    fn is_plausible(&mut self, at: u64) -> Result<bool, FileError> {
        Ok(self.array(at)?.is_some_and(|header| Fields::read(header).is_plausible()))
    }
}

impl Prefix {
    fn of(body: u64, bytes: &[u8]) -> Self {
        let mut prefix = Self { body, bytes: [0; PREFIX] };
        prefix.bytes.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        prefix
    }
}

/// As many bytes as there are, beside the window.
fn read_up_to<const N: usize>(
    source: &mut Counted<'_>,
    at: u64,
    length: u64,
) -> Result<([u8; N], usize), FileError> {
    let mut bytes = [0; N];
    let count = usize::try_from(length.saturating_sub(at)).unwrap_or(N).min(N);
    let Some(buffer) = bytes.get_mut(..count) else { return Ok((bytes, 0)) };
    match source.read_at(at, buffer) {
        Ok(read) => Ok((bytes, read)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok((bytes, 0)),
        Err(error) => Err(error.into()),
    }
}

/// Whether a tag's PreviousTagSize is right, and another tag follows or the end.
fn is_followed(
    source: &mut Counted<'_>,
    tag: &TagPlace,
    fields: Fields,
    length: u64,
) -> Result<bool, FileError> {
    const BOTH: usize = PREVIOUS_TAG_SIZE + TAG_HEADER;
    let (bytes, count) = read_up_to::<BOTH>(source, tag.end() - LINK, length)?;
    let Some((link, next)) = bytes.split_first_chunk() else { return Ok(false) };
    let is_last = count < BOTH;
    let follows = || next.first_chunk().is_some_and(|header| Fields::read(*header).is_plausible());
    Ok(count >= PREVIOUS_TAG_SIZE && *link == fields.link() && (is_last || follows()))
}
