//! The threads that do jobs (one writer, up to four readers, and one hasher), those that look up names, and one that looks
//! at certificates. They start
//! with the first job, after any fork, and hand results back; a waker wakes the poll for them. Nothing of the server is
//! touched here: a job owns what it works on.

mod pool;

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use mio::{Registry, Token, Waker};

use crate::engine::{FinishedJob, Job, Lane, SessionId};
use crate::net::connecting::finding::{Asker, Finding};
use pool::{Place, Pool, STACK_FOR_CONFIGURATION, STACK_FOR_JOBS, STACK_FOR_LOOKUPS, Work};

/// The most threads that read: so many disks, or files on a slow one, can be waited for at once.
const READERS: usize = 4;
/// The most threads that look up names: so many servers of names that do not answer can be waited for at once.
const RESOLVERS: usize = 4;

/// All threads for jobs.
#[derive(Debug)]
pub struct Workers {
    writer: Pool,
    readers: Pool,
    hasher: Pool,
    /// What new connections need. Most servers make few, so these threads end.
    resolvers: Pool,
    /// The same for relays, whose lookups must not hold up calls.
    relay_resolvers: Pool,
    /// Looks at certificates, one after the other: a disk that does not answer holds up nothing else.
    keeper: Pool,
    /// What main wants done, such as a configuration read, which must not wait for a disk that all readers wait for.
    background: Pool,
    results: Arc<Results>,
}

/// The results that the loop has not taken yet.
#[derive(Debug)]
struct Results {
    finished: Mutex<Finished>,
    waker: Waker,
}

/// What has been done since it was taken last.
#[derive(Debug, Default)]
pub struct Finished {
    /// The results of jobs.
    pub jobs: Vec<FinishedJob>,
    /// Sessions for which net itself has had something read.
    pub read_for: Vec<SessionId>,
    /// What has been found for new connections.
    pub findings: Vec<Finding>,
    /// Jobs that have panicked.
    pub panics: u64,
    /// What main wanted done is done.
    pub has_background: bool,
}

impl Workers {
    /// Workers without threads yet, which wake a poll by `token`.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let results = Arc::new(Results { finished: Mutex::default(), waker: Waker::new(registry, token)? });
        Ok(Self {
            writer: Pool::new("writer", 1, 1, STACK_FOR_JOBS),
            readers: Pool::new("reader", 1, READERS, STACK_FOR_JOBS),
            hasher: Pool::new("hasher", 1, 1, STACK_FOR_JOBS),
            resolvers: Pool::new("resolver", 0, RESOLVERS, STACK_FOR_LOOKUPS),
            relay_resolvers: Pool::new("resolver", 0, RESOLVERS, STACK_FOR_LOOKUPS),
            keeper: Pool::new("keeper", 0, 1, STACK_FOR_LOOKUPS),
            background: Pool::new("background", 1, 1, STACK_FOR_CONFIGURATION),
            results,
        })
    }

    /// Has jobs done, each by the threads of its lane.
    pub fn add(&self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let (mut writes, mut reads, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
        for job in jobs {
            let lane = match job.lane() {
                Lane::Writer => &mut writes,
                Lane::Readers => &mut reads,
                Lane::Hasher => &mut hashes,
            };
            lane.push(self.work(job));
        }
        self.writer.add(writes);
        self.readers.add(reads);
        self.hasher.add(hashes);
    }

    fn work(&self, job: Job) -> Work {
        let (name, results) = (job.owner().name(), Arc::clone(&self.results));
        Work { name, run: Box::new(move |_| results.run(job)) }
    }

    /// Has a reader do something for the socket of a session.
    pub fn read_for(&self, id: SessionId, read: impl FnOnce() + Send + 'static) {
        let results = Arc::clone(&self.results);
        let run = Box::new(move |_| {
            let panics = u64::from(catch_unwind(AssertUnwindSafe(read)).is_err());
            results.add(|all| {
                all.read_for.push(id);
                all.panics += panics;
            });
        });
        self.readers.add(vec![Work { name: "http", run }]);
    }

    /// Has a resolver find something for new connections. It never waits in the loop: without a thread it fails.
    pub fn find<T>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
        finding: impl FnOnce(Result<T, String>) -> Finding + Send + 'static,
    ) {
        self.resolvers.add(vec![self.search("lookup", work, finding)]);
    }

    /// Has a name looked up, for a call or a relay.
    pub fn look_up(
        &self,
        asker: Asker,
        work: impl FnOnce() -> Result<Vec<SocketAddr>, String> + Send + 'static,
        finding: impl FnOnce(Result<Vec<SocketAddr>, String>) -> Finding + Send + 'static,
    ) {
        let resolvers = match asker {
            Asker::Call => &self.resolvers,
            Asker::Relay => &self.relay_resolvers,
        };
        resolvers.add(vec![self.search("lookup", work, finding)]);
    }

    /// The same for certificates, which have a thread of their own.
    pub fn look_at_certificates<T>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
        finding: impl FnOnce(Result<T, String>) -> Finding + Send + 'static,
    ) {
        self.keeper.add(vec![self.search("certificates", work, finding)]);
    }

    fn search<T>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
        finding: impl FnOnce(Result<T, String>) -> Finding + Send + 'static,
    ) -> Work {
        let results = Arc::clone(&self.results);
        let run = Box::new(move |place| {
            let (result, panics) = match place {
                Place::Loop => (Err("the system has no thread for a lookup".to_owned()), 0),
                Place::Thread => match catch_unwind(AssertUnwindSafe(work)) {
                    Ok(result) => (result, 0),
                    Err(_) => (Err("a fault of the server".to_owned()), 1),
                },
            };
            results.add(|all| {
                all.findings.push(finding(result));
                all.panics += panics;
            });
        });
        Work { name, run }
    }

    /// Has something done that is no job of the engine.
    pub fn run_in_background(&self, work: impl FnOnce() + Send + 'static) {
        let results = Arc::clone(&self.results);
        let run = Box::new(move |_| results.run_in_background(work));
        self.background.add(vec![Work { name: "background", run }]);
    }

    /// The writer's jobs that are not done, for the log: "record 3, hls 1".
    pub fn describe_writes(&self) -> String {
        let counts = self.writer.count().into_iter().map(|(name, count)| format!("{name} {count}"));
        counts.collect::<Vec<_>>().join(", ")
    }

    /// Takes what has been done.
    pub fn take(&self) -> Finished {
        std::mem::take(&mut *self.results.lock())
    }
}

