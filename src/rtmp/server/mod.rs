//! One RTMP session, server side: handshake, chunks, control messages and commands, without a socket.
//!
//! It answers by itself what needs no decision (pings, `createStream`); what needs one comes out as an [`Event`], and
//! the methods in `answers` write the answer. When to acknowledge is for whoever has a clock.

mod answers;
mod commands;
mod data;
mod streams;

use std::mem;

use crate::media::{Frame, Kind, Reader, Truncated, time};

use super::RtmpError;
use super::aggregate::{Aggregate, MAX_PARTS};
use super::chunk::{ChunkReader, Chunking, DEFAULT_CHUNK_SIZE, ExtendedHabit, Limits, Message};
use super::command::{Connect, Play, Publish};
use super::control::{UserControl, write_control};
use super::handshake::Handshake;
use super::message::MessageType;
use super::shared_object::{Encoding, SharedObject};
use streams::MessageStreams;

/// The limits of a session's memory before its `connect` is accepted.
const LIMITS_BEFORE_CONNECT: Limits = Limits { message: 48 * 1024, streams: 8, held: 56 * 1024 };

/// The largest window that is assumed of a client that has announced none.
const ASSUMED_WINDOW: u32 = 5_000_000;
/// The smallest window honoured: an acknowledgement for every few bytes would be an amplifier.
const SMALLEST_WINDOW: u32 = 4096;

/// Messages that ask nothing of the engine, such as acknowledgements, before it hears that it may go on with
/// others first. The smallest has one byte.
pub const MAX_WITHOUT_EVENT: usize = 64;

/// A request of the client for the engine to decide, or data that it has sent.
#[derive(Debug)]
pub enum Event {
    /// The handshake is over.
    HandshakeDone,
    /// `connect`; to be answered.
    Connect(Connect),
    /// `publish`; to be answered.
    Publish(Publish),
    /// `play` or `play2`; to be answered.
    Play(Play),
    /// A request that cannot be taken has been refused.
    Refused {
        /// "connect", "publish" or "play".
        what: &'static str,
        /// The reason, as it was answered.
        why: String,
    },
    /// The end of something published or played.
    Stop(Stop),
    /// A player wants its stream otherwise; to be answered.
    Control {
        /// The message stream it plays on.
        msid: u32,
        /// The command.
        control: Control,
    },
    /// A shared object message.
    SharedObject(SharedObject),
    /// An audio, video or data message.
    Frame {
        /// The message stream it came on.
        msid: u32,
        /// The message; its time is unwrapped, and may be anything.
        frame: Frame,
    },
    /// Something is left out, for the log.
    LeftOut(String),
    /// [`MAX_WITHOUT_EVENT`] messages were none of these; more may follow.
    Nothing,
}

/// The publish or play that a command stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// That of a message stream: `closeStream`, `deleteStream`.
    Stream(u32),
    /// The publish of this name: `FCUnpublish`.
    Published(String),
}

/// The commands of a player (7.2.2.4 to 7.2.2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// `pause` with true.
    Pause,
    /// `pause` with false.
    Unpause,
    /// `seek`.
    Seek,
    /// `receiveAudio` or `receiveVideo`.
    Receive {
        /// Audio or video.
        kind: Kind,
        /// It is to be sent.
        wanted: bool,
    },
}

/// A session's settings, fixed by its server block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The chunks that the session sends.
    pub chunking: Chunking,
    /// Window announced to the client, bytes.
    pub ack_window: u32,
    /// The habit that clients' extended timestamps are taken to have before the first has come.
    pub extended_habit: ExtendedHabit,
    /// The limits of a session's memory once it publishes.
    pub limits: Limits,
}

/// The protocol state of one session.
#[derive(Debug)]
pub struct ServerSession {
    phase: Phase,
    reader: ChunkReader,
    /// The chunks that are sent: the specification's until `connect` is accepted.
    chunking: Chunking,
    streams: MessageStreams,
    /// An aggregate message whose parts are events to come.
    aggregate: Option<Box<Aggregate>>,
    /// An aggregate has been left out, which is logged once.
    has_left_out: bool,
    /// The last timestamp of audio or video, unwrapped.
    clock: Option<u64>,
    received: u64,
    acknowledged: u64,
    /// The bytes that the client lets pass without an acknowledgement, if it has said so.
    window: Option<u32>,
    /// The bytes that it may send without one, as it was told (Set Peer Bandwidth, 5.4.5).
    bandwidth: u32,
    /// The window that was announced to the client last.
    announced: u32,
}

