//! The files in which spools keep what has come: made, written and kept by the writer.
//!
//! A file has no name, so nothing of it is left when the server ends, however that comes. Where a file system has only
//! files with names, it has a hidden one with the number of the process: at once removed, unless the file may be kept; and
//! else at the next start.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::linkat;

use crate::engine::Descriptors;
use crate::engine::files::open_file::OpenFile;
use crate::engine::files::volume::Medium;
use crate::engine::files::with_path;

/// How the hidden names begin; behind it are the numbers of the process and of the spool.
const HIDDEN: &str = ".millstream-spool-";
/// Who may read a file that is kept: all whom its folder lets in, as recordings.
const KEPT_MODE: u32 = 0o644;

/// Where files are kept while they come, and then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folder {
    /// They are gone with their last player (`play_temp_path`).
    Passing(PathBuf),
    /// They are kept here when they are whole (`play_local_path`), and so come here.
    Lasting(PathBuf),
}

/// A file of a spool.
#[derive(Debug)]
pub struct Stored {
    pub file: Arc<OpenFile>,
    /// Its hidden name, if it has one.
    name: Option<PathBuf>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            // It is removed at the next start.
            let _ = fs::remove_file(name);
        }
    }
}

/// Makes the file of a spool.
pub fn create(folder: &Folder, spool: u64, descriptors: Descriptors) -> io::Result<Stored> {
    let (Folder::Passing(path) | Folder::Lasting(path)) = folder;
    let failed = |error| with_path(path, &error);
    fs::create_dir_all(path).map_err(failed)?;
    let (file, name) = match nameless(path) {
        Ok(file) => (file, None),
        Err(error) if has_no_nameless_files(&error) => hidden(path, spool).map_err(failed)?,
        Err(error) => return Err(failed(error)),
    };
    let metadata: Metadata = file.metadata()?;
    let (medium, descriptor) = (Medium::of(&file), file.as_raw_fd());
    let mut stored = Stored { file: Arc::new(OpenFile::new(file, &metadata, medium)), name };
    if !descriptors.may_download(descriptor) {
        return Err(io::Error::other("too many files are open"));
    }
    if let (Some(name), Folder::Passing(_)) = (&stored.name, folder) {
        fs::remove_file(name).map_err(failed)?;
        stored.name = None;
    }
    Ok(stored)
}

fn nameless(folder: &Path) -> io::Result<File> {
    File::options().read(true).write(true).mode(0o600).custom_flags(OFlag::O_TMPFILE.bits()).open(folder)
}

fn has_no_nameless_files(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EOPNOTSUPP | Errno::EISDIR | Errno::EINVAL | Errno::ENOENT))
}

/// Makes a file with a hidden name.
fn hidden(folder: &Path, spool: u64) -> io::Result<(File, Option<PathBuf>)> {
    let name = folder.join(format!("{HIDDEN}{}-{spool}", process::id()));
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&name)?;
    Ok((file, Some(name)))
}

/// Writes a part.
pub fn write(file: &OpenFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
    file.file.write_all_at(bytes, offset)
}

