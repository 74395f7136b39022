//! One recorder on one stream: when a file begins, when the next one does, and what to do when none can be
//! written.

use std::fs::File;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::file::open::{OpenFiles, Opened};
use super::file::script::Script;
use super::file::search::Search;
use super::file::{Finished, IntervalEnd, Output, Place};
use super::settings::{Settings, Start};
use super::wait::{Beginning, Opening, Wait};
use crate::engine::files::with_path;
use crate::engine::{Endpoint, Now, PublishType, Stream, quantities};
use crate::media::Frame;

/// How soon it is tried again to write after that has failed.
const RETRY: Duration = Duration::from_secs(1);
/// How often an error is logged that stays the same.
const REPEAT: Duration = Duration::from_secs(60);
/// Frames, bytes of payload and time that wait for a file to be repaired; with more, the next free name is
/// taken, so nothing is lost. One repair takes a tenth of this time, those of all cameras after a crash longer.
const MAX_PENDING: (usize, usize, Duration) = (2048, 2 << 20, Duration::from_secs(5));

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

/// A stream at a time, as one of its recorders sees it.
pub struct Scene<'a> {
    /// The recorder's settings.
    pub settings: &'a Settings,
    /// The stream.
    pub stream: &'a Stream,
    /// The time.
    pub now: Now,
    /// What it shares with the others.
    pub shared: &'a mut Shared,
    /// What has happened to it.
    pub events: Vec<Event>,
}

/// What the recorders of all streams share.
#[derive(Debug, Default)]
pub struct Shared {
    /// The files that are being written.
    pub files: OpenFiles,
    /// When an error was last logged.
    logged: Option<Instant>,
    /// The turn in which a search last went a step further.
    stepped: Option<Instant>,
    /// Whether a file has begun or the disk is full: it is to be looked whether there is room.
    pub needs_room: bool,
    /// Files that somebody has removed while they were written.
    pub removed: Vec<File>,
}

/// A recorder.
#[derive(Debug)]
pub struct Recorder {
    /// The stream as log lines name it.
    label: Rc<str>,
    state: State,
    /// The publisher's last `onMetaData`.
    metadata: Option<Rc<Frame>>,
    publisher: Option<Endpoint>,
    /// Whether the next file may be one that is there; the first one only.
    appends: bool,
    rest: Rest,
    trouble: Option<Trouble>,
}

#[derive(Debug)]
enum State {
    /// Nobody has started it.
    Idle,
    /// For something that a file can begin with.
    Waiting(Wait),
    /// For a file to append to, while it is found and repaired.
    Searching(Box<Searching>),
    Writing(Box<Output>),
    /// The file has reached its limit, and the next one begins when the interval ends.
    Full(IntervalEnd),
}

#[derive(Debug)]
struct Searching {
    search: Search,
    /// What the file is to begin with; what comes meanwhile is added.
    opening: Opening,
    since: Instant,
    /// Frames and bytes that have come meanwhile.
    pending: (usize, usize),
}

/// No file is begun for a while, because the last one could not be.
#[derive(Debug, Default)]
struct Rest {
    until: Option<Instant>,
    lacks: Lack,
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

impl<'a> Scene<'a> {
    /// The stream as log lines and the heads of files name it, "live/cam": the name is one word.
    fn label(&self) -> &'a str {
        &self.stream.label
    }
}

impl Shared {
    /// Allows one step of all searches together in each turn.
    pub fn allows_step(&mut self, now: Instant) -> bool {
        self.stepped.replace(now) != Some(now)
    }
}

