//! Guesses: wrong keys, signatures and passwords, counted by the origin that has shown them.
//!
//! After some wrong ones an origin has one try in a while. An origin that has shown a right key is exempt for a day: an
//! encoder may be behind the same address as whoever guesses. Both tables are bounded. What is wrong is decided by the
//! module that compares; nothing here refuses anything.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::engine::limits::origin::Origin;
use crate::engine::peer::Peer;

/// Wrong ones that cost nothing.
const FREE: u32 = 10;
/// From one try to the next after that.
const PAUSE: Duration = Duration::from_secs(5);
/// An origin is forgotten after this time without a wrong one.
const FORGOTTEN: Duration = Duration::from_secs(10 * 60);
/// For how long a right one exempts its origin.
const EXEMPT: Duration = Duration::from_secs(24 * 60 * 60);
/// The most origins in each table.
const MOST: usize = 4096;
/// The number of origins for which a table keeps its memory.
const USUAL: usize = 64;

/// The origins that have shown wrong credentials, and those that have shown right ones.
#[derive(Debug, Default)]
pub struct Guesses {
    wrong: Table<Wrong>,
    right: Table<()>,
}

/// The wrong ones of an origin.
#[derive(Debug, Clone, Copy, Default)]
struct Wrong {
    count: u32,
    /// Before this no try is looked at; none while tries are free.
    next_try: Option<Instant>,
}

impl Guesses {
    /// Whether a try has to wait, and for how long; one that need not is the only one for a while, if the origin is
    /// slowed. A trusted proxy is never slowed, nor is this machine itself.
    pub fn is_slowed(&mut self, peer: Peer, trusted: bool, now: Instant) -> Option<Duration> {
        let origin = Origin::of(peer).filter(|_| !trusted)?;
        if self.is_exempt(origin, now) {
            return None;
        }
        let wrong = self.wrong.get_mut(origin, now, FORGOTTEN)?;
        let next_try = wrong.next_try?;
        if next_try > now {
            return Some(next_try - now);
        }
        wrong.next_try = Some(now + PAUSE);
        None
    }

    /// Counts a wrong one. Returns how many its origin has shown lately.
    pub fn note_wrong(&mut self, peer: Peer, trusted: bool, now: Instant) -> u32 {
        let Some(origin) = Origin::of(peer).filter(|_| !trusted) else { return 1 };
        let is_exempt = self.is_exempt(origin, now);
        let mut wrong =
            self.wrong.get_mut(origin, now, FORGOTTEN).map_or_else(Wrong::default, |wrong| *wrong);
        wrong.count = wrong.count.saturating_add(1);
        let is_slowed = wrong.count >= FREE && !is_exempt;
        wrong.next_try = is_slowed.then_some(now + PAUSE);
        self.wrong.put(origin, wrong, is_slowed, now, FORGOTTEN);
        wrong.count
    }

    /// An origin has shown a right one: its wrong ones are forgotten, and it is exempt for a day.
    pub fn note_right(&mut self, peer: Peer, now: Instant) {
        let Some(origin) = Origin::of(peer) else { return };
        self.wrong.remove(origin);
        // Each publish and play of a day comes here; the time need not be exact.
        if self.right.time_of(origin).is_none_or(|at| now >= at + EXEMPT / 24) {
            self.right.put(origin, (), false, now, EXEMPT);
        }
    }

    /// The origins that are slowed now, the latest first.
    pub fn slowed(&self, now: Instant) -> impl Iterator<Item = String> {
        let all = self.wrong.newest(now, FORGOTTEN).filter(|(_, wrong)| wrong.next_try.is_some());
        all.map(|(origin, _)| origin.to_string())
    }

    fn is_exempt(&mut self, origin: Origin, now: Instant) -> bool {
        self.right.get_mut(origin, now, EXEMPT).is_some()
    }
}

