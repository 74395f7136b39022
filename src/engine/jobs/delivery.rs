//! The results of jobs on their way to the owners: modules, sinks, requests.

use crate::engine::Engine;
use crate::engine::jobs::{FinishedJob, JobOwner};

impl Engine {
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