#[derive(Debug)]
enum Phase {
    Handshake(Box<Handshake>),
    /// `connect` has not been accepted yet.
    Fresh,
    Connected,
}

impl ServerSession {
    /// A session at its beginning; `seed` feeds the handshake's filler.
    pub fn new(seed: u64) -> Self {
        Self {
            phase: Phase::Handshake(Box::new(Handshake::new(seed))),
            reader: ChunkReader::new(LIMITS_BEFORE_CONNECT),
            chunking: DEFAULT_CHUNK_SIZE.into(),
            streams: MessageStreams::default(),
            aggregate: None,
            has_left_out: false,
            clock: None,
            received: 0,
            acknowledged: 0,
            window: None,
            bandwidth: ASSUMED_WINDOW,
            announced: 0,
        }
    }

    /// Takes bytes of `input` up to the next event, appending to `out` what has to be answered at
    /// once; `None` when `input` has run out. After an error the session takes no more input.
    pub fn next(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<Option<Event>, RtmpError> {
        let available = input.len();
        let event = self.next_event(input, out);
        self.received += (available - input.len()) as u64;
        event
    }

    fn next_event(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<Option<Event>, RtmpError> {
        if let Phase::Handshake(handshake) = &mut self.phase {
            if !handshake.next(input, out)? {
                return Ok(None);
            }
            self.phase = Phase::Fresh;
            return Ok(Some(Event::HandshakeDone));
        }
        for _ in 0..MAX_WITHOUT_EVENT {
            let Some(message) = self.next_message(input)? else { return Ok(None) };
            if let Some(event) = self.handle_message(message, out)? {
                return Ok(Some(event));
            }
        }
        Ok(Some(Event::Nothing))
    }

    /// The next message: a part of an aggregate, or what comes in chunks.
    fn next_message(&mut self, input: &mut &[u8]) -> Result<Option<Message>, RtmpError> {
        if let Some(aggregate) = &mut self.aggregate {
            if let Some(message) = aggregate.next() {
                return Ok(Some(message));
            }
            self.aggregate = None;
        }
        Ok(self.reader.next(input)?)
    }

    /// The window that the client has announced for acknowledgements (5.4.4).
    pub fn client_window(&self) -> Option<u32> {
        self.window
    }

    /// True if half of the client's window, or else of the bandwidth that it was told, has come since the last
    /// acknowledgement. Half, for some clients stop short of a whole one.
    pub fn owes_acknowledgement(&self) -> bool {
        let window = self.window.unwrap_or(self.bandwidth.min(ASSUMED_WINDOW)).max(SMALLEST_WINDOW);
        self.received - self.acknowledged >= u64::from(window / 2) && self.is_connected()
    }

    /// Acknowledges what has been received (5.4.3), modulo 2^32.
    pub fn acknowledge(&mut self, out: &mut Vec<u8>) {
        self.acknowledged = self.received;
        let sequence = (self.received & u64::from(u32::MAX)) as u32;
        write_control(out, MessageType::Acknowledgement, &sequence.to_be_bytes());
    }

    /// Bytes of messages that have begun to come.
    pub fn unfinished(&self) -> usize {
        self.reader.held()
    }

    /// Bytes that are held of the client's input: unfinished messages, and an aggregate of which parts are to come.
    pub fn held(&self) -> usize {
        self.reader.held() + self.aggregate.as_ref().map_or(0, |aggregate| aggregate.held())
    }

    /// Frees what is held of the client's input. The session takes no more after that.
    pub fn release(&mut self) {
        self.reader.release();
        self.aggregate = None;
    }

    /// Sets the limits of a client that publishes.
    pub fn begin_publishing(&mut self, limits: Limits) {
        self.reader.set_limits(limits);
    }

    /// Sets the limits of a client that publishes no more.
    pub fn end_publishing(&mut self, limits: Limits) {
        self.reader.set_limits_without_media(limits);
    }

    /// True if the handshake is over.
    pub fn is_past_handshake(&self) -> bool {
        !matches!(self.phase, Phase::Handshake(_))
    }

    fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected)
    }

