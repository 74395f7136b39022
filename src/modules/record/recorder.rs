//! One recorder on one stream: when a file begins, when the next one does, and what to do when none can be
//! written.

use std::fs::File;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::file::open::{OpenFiles, Opened};
use super::file::script::Script;
use super::file::search::Search;
use super::file::{FileState, Finished, IntervalEnd, Output};
use super::settings::{Settings, Trigger};
use super::wait::{Beginning, Opening, Wait};
use crate::engine::files::with_path;
use crate::engine::{AppId, Endpoint, Now, PublishType, Recording, Stream, StreamName, quantities};
use crate::media::Frame;

/// The time after which a failed attempt to write is repeated.
const RETRY: Duration = Duration::from_secs(1);
/// The time after which an error that stays the same is logged again.
const REPEAT: Duration = Duration::from_secs(60);
/// Frames, bytes of payload and time that wait for a file to be repaired; with more, the next free name is
/// taken, so nothing is lost. One repair takes a tenth of this time, those of all cameras after a crash longer.
const MAX_PENDING: (usize, usize, Duration) = (2048, 2 << 20, Duration::from_secs(5));

/// An event that the publisher may be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordEvent {
    Started,
    Stopped,
    /// No file can be written; it is tried again.
    Failed,
}

/// A recorder with what it works on: its stream and its settings, at a time.
pub struct RecorderAt<'a> {
    pub recorder: &'a mut Recorder,
    pub settings: &'a Settings,
    pub stream: &'a Stream,
    pub now: Now,
    pub shared: &'a mut SharedState,
    /// Its events so far.
    pub events: Vec<RecordEvent>,
}

/// The state that the recorders of all streams share.
#[derive(Debug, Default)]
pub struct SharedState {
    /// The files that are being written.
    pub files: OpenFiles,
    /// When an error was last logged.
    logged: Option<Instant>,
    /// The turn of the last step of a search.
    stepped: Option<Instant>,
    /// A file has begun or the disk is full: the room on the disk is to be looked at.
    pub needs_room: bool,
    /// Files that another program has removed while they were written.
    pub removed: Vec<File>,
    /// Recordings that are finished and not announced yet.
    pub finished: Vec<Recording>,
}

#[derive(Debug)]
pub struct Recorder {
    /// The name of its `recorder` block; empty for the application's own.
    name: String,
    /// The label, application and name of its stream.
    label: Rc<str>,
    app: AppId,
    stream: StreamName,
    state: State,
    /// The publisher's last `onMetaData`.
    metadata: Option<Rc<Frame>>,
    publisher: Option<Endpoint>,
    /// The next file may be one that is there; the first one only.
    appends: bool,
    retry: Retry,
    last_error: Option<LastError>,
}

#[derive(Debug)]
enum State {
    /// It has not been started.
    Idle,
    /// Waiting for a frame that a file can begin with.
    Waiting(Wait),
    /// Searching for a file to append to, and repairing it.
    Searching(Box<Searching>),
    Writing(Box<Output>),
    /// The file has reached its limit, and the next one begins when the interval ends.
    Full(IntervalEnd),
}

#[derive(Debug)]
struct Searching {
    search: Search,
    /// The first frames of the file; those that come meanwhile are added.
    opening: Opening,
    since: Instant,
    /// Frames and bytes that have been added.
    pending: (usize, usize),
}

