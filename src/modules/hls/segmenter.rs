//! The sink: a stream's frames become fragments. It decides which tracks there are, where to cut and
//! what is left out; the muxer writes the packets and [`Publication`] shows the files.

use std::io;
use std::mem;
use std::rc::Rc;

use crate::engine::Sink;
use crate::media::aac::raw_frame;
use crate::media::avc::{AccessUnit, Start};
use crate::media::flv::Codec;
use crate::media::ts::{MAX_AUDIO_PAYLOAD, Muxer, Timing, Tracks, ticks};
use crate::media::{Frame, Kind};

use super::Settings;
use super::audio::{AudioBuffer, AudioFrame};
use super::clock::{AudioGate, Clock, Passage, Step};
use super::fragment::OpenFragment;
use super::probe::Probe;
use super::publication::Publication;
use super::tracks::{AudioTrack, Codecs, Content};

/// A fragment shorter than this, in milliseconds, is thrown away where a discontinuity or its size ends
/// it: a publisher whose timestamps jump in every frame makes no file of each, and one whose timestamps
/// stand still does not fill the disk.
const MIN_BROKEN: u64 = 100;

/// Why a fragment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// It is long enough, or too long.
    Length,
    /// Times jump.
    Jump,
    /// Times go on, but what comes is another publisher's.
    Break,
    /// Other tracks take over.
    Codecs,
    /// The stream ends.
    End,
}

/// Fragments out of one stream.
#[derive(Debug)]
pub struct Segmenter {
    settings: Settings,
    publication: Publication,
    state: State,
    codecs: Codecs,
    muxer: Muxer,
    /// The muxer as it was before the open fragment, whose packets may be thrown away.
    muxer_before: Muxer,
    audio: AudioBuffer,
    gate: AudioGate,
    /// The clock of the leading track: video, or else audio.
    clock: Clock,
    /// The last decoding time of video in ticks, which must rise.
    last_dts: Option<u64>,
    open: Option<OpenFragment>,
    /// Whether what comes does not continue what is written: the next fragment begins with it.
    broken: bool,
    /// Frames left out: broken, without a header, or on the other side of a jump.
    skipped: u64,
    /// One access unit at a time.
    access_unit: Vec<u8>,
    /// The buffer of the fragment before.
    spare: Vec<u8>,
}

#[derive(Debug)]
enum State {
    /// The first frames wait until the tracks are known.
    Probing(Probe),
    Running,
    /// An error has been returned; only the end is left to write.
    Failed,
}

impl Segmenter {
    /// A segmenter whose fragments go to `publication`.
    pub fn new(settings: Settings, publication: Publication) -> Self {
        let max_step = settings.max_fragment;
        Self {
            settings,
            state: State::Probing(Probe::default()),
            codecs: Codecs::new(publication.name()),
            publication,
            muxer: Muxer::new(Tracks::default()),
            muxer_before: Muxer::new(Tracks::default()),
            audio: AudioBuffer::new(settings.max_audio_delay, settings.sync),
            gate: AudioGate::new(max_step),
            clock: Clock::new(max_step),
            last_dts: None,
            open: None,
            broken: false,
            skipped: 0,
            access_unit: Vec::new(),
            spare: Vec::new(),
        }
    }

    fn take(&mut self, frame: &Rc<Frame>) -> io::Result<()> {
        let content = self.codecs.learn(frame);
        match &mut self.state {
            State::Failed => Ok(()),
            State::Running => self.write(frame, content),
            State::Probing(probe) => {
                if content != Content::Nothing {
                    probe.push(frame);
                }
                if probe.is_over() || self.codecs.is_complete() { self.start() } else { Ok(()) }
            }
        }
    }

    /// Ends the probing: the tracks are those that are known now.
    fn start(&mut self) -> io::Result<()> {
        let State::Probing(probe) = mem::replace(&mut self.state, State::Running) else { return Ok(()) };
        self.codecs.take_over();
        for frame in probe.into_frames() {
            let content = if frame.kind == Kind::Video { Content::Video } else { Content::Audio };
            self.write(&frame, content)?;
        }
        Ok(())
    }

    fn write(&mut self, frame: &Frame, content: Content) -> io::Result<()> {
        match content {
            Content::Video => self.write_video(frame),
            Content::Audio if self.codecs.has_video() => self.write_audio(frame),
            Content::Audio => self.lead_with_audio(frame),
            Content::Nothing => Ok(()),
        }
    }

