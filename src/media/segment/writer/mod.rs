//! Writes pictures and audio into the open segment.
//!
//! The container is MPEG-TS, which only this file names. Its counters and clock continue from segment to segment; if a
//! segment is thrown away, the container is set back to its state before.

pub mod audio;
pub mod open;
pub mod output_clock;

use std::mem;

use crate::media::Frame;
use crate::media::segment::probe::decoding::DecodingOffset;
use crate::media::segment::tracks::AudioTrack;
use crate::media::segment::writer::audio::{AudioBuffer, AudioFrame};
use crate::media::segment::writer::open::{Begins, OpenSegment};
use crate::media::segment::writer::output_clock::{AudioJoin, Ends, MAX_HOLE, OutputClock};
use crate::media::ts::{Muxer, Timing, Tracks, ticks};

/// Writes the segments of a stream, one after the other.
#[derive(Debug)]
pub struct Writer {
    container: Muxer,
    /// The container as it was before the open segment.
    container_before: Muxer,
    clock: OutputClock,
    audio: AudioBuffer,
    decoding: DecodingOffset,
    /// The last decoding time of video in ticks, which must rise.
    last_dts: Option<u64>,
    open: Option<OpenSegment>,
    /// The buffer of the segment before.
    spare: Vec<u8>,
}

impl Writer {
    /// A writer whose times continue those of an earlier one, if there was one.
    pub fn new(audio: AudioBuffer, ends: Option<Ends>) -> Self {
        Self {
            container: Muxer::new(Tracks::default()),
            container_before: Muxer::new(Tracks::default()),
            clock: OutputClock::resume_from(ends),
            audio,
            decoding: DecodingOffset::default(),
            last_dts: None,
            open: None,
            spare: Vec::new(),
        }
    }

    /// Lets the next segment tell that its packets are not counted on from those before.
    pub fn break_counters(&mut self) {
        self.container.break_counters();
    }

    /// Continues the times of an earlier writer, if there was one, behind a discontinuity.
    pub fn resume_from(&mut self, ends: Option<Ends>) {
        self.clock = OutputClock::resume_from(ends);
    }

    /// Begins a segment whose first frame is decoded at `start`. `step` is the time between the frames before it. Both
    /// are in ticks.
    pub fn begin(&mut self, start: u64, step: u64, tracks: Tracks) {
        self.clock.begin(start);
        self.container_before = self.container.clone();
        let mut open = OpenSegment::new(start, step, mem::take(&mut self.spare));
        self.container.set_tracks(tracks);
        self.container.tables(&mut open.bytes);
        self.open = Some(open);
    }

    /// Takes the open segment, which is complete, and its ends as written.
    pub fn end(&mut self, ends: Ends) -> Option<(OpenSegment, Ends)> {
        let open = self.open.take()?;
        Some((open, self.clock.end(ends)))
    }

    /// Throws the open segment away.
    pub fn undo(&mut self) {
        self.open = None;
        self.container = self.container_before.clone();
    }

    /// Throws away the open segment, the audio that waits for its packet, and the buffers.
    pub fn clear(&mut self) {
        self.undo();
        self.spare = Vec::new();
        self.audio.clear();
    }

    /// Bytes of the buffers beside that of the open segment.
    pub fn kept_bytes(&self) -> usize {
        self.spare.capacity() + self.audio.capacity()
    }

    /// Takes a buffer over for its capacity.
    pub fn reuse(&mut self, buffer: Vec<u8>) {
        self.spare = buffer;
    }

    /// Notes that the next segment does not continue the last one.
    pub fn mark_discontinuity(&mut self) {
        self.clock.mark_discontinuity();
    }

    /// The segment being written.
    pub fn open(&self) -> Option<&OpenSegment> {
        self.open.as_ref()
    }

    /// The bytes of the open segment that are to be stored next.
    pub fn bytes(&mut self) -> Option<&mut Vec<u8>> {
        self.open.as_mut().map(|open| &mut open.bytes)
    }

    /// Sets how much earlier than their timestamps pictures are decoded, by the result of probing.
    pub fn set_decoding(&mut self, decoding: DecodingOffset) {
        self.clock.shift_first(ticks(decoding.milliseconds()));
        self.decoding = decoding;
    }

    /// Decodes pictures so early that this one is not decoded after it is shown. Returns the offset in milliseconds if
    /// it has grown.
    pub fn see_order(&mut self, frame: &Frame) -> Option<u64> {
        let has_grown = self.decoding.see(frame);
        let offset = self.decoding.milliseconds();
        self.container.set_decoding_offset(ticks(offset));
        has_grown.then_some(offset)
    }

    /// The decoding time, in ticks, of a picture with that timestamp, in milliseconds. It is later than that of the
    /// picture before.
    pub fn dts(&self, timestamp: u64) -> u64 {
        let dts = ticks(timestamp);
        self.last_dts.map_or(dts, |last| dts.max(last.saturating_add(1)))
    }

