//! What a session is to its streams: a publisher, a player, or both, on a message stream each.

use crate::engine::ids::StreamId;
use crate::engine::session::player::Player;

/// Roles of one session; it has as many message streams.
pub(in crate::engine) const MAX_ROLES: usize = 16;

/// What a session is to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionRole {
    /// It publishes.
    Publisher {
        /// The stream.
        stream: StreamId,
        /// The message stream it publishes on.
        msid: u32,
    },
    /// It plays.
    Player(Player),
}

impl SessionRole {
    /// The message stream.
    pub fn msid(&self) -> u32 {
        match self {
            Self::Publisher { msid, .. } => *msid,
            Self::Player(player) => player.msid(),
        }
    }

    /// The stream.
    pub fn stream(&self) -> StreamId {
        match self {
            Self::Publisher { stream, .. } => *stream,
            Self::Player(player) => player.stream(),
        }
    }
}

/// The roles of a session: none or one, nearly always.
#[derive(Debug, Default)]
pub struct Roles {
    first: Option<SessionRole>,
    more: Vec<SessionRole>,
}

impl Roles {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &SessionRole> {
        self.first.iter().chain(&self.more)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut SessionRole> {
        self.first.iter_mut().chain(&mut self.more)
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// The role on a message stream. Some clients name message stream 0, where there is only one role.
    pub fn on(&self, msid: u32) -> Option<&SessionRole> {
        match self.iter().find(|role| role.msid() == msid) {
            None if msid == 0 && self.len() == 1 => self.iter().next(),
            found => found,
        }
    }

    /// The publishers among them.
    pub fn publishers(&self) -> impl Iterator<Item = &SessionRole> {
        self.iter().filter(|role| matches!(role, SessionRole::Publisher { .. }))
    }

    /// The stream that is published on a message stream, or by the session's only publisher: encoders are
    /// not exact about it.
    pub(in crate::engine) fn published_on(&self, msid: u32) -> Option<StreamId> {
        let own = self.publishers().find(|role| role.msid() == msid);
        own.or_else(|| self.only_publisher()).map(SessionRole::stream)
    }

    /// Whether there is a publisher among them.
    pub(in crate::engine) fn publishes(&self) -> bool {
        self.publishers().next().is_some()
    }

    /// Lets all players begin again, as so many frames of theirs have been left out; the first one counts them.
    pub(in crate::engine) fn restart_players(&mut self, dropped: u64) {
        let mut counted = dropped;
        for role in self.iter_mut() {
            if let SessionRole::Player(player) = role {
                player.lose_queued(std::mem::take(&mut counted));
            }
        }
    }

    /// The publisher of a session that has only one.
    pub(in crate::engine) fn only_publisher(&self) -> Option<&SessionRole> {
        let mut publishers = self.publishers();
        publishers.next().filter(|_| publishers.next().is_none())
    }

    /// The player on a message stream.
    pub(in crate::engine) fn player_mut(&mut self, msid: u32) -> Option<&mut Player> {
        self.iter_mut().find_map(|role| match role {
            SessionRole::Player(player) if player.msid() == msid => Some(player),
            _ => None,
        })
    }

    pub(in crate::engine) fn add(&mut self, role: SessionRole) {
        debug_assert!(self.on(role.msid()).is_none_or(|other| other.msid() != role.msid()));
        if self.first.is_none() {
            self.first = Some(role);
        } else {
            self.more.push(role);
        }
    }

    pub(in crate::engine) fn remove(&mut self, msid: u32) {
        if self.first.is_some_and(|role| role.msid() == msid) {
            self.first = self.more.pop();
        } else {
            self.more.retain(|role| role.msid() != msid);
        }
    }
}
