//! Streams: one for each name of an application that somebody publishes or waits for.
//!
//! [`Stream`] holds what publishers, modules and sinks share: facts, headers, cached group, time line, sinks. It has
//! the transitions from one publisher to the next and calls the sinks; it sends nothing to players and writes no
//! file. A stream exists while it has a publisher, is in grace, or has players. A file that is played is one, too, but is
//! found and counted apart.

pub(in crate::engine) mod awaited;
pub(in crate::engine) mod flv_clock;
pub(in crate::engine) mod gop;
pub(in crate::engine) mod headers;
pub(in crate::engine) mod hooks;
pub(in crate::engine) mod key_frames;
pub(in crate::engine) mod name;
pub(in crate::engine) mod outputs;
pub(in crate::engine) mod pace;
pub(in crate::engine) mod tally;
pub(in crate::engine) mod timeline;
pub(in crate::engine) mod traffic;
pub(in crate::engine) mod warnings;

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use slab::Slab;

use crate::engine::ids::{AppId, Endpoint, StreamId};
use crate::engine::jobs::JobResult;
use crate::engine::panics::Panics;
use crate::engine::sink::{Finish, Outlet, Sink};
use crate::engine::statistics::history::History;
use crate::engine::stream::flv_clock::FlvClock;
use crate::engine::stream::gop::Gop;
use crate::engine::stream::headers::StreamHeaders;
use crate::engine::stream::key_frames::KeyFrames;
use crate::engine::stream::name::StreamName;
use crate::engine::stream::outputs::{HlsStatus, RecordingStatus};
use crate::engine::stream::pace::Pace;
use crate::engine::stream::tally::Tally;
use crate::engine::stream::timeline::Timeline;
use crate::engine::stream::traffic::StreamTraffic;
use crate::engine::stream::warnings::Warnings;
use crate::media::amf::Value;
use crate::media::flv::Codec;
use crate::media::meter::Charge;
use crate::media::{Frame, Kind, Meter, Pictures};
use crate::rtmp::chunk::{Mux, stamp};
use crate::rtmp::command::PublishType;

/// The known facts about a stream's codecs; zero or empty where unknown.
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
    /// Kilobits a second, as the publisher states it.
    pub video_rate: f64,
    /// Kilobits a second, as the publisher states it.
    pub audio_rate: f64,
    /// The name of the encoder, as it states it.
    pub encoder: String,
    /// The publisher's maps of its further tracks: `videoTrackIdInfoMap`, `audioTrackIdInfoMap`.
    pub track_maps: Vec<(String, Value)>,
}

