//! Counts of what one publisher has sent, for its last log line.
//!
//! They begin anew with each publisher. Statistics of the stream are fields of [`Stream`](super::Stream).

use std::time::Duration;

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
    /// The times of its last frames of audio and of video, milliseconds.
    last: [Option<u64>; 2],
}

/// The time for which one track may be ahead of the other, milliseconds of media; one that is further behind has ceased.
const SILENCE: u64 = 5000;

impl Tally {
    /// Counts a frame whose pictures have been read.
    pub fn add(&mut self, frame: &Frame) {
        self.bytes += frame.payload().len() as u64;
        let has_media = matches!(frame.role, Role::Key | Role::Inter | Role::Disposable);
        match frame.kind {
            Kind::Video if has_media && begins_picture(frame) => self.pictures += 1,
            Kind::Audio if has_media => self.sounds += 1,
            _ => {}
        }
        let [audio, video] = &mut self.last;
        match frame.kind {
            Kind::Audio if has_media => *audio = Some(frame.timestamp),
            Kind::Video if has_media => *video = Some(frame.timestamp),
            _ => {}
        }
    }

    /// Whether there are frames of audio, or of video: some have come, and have not ceased since.
    pub fn has(&self, kind: Kind) -> bool {
        let [audio, video] = self.last;
        let (last, other) = if kind == Kind::Video { (video, audio) } else { (audio, video) };
        let is_ahead = |last: u64| other.is_none_or(|other| last.saturating_add(SILENCE) >= other);
        !kind.is_data() && last.is_some_and(is_ahead)
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
        let mut tally = Tally::default();
        assert_eq!(tally.summary(SECOND), "nothing");
        tally.add(&frame(Kind::Video, &[0x17, 0, 0, 0, 0, 1]));
        tally.add(&frame(Kind::Audio, &[0xaf, 0, 0x12, 0x10]));
        assert_eq!(tally.summary(SECOND), "nothing");
        tally.add(&frame(Kind::Audio, &[0xaf, 1, 1]));
        assert_eq!(tally.summary(SECOND), "1 message of sound, 0.1 kbit/s");
        tally.add(&frame(Kind::Video, &[0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x65]));
        let mut slice = frame(Kind::Video, &[0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x65]);
        slice.slices = Slices::Continue { of_key: true };
        tally.add(&slice);
        assert_eq!(tally.summary(SECOND), "1 picture, 0.3 kbit/s");
        tally.jumps = 2;
        (0..1199).for_each(|_| tally.add(&frame(Kind::Video, &[0x27, 1, 0, 0, 0, 0, 0, 0, 1, 0x41])));
        assert_eq!(tally.summary(SECOND * 40), "1 200 pictures, 2.4 kbit/s, its time jumped 2 times");
    }

    #[test]
    fn a_track_is_there_from_its_first_frame_until_the_other_one_is_far_ahead() {
        let mut tally = Tally::default();
        let has = |tally: &Tally| (tally.has(Kind::Audio), tally.has(Kind::Video));
        let at = |time, kind, payload: &[u8]| Frame::from_payload(kind, time, payload);
        tally.add(&at(0, Kind::Audio, &[0xaf, 0, 0x12, 0x10]));
        assert_eq!(has(&tally), (false, false), "a header");
        tally.add(&at(0, Kind::Audio, &[0xaf, 1, 1]));
        tally.add(&at(9000, Kind::Video, &[0x17, 1, 0, 0, 0]));
        assert_eq!(has(&tally), (false, true));
        tally.add(&at(9000, Kind::Audio, &[0xaf, 1, 1]));
        tally.add(&at(14_000, Kind::Video, &[0x27, 1, 0, 0, 0]));
        assert_eq!(has(&tally), (true, true));
        tally.add(&at(14_001, Kind::Video, &[0x27, 1, 0, 0, 0]));
        assert_eq!(has(&tally), (false, true));
    }
}
