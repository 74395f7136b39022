//! One RTMP session, server side: handshake, chunks, control messages and commands, without a socket.
//!
//! It answers by itself what needs no decision (pings, `createStream`); what needs one comes out as an [`Event`], and
//! the methods in `answers` write the answer. When to acknowledge is for whoever has a clock.

mod answers;
mod commands;
mod data;
mod streams;

use crate::media::{Frame, Kind, Reader, Truncated};

use super::RtmpError;
use super::chunk::{Chunking, DEFAULT_CHUNK_SIZE, ExtendedHabit, Limits, Message};
use super::command::{Connect, Play, Publish};
use super::control::{UserControl, write_control};
use super::handshake::Handshake;
use super::input::{Input, MAX_WITHOUT_EVENT};
use super::message::MessageType;
use super::shared_object::{Encoding, SharedObject};
use streams::MessageStreams;

/// The limits of a session's memory before its `connect` is accepted.
const LIMITS_BEFORE_CONNECT: Limits = Limits { message: 48 * 1024, streams: 8, held: 56 * 1024 };

/// The largest window that is assumed of a client that has announced none.
const ASSUMED_WINDOW: u32 = 5_000_000;
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
    /// The client has told how much media it buffers, in milliseconds.
    BufferLength(u32),
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
    /// Many messages were none of these; more may follow.
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
    Seek {
        /// Milliseconds of media.
        to: u64,
    },
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
    input: Input,
    /// The chunks that are sent: the specification's until `connect` is accepted.
    chunking: Chunking,
    streams: MessageStreams,
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
            input: Input::new(LIMITS_BEFORE_CONNECT),
            chunking: DEFAULT_CHUNK_SIZE.into(),
            streams: MessageStreams::default(),
            bandwidth: ASSUMED_WINDOW,
            announced: 0,
        }
    }

    /// Takes bytes of `input` up to the next event, appending to `out` what has to be answered at
    /// once; `None` when `input` has run out. After an error the session takes no more input.
    pub fn next(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<Option<Event>, RtmpError> {
        let available = input.len();
        let event = self.next_event(input, out);
        self.input.received += (available - input.len()) as u64;
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
            let Some(message) = self.input.next(input)? else { return Ok(None) };
            if let Some(event) = self.handle_message(message, out)? {
                return Ok(Some(event));
            }
        }
        Ok(Some(Event::Nothing))
    }

    /// The window that the client has announced for acknowledgements (5.4.4).
    pub fn client_window(&self) -> Option<u32> {
        self.input.window
    }

    /// True if half of the client's window, or else of the bandwidth that it was told, has come since the last
    /// acknowledgement.
    pub fn owes_acknowledgement(&self) -> bool {
        self.input.owes_acknowledgement(self.bandwidth.min(ASSUMED_WINDOW)) && self.is_connected()
    }

    /// Acknowledges what has been received (5.4.3), modulo 2^32.
    pub fn acknowledge(&mut self, out: &mut Vec<u8>) {
        self.input.acknowledge(out);
    }

    /// Bytes of messages that have begun to come.
    pub fn unfinished(&self) -> usize {
        self.input.reader.held()
    }

    /// Bytes that are held of the client's input: unfinished messages, and an aggregate of which parts are to come.
    pub fn held(&self) -> usize {
        self.input.held()
    }

    /// Frees what is held of the client's input. The session takes no more after that.
    pub fn release(&mut self) {
        self.input.release();
    }

    /// Sets the limits of a client that publishes.
    pub fn begin_publishing(&mut self, limits: Limits) {
        self.input.reader.set_limits(limits);
    }

    /// Sets the limits of a client that publishes no more.
    pub fn end_publishing(&mut self, limits: Limits) {
        self.input.reader.set_limits_without_media(limits);
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
                // The others tell of a client's streams.
                match UserControl::read(payload) {
                    Ok(UserControl::PingRequest(time)) => UserControl::PingResponse(time).write(out),
                    Ok(UserControl::SetBufferLength(_, length)) => {
                        return Ok(Some(Event::BufferLength(length)));
                    }
                    _ => {}
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

    /// Takes an aggregate whose parts are to come, of a client that publishes.
    fn begin_aggregate(&mut self, message: Message) -> Option<Event> {
        if self.input.reader.takes_media() {
            self.input.begin_aggregate(message).map(Event::LeftOut)
        } else {
            None
        }
    }

    fn handle_control(
        &mut self,
        message_type: MessageType,
        value: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), RtmpError> {
        match message_type {
            MessageType::SetChunkSize => self.input.reader.set_chunk_size(value)?,
            MessageType::Abort => self.input.reader.abort(value),
            // 5.4.5: to be answered with a window, if that is not the one announced last. What may be
            // on its way is TCP's business.
            MessageType::SetPeerBandwidth => {
                if value != self.announced && self.is_connected() {
                    self.announced = value;
                    write_control(out, MessageType::WindowAcknowledgementSize, &value.to_be_bytes());
                }
            }
            _ => self.input.set_window(value),
        }
        Ok(())
    }

    fn handle_media(&mut self, message: Message, kind: Kind) -> Result<Option<Event>, RtmpError> {
        self.require_connected()?;
        let timestamp = self.input.advance(message.timestamp);
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
}

impl From<Truncated> for RtmpError {
    fn from(_: Truncated) -> Self {
        Self::Protocol("truncated message")
    }
}

#[cfg(test)]
mod tests;
