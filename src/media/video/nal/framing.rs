//! The separation of the NAL units of a message, and the units one by one.

use super::unit::Unit;
use crate::media::parts::{MAX_NAL_UNITS, PartsError};
use crate::media::reader::Reader;

/// The start code of three bytes (annex B of both codecs), with which that of four bytes ends.
const START_CODE: [u8; 3] = [0, 0, 1];

/// The separators of the NAL units in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// The length of each unit in front of it, in so many bytes (ISO 14496-15 5.3.4.2 and 8.3.2): 1 to 4.
    Lengths(usize),
    /// Start codes (annex B), which some cameras send where lengths belong.
    StartCodes,
    /// Lengths of so many bytes, and start codes within the units, of which each one separates two more.
    Both(usize),
}

impl Framing {
    /// The separation of the NAL units in a message's body, whose lengths have `length_size` bytes according to the
    /// configuration. `unit` tells what a unit is. The error is that of the lengths.
    pub fn of(body: &[u8], length_size: usize, unit: fn(&[u8]) -> Unit) -> Result<Self, PartsError> {
        let walk = |framing| Nals::new(body, framing).try_for_each(|nal| nal.map(drop));
        Self::find(body, length_size, unit, walk).map(|(framing, ())| framing)
    }

    /// The same, and what a walk over the units has found. Start codes separate units where the lengths do not parse,
    /// and within units that are no slice: none has a start code within (ISO 14496-10 7.4.1.1), and who reads a byte
    /// stream takes it for one.
    pub fn find<T>(
        body: &[u8],
        length_size: usize,
        unit: fn(&[u8]) -> Unit,
        walk: impl Fn(Self) -> Result<T, PartsError>,
    ) -> Result<(Self, T), PartsError> {
        let framing = match walk(Self::Lengths(length_size)) {
            Ok(_) if hides_units(body, length_size, unit) => Self::Both(length_size),
            Ok(found) => return Ok((Self::Lengths(length_size), found)),
            Err(PartsError::Malformed) if begins_with_start_code(body) => Self::StartCodes,
            Err(error) => return Err(error),
        };
        walk(framing).map(|found| (framing, found))
    }
}

/// True if a unit behind its length that is no slice has a start code within.
fn hides_units(body: &[u8], length_size: usize, unit: fn(&[u8]) -> Unit) -> bool {
    let mut nals = Nals::new(body, Framing::Lengths(length_size)).map_while(Result::ok);
    nals.any(|nal| !unit(nal).is_slice() && find_start_code(nal).is_some())
}

/// True if a message or a record begins with a start code.
pub fn begins_with_start_code(body: &[u8]) -> bool {
    body.starts_with(&START_CODE) || body.starts_with(&[0, 0, 0, 1])
}

/// The offset of the first start code. Most bytes are above 1, and none of the three that one ends is looked at.
fn find_start_code(bytes: &[u8]) -> Option<usize> {
    let mut last = START_CODE.len() - 1;
    while let Some(&byte) = bytes.get(last) {
        match byte {
            0 => last += 1,
            1 if bytes.get(last - 2..last) == Some(&[0, 0]) => return Some(last - 2),
            _ => last += START_CODE.len(),
        }
    }
    None
}

/// A NAL unit without zeros behind it (`trailing_zero_8bits`): each ends with a bit that is 1.
pub fn trim(nal: &[u8]) -> &[u8] {
    let length = nal.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    nal.get(..length).unwrap_or_default()
}

/// The NAL units of one message, in order, without zeros behind them. Empty ones are passed over; a length beyond the
/// rest of the message, or one unit more than [`MAX_NAL_UNITS`], is an error and the last item.
#[derive(Debug, Clone)]
pub struct Nals<'a> {
    reader: Reader<'a>,
    framing: Framing,
    /// Bytes in which start codes separate units.
    within: &'a [u8],
    /// Units that may still come.
    left: usize,
}

impl<'a> Nals<'a> {
    /// The NAL units of a message's body.
    pub fn new(body: &'a [u8], framing: Framing) -> Self {
        let (reader, within) = match framing {
            Framing::StartCodes => (&[][..], body),
            Framing::Lengths(_) | Framing::Both(_) => (body, &[][..]),
        };
        Self { reader: Reader::new(reader), framing, within, left: MAX_NAL_UNITS }
    }

    fn take_one(&mut self) -> Result<&'a [u8], PartsError> {
        self.left = self.left.checked_sub(1).ok_or(PartsError::TooManyNalUnits)?;
        if !self.within.is_empty() {
            return Ok(self.split());
        }
        match self.framing {
            Framing::Lengths(size) => self.take_behind_length(size).map(trim),
            Framing::Both(size) => {
                self.within = self.take_behind_length(size)?;
                Ok(self.split())
            }
            Framing::StartCodes => Ok(&[]),
        }
    }

    /// True if nothing is left but a few zeros, which are no length.
    fn is_over(&self) -> bool {
        let size = match self.framing {
            Framing::Lengths(size) | Framing::Both(size) => size,
            Framing::StartCodes => 0,
        };
        let rest = self.reader.rest();
        self.within.is_empty() && (rest.is_empty() || rest.len() < size && rest.iter().all(|&byte| byte == 0))
    }

    fn take_behind_length(&mut self, size: usize) -> Result<&'a [u8], PartsError> {
        let prefix = self.reader.take(size)?;
        let length = prefix.iter().fold(0usize, |length, &byte| length << 8 | usize::from(byte));
        Ok(self.reader.take(length)?)
    }

    /// Takes what comes before the next start code, and the start code.
    fn split(&mut self) -> &'a [u8] {
        let end = find_start_code(self.within);
        let (unit, rest) = self.within.split_at(end.unwrap_or(self.within.len()));
        self.within = rest.get(START_CODE.len()..).unwrap_or_default();
        trim(unit)
    }
}

