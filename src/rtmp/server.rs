//! One RTMP session, server side: handshake, chunks, control messages and commands, without a socket.
//!
//! It answers by itself what needs no decision (pings, acknowledgements, `createStream`); what needs
//! one comes out as an [`Event`], and the methods below write the answer.

use crate::media::amf::{Object, Value, amf0};
use crate::media::frame::{Frame, Kind};
use crate::media::{Reader, Truncated};

use super::RtmpError;
use super::chunk::{ChunkReader, DEFAULT_CHUNK_SIZE, Limits, Message, stamp, write_message};
use super::command::{Command, Connect, Level, Play, Publish, information};
use super::handshake::Handshake;
use super::message::{MessageType, UserControl, csid, write_control};
use super::shared_object::{Encoding, SharedObject};

/// What a client may make a session hold before its `connect` is accepted.
const LIMITS_BEFORE_CONNECT: Limits = Limits { message: 48 * 1024, streams: 8, held: 56 * 1024 };

/// The acknowledgement window until the client announces its own.
const DEFAULT_WINDOW: u32 = 2_500_000;
/// The smallest window honoured: an acknowledgement for every few bytes would be an amplifier.
const SMALLEST_WINDOW: u32 = 4096;

/// The only message stream there is.
const MESSAGE_STREAM: u32 = 1;

/// What a client wants that the engine must decide, or has sent.
#[derive(Debug)]
pub enum Event {
    /// The handshake is over.
    HandshakeDone,
    /// `connect`; to be answered.
    Connect(Connect),
    /// `publish`; to be answered.
    Publish(Publish),
    /// `play`; to be answered.
    Play(Play),
    /// `closeStream`, `deleteStream` or `FCUnpublish`: the end of what the session published or played.
    Stop,
    /// An audio, video or data message, stamped for sending.
    Frame(Frame),
    /// A shared object message.
    SharedObject(SharedObject),
}

/// A session's settings, fixed by its server block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Chunk size of what is sent, bytes.
    pub chunk_size: u32,
    /// Window announced to the client, bytes.
    pub ack_window: u32,
    /// What a connected client may make the session hold.
    pub limits: Limits,
}

