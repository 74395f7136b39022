//! Lookups: what has to be found out on a disk before a request can be answered.
//!
//! A module that needs one says so ([`Route::Wait`](crate::engine::Route::Wait)). The engine has a reader do it, since
//! it may block, and asks the module again, with the finding in the request.

use std::any::Any;
use std::fmt;

use crate::engine::jobs::JobResult;

/// Work of a reader for an HTTP request. It owns all that it works on.
pub struct Lookup(Box<dyn FnOnce() -> JobResult + Send>);

impl Lookup {
    /// A lookup; what it returns is the finding.
    pub fn new<T: Any + Send>(work: impl FnOnce() -> T + Send + 'static) -> Self {
        Self(Box::new(move || JobResult::new(work())))
    }

    /// Does it.
    pub(in crate::engine) fn run(self) -> JobResult {
        self.0()
    }

    /// What it finds, for tests without threads.
    #[cfg(test)]
    pub fn find(self) -> JobResult {
        self.run()
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookup")
    }
}

/// What lookups have found for a request. It is kept until the request is answered, so each is done once.
#[derive(Debug, Default)]
pub struct Findings(Vec<JobResult>);

impl Findings {
    /// The finding of this type for which `is_wanted` is true.
    pub fn find<T: Any>(&self, is_wanted: impl Fn(&T) -> bool) -> Option<&T> {
        self.all().find(|finding| is_wanted(finding))
    }

    /// All findings of a type.
    pub fn all<T: Any>(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(JobResult::get)
    }

    /// Adds a finding.
    pub fn add(&mut self, finding: JobResult) {
        self.0.push(finding);
    }

    /// The number of findings.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
