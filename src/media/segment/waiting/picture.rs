//! The messages of one picture, gathered until the next one begins. Encoders send a picture in one message, or in one
//! for each NAL unit.

use std::rc::Rc;

use crate::media::Frame;

use crate::media::nal::{Nals, Start};
use crate::media::parts::MAX_NAL_UNITS;
use crate::media::segment::probe::cost;

/// The most messages without a slice that wait for their picture, and their bytes.
const MAX_NON_VCL: usize = 64;
const MAX_NON_VCL_BYTES: usize = 256 * 1024;
/// The most bytes of a picture's messages with their memory beside the payload. The largest message is as long.
const MAX_BYTES: usize = 17 << 20;
/// A picture is complete when audio that is later by this comes, in milliseconds.
const PATIENCE: u64 = 200;

/// A picture and its messages, in order.
#[derive(Debug)]
pub struct Picture {
    /// Its first message, with its timestamp and key frame flag.
    pub first: Rc<Frame>,
    /// Decoding time in ticks.
    pub dts: u64,
    /// Its position in the segment.
    pub start: Start,
    messages: Vec<Rc<Frame>>,
    bytes: usize,
    /// The picture is complete when audio of a later time comes, in milliseconds.
    complete_at: u64,
}

impl Picture {
    /// The NAL units of its messages.
    pub fn messages(&self) -> impl Iterator<Item = Nals<'_>> + Clone {
        self.messages.iter().map(|message| message.nals())
    }

    fn has_room_for(&self, message: &Frame) -> bool {
        self.messages.len() < MAX_NAL_UNITS && self.bytes.saturating_add(cost(message)) <= MAX_BYTES
    }

    fn add(&mut self, message: Rc<Frame>) {
        self.bytes = self.bytes.saturating_add(cost(&message));
        self.messages.push(message);
    }
}

/// The picture that is being gathered, and the messages for the next.
#[derive(Debug, Default)]
pub struct PictureBuffer {
    picture: Option<Picture>,
    /// Messages without a slice (non-VCL NAL units only) since the last slice.
    non_vcl: Vec<Rc<Frame>>,
    non_vcl_bytes: usize,
}

impl PictureBuffer {
    /// Keeps a message without a slice; false if there is no room for it.
    pub fn keep_non_vcl(&mut self, message: &Rc<Frame>) -> bool {
        let bytes = self.non_vcl_bytes.saturating_add(cost(message));
        let fits = self.non_vcl.len() < MAX_NON_VCL && bytes <= MAX_NON_VCL_BYTES;
        if fits {
            self.non_vcl_bytes = bytes;
            self.non_vcl.push(Rc::clone(message));
        }
        fits
    }

    /// Begins a picture with the messages that have been kept for it. The last one must have been taken. `audio` is the
    /// newest time of audio, in milliseconds, which may be ahead.
    pub fn begin(&mut self, first: &Rc<Frame>, dts: u64, start: Start, audio: u64) {
        debug_assert!(self.picture.is_none(), "a picture that would be lost");
        let complete_at = first.timestamp.max(audio).saturating_add(PATIENCE);
        let mut picture =
            Picture { first: Rc::clone(first), dts, start, messages: Vec::new(), bytes: 0, complete_at };
        self.take_non_vcl().into_iter().for_each(|message| picture.add(message));
        picture.add(Rc::clone(first));
        self.picture = Some(picture);
    }

    /// Adds further slices to the picture that is being gathered; false if they belong to none, or there is no room.
    pub fn add_slices(&mut self, message: &Rc<Frame>) -> bool {
        let non_vcl = self.take_non_vcl();
        let Some(picture) = &mut self.picture else { return false };
        let fits = picture.has_room_for(message);
        if fits {
            non_vcl.into_iter().for_each(|message| picture.add(message));
            picture.add(Rc::clone(message));
        }
        fits
    }

    /// Takes the picture that is being gathered, which is complete.
    pub fn take(&mut self) -> Option<Picture> {
        self.picture.take()
    }

