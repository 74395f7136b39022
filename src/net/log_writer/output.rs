//! Writing lines to a file, a pipe, a terminal or a socket, and to syslog, where each line is a datagram.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use log::Level;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::write;

use crate::syslog::Sender;

/// Bytes written at once: PIPE_BUF, so that lines of several processes are not mixed in a pipe, and a pipe that has
/// room has room for all of them.
const PIECE: usize = 4096;

/// Makes a line of the log, with its end.
#[derive(Clone)]
pub struct Format(Arc<MakeLine>);

type MakeLine = dyn Fn(Level, &fmt::Arguments<'_>) -> String + Send + Sync;

impl Format {
    /// A format that makes lines so.
    pub fn new(line: impl Fn(Level, &fmt::Arguments<'_>) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(line))
    }

    /// A line, with its end.
    pub fn line(&self, level: Level, text: &fmt::Arguments<'_>) -> String {
        (self.0)(level, text)
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Format")
    }
}

/// What lines are written to.
pub enum LogOutput {
    /// An open file.
    File(Box<dyn AsFd + Send>),
    /// A server of syslog. The format makes whole messages.
    Syslog(Sender),
}

impl LogOutput {
    /// What to wait for room with; `None` if there is nothing to wait for.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::File(file) => Some(file.as_fd()),
            Self::Syslog(sender) => sender.descriptor(),
        }
    }

    /// Writes some of the lines; returns the bytes that are done with. A line that syslog does not take is not sent in
    /// parts.
    fn write(&mut self, lines: &[u8], now: Instant) -> Result<usize, Errno> {
        match self {
            Self::File(file) => match write(file.as_fd(), piece(lines))? {
                0 => Err(Errno::EIO),
                count => Ok(count),
            },
            Self::Syslog(sender) => {
                let end = lines.iter().position(|&byte| byte == b'\n').unwrap_or(lines.len());
                sender.send(lines.get(..end).unwrap_or_default(), now).map_err(|error| errno(&error))?;
                Ok((end + 1).min(lines.len()))
            }
        }
    }
}

/// The error of the system; without one, the nearest.
fn errno(error: &io::Error) -> Errno {
    let nearest = match error.kind() {
        io::ErrorKind::WouldBlock => Errno::EAGAIN,
        io::ErrorKind::NotFound => Errno::ENOENT,
        io::ErrorKind::PermissionDenied => Errno::EACCES,
        _ => Errno::ECONNREFUSED,
    };
    error.raw_os_error().map_or(nearest, Errno::from_raw)
}

/// The time for which lines wait for room.
#[derive(Debug, Clone, Copy)]
pub enum Patience<'a> {
    /// This time, and not again after a wait in vain.
    For(Duration),
    /// Until the log is closed, and a second beyond that.
    UntilClosed(&'a AtomicBool),
}

/// The longest wait for room at a log that is closed.
const CLOSED: Duration = Duration::from_secs(1);

/// The destination of lines, and the count of those that could not be written.
pub struct Output {
    to: LogOutput,
    lost: u64,
    why: Errno,
    is_torn: bool,
    format: Format,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("lost", &self.lost).finish_non_exhaustive()
    }
}

impl Output {
    /// `format` makes the line that says how many lines were lost, and why.
    pub fn new(to: LogOutput, format: Format) -> Self {
        Self { to, lost: 0, why: Errno::UnknownErrno, is_torn: false, format }
    }

    /// Takes another output. Lines that the first one has lost are counted in it.
    pub fn replace(&mut self, to: LogOutput) {
        (self.to, self.is_torn) = (to, false);
    }

    /// Writes lines, and waits for room. Lines that cannot be written are lost and counted; the count is written before
    /// the next lines that can be.
    pub fn write(&mut self, lines: &[u8], patience: Patience<'_>) {
        let patience = match patience {
            Patience::For(_) if self.lost > 0 => Patience::For(Duration::ZERO),
            patience => patience,
        };
        let begun = Instant::now();
        if self.lost > 0 && self.write_all(self.notice().as_bytes(), begun, patience).is_ok() {
            self.lost = 0;
        }
        if let Err((written, errno)) = self.write_all(lines, begun, patience) {
            let rest = lines.get(written..).unwrap_or_default();
            self.lost += rest.iter().filter(|&&byte| byte == b'\n').count() as u64;
            self.why = errno;
        }
    }

