//! A connection to a backend: what a session that speaks HTTP as a client has of its own.

use std::rc::Rc;
use std::time::Instant;

use crate::engine::calls::destination::Destination;
use crate::engine::calls::pool::PendingCall;
use crate::engine::calls::transfer::Transfer;
use crate::http::client::ResponseReader;

/// The closing reason of a connection whose call may be made again.
pub const CLOSED: &str = "the connection was closed without an answer";

/// The closing reason of one that is lost behind the beginning of an answer.
pub const BROKEN_OFF: &str = "the connection was lost in the middle of the answer";

/// The state of a session that speaks HTTP as a client.
#[derive(Debug)]
pub struct HttpClientState {
    /// The server.
    pub destination: Rc<Destination>,
    pub stage: Stage,
    /// The call that is made over it now.
    pub call: Option<Box<PendingCall>>,
    /// The download for which it was made; it has no calls then.
    pub download: Option<Box<Transfer>>,
    /// When it began.
    pub began: Instant,
    /// Reads the response to that call.
    pub reader: ResponseReader,
    /// Responses so far.
    pub responses: u64,
    /// When the time of the call is over, or that of an idle connection.
    pub until: Instant,
}

/// The stages of such a session, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Net connects it; its call waits.
    Connecting,
    /// It has a call, or waits for one.
    Open,
    /// It ends, and has neither a call nor a place among the connections of its destination.
    Ended,
}

impl HttpClientState {
    /// The state of a connection that is to be made for a call.
    pub fn new(destination: Rc<Destination>, now: Instant) -> Self {
        let reader = ResponseReader::new(0);
        Self {
            destination,
            stage: Stage::Connecting,
            call: None,
            download: None,
            began: now,
            reader,
            responses: 0,
            until: now,
        }
    }

    /// Gives it a call, to be made at `now`.
    pub fn begin(&mut self, mut call: Box<PendingCall>, now: Instant) {
        self.reader = ResponseReader::new(call.call.max_body);
        self.until = call.begin(now);
        self.began = now;
        self.call = Some(call);
    }

    /// The bytes of its request.
    pub fn request(&self) -> Option<&Rc<[u8]>> {
        let call = self.call.as_ref().map(|call| &call.call.request);
        call.or_else(|| Some(&self.download.as_ref()?.request))
    }

    /// Bytes that are held of a response.
    pub fn held(&self) -> usize {
        self.reader.held() + self.download.as_ref().map_or(0, |download| download.held())
    }

    /// Frees what has come of a response.
    pub fn release(&mut self) {
        self.reader.release();
        self.download.iter_mut().for_each(|download| download.release());
    }

    /// Whether its call may be made again when the connection has just been closed: the server may have closed it, as
    /// it was idle, before the request came.
    pub fn may_repeat(&self) -> bool {
        let is_first = self.call.as_ref().is_some_and(|call| !call.is_repeated);
        is_first && self.responses > 0 && !self.reader.has_begun()
    }
}
