//! Which files of HLS may be sent as the answer to a request.

use crate::engine::viewing::files::HlsFile;

/// The most files of one request: `try_files` looks for several, and a link may lead from one to another.
const MOST: usize = 8;

/// The files of HLS that may be sent as the answer to a request, as far as it has been asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    files: Vec<HlsFile>,
    is_turned_away: bool,
    is_private: bool,
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

    /// Whether the answer is for one viewer alone.
    pub fn is_private(&self) -> bool {
        self.is_private
    }

    /// Admits one more file, which is sent with tokens if `is_marked`; false if there are too many.
    pub(in crate::engine) fn admit(&mut self, file: HlsFile, is_marked: bool) -> bool {
        self.is_private |= is_marked;
        let has_room = self.files.len() < MOST;
        if has_room {
            self.files.push(file);
        }
        has_room
    }

    /// Nothing may be sent.
    pub(in crate::engine) fn turn_away(&mut self) {
        self.files.clear();
        self.is_turned_away = true;
    }

    /// The request continues at another place. What comes of it may still be for one viewer alone.
    pub(in crate::engine) fn redirect(&mut self) {
        self.files.clear();
    }
}
