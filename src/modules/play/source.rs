//! A file that is played, and how its bytes are read: by a reader, which may wait, or by the loop, which must not.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::engine::files::open_file::OpenFile;
use crate::engine::files::page_cache;
use crate::media::file::Source;

/// A file that is played.
#[derive(Debug, Clone)]
pub struct PlayedFile {
    pub file: Arc<OpenFile>,
    /// Its path below the folder, for the log.
    pub path: Arc<str>,
}

impl PlayedFile {
    /// When it was written last.
    pub fn modified(&self) -> io::Result<SystemTime> {
        self.file.file.metadata()?.modified()
    }

    /// How a reader reads it.
    pub fn on_disk(&self) -> OnDisk<'_> {
        OnDisk(&self.file)
    }

    /// How the loop reads it.
    pub fn in_memory(&self) -> InMemory<'_> {
        InMemory(&self.file)
    }
}

/// A file as a reader has it.
#[derive(Debug)]
pub struct OnDisk<'a>(&'a OpenFile);

impl Source for OnDisk<'_> {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match self.0.file.read_at(rest, offset + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn length(&mut self) -> io::Result<u64> {
        Ok(self.0.file.metadata()?.len())
    }
}

/// A file as the loop has it: only what the kernel has in memory.
#[derive(Debug)]
pub struct InMemory<'a>(&'a OpenFile);

impl Source for InMemory<'_> {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        // What is at the end of the file is found out by a reader.
        if page_cache::read(self.0, buffer, offset) {
            Ok(buffer.len())
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    fn length(&mut self) -> io::Result<u64> {
        if self.0.medium.may_wait() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(self.0.file.metadata()?.len())
    }
}
