//! Jobs: work that may block, such as calls on files. The engine and its modules only add jobs and get their results;
//! net has the threads.
//!
//! There are three lanes. The writer does its jobs one after the other, in the order in which they were added, for all
//! outputs; so a job sees what all jobs before it have written. Readers do theirs in any order, several at a time. The
//! hasher verifies passwords, which need the processor for long, one at a time.
//!
//! A job owns all that it works on, and returns owned values. What waits is bounded in jobs and bytes: if the writer's
//! disk is too slow, [`QueueFull`] tells outputs to drop what they wanted to write, or not to begin, and the loop never
//! waits.

pub mod buffers;
pub mod chain;
mod delivery;
pub mod handle;
mod load;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::engine::ids::{Endpoint, SessionId, StreamId};
use crate::engine::limits::origin::Origin;

use load::{Counted, Load};

/// The most bytes of jobs that wait for the writer.
const MAX_BYTES: usize = 16 << 20;
/// The most jobs that wait for the writer.
const MAX_WRITES: usize = 4096;
/// The most jobs that wait for readers.
const MAX_READS: usize = 1024;
/// The most jobs that wait for the hasher, each of up to a second.
pub const MAX_HASHES: usize = 16;
/// The most of them of one network, so that nobody else has to wait for all of them.
const MAX_HASHES_OF_NETWORK: usize = 8;
/// The places beyond those, in all and of one network, which only publishers take: however many viewers and others show
/// passwords, those of publishers are checked.
const FOR_PUBLISHERS: (usize, usize) = (8, 4);

/// Who gets the result of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobOwner {
    /// [`Module::on_job`](crate::engine::Module::on_job) of the module of this name.
    Module {
        /// The name of the module.
        name: &'static str,
        /// A number of the module's.
        token: u64,
    },
    /// [`Sink::on_job`](crate::engine::Sink::on_job) of the sink that was added to the stream under this name. A sink
    /// that has been finished gets nothing more.
    Sink {
        /// The stream.
        stream: StreamId,
        /// The name of the sink.
        name: &'static str,
    },
    /// The HTTP request of a session that waits for it.
    Request(SessionId),
    /// A publisher that has stopped, and is answered when its files have been written.
    Unpublish(Endpoint),
}

impl JobOwner {
    /// The name of the feature, for log lines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Module { name, .. } | Self::Sink { name, .. } => name,
            Self::Request(_) => "http",
            Self::Unpublish(_) => "rtmp",
        }
    }
}

/// The threads that do a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// One thread, in order.
    Writer,
    /// Several threads, in any order.
    Readers,
    /// One thread, for what needs the processor for long.
    Hasher,
}

/// The value that a job has returned.
pub struct JobResult(Box<dyn Any + Send>);

impl JobResult {
    /// Wraps a value.
    pub fn new<T: Any + Send>(value: T) -> Self {
        Self(Box::new(value))
    }

    /// A look at the value, if it is of this type.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }

    /// The value, if it is of this type; if not, the result again.
    pub fn take<T: Any>(self) -> Result<T, Self> {
        self.0.downcast().map(|value| *value).map_err(Self)
    }
}

impl fmt::Debug for JobResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobResult")
    }
}

/// The result of a [`Chain`](chain::Chain) that has failed, or of a job that has panicked.
#[derive(Debug)]
pub struct Failed(pub std::io::Error);

/// The result of a job on its way to the owner.
#[derive(Debug)]
pub struct FinishedJob {
    /// Who gets it.
    pub owner: JobOwner,
    /// The value.
    pub result: JobResult,
    /// It counts as waiting until it has been delivered, as that may lead to another job.
    counted: Option<Counted>,
}

impl FinishedJob {
    /// Stops to count the job, before its delivery.
    pub fn discount(&mut self) {
        self.counted = None;
    }

    /// The result of a job that has panicked.
    pub fn panicked(owner: JobOwner) -> Self {
        let error = std::io::Error::other("a fault of the server");
        Self { owner, result: JobResult::new(Failed(error)), counted: None }
    }
}

/// The queue of a lane is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull;

impl fmt::Display for QueueFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the disk is too slow: too much waits to be written")
    }
}

impl std::error::Error for QueueFull {}

impl From<QueueFull> for std::io::Error {
    fn from(full: QueueFull) -> Self {
        Self::new(std::io::ErrorKind::QuotaExceeded, full)
    }
}

/// Work that may block.
pub struct Job {
    lane: Lane,
    owner: JobOwner,
    work: Box<dyn FnOnce() -> Option<JobResult> + Send>,
    counted: Counted,
}

impl Job {
    fn new<T: Any + Send>(
        lane: Lane,
        owner: JobOwner,
        work: impl FnOnce() -> Option<T> + Send + 'static,
        counted: Counted,
    ) -> Self {
        Self { lane, owner, work: Box::new(move || work().map(JobResult::new)), counted }
    }

