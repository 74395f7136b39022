//! The outgoing queue of one session: a circular queue of references to shared bytes.
//!
//! Replies, frames and files wait here in order. [`OutQueue::write`] hands what is at the front to the owner of the
//! socket, as much as one system call takes, and removes what has been sent. The queue never copies a frame and never
//! writes.

mod dropping;
pub(in crate::engine) mod fifo;
mod placed;
pub(in crate::engine) mod wire;

use std::collections::HashMap;
use std::fs::File;
use std::io::IoSlice;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::engine::files::open_file::OpenFile;
use crate::engine::http::body::Body;
use crate::engine::memory::Extent;
use crate::engine::session::out_queue::fifo::Fifo;
use crate::engine::session::out_queue::wire::{Start, Wire};
use crate::media::Frame;
use crate::media::meter::Charge;
use crate::rtmp::chunk::MEDIA_STREAM;

/// The most bytes of one gathered write; a larger one would only keep other sessions waiting.
const MAX_GATHER: usize = 256 * 1024;

/// Slices in one gathered write. A turn seldom queues more for a player, and the next call sends the rest; an array
/// of the kernel's limit of 1024 would cost more to set up than it saves.
const SLICES: usize = 64;

/// The largest item that short messages are joined to, bytes.
const MAX_JOINED: usize = 4096;

#[derive(Debug)]
enum Item {
    Bytes(Rc<[u8]>),
    Frame(Rc<Frame>),
    Group(Box<Group>),
    /// The beginning of a frame's message that is this player's own: an RTMP header for another message stream than the
    /// usual one, or a tag at a time of its own. It is boxed because few players need one, and must not make every item
    /// larger.
    Header(Box<Start>),
    /// The frame behind such a beginning: its image without so many bytes.
    Tail(Rc<Frame>, usize),
    /// Messages of a file that is played; one message for the limits.
    Piece(Box<Charged>),
    File(Box<FilePart>),
    /// Holds back what is behind it. The time is set when the item comes to the front.
    Wait(Option<Instant>),
}

const _: () = assert!(size_of::<Item>() <= 24, "a queue's slot");

/// Bytes that are counted on a meter for as long as they wait.
#[derive(Debug)]
struct Charged {
    bytes: Vec<u8>,
    _charge: Charge,
}

/// Frames that wait for many players, in one list that these share.
#[derive(Debug)]
struct Group {
    frames: Rc<[Rc<Frame>]>,
    /// The number of frames that have been sent. Invariant: not all.
    sent: usize,
}

impl Group {
    fn rest(&self) -> &[Rc<Frame>] {
        self.frames.get(self.sent..).unwrap_or_default()
    }
}

/// What may wait beyond the usual limits while a player is sent the group of pictures that it began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// Messages.
    pub messages: usize,
    /// Bytes.
    pub bytes: usize,
}

/// The limits of one session's queue, in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Beyond this number frames are dropped (`out_queue`).
    pub messages: u32,
    /// From this number on, frames are sent that could be held back (`out_cork`).
    pub cork: u32,
}

impl QueueLimits {
    /// At this number the session is closed. Frames stop at half of it, so only replies and headers get here.
    pub fn most(self) -> usize {
        2 * self.messages as usize
    }
}

/// The part of a file that is still to be sent.
#[derive(Debug)]
pub struct FilePart {
    /// The file.
    pub source: FileSource,
    /// The offset of the next byte.
    pub offset: u64,
    /// Bytes left.
    pub left: u64,
}

/// The place of a file.
#[derive(Debug)]
pub enum FileSource {
    /// On a disk. Readers have it, too.
    Disk(Arc<OpenFile>),
    /// In memory.
    Memory(Arc<Extent>),
}

impl FileSource {
    /// The file to send from.
    pub fn file(&self) -> &File {
        match self {
            Self::Disk(open) => &open.file,
            Self::Memory(extent) => extent.file(),
        }
    }
}

/// The front of a queue, as much as one system call takes.
#[derive(Debug)]
pub enum Outgoing<'a> {
    /// Bytes in one piece, as for a player that keeps up: less work for the kernel than an array of one slice.
    Bytes(&'a [u8]),
    /// Bytes in several pieces.
    Slices {
        /// The pieces.
        slices: &'a [IoSlice<'a>],
        /// Whether a file is sent next, so that the kernel need not send these bytes in a packet of their own.
        file_follows: bool,
    },
    /// A file.
    File {
        /// The part that waits.
        part: &'a FilePart,
        /// The most bytes of it that may be sent now.
        most: u64,
    },
}

/// The slices of a gathered write, while they are filled.
struct Slots<'a, 'b> {
    slices: &'b mut [IoSlice<'a>],
    /// Slices that are filled, and their bytes.
    count: usize,
    bytes: usize,
    /// Bytes of the first message that have been sent before.
    skipped: usize,
}

