//! Pauses and dates. The timestamps of a track never decrease. A pause, which is a long step between two of them, is a
//! discontinuity. Dates are the wall clock of timestamps.

use std::time::Duration;

/// The most audio frames that are held or dropped at a pause before the pictures have passed it.
const MAX_STRAY: u32 = 64;

/// Finds pauses of one track.
#[derive(Debug, Clone, Copy)]
pub struct PauseDetector {
    /// The longest step, in milliseconds, that is no pause.
    max_step: u64,
    latest: Option<u64>,
    /// The last two steps, the newest first.
    steps: [u64; 2],
}

impl PauseDetector {
    /// A detector that takes any first timestamp.
    pub fn new(max_step: u64) -> Self {
        Self { max_step, latest: None, steps: [0; 2] }
    }

    /// Whether there is a pause before `timestamp`.
    pub fn pauses_before(&self, timestamp: u64) -> bool {
        self.latest.is_some_and(|latest| timestamp > latest.saturating_add(self.max_step))
    }

    /// The shorter of the last two steps in milliseconds, so that one late frame does not count; 0 if it is not known.
    pub fn step(&self) -> u64 {
        let [last, before] = self.steps;
        last.min(before)
    }

    /// Takes a timestamp.
    pub fn take(&mut self, timestamp: u64) {
        let step = self.latest.map_or(0, |latest| timestamp.saturating_sub(latest));
        let step = if step > self.max_step { 0 } else { step };
        self.steps = [step, self.steps[0]];
        self.latest = self.latest.max(Some(timestamp));
    }
}

/// The dates of a stream's timestamps. The wall clock is read where a stream begins and behind pauses; from there on
/// dates follow the timestamps, so that they agree with durations.
#[derive(Debug, Default)]
pub struct Dates {
    /// Milliseconds from media time to the time since 1970.
    offset: Option<i64>,
}

impl Dates {
    /// Notes that a frame of that time has come at `wall`, the time since 1970.
    pub fn see(&mut self, timestamp: u64, wall: Duration) {
        if self.offset.is_none() {
            let (wall, timestamp) = (i64::try_from(wall.as_millis()).ok(), i64::try_from(timestamp).ok());
            self.offset = wall.zip(timestamp).map(|(wall, timestamp)| wall.saturating_sub(timestamp));
        }
    }

    /// The next frame sets the dates again.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// The date of a time, in milliseconds since 1970.
    pub fn of(&self, timestamp: u64) -> Option<u64> {
        let timestamp = i64::try_from(timestamp).ok()?;
        u64::try_from(self.offset?.checked_add(timestamp)?).ok()
    }
}

/// The fate of an audio frame of a stream that has video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Write it.
    Pass,
    /// Keep it: it is behind a pause that the pictures have not passed.
    Early,
    /// Drop it: it is before a pause that the pictures have passed.
    Late,
}

/// Holds audio back around a pause. The two tracks do not pass it at the same time, and a segment must not have times
/// of both sides. The pictures decide where the cut is; audio that is early waits for it, and audio that is late is
/// dropped.
#[derive(Debug)]
pub struct AudioGate {
    clock: PauseDetector,
    state: Gate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    /// Audio is behind the pause, video is not yet. Frames that may still wait.
    Early(u32),
    /// Video is behind the pause, audio is not yet. Frames that may still be dropped.
    Late(u32),
}

impl AudioGate {
    /// A gate that is open.
    pub fn new(max_step: u64) -> Self {
        Self { clock: PauseDetector::new(max_step), state: Gate::Open }
    }

    /// Notes that pictures continue behind a pause at that time, in a new segment. Audio may have had no pause.
    pub fn resume_video(&mut self, timestamp: u64) {
        self.state = match self.state {
            Gate::Early(_) => Gate::Open,
            Gate::Open if !self.clock.pauses_before(timestamp) => Gate::Open,
            Gate::Open | Gate::Late(_) => Gate::Late(MAX_STRAY),
        };
    }

