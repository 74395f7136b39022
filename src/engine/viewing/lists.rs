//! What is listed of each stream: until when the token of a fragment is good, and how long a viewer may be quiet.
//!
//! HLS notes each change of a playlist. A fragment that has left it is sent for ten more minutes, to players that are
//! late or paused. Of a stream that is not known, all that is there is sent: its files were kept after its end.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::engine::config::by_id::ByApp;
use crate::engine::ids::AppId;

/// How long a fragment is good that has left its list.
const GOOD_FOR: Duration = Duration::from_secs(600);

/// The time between two changes of a list that are kept. So fragments are good for up to twice as much longer.
const APART: Duration = Duration::from_secs(15);

/// The most streams. Beyond this, those are forgotten first that have ended.
const MAX_STREAMS: usize = 8192;

/// The lists of all streams, by application and name.
#[derive(Debug, Default)]
pub struct HlsLists {
    apps: ByApp<HashMap<Box<str>, List>>,
    /// The number of all streams.
    streams: usize,
    /// When streams that have ended were last removed.
    swept: Option<Instant>,
}

/// The list of a stream.
#[derive(Debug)]
struct List {
    /// EXT-X-TARGETDURATION.
    target: Duration,
    /// The number of the first fragment that is listed, since that time. Oldest first; both grow.
    first: VecDeque<(Instant, u64)>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// HLS has the stream.
    Known,
    /// HLS has removed it, or ended with it, at that time.
    Forgotten(Instant),
}

impl HlsLists {
    /// Notes the number of the first fragment that is listed now, and the target duration.
    pub fn note(&mut self, app: AppId, name: &str, first: u64, target: Duration, now: Instant) {
        if let Some(list) = self.list_mut(app, name) {
            return list.note(first, target, now);
        }
        if self.streams >= MAX_STREAMS {
            self.sweep(now);
        }
        if self.streams >= MAX_STREAMS {
            self.remove_one();
        }
        let list = List { target, first: VecDeque::from([(now, first)]), state: State::Known };
        match self.apps.get_mut(app) {
            Some(lists) => _ = lists.insert(name.into(), list),
            None => self.apps.insert(app, HashMap::from([(name.into(), list)])),
        }
        self.streams += 1;
    }

    /// Whether the fragment or key with that number is listed, or left the list at most ten minutes ago; so are all of a
    /// stream of which less is known.
    pub fn is_current(&self, app: AppId, name: &str, id: u64, now: Instant) -> bool {
        self.list(app, name).is_none_or(|list| list.is_current(id, now))
    }

    /// The target duration of a stream.
    pub fn target(&self, app: AppId, name: &str) -> Option<Duration> {
        self.list(app, name).map(|list| list.target)
    }

    /// Whether an application has a list of this name that HLS has not removed.
    pub fn knows(&self, app: AppId, name: &str) -> bool {
        self.list(app, name).is_some_and(|list| list.state == State::Known)
    }

    /// Notes that HLS has removed a stream, or has ended with it for good. It is forgotten ten minutes later.
    pub fn forget(&mut self, app: AppId, name: &str, now: Instant) {
        if let Some(list) = self.list_mut(app, name).filter(|list| list.state == State::Known) {
            list.state = State::Forgotten(now);
        }
        // One look at all of them for each minute at most.
        if self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= Duration::from_secs(60)) {
            self.sweep(now);
        }
    }

    /// Forgets all of an application that is gone.
    pub(in crate::engine) fn release(&mut self, app: AppId) {
        let streams = self.apps.release(app).map_or(0, |lists| lists.len());
        self.streams = self.streams.saturating_sub(streams);
    }

    /// Removes the streams that were forgotten ten minutes ago.
    fn sweep(&mut self, now: Instant) {
        self.swept = Some(now);
        let is_kept = |list: &List| match list.state {
            State::Known => true,
            State::Forgotten(at) => now.saturating_duration_since(at) < GOOD_FOR,
        };
        for (_, lists) in self.apps.iter_mut() {
            lists.retain(|_, list| is_kept(list));
        }
        self.streams = self.apps.values().map(HashMap::len).sum();
    }

    /// Removes the stream that was forgotten first, or else any: more is sent of it then than should be, not less.
    fn remove_one(&mut self) {
        let order = |list: &List| match list.state {
            State::Forgotten(at) => (0, Some(at)),
            State::Known => (1, None),
        };
        let all = self.apps.iter().flat_map(|(app, lists)| lists.iter().map(move |list| (app, list)));
        let least = all.min_by_key(|(_, (_, list))| order(list)).map(|(app, (name, _))| (app, name.clone()));
        if let Some((app, name)) = least
            && self.apps.get_mut(app).is_some_and(|lists| lists.remove(&name).is_some())
        {
            self.streams -= 1;
        }
    }

    fn list(&self, app: AppId, name: &str) -> Option<&List> {
        self.apps.get(app)?.get(name)
    }

    fn list_mut(&mut self, app: AppId, name: &str) -> Option<&mut List> {
        self.apps.get_mut(app)?.get_mut(name)
    }
}

