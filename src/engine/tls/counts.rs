//! Counts of encrypted connections and of handshakes.

use crate::engine::config::listener::Protocol;

/// Encrypted connections that are open, and the handshakes since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct TlsCounts {
    /// Open connections of RTMPS whose handshake is complete.
    pub rtmps: usize,
    /// Open connections of HTTPS whose handshake is complete.
    pub https: usize,
    /// Handshakes that were completed.
    pub handshakes: u64,
    /// Handshakes that failed; clients that only left are not counted.
    pub failed: u64,
}

impl TlsCounts {
    /// Counts a connection whose handshake is complete.
    pub(in crate::engine) fn enter(&mut self, protocol: Protocol) {
        self.handshakes += 1;
        *self.of(protocol) += 1;
    }

    /// Counts such a connection no more.
    pub(in crate::engine) fn leave(&mut self, protocol: Protocol) {
        let count = self.of(protocol);
        debug_assert!(*count > 0, "who leaves was counted");
        *count = count.saturating_sub(1);
    }

    fn of(&mut self, protocol: Protocol) -> &mut usize {
        match protocol {
            Protocol::Rtmp => &mut self.rtmps,
            Protocol::Http => &mut self.https,
        }
    }
}
