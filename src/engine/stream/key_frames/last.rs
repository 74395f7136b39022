//! The last key frame of a stream, with which a picture of it can be shown.
//!
//! It is kept besides the cached group, which may be off or over its limits. Its messages are shared with that and with
//! players, and what is made of them is made once.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::engine::stream::headers::StreamHeaders;
use crate::media::meter::Charge;
use crate::media::mp4::MAX_STILL;
use crate::media::{Frame, Kind, Role, Slices};

/// The most messages of a picture: encoders that send its slices one by one make some tens.
const MAX_MESSAGES: usize = 256;

/// The last key frame of a publisher.
#[derive(Debug, Default)]
pub(super) struct Last {
    picture: Option<LastPicture>,
    /// The one before, while more slices of the last one may come. It is kept for publishers alone that send slices in
    /// messages of their own.
    before: Option<LastPicture>,
    comes_in_parts: bool,
}

/// A key frame, as it came.
#[derive(Debug)]
pub struct LastPicture {
    /// Its number among the key frames of the stream, from 1: no other picture of the stream has it.
    pub number: u64,
    /// The configuration that it was sent under, if there was one.
    pub configuration: Option<Rc<Frame>>,
    /// Its messages. Invariant: at least one, at most [`MAX_MESSAGES`] and [`MAX_STILL`] bytes.
    messages: Vec<Rc<Frame>>,
    /// See [`file`](Self::file).
    file: OnceCell<Option<Counted>>,
}

/// A file, and what it counts.
#[derive(Debug)]
struct Counted {
    bytes: Rc<[u8]>,
    _charge: Option<Charge>,
}

impl Last {
    /// Keeps a frame if it is a message of a key frame. That has the number `number`.
    pub fn keep(&mut self, frame: &Rc<Frame>, headers: &StreamHeaders, number: u64) {
        let is_picture = matches!(frame.role, Role::Key | Role::Inter | Role::Disposable);
        if frame.kind != Kind::Video || !is_picture || !frame.is_default_track() {
            return;
        }
        match frame.slices {
            Slices::Begin | Slices::Unread => {
                // Of the one before, nothing more comes.
                self.before = None;
                if frame.role == Role::Key {
                    let picture = LastPicture::new(frame, headers, number);
                    let before = std::mem::replace(&mut self.picture, picture);
                    self.before = before.filter(|_| self.comes_in_parts);
                }
            }
            Slices::Continue { of_key: true } => {
                self.comes_in_parts = true;
                let continued = self.picture.take().and_then(|picture| picture.with(frame));
                self.picture = continued;
            }
            Slices::Continue { of_key: false } | Slices::None => {}
        }
    }

    pub fn picture(&self) -> Option<&LastPicture> {
        self.before.as_ref().or(self.picture.as_ref())
    }

    /// Bytes of payload.
    pub fn bytes(&self) -> usize {
        self.before.iter().chain(&self.picture).map(LastPicture::bytes).sum()
    }
}

impl LastPicture {
    fn new(frame: &Rc<Frame>, headers: &StreamHeaders, number: u64) -> Option<Self> {
        let configuration = headers.configuration(Kind::Video).cloned();
        let none = Self { number, configuration, messages: Vec::new(), file: OnceCell::new() };
        none.with(frame)
    }

    /// The picture with a further message; none if it has too many of them, or too many bytes.
    fn with(mut self, frame: &Rc<Frame>) -> Option<Self> {
        self.messages.push(Rc::clone(frame));
        self.file = OnceCell::new();
        (self.messages.len() <= MAX_MESSAGES && self.bytes() <= MAX_STILL).then_some(self)
    }

    fn bytes(&self) -> usize {
        self.messages.iter().map(|message| message.payload().len()).sum()
    }

    /// The messages: one, or those of its slices.
    pub fn messages(&self) -> &[Rc<Frame>] {
        &self.messages
    }

