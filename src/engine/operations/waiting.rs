//! Requests that wait for operations: recorders that start and stop, and reloads.
//!
//! The session of the request is held. Recorders are asked in steps; then the files that begin are waited for, as their
//! paths are not known before. A reload is net's and main's, who tell its outcome. Each wait is bounded.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::http::answering::pending::Pending;
use crate::engine::http::progress::Progress;
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::{SessionId, StreamId};
use crate::engine::jobs::JobResult;
use crate::engine::now::Now;
use crate::engine::operations::operation::{Operation, OperationResult, RecordResult};
use crate::engine::operations::order::Order;
use crate::engine::operations::running::{Run, State};
use crate::engine::work::Action;

/// The most operations that are under way.
const MAX_RUNNING: usize = 64;

/// How long the files of recordings are waited for: most begin with the next frame, and a late one with the next key
/// frame.
const FILE_WAIT: Duration = Duration::from_secs(5);

/// How long a reload is waited for, which may wait for disks and for the resolver.
const RELOAD_WAIT: Duration = Duration::from_secs(30);

/// Streams whose recorders are asked in one step.
const ASKED_AT_ONCE: usize = 16;

impl Engine {
    /// Begins an operation, for which a request waits.
    pub(in crate::engine) fn operate(
        &mut self,
        mut request: HttpRequest,
        progress: Progress,
        operation: Operation,
    ) {
        let (id, now) = (request.session, self.cx.now.instant);
        if self.running.0.len() >= MAX_RUNNING {
            log::warn!("{id}: too many operations are under way");
            request.findings.add(JobResult::new(OperationResult::Busy));
            return self.route(request, progress);
        }
        let run = match operation {
            Operation::Record { streams, recorder, start } => {
                let (streams, recorder) = (streams.into_iter(), recorder.into());
                self.cx.order(Order::Operate(id));
                let state = State::Asking { streams, recorder, start, results: Vec::new() };
                Run { until: now + FILE_WAIT, state }
            }
            Operation::Relay(order) => {
                let panics = self.panics();
                let asked = self.modules.iter_mut().find_map(|module| {
                    let failed = || Some(Err("an error of the server; its log says more".to_owned()));
                    panics.contain(|| module.on_relay_order(&mut self.cx, &order)).unwrap_or_else(failed)
                });
                let result = asked.unwrap_or_else(|| Err("nothing is relayed here".to_owned()));
                request.findings.add(JobResult::new(OperationResult::Relay(result)));
                return self.route(request, progress);
            }
            Operation::Reload => {
                self.cx.work.actions.push_back(Action::Reload);
                Run { until: now + RELOAD_WAIT, state: State::Asked }
            }
        };
        let until = run.until;
        self.running.0.insert(id, run);
        self.hold(Pending::new(request, progress, None));
        self.cx.wake_no_later_than(id, until);
    }

    /// One step of an operation: recorders of some more streams are asked.
    pub(super) fn continue_operation(&mut self, id: SessionId) {
        let Some(Run { state, .. }) = self.running.0.get_mut(&id) else { return };
        let State::Asking { streams, recorder, start, .. } = state else { return };
        let asked: Vec<_> = streams.by_ref().take(ASKED_AT_ONCE).collect();
        let (recorder, start, is_last) = (Rc::clone(recorder), *start, asked.len() < ASKED_AT_ONCE);
        let found = asked
            .into_iter()
            .filter_map(|stream| Some((stream, self.ask_recorder(stream, &recorder, start)?)));
        let found: Vec<_> = found.collect();
        let Some(Run { state, .. }) = self.running.0.get_mut(&id) else { return };
        let State::Asking { results, .. } = state else { return };
        results.extend(found);
        if is_last {
            *state = State::Beginning { recorder, results: std::mem::take(results) };
            self.finish_if_begun(id);
        } else {
            self.cx.order(Order::Operate(id));
        }
    }

    /// Starts or stops a recorder of a stream; none if the stream has ended.
    fn ask_recorder(&mut self, stream: StreamId, recorder: &str, start: bool) -> Option<RecordResult> {
        self.cx.streams.get(stream).filter(|stream| stream.is_live())?;
        let panics = self.panics();
        for module in &mut self.modules {
            let answer = panics.contain(|| module.on_record(&mut self.cx, stream, recorder, start));
            match answer {
                Some(None) => {}
                Some(answer) => return answer,
                None => {
                    return Some(RecordResult::Failed("an error of the server; its log says more".into()));
                }
            }
        }
        Some(RecordResult::NoRecorder)
    }

