//! Guesses: wrong keys, signatures and passwords, counted by the origin that has shown them.
//!
//! After some wrong ones an origin has one try in a while. An origin that has shown a right key is exempt for a day: an
//! encoder may be behind the same address as whoever guesses. Both tables are bounded. What is wrong is decided by the
//! module that compares; nothing here refuses anything.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use crate::engine::limits::origin::Origin;
use crate::engine::peer::Peer;

/// The wrong credentials of an origin before it is slowed.
const FREE: u32 = 10;
/// The time between two tries of a slowed origin.
const PAUSE: Duration = Duration::from_secs(5);
/// An origin is forgotten after this time without a wrong one.
const FORGOTTEN: Duration = Duration::from_secs(10 * 60);
/// How long an origin is exempt after a right credential.
const EXEMPT: Duration = Duration::from_secs(24 * 60 * 60);
/// The most origins in each table.
const MOST: usize = 4096;
/// The number of origins for which a table keeps its memory.
const USUAL: usize = 64;

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Publishing.
    Publish,
    /// Playing.
    Play,
    /// Operating the server.
    Operate,
}

/// The origins that have shown wrong credentials, and those that have shown right ones.
#[derive(Debug, Default)]
pub struct Guesses {
    /// Wrong keys and passwords, of publishers and viewers.
    wrong: Table<Wrong>,
    /// Wrong tokens and passwords of operators, counted apart: who may publish may not guess at them for that.
    wrong_to_operate: Table<Wrong>,
    /// Those for publishing, which exempt for playing, too.
    right_to_publish: Table<()>,
    /// Those for playing: a viewer may not guess at the keys of publishers for that.
    right_to_play: Table<()>,
    /// Those for operating.
    right_to_operate: Table<()>,
}

/// The wrong ones of an origin.
#[derive(Debug, Clone, Copy, Default)]
struct Wrong {
    count: u32,
    /// Before this no try is looked at; none while tries are free.
    next_try: Option<Instant>,
}

impl Guesses {
    /// Admits a try, or tells how long it has to wait. A slowed origin has no other one for a while. A trusted proxy is never slowed, nor is this machine itself.
    pub fn admit_try(
        &mut self,
        (peer, trusted): (Peer, bool),
        purpose: Purpose,
        now: Instant,
    ) -> Option<Duration> {
        let origin = Origin::of(peer).filter(|_| !trusted)?;
        if self.is_exempt(origin, purpose, now) {
            return None;
        }
        let wrong = self.wrong_of(purpose).get_mut(origin, now, FORGOTTEN)?;
        let next_try = wrong.next_try?;
        if next_try > now {
            return Some(next_try - now);
        }
        wrong.next_try = Some(now + PAUSE);
        None
    }

    /// Whether an origin may guess as often as it likes: it has shown a right one, is a trusted proxy, or this machine.
    pub fn exempts(&mut self, (peer, trusted): (Peer, bool), purpose: Purpose, now: Instant) -> bool {
        let origin = Origin::of(peer).filter(|_| !trusted);
        origin.is_none_or(|origin| self.is_exempt(origin, purpose, now))
    }

    /// Counts a wrong one. Returns how many its origin has shown lately.
    pub fn note_wrong(&mut self, (peer, trusted): (Peer, bool), purpose: Purpose, now: Instant) -> u32 {
        let Some(origin) = Origin::of(peer).filter(|_| !trusted) else { return 1 };
        let is_exempt = self.is_exempt(origin, purpose, now);
        let table = self.wrong_of(purpose);
        let mut wrong = table.get_mut(origin, now, FORGOTTEN).map_or_else(Wrong::default, |wrong| *wrong);
        wrong.count = wrong.count.saturating_add(1);
        let is_slowed = wrong.count >= FREE && !is_exempt;
        wrong.next_try = is_slowed.then_some(now + PAUSE);
        table.put(origin, wrong, is_slowed, now, FORGOTTEN);
        wrong.count
    }

