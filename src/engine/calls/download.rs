//! Downloads: calls of which the module gets the answer in parts as it comes, however long that is.
//!
//! Each has a connection of its own, and its state is in `transfer.rs`. While the module has a part that it has not dealt
//! with, the next one gathers, and then the connection is not read, so that memory is bounded and a fast server is slowed
//! by TCP. A download has no time for all of it, but one without any byte. Redirects are answers like others.

use std::rc::Rc;

use crate::engine::Engine;
use crate::engine::calls::call::{CallError, CallsFull};
use crate::engine::calls::connection::{BROKEN_OFF, CLOSED};
use crate::engine::calls::transfer::{Download, DownloadEvent, DownloadId, DownloadNews, Transfer};
use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;
use crate::engine::session::{Life, Session};
use crate::engine::work::Action;
use crate::http::client::ResponseReader;

/// The most downloads at a time: with those, parts take 32 MiB at most.
pub const MAX_DOWNLOADS: usize = 64;

/// The closing reason of a connection whose download the module has given up.
const GIVEN_UP: &str = "the download was given up";
/// The same for one that is complete.
const COMPLETE: &str = "the download is complete";

impl Ctx {
    /// Begins a download; the module's `on_download` gets the answer in parts.
    pub fn download(&mut self, download: &Download) -> Result<DownloadId, CallsFull> {
        if self.calls.downloads >= MAX_DOWNLOADS || self.is_stopping() {
            return Err(CallsFull);
        }
        let id = self.open_client(Rc::clone(&download.destination));
        let until = self.now.instant + download.timeout;
        if let Some(state) = self.sessions.get_mut(id).and_then(Session::http_client_mut) {
            state.reader = ResponseReader::new(usize::MAX);
            state.download = Some(Box::new(Transfer::new(download)));
            state.until = until;
        }
        self.calls.downloads += 1;
        self.reset_timer(id, until);
        self.work.actions.push_back(Action::Connect(id));
        Ok(DownloadId(id))
    }

    /// Gives the module the next event of a download, once there is one.
    pub fn continue_download(&mut self, DownloadId(id): DownloadId) {
        let now = self.now.instant;
        let Some(state) = self.sessions.get_mut(id).and_then(Session::http_client_mut) else { return };
        let Some(download) = &mut state.download else { return };
        download.is_wanted = true;
        // The server need not have sent anything while the module held the download.
        state.until = now + download.timeout;
        let until = state.until;
        self.wake_no_later_than(id, until);
        self.announce_event(id);
    }

    /// Gives up a download and closes its connection. The module hears nothing more of it.
    pub fn end_download(&mut self, DownloadId(id): DownloadId) {
        if self.take_transfer(id).is_some() {
            self.close(id, GIVEN_UP);
        }
    }

    /// Takes what a server has sent. What does not go into the part waits in the session.
    pub(in crate::engine) fn download_input(&mut self, id: SessionId, mut input: &[u8]) {
        let now = self.now.instant;
        let Some(session) = self.sessions.get_mut(id) else { return };
        let Some(state) = session.http_client_mut() else { return };
        let Some(download) = &mut state.download else { return };
        if input.is_empty() {
            return;
        }
        state.until = now + download.timeout;
        download.read(&mut state.reader, &mut input);
        if download.end.is_none() {
            session.pending.extend_from_slice(input);
        }
        self.announce_event(id);
    }

    /// The connection of a download has been closed, which may be the end of the answer. The module gets what has come
    /// before it hears of that.
    pub(in crate::engine) fn end_transfer(&mut self, id: SessionId, why: &str) {
        let Some(state) = self.sessions.get_mut(id).and_then(Session::http_client_mut) else { return };
        let Some(download) = state.download.as_mut().filter(|download| download.end.is_none()) else {
            return;
        };
        let rest = state.reader.take_body();
        let why = if state.reader.has_begun() { why } else { CLOSED };
        let end = state.reader.end().map(|_| ()).map_err(|_| CallError::Failed(why.to_owned()));
        download.finish(rest, end);
        self.count_input(id);
        self.announce_event(id);
    }

    /// The connection of a download is lost. Unlike a close this is no end of an answer.
    pub(in crate::engine) fn break_transfer(&mut self, id: SessionId) {
        let Some(state) = self.sessions.get_mut(id).and_then(Session::http_client_mut) else { return };
        let Some(download) = state.download.as_mut().filter(|download| download.end.is_none()) else {
            return;
        };
        let why = if state.reader.has_begun() { BROKEN_OFF } else { CLOSED };
        download.finish(state.reader.take_body(), Err(CallError::Failed(why.to_owned())));
        self.count_input(id);
        self.announce_event(id);
    }

    /// The session of a download ends, for a reason that is not its server's or before that was reached.
    pub(in crate::engine) fn fail_download(&mut self, id: SessionId, reason: &str) {
        let now = self.now.instant;
        let until = self.sessions.get(id).and_then(Session::http_client).map(|state| state.until);
        let Some(download) = self.take_transfer(id) else { return };
        let error = match until {
            Some(until) if now >= until => CallError::TimedOut,
            _ => CallError::Failed(reason.to_owned()),
        };
        self.work.download_news.push_back(DownloadNews::Failed(download.module, download.token, error));
    }

    fn take_transfer(&mut self, id: SessionId) -> Option<Box<Transfer>> {
        let download = self.sessions.get_mut(id)?.http_client_mut()?.download.take()?;
        self.calls.downloads = self.calls.downloads.saturating_sub(1);
        self.count_input(id);
        Some(download)
    }

    /// Has a step give the module an event, if there is one and the module takes it.
    fn announce_event(&mut self, id: SessionId) {
        let Some(state) = self.sessions.get_mut(id).and_then(Session::http_client_mut) else { return };
        let Some(download) = &mut state.download else { return };
        if download.is_wanted && download.has_event() && !download.is_announced {
            download.is_announced = true;
            self.work.download_news.push_back(DownloadNews::Ready(id));
        }
    }

    /// Takes the next event of a download, with its module and token. The connection is read on, or closed after the end.
    fn next_event(&mut self, id: SessionId) -> Option<(&'static str, u64, DownloadEvent)> {
        let session = self.sessions.get_mut(id).filter(|session| session.life == Life::Open)?;
        let state = session.http_client_mut()?;
        let download = state.download.as_mut()?;
        let was_full = download.is_full();
        let event = download.next_event(&mut state.reader)?;
        let (module, token, is_full) = (download.module, download.token, download.is_full());
        if matches!(event, DownloadEvent::End | DownloadEvent::Failed(_)) {
            self.take_transfer(id);
            self.close(id, COMPLETE);
        } else if was_full && !is_full {
            self.resume_input(id);
        }
        self.count_input(id);
        Some((module, token, event))
    }
}

impl Engine {
    /// Tells a module what has happened to its download.
    pub(in crate::engine) fn deliver_download_news(&mut self, news: DownloadNews) {
        let (ready, told) = match news {
            DownloadNews::Ready(id) => (Some(id), self.cx.next_event(id)),
            DownloadNews::Failed(module, token, error) => {
                (None, Some((module, token, DownloadEvent::Failed(error))))
            }
        };
        let Some((name, token, event)) = told else { return };
        let Some(module) = self.modules.iter_mut().find(|module| module.name() == name) else { return };
        let cx = &mut self.cx;
        let done = cx.panics.clone().contain(|| module.on_download(cx, token, event));
        if let (None, Some(id)) = (done, ready) {
            // The module may never ask for the rest.
            self.cx.end_download(DownloadId(id));
        }
    }
}
