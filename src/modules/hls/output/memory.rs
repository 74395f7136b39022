//! The files of a stream in memory.

use std::io;

use crate::engine::{Growth, MemoryFiles, Outlet};
use crate::modules::hls::files::Files;
use crate::modules::hls::fragment::{BUFFER, CompleteFile, OpenFragment};
use crate::modules::hls::playlist::End;
use crate::modules::hls::playlist::outline::Outline;
use crate::modules::hls::publication::{CompleteFragment, Publication};

#[derive(Debug)]
pub struct InMemory {
    publication: Publication,
    open: Option<OpenFragment>,
}

impl InMemory {
    pub fn new(publication: Publication) -> Self {
        Self { publication, open: None }
    }

    pub fn begin_fragment(&mut self, memory: &mut MemoryFiles) -> io::Result<()> {
        self.open = None;
        self.open = Some(OpenFragment::new(self.publication.start_fragment(&mut Files::Memory(memory))?));
        Ok(())
    }

    /// Makes room for the bytes of the open fragment, and for those that the segmenter keeps, and writes the buffer if
    /// it is full. Returns the number of bytes that are left in it.
    pub fn store(
        &mut self,
        buffer: Option<&mut Vec<u8>>,
        kept: usize,
        memory: &mut MemoryFiles,
    ) -> io::Result<usize> {
        let (Some(open), Some(buffer)) = (&mut self.open, buffer) else {
            self.publication.make_room(Growth::default(), kept, memory)?;
            return Ok(0);
        };
        self.publication.make_room(open.growth(buffer, memory), kept, memory)?;
        open.drain(buffer, &mut Files::Memory(memory))?;
        Ok(buffer.len())
    }

    pub fn end_fragment(
        &mut self,
        buffer: &mut Vec<u8>,
        kept: usize,
        memory: &mut MemoryFiles,
    ) -> io::Result<CompleteFile> {
        let open = self.open.take().ok_or_else(|| io::Error::other("no fragment is open"))?;
        self.publication.make_room(open.growth(buffer, memory), kept, memory)?;
        let file = open.finish(buffer, &mut Files::Memory(memory))?;
        buffer.shrink_to(BUFFER);
        Ok(file)
    }

    pub fn publish(
        &mut self,
        file: CompleteFile,
        finished: &CompleteFragment,
        outlet: &mut Outlet<'_>,
    ) -> io::Result<()> {
        let files = &mut Files::Memory(outlet.memory);
        self.publication.add_fragment(file, finished, files, outlet.now.wall)
    }

    pub fn drop_fragment(&mut self) {
        self.open = None;
    }

    pub fn mark_discontinuity(&mut self) {
        self.publication.mark_discontinuity();
    }

    pub fn recover(&mut self, memory: &mut MemoryFiles) {
        self.publication.recover(&mut Files::Memory(memory));
    }

    pub fn finish(&mut self, end: End, outlet: &mut Outlet<'_>) -> io::Result<()> {
        match end {
            End::Open => Ok(()),
            End::Ended => self.publication.finish(&mut Files::Memory(outlet.memory), outlet.now.wall),
        }
    }

    pub fn outline(&self) -> Outline {
        self.publication.outline()
    }
}
