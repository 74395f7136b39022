//! One recorder on one stream: when a file begins, when the next one does, and what to do when none can be
//! written.
//!
//! The file work is done by jobs. A recorder goes on as if each succeeds, and hears of it if one does not: see
//! `outcomes`.

mod begin;
mod drops;
mod held;
mod operator;
mod outcomes;
mod retry;
mod status;

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::disk::FileKey;
use super::disk::jobs::DiskJobs;
use super::file::names::Names;
use super::file::script::Script;
use super::output::{IntervalEnd, Output};
use super::settings::{Settings, Trigger};
use super::wait::{Beginning, Wait};
use crate::engine::{AppId, Endpoint, Now, PublishType, RecordResult, Stream, StreamName};
use crate::media::{Frame, Kind, Meter};
use drops::DropLog;
use held::HeldFrames;
use retry::{Attempt, LastError, Retry};

/// An event that the publisher may be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordEvent {
    Started,
    Stopped,
    /// No file can be written; it is tried again.
    Failed,
}

/// A recorder with what it works on, at a time.
pub struct RecorderAt<'a> {
    pub recorder: &'a mut Recorder,
    pub settings: &'a Settings,
    pub now: Now,
    pub shared: &'a mut SharedState,
    pub disk: DiskJobs<'a>,
    /// Its events so far.
    pub events: Vec<RecordEvent>,
}

/// The state that the recorders of all streams share.
#[derive(Debug, Default)]
pub struct SharedState {
    last_key: FileKey,
    /// When an error was last logged.
    logged: Option<Instant>,
    /// A file has begun or the disk is full: the room on the disk is to be looked at.
    pub needs_room: bool,
    /// Files that have begun, and why others have not, each with the name of the recorder.
    pub began: Vec<(String, RecordResult)>,
    /// Recordings that have begun to fail and are not counted yet.
    pub failures: u64,
    /// Files that another program has removed or truncated while they were written.
    pub lost: Vec<FileKey>,
    /// Bytes that recorders have gathered while too much waits to be written.
    held: Meter,
    /// The recordings that are being closed.
    pub closing: HashMap<FileKey, Closing>,
}

/// A recording whose file is being closed.
#[derive(Debug)]
pub struct Closing {
    /// The label, application and name of its stream. An application that is gone is told nothing.
    pub label: Rc<str>,
    pub app: Option<AppId>,
    pub stream: StreamName,
    pub recorder: String,
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
    /// What an operator has said last.
    said: Option<Said>,
    /// The names of the next file, if they are known before it begins.
    names: Option<Names>,
    /// The next file may be one that is there; the first one only.
    appends: bool,
    retry: Retry,
    last_error: Option<LastError>,
    drops: DropLog,
    /// The stream has ended; it is still searched for the file that the last frames are for.
    has_ended: bool,
}

/// What an operator has said last about a recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Start,
    Stop,
}

#[derive(Debug)]
enum State {
    /// It has not been started.
    Idle,
    /// Waiting for a frame that a file can begin with.
    Waiting(Wait),
    /// Searching for a file to append to, and repairing it.
    Searching(Box<Searching>),
    Writing(Box<Writing>),
    /// The file has reached its limit, and the next one begins when the interval ends.
    Full(IntervalEnd),
}

/// What a recording begins with.
#[derive(Debug)]
struct Start {
    key: FileKey,
    names: Names,
    script: Script,
    /// The codec headers that the first frames were made with.
    headers: Vec<Rc<Frame>>,
    /// The first frames of the file, and those that have come since.
    held: HeldFrames,
}

#[derive(Debug)]
struct Searching {
    start: Start,
    /// The steps that have been taken.
    steps: u32,
}

#[derive(Debug)]
struct Writing {
    output: Output,
    next: Option<Next>,
}

/// The next file, which is not there yet. If it cannot be made, the present one gets the frames.
#[derive(Debug)]
struct Next {
    output: Output,
    held: HeldFrames,
}

