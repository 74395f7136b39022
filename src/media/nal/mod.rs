//! NAL units, as H.264 and HEVC have them alike: behind their lengths in FLV and RTMP (ISO 14496-15 5.3.4.2
//! and 8.3.2), behind start codes in MPEG-TS (annex B of both). What a unit is, its codec tells.

mod framing;
mod sets;

pub use framing::{Framing, Nals, begins_with_start_code, trim};
pub use sets::{Syntax, codes, merge};

use super::bits::Bits;
use super::parts::{MAX_NAL_UNITS, MAX_PARAMETER_SETS, PartsError};
use super::{Reader, Truncated};

const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// The largest width or height believed, in pixels: what level 6.2 of both codecs allows.
pub(super) const MAX_SIDE: u32 = 16_888;

/// What the parameter sets say of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Picture {
    /// Width in pixels, after cropping.
    pub width: u32,
    /// Height in pixels, after cropping.
    pub height: u32,
    /// Frames a second, if the sets have timing information.
    pub frame_rate: Option<f64>,
}

/// A picture's side in pixels, if it is one that can be.
pub(super) fn side(coded: u32, crop: u32) -> Result<u32, Truncated> {
    let side = coded.checked_sub(crop);
    side.filter(|side| (1..=MAX_SIDE).contains(side)).ok_or(Truncated)
}

/// Skips how the VUI of both codecs begins (ISO 14496-10 E.1.1, ISO 23008-2 E.2.1): the shape of pixels, overscan,
/// colours, where the chroma samples are.
pub(super) fn skip_signal_description(bits: &mut Bits<'_>) -> Result<(), Truncated> {
    const EXTENDED_SAR: u32 = 255;
    const MAX_CHROMA_LOCATION: u32 = 5;
    if bits.flag()? && bits.u(8)? == EXTENDED_SAR {
        bits.u(32)?;
    }
    if bits.flag()? {
        bits.flag()?; // overscan_appropriate_flag
    }
    if bits.flag()? {
        bits.u(4)?; // video_format, video_full_range_flag
        if bits.flag()? {
            bits.u(24)?; // colour description
        }
    }
    if bits.flag()? {
        bits.ue(MAX_CHROMA_LOCATION)?; // chroma_sample_loc_type_top_field
        bits.ue(MAX_CHROMA_LOCATION)?; // chroma_sample_loc_type_bottom_field
    }
    Ok(())
}

/// What a NAL unit is to the frame that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A delimiter, of which each access unit gets a new one.
    Delimiter,
    /// A parameter set, or another unit that the configuration holds for all key frames: in which of its lists, in the
    /// order in which they are written.
    Parameters(usize),
    /// A slice of a picture that decoding can start at.
    RandomAccess,
    /// A slice of any other picture that needs no other one to be decoded.
    Intra,
    /// A slice of any other picture.
    Slice,
    /// Messages (SEI), of which one says that decoding can start at the next picture.
    RecoveryPoint,
    /// Anything else.
    Other,
}

impl Unit {
    /// Whether it is a slice, a part of a picture.
    pub fn is_slice(self) -> bool {
        matches!(self, Self::RandomAccess | Self::Intra | Self::Slice)
    }
}

/// Whether one of the messages of an SEI unit, from behind its header, is a recovery point (ISO 14496-10 7.3.2.3.1 and
/// D.1.8, ISO 23008-2 7.3.5 and D.2.8: both have the same form).
pub(super) fn has_recovery_point(messages: &[u8]) -> bool {
    const RECOVERY_POINT: usize = 6;
    /// What may come before it in the same unit: timing, captions.
    const LOOKED_AT: usize = 512;
    let messages = unescape(messages.get(..LOOKED_AT).unwrap_or(messages));
    let mut reader = Reader::new(&messages);
    // What follows the last message is one byte, of which one bit is 1.
    while reader.rest().len() > 1 {
        let (Ok(kind), Ok(size)) = (read_ff_coded(&mut reader), read_ff_coded(&mut reader)) else {
            return false;
        };
        if kind == RECOVERY_POINT {
            return true;
        }
        if reader.take(size).is_err() {
            return false;
        }
    }
    false
}

/// The type or the size of an SEI message: bytes of 255, and the rest.
fn read_ff_coded(reader: &mut Reader<'_>) -> Result<usize, Truncated> {
    let mut number = 0usize;
    loop {
        let byte = reader.u8()?;
        number = number.saturating_add(usize::from(byte));
        if byte != 0xff {
            return Ok(number);
        }
    }
}

/// What [`Rewriter::write`] found in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessUnit {
    /// A picture that decoding can start at.
    RandomAccess,
    /// Any other picture.
    Picture,
    /// No slice at all, so not an access unit.
    Empty,
}

/// Where an access unit stands.
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
    /// What the configuration holds, in the order in which it is to be written.
    pub parameters: [&'a [Vec<u8>]; 4],
    /// Which of these lists has the sets of pictures; those of sequences are before it.
    pub pictures: usize,
    /// Tells what a NAL unit is.
    pub unit: fn(&[u8]) -> Unit,
}

impl Rewriter<'_> {
    /// Appends the messages of one picture to `out` as an access unit: a delimiter, then the configuration's parameters if
    /// decoding can start here or `start` asks for them, then the NAL units of the messages but for their delimiters.
    ///
    /// Parameters in the messages which the configuration has too are left out. If one of them differs, all are kept. If that is
    /// a set of a sequence (VPS, SPS), it is followed only by sets that come with it: where the messages bring sets of a
    /// kind, the configuration's sets of that kind are left out.
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

    /// Tells what messages are, without writing them.
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

/// What [`Rewriter::classify`] has found.
struct Found {
    access_unit: AccessUnit,
    /// The lists that have parameters in the messages, as a set of bits.
    lists: u32,
    /// Whether one of the parameters is not held.
    has_new: bool,
    /// Whether that is a set of a sequence.
    has_new_sequence: bool,
}

/// Appends a NAL unit behind a start code.
pub fn write_nal(nal: &[u8], out: &mut Vec<u8>) {
    out.extend(START_CODE);
    out.extend(nal);
}

/// The parameter sets in a message's body; None, as the last one, for what is behind too many units.
pub(super) fn sets_in(
    body: &[u8],
    length_size: usize,
    unit: fn(&[u8]) -> Unit,
) -> impl Iterator<Item = Option<&[u8]>> {
    let (framing, is_cut) = match Framing::of(body, length_size, unit) {
        Ok(framing) => (framing, false),
        Err(PartsError::Malformed) => (Framing::Lengths(length_size), false),
        Err(_) => (Framing::Lengths(length_size), true),
    };
    let nals = Nals::new(body, framing).map_while(Result::ok);
    let sets = nals.filter(move |nal| matches!(unit(nal), Unit::Parameters(_)));
    sets.map(Some).chain(is_cut.then_some(None))
}

/// Removes the emulation prevention bytes: the 3 of each 0, 0, 3 (ISO 14496-10 7.4.1.1, ISO 23008-2
/// 7.4.2.1).
pub fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        raw.push(byte);
    }
    raw
}

/// Puts emulation prevention bytes in: the reverse of [`unescape`].
pub fn escape(raw: &[u8]) -> Vec<u8> {
    let mut nal = Vec::with_capacity(raw.len() + raw.len() / 256);
    let mut zeros = 0;
    for &byte in raw {
        if zeros >= 2 && byte <= 3 {
            nal.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        nal.push(byte);
    }
    nal
}

#[cfg(test)]
mod tests;
