//! Listeners whose connections wait to be accepted, and the pause while there are no file descriptors for them.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use nix::libc::{EMFILE, ENFILE, ENOBUFS, ENOMEM};
use nix::sys::resource::{Resource, getrlimit};

use crate::engine::Descriptors;

/// After this time it is tried again to accept connections.
const PAUSE: Duration = Duration::from_secs(1);
/// A pause is logged once in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Connections that wait to be accepted.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// The slots of listeners with more connections, each once. They take turns: a flood at one takes no places from the others.
    waiting: VecDeque<usize>,
    /// Those that have more, for which there is no room for now. They wait without being asked again and again.
    held: Vec<usize>,
    pause: Option<(Shortage, Instant)>,
    logged_at: Option<Instant>,
}

/// The lack for which no connection can be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shortage {
    /// This process has no descriptor left.
    OwnDescriptors,
    /// The system has no descriptors, buffers or memory left.
    System,
}

impl Shortage {
    /// The shortage that an error of `accept` tells of; `None` for the other errors.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        match error.raw_os_error()? {
            EMFILE => Some(Self::OwnDescriptors),
            ENFILE | ENOBUFS | ENOMEM => Some(Self::System),
            _ => None,
        }
    }
}

impl Backlog {
    /// Adds a listener that has more connections.
    pub(super) fn push(&mut self, listener: usize) {
        if !self.waiting.contains(&listener) {
            self.waiting.push_back(listener);
        }
    }

    /// Adds a listener that has more connections, which cannot be accepted before [`Self::release`].
    pub(super) fn hold(&mut self, listener: usize) {
        if !self.held.contains(&listener) {
            self.held.push(listener);
        }
    }

    /// Lets those go on that are held.
    pub(super) fn release(&mut self) {
        for listener in std::mem::take(&mut self.held) {
            self.push(listener);
        }
    }

    /// Takes the listener whose turn it is; none during a pause.
    pub(super) fn pop(&mut self) -> Option<usize> {
        if self.is_paused() { None } else { self.waiting.pop_front() }
    }

    /// Begins a pause. Returns whether it should be logged.
    pub(super) fn pause(&mut self, shortage: Shortage, now: Instant) -> bool {
        self.pause = Some((shortage, now + PAUSE));
        let is_news = self.logged_at.is_none_or(|logged_at| now >= logged_at + LOG_INTERVAL);
        if is_news {
            self.logged_at = Some(now);
        }
        is_news
    }

    /// Ends a pause whose time is over.
    pub(super) fn end_expired_pause(&mut self, now: Instant) {
        self.pause = self.pause.filter(|&(_, until)| now < until);
    }

    /// Ends a pause before its time.
    pub(super) fn end_pause(&mut self) {
        self.pause = None;
    }

    /// Takes other listeners, of which each may have connections.
    pub(super) fn replace(&mut self, listeners: impl Iterator<Item = usize>) {
        self.waiting = listeners.collect();
        self.held.clear();
    }

    /// Forgets all listeners: no more connections are accepted.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Listeners that wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True if a connection can be accepted now.
    pub(super) fn is_ready(&self) -> bool {
        !self.waiting.is_empty() && !self.is_paused()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    /// True if a descriptor that is closed ends the pause.
    pub(super) fn lacks_descriptors(&self) -> bool {
        matches!(self.pause, Some((Shortage::OwnDescriptors, _)))
    }

    pub(super) fn paused_until(&self) -> Option<Instant> {
        self.pause.map(|(_, until)| until)
    }
}

/// The descriptors that this process may have; without a limit if that cannot be read.
pub(super) fn descriptors() -> Descriptors {
    getrlimit(Resource::RLIMIT_NOFILE).map(|(limit, _)| Descriptors::new(limit)).unwrap_or_default()
}
