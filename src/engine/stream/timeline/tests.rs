use crate::engine::stream::timeline::*;
use std::time::Duration;

const AUDIO: &[u8] = &[0xaf, 1, 0];
const VIDEO: &[u8] = &[0x27, 1, 0, 0, 0];
const HEADER: &[u8] = &[0x17, 0, 0, 0, 0];
/// Timestamps begin one turn of their 32 bits up.
const START: u64 = 1 << 32;

/// A line, with a clock that runs with it unless a test says otherwise.
struct Line {
    timeline: Timeline,
    now: Instant,
}

impl Line {
    fn new() -> Self {
        Self { timeline: Timeline::default(), now: Instant::now() }
    }

    /// A line at 10 s, both tracks under way.
    fn at_ten_seconds() -> Self {
        let mut line = Self::new();
        for time in (0..=10_000).step_by(40) {
            assert_eq!(line.place(VIDEO, START + time), (START + time, None));
            assert_eq!(line.place(AUDIO, START + time + 5), (START + time + 5, None));
            line.pass(40);
        }
        line
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
    }

    fn place(&mut self, payload: &[u8], timestamp: u64) -> (u64, Option<i64>) {
        let kind = match payload {
            AUDIO => Kind::Audio,
            VIDEO | HEADER => Kind::Video,
            _ => Kind::Data,
        };
        let mut frame = Frame::from_payload(kind, timestamp, payload);
        let jump = self.timeline.place(&mut frame, self.now);
        (frame.timestamp, jump.map(|jump| jump.by))
    }
}

#[test]
fn times_that_step_as_encoders_make_them_pass_unchanged() {
    let mut line = Line::at_ten_seconds();
    for time in [10_040, 10_040, 10_080, 19_000, 28_999] {
        assert_eq!(line.place(VIDEO, START + time), (START + time, None), "{time}");
    }
    // Audio that lags behind its picture by seconds is in its own order.
    assert_eq!(line.place(AUDIO, START + 10_100), (START + 10_100, None));
}

#[test]
fn a_pause_as_long_as_the_clock_says_is_none_of_ours() {
    let mut line = Line::at_ten_seconds();
    line.pass(600_000);
    assert_eq!(line.place(VIDEO, START + 610_000), (START + 610_000, None));
}

#[test]
fn a_small_step_back_is_levelled() {
    let mut line = Line::at_ten_seconds();
    assert_eq!(line.place(VIDEO, START + 9_700), (START + 10_000, None));
    assert_eq!(line.place(VIDEO, START + 10_040), (START + 10_040, None));
}

#[test]
fn jumps_are_taken_out_and_the_tracks_stay_in_step() {
    for jump in [3_600_000, -9_000, -1_000_000_000] {
        let mut line = Line::at_ten_seconds();
        let there = |time: i64| START.saturating_add_signed(time + jump);
        let (video, noticed) = line.place(VIDEO, there(10_040));
        assert_eq!(noticed, Some(jump + 40));
        assert_eq!(video, START + 10_045, "what has passed on the clock");
        assert_eq!(
            line.place(AUDIO, there(10_045)),
            (START + 10_050, None),
            "beside the picture, no other jump"
        );
        assert_eq!(line.place(VIDEO, there(10_080)), (START + 10_085, None));
    }
}

#[test]
fn tracks_with_clocks_of_their_own_both_go_on() {
    let mut line = Line::new();
    let mut last = [0, 0];
    let mut jumps = 0;
    for step in 0..100 {
        for (track, (payload, time)) in [(AUDIO, 0), (VIDEO, 5_000_000)].into_iter().enumerate() {
            let (placed, jump) = line.place(payload, START + time + step * 40);
            assert!(placed >= last[track]);
            last[track] = placed;
            jumps += usize::from(jump.is_some());
        }
        line.pass(40);
    }
    assert!(jumps <= 1, "{jumps}");
    assert!(last[0].abs_diff(last[1]) < 100 && last[0] >= START + 3_900, "{last:?}");
}

#[test]
fn another_publisher_continues_the_line_after_the_time_that_has_passed() {
    let mut line = Line::at_ten_seconds();
    line.timeline.change_publisher();
    line.pass(3_000);
    assert_eq!(line.place(HEADER, START), (START + 10_005, None));
    let resumed = START + 10_005 + 3_040;
    assert_eq!(line.place(VIDEO, START), (resumed, None));
    assert_eq!(line.place(AUDIO, START + 7), (resumed + 7, None));
    assert_eq!(line.place(VIDEO, START + 40), (resumed + 40, None));
}

#[test]
fn headers_and_data_do_not_tell_the_time() {
    let mut line = Line::at_ten_seconds();
    for payload in [HEADER, b"data"] {
        assert_eq!(line.place(payload, START), (START + 10_005, None), "stamped 0 in the middle");
        assert_eq!(line.place(payload, START + 10_010), (START + 10_010, None));
    }
    assert_eq!(line.place(b"data", START + 10_007), (START + 10_010, None), "data in its order");
    assert_eq!(line.place(VIDEO, START + 10_040), (START + 10_040, None));
    let mut line = Line::new();
    assert_eq!(line.place(b"data", START + 90_000_000).0, START + 90_000_000);
    assert_eq!(line.place(VIDEO, START), (START, None));
    assert_eq!(line.place(b"data", START).0, START);
}

#[test]
fn the_line_goes_over_the_turns_of_24_and_32_bits() {
    for edge in [START + (1 << 24), 2 * START] {
        let mut line = Line::new();
        for step in 0..500 {
            let time = edge - 10_000 + step * 40;
            assert_eq!(line.place(VIDEO, time), (time, None));
            line.pass(40);
        }
    }
}
