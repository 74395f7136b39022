//! The table of viewers: who watches which stream, and who has been refused.
//!
//! A viewer is in it as long as it asks for playlists; one that has been quiet for its time is ended by a check. Each
//! has one entry in `checks`, whose time may be too early: then it is checked again. All tables are bounded.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::engine::ids::{AppId, SessionId};
use crate::engine::limits::origin::Origin;
use crate::engine::viewing::identity::{ViewerKey, ViewerKeys};
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

/// Viewers that are to end, each with the end of its refusal and the reason.
pub(in crate::engine) type KickedViewers = HashMap<ViewerId, (Instant, Rc<str>)>;

/// One of them in the table.
#[derive(Debug)]
pub(in crate::engine) struct Kicked {
    key: ViewerKey,
    /// The end of its refusal.
    until: Instant,
    /// The reason, for the log.
    pub why: Rc<str>,
}

/// All viewers.
#[derive(Debug, Default)]
pub struct Viewers {
    table: HashMap<ViewerKey, Viewer>,
    checks: BinaryHeap<Reverse<(Tick, ViewerKey)>>,
    clock: Clock,
    /// The addresses of viewers, where those of one address are limited.
    origins: HashMap<ViewerKey, Origin>,
    streams: Slab<Watched>,
    by_name: HashMap<(AppId, Box<str>), u32>,
    by_app: HashMap<AppId, usize>,
    by_origin: HashMap<(AppId, Origin), usize>,
    refused: HashMap<ViewerKey, Instant>,
    /// The keys of `refused` in the order of their times.
    refusals: VecDeque<ViewerKey>,
    /// Viewers that an operator has ended, each with the end of its refusal.
    kicked: HashMap<ViewerKey, Instant>,
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

    /// The viewer who has this number, with the stream whose playlist it has asked for last. All viewers are looked at.
    pub fn find_number(&self, number: u32) -> Option<(ViewerId, AppId, &str)> {
        let viewer = self.table.values().find(|viewer| viewer.id.serial() == number)?;
        let stream = self.streams.get(viewer.stream as usize)?;
        Some((viewer.id, stream.app, &stream.name))
    }

    /// The number of all viewers.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// The numbers of all viewers.
    #[cfg(test)]
    pub fn ids(&self) -> impl Iterator<Item = ViewerId> {
        self.table.values().map(|viewer| viewer.id)
    }

    /// The viewer of this number, with the application and the name of the stream that it watches.
    pub fn by_serial(&self, serial: u32) -> Option<(ViewerId, AppId, &str)> {
        let viewer = self.table.values().find(|viewer| viewer.id.serial() == serial)?;
        let stream = self.streams.get(viewer.stream as usize)?;
        Some((viewer.id, stream.app, &stream.name))
    }

    /// At most so many viewers, in no order.
    pub fn facts(&self, most: usize) -> Vec<ViewerFacts> {
        self.table.values().filter_map(|viewer| self.facts_on(viewer)).take(most).collect()
    }

    /// The viewer of this number.
    pub fn facts_of(&self, serial: u32) -> Option<ViewerFacts> {
        self.table
            .values()
            .find(|viewer| viewer.id.serial() == serial)
            .and_then(|viewer| self.facts_on(viewer))
    }

    fn facts_on(&self, viewer: &Viewer) -> Option<ViewerFacts> {
        let stream = self.streams.get(viewer.stream as usize)?;
        let (app, name, seen) = (stream.app, stream.name.clone(), self.clock.time(viewer.seen));
        Some(ViewerFacts { id: viewer.id, app, name, seen })
    }