    /// The file that is made of it, if one can be: made on first use, and shared. It counts where the frames count.
    pub fn file(&self, make: impl FnOnce(&Self) -> Option<Vec<u8>>) -> Option<Rc<[u8]>> {
        let made = self.file.get_or_init(|| {
            let bytes: Rc<[u8]> = make(self)?.into();
            let charge = self.messages.first().and_then(|frame| frame.charge_beside(bytes.len()));
            Some(Counted { bytes, _charge: charge })
        });
        made.as_ref().map(|counted| Rc::clone(&counted.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: Role, slices: Slices, length: usize) -> Rc<Frame> {
        let mut frame =
            Frame::from_payload(Kind::Video, 0, &[&[0x17, 1, 0, 0, 0][..], &vec![9; length]].concat());
        (frame.role, frame.slices) = (role, slices);
        Rc::new(frame)
    }

    fn keep(last: &mut Last, role: Role, slices: Slices, number: u64) {
        last.keep(&message(role, slices, 10), &StreamHeaders::default(), number);
    }

    /// The number of the picture that is shown, and how many messages it has.
    fn shown(last: &Last) -> Option<(u64, usize)> {
        last.picture().map(|picture| (picture.number, picture.messages().len()))
    }

    #[test]
    fn the_last_key_frame_is_kept_until_the_next_one() {
        let mut last = Last::default();
        keep(&mut last, Role::Inter, Slices::Begin, 0);
        assert_eq!(shown(&last), None);
        keep(&mut last, Role::Key, Slices::Begin, 1);
        assert_eq!(shown(&last), Some((1, 1)));
        keep(&mut last, Role::Disposable, Slices::Begin, 1);
        keep(&mut last, Role::Header, Slices::Begin, 1);
        assert_eq!(shown(&last), Some((1, 1)));
        keep(&mut last, Role::Key, Slices::Begin, 2);
        assert_eq!((shown(&last), last.bytes()), (Some((2, 1)), 15));
    }

    #[test]
    fn a_picture_in_parts_is_shown_once_it_is_whole() {
        let of_key = Slices::Continue { of_key: true };
        let mut last = Last::default();
        keep(&mut last, Role::Key, Slices::Begin, 1);
        keep(&mut last, Role::Inter, of_key, 1);
        assert_eq!(shown(&last), Some((1, 2)), "there is none before");
        keep(&mut last, Role::Inter, Slices::Begin, 1);
        keep(&mut last, Role::Inter, Slices::Continue { of_key: false }, 1);
        keep(&mut last, Role::Key, Slices::Begin, 2);
        assert_eq!(shown(&last), Some((1, 2)));
        keep(&mut last, Role::Inter, of_key, 2);
        keep(&mut last, Role::Inter, of_key, 2);
        keep(&mut last, Role::Inter, Slices::None, 2);
        assert_eq!(shown(&last), Some((1, 2)));
        keep(&mut last, Role::Inter, Slices::Begin, 2);
        assert_eq!((shown(&last), last.bytes()), (Some((2, 3)), 45));
    }

    #[test]
    fn a_picture_over_a_limit_is_not_kept() {
        let of_key = Slices::Continue { of_key: true };
        let mut last = Last::default();
        let keep_one = |last: &mut Last, slices, length| {
            last.keep(&message(Role::Key, slices, length), &StreamHeaders::default(), 1);
        };
        keep_one(&mut last, Slices::Begin, MAX_STILL - 5);
        assert!(last.picture().is_some());
        keep_one(&mut last, of_key, 1);
        keep_one(&mut last, of_key, 1);
        assert_eq!((shown(&last), last.bytes()), (None, 0));
        keep_one(&mut last, Slices::Begin, 1);
        (1..MAX_MESSAGES).for_each(|_| keep_one(&mut last, of_key, 1));
        assert_eq!(shown(&last), Some((1, MAX_MESSAGES)));
        keep_one(&mut last, of_key, 1);
        assert_eq!(shown(&last), None);
    }

    #[test]
    fn a_file_is_made_once_and_counted() {
        let meter = crate::media::Meter::default();
        let mut frame = Frame::from_payload(Kind::Video, 0, &[0x17, 1, 0, 0, 0, 9]);
        frame.count_on(&meter);
        let alone = meter.bytes();
        let mut last = Last::default();
        last.keep(&Rc::new(frame), &StreamHeaders::default(), 1);
        let file = last.picture().unwrap().file(|picture| Some(vec![0; picture.messages().len() * 100]));
        assert_eq!((file.unwrap().len(), meter.bytes()), (100, alone + 100));
        assert!(last.picture().unwrap().file(|_| panic!("it is there")).is_some());
        last = Last::default();
        assert_eq!((last.bytes(), meter.bytes()), (0, 0));
    }
}