    /// The last decoding time of video in ticks, 0 if there is none.
    pub fn last_dts(&self) -> u64 {
        self.last_dts.unwrap_or(0)
    }

    /// Sets the decoding time of the next picture, in ticks.
    pub fn set_dts(&mut self, dts: u64) {
        self.last_dts = Some(dts);
    }

    /// Writes an access unit, which is decoded at `dts` and shown at `pts`, in ticks. False if no segment is open.
    pub fn picture(&mut self, dts: u64, pts: u64, random_access: bool, access_unit: &[u8]) -> bool {
        let Some(open) = &mut self.open else { return false };
        open.add_leading_frame(dts, if random_access { Begins::Independent } else { Begins::Within });
        open.note_presentation(dts, pts);
        let (dts, pts) = (self.clock.written(dts), self.clock.written(pts));
        self.container.video(Timing { dts, pts, random_access }, access_unit, &mut open.bytes);
        true
    }

    /// Writes the audio that waits for its packet, if it is due before a picture of that time, in milliseconds.
    pub fn flush_audio_before(&mut self, timestamp: u64) {
        if self.audio.is_due(timestamp, 0) {
            self.flush_audio();
        }
    }

    /// Writes the audio that waits for its packet.
    pub fn flush_audio(&mut self) {
        let Some(open) = &mut self.open else { return };
        let clock = &self.clock;
        self.audio.flush(|time, frames| self.container.audio(clock.written(time), frames, &mut open.bytes));
    }

    /// Adds a frame to those that wait for their packet. Returns its time in ticks.
    pub fn add_audio(&mut self, audio: &AudioFrame<'_>) -> u64 {
        if self.audio.is_due(audio.timestamp, audio.length()) || self.audio.is_broken_by(audio) {
            self.flush_audio();
        }
        let time = self.audio.push(audio);
        if let Some(open) = &mut self.open {
            open.note_audio(audio.timestamp);
        }
        time
    }

    /// Adds a frame of the leading track, which is audio.
    pub fn add_leading_audio(&mut self, audio: &AudioFrame<'_>) {
        let time = self.add_audio(audio);
        if let Some(open) = &mut self.open {
            open.add_leading_frame(time, Begins::Independent);
        }
    }

    /// Adds a frame of audio. Behind a discontinuity it is dropped if it begins before the last audio has ended; if it
    /// begins later, silence fills the hole.
    pub fn join_audio(&mut self, track: AudioTrack, audio: &AudioFrame<'_>) {
        match self.clock.join_audio(ticks(audio.timestamp)) {
            AudioJoin::Overlaps => return,
            AudioJoin::Follows => {}
            AudioJoin::Hole { since, length } => {
                self.write_silence(track, since, length / audio.step().max(1));
            }
        }
        self.add_audio(audio);
    }

    /// The end of the last audio frame that is written, in ticks.
    pub fn audio_end(&self) -> Option<u64> {
        self.audio.last().map(|(_, end)| end)
    }

    /// The ends of the open segment if it lasts so many milliseconds. They are later than all of its frames.
    pub fn ends_after(&self, duration: u64) -> Ends {
        let end = self.open.as_ref().map_or(0, OpenSegment::start).saturating_add(ticks(duration));
        let picture = self.open.as_ref().and_then(OpenSegment::next_picture);
        let picture = picture.filter(|picture| picture.saturating_sub(end) <= MAX_HOLE);
        let (last, audio) = self.audio.last().unzip();
        let next = end.max(picture.unwrap_or(0)).max(last.map_or(0, |last| last.saturating_add(1)));
        Ends { next, audio }
    }

    /// Ends the audio before a discontinuity. With a track, silence fills the time up to the next segment. Chromium's
    /// own player puts the first frame behind a discontinuity where the last picture ended: that frame must be a
    /// picture, and its audio must leave no hole.
    pub fn end_audio(&mut self, track: Option<AudioTrack>, ends: Ends) -> Ends {
        let last = self.audio.last();
        let step = self.audio.step();
        self.audio.restart();
        let (Some(track), Some((_, end))) = (track, last) else { return ends };
        let missing = ends.next.saturating_sub(end);
        if missing > MAX_HOLE || track.silence().is_none() {
            return ends;
        }
        let frames = missing.div_ceil(step.max(1));
        self.write_silence(track, self.clock.written(end), frames);
        Ends { audio: Some(end.saturating_add(frames.saturating_mul(step))), ..ends }
    }

    /// Writes silent frames from that time on, in ticks as written.
    fn write_silence(&mut self, track: AudioTrack, since: u64, frames: u64) {
        let frames = usize::try_from(frames).unwrap_or(0);
        if frames > 0
            && let Some(open) = &mut self.open
            && let Some(silence) = track.silence()
        {
            self.container.audio(since, &silence.repeat(frames), &mut open.bytes);
        }
    }
}