    /// An origin has shown a right one, and is exempt for a day. If it was for publishing or operating, its wrong ones of
    /// that kind are forgotten.
    pub fn note_right(&mut self, peer: Peer, purpose: Purpose, now: Instant) {
        let Some(origin) = Origin::of(peer) else { return };
        let right = match purpose {
            Purpose::Publish => {
                self.wrong.remove(origin);
                &mut self.right_to_publish
            }
            Purpose::Play => &mut self.right_to_play,
            Purpose::Operate => {
                self.wrong_to_operate.remove(origin);
                &mut self.right_to_operate
            }
        };
        // Each publish and play of a day comes here; the time need not be exact.
        if right.time_of(origin).is_none_or(|at| now >= at + EXEMPT / 24) {
            right.put(origin, (), false, now, EXEMPT);
        }
    }

    /// The origins that are slowed now, the latest first.
    pub fn slowed(&self, now: Instant) -> impl Iterator<Item = String> {
        let slowed = |table: &Table<Wrong>| -> Vec<Origin> {
            table.newest_lasting(now, FORGOTTEN).map(|(origin, _)| origin).collect()
        };
        let (mut all, of_others) = (slowed(&self.wrong_to_operate), slowed(&self.wrong));
        all.extend(of_others);
        let mut seen = HashSet::new();
        all.into_iter().filter(move |origin| seen.insert(*origin)).map(|origin| origin.to_string())
    }

    fn wrong_of(&mut self, purpose: Purpose) -> &mut Table<Wrong> {
        match purpose {
            Purpose::Publish | Purpose::Play => &mut self.wrong,
            Purpose::Operate => &mut self.wrong_to_operate,
        }
    }

    fn is_exempt(&mut self, origin: Origin, purpose: Purpose, now: Instant) -> bool {
        let is_right = |table: &mut Table<()>| table.get_mut(origin, now, EXEMPT).is_some();
        match purpose {
            Purpose::Publish => is_right(&mut self.right_to_publish),
            Purpose::Play => is_right(&mut self.right_to_publish) || is_right(&mut self.right_to_play),
            // A publisher or viewer may not guess at the tokens of operators.
            Purpose::Operate => is_right(&mut self.right_to_operate),
        }
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

    /// The lasting values, the newest first.
    fn newest_lasting(&self, now: Instant, lasts: Duration) -> impl Iterator<Item = (Origin, &V)> {
        let [_, lasting] = &self.orders;
        let used = lasting.iter().rev().filter_map(|place| Some((place, self.entries.get(&place.origin)?)));
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
            guesses.note_wrong((peer, false), Purpose::Publish, now);
        }
    }

    #[test]
    fn after_ten_wrong_ones_there_is_one_try_in_five_seconds() {
        let (mut guesses, now, peer) = (Guesses::default(), Instant::now(), peer("192.0.2.7"));
        for count in 1..=FREE {
            assert_eq!(guesses.admit_try((peer, false), Purpose::Publish, now), None, "{count}");
            assert_eq!(guesses.note_wrong((peer, false), Purpose::Publish, now), count);
        }
        assert_eq!(guesses.admit_try((peer, false), Purpose::Publish, now), Some(PAUSE));
        assert_eq!(guesses.slowed(now).collect::<Vec<_>>(), ["192.0.2.7"]);
        assert_eq!(guesses.admit_try((peer, false), Purpose::Publish, now + PAUSE), None, "one try");
        assert_eq!(
            guesses.admit_try((peer, false), Purpose::Publish, now + PAUSE),
            Some(PAUSE),
            "and no second one at once"
        );
        assert_eq!(
            guesses.admit_try((numbered(1), false), Purpose::Publish, now),
            None,
            "others are not slowed"
        );
    }

    #[test]
    fn an_origin_without_a_wrong_one_for_ten_minutes_is_forgotten() {
        let (mut guesses, now, peer) = (Guesses::default(), Instant::now(), peer("2001:db8::1"));
        fail(&mut guesses, peer, 20, now);
        let later = now + FORGOTTEN;
        assert_eq!(guesses.admit_try((peer, false), Purpose::Publish, later), None);
        assert_eq!(guesses.note_wrong((peer, false), Purpose::Publish, later), 1);
        assert_eq!(guesses.slowed(later).count(), 0);
    }

