//! From a folder and a path below it to an open file, without ever leaving the folder.
//!
//! The kernel is asked not to follow links; where it cannot be, every component is opened relative to the
//! one before. So there is no moment in which somebody could swap one. Opening does not wait: a FIFO has
//! nothing to stop us with.

use std::cell::Cell;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::SystemTime;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::stat::Mode;

use crate::engine::files::CAREFUL;
use crate::engine::{Body, Ctx, Descriptors, HttpReply, MemoryFiles};
use crate::http::response::RETRY_AFTER;

/// Most folders a path may go down; a longer one exists nowhere and would cost a call for each.
const MAX_DEPTH: usize = 32;

/// The status of an answer for which no descriptor is left.
pub const SHORTAGE: u16 = 503;

/// The files in memory and the descriptors that answers are made from.
#[derive(Debug)]
pub struct Sources<'a> {
    pub memory: &'a MemoryFiles,
    /// The descriptors that files on the disk may have.
    pub descriptors: Descriptors,
    /// Answers for which no descriptor was left.
    pub shortages: Cell<u64>,
}

impl<'a> Sources<'a> {
    pub fn new(cx: &'a Ctx) -> Self {
        Self { memory: &cx.memory, descriptors: cx.descriptors, shortages: Cell::new(0) }
    }

    /// True if a body may be sent: a file stays open until its client has taken all of it.
    pub fn may_send(&self, body: &Body) -> bool {
        match body {
            Body::File { file, .. } => self.descriptors.may_download(file.as_raw_fd()),
            _ => true,
        }
    }
}

/// The file or folder at a path.
#[derive(Debug)]
pub enum Found {
    File(Content),
    Folder(File),
}

/// A file that can be sent.
#[derive(Debug)]
pub struct Content {
    /// The whole file.
    pub body: Body,
    pub modified: SystemTime,
}

/// Bytes up to which a file is read at once: head and body then go in one packet.
const SMALL: u64 = 8 * 1024;

/// Reads a body that is small.
pub fn load(body: Body) -> Body {
    if body.len() > SMALL {
        return body;
    }
    let length = body.len() as usize;
    let read = match &body {
        Body::Empty | Body::Bytes(_) => return body,
        Body::Memory { extent, offset, .. } => extent.read(*offset, length),
        Body::File { file, offset, .. } => {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, *offset).map(|()| bytes)
        }
    };
    read.map_or(body, |bytes| Body::Bytes(bytes.into()))
}

/// The file that `memory` has for `path` below `base`.
pub fn find_in_memory(memory: &MemoryFiles, base: &Path, path: &str) -> Option<Content> {
    if memory.is_empty() || !path.split('/').all(|name| name.is_empty() || is_plain(name)) {
        return None;
    }
    let path = path.trim_start_matches('/');
    let file = if path.is_empty() { memory.get(base) } else { memory.get(&base.join(path)) }?;
    Some(Content { body: file.body(), modified: file.modified })
}

/// Opens what is at `path` below `base`. The base is trusted, and may be a file if `path` is empty.
pub fn find(base: &Path, path: &str) -> Result<Found, Errno> {
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    if names.len() > MAX_DEPTH || !names.iter().all(|name| is_plain(name)) {
        return Err(Errno::ENOENT);
    }
    let Some((last, folders)) = names.split_last() else {
        return inspect(open(base, to_read() & !OFlag::O_NOFOLLOW, Mode::empty())?);
    };
    match open_at_once(base, path) {
        // There are links in the base's own path, or the kernel is older than 5.6, or a sandbox forbids it.
        Err(Errno::ELOOP | Errno::ENOSYS | Errno::EPERM | Errno::EINVAL) => {}
        opened => return inspect(opened?),
    }
    let mut folder = open(base, to_pass() & !OFlag::O_NOFOLLOW, Mode::empty())?;
    for name in folders {
        folder = openat(&folder, *name, to_pass(), Mode::empty())?;
    }
    inspect(openat(&folder, *last, to_read(), Mode::empty())?)
}

/// Opens a path in one call, if there are no links in it at all.
fn open_at_once(base: &Path, path: &str) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new().flags(to_read()).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(AT_FDCWD, &base.join(path.trim_start_matches('/')), how)
}

/// Opens the file of that name in an open folder.
pub fn find_in(folder: &File, name: &str) -> Result<Found, Errno> {
    if !is_plain(name) || name.contains('/') {
        return Err(Errno::ENOENT);
    }
    inspect(openat(folder, name, to_read(), Mode::empty())?)
}

/// The answer where a lookup has failed.
pub fn failure(path: &str, errno: Errno) -> HttpReply {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG | Errno::EINVAL => HttpReply::error(404),
        Errno::EACCES | Errno::EPERM | Errno::ELOOP | Errno::ENXIO => HttpReply::error(403),
        Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM => {
            log::warn!("{path}: {errno}");
            HttpReply::error(SHORTAGE).with("Retry-After", RETRY_AFTER)
        }
        _ => {
            log::error!("{path}: {errno}");
            HttpReply::error(500)
        }
    }
}

/// True if a name stays in its folder, is not hidden (unfinished files have a leading dot) and can stand
/// for in a URL.
pub fn is_plain(name: &str) -> bool {
    let shown = !name.starts_with('.') || name == ".well-known";
    shown && !name.is_empty() && !name.contains(|c: char| c == '\\' || c.is_control())
}

fn to_pass() -> OFlag {
    OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

fn to_read() -> OFlag {
    OFlag::O_RDONLY | CAREFUL
}

fn inspect(descriptor: OwnedFd) -> Result<Found, Errno> {
    let file = File::from(descriptor);
    let failed = |error: std::io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() {
        let modified = metadata.modified().map_err(failed)?;
        Ok(Found::File(Content { body: Body::File { file, offset: 0, length: metadata.len() }, modified }))
    } else if metadata.is_dir() {
        Ok(Found::Folder(file))
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
            let Ok(Found::Folder(folder)) = find(&root, path) else { panic!("{path}") };
            assert_eq!(is_file(&find_in(&folder, "b.txt")), path.contains("sub"));
            assert_eq!(find_in(&folder, "../a.txt").err(), Some(Errno::ENOENT));
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
            assert!(find(&root, path).is_err(), "{path}");
        }
        let Ok(Found::Folder(folder)) = find(&root, "/") else { panic!("the root is a folder") };
        assert!(find_in(&folder, "link").is_err());
    }

    #[test]
    fn the_base_itself_may_be_a_link() {
        let dir = Site::new();
        symlink("root", dir.0.join("www")).unwrap();
        assert!(is_file(&find(&dir.0.join("www"), "/a.txt")));
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
