//! Orders: the parts of operations that are carried out in steps of their own.

use std::rc::Rc;

use crate::engine::ids::{Endpoint, SessionId, StreamId};
use crate::engine::operations::operation::RecordResult;

/// A part of an operation, which is carried out in one step.
#[derive(Debug)]
pub(in crate::engine) enum Order {
    /// To end a client.
    Kick(SessionId, Rc<str>),
    /// To end the viewers that have been kicked.
    EndViewers,
    /// To have a publisher or player go to the stream of this name and arguments.
    Redirect(Endpoint, Box<str>),
    /// To go on with the operation that the request of a session waits for.
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
            Self::EndViewers | Self::Began(..) => None,
        }
    }
}
