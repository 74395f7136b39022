//! Frames with a message stream or a time of their own, as those of a push: the header is copied, the rest of the frame is
//! shared. Both parts together are one message.

use std::rc::Rc;

use super::{Item, OutQueue};
use crate::media::Frame;
use crate::media::frame::HEADROOM;
use crate::rtmp::chunk::{MEDIA_STREAM, Mux, header_at, header_on, image, stamp};

impl OutQueue {
    /// Queues a frame for a player on some message stream. Shared frames carry the usual one; for another one only
    /// the header is copied.
    pub fn push_frame_on(&mut self, msid: u32, frame: &Rc<Frame>) {
        if msid == 0 || msid == MEDIA_STREAM {
            return self.push_frame(Rc::clone(frame));
        }
        let (header, length) = header_on(frame, msid);
        self.push_parts((header, length), frame, length);
    }

    /// Queues a frame at another time on some message stream.
    pub fn push_frame_at(&mut self, msid: u32, frame: &Rc<Frame>, time: u64) {
        let Some((header, length, skipped)) = header_at(frame, (msid, time), self.chunking) else {
            // Its chunks would repeat a time that is another one.
            let mut frame = frame.copy_at(time);
            stamp(&mut frame, Mux::Separate);
            return self.push_frame_on(msid, &Rc::new(frame));
        };
        self.push_parts((header, length), frame, skipped);
    }

    /// Queues a frame in two parts, which are one message: a header, and its chunked image without so many bytes.
    pub(super) fn push_parts(&mut self, header: ([u8; HEADROOM], usize), frame: &Rc<Frame>, skipped: usize) {
        self.bytes += header.1 + image(frame, self.chunking).len() - skipped;
        self.headers += 1;
        self.items.push_back(Item::Header(Box::new(header)));
        self.items.push_back(Item::Tail(Rc::clone(frame), skipped));
    }
}
