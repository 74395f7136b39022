//! Puts several audio frames into one PES packet, with times that follow the number of samples.

use crate::media::aac::Head;
use crate::media::ts::{MAX_AUDIO_PAYLOAD, ticks};

/// The least time, in ticks, from the last frame of a packet to the next packet. Players calculate that frame's time in
/// fractions of a tick, so one tick is not enough.
const MIN_STEP: u64 = 4;

/// A frame to write.
#[derive(Debug, Clone, Copy)]
pub struct AudioFrame<'a> {
    /// The publisher's timestamp in milliseconds.
    pub timestamp: u64,
    /// The ADTS header in front of it, if it has none.
    pub head: Option<Head>,
    /// The frame.
    pub body: &'a [u8],
    /// Samples and sampling frequency, from which times are predicted.
    pub samples: (u32, u32),
}

impl AudioFrame<'_> {
    /// Bytes with the head.
    pub fn length(&self) -> usize {
        self.body.len().saturating_add(self.head.as_ref().map_or(0, Head::length))
    }

    /// Its duration in ticks.
    pub fn step(&self) -> u64 {
        let (samples, rate) = self.samples;
        u64::from(samples).saturating_mul(90_000) / u64::from(rate.max(1))
    }
}

/// Predicts times from sample counts. Timestamps in whole milliseconds jitter by half of one, which is audible in some
/// players. A prediction is used if it differs from the timestamp by no more than a limit.
#[derive(Debug)]
struct Prediction {
    /// The most that a prediction may differ from the timestamp, in ticks; 0 for no prediction.
    sync: u64,
    /// The time at which the count began, in ticks.
    base: u64,
    /// Samples since then. `None` before the first frame.
    samples: Option<u64>,
}

impl Prediction {
    /// The predicted time, if it agrees with `actual`.
    fn agreed(&self, actual: u64, rate: u32) -> Option<u64> {
        let elapsed = self.samples?.saturating_mul(90_000) / u64::from(rate.max(1));
        let predicted = self.base.saturating_add(elapsed);
        (self.sync > 0 && predicted.abs_diff(actual) <= self.sync).then_some(predicted)
    }

    /// The time of a frame in ticks; counts the frame.
    fn next(&mut self, actual: u64, (samples, rate): (u32, u32)) -> u64 {
        let time = match self.agreed(actual, rate) {
            Some(predicted) => predicted,
            None => {
                (self.base, self.samples) = (actual, Some(0));
                actual
            }
        };
        self.samples = self.samples.map(|count| count.saturating_add(u64::from(samples)));
        time
    }
}

/// Frames that wait to be written as one PES packet.
#[derive(Debug)]
pub struct AudioBuffer {
    /// The longest time that a frame waits for its packet, in milliseconds.
    max_delay: u64,
    /// The most bytes that wait, no more than a packet holds.
    max_bytes: usize,
    prediction: Prediction,
    bytes: Vec<u8>,
    /// Time of the first frame that waits: the publisher's milliseconds, and ticks.
    first: Option<(u64, u64)>,
    /// Time of the last frame that waits, in ticks.
    latest: u64,
    /// Time of the last frame of the last PES packet, in ticks.
    last: Option<u64>,
    /// The duration of a frame in ticks.
    step: u64,
}

impl AudioBuffer {
    /// An empty buffer that holds frames for `max_delay` and evens times out within `sync`, both in
    /// milliseconds.
    pub fn new(max_delay: u64, sync: u64) -> Self {
        let prediction = Prediction { sync: ticks(sync), base: 0, samples: None };
        let max_bytes = MAX_AUDIO_PAYLOAD;
        Self {
            max_delay,
            max_bytes,
            prediction,
            bytes: Vec::new(),
            first: None,
            latest: 0,
            last: None,
            step: 0,
        }
    }

    /// The same with at most so many bytes waiting.
    pub fn holding(self, bytes: usize) -> Self {
        Self { max_bytes: bytes.min(MAX_AUDIO_PAYLOAD), ..self }
    }

    /// Begins with new times, at a discontinuity. No frame may wait.
    pub fn restart(&mut self) {
        debug_assert!(self.bytes.is_empty(), "audio that waits over a discontinuity");
        self.prediction.samples = None;
        self.last = None;
    }

    /// Drops the frames that wait, frees the buffer, and begins with new times.
    pub fn clear(&mut self) {
        self.bytes = Vec::new();
        self.first = None;
        self.restart();
    }

    /// Bytes of the buffer.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// The beginning and the end of the last frame of the last packet, in ticks.
    pub fn last(&self) -> Option<(u64, u64)> {
        self.last.map(|last| (last, last.saturating_add(self.step)))
    }

    /// The duration of a frame in ticks.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Whether the frames that wait must be written before this one, as its time does not follow from theirs: a packet
    /// has one time, from which players calculate those of its frames.
    pub fn is_broken_by(&self, frame: &AudioFrame<'_>) -> bool {
        let (_, rate) = frame.samples;
        self.first.is_some()
            && self.prediction.sync > 0
            && self.prediction.agreed(ticks(frame.timestamp), rate).is_none()
    }

