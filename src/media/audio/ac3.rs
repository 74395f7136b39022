//! AC-3 and Enhanced AC-3 (ETSI TS 102 366, ATSC A/52): the headers of syncframes, which tell all that there
//! is to know, as no configuration comes before them.

use crate::media::Truncated;
use crate::media::bits::Bits;
use crate::media::parts::{MAX_AUDIO_FRAMES, PartsError};

const SYNC: u32 = 0x0b77;
/// Sampling frequencies in Hz by `fscod` (table 4.1).
const RATES: [u32; 3] = [48_000, 44_100, 32_000];
/// Bit rates in kbit/s by half of `frmsizecod` (table 4.13).
const BIT_RATES: [u32; 19] =
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
/// Channels without LFE by `acmod` (table 4.3).
const CHANNELS: [u8; 8] = [2, 1, 2, 3, 3, 4, 4, 5];
/// Samples a channel of a block, and blocks of an AC-3 frame.
const BLOCK: u32 = 256;
const BLOCKS: u32 = 6;
/// The highest `bsid` of AC-3 (annex A), of which the last two halve the rate, and of E-AC-3 (E.1.3.1.6).
const MAX_AC3: u32 = 10;
const MAX_EAC3: u32 = 16;

/// AC-3 or E-AC-3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// AC-3, Dolby Digital.
    Ac3,
    /// Enhanced AC-3, Dolby Digital Plus.
    Eac3,
}

/// The fields that all frames of a stream share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// AC-3 or E-AC-3.
    pub coding: Coding,
    /// Sampling frequency in Hz.
    pub sample_rate: u32,
    /// Channels with LFE; those that dependent substreams add to 5.1 are not counted.
    pub channels: u8,
}

/// The syncframes of a message: one, or with substreams or short frames several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frames {
    /// That of the first one. E-AC-3 if any is.
    pub format: Format,
    /// Samples a channel.
    pub samples: u32,
    /// Bytes of all of them. Anything behind is no frame.
    pub length: usize,
}

impl Frames {
    /// The frames that a message begins with; an error if it does not begin with a whole one.
    pub fn parse(body: &[u8]) -> Result<Self, PartsError> {
        let mut frames: Option<Self> = None;
        let (mut rest, mut count) = (body, 0);
        while let Ok(header) = Header::parse(rest) {
            let Some(behind) = rest.get(header.length..) else { break };
            count += 1;
            if count > MAX_AUDIO_FRAMES {
                return Err(PartsError::TooManyAudioFrames);
            }
            let frames = frames.get_or_insert(Self { format: header.format, samples: 0, length: 0 });
            if header.format.coding == Coding::Eac3 {
                frames.format.coding = Coding::Eac3;
            }
            if header.is_main {
                frames.samples = frames.samples.saturating_add(header.samples);
            }
            frames.length += header.length;
            rest = behind;
        }
        frames.filter(|frames| frames.samples > 0).ok_or(PartsError::Malformed)
    }
}

/// One syncframe's header.
struct Header {
    format: Format,
    samples: u32,
    length: usize,
    /// True if it is of the first program itself, and not another program or more channels for it.
    is_main: bool,
}

impl Header {
    /// Reads `syncinfo` and the start of `bsi` (4.3, E.1.2), which have `bsid` at the same place.
    fn parse(frame: &[u8]) -> Result<Self, Truncated> {
        let mut bits = Bits::new(frame);
        if bits.u(16)? != SYNC {
            return Err(Truncated);
        }
        match frame.get(5).map(|byte| u32::from(byte >> 3)).ok_or(Truncated)? {
            bsid @ ..=MAX_AC3 => Self::parse_ac3(bits, bsid),
            ..=MAX_EAC3 => Self::parse_eac3(bits),
            _ => Err(Truncated),
        }
    }

    fn parse_ac3(mut bits: Bits<'_>, bsid: u32) -> Result<Self, Truncated> {
        bits.u(16)?; // crc1
        let rate = *at(&RATES, bits.u(2)?)?;
        let size = bits.u(6)?;
        let bit_rate = *at(&BIT_RATES, size / 2)?;
        // Words of 16 bits (table 4.13); at 44.1 kHz every other frame has one more.
        let more = if rate == 44_100 { size & 1 } else { 0 };
        let words = bit_rate * 1000 / 16 * BLOCK * BLOCKS / rate + more;
        bits.u(5 + 3)?; // bsid, bsmod
        let mode = bits.u(3)?;
        if mode & 1 == 1 && mode != 1 {
            bits.u(2)?; // cmixlev
        }
        if mode & 4 == 4 {
            bits.u(2)?; // surmixlev
        }
        if mode == 2 {
            bits.u(2)?; // dsurmod
        }
        let channels = at(&CHANNELS, mode)? + u8::from(bits.flag()?);
        let sample_rate = rate >> bsid.saturating_sub(8);
        let format = Format { coding: Coding::Ac3, sample_rate, channels };
        Ok(Self { format, samples: BLOCK * BLOCKS, length: bytes(words)?, is_main: true })
    }

