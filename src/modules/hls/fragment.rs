//! The fragment being written: its file, the bytes on their way there, and how long it is.

use std::io;

use super::files::Part;

/// Bytes that are gathered before they go to the file.
const BUFFER: usize = 64 * 1024;
/// The buffer keeps no more than this after a large key frame.
const MAX_KEPT: usize = 4 * BUFFER;
/// A fragment is cut at this size, in bytes, whatever its timestamps say: time may stand still.
const MAX_BYTES: u64 = 512 << 20;
/// A step between two frames longer than this is no frame's duration, in ticks.
const MAX_INTERVAL: u64 = 90_000;
/// The duration of a frame that nothing tells: 40 ms, in ticks.
const DEFAULT_INTERVAL: u64 = 3600;

/// A fragment being written.
#[derive(Debug)]
pub struct OpenFragment {
    part: Part,
    buffer: Vec<u8>,
    written: u64,
    /// Decoding time of the first frame of the leading track, in ticks.
    start: u64,
    /// That of the last one.
    last: Option<u64>,
    /// The last step between two.
    interval: u64,
    /// The first audio timestamp in milliseconds.
    first_audio: Option<u64>,
}

impl OpenFragment {
    /// A fragment whose first frame of the leading track is decoded at `start`. `buffer` is taken
    /// over for its capacity.
    pub fn new(part: Part, start: u64, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        let (written, interval, last) = (0, DEFAULT_INTERVAL, None);
        Self { part, buffer, written, start, last, interval, first_audio: None }
    }

    /// Where packets are to be appended.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// A frame of the leading track has been written, decoded at `time`.
    pub fn led_to(&mut self, time: u64) {
        let step = self.last.map_or(0, |last| time.saturating_sub(last));
        if (1..=MAX_INTERVAL).contains(&step) {
            self.interval = step;
        }
        self.last = self.last.max(Some(time));
    }

    /// Milliseconds since the first audio frame of this fragment; counts this one.
    pub fn audio_span(&mut self, timestamp: u64) -> u64 {
        let first = *self.first_audio.get_or_insert(timestamp);
        timestamp.saturating_sub(first)
    }

    /// Lets full buffers go to the file.
    pub fn drain(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BUFFER { self.write_out() } else { Ok(()) }
    }

    /// Milliseconds from the first frame to one that is decoded at `time`.
    pub fn duration_to(&self, time: u64) -> u64 {
        time.saturating_sub(self.start) / 90
    }

    /// Milliseconds from the first frame to the end of the last one.
    pub fn duration(&self) -> u64 {
        self.last.map_or(0, |last| self.duration_to(last.saturating_add(self.interval)))
    }

    /// True if it must be cut for its size.
    pub fn is_full(&self) -> bool {
        self.written >= MAX_BYTES
    }

    /// True while no frame has come.
    pub fn is_empty(&self) -> bool {
        self.last.is_none() && self.first_audio.is_none()
    }

    /// Writes the rest; gives the file, which is still hidden, and the buffer for the next fragment.
    pub fn finish(mut self) -> io::Result<(Part, Vec<u8>)> {
        self.write_out()?;
        Ok((self.part, self.buffer))
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.part.write(&self.buffer)?;
        self.written = self.written.saturating_add(u64::try_from(self.buffer.len()).unwrap_or(u64::MAX));
        self.buffer.clear();
        self.buffer.shrink_to(MAX_KEPT);
        Ok(())
    }
}
