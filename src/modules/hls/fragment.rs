//! The file of the fragment being written, and its encryption.

use std::io;

use crate::engine::{Growth, MemoryFiles};
use crate::modules::hls::files::keys::Cipher;
use crate::modules::hls::files::{Draft, Files};

/// Bytes that are gathered before they go to the file. A buffer keeps no more than this after a large key frame.
const BUFFER: usize = 64 * 1024;

/// The file of a fragment being written.
#[derive(Debug)]
pub struct OpenFragment {
    draft: Draft,
    cipher: Option<Cipher>,
    written: u64,
    /// The most to be written.
    max_bytes: u64,
}

impl OpenFragment {
    /// A file that is full with so many bytes.
    pub fn new((draft, cipher): (Draft, Option<Cipher>), max_bytes: u64) -> Self {
        Self { draft, cipher, written: 0, max_bytes }
    }

    /// Lets a full buffer go to the file. What stays in it is counted as memory that the file takes up.
    pub fn drain(&mut self, buffer: &mut Vec<u8>, files: &mut Files<'_>) -> io::Result<()> {
        if buffer.len() >= BUFFER {
            self.write_out(buffer, files)
        } else {
            files.append(&mut self.draft, &[], buffer.capacity())
        }
    }

    /// How it grows in memory with what is in its buffer.
    pub fn growth(&self, buffer: &Vec<u8>, memory: &MemoryFiles) -> Growth {
        self.draft.growth(memory, buffer.capacity())
    }

    /// True if it must be cut for its size.
    pub fn is_full(&self) -> bool {
        self.written >= self.max_bytes
    }

    /// Writes the rest; gives the file, which is still hidden, and its length.
    pub fn finish(mut self, buffer: &mut Vec<u8>, files: &mut Files<'_>) -> io::Result<(Draft, u64)> {
        if self.cipher.is_some() {
            Cipher::pad(buffer);
        }
        self.write_out(buffer, files)?;
        Ok((self.draft, self.written))
    }

    /// Writes the buffer, all but what is no whole block where there is a cipher.
    fn write_out(&mut self, buffer: &mut Vec<u8>, files: &mut Files<'_>) -> io::Result<()> {
        let length = match &mut self.cipher {
            Some(cipher) => cipher.encrypt(buffer),
            None => buffer.len(),
        };
        let (whole, rest) = buffer.split_at(length);
        files.append(&mut self.draft, whole, rest.len())?;
        self.written = self.written.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        buffer.drain(..length);
        buffer.shrink_to(BUFFER);
        Ok(())
    }
}
