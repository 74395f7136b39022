//! Opening what a log goes to, and choosing the form of its lines.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use millstream::engine::LogTarget;
use millstream::engine::files::log_file::{self, StandardStream};
use millstream::net::{self, Format, LogOutput};
use millstream::syslog::{Sender, SyslogTarget};
use nix::sys::stat::fstat;

use super::lines;

/// The variable in which systemd names what standard error is, if that is the journal: `DEVICE:INODE`.
const JOURNAL: &str = "JOURNAL_STREAM";

/// What a log goes to, and the form of its lines.
pub struct Opened {
    pub output: LogOutput,
    pub format: Format,
    /// What the operator should know.
    pub warning: Option<String>,
}

/// Opens what a log goes to; this may wait for a disk or the resolver.
pub fn open(target: &LogTarget) -> io::Result<Opened> {
    match target {
        LogTarget::Off => Err(io::Error::other("it is off")),
        LogTarget::Stderr => {
            let stderr = io::stderr();
            let format = format_of(&stderr);
            Ok(Opened { output: LogOutput::File(Box::new(stderr)), format, warning: None })
        }
        LogTarget::File(path) => open_file(path),
        LogTarget::Syslog(target) => {
            let mut sender = Sender::new(target)?;
            let connected = sender.connect(net::now().instant);
            let warning = connected.err().map(|error| SyslogTarget::nobody_receives(&error));
            Ok(Opened { output: LogOutput::Syslog(sender), format: lines::of_syslog(target), warning })
        }
    }
}

/// Standard streams are not opened by their paths, since they may be sockets, which cannot be opened. Only "stderr"
/// turns into /dev/null when the process goes into the background.
fn open_file(path: &Path) -> io::Result<Opened> {
    let standard = |stream: OwnedFd| {
        let format = format_of(&stream);
        Opened { output: LogOutput::File(Box::new(stream)), format, warning: None }
    };
    match StandardStream::of_log(path) {
        Some(StandardStream::Output) => return Ok(standard(io::stdout().as_fd().try_clone_to_owned()?)),
        Some(StandardStream::Error) => return Ok(standard(io::stderr().as_fd().try_clone_to_owned()?)),
        Some(StandardStream::Null) | None => {}
    }
    let opened = log_file::open(path)?;
    let warning = opened.lacks_reader.then(|| "a FIFO that nobody reads yet; lines wait in it".to_owned());
    Ok(Opened { output: LogOutput::File(Box::new(opened.file)), format: lines::plain(), warning })
}

/// The form of the lines of a standard stream.
fn format_of(stream: &impl AsFd) -> Format {
    if goes_to_journal(stream) { lines::of_journal() } else { lines::plain() }
}

/// Whether a stream goes to the journal of systemd.
pub fn goes_to_journal(stream: &impl AsFd) -> bool {
    let journal = std::env::var(JOURNAL).unwrap_or_default();
    is_journal(&journal, stream)
}

/// Whether a stream is what systemd says the journal is. A process that inherits the variable may have other streams.
fn is_journal(journal: &str, stream: &impl AsFd) -> bool {
    let is_it = |facts: nix::sys::stat::FileStat| journal == format!("{}:{}", facts.st_dev, facts.st_ino);
    fstat(stream.as_fd()).is_ok_and(is_it)
}

#[cfg(test)]
mod tests {
    use std::io::pipe;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn only_the_stream_that_systemd_means_is_the_journal() {
        let (reader, writer) = pipe().unwrap();
        let facts = std::fs::File::from(OwnedFd::from(writer.try_clone().unwrap())).metadata().unwrap();
        let journal = format!("{}:{}", facts.dev(), facts.ino());
        assert!(is_journal(&journal, &writer));
        for other in ["", "0:0", &format!("{journal}0")] {
            assert!(!is_journal(other, &writer), "{other}");
        }
        let (_, other) = pipe().unwrap();
        assert!(!is_journal(&journal, &other));
        drop(reader);
    }
}