impl SharedState {
    fn new_key(&mut self) -> FileKey {
        self.last_key.0 += 1;
        self.last_key
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
            said: None,
            names: None,
            appends: false,
            retry: Retry::default(),
            last_error: None,
            drops: DropLog::default(),
            has_ended: false,
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

    /// When [`RecorderAt::flush`] is due.
    pub fn flush_at(&self) -> Option<Instant> {
        let State::Writing(writing) = &self.state else { return None };
        let next = writing.next.as_ref().and_then(|next| next.output.flush_at());
        [writing.output.flush_at(), next].into_iter().flatten().min()
    }

    pub fn is_searching(&self) -> bool {
        matches!(self.state, State::Searching(_))
    }

    /// True if it waits for the first frame that is appended to a file.
    pub fn waits_to_append(&self) -> bool {
        self.appends && matches!(self.state, State::Waiting(_) | State::Searching(_))
    }

    /// True if the outcome of a job for this file is the recorder's.
    pub fn owns(&self, key: FileKey) -> bool {
        self.retry.awaits(key)
            || match &self.state {
                State::Searching(searching) => searching.start.key == key,
                State::Writing(writing) => writing.output.key() == key || writing.is_next(key),
                State::Idle | State::Waiting(_) | State::Full(_) => false,
            }
    }
}

impl Searching {
    /// True if a file is being repaired that a crash has left. Any other takes two steps at most.
    fn is_long(&self) -> bool {
        self.steps >= 2
    }
}

impl Writing {
    /// The recording that the next frame is for.
    fn current(&self) -> &Output {
        self.next.as_ref().map_or(&self.output, |next| &next.output)
    }

    fn current_mut(&mut self) -> &mut Output {
        self.next.as_mut().map_or(&mut self.output, |next| &mut next.output)
    }

    fn is_next(&self, key: FileKey) -> bool {
        self.next.as_ref().is_some_and(|next| next.output.key() == key)
    }
}

impl RecorderAt<'_> {
    /// Takes the stream's next frame.
    pub fn frame(&mut self, stream: &Stream, frame: &Rc<Frame>) {
        if frame.is_metadata() {
            self.recorder.metadata = Some(Rc::clone(frame));
        }
        self.note_publisher(stream);
        let (settings, now) = (self.settings, self.now.instant);
        self.look();
        self.keep_to_interval(frame);
        if !settings.selection.wants(frame) {
            return;
        }
        if matches!(self.recorder.state, State::Waiting(_)) && !self.may_begin() {
            return self.log_last_error();
        }
        match &mut self.recorder.state {
            State::Idle | State::Full(_) => {}
            State::Waiting(wait) => {
                if let Some(opening) = wait.next(settings, stream, frame, now) {
                    self.begin(stream, opening);
                }
            }
            State::Searching(searching) => {
                if !searching.start.held.add(frame, now) {
                    self.stop_searching("it takes too long to repair it");
                }
            }
            State::Writing(writing) if writing.current().ends_before(frame, settings.limits, self.now) => {
                self.rotate(stream, frame);
            }
            State::Writing(_) => self.write(stream, frame),
        }
    }

    /// Ends a file that has reached a limit within its interval, and waits for the next one once the interval is over.
    fn keep_to_interval(&mut self, frame: &Frame) {
        match &self.recorder.state {
            State::Writing(writing)
                if self.settings.selection.wants(frame)
                    && writing.current().is_full(frame, self.settings.limits) =>
            {
                let Some(end) = writing.current().interval_end() else { return };
                self.close();
                self.recorder.state = State::Full(end);
            }
            State::Full(end) if end.is_past(self.now, frame.timestamp) => {
                self.recorder.state = State::Waiting(Wait::new(Beginning::KeyFrame));
            }
            _ => {}
        }
    }

    /// Looks whether another publisher has come since the last frame.
    fn note_publisher(&mut self, stream: &Stream) {
        if stream.publisher.is_some() && self.recorder.publisher != stream.publisher {
            self.recorder.publisher = stream.publisher;
            self.change_publisher(stream);
        }
    }

