//! Chains: jobs of one output of which each needs those before it, such as the pieces of a file and its name.

use std::any::Any;
use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Failed, JobOwner, JobResult, Jobs, QueueFull};

/// The jobs of an output of which each needs those before it. After one has failed the others are not done, and the
/// owner gets one [`Failed`]; for what follows it makes another chain.
#[derive(Debug, Clone, Default)]
pub struct Chain(Arc<AtomicBool>);

impl Chain {
    /// Adds a job for the writer, with the bytes that it holds; see [`Jobs::write`].
    pub fn write<T: Any + Send>(
        &self,
        jobs: &mut Jobs,
        owner: JobOwner,
        bytes: usize,
        work: impl FnOnce() -> io::Result<Option<T>> + Send + 'static,
    ) -> Result<(), QueueFull> {
        if !jobs.has_room(bytes) {
            return Err(QueueFull);
        }
        self.write_always(jobs, owner, bytes, work);
        Ok(())
    }

    /// The same for what must not be lost though the queue is full; see [`Jobs::write_always`].
    pub fn write_always<T: Any + Send>(
        &self,
        jobs: &mut Jobs,
        owner: JobOwner,
        bytes: usize,
        work: impl FnOnce() -> io::Result<Option<T>> + Send + 'static,
    ) {
        let chain = self.clone();
        jobs.write_results(owner, bytes, move || {
            if chain.has_failed() {
                return None;
            }
            let guard = FailureGuard(&chain);
            let result = work();
            mem::forget(guard);
            match result {
                Ok(value) => value.map(JobResult::new),
                Err(error) => {
                    chain.abandon();
                    Some(JobResult::new(Failed(error)))
                }
            }
        });
    }

    /// Has the jobs that are not done yet left out: their output gives up what it was writing.
    pub fn abandon(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether a job has failed, or the chain was abandoned. The owner may not have heard of it yet.
    pub fn has_failed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Held while a job works: one that panics has failed, too, before a job behind it begins.
struct FailureGuard<'a>(&'a Chain);

impl Drop for FailureGuard<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    const OWNER: JobOwner = JobOwner::Module { name: "test", token: 1 };

    #[test]
    fn after_a_failure_the_rest_of_the_chain_is_left_out_and_the_owner_hears_of_it_once() {
        let (mut jobs, chain, other) = (Jobs::default(), Chain::default(), Chain::default());
        let fail = || Err::<Option<i32>, _>(io::Error::other("full"));
        chain.write(&mut jobs, OWNER, 0, || Ok(Some(1))).unwrap();
        chain.write(&mut jobs, OWNER, 0, || Ok(None::<i32>)).unwrap();
        chain.write(&mut jobs, OWNER, 0, fail).unwrap();
        chain.write(&mut jobs, OWNER, 0, || Ok(Some(2))).unwrap();
        chain.write(&mut jobs, OWNER, 0, fail).unwrap();
        other.write(&mut jobs, OWNER, 0, || Ok(Some(3))).unwrap();
        let results = jobs.run_all().into_iter().map(|done| match done.result.take::<i32>() {
            Ok(number) => number.to_string(),
            Err(result) => result.take::<Failed>().unwrap().0.to_string(),
        });
        assert_eq!(results.collect::<Vec<_>>(), ["1", "full", "3"]);
        assert!(chain.has_failed() && !other.has_failed());
    }

    #[test]
    fn after_a_panic_the_rest_of_the_chain_is_left_out() {
        let (mut jobs, chain) = (Jobs::default(), Chain::default());
        chain.write(&mut jobs, OWNER, 0, || -> io::Result<Option<i32>> { panic!("a fault") }).unwrap();
        chain.write(&mut jobs, OWNER, 0, || Ok(Some(1))).unwrap();
        let done = jobs.take_added().into_iter().map(|job| catch_unwind(AssertUnwindSafe(|| job.run())));
        let done: Vec<_> = done.map(|done| done.map(|finished| finished.is_some()).ok()).collect();
        assert_eq!(done, [None, Some(false)]);
        assert!(chain.has_failed());
    }
}
