//! The contents of a recording, gathered tag by tag: its length, its codecs and where a player may start.

use crate::media::flv;
use crate::media::{Frame, Kind, Role};

/// Entries in the seek index; when it is full, every other one goes and only every other new one comes.
pub const MAX_ENTRIES: usize = 512;

/// Without video, places to seek to are so far apart, milliseconds.
const AUDIO_INDEX_STEP: u64 = 1000;

/// A place where a player may start: seconds would do, but positions must be exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Milliseconds from the beginning.
    pub time: u64,
    /// The beginning of the tag, bytes from the beginning of the file.
    pub position: u64,
}

/// A seek index of bounded size.
#[derive(Debug)]
pub struct Index {
    entries: Vec<Entry>,
    /// One of so many candidates is taken.
    stride: usize,
    candidates: usize,
}

impl Index {
    /// An index that begins with these; at most [`MAX_ENTRIES`].
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.truncate(MAX_ENTRIES);
        Self { entries, stride: 1, candidates: 0 }
    }

    /// Offers a place where a player may start.
    pub fn offer(&mut self, entry: Entry) {
        if self.candidates.is_multiple_of(self.stride) {
            if self.entries.len() == MAX_ENTRIES {
                let mut keep = false;
                self.entries.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.stride *= 2;
            }
            self.entries.push(entry);
        }
        self.candidates += 1;
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

#[derive(Debug)]
pub struct Contents {
    /// Time of the last tag, milliseconds.
    pub duration: u64,
    /// The codec id of the audio, if there is any, as `onMetaData` has it.
    pub audio: Option<f64>,
    /// The codec id of the video.
    pub video: Option<f64>,
    /// The places where a player may start.
    pub index: Index,
    indexed_at: u64,
}

impl Contents {
    /// Of an empty file.
    pub fn none() -> Self {
        Self { duration: 0, audio: None, video: None, index: Index::new(Vec::new()), indexed_at: 0 }
    }

    /// Forgets what was to come behind a place, and has come to nothing.
    pub fn cut(&mut self, size: u64, duration: u64) {
        self.duration = duration;
        self.index.entries.retain(|entry| entry.position < size);
    }

    /// Learns of a tag at a time and position.
    pub fn note(&mut self, frame: &Frame, time: u64, position: u64) {
        self.duration = self.duration.max(time);
        // The frames between them have the same codec.
        if matches!(frame.role, Role::Header | Role::Key) && frame.is_default_track() {
            match frame.kind {
                Kind::Video => self.video = Some(codec_id(frame)),
                Kind::Audio => self.audio = Some(codec_id(frame)),
                Kind::Data | Kind::DataAmf3 => {}
            }
        }
        let due = time >= self.indexed_at + AUDIO_INDEX_STEP;
        let audio_only = frame.kind == Kind::Audio && frame.role == Role::Key && self.video.is_none();
        if frame.is_video_key() || audio_only && due {
            self.indexed_at = time;
            self.index.offer(Entry { time: self.duration, position });
        }
    }
}

/// `videocodecid` and `audiocodecid`.
fn codec_id(frame: &Frame) -> f64 {
    flv::metadata_id(frame.codec, frame.payload()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_index_is_thinned_and_still_spans_the_recording() {
        let mut index = Index::new(Vec::new());
        for second in 0..5000 {
            index.offer(Entry { time: second * 1000, position: second });
        }
        let entries = index.entries();
        assert!((MAX_ENTRIES / 2..=MAX_ENTRIES).contains(&entries.len()));
        assert_eq!(entries[0].time, 0);
        let step = entries[1].time - entries[0].time;
        assert!(entries.windows(2).all(|pair| pair[1].time - pair[0].time == step));
        assert!(entries[entries.len() - 1].time >= 4_980_000);
    }

    #[test]
    fn codecs_are_named_by_their_numbers_or_four_ccs() {
        let mut contents = Contents::none();
        for (kind, payload) in [
            (Kind::Video, b"\x17\x01\0\0\0frame".as_slice()),
            (Kind::Audio, b"\xaf\x01sound"),
            (Kind::Audio, b""),
        ] {
            contents.note(&Frame::from_payload(kind, 0, payload), 40, 13);
        }
        assert_eq!((contents.video, contents.audio, contents.duration), (Some(7.0), Some(10.0), 40));
        assert_eq!(contents.index.entries(), [Entry { time: 40, position: 13 }]);
        contents.note(&Frame::from_payload(Kind::Video, 0, b"\x93hvc1frame"), 80, 99);
        contents.note(&Frame::from_payload(Kind::Audio, 0, b"\x91mp4asound"), 80, 99);
        assert_eq!((contents.video, contents.audio), (Some(f64::from(0x6876_6331)), Some(10.0)));
    }
}
