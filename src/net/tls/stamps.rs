//! The files of a server of TLS as they are on the disk, by which a change is noticed without reading them.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::server::{CERTIFICATE, KEY};
use crate::engine::ServerTls;

/// The files of some settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamps(Vec<(&'static str, PathBuf, Stamp)>);

/// How a file is, at the end of all links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    File {
        /// Device and inode: a renewal mostly makes another file.
        file: (u64, u64),
        size: u64,
        /// When it was written, in seconds and nanoseconds.
        written: (i64, i64),
    },
    Missing,
    /// This user may not look at it, so nothing is known.
    Hidden,
}

impl Stamps {
    /// Looks at the files.
    pub fn of(settings: &ServerTls) -> Self {
        let pairs = settings.certificates.iter();
        let own = pairs.flat_map(|(certificate, key)| [(CERTIFICATE, certificate), (KEY, key)]);
        let files =
            own.chain(settings.clients.authorities.iter().map(|path| ("ssl_client_certificate", path)));
        Self(files.map(|(directive, path)| (directive, path.clone(), Stamp::of(path))).collect())
    }

    /// The first file that is another one than before, or may be as it is hidden now: with its directive, and how it is.
    pub fn changed(&self, before: &Self) -> Option<(String, Stamp)> {
        let is_other = |(now, before): &(&(_, _, Stamp), &(_, _, Stamp))| now.2 != before.2;
        let ((directive, path, stamp), _) = self.0.iter().zip(&before.0).find(is_other)?;
        Some((format!("{directive} {}", path.display()), *stamp))
    }

    /// Whether one of the files is also one of others, and was another one for them.
    pub fn is_newer_than(&self, others: &Self) -> bool {
        let is_newer = |(_, path, stamp): &(_, PathBuf, Stamp)| {
            others.0.iter().any(|(_, other, before)| other == path && before != stamp)
        };
        self.0.iter().any(is_newer)
    }
}

impl Stamp {
    fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(facts) => Self::File {
                file: (facts.dev(), facts.ino()),
                size: facts.size(),
                written: (facts.mtime(), facts.mtime_nsec()),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Self::Missing,
            Err(_) => Self::Hidden,
        }
    }
}
