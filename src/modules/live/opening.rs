//! What players begin with: what the GOP cache holds, or else the metadata and the headers of each track.

use std::rc::Rc;
use std::time::Instant;

use super::flv::{Flags, in_form};
use super::settings::Settings;
use crate::engine::{Allowance, Compat, FlvForm, MAX_QUEUED_BYTES, Player, PlayerQueue, Stream, TrackState};
use crate::media::{Frame, Kind, Packet, Role, Tracks};

/// The beginning of a player that can begin at once.
pub(super) struct Opening {
    /// The tracks that an HTTP player is told of, and its metadata if that is not among the frames.
    flv: Option<(Flags, Option<Rc<Frame>>)>,
    /// What the cache holds.
    frames: Rc<[Rc<Frame>]>,
}

impl Opening {
    /// What a player that joins a stream begins with; none if the cache holds nothing, or if an HTTP player cannot be told
    /// yet which tracks there are.
    pub fn of(settings: Settings, stream: &Stream, player: &Player, now: Instant) -> Option<Self> {
        let flv = match player.flv() {
            None => None,
            Some(form) => {
                let flags = Flags::known(stream, form, now)?;
                Some((flags, flags.metadata(stream, form.compat)))
            }
        };
        let frames = cached(settings, stream, player.flv().map(|form| form.compat))?;
        Some(Self { flv, frames })
    }

    /// Sends it. Returns its bytes.
    pub fn send(&self, queue: &mut PlayerQueue<'_>) -> u64 {
        let mut lead = None;
        if let Some((flags, metadata)) = &self.flv {
            queue.send_flv_header(flags.audio, flags.video);
            lead = metadata.as_ref();
        }
        replay(queue, lead, &self.frames)
    }
}

/// How an HTTP player that waited for its FLV header has begun.
pub(super) enum Begun {
    /// It still waits, as it is not known which tracks there are.
    No,
    /// It has its FLV header, and nothing else.
    WithHeader,
    /// It has also got what the cache holds.
    WithGroup,
}

/// Lets an HTTP player that waits for its FLV header begin, if it is known which tracks there are.
pub(super) fn begin(
    settings: Settings,
    stream: &Stream,
    form: FlvForm,
    queue: &mut PlayerQueue<'_>,
    now: Instant,
) -> Begun {
    let Some(flags) = Flags::known(stream, form, now) else { return Begun::No };
    queue.send_flv_header(flags.audio, flags.video);
    let Some(frames) = cached(settings, stream, Some(form.compat)) else { return Begun::WithHeader };
    let bytes = replay(queue, flags.metadata(stream, form.compat).as_ref(), &frames);
    queue.count_more(bytes);
    Begun::WithGroup
}

/// The cached frames in a form, in a list that players share, behind their headers, and but for browsers behind the
/// metadata. None if nothing is cached.
pub(super) fn cached(settings: Settings, stream: &Stream, form: Option<Compat>) -> Option<Rc<[Rc<Frame>]>> {
    let first = stream.gop.frames().first()?;
    Some(stream.gop.opening(form, || {
        let lead = stream.gop.headers().iter().map(|part| stream.stamped(part.at(first.timestamp)));
        let lead = metadata(stream, form).into_iter().chain(lead);
        let all = lead.chain(stream.gop.frames().iter().cloned());
        all.filter_map(|frame| in_form(form, &frame, settings, stream)).collect()
    }))
}

/// The messages before a player's first frame of a track: but for browsers the metadata, and the track's headers.
/// They come with that frame's time, as if they had just been sent.
pub(super) fn preamble(
    settings: Settings,
    stream: &Stream,
    form: Option<Compat>,
    first: &Frame,
) -> Vec<Rc<Frame>> {
    let parts = stream.headers.of(first.kind).map(|part| stream.stamped(part.at(first.timestamp)));
    let parts = metadata(stream, form).into_iter().chain(parts);
    parts.filter_map(|part| in_form(form, &part, settings, stream)).collect()
}

/// The metadata that a player begins with, but for those in browsers, who have their own. Its time is 0, as that of other
/// servers: FFmpeg takes metadata at another time for the first of many texts, and waits for the next one.
fn metadata(stream: &Stream, form: Option<Compat>) -> Option<Rc<Frame>> {
    let metadata = stream.headers.metadata().filter(|_| form != Some(Compat::Browser))?;
    Some(stream.stamped(metadata.at(0)))
}

/// Lets a player begin with its metadata, if that is its own, and with what the cache holds, unless more waits for its
/// session already than is usual. Returns its bytes.
pub(super) fn replay(
    queue: &mut PlayerQueue<'_>,
    metadata: Option<&Rc<Frame>>,
    frames: &Rc<[Rc<Frame>]>,
) -> u64 {
    let (before, bytes_before) = (queue.messages(), queue.bytes());
    // The time of metadata means nothing.
    let Some(first) = frames.iter().find(|frame| !frame.kind.is_data()) else { return 0 };
    if before >= queue.most_messages() || bytes_before >= MAX_QUEUED_BYTES {
        return 0;
    }
    queue.player.begin(first.timestamp);
    if let Some(metadata) = metadata {
        queue.send(metadata);
    }
    // The tracks, as one set for each kind, of which the configuration has been sent.
    let mut configured = [Tracks::NONE; 2];
    let mut wanted = Vec::with_capacity(frames.len());
    for frame in frames.iter() {
        if queue.player.has_reached_limit(frame.timestamp) {
            break;
        }
        let known = &mut configured[usize::from(frame.kind == Kind::Video)];
        if frame.packet == Packet::Configuration {
            known.add_all(frame.tracks);
        }
        let decodable = !frame.needs_configuration() || known.meets(frame.tracks);
        if frame.packet == Packet::Frames && !decodable {
            continue;
        }
        if queue.player.track(frame.kind) == TrackState::Off {
            continue;
        }
        if frame.role != Role::Header {
            queue.player.take(frame.kind, frame.timestamp);
        }
        wanted.push(frame);
    }
    let bytes = wanted.iter().copied().chain(metadata).map(|frame| frame.payload().len() as u64).sum();
    if wanted.len() == frames.len() {
        queue.send_group(frames);
    } else {
        wanted.into_iter().for_each(|frame| queue.send(frame));
    }
    queue.allow(Allowance { messages: queue.messages() - before, bytes: queue.bytes() - bytes_before });
    bytes
}
