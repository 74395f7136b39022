//! Streams: one for each name of an application that somebody publishes or waits for.

pub(in crate::engine) mod awaited;
pub(in crate::engine) mod gop;
pub(in crate::engine) mod headers;
pub(in crate::engine) mod key_frames;
pub(in crate::engine) mod name;
pub(in crate::engine) mod pace;
pub(in crate::engine) mod tally;
pub(in crate::engine) mod timeline;
pub(in crate::engine) mod warnings;

use crate::engine::ids::StreamId;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use slab::Slab;

use crate::media::amf::Value;
use crate::media::flv::Codec;
use crate::media::{Frame, Meter, Pictures};
use crate::rtmp::chunk::{Mux, stamp};
use crate::rtmp::command::PublishType;

use crate::engine::ids::AppId;
use crate::engine::ids::Endpoint;
use crate::engine::panics::Panics;
use crate::engine::sink::{Finish, Outlet, Sink};
use crate::engine::stream::gop::Gop;
use crate::engine::stream::headers::StreamHeaders;
use crate::engine::stream::key_frames::KeyFrames;
use crate::engine::stream::name::StreamName;
use crate::engine::stream::pace::Pace;
use crate::engine::stream::tally::Tally;
use crate::engine::stream::timeline::Timeline;
use crate::engine::stream::warnings::Warnings;

/// What is known of a stream's codecs; zero or empty where nothing is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StreamFacts {
    /// The codec of the default video track.
    pub video_codec: Codec,
    /// "Main", "High", ...
    pub video_profile: &'static str,
    /// The level times ten: 31 is 3.1.
    pub video_level: u8,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second.
    pub frame_rate: f64,
    /// The codec of the default audio track.
    pub audio_codec: Codec,
    /// "LC", "HE", ...
    pub audio_profile: &'static str,
    /// Hertz.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u8,
    /// Kilobits a second, as the publisher has it.
    pub video_rate: f64,
    /// Kilobits a second, as the publisher has it.
    pub audio_rate: f64,
    /// The encoder's name for itself.
    pub encoder: String,
    /// What the publisher says of its further tracks: `videoTrackIdInfoMap`, `audioTrackIdInfoMap`.
    pub track_maps: Vec<(String, Value)>,
}

/// One stream.
pub struct Stream {
    /// Its id.
    pub id: StreamId,
    /// Its application.
    pub app: AppId,
    /// Its name.
    pub name: StreamName,
    /// As log lines name it: "live/cam".
    pub label: Rc<str>,
    /// Who publishes it, if anybody does.
    pub publisher: Option<Endpoint>,
    /// Until when it waits for a publisher that was lost; it is live as long.
    pub(in crate::engine) grace_until: Option<Instant>,
    /// What the publisher wants it to be.
    pub publish_type: PublishType,
    /// Who plays it or waits for it.
    pub players: Vec<Endpoint>,
    /// When its first publisher began.
    pub started: Option<Instant>,
    /// When the publisher it has now began.
    pub publisher_since: Option<Instant>,
    /// Why its publisher is to go; nothing more is taken from it.
    pub(in crate::engine) dismissed: Option<Box<str>>,
    /// When audio or video last came, or its publisher began.
    pub(in crate::engine) last_media: Option<Instant>,
    /// Until when frames are held back from players, to be sent together.
    pub(in crate::engine) buffered_until: Option<Instant>,
    /// Which chunk streams its frames are sent on.
    pub(in crate::engine) mux: Mux,
    pub(in crate::engine) timeline: Timeline,
    pub(in crate::engine) pictures: Pictures,
    pub(in crate::engine) pace: Pace,
    /// Whether a publisher has been slowed.
    pub(in crate::engine) was_paced: bool,
    /// What its publisher has sent.
    pub(in crate::engine) tally: Tally,
    /// The codecs, written by the codec module.
    pub facts: StreamFacts,
    /// How far apart its publisher's key frames are.
    pub key_frames: KeyFrames,
    /// What is wrong with it, written by the advice module.
    pub warnings: Warnings,
    /// The headers, written by the codec module.
    pub headers: StreamHeaders,
    /// The frames since the last key frame, written by the gop module.
    pub gop: Gop,
    /// Bytes of media since it began.
    pub bytes_in: u64,
    /// Frames of media since it began.
    pub frames_in: u64,
    /// Counts its frames, whoever holds them.
    pub(in crate::engine) meter: Meter,
    sinks: Vec<(&'static str, Box<dyn Sink>)>,
}

impl Stream {
    /// Adds an output; it gets every frame from now on, and is dropped when the publisher goes.
    pub fn add_sink(&mut self, name: &'static str, sink: Box<dyn Sink>) {
        self.sinks.push((name, sink));
    }

