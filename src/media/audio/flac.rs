//! FLAC as Enhanced RTMP carries it: `fLaC` and the STREAMINFO block (RFC 9639 8.1, 8.2).

use crate::media::bits::Bits;
use crate::media::{Reader, Truncated};

/// The fields of STREAMINFO, the body of a FLAC sequence header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamInfo {
    /// Sampling frequency in Hz.
    pub sample_rate: u32,
    /// One to eight.
    pub channels: u8,
}

impl StreamInfo {
    /// Reads a header. [`Truncated`] covers every fault: another signature, another block.
    pub fn parse(header: &[u8]) -> Result<Self, Truncated> {
        let mut reader = Reader::new(header);
        let (signature, [kind, ..]) = (reader.take(4)?, reader.array::<4>()?);
        if signature != b"fLaC" || kind & 0x7f != 0 {
            return Err(Truncated);
        }
        reader.take(2 + 2 + 3 + 3)?; // sizes of blocks and frames
        let mut bits = Bits::new(reader.rest());
        let sample_rate = bits.u(20)?;
        let channels = 1 + u8::try_from(bits.u(3)?).map_err(|_| Truncated)?;
        Ok(Self { sample_rate, channels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_rate_and_channels() {
        // flac: blocks of 4096 samples, 44.1 kHz, stereo, 16 bits.
        let header = b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\x0e\0\x10\x7f\x0a\xc4\x42\xf0\0\0\0\0";
        assert_eq!(StreamInfo::parse(header), Ok(StreamInfo { sample_rate: 44_100, channels: 2 }));
        for length in 0..21 {
            assert_eq!(StreamInfo::parse(&header[..length]), Err(Truncated));
        }
        for other in [
            b"fLaD\x80\0\0\x22\x10\0\x10\0\0\0\x0e\0\x10\x7f\x0a\xc4\x42\xf0",
            b"fLaC\x84\0\0\x22\x10\0\x10\0\0\0\x0e\0\x10\x7f\x0a\xc4\x42\xf0",
        ] {
            assert_eq!(StreamInfo::parse(other), Err(Truncated));
        }
    }
}
