//! An IDR picture once more. Two IDR pictures in a row must have different numbers (`idr_pic_id`, ISO 14496-10 7.4.3),
//! so the number in each slice's header is replaced; all else stays, and so does what is decoded.

use super::sps::{self, SliceFields};
use super::{DecoderConfig, NAL_IDR, nal_type};
use crate::media::Truncated;
use crate::media::bits::{BitWriter, Bits};
use crate::media::video::nal::{escape, unescape};

/// The most that the fields may hold (7.4.2.2, 7.4.3).
const MAX_PPS_ID: u32 = 255;
const MAX_SPS_ID: u32 = 31;
const MAX_REFERENCES_MINUS1: u32 = 31;
const MAX_IDR_PIC_ID: u32 = 65_535;

/// Repeats the IDR pictures of one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeater {
    slices: SliceFields,
    pictures: PictureFields,
}

/// The fields of a picture parameter set that a slice header depends on (7.3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PictureFields {
    is_arithmetic: bool,
    has_bottom_order: bool,
    has_deblocking: bool,
    has_redundant: bool,
}

impl DecoderConfig {
    /// A repeater of this configuration's pictures; none if it has several sets, or slice groups.
    pub fn repeater(&self) -> Option<Repeater> {
        let ([sps], [pps]) = (&self.sps[..], &self.pps[..]) else { return None };
        let slices = sps::slice_fields(sps).ok()?;
        let pictures = picture_fields(pps).ok()?;
        Some(Repeater { slices, pictures })
    }
}

impl Repeater {
    /// A NAL unit of an IDR picture for its repetition with that number; those that are no slice stay. None for
    /// one that cannot be read.
    pub fn repeat(&self, nal: &[u8], idr_pic_id: u16) -> Option<Vec<u8>> {
        if nal_type(nal) != Some(NAL_IDR) {
            return Some(nal.to_vec());
        }
        let (header, rest) = nal.split_first()?;
        let raw = unescape(rest);
        let payload = self.renumber(*header, &raw, idr_pic_id).ok()?;
        Some([&[*header], &escape(&payload)[..]].concat())
    }

    fn renumber(&self, header: u8, raw: &[u8], idr_pic_id: u16) -> Result<Vec<u8>, Truncated> {
        let mut bits = Bits::new(raw);
        let is_field = self.skip_to_number(&mut bits)?;
        let mut out = BitWriter::default();
        copy(&mut Bits::new(raw), raw.len() * 8 - bits.left(), &mut out)?;
        bits.ue(MAX_IDR_PIC_ID)?;
        out.put_ue(idr_pic_id);
        if self.pictures.is_arithmetic {
            let mut after = bits.clone();
            self.skip_header(&mut after, header, is_field)?;
            let count = bits.left() - after.left();
            copy(&mut bits, count, &mut out)?;
            while !after.left().is_multiple_of(8) {
                if !after.flag()? {
                    return Err(Truncated); // no cabac_alignment_one_bit: the header was not read right
                }
            }
            // 7.3.4: the data begin at a byte, behind ones.
            while !out.count().is_multiple_of(8) {
                out.put(1, 1);
            }
            let data = raw.get(raw.len() - after.left() / 8..).ok_or(Truncated)?;
            Ok([&out.into_bytes()[..], data].concat())
        } else {
            let last = raw.iter().rposition(|&byte| byte != 0).ok_or(Truncated)?;
            let padding = raw.get(last).map_or(0, |byte| byte.trailing_zeros() as usize);
            let behind = (raw.len() - 1 - last) * 8 + padding;
            let data = bits.left().checked_sub(behind).ok_or(Truncated)?;
            copy(&mut bits, data, &mut out)?;
            Ok(out.into_bytes())
        }
    }

    /// 7.3.3 up to `idr_pic_id`; whether the slice is one of a field.
    fn skip_to_number(&self, bits: &mut Bits<'_>) -> Result<bool, Truncated> {
        bits.ue(u32::MAX)?; // first_mb_in_slice
        bits.ue(9)?; // slice_type
        bits.ue(MAX_PPS_ID)?;
        if self.slices.separate_planes {
            bits.u(2)?; // colour_plane_id
        }
        bits.u(self.slices.frame_num)?;
        let is_field = !self.slices.frames_only && bits.flag()?;
        if is_field {
            bits.flag()?; // bottom_field_flag
        }
        Ok(is_field)
    }

    /// The rest of 7.3.3 from behind `idr_pic_id`, for I slices of IDR pictures. SI slices are not read.
    fn skip_header(&self, bits: &mut Bits<'_>, header: u8, is_field: bool) -> Result<(), Truncated> {
        let SliceFields { order_lsb, order_deltas, .. } = self.slices;
        let has_bottom = self.pictures.has_bottom_order && !is_field;
        if let Some(lsb) = order_lsb {
            bits.u(lsb)?;
        }
        let deltas = u32::from(order_deltas) + u32::from(has_bottom && (order_lsb.is_some() || order_deltas));
        for _ in 0..deltas {
            bits.se(-i32::MAX..=i32::MAX)?;
        }
        if self.pictures.has_redundant {
            bits.ue(127)?; // redundant_pic_cnt
        }
        if header & 0x60 != 0 {
            bits.u(2)?; // no_output_of_prior_pics_flag, long_term_reference_flag
        }
        bits.se(-i32::MAX..=i32::MAX)?; // slice_qp_delta
        if self.pictures.has_deblocking && bits.ue(2)? != 1 {
            bits.se(-6..=6)?; // slice_alpha_c0_offset_div2
            bits.se(-6..=6)?; // slice_beta_offset_div2
        }
        Ok(())
    }
}