/// The protocol state of one session.
#[derive(Debug)]
pub struct ServerSession {
    phase: Phase,
    reader: ChunkReader,
    /// Chunk size of what is sent: the specification's until `connect` is accepted.
    chunk_size: u32,
    /// The last timestamp, unwrapped.
    clock: Option<u64>,
    received: u64,
    acknowledged: u64,
    window: u32,
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
            chunk_size: DEFAULT_CHUNK_SIZE,
            clock: None,
            received: 0,
            acknowledged: 0,
            window: DEFAULT_WINDOW,
        }
    }

    /// Takes bytes of `input` up to the next event, appending to `out` what has to be answered at
    /// once; `None` when `input` has run out. After an error the session takes no more input.
    pub fn next(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<Option<Event>, RtmpError> {
        let available = input.len();
        let event = self.next_event(input, out);
        self.received += (available - input.len()) as u64;
        self.acknowledge(out);
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
        while let Some(message) = self.reader.next(input)? {
            if let Some(event) = self.handle_message(message, out)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Acknowledges received bytes (5.4.3), modulo 2^32, at most once a call.
    fn acknowledge(&mut self, out: &mut Vec<u8>) {
        if self.received - self.acknowledged >= u64::from(self.window) && self.is_connected() {
            self.acknowledged = self.received;
            let sequence = (self.received & u64::from(u32::MAX)) as u32;
            write_control(out, MessageType::Acknowledgement, &sequence.to_be_bytes());
        }
    }

    fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected)
    }

    fn handle_message(&mut self, message: Message, out: &mut Vec<u8>) -> Result<Option<Event>, RtmpError> {
        let Some(message_type) = MessageType::of(message.type_id) else { return Ok(None) };
        let payload = message.payload();
        match message_type {
            MessageType::SetChunkSize | MessageType::Abort | MessageType::WindowAcknowledgementSize => {
                // A control message too short to say anything is left out.
                if let Ok(value) = Reader::new(payload).u32() {
                    self.handle_control(message_type, value)?;
                }
                Ok(None)
            }
            MessageType::UserControl => {
                if let Ok(UserControl::PingRequest(time)) = UserControl::read(payload) {
                    UserControl::PingResponse(time).write(out);
                }
                Ok(None)
            }
            MessageType::CommandAmf0 => self.handle_command(payload, message.msid, out),
            // AMF3 commands carry a format byte and then AMF0 values that may switch to AMF3.
            MessageType::CommandAmf3 => {
                self.handle_command(payload.get(1..).unwrap_or_default(), message.msid, out)
            }
            MessageType::Audio => self.handle_media(message, Kind::Audio),
            MessageType::Video => self.handle_media(message, Kind::Video),
            MessageType::DataAmf0 => self.handle_data(&message, payload),
            MessageType::DataAmf3 => self.handle_data(&message, payload.get(1..).unwrap_or_default()),
            MessageType::SharedObjectAmf0 => self.handle_shared_object(Encoding::Amf0, payload),
            MessageType::SharedObjectAmf3 => self.handle_shared_object(Encoding::Amf3, payload),
            MessageType::Acknowledgement | MessageType::SetPeerBandwidth | MessageType::Aggregate => Ok(None),
        }
    }

    fn handle_control(&mut self, message_type: MessageType, value: u32) -> Result<(), RtmpError> {
        match message_type {
            MessageType::SetChunkSize => self.reader.set_chunk_size(value)?,
            MessageType::Abort => self.reader.abort(value),
            _ => self.window = value.max(SMALLEST_WINDOW),
        }
        Ok(())
    }

    fn handle_media(&mut self, message: Message, kind: Kind) -> Result<Option<Event>, RtmpError> {
        self.require_connected()?;
        let timestamp = self.unwrap(message.timestamp);
        Ok(Some(frame_event(message.into_frame(kind, timestamp))))
    }

    /// Data messages: `@setDataFrame` is an instruction to the server and is taken off (the rest is
    /// what players get).
    fn handle_data(&mut self, message: &Message, payload: &[u8]) -> Result<Option<Event>, RtmpError> {
        self.require_connected()?;
        let timestamp = self.unwrap(message.timestamp);
        let payload = match amf0::decode_first(payload) {
            Ok((Value::String(name), length)) if name == "@setDataFrame" => &payload[length..],
            Ok((Value::String(name), _)) if name == "@clearDataFrame" => return Ok(None),
            Ok((Value::String(_), _)) => payload,
            // Not a data message that anyone could read; it costs itself, not the connection.
            _ => return Ok(None),
        };
        Ok(Some(frame_event(Frame::from_payload(Kind::Data, timestamp, payload))))
    }

    /// One that cannot be read costs itself, not the connection.
    fn handle_shared_object(&self, encoding: Encoding, payload: &[u8]) -> Result<Option<Event>, RtmpError> {
        self.require_connected()?;
        Ok(SharedObject::read(encoding, payload).map(Event::SharedObject))
    }

    fn require_connected(&self) -> Result<(), RtmpError> {
        if self.is_connected() { Ok(()) } else { Err(RtmpError::Protocol("message before connect")) }
    }

    /// Unwraps a timestamp: it is the one nearest to the last. The first is put one turn up, so that a
    /// small step back below zero stays small.
    fn unwrap(&mut self, timestamp: u32) -> u64 {
        let first = u64::from(timestamp) + (1 << 32);
        let unwrapped = self.clock.map_or(first, |last| {
            let step = timestamp.wrapping_sub((last & u64::from(u32::MAX)) as u32).cast_signed();
            last.checked_add_signed(i64::from(step)).unwrap_or(first)
        });
        self.clock = Some(unwrapped);
        unwrapped
    }

    fn handle_command(
        &mut self,
        payload: &[u8],
        msid: u32,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, RtmpError> {
        let command = Command::read(payload)?;
        if command.name == "connect" {
            return if self.is_connected() {
                Err(RtmpError::Protocol("connect twice"))
            } else {
                Ok(Some(Event::Connect(Connect::read(&command)?)))
            };
        }
        self.require_connected()?;
        match command.name.as_str() {
            "publish" => return Ok(Some(Event::Publish(Publish::read(&command, msid)?))),
            "play" => return Ok(Some(Event::Play(Play::read(&command, msid)?))),
            "closeStream" | "deleteStream" => return Ok(Some(Event::Stop)),
            "FCUnpublish" => {
                let info = information(Level::Status, "NetStream.Unpublish.Success", "Stopped publishing");
                self.write_notice(out, "onFCUnpublish", info);
                return Ok(Some(Event::Stop));
            }
            "createStream" => {
                self.write_result(out, command.transaction, Value::Number(f64::from(MESSAGE_STREAM)));
            }
            // A live stream has no length.
            "getStreamLength" => self.write_result(out, command.transaction, Value::Number(0.0)),
            "releaseStream" | "_checkbw" => self.write_result(out, command.transaction, Value::Undefined),
            "FCPublish" => {
                self.write_result(out, command.transaction, Value::Undefined);
                let info = information(Level::Status, "NetStream.Publish.Start", "Go on");
                self.write_notice(out, "onFCPublish", info);
            }
            "FCSubscribe" => {
                let info = information(Level::Status, "NetStream.Play.Start", "Go on");
                self.write_notice(out, "onFCSubscribe", info);
            }
            name if command.transaction != 0.0 => {
                let info =
                    information(Level::Error, "NetConnection.Call.Failed", &format!("no method {name}"));
                self.write_answer(out, "_error", command.transaction, Value::Null, Value::Object(info));
            }
            _ => {}
        }
        Ok(None)
    }

    /// Grants `connect`: announces window, bandwidth and chunk size, and lifts the limits.
    pub fn accept_connect(&mut self, connect: &Connect, settings: &Settings, out: &mut Vec<u8>) {
        self.phase = Phase::Connected;
        self.reader.set_limits(settings.limits);
        let window = settings.ack_window.to_be_bytes();
        write_control(out, MessageType::WindowAcknowledgementSize, &window);
        // Limit type 2: dynamic (5.4.5).
        let [a, b, c, d] = window;
        write_control(out, MessageType::SetPeerBandwidth, &[a, b, c, d, 2]);
        write_control(out, MessageType::SetChunkSize, &settings.chunk_size.to_be_bytes());
        self.chunk_size = settings.chunk_size;
        let server = Object::default().with("fmsVer", "FMS/3,0,1,123").with("capabilities", 31.0);
        let info = information(Level::Status, "NetConnection.Connect.Success", "Connection succeeded.")
            .with("objectEncoding", connect.object_encoding);
        self.write_answer(out, "_result", connect.transaction, Value::Object(server), Value::Object(info));
    }

    /// Refuses `connect`.
    pub fn reject_connect(&self, connect: &Connect, why: &str, out: &mut Vec<u8>) {
        let info = information(Level::Error, "NetConnection.Connect.Rejected", why);
        self.write_answer(out, "_error", connect.transaction, Value::Null, Value::Object(info));
    }

    /// Sends an `onStatus` on the message stream `msid`.
    pub fn write_status(
        &self,
        out: &mut Vec<u8>,
        msid: u32,
        (level, code): (Level, &str),
        description: &str,
    ) {
        let info = information(level, code, description);
        let values = ["onStatus".into(), 0.0.into(), Value::Null, Value::Object(info)];
        self.write_amf0(out, csid::DATA, (MessageType::CommandAmf0, msid), &values);
    }

    /// Tells a player that it may look at audio and video samples, which Flash asks for.
    pub fn write_sample_access(&self, out: &mut Vec<u8>, msid: u32) {
        let values = ["|RtmpSampleAccess".into(), true.into(), true.into()];
        self.write_amf0(out, csid::DATA, (MessageType::DataAmf0, msid), &values);
    }

    /// Sends a shared object message's payload, as [`SharedObject::payload`] made it.
    pub fn write_shared_object(&self, out: &mut Vec<u8>, encoding: Encoding, payload: &[u8]) {
        let kind = encoding.message_type();
        write_message(out, self.chunk_size, csid::COMMAND, (kind, 0, 0), payload);
    }

    fn write_result(&self, out: &mut Vec<u8>, transaction: f64, result: Value) {
        self.write_answer(out, "_result", transaction, Value::Null, result);
    }

    fn write_answer(&self, out: &mut Vec<u8>, name: &str, transaction: f64, properties: Value, info: Value) {
        let values = [name.into(), transaction.into(), properties, info];
        self.write_amf0(out, csid::COMMAND, (MessageType::CommandAmf0, 0), &values);
    }

    fn write_notice(&self, out: &mut Vec<u8>, name: &str, info: Object) {
        self.write_answer(out, name, 0.0, Value::Null, Value::Object(info));
    }

    fn write_amf0(&self, out: &mut Vec<u8>, csid: u8, (kind, msid): (MessageType, u32), values: &[Value]) {
        write_message(out, self.chunk_size, csid, (kind, msid, 0), &amf0::encode_all(values));
    }
}

fn frame_event(mut frame: Frame) -> Event {
    stamp(&mut frame);
    Event::Frame(frame)
}

impl From<Truncated> for RtmpError {
    fn from(_: Truncated) -> Self {
        Self::Protocol("truncated message")
    }
}

#[cfg(test)]
mod tests;
