//! The file of the fragment being written, and its encryption.

use std::io;

use crate::engine::{Growth, MemoryFiles};
use crate::modules::hls::files::keys::Cipher;
use crate::modules::hls::files::{Draft, Files};

/// Bytes that are gathered before they are written to memory.
pub const BUFFER: usize = 64 * 1024;

/// The file of a fragment being written.
#[derive(Debug)]
pub struct OpenFragment {
    draft: Draft,
    cipher: Option<Cipher>,
    written: u64,
}

/// The file of a complete fragment, which is still hidden, and its length.
#[derive(Debug)]
pub struct CompleteFile {
    pub draft: Draft,
    pub bytes: u64,
}

impl OpenFragment {
    /// An empty file.
    pub fn new((draft, cipher): (Draft, Option<Cipher>)) -> Self {
        Self { draft, cipher, written: 0 }
    }

    /// Writes the buffer to the file if it is full; else its bytes are counted as memory of the file.
    pub fn drain(&mut self, buffer: &mut Vec<u8>, files: &mut Files<'_>) -> io::Result<()> {
        if buffer.len() >= BUFFER {
            self.write_out(buffer, files)?;
            // It has grown for a key frame.
            buffer.shrink_to(BUFFER);
            Ok(())
        } else {
            files.append(&mut self.draft, &[], buffer.capacity())
        }
    }

    /// The growth of its memory by the bytes in the buffer.
    pub fn growth(&self, buffer: &Vec<u8>, memory: &MemoryFiles) -> Growth {
        self.draft.growth(memory, buffer.capacity())
    }

    /// Writes the rest.
    pub fn finish(mut self, buffer: &mut Vec<u8>, files: &mut Files<'_>) -> io::Result<CompleteFile> {
        if self.cipher.is_some() {
            Cipher::pad(buffer);
        }
        self.write_out(buffer, files)?;
        Ok(CompleteFile { draft: self.draft, bytes: self.written })
    }

    /// Writes the buffer; where there is a cipher, its whole blocks. The rest stays in it.
    pub fn write_out(&mut self, buffer: &mut Vec<u8>, files: &mut Files<'_>) -> io::Result<()> {
        let length = match &mut self.cipher {
            Some(cipher) => cipher.encrypt(buffer),
            None => buffer.len(),
        };
        let (whole, rest) = buffer.split_at(length);
        files.append(&mut self.draft, whole, rest.len())?;
        self.written = self.written.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        buffer.drain(..length);
        Ok(())
    }
}
