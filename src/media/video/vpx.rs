//! VP8 and VP9: the size of the picture, which their key frames have.

use crate::media::bits::Bits;
use crate::media::{Reader, Truncated};

/// The start code of every key frame of VP8, behind its tag (RFC 6386, 9.1).
const VP8_START: [u8; 3] = [0x9d, 0x01, 0x2a];
/// `frame_sync_code` (VP9 specification, 6.2).
const VP9_SYNC: u32 = 0x0049_8342;
/// `color_space` of RGB.
const RGB: u32 = 7;

/// Width and height in pixels of a key frame of VP8.
pub fn vp8_size(frame: &[u8]) -> Result<(u32, u32), Truncated> {
    let mut reader = Reader::new(frame);
    let [tag, ..] = reader.array::<3>()?;
    let is_key = tag & 1 == 0;
    if !is_key || reader.array()? != VP8_START {
        return Err(Truncated);
    }
    // Two bits of each are how it is to be scaled.
    let mut side = || Ok(u32::from(u16::from_le_bytes(reader.array()?) & 0x3fff));
    Ok((side()?, side()?))
}

/// Width and height in pixels of a key frame of VP9 (6.2: `uncompressed_header`).
pub fn vp9_size(frame: &[u8]) -> Result<(u32, u32), Truncated> {
    let mut bits = Bits::new(frame);
    bits.u(2)?; // frame_marker
    let profile = bits.u(1)? + 2 * bits.u(1)?;
    if profile == 3 {
        bits.flag()?;
    }
    let (shows_existing, is_inter) = (bits.flag()?, bits.flag()?);
    bits.u(2)?; // show_frame, error_resilient_mode
    if shows_existing || is_inter || bits.u(24)? != VP9_SYNC {
        return Err(Truncated);
    }
    if profile >= 2 {
        bits.flag()?; // ten_or_twelve_bit
    }
    let has_subsampling = profile % 2 == 1;
    if bits.u(3)? != RGB {
        bits.u(if has_subsampling { 4 } else { 1 })?;
    } else if has_subsampling {
        bits.flag()?;
    }
    Ok((bits.u(16)? + 1, bits.u(16)? + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_tell_their_size() {
        assert_eq!(vp8_size(&[0x90, 0x9c, 0, 0x9d, 1, 0x2a, 0x80, 2, 0x68, 0x41]), Ok((640, 360)));
        // Profile 0: marker 2, a key frame that is shown, the sync code, colour space 1, then 639 and 359.
        assert_eq!(vp9_size(&[0x82, 0x49, 0x83, 0x42, 0x20, 0x27, 0xf0, 0x16, 0x70]), Ok((640, 360)));
        // libvpx's, of RGB.
        assert_eq!(vp9_size(&[0xa2, 0x49, 0x83, 0x42, 0xe0, 0x27, 0xf0, 0x16, 0x76]), Ok((640, 360)));
    }

    #[test]
    fn others_do_not() {
        assert!(vp8_size(&[0x11, 2, 0, 0x9d, 1, 0x2a, 0x80, 2, 0x68, 1]).is_err(), "no key frame");
        assert!(vp9_size(&[0x86, 0x49, 0x83, 0x42, 0x20, 0x27, 0xf0, 0x16, 0x70]).is_err(), "no key frame");
        for length in 0..9 {
            assert!(vp8_size(&[0x10, 2, 0, 0x9d, 1, 0x2a, 0x80, 2, 0x68, 1][..length]).is_err());
            assert!(vp9_size(&[0x82, 0x49, 0x83, 0x42, 0x20, 0x27, 0xf0, 0x16, 0x70][..length]).is_err());
        }
    }
}
