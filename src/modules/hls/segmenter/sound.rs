//! The segmenter's sound: beside pictures, or alone; without a hole where a break joins two publishers'.

use std::io;
use std::rc::Rc;

use crate::engine::Outlet;
use crate::media::Frame;
use crate::media::ts::{Muxer, ticks};

use super::super::fragment::OpenFragment;
use super::super::playlist::Begins;
use super::{Cut, Segmenter};
use crate::media::segment::audio::AudioFrame;
use crate::media::segment::clock::Passage;
use crate::media::segment::early::{Early, MAX_LEAD};
use crate::media::segment::line::{Ends, Joint, MAX_HOLE};
use crate::media::segment::slicer::Boundary;
use crate::media::segment::tracks::{AudioTrack, Told};

impl Segmenter {
    /// Audio beside video: it goes into the fragments that video makes, from the first key frame on.
    pub(super) fn write_audio(
        &mut self,
        frame: &Rc<Frame>,
        told: Option<Told>,
        outlet: &mut Outlet<'_>,
    ) -> io::Result<()> {
        if self.gathering.is_complete_at(frame.timestamp) {
            self.finish_picture();
        }
        let passage = self.gate.judge(frame.timestamp);
        if passage == Passage::Late {
            self.skipped += 1;
            return Ok(());
        }
        let Some(track) = self.codecs.next_audio() else { return Ok(()) };
        if track.elementary(frame, told).is_none() {
            self.skipped += 1;
            return Ok(());
        }
        let early = Early { frame: Rc::clone(frame), told, track };
        if passage == Passage::Pass && self.goes_on_alone(frame.timestamp) {
            self.cut_without_picture(frame.timestamp, outlet)?;
        }
        // What comes before its picture, and a track that takes over, wait for the next cut.
        let is_ahead = self.open.is_none() || self.gathering.has_first() || self.codecs.is_audio_changing();
        if passage == Passage::Early || is_ahead {
            self.early.push(early);
            self.early.trim();
            return Ok(());
        }
        self.early.push(early);
        self.repeat_picture(outlet)?;
        self.write_early();
        Ok(())
    }

    /// True if video has stopped, and the open fragment has to end without it.
    fn goes_on_alone(&self, timestamp: u64) -> bool {
        let Some(open) = &self.open else { return false };
        let (alone, slice) = (self.early.since_picture(timestamp), self.slice(open, timestamp));
        let wait = self.slicer.longest_wait(&slice);
        let is_alone = match slice.longest {
            Some(longest) => alone > MAX_LEAD && slice.duration >= longest,
            // Before it is told how long fragments are, the picture has to be away for as long as one, and for longer
            // than it is used to.
            None => {
                let patience = slice.step.max(self.first_step).saturating_mul(3);
                let expected = self.slicer.expected().max(patience);
                alone > expected && (expected..wait).contains(&slice.duration)
            }
        };
        is_alone || open.audio_span(timestamp) >= wait
    }

    fn cut_without_picture(&mut self, timestamp: u64, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        // A track that takes over begins with what has waited for the cut.
        let timestamp = self.early.oldest().filter(|_| self.codecs.is_audio_changing()).unwrap_or(timestamp);
        let start = ticks(timestamp).max(self.last_dts.unwrap_or(0));
        let cut = if !self.publication.fits_target(open.duration_to(start)) {
            Cut::Gap
        } else if self.codecs.is_audio_changing() {
            Cut::Codecs
        } else {
            Cut::Length
        };
        if cut.breaks() {
            self.slicer.restart();
        }
        self.close(cut, start, outlet)?;
        self.codecs.take_over_audio();
        self.open(start, outlet)?;
        self.early.go_alone(timestamp);
        self.clock.take(timestamp);
        Ok(())
    }

    /// Leaves out what waits and is older than the first picture of a fragment: it belongs to nothing.
    pub(super) fn forget_older_sound(&mut self, picture: u64) {
        while self.early.take_older(picture).is_some() {}
    }

    /// A picture is written: the sound that has waited for it follows.
    pub(super) fn write_sound_of_picture(&mut self) {
        if !self.codecs.is_audio_changing() {
            self.write_early();
        }
    }

    /// Writes the sound that waits for nothing any more.
    fn write_early(&mut self) {
        while let Some(early) = self.early.take_near() {
            self.join(&early);
        }
    }

