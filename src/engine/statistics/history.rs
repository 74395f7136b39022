//! What a stream was in each second of the last minute: for graphs, and for whoever comes late.
//!
//! Seconds are those of the server: all streams change theirs at the same moment. Nothing here has a timer: a second is
//! closed when the next frame comes, or when somebody asks. A stream without either costs nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::media::{Frame, Kind, Role, Slices};

/// Whole seconds that are kept.
const KEPT: usize = 60;
/// Seconds whose dropped frames are one sum.
const TOGETHER: u64 = 10;
/// The number of these sums.
const SUMS: usize = KEPT / TOGETHER as usize;

/// One second of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamSecond {
    /// Bytes from its publisher.
    pub bytes: u32,
    /// Pictures of the default track.
    pub pictures: u16,
    /// Key frames among them.
    pub keys: u16,
    /// Players without pushes, and viewers of HLS, at its end.
    pub viewers: u32,
}

/// The last seconds of a stream, since it began.
#[derive(Debug, Default)]
pub struct History {
    /// The end of the present second; none before the first frame.
    until: Option<Instant>,
    /// The number of the present second, since the server began.
    number: u64,
    current: StreamSecond,
    /// The whole seconds, the oldest first. Invariant: at most [`KEPT`].
    past: VecDeque<StreamSecond>,
    /// Frames that were left out or taken out of queues, as players were too slow or memory was short: the sums of ten
    /// seconds each, at their places.
    dropped: [u32; SUMS],
    /// The dropped frames of the stream before the present second.
    dropped_before: u64,
}

/// What is noted at the end of a second, as it is not counted for each frame.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Present {
    pub now: Instant,
    /// When the server began.
    pub started: Instant,
    pub viewers: usize,
    /// Dropped frames since the stream began.
    pub dropped: u64,
}

impl History {
    /// Whether the present second is over, or there has been none.
    #[inline]
    pub(in crate::engine) fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    /// Counts a publisher's frame whose pictures have been read.
    pub(in crate::engine) fn add(&mut self, frame: &Frame) {
        let bytes = u32::try_from(frame.payload().len()).unwrap_or(u32::MAX);
        let second = &mut self.current;
        second.bytes = second.bytes.saturating_add(bytes);
        let begins = matches!(frame.slices, Slices::Begin | Slices::Unread) && frame.is_default_track();
        if frame.kind == Kind::Video && begins {
            let is_picture = matches!(frame.role, Role::Key | Role::Inter | Role::Disposable);
            second.pictures = second.pictures.saturating_add(u16::from(is_picture));
            second.keys = second.keys.saturating_add(u16::from(frame.role == Role::Key));
        }
    }

    /// Begins the second in which `now` is. Seconds without a frame are zeros.
    #[cold]
    pub(in crate::engine) fn advance(&mut self, present: Present) {
        let Present { now, started, viewers, dropped } = present;
        let number = now.saturating_duration_since(started).as_secs();
        let passed = if self.until.is_none() { 0 } else { number.saturating_sub(self.number) };
        let viewers = u32::try_from(viewers).unwrap_or(u32::MAX);
        if passed > 0 {
            self.past.reserve_exact(KEPT.saturating_sub(self.past.len()));
            self.sum_dropped(number, dropped);
        }
        if passed > KEPT as u64 {
            self.current = StreamSecond::default();
        }
        for _ in 0..passed.min(KEPT as u64) {
            if self.past.len() == KEPT {
                self.past.pop_front();
            }
            self.past.push_back(StreamSecond { viewers, ..std::mem::take(&mut self.current) });
        }
        (self.current, self.number, self.dropped_before) = (StreamSecond::default(), number, dropped);
        self.until = started.checked_add(Duration::from_secs(number + 1));
    }

    /// Adds the frames that were dropped in the present second to their sum, and begins that of another one.
    fn sum_dropped(&mut self, next: u64, dropped: u64) {
        let (present, next) = (self.number / TOGETHER, next / TOGETHER);
        let more = u32::try_from(dropped.saturating_sub(self.dropped_before)).unwrap_or(u32::MAX);
        if let Some(sum) = self.dropped.get_mut(present as usize % SUMS) {
            *sum = sum.saturating_add(more);
        }
        for passed in (present + 1..=next).take(SUMS) {
            if let Some(sum) = self.dropped.get_mut(passed as usize % SUMS) {
                *sum = 0;
            }
        }
    }

