//! Opening log files safely. Whoever may write to a log's folder must not choose, by a link, the file that the server
//! appends to (CVE-2016-1247), and a FIFO without a reader must not block the server.
//!
//! Used for error logs and access logs. What is written, and by which thread, is decided elsewhere.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, create_dir_all, read_link};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc::{ELOOP, ENXIO, O_NOCTTY, O_NONBLOCK};

use crate::engine::files::open_any;
use crate::syslog::{Sender, SyslogTarget};

/// A standard stream of the process, or none. Their paths are devices or links, and safe to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandardStream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
    /// `/dev/null`.
    Null,
}

impl StandardStream {
    /// The stream that a path names.
    pub fn named(path: &Path) -> Option<Self> {
        match path.as_os_str().as_encoded_bytes() {
            b"/dev/stdout" | b"/dev/fd/1" | b"/proc/self/fd/1" => Some(Self::Output),
            b"/dev/stderr" | b"/dev/fd/2" | b"/proc/self/fd/2" => Some(Self::Error),
            b"/dev/null" => Some(Self::Null),
            _ => None,
        }
    }

    /// The stream that the path of a log names, directly or by a link, as in container images.
    pub fn of_log(path: &Path) -> Option<Self> {
        Self::named(path).or_else(|| Self::named(&read_link(path).ok()?))
    }

    fn path(self) -> &'static Path {
        Path::new(OsStr::new(match self {
            Self::Output => "/dev/stdout",
            Self::Error => "/dev/stderr",
            Self::Null => "/dev/null",
        }))
    }
}

/// An open log. Writing to it does not block.
#[derive(Debug)]
pub struct LogFile {
    /// The file, which is added to.
    pub file: File,
    /// Whether it is a FIFO without a reader; what is written waits there.
    pub lacks_reader: bool,
}

/// Logs that a running server has open, and need not be able to open again.
#[derive(Debug, Default)]
pub struct OpenLogs {
    /// The paths of files.
    pub files: Vec<PathBuf>,
    /// Servers of syslog, each with a sender to the address that it had when it was looked up.
    pub syslog: Vec<(SyslogTarget, Sender)>,
}

impl OpenLogs {
    /// Takes others, too.
    pub fn extend(&mut self, others: Self) {
        self.files.extend(others.files);
        self.syslog.extend(others.syslog);
    }

    /// Whether a file is open.
    pub fn has_file(&self, path: &Path) -> bool {
        self.files.iter().any(|open| open == path)
    }

    /// A sender to a server of syslog at its known address.
    pub fn sender(&self, target: &SyslogTarget) -> Option<Sender> {
        let (_, sender) = self.syslog.iter().find(|(open, _)| open == target)?;
        Some(sender.unconnected())
    }
}

/// Logs that have been opened for a configuration before it is adopted.
#[derive(Debug, Default)]
pub struct NewLogs {
    /// Files by their paths.
    pub files: HashMap<PathBuf, File>,
    /// Servers of syslog.
    pub syslog: Vec<(SyslogTarget, Sender)>,
}

impl NewLogs {
    /// Takes others, too.
    pub fn extend(&mut self, others: Self) {
        self.files.extend(others.files);
        self.syslog.extend(others.syslog);
    }
}

/// Creates the folder of a log or pid file. Files written for nginx name `logs/error.log`, which exists only below
/// nginx's own prefix.
pub fn make_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), create_dir_all)
}

/// Opens a log: a regular file, a FIFO or a character device. A missing one is created with its folder. No link is
/// followed but one to a [`StandardStream`].
pub fn open(path: &Path) -> io::Result<LogFile> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    if let Some(standard) = StandardStream::of_log(path) {
        // By its own path: the link may have changed by now.
        let file = options.custom_flags(O_NONBLOCK | O_NOCTTY).open(standard.path())?;
        return Ok(LogFile { file, lacks_reader: false });
    }
    let opened = open_any(&mut options, path).or_else(|error| match error.kind() {
        ErrorKind::NotFound => make_folder(path).and_then(|()| open_any(&mut options, path)),
        _ => Err(error),
    });
    match opened {
        Ok(file) => accept(path, file),
        Err(error) if error.raw_os_error() == Some(ENXIO) => {
            open_fifo(path).map(|file| LogFile { file, lacks_reader: true }).map_err(|_| error)
        }
        Err(error) if error.raw_os_error() == Some(ELOOP) => {
            Err(io::Error::other("a link, which is followed only to /dev/stdout, /dev/stderr and /dev/null"))
        }
        Err(error) => Err(error),
    }
}

