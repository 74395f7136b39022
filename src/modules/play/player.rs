//! A client that plays a file: what it is sent next, and when.
//!
//! It is in one state at a time ([`State`]), and [`FilePlayer::advance`] takes it to the next: a seek first, then pieces
//! as they are due. A piece follows the one before when that has been sent, so a slow client holds one piece.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::engine::{
    Control, Ctx, Endpoint, FileNews, Handle, JobOwner, PieceForm, RecordingState, SessionId, TimerId,
};
use crate::media::Kind;
use crate::media::file::{Demuxer, Ending, FileError, Window};

use super::clock::Clock;
use super::opening::Opened;
use super::reading::{self, End, Order, Progress, Read, Stop};
use super::settings::NAME;
use super::source::PlayedFile;
use super::task::{Done, Task, TaskResult, work};

/// How often a file that is still written is looked at again.
const GROWTH_CHECK: Duration = Duration::from_millis(500);
/// A file that was written so long ago has come to its end.
const GROWTH_TIME: Duration = Duration::from_secs(10);
/// How often a reader goes some steps towards a place: through some gigabytes of a file without an index.
const MAX_TRIES: u32 = 128;
/// When reading is tried again that found all readers busy.
const RETRY: Duration = Duration::from_millis(100);

/// A client that plays a file.
#[derive(Debug)]
pub struct FilePlayer {
    token: u64,
    endpoint: Endpoint,
    form: PieceForm,
    file: PlayedFile,
    /// None while a reader has it.
    demuxer: Option<Demuxer>,
    /// What takes the place of the file at the end of what is wanted of it.
    next: Option<Box<Switch>>,
    progress: Progress,
    /// How much media the client buffers if it does not tell it.
    buffer: Duration,
    /// None until the first message since the beginning or a seek.
    clock: Option<Clock>,
    seek: Option<Seek>,
    is_paused: bool,
    /// It waits for a decision about the file that takes the place of this one.
    pub is_held: bool,
    /// It has been sought while it is paused: one picture is sent.
    shows_picture: bool,
    /// It has been told that there is nothing more for now.
    is_dry: bool,
    /// Its file was recorded, and the recording is finished.
    is_recorded: bool,
    /// It waits for more of its file to come from another server.
    is_starved: bool,
    /// Bytes of media that were sent.
    bytes: u64,
    /// How often another file has taken the place of its file.
    switches: u32,
    state: State,
}

/// A file that takes the place of another one.
#[derive(Debug)]
struct Switch {
    file: PlayedFile,
    demuxer: Demuxer,
    progress: Progress,
}

#[derive(Debug, Clone, Copy)]
struct Seek {
    to: u64,
    /// The client has asked for it, and is told when it is done.
    is_told: bool,
    /// How often a reader has gone some steps towards it.
    tries: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Something may be done now.
    Ready,
    /// A reader reads.
    Reading,
    /// The last piece is being sent.
    Draining,
    /// More is due later.
    Waiting(TimerId),
    /// All has been sent, or the file cannot be read on.
    Ended,
}

impl FilePlayer {
    /// A player at the beginning of what it has asked for.
    pub fn new((token, endpoint): (u64, Endpoint), form: PieceForm, opened: Opened) -> Self {
        let Opened { file, demuxer, wanted, buffer, .. } = opened;
        let end = match wanted.duration {
            Some(duration) if wanted.start > 0 => End::At(wanted.start.saturating_add(duration)),
            Some(duration) => End::After(duration),
            None => End::OfFile,
        };
        let seek = (wanted.start > 0).then_some(Seek { to: wanted.start, is_told: false, tries: 0 });
        Self {
            token,
            endpoint,
            form,
            file,
            demuxer: Some(demuxer),
            next: None,
            progress: Progress { shift: wanted.start, ..Progress::new(end) },
            buffer,
            clock: None,
            seek,
            is_paused: false,
            is_held: false,
            shows_picture: false,
            is_dry: false,
            is_recorded: false,
            is_starved: false,
            bytes: 0,
            switches: 0,
            state: State::Ready,
        }
    }

