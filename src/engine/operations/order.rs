//! Orders: the parts of operations that are carried out in steps of their own.

use std::rc::Rc;
use std::time::Instant;

use crate::engine::ids::{Endpoint, SessionId, StreamId};
use crate::engine::operations::operation::RecordResult;
use crate::engine::viewing::view::ViewerId;

/// A part of an operation, which is carried out in one step.
#[derive(Debug)]
pub(in crate::engine) enum Order {
    /// To end a client.
    Kick(SessionId, Rc<str>),
    /// To end viewers.
    EndViewers(Box<KickedViewers>),
    /// To end a stream whose publisher is lost and waited for.
    EndGrace(StreamId),
    /// To have a publisher or player go to the stream of this name and arguments.
    Redirect(Endpoint, Box<str>),
    /// To continue the operation that the request of a session waits for.
    Operate(SessionId),
    /// To tell operations that the file of a recorder has begun, or why it has not.
    Began(StreamId, Box<str>, RecordResult),
}

impl Order {
    /// The session that is closed if carrying out the order panics.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::Kick(id, _) | Self::Operate(id) => Some(*id),
            Self::Redirect(endpoint, _) => Some(endpoint.session),
            Self::EndViewers(_) | Self::EndGrace(_) | Self::Began(..) => None,
        }
    }

    /// The stream that is ended if carrying out the order panics.
    pub fn stream(&self) -> Option<StreamId> {
        if let Self::EndGrace(id) = self { Some(*id) } else { None }
    }
}

/// Viewers that an operator has kicked.
#[derive(Debug)]
pub(in crate::engine) struct KickedViewers {
    /// Those that are yet to be ended.
    pub left: Vec<ViewerId>,
    /// The reason, for the log.
    pub why: Rc<str>,
    /// The end of their refusal.
    pub until: Instant,
    /// Whether it was one from the beginning.
    pub is_one: bool,
}
