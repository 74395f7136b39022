//! The NAL units of a message, summed up.

use super::configuration::Configuration;
use crate::media::flv;
use crate::media::parts::{MAX_PARAMETER_SETS, PartsError};
use crate::media::video::nal::{Framing, Nals, Unit};

/// The most parameter sets, and bytes of them, that are kept until their picture comes.
pub(super) const MAX_SETS: usize = 64;
pub(super) const MAX_SET_BYTES: usize = flv::MAX_CONFIGURATION;

/// A summary of the NAL units of a message.
pub(super) struct Contents<'a> {
    /// The first slice begins a picture; none without a slice.
    pub begins: Option<bool>,
    /// There is a slice of a picture that decoding can start at.
    pub is_random_access: bool,
    /// No slice needs another picture.
    pub is_intra: bool,
    pub has_recovery_point: bool,
    /// Parameter sets.
    pub sets: Vec<&'a [u8]>,
}

impl<'a> Contents<'a> {
    pub fn read(body: &'a [u8], configuration: &Configuration) -> Result<(Framing, Self), PartsError> {
        let walk = |framing| Self::of(Nals::new(body, framing), configuration);
        Framing::find(body, configuration.length_size(), configuration.unit(), walk)
    }

    fn of(nals: Nals<'a>, configuration: &Configuration) -> Result<Self, PartsError> {
        let mut contents = Self {
            begins: None,
            is_random_access: false,
            is_intra: true,
            has_recovery_point: false,
            sets: Vec::new(),
        };
        let mut parameters = 0;
        for nal in nals {
            let nal = nal?;
            let unit = configuration.unit()(nal);
            if unit.is_slice() {
                contents.begins.get_or_insert_with(|| configuration.is_first_slice(nal));
                contents.is_random_access |= unit == Unit::RandomAccess;
                contents.is_intra &= unit != Unit::Slice;
            }
            match unit {
                Unit::RecoveryPoint => contents.has_recovery_point = true,
                Unit::Parameters(_) if parameters == MAX_PARAMETER_SETS => {
                    return Err(PartsError::TooManyParameterSets);
                }
                Unit::Parameters(_) => {
                    parameters += 1;
                    if contents.sets.len() < MAX_SETS && nal.len() <= MAX_SET_BYTES {
                        contents.sets.push(nal);
                    }
                }
                _ => {}
            }
        }
        Ok(contents)
    }
}
