//! H.264 as FLV and RTMP carry it: the decoder configuration record, length-prefixed NAL units, and
//! their rewriting as the byte stream that MPEG-TS wants (ISO 14496-15 5.3, ISO 14496-10 annex B).

mod annex_b;
mod sps;

use std::error::Error;
use std::fmt;

use super::{Reader, Truncated};

pub use annex_b::{AccessUnit, Start};
pub use sps::Sps;

/// NAL unit type of a slice of an IDR picture (ISO 14496-10 table 7-1).
pub const NAL_IDR: u8 = 5;
/// NAL unit type of a sequence parameter set.
pub const NAL_SPS: u8 = 7;
/// NAL unit type of a picture parameter set.
pub const NAL_PPS: u8 = 8;
/// NAL unit type of an access unit delimiter.
pub const NAL_AUD: u8 = 9;

/// What is wrong with the publisher's H.264.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AvcError {
    /// The record ended before its fields did.
    Truncated,
    /// A `configurationVersion` other than 1.
    Version(u8),
    /// A parameter set of no bytes, or of another NAL unit type.
    ParameterSet,
    /// A NAL unit is longer than what is left of its frame.
    NalLength,
}

impl fmt::Display for AvcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("truncated avc configuration"),
            Self::Version(version) => write!(f, "avc configuration version {version}"),
            Self::ParameterSet => f.write_str("avc parameter set that is none"),
            Self::NalLength => f.write_str("nal unit longer than its frame"),
        }
    }
}

impl Error for AvcError {}

impl From<Truncated> for AvcError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

/// An AVCDecoderConfigurationRecord (ISO 14496-15 5.3.3.1): the body of an AVC sequence header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderConfig {
    /// `AVCProfileIndication`: 66 baseline, 77 main, 100 high.
    pub profile: u8,
    /// `profile_compatibility`: the constraint flags.
    pub compatibility: u8,
    /// `AVCLevelIndication`, ten times the level.
    pub level: u8,
    /// Bytes in front of each NAL unit that hold its length, 1 to 4. (3 is not allowed, and works.)
    pub nal_length_size: usize,
    /// Sequence parameter sets, each with its NAL header, at most 31.
    pub sps: Vec<Vec<u8>>,
    /// Picture parameter sets, each with its NAL header, at most 255.
    pub pps: Vec<Vec<u8>>,
}

impl DecoderConfig {
    /// Reads a record. What follows the picture parameter sets (the high profiles' chroma format) is
    /// in the sequence parameter set too, and not read.
    pub fn parse(record: &[u8]) -> Result<Self, AvcError> {
        let mut reader = Reader::new(record);
        let version = reader.u8()?;
        if version != 1 {
            return Err(AvcError::Version(version));
        }
        let [profile, compatibility, level, lengths, sps_count] = reader.array()?;
        let sps = parse_sets(&mut reader, sps_count & 0x1f, NAL_SPS)?;
        let pps_count = reader.u8()?;
        let pps = parse_sets(&mut reader, pps_count, NAL_PPS)?;
        let nal_length_size = usize::from(lengths & 3) + 1;
        Ok(Self { profile, compatibility, level, nal_length_size, sps, pps })
    }

    /// What the first sequence parameter set says of the picture, if it can be read.
    pub fn picture(&self) -> Option<Sps> {
        self.sps.first().and_then(|nal| Sps::parse(nal).ok())
    }

    /// The NAL units of a frame's body.
    pub fn nals<'a>(&self, body: &'a [u8]) -> Nals<'a> {
        Nals { reader: Reader::new(body), length_size: self.nal_length_size }
    }

    /// True for a parameter set that this record holds.
    pub fn holds(&self, nal: &[u8]) -> bool {
        self.sps.iter().chain(&self.pps).any(|set| set == nal)
    }
}

fn parse_sets(reader: &mut Reader<'_>, count: u8, kind: u8) -> Result<Vec<Vec<u8>>, AvcError> {
    let mut sets = Vec::new();
    for _ in 0..count {
        let length = reader.u16()?;
        let nal = reader.take(usize::from(length))?;
        if nal_type(nal) != Some(kind) {
            return Err(AvcError::ParameterSet);
        }
        sets.push(nal.to_vec());
    }
    Ok(sets)
}

/// The type of a NAL unit, from its header byte; `None` for one of no bytes.
pub fn nal_type(nal: &[u8]) -> Option<u8> {
    nal.first().map(|header| header & 0x1f)
}

/// The length-prefixed NAL units of one frame (ISO 14496-15 5.3.4.2), in order. Empty ones are
/// passed over; a length beyond the rest of the frame is an error and the last item.
#[derive(Debug, Clone)]
pub struct Nals<'a> {
    reader: Reader<'a>,
    length_size: usize,
}

impl<'a> Nals<'a> {
    fn take_one(&mut self) -> Result<&'a [u8], Truncated> {
        let prefix = self.reader.take(self.length_size)?;
        let length = prefix.iter().fold(0usize, |length, &byte| length << 8 | usize::from(byte));
        self.reader.take(length)
    }
}

impl<'a> Iterator for Nals<'a> {
    type Item = Result<&'a [u8], AvcError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.reader.is_empty() {
            match self.take_one() {
                Ok([]) => {}
                Ok(nal) => return Some(Ok(nal)),
                Err(Truncated) => {
                    self.reader = Reader::new(&[]);
                    return Some(Err(AvcError::NalLength));
                }
            }
        }
        None
    }
}

