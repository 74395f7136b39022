//! Viewers of HLS who have asked for a stream that is pulled: their requests wait until its playlist is there.

use std::net::IpAddr;
use std::time::Duration;

use crate::engine::{AppId, Ctx, Refusal, Reply, Request, RequestKind, StreamName, Ticket, TimerId, Verdict};

use super::lookup::stream_of;
use super::settings::MODULE;

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(10);
/// The most requests of one address that wait, so that nobody takes the places of all others.
const MOST_OF_ADDRESS: usize = 8;
/// The time between two looks for playlists.
const EVERY: Duration = Duration::from_millis(200);

/// The token of the timer for the next look. No other timer is set.
const TOKEN: u64 = 0;

/// What a viewer is told if the stream does not come.
const TOO_LATE: &str = "the stream has not come from the other server in time";

/// What a viewer is told of whose address too many requests wait.
const TOO_MANY: &str = "too many requests of this address wait for streams of other servers";

/// The requests that wait. Bounded by the requests that the engine suspends.
#[derive(Default)]
pub struct Views {
    waiting: Vec<Waiting>,
    timer: Option<TimerId>,
}

struct Waiting {
    app: AppId,
    name: Box<str>,
    ticket: Ticket,
    /// The viewer's address; none at a Unix socket, or if it is that of a proxy.
    address: Option<IpAddr>,
}

impl Views {
    /// Has a viewer's request wait until its stream is listed, if it is pulled.
    pub fn wait(&mut self, cx: &mut Ctx, request: &Request) -> Verdict {
        let (Request { app, ticket, .. }, name) = (request, stream_of(request));
        if !is_pulled(cx, *app, name) || cx.viewing.lists.knows(*app, name) {
            return Verdict::Continue;
        }
        let address = address(request);
        self.waiting.push(Waiting { app: *app, name: name.into(), ticket: *ticket, address });
        self.set_timer(cx);
        Verdict::Suspend { until: cx.now.instant + LONGEST }
    }

    /// Refuses a request of an address of which enough wait already: before it has a stream pulled.
    pub fn check(&mut self, cx: &Ctx, request: &Request) -> Result<(), Refusal> {
        let Some(address) = address(request) else { return Ok(()) };
        let of_address = |waiting: &&Waiting| waiting.address == Some(address);
        if self.waiting.iter().filter(of_address).count() < MOST_OF_ADDRESS {
            return Ok(());
        }
        self.waiting.retain(|waiting| cx.sessions.get(waiting.ticket.session).is_some());
        let count = self.waiting.iter().filter(of_address).count();
        if count < MOST_OF_ADDRESS { Ok(()) } else { Err(Refusal::of_request(TOO_MANY)) }
    }

    /// Whether this request waits.
    pub fn has(&self, ticket: Ticket) -> bool {
        self.waiting.iter().any(|waiting| waiting.ticket.session == ticket.session)
    }

    /// Decides about a request that has waited.
    pub fn resume(&mut self, request: &Request, reply: Reply) -> Verdict {
        self.waiting.retain(|waiting| waiting.ticket.session != request.session);
        match reply {
            Reply::Grant | Reply::Rename(_) => Verdict::Continue,
            Reply::Refuse(refusal) => Verdict::Deny(refusal),
            Reply::TimedOut => Verdict::Deny(Refusal::of_request(TOO_LATE)),
        }
    }

    /// Looks for playlists.
    pub fn look(&mut self, cx: &mut Ctx) {
        self.timer = None;
        self.waiting.retain(|waiting| cx.sessions.get(waiting.ticket.session).is_some());
        for Waiting { app, name, ticket, .. } in &self.waiting {
            if cx.viewing.lists.knows(*app, name) {
                cx.answer(*ticket, Reply::Grant);
            } else if !is_pulled(cx, *app, name) {
                cx.answer(*ticket, Reply::Refuse(Refusal::of_request(TOO_LATE)));
            }
        }
        if !self.waiting.is_empty() {
            self.set_timer(cx);
        }
    }

    fn set_timer(&mut self, cx: &mut Ctx) {
        if self.timer.is_none() {
            self.timer = Some(cx.set_module_timer(MODULE, cx.now.instant + EVERY, TOKEN));
        }
    }
}

/// The address of a viewer; none if there may be many viewers behind it.
fn address(request: &Request) -> Option<IpAddr> {
    match &request.kind {
        RequestKind::View(view) if !view.is_proxy => view.peer.ip(),
        _ => None,
    }
}

/// Whether a stream comes, or is to come, from another server.
fn is_pulled(cx: &Ctx, app: AppId, name: &str) -> bool {
    StreamName::new(name).is_ok_and(|name| cx.pull_of(app, &name).is_some())
}
