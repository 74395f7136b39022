//! Fragmented MP4 (ISO 14496-12, 14496-14, 14496-15; CMAF, ISO 23000-19): an initialization segment that describes the
//! tracks, and media fragments with their samples.
//!
//! Only written, and only from what the caller has checked: nothing here looks into a sample. Fragments follow their
//! initialization segment in one file, or are segments of a list. A file of a single picture is made by [`still`].

mod boxes;
mod entry;
mod fragment;
mod init;
mod still;

pub use entry::Entry;
pub use fragment::{Run, Sample, fragment};
pub use init::{Track, initialization};
pub use still::{MAX_STILL, has_still, still};

#[cfg(test)]
mod tests;
