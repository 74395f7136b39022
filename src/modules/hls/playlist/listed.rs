//! Fragments that are listed, and those that are retired.

use crate::modules::hls::files::keys;

pub use crate::media::segment::writer::open::Begins;

/// AES-128 of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encryption {
    /// The id in the name of the key.
    pub key: u64,
    /// The fragment's own initialization vector.
    pub iv: keys::Bytes,
}

/// One listed fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// The number in its name.
    pub id: u64,
    /// EXTINF in milliseconds.
    pub duration: u64,
    /// Whether its times or codecs do not continue those of the one before.
    pub discontinuity: bool,
    pub begins: Begins,
    /// The date of its first frame, in milliseconds since 1970.
    pub date: Option<u64>,
    pub encryption: Option<Encryption>,
    /// The size of its file.
    pub bytes: u64,
}

impl Fragment {
    /// The same fragment, to be removed at once.
    pub fn retired(&self) -> Retired {
        Retired { id: self.id, key: self.encryption.map(|encryption| encryption.key), until: 0 }
    }
}

/// A fragment that is no longer listed and not yet removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retired {
    /// The number in its name.
    pub id: u64,
    /// The id of its key.
    pub key: Option<u64>,
    /// The time of its removal, in milliseconds of published media.
    pub until: u64,
}
