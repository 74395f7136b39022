//! Whether the file of HLS that a request asks for may be sent.

use crate::engine::viewing::files::HlsFile;

/// What is known of a request for a file of HLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Admission {
    /// It has not been asked, or the request is for no such file.
    #[default]
    Unasked,
    /// This file may be sent.
    Admitted(HlsFile),
    /// Nothing may be sent.
    TurnedAway,
}
