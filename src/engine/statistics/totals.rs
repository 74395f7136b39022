//! The numbers of the whole server since its start.
//!
//! They never go back, but for a restart. Each is counted where the thing happens. Refusals are counted apart, in
//! `limits/refusals.rs`, and panics in `panics/`.

use std::time::Instant;

use crate::engine::config::listener::Protocol;
use crate::engine::statistics::histogram::Histogram;
use crate::engine::statistics::longest::Longest;
use crate::engine::statistics::rate::Rate;

/// A number that only grows, and how fast it does. Counting is done for each player and frame, so the rate gets what has
/// come once a turn.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    /// All of it since the start.
    pub total: u64,
    /// The part of it that the rate has got.
    noted: u64,
    rate: Rate,
}

impl Counted {
    /// Counts more.
    #[inline]
    pub(in crate::engine) fn add(&mut self, amount: u64) {
        self.total = self.total.wrapping_add(amount);
    }

    fn note(&mut self, now: Instant) {
        self.rate.add(self.total.wrapping_sub(self.noted), now);
        self.noted = self.total;
    }

    /// How much a second.
    pub fn per_second(&self, now: Instant) -> u64 {
        self.rate.per_second(now)
    }
}

/// The numbers of the whole server since its start.
#[derive(Debug, Default)]
pub struct Totals {
    /// Connections to RTMP listeners that were accepted; refused ones are in [`Refusals`](crate::engine::Refusals).
    pub rtmp_connections: u64,
    /// Connections to HTTP listeners that were accepted.
    pub http_connections: u64,
    /// Bytes of all connections as they came, those to backends included.
    pub bytes_in: Counted,
    /// Bytes of all connections as they were sent.
    pub bytes_out: Counted,
    /// Publishers that have begun.
    pub publishes: u64,
    /// Players that have begun.
    pub plays: u64,
    /// Key frames of the default tracks of publishers.
    pub key_frames: u64,
    /// Frames from publishers.
    pub frames_in: u64,
    /// Frames queued for players; a frame for three players counts three times.
    pub frames_out: u64,
    /// Frames that were left out, or taken out of their queues, as players were too slow or memory was short.
    pub frames_dropped: u64,
    /// Publishers whose connections were lost before they had stopped.
    pub lost_publishers: u64,
    /// Sessions that were closed as their clients broke the protocol, or asked for too much.
    pub protocol_errors: u64,
    /// How often recorders have begun to fail; each tries again.
    pub recordings_failed: u64,
    /// How often HLS outputs have begun to fail; each tries again.
    pub hls_failures: u64,
    /// The times of calls to backends that were answered, from their begin.
    pub calls: Histogram,
    /// Calls to backends that got no answer.
    pub calls_failed: u64,
    /// Commands that were started.
    pub commands_started: u64,
    /// Commands that could not be started, or ended by themselves with an error.
    pub commands_failed: u64,
    /// Turns of the loop: the times from the end of one poll to the begin of the next.
    pub turns: Histogram,
    /// The longest of them.
    pub longest_turn: Longest,
    /// The longest time for which a session has waited that was ready to be served.
    pub longest_wait: Longest,
    /// HTTP requests that have come.
    pub http_requests: u64,
    /// HTTP answers by the first digit of their status, from 1xx on.
    answers: [u64; 5],
}

impl Totals {
    /// Gives the rates what has been counted since the last time.
    pub(in crate::engine) fn note_rates(&mut self, now: Instant) {
        self.bytes_in.note(now);
        self.bytes_out.note(now);
    }

    /// Counts a connection that was accepted.
    pub(in crate::engine) fn count_connection(&mut self, protocol: Protocol) {
        match protocol {
            Protocol::Rtmp => self.rtmp_connections += 1,
            Protocol::Http => self.http_connections += 1,
        }
    }

    /// Counts an HTTP answer of this status.
    pub(in crate::engine) fn count_answer(&mut self, status: u16) {
        let class = usize::from(status / 100).checked_sub(1);
        if let Some(count) = class.and_then(|class| self.answers.get_mut(class)) {
            *count += 1;
        }
    }

    /// HTTP answers by the class of their status: 1 for 1xx, and so on.
    pub fn answers(&self) -> impl Iterator<Item = (u16, u64)> {
        (1..).zip(self.answers)
    }
}
