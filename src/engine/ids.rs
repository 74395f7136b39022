//! Ids of sessions, streams, message streams, applications, servers, listeners and locations.
//!
//! Sessions and streams are known by a slot and a serial, so a late id finds nothing instead of the slot's next owner.
//! Applications, RTMP servers and listeners keep their ids over a reload; the locations of each configuration have new
//! ones.

use std::fmt;

/// A session. Displayed as "#serial", with which every log line of a session begins.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId {
    /// The slot, by which net finds the socket.
    pub index: u32,
    serial: u32,
}

impl SessionId {
    pub(super) fn new(index: u32, serial: u32) -> Self {
        Self { index, serial }
    }

    /// The number by which logs, callbacks and statistics know the session.
    pub fn serial(self) -> u32 {
        self.serial
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.serial)
    }
}

/// A stream.
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

    /// The number by which scripts of web pages know the stream.
    pub fn serial(self) -> u32 {
        self.serial
    }

    /// An id of no stream, for tests that only tell streams apart.
    #[cfg(test)]
    pub(crate) fn of_nothing(index: u32) -> Self {
        Self { index, serial: u32::MAX }
    }
}

/// One message stream of one session: one publisher or one player.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The session.
    pub session: SessionId,
    /// The message stream.
    pub msid: u32,
}

/// An RTMP application: a slot, which it keeps over a reload.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId(pub usize);

/// An RTMP server: a slot, which it keeps over a reload.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ServerId(pub(super) usize);

/// A listener. No other has the same, also after a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerId(pub(super) u32);

/// An HTTP location of one configuration. Those of a configuration follow each other, and no later one has the same.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocationId(pub u32);
