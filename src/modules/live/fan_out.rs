//! The fan-out of one frame: which players get it, and in which form.

use std::cell::{Cell, OnceCell};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Instant;

use super::flv::{Flags, in_form};
use super::opening::{Begun, begin, preamble};
use super::settings::Settings;
use crate::engine::{Allowance, Compat, FlvForm, MAX_QUEUED_BYTES, Player, PlayerQueue, Stream, TrackState};
use crate::media::{Frame, Kind, Packet, Role};

/// One frame on its way to all players of a stream.
pub(super) struct FrameFanout<'a> {
    settings: Settings,
    now: Instant,
    /// The frame as it was published.
    published: &'a Rc<Frame>,
    /// For players over RTMP.
    rtmp: Shape,
    /// For HTTP players that want all, and for those in browsers; none if these do not get it.
    raw: OnceCell<Shape>,
    browser: OnceCell<Option<Shape>>,
    /// The tracks that players in browsers do not get any more.
    missing: OnceCell<Flags>,
    /// The tracks of which players in browsers are to be told.
    steady: OnceCell<Flags>,
    /// A player still waits for its FLV header.
    has_waiting: Cell<bool>,
    /// It is sound, and waits for the picture of a player that has none yet.
    waits_for_picture: bool,
}

/// A frame in the form of some players.
struct Shape {
    form: Option<Compat>,
    frame: Rc<Frame>,
    /// A track may begin with this frame.
    begins: bool,
    preamble: OnceCell<Vec<Rc<Frame>>>,
}

impl Shape {
    fn new(settings: Settings, stream: &Stream, form: Option<Compat>, frame: Rc<Frame>) -> Self {
        let decodable = match frame.role {
            Role::Key => true,
            Role::Inter | Role::Disposable => !settings.wait_key,
            Role::Header | Role::Empty => false,
        };
        // Further tracks join the default one, if there is one.
        let leads = frame.is_default_track() || stream.headers.configuration(frame.kind).is_none();
        let begins = decodable && leads && has_configuration(stream, &frame);
        Self { form, frame, begins, preamble: OnceCell::new() }
    }

    /// Made only when there is a player whose track begins with this frame, once for all of them.
    fn preamble(&self, settings: Settings, stream: &Stream) -> &[Rc<Frame>] {
        self.preamble.get_or_init(|| match self.frame.is_metadata() {
            true => Vec::new(),
            false => preamble(settings, stream, self.form, &self.frame),
        })
    }
}

