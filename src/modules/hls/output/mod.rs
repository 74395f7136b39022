//! The files of one stream, as its segmenter sees them.
//!
//! Those in memory are written at once. Those on the disk are written by jobs, and errors come later; until then, the
//! outline of the playlist is what it will be if all goes well.

mod memory;
mod on_disk;
mod stream_files;

use std::io;
use std::time::{Duration, Instant};

use crate::engine::{AppId, Failed, JobOwner, JobResult, Jobs, Outlet, StreamId};
use crate::media::segment::writer::output_clock::Ends;
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::fragment::CompleteFile;
use crate::modules::hls::playlist::outline::Outline;
use crate::modules::hls::playlist::{End, Playlist};
use crate::modules::hls::publication::{CompleteFragment, Publication, list_is_full};
use crate::modules::hls::settings::{Ending, MAX_BYTES, NAME, Settings};
use memory::InMemory;
use on_disk::{Event, OnDisk, Report};

pub use on_disk::Opening;

/// The divisor for the part of the memory that a fragment may have: while it is open it needs room beside those that are
/// listed.
const MEMORY_SHARE: u64 = 4;

/// The output of a segmenter.
#[derive(Debug)]
pub struct Output {
    label: String,
    app: AppId,
    name: String,
    /// `hls_endlist`.
    ending: Ending,
    /// The largest fragment in bytes; in memory, a reload may change it.
    max_bytes: u64,
    outline: Outline,
    /// Bytes of the open fragment that have left the segmenter's buffer; all of them once it has ended.
    written: u64,
    /// The first fragment that is listed and the target duration, as the engine knows them.
    noted: Option<(u64, Duration)>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(Box<InMemory>),
    Disk(Box<OnDisk>),
}

/// The last bytes of a fragment, on their way to its file.
#[derive(Debug)]
pub enum Rest {
    Written(CompleteFile),
    ToWrite(Vec<u8>),
}

/// When a fragment is in the playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    Now,
    /// A job's result will tell.
    Later,
}

/// What a job has found or done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// A fragment that was published after the last error is in the playlist.
    Published,
    /// The end of the last fragment that is listed, if it is known. All jobs have been done.
    Found(Option<Ends>),
    Nothing,
}

impl Output {
    /// The files of a stream in memory.
    pub fn in_memory(publication: Publication, outlet: &mut Outlet<'_>) -> Self {
        let (naming, outline) = (publication.naming().clone(), publication.outline());
        let mut output = Self::new(&naming, outline, Place::Memory(Box::new(InMemory::new(publication))));
        output.note_listed(&outline, outlet);
        output
    }

    /// The files of a stream on the disk, from where an earlier playlist is read back.
    /// `serial` is a number that no other output has.
    pub fn on_disk(stream: StreamId, serial: u64, opening: Opening, outlet: &mut Outlet<'_>) -> Self {
        let naming = opening.naming.clone();
        let settings = naming.settings();
        let outline = Playlist::new(settings.kind, settings.fragment).outline(true);
        let owner = JobOwner::Sink { stream, name: NAME };
        let disk = OnDisk::open(opening, owner, serial, outlet);
        Self::new(&naming, outline, Place::Disk(Box::new(disk)))
    }

    fn new(naming: &Naming, outline: Outline, place: Place) -> Self {
        let (label, name) = (naming.label().to_owned(), naming.name().to_owned());
        let Settings { app_id: app, ending, .. } = **naming.settings();
        Self { label, app, name, ending, max_bytes: MAX_BYTES, outline, written: 0, noted: None, place }
    }

    /// Tells the engine what is listed, if that has changed.
    fn note_listed(&mut self, outline: &Outline, outlet: &mut Outlet<'_>) {
        let Some(first) = outline.first else { return };
        let listed = (first, outline.target_duration());
        if self.noted != Some(listed) {
            self.noted = Some(listed);
            outlet.lists.note(self.app, &self.name, first, listed.1, outlet.now.instant);
        }
    }

    /// Takes the outline of the files in memory.
    fn take_outline(&mut self, outlet: &mut Outlet<'_>) {
        if let Place::Memory(memory) = &self.place {
            self.outline = memory.outline();
            let outline = self.outline;
            self.note_listed(&outline, outlet);
        }
    }

    /// Begins a fragment, which viewers do not see yet.
    pub fn begin_fragment(&mut self, outlet: &mut Outlet<'_>) -> io::Result<()> {
        self.written = 0;
        match &mut self.place {
            Place::Memory(memory) => memory.begin_fragment(outlet.memory),
            Place::Disk(disk) => disk.begin_fragment(outlet.jobs),
        }
    }

    /// Takes the bytes of the open fragment, if there are enough. In memory, room is made for them and those that the
    /// segmenter keeps.
    pub fn store(
        &mut self,
        buffer: Option<&mut Vec<u8>>,
        kept: usize,
        outlet: &mut Outlet<'_>,
    ) -> io::Result<()> {
        match (&mut self.place, buffer) {
            (Place::Memory(memory), buffer) => {
                let before = buffer.as_ref().map_or(0, |buffer| buffer.len());
                let left = memory.store(buffer, kept, outlet.memory);
                self.take_outline(outlet);
                self.max_bytes = MAX_BYTES.min(outlet.memory.limit() / MEMORY_SHARE);
                self.written = self.written.saturating_add(before.saturating_sub(left?) as u64);
            }
            (Place::Disk(disk), Some(buffer)) => {
                self.written = self.written.saturating_add(disk.store(buffer, outlet.jobs)? as u64);
            }
            (Place::Disk(_), None) => {}
        }
        Ok(())
    }