    fn parse_eac3(mut bits: Bits<'_>) -> Result<Self, Truncated> {
        const DEPENDENT: u32 = 1;
        const RESERVED: u32 = 3;
        /// The part that is read here has six bytes.
        const MIN_WORDS: u32 = 3;
        let stream_type = bits.u(2)?;
        let substream = bits.u(3)?;
        let words = bits.u(11)? + 1;
        let (sample_rate, blocks) = match bits.u(2)? {
            3 => (*at(&RATES, bits.u(2)?)? / 2, BLOCKS),
            rate => (*at(&RATES, rate)?, *at(&[1, 2, 3, BLOCKS], bits.u(2)?)?),
        };
        let mode = bits.u(3)?;
        let channels = at(&CHANNELS, mode)? + u8::from(bits.flag()?);
        if stream_type == RESERVED || words < MIN_WORDS {
            return Err(Truncated);
        }
        let format = Format { coding: Coding::Eac3, sample_rate, channels };
        let is_main = stream_type != DEPENDENT && substream == 0;
        Ok(Self { format, samples: BLOCK * blocks, length: bytes(words)?, is_main })
    }
}

fn at<T>(table: &[T], index: u32) -> Result<&T, Truncated> {
    usize::try_from(index).ok().and_then(|index| table.get(index)).ok_or(Truncated)
}

