//! The initialization segment: `ftyp`, and a `moov` that has tracks but no samples.
//!
//!     ftyp
//!     moov    mvhd
//!             trak    tkhd
//!                     mdia    mdhd  hdlr
//!                             minf    vmhd
//!                                     dinf    dref
//!                                     stbl    stsd  stts  stsc  stsz  stco
//!             mvex    trex

use super::boxes::BoxWriter;
use super::entry::Entry;

/// Units of time in a second that the movie has; the tracks have their own.
const MOVIE_SCALE: u32 = 1000;
/// 1.0 as a fixed-point number of 16.16 bits.
const ONE: u32 = 0x0001_0000;
/// The matrix that changes nothing (ISO 14496-12 8.2.2.2), whose last column is of 2.30 bits.
const UNITY: [u32; 9] = [ONE, 0, 0, 0, ONE, 0, 0, 0, 0x4000_0000];
/// The track is enabled, and used in the presentation and in previews (8.3.2.3).
const TRACK_IS_USED: u32 = 7;
/// "und" (8.4.2.3): each letter less 0x60, in 5 bits.
const UNDETERMINED: u16 = 0x55c4;
/// The media is in the same file (8.7.2.2).
const SELF_CONTAINED: u32 = 1;
/// The flags of `vmhd`, which are 1 (12.1.2).
const VIDEO_HEADER: u32 = 1;

/// A track of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Track<'a> {
    /// `track_ID`, which no other track has, from 1.
    pub id: u32,
    /// Units of time in a second.
    pub timescale: u32,
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
    /// The codec and its configuration.
    pub entry: Entry<'a>,
}

/// The initialization segment of some tracks; none if a configuration is longer than boxes can hold.
pub fn initialization(tracks: &[Track<'_>]) -> Option<Vec<u8>> {
    let mut out = BoxWriter::default();
    write_initialization(tracks, &mut out);
    out.into_bytes()
}

/// Writes the initialization segment of some tracks.
pub(super) fn write_initialization(tracks: &[Track<'_>], out: &mut BoxWriter) {
    // default-base-is-moof is of iso5, signed composition offsets are of iso6 (annex E). CMAF has one track in a file.
    out.boxed(b"ftyp", |out| {
        out.bytes(b"iso6");
        out.u32(0);
        out.bytes(b"iso6");
        if let [_] = tracks {
            out.bytes(b"cmfc");
        }
    });
    out.boxed(b"moov", |out| {
        write_movie_header(tracks, out);
        tracks.iter().for_each(|track| out.boxed(b"trak", |out| write_track(track, out)));
        out.boxed(b"mvex", |out| tracks.iter().for_each(|track| write_defaults(track, out)));
    });
}

/// `mvhd` (8.2.2).
fn write_movie_header(tracks: &[Track<'_>], out: &mut BoxWriter) {
    let last = tracks.iter().map(|track| track.id).max().unwrap_or_default();
    out.full(b"mvhd", 0, 0, |out| {
        out.zeros(4 + 4); // creation_time, modification_time
        out.u32(MOVIE_SCALE);
        out.u32(0); // duration
        out.u32(ONE); // rate
        out.u16(0x0100); // volume
        out.zeros(2 + 8);
        UNITY.into_iter().for_each(|number| out.u32(number));
        out.zeros(24);
        out.u32(last.saturating_add(1)); // next_track_ID
    });
}

fn write_track(track: &Track<'_>, out: &mut BoxWriter) {
    // 8.3.2
    out.full(b"tkhd", 0, TRACK_IS_USED, |out| {
        out.zeros(4 + 4); // creation_time, modification_time
        out.u32(track.id);
        out.zeros(4 + 4 + 8); // reserved, duration, reserved
        out.zeros(2 + 2 + 2 + 2); // layer, alternate_group, volume, reserved
        UNITY.into_iter().for_each(|number| out.u32(number));
        out.u32(u32::from(track.width) << 16);
        out.u32(u32::from(track.height) << 16);
    });
    out.boxed(b"mdia", |out| {
        // 8.4.2
        out.full(b"mdhd", 0, 0, |out| {
            out.zeros(4 + 4); // creation_time, modification_time
            out.u32(track.timescale);
            out.u32(0); // duration
            out.u16(UNDETERMINED);
            out.u16(0);
        });
        // 8.4.3
        out.full(b"hdlr", 0, 0, |out| {
            out.u32(0);
            out.bytes(b"vide");
            out.zeros(12);
            out.u8(0); // name
        });
        out.boxed(b"minf", |out| write_information(track, out));
    });
}

fn write_information(track: &Track<'_>, out: &mut BoxWriter) {
    // graphicsmode, opcolor (12.1.2)
    out.full(b"vmhd", 0, VIDEO_HEADER, |out| out.zeros(2 + 6));
    out.boxed(b"dinf", |out| {
        out.full(b"dref", 0, 0, |out| {
            out.u32(1);
            out.full(b"url ", 0, SELF_CONTAINED, |_| {});
        });
    });
    out.boxed(b"stbl", |out| {
        out.full(b"stsd", 0, 0, |out| {
            out.u32(1);
            track.entry.write(track.width, track.height, out);
        });
        // The tables of samples are empty: fragments have them.
        out.full(b"stts", 0, 0, |out| out.u32(0));
        out.full(b"stsc", 0, 0, |out| out.u32(0));
        out.full(b"stsz", 0, 0, |out| out.zeros(4 + 4));
        out.full(b"stco", 0, 0, |out| out.u32(0));
    });
}

/// `trex` (8.8.3): no sample has a default but the number of its entry.
fn write_defaults(track: &Track<'_>, out: &mut BoxWriter) {
    out.full(b"trex", 0, 0, |out| {
        out.u32(track.id);
        out.u32(1); // default_sample_description_index
        out.zeros(4 + 4 + 4); // duration, size, flags
    });
}
