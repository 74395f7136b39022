//! AAC as FLV and RTMP carry it: the AudioSpecificConfig (ISO 14496-3 1.6.2.1), and ADTS (1.A.3), as which MPEG-TS
//! carries it.

mod adts;
mod config;
mod program;
mod silence;

pub use adts::{Adts, Frames, Head, is_adts};
pub use config::{AacError, AudioConfig, Extension};
pub use program::Program;

#[cfg(test)]
mod tests;
