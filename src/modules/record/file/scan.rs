//! Reads an FLV file tag by tag, in pieces.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::media::flv::{TAG_HEADER, TagHeader};

/// Bytes read at once.
const PIECE: u64 = 64 * 1024;
/// The bytes of a payload that tell what a tag is.
pub const PREFIX: usize = 32;
/// Bytes of PreviousTagSize.
pub const LINK: u64 = 4;

#[derive(Debug)]
pub struct ScannedTag {
    pub header: TagHeader,
    /// The first bytes of its payload, and nulls if it has fewer.
    prefix: [u8; PREFIX],
    /// Its end, with its PreviousTagSize.
    pub end: u64,
}

/// A file, and the piece of it that was last read.
#[derive(Debug)]
pub struct Pieces<'a> {
    file: &'a File,
    length: u64,
    piece: Vec<u8>,
    /// The beginning of the piece.
    at: u64,
    /// Bytes read so far.
    pub read: u64,
}

impl ScannedTag {
    /// The first bytes of its payload.
    pub fn prefix(&self) -> &[u8] {
        self.prefix.get(..self.header.length as usize).unwrap_or(&self.prefix)
    }
}

impl<'a> Pieces<'a> {
    /// A file of so many bytes.
    pub fn new(file: &'a File, length: u64) -> Self {
        Self { file, length, piece: Vec::new(), at: 0, read: 0 }
    }

    /// The tag that begins at a position; `None` if none does, or not all of it is there.
    pub fn tag(&mut self, at: u64) -> io::Result<Option<ScannedTag>> {
        let Some(header) = self.bytes(at, TAG_HEADER as u64)?.and_then(|bytes| bytes.first_chunk()) else {
            return Ok(None);
        };
        let Some(header) = TagHeader::read(*header) else { return Ok(None) };
        let end = end_of(at, &header);
        let mut prefix = [0; PREFIX];
        let length = prefix.len().min(header.length as usize);
        match (prefix.get_mut(..length), self.bytes(at + TAG_HEADER as u64, length as u64)?) {
            (Some(place), Some(bytes)) => place.copy_from_slice(bytes),
            _ => return Ok(None),
        }
        let link = self.bytes(end - LINK, LINK)?;
        let is_whole = link.is_some_and(|link| link == (TAG_HEADER as u32 + header.length).to_be_bytes());
        Ok(is_whole.then_some(ScannedTag { header, prefix, end }))
    }

    /// So many bytes at a position; `None` if the file ends before.
    fn bytes(&mut self, at: u64, count: u64) -> io::Result<Option<&[u8]>> {
        if at + count > self.length {
            return Ok(None);
        }
        if at < self.at || at + count > self.at + self.piece.len() as u64 {
            self.load(at)?;
        }
        let start = (at - self.at) as usize;
        Ok(self.piece.get(start..start + count as usize))
    }

    fn load(&mut self, at: u64) -> io::Result<()> {
        let size = PIECE.min(self.length - at);
        self.piece.resize(size as usize, 0);
        self.at = at;
        self.read += size;
        self.file.read_exact_at(&mut self.piece, at)
    }
}

/// The end of a tag that begins at a position, with its PreviousTagSize.
pub fn end_of(at: u64, header: &TagHeader) -> u64 {
    at + TAG_HEADER as u64 + u64::from(header.length) + LINK
}
