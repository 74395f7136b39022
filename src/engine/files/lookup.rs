//! From a folder and a path below it to an open file, without ever leaving the folder.
//!
//! The kernel is asked not to follow links; where it cannot be, every component is opened relative to the
//! one before. So there is no moment in which somebody could swap one. A FIFO has nothing to stop us with.
//!
//! [`find_cached`] answers from the kernel's caches or not at all, for the loop; [`find`] may wait for a disk, and is
//! for readers.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::libc::RESOLVE_CACHED;
use nix::sys::stat::Mode;

use crate::engine::files::CAREFUL;
use crate::engine::files::open_file::OpenFile;
use crate::engine::files::volume::{Medium, Volume};

/// Most folders a path may go down; a longer one exists nowhere and would cost a call for each.
const MAX_DEPTH: usize = 32;

/// The most bytes of a name, on every usual file system.
const MAX_NAME: usize = 255;

/// Bytes up to which a file is read at once: head and body then go in one packet.
pub const SMALL: u64 = 8 * 1024;

/// The file or folder at a path.
#[derive(Debug, Clone)]
pub enum Found {
    /// A file.
    File(DiskFile),
    /// A folder, which has been open under this number.
    Folder(RawFd),
}

/// An open file on a disk.
#[derive(Debug, Clone)]
pub struct DiskFile {
    /// The file.
    pub file: Arc<OpenFile>,
    /// Bytes.
    pub length: u64,
    /// When it was written last.
    pub modified: SystemTime,
    /// All of it, where the loop must not read.
    pub bytes: Option<Arc<[u8]>>,
}

/// Finds what is at `path` below `base`. The base is trusted, and may be a file if `path` is empty.
pub fn find(base: &Path, path: &str) -> Result<Found, Errno> {
    inspect(open_any(base, path)?, None)
}

/// The same without waiting for a disk, on the volume that the path should lead to. `EAGAIN` if that is not known or may
/// be another one, if each call on it may wait, if the kernel does not have all of the path in its caches, or is older
/// than 5.12.
pub fn find_cached(base: &Path, path: &str, volume: Option<Volume>) -> Result<Found, Errno> {
    let is_base = names(path)?.is_none();
    let volume = volume.filter(|volume| volume.medium != Medium::Other).ok_or(Errno::EAGAIN)?;
    let cached = ResolveFlag::from_bits_retain(RESOLVE_CACHED);
    let opened = if is_base {
        let how = OpenHow::new().flags(to_read() & !OFlag::O_NOFOLLOW).resolve(cached);
        openat2(AT_FDCWD, base, how)
    } else {
        match open_at_once(base, path, cached) {
            Err(Errno::ELOOP) => open_below(base, path, cached),
            opened => opened,
        }
    };
    match opened {
        Err(Errno::ENOSYS | Errno::EPERM | Errno::EINVAL) => Err(Errno::EAGAIN),
        opened => inspect(opened?, Some(volume)),
    }
}

/// Reads the beginning of a file that has been found, so that it need not be waited for when it is sent.
pub fn read_beginning(found: &mut Found) {
    if let Found::File(DiskFile { file, length, bytes, .. }) = found {
        let mut beginning = vec![0; (*length).min(SMALL) as usize];
        // An error will come again when the file is sent.
        let is_read = file.file.read_exact_at(&mut beginning, 0).is_ok();
        if is_read && *length <= SMALL && file.medium == Medium::Other {
            *bytes = Some(beginning.into());
        }
    }
}

/// Opens the folder at `path` below `base`, and opens it again to read its names.
pub fn open_folder(base: &Path, path: &str) -> Result<(OwnedFd, OwnedFd), Errno> {
    let folder = open_any(base, path)?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let names = openat(&folder, ".", flags, Mode::empty())?;
    Ok((folder, names))
}

/// The last name of a path, and the folders before it; none for an empty path.
fn names(path: &str) -> Result<Option<(&str, impl Iterator<Item = &str>)>, Errno> {
    let mut names = path.split('/').filter(|name| !name.is_empty());
    let count = names.clone().count();
    if count > MAX_DEPTH || !names.clone().all(is_plain) {
        return Err(Errno::ENOENT);
    }
    // The kernel would look for it on the disk first.
    if names.clone().any(|name| name.len() > MAX_NAME) {
        return Err(Errno::ENAMETOOLONG);
    }
    Ok(names.next_back().map(|last| (last, names)))
}

