//! The decoder configuration record of parameter sets that came among the pictures.

use super::syntax::{NAL_PPS, NAL_PREFIX_SEI, NAL_SPS, NAL_VPS, nal_type};
use super::{DecoderConfig, MAX_SETS, Tier, sps, unit};
use crate::media::video::nal::{Framing, Nals, Syntax, codes, merge, unescape};

const SETS: Syntax = Syntax { unit, most: &[MAX_SETS; 3], number, sequence };

/// The number of a set (7.3.2.1 to 7.3.2.3).
fn number(set: &[u8]) -> Option<u32> {
    match nal_type(set)? {
        NAL_VPS => set.get(2).map(|byte| u32::from(byte >> 4)),
        NAL_SPS => sps::number(set).ok(),
        _ => codes(set, 2).map(|[number]| number),
    }
}

/// `pps_seq_parameter_set_id`.
fn sequence(set: &[u8]) -> Option<u32> {
    codes(set, 2).map(|[_, sequence]| sequence)
}

impl DecoderConfig {
    /// A configuration without any set yet, with 4-byte lengths.
    pub(in crate::media) fn empty() -> Self {
        Self {
            profile_space: 0,
            tier: Tier::Main,
            profile: 0,
            compatibility: 0,
            constraints: [0; 6],
            level: 0,
            chroma_format: 1,
            bit_depth: 8,
            average_frame_rate: 0,
            nal_length_size: 4,
            vps: Vec::new(),
            sps: Vec::new(),
            pps: Vec::new(),
            sei: Vec::new(),
        }
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
        let lists = merge(&[&self.vps, &self.sps, &self.pps], sets, &SETS)?;
        let [vps, sps, pps] = lists.try_into().ok()?;
        let mut config = Self { vps, sps, pps, sei: self.sei.clone(), ..*self };
        if config.sps != self.sps {
            config.follow_sps();
        }
        Some(config)
    }

    /// Takes from the first set of a sequence what the record repeats of it (7.3.2.2.1, 7.3.3).
    fn follow_sps(&mut self) {
        const LONGEST: usize = 64;
        let Some(set) = self.sps.first() else { return };
        let start = unescape(set.get(2..set.len().min(LONGEST)).unwrap_or_default());
        let Some([_, profile, a, b, c, d, constraints @ .., level]) = start.first_chunk::<13>() else {
            return;
        };
        self.profile_space = profile >> 6;
        self.tier = if profile & 0x20 == 0 { Tier::Main } else { Tier::High };
        self.profile = profile & 0x1f;
        self.compatibility = u32::from_be_bytes([*a, *b, *c, *d]);
        self.constraints = *constraints;
        self.level = *level;
        self.average_frame_rate = 0;
        if let Some([chroma_format, luma, _]) = self.sample_format() {
            (self.chroma_format, self.bit_depth) = (chroma_format, 8 + luma);
        }
    }

    /// `chroma_format_idc`, `bit_depth_luma_minus8` and `bit_depth_chroma_minus8`; none if they cannot be read.
    pub fn sample_format(&self) -> Option<[u8; 3]> {
        sps::sample_format(self.sps.first()?).ok()
    }

    /// The record (ISO 14496-15 8.3.3.1.2); none if a set is missing, or there is no room for one.
    pub fn record(&self) -> Option<Vec<u8>> {
        let lists = [(NAL_VPS, &self.vps), (NAL_SPS, &self.sps), (NAL_PPS, &self.pps)];
        if lists.iter().any(|(_, sets)| sets.is_empty()) {
            return None;
        }
        let [_, _, chroma] = self.sample_format()?;
        let tier = if self.tier == Tier::High { 0x20 } else { 0 };
        let lengths = u8::try_from(self.nal_length_size.checked_sub(1)?).ok()? & 3;
        let mut record = vec![1, self.profile_space << 6 | tier | self.profile];
        record.extend(self.compatibility.to_be_bytes());
        record.extend(self.constraints);
        record.push(self.level);
        // No segmentation and no parallelism that would be told; then the format of samples.
        record.extend([0xf0, 0, 0xfc, 0xfc | self.chroma_format]);
        record.extend([0xf8 | self.bit_depth.saturating_sub(8), 0xf8 | chroma]);
        record.extend(self.average_frame_rate.to_be_bytes());
        record.push(self.sub_layers() << 3 | lengths);
        let lists = lists.into_iter().chain([(NAL_PREFIX_SEI, &self.sei)]);
        let lists: Vec<_> = lists.filter(|(_, sets)| !sets.is_empty()).collect();
        record.push(u8::try_from(lists.len()).ok()?);
        for (kind, sets) in lists {
            // array_completeness is 0: there may be more among the pictures.
            record.push(kind);
            record.extend(u16::try_from(sets.len()).ok()?.to_be_bytes());
            for set in sets {
                record.extend(u16::try_from(set.len()).ok()?.to_be_bytes());
                record.extend(set);
            }
        }
        Some(record)
    }

    /// `numTemporalLayers` and `temporalIdNested`, as the first set of a sequence has them.
    fn sub_layers(&self) -> u8 {
        let first = self.sps.first().and_then(|set| set.get(2)).copied().unwrap_or_default();
        ((first >> 1 & 7) + 1) << 1 | first & 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::video::hevc::tests::{HDR, LIGHT, MAIN, PPS, SUB_LAYERS, VPS, config, hex};

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for sps in [MAIN, HDR, SUB_LAYERS] {
            let sets = [hex(VPS), hex(sps), hex(PPS)];
            let sets: Vec<_> = sets.iter().map(Vec::as_slice).collect();
            let made = DecoderConfig::empty().with_sets(&sets).unwrap();
            assert_eq!(DecoderConfig::parse(&made.record().unwrap()), Ok(made.clone()));
            assert_eq!(made.picture(), config(&[VPS, sps, PPS]).picture());
        }
        let old = config(&[VPS, HDR, PPS, LIGHT]);
        let new = old.with_sets(&[&hex(MAIN)]).unwrap();
        assert_eq!((new.profile, new.level, new.bit_depth, &new.sei), (1, 63, 8, &old.sei));
        assert_eq!(DecoderConfig::parse(&new.record().unwrap()), Ok(new));
        assert_eq!((old.with_sets(&[&hex(HDR), &hex(PPS)]), DecoderConfig::empty().record()), (None, None));
    }

    #[test]
    fn sets_behind_start_codes_are_a_configuration() {
        let sets = [VPS, MAIN, PPS].map(|set| [vec![0, 0, 0, 1], hex(set)].concat());
        let config = DecoderConfig::parse(&sets.concat()).unwrap();
        assert_eq!((config.profile, config.nal_length_size), (1, 4));
        assert_eq!((config.vps, config.sps, config.pps), (vec![hex(VPS)], vec![hex(MAIN)], vec![hex(PPS)]));
        assert!(DecoderConfig::parse(&sets[0]).is_err());
    }
}
