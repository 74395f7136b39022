//! The decoding times of pictures. Some encoders leave out the offset that B pictures need, so their composition times
//! are below zero, which a transport stream cannot express. Then all pictures of the track are decoded earlier, and
//! presentation times stay as they are.

use crate::media::Frame;

/// The largest offset in milliseconds: enough for one picture a second.
const MAX_OFFSET: u64 = 2000;
/// The most pictures that are examined first: H.264 and H.265 reorder no more.
const MAX_PICTURES: u32 = 16;
/// The fewest pictures that are examined, and the shortest time, in milliseconds.
const MIN_PICTURES: u32 = 4;
const MIN_TIME: u64 = 500;

/// The time by which the pictures of a track are decoded earlier than the publisher says.
#[derive(Debug, Default)]
pub struct DecodingOffset {
    /// The timestamps of the first picture and of the last one.
    timestamps: Option<(u64, u64)>,
    pictures: u32,
    /// Whether the encoder adds an offset: its first picture is shown later than it is decoded.
    has_own: bool,
    /// Whether any picture is not shown when it is decoded.
    is_reordered: bool,
    /// Whether the first pictures have been examined, and the offset is in use.
    is_settled: bool,
    /// The largest composition time.
    largest: u64,
    offset: u64,
}

impl DecodingOffset {
    /// Examines a picture, from the first key frame on; true if the offset has grown.
    pub fn see(&mut self, frame: &Frame) -> bool {
        if self.pictures == 0 && !frame.is_video_key() {
            return false;
        }
        self.has_own |= self.pictures == 0 && frame.composition_time > 0;
        self.is_reordered |= frame.composition_time != 0;
        let (first, last) = self.timestamps.unwrap_or((frame.timestamp, u64::MAX));
        self.pictures = self.pictures.saturating_add(u32::from(frame.timestamp != last));
        self.timestamps = Some((first, frame.timestamp));
        let needed = self.needed(i64::from(frame.composition_time)).min(MAX_OFFSET);
        let has_grown = needed > self.offset;
        self.offset = self.offset.max(needed);
        has_grown
    }

    /// The offset for a picture, and for those that are decoded after it and shown before it. If the encoder adds no
    /// offset, these may have composition times as far below zero as that of this picture is above.
    fn needed(&mut self, composition_time: i64) -> u64 {
        let below = composition_time.min(0).unsigned_abs();
        let above = composition_time.max(0).unsigned_abs();
        let more = above.saturating_sub(self.largest);
        self.largest = self.largest.max(above);
        let is_foreseen = self.is_settled && !self.has_own && more > 0;
        if is_foreseen { self.offset.saturating_add(more) } else { below }
    }

    /// Whether enough pictures have come to know the offset: one if the encoder adds its own, two if pictures are shown
    /// when they are decoded.
    pub fn is_known(&self) -> bool {
        let elapsed = self.timestamps.map_or(0, |(first, last)| last.saturating_sub(first));
        self.pictures == 0
            || self.has_own
            || self.pictures > 1 && !self.is_reordered
            || self.pictures >= MIN_PICTURES && elapsed >= MIN_TIME
            || self.pictures >= MAX_PICTURES
    }

    /// Ends the examination of the first pictures.
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
    fn an_offset_of_the_encoder_is_believed() {
        let (pictures, mut offset) = looked_at(40, [80].into_iter());
        assert_eq!((pictures, offset.milliseconds()), (1, 0));
        for (composition_time, needed) in [(200, 0), (0, 0), (40, 0), (-40, 40), (240, 40), (-20, 40)] {
            see(&mut offset, 40, composition_time);
            assert_eq!(offset.milliseconds(), needed, "as far as it goes: {composition_time}");
        }
    }

    #[test]
    fn the_first_pictures_without_an_offset_show_the_one_they_need() {
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
