//! The file of the fragment being written, and its encryption.

use std::io;

use crate::engine::{Growth, MemoryFiles};
use crate::modules::hls::files::keys::Cipher;
use crate::modules::hls::files::{Draft, Files};

/// Bytes that are gathered before they are written. The capacity of a buffer is no more than this after a large key
/// frame.
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
    /// An empty file that is full with `max_bytes`.
    pub fn new((draft, cipher): (Draft, Option<Cipher>), max_bytes: u64) -> Self {
        Self { draft, cipher, written: 0, max_bytes }
    }

    /// Writes the buffer to the file if it is full; else its bytes are counted as memory of the file.
    pub fn drain(&mut self, buffer: &mut Vec<u8>, files: &mut Files<'_>) -> io::Result<()> {
        if buffer.len() >= BUFFER {
            self.write_out(buffer, files)
        } else {
            files.append(&mut self.draft, &[], buffer.capacity())
        }
    }

    /// The growth of its memory by the bytes in the buffer.
    pub fn growth(&self, buffer: &Vec<u8>, memory: &MemoryFiles) -> Growth {
        self.draft.growth(memory, buffer.capacity())
    }

    /// Whether it must end for its size.
    pub fn is_full(&self) -> bool {
        self.written >= self.max_bytes
    }

    /// Writes the rest. Returns the file, which is still hidden, and its length.
    pub fn finish(mut self, buffer: &mut Vec<u8>, files: &mut Files<'_>) -> io::Result<(Draft, u64)> {
        if self.cipher.is_some() {
            Cipher::pad(buffer);
        }
        self.write_out(buffer, files)?;
        Ok((self.draft, self.written))
    }

    /// Writes the buffer; where there is a cipher, its whole blocks.
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
