//! One RTMP session, client side: handshake, connect, and then publish or play, without a socket.
//!
//! It asks by itself what comes before the publish or play, and answers what needs no decision (pings); what the other
//! server says comes out as an [`Event`]. When to acknowledge is for whoever has a clock.

mod answers;
mod commands;
mod requests;
mod said;
mod secrets;

use std::fmt;
use std::mem;

use crate::media::{Frame, Kind, Reader};

use super::RtmpError;
use super::chunk::{Chunking, DEFAULT_CHUNK_SIZE, Limits, Message};
use super::control::{UserControl, write_control};
use super::handshake::ClientHandshake;
use super::input::{Input, MAX_WITHOUT_EVENT};
use super::message::MessageType;
use super::server::Settings;

/// The limits of a session's memory before its `connect` is answered: the answer has some hundred bytes.
const LIMITS_BEFORE_CONNECT: Limits = Limits { message: 48 * 1024, streams: 8, held: 56 * 1024 };
/// The window that is assumed of a server that has announced none.
const ASSUMED_WINDOW: u32 = 2_500_000;

/// What a client connects for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To publish.
    Publish,
    /// To play.
    Play {
        /// The start that is wanted, milliseconds; -1000 for live, -2000 for live or recorded.
        start: i64,
        /// The duration that is wanted, milliseconds; -1000 for all.
        duration: i64,
        /// The client's buffer, milliseconds.
        buffer: u32,
    },
}

/// What a client says when it connects, publishes or plays.
#[derive(Clone, PartialEq, Eq)]
pub struct Ask {
    /// The application, with its arguments.
    pub app: String,
    /// The URL of the application.
    pub tc_url: String,
    /// The page that it stands in; empty if nothing is told.
    pub page_url: String,
    /// The file that it was loaded from; empty if nothing is told.
    pub swf_url: String,
    /// Its name and version.
    pub flash_ver: String,
    /// The arguments of an authentication, which stand behind those of the application and of its URL; empty at first.
    pub auth: String,
    /// The servers that the stream has come through, so that it does not travel in a circle; empty if nothing is told.
    pub path: String,
    /// The stream, with its arguments.
    pub stream: String,
    /// What it connects for.
    pub purpose: Purpose,
}

/// Without what may be secret.
impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

/// What the other server has said, or sent. Codes and descriptions are bounded, of one line, and have "***" in place of
/// what may be a key of [`Ask`].
#[derive(Debug)]
pub enum Event {
    /// The handshake is over.
    HandshakeDone,
    /// The publish or play is accepted; media may be sent, or will come, on this message stream.
    Began(u32),
    /// The other server refuses: its code and description.
    Refused {
        /// Such as "NetStream.Publish.BadName".
        code: String,
        /// Its description, or "".
        description: String,
    },
    /// The other server wants an authentication, and says this to it, which must not be shown. Another connection is to
    /// be made, with the arguments that answer it in [`Ask::auth`].
    Authenticate(String),
    /// What was published or played has ended there.
    Ended {
        /// Such as "NetStream.Play.UnpublishNotify".
        code: String,
        /// Its description, or "".
        description: String,
    },
    /// The client should connect anew: to this URL, which may be relative to `tcUrl`, or with "" to the same (Enhanced
    /// RTMP v2, ReconnectRequest).
    Reconnect(String),
    /// An audio, video or data message of what is played; its time is unwrapped.
    Frame(Frame),
    /// Something is left out, for the log.
    LeftOut(String),
    /// Many messages were none of these; more may follow.
    Nothing,
}

/// The protocol state of one session.
#[derive(Debug)]
pub struct ClientSession {
    ask: Ask,
    settings: Settings,
    phase: Phase,
    input: Input,
    /// The chunks that are sent: the specification's until `connect` is answered.
    chunking: Chunking,
    /// A message that has come before the play was answered, and is read next.
    pending: Option<Message>,
    /// The window that was announced to the server last.
    announced: u32,
}

#[derive(Debug)]
enum Phase {
    Handshake(Box<ClientHandshake>),
    /// `connect` has been sent.
    Connecting,
    /// `createStream` has been sent.
    Creating,
    /// `publish` or `play` has been sent on this message stream.
    Asking(u32),
    /// It is accepted.
    Running(u32),
    /// It is refused, or has ended.
    Over,
}

impl ClientSession {
    /// A session at its beginning; `seed` feeds the handshake's filler.
    pub fn new(ask: Ask, settings: &Settings, seed: u64) -> Self {
        let mut input = Input::new(LIMITS_BEFORE_CONNECT);
        input.reader.set_extended_habit(settings.extended_habit);
        Self {
            ask,
            settings: *settings,
            phase: Phase::Handshake(Box::new(ClientHandshake::new(seed))),
            input,
            chunking: DEFAULT_CHUNK_SIZE.into(),
            pending: None,
            announced: 0,
        }
    }