    /// Whether audio and pictures are on the same side of any pause.
    pub fn is_open(&self) -> bool {
        self.state == Gate::Open
    }

    /// Judges the next audio frame. After `MAX_STRAY` frames all pass.
    pub fn judge(&mut self, timestamp: u64) -> Passage {
        let pauses = self.clock.pauses_before(timestamp);
        self.clock.take(timestamp);
        self.state = match self.state {
            Gate::Open if pauses => Gate::Early(MAX_STRAY),
            Gate::Open | Gate::Early(1) | Gate::Late(1) => Gate::Open,
            Gate::Late(_) if pauses => Gate::Open,
            Gate::Early(left) => Gate::Early(left.saturating_sub(1)),
            Gate::Late(left) => Gate::Late(left.saturating_sub(1)),
        };
        match self.state {
            Gate::Open => Passage::Pass,
            Gate::Early(_) => Passage::Early,
            Gate::Late(_) => Passage::Late,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_found() {
        let mut pauses = PauseDetector::new(10_000);
        assert!(!pauses.pauses_before(5_000_000));
        for timestamp in [5_000_000, 5_000_040, 5_000_020, 5_010_040] {
            assert!(!pauses.pauses_before(timestamp));
            pauses.take(timestamp);
        }
        assert!(
            !pauses.pauses_before(0) && pauses.pauses_before(5_020_041) && pauses.pauses_before(u64::MAX)
        );
    }

    #[test]
    fn dates_run_with_the_media_from_where_they_were_set() {
        let mut dates = Dates::default();
        assert_eq!(dates.of(0), None);
        dates.see(5000, Duration::from_secs(1_700_000_000));
        dates.see(7000, Duration::from_secs(1_700_000_009));
        assert_eq!((dates.of(4000), dates.of(7000)), (Some(1_699_999_999_000), Some(1_700_000_002_000)));
        dates.restart();
        assert_eq!(dates.of(5000), None);
        dates.see(1_000_000, Duration::from_secs(1_700_000_010));
        assert_eq!(dates.of(1_000_000), Some(1_700_000_010_000));
        assert_eq!((dates.of(u64::MAX), Dates::default().of(0)), (None, None));
    }

    #[test]
    fn audio_that_passes_a_pause_first_waits_for_video() {
        let mut gate = AudioGate::new(10_000);
        assert_eq!(
            (gate.judge(0), gate.judge(1_000_000), gate.judge(1_000_021)),
            (Passage::Pass, Passage::Early, Passage::Early)
        );
        gate.resume_video(1_000_000);
        assert_eq!(gate.judge(1_000_042), Passage::Pass);
    }

    #[test]
    fn audio_that_passes_a_pause_last_is_dropped_until_then() {
        let mut gate = AudioGate::new(10_000);
        assert_eq!(gate.judge(0), Passage::Pass);
        gate.resume_video(1_000_000);
        assert_eq!(
            (gate.judge(21), gate.judge(42), gate.judge(1_000_000)),
            (Passage::Late, Passage::Late, Passage::Pass)
        );
        assert_eq!(gate.judge(1_000_021), Passage::Pass);
    }

    #[test]
    fn audio_that_has_not_paused_is_on_the_same_side_as_video() {
        let mut gate = AudioGate::new(10_000);
        (0..200_000).step_by(21).for_each(|timestamp| assert_eq!(gate.judge(timestamp), Passage::Pass));
        gate.resume_video(200_000);
        assert_eq!(gate.judge(200_000), Passage::Pass);
    }

    #[test]
    fn audio_comes_back_when_the_other_track_has_no_pause() {
        let mut gate = AudioGate::new(10_000);
        gate.judge(0);
        let dropped =
            (0u64..).take_while(|index| gate.judge(1_000_000 + index * 21) == Passage::Early).count();
        assert_eq!(dropped, 64);
        gate.resume_video(2_000_000);
        let dropped =
            (64u64..).take_while(|index| gate.judge(1_000_000 + index * 21) == Passage::Late).count();
        assert_eq!(dropped, 63);
    }
}