impl<'a> Iterator for Nals<'a> {
    type Item = Result<&'a [u8], PartsError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over() {
            match self.take_one() {
                Ok([]) => {}
                Ok(nal) => return Some(Ok(nal)),
                Err(error) => {
                    (self.reader, self.within) = (Reader::new(&[]), &[]);
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A codec whose units say in their first byte what they are: 5 is a slice.
    fn unit(nal: &[u8]) -> Unit {
        if nal[0] == 5 { Unit::Slice } else { Unit::Other }
    }

    fn units(body: &[u8], framing: Framing) -> Vec<Vec<u8>> {
        Nals::new(body, framing).map(|nal| nal.unwrap().to_vec()).collect()
    }

    #[test]
    fn start_codes_of_both_lengths_separate_units_and_zeros_in_front_of_them_are_none() {
        let body = b"\0\0\0\x01\x09\xf0\0\0\x01\x05\0\0\x03\x01\0\0\0\0\x01\x07\x01\0";
        assert_eq!(Framing::of(body, 4, unit), Ok(Framing::StartCodes));
        let found = units(body, Framing::StartCodes);
        assert_eq!(found, [&b"\x09\xf0"[..], b"\x05\0\0\x03\x01", b"\x07\x01"]);
        assert_eq!(units(b"\0\0\x01", Framing::StartCodes), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn lengths_that_parse_are_lengths_whatever_they_look_like() {
        // A unit of one byte behind a length of 1.
        assert_eq!(Framing::of(b"\0\0\0\x01\x05", 4, unit), Ok(Framing::Lengths(4)));
        assert_eq!(Framing::of(b"\0\0\0\x01\x09\0\0\0\x01\x05", 4, unit), Ok(Framing::Lengths(4)));
        assert_eq!(Framing::of(b"\0\0\0\x09\x05", 4, unit), Err(PartsError::Malformed));
    }

    #[test]
    fn a_unit_with_a_start_code_within_is_two_unless_it_is_a_slice() {
        let hidden = b"\0\0\0\x08\x0e\x01\0\0\0\x01\x05\x02";
        assert_eq!(Framing::of(hidden, 4, unit), Ok(Framing::Both(4)));
        assert_eq!(units(hidden, Framing::Both(4)), [&b"\x0e\x01"[..], b"\x05\x02"]);
        let sets_and_slice = b"\0\0\0\x06\x07\x01\0\0\x01\x08\0\0\0\x02\x05\x01";
        assert_eq!(Framing::of(sets_and_slice, 4, unit), Ok(Framing::Both(4)));
        assert_eq!(units(sets_and_slice, Framing::Both(4)), [&b"\x07\x01"[..], b"\x08", b"\x05\x01"]);
        let slice = b"\0\0\0\x06\x05\x01\0\0\x01\x06";
        assert_eq!(Framing::of(slice, 4, unit), Ok(Framing::Lengths(4)));
    }

    #[test]
    fn zeros_behind_the_last_unit_are_passed_over() {
        for zeros in 0..9 {
            let body = [&b"\0\0\0\x02\x05\x01"[..], &vec![0; zeros]].concat();
            assert_eq!(units(&body, Framing::Lengths(4)), [b"\x05\x01"], "{zeros}");
        }
        assert_eq!(Framing::of(b"\0\0\0\x02\x05\x01\0\x01", 4, unit), Err(PartsError::Malformed));
    }

    #[test]
    fn a_start_code_is_found_wherever_it_is() {
        for zeros in 0..5 {
            for before in 0..7 {
                let bytes = [vec![7; before], vec![0; zeros], vec![1, 7, 0, 0]].concat();
                let expected = (zeros >= 2).then(|| before + zeros - 2);
                assert_eq!(find_start_code(&bytes), expected, "{bytes:?}");
            }
        }
    }

    #[test]
    fn units_are_counted_however_they_are_separated() {
        let most = b"\0\0\x01\x09".repeat(MAX_NAL_UNITS - 1);
        assert_eq!(units(&most, Framing::StartCodes).len(), MAX_NAL_UNITS - 1);
        let more = b"\0\0\x01\x09".repeat(MAX_NAL_UNITS);
        let error = Nals::new(&more, Framing::StartCodes).find_map(Result::err);
        assert_eq!(error, Some(PartsError::TooManyNalUnits));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_walk_panic(
            body in proptest::collection::vec(0u8..6, 0..60),
            size in 1usize..5,
        ) {
            let _ = Framing::of(&body, size, unit);
            let naive = body.windows(3).position(|window| window == START_CODE);
            proptest::prop_assert_eq!(find_start_code(&body), naive);
            for framing in [Framing::Lengths(size), Framing::Both(size), Framing::StartCodes] {
                let length: usize = Nals::new(&body, framing).flatten().map(<[u8]>::len).sum();
                proptest::prop_assert!(length <= body.len());
            }
        }
    }
}