impl<'a> Slots<'a, '_> {
    /// Fills the next slice; false if no other should follow.
    #[inline]
    fn take(&mut self, bytes: &'a [u8]) -> bool {
        let Some(slot) = self.slices.get_mut(self.count) else { return false };
        let bytes = bytes.get(mem::take(&mut self.skipped)..).unwrap_or_default();
        *slot = IoSlice::new(bytes);
        self.count += 1;
        self.bytes += bytes.len();
        self.bytes < MAX_GATHER
    }
}

/// The circular queue of one session.
#[derive(Debug)]
pub struct OutQueue {
    items: Fifo<Item>,
    /// Messages in groups, but for the first of each group.
    more: usize,
    /// Headers, each of which is one message with the rest behind it.
    headers: usize,
    /// Bytes of the first message that have been sent. Invariant: less than its length.
    sent: usize,
    /// Bytes that wait in memory (those of files do not count).
    bytes: usize,
    /// Those of them that belong to replies.
    reply_bytes: usize,
    /// Invariant: no more than what waits.
    allowance: Allowance,
    /// How frames are written for this peer.
    wire: Wire,
    limits: QueueLimits,
}

impl OutQueue {
    /// An empty queue for a peer for which frames are written like this.
    pub(in crate::engine) fn new(wire: impl Into<Wire>, limits: QueueLimits) -> Self {
        let allowance = Allowance::default();
        let wire = wire.into();
        Self {
            items: Fifo::new(),
            more: 0,
            headers: 0,
            sent: 0,
            bytes: 0,
            reply_bytes: 0,
            allowance,
            wire,
            limits,
        }
    }

    /// The limits of the queue.
    pub fn limits(&self) -> QueueLimits {
        self.limits
    }

    /// Writes frames like this from now on, and holds them to these limits. None may wait.
    pub(in crate::engine) fn speak(&mut self, wire: Wire, limits: QueueLimits) {
        debug_assert!(self.items.iter().all(|item| matches!(item, Item::Bytes(_))), "frames wait");
        (self.wire, self.limits) = (wire, limits);
    }

    /// Whether it speaks FLV, as that of an HTTP player.
    #[inline]
    pub(in crate::engine) fn speaks_flv(&self) -> bool {
        matches!(self.wire, Wire::Flv(_))
    }

    /// Drops everything in the queue.
    pub fn clear(&mut self) {
        *self = Self::new(self.wire, self.limits);
    }

    /// Queues bytes, which may have other owners.
    pub fn push_bytes(&mut self, bytes: Rc<[u8]>) {
        if !bytes.is_empty() {
            self.bytes += bytes.len();
            self.reply_bytes += bytes.len();
            self.items.push_back(Item::Bytes(bytes));
        }
    }

    /// Queues bytes, joined to those before them if both are short: a burst of short messages must not count as a
    /// long queue.
    pub fn join_bytes(&mut self, bytes: &[u8]) {
        match self.items.back_mut() {
            Some(Item::Bytes(last)) if last.len() + bytes.len() <= MAX_JOINED => {
                self.bytes += bytes.len();
                self.reply_bytes += bytes.len();
                *last = [&**last, bytes].concat().into();
            }
            _ => self.push_bytes(bytes.into()),
        }
    }

    /// Queues a frame.
    pub fn push_frame(&mut self, frame: Rc<Frame>) {
        self.bytes += self.wire.image(&frame).len();
        self.items.push_back(Item::Frame(frame));
    }

    /// Queues frames as one list, which other players share. It takes one slot instead of one for each frame: with
    /// 2000 players that join at once, 1.1 kB less for each.
    pub fn push_group_on(&mut self, msid: u32, frames: &Rc<[Rc<Frame>]>) {
        if msid != 0 && msid != MEDIA_STREAM {
            return frames.iter().for_each(|frame| self.push_frame_on(msid, frame));
        }
        if !frames.is_empty() {
            self.bytes += frames.iter().map(|frame| self.wire.image(frame).len()).sum::<usize>();
            self.more += frames.len() - 1;
            self.items.push_back(Item::Group(Box::new(Group { frames: Rc::clone(frames), sent: 0 })));
        }
    }

    /// Queues messages of a file, whose memory is counted by this charge.
    pub(in crate::engine) fn push_piece(&mut self, bytes: Vec<u8>, charge: Charge) {
        if !bytes.is_empty() {
            self.bytes += bytes.len();
            self.items.push_back(Item::Piece(Box::new(Charged { bytes, _charge: charge })));
        }
    }

