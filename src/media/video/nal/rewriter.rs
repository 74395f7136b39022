//! Messages to access units in byte stream format.

use super::framing::Nals;
use super::unit::Unit;
use crate::media::parts::{MAX_NAL_UNITS, MAX_PARAMETER_SETS, PartsError};

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The access unit that [`Rewriter::write`] found in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessUnit {
    /// A picture that decoding can start at.
    RandomAccess,
    /// Any other picture.
    Picture,
    /// No slice at all, so not an access unit.
    Empty,
}

/// The place of an access unit in a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the start of a fragment, where a player may join: with parameter sets in any case.
    Fragment,
    /// Anywhere else.
    Within,
}

/// Rewrites frames as access units in byte stream format, as MPEG-TS carries them: each starts with an access
/// unit delimiter (ISO 13818-1 2.14.1 and 2.17.1).
#[derive(Debug, Clone, Copy)]
pub struct Rewriter<'a> {
    /// A delimiter that allows every slice type.
    pub delimiter: &'a [u8],
    /// The parameter sets of the configuration, in the order in which they are written.
    pub parameters: [&'a [Vec<u8>]; 4],
    /// The index of the list of picture parameter sets; those of sequences are before it.
    pub pictures: usize,
    /// Classifies a NAL unit.
    pub unit: fn(&[u8]) -> Unit,
}

impl Rewriter<'_> {
    /// Appends the messages of one picture to `out` as an access unit: a delimiter, then the configuration's parameters
    /// if decoding can start here or `start` asks for them, then the NAL units of the messages but for their
    /// delimiters.
    ///
    /// Parameters in the messages which the configuration has too are left out. If one of them differs, all are kept.
    /// If that is a set of a sequence (VPS, SPS), it is followed only by sets that come with it: where the messages
    /// bring sets of a kind, the configuration's sets of that kind are left out.
    ///
    /// Too many units or parameters are an error. After one, or [`AccessUnit::Empty`], `out` is as before.
    pub fn write<'b>(
        &self,
        messages: impl Iterator<Item = Nals<'b>> + Clone,
        start: Start,
        out: &mut Vec<u8>,
    ) -> Result<AccessUnit, PartsError> {
        let found = self.classify(messages.clone().flatten())?;
        if found.access_unit == AccessUnit::Empty {
            return Ok(found.access_unit);
        }
        write_nal(self.delimiter, out);
        if found.access_unit == AccessUnit::RandomAccess || start == Start::Fragment {
            self.write_parameters(&found, out);
        }
        for nal in messages.flatten().flatten() {
            let is_redundant = match (self.unit)(nal) {
                Unit::Delimiter => true,
                Unit::Parameters(_) => !found.has_new && self.holds(nal),
                _ => false,
            };
            if !is_redundant {
                write_nal(nal, out);
            }
        }
        Ok(found.access_unit)
    }

    /// The parameters behind start codes.
    pub fn parameters_alone(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.parameters.iter().flat_map(|nals| nals.iter()).for_each(|nal| write_nal(nal, &mut out));
        out
    }

    /// Classifies messages without writing them.
    pub fn check<'b>(&self, messages: impl Iterator<Item = Nals<'b>>) -> Result<AccessUnit, PartsError> {
        self.classify(messages.flatten()).map(|found| found.access_unit)
    }

    fn write_parameters(&self, found: &Found, out: &mut Vec<u8>) {
        for (list, nals) in self.parameters.iter().enumerate() {
            if !(found.has_new_sequence && found.lists & 1 << list != 0) {
                nals.iter().for_each(|nal| write_nal(nal, out));
            }
        }
    }

    fn holds(&self, nal: &[u8]) -> bool {
        self.parameters.iter().flat_map(|nals| nals.iter()).any(|held| held == nal)
    }

    fn classify<'b>(
        &self,
        nals: impl Iterator<Item = Result<&'b [u8], PartsError>>,
    ) -> Result<Found, PartsError> {
        let mut found =
            Found { access_unit: AccessUnit::Empty, lists: 0, has_new: false, has_new_sequence: false };
        let (mut units, mut parameters) = (0, 0);
        for nal in nals {
            let nal = nal?;
            units += 1;
            if units > MAX_NAL_UNITS {
                return Err(PartsError::TooManyNalUnits);
            }
            match (self.unit)(nal) {
                Unit::Parameters(_) if parameters == MAX_PARAMETER_SETS => {
                    return Err(PartsError::TooManyParameterSets);
                }
                Unit::Parameters(list) => {
                    parameters += 1;
                    found.lists |= 1 << list;
                    let is_new = !self.holds(nal);
                    found.has_new |= is_new;
                    found.has_new_sequence |= is_new && list < self.pictures;
                }
                Unit::RandomAccess => found.access_unit = AccessUnit::RandomAccess,
                Unit::Intra | Unit::Slice if found.access_unit == AccessUnit::Empty => {
                    found.access_unit = AccessUnit::Picture;
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

/// The result of [`Rewriter::classify`].
struct Found {
    access_unit: AccessUnit,
    /// The lists that have parameters in the messages, as a set of bits.
    lists: u32,
    /// One of the parameters is not held.
    has_new: bool,
    /// That is a set of a sequence.
    has_new_sequence: bool,
}

/// Appends a NAL unit behind a start code.
pub fn write_nal(nal: &[u8], out: &mut Vec<u8>) {
    out.extend(START_CODE);
    out.extend(nal);
}