    /// The threads that do it.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// Who gets the result.
    pub fn owner(&self) -> JobOwner {
        self.owner
    }

    /// Does it.
    pub fn run(self) -> Option<FinishedJob> {
        let Self { owner, work, counted, .. } = self;
        work().map(|result| FinishedJob { owner, result, counted: Some(counted) })
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("lane", &self.lane).field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// The jobs that net has not taken yet, and the load of all lanes.
#[derive(Debug, Default)]
pub struct Jobs {
    added: Vec<Job>,
    writes: Arc<Load>,
    reads: Arc<Load>,
    hashes: Arc<Load>,
    /// The jobs of the hasher by network; at most as many as there are jobs.
    of_networks: HashMap<Origin, Arc<Load>>,
}

impl Jobs {
    /// Adds work for the writer, with the bytes that it holds. `Some` value goes to the owner.
    pub fn write<T: Any + Send>(
        &mut self,
        owner: JobOwner,
        bytes: usize,
        work: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Result<(), QueueFull> {
        if !self.has_room(bytes) {
            return Err(QueueFull);
        }
        self.write_always(owner, bytes, work);
        Ok(())
    }

    /// The same for what must not be lost though the queue is full, and is little: closing, removing, and what somebody
    /// waits for. Whatever begins something that will need such jobs asks [`Self::has_room`] before, so their number is
    /// bounded, too.
    pub fn write_always<T: Any + Send>(
        &mut self,
        owner: JobOwner,
        bytes: usize,
        work: impl FnOnce() -> Option<T> + Send + 'static,
    ) {
        self.write_results(owner, bytes, move || work().map(JobResult::new));
    }

    /// The same for work that returns results of several types.
    fn write_results(
        &mut self,
        owner: JobOwner,
        bytes: usize,
        work: impl FnOnce() -> Option<JobResult> + Send + 'static,
    ) {
        let counted = Counted::new(&self.writes, bytes);
        self.added.push(Job { lane: Lane::Writer, owner, work: Box::new(work), counted });
    }

    /// Adds work for the readers.
    pub fn read<T: Any + Send>(
        &mut self,
        owner: JobOwner,
        work: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Result<(), QueueFull> {
        if self.reads.jobs() >= MAX_READS {
            return Err(QueueFull);
        }
        let counted = Counted::new(&self.reads, 0);
        self.added.push(Job::new(Lane::Readers, owner, work, counted));
        Ok(())
    }

    /// Adds work for the hasher, which a client of this network wants; none if clients of many networks may look alike.
    pub fn hash<T: Any + Send>(
        &mut self,
        owner: JobOwner,
        network: Option<Origin>,
        work: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Result<(), QueueFull> {
        self.hash_within((MAX_HASHES, MAX_HASHES_OF_NETWORK), owner, network, work)
    }

    /// The same for who wants to publish.
    pub fn hash_for_publisher<T: Any + Send>(
        &mut self,
        owner: JobOwner,
        network: Option<Origin>,
        work: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Result<(), QueueFull> {
        let (more, more_of_network) = FOR_PUBLISHERS;
        let limits = (MAX_HASHES + more, MAX_HASHES_OF_NETWORK + more_of_network);
        self.hash_within(limits, owner, network, work)
    }

    /// The same up to so many jobs in all, and of the network.
    fn hash_within<T: Any + Send>(
        &mut self,
        (most, most_of_network): (usize, usize),
        owner: JobOwner,
        network: Option<Origin>,
        work: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Result<(), QueueFull> {
        self.of_networks.retain(|_, load| load.jobs() > 0);
        let of_network = network.and_then(|network| self.of_networks.get(&network));
        if self.hashes.jobs() >= most || of_network.is_some_and(|load| load.jobs() >= most_of_network) {
            return Err(QueueFull);
        }
        let of_network = network.map(|network| Arc::clone(self.of_networks.entry(network).or_default()));
        let counted = Counted::new(&self.hashes, 0).of_network(of_network);
        self.added.push(Job::new(Lane::Hasher, owner, work, counted));
        Ok(())
    }

    /// Whether the writer's queue takes a job with these bytes. One job is always taken by an empty queue.
    pub fn has_room(&self, bytes: usize) -> bool {
        let (jobs, waiting) = (self.writes.jobs(), self.writes.bytes());
        jobs == 0 || jobs < MAX_WRITES && waiting.saturating_add(bytes) <= MAX_BYTES
    }

    /// Jobs of the writer that are not done yet.
    pub fn writes(&self) -> usize {
        self.writes.jobs()
    }

    /// Takes the jobs that have been added.
    pub(in crate::engine) fn take_added(&mut self) -> Vec<Job> {
        std::mem::take(&mut self.added)
    }

    /// Does all jobs that have been added, in order, and returns their results: for tests without threads.
    #[cfg(test)]
    pub fn run_all(&mut self) -> Vec<FinishedJob> {
        self.take_added().into_iter().filter_map(Job::run).collect()
    }

    /// Does the first job that has been added, and loses its result, as if it had panicked at its end: for tests.
    #[cfg(test)]
    pub fn fail_next(&mut self) -> Option<FinishedJob> {
        let job = (!self.added.is_empty()).then(|| self.added.remove(0))?;
        let owner = job.owner();
        drop(job.run());
        Some(FinishedJob::panicked(owner))
    }

    /// Does the first job that has been added: a slow disk, for tests.
    #[cfg(test)]
    pub fn run_next(&mut self) -> Option<Option<FinishedJob>> {
        (!self.added.is_empty()).then(|| self.added.remove(0).run())
    }

    /// Takes the first job that has been added as one that has panicked, for tests.
    #[cfg(test)]
    pub fn panic_next(&mut self) -> Option<FinishedJob> {
        (!self.added.is_empty()).then(|| FinishedJob::panicked(self.added.remove(0).owner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: JobOwner = JobOwner::Module { name: "test", token: 1 };

    #[test]
    fn the_writers_queue_is_bounded_in_jobs_and_bytes_until_jobs_are_done() {
        let mut jobs = Jobs::default();
        // One that is larger than the queue goes alone.
        assert_eq!(jobs.write(OWNER, MAX_BYTES + 1, || None::<()>), Ok(()));
        assert_eq!(jobs.write(OWNER, 0, || None::<()>), Err(QueueFull));
        jobs.write_always(OWNER, 0, || Some(7));
        let results: Vec<_> =
            jobs.run_all().into_iter().map(|done| done.result.take::<i32>().unwrap()).collect();
        assert_eq!((results, jobs.writes()), (vec![7], 0));
        for _ in 0..MAX_WRITES {
            assert_eq!(jobs.write(OWNER, 1, || None::<()>), Ok(()));
        }
        assert_eq!(jobs.write(OWNER, 1, || None::<()>), Err(QueueFull));
        assert_eq!(jobs.read(OWNER, || None::<()>), Ok(()));
        // What was taken is done when it is dropped, whoever drops it.
        drop(jobs.take_added());
        assert_eq!(jobs.write(OWNER, 1, || None::<()>), Ok(()));
    }

    #[test]
    fn the_hasher_takes_a_few_jobs_until_their_results_are_delivered() {
        let mut jobs = Jobs::default();
        (0..MAX_HASHES).for_each(|_| assert_eq!(jobs.hash(OWNER, None, || Some(1)), Ok(())));
        assert_eq!(jobs.hash(OWNER, None, || Some(1)), Err(QueueFull));
        assert!(jobs.added.iter().all(|job| job.lane() == Lane::Hasher));
        let results = jobs.run_all();
        assert_eq!(jobs.hash(OWNER, None, || Some(1)), Err(QueueFull));
        drop(results);
        assert_eq!(jobs.hash(OWNER, None, || Some(1)), Ok(()));
    }

    #[test]
    fn the_hasher_takes_half_of_its_jobs_from_one_network() {
        let mut jobs = Jobs::default();
        let [one, other] = [1, 2].map(|last| Some(Origin::V4([192, 0, 2, last])));
        (0..MAX_HASHES_OF_NETWORK).for_each(|_| assert_eq!(jobs.hash(OWNER, one, || Some(1)), Ok(())));
        assert_eq!(jobs.hash(OWNER, one, || Some(1)), Err(QueueFull));
        assert_eq!(jobs.hash(OWNER, other, || Some(1)), Ok(()));
        drop(jobs.run_all());
        assert_eq!(jobs.hash(OWNER, one, || Some(1)), Ok(()));
        assert_eq!(jobs.of_networks.len(), 1, "others are forgotten");
    }

    #[test]
    fn the_hasher_has_places_for_publishers_when_all_others_are_taken() {
        let (mut jobs, one) = (Jobs::default(), Some(Origin::V4([192, 0, 2, 1])));
        let (more, more_of_network) = FOR_PUBLISHERS;
        let publish =
            |jobs: &mut Jobs, network| jobs.hash_for_publisher(OWNER, network, || Some(1)) == Ok(());
        (0..MAX_HASHES_OF_NETWORK).for_each(|_| assert_eq!(jobs.hash(OWNER, one, || Some(1)), Ok(())));
        (0..more_of_network).for_each(|_| assert!(publish(&mut jobs, one)));
        assert!(!publish(&mut jobs, one));
        while jobs.hash(OWNER, None, || Some(1)).is_ok() {}
        assert_eq!(jobs.added.len(), MAX_HASHES);
        (0..more).for_each(|_| assert!(publish(&mut jobs, None)));
        assert!(!publish(&mut jobs, None));
        drop(jobs.run_all());
        assert!(publish(&mut jobs, one));
    }

    #[test]
    fn a_result_is_taken_by_its_type_only() {
        let other = JobResult::new("text").take::<i32>().unwrap_err();
        assert_eq!(other.take::<&str>().unwrap(), "text");
    }
}
