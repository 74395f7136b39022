//! What a recorder does when no file can be written: when it tries again, and what it logs meanwhile.

use std::io;
use std::time::{Duration, Instant};

use crate::modules::record::disk::FileKey;

/// The time after which a failed attempt to write is repeated.
const RETRY: Duration = Duration::from_secs(1);
/// The time after which an error that stays the same is logged again.
const REPEAT: Duration = Duration::from_secs(60);

/// The next attempt to begin a file, after one has failed.
#[derive(Debug, Default)]
pub struct Retry {
    /// Not before; none if nothing has failed.
    at: Option<Instant>,
    room: Room,
}

/// The room on the disk that is needed for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Room {
    /// It was not full.
    #[default]
    Enough,
    /// It was full, and has to be looked at.
    Unknown,
    /// It is being looked at.
    Asked(FileKey),
}

/// Whether a file may be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    Now,
    Later,
    /// If the disk has room: see [`Retry::ask`].
    WithRoom,
}

impl Retry {
    pub fn after(error: &io::Error, now: Instant) -> Self {
        let is_full = error.kind() == io::ErrorKind::StorageFull;
        Self { at: Some(now + RETRY), room: if is_full { Room::Unknown } else { Room::Enough } }
    }

    /// True if an attempt has failed, and none has succeeded since.
    pub fn has_failed(&self) -> bool {
        self.at.is_some()
    }

    pub fn attempt(&self, now: Instant) -> Attempt {
        match self.room {
            _ if self.at.is_some_and(|at| now < at) => Attempt::Later,
            Room::Enough => Attempt::Now,
            Room::Unknown => Attempt::WithRoom,
            Room::Asked(_) => Attempt::Later,
        }
    }

    /// The room is being looked at.
    pub fn ask(&mut self, key: FileKey) {
        self.room = Room::Asked(key);
    }

    /// True if it waits for this answer.
    pub fn awaits(&self, key: FileKey) -> bool {
        self.room == Room::Asked(key)
    }

    /// The answer. Without room it is asked again later.
    pub fn answer(&mut self, has_room: bool, now: Instant) {
        self.room = if has_room { Room::Enough } else { Room::Unknown };
        if !has_room {
            self.at = Some(now + RETRY);
        }
    }
}

/// The last error, which may last.
#[derive(Debug)]
pub struct LastError {
    kind: io::ErrorKind,
    text: String,
    logged: Option<Instant>,
}

impl LastError {
    /// An error. One of the kind of the last one is logged with that, as the path in the text may have the time, and so
    /// be another at each attempt.
    pub fn new(error: &io::Error, last: Option<Self>) -> Self {
        let (kind, text) = (error.kind(), error.to_string());
        let same = last.filter(|last| last.kind == kind);
        Self { kind, text, logged: same.and_then(|last| last.logged) }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Logs it, if it has not been logged yet or not for long; never more than one a second of all recorders, so the
    /// others come later. `logged` is when one was.
    pub fn log(&mut self, label: &str, now: Instant, logged: &mut Option<Instant>) {
        let is_due = self.logged.is_none_or(|at| now >= at + REPEAT);
        if is_due && logged.is_none_or(|at| now >= at + Duration::from_secs(1)) {
            (self.logged, *logged) = (Some(now), Some(now));
            log::error!("{label}: recording fails, and is tried again: {}", self.text);
        }
    }
}
