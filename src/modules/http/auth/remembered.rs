//! Users and passwords that were right a moment ago, so that a player which asks every two seconds costs one check a
//! minute. Nothing wrong is remembered, and no password: only digests under a key that is made at each start.
//! Their parts stand there with their lengths, as a user and a password may have any character.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::auth::basic::Credentials;
use crate::auth::secret::{Digest, Hasher};

/// How long something right is remembered.
const LASTS: Duration = Duration::from_secs(60);
/// The most that are remembered.
const MOST: usize = 1024;

/// A check under way: it lasts as long as the value.
pub type Running = Arc<()>;

/// The digests of what was right.
#[derive(Debug, Default)]
pub struct Remembered(HashMap<Digest, Entry>);

#[derive(Debug)]
struct Entry {
    until: Instant,
    /// The check that renews it. While it runs the old answer holds: of a thousand clients with one password, one waits.
    /// Not for long, for the password may have been removed since then.
    renewal: Weak<()>,
}

impl Entry {
    fn holds(&self, now: Instant) -> bool {
        now < self.until || self.renewal.strong_count() > 0 && now < self.until + LASTS
    }
}

/// The digest of what is shown for a file of users.
pub fn digest_of(hasher: &Hasher, file: &Path, Credentials { user, password }: &Credentials) -> Digest {
    let mut text = String::new();
    for part in [&*file.to_string_lossy(), user, password] {
        text.push_str(&format!("{} {part}", part.len()));
    }
    hasher.digest(&text)
}

impl Remembered {
    /// Whether this was right a moment ago.
    pub fn has(&self, digest: Digest, now: Instant) -> bool {
        self.0.get(&digest).is_some_and(|entry| entry.holds(now))
    }

    /// A check of this begins.
    pub fn begin(&mut self, digest: Digest) -> Running {
        let running = Running::default();
        if let Some(entry) = self.0.get_mut(&digest) {
            entry.renewal = Arc::downgrade(&running);
        }
        running
    }

    /// This is right. Beyond [`MOST`] the oldest is forgotten.
    pub fn add(&mut self, digest: Digest, now: Instant) {
        if self.0.len() >= MOST && !self.0.contains_key(&digest) {
            self.0.retain(|_, entry| entry.holds(now));
        }
        if self.0.len() >= MOST && !self.0.contains_key(&digest) {
            let oldest = self.0.iter().min_by_key(|(_, entry)| entry.until).map(|(digest, _)| *digest);
            oldest.map(|oldest| self.0.remove(&oldest));
        }
        self.0.insert(digest, Entry { until: now + LASTS, renewal: Weak::new() });
    }

    /// This is not right, or not any more.
    pub fn remove(&mut self, digest: Digest) {
        self.0.remove(&digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_right_holds_for_a_minute_and_while_it_is_checked_again() {
        let (mut remembered, now) = (Remembered::default(), Instant::now());
        let [one, other] = ["one", "other"].map(|text| Hasher::new(&[1; 64]).digest(text));
        assert!(!remembered.has(one, now));
        remembered.add(one, now);
        assert!(remembered.has(one, now + LASTS - Duration::from_millis(1)) && !remembered.has(other, now));
        assert!(!remembered.has(one, now + LASTS));
        let (running, of_other) = (remembered.begin(one), remembered.begin(other));
        assert!(remembered.has(one, now + LASTS) && !remembered.has(other, now));
        drop((running, of_other));
        assert!(!remembered.has(one, now + LASTS), "a check that has failed renews nothing");
        remembered.add(one, now + LASTS);
        assert!(remembered.has(one, now + LASTS));
        remembered.remove(one);
        assert!(!remembered.has(one, now + LASTS));
    }

    #[test]
    fn a_check_does_not_make_good_again_what_was_right_long_ago() {
        let (mut remembered, now) = (Remembered::default(), Instant::now());
        let one = Hasher::new(&[1; 64]).digest("one");
        remembered.add(one, now);
        let hour = Duration::from_secs(3600);
        let _running = remembered.begin(one);
        assert!(remembered.has(one, now + 2 * LASTS - Duration::from_millis(1)));
        assert!(!remembered.has(one, now + 2 * LASTS) && !remembered.has(one, now + hour));
    }

    #[test]
    fn no_two_users_and_passwords_have_one_digest() {
        let hasher = Hasher::new(&[1; 64]);
        let digest = |file: &str, user: &str, password: &str| {
            let shown = Credentials { user: user.to_owned(), password: password.to_owned() };
            digest_of(&hasher, Path::new(file), &shown)
        };
        assert_eq!(digest("/users", "a", "b"), digest("/users", "a", "b"));
        let same = [("/users", "a\0b", "c"), ("/users", "a", "b\0c"), ("/users\0a", "b", "c")];
        let digests = same.map(|(file, user, password)| digest(file, user, password));
        assert!(digests[0] != digests[1] && digests[1] != digests[2] && digests[0] != digests[2]);
        assert!(digest("/users", "a", "11 b") != digest("/users", "a1", "1 b"));
    }

    #[test]
    fn a_thousand_are_remembered_and_the_oldest_are_forgotten() {
        let (mut remembered, now, hasher) = (Remembered::default(), Instant::now(), Hasher::new(&[1; 64]));
        let digest = |number: usize| hasher.digest(&number.to_string());
        for number in 0..=MOST {
            remembered.add(digest(number), now + Duration::from_millis(number as u64));
        }
        assert_eq!(remembered.0.len(), MOST);
        assert!(!remembered.has(digest(0), now) && remembered.has(digest(1), now));
        remembered.add(digest(0), now + 2 * LASTS);
        assert_eq!(remembered.0.len(), 1, "what is over goes first");
    }
}
