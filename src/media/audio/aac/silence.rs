//! A frame of AAC in which nothing sounds.

use crate::media::bits::BitWriter;

/// Syntactic elements (ISO 14496-3 table 4.85), with the identifier in three bits.
const SINGLE_CHANNEL: u32 = 0;
const CHANNEL_PAIR: u32 = 1;
const LOW_FREQUENCY: u32 = 3;
const END: u32 = 7;

/// The raw_data_block (4.4.2.1) of the AAC LC coder for a channel configuration of 1 to 7, with no scale factor
/// band in use: its elements are those of table 1.19.
pub fn raw_frame(channel_configuration: u32) -> Option<Vec<u8>> {
    let elements: &[u32] = match channel_configuration {
        1 => &[SINGLE_CHANNEL],
        2 => &[CHANNEL_PAIR],
        3 => &[SINGLE_CHANNEL, CHANNEL_PAIR],
        4 => &[SINGLE_CHANNEL, CHANNEL_PAIR, SINGLE_CHANNEL],
        5 => &[SINGLE_CHANNEL, CHANNEL_PAIR, CHANNEL_PAIR],
        6 => &[SINGLE_CHANNEL, CHANNEL_PAIR, CHANNEL_PAIR, LOW_FREQUENCY],
        7 => &[SINGLE_CHANNEL, CHANNEL_PAIR, CHANNEL_PAIR, CHANNEL_PAIR, LOW_FREQUENCY],
        _ => return None,
    };
    let mut bits = BitWriter::default();
    for (place, element) in elements.iter().enumerate() {
        let tag = elements.iter().take(place).filter(|earlier| *earlier == element).count();
        bits.put(3, *element);
        bits.put(4, tag as u32);
        if *element == CHANNEL_PAIR {
            bits.put(1, 0); // common_window
            put_silent_channel(&mut bits);
        }
        put_silent_channel(&mut bits);
    }
    bits.put(3, END);
    Some(bits.into_bytes())
}

/// individual_channel_stream (table 4.50) with one long window and max_sfb of 0.
fn put_silent_channel(bits: &mut BitWriter) {
    bits.put(8, 0); // global_gain
    bits.put(1 + 2 + 1, 0); // ics_reserved_bit, window_sequence, window_shape
    bits.put(6 + 1, 0); // max_sfb, predictor_data_present
    bits.put(1 + 1 + 1, 0); // pulse_data_present, tns_data_present, gain_control_data_present
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_a_frame_of_few_bytes() {
        // 000 0000, 22 bits of 0, 111.
        assert_eq!(raw_frame(1), Some(vec![0, 0, 0, 0b111]));
        // 001 0000 0, twice 22 bits of 0, 111.
        assert_eq!(raw_frame(2), Some(vec![0b0010_0000, 0, 0, 0, 0, 0, 0b1110]));
        // The second pair has the tag 1.
        let surround = raw_frame(6).unwrap();
        assert_eq!(surround.len(), (7 + 22 + 2 * (8 + 44) + 7 + 22 + 3usize).div_ceil(8));
        assert_eq!(raw_frame(0), None);
        assert_eq!(raw_frame(8), None);
    }
}