    /// The file of a recorder has begun, or cannot begin.
    pub(super) fn note_began(&mut self, stream: StreamId, recorder: &str, result: &RecordResult) {
        let mut told = Vec::new();
        for (&id, run) in &mut self.running.0 {
            let (of, results) = match &mut run.state {
                State::Asking { recorder, results, .. } | State::Beginning { recorder, results } => {
                    (recorder, results)
                }
                State::Asked | State::Reloading => continue,
            };
            let waits = |(id, waits): &&mut (StreamId, RecordResult)| {
                *id == stream && matches!(waits, RecordResult::Begins(_))
            };
            if **of == *recorder
                && let Some((_, waits)) = results.iter_mut().find(waits)
            {
                *waits = result.clone();
                told.push(id);
            }
        }
        told.into_iter().for_each(|id| self.finish_if_begun(id));
    }

    /// Ends an operation if nothing is waited for any more.
    fn finish_if_begun(&mut self, id: SessionId) {
        let Some(Run { state: State::Beginning { results, .. }, .. }) = self.running.0.get_mut(&id) else {
            return;
        };
        if !results.iter().any(|(_, result)| matches!(result, RecordResult::Begins(_))) {
            let results = std::mem::take(results);
            self.finish_operation(id, OperationResult::Record(results));
        }
    }

    /// Ends an operation whose time is over. A file that has not begun will have the path that it was to have.
    /// Returns the end of the time if it is not over.
    pub(in crate::engine) fn time_out_operation(&mut self, id: SessionId) -> Option<Instant> {
        let run = self.running.0.get_mut(&id)?;
        if self.cx.now.instant < run.until {
            return Some(run.until);
        }
        let result = match &mut run.state {
            State::Asking { results, .. } | State::Beginning { results, .. } => {
                let results = std::mem::take(results).into_iter();
                OperationResult::Record(results.map(|(stream, result)| (stream, result.settled())).collect())
            }
            State::Asked | State::Reloading => {
                let why = format!(
                    "the reload is not over after {} s; the log says what it comes to",
                    RELOAD_WAIT.as_secs()
                );
                OperationResult::Reload(Err(why))
            }
        };
        self.finish_operation(id, result);
        None
    }

    /// Continues with the request that has waited for an operation.
    fn finish_operation(&mut self, id: SessionId, result: OperationResult) {
        self.running.0.remove(&id);
        let Some(Pending { mut request, progress, .. }) = self.unhold(id) else { return };
        request.findings.add(JobResult::new(result));
        self.route(request, progress);
    }

    /// The request of a session waits no more, as the session has ended.
    pub(in crate::engine) fn forget_operation(&mut self, id: SessionId) {
        self.running.0.remove(&id);
    }

    /// A reload begins: it is the one that requests wait for which have asked for one until now.
    pub fn reload_begins(&mut self) {
        let asked = self.running.0.values_mut().filter(|run| matches!(run.state, State::Asked));
        asked.for_each(|run| run.state = State::Reloading);
    }

    /// The reload that has begun last is over: what has changed, or why nothing has.
    pub fn reloaded(&mut self, result: &Result<String, String>, now: Now) {
        self.cx.now = now;
        let over = self.running.0.iter().filter(|(_, run)| matches!(run.state, State::Reloading));
        for id in over.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.contain_for(id, |engine| {
                engine.finish_operation(id, OperationResult::Reload(result.clone()));
            });
        }
    }

    /// The same for requests whose reload has not begun, and never will.
    pub fn refuse_reloads(&mut self, why: &str) {
        let asked = self.running.0.iter().filter(|(_, run)| matches!(run.state, State::Asked));
        for id in asked.map(|(id, _)| *id).collect::<Vec<_>>() {
            let result = OperationResult::Reload(Err(why.to_owned()));
            self.contain_for(id, |engine| engine.finish_operation(id, result));
        }
    }
}

impl Ctx {
    /// The file of a recorder that has been started has begun, or cannot begin: operations that wait for it are told.
    pub fn recording_began(&mut self, stream: StreamId, recorder: &str, result: RecordResult) {
        self.order(Order::Began(stream, recorder.into(), result));
    }
}
