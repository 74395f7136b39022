//! Opening files in folders that other users may write to, and errors that name their file. Whoever can put a link, a
//! FIFO or a device in a file's place must not choose what the server reads or writes, nor block it.
//!
//! No open follows a link in the last part of a path, none waits, and [`open`] takes only regular files. Links in the
//! other parts are the operator's.
//!
//! | what is opened | how | if it is missing | what else is taken |
//! |---|---|---|---|
//! | a new recording; an HLS file under its hidden name | [`create_new`]: write | made; it must be missing | |
//! | a recording that is appended to | [`open`]: read, write | an error | |
//! | a recording that may be deleted | [`open_in`]: read, and write where permitted | an error | |
//! | what an earlier run has left of HLS | [`open`]: read | nothing to read | |
//! | the ledger of HLS | [`open`]: append | made | |
//! | the secret of HLS tokens | [`open`]: read | made later with [`create_new`]: write | |
//! | a file of users | `users.rs`, which follows links and does not wait: read | nobody is let in | |
//! | the pid file | [`open`]: read, and write to lock it | made to be locked | the standard streams |
//! | a log | [`open_any`]: append | made with its folder | FIFOs, character devices, links to the standard streams |
//! | a file for a client | `lookup.rs`, with [`CAREFUL`]: read | not found | folders; no link in the client's part of the path |

pub mod log_file;
mod logs;
pub mod lookup;
pub mod open_file;
pub mod page_cache;
pub mod users;
pub mod volume;

use std::ffi::CStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{OFlag, openat};
use nix::libc::{EISDIR, ELOOP};
use nix::sys::stat::Mode;

/// Flags for an open that follows no link in the last part of the path, does not wait for the other end of a FIFO,
/// and gives the process no terminal.
pub const CAREFUL: OFlag =
    OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC);

/// Opens a regular file; anything else is an error.
pub fn open(options: &mut OpenOptions, path: &Path) -> io::Result<(File, Metadata)> {
    let opened = open_any(options, path).map_err(|error| match error.raw_os_error() {
        Some(ELOOP) => io::Error::other("a link, which is not followed"),
        Some(EISDIR) => io::Error::other(NOT_REGULAR),
        _ => error,
    });
    regular(opened?)
}

/// Opens a regular file in an open folder. `access` is for reading or writing.
pub fn open_in(folder: &File, name: &CStr, access: OFlag) -> io::Result<(File, Metadata)> {
    regular(openat(folder, name, access | CAREFUL, Mode::empty())?.into())
}

/// Opens anything but a link; the caller has to check its kind.
pub fn open_any(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.custom_flags(CAREFUL.bits()).open(path)
}

/// Creates a file for writing; fails with `AlreadyExists` if anything has its name, even a link.
pub fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(mode).open(path)
}

/// An error with its path in front.
pub fn with_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

const NOT_REGULAR: &str = "not a regular file";

fn regular(file: File) -> io::Result<(File, Metadata)> {
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(io::Error::other(NOT_REGULAR)) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::test_folder::Folder;

    #[test]
    fn links_folders_and_fifos_are_not_opened_and_hold_nothing_up() {
        let folder = Folder::new();
        fs::create_dir_all(folder.join("folder")).unwrap();
        fs::write(folder.join("file"), "text").unwrap();
        symlink("file", folder.join("link")).unwrap();
        nix::unistd::mkfifo(&folder.join("fifo"), Mode::S_IRWXU).unwrap();
        let why = |name: &str, options: &mut OpenOptions| {
            open(options, &folder.join(name)).map(|_| ()).map_err(|error| error.to_string())
        };
        let (read, write) = (|| File::options().read(true).clone(), || File::options().append(true).clone());
        assert_eq!((why("file", &mut read()), why("file", &mut write())), (Ok(()), Ok(())));
        assert_eq!(why("link", &mut read()).unwrap_err(), "a link, which is not followed");
        assert_eq!(why("link", &mut write()).unwrap_err(), "a link, which is not followed");
        assert_eq!(why("folder", &mut read()).unwrap_err(), NOT_REGULAR);
        assert_eq!(why("folder", &mut write()).unwrap_err(), NOT_REGULAR);
        assert_eq!(why("fifo", &mut read()).unwrap_err(), NOT_REGULAR);
        assert!(why("fifo", &mut write()).is_err());
        let opened = File::open(&*folder).unwrap();
        assert!(open_in(&opened, c"file", OFlag::O_RDWR).is_ok());
        assert!(open_in(&opened, c"link", OFlag::O_RDONLY).is_err());
        let taken = create_new(&folder.join("link"), 0o644).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
    }
}
