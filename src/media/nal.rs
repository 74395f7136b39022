//! NAL units, as H.264 and HEVC have them alike: behind their lengths in FLV and RTMP (ISO 14496-15 5.3.4.2
//! and 8.3.2), behind start codes in MPEG-TS (annex B of both). What a unit is, its codec tells.

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
    /// A parameter set, or another unit that the configuration holds for all key frames.
    Parameters,
    /// A slice of a picture that decoding can start at.
    RandomAccess,
    /// A slice of any other picture.
    Slice,
    /// Anything else.
    Other,
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
    /// Bytes of the length in front of each NAL unit.
    pub length_size: usize,
    /// A delimiter that allows every slice type.
    pub delimiter: &'a [u8],
    /// What the configuration holds, in the order in which it is to be written.
    pub parameters: &'a [&'a [Vec<u8>]],
    /// Tells what a NAL unit is.
    pub unit: fn(&[u8]) -> Unit,
}

impl Rewriter<'_> {
    /// Appends a frame's body to `out` as one access unit: a delimiter, the parameters when decoding can start
    /// here or `start` asks for them, then its NAL units. Delimiters in the frame are dropped, and
    /// parameters that the configuration holds too; others, which encoders that change them on the way put
    /// there, are kept. A frame of too many units or parameters is an error, too. After one or
    /// [`AccessUnit::Empty`], `out` is as before.
    pub fn write(&self, body: &[u8], start: Start, out: &mut Vec<u8>) -> Result<AccessUnit, PartsError> {
        let access_unit = self.classify(body)?;
        if access_unit == AccessUnit::Empty {
            return Ok(access_unit);
        }
        write_nal(self.delimiter, out);
        if access_unit == AccessUnit::RandomAccess || start == Start::Fragment {
            self.parameters().for_each(|nal| write_nal(nal, out));
        }
        for nal in Nals::new(body, self.length_size).flatten() {
            let is_redundant = match (self.unit)(nal) {
                Unit::Delimiter => true,
                Unit::Parameters => self.parameters().any(|held| held == nal),
                _ => false,
            };
            if !is_redundant {
                write_nal(nal, out);
            }
        }
        Ok(access_unit)
    }

    fn parameters(&self) -> impl Iterator<Item = &[u8]> {
        self.parameters.iter().flat_map(|nals| nals.iter()).map(Vec::as_slice)
    }

    fn classify(&self, body: &[u8]) -> Result<AccessUnit, PartsError> {
        let (mut access_unit, mut parameters) = (AccessUnit::Empty, 0);
        for nal in Nals::new(body, self.length_size) {
            match (self.unit)(nal?) {
                Unit::Parameters if parameters == MAX_PARAMETER_SETS => {
                    return Err(PartsError::TooManyParameterSets);
                }
                Unit::Parameters => parameters += 1,
                Unit::RandomAccess => access_unit = AccessUnit::RandomAccess,
                Unit::Slice if access_unit == AccessUnit::Empty => access_unit = AccessUnit::Picture,
                _ => {}
            }
        }
        Ok(access_unit)
    }
}

fn write_nal(nal: &[u8], out: &mut Vec<u8>) {
    out.extend(START_CODE);
    out.extend(nal);
}

/// The length-prefixed NAL units of one frame, in order. Empty ones are passed over; a length beyond the
/// rest of the frame, or one unit more than [`MAX_NAL_UNITS`], is an error and the last item.
#[derive(Debug, Clone)]
pub struct Nals<'a> {
    reader: Reader<'a>,
    length_size: usize,
    /// Units that may still come.
    left: usize,
}

impl<'a> Nals<'a> {
    /// The NAL units of a frame's body, with lengths of 1 to 4 bytes.
    pub fn new(body: &'a [u8], length_size: usize) -> Self {
        Self { reader: Reader::new(body), length_size, left: MAX_NAL_UNITS }
    }

    fn take_one(&mut self) -> Result<&'a [u8], PartsError> {
        self.left = self.left.checked_sub(1).ok_or(PartsError::TooManyNalUnits)?;
        let prefix = self.reader.take(self.length_size)?;
        let length = prefix.iter().fold(0usize, |length, &byte| length << 8 | usize::from(byte));
        Ok(self.reader.take(length)?)
    }
}

impl<'a> Iterator for Nals<'a> {
    type Item = Result<&'a [u8], PartsError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.reader.is_empty() {
            match self.take_one() {
                Ok([]) => {}
                Ok(nal) => return Some(Ok(nal)),
                Err(error) => {
                    self.reader = Reader::new(&[]);
                    return Some(Err(error));
                }
            }
        }
        None
    }
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

#[cfg(test)]
mod tests;