/// One stream.
pub struct Stream {
    /// The id.
    pub id: StreamId,
    /// The application.
    pub app: AppId,
    /// The name.
    pub name: StreamName,
    /// Whether it is a file that is played, or several of one name: it has players and no publisher.
    pub is_file: bool,
    /// The duration of that file, as far as it is known, in milliseconds; written by the module that reads it.
    pub file_duration: Option<u64>,
    /// The label for log lines: "live/cam".
    pub label: Rc<str>,
    /// The publisher.
    pub publisher: Option<Endpoint>,
    grace: Option<Grace>,
    /// The kind of publish: live, record or append.
    pub publish_type: PublishType,
    /// The players, those that wait for a publisher included.
    pub players: Vec<Endpoint>,
    /// How many of them are pushes to other servers.
    pub(in crate::engine) pushes: usize,
    /// When the stream began, with its first publisher.
    pub started: Option<Instant>,
    /// When the present publisher began.
    pub publisher_since: Option<Instant>,
    /// The reason for which its publisher has been dismissed; no more frames are taken.
    pub(in crate::engine) dismissed: Option<Box<str>>,
    /// Whether an operator ends the publisher.
    pub(in crate::engine) is_kicked: bool,
    /// When audio or video last came, or the publisher began.
    pub(in crate::engine) last_media: Option<Instant>,
    /// The time until which frames are held back, to be sent together (`buffer`).
    pub(in crate::engine) buffered_until: Option<Instant>,
    /// The chunk streams on which its frames are sent.
    pub(in crate::engine) mux: Mux,
    pub(in crate::engine) timeline: Timeline,
    pub(in crate::engine) flv_clock: FlvClock,
    pub(in crate::engine) pictures: Pictures,
    pub(in crate::engine) pace: Pace,
    /// Whether the publisher has been slowed, which is logged once.
    pub(in crate::engine) was_paced: bool,
    /// Counts of what the publisher has sent.
    pub(in crate::engine) tally: Tally,
    /// Facts about the codecs, written by the codec module.
    pub facts: StreamFacts,
    /// The key frames of the publisher: their interval, and the last one, which is kept for the page module.
    pub key_frames: KeyFrames,
    /// Warnings for the operator, written by the advice module.
    pub warnings: Warnings,
    /// The headers, written by the codec module.
    pub headers: StreamHeaders,
    /// The frames since the last key frame, written by the gop module.
    pub gop: Gop,
    /// Bytes of media since it began.
    pub bytes_in: u64,
    /// Frames of media since it began.
    pub frames_in: u64,
    /// The numbers of what comes in and goes out.
    pub traffic: StreamTraffic,
    /// Its last minute, second by second.
    pub history: History,
    /// Its recorders, written by the module that records.
    pub recordings: Vec<RecordingStatus>,
    /// The memory that its frames take, whoever holds them.
    pub(in crate::engine) meter: Meter,
    pub(in crate::engine) pending_ends: PendingEnds,
    sinks: Vec<(&'static str, Box<dyn Sink>)>,
}

/// The time in which a lost publisher may return; the stream is live meanwhile.
#[derive(Debug, Clone, Copy)]
struct Grace {
    since: Instant,
    until: Instant,
}

/// The hooks for the end that are still to be called, as those for the begin have been: for the stream, and for its
/// publisher. Those for the players are to be called for each in `Stream::players`.
#[derive(Debug, Default)]
pub(in crate::engine) struct PendingEnds {
    pub stream: bool,
    pub publisher: Option<Endpoint>,
}

impl Stream {
    /// Adds an output: it gets every frame from now on, and is finished with the stream.
    pub fn add_sink(&mut self, name: &'static str, sink: Box<dyn Sink>) {
        self.sinks.push((name, sink));
    }

