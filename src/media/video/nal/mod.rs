//! NAL units, as H.264 and HEVC have them alike: behind their lengths in FLV and RTMP (ISO 14496-15 5.3.4.2
//! and 8.3.2), behind start codes in MPEG-TS (annex B of both). What a unit is, its codec tells.

mod framing;
mod picture;
mod rewriter;
mod sets;
mod unit;

pub use framing::{Framing, Nals, begins_with_start_code, trim};
pub use picture::Picture;
pub(super) use picture::{MAX_SIDE, side, skip_signal_description};
pub use rewriter::{AccessUnit, Rewriter, Start, write_nal};
pub(super) use sets::sets_in;
pub use sets::{Syntax, codes, merge};
pub(super) use unit::has_recovery_point;
pub use unit::{Unit, escape, unescape};

#[cfg(test)]
mod tests;