/// Gives a whole file its name, `path` below a folder. False if there is a file of that name, which stays.
pub fn keep(stored: &Stored, base: &Path, path: &str) -> io::Result<bool> {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut folder = open(base, flags, Mode::empty())?;
    for part in folders.split('/').filter(|part| !part.is_empty()) {
        match mkdirat(&folder, part, Mode::from_bits_retain(0o777)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        folder = openat(&folder, part, flags | OFlag::O_NOFOLLOW, Mode::empty())?;
    }
    let file = &stored.file.file;
    file.set_permissions(Permissions::from_mode(KEPT_MODE))?;
    let own = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let linked = match &stored.name {
        Some(hidden) => linkat(AT_FDCWD, hidden, &folder, name, AtFlags::empty()),
        None => linkat(AT_FDCWD, own.as_str(), &folder, name, AtFlags::AT_SYMLINK_FOLLOW),
    };
    match linked {
        Ok(()) => Ok(true),
        Err(Errno::EEXIST) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Removes what an earlier run has left in a folder.
pub fn clean(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(is_left) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether a name is that of a spool of a process that has ended. This one has none yet.
fn is_left(name: &str) -> bool {
    let Some((owner, _)) = name.strip_prefix(HIDDEN).and_then(|rest| rest.split_once('-')) else {
        return false;
    };
    let is_number = !owner.is_empty() && owner.bytes().all(|byte| byte.is_ascii_digit());
    let lives = owner != process::id().to_string() && Path::new("/proc").join(owner).exists();
    is_number && !lives
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::Folder as TestFolder;

    fn lasting(folder: &TestFolder) -> Stored {
        create(&Folder::Lasting(folder.to_path_buf()), 1, Descriptors::default()).unwrap()
    }

    fn named(folder: &TestFolder) -> Stored {
        let (file, name) = hidden(folder, 1).unwrap();
        let metadata = file.metadata().unwrap();
        Stored { file: Arc::new(OpenFile::new(file, &metadata, Medium::Disk)), name }
    }

    #[test]
    fn a_file_that_passes_has_no_name() {
        let folder = TestFolder::new();
        let path = folder.join("spool/below");
        let stored = create(&Folder::Passing(path), 1, Descriptors::default()).unwrap();
        write(&stored.file, 5, b"abc").unwrap();
        let mut bytes = [1; 8];
        stored.file.file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!((&bytes, folder.list("spool/below").len()), (b"\0\0\0\0\0abc", 0));
    }

    #[test]
    fn a_whole_file_is_kept_under_its_name_and_never_in_place_of_another() {
        let folder = TestFolder::new();
        for make in [lasting, named] {
            let stored = make(&folder);
            write(&stored.file, 0, b"abc").unwrap();
            assert!(keep(&stored, &folder, "cam.flv").unwrap());
            assert!(keep(&stored, &folder, "a/b/cam.flv").unwrap());
            drop(stored);
            let next = make(&folder);
            write(&next.file, 0, b"other").unwrap();
            assert!(!keep(&next, &folder, "cam.flv").unwrap());
            drop(next);
            assert_eq!(fs::read(folder.join("a/b/cam.flv")).unwrap(), b"abc");
            assert_eq!(fs::read(folder.join("cam.flv")).unwrap(), b"abc");
            assert_eq!(folder.list(""), ["a", "cam.flv"]);
            let mode = fs::metadata(folder.join("cam.flv")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, KEPT_MODE);
            fs::remove_dir_all(folder.join("a")).unwrap();
            fs::remove_file(folder.join("cam.flv")).unwrap();
        }
    }

    #[test]
    fn a_file_is_kept_behind_no_link() {
        let folder = TestFolder::new();
        fs::create_dir_all(folder.join("elsewhere")).unwrap();
        fs::create_dir_all(folder.join("base")).unwrap();
        std::os::unix::fs::symlink("../elsewhere", folder.join("base/link")).unwrap();
        let stored = lasting(&folder);
        assert!(keep(&stored, &folder.join("base"), "link/cam.flv").is_err());
        assert_eq!(folder.list("elsewhere").len(), 0);
    }

    #[test]
    fn what_ended_processes_have_left_is_removed_and_nothing_else() {
        let folder = TestFolder::new();
        for name in ["4194999-1", "1-1", "x-1", "4194999", &format!("{}-7", process::id())] {
            folder.write(&format!("{HIDDEN}{name}"), "");
        }
        folder.write("cam.flv", "");
        clean(&folder).unwrap();
        clean(&folder.join("none")).unwrap();
        let left = ["1-1", "4194999", "x-1"].map(|name| format!("{HIDDEN}{name}"));
        assert_eq!(folder.list(""), [&left[..], &["cam.flv".to_owned()]].concat());
    }
}
