//! The segmenter as a sink: a complete fragment is handed to the publication, an error pauses it, and the end finishes
//! it.

use std::io;
use std::mem;
use std::rc::Rc;

use crate::engine::{Finish, Growth, Outlet, Sink};
use crate::media::Frame;

use super::{Cut, Segmenter, State};
use crate::media::segment::cutting::slicer::TURN;
use crate::media::segment::probe::Probe;
use crate::media::segment::waiting::Waiting;
use crate::media::segment::writer::output_clock::Ends;
use crate::modules::hls::publication::CompleteFragment;

impl Segmenter {
    /// Hands the open fragment, which is complete and `duration` milliseconds long, to the publication.
    pub(super) fn finish_fragment(
        &mut self,
        duration: u64,
        ends: Ends,
        outlet: &mut Outlet<'_>,
    ) -> io::Result<()> {
        let kept = self.kept_bytes();
        let (Some(file), Some(bytes)) = (self.file.take(), self.writer.bytes()) else { return Ok(()) };
        self.publication.make_room(file.growth(bytes, outlet.memory), kept, outlet.memory)?;
        let (draft, length) = file.finish(bytes, &mut self.publication.files(outlet.memory))?;
        let Some((segment, ends)) = self.writer.end(ends) else { return Ok(()) };
        let start = segment.start() / 90;
        let finished = CompleteFragment {
            draft,
            bytes: length,
            duration,
            ends,
            begins: segment.begins(),
            timestamp: start % TURN,
            date: self.dates.of(start),
            expected: self.cutting.slicer.expected_with(duration, segment.step()),
            description: &self.description,
            frames: segment.frames(),
        };
        self.writer.reuse(segment.bytes);
        self.publication.add_fragment(finished, outlet)?;
        if mem::take(&mut self.is_failing) {
            log::info!("{}: hls writes again", self.publication.label());
        }
        Ok(())
    }

    /// Makes room for the bytes of the open fragment, and writes them.
    fn store(&mut self, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let kept = self.kept_bytes();
        let (Some(file), Some(bytes)) = (&mut self.file, self.writer.bytes()) else {
            return self.publication.make_room(Growth::default(), kept, outlet.memory);
        };
        self.publication.make_room(file.growth(bytes, outlet.memory), kept, outlet.memory)?;
        file.drain(bytes, &mut self.publication.files(outlet.memory))
    }

    /// Notes that the next frames do not continue the last ones.
    pub(super) fn mark_discontinuity(&mut self) {
        self.publication.mark_discontinuity();
        self.writer.mark_discontinuity();
    }

    /// Drops the open fragment, and writes nothing for a while.
    pub(super) fn fail(&mut self, timestamp: u64, error: &io::Error, outlet: &mut Outlet<'_>) {
        if self.publication.is_full() {
            log::info!("{}: hls ends: {error}", self.publication.label());
            return self.finish(Finish::StreamEnded, outlet);
        }
        if !mem::replace(&mut self.is_failing, true) {
            log::error!("{}: hls cannot write, and tries again every 2 s: {error}", self.publication.label());
        }
        self.drop_open();
        self.mark_discontinuity();
        self.publication.recover(outlet.memory);
        self.dates.restart();
        self.cutting.slicer.restart();
        self.state = State::Failed(timestamp);
        // Gives back the memory of what has been dropped.
        let _ = self.store(outlet);
    }

    /// Drops the open fragment, the frames that wait, and the buffers.
    fn drop_open(&mut self) {
        self.file = None;
        self.waiting = Waiting::default();
        self.access_unit = Vec::new();
        self.writer.clear();
    }

    /// Bytes of frames that wait, and of buffers that are kept for the next ones.
    pub(super) fn kept_bytes(&self) -> usize {
        self.waiting_bytes() + self.writer.kept_bytes() + self.access_unit.capacity()
    }

    /// Bytes of frames that wait until it is known what to write.
    pub(super) fn waiting_bytes(&self) -> usize {
        let probed = if let State::Probing(probe) = &self.state { probe.bytes() } else { 0 };
        probed + self.waiting.bytes()
    }

    fn write_rest(&mut self, cut: Cut, outlet: &mut Outlet<'_>) -> io::Result<()> {
        if matches!(self.state, State::Probing(_) | State::Running) {
            self.start(outlet)?;
            self.end_fragment(cut, 0, outlet)?;
        }
        Ok(())
    }
}

impl Sink for Segmenter {
    fn frame(&mut self, frame: &Rc<Frame>, outlet: &mut Outlet<'_>) -> io::Result<()> {
        if matches!(self.state, State::Finished) {
            return Ok(());
        }
        if let Err(error) = self.take(frame, outlet).and_then(|()| self.store(outlet)) {
            self.fail(frame.timestamp, &error, outlet);
        }
        Ok(())
    }

    /// Publishes the open fragment. The next frames are probed like those of a new stream: another publisher may have
    /// other tracks.
    fn discontinuity(&mut self, outlet: &mut Outlet<'_>) {
        if let Err(error) = self.write_rest(Cut::Break, outlet) {
            self.fail(self.latest, &error, outlet);
        }
        if matches!(self.state, State::Finished) {
            return;
        }
        self.codecs.restart();
        self.waiting = Waiting::default();
        self.dates.restart();
        self.cutting.slicer.restart();
        if !matches!(self.state, State::Failed(_)) {
            self.state = State::Probing(Probe::default());
        }
        self.give_way(outlet);
    }

    fn finish(&mut self, why: Finish, outlet: &mut Outlet<'_>) {
        if matches!(self.state, State::Finished) {
            return;
        }
        // If the stream may come back, its playlist stays open, as it does when a publisher is lost.
        let is_over = why == Finish::StreamEnded && self.publication.ends_at_once();
        let rest = self.write_rest(if is_over { Cut::End } else { Cut::Break }, outlet);
        self.drop_open();
        self.state = State::Finished;
        let end = if is_over { self.publication.finish(outlet) } else { Ok(()) };
        if let Err(error) = rest.and(end).and(self.store(outlet)) {
            log::error!("{}: hls: {error}", self.publication.label());
        }
        if self.dropped > 0 {
            let (name, dropped) = (self.publication.label(), self.dropped);
            log::warn!("{name}: hls dropped {dropped} frames, broken or out of place");
        }
    }

    fn give_way(&mut self, outlet: &mut Outlet<'_>) {
        if matches!(self.state, State::Finished) {
            return;
        }
        if let Err(error) = self.store(outlet) {
            self.fail(self.latest, &error, outlet);
        }
    }
}
