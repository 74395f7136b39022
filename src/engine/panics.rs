//! Containment of panics: a panic, which is a fault of the server, ends what it came from and nothing else.
//!
//! The state of what panicked may be incomplete. So whoever contains a panic gives up that session, sink or timer,
//! and frees it without running more of its code. Parsers must not rely on this.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Whether panics are contained, and their count.
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
    /// Contains panics in a debug build, too.
    #[cfg(test)]
    pub fn contained() -> Self {
        Self { is_contained: true, count: 0 }
    }

    /// The same with a count of its own, which the caller adds later.
    pub fn with_zero_count(self) -> Self {
        Self { count: 0, ..self }
    }

    /// Runs `work`; `None` if it has panicked.
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
