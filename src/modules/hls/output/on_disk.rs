//! The files of a stream on the disk, as the loop sees them: it adds jobs for the writer, each of which needs those
//! before it, and hears of an error later.

use std::io;
use std::mem;
use std::time::{Instant, SystemTime};

use super::stream_files::StreamFiles;
use crate::engine::{Buffers, Chain, Handle, JobOwner, Jobs, Outlet, QueueFull};
use crate::modules::hls::files::disk::{self, Parents};
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::files::token_secret::TokenSecret;
use crate::modules::hls::playlist::End;
use crate::modules::hls::playlist::outline::Outline;
use crate::modules::hls::publication::{CompleteFragment, Join};

/// Bytes that are gathered before a job writes them. Larger pieces wake the writer less often.
const PIECE: usize = 128 * 1024;

/// What is needed to open the files of a stream.
#[derive(Debug, Clone)]
pub struct Opening {
    pub naming: Naming,
    /// Where jobs give buffers back that they have written.
    pub buffers: Buffers,
    /// The secret of tokens, which is kept in `hls_path`.
    pub secret: Option<TokenSecret>,
}

#[derive(Debug)]
pub struct OnDisk {
    owner: JobOwner,
    /// Its own number. A stream may have had another output before, whose results come late.
    serial: u64,
    /// Replaced after a failure.
    chain: Chain,
    files: Handle<StreamFiles>,
    opening: Opening,
    /// Fragments whose publication has been queued.
    queued: u64,
    /// The same at the last error.
    queued_at_error: u64,
    /// When the playlist of an earlier publication was asked for, until it is known.
    unknown_since: Option<Instant>,
    fragment: Fragment,
    recovery: Recovery,
    limit: Limit,
    join: Join,
    /// Whether a recovery has been added and has not reported yet.
    is_recovering: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recovery {
    None,
    /// It waits for the writer, and nothing behind it. With a disk that hangs there is one, however many attempts fail.
    Last,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fragment {
    Open,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// Nothing is added to a full queue.
    Queue,
    /// The stream ends: all is added.
    None,
}

/// What a job has done, and the outline of the playlist after it.
#[derive(Debug)]
pub struct Report {
    /// The number of the output.
    serial: u64,
    /// Fragments whose publication had been queued before.
    queued: u64,
    pub outline: Outline,
    pub event: Event,
}

#[derive(Debug)]
pub enum Event {
    /// It is known what is on the disk.
    Opened,
    Published,
    /// The jobs that needed this one are not done.
    Failed(io::Error),
    Recovered,
}

/// What an output must know to report.
#[derive(Debug, Clone, Copy)]
struct Reporter {
    serial: u64,
    queued: u64,
}

impl Reporter {
    fn report(self, files: &StreamFiles, event: Event) -> Report {
        let Self { serial, queued } = self;
        Report { serial, queued, outline: files.outline(), event }
    }
}

impl OnDisk {
    /// Reads the playlist of an earlier publication. Nothing is written yet, but `hls_path` is made if it is missing; if
    /// that cannot be made now, each fragment tries again.
    pub fn open(opening: Opening, owner: JobOwner, serial: u64, outlet: &mut Outlet<'_>) -> Self {
        let (files, wall) = (Handle::default(), outlet.now.wall);
        let (place, to_open) = (Handle::clone(&files), opening.clone());
        outlet.jobs.write_always(owner, 0, move || {
            let opened = open_files(to_open, wall);
            let report = Reporter { serial, queued: 0 }.report(&opened, Event::Opened);
            place.put(opened);
            Some(report)
        });
        Self {
            owner,
            serial,
            chain: Chain::default(),
            files,
            opening,
            queued: 0,
            queued_at_error: 0,
            unknown_since: Some(outlet.now.instant),
            fragment: Fragment::None,
            recovery: Recovery::None,
            limit: Limit::Queue,
            join: Join::Discontinuity,
            is_recovering: false,
        }
    }

    pub fn begin_fragment(&mut self, jobs: &mut Jobs) -> io::Result<()> {
        self.add(jobs, 0, StreamFiles::begin_fragment)?;
        self.fragment = Fragment::Open;
        Ok(())
    }

    /// Hands on the buffer, if it is full. Returns the number of its bytes.
    pub fn store(&mut self, buffer: &mut Vec<u8>, jobs: &mut Jobs) -> io::Result<usize> {
        if buffer.len() < PIECE {
            return Ok(0);
        }
        let bytes = self.hand_on(buffer);
        let length = bytes.len();
        self.add(jobs, length, |files| files.append(bytes))?;
        Ok(length)
    }

    pub fn end_fragment(&mut self, buffer: &mut Vec<u8>) -> Vec<u8> {
        self.hand_on(buffer)
    }

    pub fn publish(
        &mut self,
        rest: Vec<u8>,
        finished: CompleteFragment,
        outlet: &mut Outlet<'_>,
    ) -> io::Result<()> {
        let (wall, join, bytes) = (outlet.now.wall, self.join, rest.len());
        let reporter = Reporter { queued: self.queued.saturating_add(1), ..self.reporter() };
        self.add_reporting(outlet.jobs, bytes, move |files| {
            files.publish(rest, &finished, join, wall)?;
            Ok(Some(reporter.report(files, Event::Published)))
        })?;
        self.queued = reporter.queued;
        self.join = Join::Follows;
        self.fragment = Fragment::None;
        Ok(())
    }

    pub fn drop_fragment(&mut self, jobs: &mut Jobs) {
        if mem::replace(&mut self.fragment, Fragment::None) == Fragment::Open {
            let files = Handle::clone(&self.files);
            jobs.write_always(self.owner, 0, move || {
                let drop_fragment = |files: &mut StreamFiles| {
                    files.drop_fragment();
                    Ok(())
                };
                // If the stream was never opened, there is nothing to drop.
                let _ = files.with(drop_fragment);
                None::<Report>
            });
        }
    }

    pub fn mark_discontinuity(&mut self) {
        self.join = Join::Discontinuity;
    }

    /// Prepares for another attempt after an error. Jobs that have not failed are still done. Files that were never
    /// opened, as the job has panicked, are opened now.
    pub fn recover(&mut self, outlet: &mut Outlet<'_>) {
        if self.chain.has_failed() {
            self.chain = Chain::default();
        }
        self.queued_at_error = self.queued;
        if mem::replace(&mut self.recovery, Recovery::Last) == Recovery::Last {
            return;
        }
        self.is_recovering = true;
        let (files, reporter) = (Handle::clone(&self.files), self.reporter());
        let (opening, wall) = (self.opening.clone(), outlet.now.wall);
        outlet.jobs.write_always(self.owner, 0, move || {
            let mut opened = files.take().unwrap_or_else(|| open_files(opening, wall));
            opened.recover();
            let report = reporter.report(&opened, Event::Recovered);
            files.put(opened);
            Some(report)
        });
    }

    /// Takes the panic of a job. False if it was perhaps that of the recovery: another one at once might panic as well,
    /// without an end.
    pub fn take_panic(&mut self) -> bool {
        !mem::take(&mut self.is_recovering)
    }

    pub fn prepare_end(&mut self) {
        self.limit = Limit::None;
    }

    /// Ends the playlist, if `end` says so, even if the last fragments have failed. Nobody hears of errors any more, so
    /// the job logs them.
    pub fn finish(&mut self, end: End, outlet: &mut Outlet<'_>) {
        let (files, wall) = (Handle::clone(&self.files), outlet.now.wall);
        outlet.jobs.write_always(self.owner, 0, move || {
            if let Some(files) = files.take() {
                files.finish(end, wall);
            }
            None::<Report>
        });
    }

    /// A job has a result: a recovery that fails is followed by another.
    pub fn note_result(&mut self) {
        self.recovery = Recovery::None;
    }

    /// Lets a job close the files. The open fragment is removed.
    pub fn abandon(&self, jobs: &mut Jobs) {
        let files = Handle::clone(&self.files);
        jobs.write_always(self.owner, 0, move || {
            drop(files.take());
            None::<Report>
        });
    }

    /// Takes the report of a job, unless it was another output's. With it, whether no fragment has been queued since,
    /// so that its outline is the newest.
    pub fn take_report(&mut self, report: Report) -> Option<(Report, bool)> {
        if report.serial != self.serial {
            return None;
        }
        self.unknown_since = None;
        if matches!(report.event, Event::Recovered) {
            self.is_recovering = false;
        }
        let is_latest = report.queued == self.queued;
        Some((report, is_latest))
    }

    /// Whether a fragment was queued after the last error.
    pub fn follows_error(&self, report: &Report) -> bool {
        report.queued > self.queued_at_error
    }

    pub fn unknown_since(&self) -> Option<Instant> {
        self.unknown_since
    }

    /// Takes the content of a buffer, which goes on with another one.
    fn hand_on(&self, buffer: &mut Vec<u8>) -> Vec<u8> {
        mem::replace(buffer, self.opening.buffers.take())
    }

    fn reporter(&self) -> Reporter {
        Reporter { serial: self.serial, queued: self.queued }
    }

    /// Adds a job that needs those before it, and holds so many bytes.
    fn add(
        &mut self,
        jobs: &mut Jobs,
        bytes: usize,
        work: impl FnOnce(&mut StreamFiles) -> io::Result<()> + Send + 'static,
    ) -> Result<(), QueueFull> {
        self.add_reporting(jobs, bytes, |files| work(files).map(|()| None))
    }

    fn add_reporting(
        &mut self,
        jobs: &mut Jobs,
        bytes: usize,
        work: impl FnOnce(&mut StreamFiles) -> io::Result<Option<Report>> + Send + 'static,
    ) -> Result<(), QueueFull> {
        let (files, chain, reporter) = (Handle::clone(&self.files), self.chain.clone(), self.reporter());
        let work = move || {
            files.with(|files| {
                files.attempt(work).or_else(|error| {
                    chain.abandon();
                    Ok(Some(reporter.report(files, Event::Failed(error))))
                })
            })
        };
        match self.limit {
            Limit::Queue => self.chain.write(jobs, self.owner, bytes, work)?,
            Limit::None => self.chain.write_always(jobs, self.owner, bytes, work),
        }
        self.recovery = Recovery::None;
        Ok(())
    }
}

/// Opens the files of a stream, in a job.
fn open_files(opening: Opening, wall: SystemTime) -> StreamFiles {
    let Opening { naming, buffers, secret } = opening;
    if disk::make_folder(naming.root(), Parents::Make).is_ok()
        && let Some(secret) = secret
    {
        secret.keep_or_warn(naming.root());
    }
    StreamFiles::open(naming, buffers, wall)
}
