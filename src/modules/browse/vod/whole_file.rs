//! A file that a reader reads from one end to the other.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::engine::files::open_file::OpenFile;
use crate::media::file::Source;
use crate::modules::browse::found::Found;

/// A file that a reader reads, as long as it was when it was found.
#[derive(Debug)]
pub struct WholeFile {
    file: Arc<OpenFile>,
    length: u64,
}

impl WholeFile {
    pub fn of(found: &Found) -> Self {
        Self { file: Arc::clone(&found.file.file), length: found.file.length }
    }
}

impl Source for WholeFile {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.file.read_at(rest, offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn length(&mut self) -> io::Result<u64> {
        Ok(self.length)
    }
}