    /// The whole seconds, the oldest first, and the number of the last one.
    pub fn seconds(&self) -> (impl Iterator<Item = &StreamSecond>, u64) {
        (self.past.iter(), self.number.saturating_sub(1))
    }

    /// A whole second by its number; zeros if it is not known.
    pub fn second(&self, number: u64) -> StreamSecond {
        let ago = self.number.checked_sub(number.saturating_add(1)).and_then(|ago| usize::try_from(ago).ok());
        let place = ago.and_then(|ago| self.past.len().checked_sub(ago + 1));
        place.and_then(|place| self.past.get(place)).copied().unwrap_or_default()
    }

    /// Frames that were dropped in the last fifty to sixty seconds; `total` are those since the stream began.
    pub fn dropped(&self, total: u64) -> u64 {
        let past: u64 = self.dropped.iter().copied().map(u64::from).sum();
        past.saturating_add(total.saturating_sub(self.dropped_before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = &[0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x65];

    fn present(started: Instant, second: u64) -> Present {
        Present { now: started + Duration::from_secs(second), started, viewers: 0, dropped: 0 }
    }

    fn of(history: &History) -> (Vec<u32>, u64) {
        let (seconds, last) = history.seconds();
        (seconds.map(|second| second.bytes).collect(), last)
    }

    #[test]
    fn a_minute_of_a_stream_is_less_than_a_kilobyte() {
        let bytes = size_of::<History>() + KEPT * size_of::<StreamSecond>();
        assert!(bytes < 1000, "{bytes}");
        let (start, mut history) = (Instant::now(), History::default());
        for second in 0..3 * KEPT as u64 {
            history.advance(present(start, second));
        }
        assert!(history.past.len() == KEPT && history.past.capacity() == KEPT);
    }

    #[test]
    fn whole_seconds_are_kept_the_oldest_first_and_silent_ones_are_zeros() {
        let (start, mut history) = (Instant::now(), History::default());
        assert!(history.is_over(start));
        let frame = Frame::from_payload(Kind::Video, 0, KEY);
        for second in [5, 6, 9] {
            history.advance(Present { viewers: 2, ..present(start, second) });
            (0..second).for_each(|_| history.add(&frame));
        }
        assert!(!history.is_over(start + Duration::from_millis(9999)));
        assert_eq!(of(&history), (vec![50, 60, 0, 0], 8));
        assert_eq!([4, 5, 6, 8, 9, 99].map(|second| history.second(second).pictures), [0, 5, 6, 0, 0, 0]);
        assert_eq!((history.second(6).keys, history.second(6).viewers), (6, 2));
        history.advance(present(start, 1_000_000));
        assert_eq!(of(&history), (vec![0; KEPT], 999_999));
    }

    #[test]
    fn dropped_frames_are_those_of_the_last_minute() {
        let (start, mut history) = (Instant::now(), History::default());
        for (second, dropped) in [(0, 3), (1, 5), (30, 5), (60, 9)] {
            history.advance(Present { dropped, ..present(start, second) });
        }
        assert_eq!(history.dropped(10), 5, "four in the last second and one in this one");
        history.advance(Present { dropped: 10, ..present(start, 89) });
        assert_eq!(history.dropped(10), 5);
        history.advance(Present { dropped: 10, ..present(start, 90) });
        assert_eq!(history.dropped(10), 1, "of those thirty seconds ago");
        history.advance(Present { dropped: 10, ..present(start, 200) });
        assert_eq!(history.dropped(10), 0);
    }

    #[test]
    fn only_pictures_of_the_default_track_count() {
        let (start, mut history) = (Instant::now(), History::default());
        history.advance(present(start, 0));
        let mut slice = Frame::from_payload(Kind::Video, 0, KEY);
        slice.slices = Slices::Continue { of_key: true };
        for frame in [
            Frame::from_payload(Kind::Video, 0, KEY),
            Frame::from_payload(Kind::Video, 0, &[0x27, 1, 0, 0, 0, 0, 0, 0, 1, 0x41]),
            Frame::from_payload(Kind::Video, 0, &[0x17, 0, 0, 0, 0, 1]),
            Frame::from_payload(Kind::Audio, 0, &[0xaf, 1, 1]),
            slice,
        ] {
            history.add(&frame);
        }
        history.advance(present(start, 1));
        let second = history.second(0);
        assert_eq!((second.pictures, second.keys, second.bytes), (2, 1, 10 + 10 + 6 + 3 + 10));
    }
}
