//! The segmenter as a sink: a complete fragment is handed to the output, an error pauses it, and the end finishes it.

use std::io;
use std::mem;
use std::rc::Rc;

use crate::engine::{Finish, HlsStatus, JobResult, Jobs, Outlet, Sink};
use crate::media::Frame;

use super::{Cut, Failure, Made, Segmenter, State};
use crate::media::segment::cutting::slicer::TURN;
use crate::media::segment::probe::Probe;
use crate::media::segment::waiting::Waiting;
use crate::media::segment::writer::open::OpenSegment;
use crate::media::segment::writer::output_clock::Ends;
use crate::modules::hls::output::{Listed, News};
use crate::modules::hls::playlist::End;
use crate::modules::hls::publication::CompleteFragment;

impl Segmenter {
    /// Hands the open fragment, which is complete and `duration` milliseconds long, to the output.
    pub(super) fn finish_fragment(
        &mut self,
        duration: u64,
        ends: Ends,
        outlet: &mut Outlet<'_>,
    ) -> io::Result<()> {
        let kept = self.kept_bytes();
        let Some(bytes) = self.writer.bytes() else { return Ok(()) };
        let rest = self.output.end_fragment(bytes, kept, outlet)?;
        let Some((segment, ends)) = self.writer.end(ends) else { return Ok(()) };
        let start = segment.start() / 90;
        let finished = CompleteFragment {
            duration,
            ends,
            begins: segment.begins(),
            timestamp: start % TURN,
            date: self.dates.of(start),
            expected: self.cutting.slicer.expected_with(duration, segment.step()),
            description: self.description.clone(),
            frames: segment.frames(),
        };
        self.writer.reuse(segment.bytes);
        let (listed, bytes) = (self.output.publish(rest, finished, outlet)?, self.output.written());
        self.made.add(bytes, outlet.now.wall);
        if listed == Listed::Now {
            self.note_success();
        }
        Ok(())
    }

    fn note_success(&mut self) {
        if let Failure::Logged { dropped, .. } = mem::replace(&mut self.failure, Failure::None) {
            log::info!("{}: hls writes again, and has dropped {dropped} frames", self.output.label());
        }
    }

    /// Makes room for the bytes of the open fragment, and writes them.
    pub(super) fn store(&mut self, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let kept = self.kept_bytes();
        self.output.store(self.writer.bytes(), kept, outlet)
    }

    /// Notes that the next frames do not continue the last ones.
    pub(super) fn mark_discontinuity(&mut self) {
        self.output.mark_discontinuity();
        self.writer.mark_discontinuity();
    }

    /// Drops the open fragment, and writes nothing for a while.
    pub(super) fn fail(&mut self, timestamp: u64, error: &io::Error, outlet: &mut Outlet<'_>) {
        if self.output.outline().is_full() {
            log::info!("{}: hls ends: {error}", self.output.label());
            return self.finish(Finish::StreamEnded, outlet);
        }
        if self.failure == Failure::None {
            log::error!("{}: hls cannot write, and tries again every 2 s: {error}", self.output.label());
            self.failure = Failure::Logged { why: error.to_string(), dropped: 0 };
            outlet.totals.hls_failures += 1;
        }
        self.drop_open(outlet);
        self.mark_discontinuity();
        self.output.recover(outlet);
        self.dates.restart();
        self.cutting.slicer.restart();
        self.state = State::Failed(timestamp);
        // Gives back the memory of what has been dropped.
        let _ = self.store(outlet);
    }

    /// Drops the open fragment, the frames that wait, and the buffers.
    fn drop_open(&mut self, outlet: &mut Outlet<'_>) {
        self.count_lost(self.writer.open().map_or(0, OpenSegment::frames));
        self.drop_first();
        self.output.drop_fragment(outlet);
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
        let first = match &self.state {
            State::Opening(held) => held.bytes(),
            State::Probing(probe) => probe.bytes(),
            _ => 0,
        };
        first + self.waiting.bytes()
    }

    fn write_rest(&mut self, cut: Cut, outlet: &mut Outlet<'_>) -> io::Result<()> {
        self.open(outlet)?;
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
        if !matches!(self.state, State::Failed(_) | State::Late) {
            self.state = State::Probing(Probe::default());
        }
        self.give_way(outlet);
    }

    fn on_job(&mut self, result: JobResult, outlet: &mut Outlet<'_>) {
        if matches!(self.state, State::Finished) {
            return;
        }
        match self.output.take_result(result, outlet) {
            Ok(News::Published) => self.note_success(),
            // The times of fragments that have not been published are used again.
            Ok(News::Found(ends)) if !matches!(self.state, State::Running) => self.writer.resume_from(ends),
            Ok(News::Found(_) | News::Nothing) => {}
            Err(error) => return self.fail(self.latest, &error, outlet),
        }
        if self.output.unknown_since().is_none()
            && let Err(error) = self.open(outlet)
        {
            self.fail(self.latest, &error, outlet);
        }
    }

    fn finish(&mut self, why: Finish, outlet: &mut Outlet<'_>) {
        if matches!(self.state, State::Finished) {
            return;
        }
        // If the stream may come back, its playlist stays open, as it does when a publisher is lost.
        let is_over = why == Finish::StreamEnded && self.output.ends_at_once();
        let (cut, end) = if is_over { (Cut::End, End::Ended) } else { (Cut::Break, End::Open) };
        self.output.prepare_end();
        let rest = self.write_rest(cut, outlet);
        self.drop_open(outlet);
        self.state = State::Finished;
        let end = self.output.finish(end, outlet);
        if let Err(error) = rest.and(end).and(self.store(outlet)) {
            log::error!("{}: hls: {error}", self.output.label());
        }
        if self.dropped > 0 {
            let (name, dropped) = (self.output.label(), self.dropped);
            log::warn!("{name}: hls dropped {dropped} frames, broken or out of place");
        }
    }

    fn status(&self) -> Option<HlsStatus> {
        let Made { fragments, bytes, last } = self.made;
        let failing = match &self.failure {
            Failure::Logged { why, .. } => Some(why.clone()),
            Failure::None => None,
        };
        Some(HlsStatus { fragments, bytes, last, listed: self.output.outline().listed, failing })
    }

    fn abandon(&mut self, jobs: &mut Jobs) {
        self.output.abandon(jobs);
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
