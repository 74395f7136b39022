//! Streams: one for each name of an application that somebody publishes or waits for.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use slab::Slab;

use crate::media::Frame;

use super::config::AppId;
use super::module::Sink;
use super::name::StreamName;
use super::session::SessionId;

/// A stream: a slot and a serial, so that a late id never finds the slot's next owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamId {
    index: u32,
    serial: u32,
}

#[cfg(test)]
impl StreamId {
    /// An id of no stream, for tests that only tell streams apart.
    pub(crate) fn of_nothing(index: u32) -> Self {
        Self { index, serial: u32::MAX }
    }
}

/// What a player needs before anything else, the latest of each.
#[derive(Debug, Default)]
pub struct Headers {
    /// `onMetaData` as players are to get it.
    pub metadata: Option<Rc<Frame>>,
    /// The video decoder's configuration.
    pub video: Option<Rc<Frame>>,
    /// The audio decoder's configuration.
    pub audio: Option<Rc<Frame>>,
}

/// What is known of a stream's codecs; zero or empty where nothing is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StreamFacts {
    /// "H.264", ...
    pub video_codec: &'static str,
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
    /// "AAC", ...
    pub audio_codec: &'static str,
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
}

/// One stream.
pub struct Stream {
    /// Its id.
    pub id: StreamId,
    /// Its application.
    pub app: AppId,
    /// Its name.
    pub name: StreamName,
    /// Who publishes it, if anybody does.
    pub publisher: Option<SessionId>,
    /// Who plays it or waits for it.
    pub players: Vec<SessionId>,
    /// When the publisher began.
    pub started: Option<Instant>,
    /// The codecs, written by the codec module.
    pub codec: StreamFacts,
    /// The headers, written by the codec module.
    pub headers: Headers,
    /// Bytes of media from this publisher.
    pub bytes_in: u64,
    /// Frames of media from this publisher.
    pub frames_in: u64,
    sinks: Vec<(&'static str, Box<dyn Sink>)>,
}

impl Stream {
    /// Adds an output; it gets every frame from now on, and is dropped when the publisher goes.
    pub fn add_sink(&mut self, name: &'static str, sink: Box<dyn Sink>) {
        self.sinks.push((name, sink));
    }

    /// Hands a frame to the sinks; one that fails is dropped, with a log line.
    pub(super) fn feed_sinks(&mut self, frame: &Rc<Frame>) {
        let stream = &self.name;
        self.sinks.retain_mut(|(name, sink)| match sink.frame(frame) {
            Ok(()) => true,
            Err(error) => {
                log_sink(name, stream, &error);
                false
            }
        });
    }

    /// Forgets the publisher and all that came from it.
    pub(super) fn clear(&mut self) {
        self.publisher = None;
        self.started = None;
        self.sinks.clear();
        self.headers = Headers::default();
        self.codec = StreamFacts::default();
        self.bytes_in = 0;
        self.frames_in = 0;
    }
}

fn log_sink(name: &str, stream: &StreamName, error: &io::Error) {
    log::error!("{name} of stream {stream} stops: {error}");
}

/// All streams.
#[derive(Default)]
pub struct Streams {
    slab: Slab<Stream>,
    names: HashMap<(AppId, StreamName), StreamId>,
    serial: u32,
}

impl Streams {
    /// The stream, unless it is gone.
    pub fn get(&self, id: StreamId) -> Option<&Stream> {
        self.slab.get(id.index as usize).filter(|stream| stream.id == id)
    }

    /// The stream, unless it is gone.
    pub fn get_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.slab.get_mut(id.index as usize).filter(|stream| stream.id == id)
    }

    /// The stream of that name.
    pub fn find(&self, app: AppId, name: &StreamName) -> Option<&Stream> {
        self.get(*self.names.get(&(app, name.clone()))?)
    }

    /// All streams.
    pub fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.slab.iter().map(|(_, stream)| stream)
    }

    /// The stream of that name, made if there is none. There are never more streams than sessions:
    /// one that nobody publishes or plays is removed at once.
    pub(super) fn find_or_create(&mut self, app: AppId, name: &StreamName) -> StreamId {
        if let Some(stream) = self.find(app, name) {
            return stream.id;
        }
        self.serial = self.serial.wrapping_add(1);
        let entry = self.slab.vacant_entry();
        let id = StreamId { index: entry.key() as u32, serial: self.serial };
        entry.insert(Stream {
            id,
            app,
            name: name.clone(),
            publisher: None,
            players: Vec::new(),
            started: None,
            codec: StreamFacts::default(),
            headers: Headers::default(),
            bytes_in: 0,
            frames_in: 0,
            sinks: Vec::new(),
        });
        self.names.insert((app, name.clone()), id);
        id
    }

    /// Removes a stream that nobody publishes or plays.
    pub(super) fn remove_if_idle(&mut self, id: StreamId) {
        let idle = |stream: &Stream| stream.publisher.is_none() && stream.players.is_empty();
        if self.get(id).is_some_and(idle) {
            let stream = self.slab.remove(id.index as usize);
            self.names.remove(&(stream.app, stream.name));
        }
    }
}
