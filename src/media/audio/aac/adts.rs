//! ADTS (ISO 14496-3 1.A.3): the header that each raw frame needs in MPEG-TS, and the frames of encoders that send it
//! where a raw frame belongs.

use super::config::{AacError, AudioConfig, RATES};
use super::program::Program;
use crate::media::parts::{MAX_AUDIO_FRAMES, PartsError};

/// Length of the headers written here: without a checksum.
const HEADER: usize = 7;
/// The longest frame, header included, that ADTS's 13 bits can tell.
const MAX_FRAME: usize = 0x1fff;
/// Samples a channel in each raw data block.
const SAMPLES: u32 = 1024;

/// The fields that all ADTS headers of a stream share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adts {
    /// `profile_ObjectType`: the object type less one.
    pub(super) profile: u8,
    /// `sampling_frequency_index`.
    pub(super) rate_index: u8,
    /// `channel_configuration`.
    pub(super) channels: u8,
    /// The program configuration at the beginning of frames where `channels` is 0.
    pub(super) program: Option<Program>,
}

/// The bytes in front of a raw frame: a header, perhaps a program configuration.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    header: [u8; HEADER],
    program: Option<Program>,
}

impl Head {
    /// Its parts.
    pub fn parts(&self) -> [&[u8]; 2] {
        [&self.header, self.program.as_ref().map_or(&[], Program::bytes)]
    }

    /// Bytes of it.
    pub fn length(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
    }
}

impl Adts {
    /// Makes the bytes in front of a raw frame: the header, and a program configuration if the frame should begin with
    /// one and does not.
    pub fn head(&self, frame: &[u8]) -> Result<Head, AacError> {
        if frame.is_empty() {
            return Err(AacError::FrameLength(0));
        }
        let program = self.program.filter(|_| !Program::begins(frame));
        let more = program.as_ref().map_or(0, |program| program.bytes().len());
        let adts = Self { channels: self.promised_channels(), ..*self };
        Ok(Head { header: adts.header(frame.len().saturating_add(more))?, program })
    }

    /// The channel configuration for headers: where a program configuration tells, one with as many channels, or with 8
    /// for
    /// 7. Players that look at headers alone (hls.js does) take none for no channels and play nothing, the picture
    /// neither; decoders go by what the frame begins with.
    fn promised_channels(&self) -> u8 {
        match self.program.map(|program| program.channels()) {
            Some(count @ 1..=6) => count as u8,
            Some(7 | 8) => 7,
            _ => self.channels,
        }
    }

    /// The header of a raw frame of `length` bytes (1.A.3.2): MPEG-4, no checksum, one raw data block,
    /// buffer fullness 0x7ff for a variable rate.
    pub(super) fn header(&self, length: usize) -> Result<[u8; HEADER], AacError> {
        let whole = length.checked_add(HEADER).filter(|&whole| length > 0 && whole <= MAX_FRAME);
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

    /// True if headers are the same. Not every frame need have its program configuration.
    pub fn agrees(&self, other: &Self) -> bool {
        let fields = |adts: &Self| (adts.profile, adts.rate_index, adts.channels);
        fields(self) == fields(other)
    }

    /// The configuration that headers tell.
    pub fn config(&self) -> AudioConfig {
        AudioConfig {
            object_type: u32::from(self.profile) + 1,
            sample_rate: RATES.get(usize::from(self.rate_index)).copied().unwrap_or_default(),
            channel_configuration: self.channels.into(),
            program: self.program,
            frame_samples: SAMPLES,
            extension: None,
        }
    }
}

impl AudioConfig {
    /// Reads a configuration. An ADTS header, which encoders of ADTS may send in its place, is no configuration of a
    /// coder that exists, and says as much.
    pub fn parse(config: &[u8]) -> Result<Self, AacError> {
        match Header::parse(config) {
            Some(header) => Ok(header.adts.config()),
            None => Self::parse_fields(config),
        }
    }

    /// The ADTS headers for this coder's frames, if ADTS can tell all that a decoder must know: one of
    /// the first four object types, a tabled rate, 1 to 7 as channels or a program configuration, 1024 samples.
    /// HE-AAC is carried as its core; decoders find SBR and PS in the frames.
    pub fn adts(&self) -> Option<Adts> {
        let profile = u8::try_from(self.object_type.checked_sub(1)?).ok().filter(|&profile| profile < 4)?;
        let rate = RATES.iter().position(|&rate| rate == self.sample_rate)?;
        let rate_index = u8::try_from(rate).ok()?;
        let channels = u8::try_from(self.channel_configuration).ok().filter(|&count| count <= 7)?;
        let program = self.program.filter(|_| channels == 0);
        let is_told = (channels > 0 || program.is_some()) && self.frame_samples == 1024;
        is_told.then_some(Adts { profile, rate_index, channels, program })
    }
}

/// The ADTS frames of a message: nearly always one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frames {
    /// The fields of the first header, which the others share.
    pub adts: Adts,
    /// Samples a channel of all of them.
    pub samples: u32,
    /// Bytes of all of them. Anything behind is no frame.
    pub length: usize,
}

impl Frames {
    /// The frames that a message begins with; `None` if it does not begin as ADTS does, an error if it does not go on
    /// so.
    pub fn parse(body: &[u8]) -> Result<Option<Self>, PartsError> {
        if !is_adts(body) {
            return Ok(None);
        }
        let first = Header::parse(body).ok_or(PartsError::Malformed)?;
        let mut frames = Self { adts: first.adts, samples: 0, length: 0 };
        let (mut rest, mut count) = (body, 0);
        while let Some(header) = Header::parse(rest).filter(|header| header.adts.agrees(&first.adts)) {
            let Some(behind) = rest.get(header.length..) else { break };
            count += header.blocks;
            if count > MAX_AUDIO_FRAMES {
                return Err(PartsError::TooManyAudioFrames);
            }
            frames.length += header.length;
            rest = behind;
        }
        frames.samples = SAMPLES.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        if count > 0 { Ok(Some(frames)) } else { Err(PartsError::Malformed) }
    }
}

/// True if a frame begins as ADTS does: no raw one starts like that, because its first element would be the end.
pub fn is_adts(frame: &[u8]) -> bool {
    matches!(frame, [0xff, second, ..] if second & 0xf6 == 0xf0)
}

/// One frame's header.
struct Header {
    adts: Adts,
    /// Bytes of the frame, of its header too.
    length: usize,
    /// Raw data blocks.
    blocks: usize,
}

impl Header {
    fn parse(frame: &[u8]) -> Option<Self> {
        let [_, second, third, fourth, fifth, sixth, seventh, ..] = *frame else { return None };
        if !is_adts(frame) {
            return None;
        }
        let channels = third << 2 & 4 | fourth >> 6;
        let length = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
        let blocks = 1 + usize::from(seventh & 3);
        // A checksum, and where the blocks begin.
        let checked = if second & 1 == 1 { 0 } else { 2 * blocks };
        let program = frame.get(HEADER + checked..).filter(|_| channels == 0).and_then(Program::of_frame);
        let adts = Adts { profile: third >> 6, rate_index: third >> 2 & 0xf, channels, program };
        let is_whole = usize::from(adts.rate_index) < RATES.len() && length > HEADER + checked;
        is_whole.then_some(Self { adts, length, blocks })
    }
}