    /// Hands a frame to the sinks. One that fails is finished and dropped with a log line; one that panics is dropped
    /// as it is.
    pub(in crate::engine) fn feed_sinks(
        &mut self,
        frame: &Rc<Frame>,
        outlet: &mut Outlet<'_>,
        panics: &Panics,
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
            panics.contain(feed).unwrap_or_else(|| {
                abandon(&mut **sink, outlet, panics);
                false
            })
        });
    }

    /// Gives the result of a job to a sink, if it is still there.
    pub(in crate::engine) fn give_result(
        &mut self,
        name: &str,
        result: JobResult,
        outlet: &mut Outlet<'_>,
        panics: &Panics,
    ) {
        let Some(place) = self.sinks.iter().position(|(sink, _)| *sink == name) else { return };
        let Some((_, sink)) = self.sinks.get_mut(place) else { return };
        if panics.contain(|| sink.on_job(result, outlet)).is_none() {
            abandon(&mut **sink, outlet, panics);
            self.sinks.remove(place);
        }
    }

    /// Tells the sinks that the next frames do not continue those before.
    fn mark_discontinuity(&mut self, outlet: &mut Outlet<'_>, panics: &Panics) {
        self.call_sinks(outlet, panics, |sink, outlet| sink.discontinuity(outlet));
    }

    /// Has the sinks give back the memory beyond their shares.
    pub(in crate::engine) fn let_sinks_give_way(&mut self, outlet: &mut Outlet<'_>, panics: &Panics) {
        self.call_sinks(outlet, panics, |sink, outlet| sink.give_way(outlet));
    }

    /// Calls all sinks. One that panics is abandoned.
    fn call_sinks(
        &mut self,
        outlet: &mut Outlet<'_>,
        panics: &Panics,
        call: impl Fn(&mut dyn Sink, &mut Outlet<'_>),
    ) {
        self.sinks.retain_mut(|(_, sink)| {
            let is_done = panics.contain(|| call(&mut **sink, outlet)).is_some();
            if !is_done {
                abandon(&mut **sink, outlet, panics);
            }
            is_done
        });
    }

    /// Finishes the sinks and drops them.
    pub(in crate::engine) fn finish_sinks(&mut self, why: Finish, outlet: &mut Outlet<'_>, panics: &Panics) {
        for (_, mut sink) in self.sinks.drain(..) {
            if panics.contain(|| sink.finish(why, outlet)).is_none() {
                abandon(&mut *sink, outlet, panics);
            }
        }
    }

    /// Drops the sinks without finishing them.
    pub(in crate::engine) fn drop_sinks(&mut self, outlet: &mut Outlet<'_>, panics: &Panics) {
        self.sinks.drain(..).for_each(|(_, mut sink)| abandon(&mut *sink, outlet, panics));
    }

    /// Writes the RTMP header of a frame for this stream's players, sets its time in FLV, and shares the frame.
    pub fn stamped(&self, mut frame: Frame) -> Rc<Frame> {
        frame.count_on(&self.meter);
        // ffmpeg takes metadata with another time for subtitles.
        frame.flv_timestamp = if frame.is_metadata() { 0 } else { self.flv_clock.time(frame.timestamp) };
        stamp(&mut frame, self.mux);
        Rc::new(frame)
    }

    /// Counts bytes on the stream's meter for as long as the charge lives.
    pub(in crate::engine) fn charge(&self, bytes: usize) -> Charge {
        self.meter.charge(bytes)
    }

    /// What its HLS output tells of itself, if it has one.
    pub fn hls_status(&self) -> Option<HlsStatus> {
        self.sinks.iter().find_map(|(_, sink)| sink.status())
    }

    /// The end of the grace, in which a lost publisher may return.
    pub fn grace_until(&self) -> Option<Instant> {
        self.grace.map(|grace| grace.until)
    }

    /// When its publisher was lost, if the stream is in grace.
    pub fn lost_at(&self) -> Option<Instant> {
        self.grace.map(|grace| grace.since)
    }

    /// Whether it ends as an operator has ended its publisher, or the wait for it.
    pub fn is_kicked(&self) -> bool {
        self.is_kicked
    }

    /// The newest time on its time line, in milliseconds of media; none before the first frame.
    pub fn newest_time(&self) -> Option<u64> {
        self.timeline.newest()
    }

    /// Whether there are frames of audio, or of video. A header alone promises none. Pictures that are in the cache are
    /// there, however long ago they came.
    pub fn has_frames(&self, kind: Kind) -> bool {
        self.tally.has(kind) || kind == Kind::Video && !self.gop.frames().is_empty()
    }

    /// When the present publisher's first frame of audio or video came.
    pub fn media_since(&self) -> Option<Instant> {
        self.tally.since
    }

    /// When its first frame of audio, or of video, came, or the first one since they ceased.
    pub fn track_since(&self, kind: Kind) -> Option<Instant> {
        self.tally.begun(kind)
    }

    /// Whether the stream has a publisher or is in grace.
    pub fn is_live(&self) -> bool {
        self.publisher.is_some() || self.grace.is_some()
    }

    /// Begins with a publisher, the first one or one with which the stream continues.
    pub(in crate::engine) fn begin(
        &mut self,
        publisher: Endpoint,
        publish_type: PublishType,
        outlet: &mut Outlet<'_>,
        panics: &Panics,
    ) {
        // The loss of a publisher has been a discontinuity already.
        if self.grace.is_none() {
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

    /// Begins the grace after the publisher was lost.
    pub(in crate::engine) fn begin_grace(
        &mut self,
        until: Instant,
        outlet: &mut Outlet<'_>,
        panics: &Panics,
    ) {
        self.publisher = None;
        self.grace = Some(Grace { since: outlet.now.instant, until });
        self.mark_discontinuity(outlet, panics);
    }

    /// Resets what describes the publisher and its media.
    fn forget_publisher(&mut self) {
        self.grace = None;
        self.dismissed = None;
        self.is_kicked = false;
        self.tally = Tally::default();
        self.traffic.change_publisher();
        self.timeline.change_publisher();
        self.flv_clock.change_publisher();
        self.pictures = Pictures::default();
        self.pace.change_publisher();
        self.was_paced = false;
        self.headers = StreamHeaders::default();
        self.facts = StreamFacts::default();
        self.key_frames.change_publisher();
        self.gop.clear();
    }

    /// Resets the stream after its end, but for the time line, along which remaining players continue. The sinks have
    /// been finished.
    pub(in crate::engine) fn clear(&mut self) {
        self.forget_publisher();
        self.warnings.clear();
        self.publisher = None;
        self.started = None;
        self.publisher_since = None;
        self.last_media = None;
        self.bytes_in = 0;
        self.frames_in = 0;
        self.traffic = StreamTraffic::default();
        self.history = History::default();
        self.recordings.clear();
    }
}

fn abandon(sink: &mut dyn Sink, outlet: &mut Outlet<'_>, panics: &Panics) {
    panics.contain(|| sink.abandon(outlet.jobs));
}

fn log_sink(name: &str, label: &str, error: &io::Error) {
    log::error!("{label}: {name} stops: {error}");
}

/// All streams.
#[derive(Default)]
pub struct Streams {
    slab: Slab<Stream>,
    names: HashMap<(AppId, StreamName), StreamId>,
    /// The same of files that are played.
    files: HashMap<(AppId, StreamName), StreamId>,
    serial: u32,
    meter: Meter,
}

impl Streams {
    /// No streams yet. The frames of all later ones count on this meter.
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
        self.slab.iter().map(|(_, stream)| stream).filter(|stream| !stream.is_file)
    }

    /// All streams.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.slab.iter_mut().map(|(_, stream)| stream).filter(|stream| !stream.is_file)
    }

    /// The files that are played.
    pub fn files(&self) -> impl Iterator<Item = &Stream> {
        self.slab.iter().map(|(_, stream)| stream).filter(|stream| stream.is_file)
    }

    /// The number of slots; a stream keeps its own.
    pub fn slots(&self) -> usize {
        self.slab.capacity()
    }

    /// The stream in a slot, if there is one.
    pub fn at(&self, slot: usize) -> Option<&Stream> {
        self.slab.get(slot).filter(|stream| !stream.is_file)
    }

    /// The file of that name that is played.
    pub fn find_file(&self, app: AppId, name: &StreamName) -> Option<&Stream> {
        self.get(*self.files.get(&(app, name.clone()))?)
    }

    /// The stream or file in a slot.
    pub fn any_at(&self, slot: usize) -> Option<&Stream> {
        self.slab.get(slot)
    }

    /// The stream of this name, created if there is none. Streams are bounded by what sessions publish and play, and
    /// by the number that may be in grace.
    pub(in crate::engine) fn find_or_create(
        &mut self,
        app: AppId,
        app_name: &str,
        name: &StreamName,
    ) -> StreamId {
        if let Some(stream) = self.find(app, name) {
            return stream.id;
        }
        let id = self.create(app, app_name, name);
        self.names.insert((app, name.clone()), id);
        id
    }

    /// The stream of the players of a file of this name, created if there is none.
    pub(in crate::engine) fn find_or_create_file(
        &mut self,
        app: AppId,
        app_name: &str,
        name: &StreamName,
    ) -> StreamId {
        if let Some(id) = self.files.get(&(app, name.clone())) {
            return *id;
        }
        let id = self.create(app, app_name, name);
        self.files.insert((app, name.clone()), id);
        if let Some(stream) = self.get_mut(id) {
            stream.is_file = true;
        }
        id
    }

    fn create(&mut self, app: AppId, app_name: &str, name: &StreamName) -> StreamId {
        self.serial = self.serial.wrapping_add(1);
        let entry = self.slab.vacant_entry();
        let id = StreamId::new(entry.key() as u32, self.serial);
        entry.insert(Stream {
            id,
            app,
            name: name.clone(),
            is_file: false,
            file_duration: None,
            label: format!("{app_name}/{name}").into(),
            publisher: None,
            grace: None,
            publish_type: PublishType::Live,
            players: Vec::new(),
            pushes: 0,
            started: None,
            publisher_since: None,
            dismissed: None,
            is_kicked: false,
            last_media: None,
            buffered_until: None,
            mux: Mux::Separate,
            timeline: Timeline::default(),
            flv_clock: FlvClock::default(),
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
            traffic: StreamTraffic::default(),
            history: History::default(),
            recordings: Vec::new(),
            meter: self.meter.part(),
            pending_ends: PendingEnds::default(),
            sinks: Vec::new(),
        });
        id
    }

    /// Removes a stream that is not live and has no players.
    pub(in crate::engine) fn remove_if_idle(&mut self, id: StreamId) {
        let idle = |stream: &Stream| !stream.is_live() && stream.players.is_empty();
        if self.get(id).is_some_and(idle) {
            let stream = self.slab.remove(id.slot());
            debug_assert!(!stream.pending_ends.stream && stream.pending_ends.publisher.is_none());
            let names = if stream.is_file { &mut self.files } else { &mut self.names };
            names.remove(&(stream.app, stream.name));
        }
    }
}
