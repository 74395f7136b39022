//! Keeps the output of an independent command alive when the server has gone: somebody must read the pipe, or the
//! command is ended by its next line (SIGPIPE).

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use nix::libc::O_NONBLOCK;

/// Bytes read at once, which is what a pipe keeps.
const CHUNK: usize = 64 * 1024;
/// The time between two reads of so much: about 1 MiB a second, beyond which the command waits.
const PAUSE: Duration = Duration::from_millis(60);

/// The reading end of the command's output.
pub struct Drain {
    pipe: File,
    /// When it is read again.
    next: Instant,
}

impl Drain {
    /// Opens the pipe that standard output leads to.
    pub fn open() -> Option<Self> {
        let opened = File::options().read(true).custom_flags(O_NONBLOCK).open("/proc/self/fd/1");
        opened.ok().map(|pipe| Self { pipe, next: Instant::now() })
    }

    /// Reads what is there, and forgets it; false when nobody can write any more.
    pub fn read(&mut self) -> bool {
        let mut chunk = vec![0; CHUNK];
        match self.pipe.read(&mut chunk) {
            Ok(0) => false,
            Ok(count) => {
                let share = PAUSE * count as u32 / CHUNK as u32;
                self.next = Instant::now() + share;
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    /// The time for which it is not to be read.
    pub fn pause(&self) -> Option<Duration> {
        let left = self.next.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

impl AsFd for Drain {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