    /// Another publisher continues the stream: in the same file, if it is to be recorded, too.
    fn change_publisher(&mut self, stream: &Stream) {
        self.stop_searching("another publisher came before it was repaired");
        self.recorder.forget_stop();
        if self.recorder.said.is_none() && !is_wanted(self.settings, stream.publish_type) {
            return self.close();
        }
        match &mut self.recorder.state {
            State::Idle => self.recorder.start(self.settings, stream.publish_type),
            State::Writing(writing) => {
                writing.output.discontinuity();
                writing.current_mut().discontinuity();
            }
            State::Waiting(_) | State::Searching(_) | State::Full(_) => {}
        }
    }

    /// Has the file looked for at its path, if no piece is written meanwhile.
    fn look(&mut self) {
        let now = self.now.instant;
        if let State::Writing(writing) = &mut self.recorder.state
            && writing.output.wants_look(now)
            && self.disk.has_room(writing.output.gathered())
        {
            let piece = writing.output.take_piece(now, self.disk.buffer());
            self.disk.write(writing.output.key(), piece);
        }
    }

    /// Gives away what has been gathered for long enough.
    pub fn flush(&mut self) {
        let now = self.now.instant;
        let State::Writing(writing) = &mut self.recorder.state else { return };
        let Writing { output, next } = &mut **writing;
        for output in [Some(output), next.as_mut().map(|next| &mut next.output)].into_iter().flatten() {
            if output.is_due(now) {
                give_away(output, &mut self.disk, now, &self.shared.held);
            }
        }
    }

    /// The stream ends: writes what is held, and closes the file. If it is still being searched for, that is done once it
    /// is found.
    pub fn end(&mut self, stream: &Stream) {
        if let State::Waiting(wait) = &mut self.recorder.state
            && !self.recorder.retry.has_failed()
            && let Some(opening) = wait.take_held(stream)
        {
            self.begin(stream, opening);
        }
        self.answer_starts(NOT_BEGUN);
        self.recorder.has_ended = true;
        if let State::Searching(searching) = &self.recorder.state
            && searching.is_long()
        {
            self.stop_searching(ENDED);
        }
        self.close();
    }

    /// Closes what is open of a stream that is gone.
    pub fn abandon(&mut self) {
        if let Some(searching) = self.take_searching() {
            self.disk.abandon_search(searching.start.key, "the stream is gone");
        }
        self.close();
        self.recorder.state = State::Idle;
    }

    /// Records to the next file from now on, if there is one, and closes the present one.
    fn take_next(&mut self) {
        let State::Writing(writing) = &mut self.recorder.state else { return };
        if let Some(Next { output, .. }) = writing.next.take() {
            let ended = std::mem::replace(&mut writing.output, output);
            self.finish(ended, log::Level::Error);
        }
    }

    fn write(&mut self, stream: &Stream, frame: &Rc<Frame>) {
        let State::Writing(writing) = &mut self.recorder.state else { return };
        if writing.current().is_full_of_tags() {
            give_away(writing.current_mut(), &mut self.disk, self.now.instant, &self.shared.held);
        }
        if writing.current_mut().takes_headers() {
            let headers = [Kind::Video, Kind::Audio].into_iter().flat_map(|kind| stream.headers.of(kind));
            let wanted = headers.filter(|header| self.settings.selection.wants(header));
            wanted.for_each(|header| writing.current_mut().repeat_header(header));
        }
        if let Some(next) = &mut writing.next
            && !next.held.add(frame, self.now.instant)
        {
            self.take_next();
        }
        self.add(frame);
    }

    /// Adds a frame to the present file, and gives away what is due.
    fn add(&mut self, frame: &Frame) {
        let now = self.now.instant;
        let State::Writing(writing) = &mut self.recorder.state else { return };
        let output = writing.current_mut();
        if output.write(frame, now) {
            give_away(output, &mut self.disk, now, &self.shared.held);
            self.recorder.drops.log(output, &self.recorder.label, now);
        }
    }