impl Finished {
    /// Whether the loop has been woken for something that it has not taken.
    fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.read_for.is_empty() && self.findings.is_empty() && !self.has_background
    }
}

impl Results {
    fn lock(&self) -> std::sync::MutexGuard<'_, Finished> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does a job. One that panics, which is a fault of the server, has failed for its owner.
    fn run(&self, job: Job) {
        let owner = job.owner();
        let (finished, panics) = match catch_unwind(AssertUnwindSafe(|| job.run())) {
            Ok(finished) => (finished, 0),
            Err(_) => (Some(FinishedJob::panicked(owner)), 1),
        };
        let Some(finished) = finished else { return };
        self.add(|all| {
            all.jobs.push(finished);
            all.panics += panics;
        });
    }

    /// Does something that is no job. If it panics, who wanted it finds no result.
    fn run_in_background(&self, work: impl FnOnce()) {
        let panics = u64::from(catch_unwind(AssertUnwindSafe(work)).is_err());
        self.add(|all| {
            all.panics += panics;
            all.has_background = true;
        });
    }

    /// Adds to what the loop takes, and wakes it, once for all that comes before it does so.
    fn add(&self, add: impl FnOnce(&mut Finished)) {
        let was_empty = {
            let mut all = self.lock();
            let was_empty = all.is_empty();
            add(&mut all);
            was_empty
        };
        if was_empty && let Err(error) = self.waker.wake() {
            log::error!("the loop is not told that a thread has finished: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    use mio::Poll;

    use super::*;

    #[test]
    fn work_in_the_background_has_a_stack_like_that_of_the_main_thread() {
        let poll = Poll::new().unwrap();
        let workers = Workers::new(poll.registry(), Token(0)).unwrap();
        let (sender, receiver) = channel();
        workers.run_in_background(move || {
            let deep = [1_u8; 3 << 20];
            sender.send(black_box(&deep).len()).unwrap();
        });
        assert_eq!(receiver.recv(), Ok(3 << 20));
    }
    #[test]
    fn certificates_on_a_disk_that_does_not_answer_hold_up_no_lookup_of_names() {
        let poll = Poll::new().unwrap();
        let workers = Workers::new(poll.registry(), Token(0)).unwrap();
        let (held, hold) = channel::<()>();
        let hold = Arc::new(Mutex::new(hold));
        for _ in 0..2 * RESOLVERS {
            let hold = Arc::clone(&hold);
            let wait = move || Err::<Vec<_>, _>(format!("{:?}", hold.lock().unwrap().recv()));
            workers.look_at_certificates(wait, |found| {
                Finding::Addresses(Asker::Call, "look".to_owned(), found)
            });
        }
        workers.find(|| Ok(Vec::new()), |found| Finding::Addresses(Asker::Call, "name".to_owned(), found));
        let begun = Instant::now();
        loop {
            let found = workers.take().findings;
            if found.iter().any(|found| matches!(found, Finding::Addresses(_, name, Ok(_)) if name == "name"))
            {
                break;
            }
            assert!(found.is_empty() && begun.elapsed() < Duration::from_secs(10));
            std::thread::yield_now();
        }
        assert_eq!(workers.keeper.count()["certificates"], 2 * RESOLVERS);
        drop(held);
    }
}
