//! An application's settings, and what they make of a frame.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::{Application, Stream};
use crate::media::flv::Codec;
use crate::media::{Frame, Kind, Role};

/// The time in which a stream shows that it has a picture.
const PICTURE_DEADLINE: Duration = Duration::from_secs(1);

/// An application's settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub live: bool,
    pub plays_files: bool,
    pub wait_key: bool,
    wait_video: bool,
    interleave: bool,
    data_messages: bool,
    multitrack: bool,
}

impl Settings {
    pub fn of(application: &Application<'_>) -> Self {
        let scope = &application.scope;
        Self {
            live: application.features.live,
            plays_files: application.features.plays_files,
            wait_key: scope.flag("wait_key"),
            wait_video: scope.flag("wait_video"),
            interleave: application.is_interleaved(),
            data_messages: scope.flag("data_messages"),
            multitrack: scope.flag("multitrack"),
        }
    }

    /// The frame as players get it, if they do.
    pub fn for_players(&self, frame: &Rc<Frame>, stream: &Stream) -> Option<Rc<Frame>> {
        match frame.kind {
            Kind::Audio | Kind::Video if self.multitrack || !frame.is_multitrack() => Some(Rc::clone(frame)),
            Kind::Audio | Kind::Video => frame.default_track().map(|part| stream.stamped(part)),
            Kind::Data | Kind::DataAmf3 if frame.role == Role::Empty => None,
            // Players get the metadata as the codec module has made it.
            Kind::Data | Kind::DataAmf3 if frame.is_metadata() => {
                let metadata = stream.headers.metadata()?;
                Some(stream.stamped(metadata.at(frame.timestamp)))
            }
            Kind::Data | Kind::DataAmf3 => self.data_messages.then(|| Rc::clone(frame)),
        }
    }

    /// True if the sound of a player that has no picture yet is to wait for it.
    pub fn holds_sound(&self, stream: &Stream, now: Instant) -> bool {
        let has_picture = stream.facts.video_codec != Codec::None;
        let may_have = has_picture || stream.media_since().is_none_or(|since| now < since + PICTURE_DEADLINE);
        self.interleave && self.wait_key && has_picture || self.wait_video && may_have
    }
}
