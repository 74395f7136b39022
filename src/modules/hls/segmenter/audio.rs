//! The segmenter's audio: beside pictures, or alone.

use std::io;
use std::rc::Rc;

use super::{Cut, Segmenter};
use crate::engine::Outlet;
use crate::media::Frame;
use crate::media::segment::cutting::clock::Passage;
use crate::media::segment::cutting::slicer::Boundary;
use crate::media::segment::tracks::ParsedAudio;
use crate::media::segment::waiting::early::{EarlyFrame, MAX_LEAD};
use crate::media::ts::ticks;

impl Segmenter {
    /// Takes a frame of audio beside video. It is written into the fragments of the pictures, from the first key frame
    /// on.
    pub(super) fn write_audio(
        &mut self,
        frame: &Rc<Frame>,
        parsed: Option<ParsedAudio>,
        outlet: &mut Outlet<'_>,
    ) -> io::Result<()> {
        if self.waiting.picture.is_complete_at(frame.timestamp) {
            self.finish_picture();
        }
        let passage = self.cutting.gate.judge(frame.timestamp);
        if passage == Passage::Late {
            self.dropped += 1;
            return Ok(());
        }
        let Some(track) = self.codecs.next_audio() else { return Ok(()) };
        if track.elementary(frame, parsed).is_none() {
            self.dropped += 1;
            return Ok(());
        }
        let early = EarlyFrame { frame: Rc::clone(frame), parsed, track };
        if passage == Passage::Pass && self.must_end_without_picture(frame.timestamp) {
            self.cut_without_picture(frame.timestamp, outlet)?;
        }
        // Audio before its picture, and another track, wait for the next cut.
        let is_ahead = self.writer.open().is_none()
            || self.waiting.picture.has_first()
            || self.codecs.is_audio_changing();
        if passage == Passage::Early || is_ahead {
            self.waiting.audio.push(early);
            self.waiting.audio.trim();
            return Ok(());
        }
        self.waiting.audio.push(early);
        self.repeat_picture(outlet)?;
        self.write_early();
        Ok(())
    }

    /// Whether pictures have stopped, and the open fragment has to end without one.
    fn must_end_without_picture(&self, timestamp: u64) -> bool {
        let Some(open) = self.writer.open() else { return false };
        let (alone, slice) = (self.waiting.audio.since_picture(timestamp), self.slice(open, timestamp));
        let wait = self.cutting.slicer.longest_wait(&slice);
        let is_alone = match slice.longest {
            Some(longest) => alone > MAX_LEAD && slice.duration >= longest,
            // Before a target duration is advertised, no picture must have come for as long as a fragment is expected
            // to be, and for longer than between pictures.
            None => {
                let patience = slice.step.max(self.cutting.first_step).saturating_mul(3);
                let expected = self.cutting.slicer.expected().max(patience);
                alone > expected && (expected..wait).contains(&slice.duration)
            }
        };
        is_alone || open.audio_span(timestamp) >= wait
    }

    fn cut_without_picture(&mut self, timestamp: u64, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let Some(open) = self.writer.open() else { return Ok(()) };
        // Another track begins with the frames that have waited for the cut.
        let timestamp =
            self.waiting.audio.oldest().filter(|_| self.codecs.is_audio_changing()).unwrap_or(timestamp);
        let start = ticks(timestamp).max(self.writer.last_dts());
        let cut = if !self.output.outline().target.fits(open.duration_to(start)) {
            Cut::Gap
        } else if self.codecs.is_audio_changing() {
            Cut::Codecs
        } else {
            Cut::Length
        };
        if cut.is_discontinuity() {
            self.cutting.slicer.restart();
        }
        self.end_fragment(cut, start, outlet)?;
        self.codecs.take_over_audio();
        self.begin_fragment(start, outlet)?;
        self.waiting.audio.set_picture_time(timestamp);
        self.cutting.pauses.take(timestamp);
        Ok(())
    }

    /// Drops the audio that waits and is older than the first picture of a fragment.
    pub(super) fn drop_older_audio(&mut self, picture: u64) {
        while self.waiting.audio.take_older(picture).is_some() {}
    }

    /// Writes the audio that has waited for the picture that has just been written.
    pub(super) fn write_audio_of_picture(&mut self) {
        if !self.codecs.is_audio_changing() {
            self.write_early();
        }
    }

    /// Writes the audio whose picture is near.
    fn write_early(&mut self) {
        while let Some(early) = self.waiting.audio.take_near() {
            self.join(&early);
        }
    }

    /// Writes the audio that belongs to a fragment which ends at `next`, in ticks.
    pub(super) fn write_early_until(&mut self, cut: Cut, next: u64) {
        let next = if matches!(cut, Cut::Break | Cut::End) { u64::MAX } else { next / 90 };
        while self.writer.open().is_some()
            && self.cutting.gate.is_open()
            && let Some(early) = self.waiting.audio.take_older(next)
        {
            self.join(&early);
        }
    }

    /// Writes a frame of audio, if it is of the track in use and does not overlap the audio before.
    fn join(&mut self, early: &EarlyFrame) {
        let Some(track) = self.codecs.audio().filter(|track| *track == early.track) else { return };
        let Some(audio) = track.elementary(&early.frame, early.parsed) else { return };
        self.writer.join_audio(track, &audio);
    }

    /// Takes a frame of audio where there is no video: fragments begin and end with audio.
    pub(super) fn lead_with_audio(
        &mut self,
        frame: &Frame,
        parsed: Option<ParsedAudio>,
        outlet: &mut Outlet<'_>,
    ) -> io::Result<()> {
        let time = ticks(frame.timestamp);
        let is_due = match self.writer.open() {
            Some(open) => self.is_enough(open, Boundary::Audio, frame.timestamp),
            None => true,
        };
        let cut = if self.writer.open().is_some_and(|open| self.has_gap(open, frame.timestamp)) {
            Some(Cut::Gap)
        } else if self.codecs.is_audio_changing() {
            Some(Cut::Codecs)
        } else {
            is_due.then_some(Cut::Length)
        };
        let Some(audio) = self.codecs.next_audio().and_then(|track| track.elementary(frame, parsed)) else {
            self.dropped += 1;
            return Ok(());
        };
        if let Some(cut) = cut {
            self.end_fragment(cut, time, outlet)?;
            self.codecs.take_over_audio();
            self.begin_fragment(time, outlet)?;
        }
        self.cutting.pauses.take(frame.timestamp);
        self.writer.add_leading_audio(&audio);
        Ok(())
    }
}
