//! H.264 as FLV and RTMP carry it: the decoder configuration record (ISO 14496-15 5.3), and which NAL unit
//! is what to an access unit of MPEG-TS (ISO 14496-10 7.4.1).

mod record;
mod repeat;
mod sps;

pub use repeat::Repeater;

use std::error::Error;
use std::fmt;

use super::nal::{Picture, Rewriter, Unit, begins_with_start_code, has_recovery_point, sets_in, trim};
use crate::media::bits::Bits;
use crate::media::{Reader, Truncated};

/// NAL unit types (ISO 14496-10 table 7-1).
const NAL_IDR: u8 = 5;
const NAL_SEI: u8 = 6;
const NAL_SPS: u8 = 7;
const NAL_PPS: u8 = 8;
const NAL_AUD: u8 = 9;
/// An access unit delimiter that allows every slice type (7.4.2.4).
const DELIMITER: [u8; 2] = [NAL_AUD, 0xf0];

/// An error in the publisher's H.264.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AvcError {
    /// The record ended before its fields did.
    Truncated,
    /// A `configurationVersion` other than 1.
    Version(u8),
    /// A parameter set of no bytes, or of another NAL unit type.
    ParameterSet,
}

impl fmt::Display for AvcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("truncated avc configuration"),
            Self::Version(version) => write!(f, "avc configuration version {version}"),
            Self::ParameterSet => f.write_str("avc parameter set that is none"),
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
    /// in the sequence parameter set too, and not read. Sets behind start codes are a record, too.
    pub fn parse(record: &[u8]) -> Result<Self, AvcError> {
        if begins_with_start_code(record) {
            return Self::of_start_codes(record).ok_or(AvcError::ParameterSet);
        }
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

    /// The picture by the first sequence parameter set, if that can be read.
    pub fn picture(&self) -> Option<Picture> {
        self.sps.first().and_then(|nal| sps::parse(nal).ok())
    }

    /// The picture by each sequence parameter set; none for a set that cannot be read.
    pub fn pictures(&self) -> impl Iterator<Item = Option<Picture>> {
        self.sps.iter().map(|nal| sps::parse(nal).ok())
    }

    /// Writes pictures as access units of MPEG-TS.
    pub fn rewriter(&self) -> Rewriter<'_> {
        let parameters = [&*self.sps, &*self.pps, &[], &[]];
        Rewriter { delimiter: &DELIMITER, parameters, pictures: 1, unit }
    }
}

/// The pictures by the sequence parameter sets in a frame's body: none for a set that cannot be read, and none at the
/// end of a body of too many parts.
pub fn pictures_in(body: &[u8], nal_length_size: usize) -> impl Iterator<Item = Option<Picture>> + use<'_> {
    let sets = sets_in(body, nal_length_size, unit);
    let sets = sets.filter(|nal| nal.is_none_or(|nal| nal_type(nal) == Some(NAL_SPS)));
    sets.map(|nal| sps::parse(nal?).ok())
}

/// The kind of a NAL unit. Slices and slice data partitions are the types 1 to 5.
pub(super) fn unit(nal: &[u8]) -> Unit {
    match nal_type(nal) {
        Some(NAL_AUD) => Unit::Delimiter,
        Some(NAL_SPS) => Unit::Parameters(0),
        Some(NAL_PPS) => Unit::Parameters(1),
        Some(NAL_IDR) => Unit::RandomAccess,
        Some(NAL_SEI) if has_recovery_point(nal.get(1..).unwrap_or_default()) => Unit::RecoveryPoint,
        Some(1 | 2) if is_intra(nal) => Unit::Intra,
        Some(1..=4) => Unit::Slice,
        _ => Unit::Other,
    }
}

/// True if a slice is the first of its picture: `first_mb_in_slice` is 0, a code of one bit (7.3.3). The partitions B
/// and C of a slice do not say it, and follow A.
pub(super) fn is_first_slice(nal: &[u8]) -> bool {
    matches!(nal_type(nal), Some(1 | 2 | NAL_IDR)) && nal.get(1).is_some_and(|byte| byte & 0x80 != 0)
}

