//! Streams that have ended and whose viewers still wait for the encoder: nobody publishes them, anybody may, and their
//! playlists are open.
//!
//! HLS adds and removes them, by application and name; the page shows them. Here they are only listed: no stream or
//! playlist is ended.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Instant;

use crate::engine::ids::AppId;

/// The most streams in the list; beyond it none is added. HLS lets half as many wait, and ends the oldest early.
const MAX: usize = 8192;

/// The end of each wait, by application and stream name.
#[derive(Debug, Default)]
pub struct Awaited(BTreeMap<(AppId, String), Instant>);

impl Awaited {
    /// A stream has ended, and its viewers wait for it.
    pub fn add(&mut self, app: AppId, name: &str, until: Instant, now: Instant) {
        if self.0.len() >= MAX {
            self.0.retain(|_, until| *until > now);
        }
        if self.0.len() < MAX {
            self.0.insert((app, name.to_owned()), until);
        }
    }

    /// A stream is published again.
    pub fn remove(&mut self, app: AppId, name: &str) {
        self.0.remove(&(app, name.to_owned()));
    }

    /// The streams of an application in the order of their names, each with the end of its wait.
    pub fn of(&self, app: AppId, now: Instant) -> impl Iterator<Item = (&str, Instant)> {
        let all = self.0.range((app, String::new())..).take_while(move |((other, _), _)| *other == app);
        all.filter(move |(_, until)| **until > now).map(|((_, name), until)| (name.as_str(), *until))
    }

    /// Those of them behind a name.
    pub fn after(&self, app: AppId, name: &str, now: Instant) -> impl Iterator<Item = (&str, Instant)> {
        let behind = (Bound::Excluded((app, name.to_owned())), Bound::Unbounded);
        let all = self.0.range(behind).take_while(move |((other, _), _)| *other == app);
        all.filter(move |(_, until)| **until > now).map(|((_, name), until)| (name.as_str(), *until))
    }

    /// The number of streams.
    pub fn count(&self, now: Instant) -> usize {
        self.0.values().filter(|until| **until > now).count()
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
            awaited.add(AppId(1), name, now + second * wait, now);
        }
        awaited.remove(AppId(1), "c");
        awaited.add(AppId(0), "other", now + second, now);
        awaited.add(AppId(2), "other", now + second, now);
        let names = |now| awaited.of(AppId(1), now).map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!((names(now), awaited.count(now)), (vec!["a", "b"], 4));
        let after = |name| awaited.after(AppId(1), name, now).map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!([after(""), after("a"), after("b")], [vec!["a", "b"], vec!["b"], vec![]]);
        assert_eq!((names(now + second * 2), awaited.count(now + second * 2)), (vec!["a"], 1));
    }

    #[test]
    fn they_are_bounded_and_those_whose_time_is_over_make_room() {
        let (mut awaited, now) = (Awaited::default(), Instant::now());
        let second = Duration::from_secs(1);
        for number in 0..MAX + 10 {
            awaited.add(AppId(0), &number.to_string(), now + second, now);
        }
        assert_eq!(awaited.count(now), MAX);
        awaited.add(AppId(0), "late", now + second * 3, now + second * 2);
        assert_eq!(awaited.count(now), 1);
    }
}
