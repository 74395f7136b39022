//! Handles: what jobs share with later jobs, such as an open file.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A place for an open file or the like, which one job fills and later ones use. The loop only hands it on: it would
/// wait for the job that is using it.
#[derive(Debug)]
pub struct Handle<T>(Arc<Mutex<Option<T>>>);

impl<T> Default for Handle<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Handle<T> {
    /// A handle with its value.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(Some(value))))
    }

    /// Fills it, in place of what was there.
    pub fn put(&self, value: T) {
        *self.place() = Some(value);
    }

    /// Takes the value out, if there is one.
    pub fn take(&self) -> Option<T> {
        self.place().take()
    }

    /// Uses the value; an error if there is none.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> io::Result<R>) -> io::Result<R> {
        match &mut *self.place() {
            Some(value) => work(value),
            None => Err(io::Error::other("the file is not open")),
        }
    }

    /// After a panic the value is used on: the job's owner has been told of the failure.
    fn place(&self) -> MutexGuard<'_, Option<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_job_puts_later_ones_use_until_it_is_taken() {
        let (handle, later) = (Handle::default(), Handle::clone(&Handle::default()));
        assert!(later.with(|_: &mut i32| Ok(())).is_err());
        handle.put(1);
        let clone = handle.clone();
        clone
            .with(|value| {
                *value += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!((handle.take(), clone.take()), (Some(2), None));
    }
}