fn open_any(base: &Path, path: &str) -> Result<OwnedFd, Errno> {
    let Some((last, folders)) = names(path)? else {
        return open(base, to_read() & !OFlag::O_NOFOLLOW, Mode::empty());
    };
    match open_at_once(base, path, ResolveFlag::empty()) {
        // There are links in the base's own path, or the kernel is older than 5.6, or a sandbox forbids it.
        Err(Errno::ELOOP | Errno::ENOSYS | Errno::EPERM | Errno::EINVAL) => {}
        opened => return opened,
    }
    let mut folder = open(base, to_pass() & !OFlag::O_NOFOLLOW, Mode::empty())?;
    for name in folders {
        folder = openat(&folder, name, to_pass(), Mode::empty())?;
    }
    openat(&folder, last, to_read(), Mode::empty())
}

/// Opens a path in one call, if there are no links in it at all.
fn open_at_once(base: &Path, path: &str, resolve: ResolveFlag) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new().flags(to_read()).resolve(resolve | ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(AT_FDCWD, &base.join(path.trim_start_matches('/')), how)
}

/// True if a name stays in its folder, is not hidden (unfinished files have a leading dot) and can stand
/// for in a URL.
pub fn is_plain(name: &str) -> bool {
    let shown = !name.starts_with('.') || name == ".well-known";
    shown && !name.is_empty() && !name.contains(|c: char| c == '\\' || c.is_control())
}

/// Opens a path without links below a base that may be behind links.
fn open_below(base: &Path, path: &str, resolve: ResolveFlag) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new().flags(to_pass() & !OFlag::O_NOFOLLOW).resolve(resolve);
    let folder = openat2(AT_FDCWD, base, how)?;
    let how = OpenHow::new().flags(to_read()).resolve(resolve | ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(&folder, path.trim_start_matches('/'), how)
}