impl Recorder {
    /// A recorder for a stream that begins.
    pub fn new(settings: &Settings, stream: &Stream) -> Self {
        let mut recorder = Self {
            label: Rc::clone(&stream.label),
            state: State::Idle,
            metadata: None,
            publisher: stream.publisher,
            appends: false,
            rest: Rest::default(),
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
        self.appends = match settings.start {
            Start::Always => settings.append,
            Start::Asked => publish_type == PublishType::Append,
        };
        self.rest = Rest::default();
        self.state = State::Waiting(Wait::default());
    }

    /// Takes the stream's next frame.
    pub fn frame(&mut self, scene: &mut Scene<'_>, frame: &Rc<Frame>) {
        if frame.is_metadata() {
            self.metadata = Some(Rc::clone(frame));
        }
        if self.publisher != scene.stream.publisher {
            self.publisher = scene.stream.publisher;
            self.change_publisher(scene);
        }
        let (settings, now) = (scene.settings, scene.now);
        self.look(scene);
        self.keep_to_interval(scene, frame);
        if !settings.selection.wants(frame) {
            return;
        }
        match &mut self.state {
            State::Idle | State::Full(_) => {}
            State::Waiting(_) if !self.rest.is_over(settings, now.instant) => {}
            State::Waiting(wait) => {
                if let Some(opening) = wait.next(settings, scene.stream, frame, now.instant) {
                    self.begin(scene, opening);
                }
            }
            State::Searching(searching) => {
                if !searching.add(frame, now.instant) {
                    self.stop_searching(scene, "it takes too long to repair it");
                }
            }
            State::Writing(output) if output.ends_before(frame, settings.limits, now) => {
                self.rotate(scene, frame);
            }
            State::Writing(_) => self.write(scene, frame),
        }
    }

    /// Ends a file that has reached a limit within its interval, and waits for the next one once the interval is over.
    fn keep_to_interval(&mut self, scene: &mut Scene<'_>, frame: &Frame) {
        match &self.state {
            State::Writing(output)
                if scene.settings.selection.wants(frame) && output.is_full(frame, scene.settings.limits) =>
            {
                let Some(end) = output.interval_end() else { return };
                self.close(scene);
                self.state = State::Full(end);
            }
            State::Full(end) if end.is_past(scene.now, frame.timestamp) => {
                self.state = State::Waiting(Wait::new(Beginning::KeyFrame));
            }
            _ => {}
        }
    }

    /// Another publisher goes on with the stream: in the same file, if it is to be recorded, too.
    fn change_publisher(&mut self, scene: &mut Scene<'_>) {
        let publish_type = scene.stream.publish_type;
        self.stop_searching(scene, "another publisher came before it was repaired");
        if !is_wanted(scene.settings, publish_type) {
            return self.close(scene);
        }
        match &mut self.state {
            State::Idle => self.start(scene.settings, publish_type),
            State::Writing(output) => output.discontinuity(),
            State::Waiting(_) | State::Searching(_) | State::Full(_) => {}
        }
    }

    /// Looks whether the file is where it was, as it was. What is written to a removed or truncated file is lost, so
    /// another begins at once, with the cached group; a moved one goes on up to the next key frame, so nothing is.
    fn look(&mut self, scene: &mut Scene<'_>) {
        let State::Writing(output) = &mut self.state else { return };
        let Some(place) = output.look(scene.now.instant) else { return };
        let path = output.path().display();
        let how = match place {
            Place::Removed => "removed",
            Place::Truncated => "truncated by another program",
            Place::Kept | Place::Moved | Place::Unknown => {
                let then = "the next key frame begins another file";
                return log::info!("{}: {path} has been moved away; {then}", scene.label());
            }
        };
        log::warn!("{}: {path} has been {how} while it was recorded; another file is begun", scene.label());
        if let State::Writing(output) = std::mem::replace(&mut self.state, State::Waiting(Wait::default())) {
            scene.shared.files.close(output.id());
            scene.shared.removed.push(output.into_lost());
            scene.events.push(Event::Stopped);
        }
    }

    /// Writes what has been gathered for long enough.
    pub fn flush(&mut self, scene: &mut Scene<'_>) {
        if let State::Writing(output) = &mut self.state
            && let Err(error) = output.flush_if_due(scene.now.instant)
        {
            self.fail(scene, &error, Beginning::CachedGroup);
        }
    }

    /// The search for a file goes one step further.
    pub fn step(&mut self, scene: &mut Scene<'_>) {
        let State::Searching(searching) = &mut self.state else { return };
        match searching.search.step(&mut scene.shared.files) {
            Ok(None) => {}
            Ok(Some(opened)) => {
                let Some(searching) = self.take_searching() else { return };
                if opened.tail.is_none() {
                    return self.write_to(scene, opened, &searching.opening);
                }
                match self.output(scene, opened, &searching.opening) {
                    Ok(output) => self.started(scene, output),
                    Err(error) => {
                        log::warn!("{}: not appended to: {error}", scene.label());
                        self.create(scene, &searching);
                    }
                }
            }
            Err(error) => self.fail(scene, &error, Beginning::CachedGroup),
        }
    }

    /// The stream ends, and what is recorded of it.
    pub fn end(&mut self, scene: &mut Scene<'_>) {
        if let State::Waiting(wait) = &mut self.state
            && self.rest.until.is_none()
            && let Some(opening) = wait.take_held(scene.stream)
        {
            self.begin(scene, opening);
        }
        self.stop_searching(scene, "the stream ended before it was repaired");
        self.close(scene);
    }

    /// Closes what is open of a stream that is gone.
    pub fn abandon(&mut self, shared: &mut Shared) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle | State::Waiting(_) | State::Full(_) => {}
            State::Searching(mut searching) => {
                searching.search.give_up(&mut shared.files, "the stream is gone");
            }
            State::Writing(output) => finish(*output, &self.label, shared, log::Level::Error),
        }
    }

    /// When it wants [`Recorder::flush`] to be called.
    pub fn flush_at(&self) -> Option<Instant> {
        match &self.state {
            State::Writing(output) => output.flush_at(),
            State::Idle | State::Waiting(_) | State::Searching(_) | State::Full(_) => None,
        }
    }

    /// Whether it wants [`Recorder::step`] to be called.
    pub fn is_searching(&self) -> bool {
        matches!(self.state, State::Searching(_))
    }

    /// Whether it waits for what a file that is there goes on with.
    pub fn waits_to_append(&self) -> bool {
        self.appends && matches!(self.state, State::Waiting(_) | State::Searching(_))
    }

    /// Begins a file, a new one or one that is there.
    fn begin(&mut self, scene: &mut Scene<'_>, opening: Opening) {
        let settings = scene.settings;
        let names = settings.names(scene.stream.name.as_str(), scene.now.wall);
        if !self.appends {
            return match scene.shared.files.create(&names, settings.lock) {
                Ok(opened) => self.write_to(scene, opened, &opening),
                Err(error) => self.fail(scene, &error, Beginning::CachedGroup),
            };
        }
        let level = if self.trouble.is_some() { log::Level::Debug } else { log::Level::Warn };
        let search = Search::new(names, settings, scene.label().to_owned(), level);
        let since = scene.now.instant;
        self.state = State::Searching(Box::new(Searching { search, opening, since, pending: (0, 0) }));
        self.step(scene);
        if self.is_searching() && scene.shared.allows_step(since) {
            self.step(scene);
        }
    }

    /// Gives up the search for a file to append to, if there is one: a new file gets what waits.
    fn stop_searching(&mut self, scene: &mut Scene<'_>, why: &str) {
        let Some(mut searching) = self.take_searching() else { return };
        searching.search.give_up(&mut scene.shared.files, why);
        self.create(scene, &searching);
    }

    /// Records what waits for the end of a search to a new file.
    fn create(&mut self, scene: &mut Scene<'_>, searching: &Searching) {
        match scene.shared.files.create(searching.search.names(), scene.settings.lock) {
            Ok(opened) => self.write_to(scene, opened, &searching.opening),
            Err(error) => self.fail(scene, &error, Beginning::CachedGroup),
        }
    }

    fn take_searching(&mut self) -> Option<Box<Searching>> {
        if !self.is_searching() {
            return None;
        }
        match std::mem::replace(&mut self.state, State::Waiting(Wait::default())) {
            State::Searching(searching) => Some(searching),
            State::Idle | State::Waiting(_) | State::Writing(_) | State::Full(_) => None,
        }
    }

    /// Records to an open file.
    fn write_to(&mut self, scene: &mut Scene<'_>, opened: Opened, opening: &Opening) {
        match self.output(scene, opened, opening) {
            Ok(output) => self.started(scene, output),
            // The next attempt is made with less, or what limits the size of a file would end every one.
            Err(error) => self.fail(scene, &error, Beginning::KeyFrame),
        }
    }

    fn started(&mut self, scene: &mut Scene<'_>, output: Output) {
        self.state = State::Writing(Box::new(output));
        scene.events.push(Event::Started);
    }

    /// The recording in an open file, with its first frames in it and written to the disk: there is room
    /// for more than its name.
    fn output(&mut self, scene: &mut Scene<'_>, opened: Opened, opening: &Opening) -> io::Result<Output> {
        let (settings, now) = (scene.settings, scene.now);
        let goes_on = if opened.tail.is_some() { ", behind what is there" } else { "" };
        let metadata = self.metadata.as_deref().map(Frame::amf0);
        let script = Script::new(&settings.identity(scene.label()), metadata, &scene.stream.codec);
        let mut output = Output::new(opened, script, settings.limits, now);
        let wanted = |frame: &&Rc<Frame>| settings.selection.wants(frame);
        opening.headers.iter().filter(wanted).for_each(|header| output.add_header(header));
        output.begin(opening.frames.iter().filter(wanted));
        // A file that is there may be removed while it is repaired.
        let removed =
            || Err(with_path(output.path(), &io::Error::new(io::ErrorKind::NotFound, "it has been removed")));
        let begun = if output.is_removed() { removed() } else { output.flush(now.instant) };
        if let Err(error) = begun {
            finish(output, scene.label(), scene.shared, log::Level::Debug);
            return Err(error);
        }
        log::info!("{} is recorded to {}{goes_on}", scene.label(), output.path().display());
        self.appends = false;
        self.rest = Rest::default();
        self.trouble = None;
        scene.shared.needs_room = true;
        Ok(output)
    }

    /// Goes on in another file. If there can be none, the one that is there will do for another while.
    fn rotate(&mut self, scene: &mut Scene<'_>, frame: &Rc<Frame>) {
        if !self.rest.is_over(scene.settings, scene.now.instant) {
            return self.write(scene, frame);
        }
        let names = scene.settings.names(scene.stream.name.as_str(), scene.now.wall);
        let opening = Opening::now(scene.stream, vec![Rc::clone(frame)]);
        let opened = scene.shared.files.create(&names, scene.settings.lock);
        match opened.and_then(|opened| self.output(scene, opened, &opening)) {
            Ok(next) => {
                self.close(scene);
                self.state = State::Writing(Box::new(next));
                scene.events.push(Event::Started);
            }
            Err(error) => {
                self.log_error(scene, &error);
                self.rest = Rest::after(&error, scene.now.instant);
                self.write(scene, frame);
            }
        }
    }

    fn write(&mut self, scene: &mut Scene<'_>, frame: &Frame) {
        if let State::Writing(output) = &mut self.state
            && let Err(error) = output.write(frame, scene.now.instant)
        {
            self.fail(scene, &error, Beginning::CachedGroup);
        }
    }

    /// Finishes the file, if there is one.
    fn close(&mut self, scene: &mut Scene<'_>) {
        if let State::Writing(output) = std::mem::replace(&mut self.state, State::Idle) {
            finish(*output, scene.label(), scene.shared, log::Level::Error);
            scene.events.push(Event::Stopped);
        }
    }

    /// Gives up the file, if there is one, and tries again soon.
    fn fail(&mut self, scene: &mut Scene<'_>, error: &io::Error, from: Beginning) {
        self.log_error(scene, error);
        let mut is_first = self.rest.until.is_none();
        if let State::Writing(output) = std::mem::replace(&mut self.state, State::Waiting(Wait::new(from))) {
            finish(*output, scene.label(), scene.shared, log::Level::Debug);
            scene.events.push(Event::Stopped);
            is_first = true;
        }
        self.rest = Rest::after(error, scene.now.instant);
        if is_first {
            scene.events.push(Event::Failed);
        }
    }

    /// Logs an error when it is new, or has lasted for long; never more than one a second of all recorders.
    fn log_error(&mut self, scene: &mut Scene<'_>, error: &io::Error) {
        scene.shared.needs_room |= error.kind() == io::ErrorKind::StorageFull;
        let (now, text) = (scene.now.instant, error.to_string());
        let logged =
            self.trouble.take().filter(|trouble| trouble.text == text).and_then(|trouble| trouble.logged);
        let is_due = logged.is_none_or(|at| now >= at + REPEAT);
        let may = scene.shared.logged.is_none_or(|at| now >= at + Duration::from_secs(1));
        let logs = is_due && may;
        if logs {
            scene.shared.logged = Some(now);
            log::error!("{}: recording fails, and is tried again: {text}", scene.label());
        }
        self.trouble = Some(Trouble { text, logged: if logs { Some(now) } else { logged } });
    }
}

