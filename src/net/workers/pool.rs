//! A pool of threads: work goes in, in order; a thread starts when there is work that no idle one can take.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Work for a thread.
pub struct Work {
    /// The feature that it is for.
    pub name: &'static str,
    pub run: Box<dyn FnOnce(Place) + Send>,
}

/// Where work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Thread,
    /// In the loop, since the system has no thread.
    Loop,
}

/// A thread that has had no work for this time ends, unless the pool keeps it.
const IDLE: Duration = Duration::from_secs(10);
/// The stack of a thread for jobs: the deepest one reads a playlist of an earlier run.
pub const STACK_FOR_JOBS: usize = 512 * 1024;
/// The stack of a thread that reads a configuration, as large as that of the main thread, which does so at the start:
/// blocks and expressions are nested, and the system's resolver loads libraries.
pub const STACK_FOR_CONFIGURATION: usize = 8 * 1024 * 1024;
/// The stack of a thread that looks up names: the system's resolver loads libraries there, too.
pub const STACK_FOR_LOOKUPS: usize = 2 * 1024 * 1024;

/// Threads of one kind.
#[derive(Debug)]
pub struct Pool {
    name: &'static str,
    most: usize,
    stack: usize,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Threads that do not end when they have no work.
    kept: usize,
    /// The time after which the others end.
    idle_time: Duration,
    state: Mutex<State>,
    has_work: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Work>,
    /// The names of what is being done.
    running: Vec<&'static str>,
    threads: usize,
    idle: usize,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.waiting.len();
        f.debug_struct("State")
            .field("waiting", &waiting)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool of at most so many threads, each with a stack of so many bytes; so many are kept when they have no work.
    /// None runs yet.
    pub fn new(name: &'static str, kept: usize, most: usize, stack: usize) -> Self {
        Self { name, most, stack, shared: Arc::new(Shared::new(kept, IDLE)) }
    }

    /// Has works done. Without any thread, since the system has none, they are done at once, in the loop.
    ///
    /// Waking a thread is a system call, so a thread is woken once for all, and one that has work is not.
    pub fn add(&self, works: Vec<Work>) {
        if works.is_empty() {
            return;
        }
        let mut state = self.shared.state();
        state.waiting.extend(works);
        let (waiting, idle) = (state.waiting.len(), state.idle);
        let more = waiting.saturating_sub(idle).min(self.most.saturating_sub(state.threads));
        state.threads += more;
        drop(state);
        (0..waiting.min(idle)).for_each(|_| self.shared.has_work.notify_one());
        (0..more).for_each(|_| self.start());
    }

    /// The number of works that are not done, by name.
    pub fn count(&self) -> BTreeMap<&'static str, usize> {
        let state = self.shared.state();
        let mut counts = BTreeMap::new();
        for name in state.waiting.iter().map(|work| work.name).chain(state.running.iter().copied()) {
            *counts.entry(name).or_default() += 1;
        }
        counts
    }

    fn start(&self) {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(self.name.to_owned()).stack_size(self.stack);
        let Err(error) = thread.spawn(move || shared.serve()) else { return };
        let mut state = self.shared.state();
        state.threads -= 1;
        if state.threads > 0 {
            return;
        }
        log::error!("no thread ({}), so streams may be held up: {error}", self.name);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(|work| (work.run)(Place::Loop));
    }
}

impl Shared {
    fn new(kept: usize, idle_time: Duration) -> Self {
        Self { kept, idle_time, state: Mutex::default(), has_work: Condvar::new() }
    }

    /// Work never panics while it holds the state.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs in a thread.
    fn serve(&self) {
        let mut done = None;
        while let Some(Work { name, run }) = self.next(done) {
            run(Place::Thread);
            done = Some(name);
        }
    }

    /// Waits for work after some of this name is done; `None` if the thread is to end.
    fn next(&self, done: Option<&'static str>) -> Option<Work> {
        let mut state = self.state();
        if let Some(place) = state.running.iter().position(|name| Some(*name) == done) {
            state.running.swap_remove(place);
        }
        loop {
            if let Some(work) = state.waiting.pop_front() {
                state.running.push(work.name);
                return Some(work);
            }
            state.idle += 1;
            let is_extra = state.threads > self.kept;
            let timed_out;
            (state, timed_out) = if is_extra {
                let waited =
                    self.has_work.wait_timeout(state, self.idle_time).unwrap_or_else(PoisonError::into_inner);
                (waited.0, waited.1.timed_out())
            } else {
                (self.has_work.wait(state).unwrap_or_else(PoisonError::into_inner), false)
            };
            state.idle -= 1;
            if timed_out && state.waiting.is_empty() && state.threads > self.kept {
                state.threads -= 1;
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn work(run: impl FnOnce() + Send + 'static) -> Work {
        Work { name: "test", run: Box::new(|_| run()) }
    }

    #[test]
    fn one_thread_does_its_work_in_order() {
        let (pool, (sender, receiver)) = (Pool::new("test", 1, 1, STACK_FOR_JOBS), channel());
        for number in (0..100).step_by(2) {
            let send = |number| {
                let sender = sender.clone();
                work(move || sender.send(number).unwrap())
            };
            pool.add(vec![send(number), send(number + 1)]);
        }
        drop(sender);
        assert!(receiver.iter().eq(0..100));
        assert_eq!(pool.shared.state().threads, 1);
    }

    #[test]
    fn a_pool_that_keeps_no_thread_has_none_without_work_and_starts_one_again() {
        let shared = Arc::new(Shared::new(0, Duration::from_millis(20)));
        let pool = Pool { name: "test", most: 2, stack: STACK_FOR_JOBS, shared };
        let (sender, receiver) = channel();
        for number in 0..2 {
            let sender = sender.clone();
            pool.add(vec![work(move || sender.send(number).unwrap())]);
            assert_eq!(receiver.recv(), Ok(number));
            let end = std::time::Instant::now() + Duration::from_secs(20);
            let threads = || pool.shared.state().threads;
            while threads() > 0 && std::time::Instant::now() < end {
                thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(threads(), 0);
        }
    }

    #[test]
    fn work_that_blocks_does_not_hold_up_other_threads() {
        let (pool, (sender, receiver)) = (Pool::new("test", 1, 3, STACK_FOR_JOBS), channel());
        let (release, blocked) = channel::<()>();
        let blocked = Arc::new(Mutex::new(blocked));
        for _ in 0..2 {
            let blocked = Arc::clone(&blocked);
            pool.add(vec![work(move || blocked.lock().unwrap().recv().unwrap_or_default())]);
        }
        let send = |number| {
            let sender = sender.clone();
            work(move || sender.send(number).unwrap())
        };
        pool.add((0..10).map(send).collect());
        assert!(receiver.iter().take(10).eq(0..10));
        assert!(pool.count()["test"] >= 2);
        assert_eq!(pool.shared.state().threads, 3);
        drop(release);
    }
}
