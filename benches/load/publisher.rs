//! A publisher: one stream of video, and audio if wanted, each message when it is due.

use std::time::{Duration, Instant};

use super::clip::{self, Clip, Stamp, Track};
use super::pace;
use super::wire;

/// What is published.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Bits a second.
    pub video: u64,
    /// Bits a second; none without any.
    pub audio: u64,
    /// Frames from a key frame to the next.
    pub group: u64,
}

/// One stream on its way out.
pub struct Publisher {
    stream: u64,
    rates: Rates,
    begun: Instant,
    frames: u64,
    sounds: u64,
    /// Bytes of payloads so far.
    pub bytes: u64,
}

impl Publisher {
    /// The publisher of a stream whose first frame is due at `begun`.
    pub fn new(stream: usize, rates: Rates, begun: Instant) -> Self {
        Self { stream: stream as u64, rates, begun, frames: 0, sounds: 0, bytes: 0 }
    }

    /// Messages so far.
    pub fn messages(&self) -> u64 {
        self.frames + self.sounds
    }

    /// When the next message is due.
    pub fn due(&self) -> Instant {
        let video = self.begun + pace::frame_due(self.frames);
        if self.rates.audio == 0 { video } else { video.min(self.begun + sound_due(self.sounds)) }
    }

    /// Appends what goes before everything else.
    pub fn write_headers(&self, out: &mut Vec<u8>) {
        wire::write_media(out, wire::VIDEO, 0, clip::VIDEO_HEADER);
        if self.rates.audio > 0 {
            wire::write_media(out, wire::AUDIO, 0, clip::AUDIO_HEADER);
        }
    }

    /// Counts the next frame as sent.
    pub fn skip_next(&mut self) {
        self.frames += 1;
    }

    /// Appends the next message, sent now: `sent` nanoseconds after the beginning of the run.
    pub fn write_next(&mut self, clip: &Clip, sent: u64, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        let video = pace::frame_due(self.frames);
        let sound = sound_due(self.sounds);
        let (track, kind, sequence, time, length) = if self.rates.audio > 0 && sound < video {
            let length = self.rates.audio / 8 * clip::FRAME_SAMPLES / clip::SAMPLE_RATE;
            self.sounds += 1;
            (Track::Audio, wire::AUDIO, self.sounds - 1, sound, length as usize)
        } else {
            self.frames += 1;
            let length = pace::frame_size(self.rates.video, self.rates.group, self.frames - 1);
            (Track::Video, wire::VIDEO, self.frames - 1, video, length)
        };
        scratch.clear();
        clip.write(track, Stamp { stream: self.stream, sequence, sent }, length, scratch);
        wire::write_media(out, kind, time.as_millis() as u32, scratch);
        self.bytes += scratch.len() as u64;
    }
}

/// When a frame of audio is due, from the first on.
fn sound_due(index: u64) -> Duration {
    Duration::from_nanos(index * clip::FRAME_SAMPLES * 1_000_000_000 / clip::SAMPLE_RATE)
}
