//! The bitrate meters of streams that have ended, for as long as they count.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use crate::engine::{AppId, StreamName};

use super::meter::BitrateMeter;

/// Streams that are remembered; the oldest is forgotten for another.
pub(super) const MAX_REMEMBERED: usize = 4096;

/// Meters of streams that have ended, by application and name.
#[derive(Debug, Default)]
pub struct PastMeters {
    meters: HashMap<(AppId, StreamName), (BitrateMeter, u64)>,
    /// In the order of their ends, with the number of the end; those that a later end has replaced included.
    ends: VecDeque<(AppId, StreamName, u64)>,
    last: u64,
}

impl PastMeters {
    pub fn remember(&mut self, app: AppId, name: StreamName, meter: BitrateMeter, now: Instant) {
        self.last += 1;
        self.meters.insert((app, name.clone()), (meter, self.last));
        self.ends.push_back((app, name, self.last));
        self.prune(now);
    }

    /// The meter of a stream, if it still counts.
    pub fn get(&self, app: AppId, name: &StreamName, now: Instant) -> Option<&BitrateMeter> {
        let meter = self.meters.get(&(app, name.clone())).map(|(meter, _)| meter);
        meter.filter(|meter| meter.left(now).is_some())
    }

    /// Forgets the streams of an application.
    pub fn forget(&mut self, app: AppId) {
        self.meters.retain(|(other, _), _| *other != app);
        self.ends.retain(|(other, ..)| *other != app);
    }

    /// Removes, from the oldest on, meters that do not count any more or are too many.
    fn prune(&mut self, now: Instant) {
        while let Some((app, name, number)) = self.ends.front() {
            let key = (*app, name.clone());
            let current = self.meters.get(&key).filter(|(_, last)| last == number);
            let counts = current.is_some_and(|(meter, _)| meter.left(now).is_some());
            if counts && self.ends.len() <= MAX_REMEMBERED {
                return;
            }
            if current.is_some() {
                self.meters.remove(&key);
            }
            self.ends.pop_front();
        }
    }

    /// Streams that are remembered.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.meters.len().max(self.ends.len())
    }
}