    /// The viewers of a stream, with a look at all.
    pub fn ids_of_stream(&self, app: AppId, name: &str) -> Vec<ViewerId> {
        let Some(&index) = self.by_name.get(&(app, name.into())) else { return Vec::new() };
        self.table.values().filter(|viewer| viewer.stream == index).map(|viewer| viewer.id).collect()
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
        if self.is_kicked(base, now) || self.is_kicked(own, now) {
            Known::Refused
        } else if self.table.contains_key(&base) {
            Known::Watching(base)
        } else if self.undecided.contains_key(&base) {
            Known::Undecided
        } else if self.table.contains_key(&own) {
            Known::Watching(own)
        } else if self.refused.get(&own).is_some_and(|at| now < *at + REFUSED_FOR) {
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
        let viewer = Viewer { id, stream, seen: self.clock.tick(now) };
        if self.table.contains_key(&key) {
            self.leave_stream(stream);
            return false;
        }
        self.table.insert(key, viewer);
        self.checks.push(Reverse((self.clock.tick(check) + 1, key)));
        *self.by_app.entry(app).or_default() += 1;
        if let Some(origin) = origin {
            self.origins.insert(key, origin);
            *self.by_origin.entry((app, origin)).or_default() += 1;
        }
        true
    }

    /// When the next check is due.
    pub(in crate::engine) fn next_check(&self) -> Option<Instant> {
        self.checks.peek().and_then(|Reverse((tick, _))| self.clock.time(*tick))
    }

    /// Takes the next check that is due: ends the viewer, which is returned, if it has been quiet for the time that
    /// `quiet` tells of its stream; else it is checked later. None if no check is due.
    pub(in crate::engine) fn check(
        &mut self,
        now: Instant,
        quiet: impl FnOnce(AppId, &str) -> Duration,
    ) -> Option<Option<Ended>> {
        self.next_check().filter(|at| *at <= now)?;
        let Reverse((_, key)) = self.checks.pop()?;
        let Some(viewer) = self.table.get(&key).copied() else { return Some(None) };
        let stream = self.streams.get(viewer.stream as usize);
        let quiet = stream.map_or(Duration::ZERO, |stream| quiet(stream.app, &stream.name));
        let ticks = Tick::try_from(quiet.as_millis() / TICK).unwrap_or(Tick::MAX);
        // One more, as the last tick may have just begun.
        let until = viewer.seen.saturating_add(ticks).saturating_add(1);
        if until > self.clock.tick(now) {
            self.checks.push(Reverse((until, key)));
            return Some(None);
        }
        Some(self.end(key))
    }

    /// Ends one viewer, whichever; none if there is none.
    pub(in crate::engine) fn end_any(&mut self) -> Option<Ended> {
        loop {
            let Reverse((_, key)) = self.checks.pop()?;
            if let Some(ended) = self.end(key) {
                return Some(ended);
            }
        }
    }

    fn end(&mut self, key: ViewerKey) -> Option<Ended> {
        let viewer = self.table.remove(&key)?;
        let stream = self.streams.get(viewer.stream as usize)?;
        let ended = Ended { id: viewer.id, app: stream.app, name: stream.name.clone() };
        self.leave_stream(viewer.stream);
        uncount(&mut self.by_app, &ended.app);
        if let Some(origin) = self.origins.remove(&key) {
            uncount(&mut self.by_origin, &(ended.app, origin));
        }
        if self.table.capacity() / 8 > self.table.len().max(USUAL) {
            self.table.shrink_to(USUAL);
            self.checks.shrink_to(USUAL);
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
        while let Some(oldest) = self.refusals.front() {
            let is_over = self.refused.get(oldest).is_none_or(|at| now >= *at + REFUSED_FOR);
            if !is_over && self.refusals.len() < MAX_REFUSED {
                break;
            }
            if let Some(oldest) = self.refusals.pop_front() {
                self.refused.remove(&oldest);
            }
        }
        if self.refused.insert(own, now).is_none() {
            self.refusals.push_back(own);
        }
    }

    /// Finds the viewers that an operator has kicked, all by one look through the table.
    pub(in crate::engine) fn find_kicked(&mut self, mut kicked: KickedViewers, now: Instant) -> Vec<Kicked> {
        self.kicked.retain(|_, until| *until > now);
        self.kicked.shrink_to(USUAL);
        let found = self.table.iter().filter_map(|(key, viewer)| {
            let (until, why) = kicked.remove(&viewer.id)?;
            Some(Kicked { key: *key, until, why })
        });
        found.collect()
    }

    /// Ends such a viewer, and refuses it for its time.
    pub(in crate::engine) fn kick(&mut self, Kicked { key, until, .. }: &Kicked) -> Option<Ended> {
        let ended = self.end(*key)?;
        if self.kicked.len() < MAX_VIEWERS {
            self.kicked.insert(*key, *until);
        }
        Some(ended)
    }

    fn is_kicked(&self, key: ViewerKey, now: Instant) -> bool {
        self.kicked.get(&key).is_some_and(|until| now < *until)
    }

    /// Forgets all refusals, as another configuration may not refuse.
    pub(in crate::engine) fn forget_refusals(&mut self) {
        (self.refused, self.refusals) = Default::default();
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
