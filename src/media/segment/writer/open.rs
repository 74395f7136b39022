//! The segment being written: its bytes that have not been stored yet, how it begins and how long it is.

/// A step between two frames that is longer than this, in ticks, is a frame's duration only if the step before it was
/// long, too.
const MAX_INTERVAL: u64 = 90_000;
/// The duration of a frame if no other is known: 40 ms, in ticks.
const DEFAULT_INTERVAL: u64 = 3600;

/// The beginning of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// With a key frame, or audio: it can be decoded by itself.
    Independent,
    /// Without a key frame.
    Within,
}

/// A segment being written. The leading track is video, or audio where there is no video.
#[derive(Debug)]
pub struct OpenSegment {
    /// The bytes that are to be written to its file, and are removed from here then.
    pub bytes: Vec<u8>,
    begins: Begins,
    /// Frames of the leading track.
    frames: u64,
    /// Decoding time of the first frame of the leading track, in ticks.
    start: u64,
    /// Decoding time of the last frame of the leading track, in ticks.
    last: Option<u64>,
    /// The last step between two.
    step: u64,
    /// Duration of the last frame, in ticks.
    interval: u64,
    presentation: Option<Presentation>,
    /// The first audio timestamp in milliseconds.
    first_audio: Option<u64>,
}

/// The presentation times of pictures, in ticks.
#[derive(Debug, Clone, Copy)]
struct Presentation {
    /// The time from decoding to showing the first one.
    delay: u64,
    /// The latest time.
    last: u64,
    /// The time from the latest but one to it.
    step: u64,
    /// The number of pictures from it on.
    since: u64,
}

impl OpenSegment {
    /// A segment whose first frame of the leading track is decoded at `start`. The duration of its frames is at first
    /// that of the frames before it, `step` ticks; 0 if it is not known. `buffer` is reused for its capacity.
    pub fn new(start: u64, step: u64, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self {
            bytes: buffer,
            begins: Begins::Independent,
            frames: 0,
            start,
            last: None,
            step,
            interval: if step == 0 { DEFAULT_INTERVAL } else { step },
            presentation: None,
            first_audio: None,
        }
    }

    /// Notes a frame of the leading track, decoded at `time`. The first one decides how the segment begins.
    pub fn add_leading_frame(&mut self, time: u64, begins: Begins) {
        if self.last.is_none() {
            self.begins = begins;
        }
        if let Some(last) = self.last {
            let step = time.saturating_sub(last);
            if (1..=MAX_INTERVAL).contains(&step) {
                self.interval = step;
            } else if self.step > MAX_INTERVAL && step > 0 {
                self.interval = step.min(self.step);
            }
            self.step = step;
        }
        self.last = self.last.max(Some(time));
        self.frames += 1;
    }

    /// Notes a picture that is decoded at `dts` and shown at `pts`, in ticks.
    pub fn note_presentation(&mut self, dts: u64, pts: u64) {
        let first = Presentation { delay: pts.saturating_sub(dts), last: pts, step: 0, since: 0 };
        let shown = self.presentation.get_or_insert(first);
        if pts > shown.last {
            (shown.step, shown.last, shown.since) = (pts - shown.last, pts, 0);
        }
        shown.since += 1;
    }

    /// Notes an audio frame of that time, in milliseconds.
    pub fn note_audio(&mut self, timestamp: u64) {
        self.first_audio.get_or_insert(timestamp);
    }

    /// Milliseconds from the first audio frame of this segment to one of that time.
    pub fn audio_span(&self, timestamp: u64) -> u64 {
        self.first_audio.map_or(0, |first| timestamp.saturating_sub(first))
    }

    /// Milliseconds from the first frame to one that is decoded at `time`.
    pub fn duration_to(&self, time: u64) -> u64 {
        time.saturating_sub(self.start) / 90
    }

    /// Milliseconds from the first frame to the end of the last one. If that is a long one, it ends with the audio of
    /// the segment, at `audio`, if there is any.
    pub fn duration(&self, audio: Option<u64>) -> u64 {
        let Some(last) = self.last else { return audio.map_or(0, |audio| self.duration_to(audio)) };
        let end = last.saturating_add(self.interval);
        let least = last.saturating_add(self.interval.min(MAX_INTERVAL));
        self.duration_to(audio.map_or(end, |audio| audio.clamp(least, end)))
    }

    /// The decoding time of its first frame of the leading track, in ticks.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The decoding time, in ticks, of a picture that would be shown after all in the segment, if there are any.
    ///
    /// An encoder whose connection is lost may have sent a picture without those that are shown before it. Chromium's
    /// own player shows such a last picture for as long as the hole before it.
    pub fn next_picture(&self) -> Option<u64> {
        let Presentation { delay, last, step, since } = self.presentation?;
        let is_complete = since.saturating_mul(self.interval).saturating_add(self.interval / 2) >= step;
        let step = if is_complete { self.interval } else { step };
        Some(last.saturating_add(step).saturating_sub(delay))
    }

    /// Whether it begins with a key frame.
    pub fn begins(&self) -> Begins {
        self.begins
    }

    /// Frames of the leading track in it.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The time from one frame of the leading track to the next, in milliseconds.
    pub fn step(&self) -> u64 {
        self.interval / 90
    }

    /// Whether no frame has come.
    pub fn is_empty(&self) -> bool {
        self.last.is_none() && self.first_audio.is_none()
    }
}