/// Values by origin, at most [`MOST`]. Beyond that the oldest goes, of those that are not lasting if there are any.
#[derive(Debug)]
struct Table<V> {
    entries: HashMap<Origin, Entry<V>>,
    /// Origins in the order of their times, those not lasting and those lasting.
    orders: [VecDeque<Place>; 2],
    /// The serial of the latest place.
    serial: u64,
}

/// A place in an order. It is stale if its origin's entry has another serial, or is gone.
#[derive(Debug, Clone, Copy)]
struct Place {
    origin: Origin,
    serial: u64,
    at: Instant,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    at: Instant,
    serial: u64,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), orders: Default::default(), serial: 0 }
    }
}

impl<V> Table<V> {
    fn get_mut(&mut self, origin: Origin, now: Instant, lasts: Duration) -> Option<&mut V> {
        let entry = self.entries.get_mut(&origin)?;
        (now < entry.at + lasts).then_some(&mut entry.value)
    }

    fn time_of(&self, origin: Origin) -> Option<Instant> {
        self.entries.get(&origin).map(|entry| entry.at)
    }

    fn put(&mut self, origin: Origin, value: V, is_lasting: bool, now: Instant, lasts: Duration) {
        self.remove_old(now, lasts);
        if self.entries.len() >= MOST && !self.entries.contains_key(&origin) {
            self.remove_oldest();
        }
        self.serial += 1;
        let serial = self.serial;
        self.entries.insert(origin, Entry { value, at: now, serial });
        self.orders[usize::from(is_lasting)].push_back(Place { origin, serial, at: now });
        self.drop_stale();
    }

    fn remove(&mut self, origin: Origin) {
        self.entries.remove(&origin);
        if self.entries.capacity() / 8 > self.entries.len().max(USUAL) {
            self.entries.shrink_to(USUAL);
        }
        self.drop_stale();
    }

    /// The values in use, the newest first.
    fn newest(&self, now: Instant, lasts: Duration) -> impl Iterator<Item = (Origin, &V)> {
        let [others, lasting] = &self.orders;
        let all = lasting.iter().rev().chain(others.iter().rev());
        let used = all.filter_map(|place| Some((place, self.entries.get(&place.origin)?)));
        let used = used.filter(move |(place, entry)| place.serial == entry.serial && now < place.at + lasts);
        used.map(|(place, entry)| (place.origin, &entry.value))
    }

    /// Removes what is too old, as far as it stands at the front.
    fn remove_old(&mut self, now: Instant, lasts: Duration) {
        for order in 0..self.orders.len() {
            while let Some(place) = self.orders.get(order).and_then(VecDeque::front).copied() {
                if !self.is_stale(place) && now < place.at + lasts {
                    break;
                }
                self.pop(order);
            }
        }
    }

    fn remove_oldest(&mut self) {
        for order in 0..self.orders.len() {
            while let Some(was_in_use) = self.pop(order) {
                if was_in_use {
                    return;
                }
            }
        }
    }

    /// Removes the front of an order, with its entry unless the place is stale. Returns whether there was one.
    fn pop(&mut self, order: usize) -> Option<bool> {
        let place = self.orders.get_mut(order).and_then(VecDeque::pop_front)?;
        let is_in_use = !self.is_stale(place);
        if is_in_use {
            self.entries.remove(&place.origin);
        }
        Some(is_in_use)
    }

    fn is_stale(&self, place: Place) -> bool {
        self.entries.get(&place.origin).is_none_or(|entry| entry.serial != place.serial)
    }

