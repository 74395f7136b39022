//! The wait before the file of a recording begins: for a picture, or audio where there is none.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::settings::Settings;
use crate::engine::Stream;
use crate::media::flv::Codec;
use crate::media::segment::probe::first_frames::{FirstFrames, Limits};
use crate::media::{Frame, Kind, Role};

/// Sound from so long before the first picture is kept, milliseconds: an encoder's first packet of sound
/// often has an earlier time than its first picture.
const AUDIO_LEAD: u64 = 200;
/// The most audio and data that waits for the first picture. The time is that of the clock.
const LIMITS: Limits = Limits { time: 5000, frames: 512, bytes: 1 << 20, cost: 0 };
/// The longest cached group that a file begins with, bytes: it is written at once, which takes 1 to 2 ms for
/// each MiB. With a longer one the next key frame is waited for.
const MAX_GROUP: usize = 2 << 20;

/// The beginning of a file.
#[derive(Debug)]
pub struct Opening {
    /// The codec headers that the first frames were made with.
    pub headers: Vec<Rc<Frame>>,
    pub frames: Vec<Rc<Frame>>,
}

/// The frames that a file may begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Beginning {
    /// Those of the GOP cache, back to the last key frame.
    #[default]
    CachedGroup,
    /// A key frame as it comes: the cached group was more than the file could take.
    KeyFrame,
}

/// The wait for the first frames of a file.
#[derive(Debug)]
pub struct Wait {
    from: Beginning,
    /// Audio and data that wait for a picture.
    held: FirstFrames<()>,
    /// The beginning of the wait.
    since: Option<Instant>,
}

impl Default for Wait {
    fn default() -> Self {
        Self::new(Beginning::default())
    }
}

impl Opening {
    /// These frames, with the stream's headers as they are now.
    pub fn now(stream: &Stream, frames: Vec<Rc<Frame>>) -> Self {
        let headers = [Kind::Video, Kind::Audio].into_iter().flat_map(|kind| stream.headers.of(kind));
        Self { headers: headers.cloned().collect(), frames }
    }
}

impl Wait {
    /// A wait for frames of this kind.
    pub fn new(from: Beginning) -> Self {
        Self { from, held: FirstFrames::new(LIMITS), since: None }
    }

    /// Takes the stream's next frame. Returns the beginning of the file, if it can begin now.
    pub fn next(
        &mut self,
        settings: &Settings,
        stream: &Stream,
        frame: &Rc<Frame>,
        now: Instant,
    ) -> Option<Opening> {
        if settings.selection.has_picture()
            && let Some(opening) = self.pictures(stream, frame)
        {
            return Some(opening);
        }
        match (frame.kind, frame.role) {
            (_, Role::Header | Role::Empty) => return None,
            (Kind::Video, _) => {
                // There are pictures, and it is worth waiting for one that can be decoded.
                self.since = Some(now);
                return None;
            }
            _ if frame.is_metadata() => return None,
            _ => self.hold(frame, now),
        }
        let waited = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let is_over = self.held.is_over(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
        let expects = settings.selection.has_picture() && announces_picture(stream);
        if expects && !is_over {
            return None;
        }
        self.take_held(stream)
    }

    /// Takes the held frames, if there are any: no picture comes any more.
    pub fn take_held(&mut self, stream: &Stream) -> Option<Opening> {
        let held = self.take_frames();
        (!held.is_empty()).then(|| Opening::now(stream, held))
    }

    /// The pictures that the file can begin with, and the sound that belongs to them.
    fn pictures(&mut self, stream: &Stream, frame: &Rc<Frame>) -> Option<Opening> {
        let group = stream.gop.frames();
        let opening = if frame.is_video_key() {
            Opening::now(stream, vec![Rc::clone(frame)])
        } else if self.from == Beginning::CachedGroup && !group.is_empty() && bytes(group) <= MAX_GROUP {
            Opening { headers: stream.gop.headers().to_vec(), frames: group.to_vec() }
        } else {
            return None;
        };
        let frames = [self.take_lead(&opening.frames), opening.frames].concat();
        Some(Opening { frames, ..opening })
    }

    fn hold(&mut self, frame: &Rc<Frame>, now: Instant) {
        self.since.get_or_insert(now);
        self.held.push(frame, ());
    }

    fn take_frames(&mut self) -> Vec<Rc<Frame>> {
        self.held.take().into_iter().map(|(frame, ())| frame).collect()
    }

    /// Takes the held frames that belong to the pictures that come.
    fn take_lead(&mut self, group: &[Rc<Frame>]) -> Vec<Rc<Frame>> {
        let first = group.first().map_or(0, |frame| frame.timestamp);
        let mut held = self.take_frames();
        held.retain(|frame| frame.timestamp + AUDIO_LEAD >= first);
        held
    }
}

fn bytes(frames: &[Rc<Frame>]) -> usize {
    frames.iter().map(|frame| frame.payload().len()).sum()
}

/// True if a picture is to come, by the stream's headers and metadata.
fn announces_picture(stream: &Stream) -> bool {
    stream.facts.video_codec != Codec::None || stream.facts.width > 0
}
