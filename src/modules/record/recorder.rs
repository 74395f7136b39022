//! One recorder on one stream: when a file begins, when the next one does, and what to do when none can be
//! written.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::open::{Existing, OpenFiles};
use super::output::Output;
use super::script::Script;
use super::settings::{Settings, Start};
use crate::engine::{Endpoint, Now, PublishType, Stream};
use crate::media::flv::Codec;
use crate::media::{Frame, Kind, Role};

/// How soon it is tried again to write after that has failed.
const RETRY: Duration = Duration::from_secs(1);
/// How often an error is logged that stays the same.
const REPEAT: Duration = Duration::from_secs(60);
/// How long sound waits for a picture that is announced.
const PATIENCE: Duration = Duration::from_secs(5);
/// Sound from so long before the first picture is kept, milliseconds: an encoder's first packet of sound
/// often has an earlier time than its first picture.
const LEAD: u64 = 200;
/// Frames and bytes of payload that wait for the first picture; with more, none is waited for.
const MAX_HELD: (usize, usize) = (512, 1 << 20);

/// What has happened, for who wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A file has begun.
    Started,
    /// A file is finished.
    Stopped,
    /// No file can be written; it is tried again.
    Failed,
}

/// A stream at a time, as a recorder sees it.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The stream's application.
    pub app: &'a str,
    /// The stream.
    pub stream: &'a Stream,
    /// The time.
    pub now: Now,
}

/// What the recorders of all streams share.
#[derive(Debug, Default)]
pub struct Shared {
    /// The files that are being written.
    pub files: OpenFiles,
    /// When an error was last logged.
    logged: Option<Instant>,
}

/// A recorder.
#[derive(Debug)]
pub struct Recorder {
    state: State,
    /// The publisher's last `onMetaData`.
    metadata: Option<Rc<Frame>>,
    publisher: Option<Endpoint>,
    /// What becomes of a file that is there, for the first file only.
    existing: Existing,
    trouble: Option<Trouble>,
}

#[derive(Debug)]
enum State {
    /// Nobody has started it.
    Idle,
    /// For something that a file can begin with.
    Waiting(Wait),
    Writing(Box<Output>),
}

#[derive(Debug, Default)]
struct Wait {
    /// Not before this.
    until: Option<Instant>,
    lacks: Lack,
    /// Sound and data that wait for a picture, and since when they do.
    held: Vec<Rc<Frame>>,
    held_bytes: usize,
    since: Option<Instant>,
}

/// What there must be before it is worth trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Lack {
    #[default]
    Nothing,
    /// Room on the disk.
    Room,
}

/// An error that lasts.
#[derive(Debug)]
struct Trouble {
    text: String,
    logged: Option<Instant>,
}

impl Recorder {
    /// A recorder for a stream that begins.
    pub fn new(settings: &Settings, stream: &Stream) -> Self {
        let mut recorder = Self {
            state: State::Idle,
            metadata: None,
            publisher: stream.publisher,
            existing: Existing::Leave,
            trouble: None,
        };
        recorder.start(settings, stream.publish_type);
        recorder
    }

    /// Waits for the first frame of a file, if the publisher is to be recorded.
    fn start(&mut self, settings: &Settings, publish_type: PublishType) {
        if !is_wanted(settings, publish_type) {
            return;
        }
        let append = match settings.start {
            Start::Always => settings.append,
            Start::Asked => publish_type == PublishType::Append,
        };
        let below = if settings.limits.size == 0 { u64::MAX } else { settings.limits.size };
        self.existing = if append { Existing::Append { below } } else { Existing::Leave };
        self.state = State::Waiting(Wait::default());
    }

    /// Takes the stream's next frame.
    pub fn frame(
        &mut self,
        settings: &Settings,
        scene: Scene<'_>,
        frame: &Rc<Frame>,
        shared: &mut Shared,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        if frame.is_metadata() {
            self.metadata = Some(Rc::clone(frame));
        }
        if self.publisher != scene.stream.publisher {
            self.publisher = scene.stream.publisher;
            self.change_publisher(settings, scene, shared, &mut events);
        }
        if !settings.selection.wants(frame) {
            return events;
        }
        match &mut self.state {
            State::Idle => {}
            State::Waiting(wait) => {
                if let Some(frames) = wait.next(settings, scene, frame) {
                    self.begin(settings, scene, &frames, shared, &mut events);
                }
            }
            State::Writing(output) if output.ends_before(frame, settings.limits, scene.now) => {
                self.go_over(settings, scene, frame, shared, &mut events);
            }
            State::Writing(output) => {
                if let Err(error) = output.write(frame, scene.now.instant) {
                    self.fail(&error, scene, shared, &mut events);
                }
            }
        }
        events
    }

