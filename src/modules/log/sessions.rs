//! What is known of each session for its lines: what it has done, the name and arguments of its last request, and the
//! bytes that its lines have told already.
//!
//! Only of sessions in applications with a log. Names that may be keys, and values of arguments, never get here.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::auth::mask;
use crate::engine::{Ctx, Request, RequestKind, SessionId, TimerId};

use super::format::Activity;

/// The most characters that are kept of a name, and of arguments.
const MAX_TEXT: usize = 256;

/// A session that has asked to publish or play.
#[derive(Debug, Default)]
pub struct Active {
    pub name: Box<str>,
    pub args: Box<str>,
    /// Bytes received and sent that earlier lines have told (`log_interval`).
    pub told: (u64, u64),
    /// Its next line, with `log_interval`.
    pub next: Option<NextLine>,
}

/// The timer of a line.
#[derive(Debug)]
pub struct NextLine {
    pub timer: TimerId,
    token: u64,
    /// The time of the line before, or of the first request.
    pub since: Instant,
    pub interval: Duration,
}

/// The sessions that have asked to publish or play. Bounded by the connections.
#[derive(Debug, Default)]
pub struct ActiveSessions {
    all: HashMap<SessionId, Active>,
    /// What each session has done, by its slot, also where there is no log: a reload may bring one.
    activities: Vec<Activity>,
    /// The sessions of the timers, by token.
    timers: HashMap<u64, SessionId>,
    last_token: u64,
}

impl ActiveSessions {
    /// A session asks to publish or play. Returns false for a request of another kind.
    pub fn note_activity(&mut self, request: &Request) -> bool {
        let activity = match request.kind {
            RequestKind::Publish { .. } => Activity::Publish,
            RequestKind::Play { .. } => Activity::Play,
            RequestKind::Connect(_) | RequestKind::View(_) => return false,
        };
        let slot = request.session.index as usize;
        if self.activities.len() <= slot {
            self.activities.resize(slot + 1, Activity::None);
        }
        if let Some(all) = self.activities.get_mut(slot) {
            *all = all.with(activity);
        }
        true
    }

    /// Keeps the name and the arguments of a request, which is the last one, for the lines of its session.
    pub fn note(&mut self, cx: &Ctx, request: &Request) {
        let active = self.all.entry(request.session).or_default();
        active.name = if cx.name_may_be_key(request) {
            mask::beginning(&request.name).into()
        } else {
            start_of(&request.name).into()
        };
        active.args = start_of(&mask::query_alone(&request.args)).into();
    }

    /// Learns the stream of a session that has begun before there was a log: its arguments are not known any more, and
    /// of one that has stopped not even the name.
    pub fn note_roles(&mut self, cx: &Ctx, id: SessionId) {
        let Some(session) = cx.sessions.get(id) else { return };
        if self.activity(id) == Activity::None || self.all.contains_key(&id) {
            return;
        }
        let active = self.all.entry(id).or_default();
        for stream in session.roles().iter().filter_map(|role| cx.streams.get(role.stream())) {
            active.name = stream.name.as_str().into();
        }
    }

    /// What a session has done.
    pub fn activity(&self, id: SessionId) -> Activity {
        self.activities.get(id.index as usize).copied().unwrap_or_default()
    }

    /// What is known of a session that has asked to publish or play.
    pub fn get(&self, id: SessionId) -> Option<&Active> {
        self.all.get(&id)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, id: SessionId) -> Option<&mut Active> {
        self.all.get_mut(&id)
    }

    /// A session has ended.
    pub fn remove(&mut self, id: SessionId) {
        if let Some(activity) = self.activities.get_mut(id.index as usize) {
            *activity = Activity::None;
        }
        if let Some(next) = self.all.remove(&id).and_then(|active| active.next) {
            self.timers.remove(&next.token);
        }
    }

    /// Has a session's next line come an interval after `since`. `set_timer` gets the time and the token.
    pub fn schedule(
        &mut self,
        id: SessionId,
        (since, interval): (Instant, Duration),
        set_timer: impl FnOnce(Instant, u64) -> TimerId,
    ) {
        let Some(active) = self.all.get_mut(&id) else { return };
        if let Some(before) = &active.next {
            self.timers.remove(&before.token);
        }
        self.last_token += 1;
        let token = self.last_token;
        self.timers.insert(token, id);
        active.next = Some(NextLine { timer: set_timer(since + interval, token), token, since, interval });
    }

    /// The session of a timer that has expired.
    pub fn expired(&mut self, token: u64) -> Option<SessionId> {
        let id = self.timers.remove(&token)?;
        self.all.get_mut(&id)?.next = None;
        Some(id)
    }
}

/// The beginning of a text.
fn start_of(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_TEXT).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or_default()
}
