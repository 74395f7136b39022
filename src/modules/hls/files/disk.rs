//! Files that appear whole: each is written under a hidden name beside its own, then renamed. Nothing here follows a
//! link or opens anything but a regular file, and every error names its path.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::engine::files::{self, with_path};

/// A file being written under a hidden name. It is removed when it is dropped before it has its own.
#[derive(Debug)]
pub struct HiddenFile {
    file: File,
    part: PathBuf,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Writing,
    Renamed,
}

impl HiddenFile {
    /// Starts a file under its hidden name. One that a crash left behind is replaced; anything else in
    /// its place (a link, a FIFO, a folder) is an error.
    pub fn create(part: PathBuf) -> io::Result<Self> {
        let file = create_new(&part).map_err(|error| with_path(&part, &error))?;
        Ok(Self { file, part, state: State::Writing })
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).map_err(|error| with_path(&self.part, &error))
    }

    /// Gives the file its own name, in place of any file that has it. It is an error if somebody has removed the hidden
    /// file, or has put something else in its place.
    pub fn rename(mut self, path: &Path) -> io::Result<()> {
        self.check_place().map_err(|error| with_path(&self.part, &error))?;
        fs::rename(&self.part, path).map_err(|error| with_path(path, &error))?;
        self.state = State::Renamed;
        Ok(())
    }

    /// Checks that this file has the hidden name.
    fn check_place(&self) -> io::Result<()> {
        let (own, there) = (self.file.metadata()?, fs::symlink_metadata(&self.part)?);
        if (own.dev(), own.ino()) == (there.dev(), there.ino()) {
            Ok(())
        } else {
            Err(io::Error::new(ErrorKind::AlreadyExists, "no longer the file that was being written"))
        }
    }
}

impl Drop for HiddenFile {
    fn drop(&mut self) {
        if self.state == State::Writing && self.check_place().is_ok() {
            remove(&self.part);
        }
    }
}

/// Makes a file, in place of one that is there.
fn create_new(part: &Path) -> io::Result<File> {
    match files::create_new(part, 0o644) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if !fs::symlink_metadata(part)?.is_file() {
                return Err(io::Error::new(ErrorKind::AlreadyExists, "not a regular file"));
            }
            fs::remove_file(part)?;
            files::create_new(part, 0o644)
        }
        result => result,
    }
}

/// The hidden name of a file that is being written: a leading dot, `.part` behind.
pub fn part_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.part"))
}

/// Writes a whole file under its hidden name.
fn prepare(path: &Path, bytes: &[u8]) -> io::Result<HiddenFile> {
    let mut part = HiddenFile::create(part_of(path))?;
    part.write(bytes)?;
    Ok(part)
}

pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    prepare(path, bytes)?.rename(path)
}

/// Reads a regular file of at most `limit` bytes; `None` if there is no file. Never blocks on a FIFO.
pub fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let (file, metadata) = match files::open(File::options().read(true), path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(with_path(path, &error)),
    };
    if metadata.len() > limit {
        return Err(with_path(path, &io::Error::new(ErrorKind::InvalidData, "too long")));
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(|error| with_path(path, &error))?;
    Ok(Some(bytes))
}

/// The length of a regular file that is there; none of a link to one.
pub fn size(path: &Path) -> Option<u64> {
    let metadata = fs::symlink_metadata(path).ok()?;
    metadata.is_file().then_some(metadata.len())
}

/// Whether there is a folder; a link to one is none.
pub fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

pub fn modified(path: &Path) -> Option<SystemTime> {
    fs::symlink_metadata(path).ok()?.modified().ok()
}

/// Removes a regular file, if it is there. A failure is only logged.
pub fn remove(path: &Path) {
    if size(path).is_none() {
        return;
    }
    if let Err(error) = fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        log::warn!("hls: {} is not removed: {error}", path.display());
    }
}

/// Makes a folder, with those above it if `parents` says so; one that is there is fine. A stream's
/// own folder must be a folder itself, not a link to one.
pub fn make_folder(path: &Path, parents: Parents) -> io::Result<()> {
    match parents {
        Parents::Make => fs::create_dir_all(path).map_err(|error| with_path(path, &error)),
        Parents::Exist => match fs::create_dir(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(with_path(path, &error)),
            _ if is_folder(path) => Ok(()),
            _ => Err(with_path(path, &io::Error::new(ErrorKind::NotADirectory, "not a folder"))),
        },
    }
}

