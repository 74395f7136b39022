//! Streams that have ended and whose viewers wait for the encoder to come back: nobody publishes them, nobody else
//! may be kept from publishing them, and their playlists are still open.

use std::collections::BTreeMap;
use std::time::Instant;

/// The most that are remembered; beyond this, no more are. HLS lets half as many wait, and ends the oldest early.
const MAX: usize = 8192;

/// By application and name, until when their viewers wait.
#[derive(Debug, Default)]
pub struct Awaited(BTreeMap<(String, String), Instant>);

impl Awaited {
    /// A stream has ended, and its viewers wait for it.
    pub fn add(&mut self, app: &str, name: &str, until: Instant, now: Instant) {
        if self.0.len() >= MAX {
            self.0.retain(|_, until| *until > now);
        }
        if self.0.len() < MAX {
            self.0.insert((app.to_owned(), name.to_owned()), until);
        }
    }

    /// A stream is published again.
    pub fn remove(&mut self, app: &str, name: &str) {
        self.0.remove(&(app.to_owned(), name.to_owned()));
    }

    /// Application, name and the end of the wait, in the order of names.
    pub fn iter(&self, now: Instant) -> impl Iterator<Item = (&str, &str, Instant)> {
        let waiting = self.0.iter().filter(move |(_, until)| **until > now);
        waiting.map(|((app, name), until)| (app.as_str(), name.as_str(), *until))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stream_is_awaited_until_it_comes_back_or_its_time_is_over() {
        let (mut awaited, now) = (Awaited::default(), Instant::now());
        let second = Duration::from_secs(1);
        for (name, wait) in [("b", 2), ("a", 9), ("c", 9)] {
            awaited.add("live", name, now + second * wait, now);
        }
        awaited.remove("live", "c");
        let names = |now| awaited.iter(now).map(|(_, name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(now), ["a", "b"]);
        assert_eq!(names(now + second * 2), ["a"]);
    }

    #[test]
    fn they_are_bounded_and_those_whose_time_is_over_make_room() {
        let (mut awaited, now) = (Awaited::default(), Instant::now());
        let second = Duration::from_secs(1);
        for number in 0..MAX + 10 {
            awaited.add("live", &number.to_string(), now + second, now);
        }
        assert_eq!(awaited.iter(now).count(), MAX);
        awaited.add("live", "late", now + second * 3, now + second * 2);
        assert_eq!(awaited.iter(now).count(), 1);
    }
}
