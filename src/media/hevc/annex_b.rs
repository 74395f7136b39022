//! One frame as an access unit in byte stream format (ISO 23008-2 annex B), as MPEG-TS carries it
//! (ISO 13818-1 2.17.1: each starts with an access unit delimiter).

use super::super::avc::{AccessUnit, Start, write_nal};
use super::{AUD, DecoderConfig, FIRST_NON_VCL, HevcError, IRAP, PARAMETER_SETS, nal_type};

/// An access unit delimiter that allows every slice type (7.4.3.5), with its start code.
const DELIMITER: [u8; 7] = [0, 0, 0, 1, AUD << 1, 1, 0x50];

impl DecoderConfig {
    /// Appends a frame's body to `out` as one access unit: a delimiter, the parameter sets when decoding can
    /// start at it or `start` asks for them, then its NAL units. Delimiters in the frame are dropped, and
    /// parameter sets that the record holds too; others are kept. After an error or
    /// [`AccessUnit::Empty`], `out` is as before.
    pub fn write_annex_b(
        &self,
        body: &[u8],
        start: Start,
        out: &mut Vec<u8>,
    ) -> Result<AccessUnit, HevcError> {
        let unit = self.classify(body)?;
        if unit == AccessUnit::Empty {
            return Ok(unit);
        }
        out.extend(DELIMITER);
        if unit == AccessUnit::Idr || start == Start::Fragment {
            self.sets.iter().for_each(|set| write_nal(set, out));
        }
        for nal in self.nals(body).flatten() {
            let redundant = match nal_type(nal) {
                Some(AUD) | None => true,
                Some(kind) if PARAMETER_SETS.contains(&kind) => self.sets.iter().any(|set| set == nal),
                Some(_) => false,
            };
            if !redundant {
                write_nal(nal, out);
            }
        }
        Ok(unit)
    }

    fn classify(&self, body: &[u8]) -> Result<AccessUnit, HevcError> {
        let mut unit = AccessUnit::Empty;
        for nal in self.nals(body) {
            match nal_type(nal?) {
                Some(kind) if IRAP.contains(&kind) => unit = AccessUnit::Idr,
                Some(kind) if kind < FIRST_NON_VCL && unit == AccessUnit::Empty => {
                    unit = AccessUnit::Picture;
                }
                _ => {}
            }
        }
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETS: [&[u8]; 3] = [&[0x40, 1, 7], &[0x42, 1, 8], &[0x44, 1, 9]];
    const IDR: &[u8] = &[0x26, 1, 5];
    const TRAIL: &[u8] = &[0x02, 1, 6];

    fn config() -> DecoderConfig {
        let record = super::super::tests::RECORD;
        let sets = SETS.iter().map(|set| set.to_vec()).collect();
        DecoderConfig { nal_length_size: 1, sets, ..DecoderConfig::parse(record).unwrap() }
    }

    fn body(nals: &[&[u8]]) -> Vec<u8> {
        nals.iter().flat_map(|nal| [&[nal.len() as u8][..], nal].concat()).collect()
    }

    /// What is written, split at its start codes.
    fn write(nals: &[&[u8]], start: Start) -> (Result<AccessUnit, HevcError>, Vec<Vec<u8>>) {
        let mut out = Vec::new();
        let unit = config().write_annex_b(&body(nals), start, &mut out);
        let text: Vec<_> = out.chunks(1).map(|byte| byte[0]).collect();
        let mut parts = Vec::new();
        for byte in text {
            parts.push(byte);
        }
        let mut nals = Vec::new();
        let mut rest = &parts[..];
        while let Some(after) = rest.strip_prefix(&[0, 0, 0, 1]) {
            let end = after.windows(4).position(|window| window == [0, 0, 0, 1]).unwrap_or(after.len());
            nals.push(after[..end].to_vec());
            rest = &after[end..];
        }
        (unit, nals)
    }

    #[test]
    fn a_picture_that_decoding_starts_at_gets_a_delimiter_and_the_sets_once() {
        let delimiter: &[u8] = &[0x46, 1, 0x50];
        let (unit, nals) = write(&[delimiter, SETS[1], &[0x4e, 1, 3], IDR], Start::Within);
        assert_eq!(unit, Ok(AccessUnit::Idr));
        assert_eq!(nals, [delimiter, SETS[0], SETS[1], SETS[2], &[0x4e, 1, 3], IDR]);
    }

    #[test]
    fn other_pictures_get_the_sets_at_a_fragments_start_only() {
        let delimiter: &[u8] = &[0x46, 1, 0x50];
        assert_eq!(
            write(&[TRAIL], Start::Within),
            (Ok(AccessUnit::Picture), vec![delimiter.into(), TRAIL.into()])
        );
        assert_eq!(write(&[TRAIL], Start::Fragment).1, [delimiter, SETS[0], SETS[1], SETS[2], TRAIL]);
        assert_eq!(write(&[&[0x42, 1, 99], TRAIL], Start::Within).1, [delimiter, &[0x42, 1, 99], TRAIL]);
    }

    #[test]
    fn broken_and_empty_frames_write_nothing() {
        let mut out = Vec::new();
        assert_eq!(config().write_annex_b(&[9, 1], Start::Within, &mut out), Err(HevcError::NalLength));
        assert_eq!(
            config().write_annex_b(&body(&[&[0x4e, 1, 3]]), Start::Within, &mut out),
            Ok(AccessUnit::Empty)
        );
        assert_eq!(config().write_annex_b(&body(&[&[0x26]]), Start::Within, &mut out), Ok(AccessUnit::Empty));
        assert!(out.is_empty());
    }
}
