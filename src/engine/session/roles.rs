//! The roles of a session: publisher or player, one for each of its message streams, nearly always one in all.
//!
//! A role ties a message stream to a stream of the server. Roles are added when a request is granted and removed by
//! `Engine::leave`; nothing here tells modules or clients about it. The state of a player is in `player.rs`.

use crate::engine::ids::StreamId;
use crate::engine::session::player::Player;
use crate::engine::stream::name::SentName;

/// The most roles of one session, and so of its message streams.
pub(in crate::engine) const MAX_ROLES: usize = 16;

/// The role of a message stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionRole {
    /// The client publishes a stream.
    Publisher {
        /// The stream.
        stream: StreamId,
        /// The message stream.
        msid: u32,
        /// The name by which the client has asked for it.
        sent: SentName,
    },
    /// The client plays a stream.
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

    /// Whether it is that of a player of a file.
    pub fn is_of_file(&self) -> bool {
        matches!(self, Self::Player(player) if player.is_of_file())
    }
}

/// The roles of a session.
#[derive(Debug, Default)]
pub struct Roles {
    first: Option<SessionRole>,
    more: Vec<SessionRole>,
}

impl Roles {
    /// All roles.
    pub fn iter(&self) -> impl Iterator<Item = &SessionRole> {
        self.first.iter().chain(&self.more)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut SessionRole> {
        self.first.iter_mut().chain(&mut self.more)
    }

    /// Whether the session has no role.
    pub fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.is_empty()
    }

    /// The number of roles.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// The role of a message stream.
    pub fn on(&self, msid: u32) -> Option<&SessionRole> {
        self.iter().find(|role| role.msid() == msid)
    }

    /// The role that a command on a message stream is for. Some clients write message stream 0 instead of its own,
    /// which is clear if there is only one role.
    pub(in crate::engine) fn commanded_on(&self, msid: u32) -> Option<&SessionRole> {
        let only = || self.iter().next().filter(|_| msid == 0 && self.len() == 1);
        self.on(msid).or_else(only)
    }

    /// The players.
    pub fn players(&self) -> impl Iterator<Item = &Player> {
        self.iter().filter_map(|role| match role {
            SessionRole::Player(player) => Some(player),
            SessionRole::Publisher { .. } => None,
        })
    }

    /// The publishers.
    pub fn publishers(&self) -> impl Iterator<Item = &SessionRole> {
        self.iter().filter(|role| matches!(role, SessionRole::Publisher { .. }))
    }

    /// The stream that is published on a message stream. Encoders may write another message stream, which is clear if
    /// the session has only one publisher.
    pub(in crate::engine) fn published_on(&self, msid: u32) -> Option<StreamId> {
        let own = self.publishers().find(|role| role.msid() == msid);
        own.or_else(|| self.only_publisher()).map(SessionRole::stream)
    }

    /// Whether the session has a publisher.
    pub(in crate::engine) fn publishes(&self) -> bool {
        self.publishers().next().is_some()
    }

    /// Whether all that the session does is to play files.
    pub(in crate::engine) fn are_of_files(&self) -> bool {
        !self.is_empty() && self.iter().all(SessionRole::is_of_file)
    }

    /// Restarts all players after `dropped` frames have been taken out of their queue; the first player counts them.
    pub(in crate::engine) fn restart_players(&mut self, dropped: u64) {
        let mut counted = dropped;
        for role in self.iter_mut() {
            if let SessionRole::Player(player) = role {
                player.lose_queued(std::mem::take(&mut counted));
            }
        }
    }

    /// The publisher that has asked by this name.
    pub(in crate::engine) fn published_as(&self, name: SentName) -> Option<&SessionRole> {
        let has_sent =
            |role: &&SessionRole| matches!(role, SessionRole::Publisher { sent, .. } if *sent == name);
        self.iter().find(has_sent)
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
        debug_assert!(self.on(role.msid()).is_none());
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