    /// Takes the last bytes of the open fragment.
    pub fn end_fragment(
        &mut self,
        buffer: &mut Vec<u8>,
        kept: usize,
        outlet: &mut Outlet<'_>,
    ) -> io::Result<Rest> {
        self.written = self.written.saturating_add(buffer.len() as u64);
        match &mut self.place {
            Place::Memory(memory) => {
                let file = memory.end_fragment(buffer, kept, outlet.memory);
                self.take_outline(outlet);
                file.map(Rest::Written)
            }
            Place::Disk(disk) => Ok(Rest::ToWrite(disk.end_fragment(buffer))),
        }
    }

    /// Publishes the fragment with the playlist that lists it. After an error it is not listed.
    pub fn publish(
        &mut self,
        rest: Rest,
        finished: CompleteFragment,
        outlet: &mut Outlet<'_>,
    ) -> io::Result<Listed> {
        if self.outline.is_full() {
            return Err(list_is_full());
        }
        match (&mut self.place, rest) {
            (Place::Memory(memory), Rest::Written(file)) => {
                let published = memory.publish(file, &finished, outlet);
                self.take_outline(outlet);
                published.map(|()| Listed::Now)
            }
            (Place::Disk(disk), Rest::ToWrite(rest)) => {
                let CompleteFragment { duration, expected, ends, .. } = finished;
                disk.publish(rest, finished, outlet)?;
                self.outline.add(duration, expected, ends);
                Ok(Listed::Later)
            }
            _ => Err(io::Error::other("a fragment of another output")),
        }
    }

    /// Drops the open fragment, if there is one.
    pub fn drop_fragment(&mut self, outlet: &mut Outlet<'_>) {
        match &mut self.place {
            Place::Memory(memory) => memory.drop_fragment(),
            Place::Disk(disk) => disk.drop_fragment(outlet.jobs),
        }
    }

    /// Notes that the next fragment does not continue the last one: it has other times, or other codecs.
    pub fn mark_discontinuity(&mut self) {
        match &mut self.place {
            Place::Memory(memory) => memory.mark_discontinuity(),
            Place::Disk(disk) => disk.mark_discontinuity(),
        }
    }

    /// Prepares for another attempt after an error. The open fragment has been dropped.
    pub fn recover(&mut self, outlet: &mut Outlet<'_>) {
        match &mut self.place {
            Place::Memory(memory) => {
                memory.recover(outlet.memory);
                self.take_outline(outlet);
            }
            Place::Disk(disk) => disk.recover(outlet),
        }
    }

    /// Takes all that follows, however much waits for the writer: it is the end.
    pub fn prepare_end(&mut self) {
        if let Place::Disk(disk) = &mut self.place {
            disk.prepare_end();
        }
    }

    /// Ends the output, and with [`End::Ended`] the playlist.
    pub fn finish(&mut self, end: End, outlet: &mut Outlet<'_>) -> io::Result<()> {
        match &mut self.place {
            Place::Memory(memory) => memory.finish(end, outlet),
            Place::Disk(disk) => {
                disk.finish(end, outlet);
                Ok(())
            }
        }
    }

    /// Lets a job drop the files.
    pub fn abandon(&mut self, jobs: &mut Jobs) {
        if let Place::Disk(disk) = &mut self.place {
            disk.abandon(jobs);
        }
    }

    /// Takes the result of a job: its error, or what it has found or done.
    pub fn take_result(&mut self, result: JobResult, outlet: &mut Outlet<'_>) -> io::Result<News> {
        let Place::Disk(disk) = &mut self.place else { return Ok(News::Nothing) };
        disk.note_result();
        let report = match report_of(result) {
            Ok(Some(report)) => report,
            Err(error) if disk.take_panic() => return Err(error),
            Ok(None) | Err(_) => return Ok(News::Nothing),
        };
        let Some((report, is_latest)) = disk.take_report(report) else {
            return Ok(News::Nothing);
        };
        let outline = report.outline;
        if is_latest {
            self.outline = outline;
        }
        let news = match report.event {
            Event::Published if disk.follows_error(&report) => Ok(News::Published),
            Event::Published => Ok(News::Nothing),
            Event::Failed(error) => Err(error),
            Event::Opened | Event::Recovered if is_latest => Ok(News::Found(outline.ends)),
            Event::Opened | Event::Recovered => Ok(News::Nothing),
        };
        self.note_listed(&outline, outlet);
        news
    }

    /// For the log: `live/cam`.
    pub fn label(&self) -> &str {
        &self.label
    }

    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// Since when it has not been known what is on the disk; `None` once it is.
    pub fn unknown_since(&self) -> Option<Instant> {
        match &self.place {
            Place::Memory(_) => None,
            Place::Disk(disk) => disk.unknown_since(),
        }
    }

    /// Bytes of the open fragment, or of the one that was published last.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Whether the open fragment must end for its size.
    pub fn is_fragment_full(&self) -> bool {
        self.written >= self.max_bytes
    }

    /// Whether EXT-X-ENDLIST is written together with the last fragment: `hls_endlist` is 0, or no more can be listed.
    pub fn ends_at_once(&self) -> bool {
        self.ending == Ending::AT_ONCE || self.outline.is_full()
    }
}

/// What a job has done; an error if it has panicked.
fn report_of(result: JobResult) -> io::Result<Option<Report>> {
    match result.take::<Report>().map_err(JobResult::take::<Failed>) {
        Ok(report) => Ok(Some(report)),
        Err(Ok(Failed(error))) => Err(error),
        Err(Err(_)) => Ok(None),
    }
}
