//! `esds` (ISO 14496-14 5.6): an ES_Descriptor (ISO 14496-1 7.2.6.5), which tells what MPEG-4 calls a stream.

use crate::media::aac::AudioConfig;
use crate::media::{Codec, Reader, Truncated};

/// The tags of descriptors (ISO 14496-1 7.2.2.1).
const ES: u8 = 3;
const DECODER_CONFIG: u8 = 4;
const DECODER_SPECIFIC: u8 = 5;

/// What a descriptor tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream<'a> {
    /// objectTypeIndication (7.2.6.6.2).
    object_type: u8,
    /// DecoderSpecificInfo, empty if there is none.
    specific: &'a [u8],
}

/// A codec, its configuration, and the sample rate and the channels if that tells them.
type Told = (Codec, Vec<u8>, Option<(u32, u16)>);

impl<'a> Stream<'a> {
    /// Reads the content of an `esds`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Truncated> {
        let mut reader = Reader::new(bytes);
        reader.u32()?;
        let (tag, mut reader) = descriptor(&mut reader)?;
        let mut reader = if tag == ES {
            reader.u16()?;
            let flags = reader.u8()?;
            if flags & 0x80 != 0 {
                reader.u16()?;
            }
            if flags & 0x40 != 0 {
                let length = reader.u8()?;
                reader.take(length.into())?;
            }
            if flags & 0x20 != 0 {
                reader.u16()?;
            }
            let (tag, config) = descriptor(&mut reader)?;
            (tag == DECODER_CONFIG).then_some(config).ok_or(Truncated)?
        } else {
            // Some writers leave the outer one out.
            (tag == DECODER_CONFIG).then_some(reader).ok_or(Truncated)?
        };
        let object_type = reader.u8()?;
        reader.take(12)?;
        let specific = match descriptor(&mut reader) {
            Ok((DECODER_SPECIFIC, content)) => content.rest(),
            _ => &[],
        };
        Ok(Self { object_type, specific })
    }

    /// The codec with its configuration. The error says why it cannot be played.
    pub fn describe(&self) -> Result<Told, &'static str> {
        match self.object_type {
            // ISO 14496-3, and the profiles of ISO 13818-7.
            0x40 | 0x66..=0x68 => {
                let config = AudioConfig::parse(self.specific);
                let config = config.map_err(|_| "the configuration of its sound cannot be read")?;
                let channels = config.channels().and_then(|channels| u16::try_from(channels).ok());
                let told = channels.map(|channels| (config.output_rate(), channels));
                Ok((Codec::Aac, self.specific.to_vec(), told))
            }
            0x69 | 0x6b => Ok((Codec::Mp3, Vec::new(), None)),
            _ => Err("its sound has a codec that cannot be sent"),
        }
    }
}

/// A descriptor (8.3.3): its tag, and its content, which is what there is of it.
fn descriptor<'a>(reader: &mut Reader<'a>) -> Result<(u8, Reader<'a>), Truncated> {
    let tag = reader.u8()?;
    let mut length = 0usize;
    for _ in 0..4 {
        let byte = reader.u8()?;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let content = reader.take(length.min(reader.rest().len()))?;
    Ok((tag, Reader::new(content)))
}
