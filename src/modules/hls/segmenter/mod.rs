//! The sink: it makes fragments of a stream's frames with the parts in `media/segment`, and hands them to its
//! [`Output`]. It begins when it is known what is on the disk. After an error, such as a full disk, it writes nothing
//! for 2 s of media and continues behind a discontinuity.

mod audio;
mod opening;
mod pictures;
mod sink;

use std::io;
use std::mem;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::output::Output;
use crate::engine::{Now, Outlet};
use crate::media::segment::cutting::clock::Dates;
use crate::media::segment::cutting::slicer::{Boundary, Slice};
use crate::media::segment::cutting::{Cutting, SLOWEST};
use crate::media::segment::measure::Description;
use crate::media::segment::probe::first_frames::{FirstFrames, Limits};
use crate::media::segment::probe::{FRAME_COST, Findings, Known, Probe};
use crate::media::segment::tracks::{Codecs, Content};
use crate::media::segment::waiting::Waiting;
use crate::media::segment::writer::Writer;
use crate::media::segment::writer::audio::AudioBuffer;
use crate::media::segment::writer::open::{Begins, OpenSegment};
use crate::media::ts::ticks;
use crate::media::{Frame, Kind, Packet, Role};
use crate::modules::hls::settings::{NAME, Settings};

/// The shortest fragment, in milliseconds, that is kept where other codecs or its size end it: a publisher whose
/// timestamps stand still does not fill the disk.
const MIN_BROKEN: u64 = 100;

/// The time after an error in which nothing is written, in milliseconds of media.
const RETRY_AFTER: u64 = 2000;

/// The first frames that wait until it is known what is on the disk.
const FIRST_FRAMES: Limits = Limits { time: 10_000, frames: usize::MAX, bytes: 4 << 20, cost: FRAME_COST };

/// Why a fragment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// It is long enough, or too long.
    Length,
    /// The next frames are another publisher's, or another server's.
    Break,
    /// No frame has come for longer than a fragment may be.
    Gap,
    /// Other tracks take over.
    Codecs,
    /// The stream ends.
    End,
}

impl Cut {
    /// Whether the next fragment does not continue this one.
    fn is_discontinuity(self) -> bool {
        matches!(self, Self::Break | Self::Gap | Self::Codecs)
    }

    /// Whether this fragment may be the last in the playlist for a while.
    fn leaves_open(self) -> bool {
        matches!(self, Self::Break | Self::Gap)
    }
}

/// The HLS of one stream.
#[derive(Debug)]
pub struct Segmenter {
    output: Output,
    state: State,
    codecs: Codecs,
    cutting: Cutting,
    waiting: Waiting,
    writer: Writer,
    dates: Dates,
    /// The tracks of the segment that the writer has open.
    description: Description,
    /// The timestamp of the last frame of audio or video.
    latest: u64,
    failure: Failure,
    /// What it has made so far.
    made: Made,
    /// The number of frames that were dropped: broken, without a header, or on the other side of a pause.
    dropped: u64,
    /// A buffer for one access unit.
    access_unit: Vec<u8>,
}

#[derive(Debug)]
enum State {
    /// The first frames wait until it is known what is on the disk, each with its time.
    Opening(FirstFrames<Now>),
    /// It has not been known in time: nothing is written until it is.
    Late,
    /// The first frames are held until the tracks are known.
    Probing(Probe),
    Running,
    /// After an error at this timestamp: nothing is written for a while.
    Failed(u64),
    /// Nothing follows.
    Finished,
}

/// The fragments that it has handed to its output.
#[derive(Debug, Default)]
struct Made {
    fragments: u64,
    bytes: u64,
    last: Option<SystemTime>,
}

impl Made {
    fn add(&mut self, bytes: u64, now: SystemTime) {
        self.fragments += 1;
        self.bytes += bytes;
        self.last = Some(now);
    }
}

/// Whether fragments are published.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    None,
    /// This error has been logged, nothing has been published since, and so many frames have been dropped.
    Logged {
        why: String,
        dropped: u64,
    },
}

