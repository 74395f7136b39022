//! What is known of each session for its lines: what it has done, the name and arguments of its last request, and the
//! bytes that its lines have told already.
//!
//! Only of sessions in applications with a log. Names that may be keys, and values of arguments, never get here.

use std::collections::HashMap;

use crate::auth::mask;
use crate::engine::{Ctx, Request, RequestKind, SessionId, SessionRole, TimerId};

use super::format::Activity;

/// The most characters that are kept of a name, and of arguments.
const MAX_TEXT: usize = 256;

/// A session that has asked to publish or play.
#[derive(Debug, Default)]
pub struct Active {
    pub activity: Activity,
    pub name: Box<str>,
    pub args: Box<str>,
    /// Bytes received and sent that earlier lines have told (`log_interval`).
    pub told: (u64, u64),
    /// The timer of its next line, with its token.
    pub timer: Option<(TimerId, u64)>,
}

/// The sessions that have asked to publish or play. Bounded by the connections.
#[derive(Debug, Default)]
pub struct ActiveSessions {
    all: HashMap<SessionId, Active>,
    /// The sessions of the timers, by token.
    timers: HashMap<u64, SessionId>,
    last_token: u64,
}

impl ActiveSessions {
    /// A session asks to publish or play: its lines have the name and the arguments of the last request.
    /// Returns false for a request of another kind.
    pub fn note(&mut self, cx: &Ctx, request: &Request) -> bool {
        let activity = match request.kind {
            RequestKind::Publish { .. } => Activity::Publish,
            RequestKind::Play { .. } => Activity::Play,
            RequestKind::Connect(_) | RequestKind::View(_) => return false,
        };
        let active = self.all.entry(request.session).or_default();
        active.activity = active.activity.with(activity);
        active.name = if cx.name_may_be_key(request) {
            mask::beginning(&request.name).into()
        } else {
            start_of(&request.name).into()
        };
        active.args = start_of(&mask::query_alone(&request.args)).into();
        true
    }

    /// Learns what a session does that has begun before there was a log: the arguments are not known any more.
    pub fn note_roles(&mut self, cx: &Ctx, id: SessionId) {
        let Some(session) = cx.sessions.get(id).filter(|_| !self.all.contains_key(&id)) else { return };
        for role in session.roles().iter() {
            let Some(stream) = cx.streams.get(role.stream()) else { continue };
            let active = self.all.entry(id).or_default();
            active.activity = active.activity.with(match role {
                SessionRole::Publisher { .. } => Activity::Publish,
                SessionRole::Player(_) => Activity::Play,
            });
            active.name = stream.name.as_str().into();
        }
    }

    /// What is known of a session.
    pub fn get_mut(&mut self, id: SessionId) -> Option<&mut Active> {
        self.all.get_mut(&id)
    }

    /// Keeps what is known of a session.
    pub fn put(&mut self, id: SessionId, active: Active) {
        self.all.insert(id, active);
    }

    /// A session has ended.
    pub fn remove(&mut self, id: SessionId) -> Option<Active> {
        let active = self.all.remove(&id)?;
        if let Some((_, token)) = active.timer {
            self.timers.remove(&token);
        }
        Some(active)
    }

    /// The token for the timer of a session's next line.
    pub fn next_token(&mut self, id: SessionId) -> u64 {
        self.last_token += 1;
        self.timers.insert(self.last_token, id);
        self.last_token
    }

    /// The session of a timer that has expired.
    pub fn expired(&mut self, token: u64) -> Option<SessionId> {
        let id = self.timers.remove(&token)?;
        self.all.get_mut(&id)?.timer = None;
        Some(id)
    }
}

/// The beginning of a text.
fn start_of(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_TEXT).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or_default()
}
