//! One frame as an access unit in byte stream format (ISO 14496-10 annex B), as MPEG-TS carries it
//! (ISO 13818-1 2.14.1: each starts with an access unit delimiter).

use super::{AvcError, DecoderConfig, NAL_AUD, NAL_IDR, NAL_PPS, NAL_SPS, nal_type};

const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// An access unit delimiter that allows every slice type (7.4.2.4), with its start code.
const DELIMITER: [u8; 6] = [0, 0, 0, 1, NAL_AUD, 0xf0];

/// What [`DecoderConfig::write_annex_b`] found in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessUnit {
    /// A picture that decoding can start at.
    Idr,
    /// Any other picture.
    Picture,
    /// No slice at all, so not an access unit.
    Empty,
}

impl DecoderConfig {
    /// Appends a frame's body to `out` as one access unit: a delimiter, the parameter sets when it is
    /// an IDR picture or `start` asks for them, then its NAL units. Delimiters in the frame are
    /// dropped, and parameter sets that the record holds too; others, which encoders that change
    /// them on the way put there, are kept. After an error or [`AccessUnit::Empty`], `out` is as before.
    pub fn write_annex_b(
        &self,
        body: &[u8],
        start: Start,
        out: &mut Vec<u8>,
    ) -> Result<AccessUnit, AvcError> {
        let unit = self.classify(body)?;
        if unit == AccessUnit::Empty {
            return Ok(unit);
        }
        out.extend(DELIMITER);
        if unit == AccessUnit::Idr || start == Start::Fragment {
            for set in self.sps.iter().chain(&self.pps) {
                write_nal(set, out);
            }
        }
        for nal in self.nals(body).flatten() {
            let redundant = match nal_type(nal) {
                Some(NAL_AUD) => true,
                Some(NAL_SPS | NAL_PPS) => self.holds(nal),
                _ => false,
            };
            if !redundant {
                write_nal(nal, out);
            }
        }
        Ok(unit)
    }

    fn classify(&self, body: &[u8]) -> Result<AccessUnit, AvcError> {
        let mut unit = AccessUnit::Empty;
        for nal in self.nals(body) {
            match nal_type(nal?) {
                Some(NAL_IDR) => unit = AccessUnit::Idr,
                // Slices and slice data partitions (table 7-1).
                Some(1..=4) if unit == AccessUnit::Empty => unit = AccessUnit::Picture,
                _ => {}
            }
        }
        Ok(unit)
    }
}

/// Where an access unit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the start of a fragment, where a player may join: with parameter sets in any case.
    Fragment,
    /// Anywhere else.
    Within,
}

fn write_nal(nal: &[u8], out: &mut Vec<u8>) {
    out.extend(START_CODE);
    out.extend(nal);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> DecoderConfig {
        let (sps, pps) = (vec![vec![0x67, 1]], vec![vec![0x68, 2]]);
        DecoderConfig { profile: 66, compatibility: 0, level: 30, nal_length_size: 1, sps, pps }
    }

    fn write(body: &[u8], start: Start) -> (Result<AccessUnit, AvcError>, Vec<u8>) {
        let mut out = vec![0xee];
        let unit = config().write_annex_b(body, start, &mut out);
        assert_eq!(out.remove(0), 0xee);
        (unit, out)
    }

    const AUD: [u8; 6] = [0, 0, 0, 1, 9, 0xf0];
    const SETS: [u8; 12] = [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2];

    #[test]
    fn an_idr_picture_gets_a_delimiter_and_the_sets_once() {
        // Its own delimiter and the same sets in front: they go. SEI stays.
        let body = [2, 9, 0x10, 2, 0x67, 1, 2, 0x68, 2, 2, 6, 7, 2, 0x65, 8];
        let (unit, out) = write(&body, Start::Within);
        assert_eq!(unit, Ok(AccessUnit::Idr));
        assert_eq!(out, [&AUD[..], &SETS, &[0, 0, 0, 1, 6, 7], &[0, 0, 0, 1, 0x65, 8]].concat());
    }

    #[test]
    fn other_pictures_get_the_sets_at_a_fragments_start_only() {
        let slice = [0, 0, 0, 1, 0x41, 8];
        assert_eq!(
            write(&[2, 0x41, 8], Start::Within),
            (Ok(AccessUnit::Picture), [&AUD[..], &slice].concat())
        );
        let with_sets = [&AUD[..], &SETS, &slice].concat();
        assert_eq!(write(&[2, 0x41, 8], Start::Fragment), (Ok(AccessUnit::Picture), with_sets));
    }

    #[test]
    fn a_set_that_the_record_does_not_hold_is_kept() {
        let (_, out) = write(&[2, 0x67, 9, 2, 0x65, 8], Start::Within);
        assert_eq!(out, [&AUD[..], &SETS, &[0, 0, 0, 1, 0x67, 9], &[0, 0, 0, 1, 0x65, 8]].concat());
    }

    #[test]
    fn lengths_of_every_size_become_start_codes() {
        let slices = [&[0x65; 20][..], &[0x65; 200]];
        let expected = [&AUD[..], &SETS, &[0, 0, 0, 1], slices[0], &[0, 0, 0, 1], slices[1]].concat();
        for size in 1..=4 {
            let config = DecoderConfig { nal_length_size: size, ..config() };
            let nals = slices.map(|slice| [&(slice.len() as u32).to_be_bytes()[4 - size..], slice].concat());
            let mut out = Vec::new();
            assert_eq!(config.write_annex_b(&nals.concat(), Start::Within, &mut out), Ok(AccessUnit::Idr));
            assert_eq!(out, expected, "{size}");
        }
    }

    #[test]
    fn broken_and_empty_frames_write_nothing() {
        assert_eq!(write(&[2, 0x65, 8, 9, 1], Start::Within), (Err(AvcError::NalLength), vec![]));
        assert_eq!(write(&[2, 6, 7, 0], Start::Within), (Ok(AccessUnit::Empty), vec![]));
        assert_eq!(write(&[], Start::Within), (Ok(AccessUnit::Empty), vec![]));
    }
}
