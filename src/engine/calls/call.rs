//! A call, and its errors.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::engine::calls::destination::Destination;

/// An HTTP request that a module makes.
#[derive(Debug)]
pub struct Call {
    /// The name of the module that gets the result.
    pub module: &'static str,
    /// The module's number for it.
    pub token: u64,
    /// The server to connect to.
    pub destination: Rc<Destination>,
    /// The encoded request.
    pub request: Rc<[u8]>,
    /// The most bytes that the body of the response may have.
    pub max_body: usize,
    /// The time for all of it: lookup, connect and response. For a decision, the time in which it waits for a
    /// connection, too.
    pub timeout: Duration,
    /// Whether somebody waits for it.
    pub kind: CallKind,
    /// Reports of the same order are made one after the other, as they were added.
    pub order: u64,
}

/// Whether somebody waits for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// A client waits for the result; such calls are made before reports.
    Decision,
    /// Nobody waits.
    Report,
}

/// Too many calls wait already; the call is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallsFull;

/// A call has got no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// There was none in time.
    TimedOut,
    /// The server could not be reached, or what it sent is no response; for the log.
    Failed(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}
