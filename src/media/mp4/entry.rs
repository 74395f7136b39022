//! Sample entries: the codec of a track, and its configuration.

use super::boxes::BoxWriter;

/// Pixels in an inch, as a fixed-point number of 16.16 bits: 72, as all files say (ISO 14496-12 12.1.3).
const RESOLUTION: u32 = 0x0048_0000;
/// "Images are in colour with no alpha" (12.1.3).
const DEPTH: u16 = 0x18;

/// A sample entry (ISO 14496-12 8.5.2), with the record of its configuration as the codec's binding has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// H.264: an AVCDecoderConfigurationRecord (ISO 14496-15 5.3.3.1). The parameter sets are in it alone.
    Avc(&'a [u8]),
    /// H.265: an HEVCDecoderConfigurationRecord (ISO 14496-15 8.3.3.1).
    Hevc(&'a [u8]),
    /// H.264 with further parameter sets in the samples (ISO 14496-15 5.3.2).
    AvcInBand(&'a [u8]),
    /// H.265 with further parameter sets in the samples (8.3.2).
    HevcInBand(&'a [u8]),
    /// AV1: an AV1CodecConfigurationRecord (AV1 in ISOBMFF, 2.3.3).
    Av1(&'a [u8]),
    /// VP9: a VPCodecConfigurationRecord (VP codec ISOBMFF binding), without the version and flags of its box.
    Vp9(&'a [u8]),
}

impl<'a> Entry<'a> {
    /// The record of the configuration.
    pub(super) fn record(&self) -> &'a [u8] {
        match self {
            Self::Avc(record)
            | Self::Hevc(record)
            | Self::AvcInBand(record)
            | Self::HevcInBand(record)
            | Self::Av1(record)
            | Self::Vp9(record) => record,
        }
    }

    /// Writes the entry of a picture of so many pixels.
    pub(super) fn write(&self, width: u16, height: u16, out: &mut BoxWriter) {
        let (kind, box_kind, record) = match self {
            Self::Avc(record) => (b"avc1", b"avcC", record),
            Self::Hevc(record) => (b"hvc1", b"hvcC", record),
            Self::AvcInBand(record) => (b"avc3", b"avcC", record),
            Self::HevcInBand(record) => (b"hev1", b"hvcC", record),
            Self::Av1(record) => (b"av01", b"av1C", record),
            Self::Vp9(record) => (b"vp09", b"vpcC", record),
        };
        out.boxed(kind, |out| {
            write_visual(width, height, out);
            match self {
                Self::Vp9(_) => out.full(box_kind, 1, 0, |out| out.bytes(record)),
                _ => out.boxed(box_kind, |out| out.bytes(record)),
            }
        });
    }
}

/// The fields of a VisualSampleEntry (12.1.3.2).
fn write_visual(width: u16, height: u16, out: &mut BoxWriter) {
    out.zeros(6);
    out.u16(1); // data_reference_index
    out.zeros(2 + 2 + 12);
    out.u16(width);
    out.u16(height);
    out.u32(RESOLUTION);
    out.u32(RESOLUTION);
    out.zeros(4);
    out.u16(1); // frame_count
    out.zeros(32); // compressorname
    out.u16(DEPTH);
    out.u16(u16::MAX); // pre_defined: -1
}
