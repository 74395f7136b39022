//! What comes with a publish, on which the pushes of its stream depend.

use std::collections::HashMap;

use crate::engine::{Endpoint, Request, RequestKind, SessionId, StreamId};

/// What the pushes of streams depend on.
#[derive(Default)]
pub struct Publishes {
    /// The message stream of a request to publish that is about to be granted, and what comes with it.
    requested: HashMap<SessionId, (u32, Published)>,
    /// The streams that have a publisher, or had one a moment ago.
    pub streams: HashMap<StreamId, Published>,
}

/// What comes with a publish.
#[derive(Debug, Clone, Default)]
pub struct Published {
    pub args: Box<str>,
    /// The servers that a backend has named, each for a push of its own.
    pub urls: Vec<Box<str>>,
    /// The server that the directory has named.
    pub home: Option<Box<str>>,
    /// Whether a pull publishes.
    pub is_pull: bool,
}

impl Publishes {
    /// A request to publish is about to be granted.
    pub fn request(&mut self, request: &Request, home: Option<&str>) {
        let RequestKind::Publish { msid, .. } = request.kind else { return };
        let (args, urls) = (request.args.as_str().into(), request.relays.clone());
        let published = Published { args, urls, home: home.map(Box::from), is_pull: request.is_relay };
        self.requested.insert(request.session, (msid, published));
    }

    /// A session's request is refused, or the session has ended.
    pub fn request_ends(&mut self, session: SessionId) {
        self.requested.remove(&session);
    }

    /// A publisher has begun.
    pub fn begin(&mut self, stream: StreamId, publisher: Endpoint) {
        let requested = self.requested.remove(&publisher.session).filter(|(msid, _)| *msid == publisher.msid);
        self.streams.insert(stream, requested.map(|(_, published)| published).unwrap_or_default());
    }

    /// A stream has ended.
    pub fn end(&mut self, stream: StreamId) -> Option<Published> {
        self.streams.remove(&stream)
    }
}
