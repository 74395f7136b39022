//! The form in which a player over HTTP gets FLV: which messages, at which times, of which tracks.

/// The form in which an HTTP player gets FLV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlvForm {
    /// Which messages it gets.
    pub compat: Compat,
    /// The times of tags.
    pub times: FlvTimes,
    /// The tracks that it wants.
    pub tracks: FlvTracks,
}

/// Which messages an HTTP player gets (`flv_compat`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compat {
    /// Those that players in browsers read, in the form that they know.
    Browser,
    /// All, as they were published.
    Raw,
}

/// The times of an HTTP player's tags (`flv_timestamps`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlvTimes {
    /// They count from the beginning of the stream, so that all players share them.
    Stream,
    /// They count from the player's first tag.
    Player,
    /// They are those of the publisher.
    Raw,
}

/// The tracks that an HTTP player wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlvTracks {
    /// Audio and video.
    All,
    /// Audio only.
    Audio,
    /// Video only.
    Video,
}
