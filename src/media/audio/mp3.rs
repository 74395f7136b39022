//! MPEG audio (ISO 11172-3 2.4.2.3, ISO 13818-3 2.4.2.3): the headers of frames, which tell all that there is
//! to know, as no configuration comes before them.

use crate::media::parts::{MAX_AUDIO_FRAMES, PartsError};

/// Bit rates in kbit/s by index, without "free" in front and "forbidden" behind: of MPEG-1 layer I, II and
/// III, then of the lower rates' layer I, and II and III.
const BIT_RATES: [[u32; 14]; 5] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
/// Sampling frequencies of MPEG-1 in Hz by index; MPEG-2 has half of them, 2.5 a quarter.
const RATES: [u32; 3] = [44_100, 48_000, 32_000];

/// The standard of a frame; MPEG-TS has a stream type for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// ISO 11172-3: 32 kHz and above.
    Mpeg1,
    /// ISO 13818-3, the lower rates, and what is known as MPEG-2.5, the lowest.
    Mpeg2,
}

/// The fields that all frames of a stream share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// MPEG-1 or MPEG-2.
    pub version: Version,
    /// Sampling frequency in Hz.
    pub sample_rate: u32,
    /// One or two.
    pub channels: u8,
}

/// The frames of a message: nearly always one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frames {
    /// That of the first, which the others share.
    pub format: Format,
    /// Samples a channel of all of them.
    pub samples: u32,
    /// Bytes of all of them. Anything behind is no frame.
    pub length: usize,
}

impl Frames {
    /// The frames that a message begins with; an error if it does not begin with a whole one.
    pub fn parse(body: &[u8]) -> Result<Self, PartsError> {
        let first = Header::parse(body).ok_or(PartsError::Malformed)?;
        let mut frames = Self { format: first.format, samples: 0, length: 0 };
        let (mut rest, mut count) = (body, 0);
        while let Some(header) = Header::parse(rest).filter(|header| header.format == first.format) {
            // A free bit rate tells no length: such a frame has the message to itself.
            let length = header.length.unwrap_or(rest.len());
            let Some(behind) = rest.get(length..) else { break };
            count += 1;
            if count > MAX_AUDIO_FRAMES {
                return Err(PartsError::TooManyAudioFrames);
            }
            frames.samples = frames.samples.saturating_add(header.samples);
            frames.length += length;
            rest = behind;
        }
        if frames.length > 0 { Ok(frames) } else { Err(PartsError::Malformed) }
    }
}

/// One frame's header.
struct Header {
    format: Format,
    samples: u32,
    /// Bytes of the frame, of its header too; `None` for a free bit rate.
    length: Option<usize>,
}

