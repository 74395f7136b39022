//! What a playlist knows of each fragment.

use crate::modules::hls::files::keys;

/// How a fragment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// It can be decoded by itself.
    Independent,
    /// It was cut off from the one before without a key frame.
    Within,
}

/// With what a fragment is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encryption {
    /// The number in the key's name.
    pub key: u64,
    /// The fragment's own initialization vector.
    pub iv: keys::Bytes,
}

/// One listed fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// The number in its name.
    pub id: u64,
    /// Its EXTINF in milliseconds.
    pub duration: u64,
    /// Whether its times or codecs do not follow from the one before.
    pub discontinuity: bool,
    /// How it begins.
    pub begins: Begins,
    /// When it was live, in milliseconds since 1970.
    pub date: Option<u64>,
    /// With what it is encrypted.
    pub encryption: Option<Encryption>,
    /// Its length.
    pub bytes: u64,
}

impl Fragment {
    /// The same as one that may be deleted at once.
    pub fn retired(&self) -> Retired {
        Retired { id: self.id, key: self.encryption.map(|encryption| encryption.key), until: 0 }
    }
}

/// A fragment that is no longer listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retired {
    /// The number in its name.
    pub id: u64,
    /// That of its key.
    pub key: Option<u64>,
    /// When to delete it, on the publication's media clock.
    pub until: u64,
}