/// The next attempt to begin a file, after one has failed.
#[derive(Debug, Default)]
struct Retry {
    /// Not before; none if nothing has failed.
    at: Option<Instant>,
    when: RetryWhen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum RetryWhen {
    /// As soon as the time has come.
    #[default]
    Due,
    /// Once the disk has room.
    HasRoom,
}

/// An error that may last.
#[derive(Debug)]
struct LastError {
    kind: io::ErrorKind,
    text: String,
    logged: Option<Instant>,
}

impl SharedState {
    /// Allows one step of all searches together in each turn.
    pub fn allows_step(&mut self, now: Instant) -> bool {
        self.stepped.replace(now) != Some(now)
    }
}

impl Recorder {
    /// A recorder for a stream that begins.
    pub fn new(settings: &Settings, stream: &Stream) -> Self {
        let mut recorder = Self {
            name: settings.recorder.clone(),
            label: Rc::clone(&stream.label),
            app: stream.app,
            stream: stream.name.clone(),
            state: State::Idle,
            metadata: None,
            publisher: stream.publisher,
            appends: false,
            retry: Retry::default(),
            last_error: None,
        };
        recorder.start(settings, stream.publish_type);
        recorder
    }

    /// Waits for the first frame of a file, if the publisher is to be recorded.
    fn start(&mut self, settings: &Settings, publish_type: PublishType) {
        if !is_wanted(settings, publish_type) {
            return;
        }
        self.appends = match settings.trigger {
            Trigger::Always => settings.append,
            Trigger::Requested => publish_type == PublishType::Append,
        };
        self.retry = Retry::default();
        self.state = State::Waiting(Wait::default());
    }

    /// Closes what is open of a stream that is gone.
    pub fn abandon(&mut self, shared: &mut SharedState) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle | State::Waiting(_) | State::Full(_) => {}
            State::Searching(mut searching) => {
                searching.search.abandon(&mut shared.files, "the stream is gone");
            }
            State::Writing(output) => self.finish(*output, shared, log::Level::Error),
        }
    }

    /// Closes a file. Logs what has been recorded, and leaves it to be announced; at `level` if its head cannot be
    /// written.
    fn finish(&self, output: Output, shared: &mut SharedState, level: log::Level) {
        shared.files.close(output.id());
        match output.close() {
            Ok(Some(Finished { path, length, size })) => {
                let (duration, bytes) = (quantities::duration(length), quantities::size(size));
                log::info!(
                    "{}: the recording {} is finished: {duration}, {bytes}",
                    self.label,
                    path.display()
                );
                let (app, stream, recorder) = (self.app, self.stream.clone(), self.name.clone());
                shared.finished.push(Recording { app, stream, recorder, path, length, size });
            }
            Ok(None) => {}
            Err(error) => log::log!(level, "{}: recording not finished: {error}", self.label),
        }
    }

    /// When [`RecorderAt::flush`] is due.
    pub fn flush_at(&self) -> Option<Instant> {
        match &self.state {
            State::Writing(output) => output.flush_at(),
            State::Idle | State::Waiting(_) | State::Searching(_) | State::Full(_) => None,
        }
    }

    pub fn is_searching(&self) -> bool {
        matches!(self.state, State::Searching(_))
    }

    /// True if it waits for the first frame that is appended to a file.
    pub fn waits_to_append(&self) -> bool {
        self.appends && matches!(self.state, State::Waiting(_) | State::Searching(_))
    }
}

