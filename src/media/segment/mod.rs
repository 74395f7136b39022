//! From frames to segments, without files: HLS lists what comes out, and DASH and fMP4 are to use the same parts.
//!
//! 1. [`probe`] holds the first frames back until it is known which [`tracks`] there are and, by [`decoding`](probe::decoding), how much
//!    earlier than shown pictures are decoded.
//! 2. From then on a frame waits ([`waiting`]) as long as it must: a [`picture`](waiting::picture) until its last slice has come, audio that is
//!    [`early`](waiting::early) until its picture is near, a key frame that may have to be repeated ([`repeat`](waiting::repeat)).
//! 3. Before each picture, or audio frame where there is no video, [`cutting`] decides whether the [`open`](writer::open) segment ends:
//!    [`slicer`](cutting::slicer) by key frames and lengths, [`clock`](cutting::clock) by pauses.
//! 4. The [`writer`] puts pictures and packets of [`audio`](writer::audio) into the open segment, in its container. [`output_clock`](writer::output_clock) keeps
//!    the written times without a gap.
//! 5. [`measure`] finds out what a master playlist says of the segments: bit rates, codecs, resolution.
//!
//! Timestamps are the publisher's milliseconds, decoding and presentation times ticks of 90 kHz.

pub mod cutting;
pub mod measure;
pub mod probe;
pub mod tracks;
pub mod waiting;
pub mod writer;
