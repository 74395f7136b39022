//! Frames that are taken out of a queue again, since its peer does not take them in time.

use std::mem;
use std::rc::Rc;

use super::fifo::Fifo;
use super::{Item, OutQueue};
use crate::media::{Frame, Role};

impl OutQueue {
    /// Drops the messages of files that wait, but for those of which a part has been sent.
    pub fn drop_pieces(&mut self) {
        let mut waiting = mem::replace(&mut self.items, Fifo::new());
        let mut begun = self.sent > 0;
        while let Some(item) = waiting.pop_front() {
            match item {
                Item::Piece(piece) if !begun => self.bytes -= piece.bytes.len(),
                item => self.items.push_back(item),
            }
            begun = false;
        }
        self.fit_allowance();
    }

    /// Drops all waiting frames but headers, metadata and the one that has partly been sent. Returns their number.
    pub fn drop_frames(&mut self) -> usize {
        let before = self.len();
        let mut waiting = mem::replace(&mut self.items, Fifo::new());
        (self.more, self.headers) = (0, 0);
        let mut begun = self.sent > 0;
        // The header of the frame that comes next, or one that has been sent without the rest of its frame.
        let mut header = None;
        let mut rest_is_owed = matches!(waiting.front(), Some(Item::Tail(..)));
        while let Some(item) = waiting.pop_front() {
            match item {
                Item::Frame(frame) => {
                    if begun || is_kept(&frame) {
                        self.items.push_back(Item::Frame(frame));
                    }
                }
                Item::Group(group) => {
                    let rest = group.rest().iter().enumerate();
                    let kept = rest.filter(|(index, frame)| begun && *index == 0 || is_kept(frame));
                    kept.for_each(|(_, frame)| self.items.push_back(Item::Frame(Rc::clone(frame))));
                }
                Item::Header(_) => {
                    rest_is_owed = begun;
                    header = Some(item);
                }
                Item::Tail(frame, skipped) => {
                    let header = header.take();
                    if rest_is_owed || is_kept(&frame) {
                        self.headers += usize::from(header.is_some());
                        header.into_iter().for_each(|header| self.items.push_back(header));
                        self.items.push_back(Item::Tail(frame, skipped));
                    }
                    rest_is_owed = false;
                }
                Item::Bytes(_) | Item::Piece(_) | Item::File(_) | Item::Wait(_) => self.items.push_back(item),
            }
            begun = false;
        }
        let all = self.items.iter().filter_map(|item| self.bytes_of(item)).map(<[u8]>::len).sum::<usize>();
        self.bytes = all - self.sent;
        self.fit_allowance();
        before - self.len()
    }
}

/// Whether a player needs a frame for later frames: a header or metadata.
fn is_kept(frame: &Frame) -> bool {
    frame.role == Role::Header || frame.is_metadata()
}
