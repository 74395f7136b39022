//! The decoder configurations of a file: where they stand, and which of them hold at a place.
//!
//! Only those are known that have been come across, from the beginning, in playing or on the way of a search. They are
//! read again from the file where they are needed.

use std::hash::Hasher;

use super::header::TagPlace;
use crate::media::flv::Tag;
use crate::media::{Codec, Kind, Packet, Tracks};

/// The most that are known. A file that is appended to has one more for each publisher.
const MAX_KNOWN: usize = 128;
/// The most that hold at one place, as of a live stream.
const MAX_HOLDING: usize = 32;
/// The most bytes of those.
const MAX_BYTES: u64 = 64 * 1024;

/// A configuration, or a description beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    tag: TagPlace,
    packet: Packet,
    codec: Codec,
    tracks: Tracks,
    /// Of its body.
    hash: u64,
}

impl Known {
    fn kind(&self) -> Kind {
        self.tag.kind
    }

    /// Whether it takes the place of an earlier one, or is of another codec than that describes.
    fn replaces(&self, old: &Self) -> bool {
        let is_same = self.packet == old.packet;
        let outdates = self.packet == Packet::Configuration && self.codec != old.codec;
        self.kind() == old.kind() && (is_same || outdates) && old.tracks.is_within(self.tracks)
    }

    fn says_the_same(&self, other: &Self) -> bool {
        (self.kind(), self.packet, self.codec, self.tracks, self.hash, self.tag.length)
            == (other.kind(), other.packet, other.codec, other.tracks, other.hash, other.tag.length)
    }
}

/// The configurations of a file, in order.
#[derive(Debug, Default)]
pub struct Configurations {
    known: Vec<Known>,
}

impl Configurations {
    /// Notes one that has been come across. One that only repeats what holds there is left out.
    pub fn note(&mut self, tag: TagPlace, parsed: &Tag, body: &[u8]) {
        let mut hasher = std::collections::hash_map::DefaultHasher::new();
        hasher.write(body);
        let hash = hasher.finish();
        let Tag { packet, codec, tracks, .. } = *parsed;
        let new = Known { tag, packet, codec, tracks, hash };
        let place = self.known.partition_point(|known| known.tag.at < tag.at);
        if self.known.get(place).is_some_and(|known| known.tag.at == tag.at) {
            return;
        }
        let before = self.known.iter().take(place).rev().find(|known| new.replaces(known));
        if before.is_some_and(|before| before.says_the_same(&new)) {
            return;
        }
        if self.known.len() < MAX_KNOWN || self.forget() {
            let place = self.known.partition_point(|known| known.tag.at < tag.at);
            self.known.insert(place, new);
        }
    }

    /// Forgets the oldest one in whose place another has come. False if there is none.
    fn forget(&mut self) -> bool {
        let is_replaced = |(place, old): &(usize, &Known)| {
            self.known.iter().skip(place + 1).any(|known| known.replaces(old))
        };
        let oldest = self.known.iter().enumerate().find(is_replaced).map(|(place, _)| place);
        oldest.map(|place| self.known.remove(place)).is_some()
    }

    /// Those that hold at a place, as far as they are known.
    pub fn holding(&self, at: u64) -> Vec<TagPlace> {
        let mut holding: Vec<&Known> = Vec::new();
        for known in self.known.iter().take_while(|known| known.tag.at < at) {
            holding.retain(|old| !known.replaces(old));
            let bytes: u64 = holding.iter().map(|known| u64::from(known.tag.length)).sum();
            if holding.len() < MAX_HOLDING && bytes + u64::from(known.tag.length) <= MAX_BYTES {
                holding.push(known);
            }
        }
        holding.into_iter().map(|known| known.tag).collect()
    }
}