impl RecorderAt<'_> {
    /// Takes the stream's next frame.
    pub fn frame(&mut self, frame: &Rc<Frame>) {
        if frame.is_metadata() {
            self.recorder.metadata = Some(Rc::clone(frame));
        }
        if self.recorder.publisher != self.stream.publisher {
            self.recorder.publisher = self.stream.publisher;
            self.change_publisher();
        }
        let (settings, now) = (self.settings, self.now);
        self.look();
        self.keep_to_interval(frame);
        if !settings.selection.wants(frame) {
            return;
        }
        match &mut self.recorder.state {
            State::Idle | State::Full(_) => {}
            State::Waiting(_) if !self.recorder.retry.is_due(settings, now.instant) => self.log_last_error(),
            State::Waiting(wait) => {
                if let Some(opening) = wait.next(settings, self.stream, frame, now.instant) {
                    self.begin(opening);
                }
            }
            State::Searching(searching) => {
                if !searching.add(frame, now.instant) {
                    self.stop_searching("it takes too long to repair it");
                }
            }
            State::Writing(output) if output.ends_before(frame, settings.limits, now) => {
                self.rotate(frame);
            }
            State::Writing(_) => self.write(frame),
        }
    }

    /// Ends a file that has reached a limit within its interval, and waits for the next one once the interval is over.
    fn keep_to_interval(&mut self, frame: &Frame) {
        match &self.recorder.state {
            State::Writing(output)
                if self.settings.selection.wants(frame) && output.is_full(frame, self.settings.limits) =>
            {
                let Some(end) = output.interval_end() else { return };
                self.close();
                self.recorder.state = State::Full(end);
            }
            State::Full(end) if end.is_past(self.now, frame.timestamp) => {
                self.recorder.state = State::Waiting(Wait::new(Beginning::KeyFrame));
            }
            _ => {}
        }
    }

    /// Another publisher continues the stream: in the same file, if it is to be recorded, too.
    fn change_publisher(&mut self) {
        let publish_type = self.stream.publish_type;
        self.stop_searching("another publisher came before it was repaired");
        if !is_wanted(self.settings, publish_type) {
            return self.close();
        }
        match &mut self.recorder.state {
            State::Idle => self.recorder.start(self.settings, publish_type),
            State::Writing(output) => output.discontinuity(),
            State::Waiting(_) | State::Searching(_) | State::Full(_) => {}
        }
    }

    /// Looks for the file at its path. What is written to a removed or truncated file is lost, so another begins at
    /// once, with the cached group; a moved one is written up to the next key frame, so nothing is lost.
    fn look(&mut self) {
        let State::Writing(output) = &mut self.recorder.state else { return };
        let Some(state) = output.look(self.now.instant) else { return };
        let path = output.path().display();
        let how = match state {
            FileState::Removed => "removed",
            FileState::Truncated => "truncated by another program",
            FileState::Kept | FileState::Moved | FileState::Unknown => {
                let then = "the next key frame begins another file";
                return log::info!("{}: {path} has been moved away; {then}", self.stream.label);
            }
        };
        log::warn!(
            "{}: {path} has been {how} while it was recorded; another file is begun",
            self.stream.label
        );
        if let State::Writing(output) =
            std::mem::replace(&mut self.recorder.state, State::Waiting(Wait::default()))
        {
            self.shared.files.close(output.id());
            self.shared.removed.push(output.into_lost());
            self.events.push(RecordEvent::Stopped);
        }
    }

    /// Writes what has been gathered for long enough.
    pub fn flush(&mut self) {
        if let State::Writing(output) = &mut self.recorder.state
            && let Err(error) = output.flush_if_due(self.now.instant)
        {
            self.fail(&error, Beginning::CachedGroup);
        }
    }

    /// Takes the search for a file one step further, if there is one. Returns whether there was.
    pub fn step(&mut self) -> bool {
        let State::Searching(searching) = &mut self.recorder.state else { return false };
        match searching.search.step(&mut self.shared.files) {
            Ok(None) => {}
            Ok(Some(opened)) => self.end_search(opened),
            Err(error) => self.fail(&error, Beginning::CachedGroup),
        }
        true
    }

    /// Records to the file that a search has found or made.
    fn end_search(&mut self, opened: Opened) {
        let Some(searching) = self.take_searching() else { return };
        if opened.tail.is_none() {
            return self.write_to(opened, &searching.opening);
        }
        match self.output(opened, &searching.opening) {
            Ok(output) => self.started(output),
            Err(error) => {
                log::warn!("{}: not appended to: {error}", self.stream.label);
                self.create(&searching);
            }
        }
    }

    /// The stream ends: writes what is held, and closes the file.
    pub fn end(&mut self) {
        if let State::Waiting(wait) = &mut self.recorder.state
            && self.recorder.retry.at.is_none()
            && let Some(opening) = wait.take_held(self.stream)
        {
            self.begin(opening);
        }
        self.stop_searching("the stream ended before it was repaired");
        self.close();
    }

    /// Begins a file, a new one or one that is there.
    fn begin(&mut self, opening: Opening) {
        let settings = self.settings;
        let names = settings.names(self.stream.name.as_str(), self.now.wall);
        if !self.recorder.appends {
            return match self.shared.files.create(&names, settings.lock) {
                Ok(opened) => self.write_to(opened, &opening),
                Err(error) => self.fail(&error, Beginning::CachedGroup),
            };
        }
        let level = if self.recorder.last_error.is_some() { log::Level::Debug } else { log::Level::Warn };
        let search = Search::new(names, settings, self.stream.label.to_string(), level);
        let since = self.now.instant;
        self.recorder.state =
            State::Searching(Box::new(Searching { search, opening, since, pending: (0, 0) }));
        self.step();
        if self.recorder.is_searching() && self.shared.allows_step(since) {
            self.step();
        }
    }

    /// Stops the search for a file to append to, if there is one: a new file gets the frames that wait.
    fn stop_searching(&mut self, why: &str) {
        let Some(mut searching) = self.take_searching() else { return };
        searching.search.abandon(&mut self.shared.files, why);
        self.create(&searching);
    }

    /// Records the frames that wait for a search to a new file.
    fn create(&mut self, searching: &Searching) {
        match self.shared.files.create(searching.search.names(), self.settings.lock) {
            Ok(opened) => self.write_to(opened, &searching.opening),
            Err(error) => self.fail(&error, Beginning::CachedGroup),
        }
    }

    fn take_searching(&mut self) -> Option<Box<Searching>> {
        if !self.recorder.is_searching() {
            return None;
        }
        match std::mem::replace(&mut self.recorder.state, State::Waiting(Wait::default())) {
            State::Searching(searching) => Some(searching),
            State::Idle | State::Waiting(_) | State::Writing(_) | State::Full(_) => None,
        }
    }

    /// Records to an open file.
    fn write_to(&mut self, opened: Opened, opening: &Opening) {
        match self.output(opened, opening) {
            Ok(output) => self.started(output),
            // The next attempt is made with less, or what limits the size of a file would end every one.
            Err(error) => self.fail(&error, Beginning::KeyFrame),
        }
    }

    fn started(&mut self, output: Output) {
        self.recorder.state = State::Writing(Box::new(output));
        self.events.push(RecordEvent::Started);
    }

    /// The recording in an open file, with its first frames in it and written to the disk: there is room
    /// for more than its name.
    fn output(&mut self, opened: Opened, opening: &Opening) -> io::Result<Output> {
        let (settings, now) = (self.settings, self.now);
        let goes_on = if opened.tail.is_some() { ", behind what is there" } else { "" };
        let metadata = self.recorder.metadata.as_deref().map(Frame::amf0);
        let script = Script::new(&settings.identity(&self.stream.label), metadata, &self.stream.facts);
        let mut output = Output::new(opened, script, settings.limits, now);
        let wanted = |frame: &&Rc<Frame>| settings.selection.wants(frame);
        opening.headers.iter().filter(wanted).for_each(|header| output.add_header(header));
        output.begin(opening.frames.iter().filter(wanted));
        // A file that is there may be removed while it is repaired.
        let removed =
            || Err(with_path(output.path(), &io::Error::new(io::ErrorKind::NotFound, "it has been removed")));
        let begun = if output.is_removed() { removed() } else { output.flush(now.instant) };
        if let Err(error) = begun {
            // Nothing has been recorded, so no recording is finished, whatever the file had before.
            self.shared.files.close(output.id());
            output.close().inspect_err(|error| log::debug!("{}: {error}", self.stream.label)).ok();
            return Err(error);
        }
        log::info!("{} is recorded to {}{goes_on}", self.stream.label, output.path().display());
        self.recorder.appends = false;
        self.recorder.retry = Retry::default();
        self.recorder.last_error = None;
        self.shared.needs_room = true;
        Ok(output)
    }

    /// Begins the next file. If that fails, the present one is written for another while.
    fn rotate(&mut self, frame: &Rc<Frame>) {
        if !self.recorder.retry.is_due(self.settings, self.now.instant) {
            return self.write(frame);
        }
        let names = self.settings.names(self.stream.name.as_str(), self.now.wall);
        let opening = Opening::now(self.stream, vec![Rc::clone(frame)]);
        let opened = self.shared.files.create(&names, self.settings.lock);
        match opened.and_then(|opened| self.output(opened, &opening)) {
            Ok(next) => {
                self.close();
                self.recorder.state = State::Writing(Box::new(next));
                self.events.push(RecordEvent::Started);
            }
            Err(error) => {
                self.log_error(&error);
                self.recorder.retry = Retry::after(&error, self.now.instant);
                self.write(frame);
            }
        }
    }

    fn write(&mut self, frame: &Frame) {
        if let State::Writing(output) = &mut self.recorder.state
            && let Err(error) = output.write(frame, self.now.instant)
        {
            self.fail(&error, Beginning::CachedGroup);
        }
    }

    /// Finishes the file, if there is one.
    fn close(&mut self) {
        if let State::Writing(output) = std::mem::replace(&mut self.recorder.state, State::Idle) {
            self.recorder.finish(*output, self.shared, log::Level::Error);
            self.events.push(RecordEvent::Stopped);
        }
    }

    /// Closes the file, if there is one, after an error; another attempt follows.
    fn fail(&mut self, error: &io::Error, from: Beginning) {
        self.log_error(error);
        let mut is_first = self.recorder.retry.at.is_none();
        if let State::Writing(output) =
            std::mem::replace(&mut self.recorder.state, State::Waiting(Wait::new(from)))
        {
            self.recorder.finish(*output, self.shared, log::Level::Debug);
            self.events.push(RecordEvent::Stopped);
            is_first = true;
        }
        self.recorder.retry = Retry::after(error, self.now.instant);
        if is_first {
            self.events.push(RecordEvent::Failed);
        }
    }

    /// Keeps an error, and logs it as [`RecorderAt::log_last_error`] may.
    fn log_error(&mut self, error: &io::Error) {
        self.shared.needs_room |= error.kind() == io::ErrorKind::StorageFull;
        let (kind, text) = (error.kind(), error.to_string());
        // The path in the text may have the time, and so be another at each attempt.
        let same = self.recorder.last_error.take().filter(|last| last.kind == kind);
        self.recorder.last_error = Some(LastError { kind, text, logged: same.and_then(|last| last.logged) });
        self.log_last_error();
    }

    /// Logs the error that lasts, if it has not been logged yet or not for long; never more than one a second of all
    /// recorders, so the others come later.
    fn log_last_error(&mut self) {
        let now = self.now.instant;
        let Some(last) = &mut self.recorder.last_error else { return };
        let is_due = last.logged.is_none_or(|at| now >= at + REPEAT);
        if is_due && self.shared.logged.is_none_or(|at| now >= at + Duration::from_secs(1)) {
            (last.logged, self.shared.logged) = (Some(now), Some(now));
            log::error!("{}: recording fails, and is tried again: {}", self.stream.label, last.text);
        }
    }
}

/// True if a publisher is to be recorded.
fn is_wanted(settings: &Settings, publish_type: PublishType) -> bool {
    settings.trigger == Trigger::Always || publish_type != PublishType::Live
}

impl Retry {
    fn after(error: &io::Error, now: Instant) -> Self {
        let is_full = error.kind() == io::ErrorKind::StorageFull;
        let when = if is_full { RetryWhen::HasRoom } else { RetryWhen::Due };
        Self { at: Some(now + RETRY), when }
    }

    /// True if another attempt is worth while; if not, that is looked at again later.
    fn is_due(&mut self, settings: &Settings, now: Instant) -> bool {
        if self.at.is_some_and(|at| now < at) {
            return false;
        }
        if self.when == RetryWhen::HasRoom && !settings.has_room() {
            self.at = Some(now + RETRY);
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
