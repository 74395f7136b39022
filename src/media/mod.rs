//! Pure formats: frames, AMF, codec headers, FLV and MPEG-TS. Bytes in, bytes out; no I/O, no clock.

pub mod aac;
pub mod ac3;
pub mod amf;
pub mod av1;
pub mod avc;
pub mod bits;
pub mod flac;
pub mod flv;
pub mod frame;
pub mod hevc;
pub mod kind;
pub mod meter;
pub mod mp3;
pub mod nal;
pub mod opus;
pub mod parts;
pub mod pictures;
pub mod reader;
pub mod rfc6381;
pub mod segment;
pub mod ts;
pub mod vpx;

pub use frame::{Frame, Slices};
pub use kind::{Kind, Packet, Role, Tracks};
pub use meter::Meter;
pub use parts::PartsError;
pub use pictures::Pictures;
pub use reader::{Reader, Truncated};

#[cfg(test)]
pub(crate) mod tests;
