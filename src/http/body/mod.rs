//! Bodies of requests and of responses: where they end, and their bytes as they come.
//!
//! A body grows with the bytes that are there, not with those that are announced.

pub(super) mod chunked;
pub(super) mod error;
pub(super) mod framing;
#[cfg(test)]
mod tests;

use error::BodyError;

/// The largest body of a request, bytes.
pub const MAX_REQUEST_BODY: usize = 64 * 1024;

/// The bytes of a body so far.
#[derive(Debug)]
pub struct Body {
    /// At most `limit` bytes.
    bytes: Vec<u8>,
    limit: usize,
}

impl Body {
    /// An empty body that may have so many bytes.
    pub fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }

    /// Adds to it, unless it becomes too large.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), BodyError> {
        if bytes.len() > self.room() {
            return Err(BodyError::TooLarge(self.limit));
        }
        append(&mut self.bytes, bytes, self.limit);
        Ok(())
    }

    /// All of it.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Takes what is there of it; the rest may have as many bytes as all of it.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// The bytes that are there.
    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes that it may still get.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.bytes.len())
    }

    /// The bytes that it may have.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes that are held of it.
    pub fn held(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Adds to a buffer, which doubles, but never holds more than `limit` bytes unless it needs them.
pub fn append(buffer: &mut Vec<u8>, bytes: &[u8], limit: usize) {
    let length = buffer.len().saturating_add(bytes.len());
    if length > buffer.capacity() {
        let capacity = buffer.capacity().saturating_mul(2).min(limit).max(length);
        buffer.reserve_exact(capacity - buffer.len());
    }
    buffer.extend_from_slice(bytes);
}
