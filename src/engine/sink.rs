//! One output of one stream.

use std::io;
use std::rc::Rc;

use crate::engine::memory::MemoryFiles;
use crate::engine::now::Now;
use crate::media::Frame;

/// Why a sink gets no more frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The stream has ended.
    StreamEnded,
    /// The server stops, and its successor may go on with the stream.
    ServerStops,
}

/// What a sink may use while it is called.
#[derive(Debug)]
pub struct Outlet<'a> {
    /// The time.
    pub now: Now,
    /// Where its files go that are not on a disk.
    pub memory: &'a mut MemoryFiles,
}

/// An output of one stream, such as a set of HLS fragments.
///
/// A sink sees no engine. Its error ends the sink with one log line; the publisher lives on. It is finished before
/// it is dropped, unless it has panicked: its Drop must do nothing that could do so again.
pub trait Sink {
    /// Takes the stream's next frame, in order; headers and data messages included.
    fn frame(&mut self, frame: &Rc<Frame>, outlet: &mut Outlet<'_>) -> io::Result<()>;

    /// The publisher is lost, or gives way to another. What comes next, headers first, does not continue what
    /// came before, though its times do.
    fn discontinuity(&mut self, _outlet: &mut Outlet<'_>) {}

    /// No frame follows.
    fn finish(&mut self, _why: Finish, _outlet: &mut Outlet<'_>) {}

    /// Gives back the memory that it has beyond its share: somebody with less than a share needs some.
    fn give_way(&mut self, _outlet: &mut Outlet<'_>) {}
}
