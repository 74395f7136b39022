//! MP4 files (ISO 14496-12, -14 and -15), and those of QuickTime as far as they are alike.
//!
//! The index stays in the file: a track keeps the places of its tables, the pieces of them that were last read, and a
//! cursor. Times in here are in the units of a track; those outside are milliseconds, as [`clock`] makes them.

mod boxes;
mod clock;
mod description;
mod fragments;
mod message;
mod movie;
mod open;
mod seek;
mod tables;
mod track;

#[cfg(test)]
mod tests;

use super::{Ending, FileError, FileFacts, FileMessage, MessageRole, Next, Source, Window};
use crate::media::kind::Kind;
use boxes::Boxes;
use fragments::Found;
use movie::Movie;
use seek::{Keys, Seek};
use tables::{Sample, Steps};
use track::{Limits, Place, Track};

/// How long before what is shown first a file begins at most, if there is a key frame for it, milliseconds: pictures
/// that are decoded first, sound that a decoder needs to settle.
const MAX_LEAD: u64 = 1000;
/// Steps of the search for that key frame.
const CUT_STEPS: u32 = 16;

/// How late fragments may begin in a file that was not cut out of a longer stream, milliseconds.
const MAX_DELAY: i64 = 1000;

/// Reads an MP4 file.
#[derive(Debug)]
pub struct Mp4Demuxer {
    facts: FileFacts,
    /// The metadata is to be sent.
    owes_metadata: bool,
    /// No media has been sent since it was opened or placed.
    is_fresh: bool,
    /// Pictures first.
    tracks: Vec<Track>,
    /// A seek that has begun.
    seek: Option<Seek>,
    /// A collection of key frames that has begun.
    keys: Option<Keys>,
}

/// What is to be sent next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Metadata,
    /// Of a track.
    Configuration(usize),
    /// Of a track.
    Sample(usize, Sample),
    /// Nothing has been found so far.
    More,
    /// There is nothing for now.
    End,
}

/// What is found in the tracks.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    /// The track with the earliest sample, that sample, and its time.
    earliest: Option<(usize, Sample, u64)>,
    /// A track may have more behind what was gone through.
    has_more: bool,
    /// What that is may be earlier.
    is_open: bool,
}

impl Mp4Demuxer {
    /// See [`Demuxer::open`](super::Demuxer::open).
    pub fn open(source: &mut dyn Source, _window: &mut Window) -> Result<Self, FileError> {
        let mut boxes = Boxes::new(source);
        let moov = open::find_movie(&mut boxes)?;
        let mut movie = Movie::read(&mut boxes, &moov)?;
        let (tracks, left_out) = open::choose(&mut boxes, &mut movie)?;
        let facts = FileFacts { left_out, ..facts(&movie, &tracks) };
        let (seek, keys) = (None, None);
        let mut demuxer = Self { facts, owes_metadata: true, is_fresh: true, tracks, seek, keys };
        demuxer.settle_times(source)?;
        demuxer.skip_cut(source)?;
        Ok(demuxer)
    }

    /// Shifts the times of all tracks so that none is below zero, and those of fragments that were cut out of a longer
    /// stream begin at zero; and looks how long fragments are if it is not told.
    fn settle_times(&mut self, source: &mut dyn Source) -> Result<(), FileError> {
        let mut first = None;
        for track in &mut self.tracks {
            if let Found::Here(sample) = track.peek(source, Limits::OPENING)? {
                let time = track.clock.signed(sample.time.into());
                first = Some(first.map_or(time, |first: i64| first.min(time)));
            }
        }
        let is_cut_out = self.tracks.iter().all(|track| track.tables.sizes.count() == 0);
        let first = first.filter(|first| *first < 0 || is_cut_out && *first > MAX_DELAY).unwrap_or_default();
        self.tracks.iter_mut().for_each(|track| track.clock.set_shift(first.saturating_neg()));
        if let (None, Some(track)) = (self.facts.duration, self.tracks.first_mut())
            && let Some(fragments) = &mut track.fragments
        {
            let end = fragments.end_time(source, &mut Steps::default())?;
            self.facts.duration = end.map(|end| track.clock.time(end)).filter(|duration| *duration > 0);
        }
        Ok(())
    }

