//! The headers of a stream: metadata, and the latest configuration and description of each track, which players and
//! outputs need before the first frame.
//!
//! The codec module adds them; the live module, the GOP cache and recordings read them. They are bounded in number and
//! bytes. Nothing here parses one.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::media::{Frame, Kind, Packet};

/// The most headers of one stream: configurations and descriptions of eight tracks of audio and video.
const MAX_HEADERS: usize = 32;
/// The most bytes of them together. A single one is bounded by
/// [`MAX_CONFIGURATION`](crate::media::flv::MAX_CONFIGURATION).
const MAX_BYTES: usize = 64 * 1024;

/// The combinations of tracks of which HTTP players are told.
const ANNOUNCED: usize = 4;

/// The headers of a stream.
#[derive(Debug, Default)]
pub struct StreamHeaders {
    /// The `onMetaData` for players.
    metadata: Option<Rc<Frame>>,
    /// See [`announced`](Self::announced).
    announced: [OnceCell<Rc<Frame>>; ANNOUNCED],
    /// Configurations and descriptions, the latest of each kind and track.
    kept: Vec<Rc<Frame>>,
}

impl StreamHeaders {
    /// Adds a header in place of those that it supersedes; false if there is no room for it.
    pub fn keep(&mut self, header: &Rc<Frame>) -> bool {
        // Of another codec the description does not hold.
        let outdates = |old: &Frame| {
            header.packet == Packet::Configuration
                && header.codec != old.codec
                && header.kind == old.kind
                && old.tracks.is_within(header.tracks)
        };
        self.kept.retain(|old| !header.supersedes(old) && !outdates(old));
        let bytes: usize = self.kept.iter().map(|frame| frame.payload().len()).sum();
        let fits = self.kept.len() < MAX_HEADERS && bytes + header.payload().len() <= MAX_BYTES;
        if fits {
            self.kept.push(Rc::clone(header));
        }
        fits
    }

    /// The `onMetaData` for players.
    pub fn metadata(&self) -> Option<&Rc<Frame>> {
        self.metadata.as_ref()
    }

    /// Changes it.
    pub fn set_metadata(&mut self, metadata: Option<Rc<Frame>>) {
        self.announced = Default::default();
        self.metadata = metadata;
    }

    /// The metadata for the HTTP players that are told of one combination of tracks: made once, as it may be large, and
    /// shared until the metadata changes.
    pub fn announced(&self, tracks: usize, make: impl FnOnce(&Frame) -> Rc<Frame>) -> Option<Rc<Frame>> {
        let metadata = self.metadata.as_ref()?;
        Some(Rc::clone(self.announced.get(tracks)?.get_or_init(|| make(metadata))))
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        let announced = self.announced.iter().filter_map(OnceCell::get);
        self.kept.iter().chain(&self.metadata).chain(announced).map(|frame| frame.memory()).sum()
    }

    /// The headers of audio or video, of all tracks.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Rc<Frame>> {
        self.kept.iter().filter(move |header| header.kind == kind)
    }

    /// The decoder configuration of the default track of audio or video.
    pub fn configuration(&self, kind: Kind) -> Option<&Rc<Frame>> {
        self.of(kind).find(|header| header.packet == Packet::Configuration && header.is_default_track())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(payload: &[u8]) -> Rc<Frame> {
        Rc::new(Frame::from_payload(Kind::Video, 0, payload))
    }

    fn kept(headers: &StreamHeaders) -> Vec<&[u8]> {
        headers.of(Kind::Video).map(|header| header.payload()).collect()
    }

    #[test]
    fn each_track_has_its_configuration_and_description_and_a_new_one_takes_the_old_ones_place() {
        let mut headers = StreamHeaders::default();
        let (first, second): (&[u8], &[u8]) = (b"\x90hvc1a", b"\x90hvc1b");
        let (colors, other): (&[u8], &[u8]) = (b"\xd4hvc1c", b"\x96\x00hvc1\x01d");
        for payload in [first, colors, other, second] {
            assert!(headers.keep(&video(payload)));
        }
        assert_eq!(kept(&headers), [colors, other, second]);
        assert_eq!(headers.configuration(Kind::Video).map(|header| header.payload()), Some(second));
        assert!(headers.configuration(Kind::Audio).is_none());
        let both: &[u8] = b"\x96\x10hvc1\x00\x00\x00\x01e\x01\x00\x00\x01f";
        headers.keep(&video(both));
        assert_eq!(kept(&headers), [colors, both]);
    }

    #[test]
    fn another_codec_forgets_the_description_of_the_one_before() {
        let mut headers = StreamHeaders::default();
        headers.keep(&video(b"\xd4hvc1c"));
        headers.keep(&video(b"\x90av01"));
        assert_eq!(kept(&headers), [b"\x90av01"]);
    }

    #[test]
    fn metadata_is_announced_from_what_was_made_once_until_it_changes() {
        let mut headers = StreamHeaders::default();
        let make = |metadata: &Frame| Rc::new(metadata.at(7));
        assert!(headers.announced(0, make).is_none());
        let metadata = |payload: &[u8]| Some(Rc::new(Frame::from_payload(Kind::Data, 0, payload)));
        headers.set_metadata(metadata(b"a"));
        let first = headers.announced(3, make).unwrap();
        assert_eq!((first.payload(), first.timestamp), (&b"a"[..], 7));
        assert!(Rc::ptr_eq(&first, &headers.announced(3, |_| panic!("it is there")).unwrap()));
        assert!(!Rc::ptr_eq(&first, &headers.announced(1, make).unwrap()));
        assert!(headers.announced(4, make).is_none());
        headers.set_metadata(metadata(b"b"));
        assert_eq!(headers.announced(3, make).unwrap().payload(), b"b");
    }

    #[test]
    fn headers_are_held_to_their_number_and_bytes() {
        let mut headers = StreamHeaders::default();
        let of = |track: u8| video(&[b"\x96\x00hvc1".as_slice(), &[track, 1]].concat());
        assert!((0..32).all(|track| headers.keep(&of(track))));
        assert!(!headers.keep(&of(40)));
        let mut headers = StreamHeaders::default();
        let large = |track: u8| video(&[b"\x96\x00hvc1".as_slice(), &[track], &[0; 16_000]].concat());
        let fitting = (0..9).filter(|&track| headers.keep(&large(track))).count();
        assert_eq!(fitting, 4);
    }
}
