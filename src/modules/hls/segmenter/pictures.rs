//! The segmenter's pictures: at which of them a fragment ends, and how they are written once they are complete.

use std::io;
use std::rc::Rc;

use super::{Cut, Segmenter};
use crate::engine::Outlet;
use crate::media::nal::{AccessUnit, Start};
use crate::media::segment::cutting::SLOWEST;
use crate::media::segment::cutting::slicer::Boundary;
use crate::media::segment::waiting::picture::Picture;
use crate::media::segment::waiting::repeat::Repeated;
use crate::media::ts::ticks;
use crate::media::{Frame, Slices};

/// The largest capacity, in bytes, that the buffer of access units keeps after a large key frame.
const MAX_KEPT: usize = 64 * 1024;

impl Segmenter {
    /// Takes a message of video. A picture is written when the next one begins, or when it must be complete.
    pub(super) fn write_video(&mut self, frame: &Rc<Frame>, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let is_kept = match frame.slices {
            Slices::Begin => {
                self.finish_picture();
                return self.begin_picture(frame, outlet);
            }
            Slices::Continue { .. } => self.waiting.picture.add_slices(frame),
            Slices::None => self.waiting.picture.keep_non_vcl(frame),
            Slices::Unread => false,
        };
        if !is_kept {
            self.count_dropped(frame);
        }
        Ok(())
    }

    /// Counts a message that is dropped, and logs it if it has too many parts. Those before the first picture do not
    /// count.
    fn count_dropped(&mut self, frame: &Frame) {
        if self.writer.open().is_none() {
            return;
        }
        self.dropped += 1;
        let message = std::iter::once(frame.nals());
        let checked = self.codecs.video_for(frame).map(|track| track.rewriter().check(message));
        if let Some(Err(error)) = checked {
            self.codecs.note_dropped(error);
        }
    }

    /// Begins a picture, with a fragment if one is to begin with it.
    fn begin_picture(&mut self, frame: &Rc<Frame>, outlet: &mut Outlet<'_>) -> io::Result<()> {
        if self.codecs.video_for(frame).is_none() {
            self.dropped += 1;
            self.waiting.picture.drop_non_vcl();
            return Ok(());
        }
        if self.writer.open().is_none() && !frame.is_video_key() {
            self.waiting.picture.drop_non_vcl();
            return Ok(());
        }
        let cut = self.judge_video(frame);
        if cut.is_some_and(Cut::is_discontinuity) {
            self.cutting.slicer.restart();
        }
        if frame.is_video_key() {
            self.cutting.slicer.key(frame.timestamp);
        }
        let dts = self.writer.dts(frame.timestamp);
        if let Some(cut) = cut {
            self.end_fragment(cut, dts, outlet)?;
            self.codecs.take_over_audio();
            if frame.is_video_key() {
                self.codecs.take_over_video();
            }
            self.begin_fragment(dts, outlet)?;
            self.drop_older_audio(frame.timestamp);
        }
        self.cutting.see_picture(frame.timestamp, frame.is_video_key());
        self.writer.set_dts(dts);
        let start = if cut.is_some() { Start::Fragment } else { Start::Within };
        self.waiting.repeated = None;
        self.waiting.audio.see_picture(frame.timestamp);
        self.waiting.picture.begin(frame, dts, start, self.waiting.audio.newest());
        Ok(())
    }

    /// The reason why a fragment begins with this picture, if it does.
    fn judge_video(&self, frame: &Frame) -> Option<Cut> {
        let Some(open) = self.writer.open() else { return Some(Cut::Length) };
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

    /// Writes the picture that is being gathered, if there is one.
    pub(super) fn finish_picture(&mut self) {
        let Some(picture) = self.waiting.picture.take() else { return };
        let Some(track) = self.codecs.video() else { return };
        match track.rewriter().write(picture.messages(), picture.start, &mut self.access_unit) {
            Ok(AccessUnit::RandomAccess | AccessUnit::Picture) => self.mux_video(&picture),
            Ok(AccessUnit::Empty) => {}
            Err(error) => {
                self.codecs.note_dropped(error);
                self.dropped += 1;
            }
        }
        self.access_unit.clear();
        self.access_unit.shrink_to(MAX_KEPT);
    }

    fn mux_video(&mut self, picture: &Picture) {
        let (frame, dts) = (&picture.first, picture.dts);
        self.writer.flush_audio_before(frame.timestamp);
        if let Some(offset) = self.writer.see_order(frame) {
            let name = self.output.label();
            log::debug!("{name}: hls decodes pictures {offset} ms earlier: composition times are below zero");
        }
        if self.cutting.has_keys_only() {
            let (delay, step) = (frame.composition_time, self.cutting.step());
            let repeated = Repeated::new(&self.access_unit, frame.timestamp, delay, step, SLOWEST);
            self.waiting.repeated = repeated;
        }
        self.mux_picture(dts, ticks(frame.presentation_time()), frame.is_video_key());
    }

    /// Writes the access unit, which is decoded at `dts` and shown at `pts`, in ticks.
    fn mux_picture(&mut self, dts: u64, pts: u64, random_access: bool) {
        if self.writer.picture(dts, pts, random_access, &self.access_unit) {
            self.write_audio_of_picture();
        }
    }

    /// Repeats the last key frame if audio has continued since, and the next picture has not come.
    pub(super) fn repeat_picture(&mut self, outlet: &mut Outlet<'_>) -> io::Result<()> {
        while self.writer.open().is_some() && !self.codecs.is_changing() {
            let Some(repeated) = &mut self.waiting.repeated else { return Ok(()) };
            let Some(time) = repeated.due(self.waiting.audio.time_of_pictures()) else { return Ok(()) };
            let access_unit = self.codecs.video().and_then(|track| repeated.access_unit(track));
            let (Some(access_unit), delay) = (access_unit, repeated.delay()) else {
                self.waiting.repeated = None;
                return Ok(());
            };
            self.repeat(access_unit, time, delay, outlet)?;
        }
        Ok(())
    }

    fn repeat(
        &mut self,
        access_unit: Vec<u8>,
        time: u64,
        delay: i32,
        outlet: &mut Outlet<'_>,
    ) -> io::Result<()> {
        let dts = self.writer.dts(time);
        if self.writer.open().is_some_and(|open| self.is_enough(open, Boundary::Key, time)) {
            self.end_fragment(Cut::Length, dts, outlet)?;
            self.begin_fragment(dts, outlet)?;
        }
        self.cutting.slicer.key(time);
        self.writer.set_dts(dts);
        self.waiting.audio.see_repetition(time);
        self.access_unit = access_unit;
        self.mux_picture(dts, ticks(time.saturating_add_signed(delay.into())), true);
        self.access_unit = Vec::new();
        Ok(())
    }
}
