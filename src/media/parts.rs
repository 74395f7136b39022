//! The limit of the parts of a message. A message is worked on in one go, so its cost is bounded by the number
//! of its parts: 8 MiB have room for millions of them, of a byte each.

use std::error::Error;
use std::fmt;

use super::Truncated;

/// NAL units in a frame, those of no bytes included. Encoders make some tens; a slice for each row of macroblocks
/// of an 8K picture, with as many messages beside them, stays far below.
pub const MAX_NAL_UNITS: usize = 4096;
/// Parameter sets among them, each of which is looked for among the configuration's.
pub const MAX_PARAMETER_SETS: usize = 1024;
/// Audio frames in a message. Encoders make one, or with substreams a few.
pub const MAX_AUDIO_FRAMES: usize = 1024;

/// The reason for which a message is not carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartsError {
    /// Its parts cannot be told apart, or are none.
    Malformed,
    /// More than [`MAX_NAL_UNITS`].
    TooManyNalUnits,
    /// More than [`MAX_PARAMETER_SETS`].
    TooManyParameterSets,
    /// More than [`MAX_AUDIO_FRAMES`].
    TooManyAudioFrames,
}

impl fmt::Display for PartsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("malformed message"),
            Self::TooManyNalUnits => write!(f, "message of more than {MAX_NAL_UNITS} NAL units"),
            Self::TooManyParameterSets => {
                write!(f, "message of more than {MAX_PARAMETER_SETS} parameter sets")
            }
            Self::TooManyAudioFrames => write!(f, "message of more than {MAX_AUDIO_FRAMES} audio frames"),
        }
    }
}

impl Error for PartsError {}

impl From<Truncated> for PartsError {
    fn from(_: Truncated) -> Self {
        Self::Malformed
    }
}
