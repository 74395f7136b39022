//! Clients of an encrypted port that do not speak TLS.

use crate::engine::Engine;
use crate::engine::ids::SessionId;
use crate::engine::now::Now;

/// The first byte of RTMP (section 5.2.1 of its specification, the version).
const RTMP: u8 = 3;

impl Engine {
    /// A client begins with other bytes than those of TLS: `input` is all that has come. A request of HTTP at a port for
    /// HTTPS is answered, without TLS; all others are closed.
    pub fn refuse_plain(&mut self, id: SessionId, input: &[u8], now: Now) {
        self.cx.now = now;
        let Some(session) = self.cx.sessions.get(id) else { return };
        let peer = session.peer.host();
        let is_http = self.is_http(id);
        let first = input.first().copied().unwrap_or_default();
        let (is, not) = match (first, is_http) {
            (RTMP, true) => ("this is RTMP", "HTTPS"),
            (RTMP, false) => ("this is RTMP", "RTMPS: its address begins with rtmps://"),
            (b'A'..=b'Z', true) => ("this is HTTP without TLS", "HTTPS: its address begins with https://"),
            (b'A'..=b'Z', false) => ("this is HTTP", "RTMPS"),
            (_, true) => ("this is no TLS", "HTTPS"),
            (_, false) => ("this is no TLS", "RTMPS"),
        };
        if let Some(others) = self.cx.log_limits.wrong_port.admit(now.instant) {
            log::info!("{id} {peer}: {is}, and the port is for {not}{others}");
        }
        if !is_http || first == RTMP {
            return self.cx.close(id, "no TLS at a port for it");
        }
        if let Some(session) = self.cx.sessions.get_mut(id) {
            (session.is_plain, session.is_encrypted) = (true, false);
        }
        self.input(id, input, now);
    }
}
