//! What is counted by going through all streams.

/// Streams by state, and players.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    pub live: u64,
    pub grace: u64,
    pub idle: u64,
    pub players: u64,
}
