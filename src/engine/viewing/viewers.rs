//! The table of viewers: who watches which stream, and who has been refused.
//!
//! A viewer is in it as long as it asks for playlists; one that has been quiet for its time is ended by a check. Each
//! has one entry in `checks`, whose time may be too early: then it is checked again. All tables are bounded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::engine::ids::{AppId, SessionId};
use crate::engine::limits::origin::Origin;
use crate::engine::viewing::identity::{ViewerKey, ViewerKeys};
use crate::engine::viewing::refused::Refused;
use crate::engine::viewing::view::ViewerId;

/// The most viewers. Beyond it, new ones are refused; those of applications without gates are counted up to three
/// quarters of it.
pub(in crate::engine) const MAX_VIEWERS: usize = 65_536;

/// How long a refusal is kept: so long a viewer is refused without being judged again.
const REFUSED_FOR: Duration = Duration::from_secs(10);

/// The most refusals that are kept.
const MAX_REFUSED: usize = 4096;

/// The most requests of one viewer that wait for its decision.
const MAX_WAITING: usize = 64;

/// The number of entries for which a table keeps its memory.
const USUAL: usize = 1024;

/// All viewers.
#[derive(Debug)]
pub struct Viewers {
    table: HashMap<ViewerKey, Viewer>,
    /// Their keys by their numbers.
    numbers: BTreeMap<ViewerId, ViewerKey>,
    checks: BTreeSet<(Tick, ViewerId)>,
    clock: Clock,
    /// The addresses of viewers, where those of one address are limited.
    origins: HashMap<ViewerKey, Origin>,
    streams: Slab<Watched>,
    by_name: HashMap<(AppId, Box<str>), u32>,
    by_app: HashMap<AppId, usize>,
    by_origin: HashMap<(AppId, Origin), usize>,
    /// Those whom the gates have refused.
    refused: Refused,
    /// Those whom an operator has ended.
    kicked: Refused,
    /// Viewers that are being decided about, with the sessions of their other requests, which wait.
    undecided: HashMap<ViewerKey, Vec<SessionId>>,
}

/// A viewer.
#[derive(Debug, Clone, Copy)]
struct Viewer {
    id: ViewerId,
    /// The stream whose playlist it has asked for last.
    stream: u32,
    /// When that was.
    seen: Tick,
    /// When it is checked.
    check: Tick,
}

/// A time in tenths of a second since the first viewer: with few bytes, as there may be many viewers.
type Tick = u32;

/// The length of a tick in milliseconds.
const TICK: u128 = 100;

/// Counts ticks.
#[derive(Debug, Default)]
struct Clock(Option<Instant>);

impl Clock {
    /// The tick that has begun at a time.
    fn tick(&mut self, at: Instant) -> Tick {
        let start = *self.0.get_or_insert(at);
        Tick::try_from(at.saturating_duration_since(start).as_millis() / TICK).unwrap_or(Tick::MAX)
    }

    /// The time at which a tick begins.
    fn time(&self, tick: Tick) -> Option<Instant> {
        Some(self.0? + Duration::from_millis(u64::from(tick) * TICK as u64))
    }
}

/// A stream that is watched.
#[derive(Debug)]
struct Watched {
    app: AppId,
    name: Box<str>,
    viewers: u32,
}

/// What is told of a viewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewerFacts {
    /// Its number.
    pub id: ViewerId,
    /// The application of the stream that it watches.
    pub app: AppId,
    /// The name of that stream.
    pub name: Box<str>,
    /// When it last asked for a playlist, to a tenth of a second.
    pub seen: Option<Instant>,
}

/// A viewer that has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Ended {
    pub id: ViewerId,
    /// The stream whose playlist it has asked for last.
    pub app: AppId,
    pub name: Box<str>,
}

/// What is known of a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Known {
    /// It watches, with this entry.
    Watching(ViewerKey),
    /// It has been refused a moment ago.
    Refused,
    /// A request of it is being decided about.
    Undecided,
    /// Nothing.
    New,
}

impl Default for Viewers {
    fn default() -> Self {
        Self {
            table: HashMap::new(),
            numbers: BTreeMap::new(),
            checks: BTreeSet::new(),
            clock: Clock::default(),
            origins: HashMap::new(),
            streams: Slab::new(),
            by_name: HashMap::new(),
            by_app: HashMap::new(),
            by_origin: HashMap::new(),
            refused: Refused::new(MAX_REFUSED),
            kicked: Refused::new(MAX_VIEWERS),
            undecided: HashMap::new(),
        }
    }
}

impl Viewers {
    /// The viewers of a stream.
    pub fn of_stream(&self, app: AppId, name: &str) -> usize {
        let index = self.by_name.get(&(app, name.into()));
        index.and_then(|index| self.streams.get(*index as usize)).map_or(0, |stream| stream.viewers as usize)
    }

