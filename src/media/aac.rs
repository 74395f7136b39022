//! AAC as FLV and RTMP carry it: the AudioSpecificConfig (ISO 14496-3 1.6.2.1), and the ADTS header
//! (1.A.3.2) that each raw frame needs in MPEG-TS.

use std::error::Error;
use std::fmt;

use super::Truncated;
use super::bits::Bits;

/// Length of the ADTS headers written here: without a checksum.
pub const ADTS_LENGTH: usize = 7;
/// The longest frame, header included, that ADTS's 13 bits can tell.
const MAX_ADTS_FRAME: usize = 0x1fff;

/// Sampling frequencies by index (table 1.18); 13 and 14 are reserved, 15 escapes to 24 bits.
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
const RATE_ESCAPE: u32 = 15;

/// Audio object types (table 1.17).
const AOT_AAC_LTP: u32 = 4;
const AOT_SBR: u32 = 5;
const AOT_ER_BSAC: u32 = 22;
const AOT_PS: u32 = 29;
const AOT_ESCAPE: u32 = 31;

/// What is wrong with the publisher's AAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AacError {
    /// The configuration ended before its fields did.
    Truncated,
    /// A reserved sampling frequency index, or a frequency of 0.
    SampleRate,
    /// A frame of no bytes, or too long for ADTS.
    FrameLength(usize),
}

impl fmt::Display for AacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("truncated aac configuration"),
            Self::SampleRate => f.write_str("aac configuration without a sampling frequency"),
            Self::FrameLength(length) => write!(f, "aac frame of {length} bytes"),
        }
    }
}

impl Error for AacError {}

impl From<Truncated> for AacError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

/// Spectral band replication, or parametric stereo on top of it, said in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension {
    /// The sampling frequency that the decoder puts out, in Hz.
    pub sample_rate: u32,
    /// Whether there is parametric stereo (HE-AAC v2): two channels from one.
    pub parametric_stereo: bool,
}

/// An AudioSpecificConfig: the body of an AAC sequence header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioConfig {
    /// The core coder's audio object type; 2 is AAC LC, below HE-AAC too.
    pub object_type: u32,
    /// The core coder's sampling frequency in Hz.
    pub sample_rate: u32,
    /// `channelConfiguration` (table 1.19); 0 says that the stream defines it.
    pub channel_configuration: u32,
    /// Samples a channel in each core frame: 1024, or 960.
    pub frame_samples: u32,
    /// SBR and PS, if signalled, explicitly or backward-compatibly.
    pub extension: Option<Extension>,
}

impl AudioConfig {
    /// Reads a configuration. What is specific to coders other than general audio is not read.
    pub fn parse(config: &[u8]) -> Result<Self, AacError> {
        let mut bits = Bits::new(config);
        let mut object_type = parse_object_type(&mut bits)?;
        let sample_rate = parse_rate(&mut bits)?;
        let channel_configuration = bits.u(4)?;
        let mut extension = None;
        if matches!(object_type, AOT_SBR | AOT_PS) {
            let parametric_stereo = object_type == AOT_PS;
            extension = Some(Extension { sample_rate: parse_rate(&mut bits)?, parametric_stereo });
            object_type = parse_object_type(&mut bits)?;
            if object_type == AOT_ER_BSAC {
                bits.u(4)?; // extensionChannelConfiguration
            }
        }
        let mut config =
            Self { object_type, sample_rate, channel_configuration, frame_samples: 1024, extension };
        if config.is_general_audio() {
            config.parse_general_audio(&mut bits)?;
            if config.extension.is_none() && config.channel_configuration != 0 {
                // A fault in what only newer decoders look for leaves the core as it is.
                config.extension = parse_sync_extension(&mut bits).unwrap_or(None);
            }
        }
        Ok(config)
    }

    /// Channels that the decoder puts out, if the configuration says.
    pub fn channels(&self) -> Option<u32> {
        let channels = match self.channel_configuration {
            count @ 1..=6 => count,
            7 | 12 | 14 => 8,
            11 => 7,
            _ => return None,
        };
        let doubled = self.extension.is_some_and(|extension| extension.parametric_stereo) && channels == 1;
        Some(if doubled { 2 } else { channels })
    }

    /// The sampling frequency that the decoder puts out, in Hz.
    pub fn output_rate(&self) -> u32 {
        self.extension.map_or(self.sample_rate, |extension| extension.sample_rate)
    }

    /// How to put this coder's frames into ADTS, if ADTS can tell all that a decoder must know: one of
    /// the first four object types, a tabled rate, 1 to 7 as channels, 1024 samples. HE-AAC is
    /// carried as its core; decoders find SBR and PS in the frames.
    pub fn adts(&self) -> Option<Adts> {
        let profile = u8::try_from(self.object_type.checked_sub(1)?).ok().filter(|&profile| profile < 4)?;
        let rate = RATES.iter().position(|&rate| rate == self.sample_rate)?;
        let rate_index = u8::try_from(rate).ok()?;
        let channels =
            u8::try_from(self.channel_configuration).ok().filter(|count| (1..=7).contains(count))?;
        (self.frame_samples == 1024).then_some(Adts { profile, rate_index, channels })
    }

