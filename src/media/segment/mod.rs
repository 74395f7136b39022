//! What becomes of a stream's frames on their way into segments.

pub mod audio;
pub mod clock;
pub mod cutting;
pub mod decoding;
pub mod early;
pub mod line;
pub mod measure;
pub mod open;
pub mod picture;
pub mod probe;
pub mod repeat;
pub mod slicer;
pub mod tracks;
pub mod waiting;
pub mod writer;
