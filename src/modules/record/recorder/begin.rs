//! The beginning of a recorder's files: the first one, which may be one that is there, and the next one.

use std::io;
use std::rc::Rc;

use super::held::HeldFrames;
use super::{Next, RecorderAt, Searching, Start, State, Writing};
use crate::engine::{QueueFull, Stream};
use crate::media::Frame;
use crate::modules::record::disk::{NewFile, Source};
use crate::modules::record::file::examination::Tail;
use crate::modules::record::file::script::Script;
use crate::modules::record::file::search::Search;
use crate::modules::record::output::Output;
use crate::modules::record::wait::{Beginning, Opening, Wait};

impl RecorderAt<'_> {
    /// Begins a file, a new one or one that is there.
    pub(super) fn begin(&mut self, stream: &Stream, opening: Opening) {
        if self.recorder.appends && !self.disk.has_room(0) {
            return self.fail(&QueueFull.into(), Beginning::CachedGroup);
        }
        let start = self.start(stream, opening);
        if !self.recorder.appends {
            return self.create(start);
        }
        let level = if self.recorder.last_error.is_some() { log::Level::Debug } else { log::Level::Warn };
        let label = self.recorder.label.to_string();
        let search = Search::new(start.names.clone(), self.settings, label, level);
        self.disk.begin_search(start.key, search);
        self.recorder.state = State::Searching(Box::new(Searching { start, steps: 0 }));
    }

    fn start(&mut self, stream: &Stream, opening: Opening) -> Start {
        let metadata = self.recorder.metadata.as_deref().map(Frame::amf0);
        let names = self.recorder.names.take();
        Start {
            key: self.shared.new_key(),
            names: names.unwrap_or_else(|| self.settings.names(self.recorder.stream.as_str(), self.now.wall)),
            script: Script::new(&self.settings.identity(&self.recorder.label), metadata, &stream.facts),
            headers: opening.headers,
            held: HeldFrames::new(opening.frames, self.now.instant),
        }
    }

    /// Stops the search for a file to append to, if there is one: a new file gets the frames that wait.
    pub(super) fn stop_searching(&mut self, why: &'static str) {
        let Some(searching) = self.take_searching() else { return };
        self.disk.abandon_search(searching.start.key, why);
        // What the last step of the search has found is not for this file.
        let key = self.shared.new_key();
        self.create(Start { key, ..searching.start });
    }

    pub(super) fn take_searching(&mut self) -> Option<Box<Searching>> {
        if !self.recorder.is_searching() {
            return None;
        }
        match std::mem::replace(&mut self.recorder.state, State::Waiting(Wait::default())) {
            State::Searching(searching) => Some(searching),
            State::Idle | State::Waiting(_) | State::Writing(_) | State::Full(_) => None,
        }
    }

    /// Records to a new file.
    fn create(&mut self, start: Start) {
        let source = self.new_file(&start);
        self.write_to(start, source, None);
    }

    fn new_file(&self, start: &Start) -> Source {
        let stream = self.recorder.label.to_string();
        Source::New(NewFile { names: start.names.clone(), lock: self.settings.lock, stream })
    }

    /// Records to a file, behind what is in it.
    pub(super) fn write_to(&mut self, start: Start, source: Source, tail: Option<Box<Tail>>) {
        let mut output = self.output(start, tail);
        match self.begin_file(&mut output, source) {
            Ok(()) => self.recorder.state = State::Writing(Box::new(Writing { output, next: None })),
            Err(error) => self.fail(&error, Beginning::CachedGroup),
        }
    }

    /// The recording, with its first frames in it.
    fn output(&self, start: Start, tail: Option<Box<Tail>>) -> Output {
        let mut output = Output::new(start.key, start.script, tail, self.settings.limits, self.now);
        output.expect(start.names.candidates().next().unwrap_or_default());
        let wanted = |frame: &&Rc<Frame>| self.settings.selection.wants(frame);
        start.headers.iter().filter(wanted).for_each(|header| output.add_header(header));
        output.begin(start.held.frames.iter().filter(wanted));
        output
    }

    fn begin_file(&mut self, output: &mut Output, source: Source) -> io::Result<()> {
        let piece = output.take_piece(self.now.instant, self.disk.buffer());
        if !self.disk.has_room(piece.bytes()) {
            if matches!(source, Source::Found) {
                self.disk.abandon_search(output.key(), "too much waits to be written");
            }
            return Err(QueueFull.into());
        }
        self.disk.begin(output.key(), source, piece);
        Ok(())
    }

    /// Begins the next file. Until it is there, the frames are kept for the present one, too.
    pub(super) fn rotate(&mut self, stream: &Stream, frame: &Rc<Frame>) {
        if !self.may_begin() {
            return self.write(stream, frame);
        }
        self.take_next();
        let start = self.start(stream, Opening::now(stream, vec![Rc::clone(frame)]));
        let (source, held) = (self.new_file(&start), start.held.frames.clone());
        let mut output = self.output(start, None);
        match (self.begin_file(&mut output, source), &mut self.recorder.state) {
            (Ok(()), State::Writing(writing)) => {
                writing.next = Some(Next { output, held: HeldFrames::new(held, self.now.instant) });
            }
            (Ok(()), _) => {}
            (Err(error), _) => {
                self.retry_later(&error);
                self.write(stream, frame);
            }
        }
    }
}