    /// Object types whose configuration goes on with GASpecificConfig and for which it is read.
    fn is_general_audio(&self) -> bool {
        (1..=AOT_AAC_LTP).contains(&self.object_type)
    }

    /// 4.4.1 GASpecificConfig of the object types 1 to 4.
    fn parse_general_audio(&mut self, bits: &mut Bits<'_>) -> Result<(), Truncated> {
        if bits.flag()? {
            self.frame_samples = 960;
        }
        if bits.flag()? {
            bits.u(14)?; // coreCoderDelay
        }
        bits.flag()?; // extensionFlag, 0 for these types
        Ok(())
    }
}

/// Table 1.14 GetAudioObjectType.
fn parse_object_type(bits: &mut Bits<'_>) -> Result<u32, Truncated> {
    match bits.u(5)? {
        AOT_ESCAPE => Ok(32 + bits.u(6)?),
        other => Ok(other),
    }
}

fn parse_rate(bits: &mut Bits<'_>) -> Result<u32, AacError> {
    let rate = match bits.u(4)? {
        RATE_ESCAPE => bits.u(24)?,
        index => {
            *usize::try_from(index).ok().and_then(|index| RATES.get(index)).ok_or(AacError::SampleRate)?
        }
    };
    if rate == 0 { Err(AacError::SampleRate) } else { Ok(rate) }
}

/// The backward-compatible signalling of SBR and PS behind the core's configuration (1.6.5.2).
fn parse_sync_extension(bits: &mut Bits<'_>) -> Result<Option<Extension>, AacError> {
    const SYNC_SBR: u32 = 0x2b7;
    const SYNC_PS: u32 = 0x548;
    if bits.left() < 16 || bits.u(11)? != SYNC_SBR {
        return Ok(None);
    }
    if parse_object_type(bits)? != AOT_SBR || !bits.flag()? {
        return Ok(None);
    }
    let sample_rate = parse_rate(bits)?;
    let parametric_stereo = bits.left() >= 12 && bits.u(11)? == SYNC_PS && bits.flag()?;
    Ok(Some(Extension { sample_rate, parametric_stereo }))
}

/// What all ADTS headers of a stream have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adts {
    /// `profile_ObjectType`: the object type less one.
    profile: u8,
    /// `sampling_frequency_index`.
    rate_index: u8,
    /// `channel_configuration`.
    channels: u8,
}

impl Adts {
    /// The header of a raw frame of `length` bytes (1.A.3.2): MPEG-4, no checksum, one raw data block,
    /// buffer fullness 0x7ff for a variable rate.
    pub fn header(&self, length: usize) -> Result<[u8; ADTS_LENGTH], AacError> {
        let whole = length.checked_add(ADTS_LENGTH).filter(|&whole| length > 0 && whole <= MAX_ADTS_FRAME);
        let [.., high, low] = whole.ok_or(AacError::FrameLength(length))?.to_be_bytes();
        Ok([
            0xff,
            0xf1,
            self.profile << 6 | self.rate_index << 2 | self.channels >> 2,
            self.channels << 6 | high >> 3,
            high << 5 | low >> 3,
            low << 5 | 0x1f,
            0xfc,
        ])
    }
}