fn to_pass() -> OFlag {
    OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

fn to_read() -> OFlag {
    OFlag::O_RDONLY | CAREFUL
}

/// What has been opened. It has to be on `volume` if that is given; else this may wait.
fn inspect(descriptor: OwnedFd, volume: Option<Volume>) -> Result<Found, Errno> {
    let file = File::from(descriptor);
    let failed = |error: std::io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    let metadata = file.metadata().map_err(failed)?;
    if volume.is_some_and(|volume| volume.device != metadata.dev()) {
        return Err(Errno::EAGAIN);
    }
    if metadata.is_file() {
        let modified = metadata.modified().map_err(failed)?;
        let length = metadata.len();
        let medium = volume.map_or_else(|| Medium::of(&file), |volume| volume.medium);
        let file = Arc::new(OpenFile::new(file, &metadata, medium));
        Ok(Found::File(DiskFile { file, length, modified, bytes: None }))
    } else if metadata.is_dir() {
        Ok(Found::Folder(file.as_raw_fd()))
    } else {
        Err(Errno::EACCES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::Folder;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::time::Duration;

    use nix::sys::stat::{UtimensatFlags, utimensat};
    use nix::sys::time::TimeSpec;

    struct Site(Folder);

    impl Site {
        fn new() -> Self {
            let folder = Folder::new();
            folder.write("secret", "secret");
            folder.write("root/a.txt", "a");
            folder.write("root/sub/b.txt", "b");
            Self(folder)
        }

        fn root(&self) -> PathBuf {
            self.0.join("root")
        }
    }

    fn volume(base: &Path, path: &str) -> Option<Volume> {
        match find(base, path) {
            Ok(Found::File(file)) => Some(file.file.volume()),
            _ => None,
        }
    }

    fn is_file(found: &Result<Found, Errno>) -> bool {
        matches!(found, Ok(Found::File(..)))
    }

    #[test]
    fn files_and_folders_below_the_base_are_found() {
        let dir = Site::new();
        let root = dir.root();
        assert!(is_file(&find(&root, "/a.txt")));
        assert!(is_file(&find(&root, "sub/b.txt")));
        assert!(is_file(&find(&root.join("a.txt"), "")));
        for path in ["", "/", "/sub", "/sub/"] {
            assert!(matches!(find(&root, path), Ok(Found::Folder(_))), "{path}");
        }
        assert_eq!(find(&root, "/none").err(), Some(Errno::ENOENT));
        assert_eq!(find(&root, "/a.txt/x").err(), Some(Errno::ENOTDIR));
        assert_eq!(find(&root.join("none"), "/a.txt").err(), Some(Errno::ENOENT));
    }

    #[test]
    fn no_path_leaves_the_base() {
        let dir = Site::new();
        let root = dir.root();
        symlink("../secret", root.join("link")).unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink(dir.0.join("secret"), root.join("sub/absolute")).unwrap();
        let volume = volume(&root, "/a.txt");
        for path in [
            "/../secret",
            "../secret",
            "/sub/../../secret",
            "/link",
            "/up/secret",
            "/sub/absolute",
            "/./a.txt",
            "/a\0b",
        ] {
            assert!(find(&root, path).is_err() && find_cached(&root, path, volume).is_err(), "{path}");
        }
    }

    #[test]
    fn the_base_itself_may_be_a_link() {
        let dir = Site::new();
        symlink("root", dir.0.join("www")).unwrap();
        assert!(is_file(&find(&dir.0.join("www"), "/a.txt")));
    }

    /// A link that has been read since it was made: only then the kernel follows it without writing its access time,
    /// for which it may have to wait.
    fn make_read_link(target: &str, link: &Path) {
        symlink(target, link).unwrap();
        let read_at =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_secs(60);
        let (read_at, made_at) = (TimeSpec::from_duration(read_at), TimeSpec::new(1, 0));
        utimensat(AT_FDCWD, link, &read_at, &made_at, UtimensatFlags::NoFollowSymlink).unwrap();
    }

    #[test]
    fn what_has_just_been_written_is_found_in_the_caches() {
        let dir = Site::new();
        let root = dir.root();
        make_read_link("root", &dir.0.join("www"));
        let volume = volume(&root, "/a.txt");
        if find_cached(&root, "/a.txt", volume).err() == Some(Errno::EAGAIN) {
            return; // A kernel without this.
        }
        for (base, path) in [("root", "/a.txt"), ("root", "sub/b.txt"), ("www", "/a.txt"), ("root/a.txt", "")]
        {
            assert!(is_file(&find_cached(&dir.0.join(base), path, volume)), "{base} {path}");
        }
        assert!(matches!(find_cached(&root, "/sub/", volume), Ok(Found::Folder(_))));
        assert_eq!(find_cached(&root, "/never-looked-for", volume).err(), Some(Errno::EAGAIN));
        assert_eq!(find_cached(&root, "/.hidden", volume).err(), Some(Errno::ENOENT));
        assert_eq!(find_cached(&root, &"x".repeat(256), volume).err(), Some(Errno::ENAMETOOLONG));
    }

    #[test]
    fn nothing_is_found_in_the_caches_where_a_call_may_wait_or_on_another_volume() {
        let dir = Site::new();
        let root = dir.root();
        let volume = volume(&root, "/a.txt").unwrap();
        let other = Volume { device: volume.device + 1, ..volume };
        let slow = Volume { medium: Medium::Other, ..volume };
        for volume in [None, Some(slow), Some(other)] {
            assert_eq!(find_cached(&root, "/a.txt", volume).err(), Some(Errno::EAGAIN), "{volume:?}");
            assert_eq!(find_cached(&root, "/.hidden", volume).err(), Some(Errno::ENOENT));
        }
    }

    #[test]
    fn a_fifo_neither_blocks_nor_is_served() {
        let dir = Site::new();
        nix::unistd::mkfifo(&dir.root().join("fifo"), Mode::S_IRWXU).unwrap();
        assert_eq!(find(&dir.root(), "/fifo").err(), Some(Errno::EACCES));
        assert!(find(&dir.root(), "/fifo/x").is_err());
    }

    #[test]
    fn hidden_files_are_not_there() {
        let dir = Site::new();
        let root = dir.root();
        fs::create_dir_all(root.join(".well-known")).unwrap();
        fs::create_dir_all(root.join(".git")).unwrap();
        for path in [".well-known/x", ".git/x", ".a.m3u8"] {
            fs::write(root.join(path), "x").unwrap();
        }
        assert!(is_file(&find(&root, "/.well-known/x")));
        assert_eq!(find(&root, "/.git/x").err(), Some(Errno::ENOENT));
        assert_eq!(find(&root, "/.a.m3u8").err(), Some(Errno::ENOENT));
    }

    #[test]
    fn a_path_of_the_greatest_depth_is_looked_up_and_one_deeper_is_not() {
        let dir = Site::new();
        let deep = vec!["d"; MAX_DEPTH - 1].join("/");
        fs::create_dir_all(dir.root().join(&deep).join("d")).unwrap();
        fs::write(dir.root().join(&deep).join("f"), "x").unwrap();
        fs::write(dir.root().join(&deep).join("d/f"), "x").unwrap();
        assert!(is_file(&find(&dir.root(), &format!("{deep}/f"))));
        assert_eq!(find(&dir.root(), &format!("{deep}/d/f")).err(), Some(Errno::ENOENT));
    }
}