fn accept(path: &Path, file: File) -> io::Result<LogFile> {
    let kind = file.metadata()?.file_type();
    let file = if kind.is_fifo() {
        open_fifo(path).unwrap_or(file)
    } else if kind.is_file() || kind.is_char_device() {
        file
    } else {
        return Err(io::Error::other("not a regular file, a FIFO or a character device"));
    };
    Ok(LogFile { file, lacks_reader: false })
}

/// Opens a FIFO for reading as well, so that what is written waits while it has no reader.
fn open_fifo(path: &Path) -> io::Result<File> {
    let file = open_any(OpenOptions::new().read(true).write(true), path)?;
    if file.metadata()?.file_type().is_fifo() { Ok(file) } else { Err(io::Error::other("not a FIFO")) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};
    use std::os::unix::fs::symlink;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;
    use crate::test_folder::Folder;

    #[test]
    fn a_regular_file_is_made_and_added_to() {
        let folder = Folder::new();
        let path = folder.join("a.log");
        for line in [b"a\n", b"b\n"] {
            open(&path).unwrap().file.write_all(line).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\n");
    }

    #[test]
    fn a_link_is_followed_to_the_standard_streams_and_to_nothing_else() {
        let folder = Folder::new();
        fs::write(folder.join("victim"), "v").unwrap();
        for (target, may_be) in [
            ("/dev/stdout", true),
            ("/dev/stderr", true),
            ("/dev/null", true),
            ("victim", false),
            ("none", false),
        ] {
            let path = folder.join("link.log");
            let _ = fs::remove_file(&path);
            symlink(target, &path).unwrap();
            let opened = open(&path);
            // The harness's own output may be a socket.
            let is_socket = matches!(&opened, Err(error) if error.raw_os_error() == Some(ENXIO));
            assert!(opened.is_ok() == may_be || may_be && is_socket, "{target}: {opened:?}");
            assert_eq!(StandardStream::of_log(&path).is_some(), may_be, "{target}");
        }
        assert!(!folder.join("none").exists());
        let error = open(&folder.join("link.log")).unwrap_err();
        assert!(error.to_string().contains("a link, which is followed only to"), "{error}");
    }

    #[test]
    fn the_folder_of_a_log_is_made() {
        let folder = Folder::new();
        let path = folder.join("logs/of/nginx.log");
        open(&path).unwrap();
        assert!(path.is_file());
        assert!(open(&path.join("below")).is_err());
    }

    #[test]
    fn a_folder_and_a_socket_are_refused() {
        let folder = Folder::new();
        let socket = folder.join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(open(&socket).is_err());
        assert!(open(&folder).is_err());
    }

    #[test]
    fn a_fifo_keeps_what_is_written_until_somebody_reads() {
        let folder = Folder::new();
        let path = folder.join("fifo.log");
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        let mut log = open(&path).unwrap();
        assert!(log.lacks_reader);
        log.file.write_all(b"first\n").unwrap();
        let read = |text: &str| {
            let mut reader = File::open(&path).unwrap();
            let mut buffer = vec![0; text.len()];
            reader.read_exact(&mut buffer).unwrap();
            assert_eq!(buffer, text.as_bytes());
        };
        read("first\n");
        // That reader is gone, which is no error.
        log.file.write_all(b"second\n").unwrap();
        read("second\n");
        let full = std::iter::repeat_with(|| log.file.write(&[b'x'; 4096])).find_map(Result::err);
        assert_eq!(full.unwrap().kind(), ErrorKind::WouldBlock);
    }
}
