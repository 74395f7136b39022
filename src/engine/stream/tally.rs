//! Counts of what one publisher has sent, for its last log line.
//!
//! They begin anew with each publisher. Statistics of the stream are fields of [`Stream`](super::Stream).

use std::time::{Duration, Instant};

use crate::engine::quantities::{bit_rate, count};
use crate::media::{Frame, Kind, Role, Slices};

/// Counts since the publisher began.
#[derive(Debug, Default)]
pub(in crate::engine) struct Tally {
    bytes: u64,
    /// Pictures of the default track.
    pictures: u64,
    /// Audio messages.
    sounds: u64,
    /// Jumps of its timestamps.
    pub jumps: u64,
    /// When its first frame of audio or video came. Encoders may send none for seconds after they may publish.
    pub since: Option<Instant>,
    audio: Track,
    video: Track,
}

/// The frames of audio, or of video.
#[derive(Debug, Default, Clone, Copy)]
struct Track {
    /// The time of the last one, milliseconds of media.
    last: Option<u64>,
    /// The time between the last two.
    interval: u64,
    /// When the first one came, or the first one since they ceased.
    since: Option<Instant>,
}

/// The time for which pictures may be ahead of the sound, milliseconds of media; sound that is further behind has ceased.
const SILENCE: u64 = 5000;
/// The same for pictures, which may come seldom: as slides, or from a camera that sends what moves.
const STILL: u64 = 30_000;

impl Track {
    fn add(&mut self, timestamp: u64, has_ceased: bool, now: Instant) {
        if self.since.is_none() || has_ceased {
            self.since = Some(now);
        }
        self.interval = self.last.map_or(0, |last| timestamp.saturating_sub(last));
        self.last = Some(timestamp);
    }
}

impl Tally {
    /// Counts a frame whose pictures have been read.
    pub fn add(&mut self, frame: &Frame, now: Instant) {
        self.bytes += frame.payload().len() as u64;
        let has_media = matches!(frame.role, Role::Key | Role::Inter | Role::Disposable);
        match frame.kind {
            Kind::Video if has_media && begins_picture(frame) => self.pictures += 1,
            Kind::Audio if has_media => self.sounds += 1,
            _ => {}
        }
        if !has_media || frame.kind.is_data() {
            return;
        }
        self.since.get_or_insert(now);
        let has_ceased = !self.has(frame.kind);
        let track = if frame.kind == Kind::Video { &mut self.video } else { &mut self.audio };
        track.add(frame.timestamp, has_ceased, now);
    }

    /// Whether there are frames of audio, or of video: some have come, and have not ceased since.
    pub fn has(&self, kind: Kind) -> bool {
        let (track, other, most) = match kind {
            Kind::Audio => (&self.audio, &self.video, SILENCE),
            Kind::Video => (&self.video, &self.audio, STILL.max(self.video.interval.saturating_mul(3))),
            Kind::Data | Kind::DataAmf3 => return false,
        };
        let is_ahead = |last: u64| other.last.is_none_or(|other| last.saturating_add(most) >= other);
        track.last.is_some_and(is_ahead)
    }

    /// When the first frame of audio, or of video, came, or the first one since they ceased.
    pub fn begun(&self, kind: Kind) -> Option<Instant> {
        match kind {
            Kind::Audio => self.audio.since,
            Kind::Video => self.video.since,
            Kind::Data | Kind::DataAmf3 => None,
        }
    }

    /// "111 600 pictures, 4.2 Mbit/s", and the jumps of its timestamps.
    pub fn summary(&self, time: Duration) -> String {
        let media = match (self.pictures, self.sounds) {
            (0, 0) => return "nothing".to_owned(),
            (0, 1) => "1 message of sound".to_owned(),
            (0, sounds) => format!("{} messages of sound", count(sounds)),
            (1, _) => "1 picture".to_owned(),
            (pictures, _) => format!("{} pictures", count(pictures)),
        };
        let jumps = match self.jumps {
            0 => String::new(),
            1 => ", its time jumped once".to_owned(),
            jumps => format!(", its time jumped {} times", count(jumps)),
        };
        format!("{media}, {}{jumps}", bit_rate(self.bytes, time))
    }
}

