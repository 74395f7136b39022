//! FLAC as Enhanced RTMP carries it: `fLaC` and the STREAMINFO block (RFC 9639 8.1, 8.2). FFmpeg sends that block alone,
//! and mpegts.js reads it without its header only.

use crate::media::bits::Bits;
use crate::media::{Reader, Truncated};

/// The bytes that a FLAC stream begins with.
pub const SIGNATURE: &[u8] = b"fLaC";
/// Bytes of STREAMINFO.
pub const STREAM_INFO: usize = 34;
/// Bytes of the header of a metadata block.
const BLOCK_HEADER: usize = 4;

/// What a header has of STREAMINFO, without the block's header; none if it has another block.
pub fn stream_info(header: &[u8]) -> Option<&[u8]> {
    match header.strip_prefix(SIGNATURE) {
        None => (header.len() == STREAM_INFO).then_some(header),
        Some(info) if info.len() == STREAM_INFO => Some(info),
        Some(block) if block.first()? & 0x7f == 0 => {
            block.get(BLOCK_HEADER..).map(|info| info.get(..STREAM_INFO).unwrap_or(info))
        }
        Some(_) => None,
    }
}

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
        let mut reader = Reader::new(stream_info(header).ok_or(Truncated)?);
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

    #[test]
    fn a_header_may_be_the_block_without_its_header_or_nothing_else() {
        let info = b"\x04\0\x04\0\0\0\0\0\x08\x15\x0a\xc4\x40\xf0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let file = [SIGNATURE, b"\0\0\0\x22", info, b"\x84\0\0\x01\0"].concat();
        for header in [&info[..], &[SIGNATURE, info].concat(), &file] {
            assert_eq!(StreamInfo::parse(header), Ok(StreamInfo { sample_rate: 44_100, channels: 1 }));
            assert_eq!(stream_info(header), Some(&info[..]));
        }
        assert_eq!(stream_info(&info[1..]), None);
    }
}
