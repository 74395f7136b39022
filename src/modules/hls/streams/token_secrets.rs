//! The secrets of tokens, one for each `hls_path` of a guarded application without `hls_token_secret`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::modules::hls::files::token_secret::{Kept, NAME, TokenSecret};
use crate::modules::hls::settings::Storage;

/// The secrets by the canonical paths of their folders. What is known stays until the server stops.
#[derive(Debug, Clone, Default)]
pub struct TokenSecrets {
    known: HashMap<PathBuf, TokenSecret>,
}

impl TokenSecrets {
    /// Finds the secret of a folder, if it is not known yet: the one that an earlier run has kept there, or a new one.
    pub fn examine(&mut self, root: &Path, storage: Storage) {
        if self.known.contains_key(root) {
            return;
        }
        let kept = match storage {
            Storage::Disk => kept_in(root),
            Storage::Memory => None,
        };
        match kept.map_or_else(TokenSecret::random, Ok) {
            Ok(secret) => _ = self.known.insert(root.to_owned(), secret),
            Err(error) => log::error!("hls: no tokens, so nobody can watch: {error}"),
        }
    }

    /// Takes over what is not known yet. Returns the folders of that.
    pub fn extend(&mut self, found: Self) -> Vec<PathBuf> {
        let new: Vec<_> =
            found.known.into_iter().filter(|(root, _)| !self.known.contains_key(root)).collect();
        let roots = new.iter().map(|(root, _)| root.clone()).collect();
        self.known.extend(new);
        roots
    }

    pub fn of(&self, root: &Path) -> Option<&TokenSecret> {
        self.known.get(root)
    }
}

/// The secret that an earlier run has kept. As a folder is examined once, so is what is wrong with it logged once.
fn kept_in(root: &Path) -> Option<TokenSecret> {
    let path = root.join(NAME);
    match TokenSecret::read(root) {
        Ok(Kept::Nothing) => None,
        Ok(Kept::Secret(secret)) => Some(secret),
        Ok(Kept::Exposed(secret)) => {
            let path = path.display();
            log::warn!(
                "hls: {path} has the secret of tokens, and other users may read or write it: chmod 600 {path}"
            );
            Some(secret)
        }
        Ok(Kept::Broken) => {
            log::warn!(
                "hls: {} has no secret of tokens and is replaced: viewers have to open their players again",
                path.display()
            );
            None
        }
        Err(error) => {
            log::warn!(
                "hls: the secret of tokens is another one until the server stops, and viewers have to open their \
                 players again after that: {error}; remove this file"
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::test_folder::Folder;

    #[test]
    fn a_folder_has_the_secret_that_an_earlier_run_has_kept_or_a_new_one_for_good() {
        let folder = Folder::new();
        let mut secrets = TokenSecrets::default();
        secrets.examine(&folder, Storage::Disk);
        let first = secrets.of(&folder).unwrap().clone();
        assert!(folder.list("").is_empty(), "it is kept with the first stream");
        first.keep(&folder).unwrap();
        let mut again = TokenSecrets::default();
        again.examine(&folder, Storage::Disk);
        assert_eq!(again.of(&folder), Some(&first));
        fs::write(folder.join(NAME), "broken").unwrap();
        let mut other = TokenSecrets::default();
        other.examine(&folder, Storage::Disk);
        assert!(other.of(&folder).is_some_and(|secret| *secret != first));
        assert!(again.extend(other).is_empty());
        assert_eq!(again.of(&folder), Some(&first));
    }

    #[test]
    fn in_memory_no_file_is_read() {
        let folder = Folder::new();
        let kept = TokenSecret::random().unwrap();
        kept.keep(&folder).unwrap();
        let mut secrets = TokenSecrets::default();
        secrets.examine(&folder, Storage::Memory);
        assert!(secrets.of(&folder).is_some_and(|secret| *secret != kept));
    }
}
