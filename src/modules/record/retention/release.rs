//! Files that have no name any more, given back to the disk piece by piece: the close of a gigabyte would hold up
//! everybody else for a tenth of a second.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

/// Bytes that are given back in a step, which takes a millisecond or two.
const PIECE: u64 = 16 << 20;
/// A file with more than so many pieces goes in larger ones: it may be all holes.
const MAX_PIECES: u64 = 4096;
/// Bytes of a block of [`MetadataExt::blocks`].
const BLOCK: u64 = 512;

/// Files that are being given back.
#[derive(Debug, Default)]
pub struct Releases(VecDeque<File>);

impl Releases {
    /// Closes a file, at once if it is short or has a name yet.
    pub fn add(&mut self, file: File) {
        if is_long(&file) {
            self.0.push_back(file);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives a piece back. A reader of the file finds its end there.
    pub fn step(&mut self) {
        if let Some(file) = self.0.front()
            && shorten(file).is_err()
        {
            self.0.pop_front();
        }
    }
}

fn is_long(file: &File) -> bool {
    file.metadata().is_ok_and(|file| file.nlink() == 0 && file.blocks().saturating_mul(BLOCK) > PIECE)
}

/// Cuts a piece off; an error if there is nothing more to do.
fn shorten(file: &File) -> io::Result<()> {
    if !is_long(file) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let length = file.metadata()?.len();
    file.set_len(length.saturating_sub(PIECE.max(length / MAX_PIECES)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::test_folder::Folder;

    fn file(folder: &Folder, name: &str, length: u64, bytes: usize) -> (PathBuf, File) {
        let path = folder.write(name, vec![1; bytes]);
        let file = File::options().read(true).write(true).open(&path).unwrap();
        file.set_len(length).unwrap();
        (path, file)
    }

    fn steps(file: File) -> usize {
        let mut releases = Releases::default();
        releases.add(file);
        let mut steps = 0;
        while !releases.is_empty() {
            releases.step();
            steps += 1;
        }
        steps
    }

    #[test]
    fn a_long_file_without_a_name_goes_in_pieces_and_any_other_at_once() {
        let folder = Folder::new();
        let (path, long) = file(&folder, "long", 40 << 20, 40 << 20);
        let other = long.try_clone().unwrap();
        assert_eq!(steps(other), 0, "it has a name");
        assert_eq!(fs::metadata(&path).unwrap().len(), 40 << 20);
        let unwritable = File::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(steps(unwritable), 1);
        assert_eq!(steps(long), 3);
        let (path, short) = file(&folder, "short", 1000, 1000);
        fs::remove_file(path).unwrap();
        assert_eq!(steps(short), 0);
    }

    #[test]
    fn a_file_of_holes_ends_too() {
        let folder = Folder::new();
        let (path, file) = file(&folder, "holes", 1 << 40, 17 << 20);
        fs::remove_file(path).unwrap();
        assert!((2..100_000).contains(&steps(file)));
    }
}