impl Segmenter {
    /// A segmenter whose fragments go to `output`.
    pub fn new(settings: &Settings, output: Output) -> Self {
        let audio = AudioBuffer::new(settings.max_audio_delay, settings.sync).holding(settings.audio_buffer);
        Self {
            state: match output.unknown_since() {
                Some(_) => State::Opening(FirstFrames::new(FIRST_FRAMES)),
                None => State::Probing(Probe::default()),
            },
            codecs: Codecs::new(output.label(), NAME),
            cutting: Cutting::new(settings.lengths()),
            waiting: Waiting::default(),
            writer: Writer::new(audio, output.outline().ends),
            output,
            dates: Dates::default(),
            description: Description::default(),
            latest: 0,
            failure: Failure::None,
            made: Made::default(),
            dropped: 0,
            access_unit: Vec::new(),
        }
    }

    fn take(&mut self, frame: &Rc<Frame>, outlet: &mut Outlet<'_>) -> io::Result<()> {
        if let State::Opening(held) = &mut self.state {
            held.push(frame, outlet.now);
            self.check_opening(outlet);
            return Ok(());
        }
        let is_configuration = frame.role == Role::Header && frame.packet == Packet::Configuration;
        if frame.kind == Kind::Video && is_configuration && frame.is_default_track() {
            // The picture before this configuration was made with the last one.
            self.finish_picture();
        }
        let content = self.codecs.learn(frame);
        if content != Content::Nothing {
            self.dates.see(frame.timestamp, since_1970(outlet.now));
            self.latest = frame.timestamp;
            self.try_again(frame.timestamp);
        }
        match &mut self.state {
            State::Finished | State::Opening(_) => Ok(()),
            State::Failed(_) | State::Late => {
                self.count_lost(u64::from(content != Content::Nothing));
                Ok(())
            }
            State::Running => self.write(frame, content, outlet),
            State::Probing(probe) => {
                if content != Content::Nothing && !self.codecs.contradicts(frame) {
                    probe.push(frame, content);
                }
                let known = known(&self.codecs, probe);
                let longest = self.output.outline().target.longest();
                let patience = longest.map_or(SLOWEST, |longest| longest.min(SLOWEST));
                if probe.is_over(known, patience) { self.start(outlet) } else { Ok(()) }
            }
        }
    }

    /// Begins again if the time after an error is over, or it is known at last what is on the disk.
    fn try_again(&mut self, timestamp: u64) {
        let is_time = match self.state {
            State::Failed(since) => timestamp.abs_diff(since) >= RETRY_AFTER,
            State::Late => self.output.unknown_since().is_none(),
            _ => false,
        };
        if is_time {
            // By now a track may have ended: those that have frames are found as at the beginning of a stream.
            self.codecs.stop_using();
            self.state = State::Probing(Probe::default());
        }
    }

    /// Counts frames that are dropped because of an error.
    fn count_lost(&mut self, frames: u64) {
        if let Failure::Logged { dropped, .. } = &mut self.failure {
            *dropped = dropped.saturating_add(frames);
        }
    }

    /// Ends the probing: the tracks are those that are known now. If a video header has come and no picture, audio is
    /// written alone until the first one.
    fn start(&mut self, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let State::Probing(probe) = mem::replace(&mut self.state, State::Running) else { return Ok(()) };
        match known(&self.codecs, &probe) {
            Known::Announced => self.codecs.take_over_audio(),
            Known::Some | Known::All => self.codecs.take_over(),
        }
        let Findings { frames, decoding, step, has_keys_only } = probe.finish();
        self.cutting.begin(step, has_keys_only);
        self.writer.set_decoding(decoding);
        for (frame, content) in frames {
            self.write(&frame, content, outlet)?;
        }
        Ok(())
    }

    fn write(&mut self, frame: &Rc<Frame>, content: Content, outlet: &mut Outlet<'_>) -> io::Result<()> {
        match content {
            Content::Video => self.write_video(frame, outlet),
            Content::Audio(parsed) if self.codecs.has_video() => self.write_audio(frame, parsed, outlet),
            Content::Audio(parsed) => self.lead_with_audio(frame, parsed, outlet),
            Content::Nothing => Ok(()),
        }
    }

