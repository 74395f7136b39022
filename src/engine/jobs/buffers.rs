//! Buffers that have been written, and are used again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The most buffers that are kept.
const MAX_SPARE: usize = 16;
/// The room in a new one, bytes: for a piece of a fragment with a key frame at the end. One that had to grow is not kept.
const CAPACITY: usize = 256 * 1024;

/// Empty buffers, which jobs give back and the loop takes: new memory for each piece would cost half as much again as
/// writing it. Nobody holds the lock for longer than that takes.
#[derive(Debug, Clone, Default)]
pub struct Buffers(Arc<Spare>);

/// The buffers of all outputs that have them now.
#[derive(Debug, Default)]
pub struct SharedBuffers(Weak<Spare>);

type Spare = Mutex<Vec<Vec<u8>>>;

impl SharedBuffers {
    /// The buffers for another output. They are freed with the last one.
    pub fn share(&mut self) -> Buffers {
        let buffers = self.0.upgrade().map(Buffers).unwrap_or_default();
        self.0 = Arc::downgrade(&buffers.0);
        buffers
    }
}

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

    #[test]
    fn buffers_are_shared_until_the_last_output_ends() {
        let mut shared = SharedBuffers::default();
        let (one, two) = (shared.share(), shared.share());
        one.give(vec![1; 1000]);
        drop(one);
        assert_eq!((two.take().capacity(), two.take().capacity()), (1000, CAPACITY));
        two.give(vec![1; 1000]);
        drop(two);
        assert_eq!(shared.share().take().capacity(), CAPACITY);
    }
}
