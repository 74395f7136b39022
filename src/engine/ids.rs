//! What sessions, streams, applications and locations are known by.

use std::fmt;

/// A session: a slot and a serial, so that a late id never finds the slot's next owner. Shown as
/// "#serial", as every log line begins.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId {
    /// The slot; whoever owns the sockets may use it as an index.
    pub index: u32,
    serial: u32,
}

impl SessionId {
    pub(super) fn new(index: u32, serial: u32) -> Self {
        Self { index, serial }
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.serial)
    }
}

/// A stream: a slot and a serial, so that a late id never finds the slot's next owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId {
    index: u32,
    serial: u32,
}

impl StreamId {
    pub(super) fn new(index: u32, serial: u32) -> Self {
        Self { index, serial }
    }

    /// The slot.
    pub(super) fn slot(self) -> usize {
        self.index as usize
    }

    /// An id of no stream, for tests that only tell streams apart.
    #[cfg(test)]
    pub(crate) fn of_nothing(index: u32) -> Self {
        Self { index, serial: u32::MAX }
    }
}

/// One message stream of one session: what publishes or plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// The session.
    pub session: SessionId,
    /// The message stream.
    pub msid: u32,
}

/// An RTMP application: a position in [`Config::applications`](super::Config::applications).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId(pub usize);

/// An HTTP location: a position in [`Config::locations`](super::Config::locations).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocationId(pub usize);