    fn notice(&self) -> String {
        let why = if self.why == Errno::ETIMEDOUT { "nobody reads the log" } else { self.why.desc() };
        let line = self.format.line(Level::Error, &format_args!("{} lines lost: {why}", self.lost));
        if self.is_torn { format!("\n{line}") } else { line }
    }

    fn write_all(
        &mut self,
        bytes: &[u8],
        begun: Instant,
        patience: Patience<'_>,
    ) -> Result<(), (usize, Errno)> {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.wait_for_room(begun, patience).and_then(|()| self.write_some(rest)) {
                Ok(count) => written += count,
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(errno) => return Err((written, errno)),
            }
        }
        Ok(())
    }

    /// Waits for room; the same for descriptors that block and those that do not.
    fn wait_for_room(&self, begun: Instant, patience: Patience<'_>) -> Result<(), Errno> {
        let Some(descriptor) = self.to.descriptor() else { return Ok(()) };
        loop {
            let timeout = match patience {
                Patience::For(most) => most.saturating_sub(begun.elapsed()),
                Patience::UntilClosed(_) => CLOSED,
            };
            let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
            if poll(&mut [PollFd::new(descriptor, PollFlags::POLLOUT)], timeout)? > 0 {
                return Ok(());
            }
            match patience {
                Patience::UntilClosed(is_closed) if !is_closed.load(Ordering::Relaxed) => {}
                _ => return Err(Errno::ETIMEDOUT),
            }
        }
    }

    fn write_some(&mut self, lines: &[u8]) -> Result<usize, Errno> {
        let count = self.to.write(lines, Instant::now())?;
        if let Some(last) = count.checked_sub(1).and_then(|last| lines.get(last)) {
            self.is_torn = *last != b'\n';
        }
        Ok(count)
    }
}

/// The bytes to write at once: whole lines, if one is short enough.
fn piece(bytes: &[u8]) -> &[u8] {
    let Some(most) = bytes.get(..PIECE) else { return bytes };
    match most.iter().rposition(|&byte| byte == b'\n') {
        Some(end) => most.get(..=end).unwrap_or(most),
        None => most,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{PipeWriter, Read, pipe};

    use super::*;

    fn output(file: Box<dyn AsFd + Send>) -> Output {
        Output::new(LogOutput::File(file), Format::new(|_, text| format!("{text}\n")))
    }

    #[test]
    fn pieces_end_with_a_line() {
        assert_eq!(piece(b"a\nb"), b"a\nb");
        let lines = b"1234567\n".repeat(1000);
        assert_eq!(piece(&lines).len(), PIECE);
        assert_eq!(piece(&lines[1..]).len(), PIECE - 1);
        assert_eq!(piece(&[b'x'; 5000]).len(), PIECE);
    }

    /// A pipe that has no room, and what reads from it.
    fn full_pipe() -> (io::PipeReader, PipeWriter) {
        let (reader, writer) = pipe().unwrap();
        let mut output = output(Box::new(writer.try_clone().unwrap()));
        output.write(&b"1234567\n".repeat(1 << 15), Patience::For(Duration::ZERO));
        assert!(output.lost > 0 && output.why == Errno::ETIMEDOUT, "{output:?}");
        (reader, writer)
    }

    #[test]
    fn a_full_pipe_is_given_up_after_a_while_and_the_loss_is_told_when_there_is_room() {
        let (mut reader, writer) = full_pipe();
        let mut output = output(Box::new(writer));
        output.write(b"a\nb\n", Patience::For(Duration::from_millis(10)));
        output.write(b"c\n", Patience::For(Duration::ZERO));
        reader.read_exact(&mut [0; 1 << 15]).unwrap();
        output.write(b"d\n", Patience::For(CLOSED));
        drop(output);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("\n3 lines lost: nobody reads the log\nd\n"), "{rest:?}");
    }

    #[test]
    fn a_reader_that_is_gone_and_a_full_disk_cost_lines() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let files: [Box<dyn AsFd + Send>; 2] = [Box::new(writer), Box::new(full)];
        for (file, why) in files.into_iter().zip([Errno::EPIPE, Errno::ENOSPC]) {
            let mut output = output(file);
            output.write(b"a\nb\n", Patience::For(CLOSED));
            output.write(b"c\n", Patience::For(CLOSED));
            assert_eq!((output.lost, output.why), (3, why));
        }
    }
}
