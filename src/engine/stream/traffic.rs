//! The numbers of one stream: what comes from its publishers, and what goes to its players.
//!
//! They begin with the stream and go on over a change of its publisher. A frame is counted once when it comes, and once
//! for all its players; nothing here is done for each player.

use std::time::Instant;

use crate::engine::statistics::rate::Rate;
use crate::media::{Frame, Kind, Role, Slices};

/// The shortest time between two sounds that is a gap, in milliseconds. The longest frame of a usual codec has 128 ms (AAC
/// at 8 kHz).
const GAP: u64 = 250;

/// The numbers of one stream.
#[derive(Debug, Clone, Copy, Default)]
pub struct StreamTraffic {
    /// Bytes of video a second.
    pub video: Rate,
    /// Bytes of audio a second.
    pub audio: Rate,
    /// Bytes of all messages a second, data messages included.
    pub all_in: Rate,
    /// Bytes to all players a second.
    pub out: Rate,
    /// Pictures of the default track a second.
    pub pictures: Rate,
    /// Bytes to all players since the stream began: those of each frame, for each player that it was queued for.
    pub bytes_out: u64,
    /// Messages of video.
    pub video_frames: u64,
    /// Messages of audio.
    pub audio_frames: u64,
    /// Frames that were left out or taken out of queues, as players were too slow or memory was short.
    pub dropped: u64,
    /// Jumps of publishers' timestamps, which the time line of the stream does not have.
    pub jumps: u64,
    /// Gaps of sound: a quarter of a second or more without any, by its timestamps.
    pub gaps: u64,
    /// The time of the newest picture on the time line, milliseconds.
    pub newest_video: Option<u64>,
    /// The time of the newest sound, milliseconds.
    pub newest_audio: Option<u64>,
}

impl StreamTraffic {
    /// Counts a publisher's frame that has its place on the time line and whose pictures have been read.
    pub(in crate::engine) fn take(&mut self, frame: &Frame, now: Instant) {
        let bytes = frame.payload().len() as u64;
        let has_media = matches!(frame.role, Role::Key | Role::Inter | Role::Disposable);
        self.all_in.add(bytes, now);
        match frame.kind {
            Kind::Video => {
                self.video.add(bytes, now);
                self.video_frames += 1;
                if has_media {
                    self.newest_video = Some(frame.timestamp);
                    let begins = matches!(frame.slices, Slices::Begin | Slices::Unread);
                    self.pictures.add(u64::from(begins && frame.is_default_track()), now);
                }
            }
            Kind::Audio => {
                self.audio.add(bytes, now);
                self.audio_frames += 1;
                if has_media {
                    let last = self.newest_audio.replace(frame.timestamp);
                    let step = last.map_or(0, |last| frame.timestamp.saturating_sub(last));
                    self.gaps += u64::from(step >= GAP);
                }
            }
            Kind::Data | Kind::DataAmf3 => {}
        }
    }

    /// Another publisher continues the stream: the time until its first frames is no gap of its sound.
    pub(in crate::engine) fn change_publisher(&mut self) {
        (self.newest_video, self.newest_audio) = (None, None);
    }

    /// Counts what has been queued for players.
    #[inline]
    pub(in crate::engine) fn give(&mut self, bytes: u64, now: Instant) {
        self.bytes_out += bytes;
        self.out.add(bytes, now);
    }

    /// The time of the newest sound minus that of the newest picture, in milliseconds; 0 if one of them is unknown.
    pub fn av_sync(&self) -> i64 {
        let times = self.newest_audio.zip(self.newest_video);
        times.map_or(0, |(audio, video)| audio.cast_signed().saturating_sub(video.cast_signed()))
    }
}