fn bytes(words: u32) -> Result<usize, Truncated> {
    usize::try_from(words * 2).map_err(|_| Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(head: &[u8], length: usize) -> Vec<u8> {
        let mut frame = head.to_vec();
        frame.resize(length, 0);
        frame
    }

    /// Coding, rate, channels, samples, bytes.
    fn parse(frame: &[u8]) -> Option<(Coding, u32, u8, u32, usize)> {
        let Frames { format, samples, length } = Frames::parse(frame).ok()?;
        Some((format.coding, format.sample_rate, format.channels, samples, length))
    }

    /// ffmpeg's encoder: 192 kbit/s, 48 kHz, stereo; 448 kbit/s, 5.1; 96 kbit/s, 44.1 kHz, mono.
    const STEREO: &[u8] = &[0x0b, 0x77, 0x6b, 0x2e, 0x14, 0x40, 0x43, 0xe1];
    const SURROUND: &[u8] = &[0x0b, 0x77, 0x25, 0x5d, 0x1e, 0x40, 0xe1, 0xdf];
    const MONO: &[u8] = &[0x0b, 0x77, 0xd8, 0x4c, 0x4c, 0x40, 0x2f, 0x84];

    #[test]
    fn headers_of_ac3_tell_rate_channels_and_size() {
        assert_eq!(parse(&padded(STEREO, 768)), Some((Coding::Ac3, 48_000, 2, 1536, 768)));
        assert_eq!(parse(&padded(SURROUND, 1792)), Some((Coding::Ac3, 48_000, 6, 1536, 1792)));
        assert_eq!(parse(&padded(MONO, 416)), Some((Coding::Ac3, 44_100, 1, 1536, 416)));
        // The same with the odd size code: one word more.
        let mut longer = padded(MONO, 418);
        longer[4] |= 1;
        assert_eq!(parse(&longer), Some((Coding::Ac3, 44_100, 1, 1536, 418)));
        // bsid 9: half the rate.
        let mut half = padded(STEREO, 768);
        half[5] = 9 << 3;
        assert_eq!(parse(&half), Some((Coding::Ac3, 24_000, 2, 1536, 768)));
    }

    #[test]
    fn sizes_of_ac3_follow_table_4_13() {
        let words = |rate: u8, code: u8| {
            let head = [0x0b, 0x77, 0, 0, rate << 6 | code, 0x40, 0x40, 0];
            Frames::parse(&padded(&head, 4000)).ok().map(|frames| frames.length / 2)
        };
        assert_eq!([words(0, 0), words(1, 0), words(1, 1), words(2, 0)], [64, 69, 70, 96].map(Some));
        assert_eq!(
            [words(0, 37), words(1, 36), words(1, 37), words(2, 36)],
            [1280, 1393, 1394, 1920].map(Some)
        );
        assert_eq!([words(1, 14), words(1, 15), words(1, 18)], [243, 244, 348].map(Some));
        assert_eq!([words(0, 38), words(3, 0)], [None, None]);
    }

    /// An E-AC-3 header with bsid 16.
    fn enhanced(stream_type: u8, substream: u8, rate_and_blocks: u8, mode: u8, words: u16) -> Vec<u8> {
        let [high, low] = (words - 1).to_be_bytes();
        let head = [
            0x0b,
            0x77,
            stream_type << 6 | substream << 3 | high,
            low,
            rate_and_blocks << 4 | mode,
            16 << 3,
            0,
            0,
        ];
        padded(&head, usize::from(words) * 2)
    }

    #[test]
    fn headers_of_eac3_tell_blocks_too() {
        // 3/2 with LFE, six blocks of 48 kHz; then of 44.1 kHz; three of 32 kHz; 24 kHz.
        let surround = enhanced(0, 0, 0b00_11, 0b1111, 640);
        assert_eq!(parse(&surround), Some((Coding::Eac3, 48_000, 6, 1536, 1280)));
        assert_eq!(parse(&enhanced(0, 0, 0b01_11, 0b0100, 300)), Some((Coding::Eac3, 44_100, 2, 1536, 600)));
        assert_eq!(parse(&enhanced(0, 0, 0b10_10, 0b0010, 100)), Some((Coding::Eac3, 32_000, 1, 768, 200)));
        assert_eq!(parse(&enhanced(0, 0, 0b11_00, 0b0100, 300)), Some((Coding::Eac3, 24_000, 2, 1536, 600)));
    }

    #[test]
    fn only_the_first_program_counts_and_short_frames_add_up() {
        let (main, more) = (enhanced(0, 0, 0b00_11, 0b1111, 640), enhanced(1, 0, 0b00_11, 0b0100, 200));
        let other = enhanced(0, 1, 0b00_11, 0b0100, 100);
        let frames = Frames::parse(&[&main[..], &more, &other].concat()).unwrap();
        assert_eq!((frames.samples, frames.length, frames.format.channels), (1536, 1880, 6));
        let short = enhanced(0, 0, 0b00_00, 0b0100, 80);
        assert_eq!(Frames::parse(&short.repeat(6)).unwrap().samples, 1536);
        // A core of AC-3 with channels of E-AC-3 for it.
        let core = [padded(SURROUND, 1792), more].concat();
        assert_eq!(parse(&core), Some((Coding::Eac3, 48_000, 6, 1536, 2192)));
        // A message of nothing but more channels is no frame.
        assert_eq!(parse(&enhanced(1, 0, 0b00_11, 0b0100, 200)), None);
    }

    #[test]
    fn a_frame_that_is_cut_or_reserved_is_none() {
        for frame in [padded(STEREO, 768), enhanced(0, 0, 0b00_11, 0b1111, 640)] {
            for length in 0..frame.len() {
                assert_eq!(parse(&frame[..length]), None, "{length}");
            }
            let two = [&frame[..], &frame[..frame.len() - 1]].concat();
            assert_eq!(Frames::parse(&two).unwrap().length, frame.len());
        }
        assert_eq!(parse(&enhanced(3, 0, 0b00_11, 0b0100, 100)), None);
        assert_eq!(parse(&enhanced(0, 0, 0b11_11, 0b0100, 100)), None);
        let mut later = padded(STEREO, 768);
        later[5] = 17 << 3;
        assert_eq!(parse(&later), None);
    }

    #[test]
    fn a_message_of_frames_without_end_is_left() {
        let shortest = enhanced(0, 0, 0b00_00, 0b0100, 3);
        let most = Frames::parse(&shortest.repeat(MAX_AUDIO_FRAMES)).unwrap();
        assert_eq!((most.samples, most.length), (1024 * 256, 1024 * 6));
        let more = shortest.repeat(MAX_AUDIO_FRAMES + 1);
        assert_eq!(Frames::parse(&more), Err(PartsError::TooManyAudioFrames));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 2..300)) {
            (bytes[0], bytes[1]) = (0x0b, 0x77);
            if let Ok(frames) = Frames::parse(&bytes) {
                assert!(frames.length <= bytes.len() && frames.samples > 0 && frames.format.sample_rate > 0);
            }
        }
    }
}
