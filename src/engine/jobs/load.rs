//! How many jobs a lane has, and how many bytes they hold. A job counts until it is dropped with its result, whichever thread
//! does that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The jobs of a lane that are not done yet, and their bytes.
#[derive(Debug, Default)]
pub struct Load {
    jobs: AtomicUsize,
    bytes: AtomicUsize,
}

impl Load {
    /// The jobs.
    pub fn jobs(&self) -> usize {
        self.jobs.load(Ordering::Acquire)
    }

    /// The bytes that they hold.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }
}

/// A job's part of the load, which ends with the job.
#[derive(Debug)]
pub struct Counted {
    load: Arc<Load>,
    bytes: usize,
    /// What its network has wanted, of which it is a part, too.
    of_network: Option<Arc<Load>>,
}

impl Counted {
    /// One more job, with the bytes that it holds.
    pub fn new(load: &Arc<Load>, bytes: usize) -> Self {
        load.jobs.fetch_add(1, Ordering::AcqRel);
        load.bytes.fetch_add(bytes, Ordering::AcqRel);
        Self { load: Arc::clone(load), bytes, of_network: None }
    }

    /// The same, counted for a network as well.
    pub fn of_network(mut self, network: Option<Arc<Load>>) -> Self {
        if let Some(load) = &network {
            load.jobs.fetch_add(1, Ordering::AcqRel);
        }
        self.of_network = network;
        self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.load.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        self.load.jobs.fetch_sub(1, Ordering::AcqRel);
        if let Some(load) = &self.of_network {
            load.jobs.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
