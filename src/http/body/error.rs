//! What can be wrong with a body.

/// The most bytes behind the last chunk of a body.
pub const MAX_TRAILER: usize = 4096;

/// An error in a body: nobody knows where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// A broken chunk.
    Chunk,
    /// The fields behind the chunks are too long.
    TrailerTooLarge,
    /// The body has more bytes than this, which is the limit.
    TooLarge(usize),
}