    fn write_video(&mut self, frame: &Frame) -> io::Result<()> {
        let Some(config) = self.codecs.video_for(frame) else {
            self.skipped += 1;
            return Ok(());
        };
        if self.open.is_none() && !frame.is_video_key() {
            return Ok(());
        }
        if self.broken && !frame.is_video_key() {
            self.skipped += 1;
            return Ok(());
        }
        let cut = self.judge_video(frame);
        let start = if cut.is_some() { Start::Fragment } else { Start::Within };
        self.access_unit.clear();
        match config.write_annex_b(frame.body(), start, &mut self.access_unit) {
            Ok(AccessUnit::Idr | AccessUnit::Picture) => self.mux_video(frame, cut),
            Ok(AccessUnit::Empty) => Ok(()),
            Err(_) => {
                self.skipped += 1;
                Ok(())
            }
        }
    }

    /// Whether a video frame starts a fragment, and why.
    fn judge_video(&self, frame: &Frame) -> Option<Cut> {
        let Some(open) = &self.open else { return Some(Cut::Length) };
        let duration = open.duration_to(ticks(frame.timestamp));
        let is_enough =
            if frame.is_video_key() { self.settings.fragment } else { self.settings.max_fragment };
        if self.codecs.has_video() && self.clock.judge(frame.timestamp) == Step::Jumps {
            Some(Cut::Jump)
        } else if self.broken {
            Some(Cut::Break)
        } else if self.codecs.is_changing() && (frame.is_video_key() || duration >= is_enough) {
            Some(Cut::Codecs)
        } else {
            (duration >= is_enough || open.is_full()).then_some(Cut::Length)
        }
    }

