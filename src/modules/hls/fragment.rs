//! The fragment being written: its file, the bytes on their way there, and how long it is.

use std::io;

use super::playlist::Begins;
use crate::engine::{Growth, MemoryFiles};
use crate::modules::hls::files::keys::Cipher;
use crate::modules::hls::files::{Draft, Files};
use crate::modules::hls::settings::MAX_BYTES;

/// Bytes that are gathered before they go to the file.
const BUFFER: usize = 64 * 1024;
/// A buffer keeps no more than this after a large key frame.
pub const MAX_KEPT: usize = BUFFER;
/// A step between two frames that is longer than this, in ticks, is a frame's duration only if the one before was, too.
const MAX_INTERVAL: u64 = 90_000;
/// The duration of a frame that nothing tells: 40 ms, in ticks.
const DEFAULT_INTERVAL: u64 = 3600;

/// A fragment being written.
#[derive(Debug)]
pub struct OpenFragment {
    part: Draft,
    cipher: Option<Cipher>,
    begins: Begins,
    buffer: Vec<u8>,
    written: u64,
    /// The most to be written.
    most: u64,
    /// Frames of the leading track.
    frames: u64,
    /// Decoding time of the first frame of the leading track, in ticks.
    start: u64,
    /// That of the last one.
    last: Option<u64>,
    /// The last step between two.
    step: u64,
    /// How long the last one is.
    interval: u64,
    /// What has been shown of its pictures.
    pictures: Option<Pictures>,
    /// The first audio timestamp in milliseconds.
    first_audio: Option<u64>,
}

/// The order of pictures, in ticks.
#[derive(Debug, Clone, Copy)]
struct Pictures {
    /// How long the first one waits to be shown once it is decoded.
    delay: u64,
    /// When the last one is shown, of those that have come.
    last: u64,
    /// How much later than the last one before it.
    step: u64,
    /// How many have come from it on.
    since: u64,
}

impl OpenFragment {
    /// A fragment whose first frame of the leading track is decoded at `start`. `buffer` is taken
    /// over for its capacity.
    pub fn new((part, cipher): (Draft, Option<Cipher>), start: u64, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self {
            part,
            cipher,
            begins: Begins::Independent,
            buffer,
            written: 0,
            most: MAX_BYTES,
            frames: 0,
            start,
            last: None,
            step: 0,
            interval: DEFAULT_INTERVAL,
            pictures: None,
            first_audio: None,
        }
    }

    /// The same, full with so many bytes.
    pub fn holding(self, most: u64) -> Self {
        Self { most, ..self }
    }

    /// The same whose frames are as long as those before it, in ticks; 0 if that is not known.
    pub fn stepping(self, step: u64) -> Self {
        if step == 0 { self } else { Self { step, interval: step, ..self } }
    }

    /// Where packets are to be appended.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// A frame of the leading track has been written, decoded at `time`. The first one tells how the fragment
    /// begins.
    pub fn led_to(&mut self, time: u64, begins: Begins) {
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

    /// A picture is decoded at `dts` and shown at `pts`, in ticks.
    pub fn shows(&mut self, dts: u64, pts: u64) {
        let first = Pictures { delay: pts.saturating_sub(dts), last: pts, step: 0, since: 0 };
        let pictures = self.pictures.get_or_insert(first);
        if pts > pictures.last {
            (pictures.step, pictures.last, pictures.since) = (pts - pictures.last, pts, 0);
        }
        pictures.since += 1;
    }

    /// An audio frame of that time, in milliseconds, is written.
    pub fn hears(&mut self, timestamp: u64) {
        self.first_audio.get_or_insert(timestamp);
    }

    /// Milliseconds from the first audio frame of this fragment to one of that time.
    pub fn audio_span(&self, timestamp: u64) -> u64 {
        self.first_audio.map_or(0, |first| timestamp.saturating_sub(first))
    }

    /// Lets a full buffer go to the file. What stays in it is counted as memory that the file takes up.
    pub fn drain(&mut self, files: &mut Files<'_>) -> io::Result<()> {
        if self.buffer.len() >= BUFFER {
            self.write_out(files)
        } else {
            files.append(&mut self.part, &[], self.buffer.capacity())
        }
    }

    /// How it grows in memory with what is in its buffer.
    pub fn growth(&self, memory: &MemoryFiles) -> Growth {
        self.part.growth(memory, self.buffer.capacity())
    }

    /// Milliseconds from the first frame to one that is decoded at `time`.
    pub fn duration_to(&self, time: u64) -> u64 {
        time.saturating_sub(self.start) / 90
    }

    /// Milliseconds from the first frame to the end of the last one. One that is shown for long is shown as long as the
    /// sound that goes with it, if there is any, which ends at `sound`.
    pub fn duration(&self, sound: Option<u64>) -> u64 {
        let Some(last) = self.last else { return sound.map_or(0, |sound| self.duration_to(sound)) };
        let end = last.saturating_add(self.interval);
        let least = last.saturating_add(self.interval.min(MAX_INTERVAL));
        self.duration_to(sound.map_or(end, |sound| sound.clamp(least, end)))
    }

    /// When its first frame of the leading track is decoded, in ticks.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// When a picture would have to be decoded to be shown behind all that are in it, in ticks, if there are any.
    ///
    /// An encoder that is cut off may have sent a picture and not those that are shown before it. Chromium's own
    /// player lets such a last one stand for as long as the hole before it.
    pub fn next_picture(&self) -> Option<u64> {
        let Pictures { delay, last, step, since } = self.pictures?;
        let is_complete = since.saturating_mul(self.interval).saturating_add(self.interval / 2) >= step;
        let step = if is_complete { self.interval } else { step };
        Some(last.saturating_add(step).saturating_sub(delay))
    }

    /// How it begins.
    pub fn begins(&self) -> Begins {
        self.begins
    }

    /// Frames of the leading track in it.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// From one frame of the leading track to the next, in milliseconds.
    pub fn step(&self) -> u64 {
        self.interval / 90
    }

    /// True if it must be cut for its size.
    pub fn is_full(&self) -> bool {
        self.written >= self.most
    }

    /// True while no frame has come.
    pub fn is_empty(&self) -> bool {
        self.last.is_none() && self.first_audio.is_none()
    }

    /// Writes the rest; gives the file, which is still hidden, its length, and the buffer for the next
    /// fragment.
    pub fn finish(mut self, files: &mut Files<'_>) -> io::Result<(Draft, u64, Vec<u8>)> {
        if self.cipher.is_some() {
            Cipher::pad(&mut self.buffer);
        }
        self.write_out(files)?;
        Ok((self.part, self.written, self.buffer))
    }

    /// Writes the buffer, all but what is no whole block where there is a cipher.
    fn write_out(&mut self, files: &mut Files<'_>) -> io::Result<()> {
        let length = match &mut self.cipher {
            Some(cipher) => cipher.encrypt(&mut self.buffer),
            None => self.buffer.len(),
        };
        let (whole, rest) = self.buffer.split_at(length);
        files.append(&mut self.part, whole, rest.len())?;
        self.written = self.written.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        self.buffer.drain(..length);
        self.buffer.shrink_to(MAX_KEPT);
        Ok(())
    }
}