    /// Lets what has just been queued wait beyond the usual limits. The allowance shrinks with the queue.
    pub fn allow(&mut self, more: Allowance) {
        let messages = (self.allowance.messages + more.messages).min(self.len());
        self.allowance = Allowance { messages, bytes: (self.allowance.bytes + more.bytes).min(self.bytes) };
    }

    /// The allowance that is left.
    pub fn allowance(&self) -> Allowance {
        self.allowance
    }

    /// Queues the body of an HTTP reply.
    pub fn push_body(&mut self, body: Body) {
        match body {
            Body::Empty | Body::Live => {}
            Body::Bytes(bytes) => self.push_bytes(bytes),
            Body::Memory { length: 0, .. } | Body::File { length: 0, .. } => {}
            Body::Memory { extent, offset, length, .. } => {
                let offset = extent.start() + offset;
                self.push_file(FileSource::Memory(extent), offset, length);
            }
            Body::File { file, offset, length } => {
                self.push_file(FileSource::Disk(file), offset, length);
            }
        }
    }

    fn push_file(&mut self, source: FileSource, offset: u64, left: u64) {
        self.items.push_back(Item::File(Box::new(FilePart { source, offset, left })));
    }

    /// Queues a wait: what is queued behind it is held back for a time when everything before it has been sent.
    pub(in crate::engine) fn push_wait(&mut self) {
        self.items.push_back(Item::Wait(None));
    }

