//! When pictures are decoded. Some encoders say how much later than decoded each picture is shown without the offset
//! that B pictures need: for those it is less than zero. A transport stream cannot say so. All pictures of the track
//! are decoded earlier instead, and presentation times stay what they are.

use crate::media::Frame;

/// The most that pictures are decoded earlier, in milliseconds: as much as one picture a second may need.
const MAX_OFFSET: u64 = 2000;
/// The most pictures that are looked at first: H.264 and H.265 let no more wait for their turn.
const MAX_PICTURES: u32 = 16;
/// The fewest of them, and for how long they are looked at, in milliseconds, where there are more.
const MIN_PICTURES: u32 = 4;
const MIN_TIME: u64 = 500;

/// How much earlier than the publisher says the pictures of a track are decoded.
#[derive(Debug, Default)]
pub struct DecodingOffset {
    /// The timestamps of the first picture and of the last one.
    timestamps: Option<(u64, u64)>,
    pictures: u32,
    /// The encoder knows the offset: its first picture is shown later than it is decoded.
    is_told: bool,
    /// Some picture is not shown when it is decoded.
    is_reordered: bool,
    /// The first pictures have been looked at, and the offset is in use.
    is_settled: bool,
    /// The largest composition time.
    largest: u64,
    offset: u64,
}

impl DecodingOffset {
    /// Takes a picture in, from the first key frame on; true if the offset has grown.
    pub fn see(&mut self, frame: &Frame) -> bool {
        if self.pictures == 0 && !frame.is_video_key() {
            return false;
        }
        self.is_told |= self.pictures == 0 && frame.composition_time > 0;
        self.is_reordered |= frame.composition_time != 0;
        let (first, last) = self.timestamps.unwrap_or((frame.timestamp, u64::MAX));
        self.pictures = self.pictures.saturating_add(u32::from(frame.timestamp != last));
        self.timestamps = Some((first, frame.timestamp));
        let needed = self.needed(i64::from(frame.composition_time)).min(MAX_OFFSET);
        let has_grown = needed > self.offset;
        self.offset = self.offset.max(needed);
        has_grown
    }

    /// The offset that a picture needs, or those that are decoded behind it and shown before it. Where the encoder does
    /// not know the offset, these may be shown earlier than decoded by as much as that picture is later.
    fn needed(&mut self, composition_time: i64) -> u64 {
        let below = composition_time.min(0).unsigned_abs();
        let above = composition_time.max(0).unsigned_abs();
        let more = above.saturating_sub(self.largest);
        self.largest = self.largest.max(above);
        let is_foreseen = self.is_settled && !self.is_told && more > 0;
        if is_foreseen { self.offset.saturating_add(more) } else { below }
    }

    /// True if enough has come for the first picture to be decoded as early as those behind it: one where the encoder
    /// knows the offset, two where pictures are shown when they are decoded.
    pub fn is_known(&self) -> bool {
        let elapsed = self.timestamps.map_or(0, |(first, last)| last.saturating_sub(first));
        self.pictures == 0
            || self.is_told
            || self.pictures > 1 && !self.is_reordered
            || self.pictures >= MIN_PICTURES && elapsed >= MIN_TIME
            || self.pictures >= MAX_PICTURES
    }

    /// The first pictures have been looked at.
    pub fn settle(self) -> Self {
        Self { is_settled: true, ..self }
    }

    /// In milliseconds.
    pub fn milliseconds(&self) -> u64 {
        self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Kind;

    fn see(offset: &mut DecodingOffset, timestamp: u64, composition_time: i32) {
        let flags = if timestamp == 0 { 0x17 } else { 0x27 };
        let [_, high, middle, low] = composition_time.to_be_bytes();
        let payload = [flags, 1, high, middle, low, 0, 0, 0, 1, 0x41];
        let before = offset.milliseconds();
        let has_grown = offset.see(&Frame::from_payload(Kind::Video, timestamp, &payload));
        assert_eq!(has_grown, offset.milliseconds() > before);
    }

    /// How many pictures that come so many milliseconds apart are looked at, and what is known then.
    fn looked_at(step: u64, composition_times: impl Iterator<Item = i32>) -> (u64, DecodingOffset) {
        let mut offset = DecodingOffset::default();
        assert!(offset.is_known(), "there may be no pictures");
        for (place, composition_time) in (0..).zip(composition_times) {
            see(&mut offset, place * step, composition_time);
            if offset.is_known() {
                return (place + 1, offset.settle());
            }
        }
        panic!("the offset is never known");
    }

    /// A key frame and groups of pictures, without an offset.
    fn reordered() -> impl Iterator<Item = i32> {
        [0].into_iter().chain([120, 0, -80, -40].into_iter().cycle())
    }

    #[test]
    fn an_offset_that_the_encoder_knows_is_believed() {
        let (pictures, mut offset) = looked_at(40, [80].into_iter());
        assert_eq!((pictures, offset.milliseconds()), (1, 0));
        for (composition_time, needed) in [(200, 0), (0, 0), (40, 0), (-40, 40), (240, 40), (-20, 40)] {
            see(&mut offset, 40, composition_time);
            assert_eq!(offset.milliseconds(), needed, "as far as it goes: {composition_time}");
        }
    }

    #[test]
    fn the_first_pictures_without_an_offset_show_what_it_should_be() {
        for (step, pictures) in [(40, 14), (10, 16), (1000, 4)] {
            let (looked_at, offset) = looked_at(step, reordered());
            assert_eq!((looked_at, offset.milliseconds()), (pictures, 80), "{step}");
        }
        assert_eq!(looked_at(40, [-9000; 20].into_iter()).1.milliseconds(), MAX_OFFSET);
    }

    #[test]
    fn pictures_that_are_reordered_later_have_an_offset_before_it_is_needed() {
        let (pictures, mut offset) = looked_at(40, [0; 2].into_iter());
        assert_eq!((pictures, offset.milliseconds()), (2, 0));
        for (composition_time, needed) in [(0, 0), (40, 40), (-40, 40), (120, 120), (-80, 120)] {
            see(&mut offset, 80, composition_time);
            assert_eq!(offset.milliseconds(), needed, "{composition_time}");
        }
    }
}
