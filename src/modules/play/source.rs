//! A file that is played, and how its bytes are read: by a reader, which may wait, or by the loop, which must not.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use crate::engine::files::open_file::OpenFile;
use crate::engine::files::page_cache;
use crate::media::file::Source;

use super::remote::{Coming, Fetched};

/// A file that is played.
#[derive(Debug, Clone)]
pub struct PlayedFile {
    pub file: Arc<OpenFile>,
    /// Its path: with its folder, or below that of another server.
    pub path: Arc<Path>,
    /// What has come of it, if it is fetched from another server.
    pub coming: Option<Arc<Coming>>,
}

impl PlayedFile {
    /// When it was written last.
    pub fn modified(&self) -> io::Result<SystemTime> {
        self.file.file.metadata()?.modified()
    }

    /// The same for the loop: `WouldBlock` where it would have to wait.
    pub fn modified_at_once(&self) -> io::Result<SystemTime> {
        if self.file.medium.may_wait() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.modified()
    }

    /// How a reader reads it.
    pub fn on_disk(&self) -> OnDisk<'_> {
        OnDisk(self)
    }

    /// How the loop reads it.
    pub fn in_memory(&self) -> InMemory<'_> {
        InMemory(self)
    }

    /// Why no more of it comes from another server, though it is not whole.
    pub fn failure(&self) -> Option<String> {
        match self.coming.as_ref()?.fetched() {
            Fetched::Failed(why) => Some(why.to_string()),
            Fetched::Missing => Some("the server has it no more".to_owned()),
            Fetched::Asked | Fetched::Begun | Fetched::Whole => None,
        }
    }

    /// Whether more of it may come from another server.
    fn is_coming(&self) -> bool {
        self.coming.as_ref().is_some_and(|coming| coming.may_grow())
    }

    /// Whether it is fetched, and neither all of it has come nor is known how long it is: what seems to be its end is none.
    pub fn is_short(&self) -> bool {
        self.coming.as_ref().is_some_and(|coming| coming.may_grow() && !coming.has_length())
    }

    /// How many bytes there are of those that are wanted at a place; see [`Coming::readable`].
    fn readable(&self, offset: u64, wanted: usize) -> io::Result<usize> {
        self.coming.as_ref().map_or(Ok(wanted), |coming| coming.readable(offset, wanted))
    }
}

/// A file as a reader has it.
#[derive(Debug)]
pub struct OnDisk<'a>(&'a PlayedFile);

impl Source for OnDisk<'_> {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let readable = self.0.readable(offset, buffer.len())?;
        let buffer = buffer.get_mut(..readable).unwrap_or_default();
        let mut read = 0;
        while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match self.0.file.file.read_at(rest, offset + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn length(&mut self) -> io::Result<u64> {
        match &self.0.coming {
            Some(coming) => Ok(coming.length()),
            None => Ok(self.0.file.file.metadata()?.len()),
        }
    }

    fn is_coming(&self) -> bool {
        self.0.is_coming()
    }
}

/// A file as the loop has it: only what the kernel has in memory.
#[derive(Debug)]
pub struct InMemory<'a>(&'a PlayedFile);

impl Source for InMemory<'_> {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let readable = self.0.readable(offset, buffer.len())?;
        let buffer = buffer.get_mut(..readable).unwrap_or_default();
        // What is at the end of the file is found out by a reader.
        if page_cache::read(&self.0.file, buffer, offset) {
            Ok(buffer.len())
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    fn length(&mut self) -> io::Result<u64> {
        if let Some(coming) = &self.0.coming {
            return Ok(coming.length());
        }
        if self.0.file.medium.may_wait() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(self.0.file.file.metadata()?.len())
    }

    fn is_coming(&self) -> bool {
        self.0.is_coming()
    }
}
