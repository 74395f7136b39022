//! What differs for HTTP players: the tracks that they are told of, and the form in which they get frames.
//!
//! A player in a browser shows nothing before it has frames of every track that it is told of, and takes a track that it
//! is not told of for an error. So it is told what is known to come, and gets nothing else.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::settings::Settings;
use crate::engine::{Compat, FlvForm, FlvTracks, Player, Stream, TrackState};
use crate::media::flv::Codec;
use crate::media::flv::browser::{self, BrowserForm};
use crate::media::flv::metadata::announce;
use crate::media::frame::BrowserFrame;
use crate::media::{Frame, Kind};

/// The time in which a publisher shows which tracks it has, from its first frame on.
const TRACKS_DEADLINE: Duration = Duration::from_secs(1);

/// The time after which a track that a player in a browser was told of is missing, as the publisher has begun without it.
/// (For one that ceases see [`Stream::has_frames`].)
const PATIENCE: Duration = Duration::from_secs(5);

/// The time for which a track has been there when a player that was not told of it is to be told.
const STEADY: Duration = Duration::from_secs(3);

/// The time for which a player has been there by then: tracks that come and go do not keep it from playing.
const SETTLED: Duration = Duration::from_secs(5);

/// The tracks that an HTTP player is told of, or others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags {
    pub audio: bool,
    pub video: bool,
}

impl Flags {
    /// The tracks of a stream for a player of this form; none if they are not known yet, or there are none.
    pub fn known(stream: &Stream, form: FlvForm, now: Instant) -> Option<Self> {
        let track = |kind, unwanted| match form.tracks == unwanted {
            true => Track::Absent,
            false => Track::of(stream, kind, form.compat),
        };
        let audio = track(Kind::Audio, FlvTracks::Video);
        let video = track(Kind::Video, FlvTracks::Audio);
        let flags = Self { audio: audio == Track::There, video: video == Track::There };
        let is_known = audio != Track::Unknown && video != Track::Unknown;
        let is_over = Self::known_at(stream).is_some_and(|at| now >= at);
        ((flags.audio || flags.video) && (is_known || is_over)).then_some(flags)
    }

    /// When it is known at the latest which tracks a stream has; none before its first frame of media.
    pub fn known_at(stream: &Stream) -> Option<Instant> {
        stream.media_since().map(|since| since + TRACKS_DEADLINE)
    }

    /// The tracks that players in browsers do not get any more, or not yet since another publisher has begun. A player that
    /// was told of one stands still; only with a new answer it can be told otherwise.
    pub fn missing(stream: &Stream, now: Instant) -> Self {
        let is_late = stream.media_since().is_some_and(|since| now >= since + PATIENCE);
        let is_missing = |kind| match Track::of(stream, kind, Compat::Browser) {
            Track::There => false,
            Track::Absent => true,
            Track::Unknown => is_late,
        };
        Self { audio: is_missing(Kind::Audio), video: is_missing(Kind::Video) }
    }

    /// The tracks that players in browsers can play and that have been there for some time.
    pub fn steady(stream: &Stream, now: Instant) -> Self {
        let is_steady = |kind| {
            let is_old = stream.track_since(kind).is_some_and(|since| now >= since + STEADY);
            is_old && Track::of(stream, kind, Compat::Browser) == Track::There
        };
        Self { audio: is_steady(Kind::Audio), video: is_steady(Kind::Video) }
    }

    /// The tracks that a player of this form wants and that it has not been told of.
    pub fn untold(player: &Player, form: FlvForm, now: Instant) -> Self {
        let told = Self::of(player);
        let is_settled = now >= player.joined_at() + SETTLED;
        let is_untold = |is_told: bool, unwanted| is_settled && !is_told && form.tracks != unwanted;
        Self {
            audio: is_untold(told.audio, FlvTracks::Video),
            video: is_untold(told.video, FlvTracks::Audio),
        }
    }

    /// Whether a track is among both.
    pub fn meets(self, other: Self) -> bool {
        self.audio && other.audio || self.video && other.video
    }

    /// The tracks that an HTTP player has been told of.
    pub fn of(player: &Player) -> Self {
        let is_on = |kind| player.track(kind) != TrackState::Off;
        Self { audio: is_on(Kind::Audio), video: is_on(Kind::Video) }
    }

    /// The number of the combination.
    fn number(self) -> usize {
        usize::from(self.audio) << 1 | usize::from(self.video)
    }

    /// A stream's metadata for players in browsers that are told of these tracks; others get it as it is.
    pub fn metadata(self, stream: &Stream, compat: Compat) -> Option<Rc<Frame>> {
        let make = |metadata: &Frame| stream.stamped(announce(metadata, self.audio, self.video));
        match compat {
            Compat::Browser => stream.headers.announced(self.number(), make),
            Compat::Raw => None,
        }
    }
}

/// Why players in browsers do not get a stream's audio or video; none if they do, or may yet.
pub(super) fn why_unplayable(stream: &Stream, kind: Kind, codec: Codec) -> Option<&'static str> {
    let is_absent = Track::of(stream, kind, Compat::Browser) == Track::Absent;
    is_absent.then(|| match browser::plays(kind, codec) {
        true => "read the header of its",
        false => "play",
    })
}

/// What is known of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Track {
    /// Nothing has come of it, or not its configuration. It may still come.
    Unknown,
    /// It is of no use to the player.
    Absent,
    /// It can be played.
    There,
}

impl Track {
    /// What is known of the audio or the video of a stream.
    fn of(stream: &Stream, kind: Kind, compat: Compat) -> Self {
        let codec = if kind == Kind::Video { stream.facts.video_codec } else { stream.facts.audio_codec };
        match compat {
            _ if !stream.has_frames(kind) => Self::Unknown,
            Compat::Raw => Self::There,
            Compat::Browser if !browser::plays(kind, codec) => Self::Absent,
            Compat::Browser if !browser::needs_configuration(codec) => Self::There,
            Compat::Browser => Self::by_configuration(stream, kind, codec),
        }
    }

    fn by_configuration(stream: &Stream, kind: Kind, codec: Codec) -> Self {
        match stream.headers.configuration(kind).filter(|header| header.codec == codec) {
            None => Self::Unknown,
            Some(header) if browser_frame(header, stream).is_none() => Self::Absent,
            Some(_) => Self::There,
        }
    }
}

/// A frame as players over RTMP get it, or those over HTTP in a form, if they do. Metadata for browsers is that of
/// [`Flags::metadata`].
pub(super) fn in_form(
    form: Option<Compat>,
    frame: &Rc<Frame>,
    settings: Settings,
    stream: &Stream,
) -> Option<Rc<Frame>> {
    match form {
        None => settings.for_players(frame, stream),
        Some(Compat::Raw) => settings.for_players(frame, stream),
        Some(Compat::Browser) if frame.is_metadata() => None,
        Some(Compat::Browser) if frame.kind.is_data() => {
            settings.for_players(frame, stream).filter(|_| browser::plays(frame.kind, frame.codec))
        }
        Some(Compat::Browser) => browser_frame(frame, stream),
    }
}

/// A frame of audio or video as players in browsers get it, if they do: made once for all of them.
fn browser_frame(frame: &Rc<Frame>, stream: &Stream) -> Option<Rc<Frame>> {
    frame.for_browsers(|| match browser::for_browser(frame) {
        BrowserForm::AsIs => BrowserFrame::Same,
        BrowserForm::Changed(payload) => BrowserFrame::Other(stream.stamped(frame.with_payload(&payload))),
        BrowserForm::LeftOut => BrowserFrame::LeftOut,
    })
}
