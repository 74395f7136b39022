//! Buffers that have been written, and are used again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most buffers that are kept.
const MAX_SPARE: usize = 16;
/// The room in a new one, bytes: for a piece with a key frame at the end. One that had to grow is not kept.
const CAPACITY: usize = 128 * 1024;

/// Empty buffers, which jobs give back and the loop takes: new memory for each piece would cost half as much again as
/// writing it. Nobody holds the lock for longer than that takes.
#[derive(Debug, Clone, Default)]
pub struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// An empty buffer.
    pub fn take(&self) -> Vec<u8> {
        self.spare().pop().unwrap_or_else(|| Vec::with_capacity(CAPACITY))
    }

    /// Gives a buffer back.
    pub fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut spare = self.spare();
        if spare.len() < MAX_SPARE && buffer.capacity() <= CAPACITY {
            spare.push(buffer);
        }
    }

    /// Frees all that are kept.
    pub fn clear(&self) {
        self.spare().clear();
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again_within_limits() {
        let buffers = Buffers::default();
        buffers.give(Vec::with_capacity(CAPACITY + 1));
        assert!(buffers.spare().is_empty());
        buffers.give(vec![1; 1000]);
        let again = buffers.take();
        assert_eq!((again.len(), again.capacity()), (0, 1000));
        (0..100).for_each(|_| buffers.give(vec![1]));
        assert_eq!(buffers.spare().len(), MAX_SPARE);
        buffers.clear();
        assert!(buffers.spare().is_empty());
    }
}
