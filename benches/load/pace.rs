//! The video of every load: how many frames a second, how large, when. The floor shares it.

use std::time::Duration;

/// Frames a second.
pub const FRAMES: u64 = 30;

/// Frames from a key frame to the next, unless told otherwise: two seconds.
pub const GROUP: u64 = 60;

/// How much larger a key frame is than the others.
const KEY_WEIGHT: u64 = 8;

/// Bytes of the payload of a frame, such that groups of so many frames have the bit rate (bits a second).
pub fn frame_size(bit_rate: u64, group: u64, index: u64) -> usize {
    let inter = bit_rate / 8 * group / FRAMES / (group - 1 + KEY_WEIGHT);
    let size = if is_key(group, index) { inter * KEY_WEIGHT } else { inter };
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// Whether a group begins with this frame.
pub fn is_key(group: u64, index: u64) -> bool {
    index.is_multiple_of(group)
}

/// When a frame is due, from the first on.
pub fn frame_due(index: u64) -> Duration {
    Duration::from_nanos(index * 1_000_000_000 / FRAMES)
}
