//! The sink: a stream's frames become fragments. It decides which tracks there are, where to cut and
//! what is left out; the muxer writes the packets and [`Publication`] shows the files. Where nothing can be
//! written (a disk is full) it rests, and goes on behind a discontinuity.

mod pictures;
mod repeat;
mod sink;
mod sound;

use std::io;
use std::mem;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use crate::engine::{Now, Outlet};
use crate::media::ts::{Muxer, Tracks, ticks};
use crate::media::{Frame, Kind, Packet, Role};

use super::fragment::OpenFragment;
use super::playlist::Begins;
use super::publication::Publication;
use crate::media::segment::audio::AudioBuffer;
use crate::media::segment::clock::{AudioGate, Clock, Dates};
use crate::media::segment::decoding::DecodingOffset;
use crate::media::segment::early::EarlySound;
use crate::media::segment::line::{Ends, Line, MAX_HOLE};
use crate::media::segment::measure::Description;
use crate::media::segment::picture::Gathering;
use crate::media::segment::probe::{Findings, Known, Probe};
use crate::media::segment::slicer::{Boundary, Slice, Slicer};
use crate::media::segment::tracks::{Codecs, Content};
use crate::modules::hls::settings::Settings;
use repeat::Repeated;

/// A fragment shorter than this, in milliseconds, is thrown away where other codecs or its size end it: a
/// publisher whose timestamps stand still does not fill the disk.
const MIN_BROKEN: u64 = 100;

/// How long nothing is written after an error, in milliseconds of media.
const REST: u64 = 2000;

/// The longest time from one picture to the next, in milliseconds, that is waited for before a target duration has been
/// told, and that is no pause.
const SLOWEST: u64 = 15_000;

/// Why a fragment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// It is long enough, or too long.
    Length,
    /// What comes is another publisher's, or another server's.
    Break,
    /// Nothing has come for longer than a fragment may be.
    Gap,
    /// Other tracks take over.
    Codecs,
    /// The stream ends.
    End,
}

impl Cut {
    /// Whether what follows does not continue what came before.
    fn breaks(self) -> bool {
        matches!(self, Self::Break | Self::Gap | Self::Codecs)
    }

    /// Whether nothing may follow for a while, with what comes before it the last in the list.
    fn leaves_open(self) -> bool {
        matches!(self, Self::Break | Self::Gap)
    }
}

/// Fragments out of one stream.
#[derive(Debug)]
pub struct Segmenter {
    /// The longest fragment in bytes.
    max_bytes: u64,
    publication: Publication,
    state: State,
    codecs: Codecs,
    /// What is known of the tracks in use.
    description: Description,
    slicer: Slicer,
    dates: Dates,
    muxer: Muxer,
    /// The muxer as it was before the open fragment, whose packets may be thrown away.
    muxer_before: Muxer,
    audio: AudioBuffer,
    gate: AudioGate,
    early: EarlySound,
    /// The clock of the leading track: video, or else audio.
    clock: Clock,
    line: Line,
    decoding: DecodingOffset,
    /// From the first picture to the second, in milliseconds; 0 if that has not come in time.
    first_step: u64,
    /// The timestamp of the last frame of audio or video.
    seen: u64,
    /// The last decoding time of video in ticks, which must rise.
    last_dts: Option<u64>,
    open: Option<OpenFragment>,
    gathering: Gathering,
    /// The last picture, if it is one that may be repeated.
    repeated: Option<Repeated>,
    /// Whether the last picture is a key frame.
    was_key: bool,
    /// Whether the last picture and the one before it are key frames.
    has_keys_only: bool,
    /// Whether an error has been logged and nothing has been published since.
    is_failing: bool,
    /// Frames left out: broken, without a header, or on the other side of a pause.
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
    /// There has been an error at that time, and nothing is written for a while.
    Resting(u64),
    /// All is written.
    Over,
}

impl Segmenter {
    /// A segmenter whose fragments go to `publication`.
    pub fn new(settings: &Settings, publication: Publication) -> Self {
        let max_step = settings.max_fragment.max(SLOWEST);
        Self {
            max_bytes: settings.max_bytes(),
            state: State::Probing(Probe::default()),
            codecs: Codecs::new(publication.label()),
            description: Description::default(),
            slicer: Slicer::new(settings.lengths()),
            dates: Dates::default(),
            line: Line::going_on(publication.ends()),
            publication,
            muxer: Muxer::new(Tracks::default()),
            muxer_before: Muxer::new(Tracks::default()),
            audio: AudioBuffer::new(settings.max_audio_delay, settings.sync).holding(settings.audio_buffer),
            gate: AudioGate::new(max_step),
            early: EarlySound::default(),
            clock: Clock::new(max_step),
            decoding: DecodingOffset::default(),
            first_step: 0,
            seen: 0,
            last_dts: None,
            open: None,
            gathering: Gathering::default(),
            repeated: None,
            was_key: false,
            has_keys_only: false,
            is_failing: false,
            skipped: 0,
            access_unit: Vec::new(),
            spare: Vec::new(),
        }
    }

