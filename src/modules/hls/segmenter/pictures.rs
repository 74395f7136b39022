//! The segmenter's pictures: where they cut, and how they are written once they are complete.

use std::io;
use std::rc::Rc;

use crate::engine::Outlet;
use crate::media::nal::{AccessUnit, Start};
use crate::media::ts::{Timing, ticks};
use crate::media::{Frame, Slices};

use super::super::fragment::MAX_KEPT;
use super::super::playlist::Begins;
use super::{Cut, Segmenter};
use crate::media::segment::picture::Picture;
use crate::media::segment::slicer::Boundary;

impl Segmenter {
    /// Takes a message of video. A picture is written when the next one begins, or nothing more can come of it.
    pub(super) fn write_video(&mut self, frame: &Rc<Frame>, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let is_kept = match frame.slices {
            Slices::Begin => {
                self.finish_picture();
                return self.begin_picture(frame, outlet);
            }
            Slices::Continue { .. } => self.gathering.go_on(frame),
            Slices::None => self.gathering.keep_non_vcl(frame),
            Slices::Unread => false,
        };
        if !is_kept {
            self.leave_out(frame);
        }
        Ok(())
    }

    /// Counts a message that is not written, and says why if that is its own fault. Before the first picture nothing is
    /// missed.
    fn leave_out(&mut self, frame: &Frame) {
        if self.open.is_none() {
            return;
        }
        self.skipped += 1;
        let message = std::iter::once(frame.nals());
        let checked = self.codecs.video_for(frame).map(|track| track.rewriter().check(message));
        if let Some(Err(error)) = checked {
            self.codecs.note(error);
        }
    }

    /// Begins a picture, with a fragment if one is to begin with it.
    fn begin_picture(&mut self, frame: &Rc<Frame>, outlet: &mut Outlet<'_>) -> io::Result<()> {
        if self.codecs.video_for(frame).is_none() {
            self.skipped += 1;
            self.gathering.forget_non_vcl();
            return Ok(());
        }
        if self.open.is_none() && !frame.is_video_key() {
            self.gathering.forget_non_vcl();
            return Ok(());
        }
        let cut = self.judge_video(frame);
        if cut.is_some_and(Cut::breaks) {
            self.slicer.restart();
        }
        if frame.is_video_key() {
            self.slicer.key(frame.timestamp);
        }
        let dts = ticks(frame.timestamp);
        let dts = self.last_dts.map_or(dts, |last| dts.max(last.saturating_add(1)));
        if let Some(cut) = cut {
            self.close(cut, dts, outlet)?;
            self.codecs.take_over_audio();
            if frame.is_video_key() {
                self.codecs.take_over_video();
            }
            self.open(dts, outlet)?;
            self.forget_older_sound(frame.timestamp);
        }
        if self.clock.pauses_before(frame.timestamp) {
            self.gate.video_goes_on(frame.timestamp);
        }
        self.clock.take(frame.timestamp);
        self.last_dts = Some(dts);
        let start = if cut.is_some() { Start::Fragment } else { Start::Within };
        self.repeated = None;
        let was_key = std::mem::replace(&mut self.was_key, frame.is_video_key());
        self.has_keys_only = was_key && self.was_key;
        self.early.see_picture(frame.timestamp);
        self.gathering.begin(frame, dts, start, self.early.newest());
        Ok(())
    }

    /// Whether a video frame starts a fragment, and why.
    fn judge_video(&self, frame: &Frame) -> Option<Cut> {
        let Some(open) = &self.open else { return Some(Cut::Length) };
        let boundary = if frame.is_video_key() { Boundary::Key } else { Boundary::Picture };
        let is_enough = self.is_enough(open, boundary, frame.timestamp);
        if self.has_gap(open, frame.timestamp) {
            Some(Cut::Gap)
        } else if frame.is_video_key() && self.codecs.is_changing()
            || is_enough && self.codecs.is_audio_changing()
        {
            Some(Cut::Codecs)
        } else {
            is_enough.then_some(Cut::Length)
        }
    }

    /// Writes the picture that has been gathered, if there is one.
    pub(super) fn finish_picture(&mut self) {
        let Some(picture) = self.gathering.take() else { return };
        let Some(track) = self.codecs.video() else { return };
        match track.rewriter().write(picture.messages(), picture.start, &mut self.access_unit) {
            Ok(AccessUnit::RandomAccess | AccessUnit::Picture) => self.mux_video(&picture),
            Ok(AccessUnit::Empty) => {}
            Err(error) => {
                self.codecs.note(error);
                self.skipped += 1;
            }
        }
        self.access_unit.clear();
        self.access_unit.shrink_to(MAX_KEPT);
    }

    fn mux_video(&mut self, picture: &Picture) {
        let (frame, dts) = (&picture.first, picture.dts);
        if self.audio.is_due(frame.timestamp, 0) {
            self.flush_audio();
        }
        self.see_order(frame);
        if self.has_keys_only {
            self.keep_for_repetition(frame.timestamp, frame.composition_time);
        }
        self.mux_picture(dts, ticks(frame.presentation_time()), frame.is_video_key());
    }

    /// Writes the access unit, which is decoded at `dts` and shown at `pts`, in ticks.
    pub(super) fn mux_picture(&mut self, dts: u64, pts: u64, random_access: bool) {
        let Some(open) = &mut self.open else { return };
        open.led_to(dts, if random_access { Begins::Independent } else { Begins::Within });
        open.shows(dts, pts);
        let (dts, pts) = (self.line.written(dts), self.line.written(pts));
        self.muxer.video(Timing { dts, pts, random_access }, &self.access_unit, open.buffer());
        self.write_sound_of_picture();
    }

    /// Sees to it that no picture is decoded after it is shown.
    fn see_order(&mut self, frame: &Frame) {
        if self.decoding.see(frame) {
            let (name, offset) = (self.publication.label(), self.decoding.milliseconds());
            log::debug!("{name}: hls decodes pictures {offset} ms earlier: composition times are below zero");
        }
        self.muxer.set_decoding_offset(ticks(self.decoding.milliseconds()));
    }
}
