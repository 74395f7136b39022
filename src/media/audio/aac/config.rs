//! The AudioSpecificConfig (ISO 14496-3 1.6.2.1).

use std::error::Error;
use std::fmt;

use super::program::Program;
use super::silence;
use crate::media::Truncated;
use crate::media::bits::Bits;

/// Sampling frequencies by index (table 1.18); 13 and 14 are reserved, 15 escapes to 24 bits.
pub(super) const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
const RATE_ESCAPE: u32 = 15;

/// Audio object types (table 1.17).
const AOT_AAC_LC: u32 = 2;
pub(super) const AOT_SBR: u32 = 5;
const AOT_AAC_SCALABLE: u32 = 6;
const AOT_ER_AAC_SCALABLE: u32 = 20;
const AOT_ER_BSAC: u32 = 22;
const AOT_ER_AAC_LD: u32 = 23;
pub(super) const AOT_PS: u32 = 29;
const AOT_ER_AAC_ELD: u32 = 39;
pub(super) const AOT_ESCAPE: u32 = 31;

/// An error in the publisher's AAC.
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
    /// There is parametric stereo (HE-AAC v2): two channels from one.
    pub parametric_stereo: bool,
}

/// An AudioSpecificConfig: the body of an AAC sequence header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioConfig {
    /// The core coder's audio object type; 2 is AAC LC, below HE-AAC too.
    pub object_type: u32,
    /// The core coder's sampling frequency in Hz.
    pub sample_rate: u32,
    /// `channelConfiguration` (table 1.19); 0 says that a program configuration defines it.
    pub channel_configuration: u32,
    /// The program configuration, if there is one that can be read.
    pub program: Option<Program>,
    /// Samples a channel in each core frame: 1024 or 960, of the low delay coders 512 or 480.
    pub frame_samples: u32,
    /// SBR and PS, if signalled, explicitly or backward-compatibly.
    pub extension: Option<Extension>,
}

impl AudioConfig {
    /// Reads a configuration. What is specific to coders other than general audio is not read.
    pub(super) fn parse_fields(config: &[u8]) -> Result<Self, AacError> {
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
        let is_low_delay = matches!(object_type, AOT_ER_AAC_LD | AOT_ER_AAC_ELD);
        let mut config = Self {
            object_type,
            sample_rate,
            channel_configuration,
            program: None,
            frame_samples: if is_low_delay { 512 } else { 1024 },
            extension,
        };
        if config.is_general_audio() {
            config.parse_frame_length(&mut bits)?;
            // A fault in what follows, which few decoders look for, leaves the core as it is.
            let _ = config.parse_rest(&mut bits);
        } else if object_type == AOT_ER_AAC_ELD {
            config.parse_frame_length(&mut bits)?;
        }
        Ok(config)
    }

    /// Channels that the decoder puts out, if the configuration says.
    pub fn channels(&self) -> Option<u32> {
        let channels = match self.channel_configuration {
            0 => self.program?.channels(),
            count @ 1..=6 => count,
            7 | 12 | 14 => 8,
            11 => 7,
            13 => 24,
            _ => return None,
        };
        let doubled = self.extension.is_some_and(|extension| extension.parametric_stereo) && channels == 1;
        Some(if doubled { 2 } else { channels })
    }

    /// The sampling frequency that the decoder puts out, in Hz.
    pub fn output_rate(&self) -> u32 {
        self.extension.map_or(self.sample_rate, |extension| extension.sample_rate)
    }

    /// A raw frame in which nothing sounds, for AAC LC and what is built on it.
    pub fn silence(&self) -> Option<Vec<u8>> {
        silence::raw_frame(self.channel_configuration).filter(|_| self.object_type == AOT_AAC_LC)
    }

    /// Object types whose configuration goes on with GASpecificConfig (1.6.2.1).
    fn is_general_audio(&self) -> bool {
        matches!(self.object_type, 1..=4 | 6 | 7 | 17 | 19..=23)
    }

    /// The first bit of GASpecificConfig (4.4.1) and ELDSpecificConfig (4.6.20.3).
    fn parse_frame_length(&mut self, bits: &mut Bits<'_>) -> Result<(), Truncated> {
        if bits.flag()? {
            self.frame_samples = self.frame_samples / 16 * 15;
        }
        Ok(())
    }

    /// The rest of GASpecificConfig (4.4.1), and what signals SBR behind it.
    fn parse_rest(&mut self, bits: &mut Bits<'_>) -> Result<(), AacError> {
        if bits.flag()? {
            bits.u(14)?; // coreCoderDelay
        }
        let has_extension = bits.flag()?;
        if self.channel_configuration == 0 {
            self.program = Some(Program::parse(bits)?);
        }
        if matches!(self.object_type, AOT_AAC_SCALABLE | AOT_ER_AAC_SCALABLE) {
            bits.u(3)?; // layerNr
        }
        let is_resilient = self.object_type > 16;
        if has_extension {
            bits.u(match self.object_type {
                AOT_ER_BSAC => 16,      // numOfSubFrame, layer_length
                _ if is_resilient => 3, // the three resilience flags
                _ => 0,
            })?;
            bits.flag()?; // extensionFlag3
        }
        // The error resilient types go on with their protection, and nobody puts SBR behind that.
        if self.extension.is_none() && !is_resilient {
            self.extension = parse_sync_extension(bits)?;
        }
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
