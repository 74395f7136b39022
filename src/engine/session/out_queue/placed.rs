//! Frames with a message stream or a time of their own, as those of a push: the beginning of the message is copied, the rest
//! is shared. Both parts together are one message.

use std::rc::Rc;

use super::wire::{Start, Wire};
use super::{Item, OutQueue};
use crate::media::Frame;
use crate::rtmp::chunk::{MEDIA_STREAM, Mux, header_at, header_on, stamp};

impl OutQueue {
    /// Queues a frame for a player on some message stream. Shared frames carry the usual one; for another one only
    /// the header is copied.
    pub fn push_frame_on(&mut self, msid: u32, frame: &Rc<Frame>) {
        if msid == 0 || msid == MEDIA_STREAM {
            return self.push_frame(Rc::clone(frame));
        }
        let (header, length) = header_on(frame, msid);
        let start = Start::new([header.get(..length).unwrap_or_default(), &[]]);
        self.push_parts(start, frame, length);
    }

    /// Queues a frame at another time, in milliseconds, on some message stream.
    pub fn push_frame_at(&mut self, msid: u32, frame: &Rc<Frame>, time: u64) {
        let (start, skipped) = match self.wire {
            Wire::Rtmp(chunking) => {
                let Some((header, length, skipped)) = header_at(frame, (msid, time), chunking) else {
                    // Its chunks would repeat a time that is another one.
                    let mut frame = frame.copy_at(time);
                    stamp(&mut frame, Mux::Separate);
                    return self.push_frame_on(msid, &Rc::new(frame));
                };
                (Start::new([header.get(..length).unwrap_or_default(), &[]]), skipped)
            }
            // Its 32 bits roll over.
            Wire::Flv(framing) => framing.start_at(frame, (time & u64::from(u32::MAX)) as u32),
        };
        self.push_parts(start, frame, skipped);
    }

    /// Queues bytes of FLV that are no tag.
    pub(in crate::engine) fn push_flv(&mut self, flv: &[u8]) {
        if let Wire::Flv(framing) = self.wire {
            self.push_bytes(framing.bytes(flv).into());
        }
    }

    /// Queues a frame in two parts, which are one message: its beginning, and its image without so many bytes.
    pub(super) fn push_parts(&mut self, start: Start, frame: &Rc<Frame>, skipped: usize) {
        self.bytes += start.bytes().len() + self.wire.image(frame).len() - skipped;
        self.headers += 1;
        self.items.push_back(Item::Header(Box::new(start)));
        self.items.push_back(Item::Tail(Rc::clone(frame), skipped));
    }
}
