//! Keeps the output of an independent command alive when the server has gone: somebody must read the pipe, or the
//! command is ended by its next line (SIGPIPE).

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::libc::O_NONBLOCK;

/// Bytes read at once.
const CHUNK: usize = 16 * 1024;

/// The reading end of the command's output.
pub struct Drain(File);

impl Drain {
    /// Opens the pipe that standard output leads to.
    pub fn open() -> Option<Self> {
        let opened = File::options().read(true).custom_flags(O_NONBLOCK).open("/proc/self/fd/1");
        opened.ok().map(Self)
    }

    /// Reads what is there, and forgets it; false when nobody can write any more.
    pub fn read(&mut self) -> bool {
        let mut chunk = [0; CHUNK];
        match self.0.read(&mut chunk) {
            Ok(0) => false,
            Ok(_) => true,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }
}

impl AsFd for Drain {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