impl List {
    fn note(&mut self, first: u64, target: Duration, now: Instant) {
        (self.target, self.state) = (target, State::Known);
        match self.first.back() {
            Some((_, last)) if *last == first => return,
            // Somebody has removed the files, and the numbers begin anew.
            Some((_, last)) if *last > first => self.first.clear(),
            _ => {}
        }
        let since = |at: Instant| now.saturating_duration_since(at);
        while self.first.get(1).is_some_and(|(at, _)| since(*at) >= GOOD_FOR) {
            self.first.pop_front();
        }
        // The last one moves on until it is far enough from the one before.
        if let [.., (before, _), last] = self.first.make_contiguous()
            && last.0.saturating_duration_since(*before) < APART
            && since(*before) < 2 * APART
        {
            *last = (now, first);
        } else {
            self.first.push_back((now, first));
        }
    }

    fn is_current(&self, id: u64, now: Instant) -> bool {
        let is_old = |(at, _): &&(Instant, u64)| now.saturating_duration_since(*at) >= GOOD_FOR;
        self.first.iter().take_while(is_old).last().is_none_or(|(_, first)| id >= *first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: AppId = AppId(3);
    const TARGET: Duration = Duration::from_secs(6);

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    /// The lists of a stream "cam" that begins with the fragment 100, and lists one less every `every` seconds.
    fn running(start: Instant, seconds: u64, every: u64) -> HlsLists {
        let mut lists = HlsLists::default();
        for step in 0..=seconds / every {
            lists.note(APP, "cam", 100 + step, TARGET, after(start, step * every));
        }
        lists
    }

    #[test]
    fn a_fragment_is_current_for_ten_minutes_after_it_has_left_and_little_longer() {
        let start = Instant::now();
        for every in [1, 2, 5, 7, 14, 15, 16, 60, 700] {
            let mut lists = running(start, 7000, every);
            let now = 7000 / every * every;
            // The fragment 100 + n left n + 1 steps after the start.
            for step in 0..now / every {
                let (id, age) = (100 + step, now - (step + 1) * every);
                let is_current = lists.is_current(APP, "cam", id, after(start, now));
                assert!(is_current || age >= 600, "every {every} s: {id} is too old after {age} s");
                assert!(!is_current || age <= 630, "every {every} s: {id} is current after {age} s");
            }
            let list = lists.list_mut(APP, "cam").unwrap();
            assert!(list.first.len() <= 44, "every {every} s: {} changes", list.first.len());
            assert!(list.is_current(100 + now / every, after(start, now + 1_000_000)));
        }
    }

    #[test]
    fn changes_at_any_time_are_few_and_fragments_are_current_for_ten_minutes_in_any_case() {
        let start = Instant::now();
        let (mut lists, mut left, mut now, mut gap) = (HlsLists::default(), Vec::new(), 0, 1);
        for id in 0..5000 {
            lists.note(APP, "cam", id, TARGET, after(start, now));
            left.push(now);
            gap = gap * 7 % 31;
            now += gap;
            let count = lists.list_mut(APP, "cam").unwrap().first.len();
            assert!(count <= 44, "{count} changes");
            if id % 50 == 0 {
                for (old, left_at) in (0..id).zip(left.iter().skip(1)) {
                    let (is_current, age) =
                        (lists.is_current(APP, "cam", old, after(start, now)), now - left_at);
                    assert!(is_current || age >= 600, "{old} is too old after {age} s");
                    assert!(!is_current || age <= 665, "{old} is current after {age} s");
                }
            }
        }
    }

    #[test]
    fn all_that_is_older_than_the_first_list_is_current_for_ten_minutes() {
        let start = Instant::now();
        let mut lists = HlsLists::default();
        lists.note(APP, "cam", 100, TARGET, start);
        assert!(lists.is_current(APP, "cam", 1, after(start, 599)));
        assert!(!lists.is_current(APP, "cam", 99, after(start, 600)));
        assert!(lists.is_current(APP, "cam", 100, after(start, 600)));
        // Numbers begin anew: those before are not known.
        lists.note(APP, "cam", 0, TARGET, after(start, 1000));
        assert!(lists.is_current(APP, "cam", 0, after(start, 1001)));
    }

    #[test]
    fn of_an_unknown_stream_all_is_current() {
        let mut lists = HlsLists::default();
        let now = Instant::now();
        lists.note(APP, "cam", 100, TARGET, now);
        assert_eq!((lists.target(APP, "cam"), lists.knows(APP, "cam")), (Some(TARGET), true));
        for (app, name) in [(APP, "cam2"), (AppId(0), "cam"), (AppId(9), "cam")] {
            assert!(lists.is_current(app, name, 0, after(now, 10_000)) && !lists.knows(app, name));
            assert_eq!(lists.target(app, name), None);
        }
        lists.note(APP, "cam", 100, 2 * TARGET, now);
        assert_eq!(lists.target(APP, "cam"), Some(2 * TARGET));
    }

    #[test]
    fn a_stream_that_has_ended_is_forgotten_after_ten_minutes() {
        let start = Instant::now();
        let mut lists = running(start, 1000, 5);
        lists.forget(APP, "cam", after(start, 1000));
        assert!(!lists.knows(APP, "cam"));
        assert_eq!(lists.target(APP, "cam"), Some(TARGET));
        assert!(!lists.is_current(APP, "cam", 100, after(start, 1000)));
        // Another one that ends does not make it last longer.
        lists.forget(APP, "other", after(start, 1599));
        assert_eq!((lists.streams, lists.target(APP, "cam")), (1, Some(TARGET)));
        lists.forget(APP, "other", after(start, 1700));
        assert_eq!((lists.streams, lists.target(APP, "cam")), (0, None));
    }

    #[test]
    fn a_stream_that_comes_back_is_known_again() {
        let start = Instant::now();
        let mut lists = running(start, 1000, 5);
        lists.forget(APP, "cam", after(start, 1000));
        lists.note(APP, "cam", 5000, TARGET, after(start, 1100));
        lists.forget(APP, "other", after(start, 3000));
        assert!(lists.knows(APP, "cam"));
        assert!(lists.is_current(APP, "cam", 300, after(start, 1699)));
        assert!(!lists.is_current(APP, "cam", 4999, after(start, 1700)));
    }

    #[test]
    fn streams_beyond_the_limit_take_the_places_of_those_that_have_ended() {
        let now = Instant::now();
        let mut lists = HlsLists::default();
        for number in 0..MAX_STREAMS {
            lists.note(APP, &number.to_string(), 7, TARGET, now);
        }
        lists.forget(APP, "7", after(now, 2));
        lists.forget(APP, "8", after(now, 1));
        lists.note(AppId(0), "more", 7, TARGET, after(now, 3));
        assert_eq!((lists.target(APP, "8"), lists.target(APP, "7")), (None, Some(TARGET)));
        lists.note(AppId(0), "more2", 7, TARGET, after(now, 3));
        lists.note(AppId(0), "more3", 7, TARGET, after(now, 3));
        assert_eq!(lists.streams, MAX_STREAMS);
        assert!(lists.knows(AppId(0), "more3") && lists.target(APP, "7").is_none());
        lists.release(APP);
        // Any may have made room for another.
        let left = ["more", "more2", "more3"].iter().filter(|name| lists.knows(AppId(0), name)).count();
        assert_eq!(lists.streams, left);
    }
}
