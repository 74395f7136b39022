//! Case of file names: on some file systems, such as FAT on memory cards, "cam" and "Cam" are one file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::statfs::{FsType, MSDOS_SUPER_MAGIC, statfs};

/// exFAT, which larger memory cards have.
const EXFAT_SUPER_MAGIC: FsType = FsType(0x2011_bab0);

/// Names of a folder that are examined: one with a letter is enough.
const MAX_NAMES: usize = 64;

/// Whether a file system distinguishes upper and lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// "cam" and "Cam" are two files.
    Counts,
    /// They are one file.
    Folds,
}

impl Case {
    /// Examines the file system of a folder. Where it cannot be found out, as in a folder without names, case counts.
    pub fn of(folder: &Path) -> Self {
        let folds = is_fat(folder) || names_fold(folder).or_else(|| own_name_folds(folder)).unwrap_or(false);
        if folds { Self::Folds } else { Self::Counts }
    }

    /// The name by which a stream is compared with others. FAT drops dots at the end of a name, too.
    pub fn key(self, name: &str) -> String {
        match self {
            Self::Counts => name.to_owned(),
            Self::Folds => {
                let upper = name.chars().flat_map(char::to_uppercase);
                let folded: String = upper.flat_map(char::to_lowercase).collect();
                folded.trim_end_matches('.').to_owned()
            }
        }
    }
}

fn is_fat(folder: &Path) -> bool {
    let kind = statfs(folder).map(|facts| facts.filesystem_type());
    kind.is_ok_and(|kind| kind == MSDOS_SUPER_MAGIC || kind == EXFAT_SUPER_MAGIC)
}

/// Whether case folds, by the names in a folder.
fn names_fold(folder: &Path) -> Option<bool> {
    let entries = fs::read_dir(folder).ok()?.take(MAX_NAMES).filter_map(Result::ok);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    folds(names, |name, other| are_same(&folder.join(name), &folder.join(other)))
}

/// Whether case folds, by a folder's own name, if the folder above is on the same file system.
fn own_name_folds(folder: &Path) -> Option<bool> {
    let (name, parent) = (folder.file_name()?.to_str()?.to_owned(), folder.parent()?);
    let device = |path: &Path| fs::metadata(path).map(|facts| facts.dev()).ok();
    let is_inside = device(folder).is_some_and(|own| device(parent) == Some(own));
    folds([name].into_iter().filter(|_| is_inside), |name, other| {
        are_same(&parent.join(name), &parent.join(other))
    })
}

/// Whether the first name with a letter names the same file with its letters in the other case; `None` if no name has a
/// letter.
fn folds(mut names: impl Iterator<Item = String>, are_same: impl Fn(&str, &str) -> bool) -> Option<bool> {
    let swap = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    names.find_map(|name| {
        let other: String = name.chars().map(swap).collect();
        (name != other).then(|| are_same(&name, &other))
    })
}

fn are_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::symlink_metadata(path).map(|facts| (facts.dev(), facts.ino())).ok();
    identity(one).is_some_and(|found| identity(other) == Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::Folder;

    #[test]
    fn the_first_name_with_a_letter_tells() {
        let names = ["1.2", "Cam-1.ts", "other"].map(str::to_owned);
        let asked = |answer: bool| {
            folds(names.clone().into_iter(), move |name, other| {
                assert_eq!((name, other), ("Cam-1.ts", "cAM-1.TS"));
                answer
            })
        };
        assert_eq!((asked(true), asked(false)), (Some(true), Some(false)));
        assert_eq!(folds(["1", "☃"].map(str::to_owned).into_iter(), |_, _| true), None);
    }

    #[test]
    fn where_case_counts_two_files_are_two() {
        let folder = Folder::new();
        // What the folder's own name tells, what a name in it tells, and what two that differ in case do.
        for name in ["", "cam", "CAM"] {
            if !name.is_empty() {
                fs::write(folder.join(name), name).unwrap();
            }
            assert_eq!(Case::of(&folder), Case::Counts);
        }
        // As a file system that folds case would show it: both names are one file.
        let folding = Folder::new();
        fs::write(folding.join("cam"), "").unwrap();
        fs::hard_link(folding.join("cam"), folding.join("CAM")).unwrap();
        assert_eq!(Case::of(&folding), Case::Folds);
        assert_eq!(Case::of(Path::new("/nowhere/at/all")), Case::Counts);
    }

    #[test]
    fn names_of_one_file_have_one_key() {
        for (one, other) in
            [("Cam", "cAM"), ("МОЙ поток", "мой Поток"), ("Straße", "STRASSE"), ("cam.", "cam")]
        {
            assert_eq!(Case::Folds.key(one), Case::Folds.key(other));
            assert_ne!(Case::Counts.key(one), Case::Counts.key(other));
        }
        assert_ne!(Case::Folds.key("cam"), Case::Folds.key("cam1"));
    }
}