fn picture_fields(nal: &[u8]) -> Result<PictureFields, Truncated> {
    let raw = unescape(nal.get(1..).ok_or(Truncated)?);
    let mut bits = Bits::new(&raw);
    bits.ue(MAX_PPS_ID)?;
    bits.ue(MAX_SPS_ID)?;
    let is_arithmetic = bits.flag()?;
    let has_bottom_order = bits.flag()?;
    if bits.ue(7)? != 0 {
        return Err(Truncated); // slice groups, which only the baseline profile has
    }
    bits.ue(MAX_REFERENCES_MINUS1)?; // num_ref_idx_l0_default_active_minus1
    bits.ue(MAX_REFERENCES_MINUS1)?; // num_ref_idx_l1_default_active_minus1
    bits.u(3)?; // weighted_pred_flag, weighted_bipred_idc
    bits.se(-62..=25)?; // pic_init_qp_minus26
    bits.se(-26..=25)?; // pic_init_qs_minus26
    bits.se(-12..=12)?; // chroma_qp_index_offset
    let has_deblocking = bits.flag()?;
    bits.flag()?; // constrained_intra_pred_flag
    let has_redundant = bits.flag()?;
    Ok(PictureFields { is_arithmetic, has_bottom_order, has_deblocking, has_redundant })
}

/// Copies so many bits.
fn copy(bits: &mut Bits<'_>, count: usize, out: &mut BitWriter) -> Result<(), Truncated> {
    for _ in 0..count / 8 {
        out.put_byte(bits.byte()?);
    }
    let rest = (count % 8) as u32;
    out.put(rest, bits.u(rest)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields of a set as x264 writes them: frame numbers of 4 bits, order numbers of 6.
    fn repeater(is_arithmetic: bool) -> Repeater {
        let slices = SliceFields {
            separate_planes: false,
            frame_num: 4,
            order_lsb: Some(6),
            order_deltas: false,
            frames_only: true,
        };
        let pictures = PictureFields {
            is_arithmetic,
            has_bottom_order: false,
            has_deblocking: true,
            has_redundant: false,
        };
        Repeater { slices, pictures }
    }

    /// An IDR slice with that number, and data.
    fn slice(is_arithmetic: bool, number: u16, data: &[u8]) -> Vec<u8> {
        let mut out = BitWriter::default();
        [0, 7, 0].into_iter().for_each(|field| out.put_ue(field)); // first_mb_in_slice, slice_type, the set
        out.put(4, 0);
        out.put_ue(number);
        out.put(6, 0);
        out.put(2, 0);
        [3, 0, 0, 0].into_iter().for_each(|field| out.put_ue(field)); // slice_qp_delta, deblocking
        while is_arithmetic && !out.count().is_multiple_of(8) {
            out.put(1, 1);
        }
        data.iter().for_each(|&byte| out.put(8, byte.into()));
        if !is_arithmetic {
            out.put(1, 1);
        }
        [vec![0x65], escape(&out.into_bytes())].concat()
    }

    #[test]
    fn another_number_is_all_that_changes() {
        let data = [0, 0, 1, 0, 0, 0, 7, 0x80, 0xff, 0, 0, 2, 0x55];
        for is_arithmetic in [false, true] {
            for from in [0, 1, 2, 3, 6, 100, 65_535] {
                for to in [0, 1, 5, 65_534] {
                    let repeated = repeater(is_arithmetic).repeat(&slice(is_arithmetic, from, &data), to);
                    assert_eq!(repeated, Some(slice(is_arithmetic, to, &data)), "{from} to {to}");
                }
            }
        }
        assert_eq!(repeater(true).repeat(&[0x67, 1, 2], 5), Some(vec![0x67, 1, 2]), "no slice");
    }

    #[test]
    fn a_slice_that_is_cut_or_has_other_fields_is_none() {
        for is_arithmetic in [false, true] {
            let whole = slice(is_arithmetic, 1, &[]);
            for length in 1..3 {
                assert_eq!(repeater(is_arithmetic).repeat(&whole[..length], 5), None);
            }
        }
        // Behind the header there are no ones.
        let mut other = slice(true, 1, &[9]);
        other[4] = 0;
        assert_eq!(repeater(true).repeat(&other, 5), None);
    }

    #[test]
    fn sets_of_x264_are_read() {
        let config = DecoderConfig::empty()
            .with_sets(&[crate::media::video::avc::tests::HIGH, crate::media::video::avc::tests::PPS]);
        let repeater = config.unwrap().repeater().unwrap();
        assert!(repeater.pictures.is_arithmetic && repeater.pictures.has_deblocking);
        assert!(repeater.slices.frames_only && repeater.slices.order_lsb.is_some());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..60)) {
            for is_arithmetic in [false, true] {
                let _ = repeater(is_arithmetic).repeat(&[&[0x65], &bytes[..]].concat(), 65_535);
            }
            let _ = picture_fields(&bytes);
            let _ = sps::slice_fields(&[&[0x67], &bytes[..]].concat());
        }
    }
}
