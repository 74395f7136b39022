//! The headers and frames of the audio codecs.

pub mod aac;
pub mod ac3;
pub mod flac;
pub mod format;
pub mod mp3;
pub mod opus;