/// The raw frame in `body`. Some encoders send whole ADTS frames where a raw frame belongs; no raw
/// frame starts like one, because its first element would be the end.
pub fn raw_frame(body: &[u8]) -> &[u8] {
    let [0xff, second, _, third, fourth, fifth, _, ..] = *body else { return body };
    if second & 0xf6 != 0xf0 {
        return body;
    }
    let length = usize::from(third & 3) << 11 | usize::from(fourth) << 3 | usize::from(fifth >> 5);
    let header = if second & 1 == 1 { ADTS_LENGTH } else { ADTS_LENGTH + 2 };
    if length == body.len() { body.get(header..).unwrap_or_default() } else { body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(object_type: u32, sample_rate: u32, channel_configuration: u32) -> AudioConfig {
        AudioConfig { object_type, sample_rate, channel_configuration, frame_samples: 1024, extension: None }
    }

    fn extended(core: AudioConfig, sample_rate: u32, parametric_stereo: bool) -> AudioConfig {
        AudioConfig { extension: Some(Extension { sample_rate, parametric_stereo }), ..core }
    }

    #[test]
    fn configurations_of_common_encoders() {
        assert_eq!(AudioConfig::parse(&[0x12, 0x10]), Ok(config(2, 44_100, 2)));
        assert_eq!(AudioConfig::parse(&[0x11, 0x90]), Ok(config(2, 48_000, 2)));
        // ffmpeg's encoder appends the sync extension and says that there is no SBR.
        assert_eq!(AudioConfig::parse(&[0x12, 0x08, 0x56, 0xe5, 0x00]), Ok(config(2, 44_100, 1)));
        // 0x2b7, object type 5, present, 44100 Hz; then the same with 0x548 and parametric stereo.
        let he = extended(config(2, 22_050, 2), 44_100, false);
        assert_eq!(AudioConfig::parse(&[0x13, 0x90, 0x56, 0xe5, 0xa0]), Ok(he));
        let v2 = extended(config(2, 22_050, 1), 44_100, true);
        assert_eq!(AudioConfig::parse(&[0x13, 0x88, 0x56, 0xe5, 0xa5, 0x48, 0x80]), Ok(v2));
        assert_eq!((v2.channels(), v2.output_rate()), (Some(2), 44_100));
    }

    #[test]
    fn explicit_sbr_and_ps_name_the_core_behind_them() {
        // 00101 0111 0010 0100 00010 000: SBR over LC, 22050 to 44100 Hz, two channels.
        let he = extended(config(2, 22_050, 2), 44_100, false);
        assert_eq!(AudioConfig::parse(&[0x2b, 0x92, 0x08, 0x00]), Ok(he));
        // 11101 0111 0001 0100 00010 000: parametric stereo over one channel.
        let v2 = extended(config(2, 22_050, 1), 44_100, true);
        assert_eq!(AudioConfig::parse(&[0xeb, 0x8a, 0x08, 0x00]), Ok(v2));
    }

    #[test]
    fn escapes_are_read_and_do_not_fit_adts() {
        // 00010 1111 then 24 bits of 44056 Hz, two channels.
        let rate = AudioConfig::parse(&[0x17, 0x80, 0x56, 0x0c, 0x10]).unwrap();
        assert_eq!((rate.sample_rate, rate.channel_configuration, rate.adts()), (44_056, 2, None));
        // 11111 001010: object type 42, xHE-AAC.
        let usac = AudioConfig::parse(&[0xf9, 0x46, 0x40]).unwrap();
        assert_eq!((usac.object_type, usac.sample_rate, usac.adts()), (42, 48_000, None));
    }

    #[test]
    fn short_and_reserved_configurations_are_errors() {
        for bytes in [&[][..], &[0x12], &[0x17, 0x80, 0x56, 0x22]] {
            assert_eq!(AudioConfig::parse(bytes), Err(AacError::Truncated), "{bytes:?}");
        }
        assert_eq!(AudioConfig::parse(&[0x16, 0x90]), Err(AacError::SampleRate));
        assert_eq!(AudioConfig::parse(&[0x17, 0x80, 0, 0, 0x10]), Err(AacError::SampleRate));
    }

    #[test]
    fn a_truncated_extension_leaves_the_core() {
        let whole = [0x13, 0x88, 0x56, 0xe5, 0xa5, 0x48, 0x80];
        for length in 2..whole.len() {
            let cut = AudioConfig::parse(&whole[..length]).unwrap();
            assert_eq!((cut.object_type, cut.sample_rate, cut.adts().is_some()), (2, 22_050, true));
        }
    }

    #[test]
    fn an_adts_header_tells_the_core_and_the_length() {
        let adts = extended(config(2, 22_050, 1), 44_100, true).adts().unwrap();
        // 0xfff1, profile 01, rate 0111, private 0, channels 001, four flags, 13 bits of 107, fullness.
        assert_eq!(adts.header(100), Ok([0xff, 0xf1, 0x5c, 0x40, 0x0d, 0x7f, 0xfc]));
        let longest = adts.header(8191 - 7).unwrap();
        assert_eq!((longest[3] & 3, longest[4], longest[5] >> 5), (3, 0xff, 7));
        assert_eq!(adts.header(8191 - 6), Err(AacError::FrameLength(8185)));
        assert_eq!(adts.header(0), Err(AacError::FrameLength(0)));
        assert_eq!(adts.header(usize::MAX), Err(AacError::FrameLength(usize::MAX)));
        assert_eq!(config(2, 48_000, 7).adts().unwrap().header(1).unwrap()[2..4], [0x4d, 0xc0]);
    }

    #[test]
    fn what_adts_cannot_tell_is_none() {
        assert_eq!(config(2, 48_000, 0).adts(), None);
        assert_eq!(config(2, 48_000, 11).adts(), None);
        assert_eq!(config(0, 48_000, 2).adts(), None);
        assert_eq!(config(23, 48_000, 2).adts(), None);
        assert_eq!(AudioConfig { frame_samples: 960, ..config(2, 48_000, 2) }.adts(), None);
    }

    #[test]
    fn adts_in_place_of_a_raw_frame_is_taken_off() {
        let header = config(2, 48_000, 2).adts().unwrap().header(3).unwrap();
        let framed = [&header[..], &[1, 2, 3]].concat();
        assert_eq!(raw_frame(&framed), [1, 2, 3]);
        assert_eq!(raw_frame(&framed[..9]), &framed[..9]);
        assert_eq!(raw_frame(&[0x21, 1, 2]), [0x21, 1, 2]);
        assert_eq!(raw_frame(&[]), [0u8; 0]);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..24)) {
            let _ = AudioConfig::parse(&bytes).map(|config| (config.adts(), config.channels()));
            raw_frame(&bytes);
        }
    }
}
