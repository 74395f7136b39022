//! Clients of an encrypted port that do not speak TLS.

use crate::engine::Engine;
use crate::engine::http::UNSERVED;
use crate::engine::http::answer::HttpReply;
use crate::engine::ids::SessionId;
use crate::engine::now::Now;
use crate::http::Request;

/// The first byte of RTMP (section 5.2.1 of its specification, the version).
const RTMP: u8 = 3;

/// The page for browsers, in nginx's words.
const PAGE: &str = "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r\n<body>\r\n\
     <center><h1>400 Bad Request</h1></center>\r\n\
     <center>The plain HTTP request was sent to HTTPS port</center>\r\n</body>\r\n</html>\r\n";

impl Engine {
    /// A client begins with another byte than those of TLS. HTTP at a port for HTTPS is answered, without TLS; all others
    /// are closed.
    pub fn refuse_plain(&mut self, id: SessionId, first: u8, now: Now) {
        self.cx.now = now;
        let Some(session) = self.cx.sessions.get(id) else { return };
        let peer = session.peer.host();
        let is_http = self.is_http(id);
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
        let reason = "no TLS at a port for it";
        if !is_http || first == RTMP {
            return self.cx.close(id, reason);
        }
        let Some(request) = self.cx.receive(id, Request::unreadable(), now.instant) else {
            return self.cx.finish(id, UNSERVED);
        };
        let page = HttpReply::made(400, "text/html", "no-store", PAGE);
        self.send_reply(request, page, false);
        self.cx.finish(id, reason);
    }
}
