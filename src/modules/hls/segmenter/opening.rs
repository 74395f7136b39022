//! The first frames of a stream wait until it is known what is on its disk. They are taken then as if they came one after
//! the other, each at its own time.

use std::io;

use super::{Failure, Segmenter, State};
use crate::engine::Outlet;
use crate::media::segment::probe::Probe;
use crate::media::segment::tracks::Content;

impl Segmenter {
    /// Takes the frames that have waited until it is known what is on the disk, or that cannot wait any longer.
    pub(super) fn open(&mut self, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let State::Opening(held) = &mut self.state else { return Ok(()) };
        let frames = held.take();
        self.state = State::Probing(Probe::default());
        for (frame, now) in frames {
            let outlet = &mut outlet.at(now);
            self.take(&frame, outlet)?;
            self.store(outlet)?;
        }
        Ok(())
    }

    /// Drops the frames that have waited too long until it is known what is on the disk.
    pub(super) fn check_opening(&mut self, outlet: &mut Outlet<'_>) {
        let (State::Opening(held), Some(since)) = (&mut self.state, self.output.unknown_since()) else {
            return;
        };
        let waited = outlet.now.instant.saturating_duration_since(since).as_millis();
        if !held.is_over(u64::try_from(waited).unwrap_or(u64::MAX)) {
            return;
        }
        if self.failure == Failure::None {
            let why = "the disk is too slow".to_owned();
            log::error!("{}: hls cannot begin, and drops frames: {why}", self.output.label());
            self.failure = Failure::Logged { why, dropped: 0 };
            outlet.totals.hls_failures += 1;
        }
        self.drop_first();
        self.state = State::Late;
    }

    /// Drops the first frames, if they still wait. Their headers are needed later.
    pub(super) fn drop_first(&mut self) {
        let State::Opening(held) = &mut self.state else { return };
        let frames = held.take();
        let media = frames.iter().filter(|(frame, _)| self.codecs.learn(frame) != Content::Nothing);
        let count = media.count() as u64;
        self.count_lost(count);
    }
}