    /// Whether a wait is at the front, so that nothing can be sent.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        matches!(self.items.front(), Some(Item::Wait(_)))
    }

    /// Begins the wait at the front; false if there is none, or it has begun before.
    pub(in crate::engine) fn begin_wait(&mut self, until: Instant) -> bool {
        match self.items.front_mut() {
            Some(Item::Wait(end @ None)) => {
                *end = Some(until);
                true
            }
            _ => false,
        }
    }

    /// The end of the wait at the front, if it has begun.
    pub(in crate::engine) fn waits_until(&self) -> Option<Instant> {
        match self.items.front() {
            Some(Item::Wait(end)) => *end,
            _ => None,
        }
    }

    /// Removes the wait at the front.
    pub(in crate::engine) fn end_wait(&mut self) {
        if self.is_waiting() {
            self.items.pop_front();
        }
        self.fit_allowance();
    }

    /// The files in memory that the queue holds.
    pub fn extents(&self) -> impl Iterator<Item = &Arc<Extent>> {
        self.items.iter().filter_map(|item| match item {
            Item::File(piece) => match &piece.source {
                FileSource::Memory(extent) => Some(extent),
                FileSource::Disk(_) => None,
            },
            _ => None,
        })
    }

    /// Hands what is at the front to `write`, and removes as many bytes as `write` has sent. The queue must be
    /// neither empty nor waiting.
    #[inline]
    pub(in crate::engine) fn write<E>(
        &mut self,
        write: impl FnOnce(Outgoing<'_>) -> Result<usize, E>,
    ) -> Result<usize, E> {
        if let Some(frame) = self.only_frame() {
            let length = frame.len();
            let count = write(Outgoing::Bytes(frame))?;
            if count == length {
                self.remove_only_frame();
            } else {
                self.advance(count);
            }
            return Ok(count);
        }
        let count = match self.file() {
            Some(part) => write(Outgoing::File { part, most: u64::MAX }),
            None => self.write_gathered(write),
        }?;
        self.advance(count);
        Ok(count)
    }

    /// The same for an HTTP answer of which only so many bytes may be sent now.
    #[inline(never)]
    pub(in crate::engine) fn write_at_most<E>(
        &mut self,
        most: u64,
        write: impl FnOnce(Outgoing<'_>) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let count = match self.file() {
            Some(part) => write(Outgoing::File { part, most }),
            None => {
                let mut left = usize::try_from(most).unwrap_or(MAX_GATHER).min(MAX_GATHER);
                let mut skipped = self.sent;
                // A head, and a body that is no file.
                let slices = [0, 1].map(|index| {
                    let bytes = self.items.get(index).and_then(|item| self.bytes_of(item));
                    let rest =
                        bytes.and_then(|bytes| bytes.get(mem::take(&mut skipped)..)).unwrap_or_default();
                    let bytes = rest.get(..rest.len().min(left)).unwrap_or_default();
                    left -= bytes.len();
                    IoSlice::new(bytes)
                });
                write(Outgoing::Slices { slices: &slices, file_follows: left > 0 && self.file_follows(1) })
            }
        }?;
        self.advance(count);
        Ok(count)
    }

    #[inline]
    fn remove_only_frame(&mut self) {
        self.items.remove_only();
        (self.sent, self.bytes, self.allowance) = (0, 0, Allowance::default());
    }

    /// The array of slices is in a stack frame of its own, so that a single frame is sent without it.
    #[inline(never)]
    fn write_gathered<T>(&self, write: impl FnOnce(Outgoing<'_>) -> T) -> T {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = self.gather(&mut slices);
        let file_follows = self.file_follows(count);
        match slices.get(..count).unwrap_or_default() {
            [only] if !file_follows => write(Outgoing::Bytes(only)),
            slices => write(Outgoing::Slices { slices, file_follows }),
        }
    }

    /// The rest of the frame that waits alone.
    #[inline]
    fn only_frame(&self) -> Option<&[u8]> {
        match self.items.only() {
            Some(Item::Frame(frame)) => self.wire.image(frame).get(self.sent..),
            _ => None,
        }
    }

    /// Fills `slices` from the front, up to a file, a wait or 256 KiB; returns their number.
    fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut slots = Slots { slices, count: 0, bytes: 0, skipped: self.sent };
        for item in self.items.iter() {
            let has_room = match item {
                Item::Frame(frame) => slots.take(self.wire.image(frame)),
                Item::Group(group) => group.rest().iter().all(|frame| slots.take(self.wire.image(frame))),
                item => self.bytes_of(item).is_some_and(|bytes| slots.take(bytes)),
            };
            if !has_room {
                break;
            }
        }
        slots.count
    }

    /// Whether a file is behind the first `count` messages. Groups and files never meet in one queue.
    fn file_follows(&self, count: usize) -> bool {
        matches!(self.items.get(count), Some(Item::File(_)))
    }

    fn file(&self) -> Option<&FilePart> {
        match self.items.front() {
            Some(Item::File(piece)) => Some(piece),
            _ => None,
        }
    }

    /// Removes `count` sent bytes from the front.
    fn advance(&mut self, mut count: usize) {
        while let Some(item) = self.items.front_mut() {
            if let Item::Wait(_) = item {
                break;
            } else if let Item::File(piece) = item {
                let step = (count as u64).min(piece.left);
                (piece.offset, piece.left) = (piece.offset + step, piece.left - step);
                count -= step as usize;
                if piece.left > 0 {
                    break;
                }
            } else {
                let length = self.items.front().and_then(|item| self.bytes_of(item)).map_or(0, <[u8]>::len);
                let step = count.min(length - self.sent);
                (self.sent, self.bytes, count) = (self.sent + step, self.bytes - step, count - step);
                if matches!(self.items.front(), Some(Item::Bytes(_))) {
                    self.reply_bytes -= step;
                }
                if self.sent < length {
                    break;
                }
                self.sent = 0;
            }
            if self.more > 0
                && let Some(Item::Group(group)) = self.items.front_mut()
                && group.rest().len() > 1
            {
                group.sent += 1;
                self.more -= 1;
            } else if let Some(Item::Header(_)) = self.items.pop_front() {
                self.headers -= 1;
            }
        }
        debug_assert_eq!(count, 0, "more sent than was queued");
        self.fit_allowance();
    }

    fn fit_allowance(&mut self) {
        self.allowance.messages = self.allowance.messages.min(self.len());
        self.allowance.bytes = self.allowance.bytes.min(self.bytes);
    }

    /// Adds the waiting frames to a map from their addresses to the bytes that they take.
    pub(in crate::engine) fn find_frames(&self, found: &mut HashMap<*const Frame, usize>) {
        let mut find = |frame: &Rc<Frame>| found.insert(Rc::as_ptr(frame), frame.memory());
        for item in self.items.iter() {
            match item {
                Item::Frame(frame) | Item::Tail(frame, _) => {
                    find(frame);
                }
                Item::Group(group) => group.frames.iter().for_each(|frame| {
                    find(frame);
                }),
                Item::Bytes(_) | Item::Header(_) | Item::Piece(_) | Item::File(_) | Item::Wait(_) => {}
            }
        }
    }

    /// Whether something can be sent now.
    #[inline]
    pub(in crate::engine) fn can_send(&self) -> bool {
        !self.is_empty() && !self.is_waiting()
    }

    /// Whether the queue is empty.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Messages that wait.
    pub fn len(&self) -> usize {
        self.items.len() + self.more - self.headers
    }

    /// Bytes that wait in memory; those of files do not count.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of replies that wait.
    #[inline]
    pub fn reply_bytes(&self) -> usize {
        self.reply_bytes
    }

    fn bytes_of<'a>(&self, item: &'a Item) -> Option<&'a [u8]> {
        match item {
            Item::Bytes(bytes) => Some(bytes),
            Item::Piece(piece) => Some(&piece.bytes),
            Item::Frame(frame) => Some(self.wire.image(frame)),
            Item::Group(group) => group.rest().first().map(|frame| self.wire.image(frame)),
            Item::Header(start) => Some(start.bytes()),
            Item::Tail(frame, skipped) => self.wire.image(frame).get(*skipped..),
            Item::File(_) | Item::Wait(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
