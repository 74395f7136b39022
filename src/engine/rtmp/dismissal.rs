//! Dismissal: a module ends a publisher, for a frame beyond a limit or because its time is over.
//!
//! [`Ctx::dismiss`] marks the stream, from which nothing is taken any more, and a later step ends the publisher. The
//! modules decide whom to dismiss; nothing here judges a frame.

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::{Endpoint, StreamId};
use crate::engine::rtmp::publish::LeaveReason;
use crate::rtmp::command::Level;

impl Ctx {
    /// Ends the publisher of a stream in a later step and tells it why. Nothing more is taken from it: the frame that
    /// has caused this reaches neither the later modules nor the sinks. The stream ends, too; it has no grace, as its
    /// publisher is not lost.
    pub fn dismiss(&mut self, id: StreamId, why: &str) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        if let (Some(publisher), None) = (stream.publisher, &stream.dismissed) {
            stream.dismissed = Some(why.into());
            self.work.dismissed.push_back(publisher);
            self.refusals.publishers += 1;
        }
    }

    /// Whether the publisher of a stream has been dismissed.
    #[inline]
    pub(in crate::engine) fn is_dismissed(&self, id: StreamId) -> bool {
        self.streams.get(id).is_some_and(|stream| stream.dismissed.is_some())
    }
}

impl Engine {
    /// Ends a dismissed publisher, unless it has left its stream by itself.
    pub(in crate::engine) fn end_dismissed(&mut self, publisher: Endpoint) {
        let Some(session) = self.cx.sessions.get(publisher.session) else { return };
        let Some(stream) = session.roles.published_on(publisher.msid) else { return };
        let Some(stream) = self.cx.streams.get(stream) else { return };
        let Some(why) = stream.dismissed.clone() else { return };
        let reason = format!("{}/{}: {why}", self.app_name(stream.app), stream.name);
        self.cx.status(publisher, (Level::Error, "NetStream.Publish.Rejected"), &why);
        self.leave(publisher, LeaveReason::Ended);
        self.finish_if_idle(publisher.session, &reason);
    }
}
