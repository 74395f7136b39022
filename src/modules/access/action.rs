//! What is asked for: to publish or to play.

use std::fmt;

use crate::engine::RequestKind;

/// What a client needs to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Publish,
    Play,
}

impl Action {
    /// All of them.
    pub const BOTH: [Self; 2] = [Self::Publish, Self::Play];

    /// The action of a request; none for a connect.
    pub fn of(kind: &RequestKind) -> Option<Self> {
        match kind {
            RequestKind::Connect(_) => None,
            RequestKind::Publish { .. } => Some(Self::Publish),
            RequestKind::Play { .. } | RequestKind::View(_) => Some(Self::Play),
        }
    }

    /// The action that a directive and a signature name.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::BOTH.into_iter().find(|action| action.word() == word)
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Publish => Self::Play,
            Self::Play => Self::Publish,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Play => "play",
        }
    }

    /// The directive of its keys.
    pub fn key_directive(self) -> &'static str {
        match self {
            Self::Publish => "publish_key",
            Self::Play => "play_key",
        }
    }

    /// The directive of the secrets of its signatures.
    pub fn secret_directive(self) -> &'static str {
        match self {
            Self::Publish => "publish_secret",
            Self::Play => "play_secret",
        }
    }

    /// The directive of its file of users.
    pub fn user_directive(self) -> &'static str {
        match self {
            Self::Publish => "publish_user_file",
            Self::Play => "play_user_file",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
