//! The headers and NAL units of the video codecs.

pub mod av1;
pub mod avc;
pub mod hevc;
pub mod nal;
pub mod pictures;
pub mod vpx;