    /// Appends what is sent as soon as the connection stands: C0 and C1.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if let Phase::Handshake(handshake) = &self.phase {
            handshake.begin(out);
        }
    }

    /// Takes bytes of `input` up to the next event, appending to `out` what has to be sent at once; `None` when `input`
    /// has run out. After an error the session takes no more input.
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
            self.phase = Phase::Connecting;
            self.write_connect(out);
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

    /// The next message: one that waits, or the input's.
    fn next_message(&mut self, input: &mut &[u8]) -> Result<Option<Message>, RtmpError> {
        match self.pending.take() {
            Some(message) => Ok(Some(message)),
            None => self.input.next(input),
        }
    }

    /// Appends the end of what is published or played: `FCUnpublish` and `deleteStream`.
    pub fn unpublish(&mut self, out: &mut Vec<u8>) {
        let phase = mem::replace(&mut self.phase, Phase::Over);
        match phase {
            Phase::Asking(msid) | Phase::Running(msid) => self.write_unpublish(msid, out),
            // Nothing has begun.
            Phase::Handshake(_) | Phase::Connecting | Phase::Creating | Phase::Over => {}
        }
    }

    /// The message stream that media goes or comes on, once the publish or play is accepted.
    pub fn message_stream(&self) -> Option<u32> {
        match self.phase {
            Phase::Running(msid) => Some(msid),
            _ => None,
        }
    }

    /// What the session has been made for.
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    /// The window that the server has announced for acknowledgements (5.4.4).
    pub fn server_window(&self) -> Option<u32> {
        self.input.window
    }

    /// True if half of the server's window has come since the last acknowledgement.
    pub fn owes_acknowledgement(&self) -> bool {
        self.input.owes_acknowledgement(ASSUMED_WINDOW) && self.is_past_handshake()
    }

    /// Acknowledges what has been received (5.4.3), modulo 2^32.
    pub fn acknowledge(&mut self, out: &mut Vec<u8>) {
        self.input.acknowledge(out);
    }

    /// Bytes of messages that have begun to come.
    pub fn unfinished(&self) -> usize {
        self.input.reader.held()
    }

    /// Bytes that are held of the server's input: unfinished messages, and those of which the rest is to come.
    pub fn held(&self) -> usize {
        let pending = self.pending.as_ref().map_or(0, |message| message.payload().len());
        self.input.held() + pending
    }

    /// Frees what is held of the server's input. The session takes no more after that.
    pub fn release(&mut self) {
        self.input.release();
        self.pending = None;
    }

    /// True if `connect` is accepted, and nothing has ended.
    pub fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Creating | Phase::Asking(_) | Phase::Running(_))
    }

    /// True if the handshake is over.
    pub fn is_past_handshake(&self) -> bool {
        !matches!(self.phase, Phase::Handshake(_))
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
            MessageType::UserControl => Ok(self.handle_user_control(payload, out)),
            MessageType::CommandAmf0 => self.handle_command(&message, 0, out),
            // AMF3 commands carry a format byte and then AMF0 values that may switch to AMF3.
            MessageType::CommandAmf3 => self.handle_command(&message, 1, out),
            MessageType::Audio => Ok(self.handle_media(message, Kind::Audio)),
            MessageType::Video => Ok(self.handle_media(message, Kind::Video)),
            MessageType::DataAmf0 => Ok(self.handle_data(message, Kind::Data)),
            MessageType::DataAmf3 => Ok(self.handle_data(message, Kind::DataAmf3)),
            MessageType::Aggregate if self.takes_media() => {
                Ok(self.input.begin_aggregate(message).map(Event::LeftOut))
            }
            MessageType::Aggregate
            | MessageType::Acknowledgement
            | MessageType::SharedObjectAmf0
            | MessageType::SharedObjectAmf3 => Ok(None),
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
            // 5.4.5: to be answered with a window, if that is not the one announced last.
            MessageType::SetPeerBandwidth => {
                if value != self.announced {
                    self.announced = value;
                    write_control(out, MessageType::WindowAcknowledgementSize, &value.to_be_bytes());
                }
            }
            _ => self.input.set_window(value),
        }
        Ok(())
    }

    fn handle_user_control(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Option<Event> {
        match UserControl::read(payload).ok()? {
            UserControl::PingRequest(time) => {
                UserControl::PingResponse(time).write(out);
                None
            }
            UserControl::StreamEof(msid) if self.message_stream() == Some(msid) => self
                .is_player()
                .then(|| Event::Ended { code: "StreamEOF".to_owned(), description: String::new() }),
            _ => None,
        }
    }

    fn handle_media(&mut self, message: Message, kind: Kind) -> Option<Event> {
        if let Some(began) = self.begin_by_media(&message) {
            self.pending = Some(message);
            return Some(began);
        }
        if !self.takes_media() {
            return None;
        }
        let timestamp = self.input.advance(message.timestamp);
        Some(Event::Frame(message.into_frame(kind, timestamp)))
    }

    /// There are servers that answer a play by its media alone.
    fn begin_by_media(&mut self, message: &Message) -> Option<Event> {
        match self.phase {
            Phase::Asking(msid) if self.is_player() && message.msid == msid => {
                self.phase = Phase::Running(msid);
                Some(Event::Began(msid))
            }
            _ => None,
        }
    }

    fn is_player(&self) -> bool {
        matches!(self.ask.purpose, Purpose::Play { .. })
    }

    /// True if it plays; media on another message stream than its own is taken, too, for there are servers that have
    /// all on one.
    fn takes_media(&self) -> bool {
        self.is_player() && matches!(self.phase, Phase::Running(_))
    }
}

#[cfg(test)]
mod tests;
