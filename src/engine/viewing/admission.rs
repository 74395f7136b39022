//! Which files of HLS may be sent as the answer to a request.

use crate::engine::viewing::files::HlsFile;

/// The most files of one request: `try_files` looks for several, and a link may lead from one to another.
const MOST: usize = 8;

/// The files of HLS that may be sent as the answer to a request, as far as it has been asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    files: Vec<HlsFile>,
    is_turned_away: bool,
}

impl Admission {
    /// Whether this file may be sent.
    pub fn admits(&self, file: &HlsFile) -> bool {
        self.files.contains(file)
    }

    /// The files that may be sent.
    pub fn files(&self) -> &[HlsFile] {
        &self.files
    }

    /// Whether nothing may be sent.
    pub fn is_turned_away(&self) -> bool {
        self.is_turned_away
    }

    /// Admits one more file; false if there are too many.
    pub(in crate::engine) fn admit(&mut self, file: HlsFile) -> bool {
        let has_room = self.files.len() < MOST;
        if has_room {
            self.files.push(file);
        }
        has_room
    }

    /// Nothing may be sent.
    pub(in crate::engine) fn turn_away(&mut self) {
        *self = Self { files: Vec::new(), is_turned_away: true };
    }
}
