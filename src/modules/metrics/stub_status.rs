//! nginx's `stub_status`: seven numbers in its very words, which many tools read.
//!
//! As in nginx, connections are those of all protocols, and requests those of HTTP. What HTTP connections do is counted by
//! going through all sessions in steps.

use crate::engine::{COMPOSED_AT_ONCE, Compose, Composed, Ctx, HttpActivity, HttpReply, Protocol};

/// What HTTP connections do, as far as they have been looked at.
#[derive(Debug, Default)]
pub struct StubStatus {
    /// The next slot.
    slot: usize,
    reading: u64,
    writing: u64,
    waiting: u64,
}

impl Compose for StubStatus {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        let end = cx.sessions.slots().min(self.slot + COMPOSED_AT_ONCE);
        for session in (self.slot..end).filter_map(|slot| cx.sessions.at(slot)) {
            match session.http_activity() {
                Some(HttpActivity::Reading) => self.reading += 1,
                Some(HttpActivity::Writing) => self.writing += 1,
                Some(HttpActivity::Waiting) => self.waiting += 1,
                None => {}
            }
        }
        self.slot = end;
        if end < cx.sessions.slots() {
            return Composed::Partly;
        }
        Composed::Reply(HttpReply::made(200, "text/plain", "no-store", self.text(cx)))
    }
}

impl StubStatus {
    fn text(&self, cx: &Ctx) -> String {
        let active = cx.connections(Protocol::Rtmp) + cx.connections(Protocol::Http);
        let totals = &cx.totals;
        let accepted = totals.rtmp_connections + totals.http_connections;
        let (requests, Self { reading, writing, waiting, .. }) = (totals.http_requests, self);
        // Also the blank at the end of some lines.
        format!(
            "Active connections: {active} \n\
             server accepts handled requests\n {accepted} {accepted} {requests} \n\
             Reading: {reading} Writing: {writing} Waiting: {waiting} \n"
        )
    }
}