impl Header {
    fn parse(frame: &[u8]) -> Option<Self> {
        let [0xff, second, third, fourth, ..] = *frame else { return None };
        let divisor = match second & 0xf8 {
            0xf8 => 1,
            0xf0 => 2,
            0xe0 => 4,
            _ => return None,
        };
        let version = if divisor == 1 { Version::Mpeg1 } else { Version::Mpeg2 };
        // Bytes a frame for each kbit/s and Hz, counted in slots of 4 bytes, or of 1.
        let (table, samples, slot) = match (version, second >> 1 & 3) {
            (Version::Mpeg1, 3) => (0, 384, 4),
            (Version::Mpeg1, 2) => (1, 1152, 1),
            (Version::Mpeg1, 1) => (2, 1152, 1),
            (Version::Mpeg2, 3) => (3, 384, 4),
            (Version::Mpeg2, 2) => (4, 1152, 1),
            (Version::Mpeg2, 1) => (4, 576, 1),
            _ => return None,
        };
        let sample_rate = RATES.get(usize::from(third >> 2 & 3))? / divisor;
        let padding = u32::from(third >> 1 & 1);
        let length = match usize::from(third >> 4) {
            0 => None,
            index => {
                let bit_rate = BIT_RATES.get(table)?.get(index - 1)? * 1000;
                usize::try_from((samples / 8 * bit_rate / sample_rate / slot + padding) * slot).ok()
            }
        };
        let channels = if fourth >> 6 == 3 { 1 } else { 2 };
        Some(Self { format: Format { version, sample_rate, channels }, samples, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(head: [u8; 4], length: usize) -> Vec<u8> {
        let mut frame = head.to_vec();
        frame.resize(length, 0);
        frame
    }

    fn parse(head: [u8; 4], length: usize) -> Option<(u32, u8, u32, usize)> {
        let frames = Frames::parse(&padded(head, length)).ok()?;
        Some((frames.format.sample_rate, frames.format.channels, frames.samples, frames.length))
    }

    #[test]
    fn headers_as_encoders_write_them() {
        // LAME, 128 kbit/s, 44.1 kHz, joint stereo, without and with padding.
        assert_eq!(parse([0xff, 0xfb, 0x90, 0x64], 417), Some((44_100, 2, 1152, 417)));
        assert_eq!(parse([0xff, 0xfb, 0x92, 0x64], 418), Some((44_100, 2, 1152, 418)));
        // 320 kbit/s and 48 kHz; 64 kbit/s and 22.05 kHz, mono; 8 kHz, which is MPEG-2.5.
        assert_eq!(parse([0xff, 0xfb, 0xe4, 0x00], 960), Some((48_000, 2, 1152, 960)));
        assert_eq!(parse([0xff, 0xf3, 0x80, 0xc0], 208), Some((22_050, 1, 576, 208)));
        assert_eq!(parse([0xff, 0xe3, 0x18, 0xc4], 72), Some((8000, 1, 576, 72)));
        // Layer II at 192 kbit/s and 48 kHz, layer I at 384 kbit/s and 32 kHz with a slot of padding.
        assert_eq!(parse([0xff, 0xfd, 0xa4, 0x00], 576), Some((48_000, 2, 1152, 576)));
        assert_eq!(parse([0xff, 0xff, 0xca, 0x00], 580), Some((32_000, 2, 384, 580)));
    }

    #[test]
    fn the_lower_rates_are_another_standard() {
        let version = |head| Frames::parse(&padded(head, 1000)).unwrap().format.version;
        assert_eq!(version([0xff, 0xfb, 0x98, 0x64]), Version::Mpeg1);
        assert_eq!(version([0xff, 0xf3, 0x98, 0x64]), Version::Mpeg2);
        assert_eq!(version([0xff, 0xe3, 0x18, 0xc4]), Version::Mpeg2);
    }

    #[test]
    fn several_frames_count_together_and_what_is_none_is_left() {
        let frame = padded([0xff, 0xfb, 0x90, 0x64], 417);
        let many = [&frame[..], &frame, &frame, b"TAG"].concat();
        let frames = Frames::parse(&many).unwrap();
        assert_eq!((frames.samples, frames.length), (3 * 1152, 3 * 417));
        let other = [&frame[..], &padded([0xff, 0xfb, 0x94, 0x64], 384)].concat();
        assert_eq!(Frames::parse(&other).unwrap().length, 417);
        // A free bit rate has no length of its own.
        assert_eq!(parse([0xff, 0xfb, 0x00, 0x64], 333), Some((44_100, 2, 1152, 333)));
    }

    #[test]
    fn a_frame_that_is_cut_or_reserved_is_none() {
        let frame = padded([0xff, 0xfb, 0x90, 0x64], 417);
        for length in 0..frame.len() {
            assert_eq!(Frames::parse(&frame[..length]), Err(PartsError::Malformed), "{length}");
        }
        for head in [
            [0xff, 0xf9, 0x90, 0x64], // layer
            [0xff, 0xeb, 0x90, 0x64], // version
            [0xff, 0xfb, 0x9c, 0x64], // rate
            [0xff, 0xfb, 0xf0, 0x64], // bit rate
            [0xff, 0xdb, 0x90, 0x64],
            [0x49, 0x44, 0x33, 0x03],
        ] {
            assert_eq!(parse(head, 2000), None, "{head:x?}");
        }
    }

    #[test]
    fn a_message_of_frames_without_end_is_left() {
        let shortest = padded([0xff, 0xf3, 0x14, 0], 24);
        let most = Frames::parse(&shortest.repeat(MAX_AUDIO_FRAMES)).unwrap();
        assert_eq!((most.samples, most.length), (1024 * 576, 1024 * 24));
        let more = shortest.repeat(MAX_AUDIO_FRAMES + 1);
        assert_eq!(Frames::parse(&more), Err(PartsError::TooManyAudioFrames));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 2..300)) {
            (bytes[0], bytes[1]) = (0xff, bytes[1] | 0xe0);
            if let Ok(frames) = Frames::parse(&bytes) {
                assert!(frames.length <= bytes.len() && frames.samples > 0);
            }
        }
    }
}
