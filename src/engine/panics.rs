//! The net below all care: a panic, which is a fault of ours, ends what it came from and nothing else.
//!
//! What is unwound may be left half done. So whoever contains a panic gives up the session, sink or timer
//! that the panic came from; it is freed without running more of its own code.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What becomes of panics, and how many there have been.
#[derive(Debug, Clone, Copy)]
pub struct Panics {
    is_contained: bool,
    /// Panics that were contained.
    pub count: u64,
}

impl Default for Panics {
    /// In a debug build a panic ends the process, so that no test passes over it.
    fn default() -> Self {
        Self { is_contained: !cfg!(debug_assertions), count: 0 }
    }
}

impl Panics {
    /// Panics are contained in a debug build, too.
    #[cfg(test)]
    pub fn contained() -> Self {
        Self { is_contained: true, count: 0 }
    }

    /// The same, to count for itself what is to be added later.
    pub fn with_zero_count(self) -> Self {
        Self { count: 0, ..self }
    }

    /// Does something; `None` if it has panicked.
    #[inline]
    pub fn contain<T>(&mut self, work: impl FnOnce() -> T) -> Option<T> {
        if !self.is_contained {
            return Some(work());
        }
        let done = catch_unwind(AssertUnwindSafe(work)).ok();
        self.count += u64::from(done.is_none());
        done
    }
}
