//! The decoder configuration of a video track whose messages carry NAL units.

use crate::media::flv::Codec;
use crate::media::video::nal::{Framing, Nals, Picture, Rewriter, Unit, write_nal};
use crate::media::video::{avc, hevc};

/// A configuration of H.264 or H.265.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Configuration {
    /// H.264.
    Avc(avc::DecoderConfig),
    /// H.265.
    Hevc(hevc::DecoderConfig),
}

impl Configuration {
    /// Reads a decoder configuration record; none of another codec. The error says what is wrong with it.
    pub fn parse(codec: Codec, record: &[u8]) -> Result<Option<Self>, String> {
        match codec {
            Codec::Avc => {
                let config = avc::DecoderConfig::parse(record).map_err(|error| error.to_string())?;
                Ok(Some(Self::Avc(config)))
            }
            Codec::Hevc => {
                let config = hevc::DecoderConfig::parse(record).map_err(|error| error.to_string())?;
                Ok(Some(Self::Hevc(config)))
            }
            _ => Ok(None),
        }
    }

    /// A configuration that has nothing yet, with lengths of 4 bytes; none of another codec.
    pub fn empty(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Avc => Some(Self::Avc(avc::DecoderConfig::empty())),
            Codec::Hevc => Some(Self::Hevc(hevc::DecoderConfig::empty())),
            _ => None,
        }
    }

    /// The codec.
    pub fn codec(&self) -> Codec {
        match self {
            Self::Avc(_) => Codec::Avc,
            Self::Hevc(_) => Codec::Hevc,
        }
    }

    /// Bytes of the length in front of each NAL unit.
    pub fn length_size(&self) -> usize {
        match self {
            Self::Avc(config) => config.nal_length_size,
            Self::Hevc(config) => config.nal_length_size,
        }
    }

    /// The picture by the parameter sets, if they can be read.
    pub fn picture(&self) -> Option<Picture> {
        match self {
            Self::Avc(config) => config.picture(),
            Self::Hevc(config) => config.picture(),
        }
    }

    /// The function that classifies NAL units.
    pub fn unit(&self) -> fn(&[u8]) -> Unit {
        match self {
            Self::Avc(_) => avc::unit,
            Self::Hevc(_) => hevc::unit,
        }
    }

    /// True if a NAL unit is the first slice of its picture.
    pub fn is_first_slice(&self, nal: &[u8]) -> bool {
        match self {
            Self::Avc(_) => avc::is_first_slice(nal),
            Self::Hevc(_) => hevc::is_first_slice(nal),
        }
    }

    /// True if a decoder can continue with another configuration as it is: the codec, its profile, the format of
    /// samples and the size are the same.
    pub fn continues(&self, other: &Self) -> bool {
        let format = self.format();
        format.is_some() && format == other.format()
    }

    /// Codec, profile, format of samples, width and height; none if the first set of a sequence cannot be read.
    fn format(&self) -> Option<(Codec, u8, [u8; 3], u32, u32)> {
        let picture = self.picture()?;
        let (profile, samples) = match self {
            Self::Avc(config) => (config.profile, config.sample_format()?),
            Self::Hevc(config) => (config.profile, config.sample_format()?),
        };
        Some((self.codec(), profile, samples, picture.width, picture.height))
    }

    /// The configuration with the parameter sets that came with a picture; none if it has them already.
    pub fn with_sets(&self, sets: &[&[u8]]) -> Option<Self> {
        match self {
            Self::Avc(config) => config.with_sets(sets).map(Self::Avc),
            Self::Hevc(config) => config.with_sets(sets).map(Self::Hevc),
        }
    }

    /// The parameter sets behind start codes, in place of a record: what comes with messages that have start codes.
    /// None if one is missing.
    pub fn start_codes(&self) -> Option<Vec<u8>> {
        let is_complete = self.record().is_some();
        is_complete.then(|| self.rewriter().parameters_alone())
    }

    /// The decoder configuration record; none if a parameter set is missing, or there is no room for one.
    pub fn record(&self) -> Option<Vec<u8>> {
        match self {
            Self::Avc(config) => config.record(),
            Self::Hevc(config) => config.record(),
        }
    }

    /// An access unit in byte stream format once more, to be decoded directly behind it or its last repetition, which
    /// has another `number`. None if it is not an IDR picture, or cannot be read. What is said of the moment (SEI) is
    /// left out.
    pub fn repeat(&self, access_unit: &[u8], number: u16) -> Option<Vec<u8>> {
        let repeat: &dyn Fn(&[u8]) -> Option<Vec<u8>> = match self {
            Self::Avc(config) => {
                let repeater = config.repeater()?;
                &move |nal| repeater.repeat(nal, number)
            }
            Self::Hevc(_) => &|nal| hevc::repeat(nal),
        };
        let mut out = Vec::with_capacity(access_unit.len());
        for nal in Nals::new(access_unit, Framing::StartCodes) {
            let nal = nal.ok()?;
            match self.unit()(nal) {
                Unit::RandomAccess => write_nal(&repeat(nal)?, &mut out),
                Unit::Delimiter | Unit::Parameters(_) => write_nal(nal, &mut out),
                Unit::Intra | Unit::Slice => return None,
                Unit::RecoveryPoint | Unit::Other => {}
            }
        }
        Some(out)
    }

    /// Writes pictures as access units in byte stream format.
    pub fn rewriter(&self) -> Rewriter<'_> {
        match self {
            Self::Avc(config) => config.rewriter(),
            Self::Hevc(config) => config.rewriter(),
        }
    }
}