    /// Hands a frame to the sinks; one that fails is dropped, with a log line. One that panics is dropped as it is.
    pub(in crate::engine) fn feed_sinks(
        &mut self,
        frame: &Rc<Frame>,
        outlet: &mut Outlet<'_>,
        panics: &mut Panics,
    ) {
        let label = &self.label;
        self.sinks.retain_mut(|(name, sink)| {
            let feed = || {
                let result = sink.frame(frame, outlet);
                if result.is_err() {
                    sink.finish(Finish::StreamEnded, outlet);
                }
                result.inspect_err(|error| log_sink(name, label, error)).is_ok()
            };
            panics.contain(feed).unwrap_or(false)
        });
    }

    /// Tells the sinks that what follows does not continue what came before.
    fn mark_discontinuity(&mut self, outlet: &mut Outlet<'_>, panics: &mut Panics) {
        self.sinks.retain_mut(|(_, sink)| panics.contain(|| sink.discontinuity(outlet)).is_some());
    }

    /// Has the sinks give back the memory that they have beyond a share.
    pub(in crate::engine) fn let_sinks_give_way(&mut self, outlet: &mut Outlet<'_>, panics: &mut Panics) {
        self.sinks.retain_mut(|(_, sink)| panics.contain(|| sink.give_way(outlet)).is_some());
    }

    /// Lets the sinks finish, and drops them.
    pub(in crate::engine) fn finish_sinks(
        &mut self,
        why: Finish,
        outlet: &mut Outlet<'_>,
        panics: &mut Panics,
    ) {
        for (_, mut sink) in self.sinks.drain(..) {
            panics.contain(|| sink.finish(why, outlet));
        }
    }

    /// Drops the sinks as they are.
    pub(in crate::engine) fn drop_sinks(&mut self) {
        self.sinks.clear();
    }

    /// Makes a frame ready to be sent to this stream's players, and shares it.
    pub fn stamped(&self, mut frame: Frame) -> Rc<Frame> {
        frame.count_on(&self.meter);
        stamp(&mut frame, self.mux);
        Rc::new(frame)
    }

    /// Until when it waits for a publisher that was lost.
    pub fn grace_until(&self) -> Option<Instant> {
        self.grace_until
    }

    /// Whether there is a publisher, or one that was lost may come back.
    pub fn is_live(&self) -> bool {
        self.publisher.is_some() || self.grace_until.is_some()
    }

    /// Takes a publisher, the first one or one that goes on for another.
    pub(in crate::engine) fn begin(
        &mut self,
        publisher: Endpoint,
        publish_type: PublishType,
        outlet: &mut Outlet<'_>,
        panics: &mut Panics,
    ) {
        // The loss of a publisher has been a discontinuity already.
        if self.grace_until.is_none() {
            self.mark_discontinuity(outlet, panics);
        }
        self.forget_publisher();
        let now = outlet.now.instant;
        self.publisher = Some(publisher);
        self.publish_type = publish_type;
        self.started.get_or_insert(now);
        self.publisher_since = Some(now);
        self.last_media = Some(now);
    }

    /// The publisher is lost; another may take its place until then.
    pub(in crate::engine) fn begin_grace(
        &mut self,
        until: Instant,
        outlet: &mut Outlet<'_>,
        panics: &mut Panics,
    ) {
        self.publisher = None;
        self.grace_until = Some(until);
        self.mark_discontinuity(outlet, panics);
    }