    /// Whether the picture being gathered is the first of its segment.
    pub fn has_first(&self) -> bool {
        self.picture.as_ref().is_some_and(|picture| picture.start == Start::Fragment)
    }

    /// Whether the picture must be complete, as audio of that time has come.
    pub fn is_complete_at(&self, timestamp: u64) -> bool {
        self.picture.as_ref().is_some_and(|picture| timestamp > picture.complete_at)
    }

    /// Drops the messages that have been kept for a picture that is not written.
    pub fn drop_non_vcl(&mut self) {
        self.take_non_vcl();
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes of all messages.
    pub fn bytes(&self) -> usize {
        self.non_vcl_bytes + self.picture.as_ref().map_or(0, |picture| picture.bytes)
    }

    fn take_non_vcl(&mut self) -> Vec<Rc<Frame>> {
        self.non_vcl_bytes = 0;
        std::mem::take(&mut self.non_vcl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Kind;

    fn message(timestamp: u64, body: &[u8]) -> Rc<Frame> {
        let payload = [&[0x27, 1, 0, 0, 0][..], body].concat();
        Rc::new(Frame::from_payload(Kind::Video, timestamp, &payload))
    }

    fn bodies(picture: Option<Picture>) -> Vec<Vec<u8>> {
        picture
            .map(|picture| picture.messages.iter().map(|message| message.body().to_vec()).collect())
            .unwrap_or_default()
    }

    #[test]
    fn a_picture_has_the_messages_before_it_and_all_its_slices_in_order() {
        let mut gathering = PictureBuffer::default();
        assert!(gathering.keep_non_vcl(&message(40, b"sets")));
        gathering.begin(&message(40, b"one"), 0, Start::Within, 0);
        assert!(
            gathering.keep_non_vcl(&message(40, b"filler")) && gathering.add_slices(&message(40, b"two"))
        );
        assert!(gathering.keep_non_vcl(&message(80, b"next")));
        let waiting = [&b"sets"[..], b"one", b"filler", b"two", b"next"];
        assert_eq!(gathering.bytes(), waiting.iter().map(|body| cost(&message(0, body))).sum::<usize>());
        assert_eq!(bodies(gathering.take()), [&b"sets"[..], b"one", b"filler", b"two"]);
        gathering.begin(&message(80, b"three"), 0, Start::Within, 0);
        assert_eq!(bodies(gathering.take()), [&b"next"[..], b"three"]);
        assert_eq!(gathering.bytes(), 0);
    }

    #[test]
    fn slices_of_no_picture_are_not_taken() {
        let mut gathering = PictureBuffer::default();
        assert!(!gathering.add_slices(&message(0, b"two")));
    }

    #[test]
    fn waiting_messages_are_bounded() {
        let mut gathering = PictureBuffer::default();
        assert_eq!((0..100).filter(|_| gathering.keep_non_vcl(&message(0, b"set"))).count(), MAX_NON_VCL);
        gathering.clear();
        assert!(!gathering.keep_non_vcl(&message(0, &[0; MAX_NON_VCL_BYTES])));
        gathering.begin(&message(0, &[0; MAX_BYTES / 2]), 0, Start::Within, 0);
        assert!(!gathering.add_slices(&message(0, &[0; MAX_BYTES / 2])));
        assert_eq!(
            (0..9000).filter(|_| gathering.add_slices(&message(0, b"two"))).count(),
            MAX_NAL_UNITS - 1
        );
    }

    #[test]
    fn a_picture_is_complete_when_much_later_audio_comes() {
        let mut gathering = PictureBuffer::default();
        assert!(!gathering.is_complete_at(1000));
        gathering.begin(&message(40, b"one"), 0, Start::Within, 0);
        assert!(!gathering.is_complete_at(240) && gathering.is_complete_at(241));
        gathering.take();
        gathering.begin(&message(40, b"one"), 0, Start::Within, 1000);
        assert!(!gathering.is_complete_at(1200) && gathering.is_complete_at(1201), "audio was ahead already");
    }
}