/// True if a slice says that its type is I or SI (7.4.3, table 7-6).
fn is_intra(nal: &[u8]) -> bool {
    let kind = || {
        let mut bits = Bits::new(nal.get(1..9).or(nal.get(1..)).unwrap_or_default());
        bits.ue(u32::MAX)?; // first_mb_in_slice
        bits.ue(9)
    };
    matches!(kind(), Ok(2 | 4 | 7 | 9))
}

fn parse_sets(reader: &mut Reader<'_>, count: u8, kind: u8) -> Result<Vec<Vec<u8>>, AvcError> {
    let mut sets = Vec::new();
    for _ in 0..count {
        let length = reader.u16()?;
        let nal = reader.take(usize::from(length))?;
        if nal_type(nal) != Some(kind) {
            return Err(AvcError::ParameterSet);
        }
        sets.push(trim(nal).to_vec());
    }
    Ok(sets)
}

/// The type of a NAL unit, from its header byte; `None` for one of no bytes.
fn nal_type(nal: &[u8]) -> Option<u8> {
    nal.first().map(|header| header & 0x1f)
}

#[cfg(test)]
pub(in crate::media) mod tests {
    use super::sps::tests::CROPPED;
    pub(in crate::media) use super::sps::tests::{BASELINE, HIGH};
    use super::*;
    use crate::media::video::nal::{AccessUnit, Framing, Nals, Start};

    pub(in crate::media) const PPS: &[u8] = b"\x68\xeb\xe3\xcb\x22\xc0";

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

    #[test]
    fn a_record_tells_every_length_size() {
        for size in 1..=4 {
            // The upper six bits are reserved, and zero with some encoders.
            for reserved in [0, 0xfc] {
                let config = DecoderConfig::parse(&[1, 66, 0, 30, reserved | (size - 1), 0xe0, 0]).unwrap();
                assert_eq!(config.nal_length_size, usize::from(size));
            }
        }
    }

    fn message(body: &[u8], length_size: usize) -> impl Iterator<Item = Nals<'_>> + Clone {
        std::iter::once(Nals::new(body, Framing::Lengths(length_size)))
    }

    #[test]
    fn lengths_of_every_size_become_start_codes_behind_a_delimiter_and_the_sets() {
        let (sps, pps) = (vec![vec![0x67, 1]], vec![vec![0x68, 2]]);
        let config = DecoderConfig { profile: 66, compatibility: 0, level: 30, nal_length_size: 1, sps, pps };
        let sets = b"\0\0\0\x01\x67\x01\0\0\0\x01\x68\x02";
        let slices = [&[0x65; 20][..], &[0x65; 200]];
        let expected =
            [b"\0\0\0\x01\x09\xf0", &sets[..], &[0, 0, 0, 1], slices[0], &[0, 0, 0, 1], slices[1]].concat();
        for size in 1..=4 {
            let config = DecoderConfig { nal_length_size: size, ..config.clone() };
            let nals = slices.map(|slice| [&(slice.len() as u32).to_be_bytes()[4 - size..], slice].concat());
            let mut out = Vec::new();
            let unit = config.rewriter().write(message(&nals.concat(), size), Start::Within, &mut out);
            assert_eq!((unit, &out), (Ok(AccessUnit::RandomAccess), &expected), "{size}");
        }
    }

    #[test]
    fn slices_and_data_partitions_make_a_picture_and_nothing_else_does() {
        let units = (0..32).map(|kind| unit(&[0x60 | kind])).collect::<Vec<_>>();
        assert_eq!(units[1..=4], [Unit::Slice; 4]);
        assert_eq!((units[5], units[9]), (Unit::RandomAccess, Unit::Delimiter));
        assert_eq!(units[7..=8], [Unit::Parameters(0), Unit::Parameters(1)]);
        assert!(units.iter().filter(|&&unit| unit == Unit::Other).count() == 32 - 8);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            if let Ok(config) = DecoderConfig::parse(&bytes) {
                config.picture();
                let _ = config.rewriter().write(message(&bytes, 4), Start::Fragment, &mut Vec::new());
            }
        }
    }
}