    fn mux_video(&mut self, frame: &Frame, cut: Option<Cut>) -> io::Result<()> {
        if matches!(cut, Some(Cut::Jump | Cut::Codecs)) {
            self.last_dts = None;
        }
        let dts = ticks(frame.timestamp);
        let dts = self.last_dts.map_or(dts, |last| dts.max(last.saturating_add(1)));
        if let Some(cut) = cut {
            self.close(cut, dts)?;
            self.codecs.take_over();
            self.open(dts)?;
        }
        if cut == Some(Cut::Jump) {
            self.gate.video_jumped();
        }
        self.clock.take(frame.timestamp);
        self.last_dts = Some(dts);
        if self.audio.is_due(frame.timestamp, 0) {
            self.flush_audio();
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let pts = ticks(frame.presentation_time());
        open.led_to(dts);
        let timing = Timing { dts, pts, random_access: frame.is_video_key() };
        self.muxer.video(timing, &self.access_unit, open.buffer());
        open.drain()
    }

    /// Audio beside video: it goes into the fragments that video makes, from the first key frame on.
    fn write_audio(&mut self, frame: &Frame) -> io::Result<()> {
        if self.gate.judge(frame.timestamp) == Passage::Stray {
            self.skipped += 1;
            return Ok(());
        }
        // A track that takes over waits for the next cut.
        let (Some(track), Some(open)) = (self.codecs.audio(), &mut self.open) else { return Ok(()) };
        if open.audio_span(frame.timestamp) >= self.settings.max_fragment {
            // Video has stopped, and audio goes on alone.
            let start = ticks(frame.timestamp).max(self.last_dts.unwrap_or(0));
            self.close(Cut::Length, start)?;
            self.open(start)?;
            self.clock.take(frame.timestamp);
        }
        self.gather(track, frame)?;
        Ok(())
    }

    /// Audio without video: it makes the fragments.
    fn lead_with_audio(&mut self, frame: &Frame) -> io::Result<()> {
        let time = ticks(frame.timestamp);
        let is_due = match &self.open {
            Some(open) => open.duration_to(time) >= self.settings.fragment || open.is_full(),
            None => true,
        };
        let cut = if self.clock.judge(frame.timestamp) == Step::Jumps {
            Some(Cut::Jump)
        } else if self.broken {
            Some(Cut::Break)
        } else if self.codecs.is_audio_changing() {
            Some(Cut::Codecs)
        } else {
            is_due.then_some(Cut::Length)
        };
        let Some(track) = self.codecs.next_audio() else {
            self.skipped += 1;
            return Ok(());
        };
        if let Some(cut) = cut {
            self.close(cut, time)?;
            self.codecs.take_over_audio();
            self.open(time)?;
        }
        self.clock.take(frame.timestamp);
        if let Some(time) = self.gather(track, frame)?
            && let Some(open) = &mut self.open
        {
            open.led_to(time);
        }
        Ok(())
    }

    /// Adds a frame to those that wait for their packet; its time in ticks, unless it has a fault.
    fn gather(&mut self, track: AudioTrack, frame: &Frame) -> io::Result<Option<u64>> {
        let Some(audio) = elementary(track, frame) else {
            self.skipped += 1;
            return Ok(None);
        };
        if self.audio.is_due(frame.timestamp, audio.length()) || self.audio.is_broken_by(&audio) {
            self.flush_audio();
        }
        let time = self.audio.push(&audio);
        if let Some(open) = &mut self.open {
            open.audio_span(frame.timestamp);
            open.drain()?;
        }
        Ok(Some(time))
    }

    fn flush_audio(&mut self) {
        let Some(open) = &mut self.open else { return };
        self.audio.flush(|time, frames| self.muxer.audio(time, frames, open.buffer()));
    }

    /// Starts a fragment with the tracks in use; its first frame is decoded at `start`.
    fn open(&mut self, start: u64) -> io::Result<()> {
        let part = self.publication.start_fragment()?;
        self.muxer_before = self.muxer.clone();
        let mut open = OpenFragment::new(part, start, mem::take(&mut self.spare));
        self.muxer.set_tracks(self.codecs.tracks());
        self.muxer.tables(open.buffer());
        self.open = Some(open);
        Ok(())
    }

    /// Ends the open fragment; what follows is decoded at `next`, if anything follows.
    fn close(&mut self, cut: Cut, next: u64) -> io::Result<()> {
        self.flush_audio();
        let is_broken = matches!(cut, Cut::Jump | Cut::Break | Cut::Codecs);
        self.broken &= !is_broken;
        let Some(open) = self.open.take() else { return Ok(()) };
        let duration = if cut == Cut::Length { open.duration_to(next) } else { open.duration() };
        if is_broken {
            self.audio.restart();
        }
        if open.is_empty() || (is_broken || open.is_full()) && duration < MIN_BROKEN {
            self.muxer = self.muxer_before.clone();
        } else {
            let (part, spare) = open.finish()?;
            self.spare = spare;
            self.publication.add(part, duration.max(1))?;
        }
        if is_broken {
            self.publication.break_off();
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if !matches!(self.state, State::Failed) {
            self.start()?;
            self.close(Cut::End, 0)?;
        }
        Ok(())
    }
}

/// A frame as it goes into a packet; `None` if it cannot.
fn elementary(track: AudioTrack, frame: &Frame) -> Option<AudioFrame<'_>> {
    let timestamp = frame.timestamp;
    match (track, frame.codec) {
        (AudioTrack::Aac(config, adts), Codec::Aac) => {
            let body = raw_frame(frame.body());
            let header = Some(adts.header(body.len()).ok()?);
            let samples = Some((config.frame_samples, config.sample_rate));
            Some(AudioFrame { timestamp, header, body, samples })
        }
        (AudioTrack::Mp3, Codec::Mp3) => {
            let body = frame.body();
            let fits = (1..=MAX_AUDIO_PAYLOAD).contains(&body.len());
            fits.then_some(AudioFrame { timestamp, header: None, body, samples: None })
        }
        _ => None,
    }
}

impl Sink for Segmenter {
    fn frame(&mut self, frame: &Rc<Frame>) -> io::Result<()> {
        let result = self.take(frame);
        if result.is_err() {
            self.state = State::Failed;
            self.open = None;
        }
        result
    }

    fn discontinuity(&mut self) {
        // Before the first fragment there is nothing to break off from.
        self.broken = self.open.is_some();
    }
}

/// The end of the stream, or of the sink after an error: the last fragment and the playlist's end.
impl Drop for Segmenter {
    fn drop(&mut self) {
        let finished = self.finish();
        if let Err(error) = finished.and_then(|()| self.publication.end()) {
            log::error!("{}: hls: {error}", self.publication.name());
        }
        if self.skipped > 0 {
            let (name, skipped) = (self.publication.name(), self.skipped);
            log::warn!("{name}: hls has left out {skipped} frames, broken or out of place");
        }
    }
}

#[cfg(test)]
mod tests;
