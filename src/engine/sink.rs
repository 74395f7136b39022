//! The trait of an output: [`Sink`], one object for each output of each stream, such as its HLS fragments or its
//! recording.
//!
//! The engine calls sinks in order with every frame, and finishes and drops them with the stream. A sink sees no
//! engine, no session and no other sink; what it may use comes with each call as an [`Outlet`].

use std::io;
use std::rc::Rc;

use crate::engine::jobs::{JobResult, Jobs};
use crate::engine::memory::MemoryFiles;
use crate::engine::now::Now;
use crate::engine::statistics::totals::Totals;
use crate::engine::stream::outputs::HlsStatus;
use crate::engine::viewing::lists::HlsLists;
use crate::media::Frame;

/// Why a sink gets no more frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The stream has ended.
    StreamEnded,
    /// The server stops, and the next process may continue the stream.
    ServerStops,
}

/// The surroundings of a sink during a call.
#[derive(Debug)]
pub struct Outlet<'a> {
    /// The time.
    pub now: Now,
    /// The files in memory, for a sink whose files are not on a disk.
    pub memory: &'a mut MemoryFiles,
    /// Work for the threads, for a sink whose files are on a disk.
    pub jobs: &'a mut Jobs,
    /// What is listed of each stream, for a sink that has a playlist.
    pub lists: &'a mut HlsLists,
    /// The numbers of the whole server, in which failures are counted.
    pub totals: &'a mut Totals,
}

impl Outlet<'_> {
    /// The same at another time.
    pub fn at(&mut self, now: Now) -> Outlet<'_> {
        Outlet { now, memory: self.memory, jobs: self.jobs, lists: self.lists, totals: self.totals }
    }
}

/// An output of one stream, such as a set of HLS fragments.
///
/// An error ends the sink with one log line; the publisher stays. A sink is finished before it is dropped, or abandoned
/// if it has panicked: its Drop must not run code that could panic again.
pub trait Sink {
    /// Takes the stream's next frame, in order; headers and data messages included.
    fn frame(&mut self, frame: &Rc<Frame>, outlet: &mut Outlet<'_>) -> io::Result<()>;

    /// The publisher is lost or replaced. The next frames, headers first, do not continue those before, though their
    /// times do.
    fn discontinuity(&mut self, _outlet: &mut Outlet<'_>) {}

    /// A job of this sink has returned a value.
    fn on_job(&mut self, _result: JobResult, _outlet: &mut Outlet<'_>) {}

    /// No frame follows, and no result of a job.
    fn finish(&mut self, _why: Finish, _outlet: &mut Outlet<'_>) {}

    /// It is dropped without being finished, as it has panicked, or what ends its stream. What may block when it is
    /// dropped, such as a file, goes into a job.
    fn abandon(&mut self, _jobs: &mut Jobs) {}

    /// What an HLS output tells of itself, for statistics.
    fn status(&self) -> Option<HlsStatus> {
        None
    }

    /// Gives back memory beyond its share, as an output with less than a share needs some.
    fn give_way(&mut self, _outlet: &mut Outlet<'_>) {}
}
