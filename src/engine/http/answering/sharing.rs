//! Requests for shared answers: they wait while the answer is composed, and all get the same bytes.
//!
//! The answers themselves are in `shared.rs`. A client that leaves does not stop the composition as long as another one
//! waits for it.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::engine::Engine;
use crate::engine::http::answer::{Composed, HttpReply, Route, SharedAnswer};
use crate::engine::http::answering::pending::Pending;
use crate::engine::http::answering::shared::{KeptReply, SharedState};
use crate::engine::http::body::Body;
use crate::engine::http::lookup::Findings;
use crate::engine::http::progress::Progress;
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::SessionId;
use crate::engine::timers::Timer;
use crate::engine::work::Composition;
use crate::http::ResponseHead;
use crate::http::conditional::{self, Outcome};

/// Requests that are answered in one step.
const ANSWERED_AT_ONCE: usize = 32;

impl Engine {
    /// Answers a request from what is kept, or has it wait until that is composed.
    pub(in crate::engine) fn answer_shared(
        &mut self,
        mut request: HttpRequest,
        progress: Progress,
        answer: SharedAnswer,
    ) {
        let id = request.session;
        if let Some(entry) = self.shared.find(&answer.key, self.cx.now.instant) {
            if let SharedState::Kept { reply, .. } = &entry.state {
                let route = route_for(&request, reply);
                return self.lead(request, progress, Some(route));
            }
            entry.waiting.push(id);
        } else {
            match self.shared.add(answer, id) {
                Ok(number) => self.cx.work.composing.push_back(Composition::Shared(number)),
                Err(answer) => return self.begin_composing(request, progress, answer.composer),
            }
        }
        request.findings = Findings::default();
        self.hold(Pending::new(request, progress, None));
    }

    /// Does one step of a shared answer: composes a part of it, or sends it to some of those who wait.
    pub(in crate::engine) fn compose_shared(&mut self, number: u64) {
        let Some(entry) = self.shared.get_mut(number) else { return };
        let SharedState::Composing(composer) = &mut entry.state else { return self.send_shared(number) };
        if !entry.waiting.iter().any(|id| self.pending.get_mut(*id).is_some()) {
            self.shared.remove(number);
            return;
        }
        let (reply, is_verbatim) = match composer.step(&mut self.cx) {
            Composed::Partly => return self.cx.work.composing.push_front(Composition::Shared(number)),
            Composed::Reply(reply) => (reply, false),
            Composed::Verbatim(reply) => (reply, true),
            Composed::Wait(_) => {
                debug_assert!(false, "a shared answer waits for a thread");
                (HttpReply::error(500), false)
            }
        };
        let kept = KeptReply { is_verbatim, ..self.kept_reply(number, reply) };
        self.shared.keep(number, kept, self.cx.now.instant);
        self.set_shared_timer();
        self.send_shared(number);
    }

    /// The composer of a shared answer has panicked: those who wait get an error.
    pub(in crate::engine) fn fail_shared(&mut self, number: u64) {
        let waiting = self.shared.remove(number).map(|entry| entry.waiting).unwrap_or_default();
        for id in waiting {
            self.contain_for(id, |engine| engine.release(id, HttpReply::error(500)));
        }
    }

    /// The timer for shared answers has expired.
    pub(in crate::engine) fn drop_shared(&mut self) {
        self.shared.has_timer = false;
        self.shared.drop_unneeded(self.cx.now.instant);
        self.set_shared_timer();
    }

    fn set_shared_timer(&mut self) {
        if !self.shared.has_timer
            && let Some(at) = self.shared.next_end()
        {
            self.shared.has_timer = true;
            self.cx.timers.add(at, Timer::Shared);
        }
    }

    /// What is kept of a reply, with the entity tag of a success.
    fn kept_reply(&self, number: u64, reply: HttpReply) -> KeptReply {
        let HttpReply { mut head, body } = reply;
        let body = match body {
            Body::Bytes(bytes) => bytes,
            Body::Empty | Body::Live => Rc::from([].as_slice()),
            Body::Memory { .. } | Body::File { .. } => {
                debug_assert!(false, "a shared answer is of bytes");
                return self.kept_reply(number, HttpReply::error(500));
            }
        };
        let since =
            self.cx.now.wall.duration_since(SystemTime::UNIX_EPOCH).as_ref().map_or(0, Duration::as_millis);
        let etag = (head.status == 200).then(|| format!("\"{since:x}-{number:x}\""));
        if let Some(etag) = &etag {
            head = head.with("ETag", etag);
        }
        KeptReply { head, body, etag, is_verbatim: false }
    }

    /// Sends a composed answer to some of those who wait for it.
    fn send_shared(&mut self, number: u64) {
        let Some(entry) = self.shared.get_mut(number) else { return };
        let SharedState::Kept { reply, .. } = &entry.state else { return };
        let count = entry.waiting.len().min(ANSWERED_AT_ONCE);
        let (reply, first): (_, Vec<_>) = (reply.clone(), entry.waiting.drain(..count).collect());
        if entry.waiting.is_empty() {
            self.shared.drop_unneeded(self.cx.now.instant);
        } else {
            self.cx.work.composing.push_front(Composition::Shared(number));
        }
        for id in first {
            self.contain_for(id, |engine| engine.send_kept(id, &reply));
        }
    }

    fn send_kept(&mut self, id: SessionId, kept: &KeptReply) {
        if let Some(Pending { request, progress, .. }) = self.unhold(id) {
            let route = route_for(&request, kept);
            self.lead(request, progress, Some(route));
        }
    }
}

fn route_for(request: &HttpRequest, kept: &KeptReply) -> Route {
    let reply = reply_for(request, kept);
    if kept.is_verbatim { Route::Verbatim(reply) } else { Route::Reply(reply) }
}

/// The reply to a request from what is kept, or that the client has it already.
fn reply_for(request: &HttpRequest, kept: &KeptReply) -> HttpReply {
    let reply = kept.reply();
    let Some(etag) = &kept.etag else { return reply };
    match conditional::evaluate(&request.head.headers, etag, u64::MAX) {
        Outcome::Proceed => reply,
        Outcome::NotModified => {
            HttpReply { head: ResponseHead::new(304).with("ETag", etag), body: Body::Empty }
        }
        Outcome::Failed => HttpReply::error(412),
    }
}