    /// Goes on with the file before until the key frame at `at`, where this one begins.
    pub fn taking_over(mut self, before: Self, at: u64, now: Instant) -> Self {
        let Self { file, demuxer, progress, clock, is_paused, seek, .. } = before;
        (self.clock, self.is_paused, self.seek) = (clock, is_paused, seek);
        let Progress { audio, video, shift, .. } = progress;
        let own = Progress { audio, video, shift, ..self.progress };
        let is_past = progress.last.is_some_and(|last| last >= at) || seek.is_some();
        match (demuxer, self.demuxer.take()) {
            (Some(old), Some(new)) if !is_past => {
                self.next = Some(Box::new(Switch { file: self.file, demuxer: new, progress: own }));
                self.file = file;
                self.demuxer = Some(old);
                self.progress = Progress { end: End::At(at), ..progress };
            }
            (_, new) => {
                self.demuxer = new;
                self.progress = own;
                self.clock.get_or_insert(Clock::new(now, at));
            }
        }
        self
    }

    /// The session of its client.
    pub fn session(&self) -> SessionId {
        self.endpoint.session
    }

    /// How often another file has taken the place of its file.
    pub fn switches(&self) -> u32 {
        self.switches
    }

    /// The time of the last message that was sent.
    pub fn sent_to(&self) -> u64 {
        self.progress.last.unwrap_or_default()
    }

    /// Applies the client's command, and answers it where that can be done at once.
    pub fn apply(&mut self, cx: &mut Ctx, control: Control) {
        let now = cx.now.instant;
        self.wake(cx);
        match control {
            Control::Pause => {
                self.is_paused = true;
                self.clock.iter_mut().for_each(|clock| clock.pause(now));
                cx.tell_file_player(self.endpoint, FileNews::Paused);
            }
            Control::Unpause => {
                self.is_paused = false;
                self.clock.iter_mut().for_each(|clock| clock.unpause(now));
                cx.tell_file_player(self.endpoint, FileNews::Unpaused);
            }
            Control::Seek { to } => {
                self.seek = Some(Seek { to, is_told: true, tries: 0 });
                self.shows_picture = self.is_paused;
                if self.state == State::Ended {
                    self.state = State::Ready;
                }
            }
            Control::Receive { kind, wanted } => {
                match kind {
                    Kind::Audio => self.progress.audio = wanted,
                    _ => {
                        self.progress.awaits_key |= wanted && !self.progress.video;
                        self.progress.video = wanted;
                    }
                }
                if wanted {
                    cx.tell_file_player(self.endpoint, FileNews::Received);
                }
            }
        }
    }

    /// Its last piece has been sent.
    pub fn drained(&mut self) {
        if self.state == State::Draining {
            self.state = State::Ready;
        }
    }

    /// Its timer has expired.
    pub fn timer_expired(&mut self) {
        if matches!(self.state, State::Waiting(_)) {
            self.state = State::Ready;
        }
    }

    /// The spool from which it waits for more.
    pub fn awaited_spool(&self) -> Option<u64> {
        self.file.coming.as_ref().filter(|_| self.is_starved).map(|coming| coming.spool)
    }

    /// Cancels its timer, as there is something to be done now.
    pub fn wake(&mut self, cx: &mut Ctx) {
        self.is_starved = false;
        if let State::Waiting(timer) = self.state {
            cx.cancel_timer(timer);
            self.state = State::Ready;
        }
    }

    /// Whether it plays the file at this path.
    pub fn is_of(&self, path: &Path) -> bool {
        self.file.coming.is_none() && *self.file.path == *path
    }

    /// Nothing more is written to its file.
    pub fn finish_file(&mut self, cx: &mut Ctx) {
        self.is_recorded = true;
        self.wake(cx);
    }

    /// Does nothing more.
    pub fn stop(&mut self, cx: &mut Ctx) {
        self.wake(cx);
        self.state = State::Ended;
    }

    /// Ends the play, as the file cannot be read on.
    pub fn fail(&mut self, cx: &mut Ctx, why: &str) {
        log::warn!("{} cannot play {} on: {why}", self.endpoint.session, self.file.path.display());
        self.state = State::Ended;
        cx.tell_file_player(self.endpoint, FileNews::Broken(why));
    }

