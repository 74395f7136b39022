//! What a file gets in one job.

use super::contents::Contents;
use super::script::Script;

/// Whole tags that are written at once.
#[derive(Debug, Default)]
pub struct Piece {
    pub tags: Vec<u8>,
    /// The time of the last tag, milliseconds.
    pub time: u64,
    /// The head as it is with these tags, if it is written again.
    pub head: Option<Vec<u8>>,
    /// The file is looked for at its path before.
    pub looks: bool,
}

/// The end of a file.
#[derive(Debug)]
pub struct Ending {
    /// The last tags.
    pub piece: Piece,
    /// The first tag; `None` if it is not ours to write.
    pub script: Option<Script>,
    /// The contents, if all that was to be written is in the file.
    pub contents: Contents,
}

impl Piece {
    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.tags.len() + self.head.as_ref().map_or(0, Vec::len)
    }
}