    fn take(&mut self, frame: &Rc<Frame>, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let is_configuration = frame.role == Role::Header && frame.packet == Packet::Configuration;
        if frame.kind == Kind::Video && is_configuration && frame.is_default_track() {
            // The picture before it was made with the configuration before.
            self.finish_picture();
        }
        let content = self.codecs.learn(frame);
        if content != Content::Nothing {
            self.dates.see(frame.timestamp, since_1970(outlet.now));
            self.seen = frame.timestamp;
            if matches!(self.state, State::Resting(since) if frame.timestamp.abs_diff(since) >= REST) {
                self.state = State::Running;
            }
        }
        match &mut self.state {
            State::Over | State::Resting(_) => Ok(()),
            State::Running => self.write(frame, content, outlet),
            State::Probing(probe) => {
                if content != Content::Nothing && !self.codecs.contradicts(frame) {
                    probe.push(frame, content);
                }
                let known = known(&self.codecs, probe);
                let patience = self.publication.longest().map_or(SLOWEST, |longest| longest.min(SLOWEST));
                if probe.is_over(known, patience) { self.start(outlet) } else { Ok(()) }
            }
        }
    }

    /// Ends the probing: the tracks are those that are known now. Pictures that are announced and have not
    /// come wait for the first one; until then sound goes alone.
    fn start(&mut self, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let State::Probing(probe) = mem::replace(&mut self.state, State::Running) else { return Ok(()) };
        match known(&self.codecs, &probe) {
            Known::Announced => self.codecs.take_over_audio(),
            Known::Some | Known::All => self.codecs.take_over(),
        }
        let Findings { frames, decoding, step, has_keys_only } = probe.finish();
        self.was_key = has_keys_only;
        (self.decoding, self.first_step) = (decoding, step.unwrap_or(0));
        self.line.make_room(ticks(self.decoding.milliseconds()));
        for (frame, content) in frames {
            self.write(&frame, content, outlet)?;
        }
        Ok(())
    }

    fn write(&mut self, frame: &Rc<Frame>, content: Content, outlet: &mut Outlet<'_>) -> io::Result<()> {
        match content {
            Content::Video => self.write_video(frame, outlet),
            Content::Audio(told) if self.codecs.has_video() => self.write_audio(frame, told, outlet),
            Content::Audio(told) => self.lead_with_audio(frame, told, outlet),
            Content::Nothing => Ok(()),
        }
    }

    /// True if the open fragment must have ended some time before the frame with that timestamp.
    fn has_gap(&self, open: &OpenFragment, timestamp: u64) -> bool {
        self.clock.pauses_before(timestamp)
            || !self.publication.fits_target(open.duration_to(ticks(timestamp)))
    }

    /// True if the open fragment should end before the frame with that timestamp.
    fn is_enough(&self, open: &OpenFragment, boundary: Boundary, timestamp: u64) -> bool {
        self.slicer.ends(boundary, timestamp, &self.slice(open, timestamp)) || open.is_full()
    }

    /// The open fragment, if it ends before the frame with that timestamp.
    fn slice(&self, open: &OpenFragment, timestamp: u64) -> Slice {
        Slice {
            duration: open.duration_to(ticks(timestamp)),
            is_independent: open.begins() == Begins::Independent,
            frames: open.frames(),
            step: open.step(),
            longest: self.publication.longest(),
            is_early: self.publication.is_starting(),
            is_first: self.publication.is_empty(),
        }
    }

    /// Starts a fragment with the tracks in use; its first frame is decoded at `start`.
    fn open(&mut self, start: u64, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let part = self.publication.start_fragment(outlet)?;
        self.line.begin(start);
        self.muxer_before = self.muxer.clone();
        self.description = Description::new(self.codecs.video(), self.codecs.audio());
        let open = OpenFragment::new(part, start, mem::take(&mut self.spare));
        let mut open = open.holding(self.max_bytes).stepping(ticks(self.clock.step()));
        self.muxer.set_tracks(self.codecs.tracks());
        self.muxer.tables(open.buffer());
        self.open = Some(open);
        Ok(())
    }

    /// Where a fragment of so many milliseconds ends. What follows is later than all that is in it.
    fn ends_of(&self, open: &OpenFragment, duration: u64) -> Ends {
        let end = open.start().saturating_add(ticks(duration));
        let picture = open.next_picture().filter(|picture| picture.saturating_sub(end) <= MAX_HOLE);
        let (last, sound) = self.audio.last().unzip();
        let next = end.max(picture.unwrap_or(0)).max(last.map_or(0, |last| last.saturating_add(1)));
        Ends { next, sound }
    }

    /// Ends the open fragment; what follows is decoded at `next`, if anything follows.
    fn close(&mut self, cut: Cut, next: u64, outlet: &mut Outlet<'_>) -> io::Result<()> {
        self.finish_picture();
        self.write_early_until(cut, next);
        self.flush_audio();
        let is_broken = cut.breaks();
        if let Some(mut open) = self.open.take() {
            let duration = match (cut, self.publication.longest()) {
                (Cut::Length, _) => open.duration_to(next),
                // Without sound, the picture that was last has stood until now.
                (Cut::Gap, Some(longest)) if self.codecs.audio().is_none() => longest,
                _ => open.duration(self.audio.last().map(|(_, end)| end)),
            };
            let mut ends = self.ends_of(&open, duration);
            if is_broken {
                self.complete_sound(&mut open, &mut ends);
                self.audio.restart();
            }
            let least = match cut.leaves_open() {
                true if self.publication.is_empty() => self.slicer.shortest_first(),
                true => self.slicer.shortest_last(),
                false => MIN_BROKEN,
            };
            if open.is_empty() || (is_broken || open.is_full()) && duration < least {
                self.muxer = self.muxer_before.clone();
            } else {
                self.publish(open, duration.max(1), ends, outlet)?;
            }
        }
        if is_broken {
            self.break_off();
        }
        if cut == Cut::Gap {
            self.dates.restart();
            self.dates.see(next / 90, since_1970(outlet.now));
        }
        Ok(())
    }
}

fn since_1970(now: Now) -> Duration {
    now.wall.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// What a stream that begins has shown of its tracks.
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