    /// Forgets what describes the publisher and what came from it.
    fn forget_publisher(&mut self) {
        self.grace_until = None;
        self.dismissed = None;
        self.tally = Tally::default();
        self.timeline.change_publisher();
        self.pictures = Pictures::default();
        self.pace.change_publisher();
        self.headers = StreamHeaders::default();
        self.facts = StreamFacts::default();
        self.key_frames = KeyFrames::default();
        self.gop.clear();
    }

    /// Forgets the publisher and all that came from it, but for the line of time: players that stay go on
    /// along it. The sinks have finished.
    pub(in crate::engine) fn clear(&mut self) {
        self.forget_publisher();
        self.warnings.clear();
        self.publisher = None;
        self.started = None;
        self.publisher_since = None;
        self.last_media = None;
        self.was_paced = false;
        self.bytes_in = 0;
        self.frames_in = 0;
    }
}

fn log_sink(name: &str, label: &str, error: &io::Error) {
    log::error!("{label}: {name} stops: {error}");
}

/// All streams.
#[derive(Default)]
pub struct Streams {
    slab: Slab<Stream>,
    names: HashMap<(AppId, StreamName), StreamId>,
    serial: u32,
    meter: Meter,
}

impl Streams {
    /// No streams yet; all frames of those to come count on this meter.
    pub(in crate::engine) fn new(meter: &Meter) -> Self {
        Self { meter: meter.clone(), ..Self::default() }
    }

    /// The stream, unless it is gone.
    pub fn get(&self, id: StreamId) -> Option<&Stream> {
        self.slab.get(id.slot()).filter(|stream| stream.id == id)
    }

    /// The stream, unless it is gone.
    pub fn get_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.slab.get_mut(id.slot()).filter(|stream| stream.id == id)
    }

    /// The stream of that name.
    pub fn find(&self, app: AppId, name: &StreamName) -> Option<&Stream> {
        self.get(*self.names.get(&(app, name.clone()))?)
    }

    /// All streams.
    pub fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.slab.iter().map(|(_, stream)| stream)
    }

    pub(in crate::engine) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.slab.iter_mut().map(|(_, stream)| stream)
    }

    /// Slots that there are; a stream keeps its own.
    pub fn slots(&self) -> usize {
        self.slab.capacity()
    }

    /// The stream in a slot, if there is one.
    pub fn at(&self, slot: usize) -> Option<&Stream> {
        self.slab.get(slot)
    }

    /// The stream of that name, made if there is none. There are never more streams than what
    /// sessions publish and play, and a bounded number that waits for publishers.
    pub(in crate::engine) fn find_or_create(
        &mut self,
        app: AppId,
        app_name: &str,
        name: &StreamName,
    ) -> StreamId {
        if let Some(stream) = self.find(app, name) {
            return stream.id;
        }
        self.serial = self.serial.wrapping_add(1);
        let entry = self.slab.vacant_entry();
        let id = StreamId::new(entry.key() as u32, self.serial);
        entry.insert(Stream {
            id,
            app,
            name: name.clone(),
            label: format!("{app_name}/{name}").into(),
            publisher: None,
            grace_until: None,
            publish_type: PublishType::Live,
            players: Vec::new(),
            started: None,
            publisher_since: None,
            dismissed: None,
            last_media: None,
            buffered_until: None,
            mux: Mux::Separate,
            timeline: Timeline::default(),
            pictures: Pictures::default(),
            pace: Pace::default(),
            was_paced: false,
            tally: Tally::default(),
            facts: StreamFacts::default(),
            key_frames: KeyFrames::default(),
            warnings: Warnings::default(),
            headers: StreamHeaders::default(),
            gop: Gop::default(),
            bytes_in: 0,
            frames_in: 0,
            meter: self.meter.part(),
            sinks: Vec::new(),
        });
        self.names.insert((app, name.clone()), id);
        id
    }

    /// Removes a stream that nobody publishes or plays.
    pub(in crate::engine) fn remove_if_idle(&mut self, id: StreamId) {
        let idle = |stream: &Stream| !stream.is_live() && stream.players.is_empty();
        if self.get(id).is_some_and(idle) {
            let stream = self.slab.remove(id.slot());
            self.names.remove(&(stream.app, stream.name));
        }
    }
}