    #[test]
    fn the_machine_itself_and_trusted_proxies_are_never_slowed() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for own in [peer("127.0.0.1"), peer("::1"), Peer::Unix] {
            fail(&mut guesses, own, 100, now);
            assert_eq!(guesses.admit_try((own, false), Purpose::Publish, now), None);
            assert!(guesses.exempts((own, false), Purpose::Play, now));
        }
        (0..100).for_each(|_| assert_eq!(guesses.note_wrong((numbered(1), true), Purpose::Publish, now), 1));
        assert_eq!(guesses.admit_try((numbered(1), true), Purpose::Publish, now), None);
    }

    #[test]
    fn an_address_that_has_shown_a_right_key_within_a_day_is_exempt() {
        let (mut guesses, now, peer) = (Guesses::default(), Instant::now(), peer("192.0.2.7"));
        fail(&mut guesses, peer, 20, now);
        assert!(!guesses.exempts((peer, false), Purpose::Publish, now));
        guesses.note_right(peer, Purpose::Publish, now);
        assert!(guesses.exempts((peer, false), Purpose::Publish, now));
        assert_eq!(guesses.admit_try((peer, false), Purpose::Publish, now), None);
        fail(&mut guesses, peer, 20, now);
        assert_eq!(guesses.admit_try((peer, false), Purpose::Publish, now + SECOND), None);
        let next_day = now + EXEMPT;
        fail(&mut guesses, peer, 20, next_day);
        assert_eq!(guesses.admit_try((peer, false), Purpose::Publish, next_day), Some(PAUSE));
    }

    #[test]
    fn nothing_but_a_right_token_exempts_from_the_wait_for_tokens() {
        let (mut guesses, now, peer) = (Guesses::default(), Instant::now(), peer("192.0.2.7"));
        guesses.note_right(peer, Purpose::Publish, now);
        guesses.note_right(peer, Purpose::Play, now);
        for _ in 0..FREE {
            guesses.note_wrong((peer, false), Purpose::Operate, now);
        }
        assert_eq!(guesses.admit_try((peer, false), Purpose::Operate, now), Some(PAUSE));
        guesses.note_right(peer, Purpose::Operate, now);
        assert_eq!(guesses.admit_try((peer, false), Purpose::Operate, now), None);
    }

    #[test]
    fn a_right_key_for_publishing_does_not_wipe_out_wrong_tokens() {
        let (mut guesses, now, peer) = (Guesses::default(), Instant::now(), peer("192.0.2.7"));
        for _ in 0..5 * FREE {
            guesses.note_wrong((peer, false), Purpose::Operate, now);
            guesses.note_right(peer, Purpose::Publish, now);
        }
        assert_eq!(guesses.admit_try((peer, false), Purpose::Operate, now), Some(PAUSE));
        assert_eq!(guesses.slowed(now).collect::<Vec<_>>(), ["192.0.2.7"]);
        assert_eq!(guesses.admit_try((peer, false), Purpose::Publish, now), None);
    }

    #[test]
    fn a_right_key_for_playing_exempts_from_no_wait_for_publishing() {
        let (mut guesses, now, peer) = (Guesses::default(), Instant::now(), peer("192.0.2.7"));
        fail(&mut guesses, peer, FREE, now);
        guesses.note_right(peer, Purpose::Play, now);
        assert_eq!(guesses.admit_try((peer, false), Purpose::Publish, now), Some(PAUSE));
        assert_eq!(guesses.admit_try((peer, false), Purpose::Play, now), None);
    }

    #[test]
    fn many_origins_take_bounded_memory_and_do_not_free_those_that_are_slowed() {
        let (mut guesses, now, slowed) = (Guesses::default(), Instant::now(), peer("192.0.2.7"));
        fail(&mut guesses, slowed, FREE, now);
        for number in 0..50_000 {
            let at = now + Duration::from_millis(u64::from(number) / 50);
            guesses.note_wrong((numbered(number), false), Purpose::Publish, at);
            guesses.note_right(numbered(1_000_000 + number), Purpose::Publish, at);
        }
        assert_eq!((guesses.wrong.entries.len(), guesses.right_to_publish.entries.len()), (MOST, MOST));
        assert!(guesses.admit_try((slowed, false), Purpose::Publish, now + SECOND).is_some());
        for _ in 0..50_000 {
            guesses.note_wrong((slowed, false), Purpose::Publish, now + SECOND);
        }
        let places: usize =
            guesses.wrong.orders.iter().chain(&guesses.right_to_publish.orders).map(VecDeque::len).sum();
        assert!(places <= 4 * 2 * MOST, "{places} places");
    }
}