    /// Another publisher goes on with the stream: in the same file, if it is to be recorded, too.
    fn change_publisher(
        &mut self,
        settings: &Settings,
        scene: Scene<'_>,
        shared: &mut Shared,
        events: &mut Vec<Event>,
    ) {
        let publish_type = scene.stream.publish_type;
        let is_wanted = is_wanted(settings, publish_type);
        match &mut self.state {
            State::Idle => self.start(settings, publish_type),
            State::Writing(output) if is_wanted => output.discontinuity(),
            State::Waiting(_) if is_wanted => {}
            State::Writing(_) | State::Waiting(_) => {
                if let State::Writing(output) = std::mem::replace(&mut self.state, State::Idle) {
                    close(output, scene, shared, events);
                }
            }
        }
    }

    /// Writes what has been gathered for long enough.
    pub fn flush(&mut self, scene: Scene<'_>, shared: &mut Shared) -> Vec<Event> {
        let mut events = Vec::new();
        if let State::Writing(output) = &mut self.state
            && let Err(error) = output.flush_if_due(scene.now.instant)
        {
            self.fail(&error, scene, shared, &mut events);
        }
        events
    }

    /// The stream ends, and what is recorded of it.
    pub fn end(&mut self, settings: &Settings, scene: Scene<'_>, shared: &mut Shared) -> Vec<Event> {
        let mut events = Vec::new();
        if let State::Waiting(wait) = &mut self.state
            && wait.until.is_none()
            && !wait.held.is_empty()
        {
            let frames = std::mem::take(&mut wait.held);
            self.begin(settings, scene, &frames, shared, &mut events);
        }
        if let State::Writing(output) = std::mem::replace(&mut self.state, State::Idle) {
            close(output, scene, shared, &mut events);
        }
        events
    }

    /// When it wants [`Recorder::flush`] to be called.
    pub fn flush_at(&self) -> Option<Instant> {
        match &self.state {
            State::Writing(output) => output.flush_at(),
            State::Idle | State::Waiting(_) => None,
        }
    }

    /// Begins a file with these frames.
    fn begin(
        &mut self,
        settings: &Settings,
        scene: Scene<'_>,
        frames: &[Rc<Frame>],
        shared: &mut Shared,
        events: &mut Vec<Event>,
    ) {
        match self.open(settings, scene, frames, &mut shared.files) {
            Ok(output) => {
                self.state = State::Writing(Box::new(output));
                events.push(Event::Started);
            }
            Err(error) => self.fail(&error, scene, shared, events),
        }
    }

    /// Goes on in another file. If there can be none, the one that is there will do for another while.
    fn go_over(
        &mut self,
        settings: &Settings,
        scene: Scene<'_>,
        frame: &Rc<Frame>,
        shared: &mut Shared,
        events: &mut Vec<Event>,
    ) {
        match self.open(settings, scene, std::slice::from_ref(frame), &mut shared.files) {
            Ok(next) => {
                if let State::Writing(output) =
                    std::mem::replace(&mut self.state, State::Writing(Box::new(next)))
                {
                    close(output, scene, shared, events);
                }
                events.push(Event::Started);
            }
            Err(error) => {
                self.log_error(&error, scene, shared);
                if let State::Writing(output) = &mut self.state
                    && let Err(error) = output.write(frame, scene.now.instant)
                {
                    self.fail(&error, scene, shared, events);
                }
            }
        }
    }

