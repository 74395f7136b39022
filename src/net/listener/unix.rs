//! The file of a listening Unix socket: bound with what is left of a dead server removed, and removed at the end.
//!
//! A file at which somebody answers is in use. At the end the file is removed only if it is still the one that was made
//! here: another server may have put its own in its place.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use mio::net::{UnixListener, UnixStream};
use nix::fcntl::AT_FDCWD;
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, UnixAddr};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};

/// Who may connect: everybody, as with nginx. The folder of the socket can be closed to others.
const FOR_ALL: Mode = Mode::from_bits_truncate(0o666);
/// The same for the control socket: its owner.
const FOR_OWNER: Mode = Mode::from_bits_truncate(0o600);

/// Who may connect to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenFor {
    All,
    Owner,
}

/// A listening Unix socket with its file.
#[derive(Debug)]
pub struct UnixSocket {
    pub listener: UnixListener,
    _file: SocketFile,
}

/// The file of a socket, removed when this is dropped.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: Option<(u64, u64)>,
}

impl UnixSocket {
    /// Binds the path and listens there. Nobody can connect before the mode is set, as nothing listens yet.
    pub fn bind(path: &Path, backlog: Backlog, open_for: OpenFor) -> io::Result<Self> {
        let fd = match bound(path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && is_left_over(path) => {
                fs::remove_file(path)?;
                bound(path)?
            }
            result => result?,
        };
        let file = SocketFile { path: path.to_owned(), identity: identity(path) };
        // Not through a link that somebody has put in its place.
        let mode = if open_for == OpenFor::Owner { FOR_OWNER } else { FOR_ALL };
        fchmodat(AT_FDCWD, path, mode, FchmodatFlags::NoFollowSymlink)?;
        socket::listen(&fd, backlog)?;
        let listener = UnixListener::from_std(fd.into());
        Ok(Self { listener, _file: file })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some()
            && self.identity == identity(&self.path)
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::debug!("{} is not removed: {error}", self.path.display());
        }
    }
}

/// Checks that a path could be bound, and changes nothing.
pub fn probe(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(_) if is_left_over(path) => Ok(()),
        Ok(_) => Err(io::Error::from(ErrorKind::AddrInUse)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(Path::new("/"));
            fs::metadata(folder).map(|_| ())
        }
        Err(error) => Err(error),
    }
}

fn bound(path: &Path) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket::socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    socket::bind(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(fd)
}

/// Whether there is a socket at which nobody listens.
fn is_left_over(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|facts| facts.file_type().is_socket());
    // Without waiting: the queue of a server that is stopped may be full.
    is_socket && UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|facts| (facts.dev(), facts.ino()))
}
