//! Lookups: what has to be found out before a request can be answered, and takes too long for the loop: something on a
//! disk, or whether a password is right.
//!
//! A module that needs one says so ([`Route::Wait`](crate::engine::Route::Wait)). The engine has a thread do it, and asks
//! the module again, with the finding in the request.

use std::any::Any;
use std::fmt;

use crate::engine::ids::SessionId;
use crate::engine::jobs::{JobOwner, JobResult, Jobs, QueueFull};
use crate::engine::limits::origin::Origin;

/// Work of a thread for an HTTP request. It owns all that it works on.
pub struct Lookup {
    subject: Subject,
    is_in_turn: bool,
    work: Box<dyn FnOnce() -> JobResult + Send>,
}

/// What a lookup is about, which decides who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Subject {
    /// A disk: a reader.
    Disk,
    /// A password, which a client of this network has shown: the hasher.
    Password(Option<Origin>),
}

impl Lookup {
    /// A look at a disk; what it returns is the finding.
    pub fn new<T: Any + Send>(work: impl FnOnce() -> T + Send + 'static) -> Self {
        Self::about(Subject::Disk, work)
    }

    /// The check of a password that a client of this network has shown.
    pub fn of_password<T: Any + Send>(
        network: Option<Origin>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Self {
        Self::about(Subject::Password(network), work)
    }

    fn about<T: Any + Send>(subject: Subject, work: impl FnOnce() -> T + Send + 'static) -> Self {
        Self { subject, is_in_turn: false, work: Box::new(move || JobResult::new(work())) }
    }

    /// The same behind those of all other long answers that wait: it is one of many for its answer, between which little
    /// is kept.
    pub fn in_turn(self) -> Self {
        Self { is_in_turn: true, ..self }
    }

    /// Whether others that wait go first.
    pub(in crate::engine) fn is_in_turn(&self) -> bool {
        self.is_in_turn
    }

    /// What it is about.
    pub(in crate::engine) fn subject(&self) -> Subject {
        self.subject
    }

    /// Has a thread do it for the request of a session.
    pub(in crate::engine) fn begin(self, id: SessionId, jobs: &mut Jobs) -> Result<(), QueueFull> {
        let Self { subject, work, .. } = self;
        let (owner, work) = (JobOwner::Request(id), move || Some(work()));
        match subject {
            Subject::Disk => jobs.read(owner, work),
            Subject::Password(network) => jobs.hash(owner, network, work),
        }
    }

    /// What it finds, for tests without threads.
    #[cfg(test)]
    pub fn find(self) -> JobResult {
        (self.work)()
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookup")
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "a disk",
            Self::Password(_) => "the check of a password",
        })
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
