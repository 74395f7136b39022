//! The facts about a configured folder that names of files depend on. They are found out once, before streams use it.

use std::path::{Path, PathBuf};

use crate::modules::hls::files::case::Case;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The canonical path, as two spellings are one folder.
    pub root: PathBuf,
    pub case: Case,
}

impl Folder {
    /// Examines a folder. If it is not there yet, the one in which it will be made tells.
    pub fn examine(path: &Path) -> Self {
        let path = absolute(path);
        let known = path.ancestors().find_map(|known| Some((known, known.canonicalize().ok()?)));
        let Some((known, found)) = known else { return Self::unexamined(&path) };
        let root = path.strip_prefix(known).map_or_else(|_| path.clone(), |rest| found.join(rest));
        Self { root, case: Case::of(&found) }
    }

    /// What is assumed of a folder that has not been examined.
    pub fn unexamined(path: &Path) -> Self {
        Self { root: absolute(path), case: Case::Counts }
    }
}

/// The absolute path, or the same path if the working directory is not known.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::test_folder::Folder as TestFolder;

    #[test]
    fn two_spellings_are_one_folder_also_before_it_is_made() {
        let folder = TestFolder::new();
        fs::create_dir(folder.join("x")).unwrap();
        symlink(folder.join("x"), folder.join("link")).unwrap();
        let expected = Folder::examine(&folder.join("x/hls")).root;
        assert_eq!(Folder::examine(&folder.join("link/../x/./hls")).root, expected);
        assert_eq!(Folder::examine(&folder.join("link/hls")).root, expected);
        fs::create_dir(folder.join("x/hls")).unwrap();
        assert_eq!(Folder::examine(&folder.join("link/hls")).root, expected);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_folds_case_as_the_one_above_does() {
        let folder = TestFolder::new();
        fs::write(folder.join("cam"), "").unwrap();
        fs::hard_link(folder.join("cam"), folder.join("CAM")).unwrap();
        assert_eq!(Folder::examine(&folder.join("hls")).case, Case::Folds);
    }
}
