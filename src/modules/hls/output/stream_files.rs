//! The files of a stream on the disk, as the jobs of the writer see them.

use std::io;
use std::time::SystemTime;

use crate::engine::Buffers;
use crate::modules::hls::files::Files;
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::fragment::OpenFragment;
use crate::modules::hls::playlist::End;
use crate::modules::hls::playlist::outline::Outline;
use crate::modules::hls::publication::{CompleteFragment, Join, Publication};

#[derive(Debug)]
pub struct StreamFiles {
    publication: Publication,
    open: Option<OpenFragment>,
    /// Bytes of the open fragment that make no whole block for its cipher yet.
    rest: Vec<u8>,
    buffers: Buffers,
    /// The error of which the loop has not heard yet.
    failure: Option<String>,
}

impl StreamFiles {
    /// Reads the playlist of an earlier publication. Nothing is written yet.
    pub fn open(naming: Naming, buffers: Buffers, wall: SystemTime) -> Self {
        let publication = Publication::open(naming, &Files::Disk, wall);
        Self { publication, open: None, rest: Vec::new(), buffers, failure: None }
    }

    /// Does a piece of work, and notes its error.
    pub fn attempt<T>(&mut self, work: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        work(self).inspect_err(|error| self.failure = Some(error.to_string()))
    }

    pub fn begin_fragment(&mut self) -> io::Result<()> {
        self.drop_fragment();
        self.open = Some(OpenFragment::new(self.publication.start_fragment(&mut Files::Disk)?));
        Ok(())
    }

    pub fn append(&mut self, mut bytes: Vec<u8>) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        bytes.splice(..0, self.rest.drain(..));
        open.write_out(&mut bytes, &mut Files::Disk)?;
        self.rest.extend_from_slice(&bytes);
        self.buffers.give(bytes);
        Ok(())
    }

    /// Writes the last bytes of the open fragment, and publishes it with the playlist that lists it.
    pub fn publish(
        &mut self,
        mut bytes: Vec<u8>,
        finished: &CompleteFragment,
        join: Join,
        wall: SystemTime,
    ) -> io::Result<()> {
        let open = self.open.take().ok_or_else(|| io::Error::other("no fragment is open"))?;
        bytes.splice(..0, self.rest.drain(..));
        let file = open.finish(&mut bytes, &mut Files::Disk)?;
        self.buffers.give(bytes);
        if join == Join::Discontinuity {
            self.publication.mark_discontinuity();
        }
        self.publication.add_fragment(file, finished, &mut Files::Disk, wall)
    }

    pub fn drop_fragment(&mut self) {
        self.open = None;
        self.rest.clear();
    }

    pub fn recover(&mut self) {
        self.drop_fragment();
        self.failure = None;
        self.publication.recover(&mut Files::Disk);
    }

    /// Ends the playlist, if `end` says so.
    pub fn finish(mut self, end: End, wall: SystemTime) {
        self.drop_fragment();
        let ended = match end {
            End::Open => Ok(()),
            End::Ended => self.publication.finish(&mut Files::Disk, wall),
        };
        let failures = self.failure.into_iter().chain(ended.err().map(|error| error.to_string()));
        failures.for_each(|why| log::error!("{}: hls: {why}", self.publication.label()));
    }

    pub fn outline(&self) -> Outline {
        self.publication.outline()
    }
}