    /// A new file with the stream's headers and these frames in it, written to the disk: there is room for
    /// more than its name.
    fn open(
        &mut self,
        settings: &Settings,
        scene: Scene<'_>,
        frames: &[Rc<Frame>],
        files: &mut OpenFiles,
    ) -> io::Result<Output> {
        let (stream, now) = (scene.stream, scene.now);
        let identity = match settings.recorder.as_str() {
            "" => format!("{}/{}", scene.app, stream.name),
            recorder => format!("{}/{} {recorder}", scene.app, stream.name),
        };
        let names = settings.names(stream.name.as_str(), now.wall);
        let opened = files.open(&names, &identity, self.existing, settings.lock)?;
        let (id, appends) = (opened.id, opened.tail.is_some());
        let metadata = self.metadata.as_deref().map(Frame::amf0);
        let script = Script::new(&identity, metadata, &stream.codec);
        let mut output = Output::new(opened, script, settings.limits, now);
        let wanted = |frame: &&Rc<Frame>| settings.selection.wants(frame);
        for kind in [Kind::Video, Kind::Audio] {
            stream.headers.of(kind).filter(wanted).for_each(|header| output.add_header(header));
        }
        output.begin(frames.iter().filter(wanted));
        if let Err(error) = output.flush(now.instant) {
            files.close(id);
            return Err(error);
        }
        let goes_on = if appends { ", behind what is there" } else { "" };
        log::info!("{}/{} is recorded to {}{goes_on}", scene.app, stream.name, output.path().display());
        self.existing = Existing::Leave;
        self.trouble = None;
        Ok(output)
    }

    /// Gives up the file, if there is one, and tries again soon.
    fn fail(&mut self, error: &io::Error, scene: Scene<'_>, shared: &mut Shared, events: &mut Vec<Event>) {
        let first = match &self.state {
            State::Waiting(wait) => wait.until.is_none(),
            State::Idle | State::Writing(_) => true,
        };
        self.log_error(error, scene, shared);
        let lacks = if error.kind() == io::ErrorKind::StorageFull { Lack::Room } else { Lack::Nothing };
        let wait = Wait { until: Some(scene.now.instant + RETRY), lacks, ..Wait::default() };
        if let State::Writing(output) = std::mem::replace(&mut self.state, State::Waiting(wait)) {
            shared.files.close(output.id());
            events.push(Event::Stopped);
        }
        if first {
            events.push(Event::Failed);
        }
    }

    /// Logs an error when it is new, or has lasted for long; never more than one a second of all recorders.
    fn log_error(&mut self, error: &io::Error, scene: Scene<'_>, shared: &mut Shared) {
        let (now, text) = (scene.now.instant, error.to_string());
        let logged =
            self.trouble.take().filter(|trouble| trouble.text == text).and_then(|trouble| trouble.logged);
        let is_due = logged.is_none_or(|at| now >= at + REPEAT);
        let may = shared.logged.is_none_or(|at| now >= at + Duration::from_secs(1));
        let logs = is_due && may;
        if logs {
            shared.logged = Some(now);
            log::error!("{}/{}: recording fails, and is tried again: {text}", scene.app, scene.stream.name);
        }
        self.trouble = Some(Trouble { text, logged: if logs { Some(now) } else { logged } });
    }
}

/// Whether a publisher is to be recorded.
fn is_wanted(settings: &Settings, publish_type: PublishType) -> bool {
    settings.start == Start::Always || publish_type != PublishType::Live
}

impl Wait {
    /// The frames that a file is to begin with, if it can begin now.
    fn next(&mut self, settings: &Settings, scene: Scene<'_>, frame: &Rc<Frame>) -> Option<Vec<Rc<Frame>>> {
        let now = scene.now.instant;
        if self.until.is_some_and(|until| now < until) {
            return None;
        }
        if self.lacks == Lack::Room && !settings.has_room() {
            self.until = Some(now + RETRY);
            return None;
        }
        let group = scene.stream.gop.frames();
        let is_key = frame.is_video_key();
        if settings.selection.has_picture() && (is_key || !group.is_empty()) {
            let group = if group.is_empty() { std::slice::from_ref(frame) } else { group };
            return Some([self.take_lead(group), group.to_vec()].concat());
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
        let expects = settings.selection.has_picture() && announces_picture(scene.stream);
        (!expects || is_full || is_late).then(|| std::mem::take(&mut self.held))
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

/// Whether a picture is to come, by the stream's headers and metadata.
fn announces_picture(stream: &Stream) -> bool {
    stream.codec.video_codec != Codec::None || stream.codec.width > 0
}

fn close(mut output: Box<Output>, scene: Scene<'_>, shared: &mut Shared, events: &mut Vec<Event>) {
    shared.files.close(output.id());
    match output.close(scene.now.instant) {
        Ok(()) => log::debug!("{} closed: {} ms", output.path().display(), output.duration()),
        Err(error) => log::error!("recording not finished: {error}"),
    }
    events.push(Event::Stopped);
}