    /// Does what is next, if anything can be done now. `window` is the loop's, and has nothing of another file.
    pub fn advance(&mut self, cx: &mut Ctx, window: &mut Window) {
        if self.state != State::Ready || self.is_held {
            return;
        }
        if let Some(seek) = self.seek {
            return self.begin_seek(cx, seek.to, window);
        }
        if self.is_paused && !self.shows_picture {
            return;
        }
        let (now, buffer) = (cx.now.instant, cx.buffer_length(self.endpoint, self.buffer));
        let wait = self.clock.zip(self.progress.last).and_then(|(clock, last)| clock.wait(now, buffer, last));
        if let Some(wait) = wait.filter(|_| !self.shows_picture) {
            return self.wait(cx, wait);
        }
        let Some(mut demuxer) = self.demuxer.take() else { return };
        // Without a clock, the first message starts it.
        let until = self.clock.map_or(0, |clock| clock.target(now, buffer));
        let order =
            Order { form: self.form, until, one_picture: self.shows_picture, progress: self.progress };
        let (mut source, modified) = (self.file.in_memory(), || self.file.modified_at_once());
        let read = reading::read(&mut demuxer, (&mut source, &modified), window, order);
        if matches!(read.stop, Stop::NotInMemory) && read.piece.is_empty() {
            return self.hand_over(cx, demuxer, Task::Read(order));
        }
        self.demuxer = Some(demuxer);
        self.take(cx, read);
    }

    fn begin_seek(&mut self, cx: &mut Ctx, to: u64, window: &mut Window) {
        let Some(mut demuxer) = self.demuxer.take() else { return };
        match demuxer.seek(&mut self.file.in_memory(), window, to) {
            Ok(None) => self.hand_over(cx, demuxer, Task::Seek(to)),
            Err(error) if error.would_block() => self.hand_over(cx, demuxer, Task::Seek(to)),
            result => {
                self.demuxer = Some(demuxer);
                self.sought(cx, to, result);
            }
        }
        if self.seek.is_none() {
            self.advance(cx, window);
        }
    }

    /// Has a reader do what may have to wait for the disk.
    fn hand_over(&mut self, cx: &mut Ctx, demuxer: Demuxer, task: Task) {
        // Where no reader takes it, it is done later by who has it.
        let (handle, file) = (Handle::new(demuxer), self.file.clone());
        let (owner, theirs) = (JobOwner::Module { name: NAME, token: self.token }, handle.clone());
        let work = move || theirs.take().map(|demuxer| work(demuxer, &file, &task));
        if cx.jobs.read(owner, work).is_ok() {
            self.state = State::Reading;
        } else {
            self.demuxer = handle.take();
            self.wait(cx, RETRY);
        }
    }

    /// A reader has done its work.
    pub fn job_done(&mut self, cx: &mut Ctx, done: Done) {
        self.demuxer = Some(done.demuxer);
        if self.state != State::Reading {
            return;
        }
        self.state = State::Ready;
        match done.result {
            TaskResult::Sought(to, result) => self.sought(cx, to, result),
            // It would have to be sent again after an answer that is on its way.
            TaskResult::Read(_) if self.seek.is_some() => {}
            TaskResult::Read(read) => self.take(cx, *read),
        }
    }

    /// A seek has come to its end, or not yet.
    fn sought(&mut self, cx: &mut Ctx, to: u64, result: Result<Option<u64>, FileError>) {
        let Some(seek) = self.seek.filter(|seek| seek.to == to) else { return };
        match result {
            Ok(None) if seek.tries < MAX_TRIES => {
                self.seek = Some(Seek { tries: seek.tries + 1, ..seek });
            }
            Ok(None) => self.not_sought(cx, seek, "the place is not found in the file"),
            Ok(Some(at)) => {
                self.seek = None;
                self.clock = None;
                self.is_dry = false;
                (self.progress.last, self.progress.awaits_key) = (None, false);
                if seek.is_told {
                    self.progress.shift = 0;
                    cx.tell_file_player(self.endpoint, FileNews::Sought(at));
                }
            }
            Err(error) if error.would_block() => self.starve(cx),
            Err(error) => self.not_sought(cx, seek, &error.to_string()),
        }
    }

    /// A seek has failed. The file is played on where it was, unless it was to begin there.
    fn not_sought(&mut self, cx: &mut Ctx, seek: Seek, why: &str) {
        self.seek = None;
        if seek.is_told {
            cx.tell_file_player(self.endpoint, FileNews::NotSought(why));
        } else {
            self.fail(cx, why);
        }
    }