    /// Whether there is a pause before the frame with that timestamp, in which the open fragment ends.
    fn has_gap(&self, open: &OpenSegment, timestamp: u64) -> bool {
        self.cutting.pauses.pauses_before(timestamp)
            || !self.output.outline().target.fits(open.duration_to(ticks(timestamp)))
    }

    /// Whether the open fragment should end before the frame with that timestamp.
    fn is_enough(&self, open: &OpenSegment, boundary: Boundary, timestamp: u64) -> bool {
        self.cutting.slicer.ends(boundary, timestamp, &self.slice(open, timestamp))
            || self.output.is_fragment_full()
    }

    /// The open fragment, if it ends before the frame with that timestamp.
    fn slice(&self, open: &OpenSegment, timestamp: u64) -> Slice {
        let outline = self.output.outline();
        Slice {
            duration: open.duration_to(ticks(timestamp)),
            is_independent: open.begins() == Begins::Independent,
            frames: open.frames(),
            step: open.step(),
            longest: outline.target.longest(),
            is_early: outline.is_starting,
            is_first: outline.is_empty(),
        }
    }

    /// Begins a fragment with the tracks in use. Its first frame is decoded at `start`, in ticks.
    fn begin_fragment(&mut self, start: u64, outlet: &mut Outlet<'_>) -> io::Result<()> {
        self.output.begin_fragment(outlet)?;
        self.writer.begin(start, ticks(self.cutting.pauses.step()), self.codecs.tracks());
        self.description = Description::new(self.codecs.video(), self.codecs.audio());
        Ok(())
    }

    /// Ends the open fragment. The next frame is decoded at `next`, in ticks, if there is one.
    fn end_fragment(&mut self, cut: Cut, next: u64, outlet: &mut Outlet<'_>) -> io::Result<()> {
        self.finish_picture();
        self.write_early_until(cut, next);
        self.writer.flush_audio();
        let is_broken = cut.is_discontinuity();
        if let Some(open) = self.writer.open() {
            let (duration, is_empty) = (self.duration(open, cut, next), open.is_empty());
            let mut ends = self.writer.ends_after(duration);
            if is_broken {
                let track = self.codecs.audio().filter(|_| !self.codecs.is_audio_changing());
                ends = self.writer.end_audio(track, ends);
            }
            let may_be_short = !is_broken && !self.output.is_fragment_full();
            if is_empty || !may_be_short && duration < self.least(cut) {
                self.writer.undo();
                self.output.drop_fragment(outlet);
            } else {
                self.finish_fragment(duration.max(1), ends, outlet)?;
            }
        }
        if is_broken {
            self.mark_discontinuity();
        }
        if cut == Cut::Gap {
            self.dates.restart();
            self.dates.see(next / 90, since_1970(outlet.now));
        }
        Ok(())
    }

    /// The duration of the open fragment in milliseconds, if it ends there.
    fn duration(&self, open: &OpenSegment, cut: Cut, next: u64) -> u64 {
        match (cut, self.output.outline().target.longest()) {
            (Cut::Length, _) => open.duration_to(next),
            // Without audio, the last picture has been shown until now.
            (Cut::Gap, Some(longest)) if self.codecs.audio().is_none() => longest,
            _ => open.duration(self.writer.audio_end()),
        }
    }

    /// The shortest fragment, in milliseconds, that is kept where it ends for another reason than its length.
    fn least(&self, cut: Cut) -> u64 {
        match cut.leaves_open() {
            true if self.output.outline().is_empty() => self.cutting.slicer.shortest_first(),
            true => self.cutting.slicer.shortest_last(),
            false => MIN_BROKEN,
        }
    }
}

fn since_1970(now: Now) -> Duration {
    now.wall.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The knowledge of the tracks of a stream that begins.
fn known(codecs: &Codecs, probe: &Probe) -> Known {
    if codecs.announces_video() && !probe.has_picture() {
        Known::Announced
    } else if codecs.is_complete() {
        Known::All
    } else {
        Known::Some
    }
}

#[cfg(test)]
mod tests;
