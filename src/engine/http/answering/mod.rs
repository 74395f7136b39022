//! Answers that take more than one step: a lookup has to be waited for, or a long answer is composed. The session is
//! held meanwhile.

pub(in crate::engine) mod pending;
pub(in crate::engine) mod shared;
mod sharing;

use crate::engine::Engine;
use crate::engine::http::answer::{Compose, Composed, HttpReply, Route};
use crate::engine::http::answering::pending::Pending;
use crate::engine::http::lookup::{Findings, Lookup, Subject};
use crate::engine::http::progress::Progress;
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::SessionId;
use crate::engine::jobs::JobResult;
use crate::engine::session::Session;
use crate::engine::work::Composition;
use crate::http::RequestBody;
use crate::http::response::RETRY_AFTER;

/// The most lookups of one request: try_files with all its candidates, on the way through some redirects.
const MAX_LOOKUPS: usize = 64;

impl Engine {
    /// Has a request wait until a thread has done a lookup; then the modules are asked again.
    pub(in crate::engine) fn wait_for(&mut self, request: HttpRequest, progress: Progress, lookup: Lookup) {
        let subject = lookup.subject();
        if request.findings.len() >= MAX_LOOKUPS || !self.look_up(request.session, lookup) {
            let reply = refusal(&request, subject);
            return self.reply_to(request, progress, reply);
        }
        self.hold(Pending::new(request, progress, None));
    }

    /// Has an answer composed, in later steps.
    pub(in crate::engine) fn begin_composing(
        &mut self,
        mut request: HttpRequest,
        progress: Progress,
        composer: Box<dyn Compose>,
    ) {
        let id = request.session;
        // They may have open files.
        request.findings = Findings::default();
        request.head.body = RequestBody::None;
        self.hold(Pending::new(request, progress, Some(composer)));
        self.cx.work.composing.push_back(Composition::Own(id));
    }

    /// Does one step of the answer that is being composed for a session.
    pub(in crate::engine) fn compose(&mut self, id: SessionId) {
        // A session that has ended needs no answer.
        if !self.cx.sessions.get(id).is_some_and(Session::is_answering) {
            return;
        }
        let Some(pending) = self.pending.get_mut(id) else { return };
        let Some(composer) = &mut pending.composer else { return };
        match composer.step(&mut self.cx) {
            // One answer is finished before the next begins, as one that is half done takes memory.
            Composed::Partly => self.cx.work.composing.push_front(Composition::Own(id)),
            Composed::Wait(lookup) => self.pending.queue(id, lookup),
            Composed::Reply(reply) => self.release(id, reply),
            Composed::Verbatim(reply) => self.release_with(id, Route::Verbatim(reply)),
        }
        self.begin_lookups();
    }

    /// Continues with a request for which a thread has done a lookup.
    pub(in crate::engine) fn resume_pending(&mut self, id: SessionId, result: JobResult) {
        self.pending.finish_lookup(id);
        if self.cx.sessions.get(id).is_some_and(Session::is_answering) {
            self.take_finding(id, result);
        }
        self.begin_lookups();
    }

    fn take_finding(&mut self, id: SessionId, result: JobResult) {
        let Some(pending) = self.pending.get_mut(id) else { return };
        match (result.take::<JobResult>(), &mut pending.composer) {
            (Ok(finding), Some(composer)) => {
                composer.take(finding);
                self.cx.work.composing.push_back(Composition::Own(id));
            }
            (Ok(finding), None) => {
                let Some(Pending { mut request, progress, .. }) = self.unhold(id) else { return };
                request.findings.add(finding);
                self.route(request, progress);
            }
            // The lookup has panicked.
            (Err(_), _) => self.release(id, HttpReply::error(500)),
        }
    }

    /// Drops the request of a session that has ended. A reader may still work for it.
    pub(in crate::engine) fn drop_pending(&mut self, id: SessionId) {
        let Some(pending) = self.pending.remove(id) else { return };
        self.forget_operation(id);
        self.begin_lookups();
        if let Some(keys) = pending.asks {
            self.continue_waiting(keys, None);
        }
    }

    /// Holds the session of a request that waits.
    pub(in crate::engine) fn hold(&mut self, pending: Pending) {
        let id = pending.request.session;
        if let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::http_mut) {
            state.answering = true;
            state.held_body = pending.request.head.body.bytes().len();
            self.pending.insert(id, pending);
            self.cx.count_input(id);
        }
    }

    /// Ends that; none if the session has ended.
    pub(in crate::engine) fn unhold(&mut self, id: SessionId) -> Option<Pending> {
        let pending = self.pending.remove(id)?;
        if let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::http_mut) {
            (state.answering, state.held_body) = (false, 0);
        }
        self.cx.count_input(id);
        self.cx.resume_input(id);
        Some(pending)
    }

    /// Sends the answer to a pending request.
    fn release(&mut self, id: SessionId, reply: HttpReply) {
        self.release_with(id, Route::Reply(reply));
    }

    fn release_with(&mut self, id: SessionId, route: Route) {
        if let Some(Pending { request, progress, .. }) = self.unhold(id) {
            self.lead(request, progress, Some(route));
        }
    }

    /// Begins lookups for answers that wait for a place.
    fn begin_lookups(&mut self) {
        while let Some((id, lookup)) = self.pending.next_lookup() {
            self.look_up_or_refuse(id, lookup);
        }
    }

    fn look_up_or_refuse(&mut self, id: SessionId, lookup: Lookup) {
        let subject = lookup.subject();
        if self.look_up(id, lookup) {
            return;
        }
        self.pending.finish_lookup(id);
        if let Some(Pending { request, progress, .. }) = self.unhold(id) {
            let reply = refusal(&request, subject);
            self.reply_to(request, progress, reply);
        }
    }

    /// Has a thread do a lookup; false if too many wait.
    fn look_up(&mut self, id: SessionId, lookup: Lookup) -> bool {
        lookup.begin(id, &mut self.cx.jobs).is_ok()
    }
}

/// The answer if too many requests wait for the same.
fn refusal(request: &HttpRequest, subject: Subject) -> HttpReply {
    let (id, path) = (request.session, request.head.path.escape_debug());
    log::warn!("{id} {path}: refused, since too many requests wait for {subject}");
    HttpReply::error(503).with("Retry-After", RETRY_AFTER)
}