    /// Begins at the last key frame that is well before what an edit list shows first: what was cut off in front of it is
    /// not played.
    fn skip_cut(&mut self, source: &mut dyn Source) -> Result<(), FileError> {
        let shown = self.tracks.first().map_or(0, |track| track.clock.shift());
        let begin = u64::try_from(shown).unwrap_or_default().saturating_sub(MAX_LEAD);
        if begin == 0 {
            return Ok(());
        }
        let mut seek = Seek::new(begin, &self.tracks);
        for _ in 0..CUT_STEPS {
            if let Some(found) = seek.step(&mut self.tracks, source)? {
                if found > begin {
                    // There is no key frame before.
                    self.tracks.iter_mut().for_each(|track| track.go_to(Place::default()));
                    break;
                }
                let shift = shown.saturating_sub_unsigned(found);
                self.tracks.iter_mut().for_each(|track| track.clock.set_shift(shift));
                break;
            }
        }
        Ok(())
    }

    /// See [`Demuxer::facts`](super::Demuxer::facts).
    pub fn facts(&self) -> &FileFacts {
        &self.facts
    }

    /// See [`Demuxer::next`](super::Demuxer::next).
    pub fn next<'w>(
        &mut self,
        source: &mut dyn Source,
        window: &'w mut Window,
    ) -> Result<Next<'w>, FileError> {
        let (step, timestamp) = self.plan(source)?;
        match step {
            Step::More => Ok(Next::More),
            Step::End => Ok(Next::End),
            Step::Metadata => {
                let frame_rate = self.tracks.first().and_then(|track| track.frame_rate);
                let bytes = message::metadata(&self.facts, frame_rate, source.length()?);
                self.owes_metadata = false;
                let (kind, role, head) = (Kind::Data, MessageRole::Data, super::Head::default());
                let body = window.put(bytes);
                Ok(Next::Message(FileMessage { kind, timestamp, role, head, body }))
            }
            Step::Configuration(at) => {
                let Some(track) = self.tracks.get_mut(at) else { return Ok(Next::End) };
                track.owes_configuration = false;
                let head = message::configuration_head(&track.description);
                let (kind, role) = (track.kind, MessageRole::Configuration);
                let body = window.put(track.description.configuration.clone());
                Ok(Next::Message(FileMessage { kind, timestamp, role, head, body }))
            }
            Step::Sample(at, sample) => self.send(at, &sample, timestamp, source, window),
        }
    }

    /// The message of a sample; the end if its bytes are not there yet.
    fn send<'w>(
        &mut self,
        at: usize,
        sample: &Sample,
        timestamp: u64,
        source: &mut dyn Source,
        window: &'w mut Window,
    ) -> Result<Next<'w>, FileError> {
        let has_pictures = self.tracks.first().is_some_and(|track| track.kind == Kind::Video);
        let Some(track) = self.tracks.get_mut(at) else { return Ok(Next::End) };
        let size = usize::try_from(sample.size).unwrap_or(usize::MAX);
        let body = if at == 0 {
            window.get(source, sample.at, size)?
        } else {
            window.get_beside(source, sample.at, size)?
        };
        let Some(body) = body else { return Ok(Next::End) };
        track.take();
        self.is_fresh = false;
        let is_key = if has_pictures { track.kind == Kind::Video && sample.is_sync } else { true };
        let role = if is_key { MessageRole::Key } else { MessageRole::Other };
        let composition = track.clock.composition(sample.time, sample.composition);
        let head = message::sample_head(&track.description, sample.is_sync, composition);
        Ok(Next::Message(FileMessage { kind: track.kind, timestamp, role, head, body }))
    }

    /// What is to be sent next, and its time.
    fn plan(&mut self, source: &mut dyn Source) -> Result<(Step, u64), FileError> {
        let mut look = self.look(source, Limits::FEW)?;
        if look.earliest.is_none() && !look.is_open {
            look = self.look(source, Limits::MANY)?;
        }
        if look.is_open {
            return Ok((Step::More, 0));
        }
        let earliest = look.earliest;
        let time = earliest.map_or(0, |(_, _, time)| time);
        if self.owes_metadata {
            return Ok((Step::Metadata, time));
        }
        // In the middle, a new configuration comes right before what it is for.
        let is_due = |at: usize| self.is_fresh || earliest.is_some_and(|(first, _, _)| first == at);
        let mut tracks = self.tracks.iter().enumerate();
        if let Some((at, _)) = tracks.find(|(at, track)| track.owes_configuration && is_due(*at)) {
            return Ok((Step::Configuration(at), time));
        }
        let nothing = if look.has_more { Step::More } else { Step::End };
        Ok((earliest.map_or(nothing, |(at, sample, _)| Step::Sample(at, sample)), time))
    }

    /// Looks for the next sample of each track.
    fn look(&mut self, source: &mut dyn Source, limits: Limits) -> Result<Look, FileError> {
        let mut look = Look::default();
        for (at, track) in self.tracks.iter_mut().enumerate() {
            let sample = match track.peek(source, limits)? {
                Found::Here(sample) => sample,
                Found::NotYet => {
                    look.has_more = true;
                    look.is_open |= track.is_leaving_out;
                    continue;
                }
                Found::End => continue,
            };
            let time = track.clock.time(sample.time);
            if look.earliest.is_none_or(|(_, _, other)| time < other) {
                look.earliest = Some((at, sample, time));
            }
        }
        Ok(look)
    }

    /// See [`Demuxer::ending`](super::Demuxer::ending).
    pub fn ending(&self) -> Ending {
        match &self.tracks {
            tracks if tracks.iter().any(|track| track.fragments.is_some()) => Ending::Open,
            tracks if tracks.iter().any(Track::has_next) => Ending::Cut,
            _ => Ending::Whole,
        }
    }

    /// See [`Demuxer::seek`](super::Demuxer::seek).
    pub fn seek(
        &mut self,
        source: &mut dyn Source,
        _window: &mut Window,
        to: u64,
    ) -> Result<Option<u64>, FileError> {
        let seek = self.seek.take().filter(|seek| seek.to == to);
        let mut seek = seek.unwrap_or_else(|| Seek::new(to, &self.tracks));
        let found = seek.step(&mut self.tracks, source);
        if matches!(found, Ok(Some(_))) {
            self.is_fresh = true;
        } else {
            self.seek = Some(seek);
        }
        found
    }

    /// See [`Demuxer::key_frames`](super::Demuxer::key_frames).
    pub fn key_frames(
        &mut self,
        source: &mut dyn Source,
        _window: &mut Window,
        times: &mut Vec<u64>,
    ) -> Result<bool, FileError> {
        let Some(track) = self.tracks.first_mut() else { return Ok(true) };
        let mut keys = self.keys.take().unwrap_or_else(|| Keys::new(track));
        let done = keys.step(track, source, times);
        if !matches!(done, Ok(true)) {
            self.keys = Some(keys);
        }
        done
    }
}

/// What is known of a movie with these tracks.
fn facts(movie: &Movie, tracks: &[Track]) -> FileFacts {
    let mut facts = FileFacts::default();
    // That of the movie is only of what is not in fragments.
    let duration = if movie.is_fragmented { movie.fragments_duration } else { movie.duration };
    let duration = u128::from(duration) * 1000;
    let duration = duration.checked_div(movie.timescale.into()).unwrap_or_default();
    facts.duration = u64::try_from(duration).ok().filter(|duration| *duration > 0);
    for track in tracks {
        let description = &track.description;
        if track.kind == Kind::Video {
            facts.video_codec = description.codec;
            (facts.width, facts.height) = (description.width, description.height);
        } else {
            facts.audio_codec = description.codec;
            (facts.sample_rate, facts.channels) = (description.sample_rate, description.channels);
        }
    }
    facts
}
