//! The segmenter as a sink: what happens to a fragment that is whole, to a failure, and at the end.

use std::io;
use std::mem;
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use crate::engine::{Finish, Outlet, Sink};
use crate::media::Frame;

use super::super::fragment::OpenFragment;
use super::super::publication::{Finished, Unpublished};
use super::super::slicer::TURN;
use super::repeat::Repeated;
use super::{Cut, Segmenter, State};
use crate::media::segment::early::EarlySound;
use crate::media::segment::line::Ends;
use crate::media::segment::probe::Probe;

impl Segmenter {
    /// Lets a fragment that is whole appear, of `duration` milliseconds.
    pub(super) fn publish(&mut self, open: OpenFragment, duration: u64, ends: Ends) -> io::Result<()> {
        let (begins, frames, start) = (open.begins(), open.frames(), open.start() / 90);
        let expected = self.slicer.expected_with(duration, open.step());
        let (part, bytes, spare) = open.finish()?;
        self.spare = spare;
        self.publication.add(Finished {
            part,
            bytes,
            duration,
            ends: self.line.end(ends),
            begins,
            timestamp: start % TURN,
            date: self.dates.of(start),
            expected,
            facts: &self.facts,
            frames,
        })?;
        if mem::take(&mut self.is_failing) {
            log::info!("{}: hls goes on", self.publication.label());
        }
        Ok(())
    }

    /// What comes next does not follow from what is published.
    pub(super) fn break_off(&mut self) {
        self.publication.break_off();
        self.line.break_off();
    }

    /// Gives up what is open, and rests.
    fn fail(&mut self, timestamp: u64, error: &io::Error) {
        if !mem::replace(&mut self.is_failing, true) {
            log::error!("{}: hls rests until it can write again: {error}", self.publication.label());
        }
        self.open = None;
        self.gathering.clear();
        self.repeated = None;
        self.early = EarlySound::default();
        self.muxer = self.muxer_before.clone();
        self.audio.flush(|_, _| {});
        self.audio.restart();
        self.break_off();
        self.publication.recover();
        self.dates.restart();
        self.slicer.restart();
        self.state = State::Resting(timestamp);
        if self.publication.is_full() {
            self.end(Finish::StreamEnded);
        }
    }

    /// Bytes of frames that wait until it is known what to write.
    pub(super) fn waiting(&self) -> usize {
        let probed = if let State::Probing(probe) = &self.state { probe.bytes() } else { 0 };
        probed
            + self.early.bytes()
            + self.gathering.bytes()
            + self.repeated.as_ref().map_or(0, Repeated::bytes)
    }

    fn write_rest(&mut self, cut: Cut) -> io::Result<()> {
        if matches!(self.state, State::Probing(_) | State::Running) {
            self.start()?;
            self.close(cut, 0)?;
        }
        Ok(())
    }
}

impl Segmenter {
    /// Shows what there is, and looks at what comes as at a stream that begins: which tracks another
    /// publisher has, and where its first picture is.
    fn interrupt(&mut self) {
        if matches!(self.state, State::Over | State::Resting(_)) {
            return;
        }
        if let Err(error) = self.write_rest(Cut::Break) {
            return self.fail(self.seen, &error);
        }
        self.codecs.restart();
        self.gathering.clear();
        self.repeated = None;
        self.early = EarlySound::default();
        self.dates.restart();
        self.slicer.restart();
        self.state = State::Probing(Probe::default());
    }

    fn end(&mut self, why: Finish) {
        if matches!(self.state, State::Over) {
            return;
        }
        // Where the stream may come back, its list waits as that of a publisher that was lost.
        let is_over = why == Finish::StreamEnded && self.publication.ends_at_once();
        let rest = self.write_rest(if is_over { Cut::End } else { Cut::Break });
        self.open = None;
        self.early = EarlySound::default();
        self.state = State::Over;
        let end = if is_over { self.publication.end() } else { Ok(()) };
        if let Err(error) = rest.and(end) {
            log::error!("{}: hls: {error}", self.publication.label());
        }
        if self.skipped > 0 {
            let (name, skipped) = (self.publication.label(), self.skipped);
            log::warn!("{name}: hls has left out {skipped} frames, broken or out of place");
        }
    }

    fn settle(&mut self, outlet: &mut Outlet<'_>) {
        let Outlet { now, memory } = outlet;
        self.dates.now(now.wall.duration_since(UNIX_EPOCH).unwrap_or_default());
        let frames = self.waiting();
        let unpublished = Unpublished { open: self.open.as_mut(), frames };
        if let Err(error) = self.publication.settle(*now, memory, unpublished) {
            self.fail(self.seen, &error);
            // Nothing is left that could fail; what has been given up is removed.
            let _ = self.publication.settle(*now, memory, Unpublished::default());
        }
    }
}

impl Sink for Segmenter {
    fn frame(&mut self, frame: &Rc<Frame>, outlet: &mut Outlet<'_>) -> io::Result<()> {
        if let Err(error) = self.take(frame) {
            self.fail(frame.timestamp, &error);
        }
        self.settle(outlet);
        Ok(())
    }

    fn discontinuity(&mut self, outlet: &mut Outlet<'_>) {
        self.interrupt();
        self.settle(outlet);
    }

    fn finish(&mut self, why: Finish, outlet: &mut Outlet<'_>) {
        self.end(why);
        self.settle(outlet);
    }

    fn give_way(&mut self, outlet: &mut Outlet<'_>) {
        self.settle(outlet);
    }
}
