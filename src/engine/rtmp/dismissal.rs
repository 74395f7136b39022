//! Publishers that a module ends: for a frame that its stream may not have, or for the time.

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::Endpoint;
use crate::engine::ids::StreamId;
use crate::engine::rtmp::publish::LeaveReason;
use crate::rtmp::command::Level;

impl Ctx {
    /// Ends the publisher of a stream in a step to come, and tells it why. From now on nothing is taken from it: the frame
    /// for which this is said reaches neither the modules behind nor the sinks. The stream ends with it: it does not wait for
    /// a publisher that was not lost.
    pub fn dismiss(&mut self, id: StreamId, why: &str) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        if let (Some(publisher), None) = (stream.publisher, &stream.dismissed) {
            stream.dismissed = Some(why.into());
            self.work.dismissed.push_back(publisher);
            self.refusals.publishers += 1;
        }
    }

    /// Whether nothing more is taken from the publisher of a stream.
    #[inline]
    pub(in crate::engine) fn is_dismissed(&self, id: StreamId) -> bool {
        self.streams.get(id).is_some_and(|stream| stream.dismissed.is_some())
    }
}

impl Engine {
    /// Ends a publisher that has been dismissed, unless it has left its stream by itself.
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