/// Whether a publisher is to be recorded.
fn is_wanted(settings: &Settings, publish_type: PublishType) -> bool {
    settings.start == Start::Always || publish_type != PublishType::Live
}

impl Rest {
    fn after(error: &io::Error, now: Instant) -> Self {
        let lacks = if error.kind() == io::ErrorKind::StorageFull { Lack::Room } else { Lack::Nothing };
        Self { until: Some(now + RETRY), lacks }
    }

    /// Whether it is worth trying again; if not, that is looked at again in a while.
    fn is_over(&mut self, settings: &Settings, now: Instant) -> bool {
        if self.until.is_some_and(|until| now < until) {
            return false;
        }
        if self.lacks == Lack::Room && !settings.has_room() {
            self.until = Some(now + RETRY);
            return false;
        }
        true
    }
}

impl Searching {
    /// Adds a frame to those that wait; false if there is no room for another.
    fn add(&mut self, frame: &Rc<Frame>, now: Instant) -> bool {
        self.opening.frames.push(Rc::clone(frame));
        let (frames, bytes) = &mut self.pending;
        (*frames, *bytes) = (*frames + 1, *bytes + frame.payload().len());
        let (max_frames, max_bytes, max_time) = MAX_PENDING;
        *frames < max_frames && *bytes < max_bytes && now < self.since + max_time
    }
}

/// Closes a file for good, and tells what has been recorded. If its head cannot be written, that is logged at a level.
fn finish(output: Output, label: &str, shared: &mut Shared, level: log::Level) {
    shared.files.close(output.id());
    match output.close() {
        Ok(Some(Finished { path, length, size })) => {
            let (length, size) = (quantities::duration(length), quantities::size(size));
            log::info!("{label}: the recording {} is finished: {length}, {size}", path.display());
        }
        Ok(None) => {}
        Err(error) => log::log!(level, "{label}: recording not finished: {error}"),
    }
}
