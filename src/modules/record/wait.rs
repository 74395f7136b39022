//! What a recording waits for before its file begins: a picture, or sound where there is none.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::settings::Settings;
use crate::engine::Stream;
use crate::media::flv::Codec;
use crate::media::{Frame, Kind, Role};

/// How long sound waits for a picture that is announced.
const PATIENCE: Duration = Duration::from_secs(5);
/// Sound from so long before the first picture is kept, milliseconds: an encoder's first packet of sound
/// often has an earlier time than its first picture.
const LEAD: u64 = 200;
/// Frames and bytes of payload that wait for the first picture; with more, none is waited for.
const MAX_HELD: (usize, usize) = (512, 1 << 20);
/// The longest cached group that a file begins with, bytes: it is written at once, which takes 1 to 2 ms for
/// each MiB. With a longer one the next key frame is waited for.
const MAX_GROUP: usize = 2 << 20;

/// What a file begins with.
#[derive(Debug)]
pub struct Opening {
    /// The codec headers that the first frames were made with.
    pub headers: Vec<Rc<Frame>>,
    /// The first frames.
    pub frames: Vec<Rc<Frame>>,
}

/// Which frames a file may begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Beginning {
    /// Those of the GOP cache, back to the last key frame.
    #[default]
    CachedGroup,
    /// A key frame as it comes: the cached group was more than the file could take.
    KeyFrame,
}

/// The wait for the first frames of a file.
#[derive(Debug, Default)]
pub struct Wait {
    from: Beginning,
    /// Sound and data that wait for a picture, and since when they do.
    held: Vec<Rc<Frame>>,
    held_bytes: usize,
    since: Option<Instant>,
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
        Self { from, ..Self::default() }
    }

    /// Takes the stream's next frame. Returns what the file is to begin with, if it can begin now.
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
        let is_full = self.held.len() >= MAX_HELD.0 || self.held_bytes >= MAX_HELD.1;
        let is_late = self.since.is_some_and(|since| now >= since + PATIENCE);
        let expects = settings.selection.has_picture() && announces_picture(stream);
        if expects && !is_full && !is_late {
            return None;
        }
        self.take_held(stream)
    }

    /// What is held, if there is anything: no picture comes any more.
    pub fn take_held(&mut self, stream: &Stream) -> Option<Opening> {
        let held = std::mem::take(&mut self.held);
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
        self.held_bytes += frame.payload().len();
        self.held.push(Rc::clone(frame));
    }

    /// What is held and belongs to the pictures that come.
    fn take_lead(&mut self, group: &[Rc<Frame>]) -> Vec<Rc<Frame>> {
        let first = group.first().map_or(0, |frame| frame.timestamp);
        let mut held = std::mem::take(&mut self.held);
        held.retain(|frame| frame.timestamp + LEAD >= first);
        held
    }
}

fn bytes(frames: &[Rc<Frame>]) -> usize {
    frames.iter().map(|frame| frame.payload().len()).sum()
}

/// Whether a picture is to come, by the stream's headers and metadata.
fn announces_picture(stream: &Stream) -> bool {
    stream.codec.video_codec != Codec::None || stream.codec.width > 0
}
