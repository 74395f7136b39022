//! A media fragment: `moof`, which describes samples of some tracks, and `mdat`, which has them.
//!
//!     moof    mfhd
//!             traf    tfhd  tfdt  trun
//!     mdat

use super::boxes::{self, BoxWriter};

/// `tfhd`: offsets count from the first byte of the `moof` (ISO 14496-12 8.8.7).
const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
/// `trun` has the offset of its data, and of each sample duration, size, flags and composition offset (8.8.8).
const RUN_FIELDS: u32 = 0x001 | 0x100 | 0x200 | 0x400 | 0x800;
/// The version of `trun` whose composition offsets are signed.
const SIGNED_OFFSETS: u8 = 1;
/// The version of `tfdt` with a time of 64 bits (8.8.12).
const LONG_TIME: u8 = 1;
/// `sample_depends_on` (8.8.3.1): no other sample.
const DEPENDS_ON_NONE: u32 = 2 << 24;
/// `sample_depends_on`: another one; and `sample_is_non_sync_sample`.
const DEPENDS_ON_OTHERS: u32 = 1 << 24 | 1 << 16;
/// Bytes of the boxes of one track, without its samples, at the most.
const BOXES: usize = 128;
/// Bytes of a sample in `trun`.
const SAMPLE: usize = 16;

/// A sample: one picture, or one frame of sound. Times are in the units of its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample<'a> {
    /// The time to the next one.
    pub duration: u32,
    /// Presentation time minus decoding time.
    pub composition: i32,
    /// A decoder can start here.
    pub is_key: bool,
    /// NAL units behind their lengths, OBUs, a frame: in pieces, which are written one behind the other.
    pub data: &'a [&'a [u8]],
}

impl Sample<'_> {
    fn length(&self) -> usize {
        self.data.iter().map(|piece| piece.len()).sum()
    }
}

/// Samples of one track that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<'a> {
    /// The id of the track.
    pub track: u32,
    /// The decoding time of the first sample.
    pub time: u64,
    /// The samples.
    pub samples: &'a [Sample<'a>],
}

/// A fragment with a run of each of its tracks; `sequence` counts the fragments of a file from 1. None if it would be
/// longer than boxes can hold.
pub fn fragment(sequence: u32, runs: &[Run<'_>]) -> Option<Vec<u8>> {
    let mut out = BoxWriter::with_capacity(size_of_fragment(runs));
    write_fragment(sequence, runs, &mut out);
    out.into_bytes()
}

/// Bytes of a fragment at the most.
pub(super) fn size_of_fragment(runs: &[Run<'_>]) -> usize {
    let samples = || runs.iter().flat_map(|run| run.samples);
    let data: usize = samples().map(Sample::length).sum();
    data + BOXES * (1 + runs.len()) + SAMPLE * samples().count()
}

/// Writes a fragment behind what there is.
pub(super) fn write_fragment(sequence: u32, runs: &[Run<'_>], out: &mut BoxWriter) {
    let (start, pieces) = (out.len(), || runs.iter().flat_map(|run| run.samples).flat_map(|it| it.data));
    // Where each run says the offset of its data, and how many bytes that has.
    let mut places = Vec::new();
    out.boxed(b"moof", |out| {
        out.full(b"mfhd", 0, 0, |out| out.u32(sequence));
        for run in runs {
            out.boxed(b"traf", |out| places.push(write_run(run, out)));
        }
    });
    // From the first byte of the moof.
    let mut offset = boxes::content(out.len() - start);
    for (place, length) in places {
        out.put_u32(place, i32::try_from(offset).ok().map(i32::cast_unsigned));
        offset = offset.saturating_add(length);
    }
    out.boxed(b"mdat", |out| pieces().for_each(|piece| out.bytes(piece)));
}

/// Writes what describes a run. Returns the place of the offset of its data, and the length of that.
fn write_run(run: &Run<'_>, out: &mut BoxWriter) -> (usize, usize) {
    let (mut place, mut length) = (0, 0usize);
    out.full(b"tfhd", 0, DEFAULT_BASE_IS_MOOF, |out| out.u32(run.track));
    out.full(b"tfdt", LONG_TIME, 0, |out| out.u64(run.time));
    out.full(b"trun", SIGNED_OFFSETS, RUN_FIELDS, |out| {
        // More samples than a number of 32 bits do not fit the box either.
        out.u32(u32::try_from(run.samples.len()).unwrap_or(u32::MAX));
        place = out.len();
        out.u32(0); // data_offset
        for sample in run.samples {
            length = length.saturating_add(sample.length());
            out.u32(sample.duration);
            let at = out.len();
            out.u32(0);
            out.put_u32(at, u32::try_from(sample.length()).ok());
            out.u32(if sample.is_key { DEPENDS_ON_NONE } else { DEPENDS_ON_OTHERS });
            out.u32(sample.composition.cast_unsigned());
        }
    });
    (place, length)
}