/// Whether the folders above the new one are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parents {
    Make,
    Exist,
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::test_folder::Folder;

    #[test]
    fn a_file_appears_when_it_is_renamed_and_is_removed_when_it_is_not() {
        let folder = Folder::new();
        let mut part = HiddenFile::create(folder.join(".a.ts.part")).unwrap();
        part.write(b"abc").unwrap();
        assert_eq!(folder.list(""), [".a.ts.part"]);
        part.rename(&folder.join("a.ts")).unwrap();
        drop(HiddenFile::create(folder.join(".b.ts.part")).unwrap());
        assert_eq!(folder.list(""), ["a.ts"]);
        assert_eq!(read(&folder.join("a.ts"), 3).unwrap().unwrap(), b"abc");
    }

    #[test]
    fn what_somebody_puts_in_a_hidden_files_place_gets_no_name() {
        type Replace = fn(&Path);
        let replacements: [Replace; 5] = [
            |part| symlink("/dev/null", part).unwrap(),
            |part| nix::unistd::mkfifo(part, nix::sys::stat::Mode::S_IRWXU).unwrap(),
            |part| fs::create_dir(part).unwrap(),
            |part| fs::write(part, "another file").unwrap(),
            |_| {},
        ];
        for (place, replace) in replacements.into_iter().enumerate() {
            let folder = Folder::new();
            let (part, path) = (folder.join(".a.ts.part"), folder.join("a.ts"));
            fs::write(&path, "before").unwrap();
            let mut hidden = HiddenFile::create(part.clone()).unwrap();
            hidden.write(b"new").unwrap();
            // The inode number of a file that is open is not used again.
            fs::remove_file(&part).unwrap();
            replace(&part);
            let error = hidden.rename(&path).unwrap_err().to_string();
            assert!(error.contains("/.a.ts.part: "), "{place}: {error}");
            assert_eq!(fs::read(&path).unwrap(), b"before", "{place}");
            assert_eq!(fs::symlink_metadata(&part).is_ok(), place < 4, "{place}: it is left");
        }
    }

    #[test]
    fn a_part_left_by_a_crash_is_replaced() {
        let folder = Folder::new();
        fs::write(folder.join(".a.ts.part"), "old and longer").unwrap();
        write(&folder.join("a.ts"), b"new").unwrap();
        assert_eq!(fs::read(folder.join("a.ts")).unwrap(), b"new");
    }

    #[test]
    fn links_and_pipes_are_refused_and_left() {
        let folder = Folder::new();
        let (victim, part) = (folder.join("victim"), folder.join(".a.ts.part"));
        fs::write(&victim, "safe").unwrap();
        symlink(&victim, &part).unwrap();
        let error = write(&folder.join("a.ts"), b"x").unwrap_err();
        assert!(error.to_string().contains(".a.ts.part"), "{error}");
        fs::remove_file(&part).unwrap();
        nix::unistd::mkfifo(&part, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(write(&folder.join("a.ts"), b"x").is_err());
        assert!(read(&part, 10).is_err());
        remove(&part);
        assert_eq!((fs::read(&victim).unwrap(), folder.list("").len()), (b"safe".to_vec(), 2));
    }

    #[test]
    fn a_link_in_a_files_place_is_replaced_not_followed() {
        let folder = Folder::new();
        let (victim, path) = (folder.join("victim"), folder.join("a.ts"));
        fs::write(&victim, "safe").unwrap();
        symlink(&victim, &path).unwrap();
        assert!(read(&path, 10).is_err());
        write(&path, b"new").unwrap();
        assert_eq!(
            (fs::read(&victim).unwrap(), read(&path, 10).unwrap().unwrap()),
            (b"safe".to_vec(), b"new".to_vec())
        );
    }

    #[test]
    fn a_file_that_is_missing_or_too_long_is_not_read() {
        let folder = Folder::new();
        assert_eq!(read(&folder.join("none"), 10).unwrap(), None);
        fs::write(folder.join("long"), "12345678901").unwrap();
        assert!(read(&folder.join("long"), 10).is_err());
        assert!(read(&folder, 10).is_err());
    }

    #[test]
    fn a_streams_folder_is_not_a_link() {
        let folder = Folder::new();
        make_folder(&folder.join("a/b"), Parents::Make).unwrap();
        make_folder(&folder.join("a/b"), Parents::Exist).unwrap();
        symlink(folder.join("a"), folder.join("link")).unwrap();
        assert!(make_folder(&folder.join("link"), Parents::Exist).is_err());
        assert!(make_folder(&folder.join("none/b"), Parents::Exist).is_err());
    }
}