    /// Keeps the orders from growing beyond what they order.
    fn drop_stale(&mut self) {
        for order in 0..self.orders.len() {
            let most = 2 * self.entries.len().max(USUAL);
            if self.orders.get(order).is_none_or(|places| places.len() <= most) {
                continue;
            }
            let mut places = self.orders.get_mut(order).map(std::mem::take).unwrap_or_default();
            places.retain(|place| !self.is_stale(*place));
            places.shrink_to(USUAL);
            if let Some(slot) = self.orders.get_mut(order) {
                *slot = places;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn peer(ip: &str) -> Peer {
        SocketAddr::new(ip.parse().unwrap(), 1000).into()
    }

    fn numbered(number: u32) -> Peer {
        SocketAddr::new(IpAddr::V4((0x0a00_0000 + number).into()), 1000).into()
    }

    fn fail(guesses: &mut Guesses, peer: Peer, times: u32, now: Instant) {
        for _ in 0..times {
            guesses.note_wrong(peer, false, now);
        }
    }

    #[test]
    fn after_ten_wrong_ones_there_is_one_try_in_five_seconds() {
        let (mut guesses, now, peer) = (Guesses::default(), Instant::now(), peer("192.0.2.7"));
        for count in 1..=FREE {
            assert_eq!(guesses.is_slowed(peer, false, now), None, "{count}");
            assert_eq!(guesses.note_wrong(peer, false, now), count);
        }
        assert_eq!(guesses.is_slowed(peer, false, now), Some(PAUSE));
        assert_eq!(guesses.slowed(now).collect::<Vec<_>>(), ["192.0.2.7"]);
        assert_eq!(guesses.is_slowed(peer, false, now + PAUSE), None, "one try");
        assert_eq!(guesses.is_slowed(peer, false, now + PAUSE), Some(PAUSE), "and no second one at once");
        assert_eq!(guesses.is_slowed(numbered(1), false, now), None, "others are not slowed");
    }

    #[test]
    fn an_origin_without_a_wrong_one_for_ten_minutes_is_forgotten() {
        let (mut guesses, now, peer) = (Guesses::default(), Instant::now(), peer("2001:db8::1"));
        fail(&mut guesses, peer, 20, now);
        let later = now + FORGOTTEN;
        assert_eq!(guesses.is_slowed(peer, false, later), None);
        assert_eq!(guesses.note_wrong(peer, false, later), 1);
        assert_eq!(guesses.slowed(later).count(), 0);
    }

    #[test]
    fn the_machine_itself_and_trusted_proxies_are_never_slowed() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for own in [peer("127.0.0.1"), peer("::1"), Peer::Unix] {
            fail(&mut guesses, own, 100, now);
            assert_eq!(guesses.is_slowed(own, false, now), None);
        }
        (0..100).for_each(|_| assert_eq!(guesses.note_wrong(numbered(1), true, now), 1));
        assert_eq!(guesses.is_slowed(numbered(1), true, now), None);
    }

    #[test]
    fn an_address_that_has_shown_a_right_key_within_a_day_is_exempt() {
        let (mut guesses, now, peer) = (Guesses::default(), Instant::now(), peer("192.0.2.7"));
        fail(&mut guesses, peer, 20, now);
        guesses.note_right(peer, now);
        assert_eq!(guesses.is_slowed(peer, false, now), None);
        fail(&mut guesses, peer, 20, now);
        assert_eq!(guesses.is_slowed(peer, false, now + SECOND), None);
        let next_day = now + EXEMPT;
        fail(&mut guesses, peer, 20, next_day);
        assert_eq!(guesses.is_slowed(peer, false, next_day), Some(PAUSE));
    }

    #[test]
    fn many_origins_take_bounded_memory_and_do_not_free_those_that_are_slowed() {
        let (mut guesses, now, slowed) = (Guesses::default(), Instant::now(), peer("192.0.2.7"));
        fail(&mut guesses, slowed, FREE, now);
        for number in 0..50_000 {
            let at = now + Duration::from_millis(u64::from(number) / 50);
            guesses.note_wrong(numbered(number), false, at);
            guesses.note_right(numbered(1_000_000 + number), at);
        }
        assert_eq!((guesses.wrong.entries.len(), guesses.right.entries.len()), (MOST, MOST));
        assert!(guesses.is_slowed(slowed, false, now + SECOND).is_some());
        for _ in 0..50_000 {
            guesses.note_wrong(slowed, false, now + SECOND);
        }
        let places: usize = guesses.wrong.orders.iter().chain(&guesses.right.orders).map(VecDeque::len).sum();
        assert!(places <= 4 * 2 * MOST, "{places} places");
    }
}