impl<'a> FrameFanout<'a> {
    /// A frame as it was published, and as players over RTMP get it.
    pub fn new(
        settings: Settings,
        stream: &Stream,
        (published, rtmp): (&'a Rc<Frame>, Rc<Frame>),
        now: Instant,
    ) -> Self {
        let waits_for_picture = rtmp.kind == Kind::Audio && settings.holds_sound(stream, now);
        let rtmp = Shape::new(settings, stream, None, rtmp);
        Self {
            settings,
            now,
            published,
            rtmp,
            raw: OnceCell::new(),
            browser: OnceCell::new(),
            missing: OnceCell::new(),
            steady: OnceCell::new(),
            has_waiting: Cell::new(false),
            waits_for_picture,
        }
    }

    /// Offers the frame to a player. Breaks if the player has got all that it asked for, or all that it can be sent.
    pub fn offer(&self, queue: &mut PlayerQueue<'_>, stream: &Stream) -> ControlFlow<()> {
        match queue.player.flv() {
            None => self.give(&self.rtmp, None, queue, stream),
            Some(form) => self.offer_over_http(form, queue, stream),
        }
    }

    /// Whether a player still waits for its FLV header.
    pub fn has_waiting(&self) -> bool {
        self.has_waiting.get()
    }

    /// Whether it is media that players in browsers do not get: this frame, or its whole track.
    pub fn is_left_out(&self) -> bool {
        matches!(self.browser.get(), Some(None))
            && self.published.packet == Packet::Frames
            && self.published.role != Role::Empty
            && self.published.is_default_track()
    }

    fn offer_over_http(
        &self,
        form: FlvForm,
        queue: &mut PlayerQueue<'_>,
        stream: &Stream,
    ) -> ControlFlow<()> {
        if queue.player.awaits_flv_header() {
            match begin(self.settings, stream, form, queue, self.now) {
                Begun::No => {
                    self.has_waiting.set(true);
                    // For the log.
                    if form.compat == Compat::Browser {
                        self.browser(stream);
                    }
                    return ControlFlow::Continue(());
                }
                // This frame is in the cache already.
                Begun::WithGroup => return ControlFlow::Continue(()),
                Begun::WithHeader => {}
            }
        }
        let flags = Flags::of(queue.player);
        if form.compat == Compat::Browser && self.is_mistold(flags, form, queue.player, stream) {
            return ControlFlow::Break(());
        }
        match form.compat {
            Compat::Raw => self.give(self.raw(stream), None, queue, stream),
            Compat::Browser if self.published.is_metadata() => {
                let Some(frame) = flags.metadata(stream, form.compat) else {
                    return ControlFlow::Continue(());
                };
                let metadata = Shape::new(self.settings, stream, Some(form.compat), frame);
                self.give(&metadata, Some(flags), queue, stream)
            }
            Compat::Browser => match self.browser(stream) {
                Some(shape) => self.give(shape, Some(flags), queue, stream),
                None => ControlFlow::Continue(()),
            },
        }
    }

    /// Whether a player in a browser that was told of these tracks should be told otherwise.
    fn is_mistold(&self, flags: Flags, form: FlvForm, player: &Player, stream: &Stream) -> bool {
        let missing = self.missing.get_or_init(|| Flags::missing(stream, self.now));
        let steady = || *self.steady.get_or_init(|| Flags::steady(stream, self.now));
        // Most have been told of both.
        let is_partial = flags != Flags { audio: true, video: true };
        flags.meets(*missing) || is_partial && Flags::untold(player, form, self.now).meets(steady())
    }

    /// The frame for HTTP players that want all: what players over RTMP get, but for what they begin with.
    fn raw(&self, stream: &Stream) -> &Shape {
        let frame = || Rc::clone(&self.rtmp.frame);
        self.raw.get_or_init(|| Shape::new(self.settings, stream, Some(Compat::Raw), frame()))
    }

    /// The frame for players in browsers, if they get it.
    fn browser(&self, stream: &Stream) -> Option<&Shape> {
        const FORM: Option<Compat> = Some(Compat::Browser);
        let make = || {
            let frame = in_form(FORM, self.published, self.settings, stream)?;
            Some(Shape::new(self.settings, stream, FORM, frame))
        };
        self.browser.get_or_init(make).as_ref()
    }

    /// Queues the frame for a player, if it can use it and has room; `flags` are those of a player in a browser. Breaks if
    /// the player has got all that it asked for.
    fn give(
        &self,
        shape: &Shape,
        flags: Option<Flags>,
        queue: &mut PlayerQueue<'_>,
        stream: &Stream,
    ) -> ControlFlow<()> {
        let (kind, role, room) = (shape.frame.kind, shape.frame.role, room(queue));
        let player = &mut *queue.player;
        if player.has_reached_limit(shape.frame.timestamp) {
            return ControlFlow::Break(());
        }
        let (state, had_metadata) = (player.track(kind), player.has_metadata());
        // A player's first metadata comes with its first frame, when all of it is known.
        if player.is_paused() || shape.frame.is_metadata() && !had_metadata {
            return ControlFlow::Continue(());
        }
        let waits = self.waits_for_picture && player.track(Kind::Video) == TrackState::Waiting;
        let sends = match (state, role) {
            (TrackState::Off, _) => return ControlFlow::Continue(()),
            (TrackState::Waiting, _) if !shape.begins || waits => return ControlFlow::Continue(()),
            (TrackState::Waiting, _) => room == Room::Ample,
            (TrackState::Running, Role::Header) => true,
            (TrackState::Running, Role::Disposable) => room == Room::Ample,
            (TrackState::Running, _) => room != Room::None,
        };
        if !sends {
            queue.lose(kind, role);
            return ControlFlow::Continue(());
        }
        player.take(kind, shape.frame.timestamp);
        if state == TrackState::Waiting {
            if let Some(flags) = flags.filter(|_| !had_metadata) {
                flags.metadata(stream, Compat::Browser).iter().for_each(|metadata| queue.send(metadata));
            }
            let preamble = shape.preamble(self.settings, stream).iter();
            preamble.filter(|part| !part.kind.is_data() || !had_metadata).for_each(|part| queue.send(part));
        }
        queue.send(&shape.frame);
        ControlFlow::Continue(())
    }
}

/// True if the stream has the configurations that a decoder needs to begin with this frame.
fn has_configuration(stream: &Stream, frame: &Frame) -> bool {
    let configures =
        |header: &Rc<Frame>| header.packet == Packet::Configuration && header.tracks.meets(frame.tracks);
    !frame.needs_configuration() || stream.headers.of(frame.kind).any(configures)
}

/// The room in a player's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Ample,
    /// No disposable frames, and no beginning.
    Little,
    None,
}

/// The room in a player's queue.
fn room(queue: &PlayerQueue<'_>) -> Room {
    let (messages, limit) = (queue.messages(), queue.most_messages());
    let Allowance { messages: more, bytes } = queue.allowance();
    if messages >= limit + more || queue.bytes() >= MAX_QUEUED_BYTES + bytes {
        Room::None
    } else if messages >= limit / 2 + more {
        Room::Little
    } else {
        Room::Ample
    }
}
