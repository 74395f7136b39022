//! The decoder configuration record of parameter sets that came among the pictures.

use super::{DecoderConfig, NAL_SPS, nal_type, sps, unit};
use crate::media::video::nal::{Framing, Nals, Syntax, codes, merge};

/// As many sets as a record has room for.
const SETS: Syntax = Syntax { unit, most: &[31, 255], number, sequence };

/// `seq_parameter_set_id` behind profile, constraints and level, or `pic_parameter_set_id` (7.3.2.1, 7.3.2.2).
fn number(set: &[u8]) -> Option<u32> {
    let from = if nal_type(set) == Some(NAL_SPS) { 4 } else { 1 };
    codes(set, from).map(|[number]| number)
}

/// `seq_parameter_set_id` of a set of pictures.
fn sequence(set: &[u8]) -> Option<u32> {
    codes(set, 1).map(|[_, sequence]| sequence)
}

impl DecoderConfig {
    /// A configuration without any set yet, with 4-byte lengths.
    pub(in crate::media) fn empty() -> Self {
        Self { profile: 0, compatibility: 0, level: 0, nal_length_size: 4, sps: Vec::new(), pps: Vec::new() }
    }

    /// The configuration of sets behind start codes, which some cameras send in the place of a record. Without a set of
    /// a sequence there is none.
    pub(super) fn of_start_codes(record: &[u8]) -> Option<Self> {
        let sets: Vec<_> = Nals::new(record, Framing::StartCodes).map_while(Result::ok).collect();
        Self::empty().with_sets(&sets).filter(|config| !config.sps.is_empty())
    }

    /// The configuration with the parameter sets that came with a picture; none if it has them already, or
    /// there is no room for them.
    pub fn with_sets(&self, sets: &[&[u8]]) -> Option<Self> {
        let [sps, pps] = merge(&[&self.sps, &self.pps], sets, &SETS)?.try_into().ok()?;
        let mut config = Self { sps, pps, ..*self };
        if let Some([_, profile, compatibility, level, ..]) = config.sps.first().map(Vec::as_slice) {
            (config.profile, config.compatibility, config.level) = (*profile, *compatibility, *level);
        }
        Some(config)
    }

    /// `chroma_format_idc`, `bit_depth_luma_minus8` and `bit_depth_chroma_minus8`; none if they cannot be read.
    pub fn sample_format(&self) -> Option<[u8; 3]> {
        const ONLY: [u8; 3] = [1, 0, 0];
        let format = sps::sample_format(self.sps.first()?).ok()?;
        Some(format.unwrap_or(ONLY))
    }

    /// The record (ISO 14496-15 5.3.3.1.2); none if a set is missing, or there is no room for one.
    pub fn record(&self) -> Option<Vec<u8>> {
        if self.sps.is_empty() || self.pps.is_empty() {
            return None;
        }
        let lengths = u8::try_from(self.nal_length_size.checked_sub(1)?).ok()? & 3;
        let mut record = vec![1, self.profile, self.compatibility, self.level, 0xfc | lengths];
        record.push(0xe0 | u8::try_from(self.sps.len()).ok().filter(|&count| count < 0x20)?);
        write_sets(&mut record, &self.sps)?;
        record.push(u8::try_from(self.pps.len()).ok()?);
        write_sets(&mut record, &self.pps)?;
        // 5.3.3.1.2: of the high profiles, the format of samples.
        if let Some(Ok(Some([chroma_format, luma, chroma]))) =
            self.sps.first().map(|set| sps::sample_format(set))
        {
            record.extend([0xfc | chroma_format, 0xf8 | luma, 0xf8 | chroma, 0]);
        }
        Some(record)
    }
}

fn write_sets(record: &mut Vec<u8>, sets: &[Vec<u8>]) -> Option<()> {
    for set in sets {
        record.extend(u16::try_from(set.len()).ok()?.to_be_bytes());
        record.extend(set);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::video::avc::tests::{BASELINE, HIGH, PPS};

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for sps in [BASELINE, HIGH] {
            let config = DecoderConfig::empty().with_sets(&[sps, PPS]).unwrap();
            assert_eq!((config.profile, config.level), (sps[1], sps[3]));
            assert_eq!(DecoderConfig::parse(&config.record().unwrap()), Ok(config));
        }
        let record = DecoderConfig::empty().with_sets(&[HIGH, PPS]).unwrap().record().unwrap();
        assert!(record.ends_with(&[0xfd, 0xf8, 0xf8, 0]), "4:2:0 with 8 bits");
    }

    #[test]
    fn there_is_no_record_without_both_sets() {
        assert_eq!(DecoderConfig::empty().record(), None);
        assert_eq!(DecoderConfig::empty().with_sets(&[HIGH]).unwrap().record(), None);
        let long = vec![0x68; 70_000];
        assert_eq!(DecoderConfig::empty().with_sets(&[HIGH, &long]), None);
    }

    #[test]
    fn sets_behind_start_codes_are_a_configuration() {
        let record = [&[0, 0, 0, 1][..], HIGH, &[0, 0, 1], PPS].concat();
        let config = DecoderConfig::parse(&record).unwrap();
        assert_eq!((config.profile, config.nal_length_size), (HIGH[1], 4));
        assert_eq!((config.sps, config.pps), (vec![HIGH.to_vec()], vec![PPS.to_vec()]));
        assert!(DecoderConfig::parse(&[0, 0, 0, 1, 0x68, 1]).is_err());
    }
}
