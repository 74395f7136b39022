//! Headers of every codec, written field by field as the specifications have them, with the edges of each field's
//! range in its place: what random bytes hardly ever are. Everything that reads headers is fed with them.

mod aac;
mod audio;
mod av1;
mod avc;
mod enhanced;
mod hevc;

use std::ops::RangeInclusive;

use proptest::prelude::*;

use super::Kind;
use super::bits::BitWriter;

/// The number of a field's edges.
const EDGES: usize = 7;
/// The largest code of `ue(v)` and `se(v)`.
const MAX_CODE: u32 = u32::MAX - 1;
/// The most elements that are written for a count, which may say any number.
const MAX_ELEMENTS: u32 = 300;

/// A header that is being written. Each function that writes a field returns what it has written, which is the
/// value given or, where the field is to be changed, an edge of its range.
pub struct Syntax {
    bits: BitWriter,
    /// The places of the fields to be changed, and to which of their edges.
    changes: Vec<(usize, usize)>,
    /// Fields written.
    fields: usize,
    /// A field has a value that it may not have.
    is_faulty: bool,
    /// The changed fields, for the message of a test that fails.
    changed: Vec<(&'static str, i64)>,
}

impl Syntax {
    fn new(changes: Vec<(usize, usize)>) -> Self {
        Self { bits: BitWriter::default(), changes, fields: 0, is_faulty: false, changed: Vec::new() }
    }

    /// Writes bits that are never changed.
    fn fixed(&mut self, count: u32, value: u32) {
        self.bits.put(count, value);
    }

    fn fixed_bytes(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.fixed(8, u32::from(*byte)));
    }

    /// `u(count)`, which may hold anything.
    fn u(&mut self, name: &'static str, count: u32, value: u32) -> u32 {
        let max = u32::MAX >> (32 - count);
        self.u_to(name, count, max, value)
    }

    /// `u(count)`, which may hold 0 to `max`.
    fn u_to(&mut self, name: &'static str, count: u32, max: u32, value: u32) -> u32 {
        let all = u32::MAX >> (32 - count);
        let edges = [0, 1, max.saturating_sub(1), max, max.saturating_add(1), 1 << (count - 1), all];
        let value = self.change().map_or(value, |edge| edges[edge].min(all));
        self.note(name, i64::from(value), value <= max);
        self.bits.put(count, value);
        value
    }

    fn flag(&mut self, name: &'static str, value: bool) -> bool {
        // Every other edge of a flag is the other value.
        let value = self.change().map_or(value, |edge| (edge % 2 == 0) != value);
        self.note(name, i64::from(value), true);
        self.bits.put(1, u32::from(value));
        value
    }

    /// `ue(v)`, which may hold 0 to `max`.
    fn ue(&mut self, name: &'static str, max: u32, value: u32) -> u32 {
        let edges = [0, 1, max.saturating_sub(1), max, max.saturating_add(1), 1 << 31, MAX_CODE];
        let value = self.change().map_or(value, |edge| edges[edge].min(MAX_CODE));
        self.note(name, i64::from(value), value <= max);
        self.put_code(value);
        value
    }

    /// `se(v)`, which may hold `range`.
    fn se(&mut self, name: &'static str, range: RangeInclusive<i32>, value: i32) -> i32 {
        let (low, high) = (*range.start(), *range.end());
        let edges = [0, 1, low, high, low.saturating_sub(1), high.saturating_add(1), -i32::MAX];
        let value = self.change().map_or(value, |edge| edges[edge].max(-i32::MAX));
        self.note(name, i64::from(value), range.contains(&value));
        let double = value.unsigned_abs() * 2;
        self.put_code(if value > 0 { double - 1 } else { double });
        value
    }

    /// An Exp-Golomb code (ISO 14496-10 9.1).
    fn put_code(&mut self, value: u32) {
        let zeros = (value + 1).ilog2();
        self.bits.put(zeros, 0);
        self.bits.put(zeros + 1, value + 1);
    }

    /// The edge that the next field is to have, if it is to be changed.
    fn change(&mut self) -> Option<usize> {
        let place = self.fields;
        self.fields += 1;
        self.changes.iter().find(|(changed, _)| *changed == place).map(|(_, edge)| edge % EDGES)
    }

    fn note(&mut self, name: &'static str, value: i64, is_legal: bool) {
        self.is_faulty |= !is_legal;
        if self.changes.iter().any(|(place, _)| place + 1 == self.fields) {
            self.changed.push((name, value));
        }
    }

    /// Takes the bytes that have been written; the count of fields stays.
    fn take(&mut self) -> Self {
        let fields = self.fields;
        let taken = std::mem::replace(self, Self::new(Vec::new()));
        self.fields = fields;
        taken
    }

    fn into_bytes(self) -> Vec<u8> {
        self.bits.clone().into_bytes()
    }

    /// The bytes of a NAL unit: a stop bit behind, and emulation prevention (ISO 14496-10 7.3.1, 7.4.1.1).
    fn into_nal(mut self, header: &[u8]) -> Vec<u8> {
        self.fixed(8, 0x80);
        let (mut nal, mut zeros) = (header.to_vec(), 0);
        for byte in self.into_bytes() {
            if zeros == 2 && byte <= 3 {
                nal.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            nal.push(byte);
        }
        nal
    }
}

/// The fields that a failed test has changed.
impl Drop for Syntax {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with {:?}", self.changed);
        }
    }
}

/// Writes a header with none of its fields changed, and then with each edge of each field, one at a time.
fn each_edge(mut try_one: impl FnMut(&mut Syntax)) {
    let mut unchanged = Syntax::new(Vec::new());
    try_one(&mut unchanged);
    let mut place = 0;
    loop {
        for edge in 0..EDGES {
            let mut syntax = Syntax::new(vec![(place, edge)]);
            try_one(&mut syntax);
            if syntax.fields <= place {
                return;
            }
        }
        place += 1;
    }
}

/// Edges of some fields at once.
fn some_edges() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((0..120usize, 0..EDGES), 1..6)
}

/// The payloads of audio and video messages with every header there is, and each edge of each of its fields.
pub fn messages() -> Vec<(Kind, Vec<u8>)> {
    let mut messages = Vec::new();
    avc::messages(&mut messages);
    hevc::messages(&mut messages);
    av1::messages(&mut messages);
    aac::messages(&mut messages);
    audio::messages(&mut messages);
    enhanced::messages(&mut messages);
    messages
}