    /// The viewers of an application.
    pub fn of_app(&self, app: AppId) -> usize {
        self.by_app.get(&app).copied().unwrap_or_default()
    }

    /// The viewers of an application from one origin; counted only for those that begin with an origin.
    pub(in crate::engine) fn of_origin(&self, app: AppId, origin: Origin) -> usize {
        self.by_origin.get(&(app, origin)).copied().unwrap_or_default()
    }

    /// The number of all viewers.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// At most so many viewers, in no order.
    pub fn facts(&self, most: usize) -> Vec<ViewerFacts> {
        self.table.values().filter_map(|viewer| self.facts_on(viewer)).take(most).collect()
    }

    /// The viewer of this number.
    pub fn facts_of(&self, number: u32) -> Option<ViewerFacts> {
        self.facts_on(self.table.get(self.numbers.get(&ViewerId(number))?)?)
    }

    fn facts_on(&self, viewer: &Viewer) -> Option<ViewerFacts> {
        let stream = self.streams.get(viewer.stream as usize)?;
        let (app, name, seen) = (stream.app, stream.name.clone(), self.clock.time(viewer.seen));
        Some(ViewerFacts { id: viewer.id, app, name, seen })
    }

    /// Looks at so many viewers, in the order of their numbers, beginning behind one: tells those of a stream, and the last
    /// that has been looked at, unless there are no more.
    pub fn look(
        &self,
        (app, name): (AppId, &str),
        behind: Option<ViewerId>,
        count: usize,
    ) -> (Vec<ViewerId>, Option<ViewerId>) {
        let Some(&stream) = self.by_name.get(&(app, name.into())) else { return Default::default() };
        let is_of_stream = |key| self.table.get(key).is_some_and(|viewer| viewer.stream == stream);
        let first = behind.map_or(Bound::Unbounded, Bound::Excluded);
        let (mut found, mut last, mut looked) = (Vec::new(), None, 0);
        for (id, key) in self.numbers.range((first, Bound::Unbounded)).take(count) {
            found.extend(Some(*id).filter(|_| is_of_stream(key)));
            (last, looked) = (Some(*id), looked + 1);
        }
        (found, last.filter(|_| looked == count))
    }

