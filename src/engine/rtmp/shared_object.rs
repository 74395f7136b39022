//! Shared object messages between sessions and modules. The objects themselves belong to the module `shared_object`.
//!
//! What waits for a user of them is bounded separately, beside replies.

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;
use crate::engine::session::STEP_DEADLINE;
use crate::engine::session::out_queue::OutQueue;
use crate::rtmp::shared_object::{Encoding, SharedObject};

/// Bytes in the queue of one user at which queues are written before more input is read: a burst of one user must not
/// overflow the queues of those that read.
const FLUSH_AT_BYTES: usize = 64 * 1024;

impl Engine {
    /// Gives a shared object message of a connected client to the modules.
    pub(in crate::engine) fn handle_shared_object(&mut self, id: SessionId, message: &SharedObject) {
        let state = self.cx.sessions.get_mut(id).and_then(|session| session.rtmp_mut());
        let Some(app) = state.and_then(|state| state.app) else { return };
        for module in &mut self.modules {
            module.on_shared_object(&mut self.cx, id, app, message);
        }
    }
}

impl Ctx {
    /// Sends a session the payload of a shared object message in this encoding.
    pub fn send_shared_object(&mut self, id: SessionId, encoding: Encoding, payload: &[u8]) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let Some(state) = session.rtmp_mut() else { return };
        let mut out = Vec::new();
        state.protocol.write_shared_object(&mut out, encoding, payload);
        self.work.needs_flush |= session.out.bytes() + out.len() >= FLUSH_AT_BYTES;
        self.queue(id, &out, OutQueue::join_bytes);
    }

    /// Sets how many bytes of shared objects may wait for a session, beside replies; 0 if it uses none. While it uses
    /// some it need neither publish nor play; after the last, the time for its next step begins anew.
    pub fn set_shared_object_room(&mut self, id: SessionId, room: usize) {
        let now = self.now.instant;
        let Some(session) = self.sessions.get_mut(id) else { return };
        let ended = room == 0 && session.shared_object_room > 0;
        session.shared_object_room = room;
        if let Some(state) = session.rtmp_mut().filter(|_| ended) {
            state.idle_since = now;
            self.wake_no_later_than(id, now + STEP_DEADLINE);
        }
    }
}
