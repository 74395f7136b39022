//! Frames of a push, whose times and message stream are its own: the header is copied, the rest of the frame is shared.

use std::rc::Rc;

use super::{Item, OutQueue};
use crate::media::Frame;
use crate::rtmp::chunk::{Mux, header_at, image, stamp};

impl OutQueue {
    /// Queues a frame at another time on some message stream.
    pub fn push_frame_at(&mut self, msid: u32, frame: &Rc<Frame>, time: u64) {
        let Some((header, length, skipped)) = header_at(frame, (msid, time), self.chunking) else {
            // Its chunks would repeat a time that is another one.
            let mut frame = frame.copy_at(time);
            stamp(&mut frame, Mux::Separate);
            return self.push_frame_on(msid, &Rc::new(frame));
        };
        self.bytes += length + image(frame, self.chunking).len() - skipped;
        self.items.push_back(Item::Header(Box::new((header, length))));
        self.items.push_back(Item::Tail(Rc::clone(frame), skipped));
    }
}
