//! Jobs on their way to the threads, and their results on the way to the owners: modules, sinks, requests.

use crate::engine::Engine;
use crate::engine::jobs::{FinishedJob, Job, JobOwner};

impl Engine {
    /// Takes the jobs that have been added, for the threads.
    pub fn take_jobs(&mut self) -> Vec<Job> {
        self.cx.jobs.take_added()
    }

    /// Takes the result of a job; a step delivers it.
    pub fn finish_job(&mut self, finished: FinishedJob) {
        self.cx.work.results.push_back(finished);
    }

    /// Whether something waits to be written to files.
    pub fn has_writes(&self) -> bool {
        self.cx.jobs.writes() > 0
    }

    /// Gives the result of a job to its owner, if that is still there.
    pub(in crate::engine) fn deliver_result(&mut self, mut finished: FinishedJob) {
        if matches!(finished.owner, JobOwner::Unpublish(_)) {
            // It asks whether any other job waits.
            finished.discount();
        }
        let FinishedJob { owner, result, .. } = finished;
        match owner {
            JobOwner::Module { name, token } => {
                let mut result = Some(result);
                self.each_module(|module, cx| {
                    if module.name() == name
                        && let Some(result) = result.take()
                    {
                        module.on_job(cx, token, result);
                    }
                });
            }
            JobOwner::Sink { stream, name } => {
                let (streams, mut outlet, panics) = self.cx.streams_and_outlet();
                let Some(stream) = streams.get_mut(stream) else { return };
                stream.give_result(name, result, &mut outlet, panics);
            }
            JobOwner::Unpublish(publisher) => {
                let Ok(rounds_left) = result.take() else { return };
                self.contain_for(publisher.session, |engine| {
                    engine.cx.end_unpublish_round(publisher, rounds_left);
                });
            }
            JobOwner::Request(id) => self.contain_for(id, |engine| engine.resume_pending(id, result)),
        }
    }
}
