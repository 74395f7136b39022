//! What a session is to its streams: a publisher, a player, or both, on a message stream each.

use std::rc::Rc;
use std::time::Instant;

use crate::media::Frame;

use crate::engine::ids::StreamId;
use crate::engine::session::out_queue::{Allowance, OutQueue};

/// Roles of one session; it has as many message streams.
pub(in crate::engine) const MAX_ROLES: usize = 16;

/// Where a player stands with one track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Track {
    /// Nothing sent since it joined or since frames were dropped: a header must come first, and for
    /// video a key frame.
    #[default]
    Waiting,
    /// In step with the publisher.
    Running,
    /// Not wanted: `receiveAudio` or `receiveVideo` with false.
    Unwanted,
}

/// When a player has had all it wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When its stream ends.
    End,
    /// After so many milliseconds of media, once it begins.
    Duration(u32),
    /// At this time of its stream, milliseconds.
    Time(u64),
    /// Now: it is about to leave.
    Done,
}

/// A player's place in its stream; the live module's facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Player {
    /// The stream.
    pub stream: StreamId,
    /// The message stream the player listens on.
    pub msid: u32,
    /// Its picture.
    pub video: Track,
    /// Its sound.
    pub audio: Track,
    /// Its data messages.
    pub data: Track,
    /// Whether it has got the metadata.
    pub introduced: bool,
    /// Whether it has paused, and gets nothing.
    pub paused: bool,
    /// When it has had all.
    pub until: Until,
    /// When it joined.
    pub(in crate::engine) since: Instant,
    /// Frames it was too slow for.
    pub dropped: u64,
}

impl Player {
    /// A player that has just joined.
    pub(in crate::engine) fn new(stream: StreamId, msid: u32, until: Until, since: Instant) -> Self {
        Self {
            stream,
            msid,
            video: Track::Waiting,
            audio: Track::Waiting,
            data: Track::Waiting,
            introduced: false,
            paused: false,
            until,
            since,
            dropped: 0,
        }
    }

    /// Whether it wants nothing from this time of its stream on, milliseconds.
    pub fn is_satisfied(&self, timestamp: u64) -> bool {
        match self.until {
            Until::Time(end) => timestamp >= end,
            Until::Done => true,
            Until::End | Until::Duration(_) => false,
        }
    }

    /// Counts what it wants from this time on, if it has not begun yet.
    pub fn begin_clock(&mut self, timestamp: u64) {
        if let Until::Duration(length) = self.until {
            self.until = Until::Time(timestamp.saturating_add(length.into()));
        }
    }

    /// Begins again with headers and a key frame, at whatever comes next.
    pub(in crate::engine) fn restart(&mut self) {
        for track in [&mut self.video, &mut self.audio, &mut self.data] {
            if *track == Track::Running {
                *track = Track::Waiting;
            }
        }
        self.introduced = false;
    }
}

/// What a session is to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
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

impl Role {
    /// The message stream.
    pub fn msid(&self) -> u32 {
        match self {
            Self::Publisher { msid, .. } => *msid,
            Self::Player(player) => player.msid,
        }
    }

    /// The stream.
    pub fn stream(&self) -> StreamId {
        match self {
            Self::Publisher { stream, .. } => *stream,
            Self::Player(player) => player.stream,
        }
    }
}

/// The roles of a session: none or one, nearly always.
#[derive(Debug, Default)]
pub struct Roles {
    first: Option<Role>,
    more: Vec<Role>,
}

impl Roles {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Role> {
        self.first.iter().chain(&self.more)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Role> {
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
    pub fn on(&self, msid: u32) -> Option<&Role> {
        match self.iter().find(|role| role.msid() == msid) {
            None if msid == 0 && self.len() == 1 => self.iter().next(),
            found => found,
        }
    }

    /// The publishers among them.
    pub fn publishers(&self) -> impl Iterator<Item = &Role> {
        self.iter().filter(|role| matches!(role, Role::Publisher { .. }))
    }

    /// The stream that is published on a message stream, or by the session's only publisher: encoders are
    /// not exact about it.
    pub(in crate::engine) fn published_on(&self, msid: u32) -> Option<StreamId> {
        let own = self.publishers().find(|role| role.msid() == msid);
        own.or_else(|| self.only_publisher()).map(Role::stream)
    }

    /// Whether there is a publisher among them.
    pub(in crate::engine) fn publishes(&self) -> bool {
        self.publishers().next().is_some()
    }

    /// Lets all players begin again, as so many frames of theirs have been left out; the first one counts them.
    pub(in crate::engine) fn restart_players(&mut self, dropped: u64) {
        let mut counted = dropped;
        for role in self.iter_mut() {
            if let Role::Player(player) = role {
                player.dropped += std::mem::take(&mut counted);
                player.restart();
            }
        }
    }

    /// The publisher of a session that has only one.
    pub(in crate::engine) fn only_publisher(&self) -> Option<&Role> {
        let mut publishers = self.publishers();
        publishers.next().filter(|_| publishers.next().is_none())
    }

    /// The player on a message stream.
    pub(in crate::engine) fn player_mut(&mut self, msid: u32) -> Option<&mut Player> {
        self.iter_mut().find_map(|role| match role {
            Role::Player(player) if player.msid == msid => Some(player),
            _ => None,
        })
    }

    pub(in crate::engine) fn add(&mut self, role: Role) {
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

/// A player and its queue, while a frame is offered to it.
#[derive(Debug)]
pub struct Seat<'a> {
    /// The player.
    pub player: &'a mut Player,
    pub(in crate::engine) out: &'a mut OutQueue,
}

impl Seat<'_> {
    /// Queues a frame.
    pub fn send(&mut self, frame: &Rc<Frame>) {
        self.out.push_frame_on(self.player.msid, frame);
    }

    /// Queues frames of which others get the same list.
    pub fn send_group(&mut self, frames: &Rc<[Rc<Frame>]>) {
        self.out.push_group_on(self.player.msid, frames);
    }

    /// Messages that may wait before frames are left out.
    pub fn most_messages(&self) -> usize {
        self.out.limits().messages as usize
    }

    /// Messages that wait for the player's session.
    pub fn messages(&self) -> usize {
        self.out.len()
    }

    /// Bytes that wait for the player's session.
    pub fn bytes(&self) -> usize {
        self.out.bytes()
    }

    /// Lets what has just been queued wait beyond the usual limits.
    pub fn allow(&mut self, more: Allowance) {
        self.out.allow(more);
    }

    /// What may wait beyond the usual limits.
    pub fn allowance(&self) -> Allowance {
        self.out.allowance()
    }
}
