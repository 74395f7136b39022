//! The parts that make segments of frames, without files and playlists. HLS uses them; DASH and fMP4 are to use the
//! same.
//!
//! 1. [`probe`] holds the first frames until the [`tracks`] are known, and how much earlier than shown pictures are
//!    decoded ([`decoding`](probe::decoding)).
//! 2. From then on frames wait ([`waiting`]): a [`picture`](waiting::picture) until its last slice has come, audio that
//!    is [`early`](waiting::early) until its picture is near. A key frame may be kept to be repeated
//!    ([`repeat`](waiting::repeat)).
//! 3. Before each picture, or audio frame where there is no video, [`cutting`] decides whether the
//!    [`open`](writer::open) segment ends: [`slicer`](cutting::slicer) by key frames and lengths,
//!    [`clock`](cutting::clock) by pauses.
//! 4. The [`writer`] writes pictures and packets of [`audio`](writer::audio) into the open segment, in its container.
//!    [`output_clock`](writer::output_clock) makes the written times continuous.
//! 5. [`measure`] finds the bit rates, codecs and resolution for a master playlist.
//!
//! Timestamps are the publisher's milliseconds, decoding and presentation times ticks of 90 kHz.

pub mod cutting;
pub mod excerpt;
pub mod measure;
pub mod probe;
pub mod tracks;
pub mod waiting;
pub mod writer;