    /// Finishes the file, if there is one. While it is searched for, there is none.
    fn close(&mut self) {
        self.take_next();
        if self.recorder.is_searching() {
            return;
        }
        if let State::Writing(writing) = std::mem::replace(&mut self.recorder.state, State::Idle) {
            self.finish(writing.output, log::Level::Error);
        }
    }

    /// Closes a file. It is logged and announced when that is done; at `level` if its head cannot be written.
    fn finish(&mut self, mut output: Output, level: log::Level) {
        let recorder = &*self.recorder;
        DropLog::default().log_count(&mut output, &recorder.label, self.now.instant);
        let (label, app) = (Rc::clone(&recorder.label), Some(recorder.app));
        let closing =
            Closing { label, app, stream: recorder.stream.clone(), recorder: recorder.name.clone() };
        self.shared.closing.insert(output.key(), closing);
        self.events.extend(output.path().map(|_| RecordEvent::Stopped));
        self.disk.close(output.key(), output.into_ending(), level);
    }

    /// Closes the file, if there is one, after an error; another attempt follows.
    fn fail(&mut self, error: &io::Error, from: Beginning) {
        let mut is_first = !self.recorder.retry.has_failed();
        let failed = std::mem::replace(&mut self.recorder.state, State::Waiting(Wait::new(from)));
        if let State::Writing(writing) = failed {
            let Writing { output, next } = *writing;
            is_first |= output.path().is_some();
            [Some(output), next.map(|next| next.output)]
                .into_iter()
                .flatten()
                .for_each(|output| self.give_up(output));
        }
        self.retry_later(error);
        self.shared.began.push((self.recorder.name.clone(), RecordResult::Failed(error.to_string())));
        if is_first {
            self.shared.failures += 1;
            self.events.push(RecordEvent::Failed);
        }
    }

    /// Closes a file to which nothing more can be written, if there is one.
    fn give_up(&mut self, output: Output) {
        if output.path().is_some() {
            self.finish(output, log::Level::Debug);
        } else {
            self.disk.discard(output.key());
        }
    }

    /// Logs an error, after which another attempt follows.
    fn retry_later(&mut self, error: &io::Error) {
        self.shared.needs_room |= error.kind() == io::ErrorKind::StorageFull;
        self.recorder.retry = Retry::after(error, self.now.instant);
        self.recorder.last_error = Some(LastError::new(error, self.recorder.last_error.take()));
        self.log_last_error();
    }

    fn log_last_error(&mut self) {
        if let Some(last) = &mut self.recorder.last_error {
            last.log(&self.recorder.label, self.now.instant, &mut self.shared.logged);
        }
    }

    /// True if a file may be begun now.
    fn may_begin(&mut self) -> bool {
        match self.recorder.retry.attempt(self.now.instant) {
            Attempt::Now => return true,
            Attempt::Later => {}
            Attempt::WithRoom => {
                let key = self.shared.new_key();
                self.recorder.retry.ask(key);
                self.disk.ask_for_room(key, self.settings.folder().to_owned());
            }
        }
        false
    }
}

/// The reason to give up a repair.
const ENDED: &str = "the stream ended before it was repaired";

/// Why a start by an operator has come to nothing.
const NOT_BEGUN: &str = "the stream ended before the file had begun";

/// Gives gathered tags away. If too much waits to be written, they stay for another while.
fn give_away(output: &mut Output, disk: &mut DiskJobs<'_>, now: Instant, held: &Meter) {
    if disk.has_room(output.gathered()) {
        let piece = output.take_piece(now, disk.buffer());
        disk.write(output.key(), piece);
    } else {
        output.hold(now, held);
    }
}

/// True if a publisher is to be recorded.
fn is_wanted(settings: &Settings, publish_type: PublishType) -> bool {
    settings.trigger == Trigger::Always || publish_type != PublishType::Live
}
