//! A download, its events, and the state in which a session has it: the part that gathers, and the end.

use std::rc::Rc;
use std::time::Duration;

use crate::engine::calls::call::CallError;
use crate::engine::calls::destination::Destination;
use crate::engine::ids::SessionId;
use crate::http::client::{ResponseError, ResponseHead, ResponseReader};

/// The most bytes of a part.
pub const LONGEST_PART: usize = 256 * 1024;

/// A request of a module whose answer may have any length.
#[derive(Debug)]
pub struct Download {
    /// The name of the module that gets the answer.
    pub module: &'static str,
    /// The module's number for it.
    pub token: u64,
    /// The server to connect to.
    pub destination: Rc<Destination>,
    /// The encoded request.
    pub request: Rc<[u8]>,
    /// The time for lookup and connect, and the longest one without a byte.
    pub timeout: Duration,
}

/// A download under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownloadId(pub(in crate::engine) SessionId);

/// What has happened to a download, in this order: the head, parts, and one of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownloadEvent {
    /// The head of the answer has come.
    Head(ResponseHead),
    /// The next bytes of the body.
    Part(Vec<u8>),
    /// The answer is complete.
    End,
    /// It cannot be had, or not all of it.
    Failed(CallError),
}

/// What waits for a step.
#[derive(Debug)]
pub(in crate::engine) enum DownloadNews {
    /// This session has something of its download.
    Ready(SessionId),
    /// The connection of this module's download has ended before the answer was complete.
    Failed(&'static str, u64, CallError),
}

/// The state of a download.
#[derive(Debug)]
pub struct Transfer {
    pub module: &'static str,
    pub token: u64,
    pub request: Rc<[u8]>,
    pub timeout: Duration,
    /// The head, until the module has it.
    head: Option<ResponseHead>,
    /// Whether the head has come.
    has_head: bool,
    /// Bytes of the body that the reader of the response holds.
    gathered: usize,
    /// The last bytes of the body, once the reader is done.
    rest: Vec<u8>,
    /// What the end is, once nothing more comes.
    pub end: Option<Result<(), CallError>>,
    /// Whether the module takes the next event.
    pub is_wanted: bool,
    /// Whether a step will give it an event.
    pub is_announced: bool,
}

impl Transfer {
    pub fn new(download: &Download) -> Self {
        Self {
            module: download.module,
            token: download.token,
            request: Rc::clone(&download.request),
            timeout: download.timeout,
            head: None,
            has_head: false,
            gathered: 0,
            rest: Vec::new(),
            end: None,
            is_wanted: true,
            is_announced: false,
        }
    }

    /// Whether nothing more is to be read for now.
    pub fn is_full(&self) -> bool {
        self.end.is_some() || self.gathered >= LONGEST_PART
    }

    /// Whether it is the module for which this waits, not the server.
    pub fn awaits_module(&self) -> bool {
        !self.is_wanted && self.has_event()
    }

    pub fn has_event(&self) -> bool {
        self.head.is_some() || self.gathered > 0 || self.end.is_some()
    }

    /// Bytes that it holds beside the reader of the response.
    pub fn held(&self) -> usize {
        self.rest.capacity()
    }

    /// Frees what it holds.
    pub fn release(&mut self) {
        (self.rest, self.gathered) = (Vec::new(), 0);
    }

    /// Takes the next event; the last one ends it.
    pub fn next_event(&mut self, reader: &mut ResponseReader) -> Option<DownloadEvent> {
        self.is_announced = false;
        if !self.is_wanted {
            return None;
        }
        if let Some(head) = self.head.take() {
            self.is_wanted = false;
            return Some(DownloadEvent::Head(head));
        }
        let part = if self.rest.is_empty() { reader.take_body() } else { std::mem::take(&mut self.rest) };
        self.gathered = 0;
        if !part.is_empty() {
            self.is_wanted = false;
            return Some(DownloadEvent::Part(part));
        }
        Some(self.end.take()?.map_or_else(DownloadEvent::Failed, |()| DownloadEvent::End))
    }

    /// Takes bytes from `input` until the part is full or the answer complete.
    pub fn read(&mut self, reader: &mut ResponseReader, input: &mut &[u8]) {
        while !input.is_empty() && !self.is_full() {
            let room = LONGEST_PART - self.gathered;
            let (piece, rest) = input.split_at_checked(room).unwrap_or((input, &[]));
            *input = rest;
            if let Err(error) = self.read_piece(reader, piece) {
                self.finish(Vec::new(), Err(CallError::Failed(error.to_string())));
            }
        }
    }

    fn read_piece(&mut self, reader: &mut ResponseReader, mut piece: &[u8]) -> Result<(), ResponseError> {
        if !self.has_head {
            self.head = reader.next_head(&mut piece)?;
            self.has_head = self.head.is_some();
        }
        match reader.next(&mut piece)? {
            Some(response) => self.finish(response.body, Ok(())),
            None => self.gathered = reader.body_length(),
        }
        Ok(())
    }

    pub fn finish(&mut self, rest: Vec<u8>, end: Result<(), CallError>) {
        self.gathered = rest.len();
        self.rest = rest;
        self.end = Some(end);
    }
}
