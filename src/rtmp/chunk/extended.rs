//! Extended timestamps (specification 5.3.1.3), about which peers differ in two ways.
//!
//! **Are they repeated behind type 3 headers?** The specification of 2012 says so, and FFmpeg and OBS do it;
//! that of 2009 says no, as did librtmp for long. So what is there is compared with what a repetition
//! would hold: if it is one it is read past, else it is payload. A peer is one program with one habit,
//! so what is learnt on one chunk stream holds for all. After the first message that goes on without
//! a repetition none is looked for any more: a peer that repeats would have matched, and payload that
//! looks like a repetition does come along in weeks of streaming. The first match may be such payload
//! too; it is taken back if the very next header is none.
//!
//! **Is the number behind a type 1, 2 or 3 header a step or a time?** The specification says a step. That is one
//! of 4 h 39 min at least, or backwards, and hardly meant; but simplertmp and what came of it (yasea
//! and other applications for telephones) write the time itself once it needs the field. Read as a
//! step, it doubles the time.

use super::EXTENDED;

/// The most that a repeated time may be later than its message, milliseconds: simplertmp reads its clock
/// again for each chunk, and a slow network may hold it up in between.
const SLACK: u32 = 10_000;

/// A number this near to the last time is a time, milliseconds: an hour is longer than any pause on a
/// chunk stream in use, and far from the shortest step that needs four bytes.
const NEAR: u32 = 3_600_000;

/// A peer's habit of repeating the extended timestamp behind type 3 headers within a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExtendedHabit {
    /// Not known yet: to be found out.
    #[default]
    Unknown,
    /// It does. A chunk that has something else there is still read as one without.
    Repeats,
    /// It does not; nothing is looked for.
    Omits,
}

/// True if `bytes`, up to four, are the beginning of a repeated extended timestamp. `number` is the last
/// one of the chunk stream and `time` that of its last message.
pub fn repeats(bytes: &[u8], number: u32, time: u32) -> bool {
    // No number is repeated beyond 2^32: it would not need the field any more.
    begins(bytes, number, 0) || begins(bytes, time, SLACK.min(u32::MAX - time))
}

/// True if `bytes` are the first of a number from `first` to `first + span`.
fn begins(bytes: &[u8], first: u32, span: u32) -> bool {
    let lowest = bytes.iter().chain(&[0; 4]).take(4).fold(0, |number, &byte| number << 8 | u32::from(byte));
    let unread = (0..4usize.saturating_sub(bytes.len())).fold(0, |mask, _| mask << 8 | 0xff);
    lowest.wrapping_sub(first) <= span || first.wrapping_sub(lowest) <= unread
}

/// The time of a message that begins with a header of type 1, 2 or 3 with an extended timestamp, after one
/// at `last`: whichever reading of the number is the smaller step, if it can be a time at all.
pub fn advance(last: u32, number: u32) -> u32 {
    let step = number.cast_signed().unsigned_abs();
    let distance = number.wrapping_sub(last).cast_signed().unsigned_abs();
    let is_time = number >= EXTENDED && distance < step && distance <= NEAR;
    if is_time { number } else { last.wrapping_add(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repetition_is_the_number_or_a_time_shortly_after_the_message() {
        let of = |number: u32| repeats(&number.to_be_bytes(), 0x0100_0000, 0x0200_0000);
        assert!(of(0x0100_0000) && of(0x0200_0000) && of(0x0200_0000 + SLACK));
        assert!(!of(0x0100_0001) && !of(0x00ff_ffff) && !of(0x01ff_ffff) && !of(0x0200_0001 + SLACK));
        assert!(!repeats(&[0; 4], u32::MAX, u32::MAX), "not beyond 2^32");
    }

    #[test]
    fn the_first_byte_that_is_another_tells() {
        let of = |bytes: &[u8]| repeats(bytes, 0x0102_0304, 0x0102_0304);
        assert!(of(&[]) && of(&[1]) && of(&[1, 2]) && of(&[1, 2, 3]));
        assert!(!of(&[0]) && !of(&[2]) && !of(&[1, 1]) && !of(&[1, 3]) && !of(&[1, 2, 2]));
    }

    #[test]
    fn a_number_near_the_last_time_is_a_time_and_any_other_a_step() {
        assert_eq!(advance(0x00ff_fff0, 0x0100_0004), 0x0100_0004);
        assert_eq!(advance(0x8000_0000, 0x8000_0028), 0x8000_0028);
        assert_eq!(advance(0x8000_0028, 0x8000_0000), 0x8000_0000);
        assert_eq!(advance(1000, 0x0100_0000), 0x0100_03e8, "a pause");
        assert_eq!(advance(5000, 20u32.wrapping_neg()), 4980, "nginx-rtmp's step backwards");
        assert_eq!(advance(0x0200_0000, 40), 0x0200_0028, "a step that had no need of the field");
        assert_eq!(advance(0xffff_fff0, 0xffff_fff4), 0xffff_fff4);
        assert_eq!(advance(0xff00_0000, 0x0100_0028), 0x28, "a pause over the end of 32 bits");
    }
}
