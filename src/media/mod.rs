//! Pure formats: frames, AMF, codec headers, FLV, MPEG-TS and MP4. Bytes in, bytes out; no I/O, no clock.

pub mod amf;
mod audio;
pub mod bits;
pub mod codec;
pub mod file;
pub mod flv;
pub mod frame;
pub mod kind;
pub mod meter;
pub mod mp4;
pub mod parts;
pub mod reader;
pub mod rfc6381;
pub mod segment;
pub mod time;
pub mod ts;
mod video;

pub use audio::{aac, ac3, flac, format, mp3, opus};
pub use codec::Codec;
pub use frame::{Frame, Slices};
pub use kind::{Kind, Packet, Role, Tracks};
pub use meter::Meter;
pub use parts::PartsError;
pub use reader::{Reader, Truncated};
pub use video::pictures::Pictures;
pub use video::{av1, avc, hevc, nal, pictures, vpx};

#[cfg(test)]
pub(crate) mod tests;