    /// Sends what has been read, and does what follows from why it was not more.
    fn take(&mut self, cx: &mut Ctx, read: Read) {
        let Read { piece, progress, stop } = read;
        if let (None, Some(first)) = (self.clock, progress.last) {
            // What is before the start that was asked for is sent at once.
            let mut clock = Clock::new(cx.now.instant, first.max(progress.shift));
            if self.is_paused {
                clock.pause(cx.now.instant);
            }
            self.clock = Some(clock);
        }
        let has_come_on = progress.last != self.progress.last;
        self.progress = progress;
        let is_sent = !piece.is_empty();
        if is_sent {
            self.bytes += piece.media();
            (self.state, self.is_starved) = (State::Draining, false);
            cx.send_piece(self.endpoint, piece);
        }
        match stop {
            Stop::Enough => {
                self.shows_picture = false;
                if !is_sent {
                    self.wait(cx, Duration::ZERO);
                }
            }
            Stop::NotInMemory if !is_sent && has_come_on => self.wait(cx, Duration::ZERO),
            Stop::NotInMemory if !is_sent => self.starve(cx),
            Stop::NotInMemory => {}
            // It is looked at again when the piece has been sent.
            Stop::EndOfFile(modified) if is_sent && self.may_grow(cx, modified) => {}
            Stop::EndOfFile(modified) if self.may_grow(cx, modified) => self.run_dry(cx),
            Stop::EndOfFile(_) | Stop::EndOfWanted | Stop::Broken(_) if self.next.is_some() => {
                self.switch(cx);
            }
            Stop::EndOfFile(_) if let Some(why) = self.file.failure() => self.fail(cx, &why),
            Stop::EndOfFile(_) if self.ending() == Ending::Cut => {
                self.fail(cx, "more of it is promised than is there");
            }
            Stop::EndOfFile(_) | Stop::EndOfWanted => self.complete(cx),
            Stop::Broken(why) => self.fail(cx, &why),
        }
    }

    /// Goes on with the file that takes the place of this one.
    fn switch(&mut self, cx: &mut Ctx) {
        let Some(next) = self.next.take() else { return };
        let Switch { file, demuxer, progress } = *next;
        let progress = Progress { audio: self.progress.audio, video: self.progress.video, ..progress };
        (self.file, self.demuxer, self.progress) = (file, Some(demuxer), progress);
        (self.switches, self.is_recorded) = (self.switches.wrapping_add(1), false);
        if self.state == State::Ready {
            self.wait(cx, Duration::ZERO);
        }
    }

    fn complete(&mut self, cx: &mut Ctx) {
        self.state = State::Ended;
        let duration = self.demuxer.as_ref().and_then(|demuxer| demuxer.facts().duration);
        // A file that has grown is longer than it was.
        let milliseconds = duration.max(self.progress.last).unwrap_or_default();
        let news = FileNews::Complete { duration: milliseconds as f64 / 1000.0, bytes: self.bytes };
        cx.tell_file_player(self.endpoint, news);
    }

    /// Whether a file that ends here may go on: it was written a moment ago, or is being recorded.
    fn may_grow(&self, cx: &Ctx, modified: SystemTime) -> bool {
        if let Some(coming) = &self.file.coming {
            return coming.may_grow();
        }
        // Clocks of other machines may be ahead a little.
        let age = cx.now.wall.duration_since(modified).unwrap_or_else(|ahead| ahead.duration());
        let is_young = age < GROWTH_TIME && self.ending() != Ending::Whole && !self.is_recorded;
        is_young || is_recorded(cx, &self.file.path)
    }

    fn ending(&self) -> Ending {
        self.demuxer.as_ref().map_or(Ending::Open, Demuxer::ending)
    }

    /// Waits for what has not come yet from another server; a client that has waited before is told.
    fn starve(&mut self, cx: &mut Ctx) {
        if std::mem::replace(&mut self.is_starved, true) {
            return self.run_dry(cx);
        }
        self.wait(cx, GROWTH_CHECK);
    }

    fn run_dry(&mut self, cx: &mut Ctx) {
        self.is_starved = self.file.coming.is_some();
        if !std::mem::replace(&mut self.is_dry, true) {
            cx.tell_file_player(self.endpoint, FileNews::Dry);
        }
        self.wait(cx, GROWTH_CHECK);
    }

    fn wait(&mut self, cx: &mut Ctx, time: Duration) {
        let timer = cx.set_module_timer(NAME, cx.now.instant + time, self.token);
        self.state = State::Waiting(timer);
    }
}

/// Whether a recorder writes a file now.
fn is_recorded(cx: &Ctx, path: &Path) -> bool {
    let mut recordings = cx.streams.iter().flat_map(|stream| &stream.recordings);
    recordings.any(|recording| {
        recording.state == RecordingState::Recording && recording.path.as_deref() == Some(path)
    })
}