    /// Writes the sound that belongs to a fragment which ends at `next`, in ticks.
    pub(super) fn write_early_until(&mut self, cut: Cut, next: u64) {
        let next = if matches!(cut, Cut::Break | Cut::End) { u64::MAX } else { next / 90 };
        while self.open.is_some()
            && self.gate.is_open()
            && let Some(early) = self.early.take_older(next)
        {
            self.join(&early);
        }
    }

    /// Writes a frame of sound, if it is of the track in use and can follow from what is written.
    fn join(&mut self, early: &Early) {
        let Some(track) = self.codecs.audio().filter(|track| *track == early.track) else { return };
        let Some(audio) = track.elementary(&early.frame, early.told) else { return };
        if self.joins(track, &audio) {
            self.gather(&audio);
        }
    }

    /// False for sound that begins before that of the publisher before has ended. Where it begins later, silence
    /// fills the hole.
    fn joins(&mut self, track: AudioTrack, audio: &AudioFrame<'_>) -> bool {
        match self.line.join_sound(ticks(audio.timestamp)) {
            Joint::Follows => true,
            Joint::Overlaps => false,
            Joint::Hole { since, length } => {
                if let Some(open) = &mut self.open {
                    let frames = length / audio.step().max(1);
                    write_silence(&mut self.muxer, track, since, frames, open.buffer());
                }
                true
            }
        }
    }

    /// Audio without video: it makes the fragments.
    pub(super) fn lead_with_audio(
        &mut self,
        frame: &Frame,
        told: Option<Told>,
        outlet: &mut Outlet<'_>,
    ) -> io::Result<()> {
        let time = ticks(frame.timestamp);
        let is_due = match &self.open {
            Some(open) => self.is_enough(open, Boundary::Audio, frame.timestamp),
            None => true,
        };
        let cut = if self.open.as_ref().is_some_and(|open| self.has_gap(open, frame.timestamp)) {
            Some(Cut::Gap)
        } else if self.codecs.is_audio_changing() {
            Some(Cut::Codecs)
        } else {
            is_due.then_some(Cut::Length)
        };
        let Some(audio) = self.codecs.next_audio().and_then(|track| track.elementary(frame, told)) else {
            self.skipped += 1;
            return Ok(());
        };
        if let Some(cut) = cut {
            self.close(cut, time, outlet)?;
            self.codecs.take_over_audio();
            self.open(time, outlet)?;
        }
        self.clock.take(frame.timestamp);
        let time = self.gather(&audio);
        if let Some(open) = &mut self.open {
            open.led_to(time, Begins::Independent);
        }
        Ok(())
    }

    /// Adds a frame to those that wait for their packet; its time in ticks.
    fn gather(&mut self, audio: &AudioFrame<'_>) -> u64 {
        if self.audio.is_due(audio.timestamp, audio.length()) || self.audio.is_broken_by(audio) {
            self.flush_audio();
        }
        let time = self.audio.push(audio);
        if let Some(open) = &mut self.open {
            open.hears(audio.timestamp);
        }
        time
    }

    pub(super) fn flush_audio(&mut self) {
        let Some(open) = &mut self.open else { return };
        self.audio.flush(|time, frames| self.muxer.audio(self.line.written(time), frames, open.buffer()));
    }

    /// Lets the sound before a break last until what follows, with silence. Chromium's own player puts the first
    /// frame behind a break where the last picture ended: that must be a picture, and the sound that comes with
    /// it is to leave no hole.
    pub(super) fn complete_sound(&mut self, open: &mut OpenFragment, ends: &mut Ends) {
        let track = self.codecs.audio().filter(|_| !self.codecs.is_audio_changing());
        let (Some(track), Some((_, end))) = (track, self.audio.last()) else { return };
        let missing = ends.next.saturating_sub(end);
        if missing <= MAX_HOLE && track.silence().is_some() {
            let frames = missing.div_ceil(self.audio.step().max(1));
            write_silence(&mut self.muxer, track, self.line.written(end), frames, open.buffer());
            ends.sound = Some(end.saturating_add(frames.saturating_mul(self.audio.step())));
        }
    }
}

/// So many silent frames from that time on, in ticks as written.
fn write_silence(muxer: &mut Muxer, track: AudioTrack, since: u64, frames: u64, out: &mut Vec<u8>) {
    let frames = usize::try_from(frames).unwrap_or(0);
    if frames > 0
        && let Some(silence) = track.silence()
    {
        muxer.audio(since, &silence.repeat(frames), out);
    }
}