    /// Whether the frames that wait must be written before a frame of `length` bytes at `timestamp`.
    pub fn is_due(&self, timestamp: u64, length: usize) -> bool {
        self.first.is_some_and(|(first, _)| timestamp.abs_diff(first) >= self.max_delay)
            || self.bytes.len().saturating_add(length) > self.max_bytes
    }

    /// Adds a frame of at most [`MAX_AUDIO_PAYLOAD`] bytes, head included, and returns its time in ticks.
    pub fn push(&mut self, frame: &AudioFrame<'_>) -> u64 {
        let actual = ticks(frame.timestamp);
        let time = self.prediction.next(actual, frame.samples);
        self.step = frame.step();
        self.first.get_or_insert((frame.timestamp, time));
        self.latest = time;
        self.bytes.extend(frame.head.iter().flat_map(Head::parts).flatten());
        self.bytes.extend(frame.body);
        time
    }

    /// Hands the frames that wait to `write`, with the time of the first in ticks. It is later than that of any frame
    /// before.
    pub fn flush(&mut self, write: impl FnOnce(u64, &[u8])) {
        let Some((_, first)) = self.first.take() else { return };
        let time = self.last.map_or(first, |last| first.max(last.saturating_add(MIN_STEP)));
        self.last = Some(time.saturating_add(self.latest.saturating_sub(first)));
        write(time, &self.bytes);
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(timestamp: u64) -> AudioFrame<'static> {
        AudioFrame { timestamp, head: None, body: &[1, 1, 1, 1, 1, 1, 1, 2, 3], samples: (1024, 44_100) }
    }

    /// The publisher's timestamp of frame `index` of 44.1 kHz AAC.
    fn stamp(index: u64) -> u64 {
        index * 1024 * 1000 / 44_100
    }

    #[test]
    fn times_are_counted_in_samples_while_timestamps_agree() {
        let mut audio = AudioBuffer::new(300, 2);
        for index in 0..10_000 {
            assert_eq!(audio.push(&frame(500 + stamp(index))), 45_000 + index * 1024 * 90_000 / 44_100);
            audio.flush(|_, _| {});
        }
    }

    #[test]
    fn times_start_over_at_a_timestamp_that_disagrees() {
        let mut audio = AudioBuffer::new(300, 2);
        audio.push(&frame(0));
        assert_eq!(audio.push(&frame(26)), 26 * 90);
        assert_eq!(audio.push(&frame(49)), 26 * 90 + 2089);
        assert_eq!(audio.push(&frame(0)), 0);
    }

    #[test]
    fn no_sync_means_the_publishers_times() {
        let mut audio = AudioBuffer::new(300, 0);
        for timestamp in [0, 23, 46, 70] {
            assert_eq!(audio.push(&frame(timestamp)), timestamp * 90);
        }
    }

    #[test]
    fn frames_wait_for_the_delay_or_the_size() {
        let mut small = AudioBuffer::new(300, 2).holding(20);
        small.push(&frame(0));
        assert!(!small.is_due(0, 11) && small.is_due(0, 12));
        let mut audio = AudioBuffer::new(300, 2);
        assert!(!audio.is_due(0, MAX_AUDIO_PAYLOAD) && audio.is_due(0, MAX_AUDIO_PAYLOAD + 1));
        audio.push(&frame(0));
        audio.push(&frame(23));
        assert!(!audio.is_due(299, 10) && audio.is_due(300, 10) && audio.is_due(24, MAX_AUDIO_PAYLOAD));
        let mut written = Vec::new();
        audio.flush(|time, bytes| written.push((time, bytes.to_vec())));
        audio.flush(|_, _| panic!("nothing waits"));
        assert_eq!(written, [(0, vec![1, 1, 1, 1, 1, 1, 1, 2, 3, 1, 1, 1, 1, 1, 1, 1, 2, 3])]);
        assert!(!audio.is_due(u64::MAX, 10));
    }

    #[test]
    fn a_packet_ends_where_the_next_frame_does_not_follow_and_the_next_begins_after_its_last_frame() {
        let mut audio = AudioBuffer::new(300, 2);
        audio.push(&frame(0));
        assert!(!audio.is_broken_by(&frame(23)));
        audio.push(&frame(23));
        // The encoder starts over: this frame is stamped 3 ms before the end of the last.
        assert!(audio.is_broken_by(&frame(43)));
        audio.flush(|time, _| assert_eq!(time, 0));
        audio.push(&frame(20));
        audio.flush(|time, _| {
            assert_eq!(time, 2089 + MIN_STEP, "later than the second frame of the first packet");
        });
        assert!(!AudioBuffer::new(300, 0).is_broken_by(&frame(43)));
    }

    #[test]
    fn packets_rise_when_timestamps_go_back() {
        let mut audio = AudioBuffer::new(0, 2);
        let mut times = Vec::new();
        for timestamp in [100, 50, 50, 100] {
            audio.push(&frame(timestamp));
            audio.flush(|time, _| times.push(time));
        }
        assert_eq!(times, [9000, 9000 + MIN_STEP, 9000 + 2 * MIN_STEP, 9000 + 3 * MIN_STEP]);
    }
}
