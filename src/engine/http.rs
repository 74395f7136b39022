//! HTTP requests to the engine: the location is found, the modules are asked, the answer is queued.

use std::rc::Rc;

use super::Engine;
use super::module::{HttpReply, HttpRequest};
use super::out_queue::Body;
use super::session::{Life, STEP_DEADLINE, SessionId};
use crate::http::{HttpError, Method, Request, conditional, response};

/// Heads and bodies that may wait for one client; its further requests are not taken until they are sent.
const MAX_WAITING: usize = 16;

impl Engine {
    /// Feeds bytes to an HTTP session and answers its requests, in order.
    pub(super) fn http_input(&mut self, id: SessionId, mut input: &[u8]) {
        loop {
            let now = self.cx.now.instant;
            let Some(session) = self.cx.sessions.get_mut(id) else { return };
            if session.life != Life::Open {
                return;
            }
            session.backlogged = session.out.len() >= MAX_WAITING;
            if session.backlogged {
                session.pending = input.to_vec();
                return;
            }
            let Some(state) = session.http_mut() else { return };
            let waited = std::mem::replace(&mut state.in_head, true);
            match state.protocol.next(&mut input) {
                Ok(Some(request)) => {
                    state.in_head = false;
                    state.waits_since = now;
                    self.answer(id, &request);
                }
                Ok(None) => {
                    state.in_head = state.protocol.in_head();
                    if state.in_head && !waited {
                        state.waits_since = now;
                        self.cx.look_by(id, now + STEP_DEADLINE);
                    }
                    return;
                }
                Err(error) => return self.reject(id, error),
            }
        }
    }

    fn answer(&mut self, id: SessionId, request: &Request) {
        let Some(server) = self.cx.sessions.get(id).map(|session| session.server) else { return };
        let location = self.cx.find_location(server, &request.path);
        let reply = location.and_then(|location| {
            let located = HttpRequest { session: id, location, request };
            self.modules.iter_mut().find_map(|module| module.on_http(&mut self.cx, &located))
        });
        let reply = reply.unwrap_or_else(|| error_reply(404));
        let (method, target, status) =
            (request.method.as_str(), request.target.escape_debug(), reply.head.status);
        log::debug!("{id} {method} {target} {status} {} bytes", reply.body.len());
        let persistent = request.persistent && !self.cx.draining;
        self.send_reply(id, reply, persistent, request.method == Method::Head);
        if !persistent {
            self.cx.finish(id, "answered");
        }
    }

    fn reject(&mut self, id: SessionId, error: HttpError) {
        self.send_reply(id, error_reply(error.status), false, false);
        self.cx.finish(id, &format!("{} {}", error.status, error.reason));
    }

    fn send_reply(&mut self, id: SessionId, reply: HttpReply, persistent: bool, head_only: bool) {
        let wall = self.cx.now.wall.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
        let date = conditional::format_date(wall.as_secs());
        let head = reply.head.encode(Some(reply.body.len()), persistent, &date);
        let queued = self.cx.send_bytes(id, &head);
        if queued
            && !head_only
            && let Some(session) = self.cx.sessions.get_mut(id)
        {
            session.out.push_body(reply.body);
        }
    }
}

/// The answer to a request that nobody can meet.
fn error_reply(status: u16) -> HttpReply {
    let (head, page) = response::error_page(status);
    HttpReply { head, body: Body::Bytes(Rc::from(page)) }
}
