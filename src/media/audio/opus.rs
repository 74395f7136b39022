//! Opus as Enhanced RTMP carries it: the identification header (RFC 7845 5.1).

use crate::media::{Reader, Truncated};

/// The rate that Opus is decoded at, in Hz, whatever it was made from (RFC 7845 5.1).
pub const SAMPLE_RATE: u32 = 48_000;

/// An identification header: the body of an Opus sequence header, where there is any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Channels that the decoder puts out, at least one.
    pub channels: u8,
}

impl Head {
    /// Reads a header. [`Truncated`] covers every fault: another signature, a version that is not compatible.
    pub fn parse(header: &[u8]) -> Result<Self, Truncated> {
        let mut reader = Reader::new(header);
        let (signature, [version, channels]) = (reader.take(8)?, reader.array()?);
        // Versions up to 15 are to be read as this one.
        let is_known = signature == b"OpusHead" && version <= 15 && channels > 0;
        is_known.then_some(Self { channels }).ok_or(Truncated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_the_channels() {
        let header = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
        assert_eq!(Head::parse(header), Ok(Head { channels: 2 }));
        for length in 0..10 {
            assert_eq!(Head::parse(&header[..length]), Err(Truncated));
        }
        for other in [b"OpusHead\x10\x02", b"OpusHead\x01\x00", b"OpusTags\x01\x02"] {
            assert_eq!(Head::parse(other), Err(Truncated));
        }
    }
}
