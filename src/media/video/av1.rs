//! AV1 as Enhanced RTMP carries it: the size of the picture, which its sequence header has (AV1 specification, 5.5).

use crate::media::bits::Bits;
use crate::media::parts::MAX_NAL_UNITS;
use crate::media::{Reader, Truncated};

/// Bytes of an AV1CodecConfigurationRecord in front of its OBUs (AV1 in ISOBMFF, 2.3.3).
const RECORD_HEAD: usize = 4;
/// The OBU type of a sequence header (6.2.2).
const SEQUENCE_HEADER: u8 = 1;
/// The OBU type of a temporal delimiter.
const TEMPORAL_DELIMITER: u8 = 2;
/// OBUs that are looked at; as many as NAL units. Encoders have only a temporal delimiter in front of a sequence
/// header.
const MAX_LOOKED_AT: usize = MAX_NAL_UNITS;

/// Width and height in pixels of the sequence header in a configuration record; none if there is no sequence header in
/// it.
pub fn size_of_record(record: &[u8]) -> Result<Option<(u32, u32)>, Truncated> {
    size(record.get(RECORD_HEAD..).ok_or(Truncated)?)
}

/// Width and height in pixels of the sequence header among the OBUs of a frame; none if there is no sequence header.
pub fn size(obus: &[u8]) -> Result<Option<(u32, u32)>, Truncated> {
    let mut reader = Reader::new(obus);
    for _ in 0..MAX_LOOKED_AT {
        if reader.is_empty() {
            break;
        }
        let head = reader.u8()?;
        let (kind, has_extension, has_size) = (head >> 3 & 0x0f, head & 4 != 0, head & 2 != 0);
        if has_extension {
            reader.u8()?;
        }
        let length = if has_size { leb128(&mut reader)? } else { reader.rest().len() };
        let payload = reader.take(length)?;
        if kind == SEQUENCE_HEADER {
            return size_of_sequence(&mut Bits::new(payload)).map(Some);
        }
    }
    Ok(None)
}

/// The pieces of a frame without its temporal delimiters. OBUs beyond a limit are left as they are.
pub fn without_delimiters(obus: &[u8]) -> Result<Vec<&[u8]>, Truncated> {
    let (mut reader, mut pieces) = (Reader::new(obus), Vec::new());
    while !reader.is_empty() && pieces.len() < MAX_LOOKED_AT {
        let all = reader.rest();
        let kind = skip_obu(&mut reader)?;
        let (obu, _) = all.split_at_checked(all.len() - reader.rest().len()).ok_or(Truncated)?;
        if kind != TEMPORAL_DELIMITER {
            pieces.push(obu);
        }
    }
    pieces.push(reader.rest());
    Ok(pieces)
}

/// Skips an OBU (5.3.1); returns its type.
fn skip_obu(reader: &mut Reader<'_>) -> Result<u8, Truncated> {
    let head = reader.u8()?;
    if head & 4 != 0 {
        reader.u8()?;
    }
    let length = if head & 2 != 0 { leb128(reader)? } else { reader.rest().len() };
    reader.take(length)?;
    Ok(head >> 3 & 0x0f)
}

/// Reads a sequence header up to the size (5.5.1).
fn size_of_sequence(bits: &mut Bits<'_>) -> Result<(u32, u32), Truncated> {
    bits.u(3 + 1)?; // seq_profile, still_picture
    if bits.flag()? {
        bits.u(5)?; // a reduced still picture header: seq_level_idx
    } else {
        skip_operating_points(bits)?;
    }
    let (width_bits, height_bits) = (bits.u(4)? + 1, bits.u(4)? + 1);
    Ok((bits.u(width_bits)? + 1, bits.u(height_bits)? + 1))
}

fn skip_operating_points(bits: &mut Bits<'_>) -> Result<(), Truncated> {
    let mut delay_bits = None;
    if bits.flag()? {
        skip_timing_info(bits)?;
        if bits.flag()? {
            delay_bits = Some(bits.u(5)? + 1);
            bits.u(32)?; // num_units_in_decoding_tick
            bits.u(5 + 5)?; // the lengths of removal and presentation times
        }
    }
    let has_display_delay = bits.flag()?;
    let points = bits.u(5)? + 1;
    for _ in 0..points {
        bits.u(12)?; // operating_point_idc
        if bits.u(5)? > 7 {
            bits.flag()?; // seq_tier
        }
        if let Some(length) = delay_bits
            && bits.flag()?
        {
            bits.u(length)?;
            bits.u(length)?;
            bits.flag()?; // low_delay_mode_flag
        }
        if has_display_delay && bits.flag()? {
            bits.u(4)?;
        }
    }
    Ok(())
}

fn skip_timing_info(bits: &mut Bits<'_>) -> Result<(), Truncated> {
    bits.u(32)?; // num_units_in_display_tick
    bits.u(32)?; // time_scale
    if bits.flag()? {
        bits.ue(u32::MAX)?; // num_ticks_per_picture_minus_1
    }
    Ok(())
}

/// Reads a number in groups of seven bits (4.10.5).
fn leb128(reader: &mut Reader<'_>) -> Result<usize, Truncated> {
    let mut value = 0u64;
    for group in 0..8 {
        let byte = reader.u8()?;
        value |= u64::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return usize::try_from(value).map_err(|_| Truncated);
        }
    }
    Err(Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// libaom's, for 640x360.
    const SEQUENCE: &[u8] =
        &[0x0a, 0x0d, 0x20, 0, 0, 0x0c, 0xc4, 0xff, 0x67, 0x36, 0xbe, 0x48, 0x08, 0x68, 0x01];
    /// SVT-AV1's, for 642x362.
    const OTHER: &[u8] = &[0x0a, 0x0b, 0, 0, 0, 0x0c, 0xc5, 0x03, 0x69, 0x3e, 0xfe, 0x40, 0x10];

    #[test]
    fn the_size_is_in_the_sequence_header_wherever_that_stands() {
        let delimiter = [0x12, 0];
        assert_eq!((size(SEQUENCE), size(OTHER)), (Ok(Some((640, 360))), Ok(Some((642, 362)))));
        assert_eq!(size(&[&delimiter, SEQUENCE].concat()), size(SEQUENCE));
        let record = [&[0x81, 0, 0x0c, 0][..], SEQUENCE].concat();
        assert_eq!(size_of_record(&record), size(SEQUENCE));
        assert_eq!(size(&delimiter), Ok(None));
        assert_eq!(size_of_record(&[0x81, 0, 0x0c, 0]), Ok(None));
    }

    #[test]
    fn a_header_that_is_cut_off_has_no_size() {
        for length in 1..SEQUENCE.len() {
            assert_eq!(size(&SEQUENCE[..length]), Err(Truncated), "{length}");
        }
        assert_eq!(size(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Err(Truncated));
    }
}
