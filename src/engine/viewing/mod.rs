//! Viewers: who watches streams over HTTP, as HLS. Each request for a playlist counts its viewer; in a guarded
//! application the viewer has to show what opens it, and a backend may be asked.
//!
//! `files` tells which files are HLS, `identity` who a viewer is, `viewers` has the table of them, and `gate` is the way
//! of a request to its admission; `marks` puts tokens into playlists. The files themselves are sent by the module `http`.

pub(in crate::engine) mod files;
pub(in crate::engine) mod gate;
pub(in crate::engine) mod marks;
pub(in crate::engine) mod view;

use crate::engine::viewing::files::HlsFiles;

/// What the engine knows of viewers and of the files that they watch.
#[derive(Debug, Default)]
pub struct Viewing {
    /// The files of HLS.
    pub files: HlsFiles,
}

impl Viewing {
    /// Takes the files of another configuration. Who watches continues.
    pub(in crate::engine) fn adopt(&mut self, next: Self) {
        self.files.adopt(next.files);
    }
}