    /// The number of checks that are due some time.
    #[cfg(test)]
    pub fn checks(&self) -> usize {
        self.checks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether no more viewers can be counted.
    pub(in crate::engine) fn is_full(&self) -> bool {
        self.table.len() >= MAX_VIEWERS
    }

    /// Whether the rest of the table is for applications with gates.
    pub(in crate::engine) fn is_nearly_full(&self) -> bool {
        self.table.len() >= MAX_VIEWERS / 4 * 3
    }

    /// The number of viewers that are being decided about.
    pub(in crate::engine) fn undecided(&self) -> usize {
        self.undecided.len()
    }

    /// What is known of a viewer.
    pub(in crate::engine) fn find(&self, ViewerKeys { base, own }: ViewerKeys, now: Instant) -> Known {
        if self.kicked.has(base, now) || self.kicked.has(own, now) {
            Known::Refused
        } else if self.table.contains_key(&base) {
            Known::Watching(base)
        } else if self.undecided.contains_key(&base) {
            Known::Undecided
        } else if self.table.contains_key(&own) {
            Known::Watching(own)
        } else if self.refused.has(own, now) {
            Known::Refused
        } else {
            Known::New
        }
    }

    /// A viewer asks for a playlist of a stream again.
    pub(in crate::engine) fn touch(&mut self, key: ViewerKey, (app, name): (AppId, &str), now: Instant) {
        let stream = self.stream(app, name);
        let Some(viewer) = self.table.get_mut(&key) else { return self.leave_stream(stream) };
        viewer.seen = self.clock.tick(now);
        let before = std::mem::replace(&mut viewer.stream, stream);
        self.leave_stream(before);
    }

    /// A viewer begins, and is checked at `check`; false if it has begun already.
    pub(in crate::engine) fn begin(
        &mut self,
        (key, id): (ViewerKey, ViewerId),
        (app, name): (AppId, &str),
        origin: Option<Origin>,
        (now, check): (Instant, Instant),
    ) -> bool {
        let stream = self.stream(app, name);
        let (seen, check) = (self.clock.tick(now), self.clock.tick(check) + 1);
        if self.table.contains_key(&key) {
            self.leave_stream(stream);
            return false;
        }
        self.table.insert(key, Viewer { id, stream, seen, check });
        self.numbers.insert(id, key);
        self.checks.insert((check, id));
        *self.by_app.entry(app).or_default() += 1;
        if let Some(origin) = origin {
            self.origins.insert(key, origin);
            *self.by_origin.entry((app, origin)).or_default() += 1;
        }
        true
    }

    /// When the next check is due.
    pub(in crate::engine) fn next_check(&self) -> Option<Instant> {
        self.checks.first().and_then(|(tick, _)| self.clock.time(*tick))
    }

    /// Takes the next check that is due: ends the viewer, which is returned, if it has been quiet for the time that
    /// `quiet` tells of its stream; else it is checked later. None if no check is due.
    pub(in crate::engine) fn check(
        &mut self,
        now: Instant,
        quiet: impl FnOnce(AppId, &str) -> Duration,
    ) -> Option<Option<Ended>> {
        self.next_check().filter(|at| *at <= now)?;
        let (_, id) = self.checks.pop_first()?;
        let Some(&key) = self.numbers.get(&id) else { return Some(None) };
        let Some(viewer) = self.table.get_mut(&key) else { return Some(None) };
        let stream = self.streams.get(viewer.stream as usize);
        let quiet = stream.map_or(Duration::ZERO, |stream| quiet(stream.app, &stream.name));
        let ticks = Tick::try_from(quiet.as_millis() / TICK).unwrap_or(Tick::MAX);
        // One more, as the last tick may have just begun.
        let until = viewer.seen.saturating_add(ticks).saturating_add(1);
        if until > self.clock.tick(now) {
            viewer.check = until;
            self.checks.insert((until, id));
            return Some(None);
        }
        Some(self.end(key))
    }

    /// Ends one viewer, whichever; none if there is none.
    pub(in crate::engine) fn end_any(&mut self) -> Option<Ended> {
        let (_, &key) = self.numbers.first_key_value()?;
        self.end(key)
    }

    fn end(&mut self, key: ViewerKey) -> Option<Ended> {
        let viewer = self.table.remove(&key)?;
        self.numbers.remove(&viewer.id);
        self.checks.remove(&(viewer.check, viewer.id));
        let stream = self.streams.get(viewer.stream as usize)?;
        let ended = Ended { id: viewer.id, app: stream.app, name: stream.name.clone() };
        self.leave_stream(viewer.stream);
        uncount(&mut self.by_app, &ended.app);
        if let Some(origin) = self.origins.remove(&key) {
            uncount(&mut self.by_origin, &(ended.app, origin));
        }
        if self.table.capacity() / 8 > self.table.len().max(USUAL) {
            self.table.shrink_to(USUAL);
        }
        Some(ended)
    }

    /// A viewer is being decided about.
    pub(in crate::engine) fn suspend(&mut self, keys: ViewerKeys) {
        self.undecided.entry(keys.base).or_default();
    }

    /// A request of such a viewer waits; false if too many do.
    pub(in crate::engine) fn wait(&mut self, keys: ViewerKeys, session: SessionId) -> bool {
        let Some(waiting) = self.undecided.get_mut(&keys.base).filter(|waiting| waiting.len() < MAX_WAITING)
        else {
            return false;
        };
        waiting.push(session);
        true
    }

    /// It has been decided about a viewer, or never will be. Returns the sessions whose requests have waited.
    pub(in crate::engine) fn decided(&mut self, keys: ViewerKeys) -> Vec<SessionId> {
        self.undecided.remove(&keys.base).unwrap_or_default()
    }

    /// Keeps the refusal of a viewer.
    pub(in crate::engine) fn refuse(&mut self, ViewerKeys { own, .. }: ViewerKeys, now: Instant) {
        self.refused.add(own, now + REFUSED_FOR, now);
    }

    /// Ends a viewer whom an operator has kicked, and refuses it until a time.
    pub(in crate::engine) fn kick(&mut self, id: ViewerId, until: Instant, now: Instant) -> Option<Ended> {
        let key = *self.numbers.get(&id)?;
        self.kicked.add(key, until, now);
        self.end(key)
    }

    /// Forgets all refusals, as another configuration may not refuse.
    pub(in crate::engine) fn forget_refusals(&mut self) {
        self.refused.clear();
    }

    /// The entry of a stream, with one viewer more.
    fn stream(&mut self, app: AppId, name: &str) -> u32 {
        let key = (app, Box::from(name));
        if let Some(index) = self.by_name.get(&key) {
            if let Some(stream) = self.streams.get_mut(*index as usize) {
                stream.viewers += 1;
            }
            return *index;
        }
        let index = self.streams.insert(Watched { app, name: name.into(), viewers: 1 }) as u32;
        self.by_name.insert(key, index);
        index
    }

    /// A stream has one viewer less.
    fn leave_stream(&mut self, index: u32) {
        let Some(stream) = self.streams.get_mut(index as usize) else { return };
        stream.viewers = stream.viewers.saturating_sub(1);
        if stream.viewers == 0 {
            let Watched { app, name, .. } = self.streams.remove(index as usize);
            self.by_name.remove(&(app, name));
        }
    }
}

fn uncount<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
