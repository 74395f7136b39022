//! Streams by state.

use serde::Serialize;

use crate::engine::stream::Stream;

/// The state of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamState {
    /// It has a publisher.
    Live,
    /// Its publisher is lost, and waited for.
    Lost,
    /// Only players wait.
    Idle,
    /// It is a file that is played.
    File,
}

/// The streams of each state, and their players.
#[derive(Debug, Default, Clone, Copy)]
pub struct StreamCounts {
    /// With a publisher.
    pub live: usize,
    /// Whose publisher is lost and waited for.
    pub lost: usize,
    /// With players that wait for a publisher.
    pub idle: usize,
    /// Players of all of them, and of files.
    pub players: usize,
    /// Files that are played.
    pub files: usize,
    /// Their players.
    pub file_players: usize,
}

impl Stream {
    /// Its state.
    pub fn state(&self) -> StreamState {
        match (&self.publisher, self.is_live()) {
            _ if self.is_file => StreamState::File,
            (Some(_), _) => StreamState::Live,
            (None, true) => StreamState::Lost,
            (None, false) => StreamState::Idle,
        }
    }
}

impl StreamCounts {
    /// Counts a stream, and returns its state.
    pub fn add(&mut self, stream: &Stream) -> StreamState {
        let state = stream.state();
        match state {
            StreamState::Live => self.live += 1,
            StreamState::Lost => self.lost += 1,
            StreamState::Idle => self.idle += 1,
            StreamState::File => {
                self.files += 1;
                self.file_players += stream.players.len();
            }
        }
        self.players += stream.players.len();
        state
    }
}