/// Whether a picture begins in the frame: encoders may send a message for each slice.
fn begins_picture(frame: &Frame) -> bool {
    frame.is_default_track() && matches!(frame.slices, Slices::Begin | Slices::Unread)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn frame(kind: Kind, payload: &[u8]) -> Frame {
        Frame::from_payload(kind, 0, payload)
    }

    #[test]
    fn pictures_are_counted_and_not_their_headers_and_slices() {
        let (mut tally, now) = (Tally::default(), Instant::now());
        assert_eq!(tally.summary(SECOND), "nothing");
        tally.add(&frame(Kind::Video, &[0x17, 0, 0, 0, 0, 1]), now);
        tally.add(&frame(Kind::Audio, &[0xaf, 0, 0x12, 0x10]), now);
        assert_eq!(tally.summary(SECOND), "nothing");
        tally.add(&frame(Kind::Audio, &[0xaf, 1, 1]), now);
        assert_eq!(tally.summary(SECOND), "1 message of sound, 0.1 kbit/s");
        tally.add(&frame(Kind::Video, &[0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x65]), now);
        let mut slice = frame(Kind::Video, &[0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x65]);
        slice.slices = Slices::Continue { of_key: true };
        tally.add(&slice, now);
        assert_eq!(tally.summary(SECOND), "1 picture, 0.3 kbit/s");
        tally.jumps = 2;
        (0..1199).for_each(|_| tally.add(&frame(Kind::Video, &[0x27, 1, 0, 0, 0, 0, 0, 0, 1, 0x41]), now));
        assert_eq!(tally.summary(SECOND * 40), "1 200 pictures, 2.4 kbit/s, its time jumped 2 times");
    }

    #[test]
    fn a_track_is_there_from_its_first_frame_until_the_other_one_is_far_ahead() {
        let (mut tally, now) = (Tally::default(), Instant::now());
        let has = |tally: &Tally| (tally.has(Kind::Audio), tally.has(Kind::Video));
        let at = |time, kind, payload: &[u8]| Frame::from_payload(kind, time, payload);
        tally.add(&at(0, Kind::Audio, &[0xaf, 0, 0x12, 0x10]), now);
        assert_eq!(has(&tally), (false, false), "a header");
        tally.add(&at(0, Kind::Audio, &[0xaf, 1, 1]), now);
        tally.add(&at(9000, Kind::Video, &[0x17, 1, 0, 0, 0]), now);
        assert_eq!(has(&tally), (false, true));
        tally.add(&at(9000, Kind::Audio, &[0xaf, 1, 1]), now);
        tally.add(&at(14_000, Kind::Video, &[0x27, 1, 0, 0, 0]), now);
        assert_eq!(has(&tally), (true, true));
        tally.add(&at(14_001, Kind::Video, &[0x27, 1, 0, 0, 0]), now);
        assert_eq!(has(&tally), (false, true));
        assert_eq!(tally.begun(Kind::Audio), Some(now));
        let later = now + SECOND;
        tally.add(&at(14_002, Kind::Audio, &[0xaf, 1, 1]), later);
        assert_eq!(has(&tally), (true, true));
        assert_eq!([Kind::Audio, Kind::Video].map(|kind| tally.begun(kind)), [Some(later), Some(now)]);
        assert_eq!(tally.since, Some(now));
    }

    #[test]
    fn pictures_may_come_seldom() {
        let (mut tally, now) = (Tally::default(), Instant::now());
        let at = |time, kind, payload: &[u8]| Frame::from_payload(kind, time, payload);
        tally.add(&at(0, Kind::Video, &[0x17, 1, 0, 0, 0]), now);
        for (sound, has_pictures) in [(30_000, true), (30_001, false)] {
            tally.add(&at(sound, Kind::Audio, &[0xaf, 1, 1]), now);
            assert_eq!(tally.has(Kind::Video), has_pictures);
        }
        tally.add(&at(60_000, Kind::Video, &[0x17, 1, 0, 0, 0]), now);
        for (sound, has_pictures) in [(240_000, true), (240_001, false)] {
            tally.add(&at(sound, Kind::Audio, &[0xaf, 1, 1]), now);
            assert_eq!(tally.has(Kind::Video), has_pictures, "three minutes are three of its intervals");
        }
    }
}
