//! Buffers that have been written, and are used again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most buffers that are kept.
const MAX_SPARE: usize = 16;
/// The largest one, bytes.
const MAX_CAPACITY: usize = 128 * 1024;

/// Empty buffers, which jobs give back and the loop takes: new memory for each piece would cost half as much again as
/// writing it. Nobody holds the lock for longer than that takes.
#[derive(Debug, Clone, Default)]
pub struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// An empty buffer.
    pub fn take(&self) -> Vec<u8> {
        self.spare().pop().unwrap_or_default()
    }

    /// Gives a buffer back.
    pub fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut spare = self.spare();
        if spare.len() < MAX_SPARE && buffer.capacity() <= MAX_CAPACITY {
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
        let (buffers, large) = (Buffers::default(), MAX_CAPACITY + 1);
        buffers.give(Vec::with_capacity(large));
        assert_eq!(buffers.take().capacity(), 0);
        buffers.give(vec![1; 1000]);
        let again = buffers.take();
        assert!(again.is_empty() && again.capacity() >= 1000);
        (0..100).for_each(|_| buffers.give(vec![1]));
        assert_eq!(buffers.spare().len(), MAX_SPARE);
        buffers.clear();
        assert_eq!(buffers.take().capacity(), 0);
    }
}