    fn handle_message(&mut self, message: Message, out: &mut Vec<u8>) -> Result<Option<Event>, RtmpError> {
        let Some(message_type) = MessageType::of(message.type_id) else { return Ok(None) };
        let payload = message.payload();
        match message_type {
            MessageType::SetChunkSize
            | MessageType::Abort
            | MessageType::WindowAcknowledgementSize
            | MessageType::SetPeerBandwidth => {
                // A control message too short to say anything is left out.
                if let Ok(value) = Reader::new(payload).u32() {
                    self.handle_control(message_type, value, out)?;
                }
                Ok(None)
            }
            MessageType::UserControl => {
                // The others tell of a client's buffer and streams; a live stream does not wait for them.
                if let Ok(UserControl::PingRequest(time)) = UserControl::read(payload) {
                    UserControl::PingResponse(time).write(out);
                }
                Ok(None)
            }
            MessageType::CommandAmf0 => self.handle_command(&message, 0, out),
            // AMF3 commands carry a format byte and then AMF0 values that may switch to AMF3.
            MessageType::CommandAmf3 => self.handle_command(&message, 1, out),
            MessageType::Audio => self.handle_media(message, Kind::Audio),
            MessageType::Video => self.handle_media(message, Kind::Video),
            MessageType::DataAmf0 => self.handle_data(&message, Kind::Data),
            MessageType::DataAmf3 => self.handle_data(&message, Kind::DataAmf3),
            MessageType::Aggregate => {
                self.require_connected()?;
                Ok(self.begin_aggregate(message))
            }
            // The socket tells how much the client has read.
            MessageType::Acknowledgement => Ok(None),
            MessageType::SharedObjectAmf0 => self.handle_shared_object(Encoding::Amf0, payload),
            MessageType::SharedObjectAmf3 => self.handle_shared_object(Encoding::Amf3, payload),
        }
    }

    /// Takes an aggregate whose parts are to come. The first that has too many is reported. One within another
    /// is none, nor is one of a client that does not publish.
    fn begin_aggregate(&mut self, message: Message) -> Option<Event> {
        if self.aggregate.is_some() || !self.reader.takes_media() {
            return None;
        }
        self.aggregate = Aggregate::new(message).map(Box::new);
        let is_news = self.aggregate.is_none() && !mem::replace(&mut self.has_left_out, true);
        is_news.then(|| Event::LeftOut(format!("an aggregate of more than {MAX_PARTS} messages")))
    }

    fn handle_control(
        &mut self,
        message_type: MessageType,
        value: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), RtmpError> {
        match message_type {
            MessageType::SetChunkSize => self.reader.set_chunk_size(value)?,
            MessageType::Abort => self.reader.abort(value),
            // 5.4.5: to be answered with a window, if that is not the one announced last. What may be
            // on its way is TCP's business.
            MessageType::SetPeerBandwidth => {
                if value != self.announced && self.is_connected() {
                    self.announced = value;
                    write_control(out, MessageType::WindowAcknowledgementSize, &value.to_be_bytes());
                }
            }
            _ => self.window = Some(value.max(SMALLEST_WINDOW)),
        }
        Ok(())
    }

    fn handle_media(&mut self, message: Message, kind: Kind) -> Result<Option<Event>, RtmpError> {
        self.require_connected()?;
        let timestamp = self.unwrap(message.timestamp);
        self.clock = Some(timestamp);
        let msid = message.msid;
        Ok(Some(Event::Frame { msid, frame: message.into_frame(kind, timestamp) }))
    }

    /// One that cannot be read is dropped; the connection stays.
    fn handle_shared_object(&self, encoding: Encoding, payload: &[u8]) -> Result<Option<Event>, RtmpError> {
        self.require_connected()?;
        Ok(SharedObject::read(encoding, payload).map(Event::SharedObject))
    }

    fn require_connected(&self) -> Result<(), RtmpError> {
        if self.is_connected() { Ok(()) } else { Err(RtmpError::Protocol("message before connect")) }
    }

    /// Unwraps a timestamp: it is the one nearest to the last. The first is put one turn up, so that a
    /// small step back below zero stays small.
    fn unwrap(&self, timestamp: u32) -> u64 {
        let first = u64::from(timestamp) + (1 << 32);
        self.clock.and_then(|last| time::nearest(last, timestamp)).unwrap_or(first)
    }
}

impl From<Truncated> for RtmpError {
    fn from(_: Truncated) -> Self {
        Self::Protocol("truncated message")
    }
}

#[cfg(test)]
mod tests;
