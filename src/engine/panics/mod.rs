//! Containment of panics: a panic, which is a fault of the server, ends what it came from and nothing else.
//!
//! [`Panics`] catches and counts; whoever uses it gives up the session, sink or timer whose state may be incomplete.
//! For the engine `recovery` does that, with the ends that modules are still owed. Parsers must not rely on this.

mod recovery;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Whether panics are contained, and their count, which clones share.
#[derive(Debug, Clone)]
pub struct Panics {
    is_contained: bool,
    count: Rc<Cell<u64>>,
}

impl Default for Panics {
    /// In a debug build a panic ends the process, so that no test passes over it.
    fn default() -> Self {
        Self { is_contained: !cfg!(debug_assertions), count: Rc::default() }
    }
}

impl Panics {
    /// Contains panics in a debug build, too.
    #[cfg(test)]
    pub fn contained() -> Self {
        Self { is_contained: true, count: Rc::default() }
    }

    /// Panics that were contained.
    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// Counts panics that a thread has caught. If they are not contained, this panics as well.
    pub fn add(&self, count: u64) {
        assert!(self.is_contained || count == 0, "a job has panicked, see the log");
        self.count.set(self.count.get() + count);
    }

    /// Runs `work`; `None` if it has panicked.
    #[inline]
    pub fn contain<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        if !self.is_contained {
            return Some(work());
        }
        let done = catch_unwind(AssertUnwindSafe(work)).ok();
        self.count.set(self.count.get() + u64::from(done.is_none()));
        done
    }

    /// Runs `work` on each item; returns those on which it has panicked. One catch serves all, and is renewed after a
    /// panic: one for each would slow the fan-out.
    #[inline]
    pub fn contain_each<T: Copy>(&self, items: &[T], mut work: impl FnMut(T)) -> Vec<T> {
        let (mut next, mut panicked) = (0, Vec::new());
        while next < items.len() {
            let rest = || {
                while let Some(&item) = items.get(next) {
                    next += 1;
                    work(item);
                }
            };
            if self.contain(rest).is_none() {
                panicked.extend(next.checked_sub(1).and_then(|last| items.get(last)));
            }
        }
        panicked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_has_its_turn_once_whichever_of_them_panic() {
        let (panics, mut done) = (Panics::contained(), Vec::new());
        let panicked = panics.contain_each(&[0, 1, 2, 3], |item| {
            done.push(item);
            assert_eq!(item % 3, 1);
        });
        assert_eq!((done, panicked, panics.count()), (vec![0, 1, 2, 3], vec![0, 2, 3], 3));
    }
}
