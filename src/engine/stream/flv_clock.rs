//! The times of a stream in FLV over HTTP: they begin at 0 with its first frame, as players in browsers read 31 bits, and go
//! on without most of the pause in which a publisher was away: a player in a browser would show a still picture for as long
//! again, and stay behind by that.

use std::mem;

use crate::media::{Frame, Role};

/// The time at which they begin anew, milliseconds: 24.8 days. The last minute is left to tracks that are ahead.
const LIMIT: u64 = i32::MAX as u64 - 60_000;

/// What is left of a longer pause, milliseconds: the other track's first frame may come after this one and be so much before
/// it, and must not go behind what has been sent.
const LEFT_PAUSE: u64 = 500;

/// The clock of one stream.
#[derive(Debug, Default)]
pub(in crate::engine) struct FlvClock {
    /// The time on the stream's time line of which the clock says 0; none before its first frame.
    origin: Option<u64>,
    /// The newest time on the time line.
    newest: u64,
    /// Whether the next frame is the first one of another publisher.
    is_interrupted: bool,
}

impl FlvClock {
    /// Another publisher continues the stream, perhaps after a pause.
    pub fn change_publisher(&mut self) {
        self.is_interrupted = true;
    }

    /// The next frame of the stream, with its time on the time line. True if the times begin anew, so that nobody can
    /// continue who has got frames before.
    pub fn advance(&mut self, frame: &Frame) -> bool {
        // The time of headers and data may be any.
        if frame.kind.is_data() || matches!(frame.role, Role::Header | Role::Empty) {
            return false;
        }
        let mut origin = self.origin.unwrap_or(frame.timestamp);
        if mem::take(&mut self.is_interrupted) && self.origin.is_some() {
            origin += frame.timestamp.saturating_sub(self.newest.saturating_add(LEFT_PAUSE));
        }
        self.newest = self.newest.max(frame.timestamp);
        self.origin = Some(origin);
        let is_over = frame.timestamp.saturating_sub(origin) >= LIMIT;
        if is_over {
            self.origin = Some(frame.timestamp);
        }
        is_over
    }

    /// The time of a frame, milliseconds below 2^31.
    pub fn time(&self, timestamp: u64) -> u32 {
        let since = self.origin.map_or(0, |origin| timestamp.saturating_sub(origin));
        u32::try_from(since.min(i32::MAX as u64)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Kind;

    fn frame(payload: &[u8], timestamp: u64) -> Frame {
        Frame::from_payload(Kind::Audio, timestamp, payload)
    }

    #[test]
    fn times_begin_with_the_first_frame_and_anew_before_they_need_32_bits() {
        let mut clock = FlvClock::default();
        let (header, sound): (&[u8], &[u8]) = (&[0xaf, 0, 0x12, 0x10], &[0xaf, 1, 9]);
        assert!(!clock.advance(&frame(header, 5)));
        assert_eq!(clock.time(5), 0);
        assert!(!clock.advance(&frame(sound, 1 << 40)));
        assert_eq!([(1 << 40) + 40, 1 << 40, 7].map(|time| clock.time(time)), [40, 0, 0]);
        let last = (1 << 40) + i32::MAX as u64 - 60_001;
        assert!(!clock.advance(&frame(sound, last)));
        assert_eq!(clock.time(last + 100_000), i32::MAX as u32, "a track that is far ahead");
        assert!(clock.advance(&frame(sound, last + 1)));
        assert!(!clock.advance(&frame(sound, last + 21)));
        assert_eq!([last, last + 21].map(|time| clock.time(time)), [0, 20]);
    }

    #[test]
    fn most_of_the_pause_before_another_publisher_is_left_out() {
        let (mut clock, sound): (_, &[u8]) = (FlvClock::default(), &[0xaf, 1, 9]);
        let times = |clock: &mut FlvClock, time| {
            clock.advance(&frame(sound, time));
            clock.time(time)
        };
        assert_eq!([100, 140].map(|time| times(&mut clock, time)), [0, 40]);
        clock.change_publisher();
        assert_eq!([9000, 8600, 9040].map(|time| times(&mut clock, time)), [540, 140, 580]);
        clock.change_publisher();
        assert_eq!(times(&mut clock, 9080), 620, "a short pause stays");
    }
}
