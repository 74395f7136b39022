//! The time line of a stream: one for all its publishers, whatever their timestamps do.
//!
//! Timestamps for outputs never go back within a track and never jump. A publisher whose timestamps do, or another
//! one that takes over, continues where the line is. Steps as encoders make them pass unchanged. Only timestamps are
//! changed here.

use std::time::Instant;

use crate::media::{Frame, Kind, Role};

/// The longest step forward that is accepted, in milliseconds beyond the time that has passed: encoders that send a
/// file at full speed make such steps where a picture is still.
const MAX_FORWARD: u64 = 10_000;
/// The longest step back that is levelled out, in milliseconds; a longer one is a jump.
const MAX_BACK: u64 = 500;

/// A jump of a publisher's timestamps, which has been removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    /// Milliseconds forward, or back if negative.
    pub by: i64,
}

/// The time line of one stream. Its times, like those of frames, are unwrapped milliseconds.
#[derive(Debug, Default)]
pub struct Timeline {
    /// The offsets that are added to the publisher's timestamps, of audio and of video; none before its first frame.
    /// They differ only if the publisher's tracks do not share a clock.
    offsets: [Option<i64>; 2],
    /// The time of the last frame of audio and of video.
    last: [Option<u64>; 2],
    /// The time of the last data message that came after some media.
    last_data: u64,
    /// The latest time on the line, and when it was placed.
    newest: Option<(u64, Instant)>,
}

impl Timeline {
    /// Makes the timestamps of another publisher continue the line, whatever they are.
    pub fn change_publisher(&mut self) {
        self.offsets = [None; 2];
    }

    /// The latest time on the line, milliseconds.
    pub fn newest(&self) -> Option<u64> {
        self.newest.map(|(time, _)| time)
    }

    /// The latest time as its publisher has told it, milliseconds; none before the publisher's first frame.
    pub fn newest_of_publisher(&self) -> Option<u64> {
        let [audio, video] = self.offsets;
        Some(self.newest()?.saturating_add_signed(video.or(audio)?.checked_neg()?))
    }

    /// Sets the time of a frame on the line; returns the jump if its publisher's time has jumped.
    pub fn place(&mut self, frame: &mut Frame, now: Instant) -> Option<Jump> {
        match (frame.kind, frame.role) {
            (Kind::Data | Kind::DataAmf3, _) => {
                frame.timestamp = self.place_data(frame.timestamp);
                None
            }
            // Some encoders stamp these 0 in the middle of a stream; the time is not taken from them.
            (kind, Role::Header | Role::Empty) => {
                let track = usize::from(kind == Kind::Video);
                let time = self.near(frame.timestamp, self.offsets[track]);
                frame.timestamp = self.last[track].map_or(time, |last| time.max(last));
                None
            }
            (kind, _) => {
                let (time, jump) = self.place_media(usize::from(kind == Kind::Video), frame.timestamp, now);
                frame.timestamp = time;
                jump
            }
        }
    }

    fn place_media(&mut self, track: usize, timestamp: u64, now: Instant) -> (u64, Option<Jump>) {
        let mut jump = None;
        let time = match (self.newest, self.offsets[track]) {
            (None, _) => {
                self.offsets[track] = Some(0);
                timestamp
            }
            (Some(newest), None) => self
                .begin_beside(track, timestamp, newest, now)
                .unwrap_or_else(|| self.begin_anew(track, timestamp, newest, now)),
            (Some(newest), Some(offset)) => {
                let time = timestamp.saturating_add_signed(offset);
                let last = self.last[track].unwrap_or(newest.0);
                if self.follows(time, last, newest, now) {
                    time
                } else {
                    // The other track may have jumped before, and this one only follows.
                    self.begin_beside(track, timestamp, newest, now).unwrap_or_else(|| {
                        jump = Some(Jump { by: time.wrapping_sub(last).cast_signed() });
                        self.begin_anew(track, timestamp, newest, now)
                    })
                }
            }
        };
        let time = self.last[track].map_or(time, |last| time.max(last));
        self.last[track] = Some(time);
        if self.newest.is_none_or(|(newest, _)| time >= newest) {
            self.newest = Some((time, now));
        }
        (time, jump)
    }

    /// Whether a time may come after the last one of its track.
    fn follows(&self, time: u64, last: u64, (newest, at): (u64, Instant), now: Instant) -> bool {
        let latest = newest.saturating_add(MAX_FORWARD).saturating_add(elapsed(at, now));
        time.saturating_add(MAX_BACK) >= last && time <= latest
    }

    /// Continues the line with a track beside the other one, if its times fit there.
    fn begin_beside(
        &mut self,
        track: usize,
        timestamp: u64,
        newest: (u64, Instant),
        now: Instant,
    ) -> Option<u64> {
        let offset = self.offsets[1 - track]?;
        let time = timestamp.saturating_add_signed(offset);
        let beside = time.saturating_add(MAX_FORWARD) >= newest.0;
        let belongs = beside && self.follows(time, self.last[track].unwrap_or(0), newest, now);
        belongs.then(|| {
            self.offsets[track] = Some(offset);
            time
        })
    }

    /// Continues the line with a track, as far behind the newest frame as the clock has advanced.
    fn begin_anew(&mut self, track: usize, timestamp: u64, newest: (u64, Instant), now: Instant) -> u64 {
        let time = newest.0.saturating_add(elapsed(newest.1, now).max(1));
        self.offsets[track] = Some(time.wrapping_sub(timestamp).cast_signed());
        time
    }

    fn place_data(&mut self, timestamp: u64) -> u64 {
        let time = self.near(timestamp, self.offsets[1].or(self.offsets[0])).max(self.last_data);
        if self.newest.is_some() {
            self.last_data = time;
        }
        time
    }

    /// The time of a frame whose own is not reliable: its own if that is near the newest one, or else the newest.
    fn near(&self, timestamp: u64, offset: Option<i64>) -> u64 {
        let Some((newest, _)) = self.newest else { return timestamp };
        let time = offset.map(|offset| timestamp.saturating_add_signed(offset));
        time.filter(|time| time.abs_diff(newest) <= MAX_FORWARD).unwrap_or(newest)
    }
}

fn elapsed(since: Instant, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(since).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