/// Removes the emulation prevention bytes: the 3 of each 0, 0, 3 (ISO 14496-10 7.4.1.1).
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
mod tests {
    use super::sps::tests::{BASELINE, CROPPED, HIGH};
    use super::*;

    const PPS: &[u8] = b"\x68\xeb\xe3\xcb\x22\xc0";

    /// A record as x264's encoders write it, with the extension of the high profiles.
    fn record(sps: &[u8]) -> Vec<u8> {
        let mut record = vec![1, sps[1], sps[2], sps[3], 0xff, 0xe1];
        record.extend(u16::try_from(sps.len()).unwrap().to_be_bytes());
        record.extend(sps);
        record.extend([1, 0, 6]);
        record.extend(PPS);
        record.extend([0xfd, 0xf8, 0xf8, 0]);
        record
    }

    #[test]
    fn a_record_yields_its_sets_and_its_picture() {
        for (sps, width, height) in [(BASELINE, 320, 240), (HIGH, 1280, 720), (CROPPED, 1920, 1080)] {
            let config = DecoderConfig::parse(&record(sps)).unwrap();
            assert_eq!((config.profile, config.level, config.nal_length_size), (sps[1], sps[3], 4));
            assert_eq!(
                (config.sps.as_slice(), config.pps.as_slice()),
                (&[sps.to_vec()][..], &[PPS.to_vec()][..])
            );
            let picture = config.picture().unwrap();
            assert_eq!((picture.width, picture.height), (width, height));
            assert!(config.holds(sps) && config.holds(PPS) && !config.holds(b"\x67"));
        }
    }

    #[test]
    fn a_record_cut_anywhere_before_its_extension_is_truncated() {
        let record = record(HIGH);
        for length in 0..record.len() - 4 {
            assert_eq!(DecoderConfig::parse(&record[..length]), Err(AvcError::Truncated), "{length}");
        }
    }

    #[test]
    fn a_record_without_sets_is_read_and_shows_no_picture() {
        let config = DecoderConfig::parse(&[1, 66, 0, 30, 0xfe, 0xe0, 0]).unwrap();
        assert_eq!((config.nal_length_size, config.picture()), (3, None));
    }

    #[test]
    fn sets_that_are_none_and_other_versions_are_refused() {
        assert_eq!(DecoderConfig::parse(&[0, 66, 0, 30, 0xff, 0xe0, 0]), Err(AvcError::Version(0)));
        assert_eq!(DecoderConfig::parse(&[1, 66, 0, 30, 0xff, 0xe1, 0, 0, 0]), Err(AvcError::ParameterSet));
        assert_eq!(
            DecoderConfig::parse(&[1, 66, 0, 30, 0xff, 0xe1, 0, 1, 0x68, 0]),
            Err(AvcError::ParameterSet)
        );
    }

    fn walk(length_size: usize, body: &[u8]) -> Vec<Result<&[u8], AvcError>> {
        Nals { reader: Reader::new(body), length_size }.collect()
    }

    #[test]
    fn nals_are_found_behind_lengths_of_every_size() {
        assert_eq!(walk(1, &[1, 9, 0, 2, 5, 6]), [Ok(&[9][..]), Ok(&[5, 6][..])]);
        assert_eq!(walk(2, &[0, 1, 9, 0, 2, 5, 6]), [Ok(&[9][..]), Ok(&[5, 6][..])]);
        assert_eq!(walk(3, &[0, 0, 1, 9, 0, 0, 2, 5, 6]), [Ok(&[9][..]), Ok(&[5, 6][..])]);
        assert_eq!(walk(4, &[0, 0, 0, 1, 9, 0, 0, 0, 0]), [Ok(&[9][..])]);
    }

    #[test]
    fn a_record_tells_every_length_size_and_a_length_takes_all_its_bytes() {
        for size in 1..=4 {
            // The upper six bits are reserved, and zero with some encoders.
            for reserved in [0, 0xfc] {
                let config = DecoderConfig::parse(&[1, 66, 0, 30, reserved | (size - 1), 0xe0, 0]).unwrap();
                assert_eq!(config.nal_length_size, usize::from(size));
            }
            let size = usize::from(size);
            let nal = vec![0x65; if size == 1 { 255 } else { 0x0102 }];
            let length = &u32::try_from(nal.len()).unwrap().to_be_bytes()[4 - size..];
            let body = [length, &nal, length, &nal].concat();
            assert_eq!(walk(size, &body), [Ok(&nal[..]), Ok(&nal[..])]);
            for cut in 1..nal.len() {
                assert_eq!(walk(size, &body[..cut]), [Err(AvcError::NalLength)], "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_length_beyond_the_frame_is_the_last_item() {
        assert_eq!(walk(4, &[0, 0, 0, 1, 9, 0, 0, 0, 3, 5, 6]), [Ok(&[9][..]), Err(AvcError::NalLength)]);
        assert_eq!(walk(4, &[0xff, 0xff, 0xff, 0xff, 9]), [Err(AvcError::NalLength)]);
        assert_eq!(walk(4, &[0, 0, 0]), [Err(AvcError::NalLength)]);
    }

    #[test]
    fn emulation_prevention_is_removed_and_nothing_else() {
        assert_eq!(unescape(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3]), [1, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(unescape(&[0, 3, 0, 0, 4, 3, 0, 0]), [0, 3, 0, 0, 4, 3, 0, 0]);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = DecoderConfig::parse(&bytes);
            for length_size in 1..=4 {
                assert!(walk(length_size, &bytes).len() <= bytes.len() / length_size + 1);
            }
        }
    }
}
